#include "report/measure_again.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <optional>
#include <vector>

namespace paceline {
namespace {

constexpr std::string_view kOut = "--out";
constexpr std::string_view kNew = "-2";

/// The words of a command as they stand there, with their quotes: 'my texts.txt', 'it'\''s'.
std::vector<std::string> raw_words(std::string_view command) {
  std::vector<std::string> words(1);
  bool quoted = false;
  for (std::size_t i = 0; i < command.size(); ++i) {
    const char is = command[i];
    if (is == ' ' && !quoted) {
      words.emplace_back();
      continue;
    }
    words.back() += is;
    if (is == '\'') quoted = !quoted;
    if (is == '\\' && !quoted && i + 1 < command.size()) words.back() += command[++i];
  }
  return words;
}

/// A folder beside `folder`, both quoted or not.
std::string beside(std::string folder) {
  const std::string quote = folder.ends_with('\'') ? "'" : "";
  folder.erase(folder.size() - quote.size());
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  return fmt::format("{}{}{}", folder, kNew, quote);
}

/// What stands behind "--out=" in a word, which may be quoted as a whole; empty in another word.
std::string folder_in(const std::string& word) {
  const std::string quote = word.starts_with('\'') ? "'" : "";
  const std::string start = fmt::format("{}{}=", quote, kOut);
  return word.starts_with(start) ? quote + word.substr(start.size()) : "";
}

}  // namespace

MeasureAgain measure_again(std::string_view command) {
  std::vector<std::string> words = raw_words(command);
  std::erase(words, "--resume");
  std::string folder = "OLD", other = "NEW";
  for (std::size_t i = 0; i < words.size(); ++i) {
    const bool next = words[i] == kOut && i + 1 < words.size();
    const std::string here = next ? words[i + 1] : folder_in(words[i]);
    if (here.empty()) continue;
    folder = here;
    other = beside(here);
    words[next ? i + 1 : i] = next ? other : fmt::format("{}={}", kOut, other);
  }
  return {.bench = fmt::format("{}", fmt::join(words, " ")),
          .compare = fmt::format("paceline compare {} {}", folder, other)};
}

}  // namespace paceline
