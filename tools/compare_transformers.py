#!/usr/bin/env python3
"""Compares Paceline with transformers on a model folder and a file of texts: how far logits are apart, and how many
texts get another label.

    ./dev setup oracle && ./dev build
    .deps/venv/bin/python tools/compare_transformers.py MODEL_DIR texts.txt --backends native,onnxruntime
    .deps/venv/bin/python tools/compare_transformers.py MODEL_DIR pairs.csv --pair-column hypothesis
    .deps/venv/bin/python tools/compare_transformers.py org/name texts.txt
    .deps/venv/bin/python tools/compare_transformers.py MODEL_DIR texts.txt --weights best.ckpt --prefix model

MODEL_DIR may be an id of the Hugging Face hub that lies in the local cache; nothing is downloaded. transformers runs in
fp32 with its eager attention, one text at a time, so that nothing is padded. Its model gets what its own tokenizer of
that folder gives, token types only where that hands them out. It cuts texts at the tokenizer's model_max_length, or at
the positions that the model has where those are fewer. Run it with the version of transformers that saved the folder:
.deps/venv has 4.57, .deps/venv5 has 5. Differences are of logits, over all texts and labels; the relative one is the
largest, divided by the largest logit. An engine is left out for a compute type that it does not have. Exit code: 0; 1
where fp32 differs by more than --tolerance of the largest logit or an engine fails; 2 for wrong arguments.
"""

import argparse
import csv
import dataclasses
import json
import os
import pathlib
import subprocess
import sys

import safetensors.torch
import torch
import transformers

ROOT = pathlib.Path(__file__).resolve().parent.parent
NO_LIMIT = 10 ** 9  # transformers' model_max_length is more where a folder says nothing


class PacelineFailed(Exception):
    """What the program said."""


def run_paceline(binary, *arguments, text=""):
    """What it writes to standard output."""
    result = subprocess.run([str(binary), *map(str, arguments)], input=text, capture_output=True, encoding="utf-8",
                            check=False, env=os.environ)
    if result.returncode:
        raise PacelineFailed(result.stderr.strip() or f"exit code {result.returncode}")
    return result.stdout


def paceline_logits(binary, model, rows, backend, compute_type):
    """`model`: a folder or an id, and what else says which weights. `rows`: objects with `text`, and `pair` where the
    model reads two texts. [rows, labels] in fp32."""
    lines = "\n".join(json.dumps(row) for row in rows)
    pair = ("--pair-column", "pair") if "pair" in rows[0] else ()
    answers = run_paceline(binary, "classify", *model, "--format", "jsonl", "--raw-logits", "--quiet", "--backends",
                           backend, "--compute-types", compute_type, *pair, text=lines)
    # Not splitlines(): a text may hold other ends of line.
    parsed = [json.loads(answer) for answer in answers.split("\n") if answer]
    for index, answer in enumerate(parsed):
        if "logits" not in answer:
            raise PacelineFailed(f"text {index + 1}: {answer.get('error', 'no logits')}")
    return torch.tensor([answer["logits"] for answer in parsed])


def read_state(file, prefix):
    """The tensors that `--weights FILE --prefix P` names, where a training checkpoint holds them."""
    with open(file, "rb") as opened:
        is_safetensors = opened.read(9)[8:] == b"{"
    state = safetensors.torch.load_file(file) if is_safetensors else (
        torch.load(file, map_location="cpu", weights_only=True))
    for key in ("state_dict", "model_state_dict", "model", "module"):
        if isinstance(state.get(key), dict):
            state = state[key]
            break
    if not prefix:
        return state
    start = prefix.rstrip(".") + "."
    return {name[len(start):]: tensor for name, tensor in state.items() if name.startswith(start)}


ROBERTA_LIKE = ("roberta", "camembert", "xlm-roberta")


def positions(config):
    """Tokens of the longest text that a model has positions for; None where there is no table that ends."""
    limit = getattr(config, "max_position_embeddings", 0)
    before = config.pad_token_id + 1 if config.model_type in ROBERTA_LIKE else 2 if config.model_type == "mpnet" else 0
    return limit - before if limit > 0 else None


class Original:
    """The model and tokenizer as transformers loads them, from a folder or out of the local cache."""

    def __init__(self, model, weights=None, prefix=""):
        name, _, revision = str(model).partition("@")
        where = {"pretrained_model_name_or_path": model} if pathlib.Path(model).is_dir() else {
            "pretrained_model_name_or_path": name, "revision": revision or None, "local_files_only": True}
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(**where)
        how = {"dtype": torch.float32, "attn_implementation": "eager"}
        kind = transformers.AutoModelForSequenceClassification
        if not weights:
            self.model = kind.from_pretrained(**where, **how).eval()
            return
        config = transformers.AutoConfig.from_pretrained(**where)
        self.model, found = kind._model_mapping[type(config)].from_pretrained(
            None, config=config, state_dict=read_state(weights, prefix), output_loading_info=True, **how)
        if found["missing_keys"]:
            raise SystemExit(f"[{weights}] transformers misses {', '.join(sorted(found['missing_keys'])[:3])} in it, a "
                             f"whole classifier was expected. --prefix P takes off what names begin with.")
        self.model.eval()

    def max_length(self):
        """Where texts are cut; None where nothing says."""
        limits = [limit for limit in (self.tokenizer.model_max_length, positions(self.model.config)) if limit]
        return min(limits) if limits and min(limits) < NO_LIMIT else None

    def inputs(self, row, max_length):
        """A batch of one: what the tokenizer gives, and nothing else."""
        # In lists of one: called with plain strings, transformers forgets a second text that is empty.
        texts = ([row["text"]], [row["pair"]]) if "pair" in row else ([row["text"]],)
        cut = {"truncation": "longest_first", "max_length": max_length} if max_length else {}
        return dict(self.tokenizer(*texts, **cut, return_tensors="pt"))

    @torch.no_grad()
    def logits(self, rows, max_length):
        """[rows, labels]."""
        return torch.stack([self.model(**self.inputs(row, max_length)).logits[0] for row in rows])


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


def read_texts(options):
    """Objects of the file, one a text: its format follows its ending, as in classify."""
    ending = options.texts.suffix.lower()
    if ending == ".csv":
        with open(options.texts, encoding="utf-8-sig", newline="") as opened:
            return list(csv.DictReader(opened))
    lines = options.texts.read_text(encoding="utf-8-sig").split("\n")
    lines = [line.rstrip("\r") for line in lines[:-1] + [line for line in lines[-1:] if line]]
    if ending in (".jsonl", ".ndjson"):
        return [json.loads(line) for line in lines]
    if options.pair_column:
        raise SystemExit(f"[{options.texts}] --pair-column was given with lines of text, a .csv or .jsonl file was "
                         "expected.")
    return [{options.text_column: line} for line in lines]


def read_rows(options):
    """`text`, and `pair` where two texts are read."""
    columns = {"text": options.text_column, **({"pair": options.pair_column} if options.pair_column else {})}
    rows = read_texts(options)[:options.count]
    if not rows:
        raise SystemExit(f"[{options.texts}] It holds no text, at least one was expected.")
    for index, row in enumerate(rows):
        for column in columns.values():
            if not isinstance(row.get(column), str):
                raise SystemExit(f"[{options.texts}] Text {index + 1} has no \"{column}\", a text was expected. "
                                 "--text-column and --pair-column name what is read.")
    return [{ours: row[column] for ours, column in columns.items()} for row in rows]


def table_row(backend, compute_type, found):
    return (f"{backend:<22} {compute_type:<14} {found.largest_difference:>10.2e} {found.mean_difference:>10.2e} "
            f"{found.relative:>10.2e} {100 * found.agreement:>9.2f} %")


def compare_all(options):
    """Prints the table; whether every engine answered, and fp32 closely enough."""
    model = [options.model]
    if options.weights:
        model += ["--weights", options.weights, *(["--prefix", options.prefix] if options.prefix else [])]
    about = json.loads(run_paceline(options.paceline, "inspect", *model, "--json"))
    if not about["labels"]:
        raise SystemExit(f"[{options.model}] It is an encoder without a head, a classifier was expected.")
    rows = read_rows(options)
    original = Original(options.model, options.weights, options.prefix)
    expected = original.logits(rows, original.max_length())
    print(f"{about['architecture']}, {len(rows)} {'pairs' if options.pair_column else 'texts'}, {expected.shape[1]} labels, "
          f"largest logit {expected.abs().max():.4g}; torch {torch.__version__}, transformers {transformers.__version__}")
    print(f"{'backend':<22} {'type':<14} {'max diff':>10} {'mean diff':>10} {'relative':>10} {'same label':>11}")
    good, compared = True, 0
    engines = {one["name"]: one for one in json.loads(run_paceline(options.paceline, "doctor", "--json"))["backends"]}
    for backend in options.backends.split(","):
        for compute_type in options.compute_types.split(","):
            if backend in engines and compute_type not in engines[backend]["compute_types"]:
                continue  # every engine computes in those that it has
            try:
                found = compare(expected, paceline_logits(options.paceline, model, rows, backend, compute_type),
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
    parser.add_argument("model", metavar="MODEL_DIR", help="a classifier's folder, or an id of the hub in the local cache")
    parser.add_argument("texts", type=pathlib.Path, metavar="FILE", help="texts in UTF-8: .csv, .jsonl, else one a line")
    parser.add_argument("--text-column", default="text", metavar="NAME", help="of CSV and JSONL (default text)")
    parser.add_argument("--pair-column", metavar="NAME", help="the second text of a pair, of CSV and JSONL")
    parser.add_argument("--weights", type=pathlib.Path, metavar="FILE", help="a state_dict in place of the folder's weights")
    parser.add_argument("--prefix", default="", metavar="P", help="what the names in --weights begin with")
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
    if options.prefix and not options.weights:
        parser.error("--prefix was given without --weights.")
    for path in (options.texts, options.paceline, *([options.weights] if options.weights else [])):
        if not path.exists():
            parser.error(f"{path} does not exist.")
    try:
        return 0 if compare_all(options) else 1
    except PacelineFailed as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    sys.exit(main())
