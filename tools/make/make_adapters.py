#!/usr/bin/env python3
"""Writes testdata/adapters/: LoRA adapters made by PEFT for the tiny models of testdata/, and what merging them gives.

Each folder is what PeftModel.save_pretrained leaves behind, without its README. merged.safetensors holds the tensors
that merge_and_unload() makes other than the base's, golden.json the base, the versions and, where the base has a
tokenizer, the logits of a few texts. patterns.json says which names of modules the keys of rank_pattern match. The
folder unmerged/ holds the state_dict of a model that was never merged.

Run it in the oracle environment that has PEFT: .deps/venv5/bin/python tools/make/make_adapters.py
"""

import json
import pathlib
import re
import shutil
import warnings

import peft
import torch
import transformers
from peft.utils.other import get_pattern_key
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
ADAPTERS = ROOT / "testdata" / "adapters"
SEED = 1107
TEXTS = ["Non.", "Le train part \u00e0 huit heures et le quai est encore vide.", "Every answer comes back."]

# name -> base below testdata/, labels of a new head (0: the base's) and the settings.
VARIANTS = {
    "bert-plain": ("models/bert-fp32", 0, dict(r=4, lora_alpha=32, target_modules=["query", "value"])),
    "bert-patterns": ("models/bert-fp32", 0, dict(
        r=2, lora_alpha=3, target_modules=["query", "dense"], use_rslora=True, bias="lora_only",
        rank_pattern={"attention.output.dense": 3, "bert.encoder.layer.1.attention.self.query": 1},
        alpha_pattern={"^bert.encoder.layer.0.output.dense": 7, "query": 5})),
    "bert-one-layer": ("models/bert-fp32", 0, dict(
        r=2, lora_alpha=4, target_modules=["key", "value"], layers_to_transform=[1], bias="all")),
    "bert-dora-bias": ("models/bert-fp32", 0, dict(r=2, lora_alpha=4, target_modules=["query"], use_dora=True)),
    "bert-lora-bias": ("models/bert-fp32", 0, dict(r=2, lora_alpha=3, target_modules=["key"], lora_bias=True)),
    "roberta-all-linear": ("models/roberta-fp16", 0, dict(r=2, lora_alpha=5, target_modules="all-linear")),
    "roberta-pattern": ("models/roberta-fp32", 0, dict(
        r=2, lora_alpha=5, target_modules=r".*layer\.[01]\..*\.(query|key)")),
    "roberta-embeddings": ("models/roberta-encoder", 5, dict(
        r=3, lora_alpha=4, target_modules=["word_embeddings", "position_embeddings", "output.dense"])),
    "gpt2-square": ("families/gpt2-plain", 0, dict(r=2, lora_alpha=6, target_modules=["c_attn", "c_proj"])),
    "gpt2-dora": ("families/gpt2-plain", 0, dict(r=2, lora_alpha=6, target_modules=["c_proj"], use_dora=True)),
    "modernbert-joined": ("families/modernbert-windows", 0, dict(r=2, lora_alpha=6, target_modules=["Wqkv", "Wi"])),
}


# Keys of rank_pattern and alpha_pattern, and names of modules that some of them match.
PATTERNS = [
    "query", "self.query", "bert.encoder.layer.1.attention.self.query", "^bert.encoder.layer.0", "^query", "layer.1",
    "(query|key)", "query|key", "^(bert|model).*key$", r".*layer\.[02-9]\..*", r".*layer\.[^0].*", r"layer\.\d+\..*query",
    r"layer\.\d{1,2}\.\w+\.\w+\.\w+", r"layer\.\d{2}.*", r"layer\.\d{2,}.*", r"layer\.\d{,1}\..*", "quer{1}y",
    "quer{1,}y", "q{x}",
    r"(?:.*\.)?(?P<last>value|dense)", ".*?dense", "que?ry", "quex*ry", "qu+ery", "[a-q]uery", "[]q]uery", "[^]]uery",
    "[a-]uery",
    r"[\w.]+key", r"\S+\.key", r"\Aquery\Z", r".*\.0\.[a-z]+\.(self|output)\..*", "(dense|)", "((a*)*)*query", "(^)*query",
    "^^query$$", "a)|(query", "", ".", "..ery", r"self\x2equery", r"\D+", r"layer(\.\d)(\.attention)?.*", "quer[!-~]", "QUERY",
    "dense.*|^h", r"h\.[0-9]+\.attn\.c_attn", "layer.{3}attention.*", "(layer.){2}", "(e.*){4}y",
]
NAMES = [
    "query", "key", "bert.encoder.layer.0.attention.self.query", "bert.encoder.layer.1.attention.self.query",
    "bert.encoder.layer.10.attention.self.query", "bert.encoder.layer.1.attention.self.key", "model.layers.3.attn.key",
    "bert.encoder.layer.0.attention.output.dense", "bert.encoder.layer.0.output.dense", "self_query", "bert.pooler.dense",
    "transformer.h.0.attn.c_attn", "h.0.attn.c_attn", "a.b.quexery", "q{x}", "a.q", "layer.layer.x", "a-query", "]uery",
]


def write_patterns():
    """Which names each key matches, as PEFT looks for the key of a module."""
    matched = {pattern: [i for i, name in enumerate(NAMES) if re.match(rf"(.*\.)?({pattern})$", name)]
               for pattern in PATTERNS}
    for pattern, places in matched.items():
        for i, name in enumerate(NAMES):  # PEFT gives back the name where nothing matches
            assert pattern == name or (get_pattern_key([pattern], name) == pattern) == (i in places)
    golden = {"made_by": "tools/make/make_adapters.py", "versions": {"peft": peft.__version__}, "names": NAMES,
              "matched": matched}
    (ADAPTERS / "patterns.json").write_text(json.dumps(golden, indent=1) + "\n", encoding="utf-8")


def load_base(folder, labels):
    options = {"num_labels": labels} if labels else {}
    return transformers.AutoModelForSequenceClassification.from_pretrained(
        ROOT / "testdata" / folder, dtype=torch.float32, attn_implementation="eager", **options).eval()


def disturb(model, generator):
    """Gives whatever was trained values of its own: initial ones would leave the base as it is."""
    with torch.no_grad():
        for _, parameter in sorted(model.named_parameters()):
            if parameter.requires_grad:
                scale = 0.3 if parameter.dim() > 1 else 0.1
                parameter.add_(scale * torch.randn(parameter.shape, generator=generator))


def logits(model, tokenizer):
    rows = []
    for text in TEXTS:
        with torch.no_grad():
            encoded = tokenizer(text, return_tensors="pt")
            rows.append({"text": text, "logits": [float(f"{value:.9g}") for value in model(**encoded).logits[0].tolist()]})
    return rows


def make(name, base, labels, settings):
    folder = ADAPTERS / name
    shutil.rmtree(folder, ignore_errors=True)
    generator = torch.Generator().manual_seed(SEED + sum(map(ord, name)))
    torch.manual_seed(SEED)
    model = peft.get_peft_model(load_base(base, labels), peft.LoraConfig(task_type="SEQ_CLS", **settings))
    disturb(model, generator)
    model.peft_config["default"].base_model_name_or_path = "testdata/" + base
    model.save_pretrained(folder, save_embedding_layers=False)
    (folder / "README.md").unlink()
    config = json.loads((folder / "adapter_config.json").read_text())
    if isinstance(config["target_modules"], list):
        config["target_modules"].sort()
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")
    if name == "bert-plain":
        state = {key: value.contiguous().clone() for key, value in model.state_dict().items()}
        (ADAPTERS / "unmerged").mkdir(exist_ok=True)
        torch.save(state, ADAPTERS / "unmerged" / "pytorch_model.bin")
    # What a user gets who loads the folder: the base anew, the adapter from its files.
    model = peft.PeftModel.from_pretrained(load_base(base, labels), folder).eval().merge_and_unload()
    before = load_base(base, labels).state_dict()
    stored = load_file(ROOT / "testdata" / base / "model.safetensors")
    changed = {key: value.contiguous().clone() for key, value in model.state_dict().items()
               if key not in stored or not torch.equal(value, before[key])}
    save_file(changed, folder / "merged.safetensors")
    golden = {"made_by": "tools/make/make_adapters.py",
              "versions": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__,
                           "peft": peft.__version__},
              "base": base, "labels": model.config.num_labels}
    if (ROOT / "testdata" / base / "tokenizer.json").is_file():
        tokenizer = transformers.PreTrainedTokenizerFast(
            tokenizer_file=str(ROOT / "testdata" / base / "tokenizer.json"))
        if base.startswith("models/roberta"):
            tokenizer.model_input_names = ["input_ids", "attention_mask"]
        golden["texts"] = logits(model, tokenizer)
    (folder / "golden.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def main():
    warnings.simplefilter("ignore")
    ADAPTERS.mkdir(exist_ok=True)
    write_patterns()
    for name, variant in VARIANTS.items():
        make(name, *variant)
        print(name)


if __name__ == "__main__":
    main()
