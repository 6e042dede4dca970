#!/usr/bin/env python3
"""Compares Paceline with transformers on a model folder and a file of texts: how far logits are apart, and how many
texts get another label.

    ./dev setup oracle && ./dev build
    .deps/venv/bin/python tools/compare_transformers.py MODEL_DIR texts.txt --backends native,onnxruntime

transformers runs in fp32 with its eager attention, one text at a time, so that nothing is padded. Both cut texts at
the length that `paceline inspect` shows. Differences are of logits, over all texts and labels; the relative one is the
largest, divided by the largest logit. An engine is left out for a compute type that it does not have. Exit code: 0; 1
where fp32 differs by more than --tolerance of the largest logit or an engine fails; 2 for wrong arguments.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent


class PacelineFailed(Exception):
    """What the program said."""


def run_paceline(binary, *arguments, text=""):
    """What it writes to standard output."""
    result = subprocess.run([str(binary), *map(str, arguments)], input=text, capture_output=True, encoding="utf-8",
                            check=False, env=os.environ)
    if result.returncode:
        raise PacelineFailed(result.stderr.strip() or f"exit code {result.returncode}")
    return result.stdout


def paceline_logits(binary, folder, rows, backend, compute_type):
    """`rows`: objects with `text`, and `pair` where the model reads two texts. [rows, labels] in fp32."""
    lines = "\n".join(json.dumps(row) for row in rows)
    pair = ("--pair-column", "pair") if "pair" in rows[0] else ()
    answers = run_paceline(binary, "classify", folder, "--format", "jsonl", "--raw-logits", "--quiet", "--backends",
                           backend, "--compute-types", compute_type, *pair, text=lines)
    # Not splitlines(): a text may hold other ends of line.
    parsed = [json.loads(answer) for answer in answers.split("\n") if answer]
    for index, answer in enumerate(parsed):
        if "logits" not in answer:
            raise PacelineFailed(f"text {index + 1}: {answer.get('error', 'no logits')}")
    return torch.tensor([answer["logits"] for answer in parsed])


class Original:
    """The model and tokenizer as transformers loads them."""

    def __init__(self, folder, dtype=torch.float32):
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        # XLNet loads some of its weights in fp32 whatever is asked for.
        self.model = transformers.AutoModelForSequenceClassification.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager").eval().to(dtype)

    @torch.no_grad()
    def logits(self, rows, max_length):
        """[rows, labels]."""
        extra = {"use_mems": False} if self.model.config.model_type == "xlnet" else {}
        answers = []
        for row in rows:
            # In lists of one: called with plain strings, transformers forgets a second text that is empty.
            texts = ([row["text"]], [row["pair"]]) if "pair" in row else ([row["text"]],)
            inputs = self.tokenizer(*texts, truncation="longest_first", max_length=max_length, return_tensors="pt")
            answers.append(self.model(**inputs, **extra).logits[0])
        return torch.stack(answers)


@dataclasses.dataclass
class Comparison:
    largest_difference: float
    mean_difference: float
    relative: float
    agreement: float  # share of the texts that get the same label
    farthest: int  # index of the text with the largest difference


def same_labels(expected, found, kind):
    """Whether each text gets the same label: of the largest logit, or each one's sign where labels do not exclude
    each other. A regression has no label."""
    if kind == "regression":
        return torch.ones(len(expected), dtype=torch.bool)
    if kind == "multi_label_classification":
        return ((expected > 0) == (found > 0)).all(dim=1)
    return expected.argmax(dim=1) == found.argmax(dim=1)


def compare(expected, found, kind="single_label_classification"):
    if expected.shape != found.shape:
        raise PacelineFailed(f"logits of shape {list(found.shape)}, {list(expected.shape)} were expected")
    difference = (expected.double() - found.double()).abs()
    largest = difference.max().item()
    # A number that is no number is the worst difference, and compares as none.
    if not torch.isfinite(difference).all():
        largest = float("inf")
    return Comparison(largest, difference.mean().item(), largest / max(expected.abs().max().item(), 1e-30),
                      same_labels(expected, found, kind).double().mean().item(),
                      int(difference.amax(dim=1).argmax()))


def read_rows(file, count):
    rows = [{"text": line.rstrip("\r")} for line in file.read_text(encoding="utf-8").split("\n")]
    if rows and not rows[-1]["text"]:
        rows.pop()
    if not rows:
        raise SystemExit(f"[{file}] It holds no text, a text a line was expected.")
    return rows[:count]


def table_row(backend, compute_type, found):
    return (f"{backend:<22} {compute_type:<14} {found.largest_difference:>10.2e} {found.mean_difference:>10.2e} "
            f"{found.relative:>10.2e} {100 * found.agreement:>9.2f} %")


def compare_all(options):
    """Prints the table; whether every engine answered, and fp32 closely enough."""
    about = json.loads(run_paceline(options.paceline, "inspect", options.model, "--json"))
    if not about["labels"]:
        raise SystemExit(f"[{options.model}] It is an encoder without a head, a classifier was expected.")
    rows = read_rows(options.texts, options.count)
    expected = Original(options.model).logits(rows, about["max_length"])
    print(f"{about['architecture']}, {len(rows)} texts, {expected.shape[1]} labels, largest logit "
          f"{expected.abs().max():.4g}; torch {torch.__version__}, transformers {transformers.__version__}")
    print(f"{'backend':<22} {'type':<14} {'max diff':>10} {'mean diff':>10} {'relative':>10} {'same label':>11}")
    good, compared = True, 0
    engines = {one["name"]: one for one in json.loads(run_paceline(options.paceline, "doctor", "--json"))["backends"]}
    for backend in options.backends.split(","):
        for compute_type in options.compute_types.split(","):
            if backend in engines and compute_type not in engines[backend]["compute_types"]:
                continue  # every engine computes in those that it has
            try:
                found = compare(expected, paceline_logits(options.paceline, options.model, rows, backend, compute_type),
                                about["problem_type"])
            except PacelineFailed as error:
                print(f"{backend:<22} {compute_type:<14} {error}")
                good = False
                continue
            compared += 1
            print(table_row(backend, compute_type, found), flush=True)
            if compute_type == "fp32" and found.relative > options.tolerance:
                print(f"  more than {options.tolerance:g} apart, furthest for text {found.farthest + 1}: "
                      f"{json.dumps(rows[found.farthest]['text'][:80])}")
                good = False
    if not compared:
        print("No engine was compared.", file=sys.stderr)
    return good and compared > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, metavar="MODEL_DIR", help="a classifier's folder")
    parser.add_argument("texts", type=pathlib.Path, metavar="FILE", help="a text a line, UTF-8")
    parser.add_argument("--backends", default="native", metavar="LIST", help="which ones (default native)")
    parser.add_argument("--compute-types", default="fp32", metavar="LIST", help="of their arithmetic (default fp32)")
    parser.add_argument("--count", type=int, default=1000, metavar="N", help="of the texts, from the first (default 1000)")
    parser.add_argument("--tolerance", type=float, default=1e-4, metavar="X",
                        help="of the largest logit, for fp32 (default 1e-4)")
    parser.add_argument("--paceline", type=pathlib.Path, default=ROOT / "build/release/paceline", metavar="BINARY",
                        help="the program (default build/release/paceline)")
    options = parser.parse_args()
    if options.count < 1:
        parser.error("--count is below 1, at least one text is needed.")
    for path in (options.model, options.texts, options.paceline):
        if not path.exists():
            parser.error(f"{path} does not exist.")
    try:
        return 0 if compare_all(options) else 1
    except PacelineFailed as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    sys.exit(main())
