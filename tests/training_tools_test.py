#!/usr/bin/env python3
"""What trains, without training anything (tools/compare_training.py, tools/study/batching_study.py, the demo): a
program that writes a training.json stands in for Paceline, and figures that are known for Trainer."""

import contextlib
import io
import json
import pathlib
import re
import statistics
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tools/study"), str(ROOT / "tools/demo")]
import batching_study  # noqa: E402
import compare_training  # noqa: E402
import make_demo  # noqa: E402

# Writes what it was given into training.json; a learning rate of 1 makes it fail, as a loss that is no number does.
FAKE = """#!/usr/bin/env python3
import json, pathlib, sys
flags = dict(zip(sys.argv[3::2], sys.argv[4::2]))
if sys.argv[1] != "finetune" or flags["--learning-rate"] == "1":
    sys.exit("paceline: [finetune] the loss of update 3 is no number.")
out = pathlib.Path(flags["--out"])
out.mkdir(parents=True)
texts = len(open(flags["--train"], encoding="utf-8").readlines())
accuracy = 0.5 + int(flags["--seed"]) / 100 + (flags.get("--batching") == "length-grouped") / 10
scores = {"accuracy": {"value": accuracy}, "macro_f1": {"value": accuracy / 2}}
(out / "training.json").write_text(json.dumps({
    "history": {"texts": texts, "seconds": texts / 40}, "scores": scores, "engine": "torch 2",
    "label_and_length": {"measure": "eta^2", "value": 0.25}, "flags": flags}))
"""


def rows(count, labels="ab"):
    """Texts of 1 to 50 characters."""
    return [{"text": "x" * (1 + 7 * i % 50), "label": labels[i % len(labels)]} for i in range(count)]


class ToolTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="paceline-training-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.binary = self.folder / "paceline"
        self.binary.write_text(FAKE, encoding="utf-8")
        self.binary.chmod(0o755)
        self.data = self.folder / "data.jsonl"
        self.data.write_text("".join(json.dumps(row) + "\n" for row in rows(100)), encoding="utf-8")
        self.task = compare_training.Task(self.folder, self.data, self.data, seed=3)

    def call(self, tool, *arguments):
        """(exit code, standard output)"""
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()), \
                mock.patch.object(sys, "argv", [tool.__file__, *map(str, arguments)]):
            try:
                return tool.main(), said.getvalue()
            except SystemExit as left:
                return left.code, said.getvalue()


class CompareTest(ToolTest):
    def test_a_training_of_paceline_gets_the_task_and_is_read(self):
        found = compare_training.finetune(self.binary, self.task, self.folder / "out", "--batching", "random")
        self.assertEqual((found.texts, found.seconds, found.accuracy), (100, 2.5, 0.53))
        self.assertEqual(found.texts_per_second, 40)
        # A Python that has imported nothing much.
        self.assertTrue(1e6 < found.peak_bytes < 1e9, found.peak_bytes)
        self.assertEqual(found.about["flags"]["--seed"], "3")
        self.assertEqual(found.about["flags"]["--batch-size"], "32")
        # What Trainer is given, not what happens to be Paceline's default.
        self.assertEqual([found.about["flags"][flag] for flag in ("--max-length", "--weight-decay", "--warmup",
                                                                  "--max-gradient-norm")], ["512", "0.01", "0.1", "1.0"])

    def test_a_training_that_fails_says_what_the_program_said(self):
        task = compare_training.dataclasses.replace(self.task, learning_rate=1)
        with self.assertRaisesRegex(compare_training.TrainingFailed, "the loss of update 3"):
            compare_training.finetune(self.binary, task, self.folder / "out", "--batching", "random")

    def trainer(self, task, grouped):
        """20 texts a second with random batches, 32 with like lengths."""
        texts = len(compare_training.read_rows(task.train))
        return compare_training.Trained(texts, texts / (32 if grouped else 20), 60, 10**9, 0.5 + task.seed / 100,
                                        {"torch": "2", "transformers": "4"})

    def test_the_last_line_has_both_factors(self):
        with mock.patch.object(compare_training, "trainer_process", self.trainer):
            code, said = self.call(compare_training, "--model", self.folder, "--train", self.data, "--eval", self.data,
                                   "--paceline", self.binary, "--steps", 2, "--rounds", 3, "--accuracy-texts", 50)
        self.assertEqual(code, 0)
        self.assertEqual(said.splitlines()[-1],
                         "over Trainer: random 2.00 (2.00 to 2.00), group_by_length 1.25 (1.25 to 1.25)")
        self.assertIn("accuracy, Paceline less Trainer, random: +0.0000", said)
        self.assertIn("| paceline finetune | 40.0 (40.0 to 40.0) |", said)
        self.assertIn("| Trainer, random | 20.0 (20.0 to 20.0) | 60.0 s | 1,000 MB |", said)
        self.assertIn("Paceline with torch 2. Factors are medians of 3 rounds, with intervals of 75% confidence.", said)

    def test_ratios_are_of_one_round(self):
        def at(speeds):
            return [compare_training.Trained(speed, 1, 2, 0, 0, {}) for speed in speeds]
        self.assertEqual(compare_training.ratios(at([30, 20]), at([15, 5])), [2, 4])
        self.assertEqual(compare_training.with_range([2, 4, 3], ".1f"), "3.0 (2.0 to 4.0)")

    def test_intervals_hold_the_true_median_as_often_as_they_say(self):
        # Tables of the sign test: 6 and 8 rounds leave nothing out, 9 the outermost, 12 the two outermost.
        self.assertEqual([compare_training.left_out(rounds) for rounds in (1, 3, 6, 8, 9, 11, 12)],
                         [0, 0, 0, 0, 1, 1, 2])
        self.assertEqual([1 - compare_training.tail(rounds, 0) for rounds in (1, 3, 6)], [0, 0.75, 0.96875])
        self.assertEqual(1 - compare_training.tail(9, 1), 0.9609375)
        self.assertEqual(compare_training.with_interval([9, 1, 2, 3, 4, 5, 6, 7, 8], ".0f"), "5 (2 to 8)")

    def test_every_round_begins_with_another_way(self):
        seen, seeds = [], []
        def train(way, task, _):
            seen.append(way)
            seeds.append(task.seed)
            return mock.MagicMock(texts_per_second=1.0, seconds=1.0, process_seconds=1.0)
        with mock.patch.object(compare_training, "train", train), contextlib.redirect_stderr(io.StringIO()):
            compare_training.measure_speed(compare_training.WAYS, self.task, mock.Mock(rounds=3))
        self.assertEqual({seen[0], seen[3], seen[6]}, set(compare_training.WAYS))
        self.assertEqual(len(seen), 9)
        self.assertEqual(seeds, [1, 1, 1, 2, 2, 2, 3, 3, 3])

    def test_a_missing_program_is_said(self):
        self.assertEqual(self.call(compare_training, "--paceline", self.folder / "none")[0], 2)


class StudyTest(ToolTest):
    def setUp(self):
        super().setUp()
        patch = mock.patch.object(batching_study, "WORK", self.folder / "work")
        patch.start()
        self.addCleanup(patch.stop)

    def study(self, *arguments):
        return self.call(batching_study, "--model", self.folder, "--train", self.data, "--eval", self.data,
                         "--paceline", self.binary, "--seeds", 2, *arguments)

    def test_in_the_made_set_length_tells_the_label(self):
        data = rows(1000, "abcd")
        made = batching_study.by_length(data, batching_study.median_length(data))
        self.assertLess(batching_study.eta_squared(data), 0.1)
        self.assertGreater(batching_study.eta_squared(made), 0.5)
        self.assertEqual({row["label"] for row in made}, set("abcd"))
        shortest = statistics.median(len(row["text"]) for row in made if row["label"] in "bd")
        self.assertGreaterEqual(shortest, max(len(row["text"]) for row in made if row["label"] in "ac"))

    def test_eta_squared_is_0_where_labels_say_nothing_and_1_where_they_say_all(self):
        same = [{"text": "x" * n, "label": label} for n in (1, 5) for label in "ab"]
        told = [{"text": "x" * n, "label": str(n)} for n in (1, 5) for _ in range(2)]
        self.assertEqual((batching_study.eta_squared(same), batching_study.eta_squared(told)), (0, 1))

    def test_table_differences_and_a_page(self):
        page = self.folder / "page.md"
        page.write_text(f"before\n{batching_study.BEGIN}\nold\n{batching_study.END}\nafter\n", encoding="utf-8")
        code, said = self.study("--out", page)
        self.assertEqual(code, 0)
        self.assertIn("| as they are | 0.25 | `length-grouped` | 40.0 (40.0 to 40.0) |", said)
        self.assertIn("61.5 (61.0 to 62.0) %", said)
        self.assertIn("`length-grouped` less `random` is +10.00 points of accuracy (standard error 0.00)", said)
        text = page.read_text(encoding="utf-8")
        self.assertTrue(re.fullmatch(r"before\n.*\nafter\n", text, re.DOTALL) and "old" not in text)
        self.assertIn("| `padded` |", text)

    def test_a_study_that_was_ended_goes_on(self):
        self.assertEqual(self.study()[0], 0)
        self.binary.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
        code, said = self.study()
        self.assertEqual(code, 0)
        self.assertIn("`padded`", said)
        self.assertEqual(self.study("--epochs", 3)[0], 1)

    def test_each_way_comes_first_with_some_seed(self):
        self.assertEqual({batching_study.order(seed)[0] for seed in (1, 2, 3)}, set(batching_study.BATCHINGS))

    def test_a_page_without_marks_is_left_alone(self):
        page = self.folder / "page.md"
        page.write_text("nothing here\n", encoding="utf-8")
        self.assertNotEqual(self.study("--out", page)[0], 0)
        self.assertEqual(page.read_text(encoding="utf-8"), "nothing here\n")

    def test_a_dry_run_trains_nothing(self):
        self.binary.unlink()
        code, said = self.study("--dry-run")
        self.assertEqual(code, 0)
        self.assertIn("12 trainings", said)


class DemoTest(ToolTest):
    def setUp(self):
        super().setUp()
        for name, path in (("DEMO", "demo"), ("TOKENIZER", "demo/tokenizer"), ("MINILM", "minilm"),
                           ("DESCRIPTIONS", "descriptions")):
            patch = mock.patch.object(make_demo, name, self.folder / path)
            patch.start()
            self.addCleanup(patch.stop)
            (self.folder / path).mkdir(exist_ok=True)
        (self.folder / "minilm/model.safetensors").write_bytes(b"weights")
        for split in ("train", "eval", "test"):
            (self.folder / f"descriptions/en-{split}.jsonl").write_text(self.data.read_text(encoding="utf-8") * 20,
                                                                       encoding="utf-8")
        self.out = self.folder / "demo/sections"
        self.binary.write_text(FAKE.replace("out.mkdir(parents=True)", "out.mkdir(exist_ok=True)\n"
                                            "for name in ('config.json', 'model.safetensors'): (out / name).touch()"),
                               encoding="utf-8")

    def make(self):
        step = make_demo.classifier_step(self.folder, "full")
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            if not step.is_done():
                make_demo.run(step)

    def test_the_classifier_is_trained_once_and_again_from_other_texts(self):
        self.make()
        self.assertEqual(len(compare_training.read_rows(self.folder / "demo/sections-test.jsonl")), 1000)
        (self.out / "training.json").write_text("kept", encoding="utf-8")
        self.make()
        self.assertEqual((self.out / "training.json").read_text(encoding="utf-8"), "kept")
        (self.folder / "descriptions/en-train.jsonl").write_text(self.data.read_text(encoding="utf-8"), encoding="utf-8")
        self.make()
        self.assertEqual(json.loads((self.out / "training.json").read_text(encoding="utf-8"))["history"]["texts"], 100)

    def test_an_interrupted_training_goes_on_from_its_folder_unless_it_is_another(self):
        program = self.binary.read_text(encoding="utf-8")
        self.binary.write_text(program.replace("(out / \"training", "sys.exit(1)\n(out / \"training"), encoding="utf-8")
        with self.assertRaises(SystemExit):
            self.make()
        (self.out / "checkpoint").touch()
        self.binary.write_text(program, encoding="utf-8")
        self.make()
        self.assertTrue((self.out / "checkpoint").exists())
        (self.folder / "minilm/model.safetensors").write_bytes(b"other weights")
        self.make()
        self.assertFalse((self.out / "checkpoint").exists())

    def test_what_is_missing_is_named_with_the_command_that_fetches_it(self):
        (self.folder / "descriptions/en-eval.jsonl").unlink()
        with self.assertRaisesRegex(SystemExit, r"en-eval.jsonl\].*\./dev setup minilm descriptions"):
            self.make()


if __name__ == "__main__":
    unittest.main()
