"""Checks exported ONNX files against the originals: onnx's own checker with full shape inference, and the logits of
transformers, for each form and opset, on every tiny model; int8 against the original in int8, and for the kernels that
ONNX Runtime makes of it.

usage: onnx_oracle.py --tool BUILD/onnx_export_tool --testdata testdata
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
from original_models import BATCHES, TOLERANCE, Original, all_feeds, feeds, model_folders, relative_difference, types_setting
from rounded_products import Quantised, spread

OPTIONS = None
ALL_OPSETS, SOME_OPSETS = range(11, 22), (11, 13, 17, 18, 21)  # of the portable form; where operators changed
INT8_FORMS = ("fast", "unpadded", "portable")
# What transformers computes for padding itself, which no text's answer depends on but through a batch's int8 ranges, is
# what the graphs compute.
PADDING_LIKE_OURS = ("bert", "roberta", "camembert", "xlm-roberta", "distilbert", "electra", "albert")
# How far int8 may lead a first token's state from fp32's, of its length, for one block. Rounding to a step errs by
# step / sqrt 12: an activation's step is its range, some 8 standard deviations, over 255, 0.9 %; a weight's its row's
# largest, some 3, over 127, 0.7 %: together 1.15 % of a product. Two products follow each other in either branch of a
# block, and branches are added to what they read: 1.15 % * sqrt 4 = 2.3 %. Twice that, as the worst of many texts.
INT8_STATE = 0.046
FEW_ROUNDINGS = 1  # less than what all of them do
EVEN_BATCHES = ([1], [7, 7], [9, 9, 9], [0, 0])  # nothing is padded


def export(folder, file, **settings):
    settings["types"] = types_setting(folder)
    command = [OPTIONS.tool, folder, file, *(f"{key}={value}" for key, value in settings.items())]
    environment = {**os.environ, "XDG_CACHE_HOME": str(file.parent / "cache")}
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=120,
                            env=environment, check=False)
    if result.returncode:
        raise AssertionError(f"{' '.join(map(str, command))}: {result.stderr}")
    return file


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


def arrays(feed):
    return {name: values.numpy() for name, values in feed.items()}


def variants(folder):
    """Forms and opsets. Every opset for the models of one kind, some for each architecture."""
    opsets = ALL_OPSETS if folder.parent.name == "models" else SOME_OPSETS
    return [("fast", 23), ("unpadded", 23), *(("portable", opset) for opset in opsets)]


def takes_left_padding(config):
    """Whether transformers' own answer to a batch that is padded on the left is the graph's. Both pool a row of padding
    where the first is pooled: what DeBERTa, XLM and XLNet have there is their own. A causal XLM sees padding, and means
    count it."""
    if config.model_type in ("xlm", "flaubert", "xlnet"):
        return config.summary_type == "last" and not getattr(config, "causal", False)
    return config.model_type != "deberta-v2"


@torch.no_grad()
def lost_to_int8(exact, quantised, feed):
    """How far the quantised original's first token is from the original's, of its length; the worst of a batch."""
    want = exact.model.base_model(**feed).last_hidden_state[:, 0]
    with quantised.told(feed):
        got = quantised.original.model.base_model(**feed).last_hidden_state[:, 0]
    return ((want - got).norm(dim=1) / want.norm(dim=1)).max().item()


class ExportTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="paceline-onnx-")
        self.addCleanup(self.folder.cleanup)
        self.file = pathlib.Path(self.folder.name) / "model.onnx"

    def compare(self, run, cases):
        """`cases`: batches, and what is wanted of each."""
        for feed, want in cases:
            got = torch.from_numpy(run(arrays(feed)))
            self.assertEqual(want.shape, got.shape)
            self.assertLess(relative_difference(want, got), TOLERANCE, f"batch {feed['attention_mask'].sum(1)}")

    def test_every_form_and_opset_agrees_with_the_original(self):
        for folder in model_folders(*OPTIONS.models):
            original = Original(folder)
            cases = [(feed, original.alone(feed)) for feed in all_feeds(original.config)]
            padded_left = [(feed, torch.cat([original.padded({name: values[row:row + 1] for name, values in feed.items()})
                                             for row in range(len(feed["input_ids"]))]))
                           for feed in feeds(original.config, left_padding=True)]
            for form, opset in variants(folder):
                with self.subTest(model=folder.name, form=form, opset=opset):
                    check_file(export(folder, self.file, form=form, opset=opset))
                    loaded = session(self.file)
                    self.compare(lambda feed, loaded=loaded: loaded.run(None, feed)[0], cases)
                    if form == "portable" and takes_left_padding(original.config):
                        self.compare(lambda feed, loaded=loaded: loaded.run(None, feed)[0], padded_left)

    def test_int8_is_the_original_in_int8(self):
        """A state that lies in the middle between two steps, but for fp32's rounding, may fall on either side. Of some
        thousand roundings of a batch that moves few or none, so half of the batches are the same; one that does moves some
        of those behind it, but all of them together less than rounding anew would."""
        for folder in model_folders(*OPTIONS.models):
            exact = Original(folder)
            config = exact.config
            rounding = self.rounding_of(Original(folder, torch.float64))
            for form in INT8_FORMS:
                with self.subTest(model=folder.name, form=form):
                    check_file(export(folder, self.file, form=form, compute_type="int8"))
                    quantised, loaded = Quantised(Original(folder), unpadded=form == "unpadded"), session(self.file)
                    ragged = form == "unpadded" or config.model_type in PADDING_LIKE_OURS
                    batches = all_feeds(config, BATCHES if ragged else EVEN_BATCHES)
                    pairs = [(quantised.padded(feed), torch.from_numpy(loaded.run(None, arrays(feed))[0]))
                             for feed in batches]
                    same = sorted(relative_difference(*pair) for pair in pairs)
                    self.assertLess(same[len(same) // 2], TOLERANCE, same)
                    farthest = max((want - got).abs().max().item() for want, got in pairs)
                    self.assertLess(farthest, FEW_ROUNDINGS * rounding)
                    if folder.parent.name == "models":
                        bound = INT8_STATE * config.num_hidden_layers ** 0.5
                        self.assertLess(max(lost_to_int8(exact, quantised, feed) for feed in batches), bound)

    @staticmethod
    def rounding_of(exact):
        """How far int8 leads an answer, in the mean."""
        texts = [{name: values[row:row + 1] for name, values in feed.items()}
                 for feed in feeds(exact.config, EVEN_BATCHES) for row in range(len(feed["input_ids"]))]
        return spread(exact, texts, torch.cat([exact.padded(text) for text in texts]), "int8", whole=True)

    def test_onnx_runtime_fuses_every_product_in_int8(self):
        for folder in model_folders(*OPTIONS.models):
            config = transformers.AutoConfig.from_pretrained(folder)
            gated = config.model_type == "modernbert"
            layers = config.num_hidden_layers * getattr(config, "inner_group_num", 1)
            projections = getattr(config, "embedding_size", config.hidden_size) != config.hidden_size
            projections |= config.model_type == "albert"  # which projects between equal widths too
            for form in INT8_FORMS:
                with self.subTest(model=folder.name, form=form):
                    optimised = self.file.with_name("optimised.onnx")
                    session(export(folder, self.file, form=form, compute_type="int8"), optimised)
                    found = collections.Counter(node.op_type for node in onnx.load(optimised).graph.node)
                    fused = found["DynamicQuantizeMatMul"] + found["MatMulIntegerToFloat"]
                    # Query, key, value, output; up, down and where there is one a gate.
                    self.assertEqual(fused, (7 if gated else 6) * layers + projections, found)
                    self.assertEqual(found["MatMulInteger"], 0, found)
                    # What attention reads is quantised once for its three products, what a gate reads for two; the last
                    # block's query by itself where it is reduced.
                    self.assertEqual(found["DynamicQuantizeLinear"], (2 if gated else 1) * layers, found)

    def test_names_types_and_metadata_are_what_was_asked_for(self):
        folder = model_folders(*OPTIONS.models)[0]
        original = Original(folder)
        cases = [(feed, original.alone(feed)) for feed in feeds(original.config)]
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
                    lambda feed, loaded=loaded, names=names: loaded.run(
                        ["scores"], {names[k]: v.astype(np.int32) for k, v in feed.items()})[0],
                    cases)

    def test_external_data_lies_beside_the_file_in_pages(self):
        folder = model_folders(*OPTIONS.models)[0]
        original = Original(folder)
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
        self.compare(lambda feed, loaded=loaded: loaded.run(None, feed)[0],
                     [(feed, original.alone(feed)) for feed in feeds(original.config)])

    def test_the_same_export_gives_the_same_bytes(self):
        folder = model_folders(*OPTIONS.models)[0]
        first = export(folder, self.file, external=1).read_bytes()
        data = self.file.with_name("model.onnx.data").read_bytes()
        self.assertEqual(export(folder, self.file, external=1).read_bytes(), first)
        self.assertEqual(self.file.with_name("model.onnx.data").read_bytes(), data)

    def test_weights_keep_the_checkpoints_names_and_bytes(self):
        folder = model_folders(*OPTIONS.models)[0]
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
    parser.add_argument("--testdata", type=pathlib.Path, required=True)
    OPTIONS, rest = parser.parse_known_args()
    OPTIONS.models = [OPTIONS.testdata / "models", OPTIONS.testdata / "families"]
    torch.set_num_threads(1)  # the models are tiny; threads that wait for one another only take time
    print(json.dumps({m.__name__: m.__version__ for m in (onnx, onnxruntime, torch, transformers)}))
    unittest.main(argv=[sys.argv[0], *rest])


if __name__ == "__main__":
    main()
