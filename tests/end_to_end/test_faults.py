"""Rough treatment: limits on memory, threads and files; closed pipes; ignored signals; hostile names; odd paths."""

import functools
import json
import os
import pty
import resource
import shutil
import signal
import subprocess
import unittest

from harness import PACELINE, PATIENCE, PacelineTest

BACKENDS = ("native", "onnxruntime", "onnxruntime-unpadded", "torchscript", "torch-eager", "torch-eager-unpadded")
HOSTILE = "\x1b]0;PWNED\x07\x1b[2Jlow\u202e"
MB = 1 << 20


def clean(text):
    """Nothing in it moves the cursor or turns the direction of writing, and it is UTF-8."""
    return all(character in "\n\t" or character.isprintable() for character in text.decode())


class LimitsTest(PacelineTest):
    """Whatever a limit is, the program ends with its answers or with one sentence and exit code 7."""

    def setUp(self):
        super().setUp()
        self.texts = self.write("texts.txt", "hello world\n")
        version = self.paceline("--version").stdout.decode()
        self.backends = [name for name in BACKENDS if f"{name} not installed" not in version]
        for name in self.backends:  # what is exported once
            self.paceline("classify", self.model, "--backends", name, "--input", self.texts)

    def check(self, kind, limit, *arguments):
        """The exit code under a limit: 0 or 7."""
        result = subprocess.run([PACELINE, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                                timeout=PATIENCE, env=self.environment(), check=False,
                                preexec_fn=lambda: resource.setrlimit(kind, (limit, limit)))
        told = f"{arguments} under {limit}: {result.returncode} {result.stdout!r} {result.stderr!r}"
        self.assertIn(result.returncode, (0, 7), told)
        if arguments[0] == "classify" and result.returncode == 7:
            self.assertIn(b"paceline: [", result.stderr, told)
            self.assertEqual(result.stderr.count(b"paceline: ["), 1, told)
        return result.returncode

    def test_address_space(self):
        for name in self.backends:
            small = (24, 48, 64, 80, 100, 140) if "torch" not in name else (100, 390, 420, 440, 460, 480, 520, 560)
            codes = [self.check(resource.RLIMIT_AS, limit * MB, "classify", self.model, "--backends", name,
                                "--threads", "4", "--quiet", "--input", self.texts) for limit in (*small, 4096)]
            self.assertEqual((codes[0], codes[-1]), (7, 0), name)

    def test_open_files(self):
        for name in self.backends:
            codes = [self.check(resource.RLIMIT_NOFILE, limit, "classify", self.model, "--backends", name,
                                "--threads", "2", "--quiet", "--input", self.texts) for limit in (4, 5, 6, 8, 10, 64)]
            self.assertEqual((codes[0], codes[-1]), (7, 0), name)

    def test_open_files_for_workers(self):
        for limit in (6, 9, 11, 12, 13, 16, 20):
            self.check(resource.RLIMIT_NOFILE, limit, "verify", self.model, "--backends", "native", "--quiet",
                       "--compute-types", "fp32", "--cache-dir", self.folder / f"cache{limit}")

    def test_address_space_for_workers(self):
        for limit in (30, 50, 100):
            code = self.check(resource.RLIMIT_AS, limit * MB, "verify", self.model, "--quiet", "--threads", "8",
                              "--compute-types", "fp32", "--cache-dir", self.folder / f"cache{limit}")
            self.assertEqual(code, 7, limit)

    def test_processes(self):
        if os.geteuid() != 0 or shutil.which("setpriv") is None:
            self.skipTest("the limit on processes does not hold for root: needs setpriv to become another user")
        cache = self.folder / "others"
        shutil.copytree(self.folder / "cache" / "paceline", cache)
        os.chmod(self.folder, 0o755)
        for entry in (cache, *cache.rglob("*")):
            os.chmod(entry, 0o777)
        # A user of its own, so that nobody else's processes count.
        become = ["setpriv", "--reuid", "64321", "--regid", "64321", "--clear-groups"]
        if subprocess.run([*become, PACELINE, "inspect", str(self.model)], capture_output=True,
                          env=self.environment(), check=False).returncode != 0:
            self.skipTest("another user cannot read the program")
        for name in (name for name in self.backends if "torch" not in name):
            for limit in (1, 2, 3, 4, 5, 6, 8):
                result = subprocess.run(
                    [*become, PACELINE, "classify", str(self.model), "--backends", name, "--threads", "4", "--quiet",
                     "--input", str(self.texts), "--cache-dir", str(cache)],
                    capture_output=True, timeout=PATIENCE, env=self.environment(), check=False,
                    preexec_fn=functools.partial(resource.setrlimit, resource.RLIMIT_NPROC, (limit, limit)))
                self.assertIn(result.returncode, (0, 7), (name, limit, result.stderr))


class StreamsTest(PacelineTest):
    def run_in_shell(self, command):
        return subprocess.run(["sh", "-c", command, "sh", PACELINE, str(self.model)], capture_output=True,
                              timeout=PATIENCE, env=self.environment(), check=False)

    def test_a_pipe_that_is_closed_ends_it_quietly(self):
        result = self.run_in_shell('{ yes hello | head -50000 | "$1" classify "$2" --quiet; echo "code $?" >&2; } | head -1')
        self.assertEqual(len(result.stdout.splitlines()), 1)
        self.assertEqual(result.stderr, b"code 0\n")

    def test_a_closed_standard_output_is_said(self):
        for command in ('echo hello | "$1" classify "$2" --quiet >&-', '"$1" inspect "$2" >&-', '"$1" --help >&-'):
            result = self.run_in_shell(command)
            self.assertEqual(result.returncode, 2, (command, result.stderr))
            self.assertIn(b"[standard output]", result.stderr)

    def test_an_output_that_is_slow_to_read_and_does_not_block(self):
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        process = subprocess.Popen([PACELINE, "classify", str(self.model), "--quiet"], stdin=subprocess.PIPE,
                                   stdout=writer, stderr=subprocess.PIPE, env=self.environment())
        os.close(writer)
        process.stdin.write(b"hello\n" * 40_000)
        process.stdin.close()
        with os.fdopen(reader, "rb") as answers:
            self.assertEqual(len(answers.read().splitlines()), 40_000)
        error = process.stderr.read()
        process.stderr.close()
        self.assertEqual(process.wait(timeout=PATIENCE), 0, error)

    def test_no_home(self):
        bare = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
        self.paceline("classify", self.model, stdin=b"hello\n", env=bare)
        homeless = "with-no-home/or-anything"
        self.fails("inspect", homeless, env={**bare, "HF_HOME": str(self.folder)}, expect=3, mentions=homeless)


class SignalsTest(PacelineTest):
    def waiting(self, prepare):
        process = subprocess.Popen([PACELINE, "classify", str(self.model), "--quiet", "--format", "txt"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.environment(), preexec_fn=prepare)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        process.stdin.write(b"hello\n" * 10_000)
        process.stdin.flush()
        os.read(process.stdout.fileno(), 1)  # it works
        return process

    def test_a_signal_that_is_ignored_stays_ignored(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = self.waiting(lambda number=number: signal.signal(number, signal.SIG_IGN))
            process.send_signal(number)
            output, error = process.communicate(b"world\n", timeout=PATIENCE)
            self.assertEqual((process.returncode, len(output.splitlines()), error), (0, 10_001, b""))

    def test_a_signal_that_stops_it_is_said(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = self.waiting(lambda number=number: signal.signal(number, signal.SIG_DFL))
            process.send_signal(number)
            _, error = process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 130)
            self.assertIn(b"stopping after the current work. Press Ctrl-C again to stop at once", error)


class HostileNamesTest(PacelineTest):
    def hostile_model(self):
        model = self.copy_model()
        self.edit_json(model / "config.json", id2label={"0": HOSTILE, "1": "a, b", "2": "tab\there"})
        return model

    def test_labels_on_the_terminal_and_in_messages(self):
        model = self.hostile_model()
        for arguments in (["inspect", model], ["classify", model, "--top-k", "3", "--quiet"]):
            self.assertTrue(clean(self.paceline(*arguments, stdin=b"hi\n").stdout), arguments)
        rows = self.paceline("classify", model, "--top-k", "3", "--quiet", stdin=b"hi\n").stdout.decode()
        self.assertEqual(len(rows.rstrip("\n").split("\t")), 6, "a label stays in its column")
        self.assertIn("tab\\there", rows)
        error = self.fails("classify", model, "--threshold", "z=1", stdin=b"hi\n", expect=2,
                           mentions=["\\x1b]0;PWNED", '"a, b"']).stderr
        self.assertTrue(clean(error), error)

    def test_files_keep_every_byte_of_a_label(self):
        model = self.hostile_model()
        row = self.paceline("classify", model, "--format", "jsonl", "--all-labels", "--quiet",
                            stdin=b'{"text": "hi"}\n').stdout
        self.assertEqual({entry["label"] for entry in json.loads(row)["labels"]}, {HOSTILE, "a, b", "tab\there"})

    def test_rows_on_a_terminal(self):
        """The texts of the rows themselves come back in JSONL: on a terminal they are shown, not obeyed."""
        text = "a\u009b2Jb\u202ec\x7f"
        given = (json.dumps({"text": text}, ensure_ascii=False) + "\n").encode()
        self.assertIn(text.encode(), self.paceline("classify", self.model, "--format", "jsonl", "--quiet",
                                                   stdin=given).stdout)
        terminal, theirs = pty.openpty()
        self.addCleanup(os.close, terminal)
        process = subprocess.Popen([PACELINE, "classify", str(self.model), "--format", "jsonl", "--quiet"],
                                   stdin=subprocess.PIPE, stdout=theirs, stderr=theirs, env=self.environment())
        os.close(theirs)
        process.stdin.write(given)
        process.stdin.close()
        shown = b""
        while not shown.endswith(b"\n"):
            shown += os.read(terminal, 4096)
        self.assertEqual(process.wait(timeout=PATIENCE), 0)
        self.assertTrue(clean(shown.replace(b"\r", b"")), shown)
        self.assertIn(b"a\\u009b2Jb\\u202ec", shown)

    def test_labels_with_commas(self):
        model = self.hostile_model()
        given = b"hi\n"
        scores = {}
        for weight in ("1", "100000"):
            row = self.paceline("classify", model, "--class-weights", f'"a, b"={weight}', "--quiet", stdin=given).stdout
            scores[weight] = row.decode().split("\t")[0]
        self.assertEqual(scores["100000"], "a, b")
        self.paceline("classify", model, "--threshold", '"a, b"=0.5,0.1', "--quiet", stdin=given)
        self.fails("classify", model, "--threshold", "a, b=0.5", stdin=given, expect=2, mentions="double quotes")

    def test_names_that_are_not_utf8(self):
        model = str(self.folder / os.fsdecode(b"m\xe9\x1b[2J"))
        shutil.copytree(self.model, model)
        texts = self.write("texts.txt", "hello world\n" * 20)
        self.paceline("classify", model, "--input", texts, "--quiet")
        cache = str(self.folder / os.fsdecode(b"cache\xe9"))
        self.paceline("bench", model, "--text", texts, "--out", self.folder / "report", "--backends",
                      "native", "--compute-types", "fp32", "--batch-sizes", "1", "--budget", "1s", "--quiet",
                      "--cache-dir", cache)
        self.assertTrue(os.path.isdir(cache))
        os.unlink(model + "/tokenizer.json")
        error = self.fails("classify", model, "--input", texts, expect=3, mentions="m\\xe9\\x1b[2J").stderr
        self.assertTrue(clean(error), error)


class OddPathsTest(PacelineTest):
    """Links in a circle, long names, folders in place of files: one sentence, and never a bug."""

    def odd_paths(self):
        (self.folder / "loop").symlink_to("loop")
        return [self.folder / "loop", self.folder / "loop" / "below", self.folder / ("n" * 300),
                self.write("file", "x") / "below"]

    def refused(self, *arguments):
        result = subprocess.run([PACELINE, *map(str, arguments)], input=b"hello\n", capture_output=True,
                                timeout=PATIENCE, env=self.environment(), check=False)
        told = f"{[str(argument)[-60:] for argument in arguments]}: {result.returncode} {result.stderr!r}"
        self.assertIn(result.returncode, (2, 3, 4), told)
        self.assertEqual(result.stderr.count(b"paceline: ["), 1, told)
        self.assertNotIn(b"bug", result.stderr, told)

    def test_everywhere(self):
        texts = self.write("texts.txt", "hello\n")
        odd_paths = self.odd_paths()
        for odd in [*odd_paths, self.folder]:
            for command in ("inspect", "classify", "tokenize", "verify"):
                self.refused(command, odd)
            self.refused("classify", self.model, "--input", odd)
            self.refused("classify", self.model, "--output", odd)
            self.refused("classify", self.model, "--weights", odd)
            self.refused("verify", self.model, "--onnx", odd, "--backends", "native")
            self.refused("verify", self.model, "--text", odd)
            self.refused("export", self.model, "--to", "onnx", "--out", odd)
            self.refused("compare", odd, odd)
        for odd in odd_paths[:3]:
            self.refused("bench", self.model, "--text", texts, "--out", odd, "--budget", "1s", "--backends", "native",
                         "--compute-types", "fp32", "--batch-sizes", "1", "--quiet")

    def test_without_permission(self):
        if os.geteuid() == 0:
            self.skipTest("root may look everywhere")
        closed = self.folder / "closed"
        shutil.copytree(self.model, closed / "model")
        closed.chmod(0)
        self.addCleanup(closed.chmod, 0o700)
        self.fails("inspect", closed / "model", expect=2, mentions="Permission denied")


if __name__ == "__main__":
    unittest.main()
