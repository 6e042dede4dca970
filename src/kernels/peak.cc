#include "kernels/peak.h"

#include "kernels/x86/target.h"

namespace paceline {
namespace {

bool always() { return true; }

constexpr int kSums = 16;
constexpr std::string_view kReference[] = {"reference"};

/// What the reference level does: products summed in double, by whatever the baseline has.
void run_scalar(int64_t rounds) {
  double sums[kSums] = {};
  double factor = 1;
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+m"(factor));  // what the compiler cannot see it cannot hoist
    for (double& sum : sums) sum += factor * factor;
  }
  for (double& sum : sums) asm volatile("" : "+m"(sum));
}

std::vector<PeakLoop> collect() {
  std::vector<PeakLoop> loops = x86_peak_loops();
  loops.push_back({.kind = PeakKind::kFp32,
                   .levels = kReference,
                   .lanes = 1,
                   .operations = 2.0 * kSums,
                   .supported = always,
                   .run = run_scalar});
  return loops;
}

}  // namespace

const std::vector<PeakLoop>& peak_loops() {
  static const std::vector<PeakLoop> loops = collect();
  return loops;
}

}  // namespace paceline
