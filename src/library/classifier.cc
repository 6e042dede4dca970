#include "paceline/classifier.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "answer/answer.h"
#include "base/process_owner.h"
#include "base/system_failure.h"
#include "pipeline/text_classifier.h"
#include "plan/deployment.h"

namespace paceline {
namespace {

Deployment deployment_of(const std::filesystem::path& model, const ClassifierOptions& options) {
  Deployment deployment = read_deployment(model);
  change_run(deployment.run, options);
  if (options.labels) change_labels(deployment.labels, *options.labels);
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
      : classifier(check_deployment(deployment), deployment.run),
        rules(resolve_labels(deployment.labels, classifier.checkpoint().labels(),
                             classifier.checkpoint().problem_type())),
        notices(classifier.checkpoint().notices()) {
    const std::vector<std::string>& notes = classifier.tokenizer().notes();
    notices.insert(notices.end(), notes.begin(), notes.end());
  }

  /// Shows `take` each text's answer. Throws Error for a text that cannot be read.
  template <class Item, class Take>
  void answer_each(std::span<const Item> items, int32_t top_k, Take take) {
    classifier.answer_each(
        items.size(), [&](std::size_t i) { return text_of(items[i]); }, {.labels = rules, .top_k = top_k},
        [&](std::size_t i, Answer answer) {
          if (answer.refused()) fail(i, answer);
          take(i, std::move(answer));
        });
  }

  template <class Item>
  std::vector<float> logits(std::span<const Item> items) {
    const std::size_t columns = classifier.checkpoint().labels().size();
    std::vector<float> all(items.size() * columns);
    answer_each(items, 1, [&](std::size_t i, const Answer& answer) {
      std::copy(answer.logits.begin(), answer.logits.end(), all.begin() + static_cast<std::ptrdiff_t>(i * columns));
    });
    return all;
  }

  template <class Item>
  std::vector<std::vector<Prediction>> predict_all(std::span<const Item> items, int32_t top_k) {
    if (top_k < 0) {
      throw Error(ErrorCode::kInvalidArgument,
                  fmt::format("[classifier] top_k is {}, 1 or more was expected, or 0 for all labels.", top_k));
    }
    std::vector<std::vector<Prediction>> all(items.size());
    answer_each(items, top_k, [&](std::size_t i, Answer answer) {
      if (!answer.error.empty()) fail(i, answer);
      all[i] = std::move(answer.predictions);
    });
    return all;
  }

  template <class Item>
  std::vector<std::vector<ScoredLabel>> classify(std::span<const Item> items, int32_t top_k) {
    std::vector<std::vector<ScoredLabel>> answers;
    answers.reserve(items.size());
    for (const std::vector<Prediction>& predictions : predict_all(items, top_k)) {
      std::vector<ScoredLabel>& labels = answers.emplace_back();
      for (const Prediction& prediction : predictions) {
        if (prediction.label != kNoLabel) labels.push_back(named(prediction));
      }
    }
    return answers;
  }

  ScoredLabel named(const Prediction& prediction) const {
    if (prediction.label == kNoLabel) return {.label = {}, .score = prediction.score};
    return {.label = classifier.checkpoint().labels()[static_cast<std::size_t>(prediction.label)],
            .score = prediction.score};
  }

  [[noreturn]] static void fail(std::size_t text, const Answer& answer) {
    throw Error(answer.error_code, fmt::format("[classifier] text {}: {}", text, answer.error));
  }

  ProcessOwner owner;
  TextClassifier classifier;
  LabelRules rules;
  std::vector<std::string> notices;
};

Classifier::Classifier(const std::filesystem::path& model_dir_or_plan, const ClassifierOptions& options)
    : state_(throwing_errors_only([&] { return std::make_unique<State>(deployment_of(model_dir_or_plan, options)); })) {
}
Classifier::Classifier(Classifier&& other) noexcept = default;
Classifier& Classifier::operator=(Classifier&& other) noexcept = default;
Classifier::~Classifier() = default;

const std::vector<std::string>& Classifier::labels() const { return state_of(state_).classifier.checkpoint().labels(); }
std::string_view Classifier::problem_type() const {
  return problem_type_name(state_of(state_).classifier.checkpoint().problem_type());
}
const std::vector<std::string>& Classifier::notices() const { return state_of(state_).notices; }
const BackendInfo& Classifier::backend() const { return state_of(state_).classifier.info(); }

ScoredLabel Classifier::classify_one(std::string_view text) {
  return throwing_errors_only([&]() -> ScoredLabel {
    State& state = usable(state_);
    const std::string one(text);
    return state.named(state.predict_all(std::span(&one, 1), 1).front().front());
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
