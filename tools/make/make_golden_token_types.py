#!/usr/bin/env python3
"""Writes testdata/token_types/: whether tokenizers of transformers hand token types to their models, and what models of
testdata/families/ answer with what theirs hands out.

classes-4.json and classes-5.json say for each tokenizer class of a version whether a call gives token_type_ids, and for
each model_type what a folder without tokenizer_class gives. Each folder NAME-4 or NAME-5 holds config.json and
tokenizer_config.json as that version saves them and golden.json: the folder of the weights and cases with input_ids,
token_type_ids where the tokenizer, read back from the folder, hands them out, and `logits_fp64`, run in double. Some
folders have a generic tokenizer class, or model_input_names of their own.

Run it in both oracle environments (./dev setup oracle); each writes its own version's files:
  .deps/venv/bin/python tools/make/make_golden_token_types.py; .deps/venv5/bin/python tools/make/make_golden_token_types.py
"""

import json
import pathlib
import shutil
import tempfile

import torch
import transformers
from transformers.models.auto import tokenization_auto

from make_tiny_families import SEED, VOCABULARY, answer

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "testdata"
TARGET = TESTDATA / "token_types"
VERSION = transformers.__version__.split(".")[0]
GENERIC = {"4": "PreTrainedTokenizerFast", "5": "TokenizersBackend"}[VERSION]
# Weights in testdata/families, vocabulary in testdata/tokenizers.
MODELS = {
    "bert": ("bert-mish-odd", "built_bert"),
    "electra": ("electra-narrow", "built_bert"),
    "albert": ("albert-shared", "built_albert"),
    "xlm-roberta": ("xlm-roberta-gelu-new", "built_xlm_roberta_nfkc"),
    "deberta-v2": ("deberta-v2-convolution", "built_deberta_v2"),
    "gpt2": ("gpt2-plain", "built_gpt2_bos"),
    "xlnet": ("xlnet-plain", "built_xlnet"),
    "xlm": ("xlm-plain", "built_xlm_added"),
    "flaubert": ("flaubert-plain", "built_flaubert_lower"),
}
WITH_GENERIC = ["bert", "electra", "albert", "gpt2", "xlnet"]
WITH_NAMES = ["bert", "albert", "gpt2", "xlm", "xlm-roberta"]
LENGTHS = [(1, 0), (9, 0), (3, 2), (12, 20)]
MODEL_TYPES = ["albert", "bert", "camembert", "deberta-v2", "distilbert", "electra", "flaubert", "gpt2", "modernbert",
               "mpnet", "roberta", "xlm", "xlm-roberta", "xlnet"]
# Classes that folders name beside those of the library's mapping.
OTHER_CLASSES = ["BartTokenizer", "CodeGenTokenizer", "ConvBertTokenizer", "DistilBertTokenizer", "ElectraTokenizer",
                 "FunnelTokenizer", "LEDTokenizer", "LayoutLMTokenizer", "LongformerTokenizer", "LxmertTokenizer",
                 "MobileBertTokenizer", "PreTrainedTokenizerFast", "SqueezeBertTokenizer"]


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def versions():
    return {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}


def names_types(name):
    """Whether the class that AutoTokenizer takes for this name hands out types; None where there is none."""
    for candidate in [name + "Fast", name] if VERSION == "4" else [name, name + "Fast"]:
        found = tokenization_auto.tokenizer_class_from_name(candidate)
        if hasattr(found, "model_input_names"):
            return "token_type_ids" in found.model_input_names
    return None


def default_class(model_type):
    known = tokenization_auto.TOKENIZER_MAPPING_NAMES.get(model_type)
    if isinstance(known, tuple):
        known = known[1] or known[0]
    return known or GENERIC


def class_tables():
    names = set(OTHER_CLASSES) | {GENERIC}
    for value in tokenization_auto.TOKENIZER_MAPPING_NAMES.values():
        names.update(name for name in (value if isinstance(value, tuple) else [value]) if name)
    bare = {name if name.startswith("PreTrained") else name.removesuffix("Fast") for name in names}
    found = {name: names_types(name) for name in sorted(bare)}
    return {"made_by": "tools/make/make_golden_token_types.py", "versions": versions(),
            "classes": {name: types for name, types in found.items() if types is not None},
            "model_types": {name: names_types(default_class(name)) for name in MODEL_TYPES}}


def save_tokenizer(name, weights, target, generic, input_names):
    """The tokenizer of a family as this version saves it into `target`, beside the model's config.json."""
    settings = {} if input_names is None else {"model_input_names": input_names}
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder)
        for path in (TESTDATA / "tokenizers" / MODELS[name][1]).iterdir():
            shutil.copy(path, source)
        shutil.copy(weights / "config.json", source)
        for file in ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"):
            (source / file).unlink(missing_ok=True)
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **({} if generic else settings))
        if generic:
            generic_class = getattr(transformers, GENERIC)
            tokenizer = generic_class(tokenizer_object=tokenizer.backend_tokenizer, **settings)
        tokenizer.save_pretrained(target)


def token_types(name, first, second):
    """As the family's own tokenizers give them, with a special token at the ends of both texts."""
    if name == "xlnet":
        return [0] * (first - 1) + [1] * second + [2]
    return [0] * first + [1] * second


def make(name, generic=False, input_names=None, label=""):
    weights = TESTDATA / "families" / MODELS[name][0]
    target = TARGET / f"{name}{label}-{VERSION}"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(weights, attn_implementation="eager").eval()
    model.config.save_pretrained(target)
    model = model.to(torch.float64)
    save_tokenizer(name, weights, target, generic, input_names)
    tokenizer = transformers.AutoTokenizer.from_pretrained(target)
    hands_out = "token_type_ids" in tokenizer("a", "b")
    for path in target.iterdir():
        if path.name not in ("config.json", "tokenizer_config.json"):
            path.unlink()
    generator = torch.Generator().manual_seed(SEED)
    cases = []
    for first, second in LENGTHS:
        case = {"input_ids": torch.randint(8, VOCABULARY, (first + second,), generator=generator).tolist()}
        if hands_out:
            case["token_type_ids"] = token_types(name, first, second)
        case["logits_fp64"] = [float(f"{value:.12g}") for value in answer(model, case)]
        cases.append(case)
    golden = {"made_by": "tools/make/make_golden_token_types.py", "versions": versions(), "weights": weights.name,
              "cases": cases}
    (target / "golden.json").write_text(json.dumps(golden).replace('{"input_ids"', '\n{"input_ids"') + "\n",
                                        encoding="utf-8")
    print(f"{target.name}: {type(tokenizer).__name__}, {'types' if hands_out else 'none'}", flush=True)


def main():
    torch.set_num_threads(1)
    TARGET.mkdir(exist_ok=True)
    write_json(TARGET / f"classes-{VERSION}.json", class_tables())
    for name in MODELS:
        make(name)
    for name in WITH_GENERIC:
        make(name, generic=True, label="-generic")
    for name in WITH_NAMES:
        make(name, input_names=["input_ids", "token_type_ids", "attention_mask"], label="-named")
        make(name, input_names=["input_ids", "attention_mask"], label="-unnamed")


if __name__ == "__main__":
    main()
