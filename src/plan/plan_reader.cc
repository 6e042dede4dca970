#include <fmt/format.h>

#include "base/file.h"
#include "base/json.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "plan/plan.h"
#include "plan/plan_fields.h"

namespace paceline {
namespace {

/// A plan is a page of JSON; whatever is much larger is not one.
constexpr JsonLimits kPlanLimits{.max_bytes = std::size_t{1} << 20, .max_depth = 8};

/// The schema is looked at first: a newer plan may mean something else by every other field.
void check_schema(const JsonFieldReader& visitor) {
  int32_t schema = 0;
  visitor.integer("schema_version", schema, {.low = 1, .required = true});
  if (schema > Plan::kSchemaVersion) {
    throw Error{ErrorCode::kUnsupported,
                fmt::format("[{}] the plan has schema_version {}, this paceline {} reads up to {}. Update paceline or "
                            "run paceline bench again.",
                            visitor.where(), schema, version(), Plan::kSchemaVersion)};
  }
}

/// A path is relative to the plan's own folder.
void resolve(std::filesystem::path& path, const std::filesystem::path& plan_file) {
  if (path.is_relative()) path = plan_file.parent_path() / path;
}

}  // namespace

Plan read_plan(const std::filesystem::path& file) {
  return plan_from_json(read_file(file, kPlanLimits.max_bytes), file);
}

Plan plan_from_json(std::string_view text, const std::filesystem::path& file) {
  const Json json = parse_json(text, file.string(), kPlanLimits);
  // A plan never has null where labels, thresholds or long texts stand: whoever put it there meant something by it.
  const JsonFieldReader visitor(json, file.string(),
                                {.hint = "Run paceline bench again to write a plan.", .refuses_null = true});
  check_schema(visitor);
  Plan plan;
  plan.objective = "throughput";
  fields(visitor, plan);
  resolve(plan.model_dir, file);
  for (std::filesystem::path* path :
       {&plan.run.checkpoint_options.file, &plan.run.checkpoint_options.base, &plan.run.backend.file}) {
    if (!path->empty()) resolve(*path, file);
  }
  return plan;
}

}  // namespace paceline
