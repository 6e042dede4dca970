#include "network/rotary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

namespace paceline {
namespace {

// Bounds on what scales frequencies, far beyond any use; products with them stay finite.
constexpr double kLeastFactor = 1e-6;
constexpr double kMostFactor = 1e6;
constexpr double kMostOriginal = 1e9;

/// The parameters that types share.
struct Scaling {
  double factor = 1;
  double original = 0;  ///< original_max_position_embeddings
};

double read_theta(const ConfigReader& parameters) {
  if (!parameters.has("rope_theta")) parameters.contradiction("\"rope_theta\" is missing, a number was expected.");
  return parameters.number("rope_theta", 1, 1e12, 0);
}

double read_required(const ConfigReader& parameters, std::string_view key, double low, double high) {
  if (!parameters.has(key)) parameters.contradiction(fmt::format("\"{}\" is missing, a number was expected.", key));
  return parameters.number(key, low, high, 0);
}

/// `factor` may be missing where it follows from the positions.
Scaling read_scaling(const ConfigReader& parameters, const RotarySizes& sizes) {
  Scaling scaling;
  scaling.original = parameters.number("original_max_position_embeddings", 1, kMostOriginal, sizes.positions);
  scaling.factor = parameters.number("factor", kLeastFactor, kMostFactor, sizes.positions / scaling.original);
  return scaling;
}

void scale(Rotary& rotary, double factor) {
  for (double& frequency : rotary.frequencies) frequency /= factor;
}

/// The place on yarn's ramp where a pair turns `rotations` times within the original positions.
double correction(double rotations, const RotarySizes& sizes, double theta, double original) {
  return sizes.head_dim * std::log(original / (rotations * 2 * std::numbers::pi)) / (2 * std::log(theta));
}

double attention_of_yarn(const ConfigReader& parameters, double factor) {
  const auto of_scale = [&](double weight) { return factor <= 1 ? 1.0 : 0.1 * weight * std::log(factor) + 1; };
  const double top = parameters.number("mscale", -kMostFactor, kMostFactor, 0);
  const double bottom = parameters.number("mscale_all_dim", -kMostFactor, kMostFactor, 0);
  const double inferred = top != 0 && bottom != 0 ? of_scale(top) / of_scale(bottom) : of_scale(1);
  return parameters.number("attention_factor", 0, kMostFactor, inferred);
}

void become_yarn(const ConfigReader& parameters, const RotarySizes& sizes, double theta, Rotary& rotary) {
  const Scaling scaling = read_scaling(parameters, sizes);
  if (theta == 1) parameters.contradiction("\"rope_theta\" is 1, more was expected beside \"rope_type\" \"yarn\".");
  const auto rotations = [&](std::string_view key, double fallback) {
    const double given = parameters.number(key, 0, kMostFactor, 0);
    return correction(given == 0 ? fallback : given, sizes, theta, scaling.original);
  };
  double low = rotations("beta_fast", 32);
  double high = rotations("beta_slow", 1);
  if (sizes.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, sizes.head_dim - 1.0);
  if (low == high) high += 0.001;  // as the original keeps the ramp from being a step
  for (std::size_t d = 0; d < rotary.frequencies.size(); ++d) {
    const double kept = 1 - std::clamp((static_cast<double>(d) - low) / (high - low), 0.0, 1.0);
    rotary.frequencies[d] *= (1 - kept) / scaling.factor + kept;
  }
  rotary.factor = attention_of_yarn(parameters, scaling.factor);
}

/// Its factors change where a sequence grows beyond the original positions, so that all sequences have to stay within.
void become_longrope(const ConfigReader& parameters, const RotarySizes& sizes, Rotary& rotary) {
  const Scaling scaling = read_scaling(parameters, sizes);
  if (scaling.original < sizes.positions) {
    parameters.refuse(
        fmt::format("\"rope_type\" is \"longrope\" with \"original_max_position_embeddings\" {}, which turns longer "
                    "sequences in another way; no less than \"max_position_embeddings\", {}, was expected.",
                    scaling.original, sizes.positions));
  }
  const std::vector<double> factors = parameters.numbers("short_factor", kLeastFactor, kMostFactor);
  if (factors.size() != rotary.frequencies.size()) {
    parameters.contradiction(fmt::format("\"short_factor\" has {} numbers, {} were expected, half of a head's size.",
                                         factors.size(), rotary.frequencies.size()));
  }
  for (std::size_t d = 0; d < factors.size(); ++d) rotary.frequencies[d] /= factors[d];
  const bool longer = scaling.factor > 1 && scaling.original > 1;
  const double inferred = longer ? std::sqrt(1 + std::log(scaling.factor) / std::log(scaling.original)) : 1;
  rotary.factor = parameters.number("attention_factor", 0, kMostFactor, inferred);
}

void become_llama3(const ConfigReader& parameters, const RotarySizes& sizes, Rotary& rotary) {
  const Scaling scaling = read_scaling(parameters, sizes);
  read_required(parameters, "factor", kLeastFactor, kMostFactor);
  const double low = read_required(parameters, "low_freq_factor", kLeastFactor, kMostFactor);
  const double high = read_required(parameters, "high_freq_factor", kLeastFactor, kMostFactor);
  if (low == high) {
    parameters.contradiction(
        fmt::format("\"low_freq_factor\" and \"high_freq_factor\" are both {}, two values were expected.", low));
  }
  for (double& frequency : rotary.frequencies) {
    const double length = 2 * std::numbers::pi / frequency;
    const double before = frequency;
    if (length > scaling.original / low) frequency = before / scaling.factor;
    if (length >= scaling.original / high && length <= scaling.original / low) {
      const double smooth = (scaling.original / length - low) / (high - low);
      frequency = (1 - smooth) * before / scaling.factor + smooth * before;
    }
  }
}

/// The first pairs turn, as those of a whole head; the others do not.
void become_proportional(const ConfigReader& parameters, const RotarySizes& sizes, Rotary& rotary) {
  const double share = parameters.number("partial_rotary_factor", 0, 1, 1);
  const auto turned = static_cast<std::size_t>(std::floor(share * sizes.head_dim / 2));
  for (std::size_t d = turned; d < rotary.frequencies.size(); ++d) rotary.frequencies[d] = 0;
  scale(rotary, parameters.number("factor", kLeastFactor, kMostFactor, 1));
}

void refuse_partial(const ConfigReader& parameters) {
  const double share = parameters.number("partial_rotary_factor", 0, kMostFactor, 1);
  if (share != 1) {
    parameters.refuse(
        fmt::format("\"partial_rotary_factor\" is {}, 1 was expected: ModernBERT turns whole heads.", share));
  }
}

}  // namespace

Rotary plain_rotary(double theta, int32_t head_dim) {
  Rotary rotary;
  for (int32_t d = 0; d < head_dim / 2; ++d) rotary.frequencies.push_back(std::pow(theta, -2.0 * d / head_dim));
  return rotary;
}

Rotary read_rotary(const ConfigReader& parameters, const RotarySizes& sizes) {
  const std::string type = parameters.one_of(
      "rope_type", {"default", "linear", "dynamic", "yarn", "longrope", "llama3", "proportional"}, "default");
  const double theta = read_theta(parameters);
  Rotary rotary = plain_rotary(theta, sizes.head_dim);
  if (type == "default") return rotary;
  if (type == "proportional") {
    become_proportional(parameters, sizes, rotary);
    return rotary;
  }
  refuse_partial(parameters);
  if (type == "linear") scale(rotary, read_required(parameters, "factor", kLeastFactor, kMostFactor));
  // What "dynamic" scales are sequences beyond the model's positions, which there are none of.
  if (type == "dynamic") read_required(parameters, "factor", kLeastFactor, kMostFactor);
  if (type == "yarn") become_yarn(parameters, sizes, theta, rotary);
  if (type == "longrope") become_longrope(parameters, sizes, rotary);
  if (type == "llama3") become_llama3(parameters, sizes, rotary);
  return rotary;
}

}  // namespace paceline
