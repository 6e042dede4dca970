"""Times Paceline against what people run today, on the same checkpoint and the same batches, interleaved.

graphs: our `fast` ONNX file against the two files people make, all in ONNX Runtime, so that only the graph differs:
- plain: torch.onnx.export of the transformers model
- optimized: that file after onnxruntime.transformers' optimizer, which fuses it for ONNX Runtime

int8: our `fast` file in int8 against those two files after onnxruntime.quantization.quantize_dynamic, with one scale for
each weight matrix (its default) and with one for each column (per_channel)

languages: our C++ backends against the same software from Python:
- torch-eager against transformers, torchscript against transformers traced by torch.jit and frozen
- onnxruntime against the Python API on the very file that our backend runs

Each round runs everything on the same batch in random order; what is compared is the ratio within a round. Run it on an
otherwise idle machine.

usage: compare_peers.py MODEL_DIR [--what graphs,int8,languages] [--paceline build/release/paceline] [--out-dir docs]
                        [--rounds 10] [--seconds 30] [--threads 2]
"""

import argparse
import functools
import pathlib
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from onnxruntime.quantization import quantize_dynamic

from peer_engines import PacelineEngine, PythonEngine, fastest

# Sequences x tokens; "mixed" are 16 sequences of 4 to 64 tokens, padded to one length.
CASES = ("1x16", "1x64", "8x32", "16x mixed", "32x32")
CASES_NOTE = "*16x mixed* is 16 sequences of 4 to 64 tokens."
TOLERANCE = 1e-4  # of the largest logit: the gate of fp32
INT8_TOLERANCE = 0.5  # of it: a wrong file is off by all of it; how far a right one is depends on the weights


def export_plain(model, file):
    ids = torch.ones((2, 8), dtype=torch.int64)
    axes = {0: "batch", 1: "sequence"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (ids, torch.ones_like(ids)), str(file), dynamo=False, opset_version=17,
            input_names=["input_ids", "attention_mask"], output_names=["logits"],
            dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": {0: "batch"}})


def export_optimized(plain, config, file):
    from onnxruntime.transformers import optimizer
    optimized = optimizer.optimize_model(str(plain), model_type="bert", num_heads=config.num_attention_heads,
                                         hidden_size=config.hidden_size, opt_level=1, use_gpu=False)
    optimized.save_model_to_file(str(file))
    fused = {name: count for name, count in optimized.get_fused_operator_statistics().items() if count}
    return ", ".join(f"{count} {name}" for name, count in fused.items()) or "nothing"


def session(file, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def batch(case, config, rng):
    count, length = case.split("x")
    lengths = rng.integers(4, 65, int(count)) if "mixed" in length else np.full(int(count), int(length))
    shape = (len(lengths), lengths.max())
    mask = (np.arange(shape[1]) < lengths[:, None]).astype(np.int64)
    ids = np.where(mask == 1, rng.integers(5, config.vocab_size, shape), config.pad_token_id)
    return {"input_ids": ids.astype(np.int64), "attention_mask": mask}


def interval(ratios, rng):
    """Median and its 95 % bootstrap interval."""
    medians = sorted(statistics.median(rng.choices(ratios, k=len(ratios))) for _ in range(2000))
    return statistics.median(ratios), medians[50], medians[1949]


def measure(graphs, case, config, options, rng):
    """Rounds, milliseconds of our graph, and the others' times over ours, each round by itself."""
    numbers = np.random.default_rng(rng.randrange(1 << 30))
    times = {name: [] for name in graphs}
    start = time.perf_counter()
    while len(times["ours"]) <= options.rounds or time.perf_counter() - start < options.seconds:
        feed = batch(case, config, numbers)
        for name in rng.sample(list(graphs), len(graphs)):
            time.sleep(0.02)  # lets the last graph's threads stop spinning
            graph = graphs[name]
            times[name].append(fastest(functools.partial(graph.run, None, feed)))
    times = {name: values[1:] for name, values in times.items()}  # the first round warms up
    return len(times["ours"]), statistics.median(times["ours"]) * 1e3, {
        name: interval([theirs / ours for theirs, ours in zip(values, times["ours"])], rng)
        for name, values in times.items() if name != "ours"}


def check_parity(graphs, model, config, tolerance):
    """How far each graph is from the original, of the largest logit."""
    differences = {}
    feed = batch("16x mixed", config, np.random.default_rng(1))
    with torch.no_grad():
        expected = model(**{name: torch.from_numpy(value) for name, value in feed.items()}).logits.numpy()
    for name, graph in graphs.items():
        differences[name] = np.abs(graph.run(None, feed)[0] - expected).max() / np.abs(expected).max()
        if differences[name] > tolerance:
            raise SystemExit(f"compare_peers: {name} is {differences[name]:.1e} off the original, more than {tolerance:.0e}")
    return differences


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown processor"


def conditions(options, compute_type="fp32"):
    name = options.model_dir.absolute().name
    name += " (random weights: speed does not depend on them)" if options.random_weights else ""
    threads = f"{options.threads} thread{'s' if options.threads > 1 else ''}"
    return (f"Measured on {name}, {processor()}, {threads}, {compute_type}; "
            f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}, transformers "
            f"{transformers.__version__}. The 1-minute load was {options.load_before:.1f} before and {load():.1f} after "
            f"the run (the run itself makes about {options.threads}).")


def ratio_words(ratio):
    median, low, high = ratio
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


def graphs_report(rows, fused, options):
    lines = [
        "# Is our ONNX file faster than the usual ones?", "",
        "    .deps/venv/bin/python tools/study/compare_peers.py MODEL_DIR --what graphs,int8", "",
        "compares ONNX files of one checkpoint in ONNX Runtime. (`./dev setup oracle` installs what it needs.)", "",
        "| file | made by |", "|---|---|",
        "| ours | `paceline export --to onnx` in the form `fast` |",
        "| plain | `torch.onnx.export` (opset 17) |",
        f"| optimized | the optimizer of `onnxruntime.transformers`, from *plain*. It fused: {fused} |", "",
        "ONNX Runtime's own optimisation is full for all of them. A ratio is the time of the other file over the time of "
        f"ours: median and 95 % interval of the rounds. **Above 1, ours is faster.** {CASES_NOTE}", "",
        conditions(options), "",
        "| batch x tokens | rounds | ours, ms | plain / ours | optimized / ours |", "|---|---|---|---|---|"]
    for case, (rounds, milliseconds, ratios) in rows.items():
        lines.append(f"| {case} | {rounds} | {milliseconds:.1f} | {ratio_words(ratios['plain'])} | "
                     f"{ratio_words(ratios['optimized'])} |")
    return "\n".join(lines) + "\n"


def export_ours(options, file, compute_type="fp32"):
    subprocess.run([options.paceline, "export", options.model_dir, "--to", "onnx", "--form", "fast", "--compute-type",
                    compute_type, "--out", file], check=True)


def measure_cases(graphs, model, options, rng):
    rows = {}
    for case in options.cases.split(","):
        rows[case] = measure(graphs, case, model.config, options, rng)
        print(case, rows[case], file=sys.stderr)
    return rows


def compare_graphs(model, options, rng):
    with tempfile.TemporaryDirectory(prefix="paceline-peers-") as folder:
        files = {name: pathlib.Path(folder) / f"{name}.onnx" for name in ("ours", "plain", "optimized")}
        export_ours(options, files["ours"])
        export_plain(model, files["plain"])
        fused = export_optimized(files["plain"], model.config, files["optimized"])
        graphs = {name: session(file, options.threads) for name, file in files.items()}
        check_parity(graphs, model, model.config, TOLERANCE)
        return graphs_report(measure_cases(graphs, model, options, rng), fused, options)


def int8_files(model, options, folder):
    """Our file, and quantize_dynamic's of the plain and of the optimized graph."""
    export_ours(options, folder / "ours.onnx", "int8")
    export_plain(model, folder / "plain.onnx")
    export_optimized(folder / "plain.onnx", model.config, folder / "optimized.onnx")
    files = {"ours": folder / "ours.onnx"}
    for graph in ("plain", "optimized"):
        for name, per_channel in ((graph, False), (f"{graph} per channel", True)):
            files[name] = folder / f"{name} int8.onnx"
            # Shape inference stops at the optimizer's own operators.
            quantize_dynamic(folder / f"{graph}.onnx", files[name], per_channel=per_channel,
                             extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT})
    return files


def int8_report(rows, differences, options):
    others = [name for name in differences if name != "ours"]
    shares = ", ".join(f"{name} {difference:.3f}" for name, difference in differences.items())
    lines = [
        "## In int8", "",
        "*plain* and *optimized* are the files above after `onnxruntime.quantization.quantize_dynamic`. *per channel* "
        "has one scale for each column of a weight, as ours has. The ratios are those of above.", "",
        conditions(options, "int8"), "",
        f"Largest difference from fp32's logits on one batch of *16x mixed*, of the largest logit: {shares}.", "",
        "| batch x tokens | rounds | ours, ms | " + " | ".join(f"{name} / ours" for name in others) + " |",
        "|---|---|---|" + "---|" * len(others)]
    for case, (rounds, milliseconds, ratios) in rows.items():
        cells = " | ".join(ratio_words(ratios[name]) for name in others)
        lines.append(f"| {case} | {rounds} | {milliseconds:.1f} | {cells} |")
    return "\n".join(lines) + "\n"


def compare_int8(model, options, rng):
    with tempfile.TemporaryDirectory(prefix="paceline-peers-") as folder:
        files = int8_files(model, options, pathlib.Path(folder))
        graphs = {name: session(file, options.threads) for name, file in files.items()}
        differences = check_parity(graphs, model, model.config, INT8_TOLERANCE)
        return int8_report(measure_cases(graphs, model, options, rng), differences, options)


# C++ backend -> the same engine from Python.
LANGUAGE_PAIRS = {"torch-eager": "transformers eager", "torchscript": "transformers traced",
                  "onnxruntime": "onnxruntime"}


def sequences_of(case, config, numbers):
    feed = batch(case, config, numbers)
    return [[int(token) for token in ids[:length]]
            for ids, length in zip(feed["input_ids"], feed["attention_mask"].sum(1))]


def start_engines(options, config, file):
    engines = {f"C++ {name}": PacelineEngine(options.paceline, options.model_dir, name, options.threads)
               for name in LANGUAGE_PAIRS}
    for name in LANGUAGE_PAIRS.values():
        engines[f"Python {name}"] = PythonEngine(engine=name, model_dir=str(options.model_dir), file=str(file),
                                                 threads=options.threads, pad=config.pad_token_id)
    return engines


def check_languages(engines, config):
    """Every engine gives the same logits, or there is nothing to compare."""
    sequences = sequences_of("16x mixed", config, np.random.default_rng(1))
    answers = {name: np.array(engine.logits(sequences)) for name, engine in engines.items()}
    expected = answers["Python transformers eager"]
    for name, logits in answers.items():
        difference = np.abs(logits - expected).max() / np.abs(expected).max()
        if not difference <= TOLERANCE:
            raise SystemExit(f"compare_peers: {name} is {difference:.1e} off the original, more than {TOLERANCE:.0e}")


def measure_languages(engines, case, config, options, rng):
    """Rounds, and for each pair: milliseconds in C++, Python's time over it, each round by itself."""
    numbers = np.random.default_rng(rng.randrange(1 << 30))
    times = {name: [] for name in engines}
    start = time.perf_counter()
    rounds = 0
    while rounds <= options.rounds or time.perf_counter() - start < options.seconds:
        sequences = sequences_of(case, config, numbers)
        for name in rng.sample(list(engines), len(engines)):
            time.sleep(0.02)  # lets the last engine's threads stop spinning
            times[name].append(engines[name].seconds(sequences))
        rounds += 1
    times = {name: values[1:] for name, values in times.items()}  # the first round warms up
    pairs = {}
    for ours, theirs in LANGUAGE_PAIRS.items():
        cpp, python = times[f"C++ {ours}"], times[f"Python {theirs}"]
        ratios = [slow / fast for slow, fast in zip(python, cpp)]
        pairs[ours] = (statistics.median(cpp) * 1e3, interval(ratios, rng))
    return rounds - 1, pairs


def languages_report(rows, options):
    lines = [
        "# Is C++ faster than Python?", "",
        "    .deps/venv/bin/python tools/study/compare_peers.py MODEL_DIR --what languages", "",
        "runs the same model from C++ and from Python, on the same batches. The study that Paceline repeats supposed that "
        "C++ may be faster. (`./dev setup oracle` installs what it needs.)", "",
        "- Each runs in a process of its own, one at a time.",
        "- C++: our backends, from token ids in memory to logits in memory. This includes padding.",
        "- Python: from padded arrays to logits. PyTorch runs under `torch.inference_mode`.",
        "- A ratio is Python's time over ours: median and 95 % interval of the rounds. **Above 1, C++ is faster.** "
        f"{CASES_NOTE}", "",
        conditions(options), "",
        "| batch x tokens | rounds | torch-eager, ms | transformers / ours | torchscript, ms | traced and frozen / ours "
        "| onnxruntime, ms | Python API / ours |", "|---|---|---|---|---|---|---|---|"]
    for case, (rounds, pairs) in rows.items():
        cells = [cell for ours in LANGUAGE_PAIRS for cell in (f"{pairs[ours][0]:.1f}", ratio_words(pairs[ours][1]))]
        lines.append(f"| {case} | {rounds} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def compare_languages(model, options, rng):
    config = model.config
    with tempfile.TemporaryDirectory(prefix="paceline-peers-") as folder:
        file = pathlib.Path(folder) / "ours.onnx"
        export_ours(options, file)
        engines = start_engines(options, config, file)
        try:
            check_languages(engines, config)
            rows = {}
            for case in options.cases.split(","):
                rows[case] = measure_languages(engines, case, config, options, rng)
                print(case, rows[case], file=sys.stderr)
        finally:
            for engine in engines.values():
                engine.close()
    return languages_report(rows, options)


# What is compared, how, and the document that says it.
COMPARISONS = {"graphs": (compare_graphs, "peers.md"), "int8": (compare_int8, "peers.md"),
               "languages": (compare_languages, "languages.md")}


def put_section(document, text):
    """Puts a section in the place of the one with its heading, or at the end."""
    heading = text.splitlines()[0] + "\n"
    old = document.read_text(encoding="utf-8") if document.exists() else ""
    sections = [section.rstrip("\n") + "\n" for section in re.split(r"^(?=#)", old, flags=re.MULTILINE) if section]
    places = [i for i, section in enumerate(sections) if section.startswith(heading)] or [len(sections)]
    sections[places[0]:places[0] + 1] = [text]
    document.write_text("\n".join(sections), encoding="utf-8")


def load():
    return float(open("/proc/loadavg", encoding="ascii").read().split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model_dir", type=pathlib.Path)
    parser.add_argument("--what", default=",".join(COMPARISONS))
    parser.add_argument("--paceline", type=pathlib.Path, default="build/release/paceline")
    parser.add_argument("--out-dir", type=pathlib.Path, default="docs")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=30, help="least time for each case")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cases", default=",".join(CASES))
    options = parser.parse_args()
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        options.model_dir, attn_implementation="eager").eval()
    options.random_weights = getattr(model.config, "paceline_random_weights", False)
    for what in options.what.split(","):
        compare, document = COMPARISONS[what]
        options.load_before = load()
        text = compare(model, options, random.Random(0))
        put_section(options.out_dir / document, text)
        print(text)


if __name__ == "__main__":
    main()
