#include "plan/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "backend/registry.h"
#include "base/file.h"
#include "base/file_stamp.h"
#include "base/hash.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "plan/plan_fields.h"
#include "words/suggest.h"

namespace paceline {
namespace {

std::string join(const std::vector<std::string>& labels) { return fmt::format("{}", fmt::join(labels, ", ")); }

}  // namespace

void write_plan(const Plan& plan, const std::filesystem::path& file) {
  OrderedJson json;
  json["schema_version"] = Plan::kSchemaVersion;
  json["paceline_version"] = version();
  JsonFieldWriter visitor(json);
  fields(visitor, plan);
  // Bytes of a label or a reason that are not UTF-8 must not keep a plan from being written.
  write_file_atomically(file, json.dump(2, ' ', false, OrderedJson::error_handler_t::replace) + "\n");
}

void check_plan_checkpoint(const Plan& plan, const Checkpoint& checkpoint, const std::filesystem::path& cache_dir) {
  if (!plan.labels.empty() && plan.labels != checkpoint.labels()) {
    throw Error{
        ErrorCode::kCorruptData,
        fmt::format("[{}] the checkpoint's labels are {}, the plan was measured with {}. Run paceline bench on "
                    "this checkpoint, or give its folder instead of the plan.",
                    checkpoint.model_dir().string(), excerpt(join(checkpoint.labels())), excerpt(join(plan.labels)))};
  }
  const std::string_view type = checkpoint.has_head() ? problem_type_name(checkpoint.problem_type()) : "";
  if (!plan.problem_type.empty() && plan.problem_type != type) {
    throw Error{
        ErrorCode::kCorruptData,
        fmt::format("[{}] the checkpoint's problem_type is {}, the plan was measured with {}. Run paceline bench "
                    "on this checkpoint, or give its folder instead of the plan.",
                    checkpoint.model_dir().string(), type, excerpt(plan.problem_type))};
  }
  const std::string hash = checkpoint.hash(cache_dir);
  if (hash == plan.checkpoint_hash) return;
  throw Error{ErrorCode::kCorruptData,
              fmt::format("[{}] the checkpoint's hash is {}, the plan was measured on {}. Run paceline bench on this "
                          "checkpoint, or give its folder instead of the plan.",
                          checkpoint.model_dir().string(), hash, excerpt(plan.checkpoint_hash))};
}

std::string hash_user_file(const BackendOptions& backend) {
  const MappedFile model = MappedFile::open(backend.file);
  Hasher hasher;
  add_content(model, hasher);
  const std::optional<UserFileKind>& kind = find_backend(backend.name).files;
  if (!kind || kind->companions == nullptr) return hasher.hex();
  for (const std::string& name : kind->companions(model.bytes(), backend.file.string())) {
    const MappedFile data = MappedFile::open(backend.file.parent_path() / name);
    hasher.update(fmt::format("\n{}\n{}\n", name, data.bytes().size()));
    add_content(data, hasher);
  }
  return hasher.hex();
}

void check_plan_file(const Plan& plan) {
  const std::filesystem::path& file = plan.run.backend.file;
  if (file.empty()) return;
  const std::string hash = hash_user_file(plan.run.backend);
  if (hash == plan.file_hash) return;
  throw Error{
      ErrorCode::kCorruptData,
      fmt::format("[{}] the hash of the file and of the weights beside it is {}, the plan was measured with {}. "
                  "Run paceline bench on this file.",
                  file.string(), hash, excerpt(plan.file_hash))};
}

}  // namespace paceline
