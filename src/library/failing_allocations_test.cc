// The public API where memory ends: allocations of C++'s operator new fail one after the other, in whatever thread they
// are made; of loading those of some size in this process, and every one in processes of their own.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <new>

#include "paceline/classifier.h"

namespace {

std::atomic<int64_t> left{-1};  ///< allocations until one fails; below 0: none does
std::atomic<bool> fails_on{false};
std::atomic<bool> failed{false};
std::atomic<int64_t> live{0};

/// Smaller ones succeed. The JSON library's destructors allocate a little, and end the process where they cannot.
std::atomic<std::size_t> smallest{0};

bool fails_now(std::size_t size) {
  if (size < smallest.load()) return false;
  if (left.load() < 0) return failed.load() && fails_on.load();
  if (left.fetch_sub(1) != 0) return false;
  failed = true;
  return true;
}

void* counted(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  ++live;
  return memory;
}

void release(void* memory) {
  if (memory != nullptr) --live;
  std::free(memory);
}

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t size) {
  return counted(fails_now(size) ? nullptr : std::malloc(size == 0 ? 1 : size));
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  return counted(fails_now(size) ? nullptr : std::aligned_alloc(step, (size + step - 1) / step * step));
}
// A sanitizer's own would not call the first one, as the standard library's does, yet end in the operator delete below.
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

namespace paceline {
namespace {

const std::filesystem::path kModel = PACELINE_TESTDATA "/models/roberta-fp32";

struct Attempt {
  bool failed = false;  ///< an allocation did
  bool ended = false;   ///< without an exception
  std::string wrong;    ///< what else than an Error{resource_exhausted} came out
};

/// Runs `action` with its `number`-th allocation failing.
Attempt attempt(int64_t number, bool all_behind, const std::function<void()>& action) {
  const auto stop = [] {
    left = -1;
    fails_on = false;
  };
  Attempt made;
  failed = false;
  fails_on = all_behind;
  left = number - 1;
  try {
    action();
    stop();
    made.ended = true;
  } catch (const Error& thrown) {
    stop();
    if (thrown.code() != ErrorCode::kResourceExhausted) made.wrong = thrown.what();
  } catch (const std::exception& thrown) {
    stop();
    made.wrong = std::string("not an Error: ") + thrown.what();
  }
  made.failed = failed;
  return made;
}

/// Every allocation at the start, then ever fewer: what comes late is done in loops.
int64_t next(int64_t number) { return number + 1 + number / 24; }

int open_files() {
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

/// Calls `action` again and again with another allocation failing, until none does. `action` must leave nothing behind.
/// `kept`: allocations that threads may add to the memory that they use again, whichever of them takes which batch.
void fail_each_allocation(const std::string& what, const std::function<void()>& action, int64_t kept = 0) {
  action();  // what is made once and kept
  const int64_t before = live;
  const int files = open_files();
  for (const bool all_behind : {false, true}) {
    int64_t number = 1;
    for (bool more = true; more; number = next(number)) {
      const Attempt made = attempt(number, all_behind, action);
      more = made.failed;
      ASSERT_EQ(made.wrong, "") << what << ", allocation " << number << (all_behind ? " and all behind it" : "");
      ASSERT_LE(live, before + kept) << what << " kept memory, allocation " << number;
    }
    EXPECT_GT(number, 2) << what << " allocates";
  }
  EXPECT_EQ(open_files(), files) << what;
}

struct Shape {
  const char* name;
  ClassifierOptions options;
};

class FailingAllocations : public testing::TestWithParam<Shape> {};

INSTANTIATE_TEST_SUITE_P(
    Shapes, FailingAllocations,
    testing::Values(Shape{"OneThread", {.threads = 1}}, Shape{"Threads", {.threads = 3}},
                    Shape{"Instances", {.threads = 1, .instances = 2, .batch_size = 2}},
                    Shape{"Windows",
                          {.threads = 1,
                           .labels = LabelOptions{.threshold = 0.1F, .class_weights = {{"low", 2.0F}}},
                           .long_texts = LongTextOptions{.mode = LongTextOptions::Mode::kWindow, .stride = 2}}}),
    [](const auto& shape) { return shape.param.name; });

TEST_P(FailingAllocations, LoadingThrowsAnErrorAndLeavesNothing) {
  smallest = 4096;
  fail_each_allocation("loading", [&] { const Classifier classifier(kModel, GetParam().options); });
  smallest = 0;
}

enum Outcome { kLoads, kFails, kIsWrong, kTerminates, kCrashes };

/// What becomes of a process in which the `number`-th allocation of loading fails, whatever its size.
Outcome load_in_child(int64_t number, const ClassifierOptions& options) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(200);  // what hangs crashes
    std::set_terminate([] { ::_exit(kTerminates); });
    const Attempt made = attempt(number, false, [&] { const Classifier classifier(kModel, options); });
    ::_exit(!made.wrong.empty() ? kIsWrong : made.failed ? kFails : kLoads);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return kCrashes;
  return static_cast<Outcome>(WEXITSTATUS(status));
}

TEST_P(FailingAllocations, LoadingEndsWithAnErrorButWhereJsonIsDropped) {
  std::map<Outcome, int> counts;
  Outcome outcome = kFails;
  for (int64_t number = 1; outcome != kLoads; number = next(number)) {
    outcome = load_in_child(number, GetParam().options);
    ASSERT_NE(outcome, kIsWrong) << "allocation " << number;
    ASSERT_NE(outcome, kCrashes) << "allocation " << number;
    ++counts[outcome];
  }
  EXPECT_LT(counts[kTerminates], counts[kFails] / 10);
}

TEST_P(FailingAllocations, CallsThrowAnErrorOrAnswerAsBefore) {
  Classifier classifier(kModel, GetParam().options);
  const std::vector<std::string> texts{"hello world", "", "a much longer text a much longer text", "one", "two"};
  const std::vector<TextPair> pairs{{"a", "b"}, {"c d e f g", "a much longer second text"}};
  const std::vector<float> logits = classifier.logits(texts);
  const std::vector<float> of_pairs = classifier.logits(pairs);
  const std::string label = classifier.classify_one(texts[0]).label;
  bool same = true;
  const int64_t kept = GetParam().options.instances ? 100 : 0;
  fail_each_allocation(
      "logits", [&] { same = same && classifier.logits(texts) == logits; }, kept);
  fail_each_allocation(
      "logits of pairs", [&] { same = same && classifier.logits(pairs) == of_pairs; }, kept);
  fail_each_allocation(
      "classify", [&] { same = same && classifier.classify(texts, 0).size() == texts.size(); }, kept);
  fail_each_allocation(
      "classify pairs", [&] { same = same && classifier.classify(pairs).size() == pairs.size(); }, kept);
  fail_each_allocation(
      "classify_one", [&] { same = same && classifier.classify_one(texts[0]).label == label; }, kept);
  EXPECT_TRUE(same) << "an answer changed where memory ended";
  EXPECT_EQ(classifier.logits(texts), logits) << "it can be used again";
}

TEST(FailingAllocations, ErrorsOfOtherKindsStayErrors) {
  const std::filesystem::path nowhere = "/nowhere/plan.json";
  const ClassifierOptions options;
  int64_t number = 1;
  for (bool more = true; more; number = next(number)) {
    const Attempt made = attempt(number, true, [&] { const Classifier classifier(nowhere, options); });
    more = made.failed;
    EXPECT_FALSE(made.ended);
    EXPECT_FALSE(made.wrong.starts_with("not a")) << made.wrong;
  }
}

}  // namespace
}  // namespace paceline
