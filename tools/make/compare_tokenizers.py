#!/usr/bin/env python3
"""Compares `paceline tokenize` with transformers on tokenizers built from vocabulary files.

    .deps/venv/bin/python tools/make/compare_tokenizers.py --paceline build/release/paceline
    .deps/venv/bin/python tools/make/compare_tokenizers.py --paceline build/release/paceline --only deberta_v2 --texts 5000
    .deps/venv/bin/python tools/make/compare_tokenizers.py --paceline build/release/paceline --part layouts --random 100
    .deps/venv/bin/python tools/make/compare_tokenizers.py --golden testdata/tokenizers
    .deps/venv5/bin/python tools/make/compare_tokenizers.py --paceline build/release/paceline --part layouts --random 100

Compared is with the version of transformers that this Python has: 4 with folders as 4 saves them, 5 with what 5 writes.

Every layout of KINDS below gets a vocabulary of its own, trained here on generated text, in a folder without
tokenizer.json: what transformers' AutoTokenizer and Paceline build from it has to give the same ids and token types on
every string, and on every fifth string as a pair with the one before; so has the tokenizer.json that transformers writes
of it, on a tenth of them. The strings are words of 14 scripts, hostile
Unicode (marks, controls, joiners, emoji, right-to-left, unassigned, private use, composed and decomposed forms, white
space of all kinds, NUL), special tokens in clear, and words of thousands of characters; for XLM and FlauBERT also what
the rules of Moses look at. The layouts of
tokenizer_layouts.py are folders whose tokenizer.json says otherwise than the files beside it. With --golden a sample becomes
the golden test of the library: folders without tokenizer.json, and built.json with the ids of transformers.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unicodedata

os.environ["TOKENIZERS_PARALLELISM"] = "true"
os.environ["HF_HUB_OFFLINE"] = "1"

import sentencepiece
import tokenizers
import transformers
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

from make_golden_tokenizers import best, substring_counts
from tokenizer_layouts import GOLDEN_BASE, five_layouts, layouts, random_five_layout, random_layout, with_ids, write_layout

SEED = 20261129
FIVE = int(transformers.__version__.split(".")[0]) >= 5
if FIVE:
    layouts, random_layout = five_layouts, random_five_layout
# The golden test's folders; small, and but one without SentencePiece's map of characters, which takes 240 kB.
GOLDEN = ["bert", "bert_stripped", "bert_added", "bert_decoder", "mpnet", "roberta", "roberta_prefix", "gpt2_bos",
          "deberta", "camembert", "camembert_bpe", "xlm_roberta_nfkc", "xlm_roberta_user", "albert", "albert_cased",
          "xlnet", "deberta_v2", "deberta_v2_lower", "deberta_v3", "xlm_added", "flaubert_lower"]
GOLDEN_PIECES = 1600
GOLDEN_TEXTS = 60
OVER_TEXTS = 25
CONFIGS = ["config.json", "tokenizer_config.json"]
# Where texts are cut, and where they are not.
LONG = 1000
# A model that reads three token types and very long texts; tokenizer_config.json names the tokenizer's class.
CONFIG = {"model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 100000,
          "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8,
          "max_position_embeddings": 1000000, "type_vocab_size": 3, "hidden_act": "gelu"}
# Without special tokens, which only such a model may be.
GPT2_CONFIG = {"model_type": "gpt2", "architectures": ["GPT2ForSequenceClassification"], "vocab_size": 100000, "n_embd": 8,
               "n_layer": 1, "n_head": 1, "n_positions": 1000000}

# Letters of 14 scripts: Latin of English, French, Spanish, German and Vietnamese, Cyrillic, Greek, Hebrew, Arabic,
# Devanagari, Thai, Hangul, Han, Kana.
ALPHABETS = [
    "abcdefghijklmnopqrstuvwxyz",
    "a\u00e0\u00e2\u00e4bc\u00e7de\u00e9\u00e8\u00ea\u00ebfghi\u00ee\u00efjlmno\u00f4\u00f6\u0153pqrstu\u00f9"
    "\u00fb\u00fcvyz",
    "abcdefghijklmn\u00f1opqrstuvwxyz\u00e1\u00e9\u00ed\u00f3\u00fa",
    "a\u00e4bcdefghijklmno\u00f6pqrs\u00dftu\u00fcvwxyz",
    "\u0430\u0431\u0432\u0433\u0434\u0435\u0436\u0437\u0438\u0439\u043a\u043b\u043c\u043d\u043e\u043f\u0440"
    "\u0441\u0442\u0443\u0444\u0445\u0446\u0447\u0448\u0449\u044a\u044b\u044c\u044d\u044e\u044f\u0451",
    "\u03b1\u03b2\u03b3\u03b4\u03b5\u03b6\u03b7\u03b8\u03b9\u03ba\u03bb\u03bc\u03bd\u03be\u03bf\u03c0\u03c1"
    "\u03c3\u03c2\u03c4\u03c5\u03c6\u03c7\u03c8\u03c9\u03ac\u03ad\u03ae\u03af\u03cc\u03cd\u03ce",
    "\u05d0\u05d1\u05d2\u05d3\u05d4\u05d5\u05d6\u05d7\u05d8\u05d9\u05db\u05dc\u05de\u05e0\u05e1\u05e2\u05e4"
    "\u05e6\u05e7\u05e8\u05e9\u05ea\u05dd\u05df\u05e5\u05e3\u05da",
    "\u0627\u0628\u062a\u062b\u062c\u062d\u062e\u062f\u0630\u0631\u0632\u0633\u0634\u0635\u0636\u0637\u0638"
    "\u0639\u063a\u0641\u0642\u0643\u0644\u0645\u0646\u0647\u0648\u064a\u0649\u0629\u0621",
    "\u0915\u0916\u0917\u0918\u091a\u091b\u091c\u091d\u091f\u0920\u0921\u0922\u0924\u0925\u0926\u0927\u0928"
    "\u092a\u092b\u092c\u092d\u092e\u092f\u0930\u0932\u0935\u0936\u0938\u0939\u093e\u093f\u0940\u0941\u0942"
    "\u0947\u0948\u094b\u094c\u0902\u094d",
    "\u0e01\u0e02\u0e04\u0e07\u0e08\u0e09\u0e0a\u0e0b\u0e14\u0e15\u0e16\u0e17\u0e18\u0e19\u0e1a\u0e1b\u0e1c"
    "\u0e1e\u0e21\u0e22\u0e23\u0e25\u0e27\u0e2a\u0e2b\u0e2d\u0e32\u0e34\u0e35\u0e38\u0e39\u0e40\u0e41\u0e42"
    "\u0e44",
    "\uac00\uac01\uac04\uac10\uac15\uac1c\uac70\uac74\uac80\uac8c\uace0\uacfc\uad00\uad6c\uad6d\uadf8\uae30"
    "\uae40\ub098\ub0a8\ub0b4\ub108\ub124\ub178\ub204\ub294\ub2e4\ub2f9\ub300\ub354\ub3c4\ub3d9\ub450\ub4e4"
    "\ub77c\ub7ec\ub85c\ub97c\ub9ac",
    "\u4e00\u4e01\u4e03\u4e07\u4e09\u4e0a\u4e0b\u4e0d\u4e16\u4e2d\u4e3b\u4e45\u4e5d\u4e86\u4e8c\u4eba\u4eca"
    "\u4ee3\u4ee5\u4eee\u4efb\u4f1a\u4f55\u4f5c\u4f7f\u6765\u4fbf\u4fe1\u500b\u5143\u5148\u5149\u5165\u5168"
    "\u516c\u516d\u5171\u51fa",
    "\u3042\u3044\u3046\u3048\u304a\u304b\u304d\u304f\u3051\u3053\u3055\u3057\u3059\u305b\u305d\u305f\u3061"
    "\u3064\u3066\u3068\u306a\u306b\u306c\u306d\u306e\u30a2\u30a4\u30a6\u30a8\u30aa\u30ab\u30ad\u30af\u30b1"
    "\u30b3\u30fc",
    "a\u0103\u00e2bcd\u0111e\u00eaghiklmno\u00f4\u01a1pqrstu\u01b0vxy\u00e0\u1ea3\u00e3\u00e1\u1ea1\u1eb1"
    "\u1eb3\u1eb5\u1eaf\u1eb7",
]

HOSTILE = ["\u0301", "\u0308", "\u0345", "\u1ab0", "\u20dd", "\u093c", "\u0e33", "\u200b", "\u200c", "\u200d",
           "\u2060", "\ufeff", "\u00ad", "\u202a", "\u202e", "\u2066", "\u061c", "\u00a0", "\u2003", "\u2028",
           "\u2029", "\u3000", "\u1680", "\u180e", "\u0085", "\x00", "\x01", "\x08", "\x0b", "\x0c", "\x1b", "\x1c",
           "\x1d", "\x1e", "\x1f", "\x7f", "\x80", "\x9f", "\t", "\r", "\n", "\r\n", "   ", "\ufffd", "\ufffe",
           "\uffff", "\U0010ffff", "\U0001fffe", "\ue000", "\U000f0000", "\u0378", "\U000e0001", "\U000e0100",
           "\ufe0f", "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
           "\U0001f6b4\U0001f3fd\u200d\u2640\ufe0f", "\U0001f1eb\U0001f1f7", "\u212b", "\u2126", "\ufb01", "\ufb03",
           "\u00bd", "\u2460", "\u00b2", "\u0130", "\u0131", "\u01c5", "\u00df", "\u1e9e", "\u03c2", "\u037a",
           "\u1100\u1161\u11a8", "\u3131", "\uff21\uff11", "\uff76\uff9e", "\u304b\u3099", "\u2f00", "\uf900",
           "\u4e00", "\U00020000", "\u2581", "\u0120", "\u010a", "``", "''", "`", "'s", "'LL", "n't", "##", "#", "1,",
           "12,", "\u00b2,", "$1.50", "\u20ac", "\u2014", "\u2026", "\u00bf", "\u3001", "\uff0c", "\u066b",
           "\u0661\u0662", "\u0967", "\U0001d7d8", "[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[cls]", "[Mask]",
           "<s>", "</s>", "<S>", "<pad>", "<unk>", "<mask>", " <mask> ", "<MASK>", "<cls>", "<sep>", "<eop>", "<eod>",
           "<s>NOTUSED", "<unk>NOTUSED", "<|endoftext|>", "<|ENDOFTEXT|>", "[XTRA]", "xtra-word", "XTRA-Word",
           " xtra-word", "xtra-words", "<0x41>", "<n>"]
# What the rules of Moses look at, for the kinds that have them.
MOSES = ["``", "''", "'", " '", "' ", "\"", ",\"", ".\"", "...\" <", ". \"<", ".\"  x", "\".", "\",.", ".", "..",
         "...", ". . .", ".'", "DOT", "MULTI", "DOTMULTI", "DOTDOTMULTI", "(", ")", " )", "( ", ") .", ")  ,", " %",
         "5 %", "\u0665 %", "5\u00a0000", "1\u00a02\u00a03", "n\u00ba\u00a0", "\u00a0:", "\u00a0\u00baC", "\u00a0cm",
         "\u00a0?", "\u00a0!", "\u00a0;", ",\u00a0", "\u00ab\u00a0", "\u00a0\u00bb", "\u00a0\u00ab\u00a0",
         "\u00bb\u00a0", "\u00ab", "\u00bb", "\u3002 ", "\u3002", "\uff0e ", "\uff0e", "\uff0c", "\u3001", "\uff15",
         "\uff05", "\u2018", "\u2019", "\u201a", "\u201e", "\u201c", "\u201d", "\u2013", "\u2014", "\u00b4",
         "\u00b4\u00b4", "Mr.", "mr.", "No. 5", "No. x", "pp. 12", "art. 5", "e.g.", "i.e. ", "M. ", "M.", "a.b.",
         "1.2.", "etc.", "\u00e9d.", "c.-\u00e0-d.", "l'eau", "aujourd'hui", "don't", "5's", "'s", "1'2", "a'1",
         "1,000", ",", ",,", ",,,", "A,B,C", "1,a", "a,1", "1,", "-", "--", "/", "@", "&amp;", "<", ">", "[", "]",
         "|", "<special0>", "<special1>", "<special", "special1>", "<s", "<S>", "<special9>", "a\u03a3", "\u03a3",
         "A\u03a3.", "A\u03a3\u0295", "A\u03a3\U0001171eA", "\u094d", "\u093c", "\u1ace", "\u0301", "\u0898",
         "\U00011071", "\u0cf3", "\U00016d67", "\U000105d2\u0307", "\U00010d50"]


def any_character(source):
    """Any scalar value; the planes in use come up most."""
    code = source.randrange(source.choice([0x80, 0x250, 0x3000, 0x10000, 0x20000, 0x110000]))
    return chr(code) if not 0xD800 <= code < 0xE000 else "\ud7ff"


def word(source):
    alphabet = source.choice(ALPHABETS)
    text = "".join(source.choice(alphabet) for _ in range(1 + int(source.expovariate(0.3))))
    shape = source.random()
    return text.upper() if shape < 0.05 else text.title() if shape < 0.2 else text


def sentence(source, common):
    words = [source.choice(common) if source.random() < 0.8 else word(source)
             for _ in range(1 + int(source.expovariate(0.12)))]
    between = [" "] * 12 + [", ", ". ", "! ", " ; ", "-", "'", "", " 1 874 ", " (", ") "]
    joined = "".join(w + source.choice(between) for w in words)
    return joined.strip() if source.random() < 0.7 else joined


def hostile(source, common, signs=HOSTILE):
    parts = [source.choice(signs) if source.random() < 0.5 else source.choice([" ", "", source.choice(common), word(source)])
             for _ in range(1 + int(source.expovariate(0.12)))]
    return "".join(parts)


def make_text(source, common):
    kind = source.random()
    if kind < 0.4:
        return sentence(source, common)
    if kind < 0.75:
        return hostile(source, common)
    if kind < 0.9:
        text = "".join(any_character(source) for _ in range(int(source.expovariate(0.06))))
        return unicodedata.normalize(source.choice(["NFC", "NFD", "NFKC", "NFKD"]), text) if source.random() < 0.4 else text
    if kind < 0.95:
        return unicodedata.normalize(source.choice(["NFC", "NFD", "NFKD"]), sentence(source, common))
    if kind < 0.99:
        blanks = [" ", "  ", "\t", "\n", "\u00a0", "\u3000", "\u200b", "a", "."]
        return "".join(source.choice(blanks) for _ in range(source.randrange(20)))
    unit = source.choice([source.choice(HOSTILE), source.choice(common), word(source), any_character(source)])
    return unit * source.randrange(1, 3000 // len(unit) + 2)


def make_moses_text(source, common):
    kind = source.random()
    if kind < 0.6:
        return make_text(source, common)
    if kind < 0.9:
        return hostile(source, common, MOSES)
    if kind < 0.99:
        return "".join(source.choice(MOSES) for _ in range(source.randrange(6)))
    return source.choice(MOSES) * source.randrange(1, 300)


def make_texts(count, seed, make=make_text):
    source = random.Random(seed)
    common = [word(source) for _ in range(600)]
    return [make(source, common) for _ in range(count)]


def training_texts():
    source = random.Random(SEED)
    common = [word(source) for _ in range(600)]
    return [" ".join(sentence(source, common).split()) for _ in range(6000)]


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def word_piece(folder, size, special, lower):
    """Counted, not trained: the trainer does not make the same vocabulary twice."""
    normalizer, pre_tokenizer = normalizers.BertNormalizer(lowercase=lower), pre_tokenizers.BertPreTokenizer()
    words = [word for text in training_texts()
             for word, _ in pre_tokenizer.pre_tokenize_str(normalizer.normalize_str(text))]
    starts = collections.Counter(word[:n] for word in words for n in range(1, len(word) + 1))
    inner = substring_counts([word[1:] for word in words], 6)
    pieces = [*special, *best(starts, size // 2), *("##" + piece for piece in best(inner, size // 2))]
    (folder / "vocab.txt").write_text("".join(piece + "\n" for piece in pieces), encoding="utf-8")


def byte_bpe(folder, size, special):
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(training_texts(), trainers.BpeTrainer(
        vocab_size=size, show_progress=False, special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    tokenizer.model.save(str(folder))


def sentence_piece(folder, name, size, **settings):
    if size == GOLDEN_PIECES:
        settings = {"normalization_rule_name": "identity", **settings}
    texts = folder / "train.txt"
    texts.write_text("\n".join(training_texts()), encoding="utf-8")
    options = {"model_type": "unigram", "character_coverage": 0.995, "num_threads": 1, "minloglevel": 2, **settings}
    sentencepiece.SentencePieceTrainer.train(input=str(texts), model_prefix=str(folder / "m"), vocab_size=size, **options)
    (folder / "m.model").rename(folder / name)
    (folder / "m.vocab").unlink()
    texts.unlink()


def modern_bert(folder, size):
    """ModernBERT's kind, which has a tokenizer.json only: NFC, byte-level BPE, added tokens of blanks and in plain text."""
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(training_texts(), trainers.BpeTrainer(
        vocab_size=size, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    plain = [*(" " * n for n in range(2, 25)), *("\t" * n for n in range(2, 9)), "xtra-word", "|||PHONE|||", "\u00e9\u0301"]
    tokenizer.add_tokens([tokenizers.AddedToken(content, normalized=True) for content in plain])
    tokenizer.add_special_tokens(["[UNK]", "[CLS]", "[SEP]", "[PAD]", tokenizers.AddedToken("[MASK]", lstrip=True)])
    tokenizer.add_tokens([f"[unused{n}]" for n in range(80)])
    ends = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends)
    tokenizer.save(str(folder / "tokenizer.json"))


BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FAIRSEQ_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MPNET_SPECIAL = ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]
MOSES_SPECIAL = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
CONTROLS = {"unk_id": 1, "bos_id": 2, "eos_id": 3, "pad_id": 0}


def bert(lower=True):
    return lambda folder, size: word_piece(folder, size, BERT_SPECIAL, lower)


def mpnet(folder, size):
    word_piece(folder, size, MPNET_SPECIAL, True)


def moses_bpe(folder, size):
    """As XLM's and FlauBERT's files are: merges with counts, some of whose pieces the vocabulary lacks."""
    tokenizer = tokenizers.Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), normalizers.NFD(), normalizers.StripAccents()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(training_texts(), trainers.BpeTrainer(
        vocab_size=size, show_progress=False, special_tokens=MOSES_SPECIAL, end_of_word_suffix="</w>"))
    tokenizer.model.save(str(folder))
    pieces = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    source = random.Random(SEED)
    for piece in sorted(pieces, key=pieces.get):
        if piece not in MOSES_SPECIAL and source.random() < 0.05:
            del pieces[piece]
    write_json(folder / "vocab.json", {piece: index for index, piece in enumerate(sorted(pieces, key=pieces.get))})
    merges = [line for line in (folder / "merges.txt").read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    # A pair that stands there twice, and a merge before those that make its parts.
    merges = [merges[-1], *merges, merges[5]]
    (folder / "merges.txt").write_text("".join(f"{merge} {len(merges) - i}\n" for i, merge in enumerate(merges)),
                                       encoding="utf-8")


def bpe(special):
    return lambda folder, size: byte_bpe(folder, size, special)


def fairseq_model(**settings):
    return lambda folder, size: sentence_piece(folder, "sentencepiece.bpe.model", size, **settings)


def albert(**settings):
    return lambda folder, size: sentence_piece(
        folder, "spiece.model", size, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, pad_piece="<pad>",
        control_symbols=["[CLS]", "[SEP]", "[MASK]"], **settings)


def xlnet(folder, size):
    sentence_piece(folder, "spiece.model", size, unk_id=0, bos_id=1, eos_id=2,
                   control_symbols=["<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"])


def deberta_v2(**settings):
    return lambda folder, size: sentence_piece(
        folder, "spm.model", size, pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]",
        eos_piece="[SEP]", unk_piece="[UNK]", **settings)


def added(index, content, **properties):
    token = {"content": content, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}
    return {str(index): {**token, **properties}}


# name: (model, class, vocabulary, settings of tokenizer_config.json, other files)
KINDS = {
    "bert": ("WordPiece", "BertTokenizer", bert(), {}, {}),
    "bert_cased": ("WordPiece", "BertTokenizer", bert(False), {"do_lower_case": False}, {}),
    "bert_accents": ("WordPiece", "BertTokenizerFast", bert(False), {"do_lower_case": True, "strip_accents": False}, {}),
    "bert_stripped": ("WordPiece", "BertTokenizer", bert(), {
        "do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False}, {}),
    "bert_added": ("WordPiece", "BertTokenizer", bert(), {}, {
        "added_tokens.json": {"[XTRA]": "+0", "xtra-word": "+1"},
        "special_tokens_map.json": {"mask_token": {"content": "[MASK]", "lstrip": True, "rstrip": False,
                                                   "normalized": True, "single_word": False},
                                    "additional_special_tokens": ["[XTRA]"]}}),
    "bert_decoder": ("WordPiece", "BertTokenizer", bert(), {
        "cls_token": "[CLS]", "mask_token": "[MASK]", "added_tokens_decoder": {
            **added(0, "[PAD]"), **added(4, "[MASK]", rstrip=True, normalized=True),
            **added("+0", "xtra-word", normalized=True, special=False, single_word=True)}}, {}),
    "distilbert": ("WordPiece", "DistilBertTokenizer", bert(), {"model_max_length": 512000}, {}),
    "electra": ("WordPiece", "ElectraTokenizerFast", bert(), {"do_lower_case": True}, {}),
    "mpnet": ("WordPiece", "MPNetTokenizer", mpnet, {}, {}),
    "roberta": ("BPE", "RobertaTokenizer", bpe(FAIRSEQ_SPECIAL), {}, {}),
    "roberta_prefix": ("BPE", "RobertaTokenizerFast", bpe(FAIRSEQ_SPECIAL), {
        "add_prefix_space": True,
        "mask_token": {"__type": "AddedToken", "content": "<mask>", "lstrip": True, "rstrip": True,
                       "normalized": True, "single_word": False}}, {}),
    "gpt2": ("BPE", "GPT2Tokenizer", bpe(["<|endoftext|>"]), {}, {"config.json": GPT2_CONFIG}),
    "gpt2_bos": ("BPE", "GPT2Tokenizer", bpe(["<|endoftext|>"]), {"add_bos_token": True, "pad_token": "<|endoftext|>"}, {}),
    "deberta": ("BPE", "DebertaTokenizer", bpe(BERT_SPECIAL), {}, {}),
    "xlm": ("Moses and BPE", "XLMTokenizer", moses_bpe, {}, {}),
    "xlm_cased": ("Moses and BPE", "XLMTokenizer", moses_bpe, {"do_lowercase_and_remove_accent": False}, {
        "added_tokens.json": {"[XTRA]": "+0", "xtra-word": "+1"}}),
    "xlm_added": ("Moses and BPE", "XLMTokenizer", moses_bpe, {"mask_token": "<special1>", "added_tokens_decoder": {
        **added("+0", "Xtra-Word", normalized=True, special=False), **added("+1", "[XTRA]", lstrip=True)}}, {}),
    "xlm_overlapping": ("Moses and BPE", "XLMTokenizer", moses_bpe, {
        "bos_token": "<s>", "mask_token": "<special1>", "added_tokens_decoder": {
            **added(0, "<s>"), **added(5, "<special1>", lstrip=True),
            **added("+0", "xtra-word", single_word=True, special=False),
            **added("+1", "\u00e9", special=False, normalized=True),
            **added("+2", "Xtra", special=False, normalized=True, rstrip=True),
            **added("+3", "tra-wo", special=False), **added("+4", "<special1>xt"), **added("+5", "a'b", special=False)}}, {}),
    "flaubert": ("Moses and BPE", "FlaubertTokenizer", moses_bpe, {}, {}),
    "flaubert_lower": ("Moses and BPE", "FlaubertTokenizer", moses_bpe, {"do_lowercase": True}, {}),
    "modernbert": ("BPE", "PreTrainedTokenizerFast", modern_bert, {"cls_token": "[CLS]", "sep_token": "[SEP]"}, {}),
    "camembert": ("Unigram", "CamembertTokenizer", fairseq_model(), {}, {}),
    "camembert_identity": ("Unigram", "CamembertTokenizer", fairseq_model(normalization_rule_name="identity"), {}, {}),
    "camembert_bpe": ("Unigram", "CamembertTokenizer", fairseq_model(model_type="bpe"), {}, {}),
    "xlm_roberta": ("Unigram", "XLMRobertaTokenizer", fairseq_model(), {}, {}),
    "xlm_roberta_nfkc": ("Unigram", "XLMRobertaTokenizer", fairseq_model(normalization_rule_name="nmt_nfkc_cf"), {}, {}),
    "xlm_roberta_user": ("Unigram", "XLMRobertaTokenizer", fairseq_model(
        user_defined_symbols=["<n>", "xtra-word"], byte_fallback=True), {}, {}),
    "albert": ("Unigram", "AlbertTokenizer", albert(), {}, {}),
    "albert_cased": ("Unigram", "AlbertTokenizerFast", albert(), {"do_lower_case": False, "keep_accents": True}, {}),
    "xlnet": ("Unigram", "XLNetTokenizer", xlnet, {}, {}),
    "deberta_v2": ("Unigram", "DebertaV2Tokenizer", deberta_v2(), {}, {}),
    "deberta_v2_lower": ("Unigram", "DebertaV2Tokenizer", deberta_v2(), {"do_lower_case": True, "split_by_punct": True}, {}),
    "deberta_v3": ("Unigram", "DebertaV2Tokenizer", deberta_v2(model_type="bpe"), {}, {"added_tokens.json": {"[MASK]": "+0"}}),
}


# Kinds that 5 cannot read, or never writes: it leaves added_tokens_decoder out.
NOT_OF_FIVE = {"camembert_bpe", "bert_decoder", "electra", "modernbert"}


def kinds():
    return [name for name in KINDS if not (FIVE and name in NOT_OF_FIVE)]


def base_size(folder):
    for name in ("vocab.txt", "vocab.json"):
        if (folder / name).exists():
            text = (folder / name).read_text(encoding="utf-8")
            return text.count("\n") if name == "vocab.txt" else len(json.loads(text))
    if (folder / "tokenizer.json").exists():
        return 0
    return sentencepiece.SentencePieceProcessor(model_file=str(next(folder.glob("*.model")))).get_piece_size()


def mark_of_five(vocabulary):
    return {"backend": "custom" if vocabulary is moses_bpe else "tokenizers"}


def make_folder(folder, name, size):
    _, tokenizer_class, vocabulary, settings, files = KINDS[name]
    folder.mkdir(parents=True)
    vocabulary(folder, size)
    pieces = base_size(folder)
    write_json(folder / "config.json", CONFIG)
    write_json(folder / "tokenizer_config.json", {
        "tokenizer_class": tokenizer_class, **with_ids(settings, pieces), **(mark_of_five(vocabulary) if FIVE else {})})
    for file, content in files.items():
        write_json(folder / file, with_ids(content, pieces))


def expected(folder, rows):
    """What transformers makes of texts and pairs: ids and token types of each; of 5 the ids alone."""
    config = {name: json.loads((folder / name).read_text(encoding="utf-8")) for name in CONFIGS if (folder / name).exists()}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    has_types = "type_vocab_size" in config["config.json"]
    if not tokenizer.is_fast or tokenizer.model_max_length < LONG:
        for row in rows:
            # In a list, since an empty second text alone counts as none.
            batch = [(row["text"], row["pair"]) if "pair" in row else row["text"]]
            cut = tokenizer.model_max_length < LONG
            encoding = tokenizer(batch, truncation=cut, return_token_type_ids=True)
            ids = encoding["input_ids"][0]
            yield ids, None if FIVE else encoding["token_type_ids"][0] if has_types else [0] * len(ids)
        return
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    for row in rows:
        encoding = backend.encode(row["text"], row.get("pair"))
        yield encoding.ids, None if FIVE else encoding.type_ids if has_types else [0] * len(encoding.ids)


def tokenize(paceline, folder, rows, paired):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [str(paceline), "tokenize", str(folder), "--input", str(path), "--quiet"]
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if "type_vocab_size" in config and config["model_type"] != "modernbert":  # which has no types, whatever that says
        command += ["--token-types", "yes"]  # whether they reach the model is not the question here
    result = subprocess.run(command + (["--pair-column", "pair"] if paired else []), stdout=subprocess.PIPE, check=True)
    path.unlink()
    return [json.loads(line) for line in result.stdout.decode("utf-8").split("\n") if line]


def compare(paceline, folder, rows, paired):
    """How many rows differ; the first of them are shown."""
    ours = tokenize(paceline, folder, rows, paired)
    if len(ours) != len(rows):
        sys.exit(f"[{folder.name}] {len(ours)} rows came back, expected {len(rows)}")
    different = 0
    for row, got, (ids, types) in zip(rows, ours, expected(folder, rows)):
        if got.get("input_ids") != ids or types is not None and got.get("token_type_ids", types) != types:
            different += 1
            if different <= 3:
                print(f"  text     {row!r}\n  expected {ids} {types}\n  got      {got}"[:3000])
    return different


def pairs_of(texts):
    return [{"text": texts[i - 1], "pair": texts[i]} for i in range(4, len(texts), 5)]


def check_vocabularies(arguments, base, plain_rows, plain_pairs):
    """Differences by model, and encodings by model."""
    totals, failed = {}, 0
    moses_texts = make_texts(arguments.texts, arguments.seed, make_moses_text)
    for name in kinds():
        model = KINDS[name][0]
        if arguments.only and name not in arguments.only:
            continue
        rows, pairs = plain_rows, plain_pairs
        if model.startswith("Moses"):
            rows, pairs = [{"text": text} for text in moses_texts], pairs_of(moses_texts)
        folder = base / name
        make_folder(folder, name, arguments.pieces)
        differ = [compare(arguments.paceline, folder, rows, False), compare(arguments.paceline, folder, pairs, True)]
        has_json = FIVE or model.startswith("Moses") or (folder / "tokenizer.json").exists()
        few = 0 if has_json else len(rows) // 10
        if few:
            transformers.AutoTokenizer.from_pretrained(folder).backend_tokenizer.save(str(folder / "tokenizer.json"))
            differ += [compare(arguments.paceline, folder, rows[:few], False)]
        print(f"{name}: {len(rows)} texts, {differ[0]} differ; {len(pairs)} pairs, {differ[1]} differ; "
              f"{few} texts by its tokenizer.json, {sum(differ[2:])} differ", flush=True)
        failed += sum(differ)
        totals[model] = totals.get(model, 0) + len(rows) + len(pairs)
        shutil.rmtree(folder)
    return totals, failed


def is_read(folder):
    """Whether transformers reads a random layout at all."""
    try:
        transformers.AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # Of any kind, as the settings make it fail.
        print(f"  transformers does not read it: {str(error)[:100]!r}")
        return False
    return True


def check_layouts(arguments, base, rows, pairs):
    """The same of a tokenizer.json and files that contradict it."""
    source = random.Random(arguments.seed)
    chosen = {name: layout for name, layout in layouts().items() if not arguments.only or name in arguments.only}
    chosen.update({f"random {i}": random_layout(source) for i in range(arguments.random)})
    trained, failed = {}, 0
    for name, layout in chosen.items():
        kind = layout[0]
        if kind not in trained:
            folder = base / kind
            make_folder(folder, kind, arguments.pieces)
            trained[kind] = json.loads(transformers.AutoTokenizer.from_pretrained(folder).backend_tokenizer.to_str())
        folder = base / "layout"
        write_layout(folder, trained[kind], layout, CONFIG)
        if name.startswith("random") and not is_read(folder):
            shutil.rmtree(folder)
            continue
        differ = [compare(arguments.paceline, folder, rows, False), compare(arguments.paceline, folder, pairs, True)]
        print(f"{name}, over {kind}'s tokenizer.json: {len(rows)} texts, {differ[0]} differ; "
              f"{len(pairs)} pairs, {differ[1]} differ", flush=True)
        if sum(differ):
            print(f"  {layout}")
        failed += sum(differ)
        shutil.rmtree(folder)
    return {"tokenizer.json with settings": len(chosen) * (len(rows) + len(pairs))}, failed


def check(arguments):
    texts = make_texts(arguments.texts, arguments.seed)
    rows, pairs = [{"text": text} for text in texts], pairs_of(texts)
    totals, failed = {}, 0
    parts = [part for part, name in [(check_vocabularies, "vocabularies"), (check_layouts, "layouts")]
             if arguments.part in (None, name)]
    for part in parts:
        with tempfile.TemporaryDirectory() as base:
            found, differ = part(arguments, pathlib.Path(base), rows, pairs)
            totals.update(found)
            failed += differ
    print("; ".join(f"{model}: {count} encodings" for model, count in totals.items()) + f"; {failed} differ")
    return 1 if failed else 0


def golden_head():
    return {"made_by": "tools/make/compare_tokenizers.py", "versions": {
        "transformers": transformers.__version__, "tokenizers": tokenizers.__version__,
        "sentencepiece": sentencepiece.__version__}}


def make_golden_layouts(target, seed):
    """Files beside a tokenizer.json of this folder, its patch, and what transformers makes of a few strings."""
    source = random.Random(seed)
    lines = []
    with tempfile.TemporaryDirectory() as base:
        for name, layout in layouts().items():
            tokenizer = GOLDEN_BASE[layout[0]]
            folder = pathlib.Path(base) / name
            json_file = json.loads((target / tokenizer / "tokenizer.json").read_text(encoding="utf-8"))
            files, patch = write_layout(folder, json_file, layout, CONFIG)
            few = 6 if FIVE else OVER_TEXTS
            texts = [text for text in make_texts(400, source.random()) if 0 < len(text) < 80][:few]
            rows = [{"text": text} for text in texts] + pairs_of(texts)
            cases = [[row["text"], row.get("pair"), ids, *([] if FIVE else [types])]
                     for row, (ids, types) in zip(rows, expected(folder, rows))]
            lines.append(json.dumps({"name": name, "tokenizer": tokenizer, "patch": patch, "files": files, "cases": cases},
                                    separators=(",", ":")))
    path = target / ("over_json_5.json" if FIVE else "over_json.json")
    path.write_text(json.dumps(golden_head())[:-1] + ', "layouts": [\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{len(lines)} layouts in {path}")


def make_golden_of_five(target, seed):
    """What 5 makes of the folders that 4's golden test has, called its own."""
    lines = []
    source = random.Random(seed)
    for name in (name for name in GOLDEN if name not in NOT_OF_FIVE):
        with tempfile.TemporaryDirectory() as base:
            folder = pathlib.Path(base) / "folder"
            shutil.copytree(target / f"built_{name}", folder)
            config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
            write_json(folder / "tokenizer_config.json", {**config, **mark_of_five(KINDS[name][2])})
            make = make_moses_text if KINDS[name][0].startswith("Moses") else make_text
            texts = [text for text in make_texts(300, source.random(), make) if 0 < len(text) < 100][:20]
            rows = [{"text": text} for text in texts] + pairs_of(texts)
            for row, (ids, _) in zip(rows, expected(folder, rows)):
                lines.append(json.dumps([name, row["text"], row.get("pair"), ids], separators=(",", ":")))
    (target / "built_5.json").write_text(json.dumps(golden_head())[:-1] + ', "cases": [\n' + ",\n".join(lines) + "\n]}\n")
    print(f"{len(lines)} cases in {target / 'built_5.json'}")
    return 0


def make_golden(target, seed):
    """Small folders and what transformers makes of a few hundred strings."""
    cases = []
    source = random.Random(seed)
    for name in GOLDEN:
        folder = target / f"built_{name}"
        shutil.rmtree(folder, ignore_errors=True)
        make_folder(folder, name, GOLDEN_PIECES)
        make = make_moses_text if KINDS[name][0].startswith("Moses") else make_text
        texts = [text for text in make_texts(600, source.random(), make) if len(text) < 120][:GOLDEN_TEXTS]
        rows = [{"text": text} for text in texts] + pairs_of(texts)
        for row, (ids, types) in zip(rows, expected(folder, rows)):
            cases.append([name, row["text"], row.get("pair"), ids, types])
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (target / "built.json").write_text(json.dumps(golden_head())[:-1] + ', "cases": [\n' + lines + "\n]}\n")
    print(f"{len(cases)} cases in {target / 'built.json'}")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paceline", type=pathlib.Path, default=pathlib.Path("build/release/paceline"))
    parser.add_argument("--texts", type=int, default=100_000)
    parser.add_argument("--pieces", type=int, default=6000, help="of each vocabulary")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", nargs="+", choices=sorted([*KINDS, *layouts()]))
    parser.add_argument("--part", choices=["vocabularies", "layouts"], help="compare only these")
    parser.add_argument("--random", type=int, default=0, help="random layouts beside the listed ones")
    parser.add_argument("--golden", type=pathlib.Path, help="write the golden test's files there instead")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    sentencepiece.set_min_log_level(2)
    if not arguments.golden:
        return check(arguments)
    if arguments.part != "vocabularies":
        make_golden_layouts(arguments.golden, arguments.seed)
    if arguments.part == "layouts":
        return 0
    return (make_golden_of_five if FIVE else make_golden)(arguments.golden, arguments.seed)


if __name__ == "__main__":
    sys.exit(main())
