#!/usr/bin/env python3
"""The programs behind `./dev bench-native` and `./dev bench-classify` run to their tables; what they reach is not judged."""

import subprocess
import unittest
from pathlib import Path

from harness import MODELS, PACELINE, PATIENCE, PacelineTest


class TargetsTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.texts = self.folder / "texts.txt"
        self.texts.write_text("".join("hello" + " world" * (count % 80) + "\n" for count in range(300)))

    def program(self, name, *arguments):
        """Standard output of one that may miss what it asks for."""
        command = [str(Path(PACELINE).parent / name), *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=self.environment(),
                                check=False)
        self.assertIn(result.returncode, (0, 5), result.stdout + result.stderr)
        return result.stdout

    def test_bench_native_on_a_tiny_checkpoint(self):
        model = self.folder / "model"
        self.program("make_demo_checkpoint", "--tokenizer", MODELS / "roberta-fp32", "--texts", self.texts, "--out", model,
                     "--hidden", 24, "--blocks", 1)
        table = self.program("bench_native", model, self.texts, "--paceline", PACELINE, "--rounds", 2, "--only", "native")
        for row in ("native fp32, 8x32: share of the roof", "native int8, 1x32: share of the roof",
                    "native bf16 over native fp32, 16x128", "native fp32: seconds to load, at most",
                    "native int8: peak memory over weights kept, at most"):
            self.assertRegex(table, f"(?m)^{row} .* (pass|FAIL|not measured: this CPU has no instructions for int8)$")
        measured = 21 - table.count("this CPU has no instructions for")
        self.assertRegex(table, rf"(?m)^\d+ of {measured} required, \d+ of {measured} stretch$")

    def test_bench_classify_on_a_tiny_checkpoint(self):
        table = self.program("bench_classify", self.model, self.texts, "--texts", 600, "--rounds", 2)
        self.assertIn("600 texts of 300 different ones, 2 rounds; texts/s", table)
        for compute_type in ("fp32", "bf16", "int8"):
            self.assertRegex(table, rf"(?m)^{compute_type} .* (pass|FAIL)$")


if __name__ == "__main__":
    unittest.main()
