#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "paceline/error.h"
#include "results/results.h"

namespace paceline {

/// One measured turn of a run that takes hours: of a cell, or of a length of the sweep.
struct SavedTurn {
  std::string key;  ///< what was measured: turn_key()
  Timing timing;
  std::vector<double> text_seconds;  ///< batch size 1: of each text by itself; else empty
  std::string where = {};            ///< the file and the line that it was read from
};

/// Names what a turn measures, alike in every run.
std::string turn_key(const Configuration& configuration, int32_t exact_tokens = 0);

/// What must be the same for two runs to be parts of one, by name: ("checkpoint", its hash), ("cpu", ...).
using RunIdentity = std::vector<std::pair<std::string, std::string>>;

/// The finished turns of a run, in DIR/rounds.jsonl: a first line that says of which run, then a line for each turn, on
/// the disk before the next one begins. Whatever ends the process, at most the turn in work is lost: a torn last line
/// is cut off. A run that is resumed changes the file with its first turn, so that a refused one leaves it as it is.
class RoundStore {
 public:
  /// A new one in `folder`, which is created. Throws Error{invalid_argument} where there is one already or another
  /// process has it, {resource_exhausted} for a full disk.
  static RoundStore create(const std::filesystem::path& folder, const RunIdentity& identity);

  /// The one in `folder`, of whichever run, for resume() to go on with. Throws Error{invalid_argument} where there is
  /// none or another process has it, {corrupt_data} where a line is none of ours.
  static RoundStore open_saved(const std::filesystem::path& folder);

  /// Throws Error{unsupported} where the saved rounds are of another run, saying what differs, {corrupt_data} where
  /// they do not say of which.
  void resume(const RunIdentity& identity);

  RoundStore(RoundStore&& other) noexcept;
  RoundStore(const RoundStore&) = delete;
  RoundStore& operator=(const RoundStore&) = delete;
  ~RoundStore();

  /// Null where that turn has not been measured.
  const SavedTurn* find(const std::string& key, int32_t round, bool confirmation) const;

  /// Saves a turn, measured `elapsed_seconds` after this run began. Throws Error{resource_exhausted}.
  void append(const SavedTurn& turn, double elapsed_seconds);

  const std::filesystem::path& path() const { return path_; }
  std::size_t turns() const { return turns_.size(); }
  int32_t continued() const { return runs_ - 1; }  ///< runs before this one
  double seconds_before() const { return seconds_before_; }

 private:
  RoundStore() = default;
  void open(const std::filesystem::path& folder, bool create);
  void read();
  void read_line(std::string_view line, const std::string& where);
  void write_line(const std::string& line);
  void begin_run();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::string header_;
  std::string saved_header_;  ///< the first line that was read, whole or torn
  std::size_t whole_ = 0;     ///< bytes of the whole lines that were read
  bool begun_ = false;        ///< the file says that this run has begun
  std::map<std::tuple<std::string, int32_t, bool>, SavedTurn> turns_;
  int32_t runs_ = 0;
  double seconds_before_ = 0;
  double seconds_of_run_ = 0;
};

/// That create() has no reason to refuse the folder yet. Throws Error{invalid_argument} as it does.
void check_no_saved_rounds(const std::filesystem::path& folder);

/// Of a line that is none of ours: what is wrong with it, and what to do.
Error bad_line(ErrorCode code, const std::string& what);

/// The file in `folder`.
std::filesystem::path round_store_file(const std::filesystem::path& folder);

}  // namespace paceline
