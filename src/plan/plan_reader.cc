#include <fmt/format.h>

#include <limits>

#include "base/file.h"
#include "base/json.h"
#include "base/token_types_name.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "plan/label_options.h"
#include "plan/long_texts.h"
#include "plan/path_json.h"
#include "plan/plan.h"
#include "words/suggest.h"

namespace paceline {
namespace {

/// A plan is a page of JSON; whatever is much larger is not one.
constexpr JsonLimits kPlanLimits{.max_bytes = std::size_t{1} << 20, .max_depth = 8};
constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();
/// Far beyond any machine, and finite: rates and times are only shown.
constexpr double kMaxRate = 1e12;

[[noreturn]] void refuse(const std::string& where, std::string_view what) {
  throw Error{ErrorCode::kCorruptData, fmt::format("[{}] {}. Run paceline bench again to write a plan.", where, what)};
}

BackendOptions read_backend_options(const Json& json, const std::string& where) {
  BackendOptions options;
  options.name = json_string(json, "backend", where);
  options.compute_type = json_string(json, "compute_type", where);
  options.device = json_string(json, "device", where, "cpu");
  options.threads = static_cast<int32_t>(json_integer(json, "threads", where, 0, 1024));
  options.file = json_path(json, "file", where, "");
  return options;
}

BatchLimits read_limits(const Json& json, const std::string& where) {
  BatchLimits limits;
  limits.batch_size = static_cast<int32_t>(json_integer(json, "batch_size", where, 0, kMaxInt32));
  limits.max_batch_tokens = static_cast<int32_t>(json_integer(json, "max_batch_tokens", where, 0, kMaxInt32));
  limits.chunk = static_cast<int32_t>(json_integer(json, "window", where, 0, kMaxInt32));
  if (limits.batch_size == 0 && limits.max_batch_tokens == 0) {
    refuse(where, "batch_size and max_batch_tokens are both 0, one of them has to limit a batch");
  }
  const std::string order = json_string(json, "order", where);
  if (order != order_name(Order::kInput) && order != order_name(Order::kLength)) {
    refuse(where, fmt::format("order is \"{}\", input or length was expected", excerpt(order)));
  }
  limits.order = parse_order(order);
  return limits;
}

std::vector<std::string> read_plan_labels(const Json& json, const std::string& where) {
  std::vector<std::string> labels;
  const auto found = json.find("labels");
  if (found == json.end()) return labels;
  if (!found->is_array()) refuse(where, "labels is not a list");
  for (const Json& label : *found) {
    if (!label.is_string()) refuse(where, "labels has something else than strings");
    labels.push_back(label.get<std::string>());
  }
  return labels;
}

/// The schema is looked at first: a newer plan may mean something else by every other field.
void check_schema(const Json& json, const std::string& where) {
  if (!json.is_object()) refuse(where, "this is not a JSON object, a plan was expected");
  const int64_t schema = json_integer(json, "schema_version", where, 1, kMaxInt32);
  if (schema > Plan::kSchemaVersion) {
    throw Error{ErrorCode::kUnsupported,
                fmt::format("[{}] the plan has schema_version {}, this paceline {} reads up to {}. Update paceline or "
                            "run paceline bench again.",
                            where, schema, version(), Plan::kSchemaVersion)};
  }
}

}  // namespace

Plan read_plan(const std::filesystem::path& file) {
  return plan_from_json(read_file(file, kPlanLimits.max_bytes), file);
}

Plan plan_from_json(std::string_view text, const std::filesystem::path& file) {
  const std::string where = file.string();
  const Json json = parse_json(text, where, kPlanLimits);
  check_schema(json, where);
  Plan plan;
  plan.model_dir = json_path(json, "model_dir", where);
  if (plan.model_dir.is_relative()) plan.model_dir = file.parent_path() / plan.model_dir;
  plan.checkpoint_hash = json_string(json, "checkpoint_hash", where);
  plan.run.checkpoint_options = {
      .file = json_path(json, "weights", where, ""),
      .prefix = json_string(json, "prefix", where, ""),
      .base = json_path(json, "base", where, ""),
      .token_types = parse_token_types(json_string(json, "token_types", where, "as-saved"), where)};
  for (std::filesystem::path* path : {&plan.run.checkpoint_options.file, &plan.run.checkpoint_options.base}) {
    if (!path->empty() && path->is_relative()) *path = file.parent_path() / *path;
  }
  plan.random_weights = json_bool(json, "random_weights", where, false);
  plan.labels = read_plan_labels(json, where);
  plan.problem_type = json_string(json, "problem_type", where, "");
  plan.label_options = read_label_options(json, where);
  plan.run.long_texts = read_long_texts(json, where);
  plan.run.backend = read_backend_options(json, where);
  std::filesystem::path& own_file = plan.run.backend.file;
  if (!own_file.empty()) plan.file_hash = json_string(json, "file_hash", where);
  if (!own_file.empty() && own_file.is_relative()) own_file = file.parent_path() / own_file;
  plan.run.instances = static_cast<int32_t>(json_integer(json, "instances", where, 1, 1024, 1));
  plan.run.limits = read_limits(json, where);
  plan.backend_version = json_string(json, "backend_version", where, "");
  plan.cpu = json_string(json, "cpu", where, "");
  plan.objective = json_string(json, "objective", where, "throughput");
  plan.outcome = json_string(json, "outcome", where, "");
  plan.reason = json_string(json, "reason", where, "");
  plan.ms_per_text = json_number(json, "ms_per_text", where, 0, kMaxRate, 0);
  if (const auto rate = json.find("texts_per_second"); rate != json.end()) {
    if (!rate->is_object()) refuse(where, "texts_per_second is not an object");
    plan.texts_per_second = json_number(*rate, "median", where, 0, kMaxRate);
    plan.texts_per_second_low = json_number(*rate, "low", where, 0, kMaxRate);
    plan.texts_per_second_high = json_number(*rate, "high", where, 0, kMaxRate);
  }
  return plan;
}

}  // namespace paceline
