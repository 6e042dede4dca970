#!/usr/bin/env python3
"""Compares `paceline finetune` with the Trainer of transformers: texts a second, peak memory, and the accuracy that each
reaches.

    ./dev setup oracle minilm descriptions && ./dev build
    .deps/venv/bin/python tools/compare_training.py

All three ways (Paceline and Trainer with random batches, Trainer with group_by_length) get the same texts, cut to the same
length, the same batch size, precision, threads, dropout and schedule, and AdamW in PyTorch's fused form. First come the
rounds for speed: each way trains once in each, one epoch over the same --steps batches' worth of texts, with the round's
number as seed, in an order that changes from round to round, so that a machine's drift meets all alike. Then each trains
on --accuracy-texts texts with each seed and answers --eval-texts texts of the eval file. Every training has a process of
its own, whose peak of resident memory is the way's.

Time is that of the updates: Trainer's from on_train_begin to on_train_end, Paceline's history.seconds of training.json.
Starting, tokenising, loading, saving and the eval file are outside for both; the column "whole process" has them. 50 steps
of 32 texts are one of the pools that group_by_length sorts: with fewer it would pad more than it does in earnest. A factor
is the median over the rounds of texts a second over the other's in the same round, then the interval that holds the true
median with 95 % confidence (of six rounds their lowest and highest: 97 %). The last line reads

    over Trainer: random R (low to high), group_by_length R (low to high)

--rounds 3 --seeds 0 is the quick half, and says a confidence of 75 %. Trainer needs 12 GB of memory for the longest batch.
Exit code: 0; 1 where a training failed; 2 for wrong arguments.
"""

import argparse
import dataclasses
import itertools
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
DEPS = ROOT / ".deps"
BINARY = ROOT / "build/release/paceline"
# What both have by default, and is given to both.
WEIGHT_DECAY, WARMUP, MAX_GRADIENT_NORM = 0.01, 0.1, 1.0
PACELINE, RANDOM, GROUPED = "paceline finetune", "Trainer, random", "Trainer, group_by_length"
WAYS = (PACELINE, RANDOM, GROUPED)


class TrainingFailed(Exception):
    """What the program said."""


@dataclasses.dataclass(frozen=True)
class Task:
    """What is trained and how, whoever does it."""

    model: pathlib.Path
    train: pathlib.Path
    eval: pathlib.Path
    epochs: float = 1
    batch_size: int = 32
    learning_rate: float = 2e-5
    seed: int = 42
    threads: int = 2
    compute_type: str = "fp32"
    max_length: int = 512


@dataclasses.dataclass(frozen=True)
class Trained:
    texts: int
    seconds: float  # of the updates
    process_seconds: float  # from its start to its end
    peak_bytes: int
    accuracy: float  # of the eval file, 0 to 1
    about: dict  # what the way itself says

    @property
    def texts_per_second(self):
        return self.texts / self.seconds


def run_measured(command, environment=None):
    """(standard output, seconds, peak of resident memory in bytes) of a process."""
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as complaint:
        process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=said,
                                   stderr=complaint, env={**os.environ, **(environment or {})})
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        complaint.seek(0)
        if process.returncode:
            lines = complaint.read().strip().splitlines()[-8:]
            raise TrainingFailed("\n".join(lines) or f"{command[0]} ended with code {process.returncode}.")
        return said.read(), time.monotonic() - begin, usage.ru_maxrss * 1024


def finetune(binary, task, out, *flags):
    """Paceline's training; the folder `out` stays."""
    _, seconds, peak = run_measured([
        binary, "finetune", task.model, "--train", task.train, "--eval", task.eval, "--out", out,
        "--epochs", f"{task.epochs:g}", "--batch-size", task.batch_size, "--learning-rate", f"{task.learning_rate:g}",
        "--weight-decay", WEIGHT_DECAY, "--warmup", WARMUP, "--max-gradient-norm", MAX_GRADIENT_NORM,
        "--max-length", task.max_length, "--seed", task.seed, "--threads", task.threads,
        "--compute-type", task.compute_type, *flags])
    about = json.loads((pathlib.Path(out) / "training.json").read_text(encoding="utf-8"))
    history = about["history"]
    return Trained(history["texts"], history["seconds"], seconds, peak, about["scores"]["accuracy"]["value"], about)


def read_rows(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


# ---- Trainer, in a process of its own -------------------------------------------------------------------------------


def tokenized(tokenizer, rows, labels, max_length):
    """As Trainer reads them: a list of dicts, not padded."""
    encoded = tokenizer([row["text"] for row in rows], truncation=True, max_length=max_length)
    return [{**{key: encoded[key][i] for key in encoded}, "labels": labels.index(row["label"])}
            for i, row in enumerate(rows)]


def train_with_transformers(task, grouped):
    """What Trained has, as a dict."""
    import torch
    import transformers

    torch.set_num_threads(task.threads)
    transformers.logging.set_verbosity_error()
    train, evaluation = read_rows(task.train), read_rows(task.eval)
    labels = sorted({row["label"] for row in train})
    transformers.set_seed(task.seed)
    tokenizer = transformers.AutoTokenizer.from_pretrained(task.model)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(task.model, num_labels=len(labels))
    clock, tokens = {}, 0
    pad = transformers.DataCollatorWithPadding(tokenizer)

    def collate(features):
        nonlocal tokens
        batch = pad(features)
        tokens += batch["input_ids"].numel()
        return batch

    class Clock(transformers.TrainerCallback):
        def on_train_begin(self, arguments, state, control, **_):
            clock["begin"] = time.monotonic()

        def on_train_end(self, arguments, state, control, **_):
            clock["end"] = time.monotonic()

    with tempfile.TemporaryDirectory(prefix="paceline-trainer-") as folder:
        trainer = transformers.Trainer(
            model=model, train_dataset=tokenized(tokenizer, train, labels, task.max_length),
            data_collator=collate, callbacks=[Clock()],
            args=transformers.TrainingArguments(
                output_dir=folder, num_train_epochs=task.epochs, per_device_train_batch_size=task.batch_size,
                per_device_eval_batch_size=task.batch_size, learning_rate=task.learning_rate, weight_decay=WEIGHT_DECAY,
                warmup_ratio=WARMUP, max_grad_norm=MAX_GRADIENT_NORM, lr_scheduler_type="linear", seed=task.seed,
                optim="adamw_torch_fused", bf16=task.compute_type == "bf16-autocast", group_by_length=grouped, use_cpu=True,
                report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True))
        loss = trainer.train().training_loss
        about = {"torch": torch.__version__, "transformers": transformers.__version__, "loss": loss, "tokens": tokens}
        # Of like length, so that the answers take no longer than they have to.
        evaluation.sort(key=lambda row: len(row["text"]))
        answers = trainer.predict(tokenized(tokenizer, evaluation, labels, task.max_length))
    # Not the rows' labels: with group_by_length the answers come in another order.
    right = int((answers.predictions.argmax(-1) == answers.label_ids).sum())
    return {"texts": round(len(train) * task.epochs), "seconds": clock["end"] - clock["begin"],
            "accuracy": right / len(evaluation), "about": about}


def trainer_process(task, grouped):
    """train_with_transformers in a fresh process."""
    given = {**dataclasses.asdict(task), "grouped": grouped}
    said, seconds, peak = run_measured([sys.executable, __file__, "--as-trainer", json.dumps(given, default=str)],
                              {"OMP_NUM_THREADS": str(task.threads), "TOKENIZERS_PARALLELISM": "false"})
    return Trained(process_seconds=seconds, peak_bytes=peak, **json.loads(said.splitlines()[-1]))


def as_trainer(text):
    given = json.loads(text)
    grouped = given.pop("grouped")
    print(json.dumps(train_with_transformers(Task(**given), grouped)))


# ---- rounds and figures ---------------------------------------------------------------------------------------------


def train(way, task, options):
    if way != PACELINE:
        return trainer_process(task, way == GROUPED)
    with tempfile.TemporaryDirectory(prefix="paceline-compare-training-") as folder:
        return finetune(options.paceline, task, pathlib.Path(folder) / "out", "--batching", "random")


def part_of(path, count, folder):
    """The first rows of a file, as a file."""
    rows = read_rows(path)[:count or None]
    part = pathlib.Path(folder) / f"{path.stem}-{len(rows)}.jsonl"
    part.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return part


def measure_speed(ways, task, options):
    """{way: its trainings, one a round}"""
    found = {way: [] for way in ways}
    for number in range(options.rounds):
        for way in (*ways[number % len(ways):], *ways[:number % len(ways)]):
            found[way].append(train(way, dataclasses.replace(task, seed=number + 1), options))
            one = found[way][-1]
            print(f"round {number + 1}: {way:<26} {one.texts_per_second:7.1f} texts/s, {one.seconds:.1f} s of "
                  f"{one.process_seconds:.1f}", file=sys.stderr, flush=True)
    return found


def measure_accuracy(ways, task, options):
    found = {way: [] for way in ways}
    for seed, way in itertools.product(range(1, options.seeds + 1), ways):
        found[way].append(train(way, dataclasses.replace(task, seed=seed, epochs=options.epochs), options))
        one = found[way][-1]
        print(f"seed {seed}: {way:<26} accuracy {one.accuracy:.4f}, {one.process_seconds:.1f} s", file=sys.stderr,
              flush=True)
    return found


def with_range(values, form):
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def tail(rounds, outside):
    """The chance that the true median lies outside of the rounds' interval without `outside` values on either side."""
    return 2 * sum(math.comb(rounds, i) for i in range(outside + 1)) / 2**rounds


def left_out(rounds):
    """How many of the lowest and of the highest values an interval of 95 % leaves out; 0 where there are too few."""
    return max([i for i in range(1, (rounds - 1) // 2 + 1) if tail(rounds, i) <= 0.05], default=0)


def with_interval(values, form):
    """The median with its distribution-free interval."""
    outside = left_out(len(values))
    kept = sorted(values)[outside:len(values) - outside]
    return f"{statistics.median(values):{form}} ({kept[0]:{form}} to {kept[-1]:{form}})"


def ratios(ours, theirs):
    return [one.texts_per_second / other.texts_per_second for one, other in zip(ours, theirs)]


def table(speed, accuracy):
    lines = ["| way | texts/s | whole process | peak memory | accuracy |", "|---|---|---|---|---|"]
    for way, rounds in speed.items():
        peak = max(one.peak_bytes for one in [*rounds, *accuracy.get(way, [])])
        reached = with_range([one.accuracy for one in accuracy[way]], ".4f") if accuracy.get(way) else "-"
        process = statistics.median(one.process_seconds for one in rounds)
        lines.append(f"| {way} | {with_range([one.texts_per_second for one in rounds], '.1f')} | {process:.1f} s | "
                     f"{peak / 1e6:,.0f} MB | {reached} |")
    return "\n".join(lines)


def difference(ours, theirs):
    """Of the mean accuracies over the seeds, and its standard error."""
    values = [[one.accuracy for one in way] for way in (ours, theirs)]
    error = sum(statistics.variance(way) / len(way) for way in values) ** 0.5 if len(ours) > 1 else float("nan")
    return statistics.mean(values[0]) - statistics.mean(values[1]), error


def compare(options):
    ways = tuple(way for way in WAYS if not options.trainer_only or way != PACELINE)
    with tempfile.TemporaryDirectory(prefix="paceline-compare-training-") as folder:
        short = part_of(options.train, options.steps * options.batch_size, folder)
        few = part_of(options.eval, options.batch_size, folder)
        task = Task(options.model, short, few, batch_size=options.batch_size, learning_rate=options.learning_rate,
                    threads=options.threads, compute_type=options.compute_type)
        speed = measure_speed(ways, task, options)
        task = dataclasses.replace(task, train=part_of(options.train, options.accuracy_texts, folder),
                                   eval=part_of(options.eval, options.eval_texts, folder))
        accuracy = measure_accuracy(ways, task, options)
    versions = speed[RANDOM][0].about
    print(f"{options.model.name}, {options.steps} batches of {options.batch_size}, {options.compute_type}, {options.threads} "
          f"threads, {options.rounds} rounds, {options.seeds} seeds; Trainer with torch {versions['torch']} and "
          f"transformers {versions['transformers']}")
    print(table(speed, accuracy))
    if options.trainer_only:
        return
    for way in (RANDOM, GROUPED):
        if accuracy[way]:
            apart, error = difference(accuracy[PACELINE], accuracy[way])
            print(f"accuracy, Paceline less {way}: {apart:+.4f}, standard error {error:.4f}")
    print(f"Paceline with {speed[PACELINE][0].about['engine']}. Factors are medians of {options.rounds} rounds, with intervals "
          f"of {1 - tail(options.rounds, left_out(options.rounds)):.0%} confidence.")
    factors = [with_interval(ratios(speed[PACELINE], speed[way]), ".2f") for way in (RANDOM, GROUPED)]
    print(f"over Trainer: random {factors[0]}, group_by_length {factors[1]}")


def main():
    if sys.argv[1:2] == ["--as-trainer"]:
        as_trainer(sys.argv[2])
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, default=DEPS / "minilm/model", metavar="DIR",
                        help="an encoder (default MiniLM-L6)")
    parser.add_argument("--train", type=pathlib.Path, default=DEPS / "descriptions/en-train.jsonl", metavar="FILE",
                        help="JSONL with text and label (default Debian's descriptions)")
    parser.add_argument("--eval", type=pathlib.Path, default=DEPS / "descriptions/en-test.jsonl", metavar="FILE",
                        help="what accuracy is measured on")
    parser.add_argument("--steps", type=int, default=50, help="updates of a training for speed (default 50)")
    parser.add_argument("--rounds", type=int, default=6, help="trainings of each way for speed (default 6)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each way for accuracy (default 3)")
    parser.add_argument("--epochs", type=float, default=1, help="of a training for accuracy (default 1)")
    parser.add_argument("--accuracy-texts", type=int, default=4000, metavar="N",
                        help="texts of a training for accuracy; 0: all (default 4000)")
    parser.add_argument("--eval-texts", type=int, default=2000, metavar="N",
                        help="texts that accuracy is measured on; 0: all (default 2000)")
    parser.add_argument("--batch-size", type=int, default=32, help="texts in a batch (default 32)")
    parser.add_argument("--learning-rate", type=float, default=5e-5, help="at its peak (default 5e-5)")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each training (default all CPUs)")
    parser.add_argument("--compute-type", choices=("fp32", "bf16-autocast"), default="fp32", help="default fp32")
    parser.add_argument("--trainer-only", action="store_true", help="without Paceline: the figures to compare with")
    parser.add_argument("--paceline", type=pathlib.Path, default=BINARY, metavar="BINARY",
                        help="the program (default build/release/paceline)")
    options = parser.parse_args()
    if min(options.steps, options.rounds, options.batch_size, options.threads) < 1 or options.seeds < 0:
        parser.error("--steps, --rounds, --batch-size and --threads are at least 1, --seeds at least 0.")
    for path in (options.model, options.train, options.eval, *([] if options.trainer_only else [options.paceline])):
        if not path.exists():
            parser.error(f"{path} does not exist. ./dev setup oracle minilm descriptions fetches the model and the texts, "
                         "./dev build makes the program.")
    try:
        compare(options)
    except TrainingFailed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
