"""paceline finetune on bad and on odd input: one sentence that says what is wrong, or a note, and nothing left behind."""

import json
import math
import resource
import shutil
import struct
import unittest
from pathlib import Path

from finetuning import CLASSIFIER, ENCODER, FinetuneTest, needs_torch, table
from harness import MODELS, PACELINE, with_flags

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
        self.fails(*self.command(self.out), "--epochs", "5", "--steps", "1", expect=2, mentions="Give one of the two")


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

    def test_weights_that_are_no_numbers_are_what_evaluate_says_of_them(self):
        model = self.folder / "spoilt"
        shutil.copytree(CLASSIFIER, model)
        content = bytearray((model / "model.safetensors").read_bytes())
        begin = 8 + int.from_bytes(content[:8], "little")
        first, _ = json.loads(content[8:begin])["classifier.bias"]["data_offsets"]
        content[begin + first:begin + first + 4] = struct.pack("<f", math.nan)
        (model / "model.safetensors").write_bytes(content)
        said = ["tensor classifier.bias holds NaN at [0], finite numbers were expected. Save the checkpoint again"]
        named = self.write("named.csv", "text,label\nle,low\non,high\n")
        self.fails("evaluate", model, "--data", named, "--quiet", expect=3, mentions=said)
        self.fails(*self.command(self.out, model=model), expect=3, mentions=[*said, str(model)])
        self.fails(*self.command(self.out, "--teacher", model), expect=3, mentions=[*said, str(model), "the teacher's"])
        self.assertFalse(self.out.exists())

    def test_values_whose_square_overflows(self):
        for large in ("1e20", "-1e300"):
            self.refuses("train.csv: row 2", "the label is", "expected a number from -1e+15 to 1e+15",
                         train=f"text,label\nle,0.5\non,{large}\n", evaluate=VALUES)

    def test_files_that_can_be_read_only_once(self):
        for flag in ("--train", "--eval"):
            for model in (ENCODER, CLASSIFIER):
                self.fails(*with_flags(self.command(self.out, model=model), flag, "-"), expect=2,
                           mentions=["standard input (-) can be read only once", "Save the texts in a file"])
        self.assertFalse(self.out.exists())

    def test_what_needs_no_text_is_checked_before_one_is_read(self):
        self.train = self.eval = self.folder / "missing.csv"
        self.fails(*self.command(self.out, "--freeze", "99"), expect=2, mentions=["--freeze \"99\"", "the model has 2"])
        self.fails(*self.command(self.out, "--max-length", "1"), expect=2, mentions="[finetune] --max-length 1 was given")
        self.fails(*self.command(self.out, "--class-weights", "purple=2", model=CLASSIFIER), expect=2,
                   mentions="--class-weights names \"purple\"")

    def test_a_link_that_leads_nowhere(self):
        link = self.folder / "link"
        link.symlink_to("nowhere")
        self.fails(*self.command(link), expect=2, mentions=["link: it is a link to nowhere, which does not exist"])
        self.assertTrue(link.is_symlink())

    def test_a_name_breaks_no_note(self):
        self.eval = self.write("a\n---\nb: x.csv", table(2))
        notes = self.notes(self.out, "--steps", "1")
        self.assertIn("a\\n---\\nb: x.csv: 6 texts.", notes)
        self.assertNotIn("---\n", notes)

    @unittest.skipIf(b"__asan_init" in Path(PACELINE).read_bytes() or b"__tsan_init" in Path(PACELINE).read_bytes(),
                     "sanitizers need all the addresses there are")
    def test_memory_that_ends_names_its_flags(self):
        """A limit on addresses stands in for the end of memory: between what PyTorch takes and what this batch does."""
        self.train = self.write("train.csv", table(4000))
        self.fails(*self.command(self.out, "--steps", "1", "--batch-size", "12000"), expect=7,
                   mentions=["[torch ", "failed: there is not enough memory", "Lower --batch-size or --max-length"],
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (800 << 20, 800 << 20)))
        self.assertFalse(self.out.exists())

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
