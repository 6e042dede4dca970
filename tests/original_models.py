"""The tiny models as the original implementation runs them: what the tests of exported files compare with."""

import torch
import transformers

# Relative to the largest logit. fp32 rounds to 6e-8; a block of these models is some 10 sequential roundings, each
# carried through sums of at most 72 terms (9 = about their square root, as roundings are independent), and there are at
# most 3 blocks: 6e-8 * 10 * 9 * 3 = 1.6e-5. Twice that, since both sides round.
TOLERANCE = 3.2e-5


def model_folders(models):
    """The checkpoints in a folder; without any there is nothing to compare."""
    folders = sorted(path.parent for path in models.glob("*/config.json"))
    if not folders:
        raise SystemExit(f"no model in {models}")
    return folders


def original(folder, attention, dtype=torch.float32):
    """The model as transformers loads it, and as a function of tensors (ids, mask, types) to [batch, outputs]."""
    config = transformers.AutoConfig.from_pretrained(folder)
    headless = not any("ForSequenceClassification" in name for name in config.architectures or [])
    kind = transformers.AutoModel if headless else transformers.AutoModelForSequenceClassification
    model = kind.from_pretrained(folder, dtype=dtype, attn_implementation=attention).eval()

    def run(feed):
        with torch.no_grad():
            out = model(**feed)
        return out.last_hidden_state[:, 0] if headless else out.logits

    return config, model, run


def longest(config):
    """Tokens of the longest sequence that the position table serves."""
    offset = config.pad_token_id + 1 if config.model_type in ("roberta", "camembert", "xlm-roberta") else 0
    return config.max_position_embeddings - offset
