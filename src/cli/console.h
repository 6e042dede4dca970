#pragma once

#include <string_view>

#include "classify/stream.h"

namespace paceline {

/// Thrown where whoever reads our output went away (`paceline ... | head`): the program ends quietly, as it is done.
struct OutputClosed {};

/// Results go to standard output, whole and unbuffered; everything else to standard error.
class Console : public TextSink {
 public:
  /// Throws Error{resource_exhausted} where standard output takes no more (a full disk), OutputClosed.
  void write(std::string_view result) override;

  /// A line for people: progress, notices, errors. Never fails.
  void note(std::string_view line);

  /// How the results are shown.
  static bool is_terminal();
  static int width();  ///< columns; 80 where it is no terminal
};

}  // namespace paceline
