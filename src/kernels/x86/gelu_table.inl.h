// GELU of levels that look up 16 floats in a register: 6 multiply-adds where one polynomial takes 18. Included after
// functions.inl.h.

/// Each x becomes max(x, 0) less |x| times a tail that depends on |x| alone. NaN stays NaN.
template <int kCount>
[[gnu::always_inline]] inline void subtract_tail(const TailTable& table, Vec (&x)[kCount]) {
  constexpr int kTerms = sizeof(table.terms) / sizeof(table.terms[0]);
  const float scale = 15 / table.end;
  // Added to a small number it leaves the nearest integer in the lowest bits.
  constexpr float kRounder = 12582912;
  Vec place[kCount];
  Vec piece[kCount];
  Vec rest[kCount];
  Vec tail[kCount];
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) {
    place[j] = minimum(broadcast(table.end), absolute(x[j]));
    piece[j] = multiply_add(place[j], broadcast(scale), broadcast(kRounder));
    const Vec whole = subtract(piece[j], broadcast(kRounder));
    rest[j] = multiply_subtract(place[j], broadcast(scale), whole);
    tail[j] = look_up(load(table.terms[kTerms - 1]), piece[j]);
  }
  PACELINE_UNROLL
  for (int i = kTerms - 2; i >= 0; --i) {
    const Vec terms = load(table.terms[i]);
    PACELINE_UNROLL
    for (int j = 0; j < kCount; ++j) tail[j] = multiply_add(tail[j], rest[j], look_up(terms, piece[j]));
  }
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) x[j] = subtract_product(place[j], tail[j], maximum(broadcast(0.0F), x[j]));
}

constexpr const TailTable& kErfTail = kGeluTable;
constexpr const TailTable& kTanhTail = kGeluTanhTable;
