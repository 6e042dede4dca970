#!/usr/bin/env python3
"""Writes testdata/fuzz/safetensors/, torch_file/, config/, adapter/ and onnx_external_data/: one small file per way
through each parser.

The fuzz targets start from these files, and the test suite runs each of them. Run it from anywhere; the same files come
out each time.
"""

import io
import json
import pathlib
import re
import struct
import zipfile

CORPORA = pathlib.Path(__file__).resolve().parents[2] / "testdata" / "fuzz"


def tensor(dtype="U8", shape=(4,), begin=0, end=4):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


def safetensors_file(header, data_bytes=4, announced=None):
    text = header if isinstance(header, str) else json.dumps(header)
    raw = text.encode()
    return struct.pack("<Q", len(raw) if announced is None else announced) + raw + bytes(range(data_bytes))


def safetensors_corpus():
    a = tensor()
    yield "good", safetensors_file({"__metadata__": {"format": "pt"}, "a": a, "b": tensor("F32", (1, 2), 4, 12)}, 12)
    yield "empty_tensors", safetensors_file({"a": tensor("F16", (0, 3), 0, 0), "b": tensor("I64", (), 0, 8)}, 8)
    yield "nothing", safetensors_file({}, 0)
    yield "no_bytes", b""
    yield "short_length", b"\x02\0\0"
    yield "huge_length", safetensors_file({}, 0, announced=2**64 - 1)
    yield "length_beyond_file", safetensors_file({}, 0, announced=100)
    yield "not_json", safetensors_file("{'a'}")
    yield "not_utf8", struct.pack("<Q", 4) + b'"\xff"}'
    yield "truncated_json", safetensors_file('{"a":')
    yield "number_overflow", safetensors_file('{"a":1e999}')
    yield "list", safetensors_file("[true, null, -1, 1.5]")
    yield "deep", safetensors_file('{"a":{"shape":[[[1]]]}}')
    yield "key_twice", safetensors_file('{"a":{},"a":{}}')
    yield "metadata_numbers", safetensors_file({"__metadata__": {"n": 1}})
    yield "tensor_list", safetensors_file({"a": [1]})
    yield "dtype_unknown", safetensors_file({"a": tensor("F8_E5M2")})
    yield "dtype_number", safetensors_file({"a": tensor(3)})
    yield "dtype_missing", safetensors_file({"a": {"shape": [4], "data_offsets": [0, 4]}})
    yield "shape_missing", safetensors_file({"a": {"dtype": "U8", "data_offsets": [0, 4]}})
    yield "shape_negative", safetensors_file({"a": tensor(shape=(-4,))})
    yield "shape_overflow", safetensors_file({"a": tensor("F32", (2**62 + 1,))})
    yield "shape_mismatch", safetensors_file({"a": tensor(shape=(5,))})
    yield "shape_long", safetensors_file({"a": tensor(shape=(1,) * 17)})
    yield "offsets_swapped", safetensors_file({"a": tensor(begin=4, end=0)})
    yield "offsets_beyond", safetensors_file({"a": tensor(begin=0, end=400)})
    yield "overlap", safetensors_file({"a": a, "b": tensor(begin=2, end=6)}, 6)
    yield "gap", safetensors_file({"a": tensor(begin=1, end=5)}, 5)
    yield "tail", safetensors_file({"a": a}, 9)


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def class_named(module, name):
    return f"c{module}\n{name}\n".encode()


def torch_tensor(elements=6, offset=0, sizes=(2, 3), strides=(3, 1), dtype="Float", key="0"):
    def number(value):
        return b"\x8a\x08" + struct.pack("<q", value)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = (b"(" + text("storage") + class_named("torch", dtype + "Storage") + text(key) + text("cpu")
               + number(elements) + b"tQ")
    hooks = class_named("collections", "OrderedDict") + b")R"
    return (class_named("torch._utils", "_rebuild_tensor_v2") + b"(" + storage + number(offset) + numbers(sizes)
            + numbers(strides) + b"\x89" + hooks + b"tR")


def state_dict(*tensors):
    items = b"".join(text(f"t{i}") + tensor for i, tensor in enumerate(tensors))
    return b"\x80\x02}q\0(" + items + b"u."


def torch_zip(pickle, storage=24, method=zipfile.ZIP_STORED, extra=()):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        entries = [("a/data.pkl", pickle), ("a/byteorder", b"little"), ("a/data/0", bytes(storage)), *extra]
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, method)
    return stream.getvalue()


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def patched(archive, signature, offset, value, size="<H"):
    """The archive with one number of its last record of a kind replaced."""
    at = archive.rindex(signature) + offset
    raw = struct.pack(size, value)
    return archive[:at] + raw + archive[at + len(raw):]


def with_zip64(archive, entries=None, begin=None):
    """The archive with the ZIP64 records before its end record, as torch writes them."""
    end = archive.rindex(END)
    count, = struct.unpack_from("<H", archive, end + 10)
    size, start = struct.unpack_from("<II", archive, end + 12)
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count if entries is None else entries, count, size,
                         start if begin is None else begin)
    record = record[:24] + struct.pack("<QQ", count, count if entries is None else entries) + record[40:]
    locator = struct.pack("<IIQI", 0x07064B50, 0, end, 1)
    return archive[:end] + record + locator + archive[end:]


def broken_archives(archive):
    yield "zip_no_end", LOCAL + bytes(60)
    yield "zip_parts", patched(archive, END, 4, 1)
    yield "zip_directory_size", patched(archive, END, 12, 9, "<I")
    yield "zip_announced", patched(archive, END, 10, 9999)
    yield "zip_fewer", patched(archive, END, 10, 1)
    yield "zip_no_record", patched(archive, CENTRAL, 0, 0, "<I")
    yield "zip_record_long", patched(archive, CENTRAL, 28, 9999)
    yield "zip_encrypted", patched(archive, CENTRAL, 8, 1)
    yield "zip_elsewhere", patched(archive, CENTRAL, 42, 7, "<I")
    yield "zip_size", patched(archive, CENTRAL, 24, 7, "<I")
    yield "zip_size64", patched(archive, CENTRAL, 24, 2**32 - 1, "<I")
    yield "zip_size_beyond", patched(patched(archive, CENTRAL, 24, 2**20, "<I"), CENTRAL, 20, 2**20, "<I")
    yield "zip_method", patched(archive, LOCAL, 8, 8)
    yield "zip_name", patched(archive, LOCAL, 30, 0)
    yield "zip64", with_zip64(archive)
    yield "zip64_missing", patched(archive, END, 10, 0xFFFF)
    yield "zip64_elsewhere", patched(with_zip64(archive), b"PK\x06\x07", 8, 2**40, "<Q")
    yield "zip64_announced", with_zip64(archive, entries=2**40)
    yield "zip64_begin", with_zip64(archive, begin=2**40)


ONE_KEY = b"]" + text("0") + b"a"


def torch_legacy(pickle, count=6, keys=ONE_KEY):
    magic = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
    machine = b"\x80\x02}" + text("little_endian") + b"\x88s."
    head = magic + b"\x80\x02M\xe9\x03." + machine
    return head + pickle + b"\x80\x02" + keys + b"." + struct.pack("<q", count) + bytes(24)


def pickled_calls():
    """Pickles that call, or make storages of, what makes no tensor; and an OrderedDict as Python 2 wrote it."""
    ordered = class_named("collections", "OrderedDict")
    storage_type = class_named("torch", "FloatStorage")
    pickles = {
        "calls_text": text("a") + b")R",
        "calls_storage_type": storage_type + b")R",
        "calls_with_many": ordered + b"(" + b"N" * 9 + b"tR",
        "storage_short": b"(" + text("storage") + b"tQ",
        "storage_no_type": b"(" + text("storage") + ordered + text("0") + text("cpu") + b"K\x06tQ",
        "storage_no_size": b"(" + text("storage") + storage_type + text("0") + text("cpu") + b"NtQ",
        "storage_view": b"(" + text("storage") + storage_type + text("0") + text("cpu") + b"K\x06" + text("view") + b"tQ",
        "tensor_no_storage": class_named("torch._utils", "_rebuild_tensor_v2") + b"(NNNNtR",
        "parameter_no_tensor": class_named("torch._utils", "_rebuild_parameter") + b")R",
        "ordered_pairs": ordered + b"]" + text("a") + torch_tensor() + b"\x86a\x85R",
        "ordered_no_list": ordered + b"N\x85R",
        "ordered_no_pair": ordered + b"]Na\x85R",
        "state_of_list": b"]}b",
    }
    for name, pickle in pickles.items():
        yield name, b"\x80\x02" + pickle + b"."


def torch_file_corpus():
    good = state_dict(torch_tensor())
    transposed = torch_tensor(sizes=(3, 2), strides=(1, 3))
    yield "zip", torch_zip(good)
    yield "zip_views", torch_zip(state_dict(torch_tensor(offset=3, sizes=(3,), strides=(1,)), transposed))
    yield "zip_empty", torch_zip(state_dict(torch_tensor(sizes=(0, 7), strides=(7, 1))))
    half = torch_tensor(elements=12, dtype="Half").replace(b"_rebuild_tensor_v2", b"_rebuild_tensor")
    yield "zip_half", torch_zip(state_dict(half))
    yield "zip_deflated", torch_zip(good, method=zipfile.ZIP_DEFLATED)
    yield "zip_program", torch_zip(good, extra=[("a/constants.pkl", b"")])
    yield "zip_cut", torch_zip(good)[:-10]
    yield "zip_short_storage", torch_zip(good, storage=20)
    yield "zip_beyond", torch_zip(state_dict(torch_tensor(offset=1)))
    yield "zip_huge", torch_zip(state_dict(torch_tensor(sizes=(2**62, 2**62))))
    yield "zip_expanded", torch_zip(state_dict(torch_tensor(sizes=(99, 6), strides=(0, 1))))
    yield "legacy", torch_legacy(good)
    yield "legacy_views", torch_legacy(state_dict(torch_tensor(), transposed))
    yield "legacy_count", torch_legacy(good, count=2**60)
    yield "legacy_keys", torch_legacy(good, keys=b"]" + text("1") + b"a")
    training = text("epoch") + b"K\x03" + text("state_dict") + good[2:-1] + text("rate") + b"G" + bytes(8)
    yield "training", torch_zip(b"\x80\x02}(" + training + b"u.")
    yield "ordered", torch_zip(b"\x80\x02" + class_named("collections", "OrderedDict") + b")R(" + text("a")
                               + torch_tensor() + b"u}" + text("_metadata") + b"}sb.")
    parameter = class_named("torch._utils", "_rebuild_parameter") + b"(" + torch_tensor() + b"\x88}tR"
    yield "parameter", torch_zip(state_dict(parameter))
    yield "itself", torch_zip(b"\x80\x02}q\0" + text("a") + torch_tensor() + b"s" + text("b") + b"h\0s.")
    yield from broken_archives(torch_zip(good))
    twice = torch_zip(good, extra=[("a/data/1", b""), ("a/data/2", b"")])
    yield "zip_twice", twice.replace(b"a/data/2", b"a/data/1")
    yield "module", b"\x80\x02" + class_named("torch.nn.modules.linear", "Linear") + b")R."
    yield "calls", b"\x80\x02" + class_named("os", "system") + text("false") + b"\x85R."
    yield "stack_global", b"\x80\x04\x95" + bytes(8) + b"\x8c\x02os\x94\x8c\x06system\x94\x93."
    yield from pickled_calls()
    yield "memo", b"\x80\x02Nr\xff\xff\xff\xff."
    yield "marks", b"\x80\x02" + b"(" * 99
    yield "opcode", b"\x80\x02\xf0"


GOOD_CONFIG = {
    "model_type": "camembert",
    "architectures": ["CamembertForSequenceClassification"],
    "hidden_act": "gelu",
    "vocab_size": 99,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    "max_position_embeddings": 20,
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-05,
    "pad_token_id": 1,
    "id2label": {"0": "a", "1": "b"},
    "problem_type": "single_label_classification",
}

# File name -> what it changes in the good config; None takes a key away.
CONFIG_CHANGES = {
    "good": {},
    "roberta_pair": {"model_type": "roberta", "type_vocab_size": 2, "position_embedding_type": "absolute"},
    "encoder": {"architectures": ["RobertaModel"], "paceline_random_weights": True},
    "masked_lm": {"architectures": ["CamembertForMaskedLM"]},
    "no_architectures": {"architectures": None},
    "token_classification": {"architectures": ["CamembertForTokenClassification"]},
    "model_type_unknown": {"model_type": "robert"},
    "model_type_missing": {"model_type": None},
    "model_type_number": {"model_type": 3},
    "gelu_new": {"hidden_act": "gelu_new"},
    "relative_positions": {"position_embedding_type": "relative_key"},
    "decoder": {"is_decoder": True},
    "decoder_text": {"is_decoder": "no"},
    "quantised": {"quantization_config": {"bits": 8}},
    "pruned": {"pruned_heads": {"0": [1]}},
    "hidden_zero": {"hidden_size": 0},
    "hidden_huge": {"hidden_size": 2**63},
    "hidden_float": {"hidden_size": 8.5},
    "hidden_missing": {"hidden_size": None},
    "heads_odd": {"num_attention_heads": 3},
    "layers_huge": {"num_hidden_layers": 1001},
    "positions_few": {"max_position_embeddings": 2},
    "pad_outside": {"pad_token_id": 99},
    "epsilon_negative": {"layer_norm_eps": -1},
    "epsilon_text": {"layer_norm_eps": "1e-5"},
    "labels_default": {"id2label": None},
    "labels_counted": {"id2label": None, "num_labels": 3},
    "labels_contradict": {"num_labels": 3},
    "labels_gap": {"id2label": {"0": "a", "2": "b"}},
    "labels_list": {"id2label": ["a"]},
    "labels_numbers": {"id2label": {"0": 5, "1": [1]}},
    "one_label": {"id2label": {"0": "a"}, "problem_type": None},
    "no_problem_type": {"problem_type": None},
    "problem_type_unknown": {"problem_type": "single"},
    "tokenizer_limit": {"model_max_length": 16},
    "tokenizer_limit_zero": {"model_max_length": 0},
    "tokenizer_limit_huge": {"model_max_length": 1e30},
}


# File name -> a whole config.json, one or two of each architecture beside CamemBERT.
BERT_SIZES = {key: GOOD_CONFIG[key] for key in (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
    "max_position_embeddings")}
XLM_SIZES = {"vocab_size": 99, "emb_dim": 8, "n_layers": 2, "n_heads": 2, "max_position_embeddings": 20}
FAMILY_CONFIGS = {
    "bert": ("Bert", {**BERT_SIZES, "hidden_act": "gelu_pytorch_tanh"}),
    "xlm-roberta": ("XLMRoberta", BERT_SIZES),
    "distilbert": ("DistilBert", {"vocab_size": 99, "dim": 8, "n_layers": 2, "n_heads": 2, "hidden_dim": 16,
                                  "activation": "relu", "max_position_embeddings": 20}),
    "electra": ("Electra", {**BERT_SIZES, "embedding_size": 4}),
    "albert": ("Albert", {**BERT_SIZES, "embedding_size": 4, "num_hidden_layers": 3, "num_hidden_groups": 2,
                          "inner_group_num": 2}),
    "mpnet": ("MPNet", {**BERT_SIZES, "relative_attention_num_buckets": 32}),
    "deberta-v2": ("DebertaV2", {
        **BERT_SIZES, "relative_attention": True, "position_buckets": 4, "max_relative_positions": -1,
        "pos_att_type": ["c2p", "p2c"], "share_att_key": True, "norm_rel_ebd": "layer_norm", "type_vocab_size": 0,
        "position_biased_input": False, "conv_kernel_size": 3, "conv_act": "gelu", "attention_head_size": 4,
        "pooler_hidden_act": "mish"}),
    "deberta-v2-old": ("DebertaV2", {**BERT_SIZES, "relative_attention": True, "pos_att_type": "p2c|c2p",
                                     "embedding_size": 6, "type_vocab_size": 2}),
    "modernbert": ("ModernBert", {**BERT_SIZES, "pad_token_id": 3, "local_attention": 4, "local_rope_theta": None,
                                  "global_rope_theta": 5000.0, "global_attn_every_n_layers": 2, "norm_bias": True,
                                  "attention_bias": True, "mlp_bias": True, "classifier_pooling": "mean"}),
    "gpt2": ("GPT2", {"vocab_size": 99, "n_embd": 8, "n_layer": 2, "n_head": 2, "n_positions": 20, "n_inner": None,
                      "scale_attn_by_inverse_layer_idx": True, "pad_token_id": 5}),
    "xlnet": ("XLNet", {"vocab_size": 99, "d_model": 8, "n_layer": 2, "n_head": 2, "d_head": 4, "d_inner": 16,
                        "clamp_len": 7, "summary_type": "last", "summary_activation": "tanh"}),
    "xlm": ("XLM", {**XLM_SIZES, "n_langs": 3, "causal": True, "gelu_activation": False, "summary_activation": None}),
    "flaubert": ("Flaubert", {**XLM_SIZES, "pre_norm": True, "summary_type": "mean"}),
    "xlm-bare": ("XLM", {**XLM_SIZES, "summary_use_proj": False}),
    "xlm-silent": ("XLM", {**XLM_SIZES, "summary_use_proj": False, "summary_activation": "tanh"}),
}


def config_corpus():
    for name, (family, config) in FAMILY_CONFIGS.items():
        whole = {"model_type": re.sub("-(old|bare|silent)$", "", name), "architectures": [family + "ForSequenceClassification"]}
        yield f"family_{name}", json.dumps({**whole, **config}).encode()
    for name, changes in CONFIG_CHANGES.items():
        config = {**GOOD_CONFIG, **changes}
        yield name, json.dumps({key: value for key, value in config.items() if value is not None}).encode()
    yield "nulls", json.dumps(dict.fromkeys(GOOD_CONFIG)).encode()
    yield "list", b'[{"a": [1, -2, 3.5, true, null, "\\u00e9"]}]'
    yield "key_twice", b'{"model_type": "roberta", "model_type": "camembert"}'
    yield "truncated", b'{"model_type": "rob'
    yield "overflow", b'{"layer_norm_eps": 1e999}'
    yield "not_utf8", b'{"model_type": "\xff"}'
    yield "deep", b'{"a":' * 70
    yield "empty", b""


def wire(number, content):
    """A field of protobuf's, with an integer or with bytes of at most 127."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    return bytes([number << 3 | 2, len(content)]) + content


def onnx_tensor(location=b"w.bin", kind=1):
    entries = wire(13, wire(1, b"offset") + wire(2, b"0")) + wire(13, wire(1, b"location") + wire(2, location))
    return wire(1, 4) + wire(2, 1) + entries + wire(14, kind)


def onnx_external_data_corpus():
    weights = wire(7, wire(5, onnx_tensor()))
    yield "weights", wire(1, 10) + wire(2, b"producer") + weights
    yield "inside", wire(7, wire(5, onnx_tensor(kind=0)))
    yield "no_name", wire(7, wire(5, onnx_tensor(b"")))
    yield "sparse", wire(7, wire(15, wire(1, onnx_tensor()) + wire(2, onnx_tensor(b"indices"))))
    yield "attribute", wire(7, wire(1, wire(5, wire(5, onnx_tensor()) + wire(10, onnx_tensor(b"b")))))
    yield "branch", wire(7, wire(1, wire(5, wire(6, wire(5, onnx_tensor())))))
    yield "function", wire(25, wire(7, wire(5, wire(5, onnx_tensor()))))
    yield "training", wire(20, wire(1, wire(5, onnx_tensor())))
    yield "fixed", bytes([1 << 3 | 1]) + bytes(8) + bytes([2 << 3 | 5]) + bytes(4) + weights
    yield "group", bytes([1 << 3 | 3, 1 << 3 | 4])
    yield "long_varint", bytes([8]) + b"\xff" * 11
    yield "truncated", weights[:-3]
    yield "huge_length", bytes([7 << 3 | 2]) + b"\xff" * 9 + b"\x01"
    nested = b""
    for _ in range(18):
        nested = wire(1, wire(5, wire(6, nested)))
    yield "nested", wire(7, nested)


GOOD_ADAPTER = {"peft_type": "LORA", "task_type": "SEQ_CLS", "r": 4, "lora_alpha": 8, "bias": "none",
                "target_modules": ["query", "value"], "base_model_name_or_path": "org/base", "init_lora_weights": True}

# File name -> what it changes in the good adapter's config; None takes a key away.
ADAPTER_CHANGES = {
    "good": {},
    "stabilized": {"use_rslora": True, "use_dora": False, "revision": "v1", "layers_to_transform": [0, 1]},
    "patterns": {"rank_pattern": {"layer.0.attention.self.query": 2}, "alpha_pattern": {"^bert.encoder": 3, "query": 5.5}},
    "patterns_contradict": {"alpha_pattern": {"query": 4, "self.query": 5}},
    "pattern_regex": {"rank_pattern": {"(query|key)": 2}},
    "pattern_sets": {"rank_pattern": {r".*\.(?:layer|[^a-k_]+)\.\d{1,2}\.[\w.]*?(?P<last>quer[x-z]|ke\x79)?": 2}},
    "pattern_braces": {"alpha_pattern": {"^b{,3}ert{}[]^-]*$|(a{2,}){3}": 3}},
    "pattern_look_ahead": {"rank_pattern": {"(?=query).*": 2}},
    "pattern_range": {"rank_pattern": {"quer[z-x]": 2}},
    "pattern_twice": {"rank_pattern": {"quer**": 2}},
    "pattern_steps": {"rank_pattern": {"((((((((((.?){50}){50}){50}){50}){50}){50}){50}){50}){50}){50}x": 2}},
    "pattern_list": {"rank_pattern": [1]},
    "pattern_zero": {"rank_pattern": {"query": 0}},
    "all_linear": {"target_modules": "all-linear", "layers_to_transform": 3},
    "targets_numbers": {"target_modules": [1]},
    "layers_text": {"layers_to_transform": ["0"]},
    "excluded": {"target_modules": ["query", "dense"], "exclude_modules": ["pooler.dense"]},
    "excluded_by_pattern": {"exclude_modules": ".*pooler.*"},
    "replaced": {"target_modules": ["query", "dense"], "modules_to_save": ["pooler"], "layers_to_transform": [0]},
    "layers_named": {"layers_to_transform": [0], "layers_pattern": "layer"},
    "other_method": {"peft_type": "IA3"},
    "no_method": {"peft_type": None},
    "other_task": {"task_type": "CAUSAL_LM"},
    "changes_the_base": {"init_lora_weights": "pissa_niter_4"},
    "gaussian": {"init_lora_weights": "Gaussian"},
    "unknown_key": {"of_a_later_version": {"x": 1}},
    "unknown_key_off": {"of_a_later_version": {}, "layer_replication": []},
    "rank_zero": {"r": 0},
    "alpha_text": {"lora_alpha": "8"},
}


def adapter_corpus():
    for name, changes in ADAPTER_CHANGES.items():
        config = {**GOOD_ADAPTER, **changes}
        yield name, json.dumps({key: value for key, value in config.items() if value is not None}).encode()
    yield "list", b"[1]"
    yield "truncated", b'{"peft_type": "LO'
    yield "empty", b""


def write(name, files):
    folder = CORPORA / name
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in files:
        (folder / file).write_bytes(content)


if __name__ == "__main__":
    write("safetensors", safetensors_corpus())
    write("torch_file", torch_file_corpus())
    write("config", config_corpus())
    write("onnx_external_data", onnx_external_data_corpus())
    write("adapter", adapter_corpus())
