"""Random configurations of every architecture, as either version of transformers takes them."""

import random

import transformers

# Which version saves what is drawn. Each reads the configurations of its own.
VERSION_5 = int(transformers.__version__.split(".")[0]) >= 5
ACTIVATIONS = ["gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast", "gelu_python", "relu", "silu", "swish", "mish"]


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
                    "pad_token_id": 2, "hidden_activation": self.activation(),
                    "local_attention": self.source.randint(1, 40), "norm_eps": self.one(1e-5, 1e-7),
                    "classifier_pooling": self.one("cls", "mean"), "classifier_activation": self.activation()}
        for bias in ("norm_bias", "attention_bias", "mlp_bias", "classifier_bias"):
            settings[bias] = self.one(True, False)
        del settings["layer_norm_eps"]
        return {**settings, **(self.layers_of_5(settings["num_hidden_layers"]) if VERSION_5 else self.layers_of_4())}

    def layers_of_4(self):
        """Which blocks see everything, and how far apart positions are told."""
        return {"reference_compile": False, "global_attn_every_n_layers": self.source.randint(1, 4),
                "global_rope_theta": self.one(160000.0, 500.0), "local_rope_theta": self.one(10000.0, 200.0)}

    def layers_of_5(self, layers):
        """The same in version 5, which also takes the names of version 4, and none."""
        settings = {}
        if self.one(True, True, False):
            settings["layer_types"] = [self.one("full_attention", "sliding_attention") for _ in range(layers)]
        elif self.one(True, False):
            settings["global_attn_every_n_layers"] = self.source.randint(1, 4)
        if self.one(True, True, False):
            settings["rope_parameters"] = {"full_attention": self.rope(), "sliding_attention": self.rope()}
        elif self.one(True, False):
            settings.update(global_rope_theta=self.one(160000.0, 500.0), local_rope_theta=self.one(10000.0, 200.0))
        return settings

    def rope(self):
        kind = self.one("default", "linear", "yarn", "llama3", "proportional")
        settings = {"rope_type": kind, "rope_theta": self.one(160000.0, 10000.0, 300.0)}
        if kind == "proportional":
            return {**settings, "partial_rotary_factor": self.one(0.25, 0.5, 1.0), "factor": self.one(1.0, 2.5)}
        if kind != "default":
            settings["factor"] = self.one(1.0, 2.0, 7.5)
        if kind == "llama3":
            settings.update(low_freq_factor=1.0, high_freq_factor=self.one(2.0, 4.0),
                            original_max_position_embeddings=self.one(16, 70))
        if kind == "yarn":
            settings.update({name: value for name, value in {
                "original_max_position_embeddings": self.one(8, 35), "attention_factor": self.one(0.7, 1.5),
                "beta_fast": self.one(4.0, 32.0), "beta_slow": self.one(0.5, 1.0), "mscale": 0.7,
                "mscale_all_dim": self.one(0.4, 1.2), "truncate": self.one(True, False)}.items() if self.one(True, False)})
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
                # Version 5 wants a text here; an empty one is none.
                "summary_activation": self.one("" if VERSION_5 else None, "tanh")}

    def xlm(self):
        heads, hidden = self.heads()
        return {"emb_dim": hidden, "n_heads": heads, "n_layers": self.source.randint(1, 4),
                "max_position_embeddings": 64, "gelu_activation": self.one(True, False), "n_langs": self.one(1, 3),
                "causal": self.one(True, False), "summary_type": self.one("first", "last", "mean"),
                "summary_activation": self.one(None, "tanh", "relu")}

    def flaubert(self):
        # Version 5 itself fails with a norm before each block.
        return {**self.xlm(), "pre_norm": not VERSION_5 and self.one(True, False)}


# Class names in transformers begin with this; who draws its settings.
FAMILIES = {"Bert": Draw.bert, "Roberta": Draw.roberta, "Camembert": Draw.roberta, "XLMRoberta": Draw.roberta,
            "DistilBert": Draw.distilbert, "Electra": Draw.electra, "Albert": Draw.albert, "MPNet": Draw.mpnet,
            "DebertaV2": Draw.deberta, "ModernBert": Draw.modernbert, "GPT2": Draw.gpt2, "XLNet": Draw.xlnet,
            "XLM": Draw.xlm, "Flaubert": Draw.flaubert}
