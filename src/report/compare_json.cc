#include "base/json_text.h"
#include "report/compare.h"
#include "results/describe.h"
#include "results/fields.h"

namespace paceline {
namespace {

constexpr int kCompareSchemaVersion = 1;

OrderedJson configuration_json(const Configuration& is) {
  return {{"backend", is.backend},       {"compute_type", is.compute_type}, {"device", is.device},
          {"batch_size", is.batch_size}, {"order", order_name(is.order)},   {"max_batch_tokens", is.max_batch_tokens},
          {"threads", is.threads},       {"instances", is.instances}};
}

OrderedJson estimate_json(const Estimate& is) {
  OrderedJson json;
  JsonFieldWriter visitor(json);
  fields(visitor, is);
  return json;
}

OrderedJson cell_json(const ComparedCell& is) {
  return {{"earlier", configuration_json(is.earlier)},
          {"later", configuration_json(is.later)},
          {"ms_per_text_earlier", estimate_json(is.ms_earlier)},
          {"ms_per_text_later", estimate_json(is.ms_later)},
          {"ratio", estimate_json(is.ratio)},
          {"confirmed", is.confirmed},
          {"change", change_name(is.change)},
          {"regression", is.regression}};
}

OrderedJson score_json(const Score& is) {
  OrderedJson json;
  JsonFieldWriter visitor(json);
  fields(visitor, is);
  return json;
}

std::string_view kind_name(DifferenceKind kind) {
  switch (kind) {
    case DifferenceKind::kIncomparable:
      return "incomparable";
    case DifferenceKind::kCircumstance:
      return "circumstance";
    case DifferenceKind::kVersion:
      break;
  }
  return "version";
}

}  // namespace

std::string comparison_json(const Comparison& is) {
  OrderedJson json = {{"schema_version", kCompareSchemaVersion},
                      {"tolerance", is.tolerance},
                      {"comparable", is.comparable()},
                      {"regressed", is.regressed()}};
  json["differences"] = OrderedJson::array();
  for (const Difference& difference : is.differences) {
    json["differences"].push_back({{"kind", kind_name(difference.kind)},
                                   {"what", difference.what},
                                   {"earlier", difference.earlier},
                                   {"later", difference.later}});
  }
  json["notes"] = is.notes;
  json["lost"] = is.lost;
  json["recommended"] = is.recommended ? cell_json(*is.recommended) : OrderedJson(nullptr);
  json["configurations"] = OrderedJson::array();
  for (const ComparedCell& cell : is.cells) json["configurations"].push_back(cell_json(cell));
  if (!is.accuracies.empty()) json["accuracies"] = OrderedJson::array();
  for (const ComparedAccuracy& one : is.accuracies) {
    json["accuracies"].push_back({{"backend", one.backend},
                                  {"metric", name_of(*is.metric, kMetricNames)},
                                  {"earlier", score_json(one.earlier)},
                                  {"later", score_json(one.later)}});
  }
  for (const auto& [key, list] : {std::pair("only_earlier", &is.only_earlier), {"only_later", &is.only_later}}) {
    json[key] = OrderedJson::array();
    for (const Configuration& configuration : *list) json[key].push_back(configuration_json(configuration));
  }
  return json_text(json);
}

}  // namespace paceline
