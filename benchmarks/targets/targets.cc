#include "targets/targets.h"

#include <fmt/format.h>

namespace paceline {
namespace {

const Runner kFp32{"native", "fp32"};
const Runner kBf16{"native", "bf16"};
const Runner kInt8{"native", "int8"};

BatchShape equal(int texts, int tokens) { return {.kind = BatchShape::Kind::kEqual, .texts = texts, .tokens = tokens}; }

void add_roof_shares(std::vector<Target>& targets) {
  struct Row {
    Runner ours;
    double many, many_stretch;  // 256 tokens or more
    double one, one_stretch;    // one text of 32
  };
  const Row rows[] = {
      {kFp32, 0.86, 0.93, 0.82, 0.89}, {kBf16, 0.84, 0.91, 0.80, 0.87}, {kInt8, 0.76, 0.86, 0.72, 0.82}};
  for (const Row& row : rows) {
    for (const BatchShape& shape : {equal(8, 32), equal(32, 32), equal(16, 128)}) {
      targets.push_back({.kind = Target::Kind::kRoofShare,
                         .shapes = {shape},
                         .ours = row.ours,
                         .required = row.many,
                         .stretch = row.many_stretch});
    }
    targets.push_back({.kind = Target::Kind::kRoofShare,
                       .shapes = {equal(1, 32)},
                       .ours = row.ours,
                       .required = row.one,
                       .stretch = row.one_stretch});
  }
}

void add_ratios(std::vector<Target>& targets) {
  const auto add = [&](const Runner& ours, const Runner& peer, const BatchShape& shape, double required,
                       double stretch) {
    targets.push_back({.shapes = {shape}, .ours = ours, .peer = peer, .required = required, .stretch = stretch});
  };
  const Runner padded{"onnxruntime", "fp32"};
  const Runner padded_int8{"onnxruntime", "int8"};
  for (const BatchShape& shape : {equal(1, 128), equal(8, 32), equal(32, 32), equal(16, 128)}) {
    add(kFp32, padded, shape, 1.2, 1.35);
  }
  add(kFp32, padded, equal(1, 32), 1.3, 1.45);
  add(kFp32, padded, equal(1, 8), 1.1, 1.4);
  for (const BatchShape& shape : {equal(8, 32), equal(32, 32), equal(16, 128)})
    add(kInt8, padded_int8, shape, 1.2, 1.45);
  add(kInt8, padded_int8, equal(1, 128), 1.3, 1.55);
  add(kInt8, padded_int8, equal(1, 32), 1.5, 1.8);
  add(kInt8, padded_int8, equal(1, 8), 2.0, 2.4);
  for (const BatchShape& shape : {equal(8, 32), equal(32, 32), equal(16, 128)}) add(kBf16, kFp32, shape, 1.85, 2.0);

  const BatchShape mixed{.kind = BatchShape::Kind::kMixed, .texts = 64};
  add(kFp32, padded, mixed, 3.4, 3.8);
  add(kInt8, padded_int8, mixed, 3.5, 4.1);
  add(kFp32, {"onnxruntime-unpadded", "fp32"}, mixed, 1.3, 1.5);
  add(kInt8, {"onnxruntime-unpadded", "int8"}, mixed, 1.45, 1.8);

  Target best{.kind = Target::Kind::kBestRatio,
              .ours = kBf16,
              .peer = {"torch-eager", "bf16-autocast"},
              .required = 1.6,
              .stretch = 1.9};
  for (const int texts : {8, 16, 64}) best.shapes.push_back({.kind = BatchShape::Kind::kSorted, .texts = texts});
  targets.push_back(best);
}

}  // namespace

std::string BatchShape::name() const {
  switch (kind) {
    case Kind::kEqual:
      return fmt::format("{}x{}", texts, tokens);
    case Kind::kMixed:
      return fmt::format("mixed {}", texts);
    case Kind::kSorted:
      return fmt::format("sorted {}", texts);
  }
  return "";
}

std::vector<Target> all_targets() {
  std::vector<Target> targets;
  add_roof_shares(targets);
  add_ratios(targets);
  return targets;
}

}  // namespace paceline
