#include "base/system_error.h"

#include "base/system_failure.h"

namespace paceline {

void throw_system(const std::filesystem::path& path, std::string_view action, int number) {
  throw system_failure(path.string(), action, number);
}

}  // namespace paceline
