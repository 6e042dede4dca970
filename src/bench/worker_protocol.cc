#include "bench/worker_protocol.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "base/path_json.h"
#include "plan/plan_fields.h"
#include "rows/row_format.h"

namespace paceline {
namespace {

constexpr std::string_view kWhere = "worker";
constexpr int64_t kMostThreads = 1024;
constexpr int64_t kInt32Max = std::numeric_limits<int32_t>::max();

const Json& list(const Json& message, std::string_view key) {
  const auto found = message.find(key);
  if (found == message.end() || !found->is_array()) {
    throw Error(ErrorCode::kCorruptData, fmt::format("[{}] a message lacks the list {}.", kWhere, key));
  }
  return *found;
}

int64_t whole_number(const Json& value, int64_t low, int64_t high) {
  if (!value.is_number_integer() || value.get<int64_t>() < low || value.get<int64_t>() > high) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] a message holds {}, a whole number from {} to {} was expected.", kWhere,
                            value.dump().substr(0, 40), low, high));
  }
  return value.get<int64_t>();
}

std::vector<int32_t> ids_of(const Json& values) {
  std::vector<int32_t> ids;
  if (!values.is_array()) throw Error(ErrorCode::kCorruptData, "[worker] a message's ids are no list.");
  ids.reserve(values.size());
  for (const Json& value : values) {
    ids.push_back(static_cast<int32_t>(whole_number(value, std::numeric_limits<int32_t>::min(), kInt32Max)));
  }
  return ids;
}

int32_t count_of(const Json& message, std::string_view key, int64_t high = kInt32Max) {
  return static_cast<int32_t>(json_integer(message, key, kWhere, 0, high));
}

std::string text_of(const Json& value) {
  if (!value.is_string()) throw Error(ErrorCode::kCorruptData, "[worker] a message's text is no string.");
  return value.get<std::string>();
}

Json encode_backend(const BackendOptions& options) {
  return {{"backend", options.name},
          {"compute_type", options.compute_type},
          {"device", options.device},
          {"threads", options.threads},
          {"cache_dir", path_to_json(options.cache_dir)},
          {"file", path_to_json(options.file)}};
}

BackendOptions decode_backend(const Json& message) {
  return {.name = json_string(message, "backend", kWhere),
          .compute_type = json_string(message, "compute_type", kWhere),
          .device = json_string(message, "device", kWhere),
          .threads = count_of(message, "threads", kMostThreads),
          .cache_dir = json_path(message, "cache_dir", kWhere),
          .file = json_path(message, "file", kWhere)};
}

template <class T>
Json encode_any_numbers(std::span<const T> values) {
  Json numbers = Json::array();
  for (T value : values) numbers.push_back(std::isfinite(value) ? Json(static_cast<double>(value)) : Json());
  return numbers;
}

}  // namespace

Json encode_request(const WorkerRequest& request) {
  Json message = encode_backend(request.backend);
  message["op"] = "load";
  message["protocol"] = kWorkerProtocol;
  message["model_dir"] = path_to_json(request.model_dir);
  message["instances"] = request.instances;
  OrderedJson options;
  JsonFieldWriter visitor(options);
  fields(visitor, request.checkpoint_options);
  message.update(Json(options));
  return message;
}

WorkerRequest decode_request(const Json& message) {
  json_integer(message, "protocol", kWhere, kWorkerProtocol, kWorkerProtocol);
  WorkerRequest request{.model_dir = json_path(message, "model_dir", kWhere),
                        .backend = decode_backend(message),
                        .instances = static_cast<int32_t>(json_integer(message, "instances", kWhere, 1, kMostThreads))};
  const JsonFieldReader visitor(message, std::string(kWhere));
  fields(visitor, request.checkpoint_options);
  return request;
}

Json encode_loaded(const LoadedBackend& loaded) {
  const BackendInfo& info = loaded.info;
  return {{"name", info.name},         {"version", info.version},           {"device", info.device},
          {"dtype", info.dtype},       {"compute_type", info.compute_type}, {"settings", info.settings},
          {"padded", info.padded},     {"threads", info.threads},           {"outputs", info.outputs},
          {"load_ms", loaded.load_ms}, {"protocol", kWorkerProtocol}};
}

LoadedBackend decode_loaded(const Json& message) {
  json_integer(message, "protocol", kWhere, kWorkerProtocol, kWorkerProtocol);
  LoadedBackend loaded;
  loaded.info.name = json_string(message, "name", kWhere);
  loaded.info.version = json_string(message, "version", kWhere);
  loaded.info.device = json_string(message, "device", kWhere);
  loaded.info.dtype = json_string(message, "dtype", kWhere);
  loaded.info.compute_type = json_string(message, "compute_type", kWhere);
  loaded.info.settings = json_string(message, "settings", kWhere);
  loaded.info.padded = json_bool(message, "padded", kWhere);
  loaded.info.threads = count_of(message, "threads", kMostThreads);
  loaded.info.outputs = count_of(message, "outputs");
  loaded.load_ms = json_number(message, "load_ms", kWhere, 0, 1e12);
  return loaded;
}

Json encode_encodings(std::span<const Encoding> encodings) {
  Json ids = Json::array();
  Json types = Json::array();
  for (const Encoding& encoding : encodings) {
    ids.push_back(encoding.input_ids);
    types.push_back(encoding.token_type_ids);
  }
  return {{"op", "texts"}, {"input_ids", std::move(ids)}, {"token_type_ids", std::move(types)}};
}

std::vector<Encoding> decode_encodings(const Json& message) {
  const Json& ids = list(message, "input_ids");
  const Json& types = list(message, "token_type_ids");
  if (ids.size() != types.size())
    throw Error(ErrorCode::kCorruptData, "[worker] ids and token types differ in number.");
  std::vector<Encoding> encodings(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    encodings[i].input_ids = ids_of(ids[i]);
    encodings[i].token_type_ids = ids_of(types[i]);
  }
  return encodings;
}

Json encode_batches(std::span<const BatchIndices> batches) {
  Json lists = Json::array();
  for (const BatchIndices& batch : batches) lists.push_back(batch);
  return lists;
}

std::vector<BatchIndices> decode_batches(const Json& message, std::size_t texts) {
  std::vector<BatchIndices> batches;
  for (const Json& indices : list(message, "batches")) {
    BatchIndices batch;
    for (const Json& index : indices) {
      batch.push_back(static_cast<uint32_t>(whole_number(index, 0, static_cast<int64_t>(texts) - 1)));
    }
    if (batch.empty()) throw Error(ErrorCode::kCorruptData, "[worker] a batch without texts.");
    batches.push_back(std::move(batch));
  }
  return batches;
}

Json encode_end_to_end(const EndToEndRequest& request, std::span<const Text> texts) {
  Json message = encode_backend(request.run.backend);
  message["op"] = "end_to_end";
  message["model_dir"] = path_to_json(request.model_dir);
  message["batch_size"] = request.run.limits.batch_size;
  message["max_batch_tokens"] = request.run.limits.max_batch_tokens;
  message["order"] = order_name(request.run.limits.order);
  message["instances"] = request.run.instances;
  message["window"] = request.run.limits.chunk;
  message["padded"] = request.run.limits.padded;
  message["format"] = row_format_name(request.format);
  message["expected_seconds"] = request.expected_seconds;
  OrderedJson options;
  JsonFieldWriter visitor(options);
  fields(visitor, request.run.checkpoint_options);
  long_texts_fields(visitor, request.run.long_texts);
  fields(visitor, request.labels);
  message.update(Json(options));
  Json rows = Json::array();
  for (const Text& text : texts) {
    Json row = Json::array({text.first});
    if (text.second) row.push_back(*text.second);
    rows.push_back(std::move(row));
  }
  message["texts"] = std::move(rows);
  return message;
}

EndToEndRequest decode_end_to_end(const Json& message, std::vector<Text>& texts) {
  EndToEndRequest request;
  request.model_dir = json_path(message, "model_dir", kWhere);
  request.run.backend = decode_backend(message);
  const JsonFieldReader visitor(message, std::string(kWhere));
  fields(visitor, request.run.checkpoint_options);
  long_texts_fields(visitor, request.run.long_texts);
  fields(visitor, request.labels);
  request.run.limits.batch_size = count_of(message, "batch_size");
  request.run.limits.max_batch_tokens = count_of(message, "max_batch_tokens");
  request.run.limits.order = parse_order(json_string(message, "order", kWhere));
  request.run.instances = static_cast<int32_t>(json_integer(message, "instances", kWhere, 1, kMostThreads));
  request.run.limits.chunk = count_of(message, "window");
  request.run.limits.padded = json_bool(message, "padded", kWhere);
  request.format = parse_row_format(json_string(message, "format", kWhere));
  request.expected_seconds = json_number(message, "expected_seconds", kWhere, 0, 1e6);
  for (const Json& row : list(message, "texts")) {
    if (!row.is_array() || row.empty()) throw Error(ErrorCode::kCorruptData, "[worker] a text that is no list.");
    Text text{.first = text_of(row[0]), .second = std::nullopt};
    if (row.size() > 1) text.second = text_of(row[1]);
    texts.push_back(std::move(text));
  }
  return request;
}

Json encode_numbers(std::span<const float> values) { return encode_any_numbers(values); }
Json encode_numbers(std::span<const double> values) { return encode_any_numbers(values); }

std::vector<double> decode_numbers(const Json& message, std::string_view key, std::size_t count) {
  const Json& values = list(message, key);
  if (values.size() != count) {
    throw Error(ErrorCode::kCorruptData,
                fmt::format("[{}] sent {} numbers of {}, {} were expected.", kWhere, values.size(), key, count));
  }
  std::vector<double> numbers;
  numbers.reserve(count);
  for (const Json& value : values) {
    numbers.push_back(value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN());
  }
  return numbers;
}

Json encode_error(const Error& error) {
  return {{"error", {{"code", error_code_name(error.code())}, {"message", error.what()}}}};
}

void throw_if_error(const Json& message) {
  const auto found = message.find("error");
  if (found == message.end()) return;
  constexpr std::array kCodes{ErrorCode::kInvalidArgument,  ErrorCode::kNotFound,          ErrorCode::kUnsupported,
                              ErrorCode::kCorruptData,      ErrorCode::kResourceExhausted, ErrorCode::kUnavailable,
                              ErrorCode::kDeadlineExceeded, ErrorCode::kInternal};
  const std::string name = json_string(*found, "code", kWhere);
  ErrorCode code = ErrorCode::kInternal;
  for (ErrorCode known : kCodes) {
    if (error_code_name(known) == name) code = known;
  }
  throw Error(code, json_string(*found, "message", kWhere));
}

}  // namespace paceline
