#!/usr/bin/env python3
"""Writes testdata/rotary.json: how the layers of a ModernBERT turn, by config.json, as transformers has it.

src/network/modernbert_layers_test.cc reads the same config.json. Run it once in each environment (transformers 4.57.1
and 5.24.0): each run replaces its own version's part. A case holds what is in config.json beside the sizes, and for
each layer whether it sees all tokens, its inverse frequencies and the factor of its cosines and sines.
"""

import copy
import json
import pathlib

import torch
import transformers
from transformers import ModernBertConfig, ModernBertModel

OUT = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "rotary.json"
SIZES = dict(hidden_size=48, num_attention_heads=3, intermediate_size=8, vocab_size=10, num_hidden_layers=4,
             max_position_embeddings=512, pad_token_id=0, bos_token_id=0, eos_token_id=0, cls_token_id=0, sep_token_id=0)
LONG = dict(rope_type="longrope", short_factor=[1, 1, 1.5, 2, 2, 3, 4, 5.5], long_factor=[2, 2, 2, 4, 4, 8, 8, 9])
LLAMA = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0)

# Of rope_parameters["full_attention"], besides rope_theta.
TYPES = [
    dict(rope_type="default"), dict(rope_type="default", partial_rotary_factor=0.5), dict(type="linear", factor=3.0),
    dict(rope_type="linear", factor=2.5), dict(rope_type="linear", factor=0.5), dict(rope_type="dynamic", factor=4.0),
    dict(rope_type="yarn", factor=4.0), dict(rope_type="yarn", factor=None, original_max_position_embeddings=128),
    dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=64, beta_fast=16, beta_slow=2),
    dict(rope_type="yarn", factor=4.0, attention_factor=0.75, truncate=False),
    dict(rope_type="yarn", factor=40.0, mscale=0.7, mscale_all_dim=1.2, original_max_position_embeddings=100),
    dict(rope_type="yarn", factor=16.0, original_max_position_embeddings=20, beta_fast=0, beta_slow=0),
    LONG, dict(LONG, factor=4.0), dict(LONG, factor=2.0, attention_factor=1.5),
    dict(LONG, original_max_position_embeddings=2048, factor=8.0),
    dict(LLAMA, original_max_position_embeddings=256), dict(LLAMA, original_max_position_embeddings=16, factor=2.0),
    dict(LLAMA, low_freq_factor=0.5, high_freq_factor=9.0, original_max_position_embeddings=128),
    dict(rope_type="proportional", partial_rotary_factor=0.25), dict(rope_type="proportional", factor=2.0),
    dict(rope_type="proportional", partial_rotary_factor=0.7, factor=3.0),
]
OF_FIVE = [
    {}, dict(rope_parameters=None, layer_types=None),
    dict(rope_parameters={"sliding_attention": dict(rope_type="linear", factor=2.0)}),
    dict(rope_parameters={"sliding_attention": dict(rope_theta=500.0)}, global_rope_theta=700.0, local_rope_theta=900.0),
    dict(layer_types=["sliding_attention", "full_attention", "full_attention", "sliding_attention"]),
    dict(layer_types=["sliding_attention"] * 4, local_rope_theta=77.0),
    dict(layer_types=["full_attention"] * 4, global_attn_every_n_layers=2),
    dict(global_attn_every_n_layers=2, global_rope_theta=12345.0),
    dict(rope_scaling=dict(rope_type="linear", factor=2.0)),
    dict(rope_scaling=dict(rope_type="yarn", factor=2.0, rope_theta=4000.0), local_rope_theta=100.0),
]
OF_FOUR = [
    {}, dict(local_rope_theta=None), dict(local_rope_theta=None, global_rope_theta=321.0), dict(rope_theta=2000.0),
    dict(rope_theta=2000.0, global_rope_theta=50.0, global_attn_every_n_layers=1), dict(global_attn_every_n_layers=4),
    *[dict(rope_scaling=scaling) for scaling in (
        dict(type="linear", factor=2.0), dict(rope_type="linear", factor=4.0), dict(type="dynamic", factor=2.0),
        dict(rope_type="yarn", factor=4.0), dict(rope_type="yarn", factor=4.0, truncate=False, beta_fast=20),
        dict(rope_type="yarn", factor=8.0, original_max_position_embeddings=64, attention_factor=1.1),
        dict(LLAMA, original_max_position_embeddings=128), dict(LONG, factor=4.0), dict(LONG, factor=1.0))],
    # What version 5 wrote, which version 4 keeps and does not read.
    dict(layer_types=["full_attention"] * 4),
    dict(layer_types=["sliding_attention"] * 4, global_attn_every_n_layers=2,
         rope_parameters={"full_attention": dict(rope_type="linear", factor=4.0, rope_theta=500.0),
                          "sliding_attention": dict(rope_type="default", rope_theta=160000.0)}),
    dict(rope_parameters={"rope_type": "linear", "factor": 4.0}, local_rope_theta=77.0),
]


def cases():
    if not transformers.__version__.startswith("5."):
        return OF_FOUR
    types = [dict(rope_parameters={"full_attention": one, "sliding_attention": dict(rope_type="default")})
             for one in TYPES]
    return OF_FIVE + types


def layers_of(case):
    """What each layer of the model turns by."""
    config = ModernBertConfig(**SIZES, **copy.deepcopy(case))
    model = ModernBertModel._from_config(config, attn_implementation="eager")
    layers = []
    for layer in model.layers:
        if hasattr(layer.attn, "rotary_emb"):  # version 4
            rotary, prefix = layer.attn.rotary_emb, ""
            all_seen = layer.attn.local_attention == (-1, -1)
        else:
            rotary, prefix = model.rotary_emb, f"{layer.attention_type}_"
            all_seen = layer.attn.sliding_window is None
        layers.append({"all": all_seen, "factor": float(getattr(rotary, prefix + "attention_scaling")),
                       "frequencies": [float(f"{value:.9g}") for value in getattr(rotary, prefix + "inv_freq").tolist()]})
    return layers


def main():
    known = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    known[transformers.__version__] = [
        {"config": {**SIZES, **case, "transformers_version": transformers.__version__}, "layers": layers_of(case)}
        for case in cases()]
    lines = json.dumps(known, sort_keys=True).replace('{"config"', '\n{"config"')  # one case a line
    OUT.write_text(lines + "\n", encoding="utf-8")
    print(f"{OUT}: {transformers.__version__}, {len(known[transformers.__version__])} cases")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
