"""Checks exported TorchScript files in Python's torch: traced and scripted, they load, give the logits of transformers
and bear the checkpoint's names, on every model of a folder.

usage: torchscript_oracle.py --paceline BUILD/paceline --models testdata/models
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
from original_models import TOLERANCE, longest, model_folders, original

OPTIONS = None


def feeds(config):
    """Batches of one token, of equal lengths, of ragged lengths with pad tokens within, and of the longest."""
    generator = torch.Generator().manual_seed(5)
    limit = longest(config)
    for lengths in ([1], [7, 7], [3, 1, 9, 5], [limit, 2]):
        feed = {"input_ids": torch.full((len(lengths), max(lengths)), config.pad_token_id)}
        feed["attention_mask"] = torch.zeros_like(feed["input_ids"])
        if config.type_vocab_size > 1:
            feed["token_type_ids"] = torch.zeros_like(feed["input_ids"])
        for row, length in enumerate(lengths):
            feed["input_ids"][row, :length] = torch.randint(config.pad_token_id + 1, config.vocab_size, (length,),
                                                            generator=generator)
            if len(lengths) > 3:
                feed["input_ids"][row, 1:length:3] = config.pad_token_id
            feed["attention_mask"][row, :length] = 1
            if "token_type_ids" in feed:
                feed["token_type_ids"][row, :length] = torch.randint(0, config.type_vocab_size, (length,),
                                                                     generator=generator)
        yield feed


class TorchscriptTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="paceline-torchscript-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def export(self, model, how, compute_type="fp32"):
        file = self.folder / f"{how}-{compute_type}.pt"
        command = [OPTIONS.paceline, "export", model, "--to", "torchscript", "--how", how, "--compute-type",
                   compute_type, "--out", file]
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")}
        result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, env=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        return file

    def assert_close(self, want, got, tolerance=TOLERANCE):
        self.assertEqual(want.shape, got.shape)
        self.assertEqual(got.dtype, torch.float32)
        self.assertLess(((want - got).abs().max() / want.abs().max()).item(), tolerance)

    def test_both_ways_agree_with_transformers(self):
        for model in model_folders(OPTIONS.models):
            config, _, expected = original(model, "sdpa")
            for how in ("trace", "script"):
                with self.subTest(model=model.name, how=how), torch.no_grad():
                    loaded = torch.jit.load(self.export(model, how))
                    frozen = torch.jit.freeze(loaded.eval())
                    for feed in feeds(config):
                        for _ in range(3):  # the executor watches the first runs and specialises later ones
                            self.assert_close(expected(feed), loaded(**feed))
                        self.assert_close(expected(feed), frozen(*feed.values()))

    def test_a_script_without_a_mask_takes_every_token(self):
        for model in model_folders(OPTIONS.models):
            config, _, _ = original(model, "sdpa")
            with self.subTest(model=model.name), torch.no_grad():
                loaded = torch.jit.load(self.export(model, "script"))
                for feed in feeds(config):
                    everything = {**feed, "attention_mask": torch.ones_like(feed["input_ids"])}
                    without = {name: value for name, value in feed.items() if name != "attention_mask"}
                    # The mask only adds zeros to scores; a kernel that sees none may order its sums otherwise.
                    self.assert_close(loaded(**everything), loaded(**without))

    def test_a_script_holds_no_trace(self):
        code = torch.jit.load(self.export(model_folders(OPTIONS.models)[0], "script")).code
        self.assertIn("attention_mask: Optional[Tensor]=None", code)
        self.assertIn("if ", code)

    def test_weights_keep_the_checkpoints_names_and_bytes(self):
        for model in model_folders(OPTIONS.models):
            _, module, _ = original(model, "sdpa")
            wanted = module.state_dict()
            for how in ("trace", "script"):
                with self.subTest(model=model.name, how=how):
                    state = torch.jit.load(self.export(model, how)).state_dict()
                    self.assertGreater(len(state), 10)
                    for name, values in state.items():
                        self.assertTrue(torch.equal(values, wanted[name]), name)

    def test_bf16_files_hold_bf16_and_answer_as_transformers_does_in_bf16(self):
        model = OPTIONS.models / "roberta-fp32"
        config, _, expected = original(model, "sdpa", torch.bfloat16)
        for how in ("trace", "script"):
            with self.subTest(how=how), torch.no_grad():
                loaded = torch.jit.load(self.export(model, how, "bf16"))
                self.assertEqual({p.dtype for p in loaded.parameters()}, {torch.bfloat16})
                for feed in feeds(config):
                    # The same operators in the same format; a mask of another form may round the scores otherwise.
                    self.assert_close(expected(feed).float(), loaded(**feed), 2 / 256)

    def test_the_file_says_what_it_is(self):
        metadata = {"paceline.json": ""}
        torch.jit.load(self.export(model_folders(OPTIONS.models)[0], "trace"), _extra_files=metadata)
        found = json.loads(metadata["paceline.json"])
        self.assertEqual((found["how"], found["compute_type"]), ("trace", "fp32"))
        self.assertRegex(found["paceline_checkpoint"], r"^[0-9a-f]{32}$")


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paceline", type=pathlib.Path, required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    OPTIONS, rest = parser.parse_known_args()
    torch.set_num_threads(1)  # the models are tiny; threads that wait for one another only take time
    print(json.dumps({m.__name__: m.__version__ for m in (torch, transformers)}))
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
