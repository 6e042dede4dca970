"""How far bf16 and int8 lead a model's answers from fp32's, on real weights and real texts: our native backend, our
ONNX file, and what PyTorch and ONNX Runtime make of the same checkpoint in int8 today. Writes docs/accuracy.md.

Compared are the first token's last hidden states, which is what a classifier's head reads, with those of transformers in
fp32. All answer the same batches, of like length. Needs ./dev setup oracle minilm.

usage: compare_quantised.py [--texts 2000] [--batch 8] [--threads 2] [--paceline build/release/paceline]
                            [--out docs/accuracy.md]
"""

import argparse
import copy
import pathlib
import random
import tempfile
import warnings

import numpy as np
import onnxruntime
import tokenizers
import torch
import transformers
from onnxruntime.quantization import quantize_dynamic

from compare_peers import export_plain, processor, session
from peer_engines import PacelineEngine, padded

ROOT = pathlib.Path(__file__).resolve().parents[2]
MINILM = ROOT / ".deps/minilm"
# Backends and compute types of ours.
OURS = (("native", "fp32"), ("native", "bf16"), ("native", "int8"), ("onnxruntime", "int8"),
        ("onnxruntime-unpadded", "int8"))

HOW = (
    "    ./dev setup oracle minilm && ./dev build",
    "    .deps/venv/bin/python tools/study/compare_quantised.py")
WHY = (
    "Why they differ:", "",
    "- `native` quantises each token's activations by themselves, and each output's weights. Residuals, norms, softmax "
    "and GELU stay in fp32.",
    "- ONNX Runtime and PyTorch take one range for a whole batch, so a single large value makes every token coarse. "
    "Without *per channel* they also take one scale for a whole weight matrix.",
    "- Our ONNX file differs from that of `quantize_dynamic`, per channel, in two points: embeddings stay in fp32, and "
    "the last layer quantises only the first tokens.")


class FirstToken(torch.nn.Module):
    """An encoder as a function of ids and mask to the first token's last hidden state."""

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    def forward(self, ids, mask):
        return self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0]


def english_texts(count):
    """Some of the distinct texts of Debian's package fortunes, the same on every machine."""
    folder = MINILM / "fortunes/usr/share/games/fortunes"
    files = sorted(file for file in folder.iterdir() if not file.suffix)
    texts = {text.strip() for file in files for text in file.read_text(encoding="utf-8").split("\n%\n")}
    return random.Random(0).sample(sorted(texts - {""}), count)


def batches_of(texts, size):
    """Token ids of the texts in batches of like length."""
    tokenizer = tokenizers.Tokenizer.from_file(str(MINILM / "model/tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(transformers.AutoConfig.from_pretrained(MINILM / "model").max_position_embeddings)
    sequences = sorted((encoding.ids for encoding in tokenizer.encode_batch(texts)), key=len)
    return [sequences[i:i + size] for i in range(0, len(sequences), size)]


def torch_states(model, batches):
    with torch.inference_mode():
        return np.concatenate([model(*map(torch.from_numpy, padded(batch, 0))).numpy() for batch in batches])


def onnx_states(file, batches, threads):
    loaded = session(file, threads)
    states = []
    for batch in batches:
        ids, mask = padded(batch, 0)
        states.append(loaded.run(None, {"input_ids": ids, "attention_mask": mask})[0])
    return np.concatenate(states)


def our_states(backend, compute_type, batches, options):
    engine = PacelineEngine(options.paceline, MINILM / "model", backend, options.threads, compute_type)
    try:
        return np.concatenate([np.array(engine.logits(batch), dtype=np.float32) for batch in batches])
    finally:
        engine.close()


def quantised_by_torch(model, per_channel):
    from torch.ao.quantization import per_channel_dynamic_qconfig
    from torch.ao.quantization import quantize_dynamic as quantize
    wanted = {torch.nn.Linear: per_channel_dynamic_qconfig} if per_channel else {torch.nn.Linear}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return quantize(copy.deepcopy(model), wanted, dtype=torch.qint8)


def peers(model, batches, options):
    """The states of each peer in int8, by its name."""
    for per_channel, suffix in ((False, ""), (True, ", per channel")):
        yield f"PyTorch, quantize_dynamic{suffix}", torch_states(quantised_by_torch(model, per_channel), batches)
    with tempfile.TemporaryDirectory(prefix="paceline-quantised-") as name:
        folder = pathlib.Path(name)
        export_plain(model, folder / "plain.onnx")
        for per_channel, suffix in ((False, ""), (True, ", per channel")):
            quantize_dynamic(folder / "plain.onnx", folder / "int8.onnx", per_channel=per_channel)
            yield (f"ONNX Runtime, quantize_dynamic{suffix}",
                   onnx_states(folder / "int8.onnx", batches, options.threads))


def row(name, compute_type, states, expected):
    difference = np.abs(states - expected)
    norms = np.linalg.norm(states, axis=1) * np.linalg.norm(expected, axis=1)
    cosine = (states.astype(np.float64) * expected).sum(1) / norms
    return (f"| {name} | {compute_type} | {cosine.mean():.6f} | {cosine.min():.6f} | {difference.mean():.1e} | "
            f"{difference.max():.1e} |")


def report(rows, batches, options):
    tokens = np.array([len(sequence) for batch in batches for sequence in batch])
    lines = [
        "# How much accuracy do bf16 and int8 cost?", "",
        *HOW, "",
        "compares the first token's last hidden state with that of transformers in fp32. The head of a classifier reads "
        "this state. The table has the cosine similarity, and the absolute difference of the 384 values.", "",
        "- Model: MiniLM-L6 (BERT, 6 layers, hidden size 384), with its real weights.",
        f"- Texts: {options.texts} of Debian's package fortunes, {tokens.mean():.0f} tokens in the mean and {tokens.max()} "
        f"at most, in batches of {options.batch} of similar length.",
        f"- Machine and versions: {processor()}, torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, "
        f"transformers {transformers.__version__}.", "",
        "| backend | compute type | cosine, mean | cosine, worst | difference, mean | difference, largest |",
        "|---|---|---|---|---|---|", *rows, "", *WHY]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--paceline", type=pathlib.Path, default=ROOT / "build/release/paceline")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/accuracy.md")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    batches = batches_of(english_texts(options.texts), options.batch)
    model = FirstToken(transformers.AutoModel.from_pretrained(MINILM / "model", attn_implementation="eager")).eval()
    expected = torch_states(model, batches)
    rows = [row(f"Paceline, {backend}", compute_type, our_states(backend, compute_type, batches, options), expected)
            for backend, compute_type in OURS]
    rows += [row(name, "int8", states, expected) for name, states in peers(model, batches, options)]
    text = report(rows, batches, options)
    options.out.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
