#include "results/profile_json.h"

#include "results/json_parts.h"
#include "results/stage_rates.h"

namespace paceline {
namespace {

OrderedJson positive_or_null(double value) { return value > 0 ? number(value) : OrderedJson(nullptr); }

OrderedJson stage_json(const StageFigures& stage, const StageProfile& profile) {
  return {{"stage", stage.stage},
          {"ms", number(stage.ms)},
          {"share", number(time_share(stage, profile))},
          {"gflops", positive_or_null(gflops(stage))},
          {"gbps", positive_or_null(gbps(stage))},
          {"roof_share", positive_or_null(stage.roof_share)},
          {"flops", number(stage.flops)},
          {"bytes", number(stage.bytes)}};
}

OrderedJson profile_json(const StageProfile& profile) {
  OrderedJson json = configuration_json(profile.configuration);
  json["rounds"] = profile.rounds;
  json["batches"] = profile.batches;
  json["texts"] = profile.texts;
  json["tokens"] = profile.tokens;
  json["ms_per_text"] = number(ms_per_text(profile));
  json["counted_flops"] = number(profile.counted_flops);
  json["total"] = stage_json(profile.total, profile);
  json["stages"] = OrderedJson::array();
  for (const StageFigures& stage : profile.stages) json["stages"].push_back(stage_json(stage, profile));
  return json;
}

}  // namespace

std::string profile_json(const BenchResults& results) {
  OrderedJson json = {{"schema_version", kProfileSchemaVersion},
                      {"paceline_version", results.paceline_version},
                      {"build_id", results.build_id},
                      {"command", results.command},
                      {"started_at", results.started_at},
                      {"seconds", number(results.seconds)},
                      {"interrupted", results.interrupted},
                      {"notes", results.notes},
                      {"checkpoint", checkpoint_json(results.checkpoint)},
                      {"workload", workload_json(results.workload)},
                      {"machine", machine_json(results)}};
  json["profiles"] = OrderedJson::array();
  for (const StageProfile& profile : results.profiles) json["profiles"].push_back(profile_json(profile));
  return json_text(json);
}

}  // namespace paceline
