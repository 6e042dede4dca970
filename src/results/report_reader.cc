#include "results/report_reader.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/json.h"
#include "base/token_types_name.h"
#include "paceline/error.h"
#include "paceline/version.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr JsonLimits kLimits{.max_bytes = std::size_t{64} << 20, .max_depth = 16};
constexpr int64_t kMaxInt32 = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxInt64 = std::numeric_limits<int64_t>::max();
constexpr double kMaxNumber = std::numeric_limits<double>::max();
constexpr int64_t kMaxThreads = 1 << 16;
/// Lists that a run could fill many times over, and that no chart would show.
constexpr std::size_t kMaxConfigurations = 20'000;
constexpr std::size_t kMaxListed = 1'000'000;

/// A JSON object and where it stands in the file: reads its fields and names them where they are wrong.
class Fields {
 public:
  Fields(const Json& json, std::string where) : json_(json), where_(std::move(where)) {
    if (!json.is_object()) refuse("a JSON object was expected");
  }

  [[noreturn]] void refuse(std::string_view what) const {
    throw Error{ErrorCode::kCorruptData, fmt::format("[{}] {}.", where_, what)};
  }
  const std::string& where() const { return where_; }
  bool has(std::string_view key) const {
    const auto field = json_.find(key);
    return field != json_.end() && !field->is_null();
  }

  std::string text(std::string_view key) const { return json_string(json_, key, where_, ""); }
  std::string name(std::string_view key) const {
    std::string value = json_string(json_, key, where_);
    if (value.empty()) refuse(fmt::format("\"{}\" is empty, a name was expected", key));
    return value;
  }
  bool flag(std::string_view key) const { return json_bool(json_, key, where_, false); }
  int64_t integer(std::string_view key, int64_t low = 0, int64_t high = kMaxInt64, int64_t fallback = 0) const {
    return json_integer(json_, key, where_, low, high, fallback);
  }
  int32_t small(std::string_view key, int32_t low = 0, int64_t high = kMaxInt32, int32_t fallback = 0) const {
    return static_cast<int32_t>(integer(key, low, high, fallback));
  }
  /// A field that an earlier schema does not have is 0; one that was written as null was no number.
  double number(std::string_view key, double fallback = 0) const {
    if (!json_.contains(key)) return fallback;
    return json_number(json_, key, where_, 0, kMaxNumber, std::nan(""));
  }

  Fields object(std::string_view key) const { return {json_.at(std::string(key)), inside(key)}; }
  /// The elements of a list; without the field there are none.
  const Json& list(std::string_view key, std::size_t most = kMaxListed) const {
    static const Json kNone = Json::array();
    if (!has(key)) return kNone;
    const Json& list = json_.at(std::string(key));
    if (!list.is_array()) refuse(fmt::format("\"{}\" is no list", key));
    if (list.size() > most)
      refuse(fmt::format("\"{}\" has {} entries, at most {} were expected", key, list.size(), most));
    return list;
  }
  /// Calls `read(Fields)` for each object of a list.
  template <class Read>
  void each(std::string_view key, const Read& read, std::size_t most = kMaxListed) const {
    std::size_t index = 0;
    for (const Json& item : list(key, most)) read(Fields(item, fmt::format("{}[{}]", inside(key), index++)));
  }
  std::vector<std::string> texts(std::string_view key) const {
    std::vector<std::string> out;
    for (const Json& item : list(key)) {
      if (!item.is_string()) refuse(fmt::format("\"{}\" holds {}, texts were expected", key, shown(item)));
      out.push_back(item.get<std::string>());
    }
    return out;
  }
  template <class Integer>
  std::vector<Integer> integers(std::string_view key) const {
    std::vector<Integer> out;
    for (const Json& item : list(key)) {
      const bool whole = item.is_number_integer() && item >= 0 && item <= std::numeric_limits<Integer>::max();
      if (!whole) refuse(fmt::format("\"{}\" holds {}, whole numbers from 0 were expected", key, shown(item)));
      out.push_back(item.get<Integer>());
    }
    return out;
  }
  /// One of a few words, whose place in `names` is the answer.
  template <std::size_t N>
  std::size_t choice(std::string_view key, const std::array<std::string_view, N>& names) const {
    const std::string given = has(key) ? text(key) : std::string(names.front());
    for (std::size_t i = 0; i < N; ++i) {
      if (given == names[i]) return i;
    }
    refuse(fmt::format("\"{}\" is \"{}\", one of {} was expected", key, excerpt(given), fmt::join(names, ", ")));
  }
  const Json& json() const { return json_; }

 private:
  std::string inside(std::string_view key) const { return fmt::format("{}: {}", where_, key); }
  static std::string shown(const Json& value) {
    return excerpt(value.dump(-1, ' ', false, Json::error_handler_t::replace));
  }

  const Json& json_;
  std::string where_;
};

Estimate read_estimate(const Fields& from, std::string_view key) {
  if (!from.has(key)) return {};
  const Fields fields = from.object(key);
  const auto or_zero = [](double value) { return std::isnan(value) ? 0.0 : value; };
  const Estimate is{.median = or_zero(fields.number("median")),
                    .low = or_zero(fields.number("low")),
                    .high = or_zero(fields.number("high"))};
  if (is.low > is.high) fields.refuse(fmt::format("low is {}, high is {}: the interval is reversed", is.low, is.high));
  return is;
}

Order read_order(const Fields& fields) {
  constexpr std::array<std::string_view, 2> kOrders = {"input", "length"};
  return fields.choice("order", kOrders) == 0 ? Order::kInput : Order::kLength;
}

Configuration read_configuration(const Fields& fields) {
  Configuration is{.backend = fields.name("backend"),
                   .compute_type = fields.name("compute_type"),
                   .device = fields.name("device"),
                   .batch_size = fields.small("batch_size"),
                   .max_batch_tokens = fields.small("max_batch_tokens"),
                   .order = read_order(fields),
                   .threads = fields.small("threads", 1, kMaxThreads, 1),
                   .instances = fields.small("instances", 1, kMaxThreads, 1)};
  if ((is.batch_size > 0) == (is.max_batch_tokens > 0)) {
    fields.refuse("one of batch_size and max_batch_tokens was expected, above 0");
  }
  return is;
}

std::optional<Configuration> read_optional_configuration(const Fields& from, std::string_view key) {
  if (!from.has(key)) return std::nullopt;
  return read_configuration(from.object(key));
}

/// The lists stand side by side, so they have to be of one length.
std::vector<Timing> read_timings(const Fields& fields) {
  const auto rounds = fields.integers<int32_t>("round"), batches = fields.integers<int32_t>("batches");
  const auto tokens = fields.integers<int64_t>("tokens");
  const Json &confirmation = fields.list("confirmation"), &share = fields.list("share"),
             &seconds = fields.list("seconds");
  const std::size_t count = rounds.size();
  for (const std::size_t size : {batches.size(), tokens.size(), confirmation.size(), share.size(), seconds.size()}) {
    if (size != count)
      fields.refuse(fmt::format("lists of {} and of {} entries, all alike were expected", count, size));
  }
  const auto number = [&](const Json& value) {
    if (value.is_null()) return std::nan("");
    if (!value.is_number() || value < 0) fields.refuse("share and seconds were expected to hold numbers from 0");
    return value.get<double>();
  };
  std::vector<Timing> timings;
  for (std::size_t i = 0; i < count; ++i) {
    if (!confirmation[i].is_boolean()) fields.refuse("confirmation was expected to hold true or false");
    timings.push_back({.round = rounds[i],
                       .confirmation = confirmation[i].get<bool>(),
                       .batches = batches[i],
                       .tokens = tokens[i],
                       .share = number(share[i]),
                       .seconds = number(seconds[i])});
  }
  return timings;
}

CellResult read_cell(const Fields& fields) {
  CellResult cell;
  cell.configuration = read_configuration(fields);
  cell.padding_ratio = fields.number("padding_ratio");
  cell.predicted_ms_per_text = fields.number("predicted_ms_per_text");
  cell.rounds = fields.small("rounds");
  cell.confirmed = fields.flag("confirmed");
  cell.partial = fields.flag("partial");
  cell.error = fields.text("error");
  if (fields.has("timings")) cell.timings = read_timings(fields.object("timings"));
  if (!cell.error.empty()) return cell;
  cell.ms_per_text = read_estimate(fields, "ms_per_text");
  if (!(cell.ms_per_text.median > 0)) fields.refuse("neither ms_per_text nor an error, one of them was expected");
  cell.ms_per_text_min = fields.object("ms_per_text").number("min");
  cell.texts_per_second = fields.number("texts_per_second");
  cell.tokens_per_second = fields.number("tokens_per_second");
  cell.speedup = read_estimate(fields, "speedup");
  cell.roof_share = fields.number("roof_share");
  if (fields.has("latency_ms")) {
    const Fields latency = fields.object("latency_ms");
    cell.p50_ms = latency.number("p50");
    cell.p90_ms = latency.number("p90");
    cell.p95_ms = latency.number("p95");
    cell.p99_ms = latency.number("p99");
  }
  return cell;
}

using ConfigurationKey = std::tuple<std::string, std::string, std::string, int32_t, int32_t, Order, int32_t, int32_t>;

std::vector<CellResult> read_cells(const Fields& fields) {
  std::vector<CellResult> cells;
  std::set<ConfigurationKey> seen;
  fields.each(
      "configurations",
      [&](const Fields& row) {
        // Without an order it is a backend that is out, repeated from "backends" for whoever reads only this list.
        if (!row.has("order")) return;
        cells.push_back(read_cell(row));
        const Configuration& is = cells.back().configuration;
        const bool first = seen.emplace(is.backend, is.compute_type, is.device, is.batch_size, is.max_batch_tokens,
                                        is.order, is.threads, is.instances)
                               .second;
        if (!first) row.refuse("this configuration stands in the list twice, once was expected");
      },
      kMaxConfigurations);
  return cells;
}

GateResult read_gate(const Fields& fields) {
  return {.ran = true,
          .accepted = fields.flag("accepted"),
          .oracle = fields.text("oracle"),
          .texts = fields.small("texts"),
          .max_abs_logit_diff = fields.number("max_abs_logit_diff"),
          .mean_abs_logit_diff = fields.number("mean_abs_logit_diff"),
          .max_relative_diff = fields.number("max_relative_diff"),
          .agreement = fields.number("agreement"),
          .verdict = fields.text("verdict")};
}

BackendResult read_backend(const Fields& fields) {
  return {.backend = fields.name("backend"),
          .engine = fields.text("engine"),
          .file = fields.text("file"),
          .compute_type = fields.name("compute_type"),
          .version = fields.text("version"),
          .settings = fields.text("settings"),
          .dtype = fields.text("dtype"),
          .device = fields.name("device"),
          .padded = fields.flag("padded"),
          .threads = fields.small("threads", 1, kMaxThreads, 1),
          .instances = fields.small("instances", 1, kMaxThreads, 1),
          .load_ms = fields.number("load_ms"),
          .peak_memory_bytes = fields.integer("peak_memory_bytes"),
          .gate = fields.has("gate") ? read_gate(fields.object("gate")) : GateResult{},
          .error = fields.text("error")};
}

MachineLoad read_machine_load(const Fields& from, std::string_view key) {
  if (!from.has(key)) return {};
  const Fields fields = from.object(key);
  return {.load_average = fields.number("load_average"), .other_share = fields.number("other_share")};
}

void read_machine_fields(const Fields& fields, BenchResults& results) {
  MachineRecord& machine = results.machine;
  machine.cpu = fields.text("cpu");
  machine.active_isa = fields.text("isa");
  machine.isa_levels = fields.texts("isa_levels");
  machine.cpu_flags = fields.texts("cpu_flags");
  machine.memory_bytes = fields.integer("memory_bytes");
  machine.kernel = fields.text("kernel");
  machine.virtualization = fields.text("virtualization");
  CpuTopology& topology = machine.topology;
  topology.logical_cpus = fields.small("logical_cpus");
  topology.physical_cores = fields.small("physical_cores");
  topology.usable = fields.small("usable_cpus");
  topology.affinity = fields.integers<int>("affinity");
  topology.cgroup_quota = fields.number("cgroup_quota");
  topology.l2_bytes = fields.integer("l2_bytes");
  topology.l3_bytes = fields.integer("l3_bytes");
  if (fields.has("roof_gflops")) {
    const Fields roof = fields.object("roof_gflops");
    results.roof.fp32_gflops = roof.number("fp32");
    results.roof.bf16_gflops = roof.number("bf16");
    results.roof.int8_gops = roof.number("int8");
  }
  results.roof.theoretical_fp32_gflops = fields.number("theoretical_fp32_gflops");
  results.roof.clock_ghz = fields.number("clock_ghz");
  results.roof.memory_bandwidth_gbps = fields.number("memory_bandwidth_gbps");
  results.load_before = read_machine_load(fields, "load_before");
  results.load_after = read_machine_load(fields, "load_after");
}

CheckpointSummary read_checkpoint(const Fields& fields) {
  return {.model_dir = fields.text("model_dir"),
          .options = {.file = fields.has("weights") ? fields.text("weights") : "",
                      .prefix = fields.has("prefix") ? fields.text("prefix") : "",
                      .base = fields.has("base") ? fields.text("base") : "",
                      .token_types = fields.has("token_types")
                                         ? parse_token_types(fields.text("token_types"), fields.where())
                                         : TokenTypes::kAsSaved},
          .hash = fields.text("hash"),
          .architecture = fields.text("architecture"),
          .dtype = fields.text("dtype"),
          .parameters = fields.integer("parameters"),
          .random_weights = fields.flag("random_weights"),
          .labels = fields.texts("labels"),
          .mflops_per_token = fields.number("mflops_per_token")};
}

/// A seed uses all 64 bits, which json_integer() does not.
uint64_t read_seed(const Fields& fields) {
  if (!fields.has("seed")) return 0;
  const Json& seed = fields.json().at("seed");
  if (!seed.is_number_unsigned()) fields.refuse("\"seed\" is no whole number from 0");
  return seed.get<uint64_t>();
}

/// What is in a report of how long texts were read; reports made before there was a choice say nothing.
std::optional<LongTextOptions> read_long_mode(const Fields& fields) {
  if (!fields.has("long")) return std::nullopt;
  using Mode = LongTextOptions::Mode;
  return LongTextOptions{.mode = fields.text("long") == "window" ? Mode::kWindow : Mode::kTruncate,
                         .stride = fields.small("stride")};
}

WorkloadSummary read_workload(const Fields& fields) {
  WorkloadSummary is{.source = fields.text("source"),
                     .texts_available = fields.integer("texts_available"),
                     .texts = fields.integer("texts"),
                     .sequences = fields.integer(fields.has("sequences") ? "sequences" : "texts"),
                     .long_texts = read_long_mode(fields),
                     .rows_skipped = fields.integer("rows_skipped"),
                     .seed = read_seed(fields),
                     .mean_tokens = fields.number("mean_tokens"),
                     .min_tokens = fields.small("min_tokens"),
                     .max_tokens = fields.small("max_tokens"),
                     .median_tokens = fields.number("median_tokens"),
                     .p95_tokens = fields.number("p95_tokens"),
                     .truncated_texts = fields.integer("truncated_texts"),
                     .token_histogram = {},
                     .tokenize_ms_per_text = fields.number("tokenize_ms_per_text")};
  if (fields.has("token_histogram")) {
    const Fields histogram = fields.object("token_histogram");
    is.histogram_width = histogram.small("width", 1, kMaxInt32, 1);
    is.token_histogram = histogram.integers<int64_t>("counts");
  }
  return is;
}

Objective read_objective(const Fields& fields) {
  const std::array<std::string_view, 2> names = {objective_name(Objective::kThroughput),
                                                 objective_name(Objective::kLatency)};
  return fields.choice("objective", names) == 0 ? Objective::kThroughput : Objective::kLatency;
}

Constraints read_constraints(const Fields& fields) {
  return {.objective = read_objective(fields),
          .max_latency_ms = fields.number("max_latency_ms"),
          .max_memory_bytes = fields.integer("max_memory_bytes"),
          .min_agreement = fields.number("min_agreement"),
          .price_per_hour = fields.number("price_per_hour")};
}

Recommendation read_recommendation(const Fields& fields) {
  Recommendation is;
  is.valid = fields.flag("valid");
  if (is.valid && !fields.has("configuration")) fields.refuse("it is valid, but \"configuration\" is missing");
  if (is.valid) is.choice = read_configuration(fields.object("configuration"));
  is.reason = fields.text("reason");
  is.objective = objective_name(read_objective(fields));
  is.runner_up = read_optional_configuration(fields, "runner_up");
  is.lead = read_estimate(fields, "lead");
  const std::array<std::string_view, 3> leads = {lead_name(Lead::kFaster), lead_name(Lead::kEqual),
                                                 lead_name(Lead::kUnresolved)};
  is.outcome = std::array{Lead::kFaster, Lead::kEqual, Lead::kUnresolved}[fields.choice("outcome", leads)];
  if (fields.has("cost_per_million")) is.cost_per_million = fields.number("cost_per_million");
  fields.each("rejections",
              [&](const Fields& row) { is.rejections.push_back({.what = row.text("what"), .why = row.text("why")}); });
  return is;
}

LengthResult read_length(const Fields& fields) {
  LengthResult is;
  is.configuration = read_configuration(fields);
  is.tokens = fields.small("tokens", 1, kMaxInt32, 1);
  is.rounds = fields.small("rounds");
  is.ms_per_text = read_estimate(fields, "ms_per_text");
  is.tokens_per_second = fields.number("tokens_per_second");
  is.roof_share = fields.number("roof_share");
  return is;
}

/// The schema is looked at first: a newer report may mean something else by every other field.
void check_schema(const Fields& fields) {
  if (!fields.has("schema_version"))
    fields.refuse("\"schema_version\" is missing; a report.json of paceline was expected");
  const int64_t schema = fields.integer("schema_version", 1, kMaxInt32);
  if (schema > BenchResults::kSchemaVersion) {
    throw Error{ErrorCode::kUnsupported,
                fmt::format("[{}] the report has schema_version {}, this paceline {} reads up to {}. Update paceline.",
                            fields.where(), schema, version(), BenchResults::kSchemaVersion)};
  }
  // An object with a version may still be a plan or another output.
  if (!fields.json().contains("configurations")) {
    fields.refuse("\"configurations\" is missing; a report.json of paceline was expected");
  }
}

EndToEnd read_end_to_end(const Fields& fields) {
  if (fields.has("end_to_end")) {
    const Fields is = fields.object("end_to_end");
    return {.ms_per_text = is.number("ms_per_text"), .texts = is.integer("texts")};
  }
  if (fields.has("end_to_end_ms_per_text")) return {.ms_per_text = fields.number("end_to_end_ms_per_text")};
  return {};
}

void read_run(const Fields& fields, BenchResults& results) {
  constexpr std::array<std::string_view, 2> kProtocols = {"budget", "article"};
  results.paceline_version = fields.text("paceline_version");
  results.build_id = fields.text("build_id");
  results.command = fields.text("command");
  results.started_at = fields.text("started_at");
  results.seconds = fields.number("seconds");
  results.predicted_seconds = fields.number("predicted_seconds");
  results.protocol = kProtocols[fields.choice("protocol", kProtocols)];
  results.continued = fields.small("continued");
  results.dry_run = fields.flag("dry_run");
  results.interrupted = fields.flag("interrupted");
  results.named_type_rejected = fields.flag("named_type_rejected");
}

}  // namespace

BenchResults report_from_json(std::string_view text, std::string_view where) {
  const Json json = parse_json(text, where, kLimits);
  const Fields fields(json, std::string(where));
  check_schema(fields);
  BenchResults results;
  read_run(fields, results);
  if (fields.has("recommendation")) {
    const Fields recommendation = fields.object("recommendation");
    results.recommendation = read_recommendation(recommendation);
    if (recommendation.has("constraints")) results.constraints = read_constraints(recommendation.object("constraints"));
  }
  results.baseline = read_optional_configuration(fields, "baseline");
  results.end_to_end = read_end_to_end(fields);
  results.notes = fields.texts("notes");
  if (fields.has("checkpoint")) results.checkpoint = read_checkpoint(fields.object("checkpoint"));
  if (fields.has("workload")) results.workload = read_workload(fields.object("workload"));
  if (fields.has("machine")) read_machine_fields(fields.object("machine"), results);
  fields.each(
      "backends", [&](const Fields& row) { results.backends.push_back(read_backend(row)); }, kMaxConfigurations);
  results.cells = read_cells(fields);
  fields.each("length_sweep", [&](const Fields& row) { results.length_sweep.push_back(read_length(row)); });
  return results;
}

BenchResults read_report(const std::filesystem::path& file) {
  return report_from_json(read_file(file, kLimits.max_bytes), file.string());
}

}  // namespace paceline
