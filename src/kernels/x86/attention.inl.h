// Attention of one head of one sequence. Included like functions.inl.h, after dense.inl.h.

constexpr float kLowest = -3.0e38F;

constexpr int round_up(int a, int b) { return divide_up(a, b) * b; }

/// Where the parts of the scratch memory begin, in floats.
struct AttentionScratch {
  AttentionScratch(int tokens, int head_dim)
      : score_stride(static_cast<std::size_t>(round_up(tokens, Vec::kWidth))),
        scores(score_stride * static_cast<std::size_t>(head_dim)),
        value_stride(static_cast<std::size_t>(round_up(head_dim, Vec::kWidth))),
        values(scores + score_stride * kTileRows),
        size(values + (head_dim % Vec::kWidth == 0 ? 0 : static_cast<std::size_t>(tokens) * value_stride)) {}

  // Keys come first: panels of kPanelColumns keys, [head_dim][keys rounded up to vectors] each.
  std::size_t score_stride;
  std::size_t scores;  // [kTileRows][score_stride]
  std::size_t value_stride;
  std::size_t values;  // a copy in whole vectors, only where head_dim is none
  std::size_t size;
};

std::size_t attention_scratch(int32_t tokens, int32_t head_dim) { return AttentionScratch(tokens, head_dim).size; }

void transpose_keys(const AttentionArgs& args, float* panels) {
  for (int first = 0; first < args.tokens; first += kPanelColumns) {
    const int keys = args.tokens - first < kPanelColumns ? args.tokens - first : kPanelColumns;
    const ConstRows rows{args.key.data + static_cast<std::size_t>(first) * args.key.stride, args.key.stride};
    pack_panel(rows, keys, args.head_dim, panels + static_cast<std::size_t>(first) * args.head_dim);
  }
}

ConstRows whole_vectors_of(ConstRows values, const AttentionArgs& args, const AttentionScratch& layout) {
  if (args.head_dim % Vec::kWidth == 0) return values;
  float* copy = args.scratch + layout.values;
  for (int s = 0; s < args.tokens; ++s) {
    const float* from = values.data + static_cast<std::size_t>(s) * values.stride;
    float* to = copy + static_cast<std::size_t>(s) * layout.value_stride;
    for (int d = 0; d < args.head_dim; d += Vec::kWidth) {
      const int count = args.head_dim - d < Vec::kWidth ? args.head_dim - d : Vec::kWidth;
      store(to + d, load_first(from + d, count));
    }
  }
  return {copy, layout.value_stride};
}

/// Scores to 2^(score - highest) in place; returns 1 / their sum. The row has room for whole vectors.
float exponentiate(float* scores, int tokens) {
  for (int s = tokens; s < round_up(tokens, Vec::kWidth); ++s) scores[s] = kLowest;
  Vec highest = load(scores);
  for (int s = Vec::kWidth; s < tokens; s += Vec::kWidth) highest = maximum(highest, load(scores + s));
  highest = broadcast(max_of(highest));
  Vec total = broadcast(0.0F);
  for (int s = 0; s < tokens; s += Vec::kWidth) {
    Vec weight = exp2_of(subtract(load(scores + s), highest));
    if (tokens - s < Vec::kWidth) weight = keep_first(weight, tokens - s);
    total = add(total, weight);
    store(scores + s, weight);
  }
  return 1.0F / sum_of(total);
}

/// Rows [first, first + rows) of the output from their scores.
void mix_values(const AttentionArgs& args, const TileArgs& weights, ConstRows values, const float* factors, int rows,
                float* out) {
  alignas(64) float sums[kTileRows * kPanelColumns];
  const int vectors = divide_up(args.head_dim, Vec::kWidth);
  const int blocks = divide_up(vectors, kTileVectors);
  int vector = 0;
  for (int block = 0; block < blocks; ++block) {
    const int width = divide_up(vectors - vector, blocks - block);
    const int column = vector * Vec::kWidth;
    TileArgs tile = weights;
    tile.weights = values.data + column;
    tile.weights_stride = values.stride;
    tile.sums = sums;
    tile.sums_stride = kPanelColumns;
    tile_function(rows, width)(tile);
    for (int r = 0; r < rows; ++r) {
      const Vec factor = broadcast(factors[r]);
      float* row = out + static_cast<std::size_t>(r) * args.out.stride + column;
      for (int v = 0; v < width; ++v) {
        const Vec mixed = multiply(load(sums + r * kPanelColumns + v * Vec::kWidth), factor);
        const int left = args.head_dim - column - v * Vec::kWidth;
        if (left >= Vec::kWidth) {
          store(row + v * Vec::kWidth, mixed);
        } else {
          store_first(row + v * Vec::kWidth, left, mixed);
        }
      }
    }
    vector += width;
  }
}

/// The `part`-th of `parts` shares of some rows.
void prefetch_rows(ConstRows rows, int count, int columns, int part, int parts) {
  for (int r = count * part / parts; r < count * (part + 1) / parts; ++r) {
    const float* row = rows.data + static_cast<std::size_t>(r) * rows.stride;
    for (int c = 0; c < columns; c += kLineFloats) prefetch(row + c);
  }
}

void attention(const AttentionArgs& args) {
  const AttentionScratch layout(args.tokens, args.head_dim);
  float* keys = args.scratch;
  float* scores = args.scratch + layout.scores;
  transpose_keys(args, keys);
  const ConstRows values = whole_vectors_of(args.value, args, layout);
  const int blocks = divide_up(args.queries, kTileRows);
  int query = 0;
  for (int block = 0; block < blocks; ++block) {
    const int rows = divide_up(args.queries - query, blocks - block);
    if (args.next != nullptr) {
      const AttentionArgs& next = *args.next;
      prefetch_rows(next.query, next.queries, next.head_dim, block, blocks);
      prefetch_rows(next.key, next.tokens, next.head_dim, block, blocks);
      prefetch_rows(next.value, next.tokens, next.head_dim, block, blocks);
    }
    TileArgs tile{.in = args.query.data + static_cast<std::size_t>(query) * args.query.stride,
                  .in_stride = args.query.stride,
                  .depth = args.head_dim,
                  .sums_stride = layout.score_stride};
    for (int first = 0; first < args.tokens; first += kPanelColumns) {
      const int left = args.tokens - first < kPanelColumns ? args.tokens - first : kPanelColumns;
      const int vectors = divide_up(left, Vec::kWidth);
      tile.weights = keys + static_cast<std::size_t>(first) * args.head_dim;
      tile.weights_stride = static_cast<std::size_t>(vectors) * Vec::kWidth;
      tile.sums = scores + first;
      tile_function(rows, vectors)(tile);
    }
    float factors[kTileRows];
    for (int r = 0; r < rows; ++r) {
      factors[r] = exponentiate(scores + static_cast<std::size_t>(r) * layout.score_stride, args.tokens);
    }
    tile.in = scores;
    tile.in_stride = layout.score_stride;
    tile.depth = args.tokens;
    mix_values(args, tile, values, factors, rows, args.out.data + static_cast<std::size_t>(query) * args.out.stride);
    query += rows;
  }
}
