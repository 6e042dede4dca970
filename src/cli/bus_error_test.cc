#include "cli/bus_error.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "base/file.h"
#include "base/testing/temporary_folder.h"
#include "cli/exit_code.h"

namespace paceline {
namespace {

/// Reads a mapped file that has just lost all but its first byte.
[[noreturn]] void read_truncated(const std::filesystem::path& path) {
  report_bus_errors();
  const MappedFile file = MappedFile::open(path);
  if (::truncate(path.c_str(), 1) != 0) ::_exit(99);
  unsigned sum = 0;
  for (const std::byte byte : file.bytes()) sum += static_cast<unsigned>(byte);
  ::_exit(sum == 0 ? 97 : 98);
}

TEST(ReportBusErrors, NamesTheFileThatBecameShorter) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "model.safetensors", std::string(std::size_t{1} << 16, 'x'));
  EXPECT_EXIT(read_truncated(folder / "model.safetensors"), testing::ExitedWithCode(kExitBadData),
              "paceline: \\[/.*/model.safetensors\\] the file became shorter while it was read");
  write_file_atomically(folder / "\x1b[2J", std::string(std::size_t{1} << 16, 'x'));
  EXPECT_EXIT(read_truncated(folder / "\x1b[2J"), testing::ExitedWithCode(kExitBadData), "\\[/[^\x1b]*/\\?\\[2J\\] ");
}

}  // namespace
}  // namespace paceline
