#include "checkpoint/weight_files.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/testing/tiny_checkpoint.h"
#include "tensor/testing/torch_files.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::pair<std::string, std::string>>;  // in the tiny weights -> in the file

/// A state_dict of the tiny weights as torch.save writes it, each under the name that `rename` gives it; those without
/// a name are left out.
template <class Rename>
std::string torch_state_dict(const TinyWeights& weights, Rename rename) {
  std::string items;
  std::vector<TestZipEntry> entries = {{.name = "m/data.pkl", .bytes = ""}};
  for (std::size_t i = 0; i < weights.tensors.size(); ++i) {
    const NamedTensor& named = weights.tensors[i];
    const std::string name = rename(named.name);
    if (name.empty()) continue;
    TestTensor tensor{.elements = named.tensor.elements(), .sizes = named.tensor.shape, .strides = named.tensor.shape};
    int64_t stride = 1;
    for (std::size_t d = tensor.sizes.size(); d-- > 0;) {
      tensor.strides[d] = stride;
      stride *= tensor.sizes[d];
    }
    tensor.key = std::to_string(i);
    items += pickle_text(name) + pickle_tensor(tensor);
    const auto bytes = named.tensor.bytes;
    entries.push_back({.name = "m/data/" + tensor.key,
                       .bytes = std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())});
  }
  entries.front().bytes = pickle_of(std::string("}(") + items + "u");
  return make_zip(entries);
}

class WeightFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    write_tiny_checkpoint(dir());
    expected_ = values_of(Checkpoint::open(dir()));
    fs::remove(dir() / "model.safetensors");
  }

  const fs::path& dir() const { return folder_.path(); }

  template <class Rename>
  void put(const std::string& name, Rename rename) {
    write_file_atomically(dir() / name, torch_state_dict(weights_, rename));
  }
  void put_as_it_is(const std::string& name) {
    put(name, [](const std::string& tensor) { return tensor; });
  }

  static std::vector<std::vector<float>> values_of(const Checkpoint& checkpoint) {
    std::vector<std::vector<float>> values;
    for_each_weight(checkpoint.network(), [&](const Weight& weight) { values.push_back(checkpoint.values(weight)); });
    return values;
  }

  Checkpoint opened_as_expected(const CheckpointOptions& options = {}) {
    Checkpoint checkpoint = Checkpoint::open(dir(), options);
    EXPECT_EQ(values_of(checkpoint), expected_);
    return checkpoint;
  }

  TemporaryFolder folder_;
  TinyWeights weights_ = tiny_weights(describe_network(tiny_config(), {}, "tiny"));
  std::vector<std::vector<float>> expected_;
};

TEST_F(WeightFilesTest, PytorchModelBinIsRead) {
  put_as_it_is("pytorch_model.bin");
  const Checkpoint checkpoint = opened_as_expected();
  EXPECT_EQ(checkpoint.weight_files(), (std::vector<fs::path>{"pytorch_model.bin"}));
  EXPECT_EQ(checkpoint.unused_tensors(), 0);
}

TEST_F(WeightFilesTest, ShardsOfPytorchModelBinAreRead) {
  Json map;
  for (int shard = 0; shard < 2; ++shard) {
    const std::string file = fmt::format("pytorch_model-0000{}-of-00002.bin", shard + 1);
    int i = 0;
    put(file, [&](const std::string& name) {
      if (i++ % 2 != shard) return std::string();
      map[name] = file;
      return name;
    });
  }
  write_file_atomically(dir() / "pytorch_model.bin.index.json", Json{{"weight_map", map}}.dump());
  EXPECT_EQ(opened_as_expected().weight_files().size(), 2U);
  map.begin().value() = "model.safetensors";
  write_file_atomically(dir() / "pytorch_model.bin.index.json", Json{{"weight_map", map}}.dump());
  expect_error(
      ErrorCode::kCorruptData, [&] { Checkpoint::open(dir()); }, "the name of a .bin file in the same folder");
}

TEST_F(WeightFilesTest, SafetensorsComeFirst) {
  write_file_atomically(dir() / "pytorch_model.bin", "damaged");
  write_safetensors(dir() / "model.safetensors", weights_.tensors);
  EXPECT_EQ(opened_as_expected().weight_files(), (std::vector<fs::path>{"model.safetensors"}));
}

TEST_F(WeightFilesTest, AFileOfAnyNameIsReadByItsContent) {
  put_as_it_is("best.safetensors");
  opened_as_expected({.file = dir() / "best.safetensors"});
  write_safetensors(dir() / "weights.ckpt", weights_.tensors);
  const Checkpoint checkpoint = opened_as_expected({.file = dir() / "weights.ckpt"});
  EXPECT_EQ(checkpoint.weight_files(), (std::vector<fs::path>{dir() / "weights.ckpt"}));
  EXPECT_TRUE(checkpoint.options().file.is_absolute());
}

TEST_F(WeightFilesTest, ThePrefixIsTakenOffWithItsDot) {
  put("last.pt", [](const std::string& name) { return "module.net." + name; });
  opened_as_expected({.file = dir() / "last.pt", .prefix = "module.net."});
  opened_as_expected({.file = dir() / "last.pt", .prefix = "module.net"});
  expect_error(
      ErrorCode::kNotFound, [&] { Checkpoint::open(dir(), {.file = dir() / "last.pt"}); }, "net.roberta.embeddings",
      "give --prefix net.");
  opened_as_expected({.file = dir() / "last.pt", .prefix = "net."});
  expect_error(
      ErrorCode::kNotFound, [&] { Checkpoint::open(dir(), {.file = dir() / "last.pt", .prefix = "x"}); },
      "no tensor's name begins with the --prefix \"x\"", "the first is module.net.");
}

TEST_F(WeightFilesTest, ThatHaveThePrefixInPartSayHowToTakeItOff) {
  put("last.pt", [](const std::string& name) { return name.starts_with("roberta.") ? "net." + name : name; });
  expect_error(
      ErrorCode::kNotFound, [&] { Checkpoint::open(dir(), {.file = dir() / "last.pt"}); },
      "there as net.roberta.embeddings", "is there without net., so that no --prefix serves both",
      "{name.removeprefix(\"net.\"): tensor for name");
}

TEST_F(WeightFilesTest, NamesWithoutThePrefixAreCounted) {
  TinyWeights twice = tiny_weights(describe_network(tiny_config(), {}, "tiny"));
  const std::size_t count = twice.tensors.size();
  for (std::size_t i = 0; i < count; ++i) {
    twice.tensors.push_back({"teacher." + twice.tensors[i].name, twice.tensors[i].tensor});
    twice.tensors[i].name = "student." + twice.tensors[i].name;
  }
  twice.tensors.push_back({"student.extra", twice.tensors[0].tensor});
  write_safetensors(dir() / "both.safetensors", twice.tensors);
  const Checkpoint checkpoint = opened_as_expected({.file = dir() / "both.safetensors", .prefix = "student"});
  EXPECT_EQ(checkpoint.without_prefix(), static_cast<int64_t>(count));
  EXPECT_EQ(checkpoint.unused_tensors(), static_cast<int64_t>(count) + 1);
}

TEST_F(WeightFilesTest, GammaAndBetaAreWeightAndBias) {
  put("pytorch_model.bin", [](std::string name) {
    for (const auto& [now, old] :
         Names{{"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}}) {
      if (name.ends_with(now)) name = name.substr(0, name.size() - now.size()) + old;
    }
    return name;
  });
  opened_as_expected();
}

TEST_F(WeightFilesTest, WhatContradictsTheConfigIsNamedForEveryForm) {
  weights_.tensors[3].tensor.shape = {12, 2};
  put_as_it_is("pytorch_model.bin");
  expect_error(
      ErrorCode::kCorruptData, [&] { Checkpoint::open(dir()); }, "tensor roberta.embeddings.LayerNorm.weight",
      "[12, 2], config.json asks for [24]");
}

TEST_F(WeightFilesTest, WhatIsNeitherFormatIsQuoted) {
  write_file_atomically(dir() / "pytorch_model.bin", "cos\nsystem\n(S'true'\ntR.");
  expect_error(
      ErrorCode::kCorruptData, [&] { Checkpoint::open(dir()); },
      "it begins with \"cos\\nsystem\\n(S'tr\", which neither a file of torch.save nor one of safetensors does");
  // The length of a header may begin as a gzip file does.
  write_file_atomically(dir() / "pytorch_model.bin", std::string("\x1f\x8b\x08\0\0\0\0\0{", 9));
  expect_error(
      ErrorCode::kCorruptData, [&] { Checkpoint::open(dir()); }, "559903 bytes was announced, 1 bytes follow");
}

TEST_F(WeightFilesTest, OtherContainersAreNamed) {
  const auto refused = [&](const std::string& content, const std::string& part) {
    write_file_atomically(dir() / "w", content);
    expect_error(
        ErrorCode::kUnsupported, [&] { Checkpoint::open(dir(), {.file = dir() / "w"}); }, part);
  };
  refused("\x89HDF\r\n", "TensorFlow weights");
  refused("GGUFxxxx", "a GGUF file");
  refused("version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS");
  refused(std::string("\x1f\x8b\x08\x08", 4), "compressed with gzip. Unpack it");
  refused("<!DOCTYPE html><html>", "a page of HTML");
  expect_error(
      ErrorCode::kNotFound, [&] { Checkpoint::open(dir(), {.file = dir()}); }, "--weights names a folder");
  expect_error(
      ErrorCode::kNotFound, [&] { Checkpoint::open(dir(), {.file = dir() / "none.pt"}); }, "none.pt");
}

TEST_F(WeightFilesTest, FileAndPrefixAreInTheHash) {
  const fs::path cache = dir() / "cache";
  put_as_it_is("a.pt");
  put("b.pt", [](const std::string& name) { return "module." + name; });
  const auto hash = [&](const CheckpointOptions& options) { return Checkpoint::open(dir(), options).hash(cache); };
  const std::string a = hash({.file = dir() / "a.pt"});
  EXPECT_EQ(hash({.file = dir() / "a.pt"}), a);
  EXPECT_NE(hash({.file = dir() / "b.pt", .prefix = "module"}), a);
  fs::copy_file(dir() / "a.pt", dir() / "c.pt");
  EXPECT_EQ(hash({.file = dir() / "c.pt"}), a) << "where the file lies does not matter";
  TinyWeights two = tiny_weights(describe_network(tiny_config(), {}, "tiny"));
  const std::size_t count = two.tensors.size();
  for (std::size_t i = 0; i < count; ++i) two.tensors.push_back({"x." + two.tensors[i].name, two.tensors[i].tensor});
  write_safetensors(dir() / "two", two.tensors);
  EXPECT_NE(hash({.file = dir() / "two"}), hash({.file = dir() / "two", .prefix = "x"}));
}

}  // namespace
}  // namespace paceline
