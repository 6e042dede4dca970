#pragma once

#include "cli/command.h"

namespace paceline {

Command make_bench_command();
Command make_compare_command();
Command make_classify_command();
Command make_evaluate_command();
Command make_finetune_command();
Command make_export_command();
Command make_verify_command();
Command make_tokenize_command();
Command make_inspect_command();
Command make_doctor_command();
Command make_worker_command();

}  // namespace paceline
