#include <array>

#include "cli/subcommands.h"

namespace paceline {

std::span<const CommandEntry> commands() {
  using enum CommandKind;
  static constexpr auto kCommands = std::to_array<CommandEntry>({{"bench", make_bench_command},
                                                                 {"compare", make_compare_command, kEndsAtOnce},
                                                                 {"classify", make_classify_command},
                                                                 {"evaluate", make_evaluate_command},
                                                                 {"finetune", make_finetune_command},
                                                                 {"export", make_export_command, kEndsAtOnce},
                                                                 {"verify", make_verify_command},
                                                                 {"tokenize", make_tokenize_command},
                                                                 {"inspect", make_inspect_command, kEndsAtOnce},
                                                                 {"doctor", make_doctor_command, kEndsAtOnce},
                                                                 {"worker", make_worker_command, kHidden}});
  return kCommands;
}

}  // namespace paceline
