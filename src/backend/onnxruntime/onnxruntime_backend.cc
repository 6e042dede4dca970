#include "backend/onnxruntime/onnxruntime_backend.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "backend/onnxruntime/engine_error.h"
#include "backend/onnxruntime/engine_library.h"
#include "base/cache_folder.h"
#include "base/cpu_topology.h"
#include "batch/check_batch.h"
#include "batch/check_types.h"
#include "export/onnx_export.h"
#include "paceline/error.h"

namespace paceline {
namespace {

// One for the process. Silent: what goes wrong comes back as an exception.
const Ort::Env& environment() {
  static const Ort::Env env(ORT_LOGGING_LEVEL_FATAL, "paceline");
  return env;
}

Ort::Session open_session(const std::filesystem::path& file, int32_t threads) {
  Ort::SessionOptions settings;
  settings.SetIntraOpNumThreads(threads);
  settings.SetInterOpNumThreads(1);
  settings.SetExecutionMode(ExecutionMode::ORT_SEQUENTIAL);
  settings.SetGraphOptimizationLevel(GraphOptimizationLevel::ORT_ENABLE_ALL);
  return Ort::Session(environment(), file.c_str(), settings);
}

std::string engine_settings(int32_t threads) {
  return fmt::format("optimisation all, {} intra-op threads that spin, 1 inter-op thread, sequential execution",
                     threads);
}

/// What a report says of a user's graph: how it is called and what its limits make of a batch.
std::string describe(const GraphSignature& signature) {
  std::vector<std::string> parts;
  for (const GraphInput& input : signature.inputs) {
    parts.push_back(fmt::format("{} {}", input.name, element_type_name(input.type)));
  }
  std::string text = fmt::format("inputs {}, output {} {}", fmt::join(parts, " and "), signature.output,
                                 element_type_name(signature.output_type));
  if (!signature.masked) text += ", no attention mask: sequences of equal length run together, others apart";
  if (signature.fixed_batch > 0) text += fmt::format(", batches cut and filled to {}", signature.fixed_batch);
  if (signature.fixed_length > 0) text += fmt::format(", sequences padded to {} tokens", signature.fixed_length);
  return text;
}

}  // namespace

OnnxRuntimeBackend::OnnxRuntimeBackend(const Checkpoint& checkpoint, const BackendOptions& options)
    : network_(checkpoint.network()),
      user_file_(options.file),
      memory_(Ort::MemoryInfo::CreateCpu(OrtArenaAllocator, OrtMemTypeDefault)) {
  info_ = {.name = options.name,
           .version = load_engine_library(),
           .device = "cpu",
           .dtype = std::string(short_dtype_name(checkpoint.dtype())),
           .compute_type = options.compute_type,
           .settings = "",
           .padded = options.name != "onnxruntime-unpadded",
           .threads = resolve_threads(options.threads),
           .outputs = network_.outputs};
  if (user_file_.empty()) {
    load_own_export(checkpoint, options);
  } else {
    load_user_file(user_file_);
  }
  tensors_ = std::make_unique<GraphTensors>(signature_);
}

void OnnxRuntimeBackend::load_own_export(const Checkpoint& checkpoint, const BackendOptions& options) {
  const OnnxExportOptions form{.form = info_.padded ? OnnxForm::kFast : OnnxForm::kUnpadded,
                               .compute_type = options.compute_type};
  const std::filesystem::path file =
      cached_onnx(checkpoint, form, options.cache_dir.empty() ? default_cache_dir() : options.cache_dir);
  info_.settings =
      fmt::format("graph form {}, opset 23, {}", onnx_form_name(form.form), engine_settings(info_.threads));
  try {
    session_ = open_session(file, info_.threads);
  } catch (const Ort::Exception& thrown) {
    throw_engine_error(thrown, ErrorCode::kUnavailable, fmt::format("loading {}", file.string()),
                       "Paceline is made with ONNX Runtime 1.30, which ./dev setup and the packages install.");
  }
  signature_ = read_signature(session_, info_.outputs, file.string());
}

void OnnxRuntimeBackend::load_user_file(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("[onnxruntime] {} is no file, an ONNX file was expected.", file.string()));
  }
  try {
    session_ = open_session(file, info_.threads);
    signature_ = read_signature(session_, info_.outputs, file.string());
  } catch (const Ort::Exception& thrown) {
    throw_user_file_error(thrown, file.string());
  }
  check_types_input(network_, signature_.typed, file.string());
  info_.dtype = "unknown";  // the file's own, which the engine does not tell
  info_.padded = signature_.masked;
  info_.settings = fmt::format("file {}, {}, {}", file.string(), describe(signature_), engine_settings(info_.threads));
  cutter_ = BatchCutter(!signature_.masked, signature_.fixed_batch);
}

void OnnxRuntimeBackend::run(const PackedBatch& batch, std::span<float> logits) try {
  check_batch(batch, network_, logits.size());
  run_checked(batch, logits);
} catch (const Ort::Exception& thrown) {
  if (user_file_.empty()) {
    throw_engine_error(thrown, ErrorCode::kInternal, "running a batch",
                       "This is a bug in Paceline or in ONNX Runtime.");
  }
  throw_engine_error(thrown, ErrorCode::kUnsupported, fmt::format("running {}", user_file_.string()),
                     "The file may be of another checkpoint, or traced with fixed shapes that it does not declare.");
}

void OnnxRuntimeBackend::run_checked(const PackedBatch& batch, std::span<float> logits) {
  if (signature_.fixed_length > 0 && batch.max_seqlen > signature_.fixed_length) {
    throw Error(ErrorCode::kUnsupported,
                fmt::format("[onnxruntime] a text of {} tokens was given, {} takes {}. Export it with a length that is "
                            "not fixed.",
                            batch.max_seqlen, user_file_.string(), signature_.fixed_length));
  }
  if (!user_file_.empty() && !signature_.typed) refuse_lost_types(batch, user_file_.string());
  if (!cutter_.cuts()) return run_part(batch, logits);
  const auto columns = static_cast<std::size_t>(info_.outputs);
  cutter_.cut(batch, [&](const PackedBatch& part, std::span<const int32_t> rows) {
    part_logits_.resize(static_cast<std::size_t>(part.sequences()) * columns);
    run_part(part, part_logits_);
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const std::span<const float> from = std::span(part_logits_).subspan(row * columns, columns);
      std::copy(from.begin(), from.end(), logits.subspan(static_cast<std::size_t>(rows[row]) * columns).begin());
    }
  });
}

void OnnxRuntimeBackend::run_part(const PackedBatch& batch, std::span<float> logits) {
  pad_batch(batch, network_.pad_token_id, padded_, static_cast<int32_t>(signature_.fixed_length));
  const std::span<const Ort::Value> inputs = tensors_->fill(padded_);
  const char* output_name = signature_.output.c_str();
  const bool in_place = signature_.known_columns && signature_.output_type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
  Ort::Value output{nullptr};
  if (in_place) {
    const std::array<int64_t, 2> shape{padded_.sequences, info_.outputs};
    output = Ort::Value::CreateTensor<float>(memory_, logits.data(), logits.size(), shape.data(), shape.size());
  }
  session_.Run(run_options_, tensors_->names().data(), inputs.data(), inputs.size(), &output_name, &output, 1);
  if (!in_place) read_logits(output, padded_.sequences, logits);
  // In 8 bits a batch has one scale: a text that overflows inside takes the others' numbers with it.
  const bool apart = info_.compute_type != "fp32" && batch.sequences() > 1 && signature_.fixed_batch == 0;
  if (!apart || std::ranges::none_of(logits, [](float value) { return std::isnan(value); })) return;
  const auto columns = static_cast<std::size_t>(info_.outputs);
  BatchCutter(false, 1).cut(batch, [&](const PackedBatch& alone, std::span<const int32_t> rows) {
    run_part(alone, logits.subspan(static_cast<std::size_t>(rows.front()) * columns, columns));
  });
}

}  // namespace paceline
