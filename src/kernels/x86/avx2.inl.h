// Vec and Word of the AVX2 levels. Included once per level, inside that level's region and anonymous namespace.

// 12 sums, 2 weights and a broadcast: 15 of 16 registers.
constexpr int kTileRows = 6;
constexpr int kTileVectors = 2;

/// Lanes of fp32.
struct Vec256 {
  static constexpr int kWidth = 8;
  __m256 v;
};
using Vec = Vec256;

/// As many lanes of words: an fp32, two bf16, four 8-bit values or a sum in int32.
struct Word256 {
  __m256i v;
};
using Word = Word256;

/// All bits set in the first `count` lanes.
[[gnu::always_inline]] inline __m256i first_lanes(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

[[gnu::always_inline]] inline Vec broadcast(float x) { return {_mm256_set1_ps(x)}; }
[[gnu::always_inline]] inline Vec load(const float* from) { return {_mm256_loadu_ps(from)}; }
[[gnu::always_inline]] inline Vec load_first(const float* from, int count) {
  return {_mm256_maskload_ps(from, first_lanes(count))};
}
[[gnu::always_inline]] inline void store(float* to, Vec a) { _mm256_storeu_ps(to, a.v); }
[[gnu::always_inline]] inline void store_first(float* to, int count, Vec a) {
  _mm256_maskstore_ps(to, first_lanes(count), a.v);
}
[[gnu::always_inline]] inline Vec keep_first(Vec a, int count) {
  return {_mm256_and_ps(a.v, _mm256_castsi256_ps(first_lanes(count)))};
}
[[gnu::always_inline]] inline Vec add(Vec a, Vec b) { return {_mm256_add_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec subtract(Vec a, Vec b) { return {_mm256_sub_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec multiply(Vec a, Vec b) { return {_mm256_mul_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec divide(Vec a, Vec b) { return {_mm256_div_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec square_root(Vec a) { return {_mm256_sqrt_ps(a.v)}; }
[[gnu::always_inline]] inline Vec multiply_add(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }
/// c - a b.
[[gnu::always_inline]] inline Vec subtract_product(Vec a, Vec b, Vec c) { return {_mm256_fnmadd_ps(a.v, b.v, c.v)}; }
// The second operand where either is NaN.
/// from[columns[j]] in lane j.
[[gnu::always_inline]] inline Vec gather(const float* from, const int32_t* columns) {
  return {_mm256_i32gather_ps(from, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(columns)), 4)};
}
/// from[j stride + columns[j]] in lane j.
[[gnu::always_inline]] inline Vec gather_rows(const float* from, int stride, const int32_t* columns) {
  const __m256i rows = _mm256_mullo_epi32(_mm256_set_epi32(7, 6, 5, 4, 3, 2, 1, 0), _mm256_set1_epi32(stride));
  const __m256i index = _mm256_add_epi32(rows, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(columns)));
  return {_mm256_i32gather_ps(from, index, 4)};
}
[[gnu::always_inline]] inline Vec minimum(Vec a, Vec b) { return {_mm256_min_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec maximum(Vec a, Vec b) { return {_mm256_max_ps(a.v, b.v)}; }
[[gnu::always_inline]] inline Vec absolute(Vec a) { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0F), a.v)}; }
[[gnu::always_inline]] inline Vec round_to_integer(Vec a) {
  return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
/// a * 2^power for -126 <= power <= 127: the power becomes the exponent of a float.
[[gnu::always_inline]] inline Vec scale_by_power(Vec a, Vec power) {
  constexpr int kBias = 127;
  constexpr int kMantissaBits = 23;
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power.v), _mm256_set1_epi32(kBias));
  return {_mm256_mul_ps(a.v, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, kMantissaBits)))};
}
[[gnu::always_inline]] inline float sum_of(Vec a) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}
[[gnu::always_inline]] inline float max_of(Vec a) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}
[[gnu::always_inline]] inline float min_of(Vec a) {
  __m128 half = _mm_min_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  half = _mm_min_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_min_ss(half, _mm_movehdup_ps(half)));
}
[[gnu::always_inline]] inline void prefetch(const void* line) {
  _mm_prefetch(static_cast<const char*>(line), _MM_HINT_T1);
}
[[gnu::always_inline]] inline void prefetch_close(const void* line) {
  _mm_prefetch(static_cast<const char*>(line), _MM_HINT_T0);
}

[[gnu::always_inline]] inline Word zero_words() { return {_mm256_setzero_si256()}; }
[[gnu::always_inline]] inline Word load_words(const std::byte* from) {
  return {_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))};
}
[[gnu::always_inline]] inline void store_words(std::byte* to, Word a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), a.v);
}
/// The word at `from` in every lane.
[[gnu::always_inline]] inline Word broadcast_word(const std::byte* from) {
  int word;
  __builtin_memcpy(&word, from, sizeof(word));
  return {_mm256_set1_epi32(word)};
}
[[gnu::always_inline]] inline Vec as_floats(Word a) { return {_mm256_castsi256_ps(a.v)}; }
[[gnu::always_inline]] inline Word as_words(Vec a) { return {_mm256_castps_si256(a.v)}; }
[[gnu::always_inline]] inline Vec to_floats(Word integers) { return {_mm256_cvtepi32_ps(integers.v)}; }

/// The first or second bf16 of each word as fp32.
template <int kPart>
[[gnu::always_inline]] inline Vec bf16_of_words(Word a) {
  if constexpr (kPart == 0) return {_mm256_castsi256_ps(_mm256_slli_epi32(a.v, 16))};
  return {_mm256_castsi256_ps(_mm256_and_si256(a.v, _mm256_set1_epi32(static_cast<int>(0xffff0000U))))};
}

/// The first and third or the second and fourth byte of each word, as two values of 16 bits.
template <int kPart>
[[gnu::always_inline]] inline Word signed_pairs(Word a) {
  if constexpr (kPart == 0) return {_mm256_srai_epi16(_mm256_slli_epi16(a.v, 8), 8)};
  return {_mm256_srai_epi16(a.v, 8)};
}
template <int kPart>
[[gnu::always_inline]] inline Word unsigned_pairs(Word a) {
  if constexpr (kPart == 0) return {_mm256_and_si256(a.v, _mm256_set1_epi16(0xff))};
  return {_mm256_srli_epi16(a.v, 8)};
}
/// sum + the two products of each lane's pairs.
[[gnu::always_inline]] inline Word add_pair_products(Word sum, Word a, Word b) {
  return {_mm256_add_epi32(sum.v, _mm256_madd_epi16(a.v, b.v))};
}

/// sum + the four products of each lane's bytes, exact: VPDPBUSD, for levels that have it. Written as an instruction:
/// of the intrinsic GCC 12 makes two moves and a spill for each sum, and half the speed.
[[gnu::always_inline]] inline Word add_byte_products(Word sum, Word a, Word b) {
  asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum.v) : "x"(a.v), "x"(b.v));
  return sum;
}

/// As many bf16 as a Vec has lanes.
struct Halves256 {
  __m128i v;
};
using Halves = Halves256;

/// The nearest bf16, ties to even; NaN stays NaN.
[[gnu::always_inline]] inline Halves nearest_bf16_by_integers(Vec a) {
  const __m256i bits = _mm256_castps_si256(a.v);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
  const __m256i rounded = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
  const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q));
  const __m256i high = _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, nan), 16);
  return {_mm_packus_epi32(_mm256_castsi256_si128(high), _mm256_extracti128_si256(high, 1))};
}
[[gnu::always_inline]] inline Halves load_halves(const std::byte* from) {
  return {_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))};
}
[[gnu::always_inline]] inline Halves load_halves_first(const std::byte* from, int count) {
  alignas(16) std::byte whole[16] = {};
  __builtin_memcpy(whole, from, static_cast<std::size_t>(count) * 2);
  return load_halves(whole);
}
[[gnu::always_inline]] inline void store_halves(std::byte* to, Halves a) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), a.v);
}
[[gnu::always_inline]] inline void store_halves_first(std::byte* to, int count, Halves a) {
  alignas(16) std::byte whole[16];
  store_halves(whole, a);
  __builtin_memcpy(to, whole, static_cast<std::size_t>(count) * 2);
}
[[gnu::always_inline]] inline Vec widened(Halves a) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(a.v), 16))};
}
/// Words of a lane of `first` and the same lane of `second`.
[[gnu::always_inline]] inline Word joined(Halves first, Halves second) {
  return {_mm256_or_si256(_mm256_cvtepu16_epi32(first.v), _mm256_slli_epi32(_mm256_cvtepu16_epi32(second.v), 16))};
}

/// Lanes of integers from 0 to 255, kept as floats, to bytes.
[[gnu::always_inline]] inline __m128i bytes_of_lanes(Vec a) {
  const __m256i lanes = _mm256_cvtps_epi32(a.v);
  const __m128i halves = _mm_packus_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1));
  return _mm_packus_epi16(halves, halves);
}
[[gnu::always_inline]] inline void store_bytes(std::byte* to, Vec a) {
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), bytes_of_lanes(a));
}
[[gnu::always_inline]] inline void store_bytes_first(std::byte* to, int count, Vec a) {
  alignas(16) std::byte whole[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(whole), bytes_of_lanes(a));
  __builtin_memcpy(to, whole, static_cast<std::size_t>(count));
}

/// to[j][i] = from[i][j] for i < rows and j < columns, in words; to's further lanes become zero. Strides in bytes.
void transpose_block(const std::byte* from, std::size_t from_stride, int rows, int columns, std::byte* to,
                     std::size_t to_stride) {
  __m256 a[8];
  __m256 b[8];
  for (int i = 0; i < 8; ++i) {
    const std::byte* row = from + static_cast<std::size_t>(i) * from_stride;
    a[i] = i < rows
               ? _mm256_castsi256_ps(_mm256_maskload_epi32(reinterpret_cast<const int*>(row), first_lanes(columns)))
               : _mm256_setzero_ps();
  }
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {  // lane L of a[i + j]: column 4 L + j of rows i to i + 3
    a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
  for (int j = 0; j < 4; ++j) {
    b[j] = _mm256_permute2f128_ps(a[j], a[j + 4], 0x20);
    b[j + 4] = _mm256_permute2f128_ps(a[j], a[j + 4], 0x31);
  }
  for (int j = 0; j < columns; ++j) {
    store_words(to + static_cast<std::size_t>(j) * to_stride, as_words({b[j]}));
  }
}
