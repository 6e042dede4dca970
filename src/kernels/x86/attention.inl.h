// Attention of one head of one sequence, in fp32 or in bf16. Included like functions.inl.h, after dense.inl.h.

constexpr float kLowest = -3.0e38F;

constexpr int round_up(int a, int b) { return divide_up(a, b) * b; }

/// Where the parts of the scratch memory begin, in floats. bf16 needs no more than fp32 anywhere.
struct AttentionScratch {
  AttentionScratch(int tokens, int head_dim)
      : score_stride(static_cast<std::size_t>(round_up(tokens, Vec::kWidth))),
        scores(score_stride * static_cast<std::size_t>(head_dim)),
        value_stride(static_cast<std::size_t>(round_up(head_dim, Vec::kWidth))),
        values(scores + score_stride * kTileRows),
        size(values + static_cast<std::size_t>(tokens) * value_stride) {}

  // Keys come first: panels of kPanelColumns keys, [words of head_dim][keys rounded up to vectors] each.
  std::size_t score_stride;
  std::size_t scores;  // [kTileRows][score_stride]; in bf16 the softmax's weights take the first half of each row
  std::size_t value_stride;
  std::size_t values;  // a copy in whole vectors: in bf16 two rows joined, in fp32 only where head_dim needs it
  std::size_t size;
};

std::size_t attention_scratch(int32_t tokens, int32_t head_dim) { return AttentionScratch(tokens, head_dim).size; }

std::byte* bytes_of(float* floats) { return reinterpret_cast<std::byte*>(floats); }

template <class Dot>
void transpose_keys(const AttentionArgs& args, std::byte* panels) {
  const int words = words_of(Dot::kType, args.head_dim);
  for (int first = 0; first < args.tokens; first += kPanelColumns) {
    const int keys = args.tokens - first < kPanelColumns ? args.tokens - first : kPanelColumns;
    std::byte* panel = panels + static_cast<std::size_t>(first) * static_cast<std::size_t>(words) * kWordBytes;
    pack({.rows = args.key.data + static_cast<std::size_t>(first) * args.key.stride,
          .stride = args.key.stride,
          .columns = keys,
          .words = words,
          .panel = panel});
    if (Dot::kType == NumberType::kBf16 && args.head_dim % 2 != 0) {  // the next head's value is in the last word
      const int width = round_up(keys, Vec::kWidth);
      std::byte* last = panel + static_cast<std::size_t>(words - 1) * static_cast<std::size_t>(width) * kWordBytes;
      for (int c = 0; c < width; ++c) last[c * 4 + 2] = last[c * 4 + 3] = {};
    }
  }
}

struct ValueRows {
  const std::byte* data = nullptr;
  std::size_t stride = 0;  // bytes
};

/// Values as the weights of a product: in whole vectors of words.
template <class Dot>
ValueRows arrange_values(const AttentionArgs& args, const AttentionScratch& layout) {
  if (Dot::kType == NumberType::kFp32 && args.head_dim % Vec::kWidth == 0) return {args.value.data, args.value.stride};
  const std::size_t stride = layout.value_stride * sizeof(float);
  std::byte* const copy = bytes_of(args.scratch + layout.values);
  std::byte* to = copy;
  constexpr int kRows = values_per_word(Dot::kType);
  for (int s = 0; s < args.tokens; s += kRows, to += stride) {
    const std::byte* from = args.value.data + static_cast<std::size_t>(s) * args.value.stride;
    const bool second = s + 1 < args.tokens;
    for (int d = 0; d < args.head_dim; d += Vec::kWidth) {
      const int count = args.head_dim - d < Vec::kWidth ? args.head_dim - d : Vec::kWidth;
      if constexpr (Dot::kType == NumberType::kFp32) {
        store_words(to + 4 * d, as_words(load_first(reinterpret_cast<const float*>(from) + d, count)));
      } else {
        const Halves even = load_halves_first(from + 2 * d, count);
        const Halves odd = load_halves_first(from + args.value.stride + 2 * d, second ? count : 0);
        store_words(to + 4 * d, joined(even, odd));
      }
    }
  }
  return {copy, stride};
}

/// What some queries see together, from a whole panel of keys on.
KeyRange seen_by_any(const AttentionArgs& args, int first, int queries) {
  return {.begin = seen_by(args, first).begin / kPanelColumns * kPanelColumns,
          .end = seen_by(args, first + queries - 1).end};
}

void add_bias(const AttentionArgs& args, int query, KeyRange seen, float* scores) {
  const float* bias = args.bias + query * args.bias_stride;
  for (int s = seen.begin; s < seen.end; s += Vec::kWidth) {
    const int count = seen.end - s < Vec::kWidth ? seen.end - s : Vec::kWidth;
    store_first(scores + s, count, add(load_first(scores + s, count), load_first(bias + s, count)));
  }
}

template <class Dot>
[[gnu::always_inline]] inline Vec store_weight(float* scores, int s, Vec weight) {
  if constexpr (Dot::kType == NumberType::kBf16) {
    const Halves rounded = nearest_bf16(weight);
    store_halves(bytes_of(scores) + 2 * s, rounded);
    return widened(rounded);
  } else {
    store(scores + s, weight);
    return weight;
  }
}

/// Scores to 2^(score - highest) in place, in bf16 rounded and at the row's beginning; returns 1 / their sum. The row
/// has room for whole vectors. Keys of the block that this query does not see weigh 0.
template <class Dot>
float exponentiate(float* scores, KeyRange seen, KeyRange block) {
  const int first = seen.begin / Vec::kWidth * Vec::kWidth;
  for (int s = first; s < seen.begin; ++s) scores[s] = kLowest;
  for (int s = seen.end; s < round_up(seen.end, Vec::kWidth); ++s) scores[s] = kLowest;
  Vec highest = load(scores + first);
  for (int s = first + Vec::kWidth; s < seen.end; s += Vec::kWidth) highest = maximum(highest, load(scores + s));
  highest = broadcast(max_of(highest));
  Vec total = broadcast(0.0F);
  for (int s = block.begin; s < first; s += Vec::kWidth) store_weight<Dot>(scores, s, total);
  for (int s = first; s < seen.end; s += Vec::kWidth) {
    Vec weight = exp2_of(subtract(load(scores + s), highest));
    if (seen.end - s < Vec::kWidth) weight = keep_first(weight, seen.end - s);
    if (s < seen.begin) weight = subtract(weight, keep_first(weight, seen.begin - s));
    total = add(total, store_weight<Dot>(scores, s, weight));
  }
  for (int s = round_up(seen.end, Vec::kWidth); s < block.end; s += Vec::kWidth) {
    store_weight<Dot>(scores, s, broadcast(0.0F));
  }
  return 1.0F / sum_of(total);
}

/// One row's part from `column` on, `width` vectors of them, times its factor.
void store_mixed(const AttentionArgs& args, int row, int column, int width, const float* sums, float factor) {
  const bool to_bf16 = args.out_bf16.data != nullptr;
  const std::size_t place = static_cast<std::size_t>(row);
  // Only one of the two is there, and a null pointer has no place behind it.
  float* out = to_bf16 ? nullptr : args.out.data + place * args.out.stride + column;
  std::byte* out_bf16 = to_bf16 ? args.out_bf16.data + place * args.out_bf16.stride : nullptr;
  for (int v = 0; v < width; ++v) {
    const Vec mixed = multiply(load(sums + v * Vec::kWidth), broadcast(factor));
    const int at = v * Vec::kWidth;
    const int left = args.head_dim - column - at;
    if (to_bf16 && left >= Vec::kWidth) {
      store_halves(out_bf16 + 2 * (column + at), nearest_bf16(mixed));
    } else if (to_bf16) {
      store_halves_first(out_bf16 + 2 * (column + at), left, nearest_bf16(mixed));
    } else if (left >= Vec::kWidth) {
      store(out + at, mixed);
    } else {
      store_first(out + at, left, mixed);
    }
  }
}

/// Rows [first, first + rows) of the output from their softmax weights.
template <class Dot>
void mix_values(const AttentionArgs& args, const TileArgs& weights, ValueRows values, const float* factors, int first,
                int rows) {
  alignas(64) float sums[kTileRows * kPanelColumns];
  const int vectors = divide_up(args.head_dim, Vec::kWidth);
  const int blocks = divide_up(vectors, kTileVectors);
  int vector = 0;
  for (int block = 0; block < blocks; ++block) {
    const int width = divide_up(vectors - vector, blocks - block);
    const int column = vector * Vec::kWidth;
    TileArgs tile = weights;
    tile.weights = values.data + static_cast<std::size_t>(column) * kWordBytes;
    tile.weights_stride = values.stride;
    tile.sums = sums;
    tile.sums_stride = kPanelColumns;
    tile_function<Dot>(rows, width)(tile);
    for (int r = 0; r < rows; ++r) {
      store_mixed(args, first + r, column, width, sums + r * kPanelColumns, factors[r]);
    }
    vector += width;
  }
}

/// The `part`-th of `parts` shares of some rows.
void prefetch_rows(ConstNumberRows rows, int count, int bytes, int part, int parts) {
  for (int r = count * part / parts; r < count * (part + 1) / parts; ++r) {
    const std::byte* row = rows.data + static_cast<std::size_t>(r) * rows.stride;
    for (int at = 0; at < bytes; at += kLineBytes) prefetch(row + at);
  }
}

template <class Dot>
void attention(const AttentionArgs& args) {
  constexpr int kBytes = static_cast<int>(value_bytes(Dot::kType));
  const AttentionScratch layout(args.tokens, args.head_dim);
  const int words = words_of(Dot::kType, args.head_dim);
  std::byte* keys = bytes_of(args.scratch);
  float* scores = args.scratch + layout.scores;
  transpose_keys<Dot>(args, keys);
  const ValueRows values = arrange_values<Dot>(args, layout);
  const int blocks = divide_up(args.queries, kTileRows);
  int query = 0;
  for (int block = 0; block < blocks; ++block) {
    const int rows = divide_up(args.queries - query, blocks - block);
    if (args.next != nullptr) {
      const AttentionArgs& next = *args.next;
      prefetch_rows(next.query, next.queries, kBytes * next.head_dim, block, blocks);
      prefetch_rows(next.key, next.tokens, kBytes * next.head_dim, block, blocks);
      prefetch_rows(next.value, next.tokens, kBytes * next.head_dim, block, blocks);
    }
    TileArgs tile{.in = args.query.data + static_cast<std::size_t>(query) * args.query.stride,
                  .in_stride = args.query.stride,
                  .steps = words,
                  .sums_stride = layout.score_stride};
    const KeyRange keys_seen = seen_by_any(args, query, rows);
    for (int first = keys_seen.begin; first < keys_seen.end; first += kPanelColumns) {
      const int left = args.tokens - first < kPanelColumns ? args.tokens - first : kPanelColumns;
      const int vectors = divide_up(left, Vec::kWidth);
      tile.weights = keys + static_cast<std::size_t>(first) * static_cast<std::size_t>(words) * kWordBytes;
      tile.weights_stride = static_cast<std::size_t>(vectors) * Vec::kWidth * kWordBytes;
      tile.sums = scores + first;
      tile_function<Dot>(rows, vectors)(tile);
    }
    float factors[kTileRows];
    for (int r = 0; r < rows; ++r) {
      float* row = scores + static_cast<std::size_t>(r) * layout.score_stride;
      const KeyRange seen = seen_by(args, query + r);
      if (args.bias != nullptr) add_bias(args, query + r, seen, row);
      factors[r] = exponentiate<Dot>(row, seen, keys_seen);
    }
    tile.in = bytes_of(scores) + keys_seen.begin * kBytes;
    tile.in_stride = layout.score_stride * sizeof(float);
    tile.steps = words_of(Dot::kType, keys_seen.end - keys_seen.begin);
    const auto skipped = static_cast<std::size_t>(keys_seen.begin / values_per_word(Dot::kType));
    mix_values<Dot>(args, tile, {values.data + skipped * values.stride, values.stride}, factors, query, rows);
    query += rows;
  }
}
