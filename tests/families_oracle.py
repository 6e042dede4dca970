"""Fresh random configurations of every architecture through Paceline on every backend, and through transformers in
double: the same logits in fp32, and in bf16 and int8 as close as such rounding allows. Three classifiers each, whose
texts are words that a tokenizer of one id a word reads, so that any id may stand anywhere, pad tokens too; pairs have
token types. And one encoder each, which has no labels, as `paceline bench` runs it.

The seed is printed; PACELINE_SEED=N in the environment draws the same configurations again.

usage: families_oracle.py --paceline BINARY --backends native,torch-eager
"""

import argparse
import json
import os
import pathlib
import random
import tempfile
import time
import unittest

import torch
from original_models import TOLERANCE, Original, relative_difference
from rounded_products import spread

import compare_transformers
import make_tiny_families
from peer_engines import PacelineEngine

OPTIONS = None
CONFIGURATIONS = 3  # with labels; one more has none
# Relative to the largest logit. ONNX Runtime's own exponentials and erf are coarser than those of the others.
TOLERANCES = {"onnxruntime": 1e-4, "onnxruntime-unpadded": 1e-4}
# A network may be so badly conditioned (a norm over three values that are nearly the same) that transformers itself in
# fp32 is farther from double than that. An engine's error is then as large, from as many roundings in another order: 4
# times, as either is the largest of many outputs.
AS_THE_ORIGINAL = 4
# Compute types that round more than fp32, by backend (the other form of the ONNX file differs in padding alone, which
# onnx_oracle.py looks at). How far that may lead an answer is not the same for any two networks: spread() moves the
# operands of the original's products by as much, at random. A text's error, root mean square over its outputs, is that of
# one more draw: sums of many roundings are spread normally, so that of some 50 texts the farthest is 3 spreads away; the
# spread is known to a third from four draws, and softmax and activations bend what is large: half of it again.
ROUNDED = {"native": ("bf16", "int8"), "onnxruntime": ("int8",)}
SPREADS = 6
LONGEST = 60  # tokens
ACTIVATIONS = ["gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_python", "relu", "silu", "swish", "mish"]
FIRST, SEPARATOR = 3, 4  # ids of the special tokens
DECODERS = ("gpt2",)
TYPES_OF_PAIRS = ("xlnet", "xlm", "flaubert")  # whose tokenizers hand out token types, whatever the config says


class Draw:
    """Draws configurations that differ in what a config.json of the family may change."""

    def __init__(self, seed):
        self.source = random.Random(seed)

    def one(self, *choices):
        return self.source.choice(choices)

    def activation(self):
        return self.source.choice(ACTIVATIONS)

    def heads(self, even_heads=False):
        """A number of heads and the size of all of them."""
        heads, size = self.source.randint(1, 5), self.source.randint(3, 20)
        size += size % 2 if even_heads else 0
        return heads, heads * size

    def bert_like(self, even_heads=False):
        heads, hidden = self.heads(even_heads)
        return {"hidden_size": hidden, "num_attention_heads": heads, "num_hidden_layers": self.source.randint(1, 4),
                "intermediate_size": self.source.randint(8, 90), "max_position_embeddings": 70,
                "layer_norm_eps": self.one(1e-12, 1e-7, 1e-5)}

    def bert(self):
        return {**self.bert_like(), "hidden_act": self.activation(), "type_vocab_size": self.one(1, 2)}

    def roberta(self):
        return {**self.bert(), "pad_token_id": self.one(0, 1, 2)}

    def distilbert(self):
        heads, hidden = self.heads()
        return {"dim": hidden, "n_heads": heads, "n_layers": self.source.randint(1, 4),
                "hidden_dim": self.source.randint(8, 90), "max_position_embeddings": 66,
                "activation": self.activation(), "sinusoidal_pos_embds": hidden % 2 == 0 and self.one(True, False)}

    def electra(self):
        return {**self.bert(), "embedding_size": self.source.randint(5, 50)}

    def albert(self):
        layers = self.source.randint(1, 5)
        groups = self.source.randint(1, layers)
        # transformers itself fails where a group has more blocks than layers.
        return {**self.bert(), "embedding_size": self.source.randint(5, 50), "num_hidden_layers": layers,
                "num_hidden_groups": groups, "inner_group_num": self.source.randint(1, layers // groups)}

    def mpnet(self):
        return {**self.bert_like(), "hidden_act": self.activation(), "relative_attention_num_buckets": self.one(32, 40)}

    def deberta(self):
        settings = {**self.bert_like(), "hidden_act": self.activation(), "type_vocab_size": self.one(0, 1, 2),
                    "relative_attention": self.one(True, True, True, False),
                    "max_relative_positions": self.one(-1, 30, 50), "share_att_key": self.one(True, False),
                    "position_buckets": self.one(-1, 4, 11, 24), "position_biased_input": self.one(True, False),
                    "pos_att_type": self.one(["c2p"], ["p2c"], ["c2p", "p2c"], "p2c|c2p", None),
                    "norm_rel_ebd": self.one("none", "layer_norm"), "pooler_hidden_act": self.activation()}
        settings["pooler_hidden_size"] = settings["hidden_size"]
        if self.one(True, False):
            settings["embedding_size"] = self.source.randint(5, 50)
        if self.one(True, False):
            settings.update(conv_kernel_size=self.one(3, 5), conv_act=self.activation(),
                            conv_groups=self.one(1, settings["num_attention_heads"]))
        return settings

    def modernbert(self):
        settings = {**self.bert_like(even_heads=True), "num_hidden_layers": self.source.randint(1, 5),
                    "pad_token_id": 2, "hidden_activation": self.activation(), "reference_compile": False,
                    "local_attention": self.source.randint(1, 40), "norm_eps": self.one(1e-5, 1e-7),
                    "global_attn_every_n_layers": self.source.randint(1, 4),
                    "global_rope_theta": self.one(160000.0, 500.0), "local_rope_theta": self.one(10000.0, 200.0),
                    "classifier_pooling": self.one("cls", "mean"), "classifier_activation": self.activation()}
        for bias in ("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"):
            settings[bias] = self.one(True, False)
        del settings["layer_norm_eps"]
        return settings

    def gpt2(self):
        heads, hidden = self.heads()
        return {"n_embd": hidden, "n_head": heads, "n_layer": self.source.randint(1, 4), "n_positions": 64,
                "n_inner": self.one(None, 50), "activation_function": self.activation(),
                "pad_token_id": self.one(None, 7, 11), "scale_attn_weights": self.one(True, True, False),
                "scale_attn_by_inverse_layer_idx": self.one(True, False)}

    def xlnet(self):
        heads, hidden = self.heads(even_heads=True)
        return {"d_model": hidden, "n_head": heads, "n_layer": self.source.randint(1, 4),
                "d_inner": self.source.randint(8, 90), "ff_activation": self.activation(),
                "clamp_len": self.one(-1, 5, 20), "summary_type": self.one("first", "last", "mean"),
                "summary_activation": self.one(None, "tanh")}

    def xlm(self):
        heads, hidden = self.heads()
        return {"emb_dim": hidden, "n_heads": heads, "n_layers": self.source.randint(1, 4),
                "max_position_embeddings": 64, "gelu_activation": self.one(True, False), "n_langs": self.one(1, 3),
                "causal": self.one(True, False), "summary_type": self.one("first", "last", "mean"),
                "summary_activation": self.one(None, "tanh", "relu")}

    def flaubert(self):
        return {**self.xlm(), "pre_norm": self.one(True, False)}


# Class names in transformers begin with this; who draws its settings.
FAMILIES = {"Bert": Draw.bert, "Roberta": Draw.roberta, "Camembert": Draw.roberta, "XLMRoberta": Draw.roberta,
            "DistilBert": Draw.distilbert, "Electra": Draw.electra, "Albert": Draw.albert, "MPNet": Draw.mpnet,
            "DebertaV2": Draw.deberta, "ModernBert": Draw.modernbert, "GPT2": Draw.gpt2, "XLNet": Draw.xlnet,
            "XLM": Draw.xlm, "Flaubert": Draw.flaubert}


def write_tokenizer(folder, kind, types, vocabulary):
    """One id a word: w0, w1, ... Token types as the family's own tokenizer hands them out."""
    whole = {"type": "TemplateProcessing", "special_tokens": {
        f"w{id}": {"id": f"w{id}", "ids": [id], "tokens": [f"w{id}"]} for id in (FIRST, SEPARATOR)}}

    def special(id, type_id):
        return {"SpecialToken": {"id": f"w{id}", "type_id": type_id}}

    def text(name, type_id):
        return {"Sequence": {"id": name, "type_id": type_id}}

    # A decoder's text may end in padding.
    whole["single"] = [special(FIRST, 0), text("A", 0), *([] if kind in DECODERS else [special(SEPARATOR, 0)])]
    whole["pair"] = [*whole["single"], text("B", 1), special(SEPARATOR, 1)]
    tokenizer = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
                 "pre_tokenizer": {"type": "WhitespaceSplit"}, "decoder": None,
                 "post_processor": whole,
                 "model": {"type": "WordLevel", "vocab": {f"w{id}": id for id in range(vocabulary)},
                           "unk_token": "w0"}}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if types else [])]
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": names, "model_max_length": 60}),
        encoding="utf-8")


def make_rows(source, vocabulary, types, last):
    """Texts from empty to longer than what is read, pairs where the model reads token types; some end in `last`."""
    rows = []
    for length in [0, 1, 2, 3, 5, 9, 17, 30, 50, 58, 64, 90]:
        words = [f"w{source.randrange(vocabulary)}" for _ in range(length)]
        if last is not None and length % 2:
            words[-length // 2:] = [f"w{last}"] * len(words[-length // 2:])
        row = {"text": " ".join(words)}
        if types:
            row["pair"] = " ".join(f"w{source.randrange(vocabulary)}" for _ in range(source.randint(0, 30)))
        rows.append(row)
    return rows


class Drawn:
    """A random model of a family in a folder, and what transformers makes of some texts."""

    def __init__(self, family, index, temporary):
        draw = Draw(f"{OPTIONS.seed} {family} {index}")
        self.settings = FAMILIES[family](draw)
        self.labels = 0 if index == CONFIGURATIONS else draw.one(1, 2, 3, 1000)
        self.folder = temporary / "model"
        model = make_tiny_families.build_model(family, self.labels, self.settings, draw.source.randrange(1 << 30))
        model.save_pretrained(self.folder)
        self.original = Original(self.folder, torch.float64)
        kind, types = model.config.model_type, make_tiny_families.token_types_of(model.config)
        if self.labels:
            write_tokenizer(self.folder, kind, types > 1, make_tiny_families.VOCABULARY)
            tokenizer = compare_transformers.Original(self.folder)
            self.rows = make_rows(draw.source, make_tiny_families.VOCABULARY, types > 1, model.config.pad_token_id)
            self.inputs = [tokenizer.inputs(row, LONGEST) for row in self.rows]
        else:
            self.inputs = [self.draw_tokens(draw.source, length, types) for length in [1, 2, 3, 5, 9, 17, 33, LONGEST]]
            self.rows = [one["input_ids"].tolist() for one in self.inputs]
        self.exact = torch.cat([self.original.padded(one) for one in self.inputs])

    @staticmethod
    def draw_tokens(source, length, types):
        drawn = {"input_ids": torch.tensor([[source.randrange(make_tiny_families.VOCABULARY) for _ in range(length)]])}
        drawn["attention_mask"] = torch.ones_like(drawn["input_ids"])
        if types > 1:
            drawn["token_type_ids"] = torch.tensor([[source.randrange(types) for _ in range(length)]])
        return drawn

    def answers(self, backend, compute_type):
        """[texts, outputs] of Paceline."""
        if self.labels:
            return compare_transformers.paceline_logits(OPTIONS.paceline, [self.folder], self.rows, backend, compute_type)
        engine = PacelineEngine(OPTIONS.paceline, self.folder, backend, 1, compute_type)
        try:
            ids, types = ([one[name][0].tolist() for one in self.inputs] if name in self.inputs[0] else None
                          for name in ("input_ids", "token_type_ids"))
            return torch.tensor(engine.logits(ids, types))
        finally:
            engine.close()

    def difference_of_original(self):
        """How far transformers in fp32 is from itself in double, of the largest logit."""
        original = Original(self.folder)
        return relative_difference(self.exact, torch.cat([original.padded(one) for one in self.inputs]))

    def rounding_spread(self, backend, compute_type):
        return spread(self.original, self.inputs, self.exact, compute_type, whole=backend != "native")


class FamiliesTest(unittest.TestCase):
    """One test for each architecture, made below."""

    def compare_one(self, family, index):
        with tempfile.TemporaryDirectory(prefix="paceline-oracle-") as temporary:
            os.environ["XDG_CACHE_HOME"] = temporary
            drawn = Drawn(family, index, pathlib.Path(temporary))
            for backend in OPTIONS.backends.split(","):
                for compute_type in ("fp32", *ROUNDED.get(backend, ())):
                    with self.subTest(family=family, settings=drawn.settings, labels=drawn.labels, backend=backend,
                                      compute_type=compute_type):
                        self.compare_type(drawn, backend, compute_type)

    def compare_type(self, drawn, backend, compute_type):
        answers = drawn.answers(backend, compute_type)
        found = compare_transformers.compare(drawn.exact, answers)
        if compute_type == "fp32":
            most, difference = TOLERANCES.get(backend, TOLERANCE), found.relative
            if difference > most:
                most = max(most, AS_THE_ORIGINAL * drawn.difference_of_original())
        else:
            most = SPREADS * drawn.rounding_spread(backend, compute_type) + TOLERANCE * drawn.exact.abs().max().item()
            difference = (drawn.exact - answers).square().mean(dim=1).max().sqrt().item()
        if OPTIONS.show:
            print(f"{self.id().rpartition('_')[2]:<12} {drawn.labels:>4} {backend:<22} {compute_type} {found.relative:.1e}"
                  f" of the largest, {difference / max(most, 1e-30):.2f} of the bound", flush=True)
        self.assertLessEqual(difference, most, drawn.rows[found.farthest])


def test_of(family):
    def test(self):
        for index in range(CONFIGURATIONS + 1):
            self.compare_one(family, index)

    return test


for name in FAMILIES:
    setattr(FamiliesTest, f"test_{name}", test_of(name))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paceline", type=pathlib.Path, required=True)
    parser.add_argument("--backends", default="native")
    parser.add_argument("--show", action="store_true", help="every difference")
    OPTIONS, REST = parser.parse_known_args()
    OPTIONS.seed = int(os.environ.get("PACELINE_SEED") or time.time_ns() % 1_000_000)

    torch.set_num_threads(1)  # the models are tiny; threads that wait for one another only take time
    print(f"PACELINE_SEED={OPTIONS.seed}", flush=True)
    unittest.main(argv=["families_oracle.py", *REST])
