#include "bench/scoring_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <numeric>
#include <optional>
#include <utility>

#include "bench/gate.h"
#include "bench/labelled_texts.h"
#include "bench/workload.h"
#include "words/counted.h"

namespace paceline {
namespace {

/// Sequences that a worker is asked for at once: bounds its answer, and how long a stop waits.
constexpr std::size_t kSequencesPerRequest = 1024;

/// Positions of sequences as batches of like length, and the order that they stand in.
struct SequenceBatches {
  std::vector<uint32_t> order;
  std::vector<BatchIndices> batches;
};

SequenceBatches batches_of(const std::vector<int32_t>& lengths) {
  SequenceBatches made{.order = std::vector<uint32_t>(lengths.size()), .batches = {}};
  std::iota(made.order.begin(), made.order.end(), 0U);
  std::ranges::stable_sort(made.order, {}, [&](uint32_t sequence) { return lengths[sequence]; });
  made.batches = gate_batches(made.order, lengths);
  return made;
}

/// How long the intervals of one backend's figures take at most: what is drawn again and again for them ends after so
/// many labels of texts (statistics/resampling.cc).
constexpr double kMostScoringSeconds = 0.3;
constexpr double kLabelsOfMost = 1e8 / 1000;

double seconds_to_score(const LabelledTexts& texts) {
  const double labels = static_cast<double>(texts.size() * texts.scoring.labels);
  return kMostScoringSeconds * std::min(1.0, labels / kLabelsOfMost);
}

/// Work of all labelled texts.
struct ScoringWork {
  double batches = 0;
  double flops = 0;

  double seconds(const CostModel& cost) const { return cost.fixed_seconds * batches + cost.seconds_per_flop * flops; }
};

ScoringWork work_of(const LabelledTexts& texts, const WorkTable& work) {
  ScoringWork all{.batches = static_cast<double>(batches_of(texts.lengths).batches.size())};
  for (const int32_t length : texts.lengths) all.flops += work.length_flops(length);
  return all;
}

/// The labelled texts with the workers that answer them.
class Scoring {
 public:
  Scoring(const BenchSubject& subject, const ScoringOptions& options, const BenchEnvironment& environment,
          std::size_t texts)
      : subject_(subject),
        options_(options),
        environment_(environment),
        part_(part_of(*subject.labelled, draw_sample(subject.labelled->size(), texts, options.seed))),
        batches_(batches_of(part_.texts.lengths)) {}

  /// False where its answers are no measure: not there, or not all numbers.
  bool ask_oracle(Contender& oracle) {
    oracle_name_ = oracle.name();
    oracle_ = ask(oracle);
    if (oracle_) oracle.result.accuracy = accuracy_of(*oracle_, nullptr, subject_.problem_type);
    return oracle_.has_value();
  }

  void judge(Contender& contender) {
    const std::optional<CollectedAnswers> answers = ask(contender);
    if (!contender.running()) return;
    GateResult& gate = contender.result.gate;
    if (!answers) {
      gate.accepted = false;
      gate.verdict = fmt::format("some answers to the {} are not numbers.", texts_words());
      return;
    }
    contender.result.accuracy = accuracy_of(*answers, &*oracle_, subject_.problem_type);
    judge_by_accuracy(gate, contender.result.compute_type, contender.result.accuracy,
                      {.max_loss = options_.max_accuracy_loss,
                       .metric = part_.texts.summary.metric,
                       .texts = part_.texts.summary.texts,
                       .oracle = oracle_name_});
  }

 private:
  std::string texts_words() const { return counted(part_.texts.summary.texts, "labelled text"); }

  std::optional<CollectedAnswers> ask(Contender& contender) const {
    environment_.show(fmt::format("scoring {} on {}", contender.name(), texts_words()));
    do {
      const std::vector<float> logits = logits_of(contender);
      if (contender.running()) return collect_answers(part_.texts, logits);
    } while (revive_contender(contender, subject_, environment_));
    return std::nullopt;
  }

  /// [sequences, K] in the order of the part.
  std::vector<float> logits_of(Contender& contender) const {
    std::vector<float> in_order;
    std::vector<BatchIndices> asked;
    std::size_t sequences = 0;
    const auto flush = [&] {
      with_worker(contender, [&](Worker& worker) {
        std::ranges::move(worker.logits(asked, seconds_of(asked, contender)), std::back_inserter(in_order));
      });
      asked.clear();
      sequences = 0;
    };
    for (const BatchIndices& batch : batches_.batches) {
      BatchIndices& places = asked.emplace_back();
      for (const uint32_t sequence : batch) places.push_back(subject_.first_labelled() + part_.places[sequence]);
      sequences += batch.size();
      if (sequences >= kSequencesPerRequest) flush();
    }
    if (!asked.empty()) flush();
    return contender.running() ? in_place(in_order) : std::vector<float>();
  }

  std::vector<float> in_place(const std::vector<float>& in_order) const {
    std::vector<float> logits(in_order.size());
    const std::size_t columns = in_order.size() / std::max<std::size_t>(1, batches_.order.size());
    for (std::size_t i = 0; i < batches_.order.size(); ++i) {
      const auto from = in_order.begin() + static_cast<std::ptrdiff_t>(i * columns);
      std::copy_n(from, columns, logits.begin() + static_cast<std::ptrdiff_t>(batches_.order[i] * columns));
    }
    return logits;
  }

  double seconds_of(const std::vector<BatchIndices>& batches, const Contender& contender) const {
    double seconds = 0;
    for (const BatchIndices& batch : batches) {
      double flops = 0;
      for (const uint32_t place : batch) {
        flops += subject_.work.length_flops(subject_.labelled->lengths[place - subject_.first_labelled()]);
      }
      seconds += contender.cost.seconds(flops);
    }
    return seconds;
  }

  const BenchSubject& subject_;
  const ScoringOptions& options_;
  const BenchEnvironment& environment_;
  LabelledPart part_;
  SequenceBatches batches_;
  std::string oracle_name_;
  std::optional<CollectedAnswers> oracle_;
};

}  // namespace

ScoringOutlook expected_scoring(const std::vector<Contender>& contenders, const BenchSubject& subject, double seconds) {
  if (!subject.labelled || subject.labelled->size() == 0) return {};
  const ScoringWork work = work_of(*subject.labelled, subject.work);
  double all = 0;
  for (const Contender& contender : contenders) {
    if (contender.running()) all += work.seconds(contender.cost) + seconds_to_score(*subject.labelled);
  }
  const std::size_t available = subject.labelled->size();
  const auto seconds_for = [&](std::size_t texts) {
    return all * static_cast<double>(texts) / static_cast<double>(available);
  };
  std::size_t texts = available;
  while (texts > kFewestLabelledTexts && seconds_for(texts) > seconds) {
    texts = std::max(kFewestLabelledTexts, texts / 2);
  }
  return {.seconds = seconds_for(texts), .texts = texts};
}

ScoringRun score_contenders(std::vector<Contender>& contenders, Contender& oracle, const BenchSubject& subject,
                            const ScoringOptions& options, const BenchEnvironment& environment) {
  const std::size_t texts = std::min(options.texts, subject.labelled->size());
  ScoringRun run{.oracle = oracle.name()};
  if (texts == 0) return run;
  Scoring scoring(subject, options, environment, texts);
  if (!scoring.ask_oracle(oracle)) return run;
  run.texts = texts;
  for (Contender& contender : contenders) {
    if (&contender != &oracle && contender.running() && contender.result.gate.comparable) scoring.judge(contender);
  }
  return run;
}

}  // namespace paceline
