"""What the end-to-end tests share: running the program, tiny checkpoints, folders of their own."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "testdata" / "models"
# Seconds after which a process counts as hanging: far beyond what a busy machine needs, as nothing here is about speed.
PATIENCE = 900
PACELINE = os.environ.get("PACELINE_BINARY", str(ROOT / "build" / "release" / "paceline"))

# A label each: enough words of several lengths that batches differ.
TEXTS = ["hello world", "", "la vie est belle", "one more", "a much longer text " * 8, "last"]


# A shell ignores these for its background jobs, and so would the programs started here.
for _signal in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(_signal, signal.default_int_handler if _signal == signal.SIGINT else signal.SIG_DFL)


def wait_until(happened, seconds=PATIENCE):
    """Whether it has happened before patience ends."""
    deadline = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


class PacelineTest(unittest.TestCase):
    """A test with a folder of its own, which holds the cache, too."""

    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="paceline_e2e_"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.model = MODELS / "roberta-fp32"

    def environment(self, **extra):
        return {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"), **extra}

    def paceline(self, *arguments, stdin=b"", expect=0, env=None, **options):
        """Runs the program and checks its exit code; standard output and error as bytes."""
        result = subprocess.run([PACELINE, *map(str, arguments)], input=stdin, capture_output=True, timeout=PATIENCE,
                                env=env or self.environment(), check=False, **options)
        self.assertEqual(result.returncode, expect, f"{arguments}\n{result.stdout!r}\n{result.stderr.decode()}")
        return result

    def fails(self, *arguments, expect, mentions, **options):
        """It has to fail with one sentence that names what is wrong, and without anything on standard output."""
        result = self.paceline(*arguments, expect=expect, **options)
        error = result.stderr.decode()
        sentences = [line for line in error.splitlines() if line.startswith("paceline: [")]
        self.assertEqual(len(sentences), 1, error)
        for word in [mentions] if isinstance(mentions, str) else mentions:
            self.assertIn(word, sentences[0])
        return result

    def doctor(self):
        """What doctor prints as JSON. Its verdict on the roof depends on who else uses the machine, so either will do."""
        result = subprocess.run([PACELINE, "doctor", "--json"], capture_output=True, timeout=PATIENCE,
                                env=self.environment(), check=False)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        self.assertEqual(json.loads(result.stdout)["roof"]["plausible"], result.returncode == 0)
        return result.stdout

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def copy_model(self, name="roberta-fp32"):
        """A checkpoint to damage."""
        copy = self.folder / "model"
        shutil.copytree(MODELS / name, copy)
        return copy

    def edit_json(self, path, **changes):
        content = json.loads(path.read_text())
        content.update(changes)
        path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))

    def wait_for_handler(self, process):
        """Until the process handles Ctrl-C."""
        status = Path(f"/proc/{process}/status")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            caught = next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("SigCgt"))
            if int(caught, 16) & 1 << (signal.SIGINT - 1):
                return
            time.sleep(0.01)
        self.fail("it never handled Ctrl-C")

    def assert_nothing_left(self, folder, *names):
        """Only these names stand in the folder: no temporary file, nothing half-written."""
        self.assertEqual(sorted(entry.name for entry in folder.iterdir()), sorted(names))


def with_flags(arguments, *flags):
    """The arguments with other flags: those that they have get another value, as none may stand twice."""
    changed = list(arguments)
    for name, value in zip(flags[::2], flags[1::2], strict=True):
        if name in changed:
            changed[changed.index(name) + 1] = value
        else:
            changed += [name, value]
    return changed


def rows(output):
    return output.decode().splitlines()


def json_rows(output):
    return [json.loads(line) for line in output.decode().splitlines()]


def children(pid):
    """Process ids. A thread that ends while it is looked at has none."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, task.read_text().split())
    return found
