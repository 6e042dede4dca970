#!/usr/bin/env python3
"""Token types reach the model where its folder's tokenizer hands them out, or where the flag says so."""

import json
import unittest

from harness import MODELS, ROOT, PacelineTest, json_rows

PAIR = json.dumps({"text": "la vie est belle", "pair": "le vent"}) + "\n"
SINGLE = json.dumps({"text": "la vie est belle"}) + "\n"


class TokenTypesTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.model = self.copy_model("bert-fp32")

    def logits(self, model, *flags, given=PAIR):
        columns = ["--pair-column", "pair"] if given == PAIR else []
        output = self.paceline("classify", model, "--raw-logits", "--quiet", *columns, *flags, stdin=given.encode())
        return json_rows(output.stdout)[0]["logits"]

    def save_as_five(self):
        config = {"tokenizer_class": "TokenizersBackend", "backend": "tokenizers", "model_max_length": 64}
        (self.model / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")

    def inspect(self, *flags):
        return json.loads(self.paceline("inspect", self.model, "--json", *flags).stdout)

    def test_the_flag_against_the_folder(self):
        handed_out, none = self.logits(self.model), self.logits(self.model, "--token-types", "no")
        self.assertNotEqual(handed_out, none)
        self.assertEqual(self.logits(self.model, "--token-types", "yes"), handed_out)
        self.save_as_five()
        self.assertEqual(self.logits(self.model), none)
        self.assertEqual(self.logits(self.model, "--token-types", "as-saved"), none)
        self.assertEqual(self.logits(self.model, "--token-types", "yes"), handed_out)
        self.assertEqual(self.logits(self.model, given=SINGLE),
                         self.logits(self.model, "--token-types", "yes", given=SINGLE), "one text is of type 0")

    def test_inspect_says_what_a_folder_lost(self):
        found = self.inspect()
        self.assertTrue(found["token_types"]["handed_out"])
        self.assertEqual(found["token_types"]["notice"], "")
        self.save_as_five()
        lost = self.inspect()
        self.assertFalse(lost["token_types"]["handed_out"])
        self.assertIn("--token-types yes", lost["token_types"]["notice"])
        self.assertIn("--token-types yes", self.paceline("inspect", self.model).stdout.decode())
        forced = self.inspect("--token-types", "yes")
        self.assertEqual((forced["token_types"]["reason"], forced["token_types"]["notice"]), ("--token-types yes", ""))
        self.assertNotEqual(forced["hash"], lost["hash"])

    def test_tokenize_shows_what_is_handed_out(self):
        def row(*flags):
            return json_rows(self.paceline("tokenize", self.model, "--pair-column", "pair", "--quiet", *flags,
                                           stdin=PAIR.encode()).stdout)[0]

        self.assertEqual(sorted(set(row()["token_type_ids"])), [0, 1])
        self.assertNotIn("token_type_ids", row("--token-types", "no"))

    def test_a_plan_keeps_the_flag(self):
        texts = self.write("texts.jsonl", PAIR * 3)
        out = self.folder / "out"
        self.paceline("bench", self.model, "--text", texts, "--pair-column", "pair", "--out", out, "--budget", "2s",
                      "--batch-sizes", "1", "--backends", "native", "--compute-types", "fp32", "--orders", "input",
                      "--token-types", "no", "--quiet")
        plan = out / "plan.json"
        self.assertEqual(json.loads(plan.read_text("utf-8"))["token_types"], "no")
        self.assertEqual(self.logits(plan), self.logits(self.model, "--token-types", "no"))
        self.fails("classify", plan, "--token-types", "yes", stdin=b"a\n", expect=3, mentions="hash")

    def test_an_export_has_no_input_for_types_that_nothing_hands_out(self):
        file = self.folder / "model.onnx"
        self.paceline("export", self.model, "--to", "onnx", "--out", file, "--input-names", "a,b,c")
        self.paceline("export", self.model, "--to", "onnx", "--out", file, "--token-types", "no", "--input-names", "a,b")
        self.fails("export", self.model, "--to", "onnx", "--out", file, "--token-types", "no", "--input-names", "a,b,c",
                   expect=2, mentions="has 2 inputs")

    def test_a_model_that_tells_no_types_apart(self):
        roberta = MODELS / "roberta-fp32"
        self.fails("classify", roberta, "--token-types", "yes", stdin=b"a\n", expect=2, mentions="roberta")
        self.logits(roberta, "--token-types", "no", given=SINGLE)

    def test_model_input_names_must_be_a_list(self):
        (self.model / "tokenizer_config.json").write_text('{"model_input_names": 3}', "utf-8")
        self.fails("classify", self.model, stdin=b"a\n", expect=3, mentions="model_input_names")


class SavedByFiveTest(PacelineTest):
    """Folders of transformers 5, whose golden files have token types where its tokenizer hands them out."""

    FOLDERS = ["albert-again", "albert-no-types", "bert", "flaubert", "flaubert-types", "gpt2",
               "gpt2-types", "xlm", "xlm-again-types", "xlnet-again", "xlnet-types"]

    def test_types_and_logits_are_those_of_transformers(self):
        for name in self.FOLDERS:
            folder = ROOT / "testdata/saved_by_5" / name
            cases = json.loads((folder / "golden.json").read_text("utf-8"))["cases"]
            for pairs in (False, True):
                some = [case for case in cases if ("pair" in case) == pairs]
                given = "".join(json.dumps({key: case[key] for key in ("text", "pair") if key in case}) + "\n"
                                for case in some).encode()
                column = ["--pair-column", "pair"] if pairs else []
                shown = json_rows(self.paceline("tokenize", folder, "--quiet", *column, stdin=given).stdout)
                answers = json_rows(self.paceline("classify", folder, "--raw-logits", "--quiet", *column,
                                                  stdin=given).stdout)
                for case, row, answer in zip(some, shown, answers, strict=True):
                    with self.subTest(folder=name, text=case["text"], pair=case.get("pair")):
                        self.assertEqual(row["input_ids"], case["input_ids"])
                        self.assertEqual(row.get("token_type_ids"), case.get("token_type_ids"))
                        largest = max(map(abs, case["logits_fp64"]))
                        for wanted, logit in zip(case["logits_fp64"], answer["logits"], strict=True):
                            self.assertLess(abs(wanted - logit), 1e-5 * largest)


if __name__ == "__main__":
    unittest.main()
