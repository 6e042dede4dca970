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

/// 2^x for x <= 127, within 2e-7 relative; at most 2^-126 where the result would be smaller.
[[gnu::always_inline]] inline Vec exp2_of(Vec x) {
  x = maximum(broadcast(-126.0F), x);
  const Vec whole = round_to_integer(x);
  const Vec fraction[] = {subtract(x, whole)};
  Vec power[1];
  polynomial(kExp2, fraction, power);
  return scale_by_power(power[0], whole);
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

/// tanh x = 1 - 2 / (e^2x + 1), within 5e-7. From 20 on tanh is 1 in fp32.
[[gnu::always_inline]] inline Vec tanh_of(Vec x) {
  constexpr float kTwiceLog2E = 2.88539008F;
  const Vec power = exp2_of(multiply(minimum(broadcast(20.0F), x), broadcast(kTwiceLog2E)));
  return subtract(broadcast(1.0F), divide(broadcast(2.0F), add(power, broadcast(1.0F))));
}
