// The product of rows with a packed panel, and what is done with its sums. Included like functions.inl.h; needs Vec,
// Word, the Dot types and kTileRows x kTileVectors, the largest tile whose sums stay in registers.

constexpr int kPanelColumns = kTileVectors * Vec::kWidth;
constexpr int kLineBytes = 64;
constexpr int kWordsPerLine = 16;
constexpr int kPanelLines = kPanelColumns / kWordsPerLine;  // cache lines of one step of a full panel

// Rows that pass through all panels before the next rows do: their activations (144 x 768 floats = 432 KiB) stay in L2
// beside the panel. Between 48 and 256 rows no choice was faster than another by more than noise.
constexpr int kChunkRows = 144;

// Rows that the epilogue works on at once: enough chains to keep two multipliers busy.
constexpr int kFinishRows = 6 / kTileVectors;

// With one row block the weights come from memory at full speed: ask for them this far ahead in the stream.
constexpr int kStreamAheadBytes = 8192;

// The next panel's lines are fetched in the shortest intervals that fetch hardly more than it has.
constexpr int kMostStride = 16;
constexpr int kPercentFetched = 110;

constexpr int divide_up(int a, int b) { return (a + b - 1) / b; }

/// Weights that travel towards L2 while a tile is computed: `lines` cache lines before every `stride` steps, `times`
/// times. Spread evenly over the whole tile they keep the memory busy without filling the buffers that its own loads
/// need: in three quarters of a tile's time, the same lines cost 3 % of a pass of 32 tokens.
struct Prefetch {
  const std::byte* from = nullptr;
  int times = 0;
  int stride = 0;
  int lines = 0;
};

/// Strides in bytes.
struct TileArgs {
  const std::byte* in = nullptr;
  std::size_t in_stride = 0;
  const std::byte* weights = nullptr;
  std::size_t weights_stride = 0;  // from one step to the next
  int steps = 0;                   // words of depth
  float* sums = nullptr;
  std::size_t sums_stride = 0;  // in floats
  Prefetch ahead{};
};

/// One part of a step of depth: an outer product of kRows words and kVectors vectors of words.
template <class Dot, int kPart, int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_part(const std::byte* in, std::size_t in_stride, const std::byte* weights,
                                                 typename Dot::Sum (&sums)[kRows][kVectors]) {
  Word column[kVectors];
  PACELINE_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    column[v] = Dot::template weights<kPart>(load_words(weights + v * Vec::kWidth * static_cast<int>(kWordBytes)));
  }
  PACELINE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    const Word x = Dot::template inputs<kPart>(broadcast_word(in + static_cast<std::size_t>(r) * in_stride));
    PACELINE_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[r][v] = Dot::accumulate(sums[r][v], x, column[v]);
  }
}

template <class Dot, int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_step(const std::byte* in, std::size_t in_stride, const std::byte* weights,
                                                 typename Dot::Sum (&sums)[kRows][kVectors]) {
  multiply_part<Dot, 0>(in, in_stride, weights, sums);
  if constexpr (Dot::kParts == 2) multiply_part<Dot, 1>(in, in_stride, weights, sums);
}

/// sums [kRows][kVectors] = in [kRows][steps] x weights [steps][kVectors], each sum in the order of depth; those of
/// int8 rounded to fp32.
template <class Dot, int kRows, int kVectors>
[[gnu::noinline]] void multiply_tile(const TileArgs& args) {
  typename Dot::Sum sums[kRows][kVectors];
  PACELINE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PACELINE_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[r][v] = Dot::none();
  }
  const std::byte* in = args.in;
  const std::byte* weights = args.weights;
  const std::size_t in_stride = args.in_stride;
  const std::size_t weights_stride = args.weights_stride;
  const Prefetch ahead = args.ahead;
  const std::byte* line = ahead.from;
  for (int i = ahead.times; i > 0; --i) {
    for (int j = ahead.lines; j > 0; --j, line += kLineBytes) prefetch(line);
    for (int k = ahead.stride; k > 0; --k, in += kWordBytes, weights += weights_stride) {
      multiply_step<Dot, kRows, kVectors>(in, in_stride, weights, sums);
    }
  }
  for (int k = args.steps - ahead.times * ahead.stride; k > 0; --k, in += kWordBytes, weights += weights_stride) {
    multiply_step<Dot, kRows, kVectors>(in, in_stride, weights, sums);
  }
  PACELINE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PACELINE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      store(args.sums + static_cast<std::size_t>(r) * args.sums_stride + v * Vec::kWidth, Dot::value(sums[r][v]));
    }
  }
}

using TileFunction = void (*)(const TileArgs&);

template <class Dot, int kVectors, class Rows>
struct TilesByRows;
template <class Dot, int kVectors, int... kRow>
struct TilesByRows<Dot, kVectors, std::integer_sequence<int, kRow...>> {
  static constexpr TileFunction kTable[] = {multiply_tile<Dot, kRow + 1, kVectors>...};
};
template <class Dot, class Vectors>
struct Tiles;
template <class Dot, int... kVector>
struct Tiles<Dot, std::integer_sequence<int, kVector...>> {
  static constexpr const TileFunction* kTable[] = {
      TilesByRows<Dot, kVector + 1, std::make_integer_sequence<int, kTileRows>>::kTable...};
};

/// The tile of that many rows and vectors.
template <class Dot>
TileFunction tile_function(int rows, int vectors) {
  return Tiles<Dot, std::make_integer_sequence<int, kTileVectors>>::kTable[vectors - 1][rows - 1];
}

/// Where a tile's results go: fp32 or bf16, from the panel's first column on.
struct FinishArgs {
  const float* sums = nullptr;  // [rows][kPanelColumns]
  int rows = 0;
  const WeightPanel* panel = nullptr;
  const RowScale* scales = nullptr;  // of the rows, int8 only
  Rows out{};
  NumberRows out_bf16{};
};

/// Sums to y = x W^T + b. Int8: what the inputs' zero point added is taken out again, then both scales.
template <class Dot>
[[gnu::always_inline]] inline Vec scaled(Vec sum, const FinishArgs& args, int row, int column) {
  const WeightPanel& panel = *args.panel;
  const Vec bias = load(panel.bias + column);
  if constexpr (Dot::kType == NumberType::kInt8) {
    const RowScale& inputs = args.scales[row];
    const Vec exact = subtract_product(broadcast(inputs.zero), load(panel.sums + column), sum);
    return multiply_add(exact, multiply(broadcast(inputs.scale), load(panel.scales + column)), bias);
  } else {
    return add(sum, bias);
  }
}

constexpr bool reads_output(Epilogue epilogue) { return epilogue == Epilogue::kAdd || epilogue == Epilogue::kMultiply; }

/// What the epilogue makes of y, in place; `old` is what the output holds, where it is read.
template <Epilogue kEpilogue, int kCount>
[[gnu::always_inline]] inline void finish(Vec (&y)[kCount], const Vec (&old)[kCount]) {
  if constexpr (kEpilogue == Epilogue::kGelu) subtract_gap(kErfGap, y);
  if constexpr (kEpilogue == Epilogue::kGeluTanh) subtract_gap(kTanhGap, y);
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) {
    if constexpr (kEpilogue == Epilogue::kAdd) y[j] = add(old[j], y[j]);
    if constexpr (kEpilogue == Epilogue::kMultiply) y[j] = multiply(old[j], y[j]);
    if constexpr (kEpilogue == Epilogue::kTanh) y[j] = tanh_of(y[j]);
    if constexpr (kEpilogue == Epilogue::kRelu) y[j] = maximum(broadcast(0.0F), y[j]);
    if constexpr (kEpilogue == Epilogue::kSilu) y[j] = silu_of(y[j]);
    if constexpr (kEpilogue == Epilogue::kMish) y[j] = mish_of(y[j]);
  }
}

/// kRows rows of a full panel from row `first` on, finished together.
template <class Dot, Epilogue kEpilogue, bool kToBf16, int kRows>
[[gnu::always_inline]] inline void finish_rows(const FinishArgs& args, int first) {
  Vec y[kRows * kTileVectors];
  Vec old[kRows * kTileVectors];
  const float* sums = args.sums + first * kPanelColumns;
  float* out = args.out.data + static_cast<std::size_t>(first) * args.out.stride;
  std::byte* out_bf16 = args.out_bf16.data + static_cast<std::size_t>(first) * args.out_bf16.stride;
  PACELINE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PACELINE_UNROLL
    for (int v = 0; v < kTileVectors; ++v) {
      const int c = v * Vec::kWidth;
      y[r * kTileVectors + v] = scaled<Dot>(load(sums + r * kPanelColumns + c), args, first + r, c);
      if constexpr (reads_output(kEpilogue)) {
        old[r * kTileVectors + v] = load(out + static_cast<std::size_t>(r) * args.out.stride + c);
      }
    }
  }
  finish<kEpilogue>(y, old);
  PACELINE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PACELINE_UNROLL
    for (int v = 0; v < kTileVectors; ++v) {
      const int c = v * Vec::kWidth;
      if constexpr (kToBf16) {
        store_halves(out_bf16 + static_cast<std::size_t>(r) * args.out_bf16.stride + 2 * c,
                     nearest_bf16(y[r * kTileVectors + v]));
      } else {
        store(out + static_cast<std::size_t>(r) * args.out.stride + c, y[r * kTileVectors + v]);
      }
    }
  }
}

/// One row of a panel that is narrower than the tile.
template <class Dot, Epilogue kEpilogue, bool kToBf16>
void finish_narrow_row(const FinishArgs& args, int row) {
  const float* sums = args.sums + row * kPanelColumns;
  float* out = args.out.data + static_cast<std::size_t>(row) * args.out.stride;
  std::byte* out_bf16 = args.out_bf16.data + static_cast<std::size_t>(row) * args.out_bf16.stride;
  const int columns = args.panel->columns;
  for (int c = 0; c < columns; c += Vec::kWidth) {
    const int count = columns - c < Vec::kWidth ? columns - c : Vec::kWidth;
    Vec y[] = {scaled<Dot>(load(sums + c), args, row, c)};
    const Vec old[] = {reads_output(kEpilogue) ? load_first(out + c, count) : broadcast(0.0F)};
    finish<kEpilogue>(y, old);
    if constexpr (kToBf16) {
      store_halves_first(out_bf16 + 2 * c, count, nearest_bf16(y[0]));
    } else {
      store_first(out + c, count, y[0]);
    }
  }
}

/// Bias, epilogue and store of a tile's sums.
template <class Dot, Epilogue kEpilogue, bool kToBf16>
void finish_tile(const FinishArgs& args) {
  const bool full = args.panel->columns == kPanelColumns;
  int r = 0;
  for (; full && r + kFinishRows <= args.rows; r += kFinishRows) {
    finish_rows<Dot, kEpilogue, kToBf16, kFinishRows>(args, r);
  }
  for (; r < args.rows; ++r) {
    if (full) {
      finish_rows<Dot, kEpilogue, kToBf16, 1>(args, r);
    } else {
      finish_narrow_row<Dot, kEpilogue, kToBf16>(args, r);
    }
  }
}

using FinishFunction = void (*)(const FinishArgs&);

template <class Dot, bool kToBf16>
FinishFunction finish_function(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::kStore:
      return finish_tile<Dot, Epilogue::kStore, kToBf16>;
    case Epilogue::kAdd:
      return finish_tile<Dot, Epilogue::kAdd, false>;
    case Epilogue::kGelu:
      return finish_tile<Dot, Epilogue::kGelu, kToBf16>;
    case Epilogue::kTanh:
      return finish_tile<Dot, Epilogue::kTanh, kToBf16>;
    case Epilogue::kRelu:
      return finish_tile<Dot, Epilogue::kRelu, kToBf16>;
    case Epilogue::kGeluTanh:
      return finish_tile<Dot, Epilogue::kGeluTanh, kToBf16>;
    case Epilogue::kSilu:
      return finish_tile<Dot, Epilogue::kSilu, kToBf16>;
    case Epilogue::kMish:
      return finish_tile<Dot, Epilogue::kMish, kToBf16>;
    case Epilogue::kMultiply:
      return finish_tile<Dot, Epilogue::kMultiply, kToBf16>;
  }
  return finish_tile<Dot, Epilogue::kStore, kToBf16>;
}

/// How each of `blocks` row blocks prefetches its part of a panel: evenly over its steps.
Prefetch prefetch_per_block(int steps, int blocks) {
  const int lines = divide_up(steps * kPanelLines, blocks);
  Prefetch spread{.times = steps, .stride = 1, .lines = divide_up(lines, steps)};
  while (spread.stride < kMostStride && 100 * spread.times * spread.lines > kPercentFetched * lines) {
    ++spread.stride;
    spread.times = divide_up(steps, spread.stride);
    spread.lines = divide_up(lines, spread.times);
  }
  spread.times = steps / spread.stride;
  return spread;
}

/// The lines that a tile's results will be written to are fetched while it is computed.
void prefetch_output(const std::byte* out, std::size_t stride, int rows, int bytes) {
  for (int r = 0; r < rows; ++r) {
    const std::byte* row = out + static_cast<std::size_t>(r) * stride;
    for (int at = 0; at < bytes; at += kLineBytes) prefetch_close(row + at);
  }
}

/// Rows [first, last) through one panel. `ahead`: what the first of its row blocks prefetches; the others go on there.
template <class Dot>
void multiply_panel(const DenseArgs& args, const WeightPanel& panel, const Prefetch& ahead, int first, int last) {
  alignas(64) float sums[kTileRows * kPanelColumns];
  const int vectors = divide_up(panel.columns, Vec::kWidth);
  const int blocks = divide_up(last - first, kTileRows);
  const bool to_bf16 = args.out_bf16.data != nullptr;
  const FinishFunction finish_sums =
      to_bf16 ? finish_function<Dot, true>(args.epilogue) : finish_function<Dot, false>(args.epilogue);
  TileArgs tile{.in_stride = args.in.stride,
                .weights = panel.weights,
                .weights_stride = static_cast<std::size_t>(vectors) * Vec::kWidth * kWordBytes,
                .steps = words_of(Dot::kType, args.depth),
                .sums = sums,
                .sums_stride = kPanelColumns,
                .ahead = ahead};
  FinishArgs results{.sums = sums, .panel = &panel};
  int row = first;
  for (int block = 0; block < blocks; ++block) {
    const auto at = static_cast<std::size_t>(row);
    results.rows = divide_up(last - row, blocks - block);
    if constexpr (Dot::kType == NumberType::kInt8) results.scales = args.in.scales + row;
    if (!to_bf16 || args.epilogue == Epilogue::kMultiply) {
      results.out = {args.out.data + at * args.out.stride + panel.column, args.out.stride};
      prefetch_output(reinterpret_cast<const std::byte*>(results.out.data), results.out.stride * sizeof(float),
                      results.rows, static_cast<int>(sizeof(float)) * kPanelColumns);
    }
    if (to_bf16) {
      results.out_bf16 = {args.out_bf16.data + at * args.out_bf16.stride + 2 * panel.column, args.out_bf16.stride};
      prefetch_output(results.out_bf16.data, results.out_bf16.stride, results.rows, 2 * kPanelColumns);
    }
    tile.in = args.in.data + at * args.in.stride;
    tile_function<Dot>(results.rows, vectors)(tile);
    finish_sums(results);
    tile.ahead.from += tile.ahead.times * tile.ahead.lines * kLineBytes;
    row += results.rows;
  }
}

template <class Dot>
void dense(const DenseArgs& args) {
  const int chunks = divide_up(args.rows, kChunkRows);
  int first = 0;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const int last = first + divide_up(args.rows - first, chunks - chunk);
    const int blocks = divide_up(last - first, kTileRows);
    Prefetch ahead = prefetch_per_block(words_of(Dot::kType, args.depth), blocks);
    for (int p = 0; p < args.panel_count; ++p) {
      const std::byte* next = p + 1 < args.panel_count ? args.panels[p + 1].weights
                              : chunk + 1 < chunks     ? args.panels[0].weights
                              : args.next != nullptr   ? args.next
                                                       : args.panels[p].weights;
      // A panel's only row block reads it as fast as memory gives it: it prefetches its own stream, further on.
      ahead.from = blocks == 1 ? args.panels[p].weights + kStreamAheadBytes : next;
      multiply_panel<Dot>(args, args.panels[p], ahead, first, last);
    }
    first = last;
  }
}

void pack(const PackArgs& args) {
  const int width = divide_up(args.columns, Vec::kWidth) * Vec::kWidth;
  const std::size_t line = static_cast<std::size_t>(width) * kWordBytes;
  for (int c = 0; c < width; c += Vec::kWidth) {
    const int rows = args.columns - c < Vec::kWidth ? args.columns - c : Vec::kWidth;
    for (int k = 0; k < args.words; k += Vec::kWidth) {
      const int words = args.words - k < Vec::kWidth ? args.words - k : Vec::kWidth;
      transpose_block(args.rows + static_cast<std::size_t>(c) * args.stride + static_cast<std::size_t>(k) * kWordBytes,
                      args.stride, rows, words,
                      args.panel + static_cast<std::size_t>(k) * line + static_cast<std::size_t>(c) * kWordBytes, line);
    }
  }
}
