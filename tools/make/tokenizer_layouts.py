"""Folders with a tokenizer.json that contradicts the files beside it, for compare_tokenizers.py.

A layout is the kind of its tokenizer.json (of compare_tokenizers.KINDS, or of testdata/tokenizers for the golden test), a
JSON merge patch (RFC 7396) of that file, and the files beside it. "+n" stands for the id n behind the vocabulary.
"""

import json

# Which of testdata/tokenizers stands for a kind in the golden test.
GOLDEN_BASE = {"bert": "wordpiece", "roberta": "byte_bpe", "xlm_roberta": "unigram"}

BERT = {"model_type": "bert"}


def token(content, **properties):
    return {"content": content, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False,
            "special": True, **properties}


def added(content, index, **properties):
    return {"id": index, **token(content, **properties)}


def lower(on, accents=None, chinese=True):
    return {"normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": chinese,
                           "strip_accents": accents, "lowercase": on}}


def prefix(on):
    return {"pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": on, "trim_offsets": True, "use_regex": True}}


def config(tokenizer_class, **settings):
    return {"tokenizer_config.json": {"tokenizer_class": tokenizer_class, **settings}}


def layouts():
    """name: (kind, patch of tokenizer.json, files)."""
    cased = ["Bert", "DistilBert", "Electra", "ConvBert", "MobileBert", "SqueezeBert", "LayoutLM", "Lxmert", "Funnel", "MPNet"]
    found = {}
    for name in cased:
        found[f"{name} cased"] = ("bert", lower(True), config(
            name + "Tokenizer", do_lower_case=False, strip_accents=False, tokenize_chinese_chars=False))
        found[f"{name} default"] = ("bert", lower(False, True, False), config(name + "TokenizerFast"))
    for name in ["Roberta", "GPT2", "Deberta", "Bart", "LED", "Longformer", "PreTrained"]:
        found[f"{name} prefix"] = ("roberta", prefix(False), config(name + "TokenizerFast", add_prefix_space=True))
        found[f"{name} default"] = ("roberta", prefix(True), config(name + "TokenizerFast"))
    for name in ["Camembert", "XLMRoberta", "Albert", "XLNet", "DebertaV2"]:
        found[f"{name} default"] = ("xlm_roberta", {}, config(name + "Tokenizer", do_lower_case=True, keep_accents=False,
                                                              mask_token="<mask>", add_prefix_space=True))
    found.update(odd_layouts())
    found.update(token_layouts())
    return found


def odd_layouts():
    """What is left as it is, and settings that reach further than one class."""
    sequence = {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]}}
    stages = {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True}, prefix(True)["pre_tokenizer"]]}}
    left = {"truncation": {"direction": "Left", "max_length": 7, "strategy": "LongestFirst", "stride": 0}}
    return {
        "model_type alone": ("bert", lower(False), {"config.json": BERT}),
        "class of config.json": ("roberta", prefix(True), {"config.json": {"tokenizer_class": "GPT2Tokenizer"}}),
        "BERT without BertNormalizer": ("bert", sequence, config("BertTokenizer", do_lower_case=False)),
        "no class of BERT": ("bert", lower(True), config("PreTrainedTokenizerFast", do_lower_case=False)),
        "accents null": ("bert", lower(True, False), config("BertTokenizer", strip_accents=None)),
        "prefix in a sequence": ("roberta", stages, config("RobertaTokenizer")),
        "prefix null": ("roberta", prefix(True), config("PreTrainedTokenizerFast", add_prefix_space=None)),
        "special tokens split": ("bert", {}, config("BertTokenizer", split_special_tokens=True)),
        "cut at the beginning": ("bert", {}, config("BertTokenizer", truncation_side="left", model_max_length=11)),
        "cut as tokenizer.json has it": ("roberta", left, config("RobertaTokenizer", model_max_length=9)),
        "cut at the end": ("xlm_roberta", left, config("XLMRobertaTokenizer", truncation_side="right", max_len=10)),
        "no token types": ("bert", {}, config("BertTokenizer", model_input_names=["input_ids", "attention_mask"])),
    }


def token_layouts():
    """Special and added tokens that tokenizer.json does not have, or otherwise."""
    padding = {"padding": {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1,
                           "pad_type_id": 0, "pad_token": "xtra-word"}}
    named = {"__type": "AddedToken", **token("<mask>", rstrip=True, normalized=True, special=False)}
    return {
        "mask as a config has it": ("roberta", {}, config("RobertaTokenizer", mask_token=named)),
        "mask as another class has it": ("roberta", {}, config("BartTokenizer", mask_token="<mask>")),
        "decoder": ("bert", {}, config("BertTokenizer", mask_token="[MASK]", added_tokens_decoder={
            "4": token("[MASK]", lstrip=True, rstrip=True), "+0": token("xtra-word", single_word=True, special=False),
            "+1": token("[XTRA]")})),
        "lower-case tokens, then cased": ("bert", {**lower(True), "added_tokens": [
            added("[PAD]", 0), added("[UNK]", 1), added("[CLS]", 2), added("[SEP]", 3), added("[MASK]", 4),
            added("XTRA-Word", "+0", normalized=True, special=False)]}, config("BertTokenizer", do_lower_case=False)),
        "map and added tokens": ("bert", {}, {
            **config("BertTokenizer"), "added_tokens.json": {"[XTRA]": "+0", "xtra-word": "+1"},
            "special_tokens_map.json": {"mask_token": token("[MASK]", lstrip=True, normalized=True),
                                        "additional_special_tokens": ["[XTRA]"]}}),
        "none in tokenizer.json": ("bert", {"added_tokens": []}, config("BertTokenizer")),
        "none but a list": ("xlm_roberta", {"added_tokens": []}, config(
            "XLNetTokenizer", additional_special_tokens=["<n>", "[XTRA]"])),
        "pad token of the padding": ("roberta", padding, config("PreTrainedTokenizerFast")),
        "cls_token of a config": ("bert", {}, config("BertTokenizer", cls_token="[XTRA]", sep_token="[MASK]")),
        "no unk_token": ("roberta", {}, config("GPT2Tokenizer", unk_token=None, pad_token="<|endoftext|>")),
    }


BACKEND = "TokenizersBackend"
FIVE_CLASSES = {
    "bert": ["Bert", "DistilBert", "Electra", "ConvBert", "MobileBert", "SqueezeBert", "LayoutLM", "Lxmert", "Funnel", "MPNet"],
    "roberta": ["Roberta", "Bart", "LED", "Longformer", "GPT2", "Deberta"],
    "xlm_roberta": ["Camembert", "XLMRoberta", "Albert", "XLNet", "DebertaV2"]}


def five(tokenizer_class, **settings):
    """As version 5 writes it."""
    return config(tokenizer_class, backend="tokenizers", is_local=True, local_files_only=False, **settings)


def five_layouts():
    """Folders saved by transformers 5, for transformers 5."""
    lowered = {"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]},
               "pre_tokenizer": {"type": "Whitespace"}}
    template = {"post_processor": {
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
                 {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"</s>": {"id": "</s>", "ids": [2], "tokens": ["</s>"]}}}}
    found = {}
    for kind, classes in FIVE_CLASSES.items():
        for name in classes:
            special = {"cls_token": "[CLS]", "sep_token": "[SEP]"} if kind == "bert" and name in ("Funnel", "MPNet") else {}
            special.update({"unk_token": "[UNK]"} if kind == "bert" else {})
            special.update({} if kind == "bert" else {
                "bos_token": "<s>", "eos_token": "</s>", "cls_token": "<s>", "sep_token": "</s>"})
            special.update({"unk_id": 3, "unk_token": "<unk>"} if kind == "xlm_roberta" else {})
            found[f"five: {name}"] = (kind, {}, five(name + "Tokenizer", **special))
            found[f"five: {name} other stages"] = (kind, {**lowered, **template} if kind != "bert" else lowered, five(
                name + "Tokenizer", **special, do_lower_case=kind != "bert", strip_accents=False, tokenize_chinese_chars=False,
                add_prefix_space=kind == "roberta", keep_accents=True, split_by_punct=True, clean_text=False,
                extra_special_tokens=["xtra-word", "[XTRA]"]))
    for kind, prefixed in [("bert", lower(False)), ("roberta", prefix(True)), ("xlm_roberta", {})]:
        for name in [BACKEND, "NoSuchTokenizer", "PreTrainedTokenizerFast"]:
            found[f"five: {name} over {kind}"] = (kind, prefixed, five(name, add_prefix_space=False, do_lower_case=True))
    found.update(five_token_layouts())
    return found


def five_token_layouts():
    """Special and added tokens as version 5 has them, and what tells it."""
    model = {"unk_token": "[MASK]", "max_input_chars_per_word": 7, "continuing_subword_prefix": "##"}
    padding = {"padding": {"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 1,
                           "pad_type_id": 0, "pad_token": "xtra-word"}}
    left = {"truncation": {"direction": "Left", "max_length": 7, "strategy": "LongestFirst", "stride": 0}}
    some = [added("[PAD]", 0), added("[MASK]", 4, rstrip=True), added("xtra-word", "+0", special=False, single_word=True)]
    named = {"__type": "AddedToken", **token("[XTRA]", lstrip=True, normalized=True, special=False)}
    version = {"config.json": {"model_type": "bert", "transformers_version": "5.17.0"}}
    return {
        "five: model_type alone": ("bert", lower(False), version),
        "five: model_type alone, roberta": ("roberta", prefix(True), {"config.json": {
            "model_type": "roberta", "transformers_version": "5.0.0"}}),
        "five: modernbert of any class": ("roberta", prefix(True), {
            **five("RobertaTokenizer"), "config.json": {"model_type": "modernbert"}}),
        "five: class of config.json": ("roberta", prefix(True), {"config.json": {
            "tokenizer_class": "GPT2Tokenizer", "transformers_version": "5.24.0"}}),
        "five: model's settings": ("bert", {"model": model}, five("BertTokenizer")),
        "five: a model's own settings": ("bert", {"model": model}, five(BACKEND)),
        "five: list": ("bert", {}, five("BertTokenizer", extra_special_tokens=["xtra-word", named, "n't"])),
        "five: dict": ("bert", {}, five(
            "BertTokenizer", extra_special_tokens={"image_token": "[XTRA]", "x_token": "xtra-word"})),
        "five: tokens of other names": ("bert", {}, five(
            BACKEND, image_token="xtra-word", audio_token="[XTRA]", x_token=named)),
        "five: additional": ("bert", {}, five("BertTokenizer", additional_special_tokens=["xtra-word", "[XTRA]"])),
        "five: both lists": ("bert", {}, five(
            "BertTokenizer", additional_special_tokens=["[XTRA]"], extra_special_tokens=["xtra-word"])),
        "five: tokens of the file": ("bert", {"added_tokens": some}, five(
            "BertTokenizer", mask_token="[MASK]", pad_token=named)),
        "five: no tokens in the file": ("bert", {"added_tokens": []}, five(BACKEND, mask_token="[MASK]", cls_token=named)),
        "five: cls_token": ("bert", {}, five("BertTokenizer", cls_token="[XTRA]", sep_token="[MASK]")),
        "five: padding's token": ("roberta", padding, five(BACKEND)),
        "five: padding's token, class": ("roberta", padding, five("RobertaTokenizer")),
        "five: map and added tokens": ("bert", {}, {
            **five("BertTokenizer"), "added_tokens.json": {"[XTRA]": "+0", "xtra-word": "+1"},
            "special_tokens_map.json": {"mask_token": token("[MASK]", lstrip=True, normalized=True),
                                        "additional_special_tokens": ["[XTRA]"], "extra_special_tokens": ["n't"]}}),
        "five: special tokens split": ("bert", {}, five("BertTokenizer", split_special_tokens=True)),
        "five: cut as the file has it": ("roberta", left, five("RobertaTokenizer", model_max_length=9)),
        "five: cut at the beginning": ("bert", {}, five(BACKEND, truncation_side="left", model_max_length=11)),
        "five: no post-processor": ("roberta", {"post_processor": None}, five("RobertaTokenizer")),
        "five: eos of GPT-2": ("roberta", {}, five("GPT2Tokenizer", add_bos_token=True, add_eos_token=True)),
    }


def random_five_layout(source):
    """Any class that fits with any settings over any tokenizer.json."""
    kind, patch, files, more = random_layout(source)
    settings = files["tokenizer_config.json"]
    settings.pop("added_tokens_decoder", None)
    for key in ["bos_token", "cls_token", "sep_token", "eos_token", "unk_token"]:
        if settings.get(key, "") is None:
            settings.pop(key)
    # WordPiece has no other unknown piece.
    files.get("special_tokens_map.json", {}).pop("unk_token", None)
    settings["tokenizer_class"] = source.choice([*(name + "Tokenizer" for name in FIVE_CLASSES[kind]), BACKEND])
    settings.update({"xlm_roberta": {"unk_id": 3, "unk_token": "<unk>"}, "bert": {"unk_token": "[UNK]"}}.get(kind, {}))
    for key in ["split_by_punct", "keep_accents"]:
        if source.random() < 0.3:
            settings[key] = source.random() < 0.5
    if source.random() < 0.4:
        settings["extra_special_tokens"] = source.sample(["[XTRA]", "xtra-word", "n't", "[MASK]", "\u4e00"], 2)
    return kind, patch, {**files, "tokenizer_config.json": {**settings, "backend": "tokenizers"}}, more


def random_layout(source):
    """Any class with any settings over any tokenizer.json."""
    kind = source.choice(["bert", "roberta", "xlm_roberta"])
    patch = {"bert": lambda: lower(source.random() < 0.5, source.choice([None, True, False]), source.random() < 0.5),
             "roberta": lambda: prefix(source.random() < 0.5), "xlm_roberta": dict}[kind]()
    settings = {}
    for key in ["do_lower_case", "tokenize_chinese_chars", "add_prefix_space", "split_special_tokens"]:
        if source.random() < 0.3:
            settings[key] = source.random() < 0.5
    if source.random() < 0.3:
        settings["strip_accents"] = source.choice([None, True, False])
    names = ["[CLS]", "[SEP]", "[MASK]", "<mask>", "<s>", "[XTRA]", "xtra-word", "XTRA-Word", "<n>", "##", "\u4e00", "n't"]

    # A token that is not special is looked for twice where one file has it normalized and another not.
    normalized = {name: source.random() < 0.3 for name in names[5:]}

    def properties(content):
        chosen = {key: source.random() < 0.3 for key in ["lstrip", "rstrip", "normalized", "single_word", "special"]}
        chosen["normalized"] = normalized.get(content, chosen["normalized"])
        return token(content, **chosen)

    for key in ["bos_token", "sep_token", "mask_token", "cls_token", "pad_token"]:
        if source.random() < 0.25:
            content = source.choice(names)
            full = {"__type": "AddedToken", **properties(content)}
            settings[key] = source.choice([content, full, None])
    if source.random() < 0.2:
        settings["additional_special_tokens"] = source.sample(names, 2)
    files = {}
    new = [properties(name) for name in source.sample(["[XTRA]", "xtra-word", "XTRA-Word", "<n>"], 2)]
    more = new if source.random() < 0.4 else []
    if not more and source.random() < 0.4:
        settings["added_tokens_decoder"] = {"+0": new[0], "+1": new[1]}
    if source.random() < 0.3:
        files["special_tokens_map.json"] = {"mask_token": properties(source.choice(names)), "unk_token": source.choice(names)}
    # Without a normalizer transformers cannot make those of the first list.
    classes = [] if kind == "roberta" else ["Bert", "Funnel", "MPNet"]
    classes += ["Roberta", "GPT2", "Bart", "Deberta", "DebertaV2", "Camembert", "XLMRoberta", "Albert", "XLNet", "PreTrained"]
    return kind, patch, {**config(source.choice(classes) + "TokenizerFast", **settings), **files}, more


def merge(value, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for key, part in patch.items():
        if part is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), part)
    return merged


def with_ids(value, pieces):
    """`value` with "+n" as an id n behind the vocabulary."""
    if isinstance(value, dict):
        return {str(pieces + int(k)) if k.startswith("+") else k: with_ids(v, pieces) for k, v in value.items()}
    if isinstance(value, list):
        return [with_ids(item, pieces) for item in value]
    return pieces + int(value) if isinstance(value, str) and value.startswith("+") and value[1:].isdigit() else value


def write_layout(folder, base, layout, model_config):
    """`base`: the tokenizer.json that is patched. Returns the files beside it and the patch, as written."""
    _, patch, files, *more = layout
    pieces = max([len(base["model"]["vocab"]), *(token["id"] + 1 for token in base["added_tokens"])])
    patch = with_ids(patch, pieces)
    for tokens in filter(None, more):
        patch["added_tokens"] = base["added_tokens"] + [{"id": pieces + i, **token} for i, token in enumerate(tokens)]
    folder.mkdir(parents=True)
    contents = {"config.json": {}, **with_ids(files, pieces), "tokenizer.json": merge(base, patch)}
    contents["config.json"] = {**model_config, **contents["config.json"]}
    for name, content in contents.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    contents.pop("tokenizer.json")
    return contents, patch
