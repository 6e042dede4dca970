// ONNX files that Paceline did not write for itself: other names, types and shapes, and files that are none.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <optional>

#include "backend/plugin_loader.h"
#include "backend/registry.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"
#include "export/onnx_export.h"
#include "export/onnx_model.h"
#include "tests/sequences.h"

namespace paceline {
namespace {

// Numbers of TensorProto.DataType that Paceline's own files never hold.
constexpr auto kFloat16 = static_cast<OnnxType>(10);
constexpr auto kDouble = static_cast<OnnxType>(11);

/// What a graph made by hand looks like from outside.
struct HandMade {
  std::string ids = "input_ids";
  OnnxType ids_type = OnnxType::kInt64;
  std::string mask = "attention_mask";  ///< empty: it has none
  OnnxType mask_type = OnnxType::kInt64;
  std::string extra{};  ///< one more input, which nothing reads
  std::variant<std::string, int64_t> batch = "batch";
  std::variant<std::string, int64_t> length = "sequence";
  std::string output = "logits";
  OnnxType output_type = OnnxType::kFloat;
  int64_t columns = 3;
  bool open_columns = false;  ///< how many only a run shows
};

/// Row `id` of the table that the graph sums over a text's tokens: exact in fp16, so that sums are exact everywhere.
std::vector<float> table_row(int32_t id, int64_t columns) {
  std::vector<float> row;
  for (int64_t k = 0; k < columns; ++k) row.push_back(static_cast<float>((id * (k + 3)) % 17));
  return row;
}

/// logits[b, k] = sum over s of mask[b, s] * table[ids[b, s], k]: a text's padding would be seen.
void write_hand_made(const HandMade& graph, const std::filesystem::path& file) {
  const auto rows = [&](const std::string& name, OnnxType type) {
    return OnnxValueInfo{.name = name, .type = type, .shape = {graph.batch, graph.length}};
  };
  const auto node = [](const std::string& op, const std::vector<std::string>& inputs, const std::string& output,
                       const std::vector<OnnxAttribute>& attributes = {}) {
    return OnnxNode{.op = op, .name = output, .inputs = inputs, .outputs = {output}, .attributes = attributes};
  };
  std::string values;
  for (int32_t id = 0; id < 50; ++id) {
    const std::vector<float> row = table_row(id, graph.columns);
    values.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof(float));
  }
  OnnxModel model;
  model.opset = 17;
  model.name = "hand_made";
  model.inputs = {rows(graph.ids, graph.ids_type)};
  model.initializers = {{.name = "table", .shape = {50, graph.columns}, .stored = {}, .bytes = values}};
  model.nodes.push_back(node("Gather", {"table", graph.ids}, "rows"));
  std::string summed = "rows";
  if (!graph.mask.empty()) {
    model.inputs.push_back(rows(graph.mask, graph.mask_type));
    model.initializers.push_back({.name = "last",
                                  .type = OnnxType::kInt64,
                                  .shape = {1},
                                  .stored = {},
                                  .bytes = std::string("\2\0\0\0\0\0\0\0", 8)});
    model.nodes.push_back(node("Cast", {graph.mask}, "mask_fp32", {{"to", int64_t{1}}}));
    model.nodes.push_back(node("Unsqueeze", {"mask_fp32", "last"}, "mask_column"));
    model.nodes.push_back(node("Mul", {"rows", "mask_column"}, "real_rows"));
    summed = "real_rows";
  }
  if (!graph.extra.empty()) model.inputs.push_back(rows(graph.extra, OnnxType::kInt64));
  model.initializers.push_back({.name = "axis",
                                .type = OnnxType::kInt64,
                                .shape = {1},
                                .stored = {},
                                .bytes = std::string("\1\0\0\0\0\0\0\0", 8)});
  model.nodes.push_back(node("ReduceSum", {summed, "axis"}, "sums", {{"keepdims", int64_t{0}}}));
  std::string result = "sums";
  if (graph.open_columns) {
    // Cut to as many columns as there are tokens, and two: three or more, which no shape inference finds out.
    const auto one = [](char value) { return std::string(1, value) + std::string(7, '\0'); };
    model.initializers.push_back(
        {.name = "zero", .type = OnnxType::kInt64, .shape = {1}, .stored = {}, .bytes = one(0)});
    model.initializers.push_back(
        {.name = "two", .type = OnnxType::kInt64, .shape = {1}, .stored = {}, .bytes = one(2)});
    model.nodes.push_back(node("Shape", {graph.ids}, "tokens", {{"start", int64_t{1}}}));
    model.nodes.push_back(node("Add", {"tokens", "two"}, "end"));
    model.nodes.push_back(node("Slice", {"sums", "zero", "end", "axis"}, "cut"));
    result = "cut";
  }
  model.nodes.push_back(node("Cast", {result}, graph.output, {{"to", static_cast<int64_t>(graph.output_type)}}));
  OnnxValueInfo output{.name = graph.output, .type = graph.output_type, .shape = {graph.batch, graph.columns}};
  if (graph.open_columns) output.shape[1] = "columns";
  model.outputs = {output};
  write_onnx_model(model, file, UINT64_MAX);
}

std::vector<float> sums_of(const std::vector<std::vector<int32_t>>& sequences) {
  std::vector<float> sums;
  for (const auto& ids : sequences) {
    std::array<float, 3> sum{};
    for (const int32_t id : ids) {
      for (std::size_t k = 0; k < 3; ++k) sum[k] += table_row(id, 3)[k];
    }
    sums.insert(sums.end(), sum.begin(), sum.end());
  }
  return sums;
}

class OnnxFile : public testing::Test {
 protected:
  void SetUp() override {
    if (!PACELINE_HAS_ONNXRUNTIME) GTEST_SKIP() << "the plug-in is not built: ONNX Runtime's headers are missing";
    write_tiny_checkpoint(folder_.path());
    checkpoint_.emplace(Checkpoint::open(folder_.path()));
  }

  std::unique_ptr<Backend> open(const std::filesystem::path& file) const {
    return create_backend(*checkpoint_,
                          {.name = "onnxruntime", .threads = 1, .cache_dir = folder_.path(), .file = file});
  }

  std::unique_ptr<Backend> open(const HandMade& graph) const {
    write_hand_made(graph, file_);
    return open(file_);
  }

  void expect_refused(const HandMade& graph, const std::string& why) const {
    expect_error(
        ErrorCode::kUnsupported, [&] { open(graph); }, "[onnxruntime]", why);
  }

  /// Whether the sums come out, in a batch of mixed lengths and after it in one of another shape.
  static void expect_sums(Backend& backend) {
    for (const auto& lengths : {std::vector{5, 1, 7, 5, 3, 7, 7}, std::vector{2}, std::vector{4, 4, 4}}) {
      const auto sequences = sequences_of(lengths);
      EXPECT_EQ(run_batch(backend, batch_of(sequences)), sums_of(sequences));
    }
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "mine.onnx";
  std::optional<Checkpoint> checkpoint_;
};

TEST_F(OnnxFile, AnswersAsOurOwnExportDoesUnderAnyNamesAndTypes) {
  const auto sequences = sequences_of({9, 2, 20, 1, 13});
  const auto own = create_backend(*checkpoint_, {.name = "onnxruntime", .threads = 1, .cache_dir = folder_.path()});
  const std::vector<float> expected = run_batch(*own, batch_of(sequences));
  for (const OnnxForm form : {OnnxForm::kFast, OnnxForm::kPortable}) {
    for (const char* dtype : {"int64", "int32"}) {
      SCOPED_TRACE(fmt::format("{} {}", onnx_form_name(form), dtype));
      export_onnx(*checkpoint_,
                  {.form = form,
                   .input_ids_name = "ids.1",
                   .attention_mask_name = "input_mask",
                   .output_name = "the_answer",
                   .input_dtype = dtype},
                  file_);
      const auto backend = open(file_);
      EXPECT_EQ(backend->info().name, "onnxruntime");
      EXPECT_TRUE(backend->info().padded);
      EXPECT_THAT(backend->info().settings,
                  testing::AllOf(testing::HasSubstr(file_.string()), testing::HasSubstr("ids.1 " + std::string(dtype)),
                                 testing::HasSubstr("output the_answer fp32")));
      const std::vector<float> logits = run_batch(*backend, batch_of(sequences));
      // As in onnx_backend_test.cc: two layers, ten roundings each, carried through sums of up to 40 terms.
      constexpr float kTolerance = 2 * 2 * 10 * 6e-8F * 7;
      for (std::size_t i = 0; i < logits.size(); ++i) {
        EXPECT_NEAR(logits[i], expected[i], kTolerance * std::max(1.0F, std::abs(expected[i]))) << i;
      }
    }
  }
}

TEST_F(OnnxFile, FeedsTokenTypesByNameAndZerosWhereTheBatchHasNone) {
  Json config = tiny_config();
  config["type_vocab_size"] = 2;
  write_tiny_checkpoint(folder_.path(), config);
  checkpoint_.emplace(Checkpoint::open(folder_.path(), {.token_types = TokenTypes::kYes}));
  export_onnx(*checkpoint_, {.token_type_ids_name = "segment_ids", .input_dtype = "int32"}, file_);
  const auto backend = open(file_);
  const auto own = create_backend(*checkpoint_, {.name = "onnxruntime", .threads = 1, .cache_dir = folder_.path()});
  PackedBatch batch = batch_of({{2, 3, 4}, {5}});
  EXPECT_EQ(run_batch(*backend, batch), run_batch(*own, batch));
  batch.token_type_ids = {0, 1, 1, 1};
  EXPECT_EQ(run_batch(*backend, batch), run_batch(*own, batch));
}

TEST_F(OnnxFile, ReadsWeightsBesideTheFileAndSaysWhenTheyAreGone) {
  export_onnx(*checkpoint_, {.external_data_above_bytes = 1}, file_);
  const auto sequences = sequences_of({3, 6});
  const auto own = create_backend(*checkpoint_, {.name = "onnxruntime", .threads = 1, .cache_dir = folder_.path()});
  EXPECT_EQ(run_batch(*open(file_), batch_of(sequences)), run_batch(*own, batch_of(sequences)));
  std::filesystem::remove(onnx_data_file(file_));
  expect_error(
      ErrorCode::kNotFound, [&] { open(file_); }, file_.string(), "beside it");
}

TEST_F(OnnxFile, ConvertsMasksAndLogitsOfOtherTypes) {
  for (const OnnxType mask : {OnnxType::kInt32, OnnxType::kFloat, OnnxType::kBool, kFloat16}) {
    SCOPED_TRACE(static_cast<int>(mask));
    expect_sums(*open(HandMade{.ids_type = OnnxType::kInt32, .mask_type = mask}));
  }
  for (const OnnxType output : {kFloat16, kDouble}) {
    SCOPED_TRACE(static_cast<int>(output));
    expect_sums(*open(HandMade{.output_type = output}));
  }
  expect_sums(*open(HandMade{.open_columns = true}));
}

TEST_F(OnnxFile, FindsInputsByTheirPlaceWhereNamesSayNothing) {
  expect_sums(*open(HandMade{.ids = "x", .mask = "y", .output = "z"}));
  expect_sums(*open(HandMade{.ids = "input", .mask = "onnx::Cast_1"}));
  expect_sums(*open(HandMade{.ids = "0", .mask = "1"}));
  expect_sums(*open(HandMade{.ids = "something", .mask = ""}));
}

TEST_F(OnnxFile, RunsEqualLengthsTogetherWithoutAMask) {
  const auto backend = open(HandMade{.mask = ""});
  EXPECT_FALSE(backend->info().padded) << "no padding is computed";
  EXPECT_THAT(backend->info().settings, testing::HasSubstr("no attention mask"));
  expect_sums(*backend);
}

TEST_F(OnnxFile, CutsAndFillsBatchesToAFixedSize) {
  for (const int64_t size : {1, 2, 5}) {
    SCOPED_TRACE(size);
    const auto backend = open(HandMade{.batch = size});
    EXPECT_THAT(backend->info().settings, testing::HasSubstr(fmt::format("filled to {}", size)));
    expect_sums(*backend);
    expect_sums(*open(HandMade{.mask = "", .batch = size}));
  }
}

TEST_F(OnnxFile, PadsToAFixedLengthAndRefusesLongerTexts) {
  const auto backend = open(HandMade{.batch = int64_t{2}, .length = int64_t{7}});
  EXPECT_THAT(backend->info().settings, testing::HasSubstr("padded to 7 tokens"));
  expect_sums(*backend);
  expect_error(
      ErrorCode::kUnsupported,
      [&] {
        run_batch(*backend, batch_of(sequences_of({2, 8})));
      },
      "8 tokens", "takes 7");
  expect_sums(*backend);
  expect_refused({.mask = "", .length = int64_t{7}}, "7 tokens always and no attention mask");
}

TEST_F(OnnxFile, RefusesGraphsThatAreNoClassifierOfThisCheckpoint) {
  expect_refused({.columns = 4}, "gives 4 values for each text, the checkpoint has 3 labels");
  expect_refused({.extra = "position_ids"}, "position_ids");
  expect_refused({.ids = "ids", .mask = "tokens"}, "tokens beside another of its kind");
  expect_refused({.ids = "pixels", .mask = "attention_mask"}, "pixels");
  expect_refused({.output_type = OnnxType::kInt64}, "a type that logits do not have");
  expect_refused({.ids = "mask", .mask = "segment_ids"}, "no input for token ids");
  expect_refused({.extra = "weird"}, "input_ids int64 [?, ?], attention_mask int64 [?, ?], weird");
}

TEST_F(OnnxFile, NoticesWhatOnlyARunShows) {
  const auto wide = open(HandMade{.columns = 4, .open_columns = true});
  expect_error(
      ErrorCode::kUnsupported,
      [&] {
        run_batch(*wide, batch_of({{2, 3}}));
      },
      "[1, 4]", "[1, 3]");
}

TEST_F(OnnxFile, RefusesFilesThatAreNoOnnx) {
  const auto refuse = [&](const std::string& content) {
    write_file_atomically(file_, content);
    try {
      open(file_);
      ADD_FAILURE() << "a backend was made of it";
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_EQ(error.code(), ErrorCode::kCorruptData) << message;
      EXPECT_TRUE(message.starts_with("[onnxruntime")) << message;
      EXPECT_NE(message.find(file_.string()), message.npos) << message;
      EXPECT_EQ(message.find(".. "), message.npos) << message;
      EXPECT_EQ(message.find(".cc:"), message.npos) << "a place in ONNX Runtime's source: " << message;
    }
  };
  refuse("");
  refuse("no ONNX file, but a text that somebody called one\n");
  refuse(std::string(4096, '\xff'));
  write_hand_made({}, file_);
  const std::string whole = read_file(file_, 1 << 20);
  refuse(whole.substr(0, whole.size() / 2));
  expect_error(
      ErrorCode::kNotFound, [&] { open(folder_.path() / "absent.onnx"); }, "absent.onnx");
  expect_error(
      ErrorCode::kNotFound, [&] { open(folder_.path()); }, "is no file");
}

TEST_F(OnnxFile, IsRefusedByBackendsThatRunNoFiles) {
  for (const char* name : {"native", "onnxruntime-unpadded"}) {
    expect_error(
        ErrorCode::kInvalidArgument,
        [&] { create_backend(*checkpoint_, {.name = name, .threads = 1, .cache_dir = {}, .file = file_}); }, name,
        "it runs no files");
  }
}

}  // namespace
}  // namespace paceline
