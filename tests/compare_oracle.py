"""tools/compare_transformers.py on a tiny model: texts and pairs, a hub id in the local cache, other weights; and that it
fails where it should.

usage: compare_oracle.py --paceline BINARY --testdata testdata
"""

import argparse
import csv
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import safetensors.torch
import torch

OPTIONS = None
TOOL = pathlib.Path(__file__).resolve().parents[1] / "tools/compare_transformers.py"
ROWS = [{"id": i, "first": first, "second": second} for i, (first, second) in enumerate([
    ("hello world", "la vie"), ("la vie est belle", ""), ("", "of course"), ("a much longer text " * 20, "short"),
    ("short", "a much longer text " * 20), ('it "quotes", and\nbreaks', "3.14")])]


class CompareTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="paceline-compare-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"), "HF_HOME": str(self.folder / "hf")}
        self.environment.pop("HF_HUB_CACHE", None)
        self.model = OPTIONS.testdata / "models/roberta-fp32"
        self.texts = self.folder / "texts.txt"
        self.texts.write_text("\n".join(row["first"].replace("\n", " ") for row in ROWS) + "\n", encoding="utf-8")

    def compare(self, *arguments, code=0):
        command = [sys.executable, TOOL, *arguments, "--paceline", OPTIONS.paceline]
        result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120,
                                env=self.environment)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout if code == 0 else result.stdout + result.stderr

    def test_texts_a_line_each(self):
        out = self.compare(self.model, self.texts, "--compute-types", "fp32,bf16,int8")
        self.assertIn("6 texts", out)
        self.assertEqual([line.split()[:2] for line in out.split("\n") if line.startswith("native")],
                         [["native", "fp32"], ["native", "bf16"], ["native", "int8"]])
        self.assertIn("2 texts", self.compare(self.model, self.texts, "--count", 2))

    def test_pairs_of_csv_and_jsonl(self):
        table, lines = self.folder / "pairs.csv", self.folder / "pairs.jsonl"
        with open(table, "w", encoding="utf-8", newline="") as opened:
            writer = csv.DictWriter(opened, ["id", "first", "second"])
            writer.writeheader()
            writer.writerows(ROWS)
        lines.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
        for model in ("bert-fp32", "roberta-fp32"):
            columns = ("--text-column", "first", "--pair-column", "second")
            outs = [self.compare(OPTIONS.testdata / "models" / model, file, *columns) for file in (table, lines)]
            self.assertIn("6 pairs", outs[0])
            self.assertEqual(outs[0], outs[1])
            alone = self.compare(OPTIONS.testdata / "models" / model, lines, "--text-column", "first")
            self.assertIn("6 texts", alone)
            self.assertNotEqual(alone, outs[0])

    def test_a_hub_id_in_the_local_cache(self):
        cached = self.folder / "hf/hub/models--someone--tiny"
        snapshot = cached / "snapshots/0123456789abcdef0123456789abcdef01234567"
        for part in (cached / "blobs", cached / "refs", snapshot):
            part.mkdir(parents=True)
        (cached / "refs/main").write_text(snapshot.name)
        for file in self.model.iterdir():
            shutil.copy(file, cached / "blobs" / file.name)
            (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
        expected = self.compare(self.model, self.texts)
        self.assertEqual(self.compare("someone/tiny", self.texts), expected)
        self.assertEqual(self.compare(f"someone/tiny@{snapshot.name}", self.texts), expected)
        self.assertIn("someone/other", self.compare("someone/other", self.texts, code=1))

    def test_other_weights(self):
        tensors = safetensors.torch.load_file(self.model / "model.safetensors")
        bare = {name: tensor * 1.25 for name, tensor in tensors.items()}
        prefixed = {"state_dict": {"model." + name: tensor for name, tensor in bare.items()}, "epoch": 3}
        safetensors.torch.save_file(bare, self.folder / "bare.safetensors")
        torch.save(prefixed, self.folder / "best.ckpt")
        torch.save(bare, self.folder / "old.pt", _use_new_zipfile_serialization=False)
        outs = [self.compare(self.model, self.texts, "--weights", self.folder / "bare.safetensors"),
                self.compare(self.model, self.texts, "--weights", self.folder / "old.pt"),
                self.compare(self.model, self.texts, "--weights", self.folder / "best.ckpt", "--prefix", "model")]
        self.assertEqual(set(outs), {outs[0]})
        self.assertNotEqual(outs[0], self.compare(self.model, self.texts))
        self.compare(self.model, self.texts, "--weights", self.folder / "best.ckpt", code=1)

    def test_what_is_too_far_or_wrong_fails(self):
        self.assertIn("furthest for text", self.compare(self.model, self.texts, "--tolerance", "1e-12", code=1))
        self.assertIn("encoder", self.compare(OPTIONS.testdata / "models/roberta-encoder", self.texts, code=1))
        self.assertIn(".csv or .jsonl", self.compare(self.model, self.texts, "--pair-column", "b", code=1))
        self.assertIn("--weights", self.compare(self.model, self.texts, "--prefix", "model", code=2))
        lines = self.folder / "a.jsonl"
        lines.write_text('{"text": "a"}\n{"other": "b"}\n')
        self.assertIn("Text 2", self.compare(self.model, lines, code=1))


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser(description=__doc__)
    PARSER.add_argument("--paceline", type=pathlib.Path, required=True)
    PARSER.add_argument("--testdata", type=pathlib.Path, required=True)
    OPTIONS, REST = PARSER.parse_known_args()
    unittest.main(argv=["compare_oracle.py", *REST])
