#include "bench/round_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/json.h"
#include "paceline/error.h"
#include "results/fields.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr int kSchemaVersion = 1;
constexpr const char* kFileName = "rounds.jsonl";
constexpr std::size_t kMostBytes = std::size_t{2} << 30;
constexpr std::size_t kMostTexts = std::size_t{1} << 31;

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, fmt::format("[{}] {}", path.string(), what));
}

[[noreturn]] void refuse_existing(const std::filesystem::path& path) {
  refuse(path, "An unfinished run is saved here. Go on with it by --resume, or measure in another --out.");
}

[[noreturn]] void refuse_missing(const std::filesystem::path& path) {
  refuse(path, "There is no unfinished run to resume. Leave --resume out to begin one, or check --out.");
}

[[noreturn]] void fail(const std::filesystem::path& path, const char* doing, int reason) {
  const bool full = reason == ENOSPC || reason == EDQUOT;
  throw Error(full ? ErrorCode::kResourceExhausted : ErrorCode::kInvalidArgument,
              fmt::format("[{}] {} failed: {}. {}", path.string(), doing, std::strerror(reason),
                          full ? "Free some space, then go on with --resume." : "Choose another folder with --out."));
}

void fields(auto& visitor, FieldsOf<SavedTurn> auto& is) {
  visitor.text("key", is.key, {.required = true});
  turn_fields(visitor, is.timing);
  visitor.numbers("text_seconds", is.text_seconds, {.most = kMostTexts, .written = !is.text_seconds.empty()});
  visitor.check(std::ranges::all_of(is.text_seconds, [](double seconds) { return seconds <= kMostSeconds; }),
                [] { return fmt::format("\"text_seconds\" holds more than {} seconds", kMostSeconds); });
}

Json turn_json(const SavedTurn& turn, double elapsed_seconds) {
  OrderedJson line;
  JsonFieldWriter visitor(line);
  fields(visitor, turn);
  visitor.number("elapsed", elapsed_seconds);
  return Json(line);
}

SavedTurn turn_from_json(const Json& line, const std::string& where) {
  SavedTurn turn;
  const JsonFieldReader visitor(line, where);
  fields(visitor, turn);
  return turn;
}

Json identity_json(const RunIdentity& identity) {
  Json fields = Json::object();
  for (const auto& [name, value] : identity) fields[name] = value;
  return fields;
}

std::string header_line(const RunIdentity& identity) {
  return Json{{"paceline_rounds", kSchemaVersion}, {"run", identity_json(identity)}}.dump(
      -1, ' ', true, Json::error_handler_t::replace);
}

void check_identity(const Json& header, const RunIdentity& identity, const std::string& where) {
  const auto saved = header.find("run");
  if (saved == header.end() || !saved->is_object()) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] the first line does not say of which run the rounds are.", where));
  }
  const auto differ = [&](const std::string& name, const std::string& was, const std::string& is) {
    throw Error(
        ErrorCode::kUnsupported,
        fmt::format("[{}] the saved rounds are of another run: {} was {}, now it is {}. Resume with what it was, "
                    "or measure anew in another --out.",
                    where, name, excerpt(was), excerpt(is)));
  };
  for (const auto& [name, value] : identity) {
    const std::string theirs = json_string(*saved, name, where, "nothing");
    if (theirs != value) differ(name, theirs, value);
  }
  for (const auto& [name, value] : saved->items()) {
    if (std::ranges::find(identity, name, &RunIdentity::value_type::first) != identity.end()) continue;
    differ(name, json_string(*saved, name, where), "nothing");
  }
}

}  // namespace

std::string turn_key(const Configuration& at, int32_t exact_tokens) {
  const std::string what =
      exact_tokens > 0 ? fmt::format("{} tokens", exact_tokens) : std::string(order_name(at.order));
  return fmt::format("{}|{}|{}|{}x{}|batch {}|budget {}|{}", at.backend, at.compute_type, at.device, at.instances,
                     at.threads, at.batch_size, at.max_batch_tokens, what);
}

RoundStore RoundStore::create(const std::filesystem::path& folder, const RunIdentity& identity) {
  RoundStore store;
  store.open(folder, true);
  store.header_ = header_line(identity);
  store.runs_ = 1;
  store.begin_run();
  return store;
}

RoundStore RoundStore::open_saved(const std::filesystem::path& folder) {
  RoundStore store;
  store.open(folder, false);
  store.read();
  return store;
}

void RoundStore::resume(const RunIdentity& identity) {
  header_ = header_line(identity);
  if (whole_ > 0) {
    const std::string where = fmt::format("{}:1", path_.string());
    check_identity(parse_json(saved_header_, where), identity, where);
  } else if (!header_.starts_with(saved_header_)) {  // what is cut off has to be ours
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] these are no saved rounds of this run. Move the file away, or measure in another "
                            "--out.",
                            path_.string()));
  }
  ++runs_;
}

RoundStore::RoundStore(RoundStore&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      header_(std::move(other.header_)),
      saved_header_(std::move(other.saved_header_)),
      whole_(other.whole_),
      begun_(other.begun_),
      turns_(std::move(other.turns_)),
      runs_(other.runs_),
      seconds_before_(other.seconds_before_),
      seconds_of_run_(other.seconds_of_run_) {}

RoundStore::~RoundStore() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

const SavedTurn* RoundStore::find(const std::string& key, int32_t round, bool confirmation) const {
  const auto found = turns_.find({key, round, confirmation});
  return found == turns_.end() ? nullptr : &found->second;
}

void RoundStore::append(const SavedTurn& turn, double elapsed_seconds) {
  begin_run();
  write_line(turn_json(turn, elapsed_seconds).dump(-1, ' ', true, Json::error_handler_t::replace));
  turns_[{turn.key, turn.timing.round, turn.timing.confirmation}] = turn;
}

void RoundStore::open(const std::filesystem::path& folder, bool create) {
  path_ = round_store_file(folder);
  std::error_code error;
  if (create) {
    std::filesystem::create_directories(folder, error);
    if (error) fail(folder, "creating the folder", error.value());
  }
  const int flags = O_RDWR | O_APPEND | O_CLOEXEC | (create ? O_CREAT | O_EXCL : 0);
  descriptor_ = ::open(path_.c_str(), flags, 0644);
  if (descriptor_ < 0 && errno == EEXIST) refuse_existing(path_);
  if (descriptor_ < 0 && errno == ENOENT) refuse_missing(path_);
  if (descriptor_ < 0) fail(path_, "opening", errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    refuse(path_, "Another paceline is measuring into this folder. Wait for it, or choose another --out.");
  }
}

void RoundStore::read() {
  const std::string content = read_file(path_, kMostBytes);
  whole_ = content.rfind('\n') == std::string::npos ? 0 : content.rfind('\n') + 1;
  saved_header_ = content.substr(0, content.find('\n'));
  std::string_view left = std::string_view(content).substr(0, whole_);
  for (int64_t number = 1; !left.empty(); ++number) {
    const std::size_t end = left.find('\n');
    const std::string where = fmt::format("{}:{}", path_.string(), number);
    if (number == 1) {
      json_integer(parse_json(saved_header_, where), "paceline_rounds", where, kSchemaVersion, kSchemaVersion);
    } else {
      read_line(left.substr(0, end), where);
    }
    left.remove_prefix(end + 1);
  }
  seconds_before_ += seconds_of_run_;
}

void RoundStore::read_line(std::string_view text, const std::string& where) {
  try {
    const Json line = parse_json(text, where, {.max_bytes = kMostBytes});
    if (line.contains("began")) {
      ++runs_;
      seconds_before_ += std::exchange(seconds_of_run_, 0.0);
      return;
    }
    seconds_of_run_ = json_number(line, "elapsed", where, 0, kMostSeconds);
    SavedTurn turn = turn_from_json(line, where);
    turn.where = where;
    const std::tuple key{turn.key, turn.timing.round, turn.timing.confirmation};
    if (!turns_.try_emplace(key, std::move(turn)).second) {
      throw Error(ErrorCode::kCorruptData, fmt::format("[{}] a line above has the same turn.", where));
    }
  } catch (const Error& error) {
    throw bad_line(error.code(), error.what());
  }
}

void RoundStore::begin_run() {
  if (std::exchange(begun_, true)) return;
  if (::ftruncate(descriptor_, static_cast<off_t>(whole_)) != 0) fail(path_, "cutting off a torn line", errno);
  if (whole_ == 0) write_line(header_);
  write_line(Json{{"began", runs_}}.dump());
}

void RoundStore::write_line(const std::string& line) {
  const std::string text = line + "\n";
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t wrote = ::write(descriptor_, text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) fail(path_, "writing", errno);
    done += static_cast<std::size_t>(wrote);
  }
  if (::fdatasync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) fail(path_, "writing", errno);
}

void check_no_saved_rounds(const std::filesystem::path& folder) {
  const std::filesystem::path path = round_store_file(folder);
  std::error_code error;
  if (std::filesystem::exists(path, error)) refuse_existing(path);
}

Error bad_line(ErrorCode code, const std::string& what) {
  return Error(code, fmt::format("{} Delete the line: --resume measures what is missing.", what));
}

std::filesystem::path round_store_file(const std::filesystem::path& folder) { return folder / kFileName; }

}  // namespace paceline
