#include "pipeline/backend_instances.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/cpu_topology.h"
#include "base/testing/expect_error.h"

namespace paceline {
namespace {

/// What the probes of one test have seen, all together.
struct Record {
  std::mutex mutex;
  std::map<std::thread::id, std::vector<int>> affinity;  ///< of the threads that created a backend
  std::set<std::thread::id> strangers;                   ///< ran a backend that another thread created
  std::vector<int32_t> sizes;                            ///< of the batches, as they were begun
  std::atomic<int> at_once{0}, alive{0}, created{0};
  int failing_create = -1;        ///< which creation throws
  std::atomic<bool> meet{false};  ///< every batch waits for a batch of another instance
  std::atomic<int> waiting{0};
};

constexpr int32_t kPoison = 666;  ///< the id that a probe fails on

/// Two logits a sequence: the sum of its ids, and its length.
class Probe : public Backend {
 public:
  Probe(Record& record, int32_t threads) : record_(record), creator_(std::this_thread::get_id()) {
    info_.name = "probe";
    info_.threads = threads;
    info_.outputs = 2;
    ++record_.alive;
  }
  ~Probe() override { --record_.alive; }
  const BackendInfo& info() const override { return info_; }

  void run(const PackedBatch& batch, std::span<float> logits) override {
    {
      const std::lock_guard lock(record_.mutex);
      record_.sizes.push_back(batch.sequences());
      if (std::this_thread::get_id() != creator_) record_.strangers.insert(std::this_thread::get_id());
    }
    if (record_.meet) {
      ++record_.waiting;
      while (record_.waiting < 2) std::this_thread::yield();
    }
    for (int32_t i = 0; i < batch.sequences(); ++i) {
      const auto first = batch.input_ids.begin() + batch.cu_seqlens[static_cast<std::size_t>(i)];
      if (std::find(first, first + batch.length(i), kPoison) != first + batch.length(i)) {
        throw Error(ErrorCode::kInternal, "[probe] poisoned.");
      }
      const std::span<float> row = logits.subspan(2 * static_cast<std::size_t>(i), 2);
      row[0] = static_cast<float>(std::accumulate(first, first + batch.length(i), 0));
      row[1] = static_cast<float>(batch.length(i));
    }
  }

 private:
  Record& record_;
  std::thread::id creator_;
  BackendInfo info_;
};

class Instances : public testing::Test {
 protected:
  Instances() {
    for (int32_t text = 0; text < 40; ++text) {
      Encoding& encoding = encodings_.emplace_back();
      for (int32_t token = 0; token <= text % 7; ++token) encoding.input_ids.push_back(text + token);
      expected_.push_back(static_cast<float>(std::accumulate(encoding.input_ids.begin(), encoding.input_ids.end(), 0)));
      expected_.push_back(static_cast<float>(encoding.input_ids.size()));
    }
    // Batches of 1, 2, 3, ... texts, taken from the end: neither the texts' order nor their sizes' follows the list's.
    for (uint32_t left = 40, size = 1; left > 0; ++size) {
      std::vector<uint32_t>& batch = storage_.emplace_back();
      for (uint32_t i = 0; i < size && left > 0; ++i) batch.push_back(--left);
    }
    batches_.assign(storage_.begin(), storage_.end());
  }

  BackendInstances make(int32_t instances, int32_t threads = 1) {
    return {checkpoint_, {.threads = threads}, instances, [this](const Checkpoint&, const BackendOptions& options) {
              const std::lock_guard lock(record_.mutex);
              record_.affinity[std::this_thread::get_id()] = read_cpu_topology().affinity;
              if (record_.created++ == record_.failing_create)
                throw Error(ErrorCode::kUnavailable, "[probe] not here.");
              return std::make_unique<Probe>(record_, options.threads);
            }};
  }

  BatchList list() const { return {.batches = batches_, .encodings = encodings_}; }

  std::vector<float> logits_of(BackendInstances& instances) {
    std::vector<float> logits(2 * encodings_.size(), -1.0F);
    EXPECT_TRUE(instances.run(list(), {.logits = logits}).complete);
    return logits;
  }

  Record record_;
  Checkpoint checkpoint_;
  std::vector<Encoding> encodings_;
  std::vector<float> expected_;
  std::vector<std::vector<uint32_t>> storage_;
  std::vector<std::span<const uint32_t>> batches_;
};

TEST_F(Instances, PutEveryAnswerInItsPlaceHoweverManyTheyAre) {
  for (const int32_t count : {1, 2, 3, 16}) {
    SCOPED_TRACE(count);
    BackendInstances instances = make(count);
    EXPECT_EQ(instances.size(), count);
    EXPECT_EQ(instances.info().name, "probe");
    for (int again = 0; again < 3; ++again) EXPECT_EQ(logits_of(instances), expected_);
  }
  EXPECT_EQ(record_.alive, 0) << "all are gone";
  EXPECT_TRUE(record_.strangers.empty()) << "a backend ran on a thread that did not create it";
}

TEST_F(Instances, WorkAtTheSameTime) {
  BackendInstances instances = make(2);
  record_.meet = true;  // would wait forever, were they to take turns
  EXPECT_EQ(logits_of(instances), expected_);
}

TEST_F(Instances, BeginWithTheLargestBatch) {
  BackendInstances instances = make(2);
  record_.meet = true;  // neither goes on to a third batch before both have begun one
  logits_of(instances);
  ASSERT_EQ(record_.sizes.size(), batches_.size());
  EXPECT_EQ(*std::max_element(record_.sizes.begin(), record_.sizes.end()),
            *std::max_element(record_.sizes.begin(), record_.sizes.begin() + 2));
}

TEST_F(Instances, AreEachPinnedToCpusOfTheirOwn) {
  const std::vector<int> all = read_cpu_topology().affinity;
  const auto count = static_cast<int32_t>(all.size());
  if (count < 2) GTEST_SKIP() << "one CPU cannot be shared out";
  const BackendInstances instances = make(count);
  std::vector<int> together;
  EXPECT_EQ(record_.affinity.size(), all.size());
  for (const auto& [thread, cpus] : record_.affinity) {
    EXPECT_EQ(cpus.size(), 1U);
    together.insert(together.end(), cpus.begin(), cpus.end());
  }
  EXPECT_THAT(together, testing::UnorderedElementsAreArray(all));
  EXPECT_EQ(read_cpu_topology().affinity, all) << "the caller stays where it was";
}

TEST_F(Instances, ASingleOneIsTheCallersOwnThreadWhereverItRuns) {
  BackendInstances instances = make(1);
  logits_of(instances);
  ASSERT_EQ(record_.affinity.size(), 1U);
  EXPECT_EQ(record_.affinity.begin()->first, std::this_thread::get_id());
  EXPECT_EQ(record_.affinity.begin()->second, read_cpu_topology().affinity);
  std::vector<int32_t> in_order;
  for (const auto& batch : storage_) in_order.push_back(static_cast<int32_t>(batch.size()));
  EXPECT_EQ(record_.sizes, in_order);
}

TEST_F(Instances, TimeEachBatchAndTheWhole) {
  for (const int32_t count : {1, 2}) {
    BackendInstances instances = make(count);
    std::vector<double> seconds(batches_.size(), -1);
    const BatchRun run = instances.run(list(), {.seconds = seconds});
    EXPECT_TRUE(run.complete);
    for (const double second : seconds) {
      EXPECT_GE(second, 0);
      EXPECT_LE(second, run.seconds);
    }
  }
}

TEST_F(Instances, WarmUpReachesEachOfThem) {
  BackendInstances instances = make(3);
  instances.warm_up(list());
  EXPECT_EQ(record_.sizes.size(), 3 * batches_.size());
}

TEST_F(Instances, AnErrorOfOneStopsTheOthersAndIsThrown) {
  for (const int32_t count : {1, 2, 4}) {
    SCOPED_TRACE(count);
    BackendInstances instances = make(count);
    encodings_[7].input_ids.back() = kPoison;
    std::vector<float> logits(2 * encodings_.size());
    expect_error(
        ErrorCode::kInternal, [&] { instances.run(list(), {.logits = logits}); }, "poisoned");
    encodings_[7].input_ids.back() = 7;
    EXPECT_EQ(logits_of(instances), expected_) << "and they work on";
  }
}

TEST_F(Instances, AreWatchedAndStoppedByTheCaller) {
  for (const int32_t count : {1, 2}) {
    SCOPED_TRACE(count);
    BackendInstances instances = make(count);
    const std::thread::id caller = std::this_thread::get_id();
    std::size_t before = 0;
    const auto counted = [&](std::size_t texts) {
      EXPECT_EQ(std::this_thread::get_id(), caller);
      EXPECT_GT(texts, before);
      before = texts;
    };
    EXPECT_TRUE(instances.run(list(), {}, {.done = counted}).complete);
    EXPECT_EQ(before, encodings_.size());
    std::stop_source stop;
    stop.request_stop();
    EXPECT_FALSE(instances.run(list(), {}, {.stop = stop.get_token()}).complete);
    const auto failing = [](std::size_t) { throw std::string("stop"); };
    EXPECT_THROW(instances.run(list(), {}, {.done = failing}), std::string);
    EXPECT_EQ(logits_of(instances), expected_);
  }
}

TEST_F(Instances, ThatCannotBeCreatedLeaveNothingBehind) {
  for (const int failing : {0, 2}) {
    record_.created = 0;
    record_.failing_create = failing;
    expect_error(
        ErrorCode::kUnavailable, [&] { make(3); }, "not here");
    EXPECT_EQ(record_.alive, 0);
  }
}

TEST_F(Instances, RefuseOutputsOfAnotherSize) {
  BackendInstances instances = make(2);
  std::vector<float> logits(3);
  std::vector<double> seconds(2);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { instances.run(list(), {.logits = logits}); }, "Room for 3 logits");
  expect_error(
      ErrorCode::kInvalidArgument, [&] { instances.run(list(), {.seconds = seconds}); }, "Room for 2 times");
  const std::vector<std::span<const uint32_t>> none;
  EXPECT_TRUE(instances.run({.batches = none, .encodings = encodings_}, {}).complete) << "nothing to do is no error";
}

TEST_F(Instances, ShareTheUsableCpusAsThreads) {
  const int usable = read_cpu_topology().usable;
  EXPECT_EQ(threads_of_each(0, 1), usable);
  EXPECT_EQ(threads_of_each(0, usable), 1);
  EXPECT_EQ(threads_of_each(0, 1024), 1);
  EXPECT_EQ(threads_of_each(3, 2), 3);
  EXPECT_EQ(make(2, 3).info().threads, 3);
  expect_error(
      ErrorCode::kInvalidArgument, [] { threads_of_each(1, 0); }, "0 were given");
  expect_error(
      ErrorCode::kInvalidArgument, [] { threads_of_each(1, 1025); }, "1 to 1024");
  expect_error(
      ErrorCode::kInvalidArgument, [] { threads_of_each(512, 3); }, "3 with 512 threads");
  expect_error(
      ErrorCode::kInvalidArgument, [] { threads_of_each(-1, 1); }, "-1");
}

}  // namespace
}  // namespace paceline
