"""paceline finetune: it learns, and goes on after whatever ended it."""

import json
import math
import resource
import signal
import subprocess
import unittest

from finetuning import ENCODER, FinetuneTest, needs_torch, weights
from harness import PACELINE, PATIENCE, wait_until

# Of one update: gradients of a batch and of its parts are sums of the same numbers in another order, and AdamW divides
# them by their own size. A weight whose gradient is nothing but rounding can move by the learning rate either way.
SUMS = 1e-4


def change_a_bit(file):
    """In the middle of it; a hard link to it stays as it was."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.unlink()
    file.write_bytes(content)


@needs_torch
class TrainingTest(FinetuneTest):
    def test_it_learns_and_the_folder_is_a_model(self):
        about = self.finetune(self.out, "--epochs", "12")
        self.assertEqual(about["labels"], ["anger", "fear", "joy"])
        self.assertEqual(about["scores"]["accuracy"]["value"], 1)
        losses = about["history"]["losses"]["loss"]
        self.assertLess(losses[-1], losses[0] / 2)
        self.assertEqual(about["history"]["texts"], 12 * 48)
        for name in ("config.json", "tokenizer.json", "README.md", "report.html", "charts/loss.svg"):
            self.assertTrue((self.out / name).is_file(), name)
        self.assertFalse((self.out / "checkpoints").exists())
        answers = self.paceline("classify", self.out, "--quiet", stdin=b"le le re 1\non te ur\n").stdout.decode()
        self.assertEqual([json.loads(line)["label"] for line in answers.splitlines()] if answers.startswith("{")
                         else [line.split("\t")[0] for line in answers.splitlines()], ["joy", "anger"])
        self.fails(*self.command(self.out, "--epochs", "11"), expect=2, mentions=["other settings", "--restart"])

    def test_the_same_command_again_says_the_same_of_a_whole_model(self):
        command = self.command(self.out, "--steps", "2")
        first = self.paceline(*command, "--json").stdout
        self.assertEqual(first, (self.out / "training.json").read_bytes())
        again = self.paceline(*command, "--json")
        self.assertEqual(again.stdout, first)
        self.assertIn("--restart trains anew", again.stderr.decode())
        self.assertEqual(self.paceline(*command).stdout, b"")
        change_a_bit(self.out / "model.safetensors")
        self.fails(*command, "--json", expect=3, mentions=["model.safetensors has changed", "--restart"])
        (self.out / "model.safetensors").unlink()
        self.fails(*command, expect=3, mentions=["model.safetensors", "missing", "--restart"])
        self.assertEqual(json.loads(self.paceline(*command, "--json", "--restart").stdout)["updates"], 2)

    def interrupt(self, out, sent, *flags):
        """Ends a training with a signal once it has a checkpoint."""
        process = subprocess.Popen([PACELINE, *map(str, self.command(out, *flags))], stderr=subprocess.PIPE,
                                   env=self.environment())
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertTrue(wait_until(lambda: any(out.glob("checkpoints/update-*")) or process.poll() is not None))
        process.send_signal(sent)
        return process.wait(timeout=PATIENCE)

    def test_it_goes_on_to_the_same_bits(self):
        flags = ["--steps", "60", "--eval-every", "2"]
        whole, killed, stopped = (self.folder / name for name in ("whole", "killed", "stopped"))
        self.finetune(whole, *flags)
        self.assertEqual(self.interrupt(killed, signal.SIGKILL, *flags), -signal.SIGKILL)
        self.assertEqual(self.interrupt(stopped, signal.SIGINT, *flags), 130)
        for out in (killed, stopped):
            self.assertFalse((out / "model.safetensors").exists())
            self.fails(*self.command(out, *flags, "--seed", "7"), expect=2, mentions=["seed was 42 and is 7", "--restart"])
            about = self.finetune(out, *flags)
            self.assertEqual(about["history"]["losses"]["update"], list(range(1, 61)))
            self.assertEqual(self.weights(out), self.weights(whole))
            self.assertEqual([path for path in out.iterdir() if path.name.startswith(".")], [])

    def test_a_checkpoint_with_a_changed_bit_is_refused(self):
        flags = ["--steps", "60", "--eval-every", "2"]
        self.assertEqual(self.interrupt(self.out, signal.SIGKILL, *flags), -signal.SIGKILL)
        newest = max(self.out.glob("checkpoints/update-*"))
        for name in ("weights.safetensors", "state.safetensors", "best.safetensors", "progress.json"):
            good = (newest / name).read_bytes()
            change_a_bit(newest / name)
            self.fails(*self.command(self.out, *flags), expect=3, mentions=[name, "is damaged", "--restart"])
            (newest / name).write_bytes(good)
        self.finetune(self.out, *flags)

    def test_a_disk_that_is_full_leaves_the_checkpoint_before(self):
        flags = ["--steps", "6", "--eval-every", "2"]
        whole = self.folder / "whole"
        self.finetune(whole, *flags)
        size = (whole / "model.safetensors").stat().st_size
        for limit in (4096, size // 2, 2 * size):
            out = self.folder / f"out{limit}"
            self.fails(*self.command(out, *flags), expect=7, mentions=["File too large"],
                       preexec_fn=lambda limit=limit: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
            self.assertFalse((out / "model.safetensors").exists())
            self.finetune(out, *flags)
            self.assertEqual(self.weights(out), self.weights(whole))

    def test_a_loss_that_is_no_number_names_its_update(self):
        flags = ["--steps", "6", "--warmup", "0", "--eval-every", "1"]
        self.fails(*self.command(self.out, *flags, "--learning-rate", "1e5"), expect=2,
                   mentions=["after update", "expected finite numbers", "The checkpoint of update", "stays in",
                             "--learning-rate below 100000"])
        self.assert_nothing_left(self.out, "checkpoints")
        self.fails(*self.command(self.out, *flags), expect=2, mentions=["learning_rate was", "--restart"])
        self.finetune(self.out, *flags, "--restart")


@needs_torch
class RecipeTest(FinetuneTest):
    """Each flag does what it says. Without dropout, so that two ways to the same sums can be compared."""

    def setUp(self):
        super().setUp()
        self.plain = self.copy_of(ENCODER, "plain")

    def assert_alike(self, left, right, updates, rate=3e-3):
        """The same weights, but for rounding: see SUMS."""
        ours, theirs = weights(left), weights(right)
        self.assertEqual(ours.keys(), theirs.keys())
        for name, values in ours.items():
            # Softmax takes the bias of the keys away again: its gradient is 0.
            most = 2 * updates * rate if name.endswith("key.bias") else SUMS
            worst = max(abs(a - b) for a, b in zip(values, theirs[name], strict=True))
            self.assertLessEqual(worst, most, name)

    def test_padding_changes_nothing(self):
        flags, folders = ["--steps", "3"], [self.folder / name for name in ("random", "padded")]
        losses = []
        for out in folders:
            about = self.finetune(out, *flags, "--batching", out.name, model=self.plain)
            self.assertEqual(about["recipe"]["batching"], out.name)
            losses.append(about["history"]["losses"]["loss"])
        for ours, theirs in zip(*losses, strict=True):
            self.assertAlmostEqual(ours, theirs, delta=SUMS)
        self.assert_alike(*folders, updates=3)

    def test_batches_of_like_length_learn_too(self):
        about = self.finetune(self.out, "--epochs", "12", "--batching", "length-grouped")
        self.assertEqual(about["scores"]["accuracy"]["value"], 1)
        self.assertEqual(about["history"]["texts"], 12 * 48)

    def test_passes_of_an_update_are_one_batch(self):
        once, passes = self.folder / "once", self.folder / "passes"
        self.finetune(once, "--steps", "3", model=self.plain)
        self.finetune(passes, "--steps", "3", "--accumulate", "4", "--batch-size", "2", model=self.plain)
        self.assert_alike(once, passes, updates=3)

    def test_bf16_is_near_fp32(self):
        first = []
        for kind in ("fp32", "bf16-autocast"):
            about = self.finetune(self.folder / kind, "--steps", "3", "--compute-type", kind, model=self.plain)
            first.append(about["history"]["losses"]["loss"][0])
            self.assertTrue(all(map(math.isfinite, about["history"]["losses"]["gradient_norm"])))
            for name, values in weights(self.folder / kind).items():
                self.assertTrue(all(map(math.isfinite, values)), name)
        # bf16 has 8 bits: an error of 2^-9 in each of some ten products that are summed on the way.
        self.assertAlmostEqual(*first, delta=0.02)
        self.assertNotEqual(*first)

    def test_frozen_parts_stay(self):
        start = self.folder / "start"
        self.finetune(start, "--steps", "1", "--learning-rate", "0", model=self.plain)
        before = weights(start)
        for freeze, stays in (("encoder", lambda name: name.startswith("bert.encoder") or "embeddings" in name),
                              ("embeddings", lambda name: "embeddings" in name),
                              ("1", lambda name: "embeddings" in name or ".layer.0." in name)):
            out = self.folder / freeze
            about = self.finetune(out, "--steps", "2", "--freeze", freeze, model=self.plain)
            self.assertLess(about["trained_parameters"], about["parameters"])
            after = weights(out)
            self.assertEqual({name for name, values in after.items() if values == before[name]},
                             {name for name in after if stays(name)}, freeze)
        self.fails(*self.command(self.out, "--freeze", "9"), expect=2, mentions=["--freeze \"9\"", "the model has 2"])

    def test_patience_ends_it(self):
        about = self.finetune(self.out, "--epochs", "9", "--learning-rate", "0", "--patience", "2")
        self.assertEqual(about["history"]["best_update"], 6)
        self.assertEqual(about["history"]["evaluations"]["update"], [6, 12, 18])
        self.assertEqual(about["ended_by"], "patience")


if __name__ == "__main__":
    unittest.main()
