#!/usr/bin/env python3
"""`paceline tokenize` against the tokenizers of transformers on generated strings, hostile Unicode among them.

    .deps/venv/bin/python tests/tokenizer_oracle.py --paceline build/release/paceline --testdata testdata

Each tokenizer.json of testdata/tokenizers, saved by the version of transformers that runs this, encodes 10,000 texts and
2,000 pairs both ways; ids, pieces and the number of truncated tokens must be equal. The seed is fixed.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import transformers

TEXTS = 10_000
PAIRS = 2_000
SEED = 20260101
# roberta-fp32 of testdata/models lends its config.json.
CONFIG = "models/roberta-fp32/config.json"
NAMES = ["unigram", "byte_bpe", "wordpiece"]

WORDS = ["le", "peloton", "roule", "vent", "l'\u00e9t\u00e9", "\u0153ufs", "n'y", "the", "riders", "1 874", "7,5 %",
         "o\u00f9", "(fin)", "\u2014", "\u2026"]
# What tokenizers stumble over: special tokens in clear, the blank's own sign, joiners, marks, odd white space, bidi,
# composed and decomposed forms, case without a pair, ligatures, planes, noncharacters, controls.
HOSTILE = ["<s>", "</s>", "<mask>", " <mask> ", "<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "\u2581", "##", "\u0120",
           "\u200b", "\u200d", "\ufeff", "\u0301", "\u0345", "\u1ab0", "\u00a0", "\u2003", "\u2028", "\u3000", "\u202e",
           "e\u0301", "\u212b", "\u1e9b\u0323", "\u0130", "\u01c5", "\u00df", "\ufb03", "\u1100\u1161\u11a8",
           "\u65e5\u672c", "\u0e44\u0e17\u0e22",
           "\u0645\u0631\u062d\u0628\u0627", "\u05e9\u05dc\u05d5\u05dd", "\u0939\u093f\u0928\u094d\u0926\u0940",
           "\U0001f6b4\U0001f3fd\u200d\u2640\ufe0f", "\U0001f1eb\U0001f1f7", "\U0010ffff",
           "\ufffd", "\ufffe", "\x00", "\x1b", "\x7f", "\x85", "\t", "\r", "\n", "  "]


def any_character(random_source):
    """Any scalar value; the planes in use come up most."""
    limit = random_source.choice([0x80, 0x250, 0x3000, 0x10000, 0x110000])
    code = random_source.randrange(limit)
    return chr(code) if not 0xD800 <= code < 0xE000 else "\ud7ff"


def generate(random_source):
    kind = random_source.random()
    length = int(random_source.expovariate(1 / 8))
    if kind < 0.4:
        return " ".join(random_source.choice(WORDS) for _ in range(length))
    if kind < 0.8:
        return "".join(random_source.choice([*HOSTILE, *WORDS, " ", " "]) for _ in range(length))
    if kind < 0.97:
        return "".join(any_character(random_source) for _ in range(length * 2))
    return random_source.choice([*WORDS, *HOSTILE]) * random_source.randrange(1, 300)


def expected(tokenizer, rows, max_length):
    # In lists: called with plain strings, transformers forgets a second text that is empty.
    texts = [[row[key] for row in rows] for key in ("text", "pair") if key in rows[0]]
    whole = tokenizer(*texts)["input_ids"]
    for before, ids in zip(whole, tokenizer(*texts, truncation="longest_first", max_length=max_length)["input_ids"]):
        yield {"input_ids": ids, "tokens": tokenizer.convert_ids_to_tokens(ids), "truncated": len(before) - len(ids)}


def tokenize(paceline, model_dir, rows, paired):
    path = model_dir / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    command = [str(paceline), "tokenize", str(model_dir), "--input", str(path)]
    result = subprocess.run(command + (["--pair-column", "pair"] if paired else []), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in result.stdout.decode("utf-8").split("\n") if line]


def compare(paceline, model_dir, tokenizer, rows, paired):
    """How many rows differ; the first of them are shown."""
    max_length = json.loads((model_dir / "config.json").read_text())["max_position_embeddings"] - 2
    ours = tokenize(paceline, model_dir, rows, paired)
    if len(ours) != len(rows):
        sys.exit(f"[{model_dir.name}] {len(ours)} rows came back, expected {len(rows)}")
    different = 0
    for row, got, want in zip(rows, ours, expected(tokenizer, rows, max_length)):
        if any(got.get(key) != value for key, value in want.items()):
            different += 1
            if different <= 3:
                print(f"  text     {row!r}\n  expected {want}\n  got      {got}")
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paceline", type=pathlib.Path, required=True)
    parser.add_argument("--testdata", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    random_source = random.Random(SEED)
    texts = [{"text": generate(random_source)} for _ in range(TEXTS)]
    pairs = [{"text": generate(random_source), "pair": generate(random_source)} for _ in range(PAIRS)]
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in NAMES:
            model_dir = pathlib.Path(folder) / name
            model_dir.mkdir()
            # Of no class that would change it.
            file = arguments.testdata / f"tokenizers/{name}/tokenizer.json"
            transformers.PreTrainedTokenizerFast(tokenizer_file=str(file)).save_pretrained(model_dir)
            config = json.loads((arguments.testdata / CONFIG).read_text())
            config["transformers_version"] = transformers.__version__
            config["vocab_size"] = 4096  # more than any tokenizer here has
            config["type_vocab_size"] = 2  # pairs of WordPiece are of two types
            (model_dir / "config.json").write_text(json.dumps(config), encoding="utf-8")
            tokenizer = transformers.AutoTokenizer.from_pretrained(model_dir)
            for rows, paired in ((texts, False), (pairs, True)):
                different = compare(arguments.paceline, model_dir, tokenizer, rows, paired)
                print(f"{name}: {len(rows)} {'pairs' if paired else 'texts'}, {different} differ")
                failed += different
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
