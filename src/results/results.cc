#include "results/results.h"

#include "results/fields.h"

namespace paceline {

std::string_view lead_name(Lead lead) { return name_of(lead, kLeadNames); }

std::string_view objective_name(Objective objective) { return name_of(objective, kObjectiveNames); }

}  // namespace paceline
