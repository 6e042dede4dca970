#!/usr/bin/env python3
"""Writes what a version of transformers makes of odd files of a tokenizer, and which keys it gives a tokenizer_config.json.

    .deps/venv/bin/python tools/make/make_golden_tokenizer_files.py testdata/tokenizers
    .deps/venv5/bin/python tools/make/make_golden_tokenizer_files.py testdata/tokenizers

Each run replaces the part of its own version, 4 or 5, in odd_files.json, in_python.json, windows.json and
config_keys.json of that folder.
"""

import inspect
import json
import os
import pathlib
import shutil
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import tokenizers
import transformers

from tokenizer_layouts import with_ids

VERSION = transformers.__version__.split(".", maxsplit=1)[0]
BERT = {"tokenizer_class": "BertTokenizer"}
ROBERTA = {"tokenizer_class": "RobertaTokenizer"}
MARK = {"backend": "tokenizers"} if VERSION == "5" else {}
WORDS = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nle\nvent\n##s\n"
PIECES = '{"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3, "<mask>": 4, "a": 5, "b": 6, "ab": 7, "c": 8, "abc": 9, "bc": 10}'
MERGES = "#version: 0.2\na b\nab c\n"
TEXTS = ["le vents", "vent levent le", "sud", "[MASK]vents", "abc ab", "bcab", "a", "c<mask>b", "zqz aqa zqzaqa",
         "vent zqz, aqamm  le", "aaaaa aaaaaaa"]
WORD_PIECE = json.dumps({
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "decoder": None,
    "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                   "lowercase": True},
    "pre_tokenizer": {"type": "BertPreTokenizer"},
    "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
              "vocab": {piece: i for i, piece in enumerate(WORDS.split())}}})
# The last bits of these scores decide where the odd letter of "aaaaa" stands. 4 reads them with serde_json, which rounds
# some of them otherwise than Python, with which 5 reads them.
UNIGRAM = json.dumps({
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "decoder": None, "normalizer": None,
    "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True},
    "post_processor": {"type": "BertProcessing", "sep": ["</s>", 2], "cls": ["<s>", 0]},
    "model": {"type": "Unigram", "unk_id": 3, "byte_fallback": False, "vocab": [
        ["<s>", 0.0], ["<pad>", 0.0], ["</s>", 0.0], ["<unk>", 0.0], ["\u2581", -2.0], ["a", -9.607867240905762],
        ["aa", -11.068221092224121], ["<mask>", 0.0]]}})


def added(content, **properties):
    return {"__type": "AddedToken", "content": content, "lstrip": False, "rstrip": False, "normalized": False,
            "single_word": False, "special": True, **properties}


# The order of these decides which of two new tokens has which id.
NAMED = {"image_token": "zqz", "audio_token": "aqa"}

# name: (settings, files)
FILES = {
    "words": (BERT, {"vocab.txt": WORDS}),
    "blank last line": (BERT, {"vocab.txt": WORDS + "\n"}),
    "blank last lines": (BERT, {"vocab.txt": WORDS + "\n\n\n"}),
    "blank line within": (BERT, {"vocab.txt": WORDS.replace("le\n", "\nle\n")}),
    "a piece twice": (BERT, {"vocab.txt": WORDS + "vent\nsud\n"}),
    "a special piece twice": (BERT, {"vocab.txt": WORDS + "[MASK]\n[SEP]\n"}),
    "no last line end": (BERT, {"vocab.txt": WORDS + "sud"}),
    "CRLF": (BERT, {"vocab.txt": WORDS.replace("\n", "\r\n")}),
    "CR": (BERT, {"vocab.txt": WORDS.replace("\n", "\r")}),
    "byte order mark": (BERT, {"vocab.txt": "\ufeff" + WORDS + "sud\n"}),
    "blanks behind a piece": (BERT, {"vocab.txt": WORDS.replace("vent\n", "vent \n") + "sud\t\n"}),
    "lines of other kinds": (BERT, {"vocab.txt": WORDS + "a\u2028b\nsud\u00a0\nsu\x0bd\n"}),
    "pieces": (ROBERTA, {"vocab.json": PIECES, "merges.txt": MERGES}),
    "a key twice": (ROBERTA, {"vocab.json": PIECES[:-1] + ', "ab": 11}', "merges.txt": MERGES}),
    "an id twice": (ROBERTA, {"vocab.json": PIECES[:-1] + ', "d": 7}', "merges.txt": MERGES}),
    "vocab.json with byte order mark": (ROBERTA, {"vocab.json": "\ufeff" + PIECES, "merges.txt": MERGES}),
    "merges without a first line": (ROBERTA, {"vocab.json": PIECES, "merges.txt": "a b\nab c\n"}),
    "merges with another first line": (ROBERTA, {"vocab.json": PIECES, "merges.txt": "# merges\na b\nab c\n"}),
    "merges with a blank line": (ROBERTA, {"vocab.json": PIECES, "merges.txt": MERGES + "\nb c\n"}),
    "merges with a blank last line": (ROBERTA, {"vocab.json": PIECES, "merges.txt": MERGES + "\n"}),
    "merges without a last line end": (ROBERTA, {"vocab.json": PIECES, "merges.txt": MERGES.rstrip("\n")}),
    "merges with CRLF": (ROBERTA, {"vocab.json": PIECES, "merges.txt": MERGES.replace("\n", "\r\n")}),
    "a merge twice": (ROBERTA, {"vocab.json": PIECES, "merges.txt": MERGES + "b c\na b\n"}),
    "two blanks in a merge": (ROBERTA, {"vocab.json": PIECES, "merges.txt": "#version: 0.2\na  b\nab c\n"}),
    "a comment in a merge": (ROBERTA, {"vocab.json": PIECES, "merges.txt": "#version: 0.2\na b # first\nab c\n"}),
    "a second version line": (ROBERTA, {"vocab.json": PIECES, "merges.txt": MERGES + "#version: 0.3\nb c\n"}),
    "named tokens": ({**BERT, "extra_special_tokens": NAMED}, {"vocab.txt": WORDS}),
    "named tokens over a tokenizer.json": ({**BERT, "extra_special_tokens": NAMED}, {"tokenizer.json": WORD_PIECE}),
    "named tokens with properties": ({**BERT, "extra_special_tokens": {
        "z_token": added("zqz", single_word=True, special=False), "a_token": added("aqa", lstrip=True, normalized=True)}},
        {"vocab.txt": WORDS}),
    "named tokens beside a list": ({**BERT, "additional_special_tokens": ["aqa"], "extra_special_tokens": {
        "x_token": "zqz", "y_token": "aqa", "z_token": "mm"}}, {"vocab.txt": WORDS}),
    "tokens of other names": ({**BERT, **NAMED}, {"vocab.txt": WORDS}),
    "tokens of other names over a tokenizer.json": ({**BERT, **NAMED}, {"tokenizer.json": WORD_PIECE}),
    "tokens of other names with and without properties": ({**BERT, **NAMED, "mm_token": added("mm", special=False)},
                                                          {"vocab.txt": WORDS}),
    "tokens of other names in a map": ({**BERT, "audio_token": "mm"}, {
        "vocab.txt": WORDS, "special_tokens_map.json": json.dumps(
            {**NAMED, "extra_special_tokens": {"x_token": "le"}} if VERSION == "5" else NAMED)}),
    "scores to the last bit": ({"tokenizer_class": "XLMRobertaTokenizer"}, {"tokenizer.json": UNIGRAM}),
    "special tokens split": ({**BERT, "split_special_tokens": True}, {"vocab.txt": WORDS}),
    "special tokens split over a tokenizer.json": ({**BERT, "split_special_tokens": True}, {"tokenizer.json": WORD_PIECE}),
    "a merge of unknown pieces": (ROBERTA, {"vocab.json": PIECES, "merges.txt": MERGES + "x y\n"}),
}

if VERSION == "4":
    # Paceline refuses these names in 5's reading, where some of a class' stages take them and some do not.
    FILES["a named token of a kind"] = ({**BERT, "extra_special_tokens": {**NAMED, "mask_token": "mm"}}, {"vocab.txt": WORDS})
    # 5 takes another one in each process.
    FILES["equal tokens"] = ({**BERT, "added_tokens_decoder": {
        "8": added("SUD", special=False, normalized=True), "9": added("sud", special=False, normalized=True),
        "10": added("ZQZ", special=False, normalized=True), "11": added("zqz", normalized=True)}}, {"vocab.txt": WORDS})
    # Which 5 never writes for a tokenizer in Rust.
    FILES["named tokens beside numbered ones"] = ({**BERT, "extra_special_tokens": NAMED, "added_tokens_decoder": {
        "8": added("aqa", special=False, normalized=True, rstrip=True)}}, {"vocab.txt": WORDS})

# name: (folder, settings) of the tokenizers that are in Python only.
IN_PYTHON = {
    **{f"{folder} cut {side}": (folder, {"truncation_side": side, "model_max_length": 9})
       for folder in ["built_xlm_added", "built_flaubert_lower"] for side in ["left", "right"]},
    "tokens of other names": ("built_xlm_added", NAMED),
    "named tokens": ("built_xlm_added", {"extra_special_tokens": NAMED}),
    "a list": ("built_xlm_added", {"additional_special_tokens": ["zqz", "aqa"]}),
    "properties": ("built_flaubert_lower", {
        "mask_token": added("zqz", lstrip=True, rstrip=True), "additional_special_tokens": ["aqa"]}),
    "numbered": ("built_xlm_added", {"bos_token": "zqz", "added_tokens_decoder": {
        "+0": added("zqz", lstrip=True, special=False), "+1": added("aqa", single_word=True)}}),
}
if VERSION == "5":
    IN_PYTHON["two lists"] = ("built_xlm_added", {"additional_special_tokens": ["zqz"], "extra_special_tokens": ["aqa", "mm"]})
PAIRS = [["le vent", None], ["", None], ["un zqz  aqa zqzaqa mm, aqa", None], ["le vent", ""], ["", "le vent"], ["", ""],
         ["le vent tourne et la pluie tombe sur la route", ""], ["", "le vent tourne et la pluie tombe sur la route"],
         ["le vent tourne et la pluie tombe sur la route", None], ["le vent tourne et la pluie", "tombe sur la route"],
         ["le vent tourne et la pluie tombe sur la route", " \u0001"], ["vent", "le vent tourne et la pluie tombe"]]
WINDOWED = [["", None], ["le vent", None], ["le vent tourne et la pluie tombe sur la route", None],
            ["le vent tourne et la pluie tombe sur la route et le peloton roule", "le"]]
WINDOW = 12

CLASSES = ["AlbertTokenizer", "BertTokenizer", "CamembertTokenizer", "DebertaTokenizer", "DebertaV2Tokenizer",
           "DistilBertTokenizer", "ElectraTokenizer", "FlaubertTokenizer", "GPT2Tokenizer", "MPNetTokenizer",
           "RobertaTokenizer", "XLMRobertaTokenizer", "XLMTokenizer", "XLNetTokenizer", "PreTrainedTokenizerFast"]
# Arguments that are no settings.
ARGUMENTS = {"self", "args", "kwargs", "vocab", "merges", "_spm_precompiled_charsmap", "tokenizer_object"}


def write(folder, settings, files):
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, **MARK}))
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8", newline="")


def encode(folder):
    """The ids of each text; None where transformers reads neither files nor text."""
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    except Exception:  # Of any kind.
        return None
    found = []
    for text in TEXTS:
        try:
            found.append(tokenizer(text)["input_ids"])
        except Exception:  # An unknown piece that the vocabulary does not have.
            found.append(None)
    return found


def odd_files():
    found = {}
    for name, (settings, files) in FILES.items():
        with tempfile.TemporaryDirectory() as base:
            folder = pathlib.Path(base)
            write(folder, settings, files)
            found[name] = {"files": {**files, "tokenizer_config.json": json.dumps({**settings, **MARK})},
                           "ids": encode(folder)}
    return found


def in_python(target):
    """What is said over the settings of a folder, and the ids of texts and pairs, cut where they are too long."""
    found = {}
    for name, (source, settings) in IN_PYTHON.items():
        with tempfile.TemporaryDirectory() as base:
            folder = pathlib.Path(base) / "folder"
            shutil.copytree(target / source, folder)
            pieces = len(json.loads((folder / "vocab.json").read_text(encoding="utf-8")))
            settings = with_ids(settings, pieces)
            config = {"tokenizer_class": json.loads((folder / "tokenizer_config.json").read_text())["tokenizer_class"],
                      **settings, **({"backend": "custom"} if MARK else {})}
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            # In lists, since an empty second text alone counts as none.
            cut = tokenizer.model_max_length < 100
            ids = [tokenizer([first] if second is None else [(first, second)], truncation=cut)["input_ids"][0]
                   for first, second in PAIRS]
            found[name] = {"folder": source, "tokenizer_config.json": json.dumps(config), "ids": ids}
    return {"pairs": PAIRS, "tokenizers": found}


def windows(target):
    """The windows of texts and of pairs' first texts, from either side."""
    found = []
    for source in ["byte_bpe", "unigram", "wordpiece"]:
        for side in ["left", "right"]:
            with tempfile.TemporaryDirectory() as base:
                folder = pathlib.Path(base) / "folder"
                shutil.copytree(target / source, folder)
                config = json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "truncation_side": side})
                (folder / "tokenizer_config.json").write_text(config)
                tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            for stride in [0, 3]:
                ids = [tokenizer(first, second, truncation="only_first", max_length=WINDOW, stride=stride,
                                 return_overflowing_tokens=True)["input_ids"] for first, second in WINDOWED]
                found.append({"folder": source, "tokenizer_config.json": config, "stride": stride, "ids": ids})
    return {"texts": WINDOWED, "max_length": WINDOW, "windows": found}


def signature_keys(name):
    """Settings that the class takes, with their defaults."""
    keys = {}
    for base in getattr(transformers, name).__mro__:
        if "__init__" in vars(base):
            for key, parameter in inspect.signature(base.__init__).parameters.items():
                default = None if parameter.default is inspect.Parameter.empty else parameter.default
                keys.setdefault(key, default if isinstance(default, (str, bool, int)) else None)
    return {key: value for key, value in keys.items() if key not in ARGUMENTS}


def saved_keys(folder):
    """What tokenizer_config.json has where the tokenizer of a folder is saved."""
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    except Exception:  # One that this version does not read.
        return {}
    with tempfile.TemporaryDirectory() as base:
        tokenizer.save_pretrained(base)
        return json.loads((pathlib.Path(base) / "tokenizer_config.json").read_text(encoding="utf-8"))


def config_keys(target):
    """Each key with a value that is no token's id."""
    keys = {}
    for name in CLASSES:
        keys.update(signature_keys(name))
    for folder in sorted(target.glob("built_*")):
        keys.update(saved_keys(folder))
    keys["added_tokens_decoder"] = None
    return dict(sorted(keys.items()))


def main():
    target = pathlib.Path(sys.argv[1])
    transformers.logging.set_verbosity_error()
    versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    for name, part in [("odd_files.json", {"texts": TEXTS, "files": odd_files()}), ("in_python.json", in_python(target)),
                       ("windows.json", windows(target)),
                       ("config_keys.json", {"keys": config_keys(target)})]:
        path = target / name
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        content["made_by"] = "tools/make/make_golden_tokenizer_files.py"
        content[VERSION] = {"versions": versions, **part}
        path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
