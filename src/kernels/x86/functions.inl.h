// Element functions over Vec. Included once per ISA, inside that ISA's region and anonymous namespace, after its Vec.

/// The polynomial at each of some vectors, step by step for all of them: the chain of one would leave the multipliers
/// idle most of the time.
template <int kTerms, int kCount>
[[gnu::always_inline]] inline void polynomial(const float (&coefficients)[kTerms], const Vec (&x)[kCount],
                                              Vec (&values)[kCount]) {
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) values[j] = broadcast(coefficients[kTerms - 1]);
  PACELINE_UNROLL
  for (int i = kTerms - 2; i >= 0; --i) {
    const Vec coefficient = broadcast(coefficients[i]);
    PACELINE_UNROLL
    for (int j = 0; j < kCount; ++j) values[j] = multiply_add(values[j], x[j], coefficient);
  }
}

/// 2^x = 2^whole (1 + slope fraction), for -126 <= x <= 127.
struct PowerOfTwo {
  Vec whole;
  Vec fraction;
  Vec slope;
};

/// x below -126 is taken as -126.
[[gnu::always_inline]] inline PowerOfTwo power_of_two(Vec x) {
  x = maximum(broadcast(-126.0F), x);
  const Vec whole = round_to_integer(x);
  const Vec fraction[] = {subtract(x, whole)};
  Vec slope[1];
  polynomial(kExp2Slope, fraction, slope);
  return {whole, fraction[0], slope[0]};
}

/// 2^x for x <= 127, within 2e-7 relative; at most 2^-126 where the result would be smaller.
[[gnu::always_inline]] inline Vec exp2_of(Vec x) {
  const PowerOfTwo power = power_of_two(x);
  return scale_by_power(multiply_add(power.slope, power.fraction, broadcast(1.0F)), power.whole);
}

/// 2^x - 1 for x <= 127: where x is small it keeps the digits that 2^x, which is near 1, has lost.
[[gnu::always_inline]] inline Vec exp2_less_one(Vec x) {
  const PowerOfTwo power = power_of_two(x);
  const Vec scale = scale_by_power(broadcast(1.0F), power.whole);
  const Vec scaled = multiply(scale, power.fraction);
  return multiply_add(scaled, power.slope, subtract(scale, broadcast(1.0F)));
}

/// x / (1 + e^-x). Beyond -88 it is below 2^-120 and the exponential stays where it is.
[[gnu::always_inline]] inline Vec silu_of(Vec x) {
  constexpr float kLog2E = 1.44269504F;
  const Vec power = exp2_of(multiply(maximum(broadcast(-88.0F), x), broadcast(-kLog2E)));
  return divide(x, add(power, broadcast(1.0F)));
}

/// x tanh(log(1 + e^x)) = x n / (n + 2) with n = e^x (e^x + 2). From 20 on the fraction is 1 in fp32.
[[gnu::always_inline]] inline Vec mish_of(Vec x) {
  constexpr float kLog2E = 1.44269504F;
  const Vec power = exp2_of(multiply(minimum(broadcast(20.0F), x), broadcast(kLog2E)));
  const Vec n = multiply(power, add(power, broadcast(2.0F)));
  return multiply(x, divide(n, add(n, broadcast(2.0F))));
}

/// tanh x = m / (m + 2) with m = e^2x - 1. From 20 on tanh is 1 in fp32.
[[gnu::always_inline]] inline Vec tanh_of(Vec x) {
  constexpr float kTwiceLog2E = 2.88539008F;
  const Vec m = exp2_less_one(multiply(minimum(broadcast(20.0F), x), broadcast(kTwiceLog2E)));
  return divide(m, add(m, broadcast(2.0F)));
}
