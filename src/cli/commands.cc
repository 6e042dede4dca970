#include <array>

#include "cli/subcommands.h"

namespace paceline {

std::span<const CommandEntry> commands() {
  static constexpr std::array<CommandEntry, 9> kCommands{{{"bench", make_bench_command},
                                                          {"compare", make_compare_command},
                                                          {"classify", make_classify_command},
                                                          {"export", make_export_command},
                                                          {"verify", make_verify_command},
                                                          {"tokenize", make_tokenize_command},
                                                          {"inspect", make_inspect_command},
                                                          {"doctor", make_doctor_command},
                                                          {"worker", make_worker_command, true}}};
  return kCommands;
}

}  // namespace paceline
