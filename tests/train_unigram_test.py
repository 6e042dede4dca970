#!/usr/bin/env python3
"""The trainer of the demo's tokenizer gives the same bytes for the same corpus, whatever the threads and the hash seeds.

usage: train_unigram_test.py BUILD/rust/train_unigram
"""

import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

TRAINER = None
VOCAB_SIZE = 400
FILES = ["tokenizer.json", "tokenizer_config.json"]


def corpus():
    """Sentences of made-up words, and characters so rare that none of their pieces survives."""
    source = random.Random(5)
    syllables = [a + b for a in "bcdfglmnprstv" for b in ("a", "e", "i", "o", "u", "an", "\u00e9")]
    words = ["".join(source.choices(syllables, k=source.randint(1, 4))) for _ in range(2000)]
    rare = [chr(0x4e00 + 7 * i) for i in range(60)]
    lines = []
    for number in range(3000):
        line = source.choices(words, weights=[1 / (rank + 1) for rank in range(len(words))], k=12)
        lines.append(" ".join(line) + (rare[number // 50] if number % 50 == 0 else ""))
    return "\n".join(lines) + "\n"


class TrainUnigramTest(unittest.TestCase):
    def test_the_same_corpus_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as folder:
            text = pathlib.Path(folder) / "corpus.txt"
            text.write_text(corpus(), encoding="utf-8")
            outputs = []
            for threads in ("1", "2", "7"):
                out = pathlib.Path(folder) / threads
                subprocess.run([TRAINER, text, out, str(VOCAB_SIZE)], check=True, timeout=120,
                               stdout=subprocess.DEVNULL, env={**os.environ, "RAYON_NUM_THREADS": threads})
                outputs.append([(out / name).read_bytes() for name in FILES])
        pieces = json.loads(outputs[0][0])["model"]["vocab"]
        self.assertEqual(len(pieces), VOCAB_SIZE)
        self.assertGreater(sum(len(piece) > 2 for piece, _ in pieces), 100)
        for output in outputs[1:]:
            for name, expected, got in zip(FILES, outputs[0], output):
                self.assertTrue(expected == got, f"{name} differs")


if __name__ == "__main__":
    TRAINER = sys.argv.pop(1)
    unittest.main()
