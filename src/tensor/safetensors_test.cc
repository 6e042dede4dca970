#include "tensor/safetensors.h"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <cstring>
#include <numeric>
#include <set>
#include <string>

#include "base/file_stamp.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "tensor/weight_file.h"

namespace paceline {
namespace {

/// A file with this header and so many bytes of data.
std::string file_with(const std::string& header, std::size_t data_bytes) {
  const uint64_t length = header.size();
  std::string file(sizeof(length), '\0');
  std::memcpy(file.data(), &length, sizeof(length));
  return file + header + std::string(data_bytes, '\1');
}

std::vector<NamedTensor> parse(const std::string& file) {
  return parse_safetensors(std::as_bytes(std::span(file)), "m.safetensors");
}

void refused(ErrorCode code, const std::string& header, std::size_t data_bytes, const std::string& part) {
  SCOPED_TRACE(header);
  expect_error(
      code, [&] { parse(file_with(header, data_bytes)); }, "m.safetensors", part);
}

void corrupt(const std::string& header, std::size_t data_bytes, const std::string& part) {
  refused(ErrorCode::kCorruptData, header, data_bytes, part);
}

TEST(ParseSafetensors, ReadsTensorsInTheOrderOfTheirData) {
  const std::string file = file_with(R"({"__metadata__":{"format":"pt"},
      "b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
      "a":{"dtype":"I64","shape":[],"data_offsets":[8,16]},
      "empty":{"dtype":"F16","shape":[3,0],"data_offsets":[8,8]}}   )",
                                     16);
  const auto tensors = parse(file);
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors[0].name, "b");
  EXPECT_EQ(tensors[0].tensor.elements(), 2);
  EXPECT_EQ(tensors[1].name, "empty");
  EXPECT_EQ(tensors[1].tensor.elements(), 0);
  EXPECT_EQ(tensors[2].name, "a");
  EXPECT_EQ(tensors[2].tensor.dtype, DType::kI64);
  EXPECT_EQ(tensors[2].tensor.shape, Shape{});
  EXPECT_EQ(tensors[2].tensor.elements(), 1);
}

TEST(ParseSafetensors, AFileMayHoldNothing) { EXPECT_TRUE(parse(file_with("{}", 0)).empty()); }

TEST(ParseSafetensors, RefusesBadHeaderLengths) {
  const auto refuse = [](const std::string& file, const std::string& part) {
    expect_error(
        ErrorCode::kCorruptData, [&] { parse(file); }, "[m.safetensors]", part);
  };
  refuse("", "0 bytes are too few");
  refuse("1234567", "7 bytes are too few");
  refuse(std::string(8, '\xff') + "{}", "18446744073709551615 bytes was announced, at most 16777216");
  refuse(std::string("\x03\0\0\0\0\0\0\0{}", 10), "3 bytes was announced, 2 bytes follow");
}

TEST(ParseSafetensors, RefusesHeadersThatAreNoTable) {
  corrupt("[]", 0, "JSON object");
  corrupt("{\"a\":1", 0, "truncated");
  corrupt("{} x", 0, "byte 3");
  corrupt(R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4, "deeper than 3");
  corrupt(R"({"a":[1]})", 0, "tensor a] an object");
  corrupt(R"({"__metadata__":{"n":1}})", 0, "object of strings");
  corrupt(R"({"__metadata__":[]})", 0, "object of strings");
  corrupt(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{}})", 4, "\"a\" stands twice");
  corrupt(R"({"a":{"dtype":"F32","dtype":"F16","shape":[1],"data_offsets":[0,4]}})", 4, "\"dtype\" stands twice");
}

TEST(ParseSafetensors, RefusesBadDtypes) {
  refused(ErrorCode::kUnsupported, R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1, "F8_E4M3");
  corrupt(R"({"a":{"dtype":4,"shape":[1],"data_offsets":[0,1]}})", 1, "\"dtype\" is 4");
  corrupt(R"({"a":{"shape":[1],"data_offsets":[0,1]}})", 1, "\"dtype\" is missing");
}

TEST(ParseSafetensors, RefusesBadShapes) {
  const auto shape = [](const std::string& sizes, const std::string& part) {
    corrupt(R"({"a":{"dtype":"F32","shape":)" + sizes + R"(,"data_offsets":[0,4]}})", 4, part);
  };
  shape("7", "list of at most 16");
  shape("[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "list of at most 16");
  shape("[-1]", "-1 in \"shape\"");
  shape("[1.5]", "1.5 in \"shape\"");
  shape("[\"1\"]", "in \"shape\"");
  shape("[18446744073709551615]", "18446744073709551615");
  shape("[2]", "4 bytes of data were given, F32 of shape [2]");
  shape("[4294967296,4294967296]", "[4294967296, 4294967296]");   // 2^66 bytes: 4 after wrapping would be 0
  shape("[4611686018427387905]", "shape [4611686018427387905]");  // 2^64 + 4 bytes: wraps to the 4 given
}

TEST(ParseSafetensors, RefusesBadOffsets) {
  const auto offsets = [](const std::string& pair, const std::string& part) {
    corrupt(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + pair + "}}", 8, part);
  };
  offsets("[4]", "[begin, end]");
  offsets("[4,8,9]", "[begin, end]");
  offsets("[8,4]", "[begin, end]");
  offsets("[-4,0]", "[begin, end]");
  offsets("{}", "[begin, end]");
  offsets("[8,12]", "ends at byte 12, the file holds 8");
  offsets("[0,5]", "5 bytes of data");
  offsets("[4,8]", "4 bytes before its data");
  offsets("[0,4]", "last 4 bytes belong to no tensor");
}

TEST(ParseSafetensors, RefusesOverlapAndGapsBetweenTensors) {
  const auto two = [](const std::string& second, const std::string& part) {
    corrupt(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":)" +
                second + "}}",
            9, part);
  };
  two("[3,7]", "tensor b] the data from byte 3 overlaps");
  two("[0,4]", "tensor b] the data from byte 0 overlaps");
  two("[5,9]", "tensor b] the 1 bytes before");
}

TEST(WeightFileTest, NamesAMissingOrEmptyFile) {
  const TemporaryFolder folder;
  expect_error(
      ErrorCode::kNotFound, [&] { WeightFile::open(folder / "m.safetensors"); }, "m.safetensors");
  write_file_atomically(folder / "m.safetensors", "");
  expect_error(
      ErrorCode::kCorruptData, [&] { WeightFile::open(folder / "m.safetensors"); }, "0 bytes");
}

TensorView view(const std::vector<float>& values, Shape shape) {
  return {DType::kF32, std::move(shape), std::as_bytes(std::span(values))};
}

TEST(WeightFileTest, ReadsFromTheFileWhatMemoryWouldGive) {
  const TemporaryFolder folder;
  std::vector<std::byte> bytes(200'000);  // several blocks
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37 % 113);
  std::vector<NamedTensor> tensors;
  for (const DType dtype : {DType::kF64, DType::kF32, DType::kF16, DType::kBF16}) {
    const auto elements = static_cast<int64_t>(bytes.size() / dtype_size(dtype));
    tensors.push_back({std::string(dtype_name(dtype)), {dtype, {elements / 5, 5}, bytes}});
  }
  write_safetensors(folder / "m", tensors);
  const WeightFile file = WeightFile::open(folder / "m");
  ASSERT_EQ(file.tensors().size(), tensors.size());
  for (const NamedTensor& named : file.tensors()) {
    ASSERT_NE(named.tensor.file, nullptr);
    TensorView held = named.tensor;
    held.file = nullptr;
    for (const int64_t first : {int64_t{0}, int64_t{7}, held.elements() - 1}) {
      std::vector<float> read(static_cast<std::size_t>(held.elements() - first));
      std::vector<float> expected(read.size());
      convert_to_float(named.tensor, first, read);
      convert_to_float(held, first, expected);
      EXPECT_EQ(read, expected) << named.name << " from " << first;
    }
    std::vector<float> whole;
    const TensorView copied = copy_to_memory(named.tensor, whole);
    EXPECT_EQ(copied.shape, held.shape);
    EXPECT_EQ(copied.elements(), held.elements());
  }
}

TEST(WeightFileTest, AFileThatBecomesShorterIsAnError) {
  const TemporaryFolder folder;
  const std::vector<std::byte> bytes(400'000);
  write_safetensors(folder / "m", std::vector<NamedTensor>{{"a", {DType::kBF16, {200'000}, bytes}}});
  const WeightFile file = WeightFile::open(folder / "m");
  std::filesystem::resize_file(folder / "m", 1000);
  std::vector<float> values(200'000);
  expect_error(
      ErrorCode::kCorruptData, [&] { convert_to_float(file.tensors()[0].tensor, 0, values); }, "m]", "became shorter");
}

TEST(WriteSafetensors, AlignsTheDataAndRepeatsItself) {
  const TemporaryFolder folder;
  const std::vector<float> values = {1, 2, 3};
  const std::vector<NamedTensor> tensors = {{"w", view(values, {3, 1})}, {"v \"\xC3\xA9\"", view(values, {3})}};
  const std::string hash = write_safetensors(folder / "a", tensors, {{"format", "pt"}});
  EXPECT_EQ(hash, hash_file(folder / "a"));
  write_safetensors(folder / "b", tensors, {{"format", "pt"}});
  const std::string file = read_file(folder / "a", 10'000);
  EXPECT_EQ(file, read_file(folder / "b", 10'000));
  EXPECT_EQ((file.size() - 24) % 8, 0u);
  const auto again = parse(file);
  EXPECT_EQ(again[1].name, tensors[1].name);
}

TEST(WriteSafetensors, RefusesWhatItCouldNotReadBack) {
  const TemporaryFolder folder;
  const std::vector<float> values = {1, 2, 3};
  const auto refuse = [&](std::vector<NamedTensor> tensors, const std::string& part) {
    expect_error(
        ErrorCode::kInvalidArgument, [&] { write_safetensors(folder / "a", tensors); }, part);
    EXPECT_FALSE(std::filesystem::exists(folder / "a"));
  };
  refuse({{"w", view(values, {4})}}, "12 bytes were given");
  refuse({{"w", view(values, {-1, -3})}}, "[-1, -3]");
  refuse({{"w", view(values, {3})}, {"w", view(values, {3})}}, "tensor w] the name is taken");
  refuse({{"__metadata__", view(values, {3})}}, "__metadata__");
}

TEST(WriteSafetensors, ReadsBackWhateverWasWritten) {
  const TemporaryFolder folder;
  const bool passed = rc::check("round trip", [&] {
    const auto names = *rc::gen::container<std::set<std::string>>(
        rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange<char>(1, 127))));
    std::vector<std::vector<std::byte>> storage;
    std::vector<NamedTensor> tensors;
    for (const std::string& name : names) {
      const auto dtype = static_cast<DType>(*rc::gen::inRange(0, 13));
      const auto shape = *rc::gen::resize(4, rc::gen::container<Shape>(rc::gen::inRange<int64_t>(0, 5)));
      const auto elements = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
      std::vector<std::byte>& bytes = storage.emplace_back(static_cast<std::size_t>(elements) * dtype_size(dtype));
      for (std::byte& byte : bytes) {
        byte = static_cast<std::byte>(*rc::gen::inRange(0, 256));
      }
      tensors.push_back({name, {dtype, shape, bytes}});
    }
    write_safetensors(folder / "m", tensors, {{"seed", "1"}});
    const WeightFile file = WeightFile::open(folder / "m");
    std::map<std::string, TensorView> found;
    for (const NamedTensor& named : file.tensors()) {
      found[named.name] = named.tensor;
    }
    RC_ASSERT(found.size() == tensors.size());
    for (const NamedTensor& named : tensors) {
      const TensorView& again = found[named.name];
      RC_ASSERT(again.dtype == named.tensor.dtype);
      RC_ASSERT(again.shape == named.tensor.shape);
      RC_ASSERT(
          std::equal(again.bytes.begin(), again.bytes.end(), named.tensor.bytes.begin(), named.tensor.bytes.end()));
    }
  });
  EXPECT_TRUE(passed);
}

}  // namespace
}  // namespace paceline
