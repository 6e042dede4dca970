#include "train/metric.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "train/token_store.h"

namespace paceline {
namespace {

constexpr ErrorCode kInvalid = ErrorCode::kInvalidArgument;
constexpr ProblemType kMulti = ProblemType::kMultiLabelClassification;
constexpr ProblemType kRegression = ProblemType::kRegression;

class MetricTest : public testing::Test {
 protected:
  /// A store of texts of which this is expected.
  TokenStore store(const std::vector<Expected>& expected, bool value) {
    TokenStoreWriter writer(folder_ / std::to_string(stores_++), {.value = value});
    for (const Expected& one : expected) writer.add({.input_ids = {1}, .token_type_ids = {}}, {}, one);
    return writer.finish();
  }

  TemporaryFolder folder_;
  int stores_ = 0;
};

TEST_F(MetricTest, ACorrelationNeedsFourTextsOfDifferentValues) {
  const TokenStore one = store({{.value = 0.5}}, true);
  const TokenStore like = store({{.value = 0.5}, {.value = 0.5}, {.value = 0.5}, {.value = 0.5}}, true);
  const TokenStore enough = store({{.value = 0.5}, {.value = 0.5}, {.value = 0.5}, {.value = 1}}, true);
  expect_error(
      kInvalid, [&] { check_metric(find_metric("", kRegression), one); },
      "--metric pearson cannot tell which weights are best", "the eval file has 1 text, and pearson needs 4",
      "--metric mse or mae");
  expect_error(
      kInvalid, [&] { check_metric(find_metric("spearman", kRegression), like); }, "--metric spearman",
      "the eval file has only the value 0.5");
  for (const char* metric : {"pearson", "spearman"}) check_metric(find_metric(metric, kRegression), enough);
  for (const char* metric : {"mse", "mae", "loss"}) check_metric(find_metric(metric, kRegression), one);
}

TEST_F(MetricTest, FOneAndAveragePrecisionNeedALabel) {
  const TokenStore none = store({{}, {}}, false);
  const TokenStore some = store({{}, {.labels = {1}}}, false);
  for (const char* metric : {"", "micro-f1", "macro-f1", "average-precision"}) {
    expect_error(
        kInvalid, [&] { check_metric(find_metric(metric, kMulti), none); }, "the eval file has no text with a label",
        "--metric exact or loss");
    check_metric(find_metric(metric, kMulti), some);
  }
  for (const char* metric : {"exact", "loss"}) check_metric(find_metric(metric, kMulti), none);
}

}  // namespace
}  // namespace paceline
