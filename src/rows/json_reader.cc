#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/json.h"
#include "rows/byte_rows.h"
#include "rows/json_row.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr std::string_view kSpace = " \t\r\n";
constexpr std::string_view kScalarEnd = ",:[]{}\" \t\r\n";

/// A number or a word above it is none.
constexpr std::size_t kMaxScalarBytes = 256;

constexpr uint64_t kMaxDepth = static_cast<uint64_t>(JsonLimits{}.max_depth);

/// A JSON value on one line: without the line ends between its parts and the indentation behind them. Within a string
/// there is no line end, or it is no JSON.
std::string on_one_line(std::string_view value) {
  std::string out;
  while (!value.empty()) {
    const std::size_t end = std::min(value.find_first_of("\r\n"), value.size());
    out.append(value.substr(0, end));
    value.remove_prefix(std::min(value.find_first_not_of(kSpace, end), value.size()));
  }
  return out;
}

/// Finds the end of a JSON value from its brackets and quotes alone.
class ValueEnd {
 public:
  enum class Step { kMore, kEnd, kBroken };

  Step take(char byte) {
    if (in_string_) return take_in_string(byte);
    in_string_ = byte == '"';
    if (byte == '{' || byte == '[') {
      if (depth_++ < kMaxDepth) open_[depth_ - 1] = byte;
    } else if (byte == '}' || byte == ']') {
      // '{' and '}' are as far apart as '[' and ']'.
      if (--depth_ < kMaxDepth && open_[depth_] + 2 != byte) return Step::kBroken;
    }
    return in_string_ || depth_ > 0 ? Step::kMore : Step::kEnd;
  }

  uint64_t depth() const { return depth_; }

 private:
  Step take_in_string(char byte) {
    if (byte == '\n') return Step::kBroken;  // a string never goes beyond its line
    in_string_ = escaped_ || byte != '"';
    escaped_ = !escaped_ && byte == '\\';
    return in_string_ || depth_ > 0 ? Step::kMore : Step::kEnd;
  }

  std::array<char, kMaxDepth> open_{};
  uint64_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

/// The elements of a JSON array, which are objects or strings; of several arrays if one follows another, on a line of
/// its own. What is no element is a row with an error, and reading goes on behind its line; so is an element without
/// its comma, and a comma without its element.
class JsonReader : public ByteRows {
 public:
  explicit JsonReader(RowInput input) : ByteRows(std::move(input)) {}

  bool next(Row& row) override {
    row = Row();
    while (true) {
      skip_space();
      const int byte = bytes().peek();
      if (byte == ByteReader::kEnd) return std::exchange(in_array_, false) && unfinished(row);
      if (is_separator(byte)) {
        bytes().get();
        if (const char* problem = take_separator(byte)) return refuse_separator(row, byte, problem);
      } else if (!in_array_) {
        return refuse_line(row, "text outside the array");
      } else if (byte == '}' || byte == ':') {
        return refuse_line(row, "the rest of something unfinished");
      } else {
        return read_listed(byte, row);
      }
    }
  }

  RowFormat format() const override { return RowFormat::kJsonl; }

 private:
  /// What was read last in an array.
  enum class Last { kBracket, kComma, kElement, kUnknown };

  std::string where() const { return fmt::format("element {}, line {}", elements_, line_); }

  void skip_space() {
    while (true) {
      const std::string_view rest = bytes().preview();
      const std::size_t space = std::min(rest.find_first_not_of(kSpace), rest.size());
      count_lines(rest.substr(0, space));
      bytes().take(space);
      if (space < rest.size() || rest.empty()) return;
    }
  }

  void count_lines(std::string_view part) {
    line_ += static_cast<uint64_t>(std::count(part.begin(), part.end(), '\n'));
  }

  /// What stands between elements: the brackets of the array, and commas in it.
  bool is_separator(int byte) const { return (in_array_ && byte == ',') || byte == (in_array_ ? ']' : '['); }

  /// What is wrong with it where it stands, null where nothing is.
  const char* take_separator(int byte) {
    const Last before = std::exchange(last_, byte == ',' ? Last::kComma : Last::kBracket);
    if (byte == '[') {
      in_array_ = true;
      return line_ == closing_line_ ? "a second array on the line of the first" : nullptr;
    }
    if (byte == ']') {
      in_array_ = false;
      closing_line_ = line_;
      return before == Last::kComma ? "a comma with no element behind it" : nullptr;
    }
    return before == Last::kComma || before == Last::kBracket ? "a comma with no element before it" : nullptr;
  }

  bool refuse_separator(Row& row, int byte, std::string_view problem) {
    ++elements_;
    row.raw = std::string(1, static_cast<char>(byte));
    row.error = fmt::format("[{}] {}, expected an element of a JSON array.", where(), problem);
    return true;
  }

  bool read_listed(int byte, Row& row) {
    const bool lacks_comma = std::exchange(last_, Last::kElement) == Last::kElement;
    const bool read = byte == '{' || byte == '[' || byte == '"' ? read_element(row) : read_scalar(row);
    if (lacks_comma && row.error.empty()) {
      row.text = Text();
      row.error = fmt::format("[{}] an element without a comma before it, expected one between two elements.", where());
    }
    return read;
  }

  bool unfinished(Row& row) {
    ++elements_;
    row.error = fmt::format("[{}] the input ends within its JSON array, expected \"]\". Is it complete?", where());
    return true;
  }

  /// A row for a value on the last line, which the input's end cuts off: all that was taken since the mark.
  bool cut_off(Row& row) {
    in_array_ = false;
    row.raw = readable(bytes().since_mark());
    return unfinished(row);
  }

  /// A row for the line from here on.
  bool refuse_line(Row& row, std::string_view problem) {
    ++elements_;
    last_ = Last::kUnknown;
    bytes().release();
    const ByteReader::Line status = bytes().read_line(scratch_, options().max_row_bytes);
    row.raw = status == ByteReader::Line::kWhole ? readable(scratch_) : excerpt(scratch_, kTooLongExcerptBytes);
    row.error = fmt::format("[{}] {}, expected an element of a JSON array. Reading goes on with line {}.", where(),
                            problem, line_ + 1);
    ++line_;
    return true;
  }

  /// The value is none of those that can be a row.
  bool read_scalar(Row& row) {
    ++elements_;
    for (int byte = bytes().peek(); byte != ByteReader::kEnd; byte = bytes().peek()) {
      if (kScalarEnd.find(static_cast<char>(byte)) != std::string_view::npos) break;
      if (row.raw.size() < kMaxScalarBytes) row.raw += static_cast<char>(byte);
      bytes().get();
    }
    row.raw = readable(row.raw);
    parse_json_row(row.raw, where(), options(), row);
    return true;
  }

  enum class Found { kWhole, kTooLong, kUnfinished };

  /// Takes a value and leaves it behind the mark. One that is too long or too deep is taken to its end where it is on a
  /// single line, as a whole array may be; over several lines it may have swallowed others and is unfinished.
  Found take_value() {
    using Step = ValueEnd::Step;
    ValueEnd end;
    bool too_long = false;
    bytes().mark();
    for (Step step = Step::kMore; step != Step::kEnd;) {
      const std::string_view rest = bytes().preview();
      if (rest.empty()) return too_long ? Found::kTooLong : Found::kUnfinished;
      std::size_t length = 0;
      while (length < rest.size() && step == Step::kMore && (too_long || end.depth() <= kMaxDepth)) {
        step = end.take(rest[length++]);
      }
      bytes().take(length);
      if (step == Step::kBroken) return too_long ? Found::kTooLong : Found::kUnfinished;
      if (too_long || (end.depth() <= kMaxDepth && bytes().since_mark().size() <= options().max_row_bytes)) continue;
      too_long = true;
      if (bytes().since_mark().find('\n') != std::string_view::npos) return Found::kUnfinished;
      bytes().release();
    }
    return too_long ? Found::kTooLong : Found::kWhole;
  }

  bool read_element(Row& row) {
    const bool is_string = bytes().peek() == '"';
    const Found found = take_value();
    if (found == Found::kUnfinished) {
      const bool on_one_line = bytes().since_mark().find('\n') == std::string_view::npos;
      if (on_one_line && bytes().peek() == ByteReader::kEnd) return cut_off(row);
      bytes().rewind();
      return refuse_line(row, "a value that does not end as it should");
    }
    ++elements_;
    if (found == Found::kTooLong) {
      row.error = fmt::format("[{}] longer than the {} bytes or deeper than the {} levels a row may have. Split it.",
                              where(), options().max_row_bytes, kMaxDepth);
      return true;
    }
    const std::string value(bytes().since_mark());
    skip_space_on_line();
    if (is_string && bytes().peek() == ':') {
      bytes().rewind();
      --elements_;
      return refuse_line(row, "a key outside an object");
    }
    fill(value, is_string, row);
    count_lines(value);
    return true;
  }

  /// A key may stand before its colon with a blank between.
  void skip_space_on_line() {
    while (bytes().peek() == ' ' || bytes().peek() == '\t') bytes().get();
  }

  void fill(const std::string& value, bool is_string, Row& row) const {
    if (const auto fault = find_fault(value)) {
      row.raw = on_one_line(readable(value));
      row.error = fmt::format("[{}] byte {} {}.", where(), fault->at, fault->problem);
      return;
    }
    row.raw = on_one_line(value);
    if (!is_string) return parse_json_row(value, where(), options(), row);
    std::string key = options().text_column.value_or("");
    for (const std::string& other : {options().pair_column, options().label_column}) {
      if (!other.empty()) key = other;
    }
    if (!key.empty()) {
      row.error = fmt::format("[{}] a JSON string, expected an object with the key \"{}\".", where(), excerpt(key));
      return;
    }
    row.raw = fmt::format("{{\"{}\": {}}}", kDefaultTextColumn, row.raw);
    parse_json_row(row.raw, where(), options(), row);
  }

  std::string scratch_;
  uint64_t elements_ = 0;
  uint64_t line_ = 1;          ///< of the next byte
  uint64_t closing_line_ = 0;  ///< on which the last array ended
  bool in_array_ = false;
  Last last_ = Last::kUnknown;
};

}  // namespace

std::unique_ptr<RowReader> make_json_reader(RowInput input) { return std::make_unique<JsonReader>(std::move(input)); }

}  // namespace paceline
