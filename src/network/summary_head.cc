#include "network/summary_head.h"

#include "network/encoder_parts.h"

namespace paceline {

Summary read_summary(const ConfigReader& config, const SummaryDefaults& defaults, int32_t labels, Network& network) {
  const std::string type = config.one_of("summary_type", {"first", "last", "mean"}, defaults.type);
  network.pooling = type == "first" ? Pooling::kFirstToken : type == "last" ? Pooling::kLastToken : Pooling::kMean;
  // An activation that is null or empty is none.
  const bool silent =
      config.is_null("summary_activation") || config.text("summary_activation", defaults.activation).empty();
  const Activation activation =
      silent ? Activation::kNone : config.activation("summary_activation", defaults.activation);
  const double first = config.share("summary_first_dropout", defaults.first_dropout);
  const double last = config.share("summary_last_dropout", defaults.last_dropout);
  if (!config.flag("summary_use_proj", true)) {
    if (activation != Activation::kNone) {
      config.refuse("\"summary_use_proj\" is false beside an activation, a projection was expected.");
    }
    // Both then drop the same numbers: what stays has to be left by one and by the other.
    return {.dropout_behind = 1 - (1 - first) * (1 - last)};
  }
  const int32_t width = config.flag("summary_proj_to_labels", defaults.to_labels) ? labels : network.hidden_size;
  HeadStep step{.dense = make_dense("sequence_summary.summary", network.hidden_size, width)};
  step.activation = activation;
  step.dropout = first;
  return {.steps = {step}, .dropout_behind = last};
}

}  // namespace paceline
