"""The subcommands that look and convert, and the program's own manners: help, suggestions, version."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from harness import MODELS, PACELINE, PATIENCE, ROOT, PacelineTest


class MannersTest(PacelineTest):
    def test_version_names_the_build_and_the_backends(self):
        output = self.paceline("--version").stdout.decode()
        self.assertRegex(output, r"^paceline \d+\.\d+\.\d+\nbuild ")
        self.assertIn("\nnative ", output)

    def test_help(self):
        overview = self.paceline("--help").stdout.decode()
        commands = re.findall(r"^  paceline ([a-z]+) ", overview, re.MULTILINE)
        self.assertIn("classify", commands)
        for command in commands:
            text = self.paceline(command, "--help").stdout.decode()
            self.assertLessEqual(len(text.splitlines()), 40, "a screen")
        self.assertNotIn("worker", overview, "what bench starts is not for people")
        self.assertEqual(self.paceline(expect=2).stdout.decode(), overview)

    def test_ctrl_c_ends_the_wait_for_texts(self):
        pipe = self.folder / "pipe.txt"
        os.mkfifo(pipe)
        ours = os.open(pipe, os.O_RDWR)
        self.addCleanup(os.close, ours)
        for command, *flags in (["tokenize", "--input", pipe], ["verify", "--text", pipe],
                                ["bench", "--profile", "--text", pipe],
                                ["bench", "--text", pipe, "--out", self.folder / "out"]):
            with subprocess.Popen([PACELINE, command, self.model, *flags], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, env=self.environment()) as process:
                os.write(ours, b"hello\n")
                while process.poll() is None and select.select([ours], [], [], 0)[0]:
                    time.sleep(0.01)  # it has not read that yet
                process.send_signal(signal.SIGINT)
                _, error = process.communicate(timeout=PATIENCE)
                self.assertEqual(process.returncode, 130, (command, error))
                self.assertIn(b"again to stop at once", error)

    def test_unknown_names_get_the_nearest(self):
        self.fails("clasify", expect=2, mentions='Did you mean "classify"?')
        self.fails("classify", self.model, "--tok-p", "2", expect=2, mentions="--top-k")
        self.fails("classify", self.model, "--orders", "lenght", expect=2, mentions='Did you mean "length"?')
        self.fails("classify", self.model, "--backends", "natvie", stdin=b"a", expect=2, mentions='"native"')
        self.fails("classify", self.model, "--compute-types", "fp23", expect=2, mentions="fp32")
        self.fails("classify", self.model, "--top-k", "many", expect=2, mentions="--top-k")

    def test_a_compute_type_that_the_backend_lacks_is_wrong_usage_everywhere(self):
        flags = ["--backends", "onnxruntime", "--compute-types", "bf16-autocast"]
        texts = self.write("texts.txt", "a\n")
        for command in (["classify", self.model, "--input", texts], ["verify", self.model],
                        ["bench", self.model, "--text", texts, "--dry-run"]):
            self.fails(*command, *flags, expect=2, mentions="bf16-autocast")


class InspectTest(PacelineTest):
    def inspect(self, model):
        return json.loads(self.paceline("inspect", model, "--json").stdout)

    def test_json(self):
        found = self.inspect(self.model)
        self.assertEqual(found["schema_version"], 1)
        self.assertEqual(found["architecture"], "roberta")
        self.assertEqual(found["labels"], ["low", "middle", "high"])
        self.assertEqual(found["dtype"], "fp32")
        self.assertEqual(found["memory_bytes"]["fp32"], 4 * found["parameters"])
        self.assertEqual(found["weight_bytes"], 4 * found["parameters"])
        self.assertFalse(found["random_weights"])
        self.assertRegex(found["hash"], "^[0-9a-f]{32}$")

    def test_the_tokenizer_class_of_every_architecture_is_known(self):
        folders = {}
        for config in [*MODELS.glob("*/config.json"), *(MODELS.parent / "families").glob("*/config.json")]:
            folders.setdefault(json.loads(config.read_text("utf-8"))["model_type"], config.parent)
        for architecture in json.loads(self.paceline("doctor", "--json").stdout)["architectures"]:
            model = self.folder / architecture
            shutil.copytree(folders[architecture], model)
            (model / "tokenizer_config.json").unlink(missing_ok=True)
            shutil.copy(self.model / "tokenizer.json", model)
            self.edit_json(model / "config.json", transformers_version="4.57.1", tokenizer_class=None)
            self.assertNotIn("not known here", self.paceline("inspect", model).stdout.decode())
            # Version 5 reads this file, or knows what else the class takes.
            self.edit_json(model / "config.json", transformers_version="5.24.0")
            result = subprocess.run([PACELINE, "inspect", model], capture_output=True, timeout=PATIENCE, check=False,
                                    env=self.environment())
            self.assertNotIn(b"not known here", result.stdout)
            self.assertTrue(result.returncode == 0 or b"has another model than" in result.stderr, result.stderr)

    def test_stored_types_and_an_encoder(self):
        self.assertEqual(self.inspect(MODELS / "roberta-fp16")["dtype"], "fp16")
        self.assertEqual(self.inspect(MODELS / "roberta-bf16")["dtype"], "bf16")
        encoder = self.inspect(MODELS / "roberta-encoder")
        self.assertEqual((encoder["labels"], encoder["problem_type"]), ([], None))

    def test_a_model_of_few_tokens(self):
        model = self.folder / "model"
        shutil.copytree(MODELS / "bert-fp32", model)
        settings = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
        (model / "tokenizer_config.json").write_text(json.dumps({**settings, "model_max_length": 16}), "utf-8")
        self.assertEqual(list(self.inspect(model)["flops_per_token"]), ["16"])
        self.assertRegex(self.paceline("inspect", model).stdout.decode(), r"compute +\d\S* MFLOP at 16 tokens, per token\n")

    def test_a_tokenizer_built_from_its_vocabulary(self):
        model = self.folder / "model"
        shutil.copytree(MODELS / "bert-fp32", model)
        texts = b"The riders share the wind.\n[SEP] \xc3\xa9t\xc3\xa9\n"
        before = self.paceline("tokenize", model, stdin=texts)
        pieces = json.loads((model / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
        (model / "tokenizer.json").unlink()
        self.fails("inspect", model, expect=3, mentions="no tokenizer.json and no vocab.txt")
        (model / "vocab.txt").write_text("".join(f"{piece}\n" for piece in sorted(pieces, key=pieces.get)), "utf-8")
        self.assertIn("built from vocab.txt", self.paceline("inspect", model).stdout.decode())
        found = self.inspect(model)
        self.assertIn("vocab.txt", found["tokenizer"]["made_from"])
        after = self.paceline("tokenize", model, stdin=texts)
        self.assertEqual(after.stdout, before.stdout)
        self.assertIn(b"the tokenizer is built from vocab.txt", after.stderr)
        self.assertNotIn(b"built from", self.paceline("tokenize", model, "--quiet", stdin=texts).stderr)
        (model / "vocab.txt").write_text((model / "vocab.txt").read_text("utf-8") + "[SEP]\n", "utf-8")
        self.fails("classify", model, stdin=texts, expect=3, mentions=["vocab.txt", "[SEP]", "vocab_size"])
        self.assertNotEqual(self.inspect(MODELS / "bert-fp32")["hash"], found["hash"])

    def test_settings_over_a_tokenizer_json(self):
        model = self.folder / "model"
        shutil.copytree(MODELS / "bert-fp32", model)
        before = self.inspect(model)
        self.assertEqual((before["tokenizer"]["applied"], before["tokenizer"]["notes"]), ([], []))
        config = {"tokenizer_class": "BertTokenizer", "do_lower_case": False}
        (model / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
        found = self.inspect(model)
        self.assertEqual(found["tokenizer"]["applied"], ["do_lower_case is false, over tokenizer.json's true"])
        self.assertNotEqual(found["hash"], before["hash"])
        self.assertIn("do_lower_case is false", self.paceline("inspect", model).stdout.decode())
        self.assertIn(b"do_lower_case is false", self.paceline("tokenize", model, stdin=b"Le\n").stderr)
        (model / "tokenizer_config.json").write_text('{"tokenizer_class": "OwnTokenizer"}', "utf-8")
        for command in ["tokenize", "classify"]:
            self.assertIn(b"asks for OwnTokenizer", self.paceline(command, model, stdin=b"Le\n").stderr)
        (model / "tokenizer_config.json").write_text('{"from_slow": true}', "utf-8")
        self.fails("classify", model, stdin=b"Le\n", expect=3, mentions="from_slow")

    def test_an_empty_text_of_a_model_without_special_tokens(self):
        model = self.folder / "model"
        model.mkdir()
        config = {"model_type": "gpt2", "architectures": ["GPT2ForSequenceClassification"], "vocab_size": 1000,
                  "n_embd": 8, "n_layer": 1, "n_head": 1, "n_positions": 64}
        (model / "config.json").write_text(json.dumps(config), "utf-8")
        tokenizer = json.loads((ROOT / "testdata/tokenizers/byte_bpe/tokenizer.json").read_text("utf-8"))
        (model / "tokenizer.json").write_text(json.dumps({**tokenizer, "post_processor": None}), "utf-8")
        rows = [json.loads(line) for line in self.paceline("tokenize", model, stdin=b"\nle\n").stdout.splitlines()]
        self.assertEqual(rows[0], {"tokens": [], "input_ids": [], "truncated": 0})
        self.assertEqual(rows[1]["tokens"], ["le"])

    def test_for_people(self):
        self.assertIn("low, middle, high", self.paceline("inspect", self.model).stdout.decode())

    def test_random_weights_are_said_wherever_a_label_appears(self):
        model = self.copy_model()
        self.edit_json(model / "config.json", paceline_random_weights=True)
        self.assertIn("random", self.paceline("inspect", model).stdout.decode())
        self.assertTrue(self.inspect(model)["random_weights"])
        self.assertIn("random", self.paceline("classify", model, "--quiet", stdin=b"a").stderr.decode())


class DoctorTest(PacelineTest):
    def test_json(self):
        found = json.loads(self.doctor())
        self.assertEqual(found["schema_version"], 1)
        self.assertIn(found["machine"]["isa"], found["machine"]["isa_levels"])
        self.assertGreater(found["roof"]["roof_gflops"]["fp32"], 0)
        backends = {backend["name"]: backend for backend in found["backends"]}
        self.assertTrue(backends["native"]["available"])
        for backend in backends.values():
            self.assertTrue(backend["available"] or (backend["reason"] and backend["install"]))

    def test_a_missing_engine_comes_with_its_command(self):
        empty = self.folder / "plugins"
        empty.mkdir()
        output = self.paceline("--version", env=self.environment(PACELINE_PLUGIN_DIR=str(empty))).stdout.decode()
        self.assertIn("onnxruntime not installed", output)


class ExportTest(PacelineTest):
    def test_forms(self):
        for form in ("fast", "unpadded", "portable"):
            target = self.folder / "new" / "folder" / f"{form}.onnx"
            output = self.paceline("export", self.model, "--to", "onnx", "--out", target, "--form", form).stdout
            self.assertEqual(output.decode(), f"{target}\n")
            content = target.read_bytes()
            self.assertIn(b"input_ids", content)
        self.assert_nothing_left(self.folder / "new" / "folder", "fast.onnx", "portable.onnx", "unpadded.onnx")

    def test_names(self):
        target = self.folder / "model.onnx"
        self.paceline("export", self.model, "--to", "onnx", "--out", target, "--form", "portable", "--opset", 14,
                      "--input-names", "my_ids,my_mask", "--output-name", "my_scores", "--input-dtype", "int32")
        for name in (b"my_ids", b"my_mask", b"my_scores"):
            self.assertIn(name, target.read_bytes())
        self.fails("export", self.model, "--to", "onnx", "--out", self.folder / "new" / "folder" / "model.onnx",
                   "--input-names", "one", expect=2, mentions=["--input-names", "1 name was given"])
        self.assertFalse((self.folder / "new").exists(), "a folder made for a file that was not written goes again")

    def test_standard_output_gets_the_model_alone(self):
        target = self.folder / "model.onnx"
        self.paceline("export", self.model, "--to", "onnx", "--out", target)
        for name in ("-", "/dev/stdout"):
            self.assertEqual(self.paceline("export", self.model, "--to", "onnx", "--out", name).stdout,
                             target.read_bytes())
            with open(self.folder / "piped", "wb") as piped:
                subprocess.run([PACELINE, "export", self.model, "--to", "onnx", "--out", name], stdout=piped, check=True,
                               env=self.environment(), timeout=PATIENCE)
            self.assertEqual((self.folder / "piped").read_bytes(), target.read_bytes())

    def test_int8(self):
        fp32, int8 = self.folder / "fp32.onnx", self.folder / "int8.onnx"
        self.paceline("export", self.model, "--to", "onnx", "--out", fp32, "--compute-type", "fp32")
        for form in ("fast", "unpadded", "portable"):
            self.paceline("export", self.model, "--to", "onnx", "--out", int8, "--form", form, "--compute-type", "int8")
            self.assertIn(b"MatMulInteger", int8.read_bytes())
            self.assertLess(int8.stat().st_size, fp32.stat().st_size)
        self.assertNotIn(b"MatMulInteger", fp32.read_bytes())

    def test_refusals(self):
        target = self.folder / "model.onnx"
        self.fails("export", self.model, "--to", "onnx", "--out", target, "--compute-type", "in8", expect=2,
                   mentions=["--compute-type", 'Did you mean "int8"?'])
        self.fails("export", self.model, "--to", "onnyx", "--out", target, expect=2, mentions='Did you mean "onnx"?')
        self.fails("export", self.model, "--to", "onnx", "--out", target, "--form", "portable", "--opset", 3, expect=2,
                   mentions="opset")
        self.fails("export", self.model, "--to", "onnx", expect=2, mentions="--out is missing")
        self.assertFalse(target.exists())

    def test_flags_of_the_other_format_are_refused_by_name(self):
        target = self.folder / "model"
        for flag, value in [("--form", "fast"), ("--opset", 17), ("--input-names", "a,b"), ("--output-name", "x"),
                            ("--input-dtype", "int32")]:
            self.fails("export", self.model, flag, value, "--to", "torchscript", "--out", target, expect=2,
                       mentions=[flag, "--to onnx"])
        self.fails("export", self.model, "--compute-type", "int8", "--to", "torchscript", "--out", target, expect=2,
                   mentions=["--compute-type int8", "--to onnx"])
        for flag, value in [("--how", "script"), ("--compute-type", "bf16"), ("--device", "cpu")]:
            self.fails("export", self.model, flag, value, "--to", "onnx", "--out", target, expect=2,
                       mentions=[flag, "--to torchscript"])
        self.fails("export", self.model, "--to", "torchscript", "--device", "gpu", "--out", target, expect=2,
                   mentions=["--device", "cuda:0"])
        self.fails("export", self.model, "--to", "torchscript", "--how", "tracing", "--out", target, expect=2,
                   mentions="trace")
        self.assertFalse(target.exists())

    def test_torchscript(self):
        if "torchscript not installed" in self.paceline("--version").stdout.decode():
            self.skipTest("the torch plug-in is not built")
        folder = self.folder / "new"
        for how in ("trace", "script"):
            target = folder / f"{how}.pt"
            output = self.paceline("export", self.model, "--to", "torchscript", "--how", how, "--out", target).stdout
            self.assertEqual(output.decode(), f"{target}\n")
            self.assertIn(b"paceline_checkpoint", target.read_bytes())
        self.assert_nothing_left(folder, "script.pt", "trace.pt")
        before = (folder / "trace.pt").read_bytes()
        self.paceline("export", self.model, "--to", "torchscript", "--compute-type", "bf16", "--out", folder / "trace.pt")
        self.assertLess(len((folder / "trace.pt").read_bytes()), len(before))
        self.fails("export", self.model, "--to", "torchscript", "--device", "cuda:127", "--out", folder / "gpu.pt",
                   expect=4, mentions="cuda:127")
        self.fails("export", self.model, "--to", "torchscript", "--out", "/dev/full", expect=7, mentions="/dev/full")
        self.assert_nothing_left(folder, "script.pt", "trace.pt")

    def test_torchscript_says_that_weights_are_random(self):
        if "torchscript not installed" in self.paceline("--version").stdout.decode():
            self.skipTest("the torch plug-in is not built")
        model = self.copy_model()
        self.edit_json(model / "config.json", paceline_random_weights=True)
        target = self.folder / "model.pt"
        result = self.paceline("export", model, "--to", "torchscript", "--out", target)
        self.assertIn("random", result.stderr.decode())
        self.assertIn(b"paceline_random_weights", target.read_bytes())

    def test_torchscript_without_the_engine(self):
        environment = self.environment(PACELINE_PLUGIN_DIR=str(self.folder))
        self.fails("export", self.model, "--to", "torchscript", "--out", self.folder / "model.pt", expect=4,
                   mentions=["not installed", "./dev setup torch"], env=environment)

    def test_torchscript_with_an_engine_of_the_users_own_that_is_none(self):
        if "torchscript not installed" in self.paceline("--version").stdout.decode():
            self.skipTest("the torch plug-in is not built")
        self.fails("export", self.model, "--to", "torchscript", "--out", self.folder / "model.pt", expect=4,
                   mentions=[f"{self.folder}/lib/libc10.so cannot be loaded", "PACELINE_TORCH_ROOT has to name a folder"],
                   env=self.environment(PACELINE_TORCH_ROOT=str(self.folder)))

    def test_torchscript_with_a_library_missing(self):
        """Beside a plug-in its libraries are found first, and those look for CUDA's from there: in vain."""
        plugin = Path(PACELINE).parent / "libpaceline_torch.so"
        libraries = ROOT / ".deps" / "torch" / "torch" / "lib"
        if not plugin.exists() or not libraries.exists() or "PACELINE_TORCH_ROOT" in os.environ:
            self.skipTest("the torch plug-in is not built with the parts of ./dev setup torch")
        folder = self.folder / "plugins"
        folder.mkdir()
        shutil.copy(plugin, folder)
        for library in libraries.iterdir():
            (folder / library.name).symlink_to(library)
        self.fails("export", self.model, "--to", "torchscript", "--out", self.folder / "model.pt", expect=4,
                   mentions=["cannot be loaded", ".so.13", "Run ./dev setup torch && ./dev build."],
                   env=self.environment(PACELINE_PLUGIN_DIR=str(folder)))


if __name__ == "__main__":
    unittest.main()
