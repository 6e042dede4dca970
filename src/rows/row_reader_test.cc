#include "rows/row_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/file.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "rows/row_readers.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::unique_ptr<RowReader> open_text(std::string_view bytes, const std::string& path,
                                     const RowReaderOptions& options = {}) {
  return open_rows(make_memory_source(bytes), path, options);
}

std::vector<Row> rows_of(RowReader& reader) {
  std::vector<Row> rows;
  for (Row row; reader.next(row);) rows.push_back(row);
  return rows;
}

std::vector<Row> rows_of(std::string_view bytes, const std::string& path, const RowReaderOptions& options = {}) {
  return rows_of(*open_text(bytes, path, options));
}

std::vector<std::string> texts_of(const std::vector<Row>& rows) {
  std::vector<std::string> texts;
  for (const Row& row : rows) texts.push_back(row.error.empty() ? row.text.first : "error: " + row.error);
  return texts;
}

void write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// Standard input is this file as long as the object lives.
class RedirectedInput {
 public:
  explicit RedirectedInput(const std::filesystem::path& path) : saved_(::dup(STDIN_FILENO)) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    ::dup2(::fileno(file), STDIN_FILENO);
    std::fclose(file);
  }
  RedirectedInput(const RedirectedInput&) = delete;
  RedirectedInput& operator=(const RedirectedInput&) = delete;
  ~RedirectedInput() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }

 private:
  int saved_;
};

TEST(TxtReader, EachLineIsAText) {
  EXPECT_THAT(texts_of(rows_of("un\n\ntrois\n", "a.txt")), ElementsAre("un", "", "trois"));
  EXPECT_THAT(texts_of(rows_of("un\r\ndeux", "a.txt")), ElementsAre("un", "deux"));
  EXPECT_THAT(texts_of(rows_of("\n", "a.txt")), ElementsAre(""));
  EXPECT_THAT(texts_of(rows_of("a\rb\nc\rd", "a.txt")), ElementsAre("a\rb", "c\rd")) << "a CR beside LF ends no line";
}

TEST(TxtReader, SkipsAByteOrderMark) {
  EXPECT_THAT(texts_of(rows_of("\xEF\xBB\xBFun\n\xEF\xBB\xBF", "a.txt")), ElementsAre("un", "\xEF\xBB\xBF"));
}

TEST(TxtReader, NeverEchoesInvalidBytes) {
  const std::vector<Row> rows = rows_of("bon\nna\xEFve\nbon", "a.txt");
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(
      rows[1].error,
      "[line 2] byte 2 is not UTF-8. Convert the file, for example with iconv -f WINDOWS-1252 -t UTF-8 IN > OUT.");
  EXPECT_EQ(rows[1].raw, "na\xEF\xBF\xBDve");
  EXPECT_EQ(rows[1].text.first, "");
  EXPECT_EQ(rows[2].text.first, "bon");
}

TEST(TxtReader, BoundsTheRow) {
  const RowReaderOptions options{.max_row_bytes = 4};
  EXPECT_THAT(texts_of(rows_of("abcd\r\nabcde\nef\n", "a.txt", options)),
              ElementsAre("abcd", HasSubstr("[line 2] longer than the 4 bytes"), "ef"));
}

TEST(TxtReader, ReadsALineOfTenMegabytes) {
  const std::string line(std::size_t{10} << 20, 'x');
  EXPECT_THAT(texts_of(rows_of(line + "\nfin", "a.txt")), ElementsAre(line, "fin"));
}

TEST(TxtReader, SkipsTheRestOfALineAboveTheLimit) {
  // Longer than the reader's buffer, so that the rest is skipped over several reads.
  const RowReaderOptions options{.max_row_bytes = 1000};
  const std::vector<Row> rows = rows_of(std::string(1'000'000, 'x') + "\nfin", "a.txt", options);
  EXPECT_THAT(texts_of(rows), ElementsAre(HasSubstr("longer than"), "fin"));
  EXPECT_LE(rows[0].raw.size(), kTooLongExcerptBytes + 3);
}

TEST(TxtReader, CountsBytes) {
  const auto reader = open_text("un\ndeux\n", "a.txt");
  EXPECT_EQ(reader->bytes_total(), 8U);
  Row row;
  reader->next(row);
  EXPECT_EQ(reader->bytes_read(), 3U);
  reader->next(row);
  EXPECT_EQ(reader->bytes_read(), 8U);
  EXPECT_FALSE(reader->next(row));
  EXPECT_FALSE(reader->next(row)) << "the end stays the end";
  EXPECT_EQ(reader->bytes_read(), 8U);
}

TEST(RowReader, TellsTheFormat) {
  const auto format = [](std::string_view bytes, const std::string& path) { return open_text(bytes, path)->format(); };
  EXPECT_EQ(format("{}", "a.txt"), RowFormat::kTxt);
  EXPECT_EQ(format("text\n", "a.CSV"), RowFormat::kCsv);
  EXPECT_EQ(format("x", "a.jsonl"), RowFormat::kJsonl);
  EXPECT_EQ(format("x", "a.ndjson"), RowFormat::kJsonl);
  EXPECT_EQ(format("\n {\"text\": \"\"}", "-"), RowFormat::kJsonl);
  EXPECT_EQ(format("text,label\n", "-"), RowFormat::kTxt);
  EXPECT_EQ(format("text\tlabel\n", "a.tsv"), RowFormat::kCsv);
  EXPECT_EQ(format("[{\"text\": \"a\"}]", "-"), RowFormat::kJsonl);
  EXPECT_EQ(format("[\n \"a\"]", "-"), RowFormat::kJsonl);
  EXPECT_EQ(format("[music] a text", "-"), RowFormat::kTxt);
  EXPECT_EQ(format("[\"a\"]", "a.txt"), RowFormat::kTxt);
  EXPECT_EQ(format("[\n{\"text\": \"a\"}]", "a.jsonl"), RowFormat::kJsonl);
  EXPECT_EQ(open_text("text\n", "a.txt", {.format = RowFormat::kCsv})->format(), RowFormat::kCsv);
}

TEST(RowReader, NamesItsFormats) {
  EXPECT_EQ(row_format_name(RowFormat::kAuto), "auto");
  EXPECT_EQ(row_format_name(RowFormat::kTxt), "txt");
  EXPECT_EQ(row_format_name(RowFormat::kCsv), "csv");
  EXPECT_EQ(row_format_name(RowFormat::kTsv), "tsv");
  EXPECT_EQ(row_format_name(RowFormat::kJsonl), "jsonl");
  EXPECT_EQ(row_format_name(RowFormat::kJson), "json");
}

TEST(RowReader, RefusesWhatHoldsNoTexts) {
  const TemporaryFolder folder;
  write(folder / "empty.txt", "");
  write(folder / "mark.txt", "\xEF\xBB\xBF");
  const auto open = [&](const std::string& name) { RowReader::open(folder / name, {}); };
  expect_error(
      ErrorCode::kCorruptData, [&] { open("empty.txt"); }, "empty.txt", "empty, expected");
  expect_error(
      ErrorCode::kCorruptData, [&] { open("mark.txt"); }, "empty");
  expect_error(
      ErrorCode::kNotFound, [&] { open("missing.txt"); }, "missing.txt", "No such file");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { open(""); }, "is a folder");
  expect_error(
      ErrorCode::kInvalidArgument, [] { open_text("x", "a.txt", {.pair_column = "b"}); }, "txt", "\"b\"", "CSV");
  expect_error(
      ErrorCode::kInvalidArgument, [] { open_text("x", "a.csv", {.text_column = ""}); }, "column");
}

// A flag is honoured or refused.
TEST(RowReader, RefusesWhatTheFormatDoesNotHave) {
  const auto open = [](const char* path, const RowReaderOptions& options) {
    return [=] { open_text("text,b\nx,y\n", path, options); };
  };
  const ErrorCode code = ErrorCode::kInvalidArgument;
  expect_error(code, open("a.txt", {.text_column = "text"}), "read as txt", "--text-column \"text\"", "--format");
  expect_error(code, open("-", {.text_column = "review"}), "read as txt", "--format");
  expect_error(code, open("a.txt", {.format = RowFormat::kTxt, .delimiter = ';'}), "no delimiter", "a semicolon");
  expect_error(code, open("a.jsonl", {.delimiter = ','}), "read as jsonl", "no delimiter");
  expect_error(code, open("a.csv", {.format = RowFormat::kTsv, .delimiter = ','}), "a tab", "a comma");
  EXPECT_EQ(open_text("text,b\nx,y\n", "a.txt", {.delimiter = ','})->format(), RowFormat::kCsv);
}

TEST(RowReader, ReadsFilesAndStandardInput) {
  const TemporaryFolder folder;
  write(folder / "a.txt", "un\ndeux\n");
  EXPECT_THAT(texts_of(rows_of(*RowReader::open(folder / "a.txt", {}))), ElementsAre("un", "deux"));
  const RedirectedInput input(folder / "a.txt");
  EXPECT_THAT(texts_of(rows_of(*RowReader::open("-", {}))), ElementsAre("un", "deux"));
}

TEST(RowReader, DoesNotKnowTheSizeOfAPipe) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  // In two parts, to see that the byte order mark is found across them.
  ASSERT_EQ(::write(ends[1], "\xEF", 1), 1);
  ASSERT_EQ(::write(ends[1], "\xBB\xBFun", 4), 4);
  ::close(ends[1]);
  const auto reader = RowReader::open("/dev/fd/" + std::to_string(ends[0]), {});
  EXPECT_EQ(reader->bytes_total(), 0U);
  EXPECT_THAT(texts_of(rows_of(*reader)), ElementsAre("un"));
  ::close(ends[0]);
}

TEST(RowReader, CollectsTheUsableTexts) {
  const TemporaryFolder folder;
  write(folder / "a.jsonl", "{\"text\": \"un\"}\nnot JSON\n{\"text\": \"deux\"}\n");
  const TextSet set = read_all_texts(folder / "a.jsonl", {});
  ASSERT_EQ(set.texts.size(), 2U);
  EXPECT_EQ(set.texts[1].first, "deux");
  EXPECT_EQ(set.skipped, 1U);
  EXPECT_THAT(set.notes, ElementsAre(HasSubstr("1 of 3 rows of a.jsonl cannot be read and are left out. The first: "
                                               "[line 2]")));
}

TEST(JsonlReader, TakesTheTextFromItsKey) {
  const std::vector<Row> rows = rows_of("{\"text\": \"caf\\u00e9\\n\", \"id\": 1}\r\n{\"text\":\"\"}", "a.jsonl");
  EXPECT_THAT(texts_of(rows), ElementsAre("caf\xC3\xA9\n", ""));
  EXPECT_EQ(rows[0].raw, "{\"text\": \"caf\\u00e9\\n\", \"id\": 1}");
  EXPECT_FALSE(rows[0].text.second.has_value());
}

TEST(JsonlReader, ReadsPairs) {
  const RowReaderOptions options{.text_column = "a", .pair_column = "b"};
  const std::vector<Row> rows = rows_of("{\"a\": \"x\", \"b\": \"y\"}\n{\"a\": \"x\"}\n", "a.jsonl", options);
  EXPECT_EQ(rows[0].text.second, "y");
  EXPECT_THAT(rows[1].error, HasSubstr("no key \"b\""));
  EXPECT_EQ(rows[1].text.first, "") << "half a pair is no text";
}

TEST(JsonlReader, SaysWhatIsWrongWithARow) {
  const auto error = [](std::string_view line) { return rows_of(line, "a.jsonl").at(0).error; };
  EXPECT_THAT(error("{\"text\": \"x\""), HasSubstr("[line 1] "));
  EXPECT_THAT(error("[1]"), HasSubstr("a JSON array, expected an object"));
  EXPECT_THAT(error("{\"test\": \"x\"}"), HasSubstr("no key \"text\". Did you mean \"test\"?"));
  EXPECT_THAT(error("{\"text\": 5}"), HasSubstr("the value of \"text\" is a JSON number, expected a string"));
  EXPECT_THAT(error("{\"text\": null}"), HasSubstr("null"));
  EXPECT_THAT(error("{\"text\": \"x\", \"text\": \"y\"}"), HasSubstr("twice"));
  EXPECT_THAT(error("{\"text\": \"\xFF\"}"), HasSubstr("byte 10 is not UTF-8"));
  EXPECT_THAT(error("{\"text\": \"x\", \"y\": " + std::string(100, '[') + std::string(100, ']') + "}"),
              HasSubstr("[line 1]"));
  EXPECT_THAT(texts_of(rows_of("\n{\"text\": \"x\"}\n \t\r\n5\n", "a.jsonl")), ElementsAre("x", HasSubstr("[line 4]")))
      << "a blank line is no row";
  EXPECT_EQ(rows_of("{\"text\": \"\xFF\"}", "a.jsonl")[0].raw, "{\"text\": \"\xEF\xBF\xBD\"}");
}

TEST(CsvReader, UnderstandsQuotes) {
  const std::vector<Row> rows =
      rows_of("id,text\r\n1,\"un, deux\"\n2,\"dit \"\"oui\"\"\"\r\n3,\"sur\nlignes\"\n4,a \"b\" c\n5,\"\"\n", "a.csv");
  EXPECT_THAT(texts_of(rows), ElementsAre("un, deux", "dit \"oui\"", "sur\nlignes", "a \"b\" c", ""));
  EXPECT_THAT(rows[0].fields, ElementsAre("1", "un, deux"));
  EXPECT_THAT(rows[0].raw, IsEmpty());
}

TEST(CsvReader, KnowsItsColumns) {
  const auto reader = open_text("\xEF\xBB\xBF\"a,1\",text\nx,y\n", "a.csv", {.pair_column = "a,1"});
  EXPECT_THAT(reader->columns(), ElementsAre("a,1", "text"));
  Row row;
  ASSERT_TRUE(reader->next(row));
  EXPECT_EQ(row.text.first, "y");
  EXPECT_EQ(row.text.second, "x");
  EXPECT_FALSE(reader->next(row));
}

TEST(CsvReader, RefusesAHeaderItCannotUse) {
  const auto open = [](std::string_view bytes) { return [bytes] { open_text(bytes, "a.csv"); }; };
  expect_error(ErrorCode::kCorruptData, open("id,texte\n"), "a.csv", "no column \"text\"", "\"texte\"", "id, texte");
  expect_error(ErrorCode::kCorruptData, open("text,text\n"), "\"text\" twice");
  expect_error(ErrorCode::kCorruptData, open("\xFF,text\n"), "not UTF-8");
  expect_error(ErrorCode::kCorruptData, open("\"text"), "never closed");
  expect_error(ErrorCode::kCorruptData, open(std::string_view("text\n").substr(0, 0)), "empty");
  expect_error(ErrorCode::kCorruptData, open(std::string(20'000, ',')), "20001 columns");
  expect_error(
      ErrorCode::kCorruptData, [] { open_text("text,other\n", "a.csv", {.max_row_bytes = 4}); }, "more than 4 bytes");
}

TEST(CsvReader, SaysWhatIsWrongWithARow) {
  const std::vector<Row> rows = rows_of("id,text\n1\n2,b,c,d\n3,\"\xE9\"\n4,\"d\"e\n5,\"e", "a.csv");
  EXPECT_THAT(
      texts_of(rows),
      ElementsAre(HasSubstr("[line 2] 1 fields, expected 2"), HasSubstr("[line 3] 4 fields, expected 2"),
                  HasSubstr("[line 4] column \"text\" is not UTF-8"), HasSubstr("[line 5] text behind a closing quote"),
                  HasSubstr("[line 6] a quote that is never closed")));
  EXPECT_THAT(rows[0].fields, ElementsAre("1", ""));
  EXPECT_THAT(rows[1].fields, ElementsAre("2", "b"));
  EXPECT_THAT(rows[2].fields, ElementsAre("3", "\xEF\xBF\xBD"));
}

TEST(CsvReader, NumbersLinesNotRecords) {
  EXPECT_THAT(texts_of(rows_of("text\n\"a\n\nb\"\nc,d\n", "a.csv")), ElementsAre("a\n\nb", HasSubstr("[line 5]")));
}

TEST(CsvReader, AnEmptyLineIsARowOfOneEmptyField) {
  EXPECT_THAT(texts_of(rows_of("text\n\na\n", "a.csv")), ElementsAre("", "a"));
}

TEST(CsvReader, PassesOverBlankLinesOfSeveralColumns) {
  EXPECT_THAT(texts_of(rows_of("\n\r\nid,text\n\n1,a\n\r\n\n2,b\n\n", "a.csv")), ElementsAre("a", "b"));
  EXPECT_THAT(texts_of(rows_of("id,text\n,\n", "a.csv")), ElementsAre("")) << "a line of delimiters is a row";
}

TEST(CsvReader, BoundsTheRecord) {
  const RowReaderOptions options{.max_row_bytes = 10};
  const std::vector<Row> rows = rows_of("id,text\n1,\"" + std::string(100'000, 'x') + "\"\n2,z\n", "a.csv", options);
  EXPECT_THAT(texts_of(rows), ElementsAre(HasSubstr("[line 2] longer than the 10 bytes"), "z"));
  EXPECT_LE(rows[0].fields[1].size(), kTooLongExcerptBytes + 3);
}

// One quote that nobody closes must not swallow what follows it.
TEST(CsvReader, AStrayQuoteCostsItsLineAlone) {
  const auto texts = [](std::string_view rows, const RowReaderOptions& options = {}) {
    return texts_of(rows_of("text,b\n" + std::string(rows), "a.csv", options));
  };
  const auto error = HasSubstr("[line 3] a quote that is never closed");
  EXPECT_THAT(texts("a,1\n\"open,2\nb,3\r\nc,4"), ElementsAre("a", error, "b", "c"));
  EXPECT_THAT(texts("a,1\n\"open,2\nb,3\n\"fine,\n\"\"too\"\"\",4\n"),
              ElementsAre("a", HasSubstr("[line 3] text behind a closing quote on line 5"), "b", "fine,\n\"too\""));
  EXPECT_THAT(texts("a,1\n\"open,2\nb,3\nc,\"4\"\nd,5\n"),
              ElementsAre("a", HasSubstr("Reading goes on with line 4"), "b", "c", "d"));
  EXPECT_THAT(texts("\"open,2\n" + std::string(200'000, 'x') + ",3\n", {.max_row_bytes = 250'000}),
              ElementsAre(HasSubstr("[line 2]"), std::string(200'000, 'x')));
  std::string many = "\"open,2\n";
  for (int i = 0; i < 1000; ++i) many += "row,3\n";
  const std::vector<Row> rows = rows_of("text,b\n" + many, "a.csv", {.max_row_bytes = 100});
  ASSERT_EQ(rows.size(), 1001U);
  EXPECT_THAT(rows[0].error, HasSubstr("[line 2] a quote that is not closed within 100 bytes"));
  EXPECT_THAT(rows[0].fields, ElementsAre("open,2", "")) << "the row keeps what stands in it";
  EXPECT_EQ(rows[1000].text.first, "row");
}

TEST(CsvReader, QuotedLinesStayOneRow) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "line, with \"\"quotes\"\"\n";
  const std::vector<Row> rows = rows_of("text,b\n\"" + text + "\",1\nc,2\n", "a.csv");
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].error, "");
  EXPECT_EQ(rows[0].text.first.size(), 1'000'000U);
}

// Every way to put a stray quote costs time in proportion to the input.
TEST(CsvReader, StrayQuotesTakeNoSquareTime) {
  for (const std::string& line : {std::string("\"a,b\n"), std::string("x\",\"\n"), std::string("\"\"\"\",\"\n")}) {
    std::string content = "text,b\n";
    for (int i = 0; i < 100'000; ++i) content += line;
    EXPECT_GE(rows_of(content, "a.csv").size(), 50'000U) << line;
  }
}

// As in the files of GLUE, which are written without quoting.
TEST(TsvReader, QuotesThatMeanNothingAreCharacters) {
  const auto texts = [](std::string_view rows, const char* header = "text\tlabel\n") {
    return texts_of(rows_of(std::string(header) + std::string(rows), "train.tsv"));
  };
  EXPECT_THAT(texts("\"Hello\t1\nhe said \"no\" and\t0\nlast\t1\n"),
              ElementsAre("\"Hello", "he said \"no\" and", "last"));
  EXPECT_THAT(texts("\"Hello\t1\r\nworld\"\t0\r\n"), ElementsAre("\"Hello", "world\""))
      << "two rows, and no row over two lines";
  EXPECT_THAT(texts("\"one\" of them\t1\n\"two\"\t0\n"), ElementsAre("\"one\" of them", "two"));
  EXPECT_THAT(texts("1\t\"open\n2\tb\n3\tc\"\n4\t\"last", "id\ttext\n"), ElementsAre("\"open", "b", "c\"", "\"last"));
  EXPECT_THAT(texts("\"a\t\"b\"\t1\nc\td\t0\n", "text\tpair\tlabel\n"), ElementsAre("\"a", "c"));
  EXPECT_THAT(texts("\"Hello\n\"Hello\t1\t2\nfine\t3\n"),
              ElementsAre(HasSubstr("[line 2] 1 fields, expected 2"), HasSubstr("[line 3] 3 fields"), "fine"));
  const std::vector<Row> rows = rows_of("text\tlabel\n\"Hello\t1\n", "a.csv", {.delimiter = '\t'});
  EXPECT_THAT(rows.at(0).fields, ElementsAre("\"Hello", "1"));
}

TEST(TsvReader, QuotesThatMeanSomethingAreRead) {
  const auto texts = [](std::string_view rows, const char* header = "text\tlabel\n") {
    return texts_of(rows_of(std::string(header) + std::string(rows), "a.tsv"));
  };
  EXPECT_THAT(texts("\"a\tb\"\t1\n\"say \"\"yes\"\"\"\t0\n"), ElementsAre("a\tb", "say \"yes\""));
  EXPECT_THAT(texts("\"one\nand two\"\t1\nb\t0\n"), ElementsAre("one\nand two", "b"));
  EXPECT_THAT(texts("1\t\"one\n\nand two\"\n2\tb\n", "id\ttext\n"), ElementsAre("one\n\nand two", "b"));
  EXPECT_THAT(texts("\"one\nand two\"\nb\n", "text\n"), ElementsAre("one\nand two", "b"));
}

TEST(TsvReader, StrayQuotesTakeNoSquareTime) {
  for (const std::string& line :
       {std::string("\"a\tb\n"), std::string("x\"\t\"\n"), std::string("\"\"\"\"\t\"\n"), std::string("a\t\"\"\"\n")}) {
    std::string content = "text\tb\n";
    for (int i = 0; i < 100'000; ++i) content += line;
    EXPECT_EQ(rows_of(content, "a.tsv").size(), 100'000U) << line;
  }
  const std::string lines = "\"a\tb\n" + std::string(200'000, 'x') + "\t1\n";
  EXPECT_EQ(rows_of("text\tb\n" + lines, "a.tsv", {.max_row_bytes = 250'000}).size(), 2U);
}

TEST(CsvReader, TakesTheDelimiterThatIsNamed) {
  const auto texts = [](std::string_view bytes, const RowReaderOptions& options) {
    return texts_of(rows_of(bytes, "a.csv", options));
  };
  EXPECT_THAT(texts("id;text\n1;a, b\n2;\"c;d\"\n", {.delimiter = ';'}), ElementsAre("a, b", "c;d"));
  EXPECT_THAT(texts("id|text\n1|a\n", {.delimiter = '|'}), ElementsAre("a"));
  EXPECT_THAT(texts("id\ttext\n1\ta;b\n", {.format = RowFormat::kTsv}), ElementsAre("a;b"));
  EXPECT_THAT(texts_of(rows_of("id\ttext\n1\ta\n", "a.TSV")), ElementsAre("a"));
  EXPECT_EQ(open_text("id\ttext\n", "a.tsv")->delimiter(), '\t');
  EXPECT_EQ(open_text("sep=;\r\ntext;b\r\n", "a.csv")->delimiter(), ';');
  EXPECT_THAT(texts("sep=;\ntext;b\na\n", {}), ElementsAre(HasSubstr("[line 3] 1 fields")));
  expect_error(
      ErrorCode::kCorruptData, [] { open_text("id;text\n", "a.csv", {.delimiter = ','}); }, "no column \"text\"",
      "is it a semicolon? Then name it with --delimiter, and the column of the texts with --text-column");
}

TEST(CsvReader, SaysHowTheFileWasSaved) {
  const auto style = [](std::string_view bytes) { return open_text(bytes, "a.csv")->csv_style(); };
  EXPECT_TRUE(style("\xEF\xBB\xBFid,text\r\n1,a\r\n").byte_order_mark);
  EXPECT_TRUE(style("\xEF\xBB\xBFid,text\r\n1,a\r\n").crlf);
  EXPECT_TRUE(style("sep=;\r\n\"i\nd\";text\r\n1;a\r\n").crlf);
  EXPECT_FALSE(style("id,text\n1,a\r\n").byte_order_mark);
  EXPECT_FALSE(style("id,text\n1,a\r\n").crlf);
  EXPECT_FALSE(style("text").crlf);
}

TEST(CsvReader, FindsTheDelimiterWhereOnlyOneFits) {
  const auto reader = open_text("id;\"text\";n\n1;\"a;b\";2\n", "a.csv");
  EXPECT_THAT(reader->notes(), ElementsAre(HasSubstr("has a semicolon between its fields")));
  EXPECT_EQ(reader->delimiter(), ';');
  EXPECT_THAT(texts_of(rows_of(*reader)), ElementsAre("a;b"));
  EXPECT_THAT(open_text("text,b;c\n", "a.csv")->notes(), IsEmpty()) << "a comma comes first";
  EXPECT_THAT(open_text("id\treview\n", "a.csv", {.text_column = "review"})->notes(), ElementsAre(HasSubstr("a tab")));
  expect_error(
      ErrorCode::kCorruptData, [] { open_text("id;review\n", "a.csv"); }, "no column \"text\"",
      "A comma was expected between fields: is it a semicolon?");
  expect_error(
      ErrorCode::kCorruptData,
      [] { open_text("\"ID\";Avis client;Note\n1;bon;5\n", "a.csv", {.text_column = "Avis Client"}); },
      "no column \"Avis Client\". Did you mean \"Avis client\"? Known: ID, \"Avis client\", Note. A comma",
      "is it a semicolon?");
  expect_error(
      ErrorCode::kCorruptData, [] { open_text("id;caf\xE9\n", "a.csv"); }, "a name that is not UTF-8", "iconv -f");
  expect_error(
      ErrorCode::kCorruptData, [] { open_text("x|text;text|y\n", "a.csv", {.pair_column = "y"}); }, "no column");
}

TEST(RowReader, SaysWhatWasGuessedWhereItMaySurprise) {
  const auto notes = [](std::string_view bytes, const std::string& path, const RowReaderOptions& options = {}) {
    return open_text(bytes, path, options)->notes();
  };
  constexpr std::string_view kTable = "id,label,text\n1,a,b\n";
  constexpr std::string_view kObject = "{\"text\": \"a\"}\n";
  EXPECT_THAT(notes(kTable, "-"), ElementsAre("[standard input] is read as txt, a text on each line, but begins like a "
                                              "table. --format csv reads it as one"));
  for (const char* table :
       {"text\na\n", "\"id\";\"avis\"\n1;bon\n", "id|text\r\n\"1", "a_1,b-2\nx,y,z\n", "cat\xC3\xA9gorie,avis\nx,y"}) {
    EXPECT_THAT(notes(table, "-"), ElementsAre(HasSubstr("--format csv reads"))) << table;
  }
  EXPECT_THAT(notes("label\ttext\n1\ta\n", "/dev/fd/63"), ElementsAre(HasSubstr("--format tsv reads")));
  EXPECT_THAT(notes(kObject, "-"), ElementsAre(HasSubstr("[standard input] is read as jsonl, as its first bytes")));
  EXPECT_THAT(notes("[\"a\"]", "texts"), ElementsAre(HasSubstr("[texts] is read as json, as its first bytes")));
  EXPECT_THAT(notes("a\n", "a.log"), ElementsAre("[a.log] is read as txt, as its ending .log names no format. --format "
                                                 "overrides this"));
  EXPECT_THAT(notes(kTable, "a.log"), ElementsAre(HasSubstr("begins like a table")));
  EXPECT_THAT(notes("text\nb\n", "a.txt", {.delimiter = ','}),
              ElementsAre("[a.txt] is read as csv, as --delimiter is given; its ending says txt"));
}

TEST(RowReader, SaysNothingOfWhatIsUsual) {
  const auto notes = [](std::string_view bytes, const std::string& path, const RowReaderOptions& options = {}) {
    return open_text(bytes, path, options)->notes();
  };
  constexpr std::string_view kTable = "id,text\n1,b\n";
  constexpr std::string_view kObject = "{\"text\": \"a\"}\n";
  for (const char* prose : {"hello\n", "text\n", "yes,no\n", "Hello, world\nand, more\n", "yes,no\nmaybe\n",
                            "1,2\n3,4\n", "one\ntwo\n", "wait...\nwhat\n"}) {
    EXPECT_THAT(notes(prose, "-"), IsEmpty()) << prose;
  }
  EXPECT_THAT(notes(kTable, "a.txt"), IsEmpty());
  EXPECT_THAT(notes(kTable, "a.CSV"), IsEmpty());
  EXPECT_THAT(notes("id\ttext\n1\tb\n", "a.tab"), IsEmpty());
  EXPECT_THAT(notes(kObject, "a.jsonl"), IsEmpty());
  EXPECT_THAT(notes(kObject, "a.json.gz"), IsEmpty());
  EXPECT_THAT(notes("a\n", "texts.gz"), IsEmpty());
  for (const RowFormat format : {RowFormat::kTxt, RowFormat::kCsv}) {
    EXPECT_THAT(notes(kTable, "-", {.format = format}), IsEmpty());
    EXPECT_THAT(notes(kTable, "a.log", {.format = format}), IsEmpty());
  }
  EXPECT_THAT(notes(kTable, "-", {.delimiter = ','}), IsEmpty());
}

TEST(RowReader, NulsAreNoText) {
  const std::string nul("a long enough text\na\0b\nanother one\n", 35);
  EXPECT_THAT(texts_of(rows_of(nul, "a.txt")),
              ElementsAre("a long enough text", HasSubstr("[line 2] byte 1 is a NUL"), "another one"));
  EXPECT_EQ(rows_of(nul, "a.txt")[1].raw,
            "a\xEF\xBF\xBD"
            "b");
  const std::string csv("id,text\n1,a long enough text\n2,x\0\n", 34);
  EXPECT_THAT(texts_of(rows_of(csv, "a.csv"))[1], HasSubstr("[line 3] column \"text\" is a NUL"));
}

// As where a user interrupts a program that waits for a terminal.
TEST(RowReader, AStopEndsTheWaitForAPipe) {
  const TemporaryFolder folder;
  const std::filesystem::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int writer = ::open(pipe.c_str(), O_RDWR);  // read and write, so that opening waits for nobody
  ASSERT_GE(writer, 0);
  ASSERT_EQ(::write(writer, "one\ntwo", 7), 7);
  std::stop_source stop;
  const auto reader = RowReader::open(pipe, {.format = RowFormat::kTxt, .stop = stop.get_token()});
  Row row;
  ASSERT_TRUE(reader->next(row));
  EXPECT_EQ(row.text.first, "one");
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_TRUE(reader->next(row)) << "what has come is a last line";
  EXPECT_FALSE(reader->next(row));
  stopper.join();
  ::close(writer);
}

TEST(RowReader, RefusesRowsWithoutALabelWhereAsked) {
  const TemporaryFolder folder;
  const RowReaderOptions options{.label_column = "label"};
  const auto faults = [&](const std::string& name, std::string_view content, bool blank_too) {
    write_file_atomically(folder / name, content);
    const auto reader = refuse_unlabelled_rows(RowReader::open(folder / name, options), blank_too);
    std::vector<bool> lacking;
    for (Row row; reader->next(row);) {
      lacking.push_back(!row.error.empty());
      if (row.error.empty()) continue;
      EXPECT_EQ(row.fault, RowFault::kUnlabelled);
      EXPECT_EQ(row.error, fmt::format("[row {}] no label, expected one.", lacking.size()));
      EXPECT_EQ(row.text.first, "");
    }
    return lacking;
  };
  const std::string csv = "text,label\na,x\nb,\nc, \nd,null\n";
  EXPECT_THAT(faults("a.csv", csv, true), testing::ElementsAre(false, true, true, false));
  EXPECT_THAT(faults("b.csv", csv, false), testing::Each(false));
  const std::string json =
      R"([{"text":"a","label":null},{"text":"b","label":""},{"text":"c","label":" \n"},{"text":"d","label":"null"},)"
      R"({"text":"e","label":[]},{"text":"f","label":" x"},{"text":"g","label":0}])";
  EXPECT_THAT(faults("a.json", json, true), testing::ElementsAre(true, true, true, false, false, false, false));
  EXPECT_THAT(faults("b.json", json, false), testing::ElementsAre(true, false, false, false, false, false, false));
}

TEST(RowReader, TheColumnOfLabelsIsAnother) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "a.csv", "text,pair,label\na,b,c\n");
  for (const RowReaderOptions& options :
       {RowReaderOptions{.label_column = "text"}, RowReaderOptions{.text_column = "label", .label_column = "label"},
        RowReaderOptions{.pair_column = "pair", .label_column = "pair"}}) {
    expect_error(
        ErrorCode::kInvalidArgument, [&] { RowReader::open(folder / "a.csv", options); },
        "Name another with --label-column");
  }
}

TEST(RowReader, RefusesEmptyRowsWhereAsked) {
  const TemporaryFolder folder;
  write_file_atomically(
      folder / "a.jsonl",
      "{\"text\": \"\", \"pair\": \"b\"}\n{\"text\": \"\", \"pair\": \"\"}\n{\"text\": \" \", \"pair\": \"\"}\n");
  const RowReaderOptions options{.pair_column = "pair"};
  const auto reader = refuse_empty_rows(RowReader::open(folder / "a.jsonl", options));
  std::vector<std::string> errors;
  for (Row row; reader->next(row);) errors.push_back(row.error);
  ASSERT_EQ(errors.size(), 3U);
  EXPECT_EQ(errors[0], "");
  EXPECT_THAT(errors[1], testing::HasSubstr("[row 2] an empty text"));
  EXPECT_EQ(errors[2], "");
  TextSet set = read_all_texts(folder / "a.jsonl", options);
  EXPECT_EQ(set.notes.size(), 0U);
  skip_empty_texts(set);
  EXPECT_EQ(set.texts.size(), 2U);
  EXPECT_EQ(set.skipped, 1U);
  EXPECT_THAT(set.notes, testing::ElementsAre(testing::HasSubstr("1 empty text left out")));
}

}  // namespace
}  // namespace paceline
