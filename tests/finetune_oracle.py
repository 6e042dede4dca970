"""Folders that `paceline finetune` writes: transformers loads them without a missing or unknown weight, and gives the logits
that Paceline gives.

usage: finetune_oracle.py --paceline BINARY --testdata testdata
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import torch
import transformers
from original_models import TOLERANCE

OPTIONS = None
TEXTS = ["w5 w6 w7", "w8", "w9 w10 w11 w12 w13 w14", "w20 w21 w22 w5"]
LABELS = ["anger", "joy", "sad"]
# A weight that XLNet reads while it is pre-trained, and never for a label.
NOT_CLASSIFYING = ["transformer.mask_emb"]


def give_tokenizer(folder):
    """Words w0, w1, ... for every id of the vocabulary."""
    config = json.loads((folder / "config.json").read_text())
    vocabulary = {f"w{i}": i for i in range(config["vocab_size"])}
    template = [{"SpecialToken": {"id": "w2", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": "w3", "type_id": 0}}]
    around = {"type": "TemplateProcessing", "single": template, "pair": [*template, {"Sequence": {"id": "B", "type_id": 0}}],
              "special_tokens": {name: {"id": name, "ids": [int(name[1:])], "tokens": [name]} for name in ("w2", "w3")}}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": around, "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "w4"}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 32}))


class FinetuneTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="paceline-finetune-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.data = self.folder / "data.jsonl"
        self.data.write_text("".join(json.dumps({"text": text, "label": label}) + "\n"
                                     for text in TEXTS for label in LABELS))

    def paceline(self, *arguments, stdin=b""):
        result = subprocess.run([OPTIONS.paceline, *map(str, arguments)], input=stdin, capture_output=True, check=False,
                                env={**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")})
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result.stdout.decode()

    def check(self, model, texts, *flags):
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        self.paceline("finetune", model, "--train", self.data, "--eval", self.data, "--out", out, "--steps", "2",
                      "--learning-rate", "1e-2", "--threads", "1", "--quiet", *flags)
        rows = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
        found = [json.loads(line)["logits"] for line in self.paceline(
            "classify", out, "--format", "jsonl", "--raw-logits", "--quiet", stdin=rows).splitlines()]
        tokenizer = transformers.AutoTokenizer.from_pretrained(out)
        loaded, about = transformers.AutoModelForSequenceClassification.from_pretrained(
            out, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            self.assertEqual([name for name in about[kind] if name not in NOT_CLASSIFYING], [], kind)
        names = [loaded.config.id2label[i] for i in range(loaded.config.num_labels)]
        self.assertEqual(names, json.loads((out / "training.json").read_text())["labels"])
        for text, logits in zip(texts, found, strict=True):
            encoded = tokenizer(text, return_tensors="pt")
            if loaded.config.model_type in ("distilbert", "mpnet"):  # which have no token types
                encoded.pop("token_type_ids", None)
            with torch.no_grad():
                expected = loaded.eval()(**encoded).logits[0]
            torch.testing.assert_close(torch.tensor(logits), expected, rtol=TOLERANCE, atol=TOLERANCE)

    def test_encoders_of_every_architecture(self):
        for source in sorted((OPTIONS.testdata / "families").glob("*-encoder")):
            with self.subTest(model=source.name):
                model = self.folder / source.name
                shutil.copytree(source, model)
                give_tokenizer(model)
                self.check(model, TEXTS)

    def test_models_with_their_own_tokenizers(self):
        for name in ("bert-encoder", "roberta-encoder"):
            with self.subTest(model=name):
                self.check(OPTIONS.testdata / "models" / name, ["hello world", "la vie est belle", ""])

    def test_a_new_head_in_place_of_another(self):
        self.check(OPTIONS.testdata / "models/roberta-fp16", ["hello world"], "--new-head")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--paceline", required=True)
    parser.add_argument("--testdata", type=pathlib.Path, required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[__file__, *rest])
