#!/usr/bin/env python3
"""What batches of like length cost in accuracy, and what they save: the three ways of `paceline finetune --batching` on two
sets of texts, with several seeds. Writes the table of docs/article.md.

    ./dev setup minilm descriptions && ./dev build
    tools/study/batching_study.py --dry-run
    tools/study/batching_study.py

The first set are Debian's package descriptions as they are. The second is made from them so that label and length go
together: of every other label only the texts above the median length stay, of the rest those below it. Both are evaluated
on texts that were chosen in the same way. A training that out/batching-study has a result of is not run again, so the
study goes on where it was ended; --out is written once all are there. On two cores that is some hours: `padded` takes
three times as long as the others.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import compare_training  # noqa: E402
from compare_training import DEPS, ROOT, Task, TrainingFailed, finetune, read_rows  # noqa: E402

BATCHINGS = ("random", "length-grouped", "padded")
NATURAL, MADE = "as they are", "length goes with the label"
WORK = ROOT / "out/batching-study"
BEGIN, END = "<!-- made by tools/study/batching_study.py -->", "<!-- end of what it made -->"


def median_length(rows):
    """In characters: no tokenizer has a say in which texts there are."""
    return statistics.median(len(row["text"]) for row in rows)


def by_length(rows, middle):
    """Of every other label the long texts, of the rest the short ones."""
    long_labels = set(sorted({row["label"] for row in rows})[1::2])
    return [row for row in rows if (len(row["text"]) > middle) == (row["label"] in long_labels)]


def eta_squared(rows):
    """The share of the variance of lengths, in characters, that the labels explain."""
    lengths = {}
    for row in rows:
        lengths.setdefault(row["label"], []).append(len(row["text"]))
    everything = [length for group in lengths.values() for length in group]
    mean = statistics.fmean(everything)
    between = sum(len(group) * (statistics.fmean(group) - mean) ** 2 for group in lengths.values())
    return between / sum((length - mean) ** 2 for length in everything)


def write_rows(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def make_sets(options):
    """{name: (train file, eval file)}"""
    train, evaluation = read_rows(options.train), read_rows(options.eval)
    middle = median_length(train)
    sets = {}
    for name, choose in ((NATURAL, lambda rows: rows), (MADE, lambda rows: by_length(rows, middle))):
        rows = choose(train)[:options.texts]
        stem = name.replace(" ", "-")
        sets[name] = (write_rows(WORK / f"{stem}-train.jsonl", rows),
                      write_rows(WORK / f"{stem}-eval.jsonl", choose(evaluation)))
        print(f"{name}: {len(rows)} texts to train on; labels explain {100 * eta_squared(rows):.1f} % of the variance of "
              "lengths in characters")
    return sets


@dataclasses.dataclass(frozen=True)
class Run:
    """What the table needs of a training."""

    set: str
    batching: str
    seed: int
    seconds: float
    texts: int
    peak_bytes: int
    accuracy: float
    macro_f1: float
    eta_squared: float  # of tokens, as training.json has it

    @classmethod
    def of(cls, name, batching, seed, trained):
        relation = trained.about["label_and_length"]["value"]
        return cls(name, batching, seed, trained.seconds, trained.texts, trained.peak_bytes, trained.accuracy,
                   trained.about["scores"]["macro_f1"]["value"], relation)


def order(seed):
    """The three ways, another one first with each seed."""
    first = seed % len(BATCHINGS)
    return (*BATCHINGS[first:], *BATCHINGS[:first])


def planned(options):
    return [(name, batching, seed) for seed in range(1, options.seeds + 1) for name in (NATURAL, MADE)
            for batching in order(seed)]


def run_all(options, sets):
    """Every Run; those that WORK holds are read."""
    # Results of other settings are none of these.
    settings = f"{options.texts}-{options.epochs:g}-{options.threads}-{options.learning_rate:g}"
    runs = []
    for name, batching, seed in planned(options):
        stem = f"{name.replace(' ', '-')}-{batching}-{seed}-{settings}"
        kept = WORK / f"{stem}.json"
        if not kept.exists():
            train, evaluation = sets[name]
            task = Task(options.model, train, evaluation, epochs=options.epochs, seed=seed, threads=options.threads,
                        learning_rate=options.learning_rate)
            run = Run.of(name, batching, seed, finetune(options.paceline, task, WORK / stem, "--batching", batching))
            shutil.rmtree(WORK / stem)
            write_rows(kept, [dataclasses.asdict(run)])
            print(f"{name}, {batching}, seed {seed}: {run.seconds:.1f} s, accuracy {run.accuracy:.4f}", flush=True)
        runs.append(Run(**read_rows(kept)[0]))
    return runs


def percent(values):
    return f"{100 * statistics.fmean(values):.1f} ({100 * min(values):.1f} to {100 * max(values):.1f})"


def of(runs, name, batching):
    return sorted((run for run in runs if (run.set, run.batching) == (name, batching)), key=lambda run: run.seed)


def table(runs):
    lines = ["| texts | eta^2 | batching | texts/s | peak memory | accuracy | macro-F1 |", "|---|---|---|---|---|---|---|"]
    for name in (NATURAL, MADE):
        for batching in BATCHINGS:
            group = of(runs, name, batching)
            speed = [run.texts / run.seconds for run in group]
            lines.append(f"| {name} | {group[0].eta_squared:.2f} | `{batching}` | {statistics.median(speed):.1f} "
                         f"({min(speed):.1f} to {max(speed):.1f}) | {max(run.peak_bytes for run in group) / 1e6:,.0f} MB | "
                         f"{percent([run.accuracy for run in group])} % | "
                         f"{percent([run.macro_f1 for run in group])} % |")
    return "\n".join(lines)


def differences(runs):
    """A sentence for each set and each way beside random: pairs of one seed."""
    for name in (NATURAL, MADE):
        base = of(runs, name, "random")
        for batching in BATCHINGS[1:]:
            pairs = [100 * (run.accuracy - other.accuracy) for run, other in zip(of(runs, name, batching), base)]
            error = statistics.stdev(pairs) / len(pairs) ** 0.5 if len(pairs) > 1 else float("nan")
            mean = round(statistics.fmean(pairs), 2) + 0.0  # never -0.00
            yield (f"- {name.capitalize()}: `{batching}` less `random` is {mean:+.2f} points of accuracy "
                   f"(standard error {error:.2f}).")


def report(runs, options):
    return "\n".join([
        table(runs), "", *differences(runs), "",
        f"MiniLM-L6, --texts {options.texts}, --epochs {options.epochs:g}, batches of 32, {options.threads} threads, "
        f"fp32; {options.seeds} seeds. Of accuracy and F1 the mean, of speed the median (lowest to highest). *eta^2* is the "
        "share of the variance of lengths, in tokens, that the labels explain."])


def put_into(text, made):
    """`text` with what stands between the two marks replaced."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"no lines {BEGIN} and {END}, expected both: what is made stands between them.")
    return f"{before}{BEGIN}\n\n{made}\n\n{END}{after}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathlib.Path, default=DEPS / "minilm/model", metavar="DIR")
    parser.add_argument("--train", type=pathlib.Path, default=DEPS / "descriptions/en-train.jsonl", metavar="FILE")
    parser.add_argument("--eval", type=pathlib.Path, default=DEPS / "descriptions/en-test.jsonl", metavar="FILE")
    parser.add_argument("--texts", type=int, default=2000, help="of each set, at most (default 2000)")
    parser.add_argument("--epochs", type=float, default=2, help="default 2")
    parser.add_argument("--seeds", type=int, default=5, help="default 5")
    parser.add_argument("--learning-rate", type=float, default=5e-5, help="default 5e-5")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="default all CPUs")
    parser.add_argument("--dry-run", action="store_true", help="make the sets and say how many trainings there are")
    parser.add_argument("--paceline", type=pathlib.Path, default=compare_training.BINARY, metavar="BINARY")
    parser.add_argument("--out", type=pathlib.Path, metavar="FILE",
                        help=f"Markdown to put the table into, between {BEGIN} and {END} (default: it is printed)")
    options = parser.parse_args()
    for path in (options.model, options.train, options.eval):
        if not path.exists():
            parser.error(f"{path} does not exist. Run ./dev setup minilm descriptions.")
    if options.out:  # before hours of training
        put_into(options.out.read_text(encoding="utf-8"), "")
    WORK.mkdir(parents=True, exist_ok=True)
    sets = make_sets(options)
    if options.dry_run:
        print(f"{len(planned(options))} trainings of up to {options.texts * options.epochs:,.0f} texts each")
        return 0
    try:
        made = report(run_all(options, sets), options)
    except TrainingFailed as error:
        print(error, file=sys.stderr)
        return 1
    if options.out:
        options.out.write_text(put_into(options.out.read_text(encoding="utf-8"), made), encoding="utf-8")
    print(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
