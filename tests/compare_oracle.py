"""tools/compare_transformers.py on a tiny model: texts and pairs, a hub id in the local cache, other weights; and that it
fails where it should.

usage: compare_oracle.py --paceline BINARY --testdata testdata
"""

import argparse
import contextlib
import csv
import io
import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest
from unittest import mock

HUB = tempfile.TemporaryDirectory(prefix="paceline-hub-")
os.environ.update(HF_HOME=HUB.name, HF_HUB_OFFLINE="1")  # read when transformers is imported
os.environ.pop("HF_HUB_CACHE", None)

import original_models  # noqa: E402, F401, finds the tools
import safetensors.torch  # noqa: E402
import torch  # noqa: E402
from random_models import VERSION_5  # noqa: E402

import compare_transformers  # noqa: E402

OPTIONS = None
ROWS = [{"id": i, "first": first, "second": second} for i, (first, second) in enumerate([
    ("hello world", "la vie"), ("la vie est belle", ""), ("", "of course"), ("a much longer text " * 20, "short"),
    ("short", "a much longer text " * 20), ('it "quotes", and\nbreaks', "3.14")])]


class CompareTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="paceline-compare-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        os.environ["XDG_CACHE_HOME"] = str(self.folder / "cache")
        # Of the version that reads them here.
        names = ("saved_by_5/roberta-prefix", "saved_by_5/bert") if VERSION_5 else ("models/roberta-fp32", "models/bert-fp32")
        self.models = [OPTIONS.testdata / name for name in names]
        self.model = self.models[0]
        self.texts = self.folder / "texts.txt"
        self.texts.write_text("\n".join(row["first"].replace("\n", " ") for row in ROWS) + "\n", encoding="utf-8")

    def compare(self, *arguments, code=0):
        """What the script says; it has to end with that exit code."""
        said = io.StringIO()
        command = [compare_transformers.__file__, *map(str, arguments), "--paceline", str(OPTIONS.paceline)]
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), mock.patch.object(sys, "argv", command):
            try:
                result = compare_transformers.main()
            except SystemExit as left:  # with a message: 1
                result = left.code if isinstance(left.code, int) else 1
                said.write("" if isinstance(left.code, int) else str(left.code))
        self.assertEqual(result, code, said.getvalue())
        return said.getvalue()

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
        for model in self.models:
            columns = ("--text-column", "first", "--pair-column", "second")
            outs = [self.compare(model, file, *columns) for file in (table, lines)]
            self.assertIn("6 pairs", outs[0])
            self.assertEqual(*(out.split("\n")[0] for out in outs))
            alone = self.compare(model, lines, "--text-column", "first")
            self.assertIn("6 texts", alone)
            self.assertNotEqual(alone.split("\n")[0].replace("texts", "pairs"), outs[0].split("\n")[0])

    def test_a_hub_id_in_the_local_cache(self):
        cached = pathlib.Path(HUB.name) / "hub/models--someone--tiny"
        snapshot = cached / "snapshots/0123456789abcdef0123456789abcdef01234567"
        for part in (cached / "blobs", cached / "refs", snapshot):
            part.mkdir(parents=True)
        (cached / "refs/main").write_text(snapshot.name)
        for file in self.model.iterdir():
            shutil.copy(file, cached / "blobs" / file.name)
            (snapshot / file.name).symlink_to(f"../../blobs/{file.name}")
        expected = self.compare(self.model, self.texts).split("\n")[0]
        for id in ("someone/tiny", f"someone/tiny@{snapshot.name}"):
            self.assertEqual(self.compare(id, self.texts).split("\n")[0], expected)
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
        logits = [out.split("\n")[0] for out in outs]  # sums may round otherwise where weights lie elsewhere in memory
        self.assertEqual(set(logits), {logits[0]})
        self.assertNotEqual(logits[0], self.compare(self.model, self.texts).split("\n")[0])
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
    torch.set_num_threads(1)
    unittest.main(argv=["compare_oracle.py", *REST])
