"""paceline bench --profile: where the time of native's forward pass goes."""

import json
import re
import unittest

from harness import TEXTS, PacelineTest

STAGES = ["embedding", "query, key, value", "attention", "attention output", "feed-forward up", "feed-forward down",
          "LayerNorm", "rounding", "last attention", "head", "waiting"]


class ProfileTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.texts = self.write("texts.txt", "\n".join(TEXTS * 8) + "\n")
        self.out = self.folder / "profile"
        self.flags = ["bench", self.model, "--text", self.texts, "--profile", "--quiet", "--batch-sizes", "8,1"]

    def test_every_stage_of_every_type_and_batch_size(self):
        result = self.paceline(*self.flags, "--compute-types", "int8,fp32", "--out", self.out)
        self.assertEqual(result.stderr, b"")
        self.assert_nothing_left(self.out, "profile.json")
        profile = json.loads((self.out / "profile.json").read_text())
        self.assertEqual(profile["schema_version"], 1)
        self.assertGreater(profile["machine"]["roof_gflops"]["fp32"], 0)
        shown = result.stdout.decode()
        for one in profile["profiles"]:
            self.assertEqual([stage["stage"] for stage in one["stages"]], STAGES)
            self.assertIn(f"native {one['compute_type']}, batch size {one['batch_size']}, texts as given\n", shown)
        self.assertEqual([(one["compute_type"], one["batch_size"]) for one in profile["profiles"]],
                         [("fp32", 8), ("fp32", 1), ("int8", 8), ("int8", 1)])
        for stage in [*STAGES, "total"]:
            self.assertEqual(len(re.findall(rf"(?m)^  {stage} +[0-9]", shown)), 4, stage)

    def test_figures_fit_together(self):
        self.paceline(*self.flags, "--compute-types", "bf16", "--out", self.out, "--threads", "1")
        for one in json.loads((self.out / "profile.json").read_text())["profiles"]:
            self.assertEqual(one["threads"], 1)
            self.assertEqual(one["rounds"], 5)
            self.assertAlmostEqual(one["ms_per_text"] * one["texts"], one["total"]["ms"] * one["batches"])
            self.assertAlmostEqual(sum(stage["flops"] for stage in one["stages"]), one["total"]["flops"])
            self.assertAlmostEqual(sum(stage["bytes"] for stage in one["stages"]), one["total"]["bytes"])
            self.assertGreater(one["counted_flops"], one["total"]["flops"])
            for stage in [*one["stages"], one["total"]]:
                self.assertGreaterEqual(stage["ms"], 0)
                if stage["gflops"] is not None:
                    self.assertAlmostEqual(stage["gflops"] * stage["ms"] * 1e6 / stage["flops"], 1)
            waiting = one["stages"][-1]
            self.assertEqual((waiting["flops"], waiting["gflops"], waiting["roof_share"]), (0, None, None))

    def test_without_a_folder_it_only_prints(self):
        result = self.paceline(*self.flags, "--backends", "native", "--compute-types", "fp32")
        self.assertIn("Measured roof", result.stdout.decode())
        self.assertNotIn("profile.json", result.stdout.decode())

    def test_refusals(self):
        self.fails(*self.flags, "--backends", "onnxruntime", expect=2, mentions="--backends onnxruntime does not go")
        self.fails(*self.flags, "--backends", "naitve", expect=2, mentions='"native"')
        self.fails(*self.flags, "--budget", "60s", expect=2, mentions="--profile and --budget")
        self.fails(*self.flags, "--dry-run", expect=2, mentions="--dry-run")
        self.fails(*self.flags, "--instances", "2", expect=2, mentions="--instances")
        self.fails(*self.flags, "--compute-types", "fp16", expect=2, mentions="fp16")


if __name__ == "__main__":
    unittest.main()
