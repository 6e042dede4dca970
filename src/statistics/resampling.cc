#include "statistics/resampling.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "statistics/random.h"

namespace paceline {
namespace {

using Figures = FunctionRef<void(std::span<const uint32_t> drawn, std::span<double> figures)>;

constexpr uint64_t kSeed = 0x5EED;
constexpr std::size_t kMostSamples = 1000;
constexpr std::size_t kFewestSamples = 200;
constexpr std::size_t kWork = 100'000'000;

std::size_t samples_for(std::size_t work) {
  return std::clamp(kWork / std::max<std::size_t>(work, 1), kFewestSamples, kMostSamples);
}

/// The smallest value with at least `share` of all values at or below it.
double sorted_rank(const std::vector<double>& sorted, double share) {
  const double rank = std::ceil(share * static_cast<double>(sorted.size()) - 1e-9);
  return sorted[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

/// Two items from each random number: the high half of half a number times the count of items, which favours none by
/// more than items / 2^32.
void draw(Random& random, std::vector<uint32_t>& drawn) {
  const uint64_t items = drawn.size();
  std::fill(drawn.begin(), drawn.end(), 0);
  for (uint64_t i = 0; i < items; i += 2) {
    const uint64_t number = random.next();
    ++drawn[(number >> 32) * items >> 32];
    if (i + 1 < items) ++drawn[(number & 0xFFFFFFFF) * items >> 32];
  }
}

/// Figures of each sample, as many as there are `values`: those of one figure together, rising.
std::vector<std::vector<double>> sample_figures(std::size_t values, std::size_t items, std::size_t work,
                                                Figures figures_of) {
  Random random(kSeed);
  std::vector<uint32_t> drawn(items);
  std::vector<std::vector<double>> figures(values, std::vector<double>(samples_for(work)));
  std::vector<double> of_one(values);
  for (std::size_t sample = 0; sample < samples_for(work); ++sample) {
    draw(random, drawn);
    figures_of(drawn, of_one);
    for (std::size_t i = 0; i < values; ++i) figures[i][sample] = of_one[i];
  }
  for (std::vector<double>& one : figures) std::ranges::sort(one);
  return figures;
}

/// A share on the scale on which its spread is about the same everywhere, 0 to pi / 2; and back.
double to_angle(double share) { return std::asin(std::sqrt(std::clamp(share, 0.0, 1.0))); }
double to_share(double angle) {
  const double root = std::sin(std::clamp(angle, 0.0, std::numbers::pi / 2));
  return root * root;
}

}  // namespace

Score bootstrap(double value, std::size_t items, std::size_t work,
                FunctionRef<double(std::span<const uint32_t> drawn)> figure) {
  const auto figures = sample_figures(
      1, items, work, [&](std::span<const uint32_t> drawn, std::span<double> of) { of[0] = figure(drawn); });
  const std::vector<double>& sorted = figures.front();
  return {value, std::min(value, sorted_rank(sorted, 0.025)), std::max(value, sorted_rank(sorted, 0.975))};
}

std::vector<Score> bootstrap_shares(std::span<const double> values, std::size_t items, std::size_t work,
                                    Figures figures_of) {
  const std::vector<std::vector<double>> figures = sample_figures(values.size(), items, work, figures_of);
  std::vector<Score> scores;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = values[i];
    const auto reflected = [&](double rank) {
      const double sample = sorted_rank(figures[i], rank);
      return sample == value ? value : to_share(2 * to_angle(value) - to_angle(sample));
    };
    scores.push_back({value, std::min(value, reflected(0.975)), std::max(value, reflected(0.025))});
  }
  return scores;
}

Score bootstrap_share(double value, std::size_t items, std::size_t work,
                      FunctionRef<double(std::span<const uint32_t> drawn)> figure) {
  const auto of_one = [&](std::span<const uint32_t> drawn, std::span<double> of) { of[0] = figure(drawn); };
  return bootstrap_shares(std::span(&value, 1), items, work, of_one).front();
}

}  // namespace paceline
