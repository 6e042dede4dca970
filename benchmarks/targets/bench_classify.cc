/// Measures what classify loses around its backend: the same texts once through the whole of it, from a file to a file,
/// and once, already encoded, through the backend alone; side by side in interleaved rounds.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/progress.h"
#include "base/testing/temporary_folder.h"
#include "jobs/stream.h"
#include "paceline/error.h"
#include "results/statistics.h"
#include "targets/program.h"

namespace paceline {
namespace {

constexpr double kRequired = 0.93;

struct Flags {
  std::string model;
  std::vector<std::string> files;
  std::vector<std::string> types{"fp32", "bf16", "int8"};
  std::size_t texts = 100'000;
  int rounds = 5;
};

class FileSink : public TextSink {
 public:
  explicit FileSink(const std::filesystem::path& path) : file_(path, std::ios::binary) {}
  void write(std::string_view text) override { file_.write(text.data(), static_cast<std::streamsize>(text.size())); }

 private:
  std::ofstream file_;
};

std::vector<Text> read_texts(const std::vector<std::string>& files) {
  std::vector<Text> texts;
  for (const std::string& file : files) {
    const std::vector<Text> more = read_all_texts(file, {.format = RowFormat::kTxt}).texts;
    texts.insert(texts.end(), more.begin(), more.end());
  }
  return texts;
}

/// One compute type, with the texts of one round at a time.
class Contest {
 public:
  Contest(const std::string& model, const std::string& type)
      : type_(type), classifier_(model, {.backend = {.name = "native", .compute_type = type}}) {}

  void run_round(std::span<const Text> texts, bool backend_first) {
    write_texts(texts);
    if (backend_first) backend_.push_back(run_backend(texts));
    classify_.push_back(run_classify(texts.size()));
    if (!backend_first) backend_.push_back(run_backend(texts));
  }

  /// False where too little of the backend's speed is left.
  bool print(std::size_t texts_of_round) const {
    const Estimate left = estimate_ratio(backend_, classify_);
    const auto per_second = [&](const std::vector<double>& seconds) {
      return static_cast<double>(texts_of_round) / median(seconds);
    };
    const bool passed = left.high >= kRequired;
    fmt::print("{:<6}{:>10.1f}{:>12.1f}   {:.3f} ({:.3f} to {:.3f})   {:.2f}   {}\n", type_, per_second(backend_),
               per_second(classify_), left.median, left.low, left.high, kRequired, passed ? "pass" : "FAIL");
    return passed;
  }

 private:
  void write_texts(std::span<const Text> texts) const {
    std::ofstream file(folder_.path() / "in.txt", std::ios::binary);
    for (const Text& text : texts) file << text.first << '\n';
  }

  /// In the chunks of classify.
  double run_backend(std::span<const Text> texts) {
    double seconds = 0;
    const auto chunk = static_cast<std::size_t>(kChunkTexts);
    for (std::size_t first = 0; first < texts.size(); first += chunk) {
      const std::span<const Text> now = texts.subspan(first, std::min(chunk, texts.size() - first));
      const std::vector<Encoding> encodings = classifier_.encode(now).encodings;
      std::vector<float> logits(now.size() * classifier_.checkpoint().labels().size());
      const double start = monotonic_seconds();
      classifier_.run(encodings, logits);
      seconds += monotonic_seconds() - start;
    }
    return seconds;
  }

  double run_classify(std::size_t texts) {
    const double start = monotonic_seconds();
    const auto reader = RowReader::open(folder_.path() / "in.txt", {});
    const auto writer = RowWriter::make(
        {.format = reader->format(), .columns = reader->columns(), .labels = classifier_.checkpoint().labels()});
    FileSink sink(folder_.path() / "out.txt");
    const StreamOptions options;
    const ClassifySummary summary =
        classify_stream(*reader, *writer, classifier_, options, sink, *make_silent_progress());
    const double seconds = monotonic_seconds() - start;
    if (summary.rows != texts || summary.errors != 0) {
      throw Error(ErrorCode::kInternal, fmt::format("[classify] {} rows and {} errors came of {} texts.", summary.rows,
                                                    summary.errors, texts));
    }
    return seconds;
  }

  std::string type_;
  TextClassifier classifier_;
  TemporaryFolder folder_;
  std::vector<double> backend_;
  std::vector<double> classify_;
};

int run(int count, char** arguments) {
  Flags flags;
  CLI::App app("What classify loses around its backend.");
  app.add_option("model", flags.model, "checkpoint")->required();
  app.add_option("files", flags.files, "a text a line, used again until there are enough")->required();
  app.add_option("--texts", flags.texts, "in all rounds together (default 100000)")->check(CLI::PositiveNumber);
  app.add_option("--rounds", flags.rounds, "parts that the texts are cut into (default 5)")->check(CLI::Range(2, 1000));
  app.add_option("--compute-types", flags.types, "(default fp32,bf16,int8)")->delimiter(',');
  CLI11_PARSE(app, count, arguments);

  const std::vector<Text> all = read_texts(flags.files);
  std::deque<Contest> contests;
  for (const std::string& type : flags.types) contests.emplace_back(flags.model, type);
  const std::size_t texts_of_round = flags.texts / static_cast<std::size_t>(flags.rounds);
  for (int round = 0; round < flags.rounds; ++round) {
    std::vector<Text> texts;
    for (std::size_t i = 0; i < texts_of_round; ++i) {
      texts.push_back(all[(static_cast<std::size_t>(round) * texts_of_round + i) % all.size()]);
    }
    for (Contest& contest : contests) {
      fmt::print(stderr, "round {} of {}\n", round + 1, flags.rounds);
      contest.run_round(texts, round % 2 == 0);
    }
  }
  fmt::print("{} texts of {} different ones, {} rounds; texts/s\n",
             texts_of_round * static_cast<std::size_t>(flags.rounds), all.size(), flags.rounds);
  fmt::print("{:<6}{:>10}{:>12}   {:<24} needs\n", "type", "backend", "classify", "kept of its speed");
  bool passed = true;
  for (const Contest& contest : contests) passed = contest.print(texts_of_round) && passed;
  return passed ? 0 : kMissed;
}

}  // namespace
}  // namespace paceline

int main(int count, char** arguments) { return paceline::run_program(paceline::run, count, arguments); }
