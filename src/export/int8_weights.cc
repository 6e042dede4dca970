#include "export/int8_weights.h"

#include <fstream>
#include <string>

namespace paceline {

std::string_view int8_weights_name(Int8Weights weights) { return weights == Int8Weights::kSigned ? "s8" : "u8"; }

Int8Weights int8_weights_of_this_cpu() {
  static const Int8Weights weights = [] {
    std::ifstream file("/proc/cpuinfo");
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with("flags")) continue;
      // avx512_vnni or avx_vnni
      return line.find("_vnni") != std::string::npos ? Int8Weights::kSigned : Int8Weights::kUnsigned;
    }
    return Int8Weights::kSigned;  // not an x86
  }();
  return weights;
}

}  // namespace paceline
