"""The half of tools/compare_training.py that trains with transformers, on a tiny model: it learns, it groups by length where
it is asked to, and it leaves figures.

usage: trainer_oracle.py --testdata testdata
"""

import argparse
import json
import pathlib
import sys
import tempfile
import unittest

import original_models  # noqa: F401, finds the tools

import compare_training

OPTIONS = None


class TrainerTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="paceline-trainer-")
        self.addCleanup(temporary.cleanup)
        # The label is the word that a text begins with.
        words = {"hello": "greeting", "la": "article"}
        rows = [{"text": f"{word} " + "world " * (i % 9 + 1), "label": label}
                for i in range(16) for word, label in words.items()]
        self.data = pathlib.Path(temporary.name) / "data.jsonl"
        self.data.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")

    def train(self, grouped=False, **changes):
        return compare_training.train_with_transformers(self.task(**changes), grouped)

    def task(self, **changes):
        settings = {"epochs": 20, "batch_size": 4, "learning_rate": 1e-3, "threads": 1, **changes}
        return compare_training.Task(OPTIONS.testdata / "models/bert-encoder", self.data, self.data, **settings)

    def test_it_learns_what_can_be_learnt(self):
        for settings in ({}, {"grouped": True}, {"compute_type": "bf16-autocast"}):
            with self.subTest(**settings):
                self.assertEqual(self.train(**settings)["accuracy"], 1)

    def test_a_process_of_its_own_answers_the_same(self):
        found, expected = compare_training.trainer_process(self.task(epochs=1), False), self.train(epochs=1)
        self.assertEqual((found.texts, found.accuracy), (32, expected["accuracy"]))
        self.assertEqual(found.about, expected["about"])
        self.assertGreater(found.seconds, 0)
        self.assertGreater(found.peak_bytes, 1e8)  # PyTorch alone

    def test_a_seed_decides_the_outcome(self):
        first, again, other = (self.train(epochs=1, seed=seed)["about"]["loss"] for seed in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_grouped_batches_are_padded_less(self):
        plain, grouped = (self.train(epochs=1, grouped=grouped)["about"]["tokens"] for grouped in (False, True))
        self.assertLess(grouped, plain)

    def test_a_failure_is_said(self):
        self.data.write_text("", encoding="utf-8")
        with self.assertRaises(compare_training.TrainingFailed):
            compare_training.trainer_process(self.task(), False)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--testdata", type=pathlib.Path, required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0], *rest])
