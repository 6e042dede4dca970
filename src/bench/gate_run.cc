#include "bench/gate_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "backend/registry.h"
#include "base/cache_folder.h"
#include "base/hash.h"
#include "base/json.h"
#include "bench/gate.h"
#include "paceline/error.h"
#include "paceline/version.h"

namespace paceline {
namespace {

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

double gate_seconds(const std::vector<const Contender*>& asked, const GateTexts& gate, const BenchSubject& subject) {
  double all = 0;
  for (const Contender* contender : asked) all += gate_seconds(*contender, gate, subject);
  return all;
}

/// A share of equal labels, which other types are judged by, needs every text.
bool all_fp32(const std::vector<const Contender*>& asked) {
  return std::ranges::all_of(asked, [](const Contender* one) { return one->result.compute_type == "fp32"; });
}

/// As many as the time allows.
GateTexts choose_texts(const std::vector<const Contender*>& asked, const BenchSubject& subject, double seconds) {
  const bool may_be_fewer = all_fp32(asked);
  std::size_t count = kGateTexts;
  GateTexts gate = choose_texts(subject, count);
  while (may_be_fewer && count > kFewestGateTexts && gate_seconds(asked, gate, subject) > seconds) {
    gate = choose_texts(subject, count /= 2);
  }
  return gate;
}

std::vector<const Contender*> pointers_to(const std::vector<Contender>& contenders) {
  std::vector<const Contender*> pointers;
  for (const Contender& contender : contenders) pointers.push_back(&contender);
  return pointers;
}

std::vector<float> answers(Contender& contender, const GateTexts& gate, const BenchSubject& subject) {
  std::vector<float> logits;
  const double expected = gate_seconds(contender, gate, subject);
  with_worker(contender, [&](Worker& worker) { logits = worker.logits(gate.batches, expected); });
  contender.note_shapes(gate.batches, subject.workload.lengths);
  return logits;
}

GateOptions options_for(const Contender& contender, const BenchSubject& subject, const std::string& oracle,
                        double min_agreement) {
  return {.oracle = oracle,
          .compute_type = contender.result.compute_type,
          .problem_type = subject.problem_type,
          .has_labels = subject.has_labels,
          .outputs = contender.outputs,
          .min_agreement = min_agreement};
}

constexpr std::size_t kMostMemoryBytes = 1 << 16;

/// Another build or another checkpoint is checked anew.
std::filesystem::path memory_of_check(const BenchSubject& subject) {
  Hasher hasher;
  hasher.update(build_id());
  return subject.cache_dir / "reference-checks" / fmt::format("{}-{}.json", subject.checkpoint_hash, hasher.hex());
}

std::optional<GateResult> remembered_check(const BenchSubject& subject) {
  try {
    const std::filesystem::path file = memory_of_check(subject);
    const Json message = parse_json(recall_from_cache(file, kMostMemoryBytes), file.string());
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
  remember_in_cache(memory_of_check(subject), message.dump(2) + "\n");
}

/// The scalar reference's answers to some of the gate's texts, compared with those of the one to prove.
GateResult check_with_reference(const Contender& proven, std::span<const float> answered, const GateTexts& gate,
                                const BenchSubject& subject, const BenchEnvironment& environment) {
  Contender reference;
  reference.result.backend = reference.result.engine = kReferenceBackendName;
  reference.result.compute_type = "fp32";
  reference.result.threads = subject.threads;
  start_contender(reference, subject, environment);
  if (!reference.running()) {
    throw Error(reference.result.no_room ? ErrorCode::kResourceExhausted : ErrorCode::kInternal,
                reference.result.error);
  }
  std::vector<BatchIndices> batches;
  std::vector<uint32_t> texts;
  std::vector<float> rows;
  const std::size_t columns = static_cast<std::size_t>(proven.outputs);
  for (std::size_t position : reference_positions(gate.texts.size())) {
    texts.push_back(gate.texts[position]);
    batches.push_back({gate.texts[position]});
    const std::span<const float> row = answered.subspan(position * columns, columns);
    rows.insert(rows.end(), row.begin(), row.end());
  }
  const std::vector<float> truth =
      reference.worker->logits(batches, work_of(texts, subject) / kReferenceFlopsPerSecond);
  GateResult result = compare_logits(truth, rows, options_for(proven, subject, "the scalar reference", 1));
  result.oracle = kReferenceBackendName;
  return result;
}

/// The proof of the one whose role is to be proven. A reference that fails to run leaves it unproven, and says so;
/// `no_room` tells whether it was for want of memory or threads.
GateResult check_proven(const Contender& proven, std::span<const float> answered, const GateTexts& gate,
                        const BenchSubject& subject, const BenchEnvironment& environment, bool& no_room) {
  environment.show(fmt::format("the scalar reference checks {}, once per checkpoint", proven.name()));
  try {
    return check_with_reference(proven, answered, gate, subject, environment);
  } catch (const Error& error) {
    no_room = error.code() == ErrorCode::kResourceExhausted;
    GateResult result;
    result.ran = true;
    result.oracle = kReferenceBackendName;
    result.verdict = fmt::format("the scalar reference could not check it. {}", error.what());
    return result;
  }
}

/// No file of the user's: whatever runs it, its answers are what is checked.
bool plays(const BackendResult& result, OracleRole role) {
  return result.file.empty() && result.compute_type == "fp32" && result.device == "cpu" &&
         find_backend(result.engine).oracle == role;
}

/// The first running one, at fp32 on the CPU; null without one.
Contender* find_running(std::vector<Contender>& contenders, OracleRole role) {
  const auto found =
      std::ranges::find_if(contenders, [&](const Contender& one) { return plays(one.result, role) && one.running(); });
  return found == contenders.end() ? nullptr : &*found;
}

/// Rejects all, for want of an answer to compare with.
void refuse_all(std::vector<Contender>& contenders, const std::string& reason) {
  for (Contender& contender : contenders) {
    if (!contender.running()) continue;
    contender.result.gate.ran = true;
    contender.result.gate.accepted = false;
    contender.result.gate.verdict = reason;
  }
}

/// Two independent implementations in fp32, the original and ours, and the scalar reference behind ours: who is right
/// is decided among them, and the rest is compared with the winner.
class Gate {
 public:
  Gate(std::vector<Contender>& contenders, const BenchSubject& subject, const GateRunOptions& options,
       const BenchEnvironment& environment)
      : contenders_(contenders), subject_(subject), options_(options), environment_(environment) {}

  GateRun run() {
    original_ = find_running(contenders_, OracleRole::kOriginal);
    proven_ = find_running(contenders_, OracleRole::kProven);
    if (original_ == nullptr && proven_ == nullptr) start_proven_aside();
    choose_gate_texts();
    const std::vector<float> original = ask(original_);
    const std::vector<float> proven = ask(proven_);
    if (original_ != nullptr && !original_->running()) original_ = nullptr;
    if (proven_ != nullptr && !proven_->running()) {
      if (original_ == nullptr) refuse(proven_->result.error);
      proven_ = nullptr;
    }
    if (proven_ != nullptr) prove(proven, original);
    if (original_ != nullptr && oracle_ == nullptr) trust_original();
    if (oracle_ == nullptr) return std::move(run_);
    check_others(oracle_ == original_ ? original : proven);
    if (subject_.labelled) {
      run_.scoring = score_contenders(contenders_, *oracle_, subject_, options_.scoring, environment_);
      if (run_.scoring.texts == 0) {
        run_.notes.push_back(
            fmt::format("No accuracy was measured: {} gave the labelled texts no answers to compare "
                        "with.",
                        run_.scoring.oracle));
      }
    }
    return std::move(run_);
  }

 private:
  void start_proven_aside() {
    const auto proven = std::ranges::find(known_backends(), OracleRole::kProven, &BackendEntry::oracle);
    aside_.result.backend = aside_.result.engine = proven->name;
    aside_.result.compute_type = "fp32";
    aside_.result.threads = subject_.threads;
    start_contender(aside_, subject_, environment_);
    probe_contender(aside_, subject_);
    proven_ = &aside_;
  }

  void choose_gate_texts() {
    std::vector<const Contender*> asked = pointers_to(contenders_);
    if (proven_ == &aside_) asked.push_back(&aside_);
    gate_ = choose_texts(asked, subject_, options_.seconds);
    const std::size_t usual = std::min(kGateTexts, subject_.workload.lengths.size());
    if (gate_.texts.size() == usual) return;
    run_.notes.push_back(
        fmt::format("The gate compared {} texts instead of {} to keep the budget.", gate_.texts.size(), usual));
  }

  std::vector<float> ask(Contender* contender) const {
    if (contender == nullptr) return {};
    environment_.show(fmt::format("checking the answers of {}", contender->name()));
    std::vector<float> logits = answers(*contender, gate_, subject_);
    while (!contender->running() && revive_contender(*contender, subject_, environment_)) {
      logits = answers(*contender, gate_, subject_);
    }
    return logits;
  }

  void refuse(const std::string& why) {
    refuse_all(contenders_, "the oracle gave no answers to compare with.");
    run_.notes.push_back(fmt::format("No answer was checked: {} failed. {}", proven_->name(), why));
    run_.no_room = run_.no_room || proven_->result.no_room;
  }

  /// By the scalar reference; then by the original's answers, where they are there and agree.
  void prove(std::span<const float> proven, std::span<const float> original) {
    const double start = environment_.now();
    const std::optional<GateResult> known = options_.check_anew ? std::nullopt : remembered_check(subject_);
    proven_->result.gate = known ? *known : check_proven(*proven_, proven, gate_, subject_, environment_, run_.no_room);
    const bool memorable = !known && !options_.check_anew;
    if (memorable && proven_->result.gate.accepted) remember_check(proven_->result.gate, subject_);
    run_.reference_seconds = environment_.now() - start;
    if (!proven_->result.gate.accepted) {
      if (original_ != nullptr) return;
      const std::string verdict = proven_->result.gate.verdict;
      refuse_all(contenders_, verdict);
      run_.notes.push_back(
          fmt::format("No answer can be trusted, because {} was not accepted: {}", proven_->name(), verdict));
      proven_ = nullptr;
      return;
    }
    oracle_ = proven_;
    if (original_ == nullptr) return;
    original_->result.gate = compare(proven, original, *original_, proven_->name());
    if (!original_->result.gate.accepted) return;
    oracle_ = original_;
    proven_->result.gate = compare(original, proven, *proven_, original_->name());
  }

  /// With nobody beside it that could be trusted more.
  void trust_original() {
    oracle_ = original_;
    original_->result.gate = {.ran = true,
                              .accepted = true,
                              .oracle = original_->name(),
                              .texts = static_cast<int32_t>(gate_.texts.size()),
                              .agreement = 1,
                              .verdict = "PyTorch's own answers: the oracle that the others are compared with."};
  }

  GateResult compare(std::span<const float> expected, std::span<const float> logits, const Contender& contender,
                     const std::string& oracle) const {
    if (logits.size() == expected.size()) {
      return compare_logits(expected, logits, options_for(contender, subject_, oracle, options_.min_agreement));
    }
    GateResult result;
    result.ran = true;
    result.oracle = oracle;
    result.verdict = fmt::format("{} numbers were given, {} were expected.", logits.size(), expected.size());
    return result;
  }

  void check_others(std::span<const float> expected) {
    for (Contender& contender : contenders_) {
      if (&contender == original_ || &contender == proven_ || !contender.running()) continue;
      const std::vector<float> logits = ask(&contender);
      if (contender.running()) contender.result.gate = compare(expected, logits, contender, oracle_->name());
    }
  }

  std::vector<Contender>& contenders_;
  const BenchSubject& subject_;
  const GateRunOptions& options_;
  const BenchEnvironment& environment_;
  GateRun run_;
  Contender aside_;                ///< the one to prove, where it is no contender
  Contender* original_ = nullptr;  ///< running, or none
  Contender* proven_ = nullptr;
  Contender* oracle_ = nullptr;
  GateTexts gate_;
};

}  // namespace

double expected_reference_seconds(const BenchSubject& subject) {
  if (remembered_check(subject)) return 0;
  const std::vector<uint32_t> all = gate_texts(subject.workload.lengths);
  std::vector<uint32_t> texts;
  for (std::size_t position : reference_positions(all.size())) texts.push_back(all[position]);
  return work_of(texts, subject) / kReferenceFlopsPerSecond;
}

GateOutlook expected_gate(const std::vector<Contender>& contenders, const BenchSubject& subject, double seconds) {
  const std::vector<const Contender*> asked = pointers_to(contenders);
  const GateTexts gate = choose_texts(asked, subject, seconds);
  return {.seconds = gate_seconds(asked, gate, subject), .texts = gate.texts.size(), .all_fp32 = all_fp32(asked)};
}

GateRun run_gate(std::vector<Contender>& contenders, const BenchSubject& subject, const GateRunOptions& options,
                 const BenchEnvironment& environment) {
  return Gate(contenders, subject, options, environment).run();
}

}  // namespace paceline
