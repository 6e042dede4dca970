#!/usr/bin/env python3
"""The fuzz targets (src/**/x_fuzz.cc, corpus testdata/fuzz/x): run them, or see what their corpora reach.

    tools/dev/dev_fuzz.py fuzz SECONDS      each target so long, under ASan and UBSan; findings go to out/fuzz/x/
    tools/dev/dev_fuzz.py coverage          lines of each parser that its committed corpus reaches
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "out/fuzz"
CORPORA = ROOT / "testdata/fuzz"
LEAST_COVERAGE = 80.0

# What each target is for: these files have to be reached by its corpus.
PARSERS = {
    "adapter": ["src/checkpoint/adapter_config.cc"],
    "safetensors": ["src/tensor/safetensors.cc"],
    "config": ["src/network/albert.cc", "src/network/architecture.cc", "src/network/bert.cc",
               "src/network/bert_family.cc", "src/network/config_reader.cc", "src/network/deberta.cc",
               "src/network/distilbert.cc", "src/network/electra.cc", "src/network/encoder_parts.cc",
               "src/network/gpt2.cc", "src/network/labels.cc", "src/network/modernbert.cc", "src/network/mpnet.cc",
               "src/network/roberta.cc", "src/network/summary_head.cc", "src/network/xlm.cc", "src/network/xlnet.cc",
               "src/checkpoint/model_config.cc"],
    "csv_reader": ["src/rows/csv_reader.cc", "src/rows/csv_scanner.cc"],
    "expected_labels": ["src/evaluate/expected_labels.cc"],
    "json_reader": ["src/rows/json_reader.cc", "src/rows/json_row.cc"],
    "jsonl_reader": ["src/rows/jsonl_reader.cc", "src/rows/json_row.cc"],
    "onnx_external_data": ["src/export/onnx_external_data.cc"],
    "plan": ["src/plan/plan_reader.cc"],
    "report_reader": ["src/results/report_reader.cc"],
    "round_store": ["src/bench/round_store.cc"],
    "text_content": ["src/rows/converted_source.cc", "src/rows/packed_source.cc", "src/rows/row_format.cc",
                     "src/rows/text_content.cc"],
    "torch_file": ["src/tensor/pickle_bytes.h", "src/tensor/pickle_globals.cc", "src/tensor/pickle_objects.cc",
                   "src/tensor/pickle_reader.cc", "src/tensor/pickle_stack.cc", "src/tensor/torch_file.cc",
                   "src/tensor/torch_storages.cc", "src/tensor/zip_reader.cc"],
    "training_progress": ["src/train/training_progress.cc"],
}
# What several targets are for: their corpora have to reach it together.
SHARED_PARSERS = {"src/base/json_fields.cc": ["plan", "report_reader", "round_store"]}
# Targets whose parser is Rust: clang's coverage does not see it.
RUST_PARSERS = {"tokenizer"}


def targets():
    """Names of the fuzz targets, without the ending."""
    return sorted(path.stem.removesuffix("_fuzz") for path in (ROOT / "src").rglob("*_fuzz.cc"))


def build():
    """Configures and builds the fuzz targets with clang and its sanitizers; the folder they are in."""
    OUT.mkdir(parents=True, exist_ok=True)
    names = [f"{name}_fuzz" for name in targets()]
    log = OUT / "build.log"
    with open(log, "wb") as stream:
        for command in (["cmake", "--preset", "asan"], ["cmake", "--build", "--preset", "asan", "--target", *names]):
            if subprocess.run(command, cwd=ROOT, stdout=stream, stderr=stream, check=False).returncode != 0:
                stream.flush()
                sys.stderr.write(log.read_text(encoding="utf-8", errors="replace")[-4000:])
                sys.exit(f"[fuzz] the build of preset asan failed; its output is above and in {log}.")
    return ROOT / "build/asan"


def fuzz(seconds):
    folder, failed = build(), []
    environment = {**os.environ, "UBSAN_OPTIONS": "print_stacktrace=1", "ASAN_OPTIONS": "detect_leaks=1"}
    for name in targets():
        found = OUT / name
        (found / "corpus").mkdir(parents=True, exist_ok=True)
        command = [str(folder / f"{name}_fuzz"), f"-max_total_time={seconds}", f"-artifact_prefix={found}/", "-timeout=10",
                   "-rss_limit_mb=2048", "-print_final_stats=1", str(found / "corpus"), str(CORPORA / name)]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                env=environment, check=False)
        (found / "log").write_text(result.stdout, encoding="utf-8")
        runs = re.search(r"number_of_executed_units:\s*(\d+)", result.stdout)
        verdict = "passed" if result.returncode == 0 else f"FAILED; see out/fuzz/{name}/log"
        print(f"fuzz: {name}: {runs[1] if runs else '?'} inputs in {seconds} s: {verdict}", flush=True)
        if result.returncode != 0:
            failed.append(name)
    print(f"fuzz: {len(targets()) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def tool(name):
    """llvm-cov or llvm-profdata, with or without Debian's version ending."""
    for candidate in (name, *(f"{name}-{version}" for version in range(20, 13, -1))):
        if shutil.which(candidate):
            return candidate
    sys.exit(f"[coverage] {name} was not found. On Debian: apt-get install llvm.")


def covered_lines(binary, profile, files):
    """Of these files: {file: {"covered": lines, "count": lines}}."""
    command = [tool("llvm-cov"), "export", str(binary), f"-instr-profile={profile}", "-summary-only"]
    result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    summaries = {os.path.relpath(item["filename"], ROOT): item["summary"]["lines"]
                 for item in json.loads(result)["data"][0]["files"]}
    return {file: summaries[file] for file in files if file in summaries}


def reached_lines(binary, profile, file):
    """{line: whether it was reached} of one file."""
    command = [tool("llvm-cov"), "export", str(binary), f"-instr-profile={profile}", "-format=lcov"]
    report = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    for section in report.split("end_of_record"):
        name = re.search(r"^SF:(.*)$", section, re.MULTILINE)
        if name and os.path.relpath(name[1], ROOT) == file:
            return {int(line): int(count) > 0
                    for line, count in re.findall(r"^DA:(\d+),(\d+)", section, re.MULTILINE)}
    return {}


def shared_coverage(folder):
    """How many of SHARED_PARSERS the corpora of their targets do not reach enough of."""
    failed = 0
    for file, names in SHARED_PARSERS.items():
        lines = {}
        for name in names:
            for line, reached in reached_lines(folder / f"{name}_fuzz", OUT / f"{name}.profdata", file).items():
                lines[line] = lines.get(line, False) or reached
        share = 100.0 * sum(lines.values()) / max(len(lines), 1)
        verdict = "" if share >= LEAST_COVERAGE else f"  below {LEAST_COVERAGE:.0f} %"
        print(f"{' + '.join(names)}: {sum(lines.values())}/{len(lines)} {share:.1f} %  {file}{verdict}")
        failed += share < LEAST_COVERAGE
    return failed


def coverage():
    folder, failed = build(), 0
    print(f"{'target':14} {'inputs':>6} {'lines':>11} {'reached':>8}  file")
    for name in targets():
        if name in RUST_PARSERS:
            print(f"{name:14} its parser is Rust, whose lines are not counted")
            continue
        raw, profile = OUT / f"{name}.profraw", OUT / f"{name}.profdata"
        corpus = CORPORA / name
        subprocess.run([str(folder / f"{name}_fuzz"), "-runs=0", str(corpus)], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env={**os.environ, "LLVM_PROFILE_FILE": str(raw)})
        subprocess.run([tool("llvm-profdata"), "merge", "-o", str(profile), str(raw)], check=True)
        files = [file for file in PARSERS.get(name, []) if (ROOT / file).is_file()]
        summaries = covered_lines(folder / f"{name}_fuzz", profile, files) if files else {}
        if not summaries or len(files) != len(PARSERS.get(name, [])):
            print(f"{name:14} PARSERS in tools/dev/dev_fuzz.py names no file, or one that does not exist")
            failed += 1
        for file, lines in sorted(summaries.items()):
            share = 100.0 * lines["covered"] / max(lines["count"], 1)
            inputs = sum(1 for path in corpus.iterdir())
            verdict = "" if share >= LEAST_COVERAGE else f"  below {LEAST_COVERAGE:.0f} %"
            print(f"{name:14} {inputs:6} {lines['covered']:5}/{lines['count']:<5} {share:6.1f} %  {file}{verdict}")
            failed += share < LEAST_COVERAGE
    failed += shared_coverage(folder)
    print(f"coverage: {len(PARSERS)} parsers, {failed} below {LEAST_COVERAGE:.0f} %")
    return 1 if failed else 0


def main(arguments):
    if arguments == ["coverage"]:
        return coverage()
    if len(arguments) == 2 and arguments[0] == "fuzz" and arguments[1].isdigit():
        return fuzz(int(arguments[1]))
    sys.exit("usage: " + __doc__.split("\n\n")[1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
