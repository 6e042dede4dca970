#include "export/onnx_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <map>

#include "base/file.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

// Reads back one protobuf message: the payloads of each field, numbers as text. Written apart from the writer.
using Message = std::multimap<int, std::string>;

uint64_t read_varint(std::string_view text, std::size_t& at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(text.at(at++));
    value |= static_cast<uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
}

Message parse(std::string_view text) {
  Message message;
  for (std::size_t at = 0; at < text.size();) {
    const uint64_t tag = read_varint(text, at);
    const auto field = static_cast<int>(tag >> 3);
    const uint64_t wire = tag & 7;
    if (wire == 0) {
      message.emplace(field, std::to_string(read_varint(text, at)));
      continue;
    }
    const std::size_t length = wire == 5 ? 4 : read_varint(text, at);
    message.emplace(field, text.substr(at, length));
    at += length;
  }
  return message;
}

std::string only(const Message& message, int field) {
  EXPECT_EQ(message.count(field), 1U) << "field " << field;
  const auto found = message.find(field);
  return found == message.end() ? "" : found->second;
}

template <class T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// x [batch, 2] times a stored weight [600, 2], plus a small constant.
class OnnxModelTest : public testing::Test {
 protected:
  OnnxModelTest() {
    for (int i = 0; i < 1200; ++i) weights_.push_back(static_cast<float>(i) / 8);
    model_.opset = 17;
    model_.name = "graph";
    model_.metadata = {{"key", "value"}};
    model_.nodes = {
        {"Gemm", "dense", {"x", "weight", "bias"}, {"y"}, {{"transB", int64_t{1}}, {"alpha", 0.5F}}},
        {"Transpose", "turn", {"y"}, {"z"}, {{"perm", std::vector<int64_t>{1, 0}}}},
    };
    const TensorView stored{DType::kF32, {600, 2}, std::as_bytes(std::span(weights_))};
    model_.initializers = {{"weight", OnnxType::kFloat, {600, 2}, stored, {}},
                           {"bias", OnnxType::kFloat, {1}, {}, raw(std::vector<float>{2.5F})}};
    model_.inputs = {{"x", OnnxType::kFloat, {"batch", int64_t{2}}}};
    model_.outputs = {{"z", OnnxType::kFloat, {int64_t{600}, "batch"}}};
  }

  Message graph() const { return parse(only(parse(read_file(file_, 1 << 20)), 7)); }

  std::vector<float> weights_;
  OnnxModel model_;
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_ / "model.onnx";
};

TEST_F(OnnxModelTest, HoldsEverythingInOneFile) {
  const OnnxFileSizes sizes = write_onnx_model(model_, file_, 1'000'000);
  EXPECT_EQ(sizes.model, std::filesystem::file_size(file_));
  EXPECT_EQ(sizes.data, 0U);
  EXPECT_FALSE(std::filesystem::exists(onnx_data_file(file_)));

  const Message whole = parse(read_file(file_, 1 << 20));
  EXPECT_EQ(only(whole, 1), "8") << "the ir_version of opset 17";
  EXPECT_EQ(only(whole, 2), "paceline");
  EXPECT_EQ(only(parse(only(whole, 8)), 2), "17");
  EXPECT_EQ(only(parse(only(whole, 14)), 1), "key");
  const Message parts = graph();
  EXPECT_EQ(parts.count(1), 2U);
  EXPECT_EQ(parts.count(5), 2U);
  const Message weight = parse(parts.find(5)->second);
  EXPECT_EQ(only(weight, 8), "weight");
  EXPECT_EQ(only(weight, 9), raw(weights_));
  EXPECT_THAT(weight, testing::IsSupersetOf({std::pair<const int, std::string>(1, "600"), {1, "2"}, {2, "1"}}));
}

TEST_F(OnnxModelTest, SpellsNodesWithTheirAttributes) {
  write_onnx_model(model_, file_, 1'000'000);
  const Message node = parse(graph().find(1)->second);
  EXPECT_EQ(node.count(1), 3U);
  EXPECT_EQ(only(node, 2), "y");
  EXPECT_EQ(only(node, 4), "Gemm");
  const auto [first, last] = node.equal_range(5);
  const Message trans = parse(first->second);
  EXPECT_EQ(only(trans, 1), "transB");
  EXPECT_EQ(only(trans, 3), "1");
  EXPECT_EQ(only(trans, 20), "2") << "AttributeType INT";
  const Message alpha = parse(std::next(first)->second);
  EXPECT_EQ(only(alpha, 2), raw(std::vector<float>{0.5F}));
  EXPECT_EQ(only(alpha, 20), "1") << "AttributeType FLOAT";
  const Message turn = parse(std::next(graph().find(1))->second);
  const Message perm = parse(only(turn, 5));
  EXPECT_EQ(perm.count(8), 2U);
  EXPECT_EQ(only(perm, 20), "7") << "AttributeType INTS";
}

TEST_F(OnnxModelTest, NamesTheAxesOfInputsAndOutputs) {
  write_onnx_model(model_, file_, 1'000'000);
  const Message tensor = parse(only(parse(only(parse(only(graph(), 11)), 2)), 1));
  EXPECT_EQ(only(tensor, 1), "1");
  const Message shape = parse(only(tensor, 2));
  EXPECT_EQ(only(parse(shape.find(1)->second), 2), "batch");
  EXPECT_EQ(only(parse(std::next(shape.find(1))->second), 1), "2");
}

TEST_F(OnnxModelTest, PutsLargeTensorsInPagesOfAFileBesideIt) {
  model_.initializers.push_back(model_.initializers[0]);
  model_.initializers.back().name = "second";
  const OnnxFileSizes sizes = write_onnx_model(model_, file_, 1);
  const std::string data = read_file(onnx_data_file(file_), 1 << 20);
  EXPECT_EQ(sizes.data, data.size());
  ASSERT_EQ(data.size(), 2 * 4096 + 4800U) << "4,800 bytes take two pages, the next begins on the third";
  EXPECT_EQ(data.substr(0, 4800), raw(weights_));
  EXPECT_EQ(data.substr(8192), raw(weights_));
  int external = 0;
  const Message parts = graph();
  const auto [first, last] = parts.equal_range(5);
  for (auto item = first; item != last; ++item) {
    const Message tensor = parse(item->second);
    if (only(tensor, 8) == "bias") {
      EXPECT_EQ(only(tensor, 9), raw(std::vector<float>{2.5F})) << "a small one stays";
      continue;
    }
    EXPECT_EQ(only(tensor, 14), "1") << "DataLocation EXTERNAL";
    EXPECT_EQ(tensor.count(9), 0U);
    EXPECT_EQ(tensor.count(13), 3U);
    EXPECT_EQ(only(parse(tensor.find(13)->second), 2), "model.onnx.data") << "relative, so that both can be moved";
    ++external;
  }
  EXPECT_EQ(external, 2);
}

TEST_F(OnnxModelTest, WidensHalfPrecisionWhileItStreams) {
  // 1.5 in bf16 is the upper half of its fp32; more elements than one chunk of the stream.
  const std::vector<uint16_t> half(70'000, static_cast<uint16_t>(std::bit_cast<uint32_t>(1.5F) >> 16));
  model_.initializers[0] = {
      "weight", OnnxType::kFloat, {70'000}, {DType::kBF16, {70'000}, std::as_bytes(std::span(half))}, {}};
  write_onnx_model(model_, file_, 1'000'000);
  EXPECT_EQ(only(parse(graph().find(5)->second), 9), raw(std::vector<float>(70'000, 1.5F)));
}

TEST_F(OnnxModelTest, LeavesNothingBehindWhereItCannotWrite) {
  const std::filesystem::path missing = folder_ / "missing";
  expect_error(
      ErrorCode::kNotFound, [&] { write_onnx_model(model_, missing / "model.onnx", 1); }, "missing");
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path()));
}

}  // namespace
}  // namespace paceline
