#include "results/profile_json.h"

#include "results/fields.h"
#include "results/stage_rates.h"

namespace paceline {
namespace {

void stage_fields(JsonFieldWriter& visitor, const StageFigures& stage, const StageProfile& profile) {
  const auto positive = [&](const char* key, double value) { visitor.figure(key, value, value > 0); };
  visitor.text("stage", stage.stage);
  visitor.number("ms", stage.ms);
  visitor.number("share", time_share(stage, profile));
  positive("gflops", gflops(stage));
  positive("gbps", gbps(stage));
  positive("roof_share", stage.roof_share);
  visitor.number("flops", stage.flops);
  visitor.number("bytes", stage.bytes);
}

void profile_fields(JsonFieldWriter& visitor, const StageProfile& profile) {
  fields(visitor, profile.configuration);
  visitor.integer("rounds", profile.rounds);
  visitor.integer("batches", profile.batches);
  visitor.integer("texts", profile.texts);
  visitor.integer("tokens", profile.tokens);
  visitor.number("ms_per_text", ms_per_text(profile));
  visitor.number("counted_flops", profile.counted_flops);
  visitor.object("total", [&](JsonFieldWriter& total) { stage_fields(total, profile.total, profile); });
  visitor.rows("stages", profile.stages,
               [&](JsonFieldWriter& row, const StageFigures& stage) { stage_fields(row, stage, profile); });
}

}  // namespace

std::string profile_json(const BenchResults& results) {
  OrderedJson json;
  JsonFieldWriter visitor(json);
  visitor.integer("schema_version", kProfileSchemaVersion);
  visitor.text("paceline_version", results.paceline_version);
  visitor.text("build_id", results.build_id);
  visitor.text("command", results.command);
  visitor.text("started_at", results.started_at);
  visitor.number("seconds", results.seconds);
  visitor.flag("interrupted", results.interrupted);
  visitor.texts("notes", results.notes);
  visitor.object("checkpoint", [&](JsonFieldWriter& inner) { fields(inner, results.checkpoint); });
  visitor.object("workload", [&](JsonFieldWriter& inner) { fields(inner, results.workload); });
  visitor.object("machine", [&](JsonFieldWriter& inner) { machine_fields(inner, results); });
  visitor.rows("profiles", results.profiles, profile_fields);
  return json_text(json);
}

}  // namespace paceline
