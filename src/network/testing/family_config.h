#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "base/json.h"
#include "base/testing/expect_error.h"
#include "network/architecture.h"

namespace paceline {

/// For tests: the config.json of a tiny checkpoint in testdata/families, as transformers wrote it, with changes.
inline Json family_config(const std::string& name, const Json& changes = {}) {
  Json config = read_json_file(std::filesystem::path(PACELINE_TESTDATA) / "families" / name / "config.json");
  if (!changes.is_null()) config.update(changes);
  return config;
}

inline Network describe(const Json& config, const std::set<std::string>& names = {}) {
  return describe_network(config, names, "config.json");
}

/// The description of `name` with one key changed must fail, naming the key and saying `part`.
inline void expect_refused(ErrorCode code, const std::string& name, const char* key, const Json& value,
                           const std::string& part) {
  SCOPED_TRACE(name + ": " + key);
  expect_error(
      code,
      [&] {
        describe(family_config(name, {{key, value}}));
      },
      "[config.json]", key, part);
}

}  // namespace paceline
