#include "base/device.h"

#include <fmt/format.h>

#include <charconv>

#include "paceline/error.h"
#include "words/suggest.h"

namespace paceline {
namespace {

constexpr std::string_view kCudaPrefix = "cuda:";
constexpr int kHighestIndex = 127;  // PyTorch keeps it in a signed byte

}  // namespace

Device parse_device(std::string_view text) {
  if (text == "cpu") return {};
  if (text.substr(0, kCudaPrefix.size()) == kCudaPrefix) {
    const std::string_view number = text.substr(kCudaPrefix.size());
    int index = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), index);
    if (error == std::errc{} && end == number.data() + number.size() && index >= 0 && index <= kHighestIndex) {
      return {.cuda = true, .index = index};
    }
  }
  throw Error(ErrorCode::kInvalidArgument,
              fmt::format("[device] \"{}\" was given, cpu or cuda:N was expected, such as cuda:0.", excerpt(text)));
}

std::string device_name(const Device& device) { return device.cuda ? fmt::format("cuda:{}", device.index) : "cpu"; }

}  // namespace paceline
