#include "bench/contender.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

Contender failed(const std::string& backend, const std::string& compute_type, const std::string& error) {
  Contender contender;
  contender.result.backend = contender.result.engine = backend;
  contender.result.compute_type = compute_type;
  contender.result.error = error;
  return contender;
}

TEST(LeftOutWords, SayEachReasonOnce) {
  std::vector<Contender> contenders;
  EXPECT_EQ(left_out_words(contenders), "");
  contenders.push_back(failed("torchscript", "fp32", "Not installed."));
  contenders.push_back(failed("onnxruntime", "fp32", "Crashed."));
  contenders.push_back(failed("torch-eager", "bf16", "Not installed."));
  EXPECT_EQ(left_out_words(contenders),
            "  torchscript fp32, torch-eager bf16: left out. Not installed.\n  onnxruntime fp32: left out. Crashed.\n");
}

}  // namespace
}  // namespace paceline
