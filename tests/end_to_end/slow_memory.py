"""The memory that classify takes does not grow with the input: a million texts more, at most 5 % more of it. A long text
takes a few times its own size.
"""

import os
import random
import re
import subprocess
import time
import unittest
from pathlib import Path

from harness import PACELINE, PATIENCE, PacelineTest


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
            deadline = time.monotonic() + PATIENCE
            while answers.read_bytes().count(b"\n") < texts and time.monotonic() < deadline:
                time.sleep(0.02)
            status = Path(f"/proc/{process.pid}/status").read_text()
            process.stdin.close()
            self.assertEqual(process.wait(timeout=PATIENCE), 0)
        self.assertEqual(answers.read_bytes().count(b"\n"), texts)
        return int(re.search(r"VmHWM:\s*(\d+) kB", status).group(1))

    def test_flat(self):
        few = self.peak(300_000)
        many = self.peak(1_300_000)
        print(f"peak memory: {few} kB at 300,000 texts, {many} kB at 1,300,000")
        self.assertLessEqual(many, 1.05 * few)

    def test_a_long_text(self):
        megabytes = 32
        path = self.folder / "long.txt"
        with path.open("wb") as out:
            for _ in range(megabytes):
                out.write(b"la vie est belle " * (1_000_000 // 17))
        command = [PACELINE, "classify", str(self.model), "--input", str(path), "--long", "truncate", "--quiet"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=self.environment()) as process:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        print(f"peak memory: {usage.ru_maxrss} kB for a text of {megabytes} MB")
        self.assertEqual(process.returncode, 0)
        self.assertLess(usage.ru_maxrss, 8 * megabytes * 1000)


if __name__ == "__main__":
    unittest.main()
