// GELU of levels that look up 16 floats in a register: 6 multiply-adds where one polynomial takes 18. Included after
// functions.inl.h.

/// Each x becomes 0.5 x (1 + erf(x / sqrt 2)), within 5e-7: max(x, 0) less a bump that depends on |x| alone. NaN stays
/// NaN.
template <int kCount>
[[gnu::always_inline]] inline void gelu(Vec (&x)[kCount]) {
  constexpr int kTerms = sizeof(kGeluTable) / sizeof(kGeluTable[0]);
  constexpr float kScale = 15 / kGeluTableEnd;
  // Added to a small number it leaves the nearest integer in the lowest bits.
  constexpr float kRounder = 12582912;
  Vec piece[kCount];
  Vec rest[kCount];
  Vec gap[kCount];
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) {
    const Vec place = minimum(broadcast(kGeluTableEnd), absolute(x[j]));
    piece[j] = multiply_add(place, broadcast(kScale), broadcast(kRounder));
    const Vec whole = subtract(piece[j], broadcast(kRounder));
    rest[j] = multiply_subtract(place, broadcast(kScale), whole);
    gap[j] = look_up(load(kGeluTable[kTerms - 1]), piece[j]);
  }
  PACELINE_UNROLL
  for (int i = kTerms - 2; i >= 0; --i) {
    const Vec table = load(kGeluTable[i]);
    PACELINE_UNROLL
    for (int j = 0; j < kCount; ++j) gap[j] = multiply_add(gap[j], rest[j], look_up(table, piece[j]));
  }
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) x[j] = subtract(maximum(broadcast(0.0F), x[j]), gap[j]);
}
