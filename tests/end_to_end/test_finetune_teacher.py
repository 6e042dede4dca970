"""paceline finetune --teacher: what is learnt of a larger model, and which models cannot be one."""

import json
import math
import unittest

from finetuning import CLASSIFIER, ENCODER, KINDS, FinetuneTest, needs_torch, table
from harness import MODELS, json_rows

ONCE = ["--steps", "4", "--eval-every", "4"]
NO_TYPES = {"model_input_names": ["input_ids", "attention_mask"]}


def log_softmax(logits, temperature):
    scaled = [logit / temperature for logit in logits]
    log_sum = math.log(sum(map(math.exp, scaled)))
    return [value - log_sum for value in scaled]


def divergence(teacher, student, temperature):
    """temperature^2 * KL(teacher || student) of one text."""
    theirs, ours = log_softmax(teacher, temperature), log_softmax(student, temperature)
    return temperature**2 * sum(math.exp(p) * (p - q) for p, q in zip(theirs, ours, strict=True))


@needs_torch
class TeacherTest(FinetuneTest):
    def setUp(self):
        super().setUp()
        self.teacher, self.student = self.copy_of(CLASSIFIER, "teacher"), self.copy_of(ENCODER, "student")
        kinds = dict(zip(("low", "middle", "high"), KINDS.values(), strict=True))
        self.train, self.eval = self.write("train.csv", table(8, kinds)), self.write("eval.csv", table(2, kinds))

    def taught(self, out, *flags, **options):
        return self.finetune(self.folder / out, *ONCE, "--teacher", self.teacher, *flags,
                             **{"model": self.student, **options})

    def test_a_share_of_0_is_no_teacher_and_of_1_no_label(self):
        self.taught("none", "--teacher-share", "0")
        # The head is named after the teacher's labels, sorted as they are there.
        head = self.folder / "head"
        self.finetune(head, "--steps", "1", "--learning-rate", "0", "--teacher", self.teacher, model=self.student)
        self.finetune(self.folder / "alone", *ONCE, model=head)
        self.assertEqual(self.weights(self.folder / "none"), self.weights(self.folder / "alone"))
        self.taught("all", "--teacher-share", "1")
        self.assertNotEqual(self.weights(self.folder / "none"), self.weights(self.folder / "all"))
        self.train.write_text(self.train.read_text().replace(",low", ",x").replace(",high", ",low").replace(",x", ",high"))
        self.taught("others", "--teacher-share", "1")
        self.assertEqual(self.weights(self.folder / "all"), self.weights(self.folder / "others"))

    def test_temperature_and_hidden_states_matter(self):
        found = {self.taught(str(i), *flags)["history"]["losses"]["loss"][0] for i, flags in enumerate(
            ([], ["--temperature", "4"], ["--hidden-weight", "1"], ["--teacher-share", "0.1"]))}
        self.assertEqual(len(found), 4)

    def logits(self, model):
        output = self.paceline("classify", model, "--input", self.train, "--pair-column", "other", "--raw-logits",
                               "--output-prefix", "p_", "--quiet").stdout
        return [row["p_logits"] for row in json_rows(output)]

    def test_it_reads_pairs_as_classify_does(self):
        """Whether teacher and student are handed token types or not, the loss is that of their own logits."""
        rows = [dict(text=f"le {'re ' * i}", other=f"on te {i}", label=("low", "high", "middle")[i % 3]) for i in range(8)]
        self.train = self.eval = self.write("pairs.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        untyped_teacher = self.copy_of(CLASSIFIER, "untyped_teacher", NO_TYPES)
        untyped_student = self.copy_of(ENCODER, "untyped_student", NO_TYPES)
        for i, (teacher, student) in enumerate(((self.teacher, self.student), (self.teacher, untyped_student),
                                                (untyped_teacher, self.student))):
            out = self.folder / f"out{i}"
            about = self.finetune(out, "--steps", "1", "--learning-rate", "0", "--teacher", teacher, "--teacher-share",
                                  "1", "--temperature", "3", "--pair-column", "other", model=student)
            pairs = list(zip(self.logits(teacher), self.logits(out), strict=True))
            self.assertAlmostEqual(about["history"]["losses"]["loss"][0],
                                   sum(divergence(*pair, 3) for pair in pairs) / len(pairs), delta=1e-5)

    def test_values_out_of_range_are_refused(self):
        for flag, value in (("--teacher-share", "1.5"), ("--teacher-share", "-0.1"), ("--temperature", "0"),
                            ("--temperature", "nan"), ("--hidden-weight", "-1"), ("--hidden-weight", "x")):
            self.fails(*self.command(self.out, "--teacher", self.teacher, flag, value), expect=2, mentions=[flag, value])
        for flag, value in (("--teacher-share", "0.5"), ("--temperature", "3"), ("--temperature", "2"),
                            ("--hidden-weight", "0")):
            self.fails(*self.command(self.out, flag, value), expect=2, mentions=[flag, "no --teacher"])

    def test_models_that_cannot_teach_are_refused(self):
        for teacher, model, mentions in (
                (ENCODER, ENCODER, ["is an encoder without labels", "Train it first"]),
                (MODELS / "camembert-multi-label", CLASSIFIER, ["the teacher has the labels low, middle, high, broken"]),
                (MODELS / "roberta-regression", CLASSIFIER, ["the teacher has the labels low (regression)"]),
                (MODELS / "roberta-fp32", CLASSIFIER, ["train.csv: row 1] the teacher", "as other tokens than"]),
                (self.folder / "missing", CLASSIFIER, ["missing"])):
            code = 3 if teacher.name == "missing" else 2
            self.fails(*self.command(self.out, "--teacher", teacher, "--max-length", "64", model=model), expect=code,
                       mentions=mentions)
        self.assertFalse(self.out.exists())

    def test_a_teacher_of_shorter_texts_says_what_helps(self):
        self.edit_json(self.teacher / "tokenizer_config.json", model_max_length=16)
        self.fails(*self.command(self.out, "--teacher", self.teacher, model=self.student), expect=2,
                   mentions=["the teacher reads at most 16 tokens", "--max-length 16"])
        self.taught("short", "--max-length", "16")


if __name__ == "__main__":
    unittest.main()
