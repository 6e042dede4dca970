"""Weights as torch itself saves them, in every form and type: `paceline classify` answers as from safetensors.

usage: weights_oracle.py --paceline BINARY --models testdata/models
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import safetensors.torch
import torch

OPTIONS = None
TEXTS = ["hello world", "la vie est belle", "", "a much longer text " * 8]
TYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16, "fp64": torch.float64}


def classify(model, *flags):
    with tempfile.TemporaryDirectory() as cache:
        result = subprocess.run([OPTIONS.paceline, "classify", str(model), "--format", "txt", "--all-labels",
                                 "--raw-logits", "--quiet", *map(str, flags)], input="\n".join(TEXTS).encode(),
                                capture_output=True, check=True, timeout=300,
                                env={**os.environ, "XDG_CACHE_HOME": cache})
    return result.stdout


def shard(folder, tensors):
    names = sorted(tensors)
    weight_map = {name: f"pytorch_model-0000{1 + i % 2}-of-00002.bin" for i, name in enumerate(names)}
    for file in set(weight_map.values()):
        torch.save({name: tensors[name] for name in names if weight_map[name] == file}, folder / file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))


class WeightsTest(unittest.TestCase):
    def models(self):
        """Each model with labels: its tensors, and a copy of its folder without weights."""
        for model in sorted(OPTIONS.models.iterdir()):
            if not (model / "model.safetensors").exists() or model.name.endswith("-encoder"):
                continue
            with self.subTest(model.name), tempfile.TemporaryDirectory() as temporary:
                folder = pathlib.Path(temporary) / "model"
                shutil.copytree(model, folder)
                (folder / "model.safetensors").unlink()
                yield folder, safetensors.torch.load_file(model / "model.safetensors")

    def test_every_form_and_type(self):
        for folder, tensors in self.models():
            for name, dtype in TYPES.items():
                stored = {key: tensor.to(dtype) for key, tensor in tensors.items()}
                safetensors.torch.save_file(stored, folder / "model.safetensors")
                expected = classify(folder)
                (folder / "model.safetensors").unlink()
                for zipped in (True, False):
                    torch.save(stored, folder / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
                    self.assertEqual(classify(folder), expected, (name, zipped))
                    (folder / "pytorch_model.bin").unlink()

    def test_shards_prefixes_and_views(self):
        for folder, tensors in self.models():
            safetensors.torch.save_file(tensors, folder / "model.safetensors")
            expected = classify(folder)
            (folder / "model.safetensors").unlink()
            lightning = {"epoch": 1, "state_dict": {"model." + key: tensor for key, tensor in tensors.items()}}
            torch.save(lightning, folder / "last.ckpt")
            self.assertEqual(classify(folder, "--weights", folder / "last.ckpt", "--prefix", "model"), expected)
            views = {key: tensor.t().contiguous().t() if tensor.dim() == 2 else tensor
                     for key, tensor in tensors.items()}
            torch.save(views, folder / "views.pt")
            self.assertEqual(classify(folder, "--weights", folder / "views.pt"), expected)
            shard(folder, tensors)
            self.assertEqual(classify(folder), expected)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--paceline", required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[__file__, *rest])
