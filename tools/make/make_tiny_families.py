#!/usr/bin/env python3
"""Writes testdata/families/: tiny checkpoints of every architecture made by the original transformers, each with its
answers in golden.json.

Each folder is what save_pretrained leaves behind. The weights are random but far from their initial values: biases,
norms and position rows all matter to the answer, so that leaving one out shows. The configurations of a family differ
in what its config.json may change.

golden.json holds `cases`: input_ids, token_type_ids where the model reads them, and `logits_fp64`, the same weights run
in double, one sequence alone, so that nothing is padded. What the original computes in fp32 even then (ModernBERT's
cosines and sines, XLNet's angles) differs from double by some 1e-7 of a value.

Run it in the oracle environments (./dev setup oracle), .deps/venv for version 4 and .deps/venv5 for what is made by
version 5: .deps/venv/bin/python tools/make/make_tiny_families.py [NAME ...]
"""

import json
import pathlib
import shutil
import sys

import torch
import transformers

FAMILIES = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "families"
SEED = 20241129
VOCABULARY = 61
LENGTHS = [1, 2, 3, 5, 8, 16, 17, 31, 33, 48, 64]
BERT_LIKE = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48,
                 max_position_embeddings=66)
XLM_LIKE = dict(emb_dim=32, n_layers=2, n_heads=4, max_position_embeddings=64)
MODERN_BERT = dict(BERT_LIKE, max_position_embeddings=64, pad_token_id=3, reference_compile=False)
SHORT_DISTANCES = dict(relative_attention=True, max_relative_positions=40, position_buckets=16)

# name: (config class, model class, labels, what the configuration sets). 0 labels: an encoder without a head.
FAMILY_MODELS = {
    "bert-relu-one-type": ("Bert", 2, dict(BERT_LIKE, hidden_act="relu", type_vocab_size=1)),
    "bert-silu-many-labels": ("Bert", 1000, dict(BERT_LIKE, hidden_size=20, num_attention_heads=2, hidden_act="silu")),
    "bert-mish-odd": ("Bert", 1, dict(BERT_LIKE, hidden_size=33, num_attention_heads=3, intermediate_size=29,
                                      hidden_act="mish", classifier_dropout=0.5)),
    "xlm-roberta-plain": ("XLMRoberta", 3, dict(BERT_LIKE, type_vocab_size=1, pad_token_id=1)),
    "xlm-roberta-gelu-new": ("XLMRoberta", 2, dict(BERT_LIKE, hidden_size=40, num_attention_heads=5,
                                                   hidden_act="gelu_new", type_vocab_size=2, pad_token_id=0)),
    "xlm-roberta-encoder": ("XLMRoberta", 0, dict(BERT_LIKE, hidden_act="gelu_fast", type_vocab_size=1)),
    "distilbert-plain": ("DistilBert", 3, dict(dim=32, n_layers=2, n_heads=4, hidden_dim=48,
                                               max_position_embeddings=64)),
    "distilbert-relu-sines": ("DistilBert", 2, dict(dim=36, n_layers=1, n_heads=3, hidden_dim=50, activation="relu",
                                                    sinusoidal_pos_embds=True, max_position_embeddings=64)),
    "distilbert-encoder": ("DistilBert", 0, dict(dim=24, n_layers=3, n_heads=2, hidden_dim=40,
                                                 max_position_embeddings=64)),
    "electra-narrow": ("Electra", 3, dict(BERT_LIKE, embedding_size=20)),
    "electra-even": ("Electra", 1, dict(BERT_LIKE, embedding_size=32, hidden_act="gelu_pytorch_tanh",
                                        type_vocab_size=1)),
    "electra-encoder": ("Electra", 0, dict(BERT_LIKE, embedding_size=40, hidden_size=30, num_attention_heads=2)),
    "albert-shared": ("Albert", 3, dict(BERT_LIKE, embedding_size=16, num_hidden_layers=4)),
    "albert-groups": ("Albert", 2, dict(BERT_LIKE, embedding_size=32, num_hidden_layers=5, num_hidden_groups=2,
                                        hidden_act="gelu")),
    "albert-encoder": ("Albert", 0, dict(BERT_LIKE, embedding_size=20, num_hidden_layers=3)),
    "albert-inner": ("Albert", 1, dict(BERT_LIKE, embedding_size=21, num_hidden_layers=3, inner_group_num=2,
                                       hidden_act="relu", type_vocab_size=1)),
    "mpnet-plain": ("MPNet", 3, dict(BERT_LIKE)),
    "mpnet-long": ("MPNet", 2, dict(BERT_LIKE, hidden_size=24, num_attention_heads=2, num_hidden_layers=1,
                                    max_position_embeddings=302, hidden_act="gelu_new")),
    "mpnet-encoder": ("MPNet", 0, dict(BERT_LIKE, relative_attention_num_buckets=40, num_hidden_layers=3)),
    "modernbert-windows": ("ModernBert", 3, dict(MODERN_BERT, num_hidden_layers=4, local_attention=12)),
    "modernbert-mean-biases": ("ModernBert", 2, dict(
        MODERN_BERT, hidden_size=36, num_attention_heads=3, num_hidden_layers=3, local_attention=5,
        classifier_pooling="mean", norm_bias=True, attention_bias=True, mlp_bias=True, classifier_bias=True,
        hidden_activation="silu", classifier_activation="relu")),
    "modernbert-global": ("ModernBert", 1, dict(MODERN_BERT, global_attn_every_n_layers=1, local_attention=8,
                                                global_rope_theta=5000.0)),
    "modernbert-encoder": ("ModernBert", 0, dict(MODERN_BERT, local_rope_theta=300.0, global_attn_every_n_layers=2,
                                                 local_attention=20)),
    "gpt2-plain": ("GPT2", 3, dict(n_embd=32, n_layer=2, n_head=4, n_positions=64, pad_token_id=7)),
    "gpt2-no-pad": ("GPT2", 2, dict(n_embd=30, n_layer=1, n_head=3, n_inner=50, n_positions=64, pad_token_id=None,
                                    activation_function="gelu", scale_attn_by_inverse_layer_idx=True)),
    "gpt2-unscaled": ("GPT2", 1, dict(n_embd=24, n_layer=3, n_head=2, n_positions=64, pad_token_id=0,
                                      scale_attn_weights=False, scale_attn_by_inverse_layer_idx=True)),
    "gpt2-encoder": ("GPT2", 0, dict(n_embd=28, n_layer=2, n_head=2, n_positions=64, pad_token_id=5,
                                     activation_function="relu")),
    "deberta-v3-like": ("DebertaV2", 3, dict(
        BERT_LIKE, **SHORT_DISTANCES, share_att_key=True, norm_rel_ebd="layer_norm", pos_att_type=["p2c", "c2p"],
        position_biased_input=False, type_vocab_size=0)),
    "deberta-v2-convolution": ("DebertaV2", 2, dict(
        BERT_LIKE, **SHORT_DISTANCES, share_att_key=False, pos_att_type="c2p|p2c", conv_kernel_size=3, conv_act="gelu",
        position_biased_input=True, type_vocab_size=2, embedding_size=20, pooler_hidden_act="tanh")),
    "deberta-v2-c2p": ("DebertaV2", 1, dict(
        BERT_LIKE, relative_attention=True, max_relative_positions=20, pos_att_type=["c2p"], type_vocab_size=1,
        hidden_size=33, num_attention_heads=3, pooler_hidden_size=33, hidden_act="gelu_new")),
    "deberta-v2-p2c": ("DebertaV2", 2, dict(
        BERT_LIKE, relative_attention=True, pos_att_type=["p2c"], conv_kernel_size=5, conv_groups=4,
        num_hidden_layers=1, norm_rel_ebd="layer_norm")),
    "deberta-v2-absolute": ("DebertaV2", 0, dict(BERT_LIKE, pos_att_type=["c2p"], relative_attention=False)),
    "xlnet-plain": ("XLNet", 3, dict(d_model=32, n_layer=2, n_head=4, d_inner=48)),
    "xlnet-clamped": ("XLNet", 2, dict(d_model=36, n_layer=3, n_head=3, d_inner=40, clamp_len=9, ff_activation="relu",
                                       summary_type="first", summary_activation=None)),
    "xlnet-mean": ("XLNet", 1, dict(d_model=24, n_layer=1, n_head=2, d_inner=40, summary_type="mean",
                                    ff_activation="gelu_new")),
    "xlnet-encoder": ("XLNet", 0, dict(d_model=28, n_layer=2, n_head=2, d_inner=40, ff_activation="silu")),
    "xlm-plain": ("XLM", 3, dict(XLM_LIKE, n_langs=3)),
    "xlm-relu-causal": ("XLM", 2, dict(XLM_LIKE, emb_dim=30, n_heads=3, gelu_activation=False, causal=True,
                                       summary_activation="tanh")),
    "xlm-mean": ("XLM", 1, dict(XLM_LIKE, n_layers=1, summary_type="mean", sinusoidal_embeddings=True)),
    "xlm-encoder": ("XLM", 0, dict(XLM_LIKE, emb_dim=28, n_heads=2)),
    "flaubert-plain": ("Flaubert", 3, dict(XLM_LIKE)),
    "flaubert-norm-before": ("Flaubert", 2, dict(XLM_LIKE, pre_norm=True, n_layers=3)),
    "flaubert-last": ("Flaubert", 1, dict(XLM_LIKE, emb_dim=36, n_heads=3, summary_type="last", pre_norm=True)),
    "flaubert-encoder": ("Flaubert", 0, dict(XLM_LIKE, pre_norm=True)),
}

# What version 5 alone has or writes in another way; these are made by it, those above by version 4.
MODERN_BERT_5 = dict(BERT_LIKE, max_position_embeddings=64, pad_token_id=3, num_hidden_layers=4, local_attention=12)
BY_VERSION_5 = {
    "v5-modernbert-thetas": ("ModernBert", 3, dict(MODERN_BERT_5, rope_parameters={
        "full_attention": dict(rope_theta=160000.0), "sliding_attention": dict(rope_theta=160000.0)})),
    "v5-modernbert-layer-types": ("ModernBert", 2, dict(
        MODERN_BERT_5, layer_types=["sliding_attention", "full_attention", "full_attention", "sliding_attention"])),
    "v5-modernbert-yarn": ("ModernBert", 3, dict(MODERN_BERT_5, rope_parameters={
        "full_attention": dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, rope_theta=500.0),
        "sliding_attention": dict(rope_type="linear", factor=2.0)})),
    "v5-modernbert-llama3": ("ModernBert", 0, dict(MODERN_BERT_5, rope_parameters={
        "full_attention": dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                               original_max_position_embeddings=32, rope_theta=100.0),
        "sliding_attention": dict(rope_type="proportional", partial_rotary_factor=0.5)})),
    "v5-modernbert-longrope": ("ModernBert", 1, dict(MODERN_BERT_5, classifier_pooling="mean", rope_parameters={
        "full_attention": dict(rope_type="longrope", factor=4.0, short_factor=[1.0, 1.5, 2.0, 5.0],
                               long_factor=[2.0, 3.0, 4.0, 9.0]),
        "sliding_attention": dict(rope_type="dynamic", factor=3.0)})),
    "v5-bert-plain": ("Bert", 3, dict(BERT_LIKE)),
    "v5-xlm-plain": ("XLM", 3, dict(XLM_LIKE, n_langs=3)),
    "v5-flaubert-plain": ("Flaubert", 2, dict(XLM_LIKE, n_heads=2)),
    "v5-xlnet-plain": ("XLNet", 3, dict(d_model=32, n_layer=2, n_head=4, d_inner=48)),
    "v5-gpt2-plain": ("GPT2", 3, dict(n_embd=32, n_layer=2, n_head=4, n_positions=64, pad_token_id=7)),
}


def models():
    """Those that the version of transformers here makes."""
    return BY_VERSION_5 if transformers.__version__.startswith("5.") else FAMILY_MODELS


def make_model(name):
    return build_model(*models()[name], SEED + sum(map(ord, name)))


def build_model(family, labels, settings, seed, vocabulary=VOCABULARY):
    """A model of these settings in transformers, its weights drawn from `seed`."""
    config = getattr(transformers, family + "Config")(vocab_size=vocabulary, **settings)
    if labels:
        config.num_labels = labels
    kind = getattr(transformers, family + ("ForSequenceClassification" if labels else "Model"))
    model = kind._from_config(config, attn_implementation="eager")
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            lowered = parameter_name.lower()
            if parameter.dim() == 1 and ("norm" in lowered or "ln_" in lowered) and lowered.endswith("weight"):
                parameter.copy_(1 + 0.2 * noise)
            elif parameter.dim() == 1 or lowered.endswith("_bias"):
                parameter.copy_(0.2 * noise)
            elif "embed" in lowered or "wte" in lowered or "wpe" in lowered or "relative" in lowered:
                parameter.copy_(0.5 * noise)
            else:  # a dense layer: keeps the spread of its input
                parameter.copy_(noise * 1.5 / (parameter[0].numel() if parameter.dim() == 2 else parameter.shape[0]) ** 0.5)
    return model.eval()


def token_types_of(config):
    """How many token types a tokenizer of this family tells apart; 1 or less: the model reads none."""
    if config.model_type == "xlnet":
        return 3
    if config.model_type in ("xlm", "flaubert"):
        return 2
    return getattr(config, "type_vocab_size", 1)


def answer(model, case):
    """The model's output for one sequence alone: nothing is padded."""
    inputs = {name: torch.tensor([case[name]]) for name in ("input_ids", "token_type_ids") if name in case}
    inputs["attention_mask"] = torch.ones(1, len(case["input_ids"]))
    if model.config.model_type == "xlnet":
        inputs["use_mems"] = False
    with torch.no_grad():
        output = model(**inputs)
    if hasattr(output, "logits"):
        return output.logits[0].tolist()
    return output.last_hidden_state[0, place_without_head(model.config, case["input_ids"])].tolist()


def place_without_head(config, ids):
    """Of the token that stands for a text where there is no head: the one that a classifier of the family would read."""
    if config.model_type == "gpt2" and config.pad_token_id is not None:
        return max([place for place, id in enumerate(ids) if id != config.pad_token_id], default=0)
    return len(ids) - 1 if config.model_type in ("gpt2", "xlnet") else 0


def golden(model):
    generator = torch.Generator().manual_seed(SEED)
    types = token_types_of(model.config)
    pad = model.config.pad_token_id
    longest = 300 if getattr(model.config, "max_position_embeddings", 0) > 300 else 64
    cases = []
    few = model.config.num_labels > 100
    for length in [*(LENGTHS[::5] if few else LENGTHS), *([longest] if longest > 64 else [])]:
        ids = torch.randint(2, VOCABULARY, (length,), generator=generator).tolist()
        if model.config.model_type == "gpt2" and pad is not None and length % 2 == 0:
            ids[-1] = pad  # the row before it is pooled
        case = {"input_ids": ids}
        if types > 1:
            case["token_type_ids"] = torch.randint(0, types, (length,), generator=generator).tolist()
        cases.append(case)
    model = model.to(torch.float64)
    for case in cases:
        case["logits_fp64"] = [float(f"{value:.12g}") for value in answer(model, case)]
    return {
        "made_by": "tools/make/make_tiny_families.py",
        "versions": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__},
        "cases": cases,
    }


def make(name):
    folder = FAMILIES / name
    shutil.rmtree(folder, ignore_errors=True)
    model = make_model(name)
    model.save_pretrained(folder)
    lines = json.dumps(golden(model)).replace('{"input_ids"', '\n{"input_ids"')  # one case a line
    (folder / "golden.json").write_text(lines + "\n", encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o644)
    print(f"{name}: {sum(path.stat().st_size for path in folder.iterdir()) / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for model_name in sys.argv[1:] or models():
        make(model_name)
