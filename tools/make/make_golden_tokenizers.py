#!/usr/bin/env python3
"""Makes testdata/tokenizers/: three folders with a small tokenizer.json, and what Hugging Face tokenizers makes of texts.

    .deps/venv/bin/python tools/make/make_golden_tokenizers.py       (./dev setup oracle makes that Python)

  unigram/         CamemBERT's kind: Metaspace, Unigram, <s> A </s>, <s> A </s> </s> B </s>
  byte_bpe/        RoBERTa's kind: ByteLevel, BPE, RoBERTa's own post-processor
  wordpiece/       BERT's kind: lower case, WordPiece, [CLS] A [SEP] B [SEP] with token types
  golden.json      the cases: texts in, ids out, and the versions that made them

The vocabularies come from counting substrings of the sentences below, so every run writes the same files.
"""

import collections
import json
import pathlib
import sys

import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "tokenizers"

SENTENCES = [
    "Le peloton roule \u00e0 l'abri du vent, et chacun prend son relais en t\u00eate.",
    "Quand la route monte, le groupe s'\u00e9tire ; dans la descente, il se reforme.",
    "Elle a crev\u00e9 deux fois, mais elle a fini l'\u00e9tape avec une minute d'avance.",
    "O\u00f9 est pass\u00e9e la voiture qui suivait les \u00e9chapp\u00e9s ? Personne ne le sait !",
    "Un caf\u00e9, deux \u0153ufs, trois tartines : le d\u00e9jeuner d'un coureur heureux.",
    "Le col est \u00e0 1 874 m\u00e8tres ; les 12 derniers kilom\u00e8tres sont \u00e0 7,5 %.",
    "Il n'y a pas de mauvais temps, il n'y a que de mauvais v\u00eatements.",
    "Nous partirons \u00e0 l'aube, nous mangerons en route, nous dormirons au refuge.",
    "The riders share the wind, and the pace stays even from the first to the last.",
    "A short text costs little; a long text beside it makes both of them wait.",
    "She asked whether the answers had changed, and they had not, not by one bit.",
    "Measured twice, the faster way was the same: sorted by length, sixteen at a time.",
]

# Short, empty, long, blank, unknown characters, composed and decomposed accents, several scripts, control characters,
# special tokens spelled out, a mask with a blank before it.
TEXTS = [
    "", " ", "a", "Bonjour", "le peloton roule", "  deux   blancs  ", "\u00c9t\u00e9 \u00e0 la mer",
    "E\u0301te\u0301 a\u0300 la mer",
    "tabulation\tet\nligne", "l'\u0153uf n'est pas l\u00e0", "1 874 m, 7,5 % !",
    "\u65e5\u672c\u8a9e\u306e\u30c6\u30ad\u30b9\u30c8", "emoji \U0001f6b4\U0001f3fd\u200d\u2640\ufe0f fin",
    "\ufb01n \ufb00 \u00bd",
    "<s> \u00e9crit en clair </s>", "un <mask> manque", "[CLS] [MASK] [SEP]", "<unk><pad>", "nul\u0000byte",
    "\u200b\u00a0\ufeff",
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645", "\U0010ffff", "x" * 300,
    "le vent, " * 40, "Stra\u00dfe \u01c5 \u0130 \u0131", "\u1e9b\u0323 \u212b",
]
PAIRS = [
    ("O\u00f9 est la route ?", "Elle monte."), ("", ""), ("a", ""), ("", "b"), ("le vent " * 30, "la route"),
    ("la route", "le vent " * 30), ("le vent " * 20, "la route " * 20), ("\u65e5\u672c", "emoji \U0001f6b4"),
]
# 0: no limit. Odd and even, below, at and above what the pairs need.
MAX_LENGTHS = [0, 5, 6, 16, 17]

CAMEMBERT_LEADING = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"]


def substring_counts(words, longest):
    counts = collections.Counter()
    for word in words:
        for begin in range(len(word)):
            for end in range(begin + 1, min(begin + longest, len(word)) + 1):
                counts[word[begin:end]] += 1
    return counts


def best(counts, size):
    """All characters, and the substrings that cover most, in an order that depends on nothing else."""
    worth = sorted((p for p in counts if len(p) > 1 and counts[p] > 1), key=lambda p: (-counts[p] * len(p), p))
    return sorted(p for p in counts if len(p) == 1) + worth[:size]


def make_unigram():
    counts = substring_counts(["\u2581" + word for s in SENTENCES for word in s.split()], 9)
    total = sum(counts.values())
    # Scores that binary fractions hold exactly: no two ways of adding them up can differ.
    pieces = [(p, round(1024 * (counts[p] / total - 8 + min(len(p), 4))) / 1024) for p in best(counts, 500)]
    vocab = [(t, 0.0) for t in CAMEMBERT_LEADING] + pieces + [("<mask>", 0.0)]
    tokenizer = Tokenizer(models.Unigram(vocab, 3, False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(tokenizers.Regex(r"\s+"), " "), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 5), ("</s>", 6)])
    tokenizer.add_special_tokens([*CAMEMBERT_LEADING, AddedToken("<mask>", lstrip=True, normalized=False)])
    return tokenizer


def make_byte_bpe():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.train_from_iterator(SENTENCES, trainer)
    tokenizer.post_processor = processors.RobertaProcessing(sep=("</s>", 2), cls=("<s>", 0), add_prefix_space=False)
    return tokenizer


def make_wordpiece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words = [w for s in SENTENCES
             for w, _ in tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(s))]
    starts = collections.Counter(w[:n] for w in words for n in range(1, len(w) + 1))
    inner = substring_counts([w[1:] for w in words], 6)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *best(starts, 250), *("##" + p for p in best(inner, 250))]
    tokenizer.model = models.WordPiece({p: i for i, p in enumerate(pieces)}, unk_token="[UNK]")
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.add_special_tokens(pieces[:5])
    # Real files carry settings of their own; both have to be ignored.
    tokenizer.enable_padding(length=128)
    tokenizer.enable_truncation(max_length=128)
    return tokenizer


def encode_cases(name, tokenizer):
    for first, second in [(text, None) for text in TEXTS] + PAIRS:
        tokenizer.no_padding()
        tokenizer.no_truncation()
        whole = len(tokenizer.encode(first, second).ids)
        for max_length in MAX_LENGTHS:
            if max_length:
                tokenizer.enable_truncation(max_length=max_length)
            encoding = tokenizer.encode(first, second)
            yield {"tokenizer": name, "first": first, "second": second, "max_length": max_length,
                   "input_ids": encoding.ids, "token_type_ids": encoding.type_ids,
                   "truncated": whole - len(encoding.ids)}
            if whole <= min(MAX_LENGTHS[1:]):
                break  # no limit would change it


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    cases = []
    for name, make in (("unigram", make_unigram), ("byte_bpe", make_byte_bpe), ("wordpiece", make_wordpiece)):
        tokenizer = make()
        (FOLDER / name).mkdir(exist_ok=True)
        tokenizer.save(str(FOLDER / name / "tokenizer.json"), pretty=False)
        cases += encode_cases(name, tokenizer)
    head = {"made_by": "tools/make/make_golden_tokenizers.py",
            "versions": {"tokenizers": tokenizers.__version__, "python": sys.version.split()[0]}}
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (FOLDER / "golden.json").write_text(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n")
    print(f"{len(cases)} cases in {FOLDER / 'golden.json'}")


if __name__ == "__main__":
    main()
