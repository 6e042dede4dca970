"""Texts through `paceline classify` and through transformers' own tokenizer, model and softmax: same labels, same scores.

usage: classify_oracle.py --paceline BINARY --models testdata/models
"""

import argparse
import json
import os
import pathlib
import random
import subprocess
import tempfile
import unittest

import torch
import transformers
from original_models import TOLERANCE

OPTIONS = None


def make_rows(count=100):
    """Pairs of texts, from empty to longer than any of these models reads."""
    source = random.Random(11)
    words = ("la vie est belle \u00e9t\u00e9 na\u00efve \u4e16\u754c \U0001f600 "
             "hello WORLD, it's 3.14 (of) course; x\ty").split(" ")
    # Transformers' RoBERTa does not count a pad token's position, in a text either.
    words.append("<pad>")
    return [{"text": " ".join(source.choices(words, k=source.choice([0, 1, 2, 5, 10, 20, 40, 80]))),
             "other": " ".join(source.choices(words, k=source.randint(0, 30)))} for _ in range(count)]


def classify(model, rows, *flags):
    with tempfile.TemporaryDirectory() as cache:
        result = subprocess.run([OPTIONS.paceline, "classify", str(model), "--format", "jsonl", "--all-labels",
                                 "--raw-logits", "--quiet", *flags],
                                input="\n".join(json.dumps(row) for row in rows).encode(), capture_output=True,
                                check=True, timeout=300, env={**os.environ, "XDG_CACHE_HOME": cache})
    return [json.loads(line) for line in result.stdout.decode().splitlines()]


def transformers_logits(folder, rows, pair):
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    # RoBERTa's positions begin behind the pad token's, BERT's at 0.
    before = 0 if model.config.model_type == "bert" else model.config.pad_token_id + 1
    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings - before)
    logits = []
    for row in rows:
        # In lists of one: called with plain strings, transformers forgets a second text that is empty.
        texts = ([row["text"]], [row["other"]]) if pair else ([row["text"]],)
        encoded = tokenizer(*texts, truncation="longest_first", max_length=limit, return_tensors="pt")
        with torch.no_grad():
            logits.append(model(**encoded).logits[0])
    return model.config, torch.stack(logits)


def probabilities(config, logits):
    kind = config.problem_type or ("regression" if config.num_labels == 1 else "single_label_classification")
    if kind == "regression":
        return logits
    return logits.sigmoid() if kind == "multi_label_classification" else logits.softmax(dim=-1)


STRIDE = 3


def window_logits(folder, rows, pair):
    """Of each row the logits [windows, K] of what transformers' tokenizer gives as overflowing tokens."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager").eval()
    before = 0 if model.config.model_type == "bert" else model.config.pad_token_id + 1
    limit = min(tokenizer.model_max_length, model.config.max_position_embeddings - before)
    result = []
    for row in rows:
        texts = ([row["text"]], [row["other"]]) if pair else ([row["text"]],)
        encoded = tokenizer(*texts, truncation="only_first", max_length=limit, stride=STRIDE,
                            return_overflowing_tokens=True)
        windows = []
        for index in range(len(encoded["input_ids"])):
            inputs = {key: torch.tensor([encoded[key][index]]) for key in tokenizer.model_input_names}
            with torch.no_grad():
                windows.append(model(**inputs).logits[0])
        result.append(torch.stack(windows))
    return model.config, result


class ClassifyOracle(unittest.TestCase):
    def compare_windows(self, folder, pair):
        rows = [{**row, "other": " ".join(row["other"].split()[:2])} for row in make_rows(30)]
        config, expected = window_logits(folder, rows, pair)
        self.assertTrue(any(len(windows) > 1 for windows in expected))
        tolerance = TOLERANCE * max(float(windows.abs().max()) for windows in expected)
        flags = ["--long", "window", "--stride", str(STRIDE), *(["--pair-column", "other"] if pair else [])]
        combinations = {"mean": lambda values: values.mean(dim=0), "max": lambda values: values.amax(dim=0),
                        "first": lambda values: values[0]}
        for name, combine in combinations.items():
            answers = classify(folder, rows, *flags, "--combine", name, "--combine-over", "logits")
            for row, windows, answer in zip(rows, expected, answers):
                self.assertEqual(answer["windows"], len(windows), row)
                self.assertEqual(answer["truncated"], 0, row)
                off = (torch.tensor(answer["logits"]) - combine(windows)).abs().max()
                self.assertLessEqual(float(off), tolerance, (name, row))
        for row, windows, answer in zip(rows, expected, classify(folder, rows, *flags)):
            mean = probabilities(config, windows).mean(dim=0)
            for entry in answer["labels"]:
                score = float(mean[config.label2id[entry["label"]]])
                self.assertLessEqual(abs(entry["score"] - score), 2 * tolerance, row)


    def compare(self, folder, pair):
        rows = make_rows()
        config, expected = transformers_logits(folder, rows, pair)
        scores = probabilities(config, expected)
        tolerance = TOLERANCE * float(expected.abs().max())
        answers = classify(folder, rows, *(["--pair-column", "other"] if pair else []))
        self.assertEqual([answer["text"] for answer in answers], [row["text"] for row in rows])
        for index, answer in enumerate(answers):
            off = (torch.tensor(answer["logits"]) - expected[index]).abs().max()
            self.assertLessEqual(float(off), tolerance, rows[index])
            for entry in answer["labels"]:
                # A softmax's slope is at most 1/4 per logit, and every logit may be off; a regression's is 1.
                score = float(scores[index][config.label2id[entry["label"]]])
                self.assertLessEqual(abs(entry["score"] - score), 2 * tolerance, rows[index])

    def test_models(self):
        folders = sorted(path.parent for path in OPTIONS.models.glob("*/config.json"))
        heads = [folder for folder in folders
                 if "ForSequenceClassification" in str(json.loads((folder / "config.json").read_text())["architectures"])]
        self.assertGreaterEqual(len(heads), 5)
        for folder in heads:
            for pair in (False, True):
                with self.subTest(model=folder.name, pair=pair):
                    self.compare(folder, pair)
                    self.compare_windows(folder, pair)

    def test_pipeline(self):
        """The scores of transformers' own text-classification pipeline, of one text and of pairs."""
        rows = [row for row in make_rows(40) if row["text"] and row["other"]]
        kinds = {"roberta-fp32": "single_label_classification", "camembert-multi-label": "multi_label_classification",
                 "roberta-regression": "regression"}
        for name, kind in kinds.items():
            folder = OPTIONS.models / name
            model = transformers.AutoModelForSequenceClassification.from_pretrained(
                folder, dtype=torch.float32, attn_implementation="eager")
            # The pipeline takes one output without a problem_type for a label; the model's own loss for a regression.
            model.config.problem_type = kind
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            limit = min(tokenizer.model_max_length,
                        model.config.max_position_embeddings - model.config.pad_token_id - 1)
            pipeline = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
            for pair in (False, True):
                with self.subTest(model=name, pair=pair):
                    given = [{"text": row["text"], **({"text_pair": row["other"]} if pair else {})} for row in rows]
                    answers = classify(folder, rows, *(["--pair-column", "other"] if pair else []))
                    for row, answer in zip(given, answers):
                        expected = pipeline(row, top_k=None, truncation=True, max_length=limit)
                        scores = {entry["label"]: entry["score"] for entry in expected}
                        self.assertEqual(scores.keys(), {entry["label"] for entry in answer["labels"]})
                        for entry in answer["labels"]:
                            tolerance = 2 * TOLERANCE * max(1.0, *(abs(logit) for logit in answer["logits"]), 0.0)
                            self.assertLessEqual(abs(entry["score"] - scores[entry["label"]]), tolerance, row)


if __name__ == "__main__":
    PARSER = argparse.ArgumentParser()
    PARSER.add_argument("--paceline", required=True)
    PARSER.add_argument("--models", type=pathlib.Path, required=True)
    OPTIONS, REST = PARSER.parse_known_args()
    torch.set_num_threads(1)
    unittest.main(argv=["classify_oracle.py", *REST])
