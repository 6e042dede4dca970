/// Writes the demo's checkpoint: a sentence classifier of exactly CamemBERT-base's shape with seeded random weights; or
/// one of any config.json with five labels.
///
///     make_demo_checkpoint --tokenizer DIR --texts FILE --out DIR [--config FILE]
///
/// Speed does not depend on the weights' values, but the gate's question (are the answers still the same?) needs
/// answers that differ. So the classifier's last layer is fitted to 200 of the texts: its five outputs are the five
/// directions in which the texts' pooled states vary most, each centred and scaled alike, and shifted until every label
/// gets its share of the texts.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <map>
#include <numeric>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/cpu_topology.h"
#include "base/file.h"
#include "base/json.h"
#include "batch/batch_planner.h"
#include "cli/progress_bar.h"
#include "model/encoder_model.h"
#include "network/architecture.h"
#include "paceline/error.h"
#include "tensor/safetensors.h"
#include "tokenize/tokenizer.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLabels = 5;
constexpr std::size_t kFitTexts = 200;
constexpr double kSpread = 8;          // standard deviation of each logit over the texts
constexpr double kSmallMargin = 0.05;  // between the best two logits: such texts decide nothing
constexpr double kMostSmallMargins = 0.02;
constexpr double kLeastShare = 0.10;
constexpr double kMostShare = 0.40;

/// What may differ from CamemBERT-base.
struct DemoShape {
  int hidden = 768;
  int blocks = 12;
};

/// config.json of a CamemBERT with five labels that mean nothing.
Json demo_config(const DemoShape& shape) {
  Json config = Json::parse(R"({
    "paceline_random_weights": true,
    "model_type": "camembert", "architectures": ["CamembertForSequenceClassification"],
    "hidden_act": "gelu", "vocab_size": 32005, "num_attention_heads": 12, "max_position_embeddings": 514, "type_vocab_size": 1,
    "layer_norm_eps": 1e-5, "pad_token_id": 1, "bos_token_id": 5, "eos_token_id": 6,
    "attention_probs_dropout_prob": 0.1, "hidden_dropout_prob": 0.1, "initializer_range": 0.02,
    "position_embedding_type": "absolute", "problem_type": "single_label_classification"})");
  config["hidden_size"] = shape.hidden;
  config["intermediate_size"] = 4 * shape.hidden;
  config["num_hidden_layers"] = shape.blocks;
  for (std::size_t i = 0; i < kLabels; ++i) {
    config["id2label"][std::to_string(i)] = fmt::format("classe_{}", i);
    config["label2id"][fmt::format("classe_{}", i)] = i;
  }
  return config;
}

/// A stream of numbers that is the same on every machine: SplitMix64 (Steele, Lea, Flood 2014), four 16-bit uniforms
/// added up for something near a normal distribution.
class Random {
 public:
  /// Each tensor draws from a stream of its own, so that none depends on the order of the others.
  explicit Random(std::string_view name) {
    for (const char character : name) {
      state_ = (state_ ^ static_cast<unsigned char>(character)) * 0x100000001B3u;  // FNV-1a
    }
  }

  /// Mean 0, standard deviation 1, within [-3.5, 3.5].
  float normal() {
    const uint64_t bits = next();
    const auto sum =
        static_cast<int32_t>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48));
    constexpr float kMean = 2.0f * 65535;
    constexpr float kScale = 1.7320508f / 65536;  // the variance of four uniforms is 4 / 12
    return (static_cast<float>(sum) - kMean) * kScale;
  }

 private:
  uint64_t next() {
    state_ += 0x9E3779B97F4A7C15u;
    uint64_t mixed = state_;
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EBu;
    return mixed ^ mixed >> 31;
  }

  uint64_t state_ = 0xCBF29CE484222325u;
};

/// Mean and standard deviation of a weight's values, by the end of its name.
struct Statistic {
  std::string_view ending;
  float mean;
  float deviation;
};

// About a trained model's: several times the 0.02 of an untrained one in attention, whose states of different texts
// hardly differ, so that centring them would magnify rounding errors beside the differences. The first match counts.
constexpr std::array<Statistic, 9> kStatistics = {{
    {"LayerNorm.weight", 1.0f, 0.1f},
    {"LayerNorm.bias", 0.0f, 0.05f},
    {".bias", 0.0f, 0.02f},
    {"word_embeddings.weight", 0.0f, 0.06f},
    {"query.weight", 0.0f, 0.05f},
    {"key.weight", 0.0f, 0.05f},
    {"value.weight", 0.0f, 0.05f},
    {"attention.output.dense.weight", 0.0f, 0.05f},
    {"", 0.0f, 0.02f},
}};

/// Of each norm, which not every architecture names as BERT does.
std::map<std::string, Statistic> norm_statistics(const Network& network) {
  std::map<std::string, Statistic> statistics;
  const auto add = [&](const LayerNorm& norm) {
    statistics[norm.scale.name] = {"", 1.0f, 0.1f};
    statistics[norm.bias.name] = {"", 0.0f, 0.05f};
  };
  for (const LayerNorm* norm :
       {&network.embeddings.norm, &network.relative.norm, &network.convolution.norm, &network.final_norm}) {
    add(*norm);
  }
  for (const Block& block : network.blocks) {
    add(block.attention_norm);
    add(block.ffn_norm);
  }
  for (const HeadStep& step : network.head) add(step.norm);
  return statistics;
}

const Statistic& statistic_of(std::string_view name) {
  return *std::find_if(kStatistics.begin(), kStatistics.end(), [&](const Statistic& row) {
    return name.size() >= row.ending.size() && name.substr(name.size() - row.ending.size()) == row.ending;
  });
}

/// The checkpoint's tensors with their values, in the order of the network.
struct Weights {
  std::map<std::string, std::vector<float>, std::less<>> values;
  std::vector<NamedTensor> tensors;
  std::map<std::string, TensorView, std::less<>> views;
};

Weights draw_weights(const Network& network) {
  Weights weights;
  const std::map<std::string, Statistic> norms = norm_statistics(network);
  for_each_weight(network, [&](const Weight& weight) {
    const auto norm = norms.find(weight.name);
    const Statistic& statistic = norm == norms.end() ? statistic_of(weight.name) : norm->second;
    const int64_t count = std::accumulate(weight.shape.begin(), weight.shape.end(), int64_t{1}, std::multiplies<>());
    std::vector<float>& values = weights.values[weight.name];
    values.resize(static_cast<std::size_t>(count));
    Random random(weight.name);
    for (float& value : values) {
      value = statistic.mean + statistic.deviation * random.normal();
    }
    const TensorView view{DType::kF32, weight.shape, std::as_bytes(std::span(values))};
    weights.tensors.push_back({weight.name, view});
    weights.views.emplace(weight.name, view);
  });
  return weights;
}

std::vector<std::string> read_lines(const fs::path& path) {
  constexpr std::size_t kMostBytes = std::size_t{64} << 20;
  std::vector<std::string> lines;
  std::istringstream stream(read_file(path, kMostBytes));
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

/// kFitTexts of the file's texts, evenly spaced, tokenised.
std::vector<Encoding> encode_texts(const fs::path& tokenizer_dir, const fs::path& texts, const Network& network) {
  const std::vector<std::string> lines = read_lines(texts);
  if (lines.size() < kFitTexts) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("[{}] {} texts, at least {} were expected, one a line.",
                                                         texts.string(), lines.size(), kFitTexts));
  }
  const Tokenizer tokenizer = Tokenizer::load(tokenizer_dir, {.max_length = network.max_tokens});
  if (tokenizer.vocab_size() > network.vocab_size) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("[{}] the tokenizer has {} entries, at most {} were expected.", tokenizer_dir.string(),
                            tokenizer.vocab_size(), network.vocab_size));
  }
  std::vector<Encoding> encodings;
  for (std::size_t i = 0; i < kFitTexts; ++i) {
    encodings.push_back(tokenizer.encode({.first = lines[i * lines.size() / kFitTexts], .second = std::nullopt}));
  }
  return encodings;
}

/// What the last layer sees of each text: [texts, hidden], by Paceline's own backend.
std::vector<float> pooled_states(Network network, const Weights& weights, std::span<const Encoding> encodings) {
  constexpr std::size_t kBatch = 10;
  network.head.pop_back();
  network.outputs = network.hidden_size;
  const auto source = [&](const Weight& weight) -> const TensorView& { return weights.views.at(weight.name); };
  EncoderModel model(network, source, {.threads = resolve_threads(0)});
  const auto hidden = static_cast<std::size_t>(network.hidden_size);
  std::vector<float> states(encodings.size() * hidden);
  const auto progress = make_stderr_progress("fitting the classifier", "texts");
  PackedBatch batch;
  for (std::size_t first = 0; first < encodings.size(); first += kBatch) {
    const std::size_t count = std::min(kBatch, encodings.size() - first);
    clear(batch);
    for (const Encoding& encoding : encodings.subspan(first, count)) {
      append_sequence(batch, encoding.input_ids, encoding.token_type_ids);
    }
    model.run(batch, std::span(states).subspan(first * hidden, count * hidden));
    progress->update(static_cast<double>(first + count), static_cast<double>(encodings.size()), "");
  }
  progress->finish();
  return states;
}

using Matrix = std::vector<std::vector<double>>;

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

/// The states as rows without their mean, which is returned in `mean`.
Matrix centred_rows(std::span<const float> states, std::size_t hidden, std::vector<double>* mean) {
  Matrix rows(states.size() / hidden, std::vector<double>(hidden));
  mean->assign(hidden, 0.0);
  for (std::size_t i = 0; i < states.size(); ++i) {
    rows[i / hidden][i % hidden] = states[i];
    (*mean)[i % hidden] += states[i] / static_cast<double>(rows.size());
  }
  for (std::vector<double>& row : rows) {
    std::transform(row.begin(), row.end(), mean->begin(), row.begin(), std::minus<>());
  }
  return rows;
}

/// Directions of largest variance, each scaled so that the rows' products with it have standard deviation 1. By power
/// iteration on the rows' Gram matrix, with what was found taken out.
Matrix principal_directions(const Matrix& rows, std::size_t count) {
  constexpr int kIterations = 500;
  const std::size_t n = rows.size();
  Matrix gram(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      gram[i][j] = dot(rows[i], rows[j]);
    }
  }
  Matrix directions;
  for (std::size_t found = 0; found < count; ++found) {
    std::vector<double> vector(n);
    Random random(fmt::format("direction {}", found));
    std::generate(vector.begin(), vector.end(), [&] { return random.normal(); });
    double eigenvalue = 0;
    for (int iteration = 0; iteration < kIterations; ++iteration) {
      std::vector<double> product(n);
      std::transform(gram.begin(), gram.end(), product.begin(), [&](const auto& row) { return dot(row, vector); });
      eigenvalue = std::sqrt(dot(product, product));
      std::transform(product.begin(), product.end(), vector.begin(), [&](double value) { return value / eigenvalue; });
    }
    std::vector<double>& direction = directions.emplace_back(rows[0].size());
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < direction.size(); ++j) {
        direction[j] += rows[i][j] * vector[i] * std::sqrt(static_cast<double>(n)) / eigenvalue;
      }
      for (std::size_t j = 0; j < n; ++j) {
        gram[i][j] -= eigenvalue * vector[i] * vector[j];
      }
    }
  }
  return directions;
}

/// How a set of logits decides.
struct Decisions {
  std::array<double, kLabels> shares{};
  double small_margins = 0;  // share of texts
};

Decisions decide(const Matrix& logits) {
  Decisions decisions;
  const double one = 1.0 / static_cast<double>(logits.size());
  for (std::vector<double> row : logits) {
    decisions.shares[static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin())] += one;
    std::sort(row.begin(), row.end(), std::greater<>());
    decisions.small_margins += row[0] - row[1] < kSmallMargin ? one : 0;
  }
  return decisions;
}

bool is_balanced(const Decisions& decisions) {
  return std::all_of(decisions.shares.begin(), decisions.shares.end(),
                     [](double share) { return share >= kLeastShare && share <= kMostShare; });
}

/// Shifts of the logits' columns that give every label its share of the texts. Of the shifts on the way to equal shares
/// the one with the fewest small margins is taken: full equality would push texts onto the borders between labels.
std::array<double, kLabels> balancing_shifts(Matrix logits) {
  constexpr int kRounds = 200;
  constexpr double kStep = 0.1 * kSpread;  // at a share that is off by 1
  std::array<double, kLabels> shifts{};
  std::array<double, kLabels> best{};
  double fewest = 1;
  for (int round = 0; round < kRounds; ++round) {
    const Decisions decisions = decide(logits);
    if (is_balanced(decisions) && decisions.small_margins < fewest) {
      fewest = decisions.small_margins;
      best = shifts;
    }
    for (std::size_t k = 0; k < kLabels; ++k) {
      const double shift = kStep * (1.0 / kLabels - decisions.shares[k]);
      shifts[k] += shift;
      for (std::vector<double>& row : logits) {
        row[k] += shift;
      }
    }
  }
  return best;
}

/// Says how the labels share the texts; throws where the demo's checkpoint would be no use to a gate.
void report_decisions(const Decisions& decisions, bool is_demo) {
  const auto [least, most] = std::minmax_element(decisions.shares.begin(), decisions.shares.end());
  const std::string found =
      fmt::format("labels get {:.1f} to {:.1f} % of {} texts, {:.1f} % have a margin below {}", 100 * *least,
                  100 * *most, kFitTexts, 100 * decisions.small_margins, kSmallMargin);
  if (is_demo && (!is_balanced(decisions) || decisions.small_margins >= kMostSmallMargins)) {
    throw Error(
        ErrorCode::kInternal,
        fmt::format("[classifier] {}; {:.0f} to {:.0f} % and under {:.0f} % were expected. Are the texts alike?", found,
                    100 * kLeastShare, 100 * kMostShare, 100 * kMostSmallMargins));
  }
  fmt::print("{}\n", found);
}

/// Logits as the stored classifier gives them, from its fp32 weights.
Matrix stored_logits(const Weights& weights, const Dense& classifier, std::span<const float> states) {
  const std::vector<float>& matrix = weights.values.at(classifier.weight.name);
  const std::vector<float>& bias = weights.values.at(classifier.bias.name);
  const auto hidden = static_cast<std::size_t>(classifier.in);
  Matrix logits;
  for (std::size_t first = 0; first < states.size(); first += hidden) {
    std::vector<double>& row = logits.emplace_back();
    for (std::size_t k = 0; k < bias.size(); ++k) {
      row.push_back(std::inner_product(states.begin() + static_cast<std::ptrdiff_t>(first),
                                       states.begin() + static_cast<std::ptrdiff_t>(first + hidden),
                                       matrix.begin() + static_cast<std::ptrdiff_t>(k * hidden), double{bias[k]}));
    }
  }
  return logits;
}

/// Replaces the random values of the head's last layer by ones that tell the texts apart.
void fit_classifier(const Network& network, std::span<const float> states, Weights* weights) {
  const Dense& classifier = network.head.back().dense;
  const auto hidden = static_cast<std::size_t>(network.hidden_size);
  std::vector<double> mean;
  const Matrix rows = centred_rows(states, hidden, &mean);
  const Matrix directions = principal_directions(rows, kLabels);
  std::vector<float>& matrix = weights->values.at(classifier.weight.name);
  std::vector<float>& bias = weights->values.at(classifier.bias.name);
  for (std::size_t k = 0; k < kLabels; ++k) {
    std::transform(directions[k].begin(), directions[k].end(), matrix.begin() + static_cast<std::ptrdiff_t>(k * hidden),
                   [](double value) { return static_cast<float>(kSpread * value); });
    bias[k] = static_cast<float>(-kSpread * dot(directions[k], mean));
  }
  const std::array<double, kLabels> shifts = balancing_shifts(stored_logits(*weights, classifier, states));
  for (std::size_t k = 0; k < kLabels; ++k) {
    bias[k] += static_cast<float>(shifts[k]);
  }
  report_decisions(decide(stored_logits(*weights, classifier, states)), network.architecture == "camembert");
}

/// A layer with a bias for each of the labels, which fit_classifier can set.
bool can_be_fitted(const Network& network) {
  const Dense& classifier = network.head.back().dense;
  return classifier.bias.exists() && classifier.in == network.hidden_size && classifier.out == int32_t{kLabels};
}

void make(const fs::path& tokenizer, const fs::path& texts, const fs::path& out, const Json& config) {
  constexpr std::size_t kMostTokenizerBytes = std::size_t{64} << 20;
  const Network network = describe_network(config, {}, "config");
  Weights weights = draw_weights(network);
  const std::vector<Encoding> encodings = encode_texts(tokenizer, texts, network);
  if (can_be_fitted(network)) fit_classifier(network, pooled_states(network, weights, encodings), &weights);
  fs::create_directories(out);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) {
    write_file_atomically(out / name, read_file(tokenizer / name, kMostTokenizerBytes));
  }
  write_safetensors(out / "model.safetensors", weights.tensors, {{"format", "pt"}});
  // Last: a folder with a config.json is whole.
  write_file_atomically(out / "config.json", config.dump(2) + "\n");
  fmt::print("{}: {} parameters, random weights\n", out.string(), parameter_count(network));
}

}  // namespace
}  // namespace paceline

int main(int count, char** arguments) {
  CLI::App app("Writes a checkpoint of CamemBERT-base's shape, or a smaller one, with seeded random weights");
  std::string tokenizer;
  std::string texts;
  std::string out;
  std::string config;
  paceline::DemoShape shape;
  app.add_option("--tokenizer", tokenizer, "folder with tokenizer.json and tokenizer_config.json")->required();
  app.add_option("--texts", texts, "file with a text a line, at least 200")->required();
  app.add_option("--out", out, "folder to write")->required();
  app.add_option("--hidden", shape.hidden, "width, 12 heads (default 768)")->check(CLI::PositiveNumber);
  app.add_option("--blocks", shape.blocks, "(default 12)")->check(CLI::PositiveNumber);
  app.add_option("--config", config, "a config.json of another model with five labels");
  CLI11_PARSE(app, count, arguments);
  try {
    paceline::make(tokenizer, texts, out,
                   config.empty() ? paceline::demo_config(shape) : paceline::read_json_file(config));
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
