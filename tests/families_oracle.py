"""Fresh random configurations of every architecture through Paceline on every backend, and through transformers in
double: the same logits in fp32, and in bf16 and int8 as close as such rounding allows. Three classifiers each, whose
texts are words that a tokenizer of one id a word reads, so that any id may stand anywhere, pad tokens too; pairs have
token types. And one encoder each, which has no labels, as `paceline bench` runs it.

It runs with transformers 4.57 and with 5: each version saves the folders, and its own answers are what is compared with.
The seed is printed; PACELINE_SEED=N in the environment draws the same configurations again.

usage: families_oracle.py --paceline BINARY --backends native,torch-eager
"""

import argparse
import json
import os
import pathlib
import tempfile
import time
import unittest

import torch
import transformers
from original_models import TOLERANCE, Original, relative_difference
from random_models import FAMILIES, Draw
from rounded_products import spread

import compare_transformers
import make_tiny_families
from peer_engines import PacelineEngine

OPTIONS = None
CONFIGURATIONS = 3  # with labels; one more has none
# Relative to the largest logit. ONNX Runtime's own exponentials and erf are coarser than those of the others.
TOLERANCES = {"onnxruntime": 1e-4, "onnxruntime-unpadded": 1e-4}
# A network may be so badly conditioned (a norm over three values that are nearly the same) that transformers itself in
# fp32 is farther from double than that. An engine's error is then as large, from as many roundings in another order: 4
# times, as either is the largest of many outputs.
AS_THE_ORIGINAL = 4
# Compute types that round more than fp32, by backend (the other form of the ONNX file differs in padding alone, which
# onnx_oracle.py looks at). How far that may lead an answer is not the same for any two networks: spread() moves the
# operands of the original's products by as much, at random. A text's error, root mean square over its outputs, is that of
# one more draw: sums of many roundings are spread normally, so that of some 50 texts the farthest is 3 spreads away; the
# spread is known to a third from four draws, and softmax and activations bend what is large: half of it again.
ROUNDED = {"native": ("bf16", "int8"), "onnxruntime": ("int8",)}
SPREADS = 6
LONGEST = 60  # tokens
FIRST, SEPARATOR = 3, 4  # ids of the special tokens
DECODERS = ("gpt2",)


def write_tokenizer(folder, kind, types, vocabulary):
    """One id a word: w0, w1, ... It hands out token types where `types` is true; else the original model gets none."""
    whole = {"type": "TemplateProcessing", "special_tokens": {
        f"w{id}": {"id": f"w{id}", "ids": [id], "tokens": [f"w{id}"]} for id in (FIRST, SEPARATOR)}}

    def special(id, type_id):
        return {"SpecialToken": {"id": f"w{id}", "type_id": type_id}}

    def text(name, type_id):
        return {"Sequence": {"id": name, "type_id": type_id}}

    # A decoder's text may end in padding.
    whole["single"] = [special(FIRST, 0), text("A", 0), *([] if kind in DECODERS else [special(SEPARATOR, 0)])]
    whole["pair"] = [*whole["single"], text("B", 1), special(SEPARATOR, 1)]
    tokenizer = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
                 "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": None,
                 "post_processor": whole,
                 "model": {"type": "WordLevel", "vocab": {f"w{id}": id for id in range(vocabulary)},
                           "unk_token": "w0"}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": names, "model_max_length": 60}),
        encoding="utf-8")


def make_rows(source, vocabulary, types, last):
    """Texts from empty to longer than what is read, pairs where the model reads token types; some end in `last`."""
    rows = []
    for length in [0, 1, 2, 3, 5, 9, 17, 30, 50, 58, 64, 90]:
        words = [f"w{source.randrange(vocabulary)}" for _ in range(length)]
        if last is not None and length % 2:
            words[-length // 2:] = [f"w{last}"] * len(words[-length // 2:])
        row = {"text": " ".join(words)}
        if types:
            row["pair"] = " ".join(f"w{source.randrange(vocabulary)}" for _ in range(source.randint(0, 30)))
        rows.append(row)
    return rows


class Drawn:
    """A random model of a family in a folder, and what transformers makes of some texts."""

    def __init__(self, family, index, temporary):
        draw = Draw(f"{OPTIONS.seed} {family} {index}")
        self.settings = FAMILIES[family](draw)
        self.labels = 0 if index == CONFIGURATIONS else draw.one(1, 2, 3, 1000)
        self.folder = temporary / "model"
        model = make_tiny_families.build_model(family, self.labels, self.settings, draw.source.randrange(1 << 30))
        model.save_pretrained(self.folder)
        self.original = Original(self.folder, torch.float64)
        kind, types = model.config.model_type, make_tiny_families.token_types_of(model.config)
        self.handed_out = types > 1 and draw.one(True, True, False)
        if self.labels:
            write_tokenizer(self.folder, kind, self.handed_out, make_tiny_families.VOCABULARY)
            tokenizer = compare_transformers.Original(self.folder)
            self.rows = make_rows(draw.source, make_tiny_families.VOCABULARY, types > 1, model.config.pad_token_id)
            self.inputs = [tokenizer.inputs(row, LONGEST) for row in self.rows]
        else:
            types = types if self.handed_out else 0
            self.inputs = [self.draw_tokens(draw.source, length, types) for length in [1, 2, 3, 5, 9, 17, 33, LONGEST]]
            self.rows = [one["input_ids"].tolist() for one in self.inputs]
        self.exact = torch.cat([self.original.padded(one) for one in self.inputs])

    @staticmethod
    def draw_tokens(source, length, types):
        drawn = {"input_ids": torch.tensor([[source.randrange(make_tiny_families.VOCABULARY) for _ in range(length)]])}
        drawn["attention_mask"] = torch.ones_like(drawn["input_ids"])
        if types > 1:
            drawn["token_type_ids"] = torch.tensor([[source.randrange(types) for _ in range(length)]])
        return drawn

    def answers(self, backend, compute_type):
        """[texts, outputs] of Paceline."""
        if self.labels:
            return compare_transformers.paceline_logits(OPTIONS.paceline, [self.folder], self.rows, backend, compute_type)
        types = "yes" if "token_type_ids" in self.inputs[0] else "no"
        engine = PacelineEngine(OPTIONS.paceline, self.folder, backend, 1, compute_type, types)
        try:
            ids, types = ([one[name][0].tolist() for one in self.inputs] if name in self.inputs[0] else None
                          for name in ("input_ids", "token_type_ids"))
            return torch.tensor(engine.logits(ids, types))
        finally:
            engine.close()

    def difference_of_original(self):
        """How far transformers in fp32 is from itself in double, of the largest logit."""
        original = Original(self.folder)
        return relative_difference(self.exact, torch.cat([original.padded(one) for one in self.inputs]))

    def rounding_spread(self, backend, compute_type):
        return spread(self.original, self.inputs, self.exact, compute_type, whole=backend != "native")


class FamiliesTest(unittest.TestCase):
    """One test for each architecture, made below."""

    def compare_one(self, family, index):
        with tempfile.TemporaryDirectory(prefix="paceline-oracle-") as temporary:
            os.environ["XDG_CACHE_HOME"] = temporary
            drawn = Drawn(family, index, pathlib.Path(temporary))
            for backend in OPTIONS.backends.split(","):
                for compute_type in ("fp32", *ROUNDED.get(backend, ())):
                    with self.subTest(family=family, settings=drawn.settings, labels=drawn.labels, backend=backend,
                                      compute_type=compute_type, types=drawn.handed_out):
                        self.compare_type(drawn, backend, compute_type)

    def compare_type(self, drawn, backend, compute_type):
        answers = drawn.answers(backend, compute_type)
        found = compare_transformers.compare(drawn.exact, answers)
        if compute_type == "fp32":
            most, difference = TOLERANCES.get(backend, TOLERANCE), found.relative
            if difference > most:
                most = max(most, AS_THE_ORIGINAL * drawn.difference_of_original())
        else:
            most = SPREADS * drawn.rounding_spread(backend, compute_type) + TOLERANCE * drawn.exact.abs().max().item()
            difference = (drawn.exact - answers).square().mean(dim=1).max().sqrt().item()
        if OPTIONS.show:
            print(f"{self.id().rpartition('_')[2]:<12} {drawn.labels:>4} {backend:<22} {compute_type} {found.relative:.1e}"
                  f" of the largest, {difference / max(most, 1e-30):.2f} of the bound", flush=True)
        self.assertLessEqual(difference, most, drawn.rows[found.farthest])


def test_of(family):
    def test(self):
        for index in range(CONFIGURATIONS + 1):
            self.compare_one(family, index)

    return test


for name in FAMILIES:
    setattr(FamiliesTest, f"test_{name}", test_of(name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paceline", type=pathlib.Path, required=True)
    parser.add_argument("--backends", default="native")
    parser.add_argument("--show", action="store_true", help="every difference")
    OPTIONS, REST = parser.parse_known_args()
    OPTIONS.seed = int(os.environ.get("PACELINE_SEED") or time.time_ns() % 1_000_000)

    torch.set_num_threads(1)  # the models are tiny; threads that wait for one another only take time
    print(f"PACELINE_SEED={OPTIONS.seed}, transformers {transformers.__version__}", flush=True)
    unittest.main(argv=["families_oracle.py", *REST])
