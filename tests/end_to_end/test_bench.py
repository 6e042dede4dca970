"""paceline bench and verify: a report and a plan from a run, and what becomes of a run that is disturbed."""

import json
import os
import pty
import random
import resource
import select
import shutil
import signal
import subprocess
import time
import unittest
from pathlib import Path

from harness import MODELS, PACELINE, PATIENCE, PacelineTest, children, with_flags

REPORT_FILES = ["charts", "plan.json", "report.html", "report.json", "samples.csv"]


class BenchCase(PacelineTest):
    def setUp(self):
        super().setUp()
        self.texts = self.make_texts("texts.txt", 200)
        self.out = self.folder / "report"
        self.flags = ["bench", self.model, "--text", self.texts, "--out", self.out, "--backends", "native",
                      "--batch-sizes", "1,8", "--budget", "1s"]

    def make_texts(self, name, count):
        source = random.Random(1)
        words = "la vie est belle et le temps passe vite quand on a des amis".split()
        return self.write(name, "".join(" ".join(source.choices(words, k=source.randint(1, 25))) + "\n"
                                        for _ in range(count)))

    def long_run(self, budget):
        """Flags of a run that uses up such a budget on any machine: texts as long as the model takes, and so many and
        so large batches that two rounds of all are tens of millions of tokens."""
        texts = self.write("long.txt", ("la vie est belle et le temps passe vite " * 10 + "\n") * 4096)
        sizes = ",".join(str(size) for size in range(897, 1025))
        return ["--text", str(texts), "--texts", "4096", "--batch-sizes", sizes, "--budget", budget]

    def report(self):
        return json.loads((self.out / "report.json").read_text())

    def start(self, *flags, stderr=subprocess.PIPE):
        process = subprocess.Popen([PACELINE, *map(str, with_flags(self.flags, *flags))], stdout=subprocess.PIPE,
                                   stderr=stderr, env=self.environment())
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def started(self, *flags):
        """A run under way beside the process id of its first worker."""
        process = self.start(*flags)
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and process.poll() is None:
            for child in children(process.pid):
                return process, child
            time.sleep(0.005)
        raise self.failureException(f"no worker was started: {process.communicate()}")


class BenchTest(BenchCase):
    def test_a_run_gives_a_report_and_a_plan_that_classify_obeys(self):
        result = self.paceline(*self.flags)
        self.assert_nothing_left(self.out, *REPORT_FILES)
        report = self.report()
        self.assertEqual(report["workload"]["texts"], 200)
        self.assertGreaterEqual(len(report["configurations"]), 4)
        plan = json.loads((self.out / "plan.json").read_text())
        self.assertEqual(plan["backend"], "native")
        self.assertIn("native", result.stdout.decode())
        expected = self.paceline("classify", self.model, "--compute-types", plan["compute_type"], "--input", self.texts,
                                 "--quiet").stdout
        obeyed = self.paceline("classify", self.out / "plan.json", "--input", self.texts, "--quiet")
        self.assertEqual((obeyed.stdout, obeyed.stderr), (expected, b""))

    def test_long_texts_in_windows(self):
        texts = self.write("long.txt", "".join("la vie est belle " * (1 + 60 * (i % 2)) + "\n" for i in range(40)))
        self.paceline(*with_flags(self.flags, "--text", texts, "--long", "window", "--stride", "2"))
        workload = self.report()["workload"]
        self.assertEqual((workload["texts"], workload["long"], workload["stride"]), (40, "window", 2))
        self.assertGreater(workload["sequences"], 60)
        self.assertIn("windows", self.report()["notes"][0])
        plan = json.loads((self.out / "plan.json").read_text())
        self.assertEqual((plan["long"], plan["stride"]), ("window", 2))
        rows = self.paceline("classify", self.out / "plan.json", "--input", texts, "--quiet").stdout.decode().splitlines()
        windows = [int(row.split("\t")[3]) for row in rows]
        self.assertEqual(sum(windows), workload["sequences"])
        self.fails(*self.flags, "--stride", "2", expect=2, mentions=["[bench]", "--long window"])
        self.fails(*self.flags, "--long", "window", "--objective", "latency", expect=2, mentions="--objective latency")

    def test_dry_run_only_plans(self):
        result = self.paceline("bench", self.model, "--text", self.texts, "--backends", "native", "--dry-run",
                               "--quiet")
        self.assertIn("configurations", result.stdout.decode())
        self.assertFalse(self.out.exists())

    def test_refusals(self):
        self.fails("bench", self.model, "--text", self.texts, expect=2, mentions="--out is missing")
        self.fails("bench", self.model, "--out", self.out, expect=2, mentions="--text is missing")
        self.fails(*with_flags(self.flags, "--budget", "soon"), expect=2, mentions="--budget")
        self.fails(*self.flags, "--protocol", "article", expect=2, mentions="--budget does not limit --protocol article")
        self.fails(*self.flags, "--resume", expect=2, mentions="--protocol article")
        self.fails(*with_flags(self.flags, "--backends", "naitve"), expect=2, mentions='"native"')
        self.fails(*with_flags(self.flags, "--text", self.write("empty.txt", "")), expect=3, mentions="empty")
        self.fails(*self.flags[:2], "--text", self.folder / "none.txt", "--out", self.out, expect=3,
                   mentions="none.txt")
        self.assertFalse(self.out.exists())

    def test_a_missing_engine(self):
        empty = self.folder / "plugins"
        empty.mkdir()
        without = self.environment(PACELINE_PLUGIN_DIR=str(empty))
        self.fails(*with_flags(self.flags, "--backends", "onnxruntime"), expect=4,
                   mentions=["onnxruntime", "./dev setup"],
                   env=without)
        self.assertFalse(self.out.exists())
        self.paceline("bench", self.model, "--text", self.texts, "--out", self.out, "--batch-sizes", 8, "--budget",
                      "1s", env=without)
        self.assertIn("onnxruntime", (self.out / "report.html").read_text())


class LabelledTest(BenchCase):
    """--data: how often each backend and compute type is right, and what follows from it."""

    def setUp(self):
        super().setUp()
        names = json.loads((self.model / "config.json").read_text())["id2label"]
        self.labels = [names[str(k)] for k in range(len(names))]
        texts = self.make_texts("source.txt", 700).read_text().splitlines()
        self.data = self.label("data.csv", texts, self.classify(texts))
        self.texts_of_data = texts
        start = self.flags.index("--text")
        self.flags[start:start + 2] = ["--data", self.data]

    def classify(self, texts):
        rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        out = self.paceline("classify", self.model, "--format", "jsonl", "--quiet", stdin=rows.encode()).stdout
        return [json.loads(line)["label"] for line in out.decode().splitlines()]

    def label(self, name, texts, answers):
        """What fp32 answers, but for every 8th text."""
        wrong = {label: self.labels[(k + 1) % len(self.labels)] for k, label in enumerate(self.labels)}
        rows = (f"{text},{wrong[label] if i % 8 == 0 else label}\n" for i, (text, label) in enumerate(zip(texts, answers)))
        return self.write(name, "text,label\n" + "".join(rows))

    def evaluate(self, *flags):
        out = self.paceline("evaluate", self.model, "--data", self.data, "--json", "--quiet", *flags).stdout
        return json.loads(out)

    def test_accuracy_is_that_of_evaluate(self):
        # int8 of a tiny model with random weights changes 5 of 700 labels: too many for the default.
        result = self.paceline(*self.flags, "--compute-types", "fp32,int8", "--max-accuracy-loss", "0.05")
        self.assert_nothing_left(self.out, *REPORT_FILES)
        report = self.report()
        self.assertEqual(report["workload"]["texts"], 700)
        self.assertEqual((report["labelled"]["texts"], report["labelled"]["texts_available"]), (700, 700))
        backends = {backend["compute_type"]: backend for backend in report["backends"]}
        evaluated = self.evaluate("--compute-types", "int8", "--against", self.model)
        for compute_type, scores in (("fp32", evaluated["against"]["scores"]), ("int8", evaluated["scores"])):
            found = dict(backends[compute_type]["accuracy"])
            found.pop("difference", None)
            self.assertEqual(found, {**scores["accuracy"], "macro_f1": scores["macro_f1"]}, compute_type)
        self.assertEqual(scores["accuracy"], evaluated["scores"]["accuracy"])
        self.assertNotIn("difference", backends["fp32"]["accuracy"])
        self.assertEqual(backends["int8"]["gate"]["judged_by"], "accuracy")
        self.assertEqual(backends["int8"]["accuracy"]["difference"], evaluated["against"]["difference"]["accuracy_difference"])
        self.assertIn("accuracy", result.stdout.decode())
        self.assertTrue((self.out / "charts" / "accuracy.svg").exists())
        header = (self.out / "samples.csv").read_text().splitlines()[0]
        self.assertTrue(header.endswith(",accuracy,accuracy_low,accuracy_high,accuracy_difference"), header)
        compared = self.paceline("compare", self.out, self.out).stdout.decode()
        self.assertIn("native fp32: 87.", compared)

    def test_texts_of_one_file_and_labels_of_another(self):
        self.paceline(*self.flags, "--text", self.texts, "--compute-types", "fp32")
        report = self.report()
        self.assertEqual((report["workload"]["source"], report["workload"]["texts"]), ("texts.txt", 200))
        self.assertEqual((report["labelled"]["source"], report["labelled"]["texts"]), ("data.csv", 700))

    def test_a_plan_is_measured_again_with_its_labels_and_windows(self):
        first = self.folder / "first"
        flags = with_flags(self.flags, "--out", first, "--threshold", "0.2", "--long", "window")
        self.paceline(*flags, "--compute-types", "fp32")
        planned = ["bench", first / "plan.json", *self.flags[2:]]
        self.paceline(*planned, "--compute-types", "fp32")
        report, plan = self.report(), json.loads((self.out / "plan.json").read_text())
        self.assertEqual((report["labelled"]["texts"], report["workload"]["long"]), (700, "window"))
        self.assertEqual((round(plan["threshold"], 6), plan["long"]), (0.2, "window"))
        self.assertEqual(plan["model_dir"], json.loads((first / "plan.json").read_text())["model_dir"])
        self.paceline(*planned, "--compute-types", "fp32", "--threshold", "0.3", "--long", "truncate")
        plan = json.loads((self.out / "plan.json").read_text())
        self.assertEqual((round(plan["threshold"], 6), plan.get("long", "truncate")), (0.3, "truncate"))
        dry = self.paceline(*planned, "--dry-run").stdout.decode()
        self.assertIn("700 labelled texts", dry)
        self.fails(*with_flags(planned, "--out", first), expect=2, mentions=["--out", "plan.json"])
        other = self.copy_of_plan(first, checkpoint_hash="0123456789abcdef")
        self.fails("bench", other, *self.flags[2:], expect=3, mentions="0123456789abcdef")
        self.fails("bench", first, *self.flags[2:], expect=2, mentions="Name its plan")

    def copy_of_plan(self, folder, **changes):
        plan = json.loads((folder / "plan.json").read_text())
        return self.write("changed.json", json.dumps({**plan, **changes}))

    def test_limits(self):
        self.paceline(*self.flags, "--compute-types", "fp32", "--min-accuracy", "0.99")
        report = self.report()
        self.assertFalse(report["recommendation"]["valid"])
        self.assertIn("The nearest is native fp32: it has accuracy of 87.", report["recommendation"]["reason"])
        self.assertEqual(report["recommendation"]["constraints"]["min_accuracy"], 0.99)

    def test_dry_run_reads_labels_and_plans(self):
        result = self.paceline("bench", self.model, "--data", self.data, "--backends", "native", "--dry-run", "--quiet")
        self.assertIn("configurations", result.stdout.decode())
        self.assertFalse(self.out.exists())

    def test_refusals(self):
        bad = self.label("bad.csv", self.texts_of_data[:3], self.classify(self.texts_of_data[:3]))
        bad.write_text(bad.read_text() + "la vie,nowhere\n")
        self.fails(*with_flags(self.flags, "--data", bad), expect=3, mentions=["row 4", '"nowhere"'])
        self.fails(*self.flags, "--label-column", "topic", expect=3, mentions="topic")
        self.fails(*with_flags(self.flags, "--data", "-"), stdin=self.data.read_bytes(), expect=2,
                   mentions="standard input cannot be read twice")
        self.fails(*self.flags, "--max-accuracy-loss", "0", expect=2, mentions="--max-accuracy-loss")
        self.fails("bench", self.model, "--data", self.data, "--profile", expect=2, mentions="--data")
        without = ["bench", self.model, "--text", self.texts, "--out", self.out]
        self.fails(*without, "--min-accuracy", "0.9", expect=2, mentions="by --data")
        self.fails(*without, "--label-column", "x", expect=2, mentions="--data")
        self.fails("bench", MODELS / "bert-encoder", "--data", self.data, "--out", self.out, expect=2,
                   mentions="has no labels")
        self.assertFalse(self.out.exists())


class DisturbedTest(BenchCase):
    def read_terminal(self, terminal, until):
        """What is shown until these bytes come, or until the program that shows it ends."""
        shown = b""
        while until is None or until not in shown:
            self.assertTrue(select.select([terminal], [], [], PATIENCE)[0], f"nothing is shown any more: {shown!r}")
            try:
                shown += os.read(terminal, 1 << 16)
            except OSError:  # nobody has the other end any more
                self.assertIsNone(until, f"it ended: {shown!r}")
                return shown
        return shown

    def test_ctrl_c_keeps_what_is_there_and_marks_it(self):
        terminal, theirs = pty.openpty()
        self.addCleanup(os.close, terminal)
        process = self.start(*self.long_run("60s"), stderr=theirs)
        os.close(theirs)
        shown = self.read_terminal(terminal, until=b"best so far")
        self.assertIn(b"configurations of 1 backend, ", shown)
        process.send_signal(signal.SIGINT)
        shown += self.read_terminal(terminal, until=None)
        self.assertEqual(process.wait(timeout=PATIENCE), 130, shown)
        report = self.report()
        self.assertTrue(report["interrupted"])
        measured = [row for row in report["configurations"] if "ms_per_text" in row]
        self.assertGreater(len(measured), 0)
        self.assertTrue(all(row["partial"] for row in measured if row["rounds"] < 2))
        self.assertFalse(report["recommendation"]["valid"])
        self.assert_nothing_left(self.out, *(name for name in REPORT_FILES if name != "plan.json"))

    def test_a_stop_while_it_loads(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process, worker = self.started(*self.long_run("60s"))
            process.send_signal(number)
            _, error = process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 130, error)
            self.assertTrue(self.report()["interrupted"])
            self.assertFalse(Path(f"/proc/{worker}").exists())
            shutil.rmtree(self.out)

    def test_kill_leaves_neither_files_nor_workers(self):
        process, worker = self.started(*self.long_run("60s"))
        process.kill()
        process.communicate(timeout=PATIENCE)
        self.assertFalse(self.out.exists())
        self.wait_for_end(worker)

    def wait_for_end(self, worker):
        """Whoever inherits the worker may be slow to take note of its end."""
        status = Path(f"/proc/{worker}/stat")
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if status.read_text().rpartition(")")[2].split()[0] == "Z":
                    return
            except (FileNotFoundError, ProcessLookupError):
                return
            time.sleep(0.01)
        self.fail(f"worker {worker} outlives bench")

    def kill_worker(self, *flags):
        process, worker = self.started(*flags)
        os.kill(worker, signal.SIGKILL)
        output, error = process.communicate(timeout=PATIENCE)
        return process.returncode, output.decode(), error.decode()

    def test_a_killed_worker_is_a_red_row(self):
        if b"onnxruntime not installed" in self.paceline("--version").stdout:
            self.skipTest("needs a second backend, which goes on")
        code, output, error = self.kill_worker("--backends", "native,onnxruntime", "--compute-types", "fp32",
                                               *self.long_run("5s"))
        self.assertEqual(code, 0, error)
        self.assertIn("signal 9", output)
        rows = self.report()["configurations"]
        self.assertTrue(all("signal 9" in row["error"] for row in rows if row["backend"] == "native"))
        self.assertTrue(any(row["backend"] == "onnxruntime" and "ms_per_text" in row for row in rows))

    def test_a_killed_worker_ends_a_run_that_has_no_other(self):
        code, output, error = self.kill_worker("--compute-types", "fp32", *self.long_run("60s"))
        self.assertEqual(code, 4, error)
        self.assertIn("signal 9", output)
        self.assertRegex(error, r"(?m)^paceline: \[bench\] no backend could be measured")
        self.assertIn("signal 9", json.dumps(self.report()))
        self.assertFalse((self.out / "plan.json").exists())

    def test_a_full_disk_leaves_no_report(self):
        self.out.mkdir()
        self.fails(*self.flags, "--quiet", expect=7, mentions="report",
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)))
        self.assert_nothing_left(self.out)

    def test_a_full_disk_keeps_the_earlier_report(self):
        self.paceline(*self.flags, "--quiet")
        before = {path: path.read_bytes() for path in self.out.rglob("*") if path.is_file()}
        self.fails(*self.flags, "--quiet", expect=7, mentions="report",
                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)))
        self.assertEqual({path: path.read_bytes() for path in self.out.rglob("*") if path.is_file()}, before)


class GateTest(BenchCase):
    """The loader's fake plug-ins stand in for ONNX Runtime; one of them answers with the text's length."""

    def setUp(self):
        super().setUp()
        self.model = MODELS / "roberta-regression"

    def plugged(self, kind):
        folder = self.folder / "plugins"
        folder.mkdir()
        fakes = Path(os.environ.get("PACELINE_FAKE_PLUGINS", Path(PACELINE).parent / "testing"))
        shutil.copy(fakes / f"libpaceline_{kind}.so", folder / "libpaceline_onnxruntime.so")
        return self.environment(PACELINE_PLUGIN_DIR=str(folder))

    def bench(self, *flags, **options):
        return self.paceline("bench", self.model, "--text", self.texts, "--out", self.out, "--batch-sizes", 8,
                             "--budget", "1s", *flags, **options)

    def test_verify_says_who_is_wrong(self):
        output = self.paceline("verify", self.model, "--backends", "native,onnxruntime", "--quiet", expect=5,
                               env=self.plugged("stand_in")).stdout.decode()
        self.assertRegex(output, r"(?m)^native .*accepted")
        self.assertRegex(output, r"(?m)^onnxruntime .*rejected")

    def test_bench_recommends_no_wrong_answers(self):
        env = self.plugged("stand_in")
        self.bench("--compute-types", "fp32", expect=5, env=env)
        self.assertEqual(json.loads((self.out / "plan.json").read_text())["backend"], "native")
        self.assertTrue(all(row["accepted"] == (row["backend"] == "native") for row in self.report()["configurations"]
                            if "ms_per_text" in row))
        self.bench(env=env)

    def test_an_engine_of_another_build(self):
        self.fails("classify", self.model, "--backends", "onnxruntime", stdin=b"a\n", expect=4,
                   mentions="0.0.0 of another tree", env=self.plugged("other"))


class VerifyTest(BenchCase):
    def test_agreement(self):
        for flags in [[], ["--text", self.texts]]:
            output = self.paceline("verify", self.model, "--backends", "native", "--compute-types", "fp32",
                                   *flags).stdout.decode()
            self.assertIn("accepted", output)


if __name__ == "__main__":
    unittest.main()
