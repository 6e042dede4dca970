#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.h"
#include "base/json_text.h"
#include "results/training.h"

namespace paceline {

/// Where a training stands, beside the weights.
struct TrainingProgress {
  int64_t updates = 0;  ///< made
  TrainingHistory history{};
  LossPoint open{};          ///< sums over the updates that history.losses has no point of yet
  int64_t open_updates = 0;  ///< how many these are
};

/// progress.json of a checkpoint: the progress, and under "identity" an object of everything that decides the weights.
OrderedJson training_progress_json(const TrainingProgress& progress, const OrderedJson& identity);

/// Reads it back. What it counts fits together: no update, evaluation or text that the updates before cannot have had.
/// `where` opens messages. Throws Error{corrupt_data}.
TrainingProgress read_training_progress(const Json& json, std::string_view where);

/// The identity in it. Throws Error{corrupt_data}.
Json read_training_identity(const Json& json, std::string_view where);

}  // namespace paceline
