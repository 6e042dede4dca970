#include "train/training_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "train/label_weights.h"
#include "train/targets.h"

namespace paceline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr ProblemType kSingle = ProblemType::kSingleLabelClassification;
constexpr ProblemType kMulti = ProblemType::kMultiLabelClassification;
constexpr ErrorCode kCorrupt = ErrorCode::kCorruptData;

class TrainingDataTest : public testing::Test {
 protected:
  LabelledFile file(const std::string& name, const std::string& content) {
    write_file_atomically(folder_ / name, content);
    return {folder_ / name, {.label_column = "label"}};
  }
  LabelScheme scan(const std::string& name, const std::string& content, std::optional<ProblemType> wanted = {}) {
    return *scan_labels(file(name, content), wanted, {});
  }
  TokenizedTexts read(TrainingData& data, const LabelledFile& file) {
    const auto progress = make_silent_progress();
    const auto place = folder_ / file.path.stem().string();
    return *data.read(file, {.tokenizer = tokenizer_, .pool = pool_, .place = place, .stop = {}}, *progress);
  }

  TemporaryFolder folder_;
  ThreadPool pool_{1};
  Tokenizer tokenizer_ = Tokenizer::load(PACELINE_TESTDATA "/models/bert-encoder",
                                         {.max_length = 8, .token_types = true, .count_truncated = true});
};

TEST_F(TrainingDataTest, LabelsAreSortedByNameOrByNumber) {
  const LabelScheme moods = scan("a.csv", "text,label\nx,joy\ny, anger \nz,joy\n,sad\n");
  EXPECT_EQ(moods.type, kSingle);
  EXPECT_THAT(moods.labels, ElementsAre("anger", "joy"));
  const LabelScheme stars = scan("b.jsonl", "{\"text\": \"x\", \"label\": 10}\n{\"text\": \"y\", \"label\": 9}\n");
  EXPECT_EQ(stars.type, kSingle);
  EXPECT_THAT(stars.labels, ElementsAre("9", "10"));
  EXPECT_THAT(stars.reason, HasSubstr("--problem-type regression"));
}

TEST_F(TrainingDataTest, NumbersThatAreNotWholeAreARegression) {
  const LabelScheme is = scan("a.csv", "text,label\nx,1\ny,2.5\n");
  EXPECT_EQ(is.type, ProblemType::kRegression);
  EXPECT_THAT(is.labels, ElementsAre("LABEL_0"));
  EXPECT_EQ(scan("b.csv", "text,label\nx,1\ny,2\n", ProblemType::kRegression).labels.size(), 1u);
}

TEST_F(TrainingDataTest, ListsAreSeveralLabels) {
  EXPECT_THAT(scan("a.csv", "text,label\nx,a|b\ny,\nz,c\n").labels, ElementsAre("a", "b", "c"));
  const LabelScheme lists =
      scan("b.jsonl", "{\"text\": \"x\", \"label\": [\"b\"]}\n{\"text\": \"y\", \"label\": []}\n");
  EXPECT_EQ(lists.type, kMulti);
  EXPECT_THAT(lists.labels, ElementsAre("b"));
  const LabelScheme each =
      scan("c.jsonl", "{\"text\": \"x\", \"label\": [0, 1, 1]}\n{\"text\": \"y\", \"label\": [0, 0, 0]}\n");
  EXPECT_THAT(each.labels, ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
  EXPECT_THAT(scan("e.csv", "text,label\nx,0.0|1.0|1.0\ny,0.0|0.0|1.0\n").labels,
              ElementsAre("LABEL_0", "LABEL_1", "LABEL_2"));
  EXPECT_THAT(scan("d.csv", "text,label\nx,a;b\ny,b\n", kMulti).labels, ElementsAre("a", "b"));
  EXPECT_THAT(scan("d.csv", "text,label\nx,a;b\ny,b\n").labels, ElementsAre("a;b", "b"));
}

TEST_F(TrainingDataTest, NothingToTellApartIsRefused) {
  expect_error(
      kCorrupt, [&] { scan("a.csv", "text,label\nx,joy\ny,joy\n"); }, "every text has the label \"joy\"",
      "at least two");
  expect_error(
      kCorrupt, [&] { scan("b.csv", "text,label\n,joy\n"); }, "no row has a text and a label");
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] {
        scan_labels({"-", {.label_column = "label"}}, {}, {});
      },
      "standard input (-) can be read only once, and a training reads its files several times. Save the texts in a "
      "file");
}

TEST_F(TrainingDataTest, AColumnOfIdsIsRefusedAndOneThatLooksLikeItNamed) {
  const auto rows = [](int count, int repeated) {
    std::string csv = "text,label\n";
    for (int i = 0; i < count; ++i) csv += "le," + std::to_string(i < repeated ? 0 : i) + "\n";
    return csv;
  };
  expect_error(
      kCorrupt, [&] { scan("ids.csv", rows(100, 0)); }, "each of its 100 labels has one text only",
      "right --label-column?", "--problem-type regression takes the numbers",
      "--problem-type single_label_classification learns them");
  expect_error(
      kCorrupt,
      [&] {
        std::string csv = "text,label\n";
        for (int i = 0; i < 100; ++i) csv += "le,a" + std::to_string(i) + "|b" + std::to_string(i) + "\n";
        scan("tags.csv", csv);
      },
      "each of its 200 labels has one text only", "--problem-type multi_label_classification");
  EXPECT_EQ(scan("ids.csv", rows(100, 0), kSingle).doubt,
            "ids.csv: all of its 100 labels have one text only (100 texts). Is it the right --label-column? "
            "--problem-type regression takes the numbers as values.");
  EXPECT_THAT(scan("titles.csv", rows(200, 20)).doubt, HasSubstr("nearly all of its 181 labels"));
  EXPECT_EQ(scan("topics.csv", rows(200, 40)).doubt, "");
  EXPECT_EQ(scan("few.csv", rows(99, 0)).doubt, "") << "a text of each label may be all that there is";
}

TEST_F(TrainingDataTest, StoresWhatTheModelReads) {
  TrainingData data({.type = kMulti, .labels = {"a", "b", "c"}}, {});
  const TokenizedTexts is = read(data, file("x.csv", "text,label\nle le,a|c\nb,\n"));
  EXPECT_EQ(is.summary.texts, 2);
  EXPECT_THAT(is.summary.label_texts, ElementsAre(1, 0, 1));
  EXPECT_THAT(is.store->lengths(), ElementsAre(4, 3));
  PackedBatch batch;
  std::vector<float> targets;
  std::vector<int32_t> no_teacher;
  append_targets(is.store->append(1, batch, no_teacher), data.scheme(), targets);
  append_targets(is.store->append(0, batch, no_teacher), data.scheme(), targets);
  EXPECT_THAT(no_teacher, IsEmpty());
  EXPECT_THAT(targets, ElementsAre(0, 0, 0, 1, 0, 1));
  const Encoding expected = tokenizer_.encode({"le le", {}});
  EXPECT_THAT(batch.cu_seqlens, ElementsAre(0, 3, 7));
  EXPECT_EQ(std::vector<int32_t>(batch.input_ids.begin() + 3, batch.input_ids.end()), expected.input_ids);
  EXPECT_EQ(batch.token_type_ids.size(), 7u);
}

TEST_F(TrainingDataTest, ALabelCostsRoomOnlyWhereItIs) {
  LabelScheme many{.type = kMulti};
  for (int i = 0; i < 5000; ++i) many.labels.push_back("label " + std::to_string(i));
  TrainingData data(many, {});
  const TokenizedTexts is = read(data, file("x.csv", "text,label\nle le,label 0|label 4999\nb,\n"));
  EXPECT_THAT(is.store->expected(0).labels, ElementsAre(0, 4999));
  EXPECT_THAT(is.store->expected(1).labels, IsEmpty());
  // Two labels, and 4 + 3 tokens with their types.
  EXPECT_EQ(std::filesystem::file_size(folder_ / "x.records"), (2 + 2 * 7) * sizeof(int32_t));
}

TEST_F(TrainingDataTest, StoresValues) {
  TrainingData data({.type = ProblemType::kRegression, .labels = {"LABEL_0"}}, {});
  const TokenizedTexts is = read(data, file("x.csv", "text,label\nle le,-1.5\nb,3\n"));
  EXPECT_EQ(is.store->expected(0).value, -1.5);
  PackedBatch batch;
  std::vector<int32_t> no_teacher;
  EXPECT_EQ(is.store->append(1, batch, no_teacher).value, 3);
  EXPECT_EQ(batch.tokens(), 3);
}

TEST_F(TrainingDataTest, AValueWhoseSquareOverflowsIsNamedWithItsRow) {
  const LabelScheme values{.type = ProblemType::kRegression, .labels = {"LABEL_0"}};
  for (const char* large : {"1e+20", "-1e+300", "1.1e+15"}) {
    TrainingData data(values, {});
    expect_error(
        kCorrupt, [&] { read(data, file("x.csv", std::string("text,label\nle,1\non,") + large + "\n")); },
        std::string("x.csv: row 2, \"label\"] the label is ") + large + ", expected a number from -1e+15 to 1e+15",
        "Scale the labels");
  }
  TrainingData data(values, {});
  EXPECT_EQ(read(data, file("x.csv", "text,label\nle,1e15\n")).store->expected(0).value, static_cast<double>(1e15F));
}

TEST_F(TrainingDataTest, ATeacherGetsTokenTypesOfItsOwn) {
  const Checkpoint teacher = Checkpoint::open(PACELINE_TESTDATA "/models/bert-fp32");
  const TokenizerOptions options{.max_length = 8};
  const Tokenizer student = Tokenizer::load(PACELINE_TESTDATA "/models/bert-encoder", options);
  const TeacherReading reading(teacher, options);
  LabelledFile pairs = file("x.csv", "text,other,label\nle,te,a\non,te ur,b\n");
  pairs.rows.pair_column = "other";
  TrainingData data({.type = kSingle, .labels = {"a", "b"}}, {});
  const auto progress = make_silent_progress();
  const TokenizedTexts is =
      *data.read(pairs, {.tokenizer = student, .teacher = &reading, .pool = pool_, .place = folder_ / "x"}, *progress);
  PackedBatch batch;
  std::vector<int32_t> types;
  for (const int64_t text : {0, 1}) is.store->append(text, batch, types);
  EXPECT_THAT(batch.token_type_ids, IsEmpty());
  std::vector<int32_t> expected = tokenizer_.encode({"le", "te"}).token_type_ids;
  const std::vector<int32_t> second = tokenizer_.encode({"on", "te ur"}).token_type_ids;
  expected.insert(expected.end(), second.begin(), second.end());
  EXPECT_EQ(types, expected);
  EXPECT_THAT(types, testing::Contains(1));
}

TEST_F(TrainingDataTest, EveryTextHasToBeTheSameTokensToATeacher) {
  std::filesystem::copy(PACELINE_TESTDATA "/models/bert-fp32", folder_ / "teacher");
  Json its = read_json_file(folder_ / "teacher" / "tokenizer.json");
  std::swap(its["model"]["vocab"]["%"], its["model"]["vocab"]["("]);
  write_file_atomically(folder_ / "teacher" / "tokenizer.json", its.dump());
  const Checkpoint teacher = Checkpoint::open(folder_ / "teacher");
  const TokenizerOptions options{.max_length = 8, .token_types = true};
  const TeacherReading reading(teacher, options);
  std::string rows = "text,label\n";
  for (int i = 0; i < 300; ++i) rows += "le le,a\n";
  TrainingData data({.type = kSingle, .labels = {"a", "b"}}, {});
  const auto progress = make_silent_progress();
  const LabelledFile odd = file("x.csv", rows + "on %,b\n");
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] {
        data.read(odd, {.tokenizer = tokenizer_, .teacher = &reading, .pool = pool_, .place = folder_ / "x"},
                  *progress);
      },
      "x.csv: row 301] the teacher", "reads the text \"on %\" as other tokens than the student");
}

TEST_F(TrainingDataTest, CountsWhatIsLeftOutAndWhatBothFilesHave) {
  TrainingData data({.type = kSingle, .labels = {"a", "b", "c"}}, {});
  const TokenizedTexts eval = read(data, file("eval.jsonl", "{\"text\": \"le le\", \"label\": \"a\"}\nno json\n"));
  EXPECT_EQ(eval.summary.rows_skipped, 1);
  const TokenizedTexts train =
      read(data, file("train.jsonl",
                      "{\"text\": \"le le\", \"label\": \"a\"}\n{\"text\": \"\", \"label\": \"?\"}\n"
                      "{\"text\": \"le\", \"label\": \"a\"}\n{\"text\": \"le le\", \"label\": \"b\"}\n"
                      "{\"text\": \"a b c d e f g h i\", \"label\": \"a\"}\n"));
  EXPECT_EQ(train.summary.texts, 4);
  EXPECT_EQ(train.summary.empty_texts, 1);
  EXPECT_EQ(train.summary.truncated, 1);
  EXPECT_EQ(train.summary.longest, 8);
  EXPECT_EQ(train.overlap, 2);
  EXPECT_EQ(eval.overlap, 0);
  EXPECT_THAT(data_notes(train, eval, data.scheme()),
              ElementsAre("train.jsonl: 1 text is empty and left out.",
                          "train.jsonl: 1 text is longer than the model reads and is cut.",
                          HasSubstr("eval.jsonl: 1 row could not be read and is left out. The first: "),
                          HasSubstr("train.jsonl: only one text has the label \"b\""),
                          HasSubstr("train.jsonl: no text has the label \"c\""),
                          HasSubstr("eval.jsonl: no text has the label \"b\", \"c\""),
                          HasSubstr("2 of the texts of train.jsonl (50.0 %) stand in eval.jsonl, too")));
}

TEST_F(TrainingDataTest, ALabelThatIsNotThereIsNamedWithItsRow) {
  TrainingData of_model({.type = kSingle, .labels = {"a", "b"}}, {});
  expect_error(
      kCorrupt, [&] { read(of_model, file("x.csv", "text,label\nle,a\nle,z\n")); }, "x.csv: row 2", "no label \"z\"",
      "--new-head");
  TrainingData of_file({.type = kSingle, .labels = {"a", "b"}}, folder_ / "train.csv");
  expect_error(
      kCorrupt, [&] { read(of_file, file("eval.csv", "text,label\nle,z\n")); }, "eval.csv: row 1",
      "The labels are those of", "train.csv");
  TrainingData empty({.type = kSingle, .labels = {"a", "b"}}, {});
  expect_error(
      kCorrupt, [&] { read(empty, file("none.csv", "text,label\n,a\n")); }, "no text with a label");
}

TEST_F(TrainingDataTest, ClassWeights) {
  const LabelScheme scheme{.type = kSingle, .labels = {"a", "b"}};
  const TrainingSplit split{.texts = 8, .label_texts = {2, 6}};
  EXPECT_THAT(label_weights("", {}, scheme, split), IsEmpty());
  // scikit-learn's compute_class_weight("balanced"): 8 / (2 * 2), 8 / (2 * 6).
  EXPECT_THAT(label_weights("balanced", {}, scheme, split), ElementsAre(2.0F, static_cast<float>(8.0 / 12.0)));
  EXPECT_THAT(label_weights("b=3", {{"b", 3.0F}}, scheme, split), ElementsAre(1.0F, 3.0F));
  expect_error(
      ErrorCode::kInvalidArgument,
      [&] {
        label_weights("c=3", {{"c", 3.0F}}, scheme, split);
      },
      "names \"c\"");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { label_weights("balanced", {}, {.type = kMulti, .labels = {"a"}}, split); },
      "multi_label_classification");
}

}  // namespace
}  // namespace paceline
