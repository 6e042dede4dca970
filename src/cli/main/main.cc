#include "base/kept_memory.h"
#include "cli/cli.h"

int main(int argc, char** argv) {
  paceline::keep_freed_memory();
  return paceline::run_cli(argc, argv);
}
