#!/usr/bin/env python3
"""Prepares out/demo/: French texts, a tokenizer trained on the rest of the packages, and a checkpoint of random weights.

    tools/demo/make_demo.py [--build build/release] [--small]
    tools/demo/make_demo.py --classifier full

--classifier makes something else: a classifier that is really trained, from MiniLM-L6, on Debian's package descriptions
(./dev setup minilm descriptions), in out/demo/sections/, and texts that it has not seen. `full` takes minutes; `quick`
trains for a few steps, in out/demo/sections-quick/, which shows that everything works and not how well.

Each step is done once: again only when what it is made from has changed. A training that was ended goes on.
"""

import argparse
import hashlib
import itertools
import pathlib
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEMO = ROOT / "out/demo"
DEPS = ROOT / ".deps"
TOKENIZER = DEMO / "tokenizer"
CHECKPOINT = DEMO / "camembert-base-shaped"
SMALL_CHECKPOINT = DEMO / "minilm-shaped"
MINILM = DEPS / "minilm/model"
DESCRIPTIONS = DEPS / "descriptions"
# What the classifier is trained with, and how many texts it is tried on.
TRAININGS = {"full": ("sections", ["--epochs", 1, "--batch-size", 32, "--learning-rate", 1e-4], 1000),
             "quick": ("sections-quick", ["--steps", 4, "--batch-size", 8, "--learning-rate", 1e-4], 100)}


@dataclass(frozen=True)
class Step:
    """A command, the files whose content decides its outcome, and what it makes."""

    name: str
    command: list
    made_from: list
    makes: list
    goes_on: pathlib.Path = None  # the folder from which an interrupted run of the same step goes on

    def key(self):
        digest = hashlib.sha256(" ".join(map(str, self.command[1:])).encode() if self.goes_on else b"")
        for path in self.made_from:
            digest.update(f"{path.name} ".encode() + path.read_bytes() + b"\0")
        return digest.hexdigest()

    def is_done(self):
        stamp = DEMO / f".{self.name}.stamp"
        return all(path.exists() for path in self.makes) and stamp.is_file() and stamp.read_text() == self.key()


def checkpoint_step(name, build, folder, shape=()):
    tokenizer, texts = TOKENIZER / "tokenizer.json", DEMO / "texts.txt"
    return Step(name, [build / "make_demo_checkpoint", "--tokenizer", TOKENIZER, "--texts", texts, "--out", folder, *shape],
                [tokenizer, texts, ROOT / "tools/demo/make_demo_checkpoint.cc"],
                [folder / "config.json", folder / "model.safetensors", folder / "tokenizer.json"])


def steps(build, small):
    texts, corpus = DEMO / "texts.txt", DEMO / "tokenizer-corpus.txt"
    script = ROOT / "tools/demo/make_demo_texts.py"
    trainer = build / "rust/train_unigram"
    checkpoints = [checkpoint_step("checkpoint", build, CHECKPOINT)]
    if small:
        checkpoints.append(checkpoint_step("small-checkpoint", build, SMALL_CHECKPOINT, ["--hidden", 384, "--blocks", 6]))
    return [
        Step("texts", [sys.executable, script, "--packages", DEPS / "texts", "--out", DEMO],
             [DEPS / "texts/.stamp", script], [texts, corpus]),
        Step("tokenizer", [trainer, corpus, TOKENIZER],
             [corpus, ROOT / "rust/src/bin/train_unigram.rs", ROOT / "rust/Cargo.lock"],
             [TOKENIZER / "tokenizer.json", TOKENIZER / "tokenizer_config.json"]),
        *checkpoints,
    ]


def first_rows(source, count, target):
    """Writes the first rows of a file of one row a line."""
    with open(source, encoding="utf-8") as lines:
        target.write_text("".join(itertools.islice(lines, count)), encoding="utf-8")


def classifier_step(build, size):
    """The training. Its texts for the trial are written at once."""
    name, flags, count = TRAININGS[size]
    folder, evaluation = DEMO / name, DEMO / f"{name}-eval.jsonl"
    needed = [MINILM / "model.safetensors", *(DESCRIPTIONS / f"en-{split}.jsonl" for split in ("train", "eval", "test"))]
    for path in needed:
        if not path.is_file():
            sys.exit(f"[{path}] no such file, expected what the classifier is made from. Run ./dev setup minilm descriptions.")
    first_rows(DESCRIPTIONS / "en-eval.jsonl", count, evaluation)
    first_rows(DESCRIPTIONS / "en-test.jsonl", count, DEMO / f"{name}-test.jsonl")
    command = [build / "paceline", "finetune", MINILM, "--train", DESCRIPTIONS / "en-train.jsonl", "--eval", evaluation,
               "--out", folder, "--seed", 1, *flags]
    return Step(name, command, [MINILM / "model.safetensors", DESCRIPTIONS / "en-train.jsonl", evaluation],
                [folder / "config.json", folder / "model.safetensors", folder / "training.json"], folder)


def clear(step):
    """Removes what an interrupted run left, unless the step goes on from there."""
    begun = DEMO / f".{step.name}.begun"
    if step.goes_on and begun.is_file() and begun.read_text() == step.key():
        return
    if step.goes_on:
        shutil.rmtree(step.goes_on, ignore_errors=True)
        begun.write_text(step.key())
    for path in step.makes:
        path.unlink(missing_ok=True)


def run(step):
    """Runs a step with its own output on the terminal."""
    clear(step)
    TOKENIZER.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    status = subprocess.run([str(word) for word in step.command], cwd=ROOT, check=False).returncode
    if status != 0:
        sys.stderr.write(f"[demo] making the {step.name} failed: {step.command[0]} ended with code {status}.\n")
        sys.exit(status if status > 0 else 1)
    (DEMO / f".{step.name}.stamp").write_text(step.key())
    print(f"demo: {step.name} made in {time.monotonic() - start:.1f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release", help="folder with the programs")
    parser.add_argument("--small", action="store_true", help="also a checkpoint of six blocks, 384 wide")
    parser.add_argument("--classifier", choices=list(TRAININGS), help="only the classifier that is really trained")
    options = parser.parse_args()
    DEMO.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(DEMO).free < 2_000_000_000 and not CHECKPOINT.exists():
        sys.exit("[demo] out/ has less than 2 GB free, expected room for a checkpoint and its exports. Free some space.")
    build = options.build.resolve()
    for step in [classifier_step(build, options.classifier)] if options.classifier else steps(build, options.small):
        if not step.is_done():
            run(step)


if __name__ == "__main__":
    main()
