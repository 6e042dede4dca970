// What bench measures as text to labels is what classify does: the same rows come out of both.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/testing/temporary_folder.h"
#include "bench/end_to_end.h"
#include "checkpoint/checkpoint.h"
#include "cli/cli.h"
#include "plan/plan.h"

namespace paceline {
namespace {

const std::filesystem::path kModel = PACELINE_TESTDATA "/models/roberta-fp32";

class StringSink : public TextSink {
 public:
  void write(std::string_view text) override { content += text; }
  std::string content;
};

std::string long_text() {
  std::string words;
  for (int i = 0; i < 60; ++i) words += "la route ";
  return words;
}

const std::vector<Text> kTexts{
    {"hello world", {}}, {"", {}}, {long_text(), {}}, {"la vie est belle", {}}, {"vent", {}}};

std::string input_of(RowFormat format) {
  std::string input = format == RowFormat::kCsv ? "text\n" : "";
  for (const Text& text : kTexts) {
    if (format == RowFormat::kJsonl) {
      input += Json{{"text", text.first}}.dump() + "\n";
    } else {
      input += format == RowFormat::kCsv && text.first.empty() ? "\"\"\n" : text.first + "\n";
    }
  }
  return input;
}

std::string rows_of_classify(const EndToEndRequest& request) {
  const TemporaryFolder folder;
  const std::string input = folder / ("in." + std::string(row_format_name(request.format)));
  const std::string output = folder / "out";
  const std::string plan = folder / "plan.json";
  write_file_atomically(input, input_of(request.format));
  Plan asked_for;
  asked_for.model_dir = request.model_dir;
  asked_for.checkpoint_hash = Checkpoint::open(request.model_dir).hash(folder.path());
  asked_for.label_options = request.labels;
  asked_for.run = request.run;
  asked_for.objective = "throughput";
  write_plan(asked_for, plan);
  std::vector<std::string> arguments{"paceline", "classify", plan,      "--input",     input,
                                     "--output", output,     "--quiet", "--cache-dir", folder.path().string()};
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  EXPECT_EQ(run_cli(static_cast<int>(pointers.size()), pointers.data()), 0);
  return read_file(output, 1 << 20);
}

std::string rows_of_bench(const EndToEndRequest& request) {
  StringSink sink;
  const EndToEndRun run = run_end_to_end(request, kTexts, sink);
  EXPECT_EQ(run.summary.rows, kTexts.size());
  EXPECT_GT(run.seconds, 0);
  return sink.content;
}

TEST(TextToLabels, BenchMakesTheRowsOfClassify) {
  for (const RowFormat format : {RowFormat::kTxt, RowFormat::kCsv, RowFormat::kJsonl}) {
    EndToEndRequest request{.model_dir = kModel, .run = {}, .format = format};
    request.run.backend = {.name = "native", .compute_type = "fp32", .threads = 1};
    request.run.limits.batch_size = 2;
    EXPECT_EQ(rows_of_bench(request), rows_of_classify(request));
    request.run.long_texts = {.mode = LongTextOptions::Mode::kWindow, .stride = 4};
    request.labels = {.threshold = 0.45F, .class_weights = {{"low", 0.01F}}};
    const std::string rows = rows_of_bench(request);
    EXPECT_EQ(rows, rows_of_classify(request));
    request.labels = {};
    request.run.long_texts.reset();
    EXPECT_NE(rows, rows_of_bench(request)) << "threshold, class weights and windows have no effect here";
  }
}

}  // namespace
}  // namespace paceline
