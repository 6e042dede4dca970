#include "rows/row_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>

#include "base/json.h"
#include "paceline/error.h"
#include "words/printable.h"
#include "words/suggest.h"

namespace paceline {
namespace {

void append_number(std::string& out, float value) { fmt::format_to(std::back_inserter(out), "{}", value); }
/// Nine digits tell any two floats apart.
void append_logit(std::string& out, float value) { fmt::format_to(std::back_inserter(out), "{:.9g}", value); }

/// `kind`: what the format calls it.
[[noreturn]] void refuse_name(std::string_view kind, std::string_view name, std::string_view where) {
  throw Error{ErrorCode::kInvalidArgument,
              fmt::format("[classify] the {} \"{}\" would be added, but {} already has it. Choose other names with "
                          "--output-prefix.",
                          kind, excerpt(name), where)};
}

/// Empty where no label was good enough.
std::string_view label_of(const RowWriterOptions& options, const Prediction& prediction) {
  return prediction.label == kNoLabel ? std::string_view{} : options.labels[static_cast<std::size_t>(prediction.label)];
}

struct Count {
  const char* name;
  int32_t value;
  bool where_cut = false;  ///< left out where it is 0, if the format can
};

/// What the options say is to be told of how a text was read.
std::vector<Count> reading_counts(const RowWriterOptions& options, const Answer& answer) {
  std::vector<Count> counts;
  const bool where_cut = options.truncated == TellsCut::kWhereCut;
  if (options.truncated == TellsCut::kAll || (where_cut && options.format != RowFormat::kTxt)) {
    counts.push_back({"truncated", answer.truncated, where_cut});
  }
  if (options.windows) counts.push_back({"windows", answer.windows});
  return counts;
}

class TxtWriter : public RowWriter {
 public:
  explicit TxtWriter(const RowWriterOptions& options) : options_(options) {
    if (options.output_prefix.empty()) return;
    throw Error{ErrorCode::kInvalidArgument,
                "[classify] --output-prefix names new fields, and the output is txt, which has none. Leave it out, or "
                "give texts as CSV or JSONL."};
  }

  void check(const Row& /*row*/) const override {}
  void append_header(std::string& /*out*/) const override {}

  void append(const Row& /*row*/, const Answer& answer, std::string& out) const override {
    std::string_view separator;
    for (const Prediction& prediction : answer.predictions) {
      out += separator;
      append_cell(label_of(options_, prediction), out);
      out += '\t';
      append_number(out, prediction.score);
      separator = "\t";
    }
    if (options_.raw_logits) {
      for (const float logit : answer.logits) {
        out += '\t';
        append_logit(out, logit);
      }
    }
    for (const Count& count : reading_counts(options_, answer)) out += fmt::format("\t{}", count.value);
    out += '\n';
  }

  void append_error(const Row& /*row*/, std::string_view error, std::string& out) const override {
    out += "\t\t";
    append_cell(error, out);
    out += '\n';
  }

 private:
  /// Text that stays within its column and its line, and leaves a terminal alone: a label with a tab has "\t" here.
  static void append_cell(std::string_view text, std::string& out) { out += printable(text); }

  RowWriterOptions options_;
};

/// Looks for names among the keys of the outermost object, with escapes resolved.
class TopLevelKeys : public nlohmann::json_sax<Json> {
 public:
  explicit TopLevelKeys(std::span<const std::string> names) : names_(names) {}

  bool is_object() const { return is_object_; }
  const std::optional<std::string>& found() const { return found_; }

  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*elements*/) override { return enter(true); }
  bool start_array(std::size_t /*elements*/) override { return enter(false); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t /*byte*/, const std::string& /*token*/, const Json::exception& /*error*/) override {
    is_object_ = false;
    return false;
  }
  bool key(string_t& name) override {
    if (depth_ == 1 && std::find(names_.begin(), names_.end(), name) != names_.end()) found_ = name;
    return true;
  }

 private:
  bool enter(bool object) {
    if (depth_++ == 0) is_object_ = object;
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }

  std::span<const std::string> names_;
  int depth_ = 0;
  bool is_object_ = false;
  std::optional<std::string> found_;
};

class JsonlWriter : public RowWriter {
 public:
  explicit JsonlWriter(const RowWriterOptions& options)
      : options_(options), list_(options.all_labels || options.top_k != 1) {
    for (const char* name : {"label", "score", "labels", "logits", "error"}) {
      const std::string_view field = name;
      const bool used = field == "labels" ? list_ : field == "logits" ? options.raw_logits : field == "error" || !list_;
      if (used) names_.push_back(options.output_prefix + name);
    }
    for (const Count& count : reading_counts(options, {})) names_.push_back(options.output_prefix + count.name);
  }

  void check(const Row& row) const override {
    const TopLevelKeys keys = read_keys(row);
    // A row that is no JSON object gets an error of its own, whatever its fields seem to be.
    if (keys.is_object() && keys.found()) refuse_name("field", *keys.found(), "a row of the input");
  }

  void append_header(std::string& /*out*/) const override {}

  void append(const Row& row, const Answer& answer, std::string& out) const override {
    open_object(row.raw, out);
    if (list_) {
      append_list(answer.predictions, out);
    } else {
      append_key("label", out);
      append_label(answer.predictions.front(), out);
      out += ", ";
      append_key("score", out);
      append_number(out, answer.predictions.front().score);
    }
    if (options_.raw_logits) append_logits(answer.logits, out);
    for (const Count& count : reading_counts(options_, answer)) {
      if (count.where_cut && count.value == 0) continue;
      out += ", ";
      append_key(count.name, out);
      out += std::to_string(count.value);
    }
    out += "}\n";
  }

  void append_error(const Row& row, std::string_view error, std::string& out) const override {
    const bool is_object = read_keys(row).is_object();
    open_object(is_object ? std::string_view{row.raw} : std::string_view{"{}"}, out);
    if (!is_object && !row.raw.empty()) {
      append_key("raw", out);
      append_string(row.raw, out);
      out += ", ";
    }
    append_key("error", out);
    append_string(error, out);
    out += "}\n";
  }

 private:
  TopLevelKeys read_keys(const Row& row) const {
    TopLevelKeys keys(names_);
    Json::sax_parse(row.raw, &keys);
    return keys;
  }

  void append_label(const Prediction& prediction, std::string& out) const {
    if (prediction.label == kNoLabel) {
      out += "null";
    } else {
      append_string(label_of(options_, prediction), out);
    }
  }

  /// The object as it stands but for its closing brace, ready for one more field.
  static void open_object(std::string_view raw, std::string& out) {
    constexpr std::string_view kSpace = " \t\r\n";
    raw = raw.substr(0, raw.find_last_of('}'));
    const std::size_t last = raw.find_last_not_of(kSpace);
    raw = raw.substr(0, last == std::string_view::npos ? 0 : last + 1);
    out += raw;
    if (!raw.ends_with('{')) out += ", ";
  }

  void append_key(std::string_view name, std::string& out) const {
    append_string(options_.output_prefix + std::string{name}, out);
    out += ": ";
  }

  static void append_string(std::string_view text, std::string& out) {
    out += Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
  }

  void append_list(std::span<const Prediction> predictions, std::string& out) const {
    append_key("labels", out);
    out += '[';
    std::string_view separator;
    for (const Prediction& prediction : predictions) {
      if (prediction.label == kNoLabel) continue;
      out += separator;
      out += "{\"label\": ";
      append_label(prediction, out);
      out += ", \"score\": ";
      append_number(out, prediction.score);
      out += '}';
      separator = ", ";
    }
    out += ']';
  }

  void append_logits(std::span<const float> logits, std::string& out) const {
    out += ", ";
    append_key("logits", out);
    std::string_view separator = "[";
    for (const float logit : logits) {
      out += separator;
      append_logit(out, logit);
      separator = ", ";
    }
    out += ']';
  }

  RowWriterOptions options_;
  bool list_;
  std::vector<std::string> names_;  ///< of the new fields
};

class CsvWriter : public RowWriter {
 public:
  explicit CsvWriter(const RowWriterOptions& options) : options_(options) {
    add("label");
    add("score");
    if (options.all_labels) {
      for (const std::string& label : options.labels) add("score_" + label);
    } else {
      const auto labels = static_cast<int32_t>(options.labels.size());
      ranks_ = options.top_k == 0 ? labels : std::min(options.top_k, labels);
      for (int32_t rank = 2; rank <= ranks_; ++rank) {
        add(fmt::format("label_{}", rank));
        add(fmt::format("score_{}", rank));
      }
    }
    if (options.raw_logits) {
      for (const std::string& label : options.labels) add("logit_" + label);
    }
    for (const Count& count : reading_counts(options, {})) add(count.name);
    add("error");
  }

  void check(const Row& /*row*/) const override {}

  void append_header(std::string& out) const override {
    if (options_.csv_style.byte_order_mark) out += "\xEF\xBB\xBF";
    for (const std::string& column : options_.columns) append_field(column, out);
    for (const std::string& name : names_) append_field(name, out);
    out.pop_back();
    end_row(out);
  }

  void append(const Row& row, const Answer& answer, std::string& out) const override {
    append_input(row, out);
    append_prediction(answer.predictions.front(), out);
    if (options_.all_labels) {
      append_scores(answer.predictions, out);
    } else {
      for (std::size_t rank = 1; rank < answer.predictions.size(); ++rank) {
        append_prediction(answer.predictions[rank], out);
      }
      for (std::size_t rank = answer.predictions.size(); rank < static_cast<std::size_t>(ranks_); ++rank) {
        out.append(2, options_.delimiter);
      }
    }
    if (options_.raw_logits) {
      for (const float logit : answer.logits) {
        append_logit(out, logit);
        out += options_.delimiter;
      }
    }
    for (const Count& count : reading_counts(options_, answer))
      out += fmt::format("{}{}", count.value, options_.delimiter);
    end_row(out);
  }

  void append_error(const Row& row, std::string_view error, std::string& out) const override {
    append_input(row, out);
    out.append(names_.size() - 1, options_.delimiter);
    append_field(error, out);
    out.pop_back();
    end_row(out);
  }

 private:
  void add(const std::string& name) {
    names_.push_back(options_.output_prefix + name);
    const auto& columns = options_.columns;
    if (std::find(columns.begin(), columns.end(), names_.back()) != columns.end()) {
      refuse_name("column", names_.back(), "the header of the input");
    }
  }

  void end_row(std::string& out) const { out += options_.csv_style.crlf ? "\r\n" : "\n"; }

  /// The field, quoted where RFC 4180 asks for it, and the delimiter behind it.
  void append_field(std::string_view field, std::string& out) const {
    if (field.find_first_of("\"\r\n") == std::string_view::npos && field.find(options_.delimiter) == field.npos) {
      out += field;
    } else {
      out += '"';
      for (const char c : field) out.append(c == '"' ? 2 : 1, c);
      out += '"';
    }
    out += options_.delimiter;
  }

  /// As many fields as the header has columns, whatever the row has.
  void append_input(const Row& row, std::string& out) const {
    for (std::size_t column = 0; column < options_.columns.size(); ++column) {
      append_field(column < row.fields.size() ? std::string_view{row.fields[column]} : std::string_view{}, out);
    }
  }

  void append_prediction(const Prediction& prediction, std::string& out) const {
    append_field(label_of(options_, prediction), out);
    append_number(out, prediction.score);
    out += options_.delimiter;
  }

  /// One score per label, in the labels' order.
  void append_scores(std::span<const Prediction> predictions, std::string& out) const {
    std::vector<float> scores(options_.labels.size());
    for (const Prediction& prediction : predictions) {
      scores[static_cast<std::size_t>(prediction.label)] = prediction.score;
    }
    for (const float score : scores) {
      append_number(out, score);
      out += options_.delimiter;
    }
  }

  RowWriterOptions options_;
  std::vector<std::string> names_;  ///< of the new columns; error is the last
  int32_t ranks_ = 1;
};

}  // namespace

std::unique_ptr<RowWriter> RowWriter::make(const RowWriterOptions& options) {
  switch (options.format) {
    case RowFormat::kTxt:
      return std::make_unique<TxtWriter>(options);
    case RowFormat::kJsonl:
      return std::make_unique<JsonlWriter>(options);
    case RowFormat::kCsv:
      return std::make_unique<CsvWriter>(options);
    case RowFormat::kAuto:
    case RowFormat::kTsv:
    case RowFormat::kJson:
      break;
  }
  throw Error{ErrorCode::kInternal, "[classify] rows are written as txt, csv or jsonl, and a reader says as which."};
}

}  // namespace paceline
