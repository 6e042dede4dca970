#include "bench/bench_run.h"

#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/testing/temporary_folder.h"
#include "bench/length_sweep.h"
#include "bench/measurement.h"
#include "bench/recommendation.h"
#include "bench/series.h"
#include "bench/testing/simulated_worker.h"
#include "paceline/error.h"
#include "results/describe.h"
#include "results/statistics.h"

namespace paceline {
namespace {

using testing::HasSubstr;

/// CamemBERT-base on two cores, in time: native packs, onnxruntime pads.
void fill_usual(SimulatedWorld& world) {
  world.backends["native fp32"] = {.fixed_seconds = 0.004, .seconds_per_token = 0.0008};
  world.backends["onnxruntime fp32"] = {.fixed_seconds = 0.006, .seconds_per_token = 0.001, .padded = true};
  world.backends["onnxruntime-unpadded fp32"] = {.fixed_seconds = 0.006, .seconds_per_token = 0.00105};
  world.backends["reference fp32"] = {.seconds_per_token = 0.05};
}

class BenchRunTest : public testing::Test {
 protected:
  void SetUp() override {
    fill_usual(world_);
    Random random(42);
    std::vector<double> flops(201);
    for (std::size_t n = 0; n < flops.size(); ++n) flops[n] = 1e8 * static_cast<double>(n);
    Workload& workload = subject_.workload;
    for (int i = 0; i < 1000; ++i) {
      Encoding encoding;
      // Right-skewed from 4 to 200 tokens, about 30 on average, as sentences are.
      const double length = 4 + 196 * std::pow(random.uniform(), 6.5);
      encoding.input_ids.assign(static_cast<std::size_t>(length), i);
      workload.encodings.push_back(encoding);
      workload.texts.push_back({.first = fmt::format("text {}", i), .second = {}});
    }
    summarize(workload);
    subject_.work = WorkTable(flops, workload.lengths);
    subject_.checkpoint_hash = "0123456789abcdef0123456789abcdef";
    subject_.cache_dir = cache_.path();
    subject_.threads = 2;
    subject_.usable_cpus = 2;
    options_.choice.backends = usual_;
    forget_stop();
    results_.roof.fp32_gflops = 200;
    results_.workload = workload.summary;
  }

  void forget_stop() {
    world_.stop = std::stop_source();
    world_.interrupt_at = INFINITY;
    options_.stop = world_.stop.get_token();
  }

  void run() {
    if (started_at_ < 0) started_at_ = world_.now;
    run_measurement(options_, subject_, world_.environment(), results_);
  }

  std::string notes() const { return fmt::format("{}", fmt::join(results_.notes, "\n")); }

  std::set<int32_t> sizes() const {
    std::set<int32_t> sizes;
    for (const CellResult& one : results_.cells) sizes.insert(one.configuration.batch_size);
    return sizes;
  }

  double spent() const { return world_.now - started_at_; }

  const CellResult& cell(const std::string& backend, int32_t batch_size, Order order) const {
    for (const CellResult& one : results_.cells) {
      const Configuration& at = one.configuration;
      if (at.backend == backend && at.batch_size == batch_size && at.order == order) return one;
    }
    throw std::runtime_error("no such cell");
  }

  const BackendResult& backend(const std::string& name) const {
    return *std::find_if(results_.backends.begin(), results_.backends.end(),
                         [&](const BackendResult& one) { return one.backend == name; });
  }

  const std::vector<std::string> usual_{"native", "onnxruntime", "onnxruntime-unpadded"};
  TemporaryFolder cache_;
  SimulatedWorld world_;
  BenchSubject subject_;
  BenchOptions options_;
  BenchResults results_;
  double started_at_ = -1;
};

/// Milliseconds per text that the formula of a simulated backend gives over all batches of a plan.
double true_ms(const SimulatedBackend& backend, const std::vector<int32_t>& lengths, int32_t batch_size, Order order) {
  const BatchPlan plan = plan_batches(lengths, {.batch_size = batch_size, .order = order});
  double seconds = 0;
  for (const PlannedBatch& batch : plan.batches) {
    const int64_t tokens = backend.padded ? batch.padded_tokens() : batch.tokens;
    seconds += backend.fixed_seconds + backend.seconds_per_token * static_cast<double>(tokens);
  }
  return 1e3 * seconds / static_cast<double>(lengths.size());
}

TEST_F(BenchRunTest, TimesAreOfATextWhereTextsAreReadInWindows) {
  WorkloadSummary& summary = subject_.workload.summary;
  summary.texts = 500;  // of two windows each
  summary.long_texts = {.mode = LongTextOptions::Mode::kWindow, .stride = 3};
  subject_.workload.texts.resize(500);
  results_.workload = summary;
  run();
  const CellResult& one = cell("native", 64, Order::kLength);
  const double of_window = true_ms(world_.backends.at("native fp32"), subject_.workload.lengths, 64, Order::kLength);
  EXPECT_NEAR(one.ms_per_text.median, 2 * of_window, 0.1 * of_window);
  EXPECT_NEAR(one.texts_per_second, 1e3 / one.ms_per_text.median, 1e-6 * one.texts_per_second);
  EXPECT_NEAR(one.tokens_per_second, 2 * summary.mean_tokens * one.texts_per_second, 1e-6 * one.tokens_per_second);
  ASSERT_TRUE(results_.recommendation.valid);
  const std::optional<Plan> plan = make_plan(results_, {});
  ASSERT_TRUE(plan.has_value());
  ASSERT_TRUE(plan->run.long_texts.has_value());
  EXPECT_EQ(plan->run.long_texts->mode, LongTextOptions::Mode::kWindow);
  EXPECT_EQ(plan->run.long_texts->stride, 3);
}

TEST_F(BenchRunTest, MeasuresRecommendsAndKeepsTheBudget) {
  run();
  EXPECT_FALSE(results_.interrupted);
  ASSERT_TRUE(results_.recommendation.valid) << results_.recommendation.reason;
  EXPECT_EQ(results_.recommendation.choice.backend, "native");
  EXPECT_EQ(results_.backends.size(), 3U);
  for (const BackendResult& one : results_.backends) {
    EXPECT_TRUE(one.gate.accepted) << one.backend << ": " << one.gate.verdict;
    EXPECT_EQ(one.error, "");
    EXPECT_GT(one.peak_memory_bytes, 0);
  }
  for (const CellResult& one : results_.cells) {
    EXPECT_GE(one.rounds, 2);
    EXPECT_FALSE(one.partial);
    EXPECT_GT(one.ms_per_text.median, 0);
    EXPECT_LE(one.ms_per_text.low, one.ms_per_text.median);
    EXPECT_GE(one.ms_per_text.high, one.ms_per_text.median);
  }
  // The scalar reference runs once per checkpoint, outside the budget.
  EXPECT_LE(spent(), options_.method.budget_seconds * 1.05 + 60);
  EXPECT_EQ(results_.end_to_end.ms_per_text, 5);
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(BenchRunTest, EstimatesWhatTheWholeSampleWouldTake) {
  run();
  // Two rounds of 32 texts each: batches of 64 mixed texts differ in padding by a third, but their shares know it. Left
  // over: 2 % noise of a batch, and a model fitted to two probes with that noise.
  for (const CellResult& one : results_.cells) {
    const Configuration& at = one.configuration;
    const double truth =
        true_ms(world_.backends.at(at.backend + " fp32"), subject_.workload.lengths, at.batch_size, at.order);
    EXPECT_NEAR(one.ms_per_text.median, truth, 0.1 * truth) << configuration_words(at);
  }
}

TEST_F(BenchRunTest, ConfirmsTheThreeFastestTheBestOfEachBackendAndTheBaseline) {
  run();
  int confirmed = 0;
  std::set<std::string> backends;
  for (const CellResult& one : results_.cells) {
    if (!one.confirmed) continue;
    ++confirmed;
    backends.insert(one.configuration.backend);
    EXPECT_EQ(one.rounds, kConfirmationRounds);
  }
  EXPECT_GE(confirmed, 5);
  EXPECT_LE(confirmed, 6);
  EXPECT_EQ(backends.size(), 3U);
  ASSERT_TRUE(results_.baseline.has_value());
  EXPECT_EQ(results_.baseline->backend, "onnxruntime");
  EXPECT_EQ(results_.baseline->batch_size, 1);
  EXPECT_EQ(results_.baseline->order, Order::kInput);
  EXPECT_TRUE(cell("onnxruntime", 1, Order::kInput).confirmed);
  EXPECT_DOUBLE_EQ(cell("onnxruntime", 1, Order::kInput).speedup.median, 1);
  EXPECT_GT(cell("native", 64, Order::kLength).speedup.median, 1.1);
}

TEST_F(BenchRunTest, DropsWhatIsSurelySlower) {
  options_.method.budget_seconds = 900;
  run();
  const auto rounds = [](const CellResult& one) { return series_of(one.timings, false).rounds.size(); };
  // Padding triples the time of 64 mixed texts: clear after two or three of the rounds that this budget allows.
  EXPECT_LT(rounds(cell("onnxruntime", 64, Order::kInput)), rounds(cell("onnxruntime", 8, Order::kLength)));
}

TEST_F(BenchRunTest, TwoRunsAgreeOrCallTheCandidatesEqual) {
  run();
  const Recommendation first = results_.recommendation;
  world_.random = Random(99);
  results_.notes.clear();
  options_.texts.seed = 7;
  run();
  const Recommendation second = results_.recommendation;
  ASSERT_TRUE(first.valid && second.valid);
  const bool close = first.outcome != Lead::kFaster && second.outcome != Lead::kFaster;
  EXPECT_TRUE(first.choice == second.choice || close) << first.reason << "\n" << second.reason;
}

TEST_F(BenchRunTest, EqualEnginesAreCalledEqualAndTheModestOneIsChosen) {
  options_.choice.backends = {"native", "onnxruntime"};
  world_.backends["native fp32"] = {.fixed_seconds = 1e-6, .seconds_per_token = 0.001, .peak_memory_bytes = 5};
  world_.backends["onnxruntime fp32"] = {.fixed_seconds = 1e-6, .seconds_per_token = 0.001, .peak_memory_bytes = 9};
  run();
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_EQ(results_.recommendation.outcome, Lead::kEqual);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("equally fast"));
  EXPECT_THAT(results_.recommendation.reason,
              testing::ContainsRegex("; the recommended one (has the smaller batch|needs less memory)"));
  for (CellResult& cell : results_.cells) cell.confirmed &= !(cell.configuration == *results_.baseline);
  EXPECT_THAT(recommend(results_).reason, HasSubstr("; exploratory)")) << "the baseline was measured once";
}

TEST_F(BenchRunTest, ARunThatCannotTellSaysSoAndTakesTheFasterMedian) {
  for (auto& [name, backend] : world_.backends) backend.noise = 0.6;
  options_.method.budget_seconds = 75;
  run();
  const Recommendation& recommendation = results_.recommendation;
  ASSERT_TRUE(recommendation.valid);
  EXPECT_EQ(recommendation.outcome, Lead::kUnresolved);
  EXPECT_THAT(recommendation.reason, HasSubstr("cannot be told apart in this run (ratio"));
  EXPECT_THAT(recommendation.reason, HasSubstr("a larger --budget or a quieter machine would tell"));
  EXPECT_GE(recommendation.lead.median, 1 - kSameSpeedMargin);
}

TEST_F(BenchRunTest, ATightBudgetDropsBatchSizesAndSaysSo) {
  options_.method.budget_seconds = 120;
  run();
  EXPECT_TRUE(results_.recommendation.valid);
  EXPECT_THAT(notes(), HasSubstr("Batch sizes 2"));
  EXPECT_LE(spent(), 1.25 * results_.predicted_seconds);
}

TEST_F(BenchRunTest, AMinuteIsEnoughForTwoBatchSizes) {
  options_.method.budget_seconds = 60;
  options_.choice.batch_sizes = {1, 8};
  run();
  EXPECT_TRUE(results_.recommendation.valid);
  // The scalar reference, once per checkpoint, takes 27 s of this world's time outside the budget.
  EXPECT_LE(spent(), 1.1 * 60 + 27);
}

/// A run with a cache that knows the checkpoint, in a world of its own.
TEST_F(BenchRunTest, KeepsTheBudgetOrSaysBeforehandHowLongItTakes) {
  options_.method.dry_run = true;
  run();
  options_.method.dry_run = false;
  int beyond = 0;
  for (const double slowness : {0.05, 0.3, 1.0, 3.0}) {
    for (const std::vector<std::string>& backends : std::vector<std::vector<std::string>>{{"native"}, usual_}) {
      for (const double budget : {20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 200.0, 300.0}) {
        fill_usual(world_);
        for (auto& [name, backend] : world_.backends) {
          backend.fixed_seconds *= slowness;
          backend.seconds_per_token *= slowness;
        }
        options_.choice.backends = backends;
        options_.method.budget_seconds = budget;
        results_.notes.clear();
        started_at_ = world_.now;
        run();
        const bool said = notes().find("expect about") != std::string::npos;
        beyond += said ? 1 : 0;
        const std::string where = fmt::format("{} s, {} times as slow, {} backends: {} s were predicted\n{}", budget,
                                              slowness, results_.backends.size(), results_.predicted_seconds, notes());
        if (said) {
          EXPECT_NEAR(spent(), results_.predicted_seconds, 0.2 * results_.predicted_seconds) << where;
          EXPECT_EQ(sizes().size(), 1U) << where;
        } else {
          EXPECT_LE(spent(), 1.15 * budget) << where;
        }
        EXPECT_TRUE(results_.recommendation.valid) << where;
      }
    }
  }
  EXPECT_GT(beyond, 0);
  EXPECT_LT(beyond, 32);
}

TEST_F(BenchRunTest, ASmallBudgetComparesFewerTextsInTheGateAndSaysSo) {
  run();
  EXPECT_EQ(backend("onnxruntime").gate.texts, 256);
  options_.method.budget_seconds = 30;
  run();
  EXPECT_EQ(backend("onnxruntime").gate.texts, 64);
  EXPECT_THAT(notes(), HasSubstr("The gate compared 64 texts instead of 256"));
  options_.method.budget_seconds = 1;
  run();
  EXPECT_EQ(backend("onnxruntime").gate.texts, 32);
}

TEST_F(BenchRunTest, ATightBudgetConfirmsWithFewerRoundsAndSaysSo) {
  options_.method.budget_seconds = 40;
  std::string plan;
  options_.listener.on_plan = [&](const std::string& words) { plan = words; };
  run();
  EXPECT_THAT(plan, HasSubstr("The confirmation will have about"));
  EXPECT_THAT(notes(), HasSubstr("the confirmation has"));
  ASSERT_TRUE(results_.recommendation.valid);
  for (const CellResult& one : results_.cells) {
    if (!one.confirmed) continue;
    EXPECT_GE(one.rounds, kFewestConfirmationRounds);
    EXPECT_LT(one.rounds, kConfirmationRounds);
    EXPECT_FALSE(one.partial);
  }
}

TEST_F(BenchRunTest, WhatComesOncePerCheckpointIsAnnouncedAndStandsBesideTheBudget) {
  std::string extra;
  options_.listener.on_extra = [&](const std::string& words) { extra = words; };
  options_.method.budget_seconds = 600;
  world_.backends["onnxruntime fp32"].export_seconds = 100;
  options_.method.dry_run = true;
  run();
  EXPECT_THAT(extra, HasSubstr("The scalar reference"));
  EXPECT_THAT(notes(), HasSubstr("Loading onnxruntime fp32 took 1 min 40 s more"));
  EXPECT_THAT(notes(), testing::Not(HasSubstr("expect about")));
  EXPECT_GT(results_.predicted_seconds, options_.method.budget_seconds);
  extra.clear();
  results_.notes.clear();
  run();
  EXPECT_EQ(extra, "");
  EXPECT_THAT(notes(), testing::Not(HasSubstr("took")));
  EXPECT_LE(results_.predicted_seconds, options_.method.budget_seconds);
}

TEST_F(BenchRunTest, ADryRunPlansAndPredictsOnly) {
  options_.method.dry_run = true;
  options_.method.budget_seconds = 600;
  std::string plan;
  options_.listener.on_plan = [&](const std::string& words) { plan = words; };
  run();
  EXPECT_EQ(results_.cells.size(), 42U);
  EXPECT_THAT(plan, HasSubstr("42 configurations"));
  EXPECT_GT(results_.predicted_seconds, 0);
  EXPECT_FALSE(results_.recommendation.valid);
  for (const CellResult& one : results_.cells) {
    EXPECT_EQ(one.rounds, 0);
    const Configuration& at = one.configuration;
    const double truth =
        true_ms(world_.backends.at(at.backend + " fp32"), subject_.workload.lengths, at.batch_size, at.order);
    EXPECT_NEAR(one.predicted_ms_per_text, truth, 0.25 * truth) << configuration_words(at);
  }
}

TEST_F(BenchRunTest, AKilledWorkerIsAnErrorRowAndTheRestGoesOn) {
  world_.backends["onnxruntime fp32"].calls_until_death = 9;
  run();
  EXPECT_THAT(backend("onnxruntime").error, HasSubstr("killed by signal 9"));
  for (const CellResult& one : results_.cells) {
    EXPECT_EQ(one.error.empty(), one.configuration.backend != "onnxruntime");
  }
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_EQ(results_.recommendation.choice.backend, "native");
}

TEST_F(BenchRunTest, AnAbsentEngineIsLeftOutUnlessItWasNamed) {
  world_.backends["onnxruntime fp32"].missing = "backend onnxruntime is not installed: run ./dev setup.";
  options_.choice.backends.clear();
  run();
  EXPECT_THAT(backend("onnxruntime").error, HasSubstr("not installed"));
  EXPECT_TRUE(results_.recommendation.valid);
  options_.choice.backends = {"native", "onnxruntime"};
  try {
    run();
    FAIL() << "a named engine is missing";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  }
}

TEST_F(BenchRunTest, WithoutAnyWorkingBackendEachSaysWhy) {
  for (auto& [name, one] : world_.backends) one.calls_until_death = 0;
  run();
  EXPECT_FALSE(results_.recommendation.valid);
  for (const BackendResult& one : results_.backends) EXPECT_THAT(one.error, HasSubstr("killed by signal 9"));
  for (const CellResult& one : results_.cells) EXPECT_NE(one.error, "");
}

TEST_F(BenchRunTest, WrongAnswersAreNeverRecommended) {
  world_.backends["onnxruntime-unpadded fp32"].logit_error = 0.01;
  world_.backends["onnxruntime-unpadded fp32"].seconds_per_token = 0.0001;
  run();
  EXPECT_FALSE(backend("onnxruntime-unpadded").gate.accepted);
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_EQ(results_.recommendation.choice.backend, "native");
  EXPECT_FALSE(results_.named_type_rejected);
}

TEST_F(BenchRunTest, ARejectedTypeThatWasNamedIsToldApart) {
  world_.backends["onnxruntime fp32"].logit_error = 0.01;
  options_.choice.compute_types = {"fp32"};
  run();
  EXPECT_TRUE(results_.named_type_rejected);
}

TEST_F(BenchRunTest, AWrongOracleRejectsEverybody) {
  world_.backends["native fp32"].logit_error = 0.01;
  run();
  EXPECT_FALSE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("the gate accepted no backend"));
  for (const BackendResult& one : results_.backends) {
    EXPECT_TRUE(one.gate.ran);
    EXPECT_FALSE(one.gate.accepted);
  }
}

TEST_F(BenchRunTest, TheReferenceIsAskedOncePerCheckpoint) {
  run();
  const int first = world_.starts;
  EXPECT_EQ(backend("native").gate.oracle, "reference");
  EXPECT_EQ(backend("native").gate.texts, 9);
  world_.starts = 0;
  results_.notes.clear();
  run();
  EXPECT_EQ(world_.starts, first - 1);
  EXPECT_EQ(backend("native").gate.texts, 9);
  subject_.checkpoint_hash = "another";
  world_.starts = 0;
  run();
  EXPECT_EQ(world_.starts, first);
}

TEST_F(BenchRunTest, VerifyAsksTheReferenceAboutTheTextsThatAreNamed) {
  options_.choice.backends = {"native"};
  options_.texts.file = "texts.txt";
  for (int i = 0; i < 2; ++i) run_gate_alone(options_, subject_, world_.environment(), results_);
  EXPECT_EQ(world_.starts, 4) << "native and the reference, each time";
}

TEST_F(BenchRunTest, WithoutNativeTheOracleRunsBesideTheContenders) {
  options_.choice.backends = {"onnxruntime"};
  run();
  EXPECT_EQ(results_.backends.size(), 1U);
  EXPECT_TRUE(backend("onnxruntime").gate.accepted);
  EXPECT_EQ(backend("onnxruntime").gate.oracle, "native fp32");
  EXPECT_TRUE(results_.recommendation.valid);
}

TEST_F(BenchRunTest, ASlowFirstLoadIsRepeated) {
  world_.backends["onnxruntime fp32"].load_seconds = 20;
  options_.method.dry_run = true;
  run();
  EXPECT_EQ(world_.starts, 5);  // three contenders, one of them twice, and the reference
}

TEST_F(BenchRunTest, InterruptedInTheMiddleKeepsWhatThereIs) {
  world_.interrupt_at = world_.now + 150;  // exploring
  run();
  EXPECT_TRUE(results_.interrupted);
  EXPECT_FALSE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("interrupted"));
  EXPECT_TRUE(
      std::any_of(results_.cells.begin(), results_.cells.end(), [](const CellResult& one) { return one.rounds > 0; }));
  EXPECT_EQ(results_.backends.size(), 3U);
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(BenchRunTest, InterruptedWhileLoadingIsNoError) {
  world_.interrupt_at = world_.now + 0.7;
  run();
  EXPECT_TRUE(results_.interrupted);
  EXPECT_TRUE(results_.cells.empty());
  EXPECT_FALSE(results_.recommendation.valid);
}

TEST_F(BenchRunTest, InterruptedDuringConfirmationMarksTheFinalistsPartial) {
  run();
  const double all = spent();
  world_.now = started_at_ = 100;
  world_.random = Random(1);
  world_.interrupt_at = world_.now + all - 60;
  run();
  EXPECT_TRUE(results_.interrupted);
  EXPECT_FALSE(results_.recommendation.valid);
  EXPECT_TRUE(
      std::any_of(results_.cells.begin(), results_.cells.end(), [](const CellResult& one) { return one.partial; }));
}

TEST_F(BenchRunTest, InterruptedDuringTextToLabelsKeepsTheRecommendationAndItsLimits) {
  world_.backends["native fp32"].peak_memory_bytes = 5000;
  options_.constraints.max_memory_bytes = 2000;
  run();  // the reference's answer is known from now on
  const auto begin_again = [&] {
    world_.now = started_at_ = 100;
    world_.random = Random(1);
  };
  begin_again();
  run();
  const Configuration choice = results_.recommendation.choice;
  const double all = spent();
  begin_again();
  world_.interrupt_at = world_.now + all - 1;
  results_.end_to_end.ms_per_text = 0;
  run();
  EXPECT_TRUE(results_.interrupted);
  EXPECT_EQ(results_.end_to_end.ms_per_text, 0);
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_EQ(results_.recommendation.choice, choice);
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(BenchRunTest, LatencyIsJudgedAtBatchSizeOne) {
  options_.constraints.objective = Objective::kLatency;
  run();
  ASSERT_TRUE(results_.recommendation.valid) << results_.recommendation.reason;
  EXPECT_EQ(results_.recommendation.choice.batch_size, 1);
  EXPECT_EQ(results_.recommendation.objective, "latency");
  EXPECT_GT(cell("native", 1, Order::kInput).p99_ms, cell("native", 1, Order::kInput).p50_ms);
}

TEST_F(BenchRunTest, LimitsThatNobodyMeetsGiveNoRecommendation) {
  options_.constraints.max_memory_bytes = 10;
  run();
  EXPECT_FALSE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("limits"));
}

TEST_F(BenchRunTest, MemoryLimitsChooseAmongThoseThatFit) {
  world_.backends["native fp32"].peak_memory_bytes = 5000;
  options_.constraints.max_memory_bytes = 2000;
  run();
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_NE(results_.recommendation.choice.backend, "native");
}

TEST_F(BenchRunTest, TokenBudgetsAreMeasuredForPackedBackends) {
  options_.choice.backends = {"native"};
  options_.choice.batch_sizes = {8};
  options_.choice.max_batch_tokens = {1024};
  run();
  EXPECT_EQ(results_.cells.size(), 4U);
  EXPECT_TRUE(results_.recommendation.valid);
}

TEST_F(BenchRunTest, ASmallSampleIsConfirmedOnItsOwnBatchesAndSaysSo) {
  Workload& workload = subject_.workload;
  workload.encodings.resize(40);
  workload.texts.resize(40);
  summarize(workload);
  run();
  EXPECT_TRUE(results_.recommendation.valid);
  EXPECT_THAT(notes(), HasSubstr("too few batches"));
}

TEST_F(BenchRunTest, WhatTheSampleCannotFillIsNotMeasuredAndTheReportSaysSo) {
  Workload& workload = subject_.workload;
  workload.encodings.resize(20);
  workload.texts.resize(20);
  summarize(workload);
  std::string plan;
  options_.listener.on_plan = [&](const std::string& words) { plan = words; };
  run();
  EXPECT_EQ(sizes(), (std::set<int32_t>{1, 2, 4, 8, 16}));
  constexpr const char* kNote = "Batch sizes 32, 64 are left out: the sample has 20 texts.";
  EXPECT_THAT(plan, HasSubstr(kNote));
  EXPECT_THAT(notes(), HasSubstr(kNote));
}

TEST_F(BenchRunTest, TheCostIsStatedWhereAPriceIs) {
  options_.constraints.price_per_hour = 3.6;
  run();
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("A million texts cost"));
}

TEST_F(BenchRunTest, RandomWeightsAreMentioned) {
  results_.checkpoint.random_weights = true;
  run();
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("labels mean nothing"));
}

TEST_F(BenchRunTest, EveryOtherBackendIsToldWhyItWasNotChosen) {
  world_.backends["onnxruntime-unpadded fp32"].logit_error = 0.01;
  run();
  const std::vector<Rejection>& rejections = results_.recommendation.rejections;
  ASSERT_EQ(rejections.size(), 2U);
  EXPECT_EQ(rejections[0].what, "onnxruntime fp32");
  EXPECT_THAT(rejections[0].why, HasSubstr("times as long"));
  EXPECT_EQ(rejections[1].what, "onnxruntime-unpadded fp32");
  EXPECT_THAT(rejections[1].why, HasSubstr("gives other answers"));
}

TEST_F(BenchRunTest, ALimitIsNamedAsTheReason) {
  world_.backends["native fp32"].peak_memory_bytes = 5'000'000'000;
  options_.constraints.max_memory_bytes = 2'000'000'000;
  run();
  ASSERT_EQ(results_.recommendation.rejections.size(), 2U);
  EXPECT_EQ(results_.recommendation.rejections[0].why, "needs 5,000 MB of memory, 2,000 MB were allowed");
}

TEST_F(BenchRunTest, TorchEagerIsTheOracleAndTheBaselineWhereItRuns) {
  world_.backends["torch-eager fp32"] = {.fixed_seconds = 0.006, .seconds_per_token = 0.0011, .padded = true};
  options_.choice.backends.push_back("torch-eager");
  run();
  EXPECT_EQ(backend("native").gate.oracle, "torch-eager fp32");
  EXPECT_EQ(backend("onnxruntime").gate.oracle, "torch-eager fp32");
  EXPECT_EQ(backend("torch-eager").gate.oracle, "native fp32");
  EXPECT_EQ(results_.baseline->backend, "torch-eager");
  for (const BackendResult& one : results_.backends) EXPECT_TRUE(one.gate.accepted) << one.backend;
}

TEST_F(BenchRunTest, WhereTorchAndNativeDifferTheReferenceDecides) {
  world_.backends["torch-eager fp32"] = {.fixed_seconds = 0.006, .seconds_per_token = 0.0011, .padded = true};
  options_.choice.backends.push_back("torch-eager");
  world_.backends["torch-eager fp32"].logit_error = 0.01;
  run();
  EXPECT_FALSE(backend("torch-eager").gate.accepted);
  EXPECT_EQ(backend("native").gate.oracle, "reference");
  EXPECT_TRUE(backend("native").gate.accepted);
  EXPECT_EQ(backend("onnxruntime").gate.oracle, "native fp32");
  world_.backends["torch-eager fp32"].logit_error = 0;
  world_.backends["native fp32"].logit_error = 0.01;
  subject_.checkpoint_hash = "another";
  run();
  EXPECT_FALSE(backend("native").gate.accepted);
  EXPECT_TRUE(backend("torch-eager").gate.accepted);
  EXPECT_EQ(backend("onnxruntime").gate.oracle, "torch-eager fp32");
  EXPECT_TRUE(backend("onnxruntime").gate.accepted);
}

TEST_F(BenchRunTest, LengthsAreSweptWithinTheirShareOfTheBudget) {
  subject_.length_texts = make_length_texts(subject_.workload, 128);
  run();
  ASSERT_FALSE(results_.length_sweep.empty());
  std::set<std::string> backends;
  for (const LengthResult& point : results_.length_sweep) {
    backends.insert(point.configuration.backend);
    const SimulatedBackend& truth = world_.backends.at(point.configuration.backend + " fp32");
    const double seconds =
        truth.fixed_seconds / point.configuration.batch_size + truth.seconds_per_token * point.tokens;
    EXPECT_NEAR(point.ms_per_text.median, 1e3 * seconds, 0.1 * 1e3 * seconds);
    EXPECT_EQ(point.rounds, kSweepRounds);
  }
  EXPECT_EQ(backends.size(), 3U);
  EXPECT_LE(spent(), options_.method.budget_seconds * 1.05 + 60);
}

TEST_F(BenchRunTest, ThreadsAndInstancesAreAnAxis) {
  options_.choice.backends = {"native"};
  options_.choice.batch_sizes = {8};
  options_.choice.threads = {1, 2};
  options_.choice.instances = {1, 2};
  run();
  ASSERT_EQ(results_.backends.size(), 3U);
  EXPECT_EQ(results_.cells.size(), 6U);
  EXPECT_THAT(notes(), HasSubstr("left out: 2 x 2"));
  ASSERT_TRUE(results_.recommendation.valid);
  EXPECT_THAT(results_.recommendation.reason, HasSubstr("thread"));
  EXPECT_EQ(results_.recommendation.rejections.size(), 2U);
}

TEST_F(BenchRunTest, FilesOfTheUserAreMeasuredUnderTheirNames) {
  const std::filesystem::path file = cache_.path() / "mine.onnx";
  write_file_atomically(file, "x");
  options_.choice.backends = {"native"};
  options_.choice.files = {{"onnxruntime", file}};
  world_.backends["onnxruntime exported"] = world_.backends["onnxruntime fp32"];
  run();
  const BackendResult& mine = backend("mine.onnx");
  EXPECT_EQ(mine.engine, "onnxruntime");
  EXPECT_EQ(mine.file, file.string());
  EXPECT_TRUE(mine.gate.accepted) << mine.gate.verdict;
  options_.choice.files = {{"onnxruntime", file}, {"onnxruntime", file}};
  EXPECT_THROW(run(), Error);
  options_.choice.files = {{"onnxruntime", cache_.path() / "none.onnx"}};
  EXPECT_THROW(run(), Error);
}

TEST_F(BenchRunTest, ADeviceThatNobodyRunsOnIsUnavailable) {
  options_.choice.devices = {"cuda:0"};
  try {
    run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  }
}

class ArticleTest : public BenchRunTest {
 protected:
  void SetUp() override {
    BenchRunTest::SetUp();
    options_.method.protocol = Protocol::kArticle;
    options_.method.rounds_dir = out_.path() / "report";
    options_.choice.backends = {"native", "onnxruntime"};
    options_.choice.batch_sizes = {1, 8};
    Workload& workload = subject_.workload;
    workload.encodings.resize(60);
    workload.texts.resize(60);
    summarize(workload);
    subject_.length_texts = make_length_texts(workload, 32);
  }

  void resume() {
    options_.method.resume = true;
    results_ = {};
    results_.workload = subject_.workload.summary;
    run();
  }

  void expect_complete() const {
    ASSERT_TRUE(results_.recommendation.valid) << results_.recommendation.reason;
    EXPECT_FALSE(results_.unfinished);
    ASSERT_EQ(results_.cells.size(), 8U);
    for (const CellResult& one : results_.cells) {
      const Series series = series_of(one.timings, false);
      EXPECT_EQ(series.rounds.size(), 5U) << configuration_words(one.configuration);
      for (const Timing& timing : one.timings) {
        EXPECT_TRUE(timing.confirmation || timing.share == 1) << timing.share;
      }
    }
  }

  /// Every turn that was measured before is there, with the time that it took then.
  void expect_kept(const std::vector<CellResult>& before) const {
    ASSERT_EQ(results_.cells.size(), before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
      ASSERT_GE(results_.cells[i].timings.size(), before[i].timings.size());
      for (std::size_t t = 0; t < before[i].timings.size(); ++t) {
        EXPECT_EQ(results_.cells[i].timings[t].seconds, before[i].timings[t].seconds);
      }
    }
  }

  TemporaryFolder out_;
};

TEST_F(ArticleTest, MeasuresEverythingFiveTimesAndDropsNothing) {
  run();
  expect_complete();
  EXPECT_EQ(results_.protocol, "article");
  EXPECT_EQ(results_.length_sweep.size(), 2U * 3U * 3U);
  // Each round of a cell holds all of the texts.
  for (const Timing& timing : cell("onnxruntime", 8, Order::kInput).timings) {
    EXPECT_TRUE(timing.confirmation || timing.batches == 8) << timing.batches;
  }
  EXPECT_TRUE(std::filesystem::exists(options_.method.rounds_dir / "rounds.jsonl"));
  EXPECT_THROW(run(), Error) << "an unfinished run is not overwritten";
  remove_saved_rounds(options_.method.rounds_dir);
  run();
}

TEST_F(ArticleTest, AStoppedRunGoesOnWhereItWas) {
  run();
  const double all = spent();
  remove_saved_rounds(options_.method.rounds_dir);
  world_.now = started_at_ = 100;
  world_.interrupt_at = world_.now + 0.5 * all;
  run();
  EXPECT_TRUE(results_.interrupted);
  EXPECT_TRUE(results_.unfinished);
  const std::vector<CellResult> before = results_.cells;
  forget_stop();
  resume();
  expect_complete();
  expect_kept(before);
  EXPECT_EQ(results_.continued, 1);
}

TEST_F(ArticleTest, AnotherRunIsNotGoneOnWith) {
  world_.interrupt_at = world_.now + 20;
  run();
  forget_stop();
  options_.method.resume = true;
  options_.texts.seed = 9;
  try {
    run();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("seed was 0, now it is 9"));
  }
}

TEST_F(ArticleTest, WorkersKilledAtRandomMomentsLoseNoFinishedRound) {
  for (int run_number = 0; run_number < 20; ++run_number) {
    Random random(static_cast<uint64_t>(run_number));
    fill_usual(world_);
    for (auto& [name, one] : world_.backends) {
      if (name != "reference fp32") one.calls_until_death = 4 + static_cast<int>(random.below(40));
    }
    remove_saved_rounds(options_.method.rounds_dir);
    options_.method.resume = false;
    results_ = {};
    results_.workload = subject_.workload.summary;
    run();
    for (int again = 0; results_.unfinished && again < 20; ++again) {
      const std::vector<CellResult> before = results_.cells;
      resume();
      expect_kept(before);
    }
    expect_complete();
  }
}

}  // namespace
}  // namespace paceline
