// Functions over whole rows. Included like functions.inl.h, after dense.inl.h.

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

/// The lowest and the highest value of a row, 0 included: of values already loaded, vector by vector. Neither shows a
/// NaN that other values follow, so that a third number becomes NaN for good where one is not finite.
struct RowRange {
  Vec low;
  Vec high;
  Vec finite;

  [[gnu::always_inline]] static RowRange of_zero() { return {broadcast(0.0F), broadcast(0.0F), broadcast(0.0F)}; }
  [[gnu::always_inline]] void include(Vec x) {
    low = minimum(low, x);
    high = maximum(high, x);
    finite = multiply_add(x, broadcast(0.0F), finite);
  }
};

/// 255 steps from low to high. The zero point is rounded to an integer, so that the range may move by half a step; what
/// falls outside then is cut off.
[[gnu::always_inline]] inline RowScale scale_of(float low, float high) {
  const float range = high - low;
  if (range == 0) return {.scale = 0, .zero = 0};
  const float scale = range / 255.0F;
  return {.scale = scale, .zero = __builtin_nearbyintf(-low / scale)};
}

[[gnu::always_inline]] inline Vec quantised(Vec x, Vec inverse, Vec zero) {
  const Vec step = round_to_integer(multiply(x, inverse));
  return minimum(broadcast(255.0F), maximum(broadcast(0.0F), add(step, zero)));
}

/// Zeros behind `columns` values up to a whole word.
template <NumberType kType>
[[gnu::always_inline]] inline void fill_last_word(std::byte* row, int columns) {
  const int end = words_of(kType, columns) * values_per_word(kType);
  for (int c = columns; c < end; ++c) {
    for (std::size_t i = 0; i < value_bytes(kType); ++i) row[static_cast<std::size_t>(c) * value_bytes(kType) + i] = {};
  }
}

void round_row_to_bf16(const float* from, int columns, std::byte* to) {
  const int whole = columns / Vec::kWidth * Vec::kWidth;
  for (int c = 0; c < whole; c += Vec::kWidth) store_halves(to + 2 * c, nearest_bf16(load(from + c)));
  if (whole < columns) {
    const int rest = columns - whole;
    store_halves_first(to + 2 * whole, rest, nearest_bf16(load_first(from + whole, rest)));
  }
  fill_last_word<NumberType::kBf16>(to, columns);
}

/// A row of this range to steps of it. Bytes know no NaN: the scale of a row that is not finite is one.
RowScale quantise_row(const float* from, int columns, const RowRange& range, std::byte* to) {
  RowScale scale = scale_of(min_of(range.low), max_of(range.high));
  const Vec inverse = broadcast(scale.scale == 0 ? 0.0F : 1.0F / scale.scale);
  const Vec zero = broadcast(scale.zero);
  const int whole = columns / Vec::kWidth * Vec::kWidth;
  for (int c = 0; c < whole; c += Vec::kWidth) store_bytes(to + c, quantised(load(from + c), inverse, zero));
  if (whole < columns) {
    const int rest = columns - whole;
    store_bytes_first(to + whole, rest, quantised(load_first(from + whole, rest), inverse, zero));
  }
  fill_last_word<NumberType::kInt8>(to, columns);
  scale.scale += sum_of(range.finite);  // 0, or NaN
  return scale;
}

RowRange range_of(const float* row, int columns) {
  RowRange range = RowRange::of_zero();
  const int whole = columns / Vec::kWidth * Vec::kWidth;
  for (int c = 0; c < whole; c += Vec::kWidth) range.include(load(row + c));
  if (whole < columns) range.include(load_first(row + whole, columns - whole));
  return range;
}

void round_to_bf16(const RoundArgs& args) {
  for (int r = 0; r < args.rows; ++r) {
    const auto row = static_cast<std::size_t>(r);
    round_row_to_bf16(args.in.data + row * args.in.stride, args.columns, args.out.data + row * args.out.stride);
  }
}

void round_to_int8(const RoundArgs& args) {
  for (int r = 0; r < args.rows; ++r) {
    const auto row = static_cast<std::size_t>(r);
    const float* from = args.in.data + row * args.in.stride;
    args.out.scales[r] =
        quantise_row(from, args.columns, range_of(from, args.columns), args.out.data + row * args.out.stride);
  }
}

/// The largest magnitude of a row.
float largest_of(const float* row, int columns) {
  const int whole = columns / Vec::kWidth * Vec::kWidth;
  Vec largest = broadcast(0.0F);
  for (int c = 0; c < whole; c += Vec::kWidth) largest = maximum(largest, absolute(load(row + c)));
  if (whole < columns) largest = maximum(largest, absolute(load_first(row + whole, columns - whole)));
  return max_of(largest);
}

constexpr float kMostInt8 = 127;

[[gnu::always_inline]] inline Vec signed_step(Vec x, Vec inverse) {
  const Vec step = round_to_integer(multiply(x, inverse));
  return maximum(minimum(step, broadcast(kMostInt8)), broadcast(-kMostInt8));
}

void quantise(const QuantiseArgs& args) {
  constexpr float kOffset = 128;  // of the bytes while they are stored, which takes them from 0 on
  const int whole = args.columns / Vec::kWidth * Vec::kWidth;
  const int rest = args.columns - whole;
  for (int r = 0; r < args.rows; ++r) {
    const float* from = args.in.data + static_cast<std::size_t>(r) * args.in.stride;
    std::byte* to = args.out + static_cast<std::size_t>(r) * args.stride;
    const float largest = largest_of(from, args.columns);
    const bool scalable = kMostInt8 / largest <= __FLT_MAX__;
    const Vec inverse = broadcast(scalable ? kMostInt8 / largest : 0.0F);
    Vec sums = broadcast(0.0F);
    for (int c = 0; c < whole; c += Vec::kWidth) {
      const Vec value = signed_step(load(from + c), inverse);
      sums = add(sums, value);
      store_bytes(to + c, add(value, broadcast(kOffset)));
    }
    if (rest != 0) {
      const Vec value = signed_step(load_first(from + whole, rest), inverse);
      sums = add(sums, value);
      store_bytes_first(to + whole, rest, add(value, broadcast(kOffset)));
    }
    for (int c = 0; c < args.columns; ++c) to[c] ^= std::byte{0x80};
    fill_last_word<NumberType::kInt8>(to, args.columns);
    args.scales[r] = scalable ? largest / kMostInt8 : 0;
    args.sums[r] = sum_of(sums);
  }
}

/// Rounding to fp32: a copy.
void round_to_fp32(const RoundArgs& args) {
  for (int r = 0; r < args.rows; ++r) {
    const auto row = static_cast<std::size_t>(r);
    __builtin_memcpy(args.out.data + row * args.out.stride, args.in.data + row * args.in.stride,
                     static_cast<std::size_t>(args.columns) * sizeof(float));
  }
}

template <NumberType kType>
void layer_norm(const LayerNormArgs& args) {
  const int columns = args.columns;
  const int whole = columns / Vec::kWidth * Vec::kWidth;
  const float count = static_cast<float>(columns);
  for (int r = 0; r < args.count; ++r) {
    const float* in = args.in.data + static_cast<std::size_t>(r) * args.in.stride;
    float* row = args.out.data + static_cast<std::size_t>(r) * args.out.stride;
    const Vec mean = broadcast(sum_row<false>(in, columns, broadcast(0.0F)) / count);
    const float variance = sum_row<true>(in, columns, mean) / count;
    const Vec factor = divide(broadcast(1.0F), square_root(broadcast(variance + args.epsilon)));
    std::byte* rounded = args.rounded.data + static_cast<std::size_t>(r) * args.rounded.stride;
    RowRange range = RowRange::of_zero();
    for (int c = 0; c < whole; c += Vec::kWidth) {
      const Vec x = multiply(subtract(load(in + c), mean), factor);
      const Vec y = multiply_add(x, load(args.scale + c), load(args.bias + c));
      store(row + c, y);
      if constexpr (kType == NumberType::kBf16) store_halves(rounded + 2 * c, nearest_bf16(y));
      if constexpr (kType == NumberType::kInt8) range.include(y);
    }
    if (whole < columns) {
      const int rest = columns - whole;
      const Vec x = multiply(subtract(load_first(in + whole, rest), mean), factor);
      const Vec y = multiply_add(x, load_first(args.scale + whole, rest), load_first(args.bias + whole, rest));
      store_first(row + whole, rest, y);
      if constexpr (kType == NumberType::kBf16) store_halves_first(rounded + 2 * whole, rest, nearest_bf16(y));
      if constexpr (kType == NumberType::kInt8) range.include(keep_first(y, rest));
    }
    if constexpr (kType == NumberType::kBf16) fill_last_word<kType>(rounded, columns);
    if constexpr (kType == NumberType::kInt8) args.rounded.scales[r] = quantise_row(row, columns, range, rounded);
  }
}

/// Some numbers of a row, as fp32 and back.
template <NumberType kType>
[[gnu::always_inline]] inline Vec load_numbers(const std::byte* from, int count) {
  if constexpr (kType == NumberType::kBf16) return widened(load_halves_first(from, count));
  return load_first(reinterpret_cast<const float*>(from), count);
}
template <NumberType kType>
[[gnu::always_inline]] inline void store_numbers(std::byte* to, int count, Vec a) {
  if constexpr (kType == NumberType::kBf16) {
    store_halves_first(to, count, nearest_bf16(a));
  } else {
    store_first(reinterpret_cast<float*>(to), count, a);
  }
}

template <NumberType kType>
void rotate(const RotateArgs& args) {
  constexpr std::size_t kBytes = value_bytes(kType);
  const auto half = static_cast<std::size_t>(args.half);
  for (int r = 0; r < args.count; ++r) {
    const float* cosines = args.turns + static_cast<std::size_t>(r) * 2 * half;
    const float* sines = cosines + half;
    std::byte* head = args.rows.data + static_cast<std::size_t>(r) * args.rows.stride;
    for (int h = 0; h < args.heads; ++h, head += 2 * half * kBytes) {
      for (int d = 0; d < args.half; d += Vec::kWidth) {
        const int count = args.half - d < Vec::kWidth ? args.half - d : Vec::kWidth;
        std::byte* first = head + static_cast<std::size_t>(d) * kBytes;
        std::byte* second = first + half * kBytes;
        const Vec cosine = load_first(cosines + d, count);
        const Vec sine = load_first(sines + d, count);
        const Vec a = load_numbers<kType>(first, count);
        const Vec b = load_numbers<kType>(second, count);
        store_numbers<kType>(first, count, subtract_product(b, sine, multiply(a, cosine)));
        store_numbers<kType>(second, count, multiply_add(a, sine, multiply(b, cosine)));
      }
    }
  }
}

/// One query's scores from token `first` on, a vector of them or `count`.
[[gnu::always_inline]] inline Vec relative_score(const RelativeScoreArgs& args, int query, int first, int count) {
  const int32_t* columns = args.columns + first - query;
  alignas(64) int32_t rest[Vec::kWidth] = {};
  if (count < Vec::kWidth) {
    for (int j = 0; j < count; ++j) rest[j] = columns[j];
    columns = rest;
  }
  Vec score = broadcast(0.0F);
  if (args.by_query.data != nullptr) {
    score = gather(args.by_query.data + static_cast<std::size_t>(query) * args.by_query.stride, columns);
  }
  if (args.by_key.data == nullptr) return score;
  const float* row = args.by_key.data + static_cast<std::size_t>(first) * args.by_key.stride;
  if (count == Vec::kWidth) return add(score, gather_rows(row, static_cast<int>(args.by_key.stride), columns));
  alignas(64) float values[Vec::kWidth] = {};
  for (int j = 0; j < count; ++j) values[j] = row[static_cast<std::size_t>(j) * args.by_key.stride + columns[j]];
  return add(score, load(values));
}

void relative_scores(const RelativeScoreArgs& args) {
  for (int query = 0; query < args.queries; ++query) {
    float* out = args.out.data + static_cast<std::size_t>(query) * args.out.stride;
    for (int s = 0; s < args.tokens; s += Vec::kWidth) {
      const int count = args.tokens - s < Vec::kWidth ? args.tokens - s : Vec::kWidth;
      store_first(out + s, count, relative_score(args, query, s, count));
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
