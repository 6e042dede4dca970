"""Checks exported ONNX files against the originals: onnx's own checker with full shape inference, and the logits of
transformers, for each form and opset, on every model of a folder; int8 against the original in int8, and for the
kernels that ONNX Runtime makes of it.

usage: onnx_oracle.py --tool BUILD/onnx_export_tool --models testdata/models
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from original_models import TOLERANCE, longest, model_folders, original
from quantised_original import quantise

OPTIONS = None
PORTABLE_OPSETS = range(11, 22)
VARIANTS = [("fast", 23), ("unpadded", 23), *(("portable", opset) for opset in PORTABLE_OPSETS)]
INT8_FORMS = ("fast", "unpadded", "portable")
DENSE_LAYERS_OF_A_BLOCK = 6
# How far int8 may lead a first token's state from fp32's, of its length, for one block. Rounding to a step errs by
# step / sqrt 12: an activation's step is its range, some 8 standard deviations, over 255, 0.9 %; a weight's its row's
# largest, some 3, over 127, 0.7 %: together 1.15 % of a product. Two products follow each other in either branch of a
# block, and branches are added to what they read: 1.15 % * sqrt 4 = 2.3 %. Twice that, as the worst of many texts.
INT8_STATE = 0.046


def export(folder, file, **settings):
    command = [OPTIONS.tool, folder, file, *(f"{key}={value}" for key, value in settings.items())]
    environment = {**os.environ, "XDG_CACHE_HOME": str(file.parent / "cache")}
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120,
                            env=environment)
    if result.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {result.stderr}")
    return file


def original_arrays(folder):
    """The model's configuration, and the model as a function of arrays."""
    config, _, run = original(folder, "eager")
    return config, lambda feed: run({name: torch.from_numpy(value) for name, value in feed.items()}).numpy()


def feeds(config, left_padding=False, pad_inside=False):
    """Batches of one token, of equal lengths, of ragged lengths, and of the longest sequence the model takes. With
    `pad_inside` every third token of a sequence is the pad token, which attention does see."""
    rng = np.random.default_rng(5)
    limit = longest(config)
    for lengths in ([1], [7, 7], [3, 1, 9, 5], [limit, 2]):
        width = max(lengths)
        feed = {"input_ids": np.full((len(lengths), width), config.pad_token_id, np.int64)}
        feed["attention_mask"] = np.zeros_like(feed["input_ids"])
        if config.type_vocab_size > 1:
            feed["token_type_ids"] = np.zeros_like(feed["input_ids"])
        for row, length in enumerate(lengths):
            where = slice(width - length, width) if left_padding else slice(0, length)
            feed["input_ids"][row, where] = rng.integers(config.pad_token_id + 1, config.vocab_size, length)
            if pad_inside:
                feed["input_ids"][row, where][1::3] = config.pad_token_id
            feed["attention_mask"][row, where] = 1
            if "token_type_ids" in feed:
                feed["token_type_ids"][row, where] = rng.integers(0, config.type_vocab_size, length)
        yield feed


def check_file(file):
    """The checker and strict shape inference; an external file's parts are found beside it."""
    onnx.checker.check_model(str(file), full_check=True)
    onnx.shape_inference.infer_shapes(onnx.load(file, load_external_data=False), check_type=True, strict_mode=True)


def session(file, optimised=None):
    """With `optimised` the graph that ONNX Runtime runs is written there."""
    options = onnxruntime.SessionOptions()
    if optimised:
        options.optimized_model_filepath = str(optimised)
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


class Int8Twin:
    """A model beside itself in int8, both as transformers runs them."""

    def __init__(self, folder, unpadded):
        self.config, self.model, _ = original(folder, "eager")
        _, self.quantised, self.run = original(folder, "eager")
        self.tell_mask = quantise(self.quantised, unpadded)

    def tensors(self, feed):
        inputs = {name: torch.from_numpy(value) for name, value in feed.items()}
        self.tell_mask(inputs["attention_mask"])
        return inputs

    def difference(self, loaded, feed):
        """Between an exported file and the quantised original, of the largest logit."""
        want = self.run(self.tensors(feed)).numpy()
        return np.abs(want - loaded.run(None, feed)[0]).max() / np.abs(want).max()

    @torch.no_grad()
    def lost_to_int8(self, feed):
        """How far the quantised original's first token is from the original's, of its length; the worst of a batch."""
        inputs = self.tensors(feed)
        want, got = (model.base_model(**inputs).last_hidden_state[:, 0] for model in (self.model, self.quantised))
        return ((want - got).norm(dim=1) / want.norm(dim=1)).max().item()


class ExportTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="paceline-onnx-")
        self.addCleanup(self.folder.cleanup)
        self.file = pathlib.Path(self.folder.name) / "model.onnx"

    def compare(self, run, expected, config, **kinds):
        for feed in feeds(config, **kinds):
            want, got = expected(feed), run(feed)
            self.assertEqual(want.shape, got.shape)
            difference = np.abs(want - got).max() / np.abs(want).max()
            self.assertLess(difference, TOLERANCE, f"batch {feed['attention_mask'].sum(1)}")

    def test_every_form_and_opset_agrees_with_the_original(self):
        for folder in model_folders(OPTIONS.models):
            config, expected = original_arrays(folder)
            for form, opset in VARIANTS:
                with self.subTest(model=folder.name, form=form, opset=opset):
                    export(folder, self.file, form=form, opset=opset)
                    check_file(self.file)
                    loaded = session(self.file)
                    self.compare(lambda feed: loaded.run(None, feed)[0], expected, config)
                    self.compare(lambda feed: loaded.run(None, feed)[0], expected, config, pad_inside=True)
                    if form == "portable":
                        self.compare(lambda feed: loaded.run(None, feed)[0], expected, config, left_padding=True)

    def test_int8_is_the_original_in_int8(self):
        """A state that lies in the middle between two steps, but for fp32's rounding, may fall on either side: one batch
        of a model may differ by such steps."""
        for folder in model_folders(OPTIONS.models):
            for form in INT8_FORMS:
                with self.subTest(model=folder.name, form=form):
                    check_file(export(folder, self.file, form=form, compute_type="int8"))
                    twin = Int8Twin(folder, unpadded=form == "unpadded")
                    loaded = session(self.file)
                    batches = [feed for inside in (False, True) for feed in feeds(twin.config, pad_inside=inside)]
                    differences = [twin.difference(loaded, feed) for feed in batches]
                    self.assertLess(sorted(differences)[-2], TOLERANCE, differences)
                    bound = INT8_STATE * twin.config.num_hidden_layers ** 0.5
                    self.assertLess(max(map(twin.lost_to_int8, batches)), bound)

    def test_onnx_runtime_fuses_every_product_in_int8(self):
        for folder in model_folders(OPTIONS.models):
            config = transformers.AutoConfig.from_pretrained(folder)
            for form in INT8_FORMS:
                with self.subTest(model=folder.name, form=form):
                    optimised = self.file.with_name("optimised.onnx")
                    session(export(folder, self.file, form=form, compute_type="int8"), optimised)
                    found = collections.Counter(node.op_type for node in onnx.load(optimised).graph.node)
                    fused = found["DynamicQuantizeMatMul"] + found["MatMulIntegerToFloat"]
                    self.assertEqual(fused, DENSE_LAYERS_OF_A_BLOCK * config.num_hidden_layers, found)
                    self.assertEqual(found["MatMulInteger"], 0, found)
                    # What attention reads is quantised once for its three products; the last block's query by itself.
                    self.assertEqual(found["DynamicQuantizeLinear"], config.num_hidden_layers, found)

    def test_names_types_and_metadata_are_what_was_asked_for(self):
        folder = model_folders(OPTIONS.models)[0]
        config, expected = original_arrays(folder)
        for form in ("fast", "unpadded", "portable"):
            with self.subTest(form=form):
                export(folder, self.file, form=form, input_ids="ids", attention_mask="mask", token_type_ids="types",
                       output="scores", dtype="int32")
                check_file(self.file)
                model = onnx.load(self.file)
                self.assertEqual([i.name for i in model.graph.input][:2], ["ids", "mask"])
                self.assertEqual([o.name for o in model.graph.output], ["scores"])
                self.assertEqual(model.producer_name, "paceline")
                self.assertIn("paceline_checkpoint", {entry.key for entry in model.metadata_props})
                for value in model.graph.input:
                    self.assertEqual(value.type.tensor_type.elem_type, onnx.TensorProto.INT32)
                    self.assertEqual([d.dim_param for d in value.type.tensor_type.shape.dim], ["batch", "sequence"])
                loaded = session(self.file)
                names = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}
                self.compare(
                    lambda feed: loaded.run(["scores"], {names[k]: v.astype(np.int32) for k, v in feed.items()})[0],
                    expected, config)

    def test_external_data_lies_beside_the_file_in_pages(self):
        folder = model_folders(OPTIONS.models)[0]
        config, expected = original_arrays(folder)
        export(folder, self.file, external=1)
        check_file(self.file)
        data = self.file.with_name("model.onnx.data")
        model = onnx.load(self.file, load_external_data=False)
        ends = []
        for tensor in model.graph.initializer:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            if not entries:
                continue
            self.assertEqual(entries["location"], data.name)
            self.assertEqual(int(entries["offset"]) % 4096, 0)
            ends.append(int(entries["offset"]) + int(entries["length"]))
        self.assertEqual(max(ends), data.stat().st_size)
        loaded = session(self.file)
        self.compare(lambda feed: loaded.run(None, feed)[0], expected, config)

    def test_the_same_export_gives_the_same_bytes(self):
        folder = model_folders(OPTIONS.models)[0]
        first = export(folder, self.file, external=1).read_bytes()
        data = self.file.with_name("model.onnx.data").read_bytes()
        self.assertEqual(export(folder, self.file, external=1).read_bytes(), first)
        self.assertEqual(self.file.with_name("model.onnx.data").read_bytes(), data)

    def test_weights_keep_the_checkpoints_names_and_bytes(self):
        folder = model_folders(OPTIONS.models)[0]
        export(folder, self.file)
        exported = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(self.file).graph.initializer}
        from safetensors.numpy import load_file
        stored = load_file(folder / "model.safetensors")
        shared = exported.keys() & stored.keys()
        self.assertGreater(len(shared), 10)
        for name in shared:
            np.testing.assert_array_equal(exported[name], stored[name].astype(np.float32), err_msg=name)


def main():
    global OPTIONS
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tool", type=pathlib.Path, required=True)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    OPTIONS, rest = parser.parse_known_args()
    torch.set_num_threads(1)  # the models are tiny; threads that wait for one another only take time
    print(json.dumps({m.__name__: m.__version__ for m in (onnx, onnxruntime, torch, transformers)}))
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
