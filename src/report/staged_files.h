#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/staging_folder.h"
#include "base/temporary_path.h"
#include "report/figure.h"

namespace paceline {

/// A folder that files are put into: made where it is missing with those above it, and gone again with them where it
/// stayed empty.
class TargetFolder {
 public:
  /// Throws as fail_to_write() does.
  explicit TargetFolder(const std::filesystem::path& path);
  TargetFolder(const TargetFolder&) = delete;
  TargetFolder& operator=(const TargetFolder&) = delete;
  ~TargetFolder();

 private:
  void remove_made();

  std::vector<TemporaryPath> made_;  ///< from the outermost on
};

/// The files of a report, made out of sight and then swapped in as a whole. Names are relative to the target.
class StagedFiles {
 public:
  /// `all`: every file that such a report may have. Throws as fail_to_write() does, also where one is a folder.
  StagedFiles(const std::filesystem::path& out_dir, std::vector<std::string> all);

  void add(const std::string& name, std::string_view content);
  void add(const std::string& name, const std::function<void(const std::filesystem::path& file)>& write);
  /// charts/NAME.svg and, where `png` asks for it, charts/NAME.png. Returns whether that was drawn: one failure is
  /// enough, as the next would fail alike and each may take its time.
  bool add_chart(const std::string& name, const Figure& figure, bool png);

  /// Of all files that were added, by their names.
  std::map<std::string, std::string> hashes() const;

  /// Puts everything into place, in the order of the calls. What such a report may have and this one lacks goes before:
  /// it is of an earlier run.
  void commit();

 private:
  std::filesystem::path out_dir_;
  std::vector<std::string> all_;
  TargetFolder target_;  ///< before what is made in it
  StagingFolder staging_;
  std::vector<std::string> names_;
};

/// Before hours of work: whether such files can be written there. Leaves everything as it is; throws what StagedFiles
/// would.
void check_target(const std::filesystem::path& out_dir, const std::vector<std::string>& all);

/// What to say where add_chart drew no PNG.
inline constexpr const char* kNoPng =
    "The charts are SVG only: install rsvg-convert (Debian: librsvg2-bin) for PNG, too.";

}  // namespace paceline
