#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/file.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"
#include "export/onnx_export.h"
#include "export/onnx_model.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

class OnnxCache : public testing::Test {
 protected:
  OnnxCache() {
    // Large enough that its weights stand in a file of their own.
    Json config = tiny_config();
    config["vocab_size"] = 12'000;
    write_tiny_checkpoint(model_.path(), config);
  }

  fs::path cached(const OnnxExportOptions& options = {}) const {
    return cached_onnx(Checkpoint::open(model_.path()), options, cache_.path());
  }

  TemporaryFolder model_;
  TemporaryFolder cache_;
};

TEST_F(OnnxCache, WritesOnceAndAnswersFromThenOn) {
  const fs::path file = cached();
  EXPECT_TRUE(fs::exists(file));
  EXPECT_GT(fs::file_size(onnx_data_file(file)), 1 << 20);
  const auto written = fs::last_write_time(file);
  EXPECT_EQ(cached(), file);
  EXPECT_EQ(fs::last_write_time(file), written);
}

TEST_F(OnnxCache, TellsOptionsApart) {
  const fs::path fast = cached();
  EXPECT_NE(cached({.form = OnnxForm::kUnpadded}), fast);
  EXPECT_NE(cached({.compute_type = "int8"}), fast);
  EXPECT_NE(cached({.compute_type = "int8", .int8_weights = Int8Weights::kSigned}),
            cached({.compute_type = "int8", .int8_weights = Int8Weights::kUnsigned}));
  EXPECT_NE(cached({.output_name = "scores"}), fast);
  EXPECT_NE(cached({.input_dtype = "int32"}), fast);
}

TEST_F(OnnxCache, RemakesWhatWasCutShort) {
  const fs::path file = cached();
  const std::string whole = read_file(file, 1 << 24);
  const std::string data = read_file(onnx_data_file(file), 1 << 24);
  fs::resize_file(file, whole.size() / 2);
  EXPECT_EQ(read_file(cached(), 1 << 24), whole);
  fs::resize_file(onnx_data_file(file), data.size() - 1);
  EXPECT_EQ(read_file(onnx_data_file(cached()), 1 << 24), data);
  fs::remove(onnx_data_file(file));
  EXPECT_EQ(read_file(onnx_data_file(cached()), 1 << 24), data);
  fs::path record = file;
  record += ".sums.json";
  write_file_atomically(record, "{broken");
  EXPECT_EQ(read_file(cached(), 1 << 24), whole);
}

TEST_F(OnnxCache, RemakesWhatHasOtherBytes) {
  const fs::path file = cached();
  for (const fs::path& one : {file, onnx_data_file(file)}) {
    const std::string whole = read_file(one, 1 << 24);
    std::string changed = whole;
    changed[changed.size() / 2] ^= 1;
    write_file_atomically(one, changed);
    EXPECT_EQ(read_file(cached().parent_path() / one.filename(), 1 << 24), whole);
    write_file_atomically(one, std::string(whole.size(), '?'));
    EXPECT_EQ(read_file(cached().parent_path() / one.filename(), 1 << 24), whole);
  }
}

TEST_F(OnnxCache, IsSafeWhenSeveralAskAtOnce) {
  std::vector<fs::path> files(4);
  std::vector<std::thread> threads;
  for (fs::path& file : files) threads.emplace_back([&] { file = cached(); });
  for (std::thread& thread : threads) thread.join();
  for (const fs::path& file : files) EXPECT_EQ(file, files[0]);
  EXPECT_TRUE(fs::exists(onnx_data_file(files[0])));
}

TEST_F(OnnxCache, NamesAFolderThatCannotBeWritten) {
  const fs::path blocked = cache_ / "file";
  write_file_atomically(blocked, "in the way");
  expect_error(
      ErrorCode::kNotFound, [&] { cached_onnx(Checkpoint::open(model_.path()), {}, blocked); }, "--cache-dir");
}

}  // namespace
}  // namespace paceline
