#include "report/report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/staging_folder.h"
#include "base/temporary_path.h"
#include "paceline/error.h"
#include "report/charts.h"
#include "report/file_swap.h"
#include "report/html.h"
#include "report/png.h"
#include "report/svg.h"
#include "results/profile_json.h"
#include "results/report_json.h"
#include "results/report_reader.h"
#include "results/samples_csv.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProfileFile = "profile.json";
constexpr const char* kIncompleteFolder = "incomplete";
constexpr int kFileChart = 760;  // px: a figure in a document

/// The folder of a report, which is made where it is missing and goes again where it stayed empty.
class TargetFolder {
 public:
  explicit TargetFolder(const fs::path& path) : path_(path) {
    std::error_code error;
    made_ = !fs::exists(path, error);
    if (made_) temporary_ = TemporaryPath(path);
    fs::create_directories(path, error);
    if (error) fail_to_write(path, error);
  }
  TargetFolder(const TargetFolder&) = delete;
  TargetFolder& operator=(const TargetFolder&) = delete;
  /// Removing a folder that holds anything fails, which is what is wanted.
  ~TargetFolder() {
    std::error_code ignored;
    if (made_) fs::remove(path_, ignored);
  }

 private:
  fs::path path_;
  TemporaryPath temporary_;
  bool made_ = false;
};

/// A file that another program wrote.
void put_on_disk(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  static_cast<void>(::fsync(descriptor));
  ::close(descriptor);
}

/// The files of a report, made out of sight and then swapped in as a whole.
class StagedFiles {
 public:
  explicit StagedFiles(const fs::path& out_dir) : out_dir_(out_dir), target_(out_dir), staging_(out_dir) {}

  /// Adds a file, `name` relative to the target.
  void add(const std::string& name, std::string_view content) {
    add(name, [&](const fs::path& file) { write_file_atomically(file, content); });
  }
  void add(const std::string& name, const PlanWriter& write) {
    write(staging_.place(name));
    names_.push_back(name);
  }
  /// The place of a file that may come to be; false from `make`: it did not.
  bool try_add(const std::string& name, const std::function<bool(const fs::path& file)>& make) {
    const fs::path file = staging_.place(name);
    if (make(file)) {
      put_on_disk(file);
      names_.push_back(name);
      return true;
    }
    std::error_code ignored;
    fs::remove(file, ignored);
    return false;
  }
  const fs::path& path() const { return staging_.path(); }

  /// Puts everything into place. Of `all` that such a set may have, what this one lacks goes: of an earlier run.
  void commit(const std::vector<std::string>& all) {
    FileSwap swap(staging_, out_dir_);
    for (const std::string& name : names_) swap.put(name);
    for (const std::string& name : all) {
      if (std::ranges::find(names_, name) == names_.end()) swap.take_away(name);
    }
    swap.keep();
  }

 private:
  fs::path out_dir_;
  TargetFolder target_;  ///< before what is made in it
  StagingFolder staging_;
  std::vector<std::string> names_;
};

/// Every chart as SVG, and as PNG where there is a program for it. Returns whether every PNG was drawn.
bool add_charts(StagedFiles& staged, const BenchResults& results) {
  bool drawn = true;
  for (const NamedFigure& named : all_figures(results)) {
    const std::string svg = "charts/" + named.name + ".svg";
    staged.add(svg, render_svg(named.figure, {.width = kFileChart}));
    // One failure is enough: the next would fail alike, and each may take its time.
    drawn = drawn && staged.try_add("charts/" + named.name + ".png",
                                    [&](const fs::path& png) { return convert_to_png(staged.path() / svg, png); });
  }
  return drawn;
}

/// The report of an earlier run that was not complete. What cannot be removed stays: it is beside the report.
void remove_incomplete(const fs::path& out_dir) {
  const fs::path folder = out_dir / kIncompleteFolder;
  std::error_code ignored;
  for (const std::string& name : names_of_a_report()) fs::remove(folder / name, ignored);
  fs::remove(folder / "charts", ignored);
  fs::remove(folder, ignored);
}

/// How much a run has to say.
enum class Substance { kNothing, kPart, kWhole };

Substance substance_of(const BenchResults& results) {
  const auto measured = [](const CellResult& cell) { return cell.rounds > 0; };
  if (std::ranges::none_of(results.cells, measured)) return Substance::kNothing;
  return results.interrupted ? Substance::kPart : Substance::kWhole;
}

/// What cannot be read (of a newer version, say) may be anything, so it is not replaced by less than the whole.
Substance substance_of_report(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return Substance::kNothing;
  try {
    return substance_of(read_report(file));
  } catch (const Error&) {
    return Substance::kWhole;
  }
}

void refuse_folders_in_place(const fs::path& out_dir, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    std::error_code ignored;
    if (fs::is_directory(fs::symlink_status(out_dir / name, ignored))) {
      fail_to_write(out_dir / name, std::make_error_code(std::errc::is_a_directory));
    }
  }
}

void check_folder(const fs::path& out_dir, const std::vector<std::string>& names) {
  refuse_folders_in_place(out_dir, names);
  const StagedFiles trial(out_dir);
}

}  // namespace

std::vector<std::string> names_of_a_report() {
  std::vector<std::string> names{"report.html", "report.json", "samples.csv", "plan.json"};
  for (const char* chart : kChartNames) {
    for (const char* ending : {".svg", ".png"}) names.push_back(fmt::format("charts/{}{}", chart, ending));
  }
  return names;
}

void check_report_folder(const fs::path& out_dir) { check_folder(out_dir, names_of_a_report()); }

void check_profile_folder(const fs::path& out_dir) { check_folder(out_dir, {kProfileFile}); }

std::optional<fs::path> report_folder(const BenchResults& results, const fs::path& out_dir) {
  const Substance earlier = substance_of_report(out_dir / "report.json");
  const Substance now = substance_of(results);
  if (now >= earlier) return out_dir;
  const fs::path beside = out_dir / kIncompleteFolder;
  const bool worth_it = now > Substance::kNothing || !results.interrupted;
  if (!worth_it || now < substance_of_report(beside / "report.json")) return std::nullopt;
  return beside;
}

std::string write_report(const BenchResults& results, const fs::path& out_dir, const PlanWriter& write_plan) {
  refuse_folders_in_place(out_dir, names_of_a_report());
  StagedFiles staged(out_dir);
  const bool drawn = add_charts(staged, results);
  staged.add("samples.csv", samples_csv(results));
  staged.add("report.json", report_json(results));
  if (write_plan) staged.add("plan.json", write_plan);
  const std::string plan_path = write_plan ? (out_dir / "plan.json").string() : "";
  staged.add("report.html", report_html(results, {.plan_path = plan_path}));
  staged.commit(names_of_a_report());
  if (substance_of(results) == Substance::kWhole) remove_incomplete(out_dir);
  return drawn ? "" : "The charts are SVG only: install rsvg-convert (Debian: librsvg2-bin) for PNG, too.";
}

void write_profile(const BenchResults& results, const fs::path& out_dir) {
  refuse_folders_in_place(out_dir, {kProfileFile});
  StagedFiles staged(out_dir);
  staged.add(kProfileFile, profile_json(results));
  staged.commit({});
}

}  // namespace paceline
