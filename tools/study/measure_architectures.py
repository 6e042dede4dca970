#!/usr/bin/env python3
"""Measures every architecture at its base size on this machine and writes a table of backends and compute types.

    tools/study/measure_architectures.py [--build build/release] [--out out/architectures] [--only NAME,...] [--texts 128]
                                   [--budget 90s]

For each config.json of benchmarks/architectures a checkpoint of random weights is made (once; 0.3 to 1.1 GB each, so the
weights are removed again unless --keep is given), and `paceline bench` measures it on the demo's texts at batch 64 as
given, where padding shows, and sorted by length, where it does not. Needs `./dev demo` to have prepared the texts and
the tokenizer, and a build with benchmarks for the share of the roof.
"""

import argparse
import json
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "benchmarks/architectures"
DEMO = ROOT / "out/demo"
BACKENDS = ["native", "onnxruntime", "onnxruntime-unpadded", "torch-eager"]
TOKENIZER_ENTRIES = 32005  # of the demo's tokenizer; rows of the word table do not decide speed
SHAPE = "texts:8/tokens:64"  # of the share of the roof


def make_checkpoint(options, name):
    """The folder of a checkpoint of random weights."""
    folder = options.out / name
    if (folder / "config.json").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    config = json.loads((CONFIGS / f"{name}.json").read_text())
    config["vocab_size"] = max(config["vocab_size"], TOKENIZER_ENTRIES)
    path = options.out / f"{name}.json"
    path.write_text(json.dumps(config))
    subprocess.run([options.build / "make_demo_checkpoint", "--tokenizer", DEMO / "tokenizer", "--texts",
                    DEMO / "texts.txt", "--out", folder, "--config", path], check=True)
    return folder


def bench(options, name, folder):
    """The report of `paceline bench` over every backend and compute type."""
    report = options.out / f"{name}-report"
    command = [options.build / "paceline", "bench", folder, "--text", DEMO / "texts.txt", "--out", report,
               "--texts", options.texts, "--batch-sizes", "64", "--orders", "input,length", "--budget", options.budget,
               "--backends", ",".join(BACKENDS), "--compute-types", "fp32,bf16,int8", "--quiet"]
    subprocess.run([str(word) for word in command], check=False)
    return json.loads((report / "report.json").read_text())


def roof_shares(options, name):
    """The native backend's share of the machine's measured peak, by compute type."""
    command = [options.build / "architecture_bench", f"--benchmark_filter=^{name}/.*/{SHAPE}/",
               "--benchmark_min_time=0.5", "--benchmark_repetitions=3", "--benchmark_format=json"]
    made = subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout
    shares = {}
    for row in json.loads(made)["benchmarks"]:
        if row["run_type"] == "iteration":
            shares.setdefault(row["name"].split("/")[1], []).append(row["share_of_roof"])
    return {kind: max(values) for kind, values in shares.items()}


def medians(report):
    """Milliseconds per text by (backend, compute type, order)."""
    return {(row["backend"], row["compute_type"], row["order"]): row["ms_per_text"]["median"]
            for row in report["configurations"] if row.get("ms_per_text")}


def padding_factor(report):
    """Tokens that a padding backend computes for each token of the texts, in batches as given."""
    found = [row["padding_ratio"] for row in report["configurations"]
             if row["backend"] == "onnxruntime" and row["order"] == "input"]
    return 1 / (1 - found[0]) if found else 1.0


def cell(times, *key):
    return f"{times[key]:.3g}" if key in times else "-"


def lines_of(name, report, shares):
    """One line for each backend of one architecture."""
    times = medians(report)
    native = times.get(("native", "fp32", "input"))
    for backend in BACKENDS:
        given = times.get((backend, "fp32", "input"))
        slower = f"{given / native:.2f}" if given and native else "-"
        share = f"{100 * shares.get('fp32', 0):.0f} %" if backend == "native" else ""
        sorted_texts = [cell(times, backend, compute_type, "length") for compute_type in ("fp32", "bf16", "int8")]
        yield [name, f"`{backend}`", cell(times, backend, "fp32", "input"), slower, *sorted_texts, share]


def table(rows):
    head = ["architecture", "backend", "fp32 as given", "times `native`", "fp32 sorted", "bf16 sorted", "int8 sorted",
            "share of peak (fp32)"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        lines += lines_of(*row)
    factors = sorted(padding_factor(report) for _, report, _ in rows)
    return "".join("| " + " | ".join(line) + " |\n" for line in lines) + (
        f"\nMilliseconds per text, {rows[0][1]['workload']['texts']} texts, batch 64. As given, a padding backend "
        f"computes {factors[0]:.2f} to {factors[-1]:.2f} tokens for each token of the texts.\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "out/architectures")
    parser.add_argument("--only", default="", help="names of benchmarks/architectures, with commas")
    parser.add_argument("--texts", default="128")
    parser.add_argument("--budget", default="90s")
    parser.add_argument("--keep", action="store_true", help="keep the checkpoints")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else sorted(path.stem for path in CONFIGS.glob("*.json"))
    rows = []
    for name in names:
        print(f"[architectures] {name}", flush=True)
        folder = make_checkpoint(options, name)
        rows.append((name, bench(options, name, folder), roof_shares(options, name)))
        if not options.keep:
            shutil.rmtree(folder)
        (options.out / "table.md").write_text(table(rows))
    print(table(rows))


if __name__ == "__main__":
    main()
