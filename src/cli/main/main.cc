#include "base/kept_memory.h"
#include "cli/cli.h"
#include "cli/standard_streams.h"

int main(int argc, char** argv) {
  paceline::occupy_closed_streams();
  paceline::keep_freed_memory();
  return paceline::run_cli(argc, argv);
}
