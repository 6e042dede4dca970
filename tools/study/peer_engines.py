"""Engines that compare_peers.py and compare_quantised.py run, each in a process of its own, one working at a time:
Paceline's backends through `paceline worker`, and what people run from Python today. All take the same batches and
answer with seconds."""

import functools
import json
import multiprocessing
import os
import pathlib
import socket
import subprocess
import tempfile
import time

LEAST_SECONDS = 0.1  # a timing repeats its batch until then
WORKER_DESCRIPTOR = 3


def fastest(run):
    """The fastest of repeated calls: what another process takes away only ever adds."""
    calls, start = [], time.perf_counter()
    while not calls or time.perf_counter() - start < LEAST_SECONDS:
        begin = time.perf_counter()
        run()
        calls.append(time.perf_counter() - begin)
    return min(calls)


def hand_over(descriptor):
    """In the child: the worker finds its end of the socket where it looks for it."""
    os.dup2(descriptor, WORKER_DESCRIPTOR)
    os.set_inheritable(WORKER_DESCRIPTOR, True)


class PacelineEngine:
    """A backend of paceline in its worker process, as bench holds it."""

    def __init__(self, paceline, model_dir, backend, threads, compute_type="fp32", token_types="no"):
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.output = tempfile.TemporaryFile()  # noqa: SIM115, open as long as the process
        self.process = subprocess.Popen([str(paceline), "worker"], close_fds=False, stdin=subprocess.DEVNULL,
                                        preexec_fn=lambda: hand_over(theirs.fileno()),
                                        stdout=self.output, stderr=self.output,
                                        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"})
        theirs.close()
        self.texts = 0
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "paceline"
        self.ask(op="load", protocol=1, model_dir=str(pathlib.Path(model_dir).absolute()), backend=backend,
                 compute_type=compute_type, device="cpu", threads=threads, instances=1, cache_dir=str(cache), file="",
                 weights="", prefix="", base="", token_types=token_types)

    def ask(self, **message):
        payload = json.dumps(message).encode()
        self.socket.sendall(len(payload).to_bytes(4, "little") + payload)
        reply = json.loads(self.receive(int.from_bytes(self.receive(4), "little")))
        if "error" in reply:
            raise RuntimeError(reply["error"]["message"])
        return reply

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                self.output.seek(0)
                raise RuntimeError(f"paceline worker ended: {self.output.read()[-300:].decode(errors='replace')}")
            data += part
        return data

    def send(self, sequences, token_types=None):
        """New texts; returns the batch that they make."""
        self.ask(op="texts", input_ids=sequences, token_type_ids=token_types or [[] for _ in sequences])
        first, self.texts = self.texts, self.texts + len(sequences)
        return list(range(first, self.texts))

    def logits(self, sequences, token_types=None):
        values = self.ask(op="logits", batches=[self.send(sequences, token_types)])["logits"]
        columns = len(values) // len(sequences)
        return [values[i:i + columns] for i in range(0, len(values), columns)]

    def seconds(self, sequences):
        batch = self.send(sequences)
        once = self.ask(op="time", batches=[batch])["seconds"][0]
        repeats = max(1, int(LEAST_SECONDS / max(once, 1e-4)))
        return min([once, *self.ask(op="time", batches=[batch] * repeats)["seconds"]])

    def close(self):
        self.socket.close()
        self.process.wait()
        self.output.close()


def padded(sequences, pad):
    import numpy as np
    longest = max(map(len, sequences))
    ids = np.full((len(sequences), longest), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, :len(sequence)] = sequence
        mask[row, :len(sequence)] = 1
    return ids, mask


def python_onnxruntime(options):
    import onnxruntime
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options["threads"]
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    session = onnxruntime.InferenceSession(options["file"], settings, providers=["CPUExecutionProvider"])
    return lambda ids, mask: session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


def python_transformers(options):
    import torch
    import transformers
    torch.set_num_threads(options["threads"])
    model = transformers.AutoModelForSequenceClassification.from_pretrained(options["model_dir"]).eval()

    def eager(ids, mask):
        with torch.inference_mode():
            return model(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits.numpy()

    if options["engine"] == "transformers eager":
        return eager
    model = transformers.AutoModelForSequenceClassification.from_pretrained(options["model_dir"], torchscript=True).eval()
    example = torch.ones((2, 9), dtype=torch.int64)
    with torch.no_grad():
        traced = torch.jit.freeze(torch.jit.trace(model, (example, example)))

    def run(ids, mask):
        with torch.inference_mode():
            return traced(torch.from_numpy(ids), torch.from_numpy(mask))[0].numpy()
    return run


def serve(pipe, options):
    """A Python engine's process: batches in, seconds or logits out."""
    make = python_onnxruntime if options["engine"] == "onnxruntime" else python_transformers
    run = make(options)
    pipe.send("ready")
    while True:
        try:
            what, sequences = pipe.recv()
        except EOFError:
            return
        ids, mask = padded(sequences, options["pad"])
        if what == "logits":
            pipe.send(run(ids, mask).tolist())
            continue
        run(ids, mask)
        pipe.send(fastest(functools.partial(run, ids, mask)))


class PythonEngine:
    """What people run from Python, in a process of its own."""

    def __init__(self, **options):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=serve, args=(theirs, options), daemon=True)
        self.process.start()
        theirs.close()
        self.pipe.recv()

    def ask(self, what, sequences):
        self.pipe.send((what, sequences))
        return self.pipe.recv()

    def logits(self, sequences):
        return self.ask("logits", sequences)

    def seconds(self, sequences):
        return self.ask("seconds", sequences)

    def close(self):
        self.pipe.close()
        self.process.join()
