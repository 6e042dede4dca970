"""What the process may use of a machine: affinity, instances, threads; and plans that say so."""

import json
import os
import subprocess
import unittest
from pathlib import Path

from harness import PACELINE, PATIENCE, TEXTS, PacelineTest

WINDOW = 10_000  # texts that classify sorts together
TEXT = "\n".join(TEXTS * 40).encode()


def running_threads(process):
    """CPUs that each thread of a process may run on, by thread id."""
    return {int(task.name): os.sched_getaffinity(int(task.name))
            for task in Path(f"/proc/{process.pid}/task").iterdir()}


class MachinesTest(PacelineTest):
    def test_instances_answer_as_one_does_in_the_same_order(self):
        one = self.paceline("classify", self.model, "--quiet", stdin=TEXT).stdout
        for backend in ("native", "onnxruntime"):
            for instances in ("1", "2", "5"):
                more = self.paceline("classify", self.model, "--quiet", "--backends", backend, "--instances", instances,
                                     "--threads", "1", "--batch-sizes", "7", stdin=TEXT).stdout
                labels = [line.split("\t")[0] for line in more.decode().splitlines()]
                self.assertEqual(labels, [line.split("\t")[0] for line in one.decode().splitlines()])
                if backend == "native":
                    self.assertEqual(more, one)

    def test_instances_out_of_range_are_wrong_usage(self):
        for value in ("0", "-1", "1025", "two"):
            self.paceline("classify", self.model, "--instances", value, expect=2)
        self.fails("classify", self.model, "--instances", "600", "--threads", "2", expect=2,
                   mentions="1024 threads", stdin=b"hello\n")

    def test_each_instance_has_cpus_of_its_own(self):
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) < 2:
            self.skipTest("one CPU cannot be shared out")
        process = self.waiting("--instances", "2", "--threads", "1")
        threads = running_threads(process)
        self.finish(process)
        # The first thread reads the input and may run where it could before.
        self.assertEqual(threads.pop(process.pid), set(cpus))
        pinned = [allowed for allowed in threads.values() if allowed != set(cpus)]
        self.assertEqual(len(pinned), 2, threads)
        self.assertFalse(pinned[0] & pinned[1], "they share CPUs")
        self.assertEqual(pinned[0] | pinned[1], set(cpus), "a CPU is left out")

    def test_one_cpu_gives_one_thread(self):
        cpu = min(os.sched_getaffinity(0))
        doctor = subprocess.run(["taskset", "-c", str(cpu), PACELINE, "doctor", "--json"], capture_output=True,
                                timeout=PATIENCE, env=self.environment(), check=False)
        self.assertEqual(json.loads(doctor.stdout)["machine"]["usable_threads"], 1, doctor.stdout)
        for backend in ("native", "onnxruntime"):
            found = {}
            for name, prefix in {"asked for": [], "has": ["taskset", "-c", str(cpu)]}.items():
                process = self.waiting("--backends", backend, *(() if prefix else ("--threads", "1")), prefix=prefix)
                found[name] = running_threads(process)
                self.finish(process)
            # An engine may keep a thread for itself that never computes: it has it with --threads 1, too.
            self.assertEqual(len(found["has"]), len(found["asked for"]), f"{backend} has threads without a CPU")
            for allowed in found["has"].values():
                self.assertEqual(allowed, {cpu})

    def waiting(self, *arguments, prefix=()):
        """classify that has answered a window of texts, so that every thread of it is there, and waits for more."""
        process = subprocess.Popen([*prefix, PACELINE, "classify", str(self.model), "--quiet", "--format", "txt",
                                    *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment())
        self.addCleanup(process.stdout.close)
        process.stdin.write(b"hello\n" * WINDOW)
        process.stdin.flush()
        self.assertTrue(os.read(process.stdout.fileno(), 1))
        return process

    def finish(self, process):
        output, _ = process.communicate(b"world\n", timeout=PATIENCE)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(len(output.splitlines()), WINDOW + 1)

    def plan(self, **changes):
        """A plan for this checkpoint, as bench would write it."""
        hashed = json.loads(self.paceline("inspect", self.model, "--json").stdout)["hash"]
        plan = {"schema_version": 1, "model_dir": str(self.model), "checkpoint_hash": hashed, "backend": "native",
                "compute_type": "fp32", "threads": 1, "order": "length", "window": 100, "batch_size": 4,
                "max_batch_tokens": 0, **changes}
        return self.write("plan.json", json.dumps(plan))

    def test_a_plan_without_instances_and_with_them(self):
        expected = self.paceline("classify", self.model, "--quiet", stdin=TEXT).stdout
        self.assertEqual(self.paceline("classify", self.plan(), "--quiet", stdin=TEXT).stdout, expected)
        self.assertEqual(self.paceline("classify", self.plan(instances=2), "--quiet", stdin=TEXT).stdout, expected)
        self.fails("classify", self.plan(instances=0), expect=3, mentions="instances")

    def test_a_plan_runs_the_users_file_and_no_other(self):
        exported = self.folder / "mine.onnx"
        self.paceline("export", self.model, "--to", "onnx", "--form", "portable", "--input-names", "ids,mask",
                      "--out", exported)
        plan = self.plan(backend="onnxruntime", file="mine.onnx", file_hash="0" * 32)
        error = self.fails("classify", plan, expect=3, mentions=["mine.onnx", "0" * 32]).stderr.decode()
        found = error.split("beside it is ")[1][:32]
        plan = self.plan(backend="onnxruntime", file="mine.onnx", file_hash=found)
        labels = [line.split(b"\t")[0] for line in self.paceline("classify", plan, stdin=TEXT).stdout.splitlines()]
        expected = self.paceline("classify", self.model, stdin=TEXT).stdout.splitlines()
        self.assertEqual(labels, [line.split(b"\t")[0] for line in expected])
        exported.unlink()
        self.fails("classify", plan, expect=3, mentions="mine.onnx")


if __name__ == "__main__":
    unittest.main()
