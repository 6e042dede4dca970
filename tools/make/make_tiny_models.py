#!/usr/bin/env python3
"""Writes testdata/models/: tiny checkpoints made by the original transformers, each with its answers in golden.json.

Each folder is what save_pretrained leaves behind, plus a small tokenizer.json. The weights are random but far from
their initial values: biases, norms and position rows all matter to the answer, so that leaving one out shows.

golden.json holds `cases` (input_ids, token_type_ids where the model reads them) and `texts` (what the tokenizer makes
of a text or a pair); each with `logits`, run in fp32, and `logits_fp64`, the same weights run in double. Weights that
are stored as fp16 or bf16 were widened before running.

Run it in the oracle environment (./dev setup oracle): .deps/venv/bin/python tools/make/make_tiny_models.py
"""

import collections
import json
import math
import pathlib
import shutil

import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

MODELS = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "models"
SEED = 20240607
POSITIONS = 66  # rows of the position table: 64 tokens and the two rows before the first
LENGTHS = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 63, 64]
LABELS = ["low", "middle", "high", "broken", "missing"]

# What the tiny tokenizers are trained on and the golden texts are taken from.
SENTENCES = [
    "Le train part \u00e0 huit heures et le quai est encore vide.",
    "Un cycliste seul perd contre le vent, un groupe le partage.",
    "La mesure a \u00e9t\u00e9 refaite deux fois, avec le m\u00eame r\u00e9sultat.",
    "Pourquoi la pluie fait-elle si peu de bruit sur la neige ?",
    "Cette r\u00e9ponse est courte.",
    "Non.",
    "Le fichier est plein : lib\u00e9rez de la place, puis recommencez.",
    "On trie les phrases par longueur, on les calcule, on les remet en ordre.",
    "A text of ten words is not slower than ten words.",
    "Every answer comes back in the order of the questions.",
    "L'\u00e9t\u00e9 dernier, nous avons travers\u00e9 la for\u00eat jusqu'\u00e0 l'\u00e9tang, "
    "o\u00f9 rien n'avait chang\u00e9 depuis vingt ans.",
    "Prix : 12,50 \u20ac (TVA 20 %) ; r\u00e9f. n\u00b0 4711/b.",
]
GOLDEN_TEXTS = [(text, None) for text in SENTENCES] + [
    ("", None),
    ("un mot", None),
    ("Le train est-il parti ?", "Le quai est vide."),
    (" ".join(SENTENCES), None),
    (SENTENCES[0], " ".join(SENTENCES)),
]

# name -> architecture and what differs from the plain tiny model.
VARIANTS = {
    "roberta-fp32": dict(labels=3),
    "camembert-odd-sizes": dict(hidden=40, heads=5, intermediate=72, layers=3, labels=5, max_length=48),
    "roberta-fp16": dict(labels=2, dtype=torch.float16),
    "roberta-bf16": dict(labels=4, dtype=torch.bfloat16),
    "roberta-sharded": dict(hidden=48, heads=3, labels=3, token_types=2, shards=2),
    "camembert-multi-label": dict(labels=4, problem_type="multi_label_classification"),
    "roberta-regression": dict(labels=1),
    "roberta-encoder": dict(labels=0),
    "bert-fp32": dict(labels=3, token_types=2),
    "bert-encoder": dict(hidden=40, heads=5, intermediate=72, labels=0, token_types=2),
}


def byte_level_tokenizer():
    """RoBERTa's kind: bytes and merges."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        SENTENCES,
        trainers.BpeTrainer(
            vocab_size=340,
            special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.RobertaProcessing(sep=("</s>", 2), cls=("<s>", 0), add_prefix_space=False)
    return tokenizer


def unigram_tokenizer():
    """CamemBERT's kind: SentencePiece's Unigram, with its special tokens at their places."""
    special = ["<s>NOTUSED", "<pad>", "</s>NOTUSED", "<unk>", "<unk>NOTUSED", "<s>", "</s>"]
    # A vocabulary of our own: the library's trainer does not give the same one twice.
    counts = collections.Counter()
    for word in " ".join(SENTENCES).split():
        word = "\u2581" + word
        for start in range(len(word)):
            counts.update(word[start:end] for end in range(start + 1, min(start + 6, len(word)) + 1))
    gain = {piece: count * (len(piece) - 1) for piece, count in counts.items()}
    longer = sorted((piece for piece in counts if len(piece) > 1), key=lambda piece: (-gain[piece], piece))[:100]
    total = sum(counts.values())
    pieces = [(piece, math.log(counts[piece] / total)) for piece in counts if len(piece) == 1 or piece in longer]
    pieces.sort(key=lambda piece: (-piece[1], piece[0]))
    vocabulary = [(token, 0.0) for token in special] + pieces
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(special + ["<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 5), ("</s>", 6)]
    )
    return tokenizer


def word_piece_tokenizer():
    """BERT's kind: words in lower case, cut into pieces of which all but the first begin with ##."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    counts = collections.Counter()
    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(" ".join(SENTENCES))):
        counts.update(("" if start == 0 else "##") + word[start:end]
                      for start in range(len(word)) for end in range(start + 1, min(start + 6, len(word)) + 1))
    letters = sorted(piece for piece in counts if len(piece.removeprefix("##")) == 1)
    longer = sorted((piece for piece in counts if piece not in letters), key=lambda piece: (-counts[piece], piece))
    pieces = special + letters + longer[:120]
    tokenizer = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens(special)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


# Of each architecture: its config, its models' names, its special ids, the rows that no token takes, its tokenizer.
ARCHITECTURES = {
    "roberta": dict(config=transformers.RobertaConfig, models="Roberta", ids=(1, 0, 2), rows_before=2,
                    epsilon=1e-5, tokenizer=byte_level_tokenizer),
    "camembert": dict(config=transformers.CamembertConfig, models="Camembert", ids=(1, 5, 6), rows_before=2,
                      epsilon=1e-5, tokenizer=unigram_tokenizer),
    "bert": dict(config=transformers.BertConfig, models="Bert", ids=(0, 2, 3), rows_before=0,
                 epsilon=1e-12, tokenizer=word_piece_tokenizer),
}


def architecture_of(name):
    return ARCHITECTURES[name.split("-")[0]]


def make_config(name, variant, vocab_size):
    architecture = architecture_of(name)
    pad, begin, end = architecture["ids"]
    sizes = dict(
        vocab_size=vocab_size,
        hidden_size=variant.get("hidden", 32),
        num_hidden_layers=variant.get("layers", 2),
        num_attention_heads=variant.get("heads", 4),
        intermediate_size=variant.get("intermediate", 64),
        max_position_embeddings=POSITIONS,
        type_vocab_size=variant.get("token_types", 1),
        layer_norm_eps=architecture["epsilon"],
        pad_token_id=pad,
        bos_token_id=begin,
        eos_token_id=end,
    )
    if variant["labels"]:
        sizes["id2label"] = {i: LABELS[i] for i in range(variant["labels"])}
        sizes["label2id"] = {LABELS[i]: i for i in range(variant["labels"])}
    if "problem_type" in variant:
        sizes["problem_type"] = variant["problem_type"]
    return architecture["config"](**sizes)


def make_model(name, variant, config):
    kind = architecture_of(name)["models"]
    ending = "ForSequenceClassification" if variant["labels"] else "Model"
    options = {} if variant["labels"] else {"add_pooling_layer": False}
    model = getattr(transformers, kind + ending)._from_config(config, attn_implementation="eager", **options)
    generator = torch.Generator().manual_seed(SEED + sum(map(ord, name)))
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if "LayerNorm.weight" in parameter_name:
                parameter.copy_(1 + 0.2 * noise)
            elif parameter.dim() == 1:
                parameter.copy_(0.2 * noise)
            elif "embeddings" in parameter_name:
                parameter.copy_(0.5 * noise)
            else:  # a dense layer: keeps the spread of its input
                parameter.copy_(noise * 1.5 / parameter.shape[1] ** 0.5)
    return model.to(variant.get("dtype", torch.float32)).eval()


def answer(model, encoding):
    """The model's output for one sequence alone: nothing is padded."""
    inputs = {name: torch.tensor([encoding[name]]) for name in ("input_ids", "token_type_ids") if name in encoding}
    inputs["attention_mask"] = torch.ones(1, len(encoding["input_ids"]))
    with torch.no_grad():
        output = model(**inputs)
    return (output.logits[0] if hasattr(output, "logits") else output.last_hidden_state[0, 0]).tolist()


def random_cases(vocab_size, max_length, generator):
    for length in LENGTHS:
        if length <= max_length:
            # The padding id stays out: RoBERTa gives a padding token within a text a position of its own.
            ids = torch.randint(2, vocab_size, (length,), generator=generator).tolist()
            types = torch.randint(0, 2, (length,), generator=generator).tolist()
            yield {"input_ids": ids, "token_type_ids": types}


def text_cases(tokenizer, max_length):
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    for text, pair in GOLDEN_TEXTS:
        encoded = tokenizer.encode(text, pair)
        case = {"text": text} if pair is None else {"text": text, "pair": pair}
        yield {**case, "input_ids": encoded.ids, "token_type_ids": encoded.type_ids}
    tokenizer.no_truncation()


def golden(model, tokenizer, max_length):
    generator = torch.Generator().manual_seed(SEED)
    cases = list(random_cases(model.config.vocab_size, max_length, generator))
    texts = list(text_cases(tokenizer, max_length))
    if model.config.type_vocab_size == 1:
        for case in cases + texts:
            del case["token_type_ids"]
    # Widening is exact, so both runs see the weights as they are stored.
    for key, dtype, digits in (("logits", torch.float32, 9), ("logits_fp64", torch.float64, 17)):
        model = model.to(dtype)
        for case in cases + texts:
            case[key] = [float(f"{value:.{digits}g}") for value in answer(model, case)]
    return {
        "made_by": "tools/make/make_tiny_models.py",
        "versions": {
            "torch": torch.__version__.split("+")[0],
            "transformers": transformers.__version__,
            "tokenizers": tokenizers.__version__,
        },
        "cases": cases,
        "texts": texts,
    }


def make(name, variant):
    folder = MODELS / name
    shutil.rmtree(folder, ignore_errors=True)
    tokenizer = architecture_of(name)["tokenizer"]()
    config = make_config(name, variant, tokenizer.get_vocab_size())
    model = make_model(name, variant, config)
    weight_bytes = sum(parameter.numel() * parameter.element_size() for parameter in model.parameters())
    shards = variant.get("shards", 1)
    model.save_pretrained(folder, max_shard_size=weight_bytes if shards == 1 else int(weight_bytes / shards * 1.1))
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    max_length = variant.get("max_length", POSITIONS - architecture_of(name)["rows_before"])
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": max_length}) + "\n")
    answers = golden(model, tokenizer, max_length)
    lines = json.dumps(answers, ensure_ascii=False)
    for start in ('{"input_ids"', '{"text"'):  # one case a line
        lines = lines.replace(start, "\n" + start)
    (folder / "golden.json").write_text(lines + "\n", encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o644)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{name}: {len(list(folder.iterdir()))} files, {size / 1000:.0f} kB")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for variant_name, variant_options in VARIANTS.items():
        make(variant_name, variant_options)
