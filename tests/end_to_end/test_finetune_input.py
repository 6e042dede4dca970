"""paceline finetune on bad and on odd input: one sentence that says what is wrong, or a note, and nothing left behind."""

import shutil
import unittest

from finetuning import CLASSIFIER, ENCODER, FinetuneTest, needs_torch, table
from harness import MODELS

VALUES = "text,label\nle,0.5\non,1\nte,0\nle re,0.25\non on,1\n"


class WithoutEngineTest(FinetuneTest):
    def test_a_missing_engine_is_said_before_anything_is_done(self):
        nowhere = self.folder / "nowhere"
        nowhere.mkdir()
        self.fails(*self.command(self.out, model=self.folder / "no-model"), expect=4, mentions=["torch", "./dev setup"],
                   env=self.environment(PACELINE_PLUGIN_DIR=str(nowhere)))
        self.assertFalse(self.out.exists())

    def test_flags_are_checked(self):
        for flag, value in (("--freeze", "head"), ("--compute-type", "int8"), ("--batching", "sorted"),
                            ("--metric", "f1"), ("--epochs", "0"), ("--class-weights", "joy"), ("--eval-every", "0")):
            self.fails(*self.command(self.out), flag, value, expect=2, mentions=[flag, value])


@needs_torch
class BadInputTest(FinetuneTest):
    def refuses(self, *mentions, train=None, evaluate=None, code=3, flags=(), model=ENCODER):
        self.train = self.write("train.csv", train if train is not None else table(2))
        self.eval = self.write("eval.csv", evaluate if evaluate is not None else table(2))
        self.fails(*self.command(self.out, *flags, model=model), expect=code, mentions=mentions)
        self.assertFalse(self.out.exists())

    def test_files_without_a_text_or_a_label(self):
        self.refuses("eval.csv", "no text with a label", evaluate="text,label\n")
        self.refuses("eval.csv", evaluate="")
        self.refuses("train.csv", "no row has a text and a label", train="text,label\n,joy\n")
        self.refuses("train.csv", "\"label\"", train="text,mood\nle,joy\non,anger\n")
        self.refuses("eval.csv", "\"label\"", evaluate="text,mood\nle,joy\n")
        self.refuses("train.csv", "\"mood\"", flags=["--label-column", "mood"])
        self.train = self.folder / "missing.csv"
        self.fails(*self.command(self.out), expect=3, mentions="missing.csv")

    def test_labels_that_do_not_fit(self):
        self.refuses("eval.csv: row 1", "sadness", "train.csv", evaluate="text,label\nle,sadness\n")
        self.refuses("every text has the label \"joy\"", train="text,label\nle,joy\nte,joy\n")
        self.refuses("no label", "--new-head", model=CLASSIFIER)

    def test_names_and_numbers(self):
        named = "text,label\nle,low\non,high\n"
        self.refuses("train.csv: row 2", "but those before are names", train="text,label\nle,low\non,2\n",
                     evaluate=named, model=CLASSIFIER)
        self.refuses("eval.csv: row 1", "the label is \"low\", expected a number: the model is a regression",
                     evaluate=named, model=MODELS / "roberta-regression")
        self.refuses("eval.csv: row 1", "no label \"0.5\"", "Their numbers are 0 to 2", evaluate=VALUES,
                     train=named, model=CLASSIFIER)
        # A file of numbers makes a head of values, which names do not fit, and one of names no values.
        self.refuses("eval.csv: row 1", "expected a number", train=VALUES, evaluate=named)
        self.refuses("eval.csv: row 1", "no label \"0.5\"", train=named, evaluate=VALUES)
        numbers = self.write("train.csv", "text,label\nle,0\non,2\n")
        self.train = self.eval = numbers
        self.assertIn("call labels by their numbers", self.notes(self.out, "--steps", "1", model=CLASSIFIER))

    def test_a_metric_that_cannot_choose(self):
        self.refuses("--metric pearson cannot tell which weights are best", "the eval file has 1 text", "--metric mse",
                     train=VALUES, evaluate="text,label\nle,0.5\n", code=2)
        self.refuses("--metric spearman", "only the value 1", train=VALUES, code=2, flags=["--metric", "spearman"],
                     evaluate="text,label\nle,1\non,1\nte,1\nre,1\n")

    def test_folders_that_are_not_its_own(self):
        model = self.folder / "own"
        shutil.copytree(ENCODER, model)
        self.fails(*self.command(model, model=model), expect=2, mentions="is the model that is read")
        self.fails(*self.command(model), expect=2, mentions="that no training wrote")

    def test_odd_data_are_trained_on_and_named(self):
        self.train = self.write("train.csv", table(4) + "le le le,rare\n")
        self.eval = self.write("eval.csv", table(2))
        notes = self.notes(self.out, "--steps", "1")
        self.assertIn("only one text has the label \"rare\": hardly anything can be learnt of it", notes)
        self.assertIn("eval.csv: no text has the label \"rare\"", notes)
        self.assertIn("6 of the texts of train.csv (46.2 %) stand in eval.csv, too: its figures are too good", notes)


if __name__ == "__main__":
    unittest.main()
