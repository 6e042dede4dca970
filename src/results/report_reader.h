#pragma once

#include <filesystem>
#include <string_view>

#include "results/results.h"

namespace paceline {

/// The results that a report.json holds: what report_json() wrote comes back, so that writing it again gives the same
/// text. A report of schema 1 has no timings, no sweep and no rejections; those stay empty.
///
/// The file is hostile until checked. Numbers that were not measured (null) come back as NaN, estimates as zeros.
/// `where` opens the error message.
/// Throws Error{corrupt_data}: not JSON, a field missing, of another type or out of range, a configuration twice;
/// Error{unsupported}: a schema newer than this program.
BenchResults report_from_json(std::string_view text, std::string_view where);

/// The same from a file of at most 64 MiB. Throws Error{not_found}, too.
BenchResults read_report(const std::filesystem::path& file);

}  // namespace paceline
