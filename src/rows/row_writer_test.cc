#include "rows/row_writer.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "paceline/error.h"

namespace paceline {
namespace {

const std::vector<float> kLogits{0.125F, 1.0F / 3.0F};
const std::vector<Prediction> kOne{{1, 0.75F}};
const std::vector<Prediction> kBoth{{1, 0.75F}, {0, 0.25F}};

std::string write(const RowWriterOptions& options, const Row& row, const std::vector<Prediction>& predictions) {
  const auto writer = RowWriter::make(options);
  writer->check(row);
  std::string out;
  writer->append_header(out);
  writer->append(row, {.predictions = predictions, .logits = kLogits}, out);
  return out;
}

std::string write_error(const RowWriterOptions& options, const Row& row) {
  std::string out;
  RowWriter::make(options)->append_error(row, row.error, out);
  return out;
}

RowWriterOptions options_for(RowFormat format) {
  return {.format = format, .columns = {"id", "text"}, .labels = {"neg", "pos"}};
}

Row jsonl(std::string raw) {
  Row row;
  row.raw = std::move(raw);
  return row;
}

Row csv(std::vector<std::string> fields) {
  Row row;
  row.fields = std::move(fields);
  return row;
}

void expect_refused(const RowWriterOptions& options, const Row& row) {
  try {
    RowWriter::make(options)->check(row);
    FAIL() << "an existing field was not refused";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(std::string(error.what()).find("--output-prefix"), std::string::npos) << error.what();
  }
}

TEST(TxtWriter, LabelTabScore) { EXPECT_EQ(write(options_for(RowFormat::kTxt), {}, kOne), "pos\t0.75\n"); }

TEST(TxtWriter, RanksAndLogitsFollow) {
  RowWriterOptions options = options_for(RowFormat::kTxt);
  options.top_k = 2;
  options.raw_logits = true;
  EXPECT_EQ(write(options, {}, kBoth), "pos\t0.75\tneg\t0.25\t0.125\t0.333333343\n");
}

TEST(TxtWriter, AnErrorIsTheThirdColumnAndOneLine) {
  Row row;
  row.error = "not UTF-8\nat\tbyte 3";
  EXPECT_EQ(write_error(options_for(RowFormat::kTxt), row), "\t\tnot UTF-8\\nat\\tbyte 3\n");
}

TEST(TxtWriter, HasNoNamesToPrefix) {
  RowWriterOptions options = options_for(RowFormat::kTxt);
  options.output_prefix = "p_";
  expect_refused(options, {});
}

TEST(TxtWriter, ALabelCannotBreakTheColumns) {
  RowWriterOptions options = options_for(RowFormat::kTxt);
  options.labels = {"a", "b\tc\nd"};
  EXPECT_EQ(write(options, {}, kOne), "b\\tc\\nd\t0.75\n");
}

TEST(JsonlWriter, KeepsTheObjectByteForByte) {
  EXPECT_EQ(write(options_for(RowFormat::kJsonl), jsonl("{\"text\" :\"a}\\u00e9\", \"n\":1.00 }  "), kOne),
            "{\"text\" :\"a}\\u00e9\", \"n\":1.00, \"label\": \"pos\", \"score\": 0.75}\n");
}

TEST(JsonlWriter, AnEmptyObjectGetsNoComma) {
  EXPECT_EQ(write(options_for(RowFormat::kJsonl), jsonl(" { } "), kOne), " {\"label\": \"pos\", \"score\": 0.75}\n");
}

TEST(JsonlWriter, ListLogitsAndPrefix) {
  RowWriterOptions options = options_for(RowFormat::kJsonl);
  options.all_labels = true;
  options.raw_logits = true;
  options.output_prefix = "p_";
  const Json json = Json::parse(write(options, jsonl("{\"labels\": 3}"), kBoth));
  EXPECT_EQ(json["labels"], 3);
  EXPECT_EQ(json["p_labels"][0]["label"], "pos");
  EXPECT_EQ(json["p_labels"][1]["score"], 0.25);
  EXPECT_EQ(json["p_logits"][1].get<float>(), kLogits[1]) << "nine digits tell every float apart";
}

TEST(JsonlWriter, LabelsAreEscaped) {
  RowWriterOptions options = options_for(RowFormat::kJsonl);
  options.labels = {"a", "\"quoted\"\n\xff"};
  EXPECT_EQ(Json::parse(write(options, jsonl("{}"), kOne))["label"], "\"quoted\"\n\xEF\xBF\xBD");
}

TEST(JsonlWriter, RefusesAFieldThatIsThere) {
  const RowWriterOptions options = options_for(RowFormat::kJsonl);
  expect_refused(options, jsonl("{\"text\": \"a\", \"label\": 1}"));
  expect_refused(options, jsonl("{\"text\": \"a\", \"l\\u0061bel\": 1}"));
  expect_refused(options, jsonl("{\"error\": null}"));
  EXPECT_NO_THROW(RowWriter::make(options)->check(jsonl("{\"text\": \"label\", \"meta\": {\"label\": 1}}")));
  EXPECT_NO_THROW(RowWriter::make(options)->check(jsonl("{\"labels\": 1, \"logits\": 2}"))) << "not written here";
  EXPECT_NO_THROW(RowWriter::make(options)->check(jsonl("{\"label\": 1, \"score\": NaN}"))) << "not JSON";
}

TEST(JsonlWriter, AnErrorRowKeepsItsObjectWhereItIsOne) {
  Row row = jsonl("{\"id\": 4}");
  row.error = "no field text";
  EXPECT_EQ(write_error(options_for(RowFormat::kJsonl), row), "{\"id\": 4, \"error\": \"no field text\"}\n");
  for (const char* raw :
       {"[1, 2]", "{\"broken", "17", "{} {}", "{\"a\": NaN, \"text\": \"x\"}", "{\"a\": \"\\ud83d\"}"}) {
    row.raw = raw;
    const std::string written = write_error(options_for(RowFormat::kJsonl), row);
    EXPECT_EQ(written, "{\"raw\": " + Json(raw).dump() + ", \"error\": \"no field text\"}\n") << "nothing is lost";
  }
  row.raw = "";
  EXPECT_EQ(write_error(options_for(RowFormat::kJsonl), row), "{\"error\": \"no field text\"}\n");
}

TEST(CsvWriter, HeaderAndRow) {
  EXPECT_EQ(write(options_for(RowFormat::kCsv), csv({"1", "a \"b\", c"}), kOne),
            "id,text,label,score,error\n1,\"a \"\"b\"\", c\",pos,0.75,\n");
}

TEST(CsvWriter, KeepsTheDelimiterOfTheInput) {
  RowWriterOptions options = options_for(RowFormat::kCsv);
  options.delimiter = ';';
  options.raw_logits = true;
  options.top_k = 2;
  EXPECT_EQ(write(options, csv({"1,5", "a;b"}), kOne),
            "id;text;label;score;label_2;score_2;logit_neg;logit_pos;error\n"
            "1,5;\"a;b\";pos;0.75;;;0.125;0.333333343;\n");
  Row row = csv({"1"});
  row.error = "bad; worse, worst";
  EXPECT_EQ(write_error(options, row), "1;;;;;;;;\"bad; worse, worst\"\n");
}

TEST(CsvWriter, KeepsTheMarkAndTheLineEndsOfTheInput) {
  RowWriterOptions options = options_for(RowFormat::kCsv);
  options.csv_style = {.byte_order_mark = true, .crlf = true};
  EXPECT_EQ(write(options, csv({"1", "a\nb"}), kOne),
            "\xEF\xBB\xBFid,text,label,score,error\r\n1,\"a\nb\",pos,0.75,\r\n");
  EXPECT_EQ(write_error(options, csv({"1", "a"})), "1,a,,,\r\n");
}

TEST(CsvWriter, RanksAndLogits) {
  RowWriterOptions options = options_for(RowFormat::kCsv);
  options.top_k = 5;
  options.raw_logits = true;
  EXPECT_EQ(write(options, csv({"1", "a"}), kBoth),
            "id,text,label,score,label_2,score_2,logit_neg,logit_pos,error\n"
            "1,a,pos,0.75,neg,0.25,0.125,0.333333343,\n");
}

TEST(CsvWriter, AllLabelsHaveAColumnEach) {
  RowWriterOptions options = options_for(RowFormat::kCsv);
  options.all_labels = true;
  EXPECT_EQ(write(options, csv({"1", "a"}), kBoth),
            "id,text,label,score,score_neg,score_pos,error\n1,a,pos,0.75,0.25,0.75,\n");
}

TEST(CsvWriter, ErrorRowsStayRectangular) {
  Row row = csv({"only one"});
  row.error = "2 fields were expected, \"1\" given";
  EXPECT_EQ(write_error(options_for(RowFormat::kCsv), row),
            "only one,,,,\"2 fields were expected, \"\"1\"\" given\"\n");
  row.fields = {"a", "b", "c"};
  row.error = std::string("3");  // a move: GCC 12 warns of the copy
  EXPECT_EQ(write_error(options_for(RowFormat::kCsv), row), "a,b,,,3\n");
}

TEST(CsvWriter, RefusesAColumnThatIsThere) {
  RowWriterOptions options = options_for(RowFormat::kCsv);
  options.columns = {"text", "score"};
  expect_refused(options, {});
  options.output_prefix = "my_";
  EXPECT_NO_THROW(RowWriter::make(options));
}

const std::vector<Prediction> kNone{{kNoLabel, 0.75F}};

TEST(RowWriters, ATextWithoutALabelKeepsItsBestScore) {
  EXPECT_EQ(write(options_for(RowFormat::kTxt), {}, kNone), "\t0.75\n");
  EXPECT_EQ(write(options_for(RowFormat::kJsonl), jsonl("{}"), kNone), "{\"label\": null, \"score\": 0.75}\n");
  EXPECT_EQ(write(options_for(RowFormat::kCsv), csv({"1", "a"}), kNone), "id,text,label,score,error\n1,a,,0.75,\n");
}

TEST(RowWriters, AsManyLabelsAsReachTheThreshold) {
  RowWriterOptions options = options_for(RowFormat::kJsonl);
  options.top_k = 0;
  EXPECT_EQ(write(options, jsonl("{}"), kNone), "{\"labels\": []}\n");
  EXPECT_EQ(write(options, jsonl("{}"), kOne), "{\"labels\": [{\"label\": \"pos\", \"score\": 0.75}]}\n");
  options = options_for(RowFormat::kCsv);
  options.top_k = 0;
  EXPECT_EQ(write(options, csv({"1", "a"}), kOne), "id,text,label,score,label_2,score_2,error\n1,a,pos,0.75,,,\n")
      << "the columns are as many whatever a row has";
}

TEST(RowWriters, SayWhatWasCutWhereAnythingWas) {
  const auto written = [](RowFormat format, const Row& row, int32_t truncated) {
    RowWriterOptions options = options_for(format);
    options.truncated = TellsCut::kWhereCut;
    std::string out;
    RowWriter::make(options)->append(row, {.predictions = kOne, .logits = kLogits, .truncated = truncated}, out);
    return out;
  };
  EXPECT_EQ(written(RowFormat::kTxt, {}, 4), "pos\t0.75\n");
  EXPECT_EQ(written(RowFormat::kJsonl, jsonl("{}"), 4), "{\"label\": \"pos\", \"score\": 0.75, \"truncated\": 4}\n");
  EXPECT_EQ(written(RowFormat::kJsonl, jsonl("{}"), 0), "{\"label\": \"pos\", \"score\": 0.75}\n");
  EXPECT_EQ(written(RowFormat::kCsv, csv({"1", "a"}), 4), "1,a,pos,0.75,4,\n");
  EXPECT_EQ(written(RowFormat::kCsv, csv({"1", "a"}), 0), "1,a,pos,0.75,0,\n");
}

TEST(RowWriters, SayHowATextWasRead) {
  const auto written = [](RowFormat format, const Row& row) {
    RowWriterOptions options = options_for(format);
    options.truncated = TellsCut::kAll;
    options.windows = true;
    std::string out;
    const Answer answer{.predictions = kOne, .logits = kLogits, .truncated = 4, .windows = 3};
    RowWriter::make(options)->append(row, answer, out);
    return out;
  };
  EXPECT_EQ(written(RowFormat::kTxt, {}), "pos\t0.75\t4\t3\n");
  EXPECT_EQ(written(RowFormat::kJsonl, jsonl("{}")),
            "{\"label\": \"pos\", \"score\": 0.75, \"truncated\": 4, \"windows\": 3}\n");
  EXPECT_EQ(written(RowFormat::kCsv, csv({"1", "a"})), "1,a,pos,0.75,4,3,\n");
  RowWriterOptions options = options_for(RowFormat::kJsonl);
  options.windows = true;
  expect_refused(options, jsonl("{\"windows\": 1}"));
}

}  // namespace
}  // namespace paceline
