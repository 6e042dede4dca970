#pragma once

#include <string>

#include "base/json.h"
#include "paceline/classifier.h"

namespace paceline {

/// As plan.json has them, beside other fields: "threshold", "label_thresholds", "class_weights"; none of them where
/// there are no such options.
void write_label_options(const LabelOptions& options, nlohmann::ordered_json& json);

/// Throws Error{corrupt_data}; `where` opens the message. Whether the values fit is seen with the checkpoint
/// (resolve_labels).
LabelOptions read_label_options(const Json& json, const std::string& where);

}  // namespace paceline
