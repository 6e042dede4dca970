/// Runs a fuzz target over files instead of libFuzzer: every file of its committed corpus, and of the folders and files
/// named on the command line. It shows that a finding stays fixed and serves compilers that have no libFuzzer.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_of(int count, char** arguments) {
  std::vector<fs::path> files;
  for (int i = 1; i < count; ++i) {
    const fs::path path = arguments[i];
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path)) {
      if (entry.is_regular_file()) files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool run(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  if (!stream) {
    std::fprintf(stderr, "[fuzz corpus] %s cannot be read\n", path.c_str());
    return false;
  }
  const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  // A copy of exactly this size, so that a sanitizer sees the first byte read beyond it.
  const std::vector<uint8_t> input(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(input.data(), input.size());
  return true;
}

}  // namespace

int main(int count, char** arguments) try {
  const std::vector<fs::path> files = files_of(count, arguments);
  if (files.empty()) {
    std::fprintf(stderr, "[fuzz corpus] no file given: name a corpus folder, such as testdata/fuzz/<target>\n");
    return 2;
  }
  const bool all_read = std::all_of(files.begin(), files.end(), run);
  std::printf("%zu inputs ran\n", files.size());
  return all_read ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "[fuzz corpus] an exception left the target: %s\n", error.what());
  return 1;
}
