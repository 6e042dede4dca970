"""A real model: the first-token states of MiniLM-L6 (`./dev setup minilm`) on English texts, from every backend in fp32,
within 1e-5 of those of transformers.

usage: minilm_oracle.py --paceline BINARY --backends native,torch-eager
"""

import argparse
import os
import pathlib
import sys
import tempfile

import numpy as np
import original_models  # noqa: F401, finds the tools
import torch
import transformers

import compare_quantised
from peer_engines import PacelineEngine

MOST = 1e-5
SKIPPED = 77  # ctest's


def original_states(batches):
    """Of transformers in fp32, each text alone."""
    model = transformers.AutoModel.from_pretrained(compare_quantised.MINILM / "model", dtype=torch.float32,
                                                   attn_implementation="eager").eval()
    with torch.inference_mode():
        return np.concatenate([model(input_ids=torch.tensor([ids])).last_hidden_state[:, 0].numpy()
                               for batch in batches for ids in batch])


def states(options, backend, batches):
    engine = PacelineEngine(options.paceline, compare_quantised.MINILM / "model", backend, 1)
    try:
        return np.concatenate([np.array(engine.logits(batch), dtype=np.float32) for batch in batches])
    finally:
        engine.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paceline", type=pathlib.Path, required=True)
    parser.add_argument("--backends", default="native")
    parser.add_argument("--texts", type=int, default=200)
    options = parser.parse_args()
    if not compare_quantised.MINILM.is_dir():
        print("skipped: .deps/minilm is missing. Run ./dev setup minilm (84 MB).")
        return SKIPPED
    batches = compare_quantised.batches_of(compare_quantised.english_texts(options.texts), 8)
    wanted = original_states(batches)
    good = True
    with tempfile.TemporaryDirectory(prefix="paceline-minilm-") as cache:
        os.environ["XDG_CACHE_HOME"] = cache
        for backend in options.backends.split(","):
            difference = np.abs(states(options, backend, batches) - wanted)
            good &= bool(difference.max() <= MOST)
            print(f"{backend:<22} largest difference {difference.max():.1e}, mean {difference.mean():.1e}, of states up "
                  f"to {np.abs(wanted).max():.2f}; {len(wanted)} texts", flush=True)
    if not good:
        print(f"More than {MOST:g} apart.", file=sys.stderr)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
