// Element functions over Vec. Included once per ISA, inside that ISA's region and anonymous namespace, after its Vec.

template <int kCount>
[[gnu::always_inline]] inline Vec polynomial(const float (&coefficients)[kCount], Vec x) {
  Vec value = broadcast(coefficients[kCount - 1]);
  PACELINE_UNROLL
  for (int i = kCount - 2; i >= 0; --i) value = multiply_add(value, x, broadcast(coefficients[i]));
  return value;
}

/// 2^x for x <= 127, within 2e-7 relative; at most 2^-126 where the result would be smaller.
[[gnu::always_inline]] inline Vec exp2_of(Vec x) {
  x = maximum(broadcast(-126.0F), x);
  const Vec whole = round_to_integer(x);
  return scale_by_power(polynomial(kExp2, subtract(x, whole)), whole);
}

/// 0.5 x (1 + erf(x / sqrt 2)), within 5e-7: max(x, 0) less a bump that depends on |x| alone. NaN stays NaN.
[[gnu::always_inline]] inline Vec gelu(Vec x) {
  const Vec place = minimum(broadcast(kGeluEnd), absolute(x));
  const Vec u = multiply_add(place, broadcast(2 / kGeluEnd), broadcast(-1.0F));
  return subtract(maximum(broadcast(0.0F), x), polynomial(kGeluGap, u));
}

/// tanh x = 1 - 2 / (e^2x + 1), within 5e-7. From 20 on tanh is 1 in fp32.
[[gnu::always_inline]] inline Vec tanh_of(Vec x) {
  constexpr float kTwiceLog2E = 2.88539008F;
  const Vec power = exp2_of(multiply(minimum(broadcast(20.0F), x), broadcast(kTwiceLog2E)));
  return subtract(broadcast(1.0F), divide(broadcast(2.0F), add(power, broadcast(1.0F))));
}
