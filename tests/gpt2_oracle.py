"""GPT-2 with a byte-level BPE of its own, end to end: texts through `paceline classify` and through transformers' own
tokenizer and model, one by one and in padded batches, with the version that this Python has. transformers pools the last
token whose id is not the padding id; without one it takes single texts only.

usage: gpt2_oracle.py --paceline BINARY --backends native,torch-eager
"""

import argparse
import json
import os
import pathlib
import tempfile
import unittest

import tokenizers
import torch
import transformers
from original_models import TOLERANCE, relative_difference

import compare_transformers

OPTIONS = None
POSITIONS = 48
END = "<|endoftext|>"
WORDS = ("la vie est belle \u00e9t\u00e9 na\u00efve \u4e16\u754c \U0001f600 "
         "hello WORLD, it's 3.14 (of) course; we've 1000  x\ty").split(" ")
TEXTS = [
    "hello", "hello world", "it's a  text with   blanks ", " la vie est belle", "\u4e16\u754c \U0001f600 na\u00efve", "\t\n x",
    f"a text that ends in padding{END}", f"and twice{END}{END}", f"{END}before and {END} within", END, f"{END}{END}",
    "much longer than what the model reads " * 9, f"{'cut inside ' * 30}{END}", "?", "3.14159265358979", "we've they're I'd",
]


def make_vocabulary(folder):
    """vocab.json and merges.txt, learnt from a few words."""
    bpe = tokenizers.ByteLevelBPETokenizer()
    bpe.train_from_iterator([" ".join(WORDS[i:] + WORDS[:i]) for i in range(len(WORDS))] + TEXTS, vocab_size=400,
                            min_frequency=1, special_tokens=[END], show_progress=False)
    bpe.save_model(str(folder))


def make_tokenizer(folder, layout):
    """As its files lie in a model's folder: both vocabulary files and no tokenizer.json, or that alone."""
    make_vocabulary(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "GPT2Tokenizer", "model_max_length": POSITIONS, "add_prefix_space": False}))
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    if layout == "tokenizer.json":
        tokenizer.save_pretrained(folder)
        for name in ("vocab.json", "merges.txt"):
            (folder / name).unlink(missing_ok=True)
    return tokenizer


def make_model(folder, vocabulary, pad_token_id):
    config = transformers.GPT2Config(vocab_size=vocabulary, n_embd=36, n_layer=2, n_head=3, n_positions=POSITIONS,
                                     num_labels=3, pad_token_id=pad_token_id, bos_token_id=0, eos_token_id=0)
    torch.manual_seed(3)
    model = transformers.GPT2ForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():  # far enough from their initial values that each matters
            parameter.add_(0.2 * torch.randn_like(parameter))
    model.save_pretrained(folder)


class Gpt2Test(unittest.TestCase):
    def check(self, layout, padding):
        with tempfile.TemporaryDirectory(prefix="paceline-gpt2-") as temporary:
            os.environ["XDG_CACHE_HOME"] = temporary
            folder = pathlib.Path(temporary) / "model"
            folder.mkdir()
            tokenizer = make_tokenizer(folder, layout)
            pads = {"none": None, "end of text": tokenizer.eos_token_id, "a token of texts": tokenizer.encode("?")[0]}
            make_model(folder, len(tokenizer), pads[padding])
            original = compare_transformers.Original(folder)
            rows = [{"text": text} for text in TEXTS]
            alone = original.logits(rows, POSITIONS)
            if padding != "none":
                self.assertLess(relative_difference(alone, self.in_batches(original, pads[padding])), TOLERANCE)
            for backend in OPTIONS.backends.split(","):
                for size in (1, 5, 64):
                    with self.subTest(layout=layout, padding=padding, backend=backend, batch=size):
                        found = compare_transformers.paceline_logits(
                            OPTIONS.paceline, [folder, "--batch-sizes", size], rows, backend, "fp32")
                        self.assertLess(relative_difference(alone, found), TOLERANCE)

    @torch.no_grad()
    def in_batches(self, original, pad):
        """As transformers classifies several texts at once, padded behind with the model's padding id."""
        original.tokenizer.pad_token = original.tokenizer.convert_ids_to_tokens(pad)
        original.tokenizer.padding_side = "right"
        answers = []
        for first in range(0, len(TEXTS), 5):
            inputs = original.tokenizer(TEXTS[first:first + 5], padding=True, truncation=True, max_length=POSITIONS,
                                        return_tensors="pt")
            answers.append(original.model(**inputs).logits)
        return torch.cat(answers)

    def test_ids_are_those_of_transformers(self):
        for layout in ("vocab.json", "tokenizer.json"):
            with self.subTest(layout=layout), tempfile.TemporaryDirectory(prefix="paceline-gpt2-") as temporary:
                folder = pathlib.Path(temporary)
                tokenizer = make_tokenizer(folder, layout)
                make_model(folder, len(tokenizer), None)
                answers = compare_transformers.run_paceline(
                    OPTIONS.paceline, "tokenize", folder, "--format", "jsonl",
                    text="\n".join(json.dumps({"text": text}) for text in TEXTS))
                ids = [json.loads(answer)["input_ids"] for answer in answers.split("\n") if answer]
                self.assertEqual(ids, tokenizer(TEXTS, truncation=True, max_length=POSITIONS)["input_ids"])

    def test_vocabulary_files(self):
        for padding in ("none", "end of text", "a token of texts"):
            self.check("vocab.json", padding)

    def test_tokenizer_json(self):
        for padding in ("none", "end of text"):
            self.check("tokenizer.json", padding)

    def test_a_text_without_tokens_gets_an_error(self):
        with tempfile.TemporaryDirectory(prefix="paceline-gpt2-") as temporary:
            folder = pathlib.Path(temporary)
            make_model(folder, len(make_tokenizer(folder, "vocab.json")), None)
            answers = compare_transformers.run_paceline(OPTIONS.paceline, "classify", folder, "--format", "jsonl",
                                                        "--quiet", text='{"text": ""}\n{"text": "hello"}')
            empty, full = (json.loads(answer) for answer in answers.split("\n") if answer)
            self.assertIn("error", empty)
            self.assertIn("label", full)


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description=__doc__)
    PARSER.add_argument("--paceline", type=pathlib.Path, required=True)
    PARSER.add_argument("--backends", default="native")
    OPTIONS, REST = PARSER.parse_known_args()
    torch.set_num_threads(1)
    unittest.main(argv=["gpt2_oracle.py", *REST])
