#include "answer/answer.h"

namespace paceline {
namespace {

constexpr const char* kNotANumber = "the model's output for this text is not a number.";

/// The answer of a text that was run as these windows.
Answer decide_text(std::span<const Encoding> windows, std::span<const float> logits, const AnswerRules& rules,
                   const AnswerOptions& options) {
  Answer answer{.logits = {logits.begin(), logits.end()},
                .truncated = windows.front().truncated,
                .windows = static_cast<int32_t>(windows.size())};
  for (const Encoding& window : windows) answer.tokens += std::ssize(window.input_ids);
  if (all_finite(logits)) {
    answer.predictions = predict(logits, rules.problem_type, options.top_k, options.labels);
  } else {
    answer.error = kNotANumber;
    answer.error_code = ErrorCode::kCorruptData;
  }
  return answer;
}

}  // namespace

std::vector<Answer> decide(const Sequences& sequences, std::span<const float> logits, const AnswerRules& rules,
                           const AnswerOptions& options) {
  const std::vector<std::size_t>& begins = sequences.begins;
  const std::size_t texts = begins.empty() ? 0 : begins.size() - 1;
  const std::size_t columns = sequences.encodings.empty() ? 0 : logits.size() / sequences.encodings.size();
  std::vector<float> combined;
  if (!sequences.one_each()) {
    combined = combine_windows(logits, begins, rules.problem_type, rules.long_texts);
  }
  const std::span<const float> rows = sequences.one_each() ? logits : combined;
  std::vector<Answer> answers;
  answers.reserve(texts);
  auto error = sequences.errors.begin();
  for (std::size_t text = 0; text < texts; ++text) {
    if (error != sequences.errors.end() && error->text == text) {
      answers.push_back({.error = error->message, .error_code = error->code});
      ++error;
      continue;
    }
    const std::span<const Encoding> windows =
        std::span(sequences.encodings).subspan(begins[text], begins[text + 1] - begins[text]);
    answers.push_back(decide_text(windows, rows.subspan(text * columns, columns), rules, options));
  }
  return answers;
}

}  // namespace paceline
