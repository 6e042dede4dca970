"""config.json of either version of transformers: who saved it, what nothing reads, and what is not quite right."""

import json
import unittest

from harness import PacelineTest

MARK = b"\xef\xbb\xbf"


class ConfigTest(PacelineTest):
    def inspect(self, model):
        return json.loads(self.paceline("inspect", model, "--json").stdout)

    def test_inspect_says_who_saved_the_folder(self):
        model = self.copy_model()
        for version, reading in (("4.57.1", 4), ("5.24.0", 5), ("5.0.0rc1", 5)):
            self.edit_json(model / "config.json", transformers_version=version)
            found = self.inspect(model)
            self.assertEqual((found["saved_by"], found["config_read_as"]), (version, reading))
            text = self.paceline("inspect", model).stdout.decode()
            self.assertIn(f"transformers {version}; config.json is read as by version {reading}", text)
        self.edit_json(model / "config.json", transformers_version=None)
        self.assertIn("a version that config.json does not name", self.paceline("inspect", model).stdout.decode())
        self.assertEqual(self.inspect(model)["config_read_as"], 4)

    def test_keys_that_nothing_reads_are_named(self):
        model = self.copy_model()
        self.assertEqual(self.inspect(model)["notices"], [])
        self.edit_json(model / "config.json", my_own_note="kept", hiden_size=3)
        for command in ("classify", "inspect"):
            made = self.paceline(command, model, stdin=b"Le film\n")
            self.assertIn(b'"hiden_size", "my_own_note"', made.stdout + made.stderr)
        out = self.folder / "model.onnx"
        self.assertIn(b'"my_own_note"', self.paceline("export", model, "--to", "onnx", "--out", out).stderr)

    def test_a_head_that_architectures_does_not_name(self):
        model = self.copy_model()
        before = self.paceline("classify", model, "--quiet", stdin=b"Le film\n").stdout
        masked = json.loads((model / "config.json").read_text("utf-8"))["architectures"][0]
        masked = masked.replace("ForSequenceClassification", "ForMaskedLM")
        self.edit_json(model / "config.json", architectures=[masked])
        made = self.paceline("classify", model, "--quiet", stdin=b"Le film\n")
        self.assertEqual(made.stdout, before)
        self.assertIn(f"names the class {masked}, but the weights hold a classification head", made.stderr.decode())

    def test_a_missing_model_type_is_told_apart(self):
        model = self.copy_model()
        config = json.loads((model / "config.json").read_text("utf-8"))
        self.edit_json(model / "config.json", model_type=None)
        self.fails("classify", model, stdin=b"a", expect=3, mentions=f'Add "model_type": "{config["model_type"]}"')

    def test_files_may_begin_with_a_byte_order_mark(self):
        model = self.copy_model()
        before = self.paceline("classify", model, "--quiet", stdin=b"Le film\n").stdout
        for file in model.glob("*.json"):
            file.write_bytes(MARK + file.read_bytes())
        self.assertEqual(self.paceline("classify", model, "--quiet", stdin=b"Le film\n").stdout, before)


if __name__ == "__main__":
    unittest.main()
