"""The article's protocol on real processes: workers and the whole program killed at random moments lose no round."""

import contextlib
import csv
import json
import os
import random
import signal
import subprocess
import unittest
from collections import Counter

from harness import PACELINE, PATIENCE, PacelineTest, children, wait_until

# Every kill is after a number of turns that chance draws, never after a time: a slow machine takes longer over the same.
RUNS = 6
KILLS = 3
ROUNDS = 5
MOST_TURNS_BETWEEN_KILLS = 12


class ArticleTest(PacelineTest):
    def setUp(self):
        super().setUp()
        words = random.Random(1)
        vocabulary = "la vie est belle et le temps passe vite quand on a des amis".split()
        lines = [" ".join(words.choices(vocabulary, k=words.randint(1, 30))) for _ in range(60)]
        self.texts = self.write("texts.txt", "\n".join(lines) + "\n")
        self.out = self.folder / "report"
        self.flags = ["bench", self.model, "--text", self.texts, "--out", self.out, "--protocol", "article",
                      "--compute-types", "fp32", "--backends", "native,onnxruntime", "--batch-sizes", "1,4",
                      "--texts", "60", "--quiet"]

    def saved(self):
        """The finished turns: (what, round, confirmation) -> seconds."""
        turns = {}
        path = self.out / "rounds.jsonl"
        for line in path.read_text().splitlines() if path.exists() else []:
            with contextlib.suppress(ValueError):  # the last line may be torn
                turn = json.loads(line)
                if "key" in turn:
                    turns[turn["key"], turn["round"], turn["confirmation"]] = turn["seconds"]
        return turns

    def run_and_kill(self, source, whole):
        """One run, whose worker, or which itself, is killed when it has saved a random number of turns more. Its exit
        code; 0 where it was done before.
        """
        wanted = len(self.saved()) + source.randrange(MOST_TURNS_BETWEEN_KILLS)
        resume = ["--resume"] if (self.out / "rounds.jsonl").exists() else []
        process = subprocess.Popen([PACELINE, *map(str, self.flags), *resume], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, env=self.environment())
        self.addCleanup(process.communicate)
        def is_time():
            return process.poll() is not None or (children(process.pid) and len(self.saved()) >= wanted)

        self.assertTrue(wait_until(is_time), "it stands still")
        if whole:
            process.kill()
        else:
            victims = children(process.pid)
            if victims and process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(source.choice(victims), signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE)
        if not whole:
            self.assertEqual(process.returncode, 0, errors.decode())
        return process.returncode

    def test_workers_and_runs_killed_at_random_moments_lose_no_finished_round(self):
        for number in range(RUNS):
            source = random.Random(number)
            before = {}
            for attempt in range(KILLS + 2):
                code = self.run_and_kill(source, whole=number % 2 == 0 and attempt < KILLS)
                after = self.saved()
                if code == 0 and not after:
                    break  # complete: the saved rounds are gone, the report has them
                self.assertEqual({turn: after.get(turn) for turn in before}, before, f"run {number}")
                before = after
            else:
                self.fail(f"run {number} never came to its end")
            with open(self.out / "samples.csv", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            rounds = Counter((row["backend"], row["batch_size"], row["order"]) for row in rows
                             if row["phase"] == "exploratory")
            self.assertEqual(set(rounds.values()), {ROUNDS}, rounds)
            self.assertEqual(len(rounds), 8)

    def test_a_stopped_run_says_how_to_go_on(self):
        process = subprocess.Popen([PACELINE, *map(str, self.flags)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.environment())
        self.addCleanup(process.communicate)
        wait_until(lambda: len(self.saved()) >= 2 or process.poll() is not None)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 6, errors.decode())
        self.assertIn("--resume", errors.decode())
        before = self.saved()
        self.assertGreaterEqual(len(before), 2)
        self.fails(*self.flags, expect=2, mentions="--resume")
        self.fails(*self.flags, "--resume", "--seed", "3", expect=3, mentions="another run")
        self.paceline(*self.flags, "--resume")
        self.assertFalse((self.out / "rounds.jsonl").exists())
        self.fails(*self.flags, "--resume", expect=2, mentions="no unfinished run")


if __name__ == "__main__":
    unittest.main()
