// GELU of levels that cannot look up floats in a register. Included after functions.inl.h.

/// Each x becomes max(x, 0) less a gap that depends on |x| alone. NaN stays NaN.
template <int kCount>
[[gnu::always_inline]] inline void subtract_gap(const GapPolynomial& polynomial_of_gap, Vec (&x)[kCount]) {
  Vec u[kCount];
  Vec gap[kCount];
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) {
    const Vec place = minimum(broadcast(polynomial_of_gap.end), absolute(x[j]));
    u[j] = multiply_add(place, broadcast(2 / polynomial_of_gap.end), broadcast(-1.0F));
  }
  polynomial(polynomial_of_gap.terms, u, gap);
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) x[j] = subtract(maximum(broadcast(0.0F), x[j]), gap[j]);
}

constexpr const GapPolynomial& kErfGap = kGeluGap;
constexpr const GapPolynomial& kTanhGap = kGeluTanhGap;
