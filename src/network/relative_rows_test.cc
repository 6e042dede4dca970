#include "network/relative_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <vector>

#include "base/json.h"

namespace paceline {
namespace {

/// What transformers makes of it; tools/make/make_relative_rows.py says how.
Json golden() { return read_json_file(std::filesystem::path(PACELINE_TESTDATA) / "relative_rows.json"); }

/// A table as a description has it: without buckets each distance up to max_distance has its row.
RelativePositions table_of(const Json& one) {
  RelativePositions relative{.kind = one.at("kind") == "bias" ? RelativeKind::kBias : RelativeKind::kLearned,
                             .buckets = one.at("buckets"),
                             .max_distance = one.at("max_distance")};
  relative.span = relative.buckets > 0 ? relative.buckets : relative.max_distance;
  return relative;
}

TEST(RelativeRows, AreThoseOfTheOriginals) {
  const Json file = golden();
  const int32_t tokens = file.at("tokens");
  for (const Json& one : file.at("rows")) {
    std::vector<int32_t> expected;
    for (const Json& run : one.at("runs")) expected.insert(expected.end(), run.at(1).get<std::size_t>(), run.at(0));
    const std::vector<int32_t> rows = relative_rows(table_of(one), tokens);
    ASSERT_EQ(rows.size(), expected.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_EQ(rows[i], expected[i]) << one.at("buckets") << " buckets, " << one.at("max_distance")
                                      << " distances, distance " << static_cast<int32_t>(i) + 1 - tokens;
    }
  }
}

TEST(RelativeRows, OfAShortSequenceAreTheMiddleOfALongOnes) {
  const Json file = golden();
  for (const Json& one : file.at("rows")) {
    const RelativePositions relative = table_of(one);
    const std::vector<int32_t> all = relative_rows(relative, 300);
    for (const int32_t tokens : {1, 2, 77}) {
      const std::vector<int32_t> some = relative_rows(relative, tokens);
      EXPECT_EQ(some, std::vector<int32_t>(all.begin() + 300 - tokens, all.end() - (300 - tokens)));
    }
  }
}

TEST(SinusoidRows, AreThoseOfXlNet) {
  constexpr int32_t kTokens = 1024;
  const Json file = golden();
  for (const Json& one : file.at("sinusoids")) {
    const int32_t width = one.at("width");
    const int32_t clamp = one.at("clamp_len");
    const RelativePositions relative{.kind = RelativeKind::kSinusoid, .max_distance = std::max(clamp, 0)};
    const std::vector<float> rows = sinusoid_rows(relative, kTokens, width);
    ASSERT_EQ(rows.size(), (2U * kTokens - 1) * static_cast<std::size_t>(width));
    for (std::size_t i = 0; i < one.at("distances").size(); ++i) {
      const int32_t distance = one.at("distances").at(i);
      const float* row = rows.data() + static_cast<std::ptrdiff_t>(kTokens - 1 + distance) * width;
      for (int32_t k = 0; k < width; ++k) {
        // The original rounds an angle of so many radians, and its factor, to fp32.
        const double tolerance = 1.2e-7 * (1 + std::abs(distance));
        EXPECT_NEAR(row[k], one.at("rows").at(i).at(static_cast<std::size_t>(k)).get<double>(), tolerance)
            << "width " << width << ", distance " << distance << ", column " << k;
      }
    }
  }
}

}  // namespace
}  // namespace paceline
