#include "checkpoint/name_pattern.h"

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <utility>
#include <vector>

namespace paceline {
namespace {

constexpr std::size_t kAscii = 128;
constexpr int kMostDepth = 50;     // of groups in groups
constexpr int kMostCount = 9'999;  // in {m,n}
constexpr int kNoLimit = -1;
constexpr int64_t kMostSteps = 1'000'000;  // some milliseconds; names of 60 characters take some ten thousand

using Characters = std::bitset<kAscii>;

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c < kAscii; });
}

Characters only(std::string_view members) {
  Characters set;
  for (const char c : members) set.set(static_cast<unsigned char>(c));
  return set;
}

Characters range(char low, char high) {
  Characters set;
  for (int c = low; c <= high; ++c) set.set(static_cast<std::size_t>(c));
  return set;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// \d, \w, \s and their opposites; empty for another letter.
std::optional<Characters> class_of(char letter) {
  const Characters digits = range('0', '9');
  switch (letter) {
    case 'd':
      return digits;
    case 'D':
      return ~digits;
    case 'w':
    case 'W': {
      const Characters word = digits | range('a', 'z') | range('A', 'Z') | only("_");
      return letter == 'w' ? word : ~word;
    }
    case 's':
    case 'S': {
      const Characters space = range('\t', '\r') | range('\x1c', ' ');
      return letter == 's' ? space : ~space;
    }
    default:
      return std::nullopt;
  }
}

/// What `\c` stands for as one character; empty for a letter or digit that means something else.
std::optional<char> escaped(char c) {
  constexpr std::string_view kLetters = "abfnrtv";
  constexpr std::string_view kMeant = "\a\b\f\n\r\t\v";
  if (!is_letter(c) && !is_digit(c)) return c;
  const std::size_t place = kLetters.find(c);
  if (place == std::string_view::npos) return std::nullopt;
  return kMeant[place];
}

}  // namespace

struct NamePattern::Node {
  enum class Kind { kCharacters, kStart, kEnd, kSequence, kChoice, kRepeat };

  Kind kind = Kind::kSequence;
  Characters characters{};  ///< kCharacters: one of them
  int least = 1;            ///< kRepeat
  int most = 1;
  std::vector<Node> parts{};
};

namespace {

using Node = NamePattern::Node;
using Kind = Node::Kind;

struct Counts {
  int least = 0;
  int most = kNoLimit;
};

/// Reads an expression from left to right. What it cannot read ends the reading.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<Node> parse() {
    Node root = choice();
    if (failed_ || at_ < text_.size()) return std::nullopt;
    return root;
  }

 private:
  bool done() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }

  bool take(std::string_view expected) {
    if (!text_.substr(at_).starts_with(expected)) return false;
    at_ += expected.size();
    return true;
  }

  Node fail() {
    failed_ = true;
    at_ = text_.size();
    return {};
  }

  static Node one_of(const Characters& characters) { return {.kind = Kind::kCharacters, .characters = characters}; }

  Node choice() {
    Node node{.kind = Kind::kChoice};
    do {
      node.parts.push_back(sequence());
    } while (take("|"));
    return node;
  }

  Node sequence() {
    Node node{.kind = Kind::kSequence};
    while (!done() && peek() != '|' && peek() != ')') {
      Node part = one();
      if (const std::optional<Counts> counts = take_counts()) {
        if (part.kind == Kind::kStart || part.kind == Kind::kEnd) return fail();
        take("?");  // as few as possible: the same names match
        Node repeated{.kind = Kind::kRepeat, .least = counts->least, .most = counts->most};
        repeated.parts.push_back(std::move(part));
        part = std::move(repeated);
      }
      node.parts.push_back(std::move(part));
    }
    return node;
  }

  Node one() {
    // A repetition of nothing, or of a repetition.
    if (take_counts()) return fail();
    const char c = text_[at_++];
    switch (c) {
      case '(':
        return group();
      case '[':
        return set();
      case '.':
        return one_of(~only("\n"));
      case '^':
        return {.kind = Kind::kStart};
      case '$':
        return {.kind = Kind::kEnd};
      case '\\':
        return escape();
      default:
        return one_of(only({&c, 1}));
    }
  }

  Node group() {
    if (++depth_ > kMostDepth) return fail();
    if (take("?P<")) {
      while (!done() && (is_letter(peek()) || is_digit(peek()) || peek() == '_')) ++at_;
      if (!take(">")) return fail();
    } else if (take("?") && !take(":")) {
      return fail();
    }
    Node node{.kind = Kind::kSequence};
    node.parts.push_back(choice());
    --depth_;
    return take(")") ? node : fail();
  }

  Node escape() {
    if (done()) return fail();
    const char c = text_[at_++];
    if (c == 'A') return {.kind = Kind::kStart};
    if (c == 'Z') return {.kind = Kind::kEnd};
    if (const std::optional<Characters> characters = class_of(c)) return one_of(*characters);
    const std::optional<char> meant = c == 'b' ? std::nullopt : escaped(c);  // \b is the end of a word
    return meant ? one_of(only({&*meant, 1})) : fail();
  }

  /// A character of a set; or a class of them, which no range begins or ends with.
  struct Member {
    Characters characters{};
    bool is_single = false;
    char single = 0;
  };

  std::optional<Member> member() {
    if (done()) return std::nullopt;
    char c = text_[at_++];
    if (c == '\\') {
      if (done()) return std::nullopt;
      const char letter = text_[at_++];
      if (const std::optional<Characters> characters = class_of(letter)) return Member{.characters = *characters};
      const std::optional<char> meant = escaped(letter);
      if (!meant) return std::nullopt;
      c = *meant;
    }
    return Member{.characters = only({&c, 1}), .is_single = true, .single = c};
  }

  Node set() {
    const bool negated = take("^");
    Characters characters;
    for (bool first = true; first || !take("]"); first = false) {
      std::optional<Member> some = member();
      const std::string_view rest = text_.substr(at_);
      if (some && rest.starts_with('-') && !rest.starts_with("-]")) {
        ++at_;
        some = between(*some, member());
      }
      if (!some) return fail();
      characters |= some->characters;
    }
    return one_of(negated ? ~characters : characters);
  }

  static std::optional<Member> between(const Member& low, const std::optional<Member>& high) {
    if (!low.is_single || !high || !high->is_single || low.single > high->single) return std::nullopt;
    return Member{.characters = range(low.single, high->single)};
  }

  /// *, +, ?, {m}, {m,n}; other braces stand for themselves.
  std::optional<Counts> take_counts() {
    if (take("*")) return Counts{};
    if (take("+")) return Counts{.least = 1};
    if (take("?")) return Counts{.least = 0, .most = 1};
    const std::size_t start = at_;
    if (!take("{") || done() || peek() == '}') {
      at_ = start;
      return std::nullopt;
    }
    const std::optional<int> least = take_number();
    const bool open = take(",");
    const std::optional<int> most = open ? take_number() : least;
    if (!take("}")) {
      at_ = start;
      return std::nullopt;
    }
    const Counts counts{.least = least.value_or(0), .most = most.value_or(kNoLimit)};
    if (counts.least > kMostCount || counts.most > kMostCount) fail();
    if (counts.most != kNoLimit && counts.most < counts.least) fail();
    return counts;
  }

  std::optional<int> take_number() {
    if (done() || !is_digit(peek())) return std::nullopt;
    int number = 0;
    for (; !done() && is_digit(peek()); ++at_) number = std::min(10 * number + (peek() - '0'), kMostCount + 1);
    return number;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool failed_ = false;
};

/// Follows all ways through an expression at once: from a set of places in the name to the set of those behind it.
class Matcher {
 public:
  explicit Matcher(std::string_view name) : name_(name) {}

  std::optional<bool> matches(const Node& root) {
    Places start(name_.size() + 1);
    start.front() = true;
    const Places ends = after(root, std::move(start));
    if (steps_ > kMostSteps) return std::nullopt;
    return std::find(ends.begin(), ends.end(), true) != ends.end();
  }

 private:
  using Places = std::vector<bool>;

  Places after(const Node& node, Places from) {
    steps_ += static_cast<int64_t>(from.size());
    if (steps_ > kMostSteps) return Places(from.size());
    switch (node.kind) {
      case Kind::kCharacters:
        return after_one(node.characters, from);
      case Kind::kStart:
        std::fill(from.begin() + 1, from.end(), false);
        return from;
      case Kind::kEnd:
        std::fill(from.begin(), from.end() - 1, false);
        return from;
      case Kind::kSequence:
        for (const Node& part : node.parts) from = after(part, std::move(from));
        return from;
      case Kind::kChoice: {
        Places all(from.size());
        for (const Node& part : node.parts) add(after(part, from), all);
        return all;
      }
      case Kind::kRepeat:
        return after_all(node, std::move(from));
    }
    return from;
  }

  Places after_one(const Characters& characters, const Places& from) const {
    Places to(from.size());
    for (std::size_t i = 0; i < name_.size(); ++i) {
      to[i + 1] = from[i] && characters[static_cast<unsigned char>(name_[i])];
    }
    return to;
  }

  Places after_all(const Node& node, Places from) {
    const Node& part = node.parts.front();
    for (int i = 0; i < node.least; ++i) {
      Places next = after(part, from);
      if (next == from) break;  // so would it stay
      from = std::move(next);
    }
    Places all = from;
    for (int i = node.least; node.most == kNoLimit || i < node.most; ++i) {
      from = after(part, std::move(from));
      if (!add(from, all)) break;
    }
    return all;
  }

  /// Whether any of them is new.
  static bool add(const Places& some, Places& all) {
    bool fresh = false;
    for (std::size_t i = 0; i < some.size(); ++i) {
      fresh = fresh || (some[i] && !all[i]);
      all[i] = all[i] || some[i];
    }
    return fresh;
  }

  std::string_view name_;
  int64_t steps_ = 0;
};

}  // namespace

std::optional<NamePattern> NamePattern::parse(std::string_view text) {
  if (!is_ascii(text)) return std::nullopt;
  std::optional<Node> root = Parser(text).parse();
  if (!root) return std::nullopt;
  return NamePattern(std::make_shared<const Node>(std::move(*root)));
}

std::optional<bool> NamePattern::matches(std::string_view name) const {
  if (!is_ascii(name)) return false;
  return Matcher(name).matches(*root_);
}

}  // namespace paceline
