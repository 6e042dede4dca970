#include "backend/onnxruntime/onnxruntime_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "backend/onnxruntime/engine_library.h"
#include "base/cpu_topology.h"
#include "export/onnx_export.h"
#include "paceline/error.h"

namespace paceline {
namespace {

constexpr std::array<const char*, 3> kInputNames{"input_ids", "attention_mask", "token_type_ids"};
constexpr const char* kOutputName = "logits";

// One for the process. Silent: what goes wrong comes back as an exception.
const Ort::Env& environment() {
  static const Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "paceline");
  return env;
}

// The engine's messages span lines and can be long; the first line says it.
std::string one_line(std::string_view message) {
  constexpr std::size_t kLongest = 300;
  const std::size_t end = std::min(message.find('\n'), kLongest);
  return std::string(message.substr(0, end));
}

[[noreturn]] void throw_engine_error(const Ort::Exception& thrown, ErrorCode code, std::string_view doing,
                                     std::string_view hint) {
  const std::string reason = one_line(thrown.what());
  const bool memory = reason.find("Failed to allocate memory") != std::string::npos ||
                      reason.find("bad_alloc") != std::string::npos ||
                      reason.find("bad allocation") != std::string::npos;
  throw Error(memory ? ErrorCode::kResourceExhausted : code,
              fmt::format("[onnxruntime {}] {} failed: {}. {}", load_engine_library(), doing, reason,
                          memory ? "Use smaller batches or fewer processes." : hint));
}

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorCode::kInvalidArgument, "[onnxruntime] " + what); }

// That cu_seqlens cuts the ids into sequences that the model takes.
void check_lengths(const PackedBatch& batch, const Network& network) {
  if (batch.cu_seqlens.size() < 2) refuse("An empty batch was given, at least one sequence was expected.");
  const auto tokens = static_cast<int64_t>(batch.input_ids.size());
  if (batch.cu_seqlens.front() != 0 || batch.tokens() != tokens) {
    refuse(fmt::format("cu_seqlens runs from {} to {}, the batch has {} tokens.", batch.cu_seqlens.front(),
                       batch.tokens(), tokens));
  }
  const int32_t longest = std::min(network.max_tokens, batch.max_seqlen);
  for (int32_t i = 0; i < batch.sequences(); ++i) {
    if (batch.length(i) >= 1 && batch.length(i) <= longest) continue;
    refuse(fmt::format("Sequence {} has {} tokens, 1 to {} were expected.", i, batch.length(i), longest));
  }
  if (batch.max_seqlen > network.max_tokens) {
    refuse(fmt::format("max_seqlen is {}, the model takes {}.", batch.max_seqlen, network.max_tokens));
  }
}

// Ids outside their tables: the engine would refuse them too, but less clearly.
void check_ids(const PackedBatch& batch, const Network& network) {
  for (const int32_t id : batch.input_ids) {
    if (id >= 0 && id < network.vocab_size) continue;
    refuse(fmt::format("The token id {} was given, the vocabulary has 0 to {}. The tokenizer is of another model.", id,
                       network.vocab_size - 1));
  }
  if (batch.token_type_ids.empty()) return;
  if (batch.token_type_ids.size() != batch.input_ids.size()) {
    refuse(
        fmt::format("{} token types were given for {} tokens.", batch.token_type_ids.size(), batch.input_ids.size()));
  }
  for (const int32_t type : batch.token_type_ids) {
    if (type >= 0 && type < network.token_types) continue;
    refuse(fmt::format("The token type {} was given, the model has 0 to {}.", type, network.token_types - 1));
  }
}

void check_batch(const PackedBatch& batch, const Network& network, std::size_t logits_size) {
  check_lengths(batch, network);
  check_ids(batch, network);
  const int64_t wanted = int64_t{batch.sequences()} * network.outputs;
  if (static_cast<int64_t>(logits_size) != wanted) {
    refuse(fmt::format("Room for {} logits was given, {} sequences of {} outputs need {}.", logits_size,
                       batch.sequences(), network.outputs, wanted));
  }
}

}  // namespace

OnnxRuntimeBackend::OnnxRuntimeBackend(const Checkpoint& checkpoint, const BackendOptions& options)
    : network_(checkpoint.network()), memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)) {
  const bool unpadded = options.name == "onnxruntime-unpadded";
  const OnnxExportOptions form{.form = unpadded ? OnnxForm::kUnpadded : OnnxForm::kFast};
  info_ = {.name = options.name,
           .version = load_engine_library(),
           .device = "cpu",
           .dtype = std::string(short_dtype_name(checkpoint.dtype())),
           .compute_type = "fp32",
           .settings = "",
           .padded = !unpadded,
           .threads = resolve_threads(options.threads),
           .outputs = network_.outputs};
  info_.settings = fmt::format(
      "graph form {}, opset 23, optimisation all, {} intra-op threads that spin, 1 inter-op thread, sequential "
      "execution",
      onnx_form_name(form.form), info_.threads);
  load(cached_onnx(checkpoint, form, options.cache_dir.empty() ? default_cache_dir() : options.cache_dir));
}

void OnnxRuntimeBackend::load(const std::filesystem::path& file) try {
  Ort::SessionOptions settings;
  settings.SetIntraOpNumThreads(info_.threads);
  settings.SetInterOpNumThreads(1);
  settings.SetExecutionMode(ExecutionMode::ORT_SEQUENTIAL);
  settings.SetGraphOptimizationLevel(GraphOptimizationLevel::ORT_ENABLE_ALL);
  session_ = Ort::Session(environment(), file.c_str(), settings);
} catch (const Ort::Exception& thrown) {
  throw_engine_error(thrown, ErrorCode::kUnavailable, fmt::format("loading {}", file.string()),
                     "Paceline is made with ONNX Runtime 1.30, which ./dev setup installs.");
}

void OnnxRuntimeBackend::run(const PackedBatch& batch, std::span<float> logits) try {
  check_batch(batch, network_, logits.size());
  pad_batch(batch, network_.pad_token_id, padded_);
  const std::array<int64_t, 2> shape{padded_.sequences, padded_.max_seqlen};
  const auto tensor = [&](std::vector<int64_t>& values) {
    return Ort::Value::CreateTensor<int64_t>(memory_, values.data(), values.size(), shape.data(), shape.size());
  };
  inputs_.clear();
  inputs_.push_back(tensor(padded_.input_ids));
  inputs_.push_back(tensor(padded_.attention_mask));
  if (network_.token_types > 1) {
    padded_.token_type_ids.resize(padded_.input_ids.size());
    inputs_.push_back(tensor(padded_.token_type_ids));
  }
  const std::array<int64_t, 2> output_shape{padded_.sequences, info_.outputs};
  Ort::Value output =
      Ort::Value::CreateTensor<float>(memory_, logits.data(), logits.size(), output_shape.data(), output_shape.size());
  session_.Run(run_options_, kInputNames.data(), inputs_.data(), inputs_.size(), &kOutputName, &output, 1);
} catch (const Ort::Exception& thrown) {
  throw_engine_error(thrown, ErrorCode::kInternal, "running a batch", "This is a bug of Paceline or of the engine.");
}

}  // namespace paceline
