"""paceline evaluate: how often a model is right on labelled texts, and how it ends on bad ones."""

import csv
import io
import json
import math
import os
import signal
import struct
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

    def test_leaves_nothing_where_it_is_called(self):
        where = self.folder / "where"
        where.mkdir()
        self.evaluate(self.table(self.answers), cwd=where)
        self.assertEqual(list(where.iterdir()), [])

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

    def test_rows_without_what_they_need_are_counted_by_reason(self):
        rows = [{"text": text, "label": label} for text, label in zip(WORDS, self.answers)]
        rows[1]["label"] = None
        rows[2]["label"] = " "
        del rows[3]["label"]
        del rows[4]["text"]
        rows[5]["text"] = ""
        data = self.write("gaps.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        found = self.evaluate(data)["data"]
        self.assertEqual((found["texts"], found["rows_skipped"], found["empty_texts"]), (len(WORDS) - 4, 4, 1))
        self.assertEqual([(one["reason"], one["rows"]) for one in found["skipped"]], [("unreadable", 2), ("no label", 2)])
        self.assertIn("row 2", found["skipped"][1]["first"])
        short = self.table(self.answers)
        short.write_text(short.read_text() + f"no label\n,\n{WORDS[0]},\n")
        found = self.evaluate(short)["data"]
        self.assertEqual([(one["reason"], one["rows"]) for one in found["skipped"]], [("unreadable", 1), ("no label", 2)])
        shown = self.paceline("evaluate", self.model, "--data", short, "--quiet").stdout.decode()
        self.assertIn("2 rows are left out: no label. The first: [row", " ".join(shown.split()))

    def test_an_answer_that_is_not_a_number_is_counted(self):
        model = self.copy_model()
        tokens = self.paceline("tokenize", model, "--quiet", stdin=b"zzz\n").stdout.decode()
        token = json.loads(tokens)["input_ids"][1]
        weights = bytearray((model / "model.safetensors").read_bytes())
        header = 8 + int.from_bytes(weights[:8], "little")
        tensors = json.loads(weights[8:header])
        embedding = next(tensors[name] for name in tensors if name.endswith("word_embeddings.weight"))
        place = header + embedding["data_offsets"][0] + 4 * token * embedding["shape"][1]
        weights[place:place + 8] = struct.pack("<2f", 3e38, 3e38)  # their sum overflows
        (model / "model.safetensors").write_bytes(weights)
        data = self.table(self.answers)
        data.write_text(data.read_text() + f"zzz,{self.labels[0]}\n")
        found = self.evaluate(data, model=model)
        self.assertEqual(found["data"]["texts"], len(WORDS))
        self.assertEqual([(one["reason"], one["rows"]) for one in found["data"]["skipped"]],
                         [("the model's answer is not a number", 1)])
        self.assertIn(f"[row {len(WORDS) + 1}]", found["data"]["skipped"][0]["first"])

    def test_several_labels_tell_none_from_unknown(self):
        rows = [{"text": "a", "label": []}, {"text": "b", "label": ""}, {"text": "c", "label": None}]
        data = self.write("none.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        found = self.evaluate(data, "--against", MODELS / "camembert-multi-label", "--threshold", "0",
                              model=MODELS / "camembert-multi-label")
        self.assertEqual((found["data"]["texts"], found["data"]["rows_skipped"]), (2, 1))
        self.assertIsNone(found["data"]["labels_are"])
        self.assertEqual((found["model"]["threshold"], found["against"]["model"]["threshold"]), (0, 0.5))
        for name in ("exact", "micro_f1", "macro_f1"):
            self.assertIn(f"{name}_difference", found["against"]["difference"])

    def test_class_weights_change_what_is_scored(self):
        weights = ",".join(f"{label}={weight}" for label, weight in zip(self.labels, (0.1, 20, 1)))
        found = self.evaluate(self.table(self.answers), "--class-weights", weights)
        plain = self.evaluate(self.table(self.answers))
        self.assertEqual(found["model"]["class_weights"][self.labels[1]], 20)
        rows = "".join(json.dumps({"text": text}) + "\n" for text in WORDS)
        out = self.paceline("classify", self.model, "--format", "jsonl", "--quiet", "--all-labels", "--class-weights",
                            weights, stdin=rows.encode()).stdout.decode()
        loss = 0
        for line, expected in zip(out.splitlines(), self.answers):
            scores = {one["label"]: one["score"] for one in json.loads(line)["labels"]}
            loss -= math.log(scores[expected]) / len(WORDS)
        self.assertAlmostEqual(found["calibration"]["log_loss"], loss, places=4)
        self.assertNotAlmostEqual(plain["calibration"]["log_loss"], loss, places=2)

    def test_pairs_show_both_texts(self):
        rows = [{"a": text, "b": f"second {i}", "label": self.other(self.answers[i])} for i, text in enumerate(WORDS)]
        data = self.write("pairs.json", json.dumps(rows))
        out = self.folder / "out"
        found = self.evaluate(data, "--text-column", "a", "--pair-column", "b", "--out", out)
        for one in found["most_wrong"]:
            self.assertEqual((one["text"], one["pair"]), (WORDS[one["row"] - 1], f"second {one['row'] - 1}"))
        self.assertIn("Second text", (out / "evaluation.html").read_text())

    def test_the_report_replaces_nothing_that_is_read(self):
        data = self.table(self.answers, "evaluation.json")
        before = data.read_bytes()
        self.fails("evaluate", self.model, "--data", data, "--format", "csv", "--out", data.parent, expect=2,
                   mentions=["--out", "would replace", "evaluation.json"])
        self.assertEqual(data.read_bytes(), before)
        config = self.model / "config.json"
        os.symlink(config, self.folder / "evaluation.html")
        self.fails("evaluate", self.model, "--data", self.table(self.answers), "--out", self.folder, expect=2,
                   mentions=["--out", "would replace", "config.json"])

    def test_bad_input(self):
        good = self.table(self.answers)
        unknown = self.table([*self.answers[:-1], "no such label"], "unknown.csv")
        out = self.folder / "out"
        self.fails("evaluate", self.model, "--data", unknown, "--out", out, expect=3,
                   mentions=[f"row {len(WORDS)}", "no such label", self.labels[0]])
        mixed = self.table([*self.answers[:-1], "0"], "mixed.csv")
        self.fails("evaluate", self.model, "--data", mixed, expect=3, mentions=["number", "names"])
        self.fails("evaluate", self.model, "--data", self.table([""] * len(WORDS), "gap.csv"), expect=3,
                   mentions=["no text", "row 1", "no label"])
        self.fails("evaluate", self.model, "--data", good, "--label-column", "", expect=2, mentions="--label-column")
        self.fails("evaluate", self.model, "--data", good, "--label-column", "text", expect=2,
                   mentions=["\"text\"", "--text-column"])
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
