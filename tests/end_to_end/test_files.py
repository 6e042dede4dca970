"""What becomes of files: outputs, reports, the cache of exports, and names that are not UTF-8."""

import contextlib
import os
import resource
import select
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from harness import PACELINE, PATIENCE, PacelineTest, children, rows, wait_until, with_flags

CLASSIFY = ("--quiet", "--threads", "1")


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class OutputTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.command = [PACELINE, "classify", str(self.model), *CLASSIFY]
        self.out = self.folder / "o.tsv"

    def shell(self, script):
        return subprocess.run(["bash", "-c", script, "bash", *self.command], cwd=self.folder, timeout=PATIENCE, check=False,
                              capture_output=True, env=self.environment())

    def test_closed_descriptors_get_nobodys_words(self):
        expected = self.shell('printf "hello\\nworld\\n" | "$@"').stdout
        for closed in ("2>&-", "1>&-", "1>&- 2>&-"):
            result = self.shell(f'printf "hello\\nworld\\n" | {PACELINE} classify {self.model} --output o.tsv {closed}')
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(self.out.read_bytes(), expected, closed)

    def test_closed_standard_input_and_output_are_errors(self):
        self.assertNotEqual(self.shell('"$@" <&-').returncode, 0)
        for output in ("-", "/dev/stdout"):
            result = self.shell(f'echo hi | "$@" --output {output} >&-')
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(b"paceline: [", result.stderr)

    def test_dev_stdout_goes_on_where_the_shell_is(self):
        row = self.shell('echo hi | "$@"').stdout
        for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
            self.out.write_text("PRECIOUS\n")
            self.shell(f'echo hi | "$@" --output {name} >> o.tsv')
            self.assertEqual(self.out.read_bytes(), b"PRECIOUS\n" + row)
            self.shell(f'(echo HEADER; echo hi | "$@" --output {name}; echo FOOTER) > o.tsv')
            self.assertEqual(self.out.read_bytes(), b"HEADER\n" + row + b"FOOTER\n")
        self.shell('exec 7>o.tsv; echo hi | "$@" --output /dev/fd/7')
        self.assertEqual(self.out.read_bytes(), row)
        self.assertEqual(self.shell('echo hi | "$@" --output /dev/stdout | cat').stdout, row)
        self.assertEqual(self.shell('mkfifo pipe; cat pipe & echo hi | "$@" --output pipe; wait').stdout, row)

    def test_an_output_keeps_its_mode_and_the_link_to_it(self):
        self.out.touch()
        self.out.chmod(0o600)
        (self.folder / "link").symlink_to("o.tsv")
        self.paceline("classify", self.model, *CLASSIFY, "--output", self.folder / "link", stdin=b"hi\n")
        self.assertEqual(self.out.stat().st_mode & 0o777, 0o600)
        self.assertTrue((self.folder / "link").is_symlink())
        self.assertEqual(len(rows(self.out.read_bytes())), 1)

    def test_an_output_never_replaces_what_is_read(self):
        texts = self.write("t.txt", "hi\n")
        plan = self.write("plan.json", "{}")
        (self.folder / "soft").symlink_to("t.txt")
        os.link(texts, self.folder / "hard")
        for output in ("t.txt", "soft", "hard", "./t.txt"):
            self.fails("classify", self.model, *CLASSIFY, "--input", texts, "--output", output, expect=2,
                       mentions=["--output", "would replace", "t.txt"], cwd=self.folder)
            self.fails("tokenize", self.model, "--input", texts, "--output", output, expect=2,
                       mentions="would replace", cwd=self.folder)
        self.assertEqual(self.shell('"$@" --output t.txt < t.txt').returncode, 2)
        self.assertEqual(self.shell('"$@" --input t.txt >> t.txt').returncode, 2)
        self.fails("classify", plan, "--output", plan, stdin=b"hi\n", expect=2, mentions="would replace")
        self.assertEqual((texts.read_bytes(), plan.read_bytes()), (b"hi\n", b"{}"))
        model = self.copy_model()
        for name in ("config.json", "tokenizer.json", "model.safetensors"):
            before = (model / name).read_bytes()
            self.fails("classify", model, *CLASSIFY, "--output", model / name, stdin=b"hi\n", expect=2,
                       mentions=["would replace", name])
            self.fails("export", model, "--to", "onnx", "--out", model / name, expect=2,
                       mentions=["--out", "would replace", name])
            self.assertEqual((model / name).read_bytes(), before)
        self.fails("tokenize", model, "--output", model / "tokenizer.json", stdin=b"hi\n", expect=2,
                   mentions="would replace")
        out = self.folder / "out"
        out.mkdir()
        samples = self.write("out/samples.csv", "text\nhi\n")
        self.fails("bench", self.model, "--text", samples, "--out", out, expect=2,
                   mentions=["--out", str(samples), "would replace"])
        self.assertEqual([path.name for path in out.iterdir()], ["samples.csv"])
        self.paceline("export", model, "--to", "onnx", "--out", model / "model.onnx")
        self.paceline("export", model, "--to", "onnx", "--out", model / "model.onnx")

    def test_rows_are_not_packed(self):
        for command in ("classify", "tokenize"):
            self.fails(command, self.model, "--output", self.folder / "o.csv.gz", stdin=b"hi\n", expect=2,
                       mentions=[".gz", "| gzip"])
        self.assertFalse((self.folder / "o.csv.gz").exists())

    def test_names_as_long_as_they_may_be(self):
        for length in (241, 245, 255):
            self.paceline("classify", self.model, *CLASSIFY, "--output", self.folder / ("b" * length), stdin=b"hi\n")
            self.assertTrue((self.folder / ("b" * length)).exists())

    def test_the_next_run_removes_what_a_killed_one_left(self):
        process = subprocess.Popen([*self.command, "--format", "txt", "--output", str(self.out)],
                                   stdin=subprocess.PIPE, env=self.environment())
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.kill)
        process.stdin.write(b"hello\n" * 20000)  # more texts never come
        process.stdin.flush()
        wait_until(lambda: list(self.folder.glob(".paceline-tmp-*")))
        used = list(self.folder.glob(".paceline-tmp-*"))
        self.assertEqual(len(used), 1)
        other = self.folder / "other.tsv"
        self.paceline("classify", self.model, *CLASSIFY, "--output", other, stdin=b"hi\n")
        self.assertTrue(used[0].exists(), "the first run is still at it")
        process.kill()
        process.wait()
        self.assertTrue(used[0].exists())
        self.paceline("classify", self.model, *CLASSIFY, "--output", other, stdin=b"hi\n")
        self.assert_nothing_left(self.folder, "other.tsv", *(["cache"] if (self.folder / "cache").exists() else []))


class ReportTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.texts = self.write("t.txt", "".join(f"hello world {i}\n" for i in range(60)))
        self.out = self.folder / "report"

    def flags(self, model=None, *more):
        usual = ["bench", model or self.model, "--text", self.texts, "--out", self.out, "--backends", "native",
                 "--compute-types", "fp32", "--batch-sizes", "1,8", "--texts", "50", "--budget", "1s", "--quiet"]
        return with_flags(usual, *more)

    def test_every_file_is_of_one_run(self):
        self.paceline(*self.flags())
        (self.out / "notes.txt").write_text("the user's own")
        self.assertTrue((self.out / "plan.json").exists())
        self.paceline(*self.flags(self.model.parent / "bert-fp32", "--max-memory", "1MB"))
        self.assertIn(b"bert-fp32", (self.out / "report.json").read_bytes())
        self.assertFalse((self.out / "plan.json").exists())
        self.assertEqual((self.out / "notes.txt").read_text(), "the user's own")

    def interrupted_run(self):
        process = subprocess.Popen([PACELINE, *map(str, self.flags(None, "--budget", "60s"))], env=self.environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        # A worker that loads: nothing is measured yet.
        wait_until(lambda: list(children(process.pid)))
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 130, error)
        return error

    def test_a_run_that_is_stopped_replaces_nothing(self):
        self.paceline(*self.flags())
        before = content(self.out)
        error = self.interrupted_run()
        after = {name: data for name, data in content(self.out).items() if not name.startswith("incomplete/")}
        self.assertEqual(after, before)
        self.assertIn(b"stays", error)

    def test_a_file_that_cannot_be_replaced_leaves_all_as_it_was(self):
        self.paceline(*self.flags())
        (self.out / "report.html").unlink()
        (self.out / "report.html" / "x").mkdir(parents=True)
        before = content(self.out)
        self.fails(*self.flags(), expect=2, mentions=["report.html", "--out"])
        self.assertEqual(content(self.out), before)

    def test_whether_out_can_be_written_is_known_before_anything_is_measured(self):
        blocked = self.write("afile", "x")
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        self.fails(*self.flags(None, "--out", blocked, "--budget", "10m"), expect=2, mentions=["afile", "--out"])
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 60)
        self.assertEqual(blocked.read_text(), "x")

    def test_names_that_are_not_utf8(self):
        folder = os.fsencode(self.folder)
        model, cache, out = (os.fsdecode(folder + b"/" + name) for name in (b"m\xe9", b"c\xe9", b"r\xe9"))
        shutil.copytree(self.model, model)
        self.out = out
        self.paceline(*self.flags(model, "--cache-dir", cache))
        self.assertIn(b"m%E9", Path(out, "plan.json").read_bytes())
        expected = self.paceline("classify", self.model, "--input", self.texts, *CLASSIFY).stdout
        given = self.paceline("classify", Path(out, "plan.json"), "--cache-dir", cache, "--input", self.texts,
                              "--quiet").stdout
        self.assertEqual([row.split("\t")[0] for row in rows(given)], [row.split("\t")[0] for row in rows(expected)])
        names = sorted(os.listdir(folder))
        self.assertIn(b"c\xe9", names)
        self.assertFalse([name for name in names if b"\xef\xbf\xbd" in name], "a folder of another name was made")


class ExportTest(PacelineTest):
    def test_ctrl_c_ends_it(self):
        # A pipe that is full holds it at work.
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        process = subprocess.Popen([PACELINE, "export", str(self.model), "--to", "onnx", "--out", str(pipe)],
                                   env=self.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        self.assertTrue(select.select([reader], [], [], PATIENCE)[0])
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, output), (130, b""), error)

    def test_a_signal_behind_the_end_changes_nothing(self):
        # A pipe that is full holds it where it prints the name.
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.set_blocking(writer, False)
        full = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                full += os.write(writer, b"x")
        os.set_blocking(writer, True)
        out = self.folder / "model.onnx"
        process = subprocess.Popen([PACELINE, "export", str(self.model), "--to", "onnx", "--out", str(out)],
                                   env=self.environment(), stdout=writer, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        os.close(writer)
        wait_until(out.exists)
        time.sleep(0.5)  # from the renaming to the printing
        process.send_signal(signal.SIGTERM)
        with os.fdopen(os.dup(reader), "rb") as output:
            name = output.read()[full:]
        _, error = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, name), (0, f"{out}\n".encode()), error)

    def test_folders_that_were_made_go_with_it(self):
        made = self.folder / "new"
        out = made / "a" / "b" / "model.onnx"
        for _ in range(100):  # some are done before the signal comes
            process = subprocess.Popen([PACELINE, "export", str(self.model), "--to", "onnx", "--out", str(out)],
                                       env=self.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.addCleanup(process.kill)
            while process.poll() is None and not out.parent.exists():
                pass
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=PATIENCE)
            if process.returncode == 130:
                break
            self.assertEqual(process.returncode, 0, error)
            self.assertEqual(os.listdir(out.parent), ["model.onnx"])
            shutil.rmtree(made)
        self.assertEqual(process.returncode, 130, error)
        self.assertTrue(out.exists() or not made.exists(), "empty folders are left")


    def test_a_reader_that_goes_away_is_no_error(self):
        self.write("texts", "hello\n" * 100000)
        commands = ["export {} --to onnx --out -", "export {} --to onnx --out /dev/stdout",
                    "classify {} --input texts --output /dev/stdout", "classify {} --input texts"]
        if b"torchscript not installed" not in self.paceline("--version").stdout:
            commands.append("export {} --to torchscript --out -")
        for command in commands:
            script = f'"{PACELINE}" {command.format(self.model)} | head -c 10 > read; echo ${{PIPESTATUS[0]}}'
            result = subprocess.run(["bash", "-c", script], cwd=self.folder, timeout=PATIENCE, check=False,
                                    capture_output=True, env=self.environment())
            self.assertEqual(result.stdout, b"0\n", command)
            self.assertNotIn(b"paceline: [", result.stderr)
            self.assertEqual((self.folder / "read").stat().st_size, 10)


class CacheTest(PacelineTest):
    def setUp(self):
        super().setUp()
        if b"onnxruntime not installed" in self.paceline("--version").stdout:
            self.skipTest("needs ONNX Runtime")
        self.cache = self.folder / "c"

    def classify(self, **options):
        return self.paceline("classify", self.model, *CLASSIFY, "--cache-dir", self.cache, "--backends", "onnxruntime",
                             stdin=b"hello\nworld\n", **options).stdout

    def export(self):
        return next(self.cache.glob("onnx/*.onnx"))

    def test_other_bytes_are_noticed_and_the_export_made_again(self):
        expected = self.classify()
        file = self.export()
        good = file.read_bytes()
        time_of_file = file.stat().st_mtime_ns
        changed = bytearray(good)
        for i in range(len(good) // 2, len(good) // 2 + 4096):
            changed[i] ^= 0x80
        for bad in (bytes(changed), os.urandom(len(good)), good[:-1]):
            file.write_bytes(bad)
            os.utime(file, ns=(time_of_file, time_of_file))
            self.assertEqual(self.classify(), expected)
            self.assertEqual(file.read_bytes(), good)

    def test_a_link_is_not_followed(self):
        expected = self.classify()
        victim = self.write("victim", "precious")
        file = self.export()
        file.unlink()
        file.symlink_to(victim)
        self.assertEqual(self.classify(), expected)
        self.assertEqual(victim.read_text(), "precious")
        self.assertFalse(file.is_symlink())

    def test_a_folder_that_others_may_write_is_refused(self):
        self.classify()
        (self.cache / "onnx").chmod(0o777)
        self.fails("classify", self.model, *CLASSIFY, "--cache-dir", self.cache, "--backends", "onnxruntime",
                   stdin=b"hello\n", expect=2, mentions=["everybody", "--cache-dir"])


if __name__ == "__main__":
    unittest.main()
