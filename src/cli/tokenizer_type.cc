#include "cli/tokenizer_type.h"

#include <string_view>

#include "base/file.h"
#include "base/json.h"
#include "base/suggest.h"

namespace paceline {
namespace {

/// Waits for the string at model.type and stops the parser there: what follows may be a vocabulary of many megabytes.
class TypeFinder : public nlohmann::json_sax<Json> {
 public:
  std::string type = "unknown";

  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*elements*/) override { return ++depth_ > 0; }
  bool start_array(std::size_t /*elements*/) override { return ++depth_ > 0; }
  bool end_object() override { return --depth_ >= 0; }
  bool end_array() override { return --depth_ >= 0; }
  bool parse_error(std::size_t /*byte*/, const std::string& /*token*/, const Json::exception& /*error*/) override {
    return false;
  }
  bool key(string_t& name) override {
    if (depth_ == 1) in_model_ = name == "model";
    at_type_ = depth_ == 2 && in_model_ && name == "type";
    return true;
  }
  bool string(string_t& value) override {
    if (at_type_) type = excerpt(value);
    return !at_type_;
  }

 private:
  int depth_ = 0;
  bool in_model_ = false;
  bool at_type_ = false;
};

}  // namespace

std::string read_tokenizer_type(const std::filesystem::path& tokenizer_json) {
  const MappedFile file = MappedFile::open(tokenizer_json);
  const auto bytes = file.bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  TypeFinder finder;
  Json::sax_parse(text, &finder, Json::input_format_t::json, false);
  return finder.type;
}

}  // namespace paceline
