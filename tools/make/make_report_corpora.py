#!/usr/bin/env python3
"""Writes testdata/fuzz/ for report_reader, plan and round_store: one small file per way through each reader.

The fuzz targets start from these files, and the test suite runs each of them. Run it from anywhere; the same files come
out each time.
"""

import copy
import json
import pathlib

CORPORA = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "fuzz"

CONFIGURATION = {"backend": "native", "compute_type": "fp32", "device": "cpu", "batch_size": 8, "order": "length",
                 "threads": 2, "instances": 1}
ESTIMATE = {"median": 2.5, "low": 2.25, "high": 2.75}
TIMINGS = {"round": [0, 1], "confirmation": [False, True], "batches": [2, 2], "tokens": [60, 62], "share": [0.5, None],
           "seconds": [0.25, 0.5]}
CELL = {**CONFIGURATION, "padding_ratio": 0.25, "predicted_ms_per_text": 3, "rounds": 2, "confirmed": True,
        "partial": False, "ms_per_text": {**ESTIMATE, "min": 2}, "texts_per_second": 400, "tokens_per_second": 9000,
        "speedup": {"median": None, "low": None, "high": None},
        "latency_ms": {"p50": 2, "p90": 3, "p95": 4, "p99": 5}, "roof_share": 0.5, "timings": TIMINGS}
GATE = {"accepted": True, "oracle": "reference", "texts": 9, "max_abs_logit_diff": 1e-6, "mean_abs_logit_diff": 1e-7,
        "max_relative_diff": 1e-6, "agreement": 1, "verdict": "Same label."}
REPORT = {
    "schema_version": 2, "paceline_version": "0.1.0", "build_id": "b", "command": "paceline bench", "started_at": "now",
    "seconds": 3, "predicted_seconds": 2, "protocol": "article", "continued": 1, "dry_run": False, "interrupted": False,
    "named_type_rejected": False,
    "recommendation": {"valid": True, "configuration": CONFIGURATION, "reason": "it is fast", "objective": "latency",
                       "runner_up": {**CONFIGURATION, "order": "input"}, "lead": ESTIMATE, "outcome": "equal",
                       "cost_per_million": 0.5, "rejections": [{"what": "a", "why": "b"}],
                       "constraints": {"objective": "latency", "max_latency_ms": 5, "max_memory_bytes": 1000,
                                       "min_agreement": 0.99, "price_per_hour": 1}},
    "baseline": CONFIGURATION, "end_to_end": {"ms_per_text": 3, "texts": 7}, "notes": ["a note"],
    "checkpoint": {"model_dir": "m", "hash": "h", "architecture": "bert", "dtype": "fp32", "parameters": 5,
                   "random_weights": True, "labels": ["a"], "mflops_per_token": 2},
    "workload": {"source": "t", "texts": 7, "texts_available": 9, "rows_skipped": 1, "seed": 18446744073709551615,
                 "sequences": 9, "long": "window", "stride": 2, "mean_tokens": 8, "median_tokens": 7, "p95_tokens": 12,
                 "min_tokens": 1, "max_tokens": 15,
                 "truncated_texts": 1, "tokenize_ms_per_text": 0.1,
                 "token_histogram": {"width": 8, "counts": [4, 3]}},
    "machine": {"cpu": "c", "isa": "avx2", "isa_levels": ["avx2"], "cpu_flags": ["fma"], "logical_cpus": 2,
                "physical_cores": 1, "usable_cpus": 2, "affinity": [0, 1], "cgroup_quota": 1.5, "l2_bytes": 1024,
                "l3_bytes": 4096, "memory_bytes": 100000, "kernel": "k", "virtualization": "KVM",
                "roof_gflops": {"fp32": 10, "bf16": 0, "int8": 0}, "theoretical_fp32_gflops": 12, "clock_ghz": 3,
                "memory_bandwidth_gbps": 9, "load_before": {"load_average": 0, "other_share": 0},
                "load_after": {"load_average": 1, "other_share": 0.1}},
    "backends": [{"backend": "native", "engine": "native", "file": None, "compute_type": "fp32", "device": "cpu",
                  "version": "1", "settings": "s", "dtype": "fp32", "padded": False, "threads": 2, "instances": 1,
                  "load_ms": 3, "peak_memory_bytes": 5, "gate": GATE}],
    "configurations": [CELL], "length_sweep": [{**CONFIGURATION, "tokens": 8, "rounds": 2, "ms_per_text": ESTIMATE,
                                               "tokens_per_second": 5, "roof_share": 0.1}]}

PLAN = {"schema_version": 1, "paceline_version": "0.1.0", "model_dir": "model", "checkpoint_hash": "0123",
        "random_weights": False, "backend": "native", "backend_version": "0.1.0", "compute_type": "fp32",
        "device": "cpu", "threads": 2, "order": "length", "window": 10000, "batch_size": 8, "max_batch_tokens": 0,
        "cpu": "c", "objective": "throughput", "texts_per_second": {"median": 4, "low": 3, "high": 5},
        "ms_per_text": 250, "outcome": "faster", "reason": "it is fast"}


def changed(document, *path, value=None, without=False):
    """A copy with one field set, or removed."""
    copied = copy.deepcopy(document)
    holder = copied
    for key in path[:-1]:
        holder = holder[key]
    if without:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return copied


def broken_texts():
    yield "nothing", ""
    yield "list", "[]"
    yield "empty", "{}"
    yield "truncated", '{"schema_version": '
    yield "number_overflow", '{"schema_version": 1e999}'
    yield "key_twice", '{"schema_version": 1, "schema_version": 1}'
    yield "deep", '{"schema_version": 1, "configurations": ' + "[" * 40 + "]" * 40 + "}"


def report_corpus():
    yield from broken_texts()
    yield "good", REPORT
    yield "bare", {"schema_version": 1, "configurations": []}
    yield "newer", {"schema_version": 3, "configurations": 7}
    yield "version_zero", changed(REPORT, "schema_version", value=0)
    yield "no_configurations", changed(REPORT, "configurations", without=True)
    yield "configurations_object", changed(REPORT, "configurations", value={"a": 1})
    yield "configuration_number", changed(REPORT, "configurations", value=[1])
    yield "configuration_twice", changed(REPORT, "configurations", value=[CELL, CELL])
    yield "backend_out", changed(REPORT, "configurations", value=[{"backend": "torch-eager", "error": "missing"}])
    cell = ("configurations", 0)
    yield "failed_cell", changed(REPORT, "configurations", value=[{**CONFIGURATION, "error": "killed"}])
    yield "no_figures", changed(REPORT, *cell, "ms_per_text", without=True)
    yield "reversed", changed(REPORT, *cell, "ms_per_text", "low", value=9)
    yield "negative", changed(REPORT, *cell, "texts_per_second", value=-1)
    yield "null_figure", changed(REPORT, *cell, "texts_per_second", value=None)
    yield "order_unknown", changed(REPORT, *cell, "order", value="random")
    yield "no_batch", changed(REPORT, *cell, "batch_size", without=True)
    yield "token_budget", changed(changed(REPORT, *cell, "batch_size", value=0), *cell, "max_batch_tokens", value=4096)
    yield "threads_zero", changed(REPORT, *cell, "threads", value=0)
    yield "threads_text", changed(REPORT, *cell, "threads", value="2")
    yield "threads_huge", changed(REPORT, *cell, "threads", value=2**40)
    yield "device_empty", changed(REPORT, *cell, "device", value="")
    yield "timings_uneven", changed(REPORT, *cell, "timings", "tokens", value=[1])
    yield "timings_text", changed(REPORT, *cell, "timings", "seconds", value=["a", "b"])
    yield "timings_negative", changed(REPORT, *cell, "timings", "seconds", value=[1, -1])
    yield "timings_flag", changed(REPORT, *cell, "timings", "confirmation", value=[1, 0])
    yield "rounds_fraction", changed(REPORT, *cell, "timings", "round", value=[0, 0.5])
    yield "no_choice", changed(REPORT, "recommendation", "configuration", value=None)
    yield "no_recommendation", changed(REPORT, "recommendation", value={"valid": False, "reason": "nothing"})
    yield "outcome_unknown", changed(REPORT, "recommendation", "outcome", value="slower")
    yield "objective_unknown", changed(REPORT, "recommendation", "constraints", "objective", value="cost")
    yield "rejection_text", changed(REPORT, "recommendation", "rejections", value=["a"])
    yield "protocol_unknown", changed(REPORT, "protocol", value="none")
    yield "seed_negative", changed(REPORT, "workload", "seed", value=-1)
    yield "histogram_width", changed(REPORT, "workload", "token_histogram", "width", value=0)
    yield "histogram_huge", changed(REPORT, "workload", "token_histogram", "counts", value=[2**64 - 1])
    yield "labels_numbers", changed(REPORT, "checkpoint", "labels", value=[1])
    yield "gate_missing", changed(REPORT, "backends", 0, "gate", value=None)
    yield "sweep_no_tokens", changed(REPORT, "length_sweep", 0, "tokens", value=0)
    yield "flat_end_to_end", changed({**REPORT, "end_to_end_ms_per_text": 3}, "end_to_end", without=True)


def plan_corpus():
    yield from broken_texts()
    yield "good", PLAN
    yield "token_budget", {**PLAN, "batch_size": 0, "max_batch_tokens": 4096, "order": "input"}
    yield "bare", {key: PLAN[key] for key in ("schema_version", "model_dir", "checkpoint_hash", "backend",
                                             "compute_type", "threads", "order", "window", "batch_size",
                                             "max_batch_tokens")}
    yield "absolute", {**PLAN, "model_dir": "/model"}
    yield "newer", {**PLAN, "schema_version": 9}
    yield "version_zero", {**PLAN, "schema_version": 0}
    yield "no_limit", {**PLAN, "batch_size": 0}
    yield "batch_negative", {**PLAN, "batch_size": -1}
    yield "batch_huge", {**PLAN, "batch_size": 2**31}
    yield "threads_text", {**PLAN, "threads": "2"}
    yield "threads_huge", {**PLAN, "threads": 1025}
    yield "order_unknown", {**PLAN, "order": "random"}
    yield "rates_list", {**PLAN, "texts_per_second": [1, 2, 3]}
    yield "rate_missing", {**PLAN, "texts_per_second": {"median": 1}}
    yield "rate_huge", {**PLAN, "ms_per_text": 1e300}
    yield "hash_missing", changed(PLAN, "checkpoint_hash", without=True)
    yield "flag_number", {**PLAN, "random_weights": 1}
    labelled = {**PLAN, "schema_version": 2, "labels": ["ham", "spam"], "problem_type": "multi_label_classification",
                "threshold": 0.5, "label_thresholds": {"spam": 0.3}, "class_weights": {"ham": 2}, "weights": "a.bin",
                "prefix": "model."}
    yield "labelled", labelled
    yield "labels_text", {**labelled, "labels": "ham"}
    yield "labels_numbers", {**labelled, "labels": [1, 2]}
    yield "thresholds_list", {**labelled, "label_thresholds": [0.3]}
    yield "weights_texts", {**labelled, "class_weights": {"ham": "2"}}
    windows = {**PLAN, "schema_version": 2, "long": "window", "stride": 16, "combine": "max", "combine_over": "logits"}
    yield "windows", windows
    yield "long_unknown", {**windows, "long": "wrap"}
    yield "combine_unknown", {**windows, "combine": "median"}
    yield "over_unknown", {**windows, "combine_over": "scores"}


TURN = {"key": "native|fp32|cpu|1x2|batch 1|budget 0|length", "round": 0, "confirmation": False, "batches": 2,
        "tokens": 60, "share": 1, "seconds": 0.5, "elapsed": 3}
HEADER = {"paceline_rounds": 1, "run": {"checkpoint": "abc"}}


def lines(*documents):
    return "".join(json.dumps(document) + "\n" for document in documents)


def round_corpus():
    began = {"began": 1}
    good = lines(HEADER, began, TURN, {**TURN, "round": 1, "elapsed": 4})
    yield "nothing", ""
    yield "header_torn", json.dumps(HEADER)
    yield "header_alone", lines(HEADER)
    yield "good", good
    yield "torn", good + json.dumps(TURN)[:40]
    yield "two_runs", good + lines({"began": 2}, {**TURN, "round": 2, "elapsed": 1})
    yield "turn_twice", good + lines(TURN)
    yield "texts", lines(HEADER, began, {**TURN, "text_seconds": [0.25, 0.25]})
    yield "texts_number", lines(HEADER, began, {**TURN, "text_seconds": 7})
    yield "texts_negative", lines(HEADER, began, {**TURN, "text_seconds": [-1]})
    yield "other_checkpoint", lines(changed(HEADER, "run", "checkpoint", value="abd"), began)
    yield "other_field", lines(changed(HEADER, "run", "cpu", value="c"), began)
    yield "no_run", lines({"paceline_rounds": 1})
    yield "newer", lines({**HEADER, "paceline_rounds": 2})
    yield "empty_line", good + "\n"
    yield "no_json", good + "turn\n"
    for field, value in (("key", 3), ("round", -1), ("confirmation", 1), ("batches", 0), ("batches", 2**31),
                         ("tokens", 0.5), ("share", -1), ("seconds", 1e300), ("elapsed", None)):
        yield f"{field}_{value}".replace("+", ""), lines(HEADER, began, {**TURN, field: value})


def write(name, corpus):
    folder = CORPORA / name
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for title, content in corpus:
        (folder / title).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    print(f"{folder.relative_to(CORPORA.parent.parent)}: {len(list(folder.iterdir()))} files")


if __name__ == "__main__":
    write("report_reader", report_corpus())
    write("plan", plan_corpus())
    write("round_store", round_corpus())
