"""paceline evaluate: how often a model is right on labelled texts, and how it ends on bad ones."""

import csv
import io
import json
import signal
import subprocess
import unittest

from harness import MODELS, PACELINE, PATIENCE, TEXTS, PacelineTest

WORDS = [f"{text} number {i}" for i, text in enumerate(TEXTS * 8) if text]


class EvaluateTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.names = json.loads((self.model / "config.json").read_text())["id2label"]
        self.labels = [self.names[str(k)] for k in range(len(self.names))]
        self.answers = self.classify(self.model, WORDS)

    def classify(self, model, texts):
        """The label of each text, as classify gives it."""
        rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        out = self.paceline("classify", model, "--format", "jsonl", "--quiet", stdin=rows.encode()).stdout.decode()
        return [json.loads(line)["label"] for line in out.splitlines()]

    def table(self, labels, name="data.csv", column="label"):
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(["text", column])
        writer.writerows(zip(WORDS, labels))
        return self.write(name, out.getvalue())

    def evaluate(self, data, *flags, model=None, **options):
        result = self.paceline("evaluate", model or self.model, "--data", data, "--json", "--quiet", *flags, **options)
        return json.loads(result.stdout)

    def other(self, label):
        return self.labels[(self.labels.index(label) + 1) % len(self.labels)]

    def test_counts_what_classify_answers(self):
        wrong = set(range(0, len(WORDS), 5))
        labels = [self.other(label) if i in wrong else label for i, label in enumerate(self.answers)]
        found = self.evaluate(self.table(labels))
        self.assertEqual(found["data"]["texts"], len(WORDS))
        self.assertEqual(found["data"]["labels_are"], "names")
        self.assertAlmostEqual(found["scores"]["accuracy"]["value"], 1 - len(wrong) / len(WORDS))
        self.assertLess(found["scores"]["accuracy"]["low"], found["scores"]["accuracy"]["value"])
        self.assertEqual({row["row"] - 1 for row in found["most_wrong"]}, wrong)
        for row in found["most_wrong"]:
            self.assertEqual((row["text"], row["expected"], row["predicted"]),
                             (WORDS[row["row"] - 1], labels[row["row"] - 1], self.answers[row["row"] - 1]))
        losses = [row["loss"] for row in found["most_wrong"]]
        self.assertEqual(losses, sorted(losses, reverse=True))
        self.assertEqual(sum(map(sum, found["confusion"])), len(WORDS))
        self.assertEqual(sum(row["right"] for row in found["scores"]["labels"]), len(WORDS) - len(wrong))

    def test_names_and_numbers_in_every_format(self):
        numbers = [self.labels.index(label) for label in self.answers]
        expected = self.evaluate(self.table(self.answers))["scores"]
        found = self.evaluate(self.table(numbers, "numbers.csv", "y"), "--label-column", "y")
        self.assertEqual(found["scores"], expected)
        self.assertEqual(found["data"]["labels_are"], "numbers")
        for name, made in {"a.jsonl": lambda rows: "\n".join(map(json.dumps, rows)), "a.json": json.dumps}.items():
            for labels in (self.answers, numbers):
                rows = [{"text": text, "label": label} for text, label in zip(WORDS, labels)]
                self.assertEqual(self.evaluate(self.write(name, made(rows)))["scores"], expected, name)
        piped = self.paceline("evaluate", self.model, "--data", "-", "--format", "csv", "--json", "--quiet",
                              stdin=self.table(self.answers).read_bytes())
        self.assertEqual(json.loads(piped.stdout)["scores"], expected)

    def test_a_plan_and_flags_change_what_is_evaluated(self):
        data = self.table(self.answers)
        found = self.evaluate(data, "--compute-types", "int8", "--threshold", "1")
        self.assertEqual(found["model"]["compute_type"], "int8")
        self.assertEqual(found["scores"]["accuracy"]["value"], 0)
        self.assertEqual(sum(row[-1] for row in found["confusion"]), len(WORDS))

    def test_against_itself_nothing_differs(self):
        found = self.evaluate(self.table(self.answers), "--against", self.model)["against"]["difference"]
        accuracy = found["accuracy_difference"]
        self.assertEqual((accuracy["value"], accuracy["low"]), (0, -accuracy["high"]))
        self.assertEqual(found["agreement"]["value"], 1)
        self.assertEqual(found["mcnemar_p_value"], 1)

    def test_against_another_folder(self):
        other = MODELS / "bert-fp32"
        labels = self.classify(other, WORDS)
        found = self.evaluate(self.table(labels), "--against", other)
        self.assertEqual(found["against"]["scores"]["accuracy"]["value"], 1)
        both = sum(a == b for a, b in zip(labels, self.answers))
        self.assertEqual(found["against"]["difference"]["both_right"], both)
        self.assertEqual(found["against"]["difference"]["only_other_right"], len(WORDS) - both)

    def test_several_labels(self):
        model = MODELS / "camembert-multi-label"
        rows = "".join(json.dumps({"text": text}) + "\n" for text in WORDS)
        out = self.paceline("classify", model, "--format", "jsonl", "--all-labels", "--quiet",
                            stdin=rows.encode()).stdout.decode()
        given = [[label["label"] for label in json.loads(line)["labels"] if label["score"] >= 0.5]
                 for line in out.splitlines()]
        data = self.write("several.jsonl", "".join(json.dumps({"text": text, "label": labels}) + "\n"
                                                   for text, labels in zip(WORDS, given)))
        found = self.evaluate(data, model=model)
        self.assertEqual(found["scores"]["exact"]["value"], 1)
        self.assertEqual(found["most_wrong"], [])
        self.assertNotIn("confusion", found)

    def test_a_regression(self):
        model = MODELS / "roberta-regression"
        rows = "".join(json.dumps({"text": text}) + "\n" for text in WORDS)
        out = self.paceline("classify", model, "--format", "jsonl", "--quiet", stdin=rows.encode()).stdout.decode()
        values = [json.loads(line)["score"] for line in out.splitlines()]
        found = self.evaluate(self.table([2 * value + 1 for value in values]), model=model)
        self.assertAlmostEqual(found["scores"]["pearson"]["value"], 1, places=6)
        self.assertAlmostEqual(found["scores"]["spearman"]["value"], 1, places=6)
        error = sum((value + 1) ** 2 for value in values) / len(values)
        self.assertAlmostEqual(found["scores"]["mean_squared_error"]["value"], error, places=4)
        self.assertNotIn("calibration", found)

    def test_the_files_and_the_screen(self):
        out = self.folder / "out"
        labels = [self.other(self.answers[0]), *self.answers[1:]]
        shown = self.paceline("evaluate", self.model, "--data", self.table(labels), "--out", out, "--against",
                              MODELS / "bert-fp32", "--quiet").stdout.decode()
        for words in ("accuracy", "macro-F1", "95 % interval", "precision", "McNemar", str(out / "evaluation.html")):
            self.assertIn(words, shown)
        for line in shown.splitlines():
            self.assertLessEqual(len(line), 80 if "evaluation.html" not in line else 400)
        page = (out / "evaluation.html").read_text()
        for words in ("Confusions", "Most wrong", "Predictions grouped by", WORDS[0], "Evaluate again"):
            self.assertTrue(words in page, words)
        self.assertEqual(json.loads((out / "evaluation.json").read_text())["data"]["texts"], len(WORDS))
        self.assertTrue((out / "charts" / "reliability.svg").exists())

    def test_rows_that_cannot_be_read_are_left_out_and_counted(self):
        data = self.table(self.answers)
        data.write_bytes(data.read_bytes() + b"\xff,x\n")
        found = self.evaluate(data)
        self.assertEqual((found["data"]["texts"], found["data"]["rows_skipped"]), (len(WORDS), 1))

    def test_bad_input(self):
        good = self.table(self.answers)
        unknown = self.table([*self.answers[:-1], "no such label"], "unknown.csv")
        out = self.folder / "out"
        self.fails("evaluate", self.model, "--data", unknown, "--out", out, expect=3,
                   mentions=[f"row {len(WORDS)}", "no such label", self.labels[0]])
        mixed = self.table([*self.answers[:-1], "0"], "mixed.csv")
        self.fails("evaluate", self.model, "--data", mixed, expect=3, mentions=["number", "names"])
        self.fails("evaluate", self.model, "--data", self.table(["", *self.answers[1:]], "gap.csv"), expect=3,
                   mentions=["row 1", "no label"])
        self.fails("evaluate", self.model, "--data", self.table(self.answers, "other.csv", "class"), expect=3,
                   mentions=["label", "class"])
        self.fails("evaluate", self.model, "--data", self.write("plain.txt", "a\nb\n"), expect=2,
                   mentions=["label", "CSV"])
        self.fails("evaluate", self.model, "--data", self.write("none.csv", "text,label\n"), expect=3,
                   mentions="no text")
        self.fails("evaluate", self.model, "--data", good, "--against", MODELS / "camembert-multi-label", expect=2,
                   mentions="--against")
        self.fails("evaluate", self.model, "--data", self.folder / "missing.csv", expect=3, mentions="missing.csv")
        self.fails("evaluate", self.model, expect=2, mentions="--data")
        self.assertFalse(out.exists())

    def test_ctrl_c_leaves_nothing(self):
        out = self.folder / "out"
        process = subprocess.Popen([PACELINE, "evaluate", str(self.model), "--data", "-", "--format", "csv", "--out",
                                    str(out), "--quiet"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.environment())
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        process.stdin.write(b"text,label\nhello,low\n")
        process.stdin.flush()
        self.wait_for_handler(process.pid)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=PATIENCE), 130)
        self.assertFalse(out.exists())


if __name__ == "__main__":
    unittest.main()
