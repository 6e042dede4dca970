#include "backend/native/native_backend.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/cpu_topology.h"
#include "kernels/kernels.h"
#include "model/encoder_model.h"
#include "model/reference_model.h"
#include "paceline/error.h"
#include "paceline/version.h"

namespace paceline {
namespace {

WeightSource weights_of(const Checkpoint& checkpoint) {
  return [&checkpoint](const Weight& weight) -> const TensorView& { return checkpoint.tensor(weight); };
}

void check_device(const BackendOptions& options) {
  if (options.device != "cpu") {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] device {} was asked for, this backend computes on cpu only. "
                                                     "Use --device cpu or another backend.",
                                                     options.name, options.device));
  }
}

NumberType number_type(const BackendOptions& options) {
  check_device(options);
  if (options.compute_type == "fp32") return NumberType::kFp32;
  if (options.compute_type == "bf16") return NumberType::kBf16;
  if (options.compute_type == "int8") return NumberType::kInt8;
  throw Error(
      ErrorCode::kUnsupported,
      fmt::format("[{}] compute type {} was asked for, this backend has fp32, bf16 and int8. Use one of them or "
                  "another backend.",
                  options.name, options.compute_type));
}

BackendInfo describe(const Checkpoint& checkpoint, const BackendOptions& options, int32_t threads) {
  return {.name = options.name,
          .version = std::string(version()),
          .device = "cpu",
          .dtype = std::string(short_dtype_name(checkpoint.dtype())),
          .compute_type = options.compute_type,
          .settings = {},
          .padded = false,
          .threads = threads,
          .outputs = checkpoint.network().outputs};
}

class ReferenceBackend : public Backend {
 public:
  ReferenceBackend(const Checkpoint& checkpoint, const BackendOptions& options, int32_t threads)
      : model_(checkpoint.network(), weights_of(checkpoint), threads), info_(describe(checkpoint, options, threads)) {
    info_.settings = "scalar, everything in double, rounded to fp32 at the end";
  }

  const BackendInfo& info() const override { return info_; }

  void run(const PackedBatch& batch, std::span<float> logits) override {
    std::vector<double> exact(logits.size());
    model_.run(batch, exact);
    std::transform(exact.begin(), exact.end(), logits.begin(), [](double value) { return static_cast<float>(value); });
  }

 private:
  ReferenceModel model_;
  BackendInfo info_;
};

}  // namespace

NativeBackend::NativeBackend(const Checkpoint& checkpoint, const BackendOptions& options)
    : type_(number_type(options)),
      model_(checkpoint.network(), weights_of(checkpoint),
             {.threads = resolve_threads(options.threads), .type = type_}),
      info_(describe(checkpoint, options, model_.threads())) {
  info_.settings = fmt::format("ISA {} ({})", model_.kernels().name, model_.kernels().description);
}

std::array<StageWork, kStages> NativeBackend::works(const PackedBatch& batch) const {
  std::vector<int32_t> lengths;
  for (int32_t i = 0; i < batch.sequences(); ++i) lengths.push_back(batch.length(i));
  return stage_works(model_.network(), type_, lengths);
}

std::unique_ptr<Backend> create_native_backend(const Checkpoint& checkpoint, const BackendOptions& options) {
  return std::make_unique<NativeBackend>(checkpoint, options);
}

std::unique_ptr<Backend> create_reference_backend(const Checkpoint& checkpoint, const BackendOptions& options) {
  if (number_type(options) != NumberType::kFp32) {
    throw Error(ErrorCode::kUnsupported, fmt::format("[{}] compute type {} was asked for, it computes in double.",
                                                     options.name, options.compute_type));
  }
  return std::make_unique<ReferenceBackend>(checkpoint, options, resolve_threads(options.threads));
}

}  // namespace paceline
