#include "backend/onnxruntime/engine_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "backend/onnxruntime/engine_library.h"
#include "base/system_failure.h"

namespace paceline {
namespace {

/// What follows the place in ONNX Runtime's own source ("/src/graph/model.cc:181 Model::Model(const Proto&) ") and the
/// check that was false there.
std::string_view without_place(std::string_view message) {
  constexpr std::string_view kCheck = " was false. ";
  if (const std::size_t check = message.find(kCheck); check != message.npos) {
    return message.substr(check + kCheck.size());
  }
  const std::size_t place = message.find(".cc:");
  std::size_t at = place == message.npos ? message.npos : message.find('(', place);
  if (at == message.npos) return message;
  int depth = 0;
  do {
    depth += message[at] == '(' ? 1 : message[at] == ')' ? -1 : 0;
  } while (++at < message.size() && depth > 0);
  const std::size_t rest = message.find(' ', at);
  return rest == message.npos ? message : message.substr(rest + 1);
}

/// ONNX Runtime's messages span lines and can be long; the first line says it.
std::string one_line(std::string_view message) {
  constexpr std::size_t kLongest = 300;
  message = without_place(message);
  message = message.substr(0, std::min(message.find('\n'), kLongest));
  while (message.ends_with('.')) message.remove_suffix(1);  // ours ends the sentence
  return std::string(message);
}

}  // namespace

void throw_engine_error(const Ort::Exception& thrown, ErrorCode code, std::string_view doing, std::string_view hint) {
  const std::string reason = one_line(thrown.what());
  const bool exhausted = tells_of_exhaustion(thrown.what());
  throw Error(exhausted ? ErrorCode::kResourceExhausted : code,
              fmt::format("[onnxruntime {}] {} failed: {}. {}", load_engine_library(), doing, reason,
                          exhausted ? "Use smaller batches, fewer --threads or fewer processes." : hint));
}

void throw_user_file_error(const Ort::Exception& thrown, std::string_view file) {
  const std::string doing = fmt::format("loading {}", file);
  const std::string_view reason = thrown.what();
  if (reason.find("external data") != reason.npos || reason.find("External data") != reason.npos) {
    throw_engine_error(thrown, ErrorCode::kNotFound, doing, "Keep the file that holds its weights beside it.");
  }
  // An empty file is a protobuf of nothing.
  if (thrown.GetOrtErrorCode() == ORT_INVALID_PROTOBUF || reason.find("does not have a graph") != reason.npos) {
    throw_engine_error(thrown, ErrorCode::kCorruptData, doing, "It is no ONNX file, or not a whole one.");
  }
  throw_engine_error(thrown, ErrorCode::kUnsupported, doing,
                     "ONNX Runtime cannot run this graph. Export it at an opset that it knows.");
}

}  // namespace paceline
