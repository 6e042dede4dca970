#include "report/staged_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/file_stamp.h"
#include "paceline/error.h"
#include "report/file_swap.h"
#include "report/png.h"
#include "report/svg.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr int kFileChart = 760;  // px: a figure in a document

/// A file that another program wrote.
void put_on_disk(const fs::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return;
  static_cast<void>(::fsync(descriptor));
  ::close(descriptor);
}

const fs::path& without_folders_in_place(const fs::path& out_dir, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    std::error_code ignored;
    if (fs::is_directory(fs::symlink_status(out_dir / name, ignored))) {
      fail_to_write(out_dir / name, std::make_error_code(std::errc::is_a_directory));
    }
  }
  return out_dir;
}

/// A link that leads nowhere is there and yet no folder: trying to make one would say only that it exists.
void refuse_dangling_link(const fs::path& path) {
  std::error_code error;
  const fs::path leads_to = fs::read_symlink(path, error);
  if (error) return;  // no link
  throw Error(
      ErrorCode::kInvalidArgument,
      fmt::format("[report] cannot write {}: it is a link to {}, which does not exist. Remove the link, or choose "
                  "another folder with --out.",
                  path.string(), leads_to.string()));
}

}  // namespace

TargetFolder::TargetFolder(const fs::path& path) {
  std::error_code error;
  std::vector<fs::path> missing;
  for (fs::path folder = path; !folder.empty() && !fs::exists(folder, error) && !error; folder = folder.parent_path()) {
    refuse_dangling_link(folder);
    missing.push_back(folder);
  }
  for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder) made_.emplace_back(*folder);
  fs::create_directories(path, error);
  if (!error) return;
  remove_made();
  fail_to_write(path, error);
}

TargetFolder::~TargetFolder() { remove_made(); }

/// Removing a folder that holds anything fails, which is what is wanted.
void TargetFolder::remove_made() {
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) ::rmdir(folder->path().c_str());
}

StagedFiles::StagedFiles(const fs::path& out_dir, std::vector<std::string> all)
    : out_dir_(without_folders_in_place(out_dir, all)), all_(std::move(all)), target_(out_dir), staging_(out_dir) {}

void StagedFiles::add(const std::string& name, std::string_view content) {
  add(name, [&](const fs::path& file) { write_file_atomically(file, content); });
}

void StagedFiles::add(const std::string& name, const std::function<void(const fs::path& file)>& write) {
  write(staging_.place(name));
  names_.push_back(name);
}

bool StagedFiles::add_chart(const std::string& name, const Figure& figure, bool png) {
  const std::string svg_name = "charts/" + name + ".svg";
  const std::string png_name = "charts/" + name + ".png";
  add(svg_name, render_svg(figure, {.width = kFileChart}));
  if (!png) return false;
  const fs::path file = staging_.place(png_name);
  if (convert_to_png(staging_.path() / svg_name, file)) {
    put_on_disk(file);
    names_.push_back(png_name);
    return true;
  }
  std::error_code ignored;
  fs::remove(file, ignored);
  return false;
}

std::map<std::string, std::string> StagedFiles::hashes() const {
  std::map<std::string, std::string> hashes;
  for (const std::string& name : names_) hashes[name] = hash_file(staging_.path() / name);
  return hashes;
}

void StagedFiles::commit() {
  FileSwap swap(staging_, out_dir_);
  for (const std::string& name : all_) {
    if (std::ranges::find(names_, name) == names_.end()) swap.take_away(name);
  }
  for (const std::string& name : names_) swap.put(name);
  swap.keep();
}

void check_target(const fs::path& out_dir, const std::vector<std::string>& all) {
  const StagedFiles trial(out_dir, all);
}

}  // namespace paceline
