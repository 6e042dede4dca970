#include "tensor/torch_file.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <tuple>

#include "base/file.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "tensor/safetensors.h"
#include "tensor/testing/torch_files.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

std::string golden(const std::string& name) {
  return read_file(fs::path(PACELINE_TESTDATA) / "torch" / name, std::size_t{1} << 20);
}

/// Name -> (dtype, shape, bytes).
using Content = std::map<std::string, std::tuple<DType, Shape, std::string>>;

Content content_of(std::span<const NamedTensor> tensors) {
  Content content;
  for (const NamedTensor& named : tensors) {
    const auto bytes = named.tensor.bytes;
    content[named.name] = {named.tensor.dtype, named.tensor.shape,
                           std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())};
  }
  return content;
}

Content expected_content() {
  const std::string file = golden("expected.safetensors");
  return content_of(parse_safetensors(bytes_of(file), "expected"));
}

void refused(ErrorCode code, const std::string& file, const std::string& part) {
  SCOPED_TRACE(part);
  expect_error(
      code, [&] { parse_torch_file(bytes_of(file), "m.bin"); }, "[m.bin", part);
}

/// What stands before the object in the form of torch before 1.6.
std::string legacy_head() {
  return pickle_of("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + pickle_of(pickle_number(1001)) +
         pickle_of("}");
}

/// A state_dict {"a": tensor} over 24 bytes of storage.
std::string file_with(const TestTensor& tensor, std::size_t storage_bytes = 24) {
  return torch_zip(pickle_of(std::string("}") + pickle_text("a") + pickle_tensor(tensor) + "s"),
                   std::string(storage_bytes, '\1'));
}

TEST(TorchFile, EveryFormGivesWhatSafetensorsGives) {
  for (const char* name : {"zip.pt", "zip_protocol_5.pt", "legacy.pt"}) {
    SCOPED_TRACE(name);
    const std::string file = golden(name);
    ASSERT_TRUE(is_torch_file(bytes_of(file)));
    const TorchWeights weights = parse_torch_file(bytes_of(file), name);
    EXPECT_EQ(weights.taken, "");
    EXPECT_EQ(content_of(weights.tensors), expected_content());
  }
}

TEST(TorchFile, ASafetensorsHeaderOfAnyLengthIsNotMistaken) {
  for (const uint64_t length : {0x0280, 0x0380, 0x020280}) {
    const std::string file = raw(length) + "{" + std::string(length, ' ');
    EXPECT_FALSE(is_torch_file(bytes_of(file)));
  }
  const std::string framed = "\x80\x04\x95" + raw<uint64_t>(13) + "rest";
  EXPECT_TRUE(is_torch_file(bytes_of(framed)));
}

TEST(TorchFile, OnlyWhatDoesNotLieInARowIsCopied) {
  const std::string file = golden("zip.pt");
  const TorchWeights weights = parse_torch_file(bytes_of(file), "zip.pt");
  const std::byte* begin = bytes_of(file).data();
  std::set<std::string> copied;
  for (const NamedTensor& named : weights.tensors) {
    const std::byte* at = named.tensor.bytes.data();
    if (!named.tensor.bytes.empty() && (at < begin || at >= begin + file.size())) copied.insert(named.name);
  }
  EXPECT_EQ(copied, (std::set<std::string>{"transposed", "column", "middle", "permuted"}));
  EXPECT_EQ(weights.copies.size(), copied.size());
}

TEST(TorchFile, TheModelIsTakenOutOfATrainingCheckpoint) {
  const std::string file = golden("training.ckpt");
  const TorchWeights weights = parse_torch_file(bytes_of(file), "training.ckpt");
  EXPECT_EQ(weights.taken, "state_dict");
  EXPECT_EQ(content_of(weights.tensors), expected_content());
}

TEST(TorchFile, DictsInDictsGiveNamesWithDots) {
  const std::string file = golden("nested.pt");
  const TorchWeights weights = parse_torch_file(bytes_of(file), "nested.pt");
  ASSERT_EQ(weights.tensors.size(), 2U);
  EXPECT_EQ(weights.tensors[0].name, "encoder.a");
  EXPECT_EQ(weights.tensors[1].name, "head.b.c");
}

TEST(TorchFile, TheMetadataOfAStateDictIsPassedOver) {
  const std::string file = golden("metadata.pt");
  EXPECT_EQ(parse_torch_file(bytes_of(file), "metadata.pt").tensors.size(), 4U);
}

TEST(TorchFile, WhatIsNoStateDictIsNamed) {
  refused(ErrorCode::kUnsupported, golden("whole_module.pt"), "a whole Python object (torch.nn.modules.linear.Linear)");
  refused(ErrorCode::kUnsupported, golden("torchscript.pt"), "a TorchScript program");
  refused(ErrorCode::kUnsupported, golden("expanded.pt"), "tensor a] it is an expanded view of shape [1000]");
  refused(ErrorCode::kUnsupported, golden("complex.pt"), "torch.ComplexFloatStorage");
  refused(ErrorCode::kNotFound, golden("tensor.pt"), "the file holds a single tensor");
  refused(ErrorCode::kNotFound, golden("no_tensors.pt"), "a dict of epoch, optimizer");
}

/// The heart of the matter: whatever a pickle asks for, nothing is run. Python would make each of these a file.
TEST(TorchFile, NothingThatAPickleCallsIsRun) {
  const TemporaryFolder folder;
  const fs::path canary = folder.path() / "canary";
  const std::string touch = "touch " + canary.string();
  const std::string write = fmt::format("open({:?}, 'w')", canary.string());
  const std::vector<std::pair<std::string, std::string>> calls = {
      {pickle_global("os", "system") + pickle_tuple(pickle_text(touch)) + "R", "calls os.system"},
      {pickle_global("posix", "system") + pickle_tuple(pickle_text(touch)) + "R", "calls posix.system"},
      {pickle_text("subprocess") + pickle_text("getoutput") + "\x93" + pickle_tuple(pickle_text(touch)) + "R",
       "calls subprocess.getoutput"},
      {pickle_global("builtins", "exec") + pickle_tuple(pickle_text(write)) + "R", "calls builtins.exec"},
      {pickle_global("__builtin__", "eval") + pickle_tuple(pickle_text(write)) + "R", "calls __builtin__.eval"},
      {pickle_global("copyreg", "_reconstructor") + ")R", "calls copyreg._reconstructor"},
      {pickle_global("collections", "OrderedDict.__init__") + ")R", "calls collections.OrderedDict.__init__"},
      {pickle_global("torch.storage", "_load_from_bytes") + ")R", "calls torch.storage._load_from_bytes"},
      {std::string("(") + pickle_text(touch) + "ios\nsystem\n", "INST"},
      {pickle_global("collections", "OrderedDict") + ")\x81", "NEWOBJ"},
      {"\x82\x01", "EXT1"},
      {pickle_global("collections", "OrderedDict") + ")R)R", "what is no function"},
      {pickle_global("torch", "FloatStorage") + ")R", "calls torch.FloatStorage"},
      {pickle_global("torch", "FloatStorage") + "}b", "the state of what is no dict"}};
  for (const auto& [opcodes, part] : calls) {
    refused(ErrorCode::kUnsupported, torch_zip(pickle_of(opcodes), ""), part);
    refused(ErrorCode::kUnsupported, legacy_head() + pickle_of(opcodes), part);
  }
  EXPECT_FALSE(fs::exists(canary));
}

TEST(TorchFile, TruncatedFilesAreRefusedAtEveryByte) {
  for (const char* name : {"zip.pt", "legacy.pt", "training.ckpt"}) {
    const std::string file = golden(name);
    for (std::size_t size = 0; size < file.size(); ++size) {
      const std::string cut = file.substr(0, size);
      EXPECT_THROW(parse_torch_file(bytes_of(cut), name), Error) << name << " cut at " << size;
    }
  }
}

TEST(TorchFile, ChangedBytesAreReadOrRefused) {
  for (const char* name : {"zip.pt", "legacy.pt"}) {
    const std::string file = golden(name);
    for (std::size_t at = 0; at < file.size(); ++at) {
      for (const unsigned char flip : {0x01, 0x80, 0xff}) {
        std::string changed = file;
        changed[at] = static_cast<char>(static_cast<unsigned char>(changed[at]) ^ flip);
        try {
          for (const NamedTensor& named : parse_torch_file(bytes_of(changed), name).tensors) {
            EXPECT_LE(named.tensor.bytes.size(), file.size());
          }
        } catch (const Error& error) {
          EXPECT_NE(error.code(), ErrorCode::kInternal) << error.what();
        }
      }
    }
  }
}

TEST(TorchFile, SizesAreCheckedAgainstTheFile) {
  const std::string good = file_with({});
  EXPECT_EQ(parse_torch_file(bytes_of(good), "good").tensors.at(0).tensor.shape, (Shape{2, 3}));
  constexpr int64_t kHuge = INT64_MAX;
  const ErrorCode corrupt = ErrorCode::kCorruptData;
  refused(corrupt, file_with({.offset = 1}), "reach beyond its storage of 6 elements");
  refused(corrupt, file_with({.sizes = {3, 3}}), "reach beyond its storage");
  refused(corrupt, file_with({.sizes = {kHuge, kHuge}}), "reach beyond its storage");
  refused(corrupt, file_with({.offset = kHuge}), "reach beyond its storage");
  refused(corrupt, file_with({.strides = {kHuge, 1}}), "reach beyond its storage");
  refused(corrupt, file_with({.sizes = {kHuge, kHuge, 0}, .strides = {1, 1, 1}}), "too many elements");
  refused(corrupt, file_with({.sizes = {-2, 3}}), "numbers from 0");
  refused(corrupt, file_with({.strides = {-3, 1}}), "numbers from 0");
  refused(corrupt, file_with({.strides = {3}}), "one stride for each size");
  refused(corrupt, file_with({.sizes = std::vector<int64_t>(17, 1), .strides = std::vector<int64_t>(17, 1)}),
          "at most");
  refused(corrupt, file_with({.elements = 7}), "its storage 0 has 24 bytes, 7 elements of F32");
  refused(corrupt, file_with({.elements = kHuge}), "its storage 0 has 24 bytes");
  refused(corrupt, file_with({.elements = -6}), "a storage has no size");
  refused(corrupt, file_with({}, 20), "its storage 0 has 20 bytes");
  refused(ErrorCode::kUnsupported, file_with({.sizes = {7, 6}, .strides = {0, 1}}), "an expanded view");
  refused(ErrorCode::kUnsupported, file_with({.sizes = {kHuge / 8, 1}, .strides = {0, 0}}), "an expanded view");
}

TEST(TorchFile, CopiesAreNoLargerThanTheFile) {
  std::string items;
  for (int i = 0; i < 1000; ++i) {
    items += pickle_text(fmt::format("a{}", i)) + pickle_tensor({.elements = 6, .sizes = {3, 2}, .strides = {1, 3}});
  }
  const std::string all = torch_zip(pickle_of(std::string("}(") + items + "u"), std::string(24, '\1'));
  EXPECT_EQ(parse_torch_file(bytes_of(all), "all").copies.size(), 1000U);
  std::string few = std::string("}(") + pickle_text("a0") +
                    pickle_tensor({.elements = 6000, .sizes = {3000, 2}, .strides = {1, 3000}}) + std::string("q\0", 2);
  for (int i = 1; i < 5; ++i) few += pickle_text(fmt::format("a{}", i)) + std::string("h\0", 2);
  refused(ErrorCode::kUnsupported, torch_zip(pickle_of(few + "u"), std::string(24000, '\1')), "tensor a1]");
}

TEST(TorchFile, ADictThatHoldsItselfIsRefused) {
  const std::string loop =
      std::string("}q\0", 3) + pickle_text("a") + pickle_tensor({}) + "s" + pickle_text("b") + std::string("h\0s", 3);
  refused(ErrorCode::kCorruptData, torch_zip(pickle_of(loop), std::string(24, '\1')), "nested deeper");
}

TEST(TorchFile, ATensorThereTwiceIsRefused) {
  const std::string one = pickle_text("a") + pickle_tensor({});
  refused(ErrorCode::kCorruptData, torch_zip(pickle_of(std::string("}(") + one + one + "u"), std::string(24, '\1')),
          "tensor a] it is there twice");
}

TEST(TorchFile, CompressedEntriesAreRefusedByName) {
  const std::string pickle = pickle_of("}");
  refused(ErrorCode::kUnsupported,
          make_zip({{.name = "x/data.pkl", .bytes = pickle}, {.name = "x/data/0", .bytes = "bomb", .method = 8}}),
          "[m.bin: x/data/0] the entry is compressed");
}

TEST(TorchFile, BigEndianAndForeignPicklesAreRefused) {
  const std::string pickle = pickle_of(std::string("}") + pickle_text("a") + pickle_tensor({}) + "s");
  refused(ErrorCode::kUnsupported,
          make_zip({{.name = "x/data.pkl", .bytes = pickle}, {.name = "x/byteorder", .bytes = "big"}}), "big-endian");
  refused(ErrorCode::kUnsupported, make_zip({{.name = "readme.txt", .bytes = "hello"}}), "no data.pkl");
  refused(ErrorCode::kUnsupported, pickle_of("}"), "not one of torch.save");
}

}  // namespace
}  // namespace paceline
