"""The tiny models as the original implementation runs them: what the oracle tests compare with."""

import json
import pathlib
import sys

import torch
import transformers

TOOLS = pathlib.Path(__file__).resolve().parents[1] / "tools"
sys.path += [str(TOOLS), str(TOOLS / "make"), str(TOOLS / "study")]
from compare_transformers import positions  # noqa: E402
from make_tiny_families import token_types_of  # noqa: E402

transformers.logging.set_verbosity_error()  # a headless checkpoint has no pooler, and transformers would say so
transformers.logging.disable_progress_bar()

# Relative to the largest logit. fp32 rounds to 6e-8; a block of these models is some 10 sequential roundings, each
# carried through sums of at most 72 terms (9 = about their square root, as roundings are independent), and there are at
# most 3 blocks: 6e-8 * 10 * 9 * 3 = 1.6e-5. Twice that, since both sides round. Models of up to 6 blocks are at most 48
# wide, and their blocks' roundings add up like the square root of their number: 6e-8 * 10 * 7 * 2.5 = 1e-5.
TOLERANCE = 3.2e-5
LONGEST_WITHOUT_LIMIT = 64  # XLNet has no table of positions that ends


def is_of_this_version(config_json):
    """Whether this version of transformers saved the checkpoint, 4 where no file says: the other one reads it otherwise."""
    version = json.loads(config_json.read_text(encoding="utf-8")).get("transformers_version", "4")
    return (int(version.split(".")[0]) >= 5) == (int(transformers.__version__.split(".")[0]) >= 5)


def model_folders(*parents):
    """The checkpoints of this version in some folders; without any there is nothing to compare."""
    folders = sorted(path.parent for parent in parents for path in parent.glob("*/config.json") if is_of_this_version(path))
    if not folders:
        raise SystemExit(f"no model in {', '.join(map(str, parents))}")
    return folders


def is_encoder(config):
    return not any("ForSequenceClassification" in name for name in config.architectures or [])


def longest(config):
    """Tokens of the longest sequence that the position table serves."""
    return positions(config) or LONGEST_WITHOUT_LIMIT


def padding(config):
    """The id that batches are padded with; a model without one never sees the last id otherwise."""
    return config.vocab_size - 1 if config.pad_token_id is None else config.pad_token_id


def last_kept(mask):
    """Of each row of [B, S] the place of the last 1; the first place where there is none."""
    return (torch.arange(mask.shape[1]) * mask).argmax(dim=1)


def pooled_places(config, feed):
    """Of each row the place of the token that the head reads, or that stands for a text where there is no head."""
    kept = feed["attention_mask"].clone()
    if config.model_type == "gpt2" and config.pad_token_id is not None:
        kept &= feed["input_ids"] != config.pad_token_id
    last = config.model_type == "gpt2" or (
        config.model_type in ("xlnet", "xlm", "flaubert") and config.summary_type == "last" and not is_encoder(config))
    if last or (config.model_type == "xlnet" and is_encoder(config)):
        return last_kept(kept)
    return torch.zeros(len(kept), dtype=torch.long)


class Original:
    """A model as transformers loads it, as a function of a batch: tensors [B, S] by their names, to [B, outputs]."""

    def __init__(self, folder, dtype=torch.float32, attention="eager"):
        self.config = transformers.AutoConfig.from_pretrained(folder)
        self.headless = is_encoder(self.config)
        kind = transformers.AutoModel if self.headless else transformers.AutoModelForSequenceClassification
        # XLNet loads some of its weights in fp32 whatever is asked for.
        self.model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation=attention).eval().to(dtype)

    @torch.no_grad()
    def padded(self, feed):
        """The batch as it is. For models that pool the last row, or all, transformers counts padding too."""
        extra = {"use_mems": False} if self.config.model_type == "xlnet" else {}
        out = self.model(**feed, **extra)
        if not self.headless:
            return out.logits
        return out.last_hidden_state[torch.arange(len(feed["input_ids"])), pooled_places(self.config, feed)]

    def alone(self, feed):
        """Each sequence of the batch by itself, without its padding."""
        rows = []
        for row, mask in enumerate(feed["attention_mask"] == 1):
            rows.append(self.padded({name: values[row:row + 1, mask] for name, values in feed.items()}))
        return torch.cat(rows)


BATCHES = ([1], [7, 7], [3, 1, 9, 5], [0, 2])  # tokens of each sequence; 0: as many as the model reads


def feeds(config, batches=BATCHES, left_padding=False, pad_inside=False):
    """Batches of these lengths. With `pad_inside` every third token of a sequence is the pad token, which attention does
    see."""
    generator = torch.Generator().manual_seed(5)
    pad, types = padding(config), token_types_of(config)
    for lengths in batches:
        lengths = [length or longest(config) for length in lengths]
        width = max(lengths)
        feed = {"input_ids": torch.full((len(lengths), width), pad)}
        feed["attention_mask"] = torch.zeros_like(feed["input_ids"])
        if types > 1:
            feed["token_type_ids"] = torch.zeros_like(feed["input_ids"])
        for row, length in enumerate(lengths):
            where = slice(width - length, width) if left_padding else slice(0, length)
            ids = torch.randint(0, config.vocab_size - 1, (length,), generator=generator)
            feed["input_ids"][row, where] = ids + (ids >= pad)
            if pad_inside:
                feed["input_ids"][row, where][1::3] = pad
            feed["attention_mask"][row, where] = 1
            if types > 1:
                feed["token_type_ids"][row, where] = torch.randint(0, types, (length,), generator=generator)
        yield feed


def types_setting(folder):
    """What --token-types has to say for the feeds of a folder, whose tokenizer is not asked."""
    return "yes" if token_types_of(transformers.AutoConfig.from_pretrained(folder)) > 1 else "as-saved"


def all_feeds(config, batches=BATCHES):
    """Without pad tokens inside, and with them where the model has one."""
    kinds = (False,) if config.pad_token_id is None else (False, True)
    return [feed for inside in kinds for feed in feeds(config, batches, pad_inside=inside)]


def relative_difference(want, got):
    """The largest, of the largest value."""
    return ((want.double() - got.double()).abs().max() / want.double().abs().max()).item()
