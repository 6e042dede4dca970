#pragma once

#include <cstdint>
#include <string_view>

namespace paceline {

/// How an ONNX file stores the weights of products in 8 bits: the same values, shifted by 128 or not.
enum class Int8Weights : uint8_t { kSigned, kUnsigned };

std::string_view int8_weights_name(Int8Weights weights);  ///< "s8" or "u8"

/// What ONNX Runtime multiplies exactly on this CPU, and fastest. Its product of u8 and s8 is VPDPBUSD where an x86 has
/// VNNI. Elsewhere it is VPMADDUBSW, which saturates at 16 bits and gives other answers; that of u8 and u8 widens
/// first.
Int8Weights int8_weights_of_this_cpu();

}  // namespace paceline
