"""Training as PyTorch and transformers do it from Python: losses, norms of the gradients and the weights after 20
updates with warm-up, decay and clipping, of real tokens alone and of padded texts, on tiny models without dropout.

usage: training_oracle.py --tool BINARY --testdata testdata
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

import safetensors.torch
import torch
import transformers
from original_models import is_encoder, is_of_this_version, longest, padding

OPTIONS = None
UPDATES = 20
TEXTS = 6
RATE = 1e-2
MAX_NORM = 1.0
DECAY = 0.01
# Adam's quotient g / (sqrt(v) + epsilon) turns the rounding of a gradient that ought to be 0 into a step of full size.
# With a larger epsilon an update errs by the error of the gradient * RATE / epsilon at most.
EPSILON = 1e-2
# The forward pass errs as in original_models.TOLERANCE, the way back by as much again, and 20 updates add up their
# errors; clipping keeps gradients at 1 at most, and a weight errs by RATE / EPSILON = 1 of what its gradient does.
TOLERANCE = 2 * 3.2e-5
WEIGHTS_TOLERANCE = UPDATES * TOLERANCE
# What says that positions were sines.
SINES = ("sinusoidal_pos_embds", "sinusoidal_embeddings")
# What transformers does not train, though it is there: no text reaches it in a classifier.
UNREAD = ("mask_emb", "pooler.dense", "embeddings.position_ids", "lang_embeddings")


def folders():
    found = [path.parent for kind in ("models", "families")
             for path in sorted((OPTIONS.testdata / kind).glob("*/config.json")) if is_of_this_version(path)]
    return [folder for folder in found if (folder / "model.safetensors").exists()]


def with_sines(parent):
    """Copies whose positions are said to be sines, as a folder of this version."""
    copies = []
    for path in sorted((OPTIONS.testdata / "families").glob("*/config.json")):
        config = json.loads(path.read_text(encoding="utf-8"))
        key = next((key for key in SINES if key in config), None)
        if key is None or config[key] or not (path.parent / "model.safetensors").exists():
            continue
        # Version 5 cannot train these: it takes its cache for a list.
        if config.get("pre_norm") and not transformers.__version__.startswith("4."):
            continue
        copies.append(pathlib.Path(shutil.copytree(path.parent, parent / f"{path.parent.name}-with-sines")))
        changed = {**config, key: True, "transformers_version": transformers.__version__}
        (copies[-1] / "config.json").write_text(json.dumps(changed))
    return copies


def rates():
    """Linear warm-up over a quarter of the updates, then linear decay to 0."""
    warm = UPDATES // 4
    return [RATE * min((i + 1) / warm, (UPDATES - i) / (UPDATES - warm)) for i in range(UPDATES)]


def reads_types(config):
    if config.model_type in ("mpnet", "distilbert", "modernbert"):
        return False
    return config.model_type in ("xlnet", "xlm", "flaubert", "gpt2") or getattr(config, "type_vocab_size", 0) > 1


def draw_updates(config, generator):
    most = min(longest(config), 24)
    pad = padding(config)
    updates = []
    for rate in rates():
        ids = []
        # These take the last place, or the mean of all, whether it is padding or not.
        alike = config.model_type in ("xlnet", "xlm", "flaubert")
        common = int(torch.randint(1, most + 1, (), generator=generator))
        for _ in range(TEXTS):
            length = common if alike else int(torch.randint(1, most + 1, (), generator=generator))
            text = torch.randint(3, config.vocab_size, (length,), generator=generator)
            # No tokenizer puts padding into a text, but a file of another may: PyTorch does not train its embedding.
            text[1:2] = pad
            ids.append(text.tolist())
        labels = torch.randint(0, config.num_labels, (TEXTS,), generator=generator)
        if config.problem_type == "multi_label_classification":
            targets = torch.randint(0, 2, (TEXTS, config.num_labels), generator=generator).float()
        elif config.problem_type == "regression" or config.num_labels == 1:
            targets = torch.randn((TEXTS, config.num_labels), generator=generator)
        else:
            targets = torch.nn.functional.one_hot(labels, config.num_labels).float()
        updates.append({"rate": rate, "ids": ids, "targets": targets.tolist()})
        if reads_types(config):
            updates[-1]["types"] = [[place % 2 for place in range(len(text))] for text in ids]
    return updates


def without_dropout(config):
    for key, value in vars(config).items():
        if ("dropout" in key or "pdrop" in key) and isinstance(value, (int, float)):
            setattr(config, key, 0.0)
    return config


def grouped(model):
    """As transformers.Trainer groups: biases and norms do not decay."""
    decaying = [name for name, values in model.named_parameters() if values.dim() > 1 and "bias" not in name]
    chosen = dict(model.named_parameters())
    return [{"params": [values for name, values in chosen.items() if name in decaying], "weight_decay": DECAY},
            {"params": [values for name, values in chosen.items() if name not in decaying], "weight_decay": 0.0}]


def train(folder, config, updates):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, config=config, dtype=torch.float32,
                                                                           attn_implementation="eager")
    model.train()
    optimiser = torch.optim.AdamW(grouped(model), lr=RATE, eps=EPSILON)
    steps = []
    for update in updates:
        width = max(map(len, update["ids"]))
        ids = torch.tensor([text + [padding(config)] * (width - len(text)) for text in update["ids"]])
        mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in update["ids"]])
        targets = torch.tensor(update["targets"])
        types = {}
        if reads_types(config):
            types["token_type_ids"] = torch.tensor([text + [0] * (width - len(text)) for text in update["types"]])
        logits = model(input_ids=ids, attention_mask=mask, **types).logits
        if config.problem_type == "multi_label_classification":
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
        elif config.problem_type == "regression" or config.num_labels == 1:
            loss = torch.nn.functional.mse_loss(logits, targets)
        else:
            loss = torch.nn.functional.cross_entropy(logits, targets)
        optimiser.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_NORM)
        for group in optimiser.param_groups:
            group["lr"] = update["rate"]
        optimiser.step()
        steps.append({"loss": loss.item(), "norm": norm.item()})
    return steps, {name: values.detach() for name, values in model.state_dict().items()}


def ours(folder, updates, padded):
    with tempfile.TemporaryDirectory() as temporary:
        plan = pathlib.Path(temporary) / "plan.json"
        weights = pathlib.Path(temporary) / "weights.safetensors"
        plan.write_text(json.dumps({"padded": padded, "weight_decay": DECAY, "epsilon": EPSILON, "max_norm": MAX_NORM,
                                    "updates": updates}))
        result = subprocess.run([OPTIONS.tool, folder, plan, weights], capture_output=True, check=False, timeout=600)
        if result.returncode != 0:
            raise RuntimeError(f"{folder.name}: {result.stderr.decode()}")
        return json.loads(result.stdout), safetensors.torch.load_file(weights)


class TrainingTest(unittest.TestCase):
    def expect_same(self, folder, config, padded):
        updates = draw_updates(config, torch.Generator().manual_seed(3))
        expected, weights = train(folder, config, updates)
        steps, trained = ours(folder, updates, padded)
        for number, (left, right) in enumerate(zip(steps, expected, strict=True)):
            for key in ("loss", "norm"):
                allowed = (number + 1) * TOLERANCE * max(1, abs(right[key]))
                self.assertAlmostEqual(left[key], right[key], delta=allowed, msg=f"{key} of update {number}")
        self.assertGreater(len(trained), 10)
        for name, values in trained.items():
            stored = weights[name].float() if name in weights else None
            self.assertIsNotNone(stored, name)
            self.assertLess((values - stored).abs().max().item(), WEIGHTS_TOLERANCE * max(1, stored.abs().max().item()),
                            name)
        trained_elsewhere = set(weights) - set(trained)
        self.assertFalse([name for name in trained_elsewhere if not any(part in name for part in UNREAD)])

    def test_losses_norms_and_weights(self):
        compared = 0
        temporary = tempfile.TemporaryDirectory(prefix="paceline-training-oracle-")
        self.addCleanup(temporary.cleanup)
        for folder in folders() + with_sines(pathlib.Path(temporary.name)):
            config = without_dropout(transformers.AutoConfig.from_pretrained(folder))
            # transformers takes no batches without a padding id.
            if is_encoder(config) or config.pad_token_id is None:
                continue
            for padded in (False, True):
                with self.subTest(folder.name, padded=padded):
                    self.expect_same(folder, config, padded)
            compared += 1
        self.assertGreater(compared, 5)


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    parser = argparse.ArgumentParser()
    parser.add_argument("--tool", required=True)
    parser.add_argument("--testdata", type=pathlib.Path, required=True)
    OPTIONS, rest = parser.parse_known_args()
    unittest.main(argv=["training_oracle.py", *rest])
