// GELU of levels that cannot look up floats in a register. Included after functions.inl.h.

/// Each x becomes 0.5 x (1 + erf(x / sqrt 2)), within 5e-7: max(x, 0) less a bump that depends on |x| alone. NaN stays
/// NaN.
template <int kCount>
[[gnu::always_inline]] inline void gelu(Vec (&x)[kCount]) {
  Vec u[kCount];
  Vec gap[kCount];
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) {
    const Vec place = minimum(broadcast(kGeluEnd), absolute(x[j]));
    u[j] = multiply_add(place, broadcast(2 / kGeluEnd), broadcast(-1.0F));
  }
  polynomial(kGeluGap, u, gap);
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) x[j] = subtract(maximum(broadcast(0.0F), x[j]), gap[j]);
}
