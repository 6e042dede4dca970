"""An engine of a few lines, its row in the registry and nothing else: every command knows it."""

import json
import os
import unittest
from pathlib import Path

import harness
from harness import TEXTS, PacelineTest

# The program with one more row in its registry, and the folder of that row's plug-in.
ENGINE = Path(os.environ.get("PACELINE_TEST_ENGINE", harness.ROOT / "build/release/test_engine"))
harness.PACELINE = str(ENGINE / "paceline")


class AnEngineOfOneRow(PacelineTest):
    def environment(self, **extra):
        return super().environment(PACELINE_PLUGIN_DIR=str(ENGINE), **extra)

    def setUp(self):
        super().setUp()
        self.text = self.write("texts.txt", "\n".join(TEXTS) + "\n")

    def export(self, *more):
        file = self.folder / "model.test"
        self.paceline("export", self.model, "--to", "test", "--out", file, *more)
        return file

    def verdicts(self, *more, expect=0):
        out = self.paceline("verify", self.model, "--compute-types", "fp32", *more, expect=expect).stdout.decode()
        return {line.split()[0]: line.split()[2] for line in out.splitlines() if "fp32" in line.split()[:2]}

    def test_doctor_lists_it(self):
        rows = {row["name"]: row for row in json.loads(self.doctor())["backends"]}
        self.assertEqual(rows["test-engine"]["version"], "1.0")
        self.assertEqual(rows["test-engine"]["compute_types"], ["fp32"])
        self.assertFalse(rows["onnxruntime"]["available"], "only the folder of the test's plug-in is looked into")

    def test_its_name_is_suggested(self):
        self.fails("verify", self.model, "--backends", "tset-engine", expect=2, mentions='Did you mean "test-engine"?')

    def test_the_gate_accepts_it(self):
        verdicts = self.verdicts()
        self.assertEqual((verdicts["native"], verdicts["test-engine"]), ("accepted", "accepted"))

    def test_a_file_of_its_own_format_is_written_and_checked(self):
        file = self.export()
        self.assertEqual(file.read_bytes(), b"as-native\n")
        self.assertEqual(self.verdicts("--test-file", file)["test-engine"], "accepted")
        file = self.export("--sign", "negated")
        out = self.paceline("verify", self.model, "--compute-types", "fp32", "--test-file", file, expect=5).stdout
        self.assertIn(b"model.test exported is rejected", out)

    def test_export_refuses_flags_and_types_of_other_formats(self):
        out = self.folder / "file"
        for flags, owner in ((("--opset", "17"), "--to onnx"), (("--compute-type", "bf16"), "--to torchscript")):
            self.fails("export", self.model, "--to", "test", "--out", out, *flags, expect=2, mentions=[flags[0], owner])
        self.fails("export", self.model, "--to", "onnx", "--out", out, "--sign", "negated", expect=2,
                   mentions=["--sign", "--to test"])
        self.fails("export", self.model, "--to", "test", "--out", out, "--sign", "odd", expect=2, mentions="negated")
        self.assertFalse(out.exists())

    def test_bench_measures_it_and_classify_runs_it(self):
        out = self.folder / "out"
        self.paceline("bench", self.model, "--text", self.text, "--out", out, "--backends", "test-engine",
                      "--compute-types", "fp32", "--batch-sizes", "1,4", "--budget", "3s", "--threads", "1")
        report = json.loads((out / "report.json").read_text())
        self.assertEqual({row["backend"] for row in report["backends"]}, {"test-engine"})
        self.assertTrue(report["backends"][0]["gate"]["accepted"])
        plan = json.loads((out / "plan.json").read_text())
        self.assertEqual(plan["backend"], "test-engine")
        labels = self.paceline("classify", out / "plan.json", "--input", self.text, "--format", "txt").stdout
        self.assertEqual(labels, self.paceline("classify", self.model, "--input", self.text, "--format", "txt").stdout)

    def test_a_file_of_its_format_is_measured_and_deployed(self):
        out, file = self.folder / "out", self.export()
        self.paceline("bench", self.model, "--text", self.text, "--out", out, "--backends", "test-engine",
                      "--compute-types", "fp32", "--batch-sizes", "4", "--budget", "3s", "--threads", "1",
                      "--test-file", file)
        report = json.loads((out / "report.json").read_text())
        self.assertEqual({row["backend"] for row in report["backends"]}, {"test-engine", "model.test"})

    def test_without_its_plugin_it_says_what_installs_it(self):
        environment = self.environment()
        environment["PACELINE_PLUGIN_DIR"] = str(self.folder)
        self.fails("classify", self.model, "--backends", "test-engine", "--input", self.text, expect=4,
                   mentions=["libpaceline_test_engine.so", "Run ./dev build."], env=environment)


if __name__ == "__main__":
    unittest.main()
