// Recording, scripting and reading TorchScript, below the backends.

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "backend/torch/torchscript_backend.h"
#include "backend/torch/torchscript_module.h"
#include "backend/torch/torchscript_writer.h"
#include "base/file.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/testing/tiny_checkpoint.h"

namespace paceline {
namespace {

namespace jit = torch::jit;

class Torchscript : public testing::Test {
 protected:
  void SetUp() override {
    write_tiny_checkpoint(folder_.path());
    checkpoint_ = Checkpoint::open(folder_.path());
    forward_.emplace(checkpoint_, at::kFloat, at::kCPU);
  }

  const Network& network() const { return checkpoint_.network(); }

  // A file whose forward is this source; its one weight is [3] of `dtype`.
  std::filesystem::path file_of(const std::string& source, at::ScalarType dtype = at::kFloat) const {
    jit::Module module("__torch__.Mine");
    module.register_parameter("weight", at::ones({3}, dtype), /*is_buffer=*/false);
    module.define(source);
    const std::filesystem::path file = folder_ / "mine.pt";
    write_module(module, "{}", file);
    return file;
  }

  void expect_refused(const std::string& source, const std::string& part) const {
    const std::filesystem::path file = file_of(source);
    SCOPED_TRACE(source);
    expect_error(
        ErrorCode::kUnsupported, [&] { TorchscriptModule(file, network(), at::kCPU); }, "mine.pt", part);
  }

  // Logits of the file for [2, 4] ids, no token types.
  at::Tensor run(const std::filesystem::path& file) const {
    TorchscriptModule module(file, network(), at::kCPU);
    return module(example_inputs(network(), 2, 4, at::kCPU));
  }

  static void expect_equal(const at::Tensor& left, const at::Tensor& right) { EXPECT_TRUE(at::equal(left, right)); }

  // [B, 3] of three things that tell inputs apart.
  static std::string stacked(const std::string& a, const std::string& b, const std::string& c) {
    return "  return torch.stack([" + a + ".sum(1), " + b + ".sum(1), " + c + ".sum(1)], 1) * self.weight\n";
  }
  at::Tensor expected(bool mask, bool types) const {
    const ForwardInputs inputs = example_inputs(network(), 2, 4, at::kCPU);
    const at::Tensor ids = inputs.input_ids.sum(1);
    const at::Tensor none = at::zeros_like(ids);
    return at::stack({ids, mask ? inputs.attention_mask.sum(1) : ids, types ? none : ids}, 1).to(at::kFloat);
  }

  TemporaryFolder folder_;
  Checkpoint checkpoint_;
  std::optional<NetworkForward> forward_;
};

TEST_F(Torchscript, ARecordedSizeIsFoundAndRefused) {
  // Each keeps a number of the recorded [2, 9] in its own way: the first two without a word.
  const std::vector<std::function<at::Tensor(const at::Tensor&)>> traps = {
      [](const at::Tensor& x) { return x.slice(1, 0, 5) * x.size(1); },
      [](const at::Tensor& x) { return x.slice(1, 0, 5) + at::arange(x.size(0)).unsqueeze(1); },
      [](const at::Tensor& x) {
        return x.view({x.size(0), x.size(1)});
      },
  };
  for (const auto& trap : traps) {
    const auto baking = [&](const ForwardInputs& inputs) {
      return (*forward_)(inputs) + trap(inputs.input_ids).to(at::kFloat).sum(1, true) * 0.01;
    };
    jit::Module module = record_module(network(), forward_->weights(), baking, at::kCPU);
    expect_error(
        ErrorCode::kInternal, [&] { check_module(module, network(), baking, at::kCPU); }, "texts of", "nothing was");
  }
}

TEST_F(Torchscript, TheNetworkIsRecordedAndScriptedWithoutSizes) {
  const auto run = [&](const ForwardInputs& inputs) { return (*forward_)(inputs); };
  jit::Module traced = record_module(network(), forward_->weights(), run, at::kCPU);
  check_module(traced, network(), run, at::kCPU);
  jit::Module scripted = script_module(network(), forward_->weights());
  check_module(scripted, network(), run, at::kCPU);
  for (const jit::Module* module : {&traced, &scripted}) {
    std::vector<std::string> names;
    for (const auto& parameter : module->named_parameters()) names.push_back(parameter.name);
    EXPECT_EQ(names.size(), forward_->weights().size());
    for (const auto& weight : forward_->weights()) EXPECT_THAT(names, testing::Contains(weight.first));
  }
}

TEST_F(Torchscript, AnotherNetworksModuleIsRefused) {
  jit::Module module = script_module(network(), forward_->weights());
  Network other = network();
  other.embeddings.uncounted_id = 5;  // a token of the example
  jit::Module differs = script_module(other, forward_->weights());
  const auto run = [&](const ForwardInputs& inputs) { return (*forward_)(inputs); };
  check_module(module, network(), run, at::kCPU);
  EXPECT_THROW(check_module(differs, network(), run, at::kCPU), Error);
}

TEST_F(Torchscript, ScriptedMaskAndTypesMayBeLeftOut) {
  jit::Module module = script_module(network(), forward_->weights());
  ForwardInputs inputs = example_inputs(network(), 2, 7, at::kCPU);
  inputs.attention_mask.fill_(1);
  expect_equal(module.forward({inputs.input_ids, c10::IValue()}).toTensor(),
               module.forward({inputs.input_ids, inputs.attention_mask}).toTensor());
  expect_equal(module.forward({inputs.input_ids}).toTensor(),
               module.forward({inputs.input_ids, inputs.attention_mask}).toTensor());
}

TEST_F(Torchscript, TheSameModuleGivesTheSameBytesUnderAnyName) {
  const jit::Module module = script_module(network(), forward_->weights());
  write_module(module, "{}", folder_ / "a.pt");
  write_module(module, "{}", folder_ / "other.name");
  EXPECT_EQ(read_file(folder_ / "a.pt", 1 << 24), read_file(folder_ / "other.name", 1 << 24));
}

TEST_F(Torchscript, AFullDiskLeavesNothingBehind) {
  const jit::Module module = script_module(network(), forward_->weights());
  expect_error(
      ErrorCode::kResourceExhausted, [&] { write_module(module, "{}", "/dev/full"); }, "/dev/full");
  EXPECT_THROW(write_module(module, "{}", folder_ / "none" / "x.pt"), Error);
}

TEST_F(Torchscript, InputsAreFoundByNameInAnyOrder) {
  expect_equal(run(file_of("def forward(self, attention_mask, input_ids):\n" +
                           stacked("input_ids", "attention_mask", "input_ids"))),
               expected(true, false));
  expect_equal(
      run(file_of("def forward(self, token_type_ids, mask, ids):\n" + stacked("ids", "mask", "token_type_ids"))),
      expected(true, true));
  expect_equal(run(file_of("def forward(self, input_ids):\n" + stacked("input_ids", "input_ids", "input_ids"))),
               expected(false, false));
  expect_equal(run(file_of("def forward(self, a, b, c):\n" + stacked("a", "b", "c"))), expected(true, true));
}

TEST_F(Torchscript, WhatIsOptionalAndUnknownKeepsItsDefault) {
  const std::string source =
      "def forward(self, input_ids, position_ids: Optional[Tensor] = None, attention_mask: Optional[Tensor] = None, "
      "scale: float = 1.0):\n  assert attention_mask is not None\n  assert position_ids is None\n" +
      stacked("input_ids", "attention_mask", "input_ids");
  expect_equal(run(file_of(source)), expected(true, false));
}

TEST_F(Torchscript, LogitsAreFoundInTuplesListsAndDicts) {
  const std::string logits = "torch.stack([ids.sum(1), mask.sum(1), ids.sum(1)], 1) * self.weight";
  const std::string start = "def forward(self, ids, mask):\n  y = " + logits + "\n";
  expect_equal(run(file_of(start + "  return (y.sum(), ids, y)\n")), expected(true, false));
  expect_equal(run(file_of(start + "  return [y.sum(), y]\n")), expected(true, false));
  expect_equal(run(file_of(start + "  return {\"other\": y * 2, \"logits\": y}\n")), expected(true, false));
  expect_equal(run(file_of(start + "  return {\"hidden\": y.sum(), \"scores\": y}\n")), expected(true, false));
}

TEST_F(Torchscript, AFileWithoutAMaskSeesTextsOfOneLengthAtATime) {
  // Counts the tokens it is given: padding would show.
  const std::filesystem::path file =
      file_of("def forward(self, ids):\n" + stacked("torch.ones_like(ids)", "ids", "torch.ones_like(ids)"));
  TorchscriptBackend backend(checkpoint_, {.name = "torchscript", .threads = 1, .file = file});
  EXPECT_FALSE(backend.info().padded);
  EXPECT_THAT(backend.info().settings, testing::HasSubstr("one length at a time"));
  const PackedBatch batch{
      .input_ids = {5, 6, 7, 8, 9, 10}, .token_type_ids = {}, .cu_seqlens = {0, 2, 3, 5, 6}, .max_seqlen = 2};
  std::vector<float> logits(12);
  backend.run(batch, logits);
  EXPECT_EQ(logits, (std::vector<float>{2, 11, 2, 1, 7, 1, 2, 17, 2, 1, 10, 1}));
}

TEST_F(Torchscript, Int32IsTriedWhereInt64IsRefused) {
  const std::string source =
      "def forward(self, ids, mask):\n  assert ids.dtype == 3\n" + stacked("ids", "mask", "ids");  // 3: torch.int32
  TorchscriptModule module(file_of(source), network(), at::kCPU);
  EXPECT_THAT(module.description(), testing::HasSubstr("ids, mask as int32"));
}

TEST_F(Torchscript, TheDtypeIsThatOfTheWeights) {
  const std::string source = "def forward(self, ids, mask):\n" + stacked("ids", "mask", "ids");
  EXPECT_EQ(TorchscriptModule(file_of(source), network(), at::kCPU).dtype(), at::kFloat);
  EXPECT_EQ(TorchscriptModule(file_of(source, at::kBFloat16), network(), at::kCPU).dtype(), at::kBFloat16);
  EXPECT_THAT(TorchscriptModule(file_of(source), network(), at::kCPU).description(), testing::HasSubstr("frozen"));
}

TEST_F(Torchscript, RefusesWhatItCannotFeedOrRead) {
  expect_refused("def forward(self, words: List[str]):\n  return self.weight\n", "words: List[str]");
  expect_refused("def forward(self, ids, count: int):\n  return self.weight\n", "count: int");
  expect_refused("def forward(self, ids, surprise):\n  return self.weight\n", "surprise: Tensor");
  expect_refused("def forward(self):\n  return self.weight\n", "takes nothing");
  expect_refused("def other(self, ids):\n  return self.weight\n", "no method forward");
  expect_refused("def forward(self, ids):\n  return self.weight\n", "gives [3], logits [2, 3] were expected");
  expect_refused("def forward(self, ids):\n  return 7\n", "Int");
  expect_refused("def forward(self, ids):\n  return {\"logits\": self.weight}\n", "logits [3]");
  expect_refused("def forward(self, ids):\n  return ids.view([1, 9]) * self.weight\n", "sizes that became constants");
  expect_refused("def forward(self, ids):\n  return torch.stack([ids.sum(1), ids.sum(1)], 1) * self.weight.sum()\n",
                 "gives [2, 2], logits [2, 3]");
}

TEST_F(Torchscript, ASizeThatBecameAConstantIsNamedWhenItMatters) {
  TorchscriptModule module(file_of("def forward(self, ids):\n  return ids.view([-1, 3]).float() * self.weight\n"),
                           network(), at::kCPU);
  expect_error(
      ErrorCode::kUnsupported, [&] { module(example_inputs(network(), 2, 6, at::kCPU)); }, "[4, 3] for 2 texts",
      "constants");
  expect_error(
      ErrorCode::kUnsupported, [&] { module(example_inputs(network(), 2, 4, at::kCPU)); }, "2 texts of 4 tokens");
}

TEST_F(Torchscript, FilesThatAreNoneAreCorrupt) {
  const auto load = [&](const std::filesystem::path& file) { TorchscriptModule(file, network(), at::kCPU); };
  expect_error(
      ErrorCode::kNotFound, [&] { load(folder_ / "absent.pt"); }, "absent.pt");
  const std::string whole =
      read_file(file_of("def forward(self, ids):\n  return ids.float() * self.weight\n"), 1 << 20);
  const std::filesystem::path broken = folder_ / "broken.pt";
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{30}, whole.size() / 2, whole.size() - 1}) {
    SCOPED_TRACE(size);
    write_file_atomically(broken, whole.substr(0, size));
    expect_error(
        ErrorCode::kCorruptData, [&] { load(broken); }, "broken.pt", "torch.jit.save");
  }
  write_file_atomically(broken, "no archive at all, just a text that somebody named .pt");
  expect_error(
      ErrorCode::kCorruptData, [&] { load(broken); }, "broken.pt");
}

// One wrong byte: an error or an answer, never a crash. (Checksums cover the members, not all of the archive.)
TEST_F(Torchscript, AFlippedByteNeverCrashes) {
  const std::string whole =
      read_file(file_of("def forward(self, ids):\n  return ids.float() * self.weight\n"), 1 << 20);
  const std::filesystem::path broken = folder_ / "broken.pt";
  for (std::size_t at = 0; at < whole.size(); at += 37) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x55);
    write_file_atomically(broken, bytes);
    try {
      TorchscriptModule(broken, network(), at::kCPU);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace paceline
