#!/usr/bin/env python3
"""Writes testdata/config_keys.json: the keys that transformers writes into config.json, by version and model_type.

src/network/config_keys_test.cc holds the tables of src/network against them, so that no key of config.json is passed
over unseen. Run it once in each environment (transformers 4.57.1 and 5.24.0): each run replaces its own version's part.

A key is here if a configuration of this class can have it in its file: what to_dict() gives, what __init__ names, what
older files call it (attribute_map), and what every model may carry (the parameters of generation, of saving).
"""

import inspect
import json
import pathlib

import transformers
from transformers import AutoConfig, GenerationConfig

OUT = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "config_keys.json"
MODEL_TYPES = ("bert", "roberta", "camembert", "xlm-roberta", "distilbert", "electra", "albert", "mpnet", "deberta-v2",
               "modernbert", "gpt2", "xlnet", "xlm", "flaubert")
# Written by from_pretrained and save_pretrained, whatever the class.
SAVED = ("_name_or_path", "architectures", "auto_map", "dtype", "id2label", "label2id", "model_type", "num_labels",
         "problem_type", "quantization_config", "torch_dtype", "transformers_version")


def plain(value):
    """The value as JSON has it; a text for what it has not."""
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        return str(value)


def keys_of(model_type):
    """Every key with its default."""
    config = AutoConfig.for_model(model_type)
    keys = dict.fromkeys(SAVED)
    keys |= GenerationConfig().to_dict()
    for cls in reversed(type(config).__mro__):
        if "__init__" in cls.__dict__:
            named = inspect.signature(cls.__init__).parameters.values()
            keys |= {one.name: plain(one.default) for one in named
                     if one.name != "self" and one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
                     and one.default is not one.empty}
    keys |= config.to_dict()
    aliases = dict(type(config).attribute_map)
    return {"aliases": aliases, "keys": {key: plain(value) for key, value in sorted(keys.items())}}


def of_every(models):
    """What all of them have with the same default, taken out of each."""
    first, *others = [model["keys"] for model in models.values()]
    same = {key: value for key, value in first.items()
            if all(key in keys and keys[key] == value for keys in others)}
    for model in models.values():
        model["keys"] = {key: value for key, value in model["keys"].items() if key not in same}
    return {"aliases": {}, "keys": same}


def main():
    known = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    models = {model_type: keys_of(model_type) for model_type in MODEL_TYPES}
    known[transformers.__version__] = {"every": of_every(models), **models}
    lines = json.dumps(known, sort_keys=True).replace('{"aliases"', '\n{"aliases"')  # a model a line
    OUT.write_text(lines + "\n", encoding="utf-8")
    print(f"{OUT}: {transformers.__version__}")


if __name__ == "__main__":
    main()
