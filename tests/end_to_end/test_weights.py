"""Weights in other files than model.safetensors, and models by their id on the hub: the same answers, or one sentence."""

import json
import pathlib
import struct
import sys
import unittest
import zipfile

from harness import MODELS, ROOT, TEXTS, PacelineTest, json_rows

sys.path.insert(0, str(ROOT / "tools/make"))
import make_checkpoint_corpora as torch_files  # noqa: E402


def read_safetensors(path):
    """Name -> shape, bytes."""
    raw = path.read_bytes()
    length = struct.unpack_from("<Q", raw)[0]
    header = json.loads(raw[8:8 + length])
    header.pop("__metadata__", None)
    data = raw[8 + length:]
    return {name: (fields["shape"], data[slice(*fields["data_offsets"])]) for name, fields in header.items()}


def write_torch(path, tensors, outer=None):
    """The file that torch.save({name: tensor}) makes of fp32 tensors, without torch; `outer` wraps the dict."""
    items = b""
    storages = []
    for key, (name, (shape, content)) in enumerate(tensors.items()):
        strides = [1]
        for size in reversed(shape[1:]):
            strides.insert(0, strides[0] * size)
        items += torch_files.text(name) + torch_files.torch_tensor(
            elements=len(content) // 4, sizes=shape, strides=strides[:len(shape)], key=str(key))
        storages.append((f"m/data/{key}", content))
    state = b"}(" + items + b"u"
    pickle = state if outer is None else b"}" + torch_files.text(outer) + state + b"s"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in [("m/data.pkl", b"\x80\x02" + pickle + b"."), *storages]:
            archive.writestr(name, content)
    return path


class WeightsTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.tensors = read_safetensors(self.model / "model.safetensors")
        self.bare = self.copy_model()
        (self.bare / "model.safetensors").unlink()
        self.input = self.write("in.txt", "\n".join(TEXTS))

    def logits(self, *arguments, **options):
        return self.paceline("classify", *arguments, "--raw-logits", "--all-labels", "--quiet", "--format", "txt",
                             "--input", self.input, **options).stdout

    def test_every_file_gives_the_same_answers(self):
        expected = self.logits(self.model)
        write_torch(self.bare / "pytorch_model.bin", self.tensors)
        self.assertEqual(self.logits(self.bare), expected)
        prefixed = {"module." + name: tensor for name, tensor in self.tensors.items()}
        last = write_torch(self.folder / "last.ckpt", prefixed, outer="state_dict")
        self.assertEqual(self.logits(self.bare, "--weights", last, "--prefix", "module"), expected)
        old = {name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
               for name, tensor in self.tensors.items()}
        self.assertEqual(self.logits(self.bare, "--weights", write_torch(self.folder / "old", old)), expected)

    def test_inspect_says_what_was_read(self):
        wrapped = {**{"net." + name: tensor for name, tensor in self.tensors.items()}, "ema": ([1], bytes(4))}
        last = write_torch(self.folder / "last.ckpt", wrapped, outer="model")
        text = self.paceline("inspect", self.bare, "--weights", last, "--prefix", "net").stdout.decode()
        self.assertIn(f"weights          {last}, what is under model; 1 tensor not used, 1 without the prefix", text)
        found = json.loads(self.paceline("inspect", self.bare, "--weights", last, "--prefix", "net", "--json").stdout)
        self.assertEqual((found["weight_files"], found["weights_taken"]), ([str(last)], "model"))
        self.assertEqual((found["unused_tensors"], found["tensors_without_prefix"]), (1, 1))

    def test_bench_and_its_plan_keep_the_weights(self):
        prefixed = {"module." + name: tensor for name, tensor in self.tensors.items()}
        last = write_torch(self.folder / "last.pt", prefixed)
        flags = ["--weights", last, "--prefix", "module"]
        self.paceline("bench", self.bare, "--text", self.input, "--out", self.folder / "out", "--backends", "native",
                      "--compute-types", "fp32", "--batch-sizes", "4", "--budget", "2s", "--quiet", *flags)
        plan = json.loads((self.folder / "out" / "plan.json").read_text())
        self.assertEqual((plan["weights"], plan["prefix"]), (str(last), "module"))
        self.logits(self.folder / "out" / "plan.json")
        self.paceline("verify", self.bare, "--backends", "native", "--compute-types", "fp32", "--quiet", *flags)
        self.paceline("export", self.bare, "--to", "onnx", "--out", self.folder / "m.onnx", *flags)
        write_torch(last, {**prefixed, "module.more": ([1], bytes(4))})
        self.fails("classify", self.folder / "out" / "plan.json", "--input", self.input, expect=3,
                   mentions="the plan was measured on")

    def test_a_missing_prefix_is_suggested(self):
        prefixed = {"net." + name: tensor for name, tensor in self.tensors.items()}
        last = write_torch(self.folder / "last.pt", prefixed)
        self.fails("inspect", self.bare, "--weights", last, expect=3, mentions="give --prefix net.")

    def test_tensors_that_nothing_uses_are_named_by_every_command(self):
        more = {"module." + name: tensor for name, tensor in self.tensors.items()} | {"criterion.weight": ([1], bytes(4))}
        write_torch(self.bare / "pytorch_model.bin", more)
        said = "pytorch_model.bin has tensors that the model of config.json does not use: criterion.weight."
        for command in (["classify", self.bare, "--quiet", "--input", self.input],
                        ["verify", self.bare, "--backends", "native", "--compute-types", "fp32", "--quiet"],
                        ["export", self.bare, "--to", "onnx", "--out", self.folder / "m.onnx"],
                        ["bench", self.bare, "--text", self.input, "--dry-run", "--quiet", "--backends", "native"]):
            self.assertIn(said, self.paceline(*command).stderr.decode(), command[0])
        self.assertIn(said, self.paceline("inspect", self.bare).stdout.decode())

    def test_nothing_that_a_pickle_calls_is_run(self):
        canary = self.folder / "canary"
        call = (torch_files.class_named("os", "system") + torch_files.text(f"touch {canary}") + b"\x85R")
        for name, content in (("zip.bin", torch_files.torch_zip(b"\x80\x02" + call + b".")),
                              ("legacy.bin", torch_files.torch_legacy(b"\x80\x02" + call + b"."))):
            for command in (["inspect"], ["classify"], ["verify"]):
                self.fails(*command, self.bare, "--weights", self.write(name, content), expect=3,
                           mentions=["calls os.system", "only tensors were expected"])
        self.assertFalse(canary.exists())


class AdapterTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.adapter = ROOT / "testdata" / "adapters" / "bert-plain"
        self.base = MODELS / "bert-fp32"
        self.golden = json.loads((self.adapter / "golden.json").read_text(encoding="utf-8"))
        self.texts = self.write("in.jsonl", "".join(json.dumps(row) + "\n" for row in self.golden["texts"]))

    def check_logits(self, *arguments):
        made = self.paceline("classify", *arguments, "--input", self.texts, "--raw-logits", "--output-prefix", "p_")
        for row, expected in zip(json_rows(made.stdout), self.golden["texts"], strict=True):
            for logit, right in zip(row["p_logits"], expected["logits"], strict=True):
                self.assertAlmostEqual(logit, right, delta=1e-4)
        self.assertIn("LoRA of rank 4 on 4 modules", made.stderr.decode())

    def test_every_command_merges_the_adapter(self):
        base = ["--base", self.base]
        self.check_logits(self.adapter, *base)
        report = self.folder / "out"
        self.paceline("bench", self.adapter, "--text", self.texts, "--out", report, "--backends", "native",
                      "--compute-types", "fp32", "--batch-sizes", "4", "--budget", "2s", "--quiet", *base)
        self.assertEqual(json.loads((report / "plan.json").read_text())["base"], str(self.base))
        self.check_logits(report / "plan.json")
        self.paceline("verify", self.adapter, "--backends", "native", "--compute-types", "fp32", "--quiet", *base)
        self.paceline("export", self.adapter, "--to", "onnx", "--out", self.folder / "m.onnx", *base)
        given = ["--input", self.texts, "--quiet"]
        self.assertEqual(self.paceline("tokenize", self.adapter, *base, *given).stdout,
                         self.paceline("tokenize", self.base, *given).stdout)
        self.fails("tokenize", self.base, *base, *given, expect=2, mentions="--base")
        text = self.paceline("inspect", self.adapter, *base).stdout.decode()
        self.assertIn("with LoRA of rank 4 on 4 modules, with 2 whole tensors merged into them", text)

    def test_a_missing_base_is_said_with_the_remedy(self):
        self.fails("classify", self.adapter, "--input", self.texts, expect=3,
                   mentions=["testdata/models/bert-fp32", "--base DIR"], env=self.environment(HF_HUB_CACHE="/none"),
                   cwd=self.folder)


class HubTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.cache = self.folder / "hub"
        self.snapshot = self.cache / "models--org--tiny" / "snapshots" / "0123abcd"
        blobs = self.cache / "models--org--tiny" / "blobs"
        blobs.mkdir(parents=True)
        self.snapshot.mkdir(parents=True)
        for file in (MODELS / "roberta-fp32").iterdir():
            (blobs / file.name).write_bytes(file.read_bytes())
            (self.snapshot / file.name).symlink_to(pathlib.Path("../../blobs") / file.name)
        refs = self.cache / "models--org--tiny" / "refs"
        refs.mkdir()
        (refs / "main").write_text("0123abcd")
        self.env = self.environment(HF_HUB_CACHE=str(self.cache))

    def test_an_id_is_the_model_in_the_cache(self):
        lines = b"hello\nworld\n"
        by_id = self.paceline("classify", "org/tiny", "--quiet", stdin=lines, env=self.env).stdout
        self.assertEqual(by_id, self.paceline("classify", self.model, "--quiet", stdin=lines).stdout)
        self.assertEqual(len(json_rows(self.paceline("tokenize", "org/tiny@main", stdin=lines, env=self.env).stdout)), 2)
        found = json.loads(self.paceline("inspect", "org/tiny@0123abcd", "--json", env=self.env).stdout)
        self.assertEqual(found["model_dir"], str(self.snapshot))

    def test_what_is_not_there_is_said_with_the_remedy(self):
        for command in ("classify", "inspect", "tokenize", "verify"):
            self.fails(command, "org/other", expect=3, env=self.env,
                       mentions=[str(self.cache), "hf download org/other"])
        self.fails("inspect", "org/tiny@v2", expect=3, env=self.env, mentions=["revision v2", "0123abcd"])


if __name__ == "__main__":
    unittest.main()
