#pragma once

#include "network/architectures.h"
#include "network/config_reader.h"
#include "network/network.h"

namespace paceline {

/// The "sequence summary" of XLNet and XLM: which rows are pooled, a dense layer (where summary_use_proj says so) and
/// an activation. `labels`: outputs of the dense layer where summary_proj_to_labels says so, else it keeps the width.
struct SummaryDefaults {
  std::string_view type;        ///< of summary_type
  std::string_view activation;  ///< of summary_activation; empty: none
  bool to_labels = false;       ///< of summary_proj_to_labels
  double first_dropout = 0;     ///< of summary_first_dropout
  double last_dropout = 0;      ///< of summary_last_dropout
};

struct Summary {
  std::vector<HeadStep> steps{};  ///< one, or none
  double dropout_behind = 0;      ///< of what comes out
};

/// Sets the pooling and returns the head's first step, if any. Throws as ConfigReader.
Summary read_summary(const ConfigReader& config, const SummaryDefaults& defaults, int32_t labels, Network& network);

}  // namespace paceline
