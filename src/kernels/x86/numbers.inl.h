// How number types multiply, over the level's Vec and Word. Included like functions.inl.h, after Vec and Word and
// before the level's own Dot types.
//
// A Dot adds the products of words: a step of depth is a word of weights in each lane and a word of inputs in all
// lanes. It may take kParts parts to multiply them, so that words that have to be taken apart are so only once for all
// rows of a tile.

/// Words are multiplied as they are.
struct WholeWords {
  static constexpr int kParts = 1;
  template <int kPart>
  [[gnu::always_inline]] static Word weights(Word a) {
    return a;
  }
  template <int kPart>
  [[gnu::always_inline]] static Word inputs(Word a) {
    return a;
  }
};

struct FloatSums {
  using Sum = Vec;
  [[gnu::always_inline]] static Sum none() { return broadcast(0.0F); }
  [[gnu::always_inline]] static Vec value(Sum sum) { return sum; }
};

struct IntegerSums {
  using Sum = Word;
  [[gnu::always_inline]] static Sum none() { return zero_words(); }
  [[gnu::always_inline]] static Vec value(Sum sum) { return to_floats(sum); }
};

struct DotFp32 : WholeWords, FloatSums {
  static constexpr NumberType kType = NumberType::kFp32;
  [[gnu::always_inline]] static Vec accumulate(Vec sum, Word x, Word w) {
    return multiply_add(as_floats(x), as_floats(w), sum);
  }
};

/// For CPUs without VDPBF16PS: two multiply-adds in fp32, of the first bf16 of each word, then of the second.
struct DotBf16ByFma : FloatSums {
  static constexpr NumberType kType = NumberType::kBf16;
  static constexpr int kParts = 2;
  template <int kPart>
  [[gnu::always_inline]] static Word weights(Word a) {
    return as_words(bf16_of_words<kPart>(a));
  }
  template <int kPart>
  [[gnu::always_inline]] static Word inputs(Word a) {
    return as_words(bf16_of_words<kPart>(a));
  }
  [[gnu::always_inline]] static Vec accumulate(Vec sum, Word x, Word w) {
    return multiply_add(as_floats(x), as_floats(w), sum);
  }
};

/// For CPUs without VPDPBUSD: VPMADDWD on values widened to 16 bits, twice. It cannot saturate, as VPMADDUBSW would.
struct DotInt8ByWidening : IntegerSums {
  static constexpr NumberType kType = NumberType::kInt8;
  static constexpr int kParts = 2;
  template <int kPart>
  [[gnu::always_inline]] static Word weights(Word a) {
    return signed_pairs<kPart>(a);
  }
  template <int kPart>
  [[gnu::always_inline]] static Word inputs(Word a) {
    return unsigned_pairs<kPart>(a);
  }
  [[gnu::always_inline]] static Word accumulate(Word sum, Word x, Word w) { return add_pair_products(sum, x, w); }
};

/// For CPUs with VPDPBUSD.
struct DotInt8ByVnni : WholeWords, IntegerSums {
  static constexpr NumberType kType = NumberType::kInt8;
  [[gnu::always_inline]] static Word accumulate(Word sum, Word x, Word w) { return add_byte_products(sum, x, w); }
};
