"""The user's own exports through bench and verify, and every backend on every tiny model."""

import json
import unittest

from harness import MODELS, PacelineTest


class OwnFilesTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.installed = {one["name"] for one in json.loads(self.doctor())["backends"] if one["available"]}
        self.texts = self.write("texts.txt", "".join(f"la vie est belle {'et le temps passe ' * (i % 7)}\n"
                                                     for i in range(80)))

    def need(self, *backends):
        missing = set(backends) - self.installed
        if missing:
            self.skipTest(f"not installed: {', '.join(sorted(missing))}")

    def bench(self, *flags, **options):
        out = self.folder / "report"
        self.paceline("bench", self.model, "--text", self.texts, "--out", out, "--batch-sizes", "1,8", "--budget", "2s",
                      "--backends", "native", "--quiet", *flags, **options)
        return json.loads((out / "report.json").read_text())

    def row(self, report, name):
        return next(row for row in report["backends"] if row["backend"] == name)

    def test_an_onnx_file_with_other_names_is_measured_and_gated(self):
        self.need("onnxruntime")
        file = self.folder / "mine.onnx"
        self.paceline("export", self.model, "--to", "onnx", "--out", file, "--form", "portable", "--input-names",
                      "tokens,mask", "--output-name", "scores", "--input-dtype", "int32")
        row = self.row(self.bench("--onnx", file), "mine.onnx")
        self.assertEqual(row["compute_type"], "exported")
        self.assertTrue(row["gate"]["accepted"], row)

    def test_an_int8_file_of_ours_is_measured_and_gated(self):
        self.need("onnxruntime")
        file = self.folder / "int8.onnx"
        self.paceline("export", self.model, "--to", "onnx", "--out", file, "--compute-type", "int8")
        row = self.row(self.bench("--onnx", file), "int8.onnx")
        self.assertTrue(row["gate"], row)
        self.assertGreater(row["gate"]["max_abs_logit_diff"], 0, row)

    def test_a_file_of_another_model_is_rejected_in_red_and_the_run_goes_on(self):
        self.need("onnxruntime")
        file = self.folder / "other.onnx"
        self.paceline("export", MODELS / "roberta-fp16", "--to", "onnx", "--out", file)
        report = self.bench("--onnx", file)
        row = self.row(report, "other.onnx")
        self.assertFalse(row["gate"] and row["gate"]["accepted"], row)
        self.assertEqual(report["recommendation"]["configuration"]["backend"], "native")

    def test_both_kinds_of_torchscript_file_are_measured_and_gated(self):
        self.need("torchscript")
        files = []
        for how in ("trace", "script"):
            files += ["--torchscript", self.folder / f"{how}.pt"]
            self.paceline("export", self.model, "--to", "torchscript", "--how", how, "--out", files[-1])
        files += ["--torchscript", self.folder / "bf16.pt"]
        self.paceline("export", self.model, "--to", "torchscript", "--compute-type", "bf16", "--out", files[-1])
        report = self.bench(*files)
        for name in ("trace.pt", "script.pt"):
            self.assertTrue(self.row(report, name)["gate"]["accepted"], name)
        self.assertEqual(self.row(report, "bf16.pt")["dtype"], "bf16")
        self.assertTrue(self.row(report, "bf16.pt")["gate"])

    def test_files_that_are_none(self):
        self.need("onnxruntime", "torchscript")
        bad = self.write("bad.onnx", b"\x08\x07 no model")
        flags = ["bench", self.model, "--text", self.texts, "--out", self.folder / "report", "--budget", "1s"]
        self.fails(*flags, "--onnx", self.folder / "none.onnx", expect=3, mentions="is no file")
        self.fails("verify", self.model, "--onnx", self.folder, expect=3, mentions=f"[--onnx] {self.folder} is no file")
        self.fails(*flags, "--onnx", bad, "--onnx", bad, expect=2, mentions="Rename")
        report = self.bench("--onnx", bad)
        self.assertIn("bad.onnx", self.row(report, "bad.onnx")["error"])
        result = self.paceline("verify", self.model, "--backends", "native", "--onnx", bad, expect=5)
        self.assertIn(b"failed", result.stdout)

    def test_a_missing_device_is_unavailable(self):
        flags = ["bench", self.model, "--text", self.texts, "--out", self.folder / "report", "--budget", "1s"]
        self.fails(*flags, "--devices", "cuda:0", "--backends", "native", expect=4, mentions="cuda:0")
        self.fails(*flags, "--devices", "gpu", expect=2, mentions="gpu")
        self.need("torch-eager")
        self.fails(*flags, "--devices", "cuda:0", expect=4, mentions="cuda:0")
        self.fails(*flags, "--devices", "cuda:0", "--backends", "torch-eager", expect=4, mentions="cuda:0")


class EveryBackendTest(PacelineTest):
    def test_every_backend_gives_the_same_answers_on_every_tiny_model(self):
        for model in sorted(path for path in MODELS.iterdir() if path.is_dir()):
            # bf16 loses labels of random weights that lie close together, where the CPU has it at all.
            result = self.paceline("verify", model, "--compute-types", "fp32", "--quiet")
            verdicts = [line.split()[2] for line in result.stdout.decode().splitlines()[1:] if "fp32" in line[:40]]
            self.assertGreaterEqual(verdicts.count("accepted"), 1, result.stdout.decode())
            self.assertNotIn("rejected", verdicts)
            self.assertNotIn("failed", verdicts)


if __name__ == "__main__":
    unittest.main()
