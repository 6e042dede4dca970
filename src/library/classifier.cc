#include "paceline/classifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "answer/predict.h"
#include "base/process_owner.h"
#include "base/system_failure.h"
#include "pipeline/text_pipeline.h"
#include "plan/deployment.h"

namespace paceline {
namespace {

Deployment deployment_of(const std::filesystem::path& model, const ClassifierOptions& options) {
  Deployment deployment = read_deployment(model);
  change_run(deployment.run, options);
  if (options.labels) change_labels(deployment.labels, *options.labels);
  check_deployment(deployment);
  return deployment;
}

Text text_of(const std::string& text) { return {.first = text, .second = std::nullopt}; }
Text text_of(const TextPair& pair) { return {.first = pair.first, .second = pair.second}; }

/// What a Classifier holds, unless it was moved from.
template <class State>
State& state_of(const std::unique_ptr<State>& state) {
  if (state != nullptr) return *state;
  throw Error(ErrorCode::kInvalidArgument,
              "[classifier] it was moved from and holds no model. Use the one it was moved to.");
}

/// The same for what needs the threads, which a forked child of the process does not have.
template <class State>
State& usable(const std::unique_ptr<State>& state) {
  State& held = state_of(state);
  held.owner.check("classifier");
  return held;
}

}  // namespace

struct Classifier::State {
  explicit State(const Deployment& deployment)
      : pipeline(deployment.model_dir, deployment.run),
        rules(resolve_labels(deployment.labels, pipeline.checkpoint().labels(), pipeline.checkpoint().problem_type())),
        notices(pipeline.checkpoint().notices()) {
    const std::vector<std::string>& notes = pipeline.tokenizer().notes();
    notices.insert(notices.end(), notes.begin(), notes.end());
  }

  /// Texts of one chunk are sorted together, and their ids are in memory together.
  template <class Item>
  std::vector<float> logits(std::span<const Item> items) {
    constexpr std::size_t kChunk = 10000;
    const std::size_t columns = pipeline.checkpoint().labels().size();
    const int32_t window = pipeline.options().limits.window;
    const std::size_t chunk = window > 0 ? static_cast<std::size_t>(window) : kChunk;
    std::vector<float> all(items.size() * columns);
    std::vector<Text> texts;
    for (std::size_t start = 0; start < items.size(); start += chunk) {
      const std::size_t count = std::min(chunk, items.size() - start);
      texts.clear();
      for (const Item& item : items.subspan(start, count)) texts.push_back(text_of(item));
      encode_and_run(texts, start, std::span(all).subspan(start * columns, count * columns));
    }
    return all;
  }

  void encode_and_run(std::span<const Text> texts, std::size_t start, std::span<float> rows) {
    const Sequences sequences = pipeline.encode(texts);
    if (!sequences.errors.empty()) {
      const TextError& first = sequences.errors.front();
      throw Error(first.code, fmt::format("[classifier] text {}: {}", start + first.text, first.message));
    }
    pipeline.run_texts(sequences, rows);
  }

  template <class Item>
  std::vector<std::vector<ScoredLabel>> classify(std::span<const Item> items, int32_t top_k) {
    if (top_k < 0) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[classifier] top_k is {}, 1 or more was expected, or 0 for all labels.", top_k));
    }
    const std::vector<std::string>& labels = pipeline.checkpoint().labels();
    const std::vector<float> all = logits(items);
    std::vector<std::vector<ScoredLabel>> answers(items.size());
    for (std::size_t text = 0; text < items.size(); ++text) {
      const std::span<const float> row = std::span(all).subspan(text * labels.size(), labels.size());
      if (!std::all_of(row.begin(), row.end(), [](float logit) { return std::isfinite(logit); })) {
        throw Error(ErrorCode::kCorruptData,
                    fmt::format("[classifier] the model's output for text {} is not a number.", text));
      }
      for (const Prediction& prediction : predict(row, pipeline.checkpoint().problem_type(), top_k, rules)) {
        if (prediction.label == kNoLabel) {
          best_below = prediction.score;
          continue;
        }
        answers[text].push_back({labels[static_cast<std::size_t>(prediction.label)], prediction.score});
      }
    }
    return answers;
  }

  ProcessOwner owner;
  TextPipeline pipeline;
  LabelRules rules;
  std::vector<std::string> notices;
  float best_below = 0;  ///< the best score of the last text that no label was good enough for
};

Classifier::Classifier(const std::filesystem::path& model_dir_or_plan, const ClassifierOptions& options)
    : state_(throwing_errors_only([&] { return std::make_unique<State>(deployment_of(model_dir_or_plan, options)); })) {
}
Classifier::Classifier(Classifier&& other) noexcept = default;
Classifier& Classifier::operator=(Classifier&& other) noexcept = default;
Classifier::~Classifier() = default;

const std::vector<std::string>& Classifier::labels() const { return state_of(state_).pipeline.checkpoint().labels(); }
std::string_view Classifier::problem_type() const {
  return problem_type_name(state_of(state_).pipeline.checkpoint().problem_type());
}
const std::vector<std::string>& Classifier::notices() const { return state_of(state_).notices; }
const BackendInfo& Classifier::backend() const { return state_of(state_).pipeline.info(); }

ScoredLabel Classifier::classify_one(std::string_view text) {
  return throwing_errors_only([&]() -> ScoredLabel {
    State& state = usable(state_);
    const std::string one(text);
    std::vector<ScoredLabel> labels = std::move(state.classify(std::span(&one, 1), 1).front());
    if (labels.empty()) return {.label = {}, .score = state.best_below};
    return std::move(labels.front());
  });
}

std::vector<std::vector<ScoredLabel>> Classifier::classify(std::span<const std::string> texts, int32_t top_k) {
  return throwing_errors_only([&] { return usable(state_).classify(texts, top_k); });
}
std::vector<std::vector<ScoredLabel>> Classifier::classify(std::span<const TextPair> pairs, int32_t top_k) {
  return throwing_errors_only([&] { return usable(state_).classify(pairs, top_k); });
}

std::vector<float> Classifier::logits(std::span<const std::string> texts) {
  return throwing_errors_only([&] { return usable(state_).logits(texts); });
}
std::vector<float> Classifier::logits(std::span<const TextPair> pairs) {
  return throwing_errors_only([&] { return usable(state_).logits(pairs); });
}

}  // namespace paceline
