#include "report/report.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/temporary_path.h"
#include "paceline/error.h"
#include "report/charts.h"
#include "report/html.h"
#include "report/png.h"
#include "report/profile_json.h"
#include "report/report_json.h"
#include "report/samples_csv.h"
#include "report/svg.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr int kFileChart = 760;  // px: a figure in a document

[[noreturn]] void fail(const fs::path& path, const std::error_code& error) {
  const bool full = error == std::errc::no_space_on_device || error.value() == EDQUOT;
  throw Error(full ? ErrorCode::kResourceExhausted : ErrorCode::kInvalidArgument,
              fmt::format("[report] cannot write {}: {}. {}", path.string(), error.message(),
                          full ? "Free some space, or choose another folder with --out."
                               : "Choose a folder that can be written with --out."));
}

/// A hidden folder inside the target, so that renaming never crosses file systems. Gone with the object, and the target
/// with it where it was made here and stayed empty.
class StagingFolder {
 public:
  explicit StagingFolder(const fs::path& out_dir) : out_dir_(out_dir) {
    std::error_code error;
    made_target_ = !fs::exists(out_dir, error);
    if (made_target_) temporary_.emplace_back(out_dir);
    fs::create_directories(out_dir, error);
    if (error) fail(out_dir, error);
    make_folder(error);
    if (error) {
      remove_empty_target();
      fail(out_dir, error);
    }
  }
  StagingFolder(const StagingFolder&) = delete;
  StagingFolder& operator=(const StagingFolder&) = delete;
  ~StagingFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
    remove_empty_target();
  }

  /// Adds a file, `name` relative to the target.
  void add(const std::string& name, std::string_view content) {
    add(name, [&](const fs::path& file) { write_file_atomically(file, content); });
  }
  void add(const std::string& name, const PlanWriter& write) {
    temporary_.emplace_back((path_ / name).parent_path());
    make_parent(path_ / name);
    temporary_.emplace_back(path_ / name);
    write(path_ / name);
    names_.push_back(name);
  }

  /// The place of a file that may come to be; false from `make`: it did not.
  bool try_add(const std::string& name, const std::function<bool(const fs::path& file)>& make) {
    temporary_.emplace_back(path_ / name);
    if (make(path_ / name)) {
      names_.push_back(name);
      return true;
    }
    std::error_code ignored;
    fs::remove(path_ / name, ignored);
    return false;
  }
  const fs::path& path() const { return path_; }

  /// Renames everything into place; where that fails midway, what is in place already goes again.
  void commit() {
    std::vector<fs::path> placed;
    for (const std::string& name : names_) {
      std::error_code error;
      fs::create_directories((out_dir_ / name).parent_path(), error);
      if (!error) fs::rename(path_ / name, out_dir_ / name, error);
      if (error) {
        std::error_code ignored;
        for (const fs::path& path : placed) fs::remove(path, ignored);
        fail(out_dir_ / name, error);
      }
      placed.push_back(out_dir_ / name);
    }
  }

 private:
  /// Under a name that is known before it exists, so that a signal finds it.
  void make_folder(std::error_code& error) {
    for (unsigned number = 0; path_.empty() && !error; ++number) {
      TemporaryPath folder(out_dir_ / fmt::format(".report-{}-{}", ::getpid(), number));
      if (!fs::create_directory(folder.path(), error)) continue;  // there already: of a process that was killed
      path_ = folder.path();
      temporary_.push_back(std::move(folder));
    }
  }
  static void make_parent(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) fail(path.parent_path(), error);
  }
  /// Removing a folder that holds anything fails, which is what is wanted.
  void remove_empty_target() const {
    std::error_code ignored;
    if (made_target_) fs::remove(out_dir_, ignored);
  }

  fs::path out_dir_, path_;
  std::vector<std::string> names_;
  std::vector<TemporaryPath> temporary_;
  bool made_target_ = false;
};

}  // namespace

namespace {

/// Every chart as SVG, and as PNG where there is a program for it. Returns whether every PNG was drawn.
bool add_charts(StagingFolder& staging, const BenchResults& results) {
  bool drawn = true;
  for (const NamedFigure& named : all_figures(results)) {
    const std::string svg = "charts/" + named.name + ".svg";
    staging.add(svg, render_svg(named.figure, {.width = kFileChart}));
    // One failure is enough: the next would fail alike, and each may take its time.
    drawn = drawn && staging.try_add("charts/" + named.name + ".png",
                                     [&](const fs::path& png) { return convert_to_png(staging.path() / svg, png); });
  }
  return drawn;
}

}  // namespace

std::string write_report(const BenchResults& results, const fs::path& out_dir, const PlanWriter& write_plan) {
  StagingFolder staging(out_dir);
  const bool drawn = add_charts(staging, results);
  staging.add("samples.csv", samples_csv(results));
  staging.add("report.json", report_json(results));
  if (write_plan) staging.add("plan.json", write_plan);
  const std::string plan_path = write_plan ? (out_dir / "plan.json").string() : "";
  staging.add("report.html", report_html(results, {.plan_path = plan_path}));
  staging.commit();
  return drawn ? "" : "The charts are SVG only: install rsvg-convert (Debian: librsvg2-bin) for PNG, too.";
}

void write_profile(const BenchResults& results, const fs::path& out_dir) {
  StagingFolder staging(out_dir);
  staging.add("profile.json", profile_json(results));
  staging.commit();
}

}  // namespace paceline
