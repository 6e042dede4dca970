"""The memory that classify takes does not grow with the input: a million texts more, at most 5 % more of it."""

import random
import re
import subprocess
import time
import unittest
from pathlib import Path

from harness import PACELINE, PacelineTest


class MemoryTest(PacelineTest):
    def peak(self, texts):
        """Peak resident memory, kB, of classifying that many short texts.

        The texts come through a pipe that stays open, so that the process can be looked at when it has written every
        answer and waits for more. (What wait4 says also counts the test's own memory before exec.)
        """
        source = random.Random(3)
        words = ["la", "vie", "est", "belle", "et", "le", "temps", "passe", "vite"]
        answers = self.folder / "out.txt"
        with answers.open("wb") as out, subprocess.Popen([PACELINE, "classify", str(self.model), "--quiet"], stdout=out,
                                                         stdin=subprocess.PIPE, env=self.environment()) as process:
            for _ in range(texts):
                process.stdin.write((" ".join(source.choices(words, k=source.randint(3, 12))) + "\n").encode())
            process.stdin.flush()
            deadline = time.monotonic() + 300
            while answers.read_bytes().count(b"\n") < texts and time.monotonic() < deadline:
                time.sleep(0.02)
            status = Path(f"/proc/{process.pid}/status").read_text()
            process.stdin.close()
            self.assertEqual(process.wait(timeout=60), 0)
        self.assertEqual(answers.read_bytes().count(b"\n"), texts)
        return int(re.search(r"VmHWM:\s*(\d+) kB", status).group(1))

    def test_flat(self):
        few = self.peak(300_000)
        many = self.peak(1_300_000)
        print(f"peak memory: {few} kB at 300,000 texts, {many} kB at 1,300,000")
        self.assertLessEqual(many, 1.05 * few)


if __name__ == "__main__":
    unittest.main()
