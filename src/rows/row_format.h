#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "rows/row_reader.h"

namespace paceline {

struct ChosenFormat {
  RowFormat format = RowFormat::kTxt;  ///< never kAuto
  std::string note;                    ///< of RowReader::notes, where the choice may surprise; else empty
};

/// The format that the options name, else that of the ending (of a packed file: the one before .gz or .zst), else that
/// of the first bytes. Throws Error{invalid_argument} for an option that this format does not have, and {corrupt_data}
/// for JSON that is neither an array nor an object a line. `name` stands for the input in messages.
ChosenFormat choose_row_format(const std::filesystem::path& path, const std::string& name,
                               const RowReaderOptions& options, std::string_view start);

}  // namespace paceline
