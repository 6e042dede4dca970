#pragma once

#include <span>
#include <string>
#include <string_view>

namespace paceline {

/// The known name nearest to `given` by edit distance, or "" where none is near (more than a third of the longer name
/// would have to change).
std::string_view nearest_name(std::string_view given, std::span<const std::string> known);

/// The end of a message about an unknown name: `Did you mean "native"? Known: native, onnxruntime.`, without the
/// question where nothing is near; a name with a comma, a semicolon, a bar or a blank in quotes.
std::string suggestion(std::string_view given, std::span<const std::string> known);

/// `text` as a message may echo it: printable (words/printable.h), at most `limit` bytes, cut where a character begins,
/// "..." where something was cut.
std::string excerpt(std::string_view text, std::size_t limit = 60);

}  // namespace paceline
