#include "base/json_text.h"

#include <algorithm>
#include <cmath>

namespace paceline {
namespace {

constexpr std::size_t kIndent = 2;

std::string plain_text(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

bool is_plain_list(const OrderedJson& json) {
  return json.is_array() &&
         std::none_of(json.begin(), json.end(), [](const auto& item) { return item.is_structured(); });
}

void append_line(std::string& out, std::size_t indent) {
  out += '\n';
  out.append(indent, ' ');
}

void append_plain_list(std::string& out, const OrderedJson& list) {
  out += '[';
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (i > 0) out += ", ";
    out += plain_text(list[i]);
  }
  out += ']';
}

void append(std::string& out, const OrderedJson& json, std::size_t indent) {
  if (!json.is_structured() || json.empty()) {
    out += plain_text(json);
    return;
  }
  if (is_plain_list(json)) {
    append_plain_list(out, json);
    return;
  }
  const bool object = json.is_object();
  char before = object ? '{' : '[';
  for (const auto& [key, value] : json.items()) {
    out += before;
    append_line(out, indent + kIndent);
    if (object) {
      out += plain_text(key);
      out += ": ";
    }
    append(out, value, indent + kIndent);
    before = ',';
  }
  append_line(out, indent);
  out += object ? '}' : ']';
}

}  // namespace

OrderedJson finite_or_null(double value) { return std::isfinite(value) ? OrderedJson(value) : OrderedJson(); }

OrderedJson text_or_null(const std::string& text) { return text.empty() ? OrderedJson() : OrderedJson(text); }

std::string json_text(const OrderedJson& json) {
  std::string out;
  append(out, json, 0);
  out += '\n';
  return out;
}

}  // namespace paceline
