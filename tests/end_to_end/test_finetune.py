"""paceline finetune: it learns, goes on after whatever ended it, and refuses bad input with one sentence."""

import json
import os
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from harness import MODELS, PACELINE, PATIENCE, PacelineTest, wait_until

ENCODER = MODELS / "bert-encoder"
PLUGIN = Path(os.environ.get("PACELINE_PLUGIN_DIR", Path(PACELINE).parent)) / "libpaceline_torch.so"
KINDS = {"anger": "on te ur", "fear": "a b c d", "joy": "le le re"}


def table(count, kinds=None):
    """Texts whose words tell their label."""
    kinds = kinds or KINDS
    rows = [f"{words} {'e' * (i % 5)} {i % 4},{label}" for i in range(count) for label, words in kinds.items()]
    return "text,label\n" + "\n".join(rows) + "\n"


class FinetuneTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.train, self.eval = self.write("train.csv", table(16)), self.write("eval.csv", table(4))

    def command(self, out, *flags, model=ENCODER):
        return ["finetune", model, "--train", self.train, "--eval", self.eval, "--out", out, "--batch-size", "8",
                "--learning-rate", "3e-3", "--threads", "1", "--quiet", *flags]

    def finetune(self, out, *flags, **options):
        self.paceline(*self.command(out, *flags, **options))
        return json.loads((out / "training.json").read_text())

    def weights(self, out):
        return (out / "model.safetensors").read_bytes()


class WithoutEngineTest(FinetuneTest):
    def test_a_missing_engine_is_said_before_anything_is_done(self):
        out, nowhere = self.folder / "out", self.folder / "nowhere"
        nowhere.mkdir()
        self.fails(*self.command(out, model=self.folder / "no-model"), expect=4, mentions=["torch", "./dev setup"],
                   env=self.environment(PACELINE_PLUGIN_DIR=str(nowhere)))
        self.assertFalse(out.exists())

    def test_flags_are_checked(self):
        for flag, value in (("--freeze", "head"), ("--compute-type", "int8"), ("--batching", "sorted"),
                            ("--metric", "f1"), ("--epochs", "0"), ("--class-weights", "joy"), ("--eval-every", "0")):
            self.fails(*self.command(self.folder / "out"), flag, value, expect=2, mentions=[flag, value])


@unittest.skipUnless(PLUGIN.exists(), "the torch plug-in is not built")
class TrainingTest(FinetuneTest):
    def test_it_learns_and_the_folder_is_a_model(self):
        out = self.folder / "out"
        about = self.finetune(out, "--epochs", "12")
        self.assertEqual(about["labels"], ["anger", "fear", "joy"])
        self.assertEqual(about["scores"]["accuracy"]["value"], 1)
        losses = about["history"]["losses"]["loss"]
        self.assertLess(losses[-1], losses[0] / 2)
        self.assertEqual(about["history"]["texts"], 12 * 48)
        for name in ("config.json", "tokenizer.json", "README.md", "report.html", "charts/loss.svg"):
            self.assertTrue((out / name).is_file(), name)
        self.assertFalse((out / "checkpoints").exists())
        answers = self.paceline("classify", out, "--quiet", stdin=b"le le re 1\non te ur\n").stdout.decode()
        self.assertEqual([json.loads(line)["label"] for line in answers.splitlines()] if answers.startswith("{")
                         else [line.split("\t")[0] for line in answers.splitlines()], ["joy", "anger"])
        again = self.paceline(*self.command(out, "--epochs", "12"))
        self.assertIn("--restart trains anew", again.stderr.decode())
        self.fails(*self.command(out, "--epochs", "11"), expect=2, mentions=["other settings", "--restart"])

    def interrupt(self, out, sent, *flags):
        """Ends a training with a signal once it has a checkpoint."""
        process = subprocess.Popen([PACELINE, *map(str, self.command(out, *flags))], stderr=subprocess.PIPE,
                                   env=self.environment())
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertTrue(wait_until(lambda: any(out.glob("checkpoints/update-*")) or process.poll() is not None))
        process.send_signal(sent)
        return process.wait(timeout=PATIENCE)

    def test_it_goes_on_to_the_same_bits(self):
        flags = ["--steps", "60", "--eval-every", "2"]
        whole, killed, stopped = (self.folder / name for name in ("whole", "killed", "stopped"))
        self.finetune(whole, *flags)
        self.assertEqual(self.interrupt(killed, signal.SIGKILL, *flags), -signal.SIGKILL)
        self.assertEqual(self.interrupt(stopped, signal.SIGINT, *flags), 130)
        for out in (killed, stopped):
            self.assertFalse((out / "model.safetensors").exists())
            self.fails(*self.command(out, *flags, "--seed", "7"), expect=2, mentions=["seed was 42 and is 7", "--restart"])
            about = self.finetune(out, *flags)
            self.assertEqual(about["history"]["losses"]["update"], list(range(1, 61)))
            self.assertEqual(self.weights(out), self.weights(whole))
            self.assertEqual([path for path in out.iterdir() if path.name.startswith(".")], [])

    def test_frozen_parts_stay(self):
        out = self.folder / "out"
        about = self.finetune(out, "--steps", "4", "--freeze", "encoder", "--compute-type", "fp32")
        self.assertLess(about["trained_parameters"], about["parameters"] / 2)

    def test_a_teacher_and_a_new_head(self):
        teacher, student = self.folder / "teacher", self.folder / "student"
        self.finetune(teacher, "--epochs", "8")
        about = self.finetune(student, "--epochs", "2", "--teacher", teacher, "--hidden-weight", "0.1")
        self.assertEqual(about["labels"], ["anger", "fear", "joy"])
        self.fails(*self.command(self.folder / "other", "--teacher", MODELS / "bert-fp32", model=teacher), expect=2,
                   mentions=["the teacher has the labels", "the same in the same order"])

    def test_bad_input_leaves_nothing(self):
        out = self.folder / "out"
        self.eval = self.write("eval.csv", "text,label\nle,sadness\n")
        self.fails(*self.command(out), expect=3, mentions=["eval.csv: row 1", "sadness", "train.csv"])
        self.eval = self.write("eval.csv", "text,label\n")
        self.fails(*self.command(out), expect=3, mentions=["eval.csv", "no text with a label"])
        self.eval = self.write("eval.csv", table(2))
        self.train = self.write("train.csv", "text,label\nle,joy\nte,joy\n")
        self.fails(*self.command(out), expect=3, mentions=["every text has the label \"joy\""])
        self.train = self.folder / "missing.csv"
        self.fails(*self.command(out), expect=3, mentions="missing.csv")
        self.train = self.write("train.csv", table(2))
        self.fails(*self.command(out, model=MODELS / "bert-fp32"), expect=3, mentions=["no label", "--new-head"])
        self.assertFalse(out.exists())
        model = self.folder / "own"
        shutil.copytree(ENCODER, model)
        self.fails(*self.command(model, model=model), expect=2, mentions="is the model that is read")
        self.fails(*self.command(model), expect=2, mentions="that no training wrote")


if __name__ == "__main__":
    unittest.main()
