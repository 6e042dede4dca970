// Vec and Word of the AVX-512 levels. Included once per level, inside that level's region and anonymous namespace.

// 24 sums, 3 weights and a broadcast: 28 of 32 registers, and one broadcast for 3 multiply-adds. On Zen 4 it beats
// 14 x 32 by 3-6 %.
constexpr int kTileRows = 8;
constexpr int kTileVectors = 3;

/// Lanes of fp32.
struct Vec512 {
  static constexpr int kWidth = 16;
  __m512 v;
};
using Vec = Vec512;

/// As many lanes of words: an fp32, two bf16, four 8-bit values or a sum in int32.
struct Word512 {
  __m512i v;
};
using Word = Word512;

[[gnu::always_inline]] inline __mmask16 first_lanes(int count) { return static_cast<__mmask16>((1U << count) - 1U); }

[[gnu::always_inline]] inline Vec broadcast(float x) { return {_mm512_set1_ps(x)}; }
[[gnu::always_inline]] inline Vec load(const float* from) { return {_mm512_loadu_ps(from)}; }
[[gnu::always_inline]] inline Vec load_first(const float* from, int count) {
  return {_mm512_maskz_loadu_ps(first_lanes(count), from)};
}
[[gnu::always_inline]] inline void store(float* to, Vec a) { _mm512_storeu_ps(to, a.v); }
[[gnu::always_inline]] inline void store_first(float* to, int count, Vec a) {
  _mm512_mask_storeu_ps(to, first_lanes(count), a.v);
}
[[gnu::always_inline]] inline Vec keep_first(Vec a, int count) {
  return {_mm512_maskz_mov_ps(first_lanes(count), a.v)};
}
[[gnu::always_inline]] inline Vec add(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec subtract(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec multiply(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec divide(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec square_root(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
[[gnu::always_inline]] inline Vec multiply_add(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }
/// c - a b.
[[gnu::always_inline]] inline Vec subtract_product(Vec a, Vec b, Vec c) { return {_mm512_fnmadd_ps(a.v, b.v, c.v)}; }
/// a b - c.
[[gnu::always_inline]] inline Vec multiply_subtract(Vec a, Vec b, Vec c) { return {_mm512_fmsub_ps(a.v, b.v, c.v)}; }
/// The float of `table` that the lowest four bits of each lane of `bits` name.
[[gnu::always_inline]] inline Vec look_up(Vec table, Vec bits) {
  return {_mm512_permutexvar_ps(_mm512_castps_si512(bits.v), table.v)};
}
/// from[columns[j]] in lane j.
[[gnu::always_inline]] inline Vec gather(const float* from, const int32_t* columns) {
  return {_mm512_i32gather_ps(_mm512_loadu_si512(columns), from, 4)};
}
/// from[j stride + columns[j]] in lane j.
[[gnu::always_inline]] inline Vec gather_rows(const float* from, int stride, const int32_t* columns) {
  const __m512i lanes = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i rows = _mm512_mullo_epi32(lanes, _mm512_set1_epi32(stride));
  return {_mm512_i32gather_ps(_mm512_add_epi32(rows, _mm512_loadu_si512(columns)), from, 4)};
}
// The second operand where either is NaN.
[[gnu::always_inline]] inline Vec minimum(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec maximum(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec absolute(Vec a) { return {_mm512_abs_ps(a.v)}; }
[[gnu::always_inline]] inline Vec round_to_integer(Vec a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
[[gnu::always_inline]] inline Vec scale_by_power(Vec a, Vec power) { return {_mm512_scalef_ps(a.v, power.v)}; }
[[gnu::always_inline]] inline float sum_of(Vec a) { return _mm512_reduce_add_ps(a.v); }
[[gnu::always_inline]] inline float max_of(Vec a) { return _mm512_reduce_max_ps(a.v); }
[[gnu::always_inline]] inline float min_of(Vec a) { return _mm512_reduce_min_ps(a.v); }
[[gnu::always_inline]] inline void prefetch(const void* line) {
  _mm_prefetch(static_cast<const char*>(line), _MM_HINT_T1);
}
[[gnu::always_inline]] inline void prefetch_close(const void* line) {
  _mm_prefetch(static_cast<const char*>(line), _MM_HINT_T0);
}

[[gnu::always_inline]] inline Word zero_words() { return {_mm512_setzero_si512()}; }
[[gnu::always_inline]] inline Word load_words(const std::byte* from) { return {_mm512_loadu_si512(from)}; }
[[gnu::always_inline]] inline void store_words(std::byte* to, Word a) { _mm512_storeu_si512(to, a.v); }
/// The word at `from` in every lane.
[[gnu::always_inline]] inline Word broadcast_word(const std::byte* from) {
  int word;
  __builtin_memcpy(&word, from, sizeof(word));
  return {_mm512_set1_epi32(word)};
}
[[gnu::always_inline]] inline Vec as_floats(Word a) { return {_mm512_castsi512_ps(a.v)}; }
[[gnu::always_inline]] inline Word as_words(Vec a) { return {_mm512_castps_si512(a.v)}; }
[[gnu::always_inline]] inline Vec to_floats(Word integers) { return {_mm512_cvtepi32_ps(integers.v)}; }

/// The first or second bf16 of each word as fp32.
template <int kPart>
[[gnu::always_inline]] inline Vec bf16_of_words(Word a) {
  if constexpr (kPart == 0) return {_mm512_castsi512_ps(_mm512_slli_epi32(a.v, 16))};
  return {_mm512_castsi512_ps(_mm512_and_si512(a.v, _mm512_set1_epi32(static_cast<int>(0xffff0000U))))};
}

/// Every other byte of each word as 16 bits, signed or, of an input, unsigned: what VPMADDWD multiplies.
template <int kPart>
[[gnu::always_inline]] inline Word signed_pairs(Word a) {
  if constexpr (kPart == 0) return {_mm512_srai_epi16(_mm512_slli_epi16(a.v, 8), 8)};
  return {_mm512_srai_epi16(a.v, 8)};
}
template <int kPart>
[[gnu::always_inline]] inline Word unsigned_pairs(Word a) {
  if constexpr (kPart == 0) return {_mm512_and_si512(a.v, _mm512_set1_epi16(0xff))};
  return {_mm512_srli_epi16(a.v, 8)};
}
/// sum + the two products of each lane's pairs.
[[gnu::always_inline]] inline Word add_pair_products(Word sum, Word a, Word b) {
  return {_mm512_add_epi32(sum.v, _mm512_madd_epi16(a.v, b.v))};
}

/// sum + the four products of each lane's bytes, exact: VPDPBUSD, for levels that have it. Written as an instruction:
/// of the intrinsic GCC 12 makes two moves and a spill for each sum, and half the speed.
[[gnu::always_inline]] inline Word add_byte_products(Word sum, Word a, Word b) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum.v) : "v"(a.v), "v"(b.v));
  return sum;
}

/// As many bf16 as a Vec has lanes.
struct Halves512 {
  __m256i v;
};
using Halves = Halves512;

/// The nearest bf16, ties to even; NaN stays NaN.
[[gnu::always_inline]] inline Halves nearest_bf16_by_integers(Vec a) {
  const __m512i bits = _mm512_castps_si512(a.v);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd);
  const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
  const __m512i kept = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
  return {_mm512_cvtepi32_epi16(_mm512_srli_epi32(kept, 16))};
}
[[gnu::always_inline]] inline Halves load_halves(const std::byte* from) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))};
}
[[gnu::always_inline]] inline Halves load_halves_first(const std::byte* from, int count) {
  return {_mm256_maskz_loadu_epi16(first_lanes(count), from)};
}
[[gnu::always_inline]] inline void store_halves(std::byte* to, Halves a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), a.v);
}
[[gnu::always_inline]] inline void store_halves_first(std::byte* to, int count, Halves a) {
  _mm256_mask_storeu_epi16(to, first_lanes(count), a.v);
}
[[gnu::always_inline]] inline Vec widened(Halves a) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(a.v), 16))};
}
/// Words of a lane of `first` and the same lane of `second`.
[[gnu::always_inline]] inline Word joined(Halves first, Halves second) {
  return {_mm512_or_si512(_mm512_cvtepu16_epi32(first.v), _mm512_slli_epi32(_mm512_cvtepu16_epi32(second.v), 16))};
}

/// Lanes of integers from 0 to 255, kept as floats, to bytes.
[[gnu::always_inline]] inline void store_bytes(std::byte* to, Vec a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(a.v)));
}
[[gnu::always_inline]] inline void store_bytes_first(std::byte* to, int count, Vec a) {
  _mm512_mask_cvtepi32_storeu_epi8(to, first_lanes(count), _mm512_cvtps_epi32(a.v));
}

/// to[j][i] = from[i][j] for i < rows and j < columns, in words; to's further lanes become zero. Strides in bytes.
void transpose_block(const std::byte* from, std::size_t from_stride, int rows, int columns, std::byte* to,
                     std::size_t to_stride) {
  __m512 a[16];
  __m512 b[16];
  const __mmask16 kept = first_lanes(columns);
  for (int i = 0; i < 16; ++i) {
    a[i] = i < rows
               ? _mm512_castsi512_ps(_mm512_maskz_loadu_epi32(kept, from + static_cast<std::size_t>(i) * from_stride))
               : _mm512_setzero_ps();
  }
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {  // lane L of a[i + j]: column 4 L + j of rows i to i + 3
    a[i] = _mm512_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm512_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
  for (int j = 0; j < 4; ++j) {
    const __m512 low_even = _mm512_shuffle_f32x4(a[j], a[j + 4], 0x88);
    const __m512 low_odd = _mm512_shuffle_f32x4(a[j], a[j + 4], 0xdd);
    const __m512 high_even = _mm512_shuffle_f32x4(a[j + 8], a[j + 12], 0x88);
    const __m512 high_odd = _mm512_shuffle_f32x4(a[j + 8], a[j + 12], 0xdd);
    b[j] = _mm512_shuffle_f32x4(low_even, high_even, 0x88);
    b[j + 8] = _mm512_shuffle_f32x4(low_even, high_even, 0xdd);
    b[j + 4] = _mm512_shuffle_f32x4(low_odd, high_odd, 0x88);
    b[j + 12] = _mm512_shuffle_f32x4(low_odd, high_odd, 0xdd);
  }
  for (int j = 0; j < columns; ++j) {
    _mm512_storeu_si512(to + static_cast<std::size_t>(j) * to_stride, _mm512_castps_si512(b[j]));
  }
}
