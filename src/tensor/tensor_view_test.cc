#include "tensor/tensor_view.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/testing/expect_error.h"
#include "tensor/float_formats.h"

namespace paceline {
namespace {

/// The value of a float format with `exponent_bits` and `fraction_bits`, from its definition, in double.
double value_by_definition(uint32_t bits, int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  const int top = (1 << exponent_bits) - 1;
  const int exponent = static_cast<int>(bits >> fraction_bits) & top;
  const double fraction = std::ldexp(static_cast<double>(bits & ((1u << fraction_bits) - 1)), -fraction_bits);
  const double sign = (bits >> (exponent_bits + fraction_bits)) != 0 ? -1 : 1;
  if (exponent == top) {
    return sign * (fraction == 0 ? std::numeric_limits<double>::infinity() : std::nan(""));
  }
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1 + fraction, exponent - bias));
}

/// Equal as values, zeros by their sign too, NaN with NaN.
bool same(float value, double expected) {
  return std::isnan(expected) ? std::isnan(value) : value == expected && std::signbit(value) == std::signbit(expected);
}

TEST(DTypeNames, AreShortForFloats) {
  EXPECT_EQ(short_dtype_name(DType::kF64), "fp64");
  EXPECT_EQ(short_dtype_name(DType::kF32), "fp32");
  EXPECT_EQ(short_dtype_name(DType::kF16), "fp16");
  EXPECT_EQ(short_dtype_name(DType::kBF16), "bf16");
  EXPECT_EQ(short_dtype_name(DType::kI64), "I64");
}

TEST(FloatFormats, EveryHalfIsExact) {
  for (uint32_t bits = 0; bits < 1u << 16; ++bits) {
    ASSERT_TRUE(same(half_to_float(static_cast<uint16_t>(bits)), value_by_definition(bits, 5, 10))) << bits;
  }
}

TEST(FloatFormats, EveryBfloat16IsExact) {
  for (uint32_t bits = 0; bits < 1u << 16; ++bits) {
    ASSERT_TRUE(same(bfloat16_to_float(static_cast<uint16_t>(bits)), value_by_definition(bits, 8, 7))) << bits;
  }
}

TEST(DTypeTest, NamesGoThereAndBack) {
  for (int i = 0; i <= static_cast<int>(DType::kF64); ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(find_dtype(dtype_name(dtype)), dtype);
  }
  EXPECT_EQ(find_dtype("F8_E4M3"), std::nullopt);
  EXPECT_EQ(dtype_name(DType::kBF16), "BF16");
  EXPECT_EQ(dtype_size(DType::kI64), 8u);
  EXPECT_EQ(dtype_size(DType::kF16), 2u);
  EXPECT_TRUE(is_float(DType::kBF16));
  EXPECT_FALSE(is_float(DType::kI64));
}

TEST(ShapeText, LooksLikeAList) {
  EXPECT_EQ(shape_text({}), "[]");
  EXPECT_EQ(shape_text({768, 3072}), "[768, 3072]");
}

/// The bytes of `values`, from an odd address, as a mapped file may have them.
template <class T>
class Unaligned {
 public:
  explicit Unaligned(const std::vector<T>& values) : bytes_(values.size() * sizeof(T) + 1) {
    std::memcpy(bytes_.data() + 1, values.data(), values.size() * sizeof(T));
  }
  TensorView view(DType dtype) const {
    const auto bytes = std::span(bytes_).subspan(1);
    return {dtype, {static_cast<int64_t>(bytes.size() / sizeof(T))}, bytes};
  }

 private:
  std::vector<std::byte> bytes_;
};

TEST(ConvertToFloat, ReadsEachFloatTypeAtAnyAlignment) {
  std::vector<float> out(2);
  convert_to_float(Unaligned<float>({1.5f, -2.25f, 1e-40f}).view(DType::kF32), 1, out);
  EXPECT_EQ(out, (std::vector<float>{-2.25f, 1e-40f}));
  convert_to_float(Unaligned<double>({1.5, 0.1, -1e300}).view(DType::kF64), 1, out);
  EXPECT_EQ(out[0], 0.1f);
  EXPECT_TRUE(std::isinf(out[1]) && out[1] < 0);
  convert_to_float(Unaligned<uint16_t>({0x3C00, 0xC100}).view(DType::kF16), 0, out);
  EXPECT_EQ(out, (std::vector<float>{1.0f, -2.5f}));
  convert_to_float(Unaligned<uint16_t>({0x3F80, 0xC020}).view(DType::kBF16), 0, out);
  EXPECT_EQ(out, (std::vector<float>{1.0f, -2.5f}));
}

TEST(ConvertToFloat, RefusesIntegersAndWhatIsNotThere) {
  const Unaligned<int32_t> stored({1, 2, 3});
  std::vector<float> out(2);
  expect_error(
      ErrorCode::kUnsupported, [&] { convert_to_float(stored.view(DType::kI32), 0, out); }, "I32");
  expect_error(
      ErrorCode::kInternal, [&] { convert_to_float(stored.view(DType::kF32), 2, out); }, "2 values from 2");
  expect_error(
      ErrorCode::kInternal, [&] { convert_to_float(stored.view(DType::kF32), -1, out); }, "-1");
  EXPECT_NO_THROW(convert_to_float(stored.view(DType::kF32), 3, {}));
}

}  // namespace
}  // namespace paceline
