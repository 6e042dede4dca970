// GELU of levels that cannot look up floats in a register. Included after functions.inl.h.

/// Each x becomes max(x, 0) less |x| times a tail that depends on |x| alone. NaN stays NaN.
template <int kCount>
[[gnu::always_inline]] inline void subtract_tail(const TailPolynomial& tail_of, Vec (&x)[kCount]) {
  Vec place[kCount];
  Vec u[kCount];
  Vec tail[kCount];
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) {
    place[j] = minimum(broadcast(tail_of.end), absolute(x[j]));
    u[j] = multiply_add(place[j], broadcast(2 / tail_of.end), broadcast(-1.0F));
  }
  polynomial(tail_of.terms, u, tail);
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) x[j] = subtract_product(place[j], tail[j], maximum(broadcast(0.0F), x[j]));
}

constexpr const TailPolynomial& kErfTail = kGeluTail;
constexpr const TailPolynomial& kTanhTail = kGeluTanhTail;
