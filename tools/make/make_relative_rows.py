#!/usr/bin/env python3
"""Writes testdata/relative_rows.json: which row of a table of relative positions each distance takes, and XLNet's rows
of sines and cosines, as transformers has them.

`rows`: for a kind, buckets and max_distance, one [row, count] for each run of equal rows, over distances (key - query)
from -2047 to 2047. `sinusoids`: for a width and clamp_len, some distances and their rows. Run it in the oracle
environment (./dev setup oracle): .deps/venv/bin/python tools/make/make_relative_rows.py
"""

import itertools
import json
import pathlib

import torch
import transformers
from transformers.models.deberta_v2.modeling_deberta_v2 import build_relative_position
from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

FILE = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "relative_rows.json"
TOKENS = 2048
DISTANCES = torch.arange(1 - TOKENS, TOKENS)
# Buckets (0: none) and max_relative_positions; DeBERTa v2 and v3 as published have 256 and 512.
LEARNED = [(256, 512), (16, 40), (2, 40), (3, 512), (5, 7), (48, 64), (100, 2048), (512, 1024), (320, 1000), (0, 40)]
SINUSOIDS = [(16, -1), (6, 9), (48, 100)]
SOME_DISTANCES = [*range(-12, 13), -99, -100, -101, 500, 1023, -1023]


def runs(rows):
    return [[row, len(list(equal))] for row, equal in itertools.groupby(rows)]


def bias_rows():
    return MPNetEncoder.relative_position_bucket(DISTANCES, num_buckets=32).tolist()


def learned_rows(buckets, most):
    """As DisentangledSelfAttention.disentangled_attention_bias takes them: of query - key, moved up by the span."""
    layer = torch.empty(1, TOKENS, 1)
    positions = build_relative_position(layer, layer, bucket_size=buckets or -1, max_position=most)[0]
    span = buckets or most
    rows = torch.clamp(positions + span, 0, 2 * span - 1)
    # Queries from the last to the first look at key 0; then the first looks at every other key.
    return [*rows.flip(0)[:, 0].tolist(), *rows[0, 1:].tolist()]


def sinusoid_rows(width, clamp):
    config = transformers.XLNetConfig(vocab_size=8, d_model=width, n_layer=1, n_head=1, d_inner=8, clamp_len=clamp)
    table = transformers.XLNetModel(config).relative_positional_encoding(1024, 1024)[:, 0]
    # Row i is of query - key = 1024 - i.
    return [[float(f"{value:.9g}") for value in table[1024 + distance].tolist()] for distance in SOME_DISTANCES]


if __name__ == "__main__":
    rows = [{"kind": "bias", "buckets": 32, "max_distance": 128, "runs": runs(bias_rows())}]
    rows += [{"kind": "learned", "buckets": buckets, "max_distance": most, "runs": runs(learned_rows(buckets, most))}
             for buckets, most in LEARNED]
    sinusoids = [{"width": width, "clamp_len": clamp, "distances": SOME_DISTANCES, "rows": sinusoid_rows(width, clamp)}
                 for width, clamp in SINUSOIDS]
    versions = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    golden = {"made_by": "tools/make/make_relative_rows.py", "versions": versions, "tokens": TOKENS, "rows": rows,
              "sinusoids": sinusoids}
    text = json.dumps(golden, separators=(",", ":")).replace('{"kind"', '\n{"kind"').replace('{"width"', '\n{"width"')
    FILE.write_text(text + "\n", encoding="utf-8")
