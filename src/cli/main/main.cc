#include "cli/cli.h"

int main(int argc, char** argv) { return paceline::run_cli(argc, argv); }
