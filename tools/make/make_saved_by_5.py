#!/usr/bin/env python3
"""Writes testdata/saved_by_5/: tiny classifiers as save_pretrained of transformers 5 leaves them, with their tokenizers.

golden.json beside each holds `cases`: a text or a pair, the input_ids and, where the tokenizer hands them out, the
token_type_ids that the folder's tokenizer gives, and `logits_fp64`, what the folder's model makes of exactly these in
double. Some tokenizers are what transformers 4.57 had saved, saved again by 5.

Run it in the oracle environment (./dev setup oracle): .deps/venv5/bin/python tools/make/make_saved_by_5.py [NAME ...]
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

import sentencepiece
import tokenizers
import torch
import transformers
from tokenizers import models, normalizers, pre_tokenizers, processors, trainers

import make_tiny_families
from make_golden_tokenizers import PAIRS, SENTENCES, TEXTS

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
import compare_transformers  # noqa: E402

TARGET = ROOT / "testdata" / "saved_by_5"
OLDER = ROOT / ".deps/venv/bin/python"
SEED = 20261129
PIECES = 110
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
FAIRSEQ_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
MOSES_SPECIAL = ["<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10))]
NAMES = ["input_ids", "token_type_ids", "attention_mask"]
LONGEST = 48
BERT_LIKE = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=20,
                 max_position_embeddings=LONGEST + 2, hidden_act="gelu")
XLM_LIKE = dict(emb_dim=12, n_layers=2, n_heads=2, max_position_embeddings=LONGEST)
MODERN_BERT = {**BERT_LIKE, "num_hidden_layers": 4, "local_attention": 8, "num_attention_heads": 1, "pad_token_id": 1}
del MODERN_BERT["hidden_act"]  # which no version knows: its class has hidden_activation
DEBERTA = dict(BERT_LIKE, relative_attention=True, max_relative_positions=40, position_buckets=16, share_att_key=True,
               norm_rel_ebd="layer_norm", pos_att_type=["p2c", "c2p"], position_biased_input=False, type_vocab_size=0,
               pooler_hidden_size=12)


def rope(theta, kind="default", **settings):
    return {"rope_type": kind, "rope_theta": theta, **settings}


# ---- vocabularies ---------------------------------------------------------------------------------------------------


def word_piece(folder, special=tuple(BERT_SPECIAL)):
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(SENTENCES + [text.lower() for text in SENTENCES], trainers.WordPieceTrainer(
        vocab_size=PIECES, show_progress=False, special_tokens=list(special)))
    pieces = tokenizer.get_vocab()
    (folder / "vocab.txt").write_text("".join(piece + "\n" for piece in sorted(pieces, key=pieces.get)), encoding="utf-8")


def byte_level(folder, special):
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(SENTENCES, trainers.BpeTrainer(
        vocab_size=256 + PIECES // 2, show_progress=False, special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    tokenizer.model.save(str(folder))
    return tokenizer


def classless(folder, special, prefix):
    """A tokenizer.json that no class of its own reads: RoBERTa's kind, or ModernBERT's without a blank in front."""
    tokenizer = byte_level(folder, special)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    first, last = special[0], special[2]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=f"{first} $A {last} $B:1 {last}:1",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (first, last)])
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(folder / "tokenizer.json"))
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink()


def moses(folder):
    tokenizer = tokenizers.Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(SENTENCES + [text.lower() for text in SENTENCES], trainers.BpeTrainer(
        vocab_size=PIECES, show_progress=False, special_tokens=MOSES_SPECIAL, end_of_word_suffix="</w>"))
    tokenizer.model.save(str(folder))
    merges = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    # Both classes read a header, and merges with counts behind them.
    (folder / "merges.txt").write_text("\n".join(line + " 1" for line in merges[1:]) + "\n", encoding="utf-8")


def sentence_piece(folder, name, **settings):
    """Without the map of characters, which would take 240 kB."""
    texts = folder / "train.txt"
    texts.write_text("\n".join(SENTENCES), encoding="utf-8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(texts), model_prefix=str(folder / "m"), vocab_size=PIECES, model_type="unigram", num_threads=1,
        minloglevel=2, normalization_rule_name="identity", hard_vocab_limit=False, **settings)
    (folder / "m.model").rename(folder / name)
    for left in ("m.vocab", "train.txt"):
        (folder / left).unlink()


def fairseq(folder):
    sentence_piece(folder, "sentencepiece.bpe.model")


def albert(folder):
    sentence_piece(folder, "spiece.model", pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, pad_piece="<pad>",
                   control_symbols=["[CLS]", "[SEP]", "[MASK]"])


def xlnet(folder):
    sentence_piece(folder, "spiece.model", unk_id=0, bos_id=1, eos_id=2,
                   control_symbols=["<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>"])


def deberta(folder):
    sentence_piece(folder, "spm.model", pad_id=0, bos_id=1, eos_id=2, unk_id=3, pad_piece="[PAD]", bos_piece="[CLS]",
                   eos_piece="[SEP]", unk_piece="[UNK]")


def fast(special, prefix=False, **settings):
    """PreTrainedTokenizerFast, which version 5 calls TokenizersBackend."""
    first, pad, last, unknown, mask = special
    return (lambda folder: classless(folder, special, prefix),
            {"tokenizer_class": "PreTrainedTokenizerFast", "cls_token": first, "pad_token": pad, "sep_token": last,
             "unk_token": unknown, "mask_token": mask, **settings})


MODERN_SPECIAL = ["[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"]
NEW, AGAIN = "new", "again"

# name: (family, how its tokenizer came into the folder, the vocabulary, tokenizer_config.json, config.json)
FOLDERS = {
    "albert-again": ("Albert", AGAIN, albert, {}, dict(BERT_LIKE, embedding_size=8)),
    "albert-no-types": ("Albert", NEW, albert, {"model_input_names": NAMES[::2]}, dict(BERT_LIKE, embedding_size=8)),
    "bert": ("Bert", NEW, word_piece, {"do_lower_case": False}, BERT_LIKE),
    "bert-again": ("Bert", AGAIN, word_piece, {}, BERT_LIKE),
    "bert-no-class": ("Bert", NEW, *fast(MODERN_SPECIAL), BERT_LIKE),
    "camembert": ("Camembert", NEW, fairseq, {}, dict(BERT_LIKE, pad_token_id=1)),
    "deberta-v2": ("DebertaV2", AGAIN, deberta, {"do_lower_case": True}, DEBERTA),
    "distilbert": ("DistilBert", AGAIN, word_piece, {"strip_accents": False}, dict(
        dim=12, n_layers=2, n_heads=2, hidden_dim=20, max_position_embeddings=LONGEST)),
    "electra": ("Electra", NEW, word_piece, {"model_input_names": NAMES[::2]}, dict(BERT_LIKE, embedding_size=8)),
    "flaubert": ("Flaubert", NEW, moses, {"do_lowercase": True}, XLM_LIKE),
    "flaubert-types": ("Flaubert", NEW, moses, {"model_input_names": NAMES}, XLM_LIKE),
    "gpt2": ("GPT2", AGAIN, lambda folder: byte_level(folder, ["<|endoftext|>"]), {"add_prefix_space": True}, dict(
        n_embd=12, n_layer=2, n_head=2, n_positions=LONGEST, pad_token_id=0)),
    "gpt2-types": ("GPT2", NEW, *fast(FAIRSEQ_SPECIAL, model_input_names=NAMES), dict(
        n_embd=12, n_layer=2, n_head=2, n_positions=LONGEST, pad_token_id=1)),
    "modernbert-layer-types": ("ModernBert", NEW, *fast(MODERN_SPECIAL), dict(MODERN_BERT, layer_types=[
        "sliding_attention", "full_attention", "full_attention", "sliding_attention"])),
    "modernbert-linear": ("ModernBert", NEW, *fast(MODERN_SPECIAL), dict(MODERN_BERT, rope_parameters={
        "full_attention": rope(160000.0, "linear", factor=4.0), "sliding_attention": rope(10000.0)})),
    "modernbert-thetas": ("ModernBert", NEW, *fast(MODERN_SPECIAL), dict(MODERN_BERT, rope_parameters={
        "full_attention": rope(160000.0), "sliding_attention": rope(160000.0)})),
    "modernbert-yarn": ("ModernBert", NEW, *fast(MODERN_SPECIAL), dict(MODERN_BERT, rope_parameters={
        "full_attention": rope(5000.0, "yarn", factor=3.0, original_max_position_embeddings=16),
        "sliding_attention": rope(500.0)})),
    "mpnet": ("MPNet", AGAIN, lambda folder: word_piece(folder, ["<s>", "<pad>", "</s>", "[UNK]", "<mask>"]), {}, BERT_LIKE),
    "roberta-no-class-prefix": ("Roberta", NEW, *fast(FAIRSEQ_SPECIAL, prefix=True), dict(BERT_LIKE, pad_token_id=1)),
    "roberta-prefix": ("Roberta", NEW, lambda folder: byte_level(folder, FAIRSEQ_SPECIAL), {"add_prefix_space": True},
                       dict(BERT_LIKE, pad_token_id=1)),
    "xlm": ("XLM", NEW, moses, {}, XLM_LIKE),
    "xlm-again-types": ("XLM", AGAIN, moses, {"model_input_names": NAMES}, XLM_LIKE),
    "xlm-roberta": ("XLMRoberta", AGAIN, fairseq, {}, dict(BERT_LIKE, pad_token_id=1)),
    "xlnet-again": ("XLNet", AGAIN, xlnet, {}, dict(d_model=12, n_layer=2, n_head=2, d_inner=20)),
    "xlnet-types": ("XLNet", NEW, xlnet, {"model_input_names": NAMES}, dict(d_model=12, n_layer=2, n_head=2, d_inner=20)),
}


# ---- folders --------------------------------------------------------------------------------------------------------


def write_source(folder, name):
    family, _, vocabulary, settings, _ = FOLDERS[name]
    folder.mkdir()
    vocabulary(folder)
    model_type = getattr(transformers, family + "Config")().model_type
    for file, content in {"config.json": {"model_type": model_type},
                          "tokenizer_config.json": {"tokenizer_class": family + "Tokenizer", "model_max_length": LONGEST,
                                                    **settings}}.items():
        (folder / file).write_text(json.dumps(content), encoding="utf-8")


def save_tokenizer(source, folder):
    transformers.AutoTokenizer.from_pretrained(source).save_pretrained(folder)


def save_by_older(source, folder):
    code = "import sys, transformers; transformers.AutoTokenizer.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[2])"
    subprocess.run([OLDER, "-c", code, source, folder], check=True)


def answers(folder):
    """Of every text and pair what the folder's own tokenizer and model give."""
    original = compare_transformers.Original(folder)
    original.model.double()
    for first, second in [(text, None) for text in TEXTS + SENTENCES[:4]] + PAIRS + [(SENTENCES[0][:20], SENTENCES[1][:20])]:
        row = {"text": first} if second is None else {"text": first, "pair": second}
        inputs = original.inputs(row, original.max_length())
        if not inputs["input_ids"].numel():
            continue  # without a token there is no answer
        with torch.no_grad():
            logits = original.model(**inputs).logits[0].tolist()
        given = {key: inputs[key][0].tolist() for key in ("input_ids", "token_type_ids") if key in inputs}
        yield {**row, **given, "logits_fp64": [float(f"{value:.12g}") for value in logits]}


def make(name):
    family, how, _, _, settings = FOLDERS[name]
    folder = TARGET / name
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        source = pathlib.Path(temporary) / "source"
        write_source(source, name)
        if how == NEW:
            save_tokenizer(source, folder)
        else:
            older = pathlib.Path(temporary) / "older"
            save_by_older(source, older)
            shutil.copy(source / "config.json", older)
            save_tokenizer(older, folder)
    vocabulary = max(transformers.AutoTokenizer.from_pretrained(folder).get_vocab().values()) + 1
    model = make_tiny_families.build_model(family, 3, settings, SEED + sum(map(ord, name)), vocabulary)
    model.save_pretrained(folder)
    head = {"made_by": "tools/make/make_saved_by_5.py", "versions": {
        "torch": torch.__version__.split("+")[0], "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__}}
    lines = ",\n".join(json.dumps(case) for case in answers(folder))
    (folder / "golden.json").write_text(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n", encoding="utf-8")
    for path in folder.iterdir():
        path.chmod(0o644)
    print(f"{name}: {sum(path.stat().st_size for path in folder.iterdir()) / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    if int(transformers.__version__.split(".")[0]) < 5:
        sys.exit(f"[make_saved_by_5] This is transformers {transformers.__version__}, 5 was expected. "
                 "Run it with .deps/venv5/bin/python.")
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    for folder_name in sys.argv[1:] or FOLDERS:
        make(folder_name)
