"""What the end-to-end tests of `paceline finetune` share: small files of texts, its command, the weights that result."""

import array
import json
import os
import shutil
import unittest
from pathlib import Path

from harness import MODELS, PACELINE, PacelineTest

ENCODER = MODELS / "bert-encoder"
CLASSIFIER = MODELS / "bert-fp32"
PLUGIN = Path(os.environ.get("PACELINE_PLUGIN_DIR", Path(PACELINE).parent)) / "libpaceline_torch.so"
KINDS = {"anger": "on te ur", "fear": "a b c d", "joy": "le le re"}

needs_torch = unittest.skipUnless(PLUGIN.exists(), "the torch plug-in is not built")


def table(count, kinds=None):
    """Texts whose words tell their label."""
    kinds = kinds or KINDS
    rows = [f"{words} {'e' * (i % 5)} {i % 4},{label}" for i in range(count) for label, words in kinds.items()]
    return "text,label\n" + "\n".join(rows) + "\n"


def weights(folder):
    """Every weight of a folder's model.safetensors, by name, as floats."""
    content = (folder / "model.safetensors").read_bytes()
    begin = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:begin])
    found = {}
    for name, about in header.items():
        if name != "__metadata__":
            first, end = about["data_offsets"]
            found[name] = array.array("f", content[begin + first:begin + end])
    return found


class FinetuneTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"
        self.train, self.eval = self.write("train.csv", table(16)), self.write("eval.csv", table(4))

    def command(self, out, *flags, model=ENCODER):
        """These flags, and the usual ones that are not among them."""
        usual = {"--batch-size": "8", "--learning-rate": "3e-3", "--threads": "1"}
        rest = [word for flag, value in usual.items() if flag not in flags for word in (flag, value)]
        return ["finetune", model, "--train", self.train, "--eval", self.eval, "--out", out, *rest, "--quiet", *flags]

    def finetune(self, out, *flags, **options):
        """Trains and gives what training.json says."""
        self.paceline(*self.command(out, *flags, **options))
        return json.loads((out / "training.json").read_text())

    def notes(self, out, *flags, **options):
        """Trains and gives what the command says meanwhile."""
        command = [word for word in self.command(out, *flags, **options) if word != "--quiet"]
        return self.paceline(*command).stderr.decode()

    def weights(self, out):
        return (out / "model.safetensors").read_bytes()

    def copy_of(self, model, name, tokenizer=None, **changes):
        """A model in the test's folder, with other settings; without dropout, so that a training is plain arithmetic."""
        copy = self.folder / name
        shutil.copytree(model, copy)
        self.edit_json(copy / "config.json", hidden_dropout_prob=0, attention_probs_dropout_prob=0, **changes)
        if tokenizer:
            self.edit_json(copy / "tokenizer_config.json", **tokenizer)
        return copy
