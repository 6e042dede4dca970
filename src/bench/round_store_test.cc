#include "bench/round_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

const RunIdentity kIdentity{{"checkpoint", "abc"}, {"cpu", "one, 2 of them"}};

SavedTurn turn_of(const std::string& key, int32_t round, double seconds) {
  return {.key = key,
          .timing = {.round = round, .batches = 2, .tokens = 60, .share = 1, .seconds = seconds},
          .text_seconds = {0.25, 0.125}};
}

RoundStore resumed(const std::filesystem::path& folder, const RunIdentity& identity) {
  RoundStore store = RoundStore::open_saved(folder);
  store.resume(identity);
  return store;
}

class RoundStoreTest : public testing::Test {
 protected:
  std::filesystem::path file() const { return folder_.path() / "rounds.jsonl"; }
  std::string content() const { return read_file(file(), 1 << 20); }
  void replace(const std::string& text) const { write_file_atomically(file(), text); }

  TemporaryFolder folder_;
};

TEST_F(RoundStoreTest, GivesBackWhatWasSaved) {
  {
    RoundStore store = RoundStore::create(folder_.path(), kIdentity);
    EXPECT_EQ(store.continued(), 0);
    store.append(turn_of("a", 0, 1.5), 3);
    store.append(turn_of("a", 1, 1.75), 7);
    EXPECT_EQ(store.find("a", 1, false)->timing.seconds, 1.75);
  }
  const RoundStore store = resumed(folder_.path(), kIdentity);
  EXPECT_EQ(store.turns(), 2U);
  EXPECT_EQ(store.continued(), 1);
  EXPECT_EQ(store.seconds_before(), 7);
  const SavedTurn* turn = store.find("a", 0, false);
  ASSERT_NE(turn, nullptr);
  EXPECT_EQ(turn->timing.seconds, 1.5);
  EXPECT_EQ(turn->timing.tokens, 60);
  EXPECT_THAT(turn->text_seconds, testing::ElementsAre(0.25, 0.125));
  EXPECT_EQ(store.find("a", 0, true), nullptr);
  EXPECT_EQ(store.find("b", 0, false), nullptr);
}

TEST_F(RoundStoreTest, ATornLastLineIsCutOffAndTheRunGoesOnBehindIt) {
  {
    RoundStore store = RoundStore::create(folder_.path(), kIdentity);
    store.append(turn_of("a", 0, 1.5), 3);
    store.append(turn_of("a", 1, 1.5), 3);
  }
  const std::string whole = content();
  for (std::size_t cut = whole.rfind('\n', whole.size() - 2) + 1; cut < whole.size(); ++cut) {
    replace(whole.substr(0, cut));
    {
      RoundStore store = resumed(folder_.path(), kIdentity);
      EXPECT_EQ(store.turns(), 1U) << cut;
      store.append(turn_of("a", 2, 2), 4);
    }
    EXPECT_EQ(resumed(folder_.path(), kIdentity).turns(), 2U) << cut;
  }
}

TEST_F(RoundStoreTest, AnotherRunIsRefusedByWhatDiffers) {
  { RoundStore::create(folder_.path(), kIdentity); }
  const RunIdentity other{{"checkpoint", "abd"}, {"cpu", "one, 2 of them"}};
  const RunIdentity less{{"checkpoint", "abc"}};
  expect_error(
      ErrorCode::kUnsupported, [&] { resumed(folder_.path(), other); }, "checkpoint was abc, now it is abd");
  expect_error(
      ErrorCode::kUnsupported, [&] { resumed(folder_.path(), less); }, "cpu was one, 2 of them, now it is nothing");
}

TEST_F(RoundStoreTest, OneThatIsThereIsNotOverwrittenAndNoneIsNotResumed) {
  expect_error(
      ErrorCode::kInvalidArgument, [&] { resumed(folder_.path(), kIdentity); }, "no unfinished run");
  const RoundStore store = RoundStore::create(folder_.path(), kIdentity);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { RoundStore::create(folder_.path(), kIdentity); }, "--resume");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { resumed(folder_.path(), kIdentity); }, "Another paceline");
}

TEST_F(RoundStoreTest, ALineThatIsNoneOfOursIsCorrupt) {
  { RoundStore::create(folder_.path(), kIdentity); }
  const std::string head = content();
  const std::string good =
      R"({"key":"a","round":0,"confirmation":false,"batches":1,"tokens":1,"share":1,"seconds":1,"elapsed":1)";
  for (const std::string& bad :
       {std::string("no json"), std::string("{}"), good + R"(,"text_seconds":[-1]})", good + R"(,"text_seconds":7})",
        good + R"(,"share":1000000})", good + R"(,"share":0})", good + R"(,"share":-1})", good + R"(,"seconds":0})",
        good + R"(,"seconds":1e10})", good + R"(,"round":1})", std::string("7"), std::string("[]"), std::string("null"),
        std::string()}) {
    replace(head + bad + "\n");
    expect_error(
        ErrorCode::kCorruptData, [&] { resumed(folder_.path(), kIdentity); }, "rounds.jsonl:3");
    expect_error(
        ErrorCode::kCorruptData, [&] { resumed(folder_.path(), kIdentity); }, "Delete the line");
  }
}

TEST_F(RoundStoreTest, ATurnThatStandsTwiceIsRefused) {
  {
    RoundStore store = RoundStore::create(folder_.path(), kIdentity);
    store.append(turn_of("a", 0, 1.5), 3);
  }
  const std::string whole = content();
  const std::size_t last = whole.rfind('\n', whole.size() - 2) + 1;
  replace(whole + whole.substr(last));
  expect_error(
      ErrorCode::kCorruptData, [&] { resumed(folder_.path(), kIdentity); },
      "rounds.jsonl:4] a line above has the same turn. Delete the line");
}

TEST_F(RoundStoreTest, AFileThatIsNotResumedStaysAsItIs) {
  { RoundStore::create(folder_.path(), kIdentity); }
  const std::string torn = content() + R"({"key":"a","rou)";
  const RunIdentity other{{"checkpoint", "abd"}, {"cpu", "one, 2 of them"}};
  for (const std::string& text : {torn, std::string("mine, in one line"), std::string("{}"), std::string("\n")}) {
    replace(text);
    EXPECT_THROW(resumed(folder_.path(), other), Error) << text;
    EXPECT_EQ(content(), text);
  }
}

TEST_F(RoundStoreTest, ARunThatMeasuresNothingLeavesNoTrace) {
  { RoundStore::create(folder_.path(), kIdentity).append(turn_of("a", 0, 1.5), 3); }
  const std::string torn = content() + R"({"key":"a","rou)";
  replace(torn);
  for (int run = 0; run < 3; ++run) {
    EXPECT_EQ(resumed(folder_.path(), kIdentity).continued(), 1);
    EXPECT_EQ(content(), torn);
  }
}

TEST_F(RoundStoreTest, ATornHeaderIsWrittenAgain) {
  { RoundStore::create(folder_.path(), kIdentity); }
  const std::string whole = content();
  const std::size_t header = whole.find('\n');
  for (std::size_t cut = 0; cut <= header; ++cut) {
    replace(whole.substr(0, cut));
    resumed(folder_.path(), kIdentity).append(turn_of("a", 0, 1.5), 3);
    EXPECT_THAT(content(), testing::StartsWith(whole)) << cut;
  }
}

TEST_F(RoundStoreTest, KeysTellTurnsApart) {
  const Configuration at{.backend = "native", .batch_size = 8};
  Configuration other = at;
  other.instances = 2;
  EXPECT_NE(turn_key(at), turn_key(other));
  EXPECT_NE(turn_key(at), turn_key(at, 8));
  EXPECT_NE(turn_key(at, 16), turn_key(at, 8));
}

}  // namespace
}  // namespace paceline
