#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace paceline {

/// Fields stay in the order in which they are written: a reader of the file meets what matters first.
using OrderedJson = nlohmann::ordered_json;

/// The document for people and programs: objects indented, a list of plain values on one line, a final newline. Bytes
/// that are not UTF-8 are replaced by U+FFFD: names and messages come from outside and are no reason to lose a file.
std::string json_text(const OrderedJson& json);

/// The number, or null where it is not finite, which JSON cannot say.
OrderedJson finite_or_null(double value);
/// The text, or null where it is empty.
OrderedJson text_or_null(const std::string& text);

}  // namespace paceline
