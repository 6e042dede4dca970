#include "words/counted.h"

#include "words/numbers.h"

namespace paceline {

std::string counted(int64_t count, std::string_view noun) {
  std::string words = format_count(count) + " ";
  words += noun;
  if (count == 1) return words;
  return words + (noun.ends_with("ch") || noun.ends_with('s') ? "es" : "s");
}

}  // namespace paceline
