#!/usr/bin/env python3
"""One text that cannot be read is an error in its row, and every other row has its answer."""

import csv
import io
import json
import unittest

from harness import PacelineTest, json_rows, rows

UNKNOWN = "[EXTRA]"  # a token whose id the model has no row for


class RowErrorsTest(PacelineTest):
    def edit_tokenizer(self, model, change):
        path = model / "tokenizer.json"
        content = json.loads(path.read_text("utf-8"))
        change(content)
        path.write_text(json.dumps(content), "utf-8")
        return model

    def with_unknown_id(self):
        def add(content):
            content["added_tokens"].append({"id": 340, "content": UNKNOWN, "single_word": False, "lstrip": False,
                                            "rstrip": False, "normalized": False, "special": False})

        return self.edit_tokenizer(self.copy_model(), add)

    def classify(self, model, given, *flags, **options):
        return self.paceline("classify", model, "--quiet", *flags, stdin=given.encode(), **options).stdout

    def test_in_every_format(self):
        model = self.with_unknown_id()
        first, last = rows(self.classify(model, "hello\nlast\n"))
        output = rows(self.classify(model, f"hello\nan {UNKNOWN} one\nlast\n"))
        self.assertEqual((output[0], output[2]), (first, last))
        self.assertTrue(output[1].startswith("\t\t[row 2, "), output[1])
        for word in [UNKNOWN, "id 340", "ids below 340"]:
            self.assertIn(word, output[1])
        table = list(csv.DictReader(io.StringIO(self.classify(
            model, f"text\nhello\nan {UNKNOWN} one\nlast\n", "--format", "csv").decode())))
        self.assertEqual([row["label"] for row in table], [first.split("\t")[0], "", last.split("\t")[0]])
        self.assertEqual([bool(row["error"]) for row in table], [False, True, False])
        given = "".join(json.dumps({"text": text}) + "\n" for text in ["hello", UNKNOWN, "last"])
        objects = json_rows(self.classify(model, given))
        self.assertEqual([sorted(row) for row in objects],
                         [["label", "score", "text"], ["error", "text"], ["label", "score", "text"]])

    def test_the_row_is_counted_through_the_whole_input(self):
        model = self.with_unknown_id()
        output = rows(self.classify(model, "a\n" * 10002 + UNKNOWN + "\nb\n"))
        self.assertEqual(len(output), 10004)
        self.assertIn("[row 10003, ", output[10002])
        self.assertEqual(sum("[row" in row for row in output), 1)

    def test_strict_and_the_summary_count_it(self):
        model = self.with_unknown_id()
        result = self.paceline("classify", model, "--strict", stdin=f"a\n{UNKNOWN}\n".encode(), expect=3)
        quiet = self.paceline("classify", model, "--strict", "--quiet", stdin=f"a\n{UNKNOWN}\n".encode(), expect=3)
        self.assertEqual(quiet.stderr.decode(), "paceline: 1 row with an error; --strict gives exit code 3.\n")
        self.assertRegex(result.stderr.decode(), r"1 with an error\nthe first error: \[row 2, ")
        self.assertEqual(len(rows(result.stdout)), 2)
        self.assertEqual(len(rows(self.classify(model, f"{UNKNOWN}\n{UNKNOWN}\n"))), 2, "and where no row can be read")

    def test_in_windows(self):
        model = self.with_unknown_id()
        given = f"{'word ' * 300}\n{'word ' * 300}{UNKNOWN}\nlast\n"
        output = rows(self.classify(model, given, "--long", "window"))
        alone = rows(self.classify(model, f"{'word ' * 300}\nlast\n", "--long", "window"))
        self.assertEqual([output[0], output[2]], alone)
        self.assertIn("[row 2, ", output[1])
        # What is cut off is not read.
        self.assertFalse(any("[row" in row for row in rows(self.classify(model, given))))

    def test_in_tokenize(self):
        output = json_rows(self.paceline("tokenize", self.with_unknown_id(), "--quiet",
                                         stdin=f"a\n{UNKNOWN}\nb\n".encode()).stdout)
        self.assertEqual(["error" in row for row in output], [False, True, False])
        self.assertIn("[row 2, ", output[1]["error"])

    def test_a_pattern_that_gives_up(self):
        def slow(content):
            split = {"type": "Split", "pattern": {"Regex": "\\w+(?= the)|\\w+|\\W"}, "behavior": "Isolated",
                     "invert": False}
            level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
            content["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": [split, level]}

        model = self.edit_tokenizer(self.copy_model(), slow)
        output = rows(self.classify(model, "hello\n" + "word " * 5000 + "\nlast\n"))
        self.assertEqual(["[row 2, " in row for row in output], [False, True, False])

    def test_a_piece_without_an_unknown_id(self):
        def forget(content):
            content["model"]["unk_id"] = None

        model = self.edit_tokenizer(self.copy_model("camembert-multi-label"), forget)
        output = rows(self.classify(model, "hello\nodd \U0001f984\nlast\n"))
        self.assertEqual(["[row 2, " in row for row in output], [False, True, False])

    def test_verify_passes_over_it(self):
        model = self.with_unknown_id()
        texts = self.write("texts.txt", f"hello\n{UNKNOWN}\nlast\n")
        result = self.paceline("verify", model, "--text", texts, "--backends", "native", "--compute-types", "fp32",
                               "--quiet")
        self.assertIn("Skipped 1 of the chosen texts", result.stdout.decode())
        self.fails("verify", model, "--text", self.write("bad.txt", f"{UNKNOWN}\n"), "--backends", "native", "--quiet",
                   expect=3, mentions=["none of the 1 texts", UNKNOWN])


if __name__ == "__main__":
    unittest.main()
