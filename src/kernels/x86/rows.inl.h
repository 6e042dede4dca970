// Functions over whole rows. Included like functions.inl.h.

/// Sum over a row of deviations from `mean`, or of their squares.
template <bool kSquares>
[[gnu::always_inline]] inline float sum_row(const float* row, int columns, Vec mean) {
  const int whole = columns / Vec::kWidth * Vec::kWidth;
  Vec sums[2] = {broadcast(0.0F), broadcast(0.0F)};
  int which = 0;
  for (int c = 0; c < whole; c += Vec::kWidth) {
    const Vec x = subtract(load(row + c), mean);
    sums[which] = kSquares ? multiply_add(x, x, sums[which]) : add(x, sums[which]);
    which ^= 1;
  }
  if (whole < columns) {
    const Vec x = keep_first(subtract(load_first(row + whole, columns - whole), mean), columns - whole);
    sums[0] = kSquares ? multiply_add(x, x, sums[0]) : add(x, sums[0]);
  }
  return sum_of(add(sums[0], sums[1]));
}

void layer_norm(const LayerNormArgs& args) {
  const int columns = args.columns;
  const int whole = columns / Vec::kWidth * Vec::kWidth;
  const float count = static_cast<float>(columns);
  for (int r = 0; r < args.count; ++r) {
    float* row = args.rows.data + static_cast<std::size_t>(r) * args.rows.stride;
    const Vec mean = broadcast(sum_row<false>(row, columns, broadcast(0.0F)) / count);
    const float variance = sum_row<true>(row, columns, mean) / count;
    const Vec factor = divide(broadcast(1.0F), square_root(broadcast(variance + args.epsilon)));
    for (int c = 0; c < whole; c += Vec::kWidth) {
      const Vec x = multiply(subtract(load(row + c), mean), factor);
      store(row + c, multiply_add(x, load(args.scale + c), load(args.bias + c)));
    }
    if (whole < columns) {
      const int rest = columns - whole;
      const Vec x = multiply(subtract(load_first(row + whole, rest), mean), factor);
      const Vec y = multiply_add(x, load_first(args.scale + whole, rest), load_first(args.bias + whole, rest));
      store_first(row + whole, rest, y);
    }
  }
}

void sum(const SumArgs& args) {
  const int whole = args.columns / Vec::kWidth * Vec::kWidth;
  const int rest = args.columns - whole;
  for (int c = 0; c < whole; c += Vec::kWidth) {
    store(args.out + c, add(add(load(args.a + c), load(args.b + c)), load(args.c + c)));
  }
  if (rest != 0) {
    const Vec ab = add(load_first(args.a + whole, rest), load_first(args.b + whole, rest));
    store_first(args.out + whole, rest, add(ab, load_first(args.c + whole, rest)));
  }
}
