#include "bench/gate_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "backend/registry.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "bench/gate.h"
#include "paceline/error.h"
#include "paceline/version.h"

namespace paceline {
namespace {

constexpr const char* kOracleBackend = "native";
/// One core at a GFLOP/s, a slow machine's scalar doubles.
constexpr double kReferenceFlopsPerSecond = 1e9;

/// The texts of the gate and how they are cut into batches.
struct GateTexts {
  std::vector<uint32_t> texts;
  std::vector<BatchIndices> batches;
};

GateTexts choose_texts(const BenchSubject& subject, std::size_t count) {
  GateTexts gate{.texts = gate_texts(subject.workload.lengths, count), .batches = {}};
  gate.batches = gate_batches(gate.texts, subject.workload.lengths);
  return gate;
}

double work_of(const std::vector<uint32_t>& texts, const BenchSubject& subject) {
  double flops = 0;
  for (uint32_t text : texts) flops += subject.work.text_flops(text);
  return flops;
}

/// Padding within a batch of like lengths is small, and left out.
double gate_seconds(const Contender& contender, const GateTexts& gate, const BenchSubject& subject) {
  return contender.cost.fixed_seconds * static_cast<double>(gate.batches.size()) +
         contender.cost.seconds_per_flop * work_of(gate.texts, subject);
}

/// As many as the time allows.
GateTexts choose_texts(const std::vector<const Contender*>& asked, const BenchSubject& subject, double seconds) {
  const auto takes = [&](const GateTexts& gate) {
    double all = 0;
    for (const Contender* contender : asked) all += gate_seconds(*contender, gate, subject);
    return all;
  };
  const auto is_fp32 = [](const Contender* one) { return one->result.compute_type == "fp32"; };
  std::size_t count = kGateTexts;
  GateTexts gate = choose_texts(subject, count);
  while (takes(gate) > seconds && count > kFewestGateTexts && std::ranges::all_of(asked, is_fp32)) {
    gate = choose_texts(subject, count /= 2);
  }
  return gate;
}

std::vector<float> answers(Contender& contender, const GateTexts& gate, const BenchSubject& subject) {
  std::vector<float> logits;
  const double expected = gate_seconds(contender, gate, subject);
  with_worker(contender, [&](Worker& worker) { logits = worker.logits(gate.batches, expected); });
  contender.note_shapes(gate.batches, subject.workload.lengths);
  return logits;
}

GateOptions options_for(const Contender& contender, const BenchSubject& subject, double min_agreement) {
  return {.oracle = kOracleName,
          .compute_type = contender.result.compute_type,
          .problem_type = subject.problem_type,
          .has_labels = subject.has_labels,
          .outputs = contender.outputs,
          .min_agreement = min_agreement};
}

/// Another build or another checkpoint is checked anew.
std::filesystem::path memory_of_check(const BenchSubject& subject) {
  Hasher hasher;
  hasher.update(build_id());
  return subject.cache_dir / "reference-checks" / fmt::format("{}-{}.json", subject.checkpoint_hash, hasher.hex());
}

std::optional<GateResult> remembered_check(const BenchSubject& subject) {
  try {
    const std::filesystem::path file = memory_of_check(subject);
    const Json message = read_json_file(file);
    GateResult result;
    result.ran = true;
    result.accepted = true;
    result.oracle = kReferenceBackendName;
    result.texts = static_cast<int32_t>(json_integer(message, "texts", file.string(), 1, 1000));
    result.max_abs_logit_diff = json_number(message, "max_abs_logit_diff", file.string(), 0, 1e30);
    result.mean_abs_logit_diff = json_number(message, "mean_abs_logit_diff", file.string(), 0, 1e30);
    result.max_relative_diff = json_number(message, "max_relative_diff", file.string(), 0, kFp32Tolerance);
    result.agreement = json_number(message, "agreement", file.string(), 0, 1);
    result.verdict = json_string(message, "verdict", file.string());
    return result;
  } catch (const Error&) {
    return std::nullopt;  // not checked yet, or not readable: checked again
  }
}

void remember_check(const GateResult& result, const BenchSubject& subject) {
  const Json message{{"schema_version", 1},
                     {"texts", result.texts},
                     {"max_abs_logit_diff", result.max_abs_logit_diff},
                     {"mean_abs_logit_diff", result.mean_abs_logit_diff},
                     {"max_relative_diff", result.max_relative_diff},
                     {"agreement", result.agreement},
                     {"verdict", result.verdict}};
  const std::filesystem::path file = memory_of_check(subject);
  std::error_code ignored;  // an unwritable cache only costs the check's time again
  std::filesystem::create_directories(file.parent_path(), ignored);
  try {
    write_file_atomically(file, message.dump(2) + "\n");
  } catch (const Error&) {
    return;
  }
}

/// The scalar reference's answers to some of the gate's texts, compared with the oracle's.
GateResult check_with_reference(const Contender& oracle, std::span<const float> expected, const GateTexts& gate,
                                const BenchSubject& subject, const BenchEnvironment& environment) {
  Contender reference;
  reference.result.backend = kReferenceBackendName;
  reference.result.compute_type = "fp32";
  start_contender(reference, subject, environment);
  if (!reference.running()) throw Error(ErrorCode::kInternal, reference.result.error);
  std::vector<BatchIndices> batches;
  std::vector<uint32_t> texts;
  std::vector<float> native;
  const std::size_t columns = static_cast<std::size_t>(oracle.outputs);
  for (std::size_t position : reference_positions(gate.texts.size())) {
    texts.push_back(gate.texts[position]);
    batches.push_back({gate.texts[position]});
    const std::span<const float> row = expected.subspan(position * columns, columns);
    native.insert(native.end(), row.begin(), row.end());
  }
  const std::vector<float> truth =
      reference.worker->logits(batches, work_of(texts, subject) / kReferenceFlopsPerSecond);
  GateOptions options = options_for(oracle, subject, 1);
  options.oracle = "the scalar reference";
  GateResult result = compare_logits(truth, native, options);
  result.oracle = kReferenceBackendName;
  return result;
}

/// The oracle's own gate. A reference that fails to run leaves the oracle unproven, and says so.
GateResult check_oracle(const Contender& oracle, std::span<const float> expected, const GateTexts& gate,
                        const BenchSubject& subject, const BenchEnvironment& environment) {
  if (std::optional<GateResult> known = remembered_check(subject)) return *known;
  environment.show(fmt::format("the scalar reference checks {}, once per checkpoint", kOracleName));
  try {
    GateResult result = check_with_reference(oracle, expected, gate, subject, environment);
    if (result.accepted) remember_check(result, subject);
    return result;
  } catch (const Error& error) {
    GateResult result;
    result.ran = true;
    result.oracle = kReferenceBackendName;
    result.verdict = fmt::format("Rejected: the scalar reference could not check it. {}", error.what());
    return result;
  }
}

bool is_oracle(const Contender& contender) {
  return contender.result.backend == kOracleBackend && contender.result.compute_type == "fp32";
}

void check_contender(Contender& contender, std::span<const float> expected, const GateTexts& gate,
                     const BenchSubject& subject, double min_agreement) {
  const std::vector<float> logits = answers(contender, gate, subject);
  if (!contender.running()) return;
  if (logits.size() == expected.size()) {
    contender.result.gate = compare_logits(expected, logits, options_for(contender, subject, min_agreement));
  } else {
    contender.result.gate.ran = true;
    contender.result.gate.verdict =
        fmt::format("Rejected: {} numbers, {} were expected.", logits.size(), expected.size());
  }
}

/// A gate that nobody could pass, for want of an answer to compare with.
void refuse_all(std::vector<Contender>& contenders, const std::string& reason) {
  for (Contender& contender : contenders) {
    if (!contender.running()) continue;
    contender.result.gate.ran = true;
    contender.result.gate.verdict = reason;
  }
}

}  // namespace

double expected_reference_seconds(const BenchSubject& subject) {
  if (remembered_check(subject)) return 0;
  const std::vector<uint32_t> all = gate_texts(subject.workload.lengths);
  std::vector<uint32_t> texts;
  for (std::size_t position : reference_positions(all.size())) texts.push_back(all[position]);
  return work_of(texts, subject) / kReferenceFlopsPerSecond;
}

GateRun run_gate(std::vector<Contender>& contenders, const BenchSubject& subject, const GateRunOptions& options,
                 const BenchEnvironment& environment) {
  GateRun run;
  Contender extra;
  extra.result.backend = kOracleBackend;
  extra.result.compute_type = "fp32";
  const auto found = std::find_if(contenders.begin(), contenders.end(), is_oracle);
  Contender& oracle = found == contenders.end() ? extra : *found;
  if (found == contenders.end()) {
    start_contender(extra, subject, environment);
    probe_contender(extra, subject);
  }
  std::vector<const Contender*> asked;
  for (const Contender& contender : contenders) asked.push_back(&contender);
  if (&oracle == &extra) asked.push_back(&extra);
  const GateTexts gate = choose_texts(asked, subject, options.seconds);
  const std::size_t usual = std::min(kGateTexts, subject.workload.lengths.size());
  if (gate.texts.size() < usual) {
    run.notes.push_back(
        fmt::format("The gate compared {} texts instead of {} to keep the budget.", gate.texts.size(), usual));
  }
  environment.show(fmt::format("the gate: {}", oracle.name()));
  const std::vector<float> expected = answers(oracle, gate, subject);
  if (!oracle.running()) {
    refuse_all(contenders, "Rejected: the oracle gave no answers to compare with.");
    run.notes.push_back(fmt::format("No answer was checked: {} failed. {}", kOracleName, oracle.result.error));
    return run;
  }
  const double start = environment.now();
  oracle.result.gate = check_oracle(oracle, expected, gate, subject, environment);
  run.reference_seconds = environment.now() - start;
  if (!oracle.result.gate.accepted) {
    refuse_all(contenders, oracle.result.gate.verdict);
    run.notes.push_back(fmt::format("{} is no oracle to trust. {}", kOracleName, oracle.result.gate.verdict));
    return run;
  }
  for (Contender& contender : contenders) {
    if (&contender == &oracle) continue;
    environment.show(fmt::format("the gate: {}", contender.name()));
    check_contender(contender, expected, gate, subject, options.min_agreement);
  }
  return run;
}

}  // namespace paceline
