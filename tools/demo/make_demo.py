#!/usr/bin/env python3
"""Prepares out/demo/: French texts, a tokenizer trained on the rest of the packages, and a checkpoint of random weights.

    tools/demo/make_demo.py [--build build/release] [--small]

Each step is done once: again only when what it is made from has changed.
"""

import argparse
import hashlib
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


@dataclass(frozen=True)
class Step:
    """A command, the files whose content decides its outcome, and what it makes."""

    name: str
    command: list
    made_from: list
    makes: list

    def key(self):
        digest = hashlib.sha256()
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


def run(step):
    """Runs a step with its own output on the terminal; what an interrupted one left is removed first."""
    for path in step.makes:
        path.unlink(missing_ok=True)
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
    options = parser.parse_args()
    DEMO.mkdir(parents=True, exist_ok=True)
    if shutil.disk_usage(DEMO).free < 2_000_000_000 and not CHECKPOINT.exists():
        sys.exit("[demo] out/ has less than 2 GB free, expected room for a checkpoint and its exports. Free some space.")
    for step in steps(options.build.resolve(), options.small):
        if not step.is_done():
            run(step)


if __name__ == "__main__":
    main()
