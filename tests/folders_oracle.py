"""Folders as save_pretrained leaves them, through Paceline on every backend and through the version of transformers that
saved them: the same ids, the same token types handed out, the same logits, of texts and of pairs.

A folder has a random model of a family and a tokenizer of that family or of another class, with settings, added tokens
and model_input_names drawn at random. Under transformers 5 some tokenizers are what 4.57 had saved, saved again by 5. The
original model gets what the original tokenizer gives, nothing else.

The seed is printed; PACELINE_SEED=N in the environment draws the same folders again.

usage: folders_oracle.py --paceline BINARY --testdata testdata --backends native,torch-eager [--older PYTHON]
       folders_oracle.py --testdata testdata --seed N --save-tokenizers FOLDER
"""

import argparse
import collections
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

import torch
import transformers
from original_models import TOLERANCE, relative_difference
from random_models import FAMILIES, VERSION_5, Draw

import compare_tokenizers
import compare_transformers
import make_tiny_families

OPTIONS = None
COUNTS = collections.Counter()
# ONNX Runtime's own exponentials and erf are coarser than those of the others.
TOLERANCES = {"onnxruntime": 1e-4, "onnxruntime-unpadded": 1e-4}
# As in families_oracle.py: of transformers' own distance in fp32 from double.
AS_THE_ORIGINAL = 4
TEXTS = 40
LONGEST_TEXT = 200  # characters
NAMES = ["input_ids", "token_type_ids", "attention_mask"]

WORD_PIECE = ["built_bert", "built_bert_stripped", "built_bert_added", "built_bert_decoder"]
BYTE_LEVEL = ["built_roberta", "built_roberta_prefix"]
# Of testdata/tokenizers; the first class of each family that transformers names.
SOURCES = {"Bert": WORD_PIECE, "DistilBert": WORD_PIECE, "Electra": WORD_PIECE, "MPNet": ["built_mpnet"],
           "Roberta": BYTE_LEVEL, "GPT2": ["built_gpt2_bos"],
           # Version 5 fails where the second is saved again.
           "Camembert": ["built_camembert", *([] if VERSION_5 else ["built_camembert_bpe"])],
           "XLMRoberta": ["built_xlm_roberta_nfkc", "built_xlm_roberta_user"],
           "Albert": ["built_albert", "built_albert_cased"], "XLNet": ["built_xlnet"],
           "DebertaV2": ["built_deberta_v2", "built_deberta_v2_lower", "built_deberta_v3"],
           "XLM": ["built_xlm_added"], "Flaubert": ["built_flaubert_lower"], "ModernBert": []}
# A tokenizer.json of no class of its own.
CLASSLESS = ["wordpiece", "byte_bpe", "unigram"]
# What a class reads of its settings.
FLAGS = {"Bert": ["do_lower_case", "strip_accents", "tokenize_chinese_chars"], "MPNet": ["do_lower_case"],
         "Roberta": ["add_prefix_space"], "GPT2": ["add_prefix_space", "add_bos_token"],
         "Albert": ["do_lower_case", "keep_accents", "remove_space"], "XLNet": ["do_lower_case", "keep_accents"],
         "DebertaV2": ["do_lower_case", "split_by_punct"], "XLM": ["do_lowercase_and_remove_accent"],
         "Flaubert": ["do_lowercase"]}
FLAGS["DistilBert"] = FLAGS["Electra"] = FLAGS["Bert"]
CLASSLESS_SPECIAL = {
    "wordpiece": {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]",
                  "mask_token": "[MASK]"},
    "byte_bpe": {"unk_token": "<unk>", "pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"},
    "unigram": {"unk_token": "<unk>", "pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>"}}


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def draw_settings(draw, family, source):
    """What tokenizer_config.json says beside what is there."""
    settings = {"model_max_length": draw.one(12, 30, 50)}
    for flag in ["add_prefix_space"] if source in CLASSLESS else FLAGS.get(family, []):
        if draw.one(True, False):
            settings[flag] = draw.one(True, False)
    for name, values in {"truncation_side": ["left"], "padding_side": ["left", "right"],
                         "clean_up_tokenization_spaces": [True, False],
                         "model_input_names": [NAMES, ["input_ids", "attention_mask"]]}.items():
        if draw.source.random() < 0.35:
            settings[name] = draw.one(*values)
    if source in CLASSLESS:
        settings.update(tokenizer_class="PreTrainedTokenizerFast", **CLASSLESS_SPECIAL[source])
    return settings


def write_source(folder, family, draw):
    """Files of a vocabulary, or a tokenizer.json, with settings: what is loaded and saved."""
    sources = [name for name in SOURCES[family] if not (OPTIONS.save_tokenizers and name == "built_camembert_bpe")]
    source = draw.one(*sources, *(CLASSLESS if draw.source.random() < 0.3 or not sources else []))
    shutil.copytree(OPTIONS.testdata / "tokenizers" / source, folder)
    config = folder / "tokenizer_config.json"
    settings = json.loads(config.read_text(encoding="utf-8")) if config.exists() else {}
    if source in WORD_PIECE:
        settings["tokenizer_class"] = family + "Tokenizer"
    write_json(config, {**settings, **draw_settings(draw, family, source)})
    model_type = getattr(transformers, family + "Config")().model_type
    write_json(folder / "config.json", {"model_type": model_type, "transformers_version": transformers.__version__})
    return source


def save_tokenizer(family, draw, source, folder):
    """A tokenizer as transformers saves it."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    if draw.source.random() < 0.3:
        tokenizer.add_tokens([transformers.AddedToken("xtra-word", lstrip=draw.one(True, False), rstrip=draw.one(True, False),
                                                      single_word=draw.one(True, False), normalized=draw.one(True, False))])
    if draw.source.random() < 0.3:
        tokenizer.add_special_tokens({"additional_special_tokens": ["[XTRA]", "<n>"]})
    tokenizer.save_pretrained(folder)


def draw_of(family, index):
    return Draw(f"{OPTIONS.seed} {family} {index}")


def save_tokenizers(target):
    """Those of every family that the newer version saves again."""
    for family in FAMILIES:
        for index in range(OPTIONS.folders):
            with tempfile.TemporaryDirectory() as temporary:
                source, draw = pathlib.Path(temporary) / "source", draw_of(family, index)
                write_source(source, family, draw)
                save_tokenizer(family, draw, source, target / f"{family}-{index}")
                shutil.copy(source / "config.json", target / f"{family}-{index}")


class Saved:
    """A folder, and what transformers makes of some texts with it."""

    def __init__(self, family, index, temporary):
        self.folder, draw = temporary / "model", draw_of(family, index)
        self.how = draw.one("new", "again") if OPTIONS.older_tokenizers else "new"
        if self.how == "again":
            try:
                save_tokenizer(family, draw, OPTIONS.older_tokenizers / f"{family}-{index}", self.folder)
            except TypeError:  # 5 builds no tokenizer of a class over a vocabulary of another kind, which 4 reads
                COUNTS["older folders that the original does not read"] += 1
                self.how = "new"
        if self.how == "new":
            write_source(temporary / "source", family, draw)
            save_tokenizer(family, draw, temporary / "source", self.folder)
        self.save_model(family, draw)
        self.original = compare_transformers.Original(self.folder)
        self.original.model.double()
        self.limit = self.original.max_length()
        texts = [text for text in compare_tokenizers.make_texts(4 * TEXTS, draw.source.random())
                 if len(text) <= LONGEST_TEXT][:TEXTS]
        texts.insert(0, "")
        self.texts = self.answers([{"text": text} for text in texts])
        self.pairs = self.answers([{"text": text, "pair": pair} for text, pair in zip(texts[::2], reversed(texts))])

    def save_model(self, family, draw):
        tokenizer = transformers.AutoTokenizer.from_pretrained(self.folder)
        self.settings = FAMILIES[family](draw)
        pad = tokenizer.pad_token_id
        if pad is not None and draw.one(True, True, False):
            self.settings["pad_token_id"] = pad
        vocabulary = max(tokenizer.get_vocab().values()) + 1 + draw.source.randint(0, 5)
        model = make_tiny_families.build_model(family, draw.one(1, 2, 3, 7), self.settings, draw.source.randrange(1 << 30),
                                               vocabulary)
        model.save_pretrained(self.folder)

    def answers(self, rows):
        found = [one for one in map(self.answer, rows) if one]
        COUNTS.update({"pairs" if "pair" in rows[0] else "texts": len(found), "the original fails": len(rows) - len(found)})
        return found

    @torch.no_grad()
    def answer(self, row):
        """The row with what the original gives for it; None where the original fails, as for more token types than it has."""
        inputs = self.original.inputs(row, self.limit)
        if not inputs["input_ids"].numel():
            return None
        try:
            logits = self.original.model(**inputs).logits[0]
        except (IndexError, TypeError):
            return None
        types = inputs.get("token_type_ids")
        return {"row": row, "ids": inputs["input_ids"][0].tolist(), "types": None if types is None else types[0].tolist(),
                "inputs": inputs, "logits": logits}

    def difference_of_original(self, rows):
        """How far transformers in fp32 is from itself in double."""
        single = compare_transformers.Original(self.folder)
        with torch.no_grad():
            again = torch.stack([single.model(**row["inputs"]).logits[0] for row in rows])
        return relative_difference(torch.stack([row["logits"] for row in rows]), again)


class FoldersTest(unittest.TestCase):
    """One test for each architecture, made below."""

    @classmethod
    def tearDownClass(cls):
        print(dict(COUNTS), flush=True)

    def compare_one(self, family, index):
        with tempfile.TemporaryDirectory(prefix="paceline-oracle-") as temporary:
            os.environ["XDG_CACHE_HOME"] = temporary
            saved = Saved(family, index, pathlib.Path(temporary))
            files = {file.name: json.loads(file.read_text(encoding="utf-8"))
                     for file in saved.folder.glob("*config.json")}
            for kind, rows in (("texts", saved.texts), ("pairs", saved.pairs)):
                if not rows:
                    continue
                with self.subTest(family=family, index=index, how=saved.how, kind=kind, files=files):
                    self.compare_ids(saved, rows)
                for backend in OPTIONS.backends.split(",")[:1 if index else None]:
                    with self.subTest(family=family, index=index, how=saved.how, kind=kind, backend=backend, files=files):
                        self.compare_logits(saved, rows, backend)

    def compare_ids(self, saved, rows):
        pair = ("--pair-column", "pair") if "pair" in rows[0]["row"] else ()
        lines = "\n".join(json.dumps(row["row"]) for row in rows)
        answers = compare_transformers.run_paceline(OPTIONS.paceline, "tokenize", saved.folder, "--format", "jsonl",
                                                    "--quiet", *pair, text=lines)
        found = [json.loads(answer) for answer in answers.split("\n") if answer]
        self.assertEqual(len(found), len(rows))
        for row, answer in zip(rows, found):
            self.assertEqual(answer["input_ids"], row["ids"], row["row"])

    def compare_logits(self, saved, rows, backend):
        wanted = torch.stack([row["logits"] for row in rows])
        answers = compare_transformers.paceline_logits(OPTIONS.paceline, [saved.folder], [row["row"] for row in rows],
                                                       backend, "fp32")
        found = compare_transformers.compare(wanted, answers)
        most = TOLERANCES.get(backend, TOLERANCE)
        if found.relative > most:
            most = max(most, AS_THE_ORIGINAL * saved.difference_of_original(rows))
        self.assertLessEqual(found.relative, most, {name: value for name, value in rows[found.farthest].items()
                                                    if name != "inputs"})


def test_of(family):
    def test(self):
        for index in range(OPTIONS.folders):
            self.compare_one(family, index)

    return test


for name in FAMILIES:
    setattr(FoldersTest, f"test_{name}", test_of(name))


def run(rest):
    with tempfile.TemporaryDirectory(prefix="paceline-older-") as temporary:
        OPTIONS.older_tokenizers = None
        if VERSION_5 and OPTIONS.older:
            OPTIONS.older_tokenizers = pathlib.Path(temporary)
            subprocess.run([OPTIONS.older, __file__, "--testdata", OPTIONS.testdata, "--seed", str(OPTIONS.seed), "--folders",
                            str(OPTIONS.folders), "--save-tokenizers", temporary], check=True)
        unittest.main(argv=["folders_oracle.py", *rest])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paceline", type=pathlib.Path)
    parser.add_argument("--testdata", type=pathlib.Path, required=True)
    parser.add_argument("--backends", default="native")
    parser.add_argument("--folders", type=int, default=4, help="of each family; the first of them on every backend")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("PACELINE_SEED") or time.time_ns() % 1_000_000))
    parser.add_argument("--older", help="a Python with transformers 4.57")
    parser.add_argument("--save-tokenizers", type=pathlib.Path, metavar="FOLDER")
    OPTIONS, REST = parser.parse_known_args()
    torch.set_num_threads(1)  # the models are tiny; threads that wait for one another only take time
    if OPTIONS.save_tokenizers:
        save_tokenizers(OPTIONS.save_tokenizers)
    else:
        print(f"PACELINE_SEED={OPTIONS.seed}, transformers {transformers.__version__}", flush=True)
        run(REST)
