// The product of rows with a packed panel, and what is done with its sums. Included like functions.inl.h; needs Vec and
// kTileRows x kTileVectors, the largest tile whose sums stay in registers.

constexpr int kPanelColumns = kTileVectors * Vec::kWidth;
constexpr int kLineFloats = 16;
constexpr int kPanelLines = kPanelColumns / kLineFloats;  // cache lines of one step of a full panel

// Rows that pass through all panels before the next rows do: their activations (144 x 768 floats = 432 KiB) stay in L2
// beside the panel. Between 48 and 256 rows no choice was faster than another by more than noise.
constexpr int kChunkRows = 144;

// Vectors that the epilogue works on at once, in whole rows: enough chains to keep two multipliers busy.
constexpr int kFinishRows = 6 / kTileVectors;

// With one row block the weights come from memory at full speed: ask for them this far ahead in the stream.
constexpr int kStreamAheadFloats = 2048;

/// Weights that travel towards L2 while a tile is computed: `lines` cache lines before every `stride` steps, `times`
/// times. Spread over the whole tile they keep the memory busy without filling the buffers that its own loads need.
struct Prefetch {
  const float* from = nullptr;
  int times = 0;
  int stride = 0;
  int lines = 0;
};

struct TileArgs {
  const float* in = nullptr;
  std::size_t in_stride = 0;
  const float* weights = nullptr;
  std::size_t weights_stride = 0;  // floats from one step to the next
  int depth = 0;
  float* sums = nullptr;
  std::size_t sums_stride = 0;
  Prefetch ahead{};
};

/// One step of depth: an outer product of kRows values and kVectors vectors of weights.
template <int kRows, int kVectors>
[[gnu::always_inline]] inline void multiply_step(const float* in, std::size_t in_stride, const float* weights,
                                                 Vec (&sums)[kRows][kVectors]) {
  Vec column[kVectors];
  PACELINE_UNROLL
  for (int v = 0; v < kVectors; ++v) column[v] = load(weights + v * Vec::kWidth);
  PACELINE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    const Vec x = broadcast(in[static_cast<std::size_t>(r) * in_stride]);
    PACELINE_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[r][v] = multiply_add(x, column[v], sums[r][v]);
  }
}

/// sums [kRows][kVectors] = in [kRows][depth] x weights [depth][kVectors], each sum in the order of depth.
template <int kRows, int kVectors>
[[gnu::noinline]] void multiply_tile(const TileArgs& args) {
  Vec sums[kRows][kVectors];
  PACELINE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PACELINE_UNROLL
    for (int v = 0; v < kVectors; ++v) sums[r][v] = broadcast(0.0F);
  }
  const float* in = args.in;
  const float* weights = args.weights;
  const std::size_t in_stride = args.in_stride;
  const std::size_t weights_stride = args.weights_stride;
  const Prefetch ahead = args.ahead;
  const float* line = ahead.from;
  for (int i = ahead.times; i > 0; --i) {
    for (int j = ahead.lines; j > 0; --j, line += kLineFloats) prefetch(line);
    for (int k = ahead.stride; k > 0; --k, ++in, weights += weights_stride) {
      multiply_step<kRows, kVectors>(in, in_stride, weights, sums);
    }
  }
  for (int k = args.depth - ahead.times * ahead.stride; k > 0; --k, ++in, weights += weights_stride) {
    multiply_step<kRows, kVectors>(in, in_stride, weights, sums);
  }
  PACELINE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PACELINE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      store(args.sums + static_cast<std::size_t>(r) * args.sums_stride + v * Vec::kWidth, sums[r][v]);
    }
  }
}

using TileFunction = void (*)(const TileArgs&);

template <int kVectors, class Rows>
struct TilesByRows;
template <int kVectors, int... kRow>
struct TilesByRows<kVectors, std::integer_sequence<int, kRow...>> {
  static constexpr TileFunction kTable[] = {multiply_tile<kRow + 1, kVectors>...};
};
template <class Vectors>
struct Tiles;
template <int... kVector>
struct Tiles<std::integer_sequence<int, kVector...>> {
  static constexpr const TileFunction* kTable[] = {
      TilesByRows<kVector + 1, std::make_integer_sequence<int, kTileRows>>::kTable...};
};

/// The tile of that many rows and vectors.
TileFunction tile_function(int rows, int vectors) {
  return Tiles<std::make_integer_sequence<int, kTileVectors>>::kTable[vectors - 1][rows - 1];
}

constexpr int divide_up(int a, int b) { return (a + b - 1) / b; }

/// What the epilogue makes of sums with their bias, in place; `old` is what the output holds, read for kAdd only.
template <Epilogue kEpilogue, int kCount>
[[gnu::always_inline]] inline void finish(Vec (&y)[kCount], const Vec (&old)[kCount]) {
  if constexpr (kEpilogue == Epilogue::kGelu) gelu(y);
  PACELINE_UNROLL
  for (int j = 0; j < kCount; ++j) {
    if constexpr (kEpilogue == Epilogue::kAdd) y[j] = add(old[j], y[j]);
    if constexpr (kEpilogue == Epilogue::kTanh) y[j] = tanh_of(y[j]);
    if constexpr (kEpilogue == Epilogue::kRelu) y[j] = maximum(broadcast(0.0F), y[j]);
  }
}

/// kRows rows of a full panel, finished together.
template <Epilogue kEpilogue, int kRows>
[[gnu::always_inline]] inline void finish_rows(const float* sums, const float* bias, Rows out) {
  Vec y[kRows * kTileVectors];
  Vec old[kRows * kTileVectors];
  PACELINE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PACELINE_UNROLL
    for (int v = 0; v < kTileVectors; ++v) {
      const int c = v * Vec::kWidth;
      y[r * kTileVectors + v] = add(load(sums + r * kPanelColumns + c), load(bias + c));
      if constexpr (kEpilogue == Epilogue::kAdd) {
        old[r * kTileVectors + v] = load(out.data + static_cast<std::size_t>(r) * out.stride + c);
      }
    }
  }
  finish<kEpilogue>(y, old);
  PACELINE_UNROLL
  for (int r = 0; r < kRows; ++r) {
    PACELINE_UNROLL
    for (int v = 0; v < kTileVectors; ++v) {
      store(out.data + static_cast<std::size_t>(r) * out.stride + v * Vec::kWidth, y[r * kTileVectors + v]);
    }
  }
}

/// One row of a panel that is narrower than the tile.
template <Epilogue kEpilogue>
void finish_narrow_row(const float* sums, const float* bias, int columns, float* out) {
  for (int c = 0; c < columns; c += Vec::kWidth) {
    const int count = columns - c < Vec::kWidth ? columns - c : Vec::kWidth;
    Vec y[] = {add(load(sums + c), load(bias + c))};
    const Vec old[] = {kEpilogue == Epilogue::kAdd ? load_first(out + c, count) : broadcast(0.0F)};
    finish<kEpilogue>(y, old);
    store_first(out + c, count, y[0]);
  }
}

/// Bias, epilogue and store of a tile's sums; `out` begins at the panel's first column.
template <Epilogue kEpilogue>
void finish_tile(const float* sums, int rows, const WeightPanel& panel, Rows out) {
  const bool full = panel.columns == kPanelColumns;
  const std::size_t stride = out.stride;
  int r = 0;
  for (; full && r + kFinishRows <= rows; r += kFinishRows) {
    finish_rows<kEpilogue, kFinishRows>(sums, panel.bias, out);
    sums += kFinishRows * kPanelColumns;
    out.data += kFinishRows * stride;
  }
  for (; r < rows; ++r) {
    if (full) {
      finish_rows<kEpilogue, 1>(sums, panel.bias, out);
    } else {
      finish_narrow_row<kEpilogue>(sums, panel.bias, panel.columns, out.data);
    }
    sums += kPanelColumns;
    out.data += stride;
  }
}

using FinishFunction = void (*)(const float*, int, const WeightPanel&, Rows);

FinishFunction finish_function(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::kStore:
      return finish_tile<Epilogue::kStore>;
    case Epilogue::kAdd:
      return finish_tile<Epilogue::kAdd>;
    case Epilogue::kGelu:
      return finish_tile<Epilogue::kGelu>;
    case Epilogue::kTanh:
      return finish_tile<Epilogue::kTanh>;
    case Epilogue::kRelu:
      return finish_tile<Epilogue::kRelu>;
  }
  return finish_tile<Epilogue::kStore>;
}

/// What each of `blocks` row blocks prefetches: its part of the next panel or, where it is the only one, this panel's
/// own stream further on.
Prefetch prefetch_per_block(int depth, int blocks, const float* weights, const float* next) {
  if (blocks == 1) return {.from = weights + kStreamAheadFloats, .times = depth, .stride = 1, .lines = kPanelLines};
  const int lines = divide_up(depth * kPanelLines, blocks);
  const int times = lines < depth ? lines : depth;
  return {.from = next, .times = times, .stride = depth / times, .lines = divide_up(lines, times)};
}

/// The lines that a tile's results will be written to are fetched while it is computed.
void prefetch_output(Rows out, int rows) {
  for (int r = 0; r < rows; ++r) {
    const float* row = out.data + static_cast<std::size_t>(r) * out.stride;
    for (int line = 0; line < kPanelLines; ++line) prefetch_close(row + line * kLineFloats);
  }
}

/// Rows [first, last) through one panel, while the weights of `next` travel towards L2.
void multiply_panel(const DenseArgs& args, const WeightPanel& panel, const float* next, int first, int last) {
  alignas(64) float sums[kTileRows * kPanelColumns];
  const int vectors = divide_up(panel.columns, Vec::kWidth);
  const int blocks = divide_up(last - first, kTileRows);
  const FinishFunction finish_sums = finish_function(args.epilogue);
  TileArgs tile{.in_stride = args.in.stride,
                .weights = panel.weights,
                .weights_stride = static_cast<std::size_t>(vectors) * Vec::kWidth,
                .depth = args.depth,
                .sums = sums,
                .sums_stride = kPanelColumns,
                .ahead = prefetch_per_block(args.depth, blocks, panel.weights, next)};
  int row = first;
  for (int block = 0; block < blocks; ++block) {
    const int rows = divide_up(last - row, blocks - block);
    const Rows out{args.out.data + static_cast<std::size_t>(row) * args.out.stride + panel.column, args.out.stride};
    tile.in = args.in.data + static_cast<std::size_t>(row) * args.in.stride;
    prefetch_output(out, rows);
    tile_function(rows, vectors)(tile);
    finish_sums(sums, rows, panel, out);
    tile.ahead.from += tile.ahead.times * tile.ahead.lines * kLineFloats;
    row += rows;
  }
}

void dense(const DenseArgs& args) {
  const int chunks = divide_up(args.rows, kChunkRows);
  int first = 0;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const int last = first + divide_up(args.rows - first, chunks - chunk);
    for (int p = 0; p < args.panel_count; ++p) {
      const float* next = p + 1 < args.panel_count ? args.panels[p + 1].weights
                          : chunk + 1 < chunks     ? args.panels[0].weights
                          : args.next != nullptr   ? args.next
                                                   : args.panels[p].weights;
      multiply_panel(args, args.panels[p], next, first, last);
    }
    first = last;
  }
}

void pack_panel(ConstRows rows, int32_t columns, int32_t depth, float* panel) {
  const int width = divide_up(columns, Vec::kWidth) * Vec::kWidth;
  for (int c = 0; c < width; c += Vec::kWidth) {
    for (int k = 0; k < depth; k += Vec::kWidth) {
      const int steps = depth - k < Vec::kWidth ? depth - k : Vec::kWidth;
      const int valid = columns - c < Vec::kWidth ? columns - c : Vec::kWidth;
      const float* corner = rows.data + static_cast<std::size_t>(c) * rows.stride + k;
      float* target = panel + static_cast<std::size_t>(k) * static_cast<std::size_t>(width) + c;
      transpose_block({corner, rows.stride}, valid, steps, {target, static_cast<std::size_t>(width)});
    }
  }
}
