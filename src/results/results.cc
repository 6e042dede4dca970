#include "results/results.h"

#include <fmt/format.h>

#include "paceline/error.h"

namespace paceline {

std::string_view lead_name(Lead lead) {
  switch (lead) {
    case Lead::kFaster:
      return "faster";
    case Lead::kEqual:
      return "equal";
    case Lead::kUnresolved:
      return "unresolved";
  }
  return "";
}

std::string_view objective_name(Objective objective) {
  return objective == Objective::kThroughput ? "throughput" : "latency";
}

Objective parse_objective(std::string_view name) {
  for (Objective objective : {Objective::kThroughput, Objective::kLatency}) {
    if (objective_name(objective) == name) return objective;
  }
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[bench] the objective {} is unknown, throughput or latency was expected.", name));
}

}  // namespace paceline
