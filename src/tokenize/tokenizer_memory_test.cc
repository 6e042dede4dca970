// Where memory ends, the tokenizer ends with an error and its host goes on.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <new>
#include <string>

#include "base/testing/sanitized.h"
#include "paceline/error.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(PACELINE_TESTDATA) / "tokenizers";

std::size_t address_space() {
  std::size_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Takes what malloc has kept of memory that other tests gave back: no limit of addresses holds for that.
void use_up_kept_memory() {
  constexpr std::size_t kLargest = std::size_t{1} << 28;
  constexpr std::size_t kSmallest = std::size_t{1} << 14;
  void* volatile taken = nullptr;  // else the compiler leaves out allocations that nobody uses
  for (std::size_t size = kLargest; size >= kSmallest; size /= 2) {
    do {
      taken = std::malloc(size);
    } while (taken != nullptr);
  }
}

bool limit_addresses(std::size_t bytes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0) return false;
  limit.rlim_cur = bytes;
  return ::setrlimit(RLIMIT_AS, &limit) == 0;
}

enum Outcome { kDone = 10, kExhausted = 11, kOtherwise = 12 };

/// What becomes of `body` in a process that may have `more` bytes of addresses.
int with_memory(std::size_t more, const std::function<void()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    const std::size_t taken = address_space();  // asked before memory is short: to ask takes some
    if (!limit_addresses(taken)) ::_exit(kOtherwise);
    use_up_kept_memory();
    if (!limit_addresses(taken + more)) ::_exit(kOtherwise);
    try {
      body();
      ::_exit(kDone);
    } catch (const Error& error) {
      ::_exit(error.code() == ErrorCode::kResourceExhausted ? kExhausted : kOtherwise);
    } catch (const std::bad_alloc&) {
      ::_exit(kExhausted);
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// Whatever the limit is, the process goes on; the largest suffices.
void expect_errors_below(std::size_t enough, const std::function<void()>& body) {
  for (std::size_t more = std::size_t{1} << 12; more < enough; more = more * 3 / 2) {
    const int outcome = with_memory(more, body);
    EXPECT_TRUE(outcome == kDone || outcome == kExhausted) << outcome << " with " << more;
  }
  EXPECT_EQ(with_memory(enough, body), kDone);
}

TEST(TokenizerMemory, ThatEndsWhileATextIsEncodedIsAnError) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need all addresses";
  for (const char* name : {"wordpiece", "byte_bpe", "unigram", "built_xlm_added"}) {
    SCOPED_TRACE(name);
    const Tokenizer tokenizer = Tokenizer::load(kFolder / name, {});
    std::string text;
    while (text.size() < 300'000) text += "le vent 12, \u00e9t\u00e9 " + std::to_string(text.size()) + " ";
    const auto encode = [&] { static_cast<void>(tokenizer.encode({text, std::nullopt})); };
    EXPECT_EQ(with_memory(0, encode), kExhausted);
    expect_errors_below(std::size_t{1} << 30, encode);
  }
}

TEST(TokenizerMemory, ThatEndsWhileAFolderIsLoadedIsAnError) {
  if (kSanitized) GTEST_SKIP() << "sanitizers need all addresses";
  for (const char* name : {"wordpiece", "byte_bpe", "unigram", "built_deberta_v3"}) {
    SCOPED_TRACE(name);
    expect_errors_below(std::size_t{1} << 30, [&] { static_cast<void>(Tokenizer::load(kFolder / name, {})); });
  }
}

}  // namespace
}  // namespace paceline
