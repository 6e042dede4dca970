#include "bench/worker_protocol.h"

#include <fmt/format.h>

#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "plan/plan_fields.h"
#include "rows/row_reader.h"

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

std::string text_of(const Json& value) {
  if (!value.is_string()) throw Error(ErrorCode::kCorruptData, "[worker] a message's text is no string.");
  return value.get<std::string>();
}

/// A visitor describes each of these once, for both ends.
void backend_fields(auto& visitor, FieldsOf<BackendOptions> auto& is) {
  visitor.text("backend", is.name, {.required = true});
  visitor.text("compute_type", is.compute_type, {.required = true});
  visitor.text("device", is.device, {.required = true});
  visitor.integer("threads", is.threads, {.high = kMostThreads, .required = true});
  visitor.path("cache_dir", is.cache_dir, {.required = true});
  visitor.path("file", is.file, {.required = true});
}

void request_fields(auto& visitor, FieldsOf<WorkerRequest> auto& is) {
  visitor.path("model_dir", is.model_dir, {.required = true});
  backend_fields(visitor, is.backend);
  visitor.integer("instances", is.instances, {.low = 1, .high = kMostThreads, .required = true});
  fields(visitor, is.checkpoint_options);
}

void loaded_fields(auto& visitor, FieldsOf<LoadedBackend> auto& is) {
  auto& info = is.info;
  visitor.text("name", info.name, {.required = true});
  visitor.text("version", info.version, {.required = true});
  visitor.text("device", info.device, {.required = true});
  visitor.text("dtype", info.dtype, {.required = true});
  visitor.text("compute_type", info.compute_type, {.required = true});
  visitor.text("settings", info.settings, {.required = true});
  visitor.flag("padded", info.padded, {.required = true});
  visitor.integer("threads", info.threads, {.high = kMostThreads, .required = true});
  visitor.integer("outputs", info.outputs, {.required = true});
  visitor.number("load_ms", is.load_ms, {.high = 1e12, .required = true, .finite = true});
}

void end_to_end_fields(auto& visitor, FieldsOf<EndToEndRequest> auto& is) {
  visitor.path("model_dir", is.model_dir, {.required = true});
  backend_fields(visitor, is.run.backend);
  visitor.integer("instances", is.run.instances, {.low = 1, .high = kMostThreads, .required = true});
  fields(visitor, is.run.limits);
  visitor.flag("padded", is.run.limits.padded, {.required = true});
  fields(visitor, is.run.checkpoint_options);
  long_texts_fields(visitor, is.run.long_texts);
  fields(visitor, is.labels);
  visitor.choice("format", is.format, kRowFormatNames, {.required = true});
  visitor.number("expected_seconds", is.expected_seconds, {.high = 1e6, .required = true, .finite = true});
}

Json encode_fields(const auto& describe) {
  OrderedJson message;
  JsonFieldWriter visitor(message);
  describe(visitor);
  return message;
}

JsonFieldReader reader_of(const Json& message) { return {message, std::string(kWhere)}; }

template <class T>
Json encode_any_numbers(std::span<const T> values) {
  Json numbers = Json::array();
  for (T value : values) numbers.push_back(std::isfinite(value) ? Json(static_cast<double>(value)) : Json());
  return numbers;
}

}  // namespace

Json encode_request(const WorkerRequest& request) {
  Json message = encode_fields([&](JsonFieldWriter& visitor) { request_fields(visitor, request); });
  message["op"] = "load";
  message["protocol"] = kWorkerProtocol;
  return message;
}

WorkerRequest decode_request(const Json& message) {
  json_integer(message, "protocol", kWhere, kWorkerProtocol, kWorkerProtocol);
  WorkerRequest request;
  const JsonFieldReader visitor = reader_of(message);
  request_fields(visitor, request);
  return request;
}

Json encode_loaded(const LoadedBackend& loaded) {
  Json message = encode_fields([&](JsonFieldWriter& visitor) { loaded_fields(visitor, loaded); });
  message["protocol"] = kWorkerProtocol;
  return message;
}

LoadedBackend decode_loaded(const Json& message) {
  json_integer(message, "protocol", kWhere, kWorkerProtocol, kWorkerProtocol);
  LoadedBackend loaded;
  const JsonFieldReader visitor = reader_of(message);
  loaded_fields(visitor, loaded);
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
  Json message = encode_fields([&](JsonFieldWriter& visitor) { end_to_end_fields(visitor, request); });
  message["op"] = "end_to_end";
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
  const JsonFieldReader visitor = reader_of(message);
  end_to_end_fields(visitor, request);
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
