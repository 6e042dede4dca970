// GELU of levels that look up 16 floats in a register: 6 multiply-adds where one polynomial takes 18. Included after
// functions.inl.h.

/// Each x becomes max(x, 0) less a gap that depends on |x| alone. NaN stays NaN.
template <int kCount>
[[gnu::always_inline]] inline void subtract_gap(const GapTable& table, Vec (&x)[kCount]) {
  constexpr int kTerms = sizeof(table.terms) / sizeof(table.terms[0]);
  const float scale = 15 / table.end;
  // Added to a small number it leaves the nearest integer in the lowest bits.
  constexpr float kRounder = 12582912;
  Vec piece[kCount];
  Vec rest[kCount];
  Vec gap[kCount];
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) {
    const Vec place = minimum(broadcast(table.end), absolute(x[j]));
    piece[j] = multiply_add(place, broadcast(scale), broadcast(kRounder));
    const Vec whole = subtract(piece[j], broadcast(kRounder));
    rest[j] = multiply_subtract(place, broadcast(scale), whole);
    gap[j] = look_up(load(table.terms[kTerms - 1]), piece[j]);
  }
  PACELINE_UNROLL
  for (int i = kTerms - 2; i >= 0; --i) {
    const Vec terms = load(table.terms[i]);
    PACELINE_UNROLL
    for (int j = 0; j < kCount; ++j) gap[j] = multiply_add(gap[j], rest[j], look_up(terms, piece[j]));
  }
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) x[j] = subtract(maximum(broadcast(0.0F), x[j]), gap[j]);
}

constexpr const GapTable& kErfGap = kGeluTable;
constexpr const GapTable& kTanhGap = kGeluTanhTable;
