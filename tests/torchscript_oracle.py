"""Checks exported TorchScript files in Python's torch: traced and scripted, they load, give the logits of transformers
and bear the checkpoint's names, on every tiny model that can be written so.

usage: torchscript_oracle.py --paceline BUILD/paceline --testdata testdata
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import torch
import transformers
from original_models import TOLERANCE, Original, all_feeds, model_folders, relative_difference, types_setting

OPTIONS = None


def can_be_scripted(config):
    """Only a trace has relative or rotary positions, windows and convolutions."""
    kind = config.model_type
    if kind == "deberta-v2":
        return not config.relative_attention and getattr(config, "conv_kernel_size", 0) <= 0
    if kind in ("xlm", "flaubert"):
        return not config.causal
    return kind not in ("mpnet", "modernbert", "gpt2", "xlnet")


def models_and_ways():
    """Every checkpoint with the ways in which it can be written."""
    for folder in model_folders(*OPTIONS.models):
        config = transformers.AutoConfig.from_pretrained(folder)
        yield folder, config, ("trace", "script") if can_be_scripted(config) else ("trace",)


class TorchscriptTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="paceline-torchscript-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_export(self, model, how, compute_type="fp32"):
        file = self.folder / f"{how}-{compute_type}.pt"
        command = [OPTIONS.paceline, "export", model, "--to", "torchscript", "--how", how, "--compute-type",
                   compute_type, "--out", file, "--token-types", types_setting(model)]
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")}
        return file, subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120,
                                    env=environment, check=False)

    def export(self, model, how, compute_type="fp32"):
        file, result = self.run_export(model, how, compute_type)
        self.assertEqual(result.returncode, 0, result.stderr)
        return file

    def assert_close(self, want, got, tolerance=TOLERANCE):
        self.assertEqual(want.shape, got.shape)
        self.assertEqual(got.dtype, torch.float32)
        self.assertLess(relative_difference(want, got), tolerance)

    def test_both_ways_agree_with_transformers(self):
        for model, config, ways in models_and_ways():
            original = Original(model)
            cases = [(feed, original.alone(feed)) for feed in all_feeds(config)]
            for how in ways:
                with self.subTest(model=model.name, how=how), torch.no_grad():
                    loaded = torch.jit.load(self.export(model, how))
                    frozen = torch.jit.freeze(loaded.eval())
                    for feed, want in cases:
                        for _ in range(3):  # the executor watches the first runs and specialises later ones
                            self.assert_close(want, loaded(**feed))
                        self.assert_close(want, frozen(*feed.values()))
                    self.compare_names(original, loaded.state_dict())
                    if how == "script":
                        self.compare_without_mask(loaded, [feed for feed, _ in cases])

    def compare_without_mask(self, loaded, batches):
        """A script without a mask takes every token."""
        for feed in batches:
            everything = {**feed, "attention_mask": torch.ones_like(feed["input_ids"])}
            without = {name: value for name, value in feed.items() if name != "attention_mask"}
            # The mask only adds zeros to scores; a kernel that sees none may order its sums otherwise.
            self.assert_close(loaded(**everything), loaded(**without))

    def compare_names(self, original, state):
        """Weights keep the checkpoint's names and bytes."""
        wanted = original.model.state_dict()
        self.assertGreater(len(state), 10)
        for name, values in state.items():
            self.assertTrue(torch.equal(values, wanted[name]), name)

    def test_what_cannot_be_scripted_is_refused_by_name(self):
        refused = 0
        for model, _, ways in models_and_ways():
            if "script" not in ways:
                _, result = self.run_export(model, "script")
                self.assertEqual(result.returncode, 3, model.name)
                self.assertIn("Use --how trace", result.stderr)
                refused += 1
        self.assertGreater(refused, 10 if transformers.__version__.startswith("4.") else 5)

    def test_a_script_holds_no_trace(self):
        code = torch.jit.load(self.export(model_folders(*OPTIONS.models)[0], "script")).code
        self.assertIn("attention_mask: Optional[Tensor]=None", code)
        self.assertIn("if ", code)

    def test_bf16_files_hold_bf16_and_answer_as_transformers_does_in_bf16(self):
        model = OPTIONS.testdata / "models/roberta-fp32"
        original = Original(model, torch.bfloat16, "sdpa")
        for how in ("trace", "script"):
            with self.subTest(how=how), torch.no_grad():
                loaded = torch.jit.load(self.export(model, how, "bf16"))
                self.assertEqual({p.dtype for p in loaded.parameters()}, {torch.bfloat16})
                for feed in all_feeds(original.config):
                    # The same operators in the same format; a mask of another form may round the scores otherwise.
                    self.assert_close(original.padded(feed).float(), loaded(**feed), 2 / 256)

    def test_the_file_says_what_it_is(self):
        metadata = {"paceline.json": ""}
        torch.jit.load(self.export(model_folders(*OPTIONS.models)[0], "trace"), _extra_files=metadata)
        found = json.loads(metadata["paceline.json"])
        self.assertEqual((found["how"], found["compute_type"]), ("trace", "fp32"))
        self.assertRegex(found["paceline_checkpoint"], r"^[0-9a-f]{32}$")


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paceline", type=pathlib.Path, required=True)
    parser.add_argument("--testdata", type=pathlib.Path, required=True)
    OPTIONS, rest = parser.parse_known_args()
    OPTIONS.models = [OPTIONS.testdata / "models", OPTIONS.testdata / "families"]
    torch.set_num_threads(1)  # the models are tiny; threads that wait for one another only take time
    print(json.dumps({m.__name__: m.__version__ for m in (torch, transformers)}))
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
