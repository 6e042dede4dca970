#include "bench/worker_server.h"
#include "cli/subcommands.h"

namespace paceline {

Command make_worker_command() {
  return {.name = "worker",
          .summary = "what bench starts once per backend; not for people",
          .flags = {},
          .notes = "",
          .run = [](const Invocation&) { return run_worker(kWorkerDescriptor, kWorkerDescriptor); }};
}

}  // namespace paceline
