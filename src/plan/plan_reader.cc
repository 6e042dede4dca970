#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "plan/plan.h"
#include "plan/plan_fields.h"
#include "words/suggest.h"

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

/// Names what fields() visits.
struct FieldNames {
  static constexpr bool kReads = false;
  std::vector<std::string> names{};
  std::map<std::string, std::vector<std::string>> of_objects{};  ///< the names in each object

  void add(std::string_view key) { names.emplace_back(key); }
  void text(std::string_view key, const auto&, const TextRule& = {}) { add(key); }
  void name(std::string_view key, const auto&) { add(key); }
  void path(std::string_view key, const auto&, const TextRule& = {}) { add(key); }
  void flag(std::string_view key, const auto&) { add(key); }
  void integer(std::string_view key, const auto&, const IntegerRule& = {}) { add(key); }
  void number(std::string_view key, const auto&, const NumberRule& = {}) { add(key); }
  void figure(std::string_view key, const auto&, bool, const NumberRule& = {}) { add(key); }
  void texts(std::string_view key, const auto&, const ListRule& = {}) { add(key); }
  void numbers_by_name(std::string_view key, const auto&, const ListRule& = {}) { add(key); }
  void choice(std::string_view key, const auto&, const auto&, const ChoiceRule& = {}) { add(key); }
  void object(std::string_view key, const auto& visit) {
    add(key);
    FieldNames inner;
    visit(inner);
    of_objects.emplace(key, std::move(inner.names));
  }
  void check(bool, const auto&) const {}
};

/// `owner` has the keys: "a plan", or an object in one.
void refuse_unknown_keys(const Json& object, const std::vector<std::string>& known, std::string_view owner,
                         std::string_view where) {
  for (const auto& [key, value] : object.items()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    const std::string_view nearest = nearest_name(key, known);
    throw Error{ErrorCode::kCorruptData,
                fmt::format("[{}] {} has no key \"{}\". {}", where, owner, excerpt(key),
                            nearest.empty() ? "Remove it." : fmt::format("Did you mean \"{}\"?", nearest))};
  }
}

/// A key that is passed over would be a setting that somebody believes in.
void refuse_unknown_keys(const JsonFieldReader& visitor) {
  FieldNames known;
  known.names = {"schema_version", "paceline_version"};
  const Plan plan;
  fields(known, plan);
  refuse_unknown_keys(visitor.json(), known.names, "a plan", visitor.where());
  for (const auto& [object, names] : known.of_objects) {
    const auto found = visitor.json().find(object);
    if (found == visitor.json().end() || !found->is_object()) continue;  // reading it says what it is instead
    refuse_unknown_keys(*found, names, fmt::format("\"{}\" of a plan", object), visitor.where());
  }
}

/// Only windows have what is said of windows.
void check_windows(const JsonFieldReader& visitor, const Plan& plan) {
  const auto& long_texts = plan.run.long_texts;
  if (long_texts && long_texts->mode == LongTextOptions::Mode::kWindow) return;
  for (const std::string_view key : {"stride", "combine", "combine_over"}) {
    if (!visitor.has(key)) continue;
    throw Error{ErrorCode::kCorruptData,
                fmt::format("[{}] \"{}\" needs \"long\": \"window\". Give both.", visitor.where(), key)};
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
  refuse_unknown_keys(visitor);
  fields(visitor, plan);
  check_windows(visitor, plan);
  resolve(plan.model_dir, file);
  for (std::filesystem::path* path :
       {&plan.run.checkpoint_options.file, &plan.run.checkpoint_options.base, &plan.run.backend.file}) {
    if (!path->empty()) resolve(*path, file);
  }
  return plan;
}

}  // namespace paceline
