#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/json.h"
#include "bench/worker.h"
#include "paceline/error.h"

namespace paceline {

/// What bench and a worker say to each other, as JSON. A request has an "op"; an answer holds its result or "error".
/// Both ends are one program, but a worker is what may go mad, so what it says is checked.
inline constexpr int kWorkerProtocol = 1;

Json encode_request(const WorkerRequest& request);
WorkerRequest decode_request(const Json& message);

Json encode_loaded(const LoadedBackend& loaded);
LoadedBackend decode_loaded(const Json& message);

Json encode_encodings(std::span<const Encoding> encodings);
std::vector<Encoding> decode_encodings(const Json& message);

Json encode_batches(std::span<const BatchIndices> batches);
/// Throws Error{corrupt_data} for an index not below `texts` or an empty batch.
std::vector<BatchIndices> decode_batches(const Json& message, std::size_t texts);

Json encode_end_to_end(const EndToEndRequest& request, std::span<const Text> texts);
EndToEndRequest decode_end_to_end(const Json& message, std::vector<Text>& texts);

/// Not-a-number and infinity, which JSON lacks, become null and come back as not-a-number.
Json encode_numbers(std::span<const float> values);
Json encode_numbers(std::span<const double> values);
/// Throws Error{corrupt_data} unless there are `count` of them.
std::vector<double> decode_numbers(const Json& message, std::string_view key, std::size_t count);

Json encode_error(const Error& error);
/// Throws the Error that the message holds, if it holds one.
void throw_if_error(const Json& message);

}  // namespace paceline
