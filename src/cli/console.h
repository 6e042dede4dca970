#pragma once

#include <string_view>

#include "jobs/stream.h"

namespace paceline {

/// Thrown where whoever reads our output went away (`paceline ... | head`): the program ends quietly, as it is done.
struct OutputClosed {};

/// Results go to standard output, whole and unbuffered; everything else to standard error.
class Console : public TextSink {
 public:
  /// On a terminal, control characters of foreign text are shown as their escapes; in a file or a pipe every byte is as
  /// it was. Throws Error where standard output takes no more (closed, a full disk), OutputClosed.
  void write(std::string_view result) override;

  /// The same for text with colours of our own, in which foreign text is printable already.
  void write_styled(std::string_view text);

  /// A line for people: a notice, an error. Shown as printable() has it, so that no name breaks it. Never fails.
  void note(std::string_view line) noexcept;

  /// The same for several lines, in which foreign text is printable already.
  void note_lines(std::string_view lines) noexcept;

  /// Whether standard output is a pipe whose reader went away.
  static bool reader_is_gone();

  /// How the results are shown.
  static bool is_terminal();
  static bool has_color();  ///< a terminal, and the environment has no NO_COLOR
  static int width();       ///< columns; 80 where it is no terminal
};

}  // namespace paceline
