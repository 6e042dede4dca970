"""What is wrong with files, disks and engines gets one sentence and its exit code, and leaves nothing half-written."""

import json
import resource
import struct
import subprocess
import unittest
from pathlib import Path

from harness import PACELINE, PATIENCE, PacelineTest, json_rows, rows


class CheckpointTest(PacelineTest):
    def refused(self, model, mentions):
        target = self.folder / "out.txt"
        self.fails("classify", model, "--output", target, stdin=b"hello\n", expect=3, mentions=mentions)
        self.assertFalse(target.exists())

    def test_no_folder(self):
        self.refused(self.folder / "none", "none")

    def test_missing_files(self):
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            model = self.copy_model()
            (model / name).unlink()
            self.refused(model, name)
            self.doCleanups()
            self.setUp()

    def test_pointers_of_git_lfs(self):
        pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 437955512\n"
        names = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "model.safetensors")
        model = self.copy_model()
        for name in names:
            with self.subTest(name):
                path = model / name
                before = path.read_bytes() if path.exists() else None
                path.write_text(pointer)
                self.refused(model, [name, "a pointer of Git LFS"])
                path.unlink()
                if before is not None:
                    path.write_bytes(before)

    def test_a_file_of_the_model_is_no_plan(self):
        for name in ("config.json", "model.safetensors"):
            self.fails("classify", self.model / name, expect=2, mentions=[f"{name} is no plan.json", str(self.model)])
        self.fails("classify", "config.json", cwd=self.model, expect=2, mentions="name that, .")
        report = self.folder / "report"
        report.mkdir()
        (report / "plan.json").write_text("{}")
        self.refused(report, str(report / "plan.json"))

    def test_truncated_weights(self):
        model = self.copy_model()
        weights = model / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1000])
        self.refused(model, "model.safetensors")
        weights.write_bytes(b"abc")
        self.refused(model, "model.safetensors")

    def test_a_header_longer_than_the_file(self):
        model = self.copy_model()
        (model / "model.safetensors").write_bytes(struct.pack("<Q", 1 << 60) + b"{}")
        self.refused(model, "model.safetensors")

    def test_tensors_that_lie(self):
        def overlap(header, first, second):
            header[second]["data_offsets"] = header[first]["data_offsets"]

        def reach_beyond_the_file(header, _first, second):
            header[second]["data_offsets"][1] = 1 << 40

        def have_more_elements_than_there_are_numbers(header, _first, second):
            header[second]["shape"] = [1 << 40, 1 << 40]

        def have_another_shape(header, _first, second):
            header[second]["shape"] = [1] + header[second]["shape"]

        for change in (overlap, reach_beyond_the_file, have_more_elements_than_there_are_numbers, have_another_shape):
            with self.subTest(change.__name__):
                model = self.copy_model()
                weights = model / "model.safetensors"
                content = weights.read_bytes()
                end = 8 + struct.unpack("<Q", content[:8])[0]
                header = json.loads(content[8:end])
                tensors = sorted((name for name in header if name != "__metadata__"),
                                 key=lambda name: header[name]["data_offsets"])
                # Two of the same size, one behind the other: nothing else is wrong with them.
                first, second = next(pair for pair in zip(tensors, tensors[1:])
                                     if header[pair[0]]["shape"] == header[pair[1]]["shape"])
                change(header, first, second)
                text = json.dumps(header).encode()
                weights.write_bytes(struct.pack("<Q", len(text)) + text + content[end:])
                self.refused(model, second)
                self.doCleanups()
                self.setUp()

    def test_absurd_and_unknown_configs(self):
        for change, mentions in (({"model_type": "gpt17"}, "gpt17"), ({"hidden_act": "swoosh"}, "swoosh"),
                                 ({"hidden_size": 1 << 40}, "hidden_size"), ({"hidden_size": "wide"}, "hidden_size"),
                                 ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
                                 ({"num_hidden_layers": -1}, "num_hidden_layers"),
                                 ({"vocab_size": 1 << 31}, "vocab_size"),
                                 ({"intermediate_size": 0}, "intermediate_size"),
                                 ({"max_position_embeddings": 1 << 40}, "max_position_embeddings"),
                                 ({"max_position_embeddings": 2}, "max_position_embeddings"),
                                 ({"hidden_size": 10**400}, "config.json"),
                                 ({"num_attention_heads": 7}, "num_attention_heads"),
                                 ({"position_embedding_type": "relative_key"}, "relative_key")):
            model = self.copy_model()
            self.edit_json(model / "config.json", **change)
            self.refused(model, mentions)
            self.doCleanups()
            self.setUp()

    def test_a_tokenizer_that_is_none(self):
        model = self.copy_model()
        (model / "tokenizer.json").write_text('{"model": {"type": "Unigram", "vocab": [["a", "b"]]}}')
        self.refused(model, "tokenizer.json")

    def test_a_tokenizer_that_makes_the_library_panic(self):
        model = self.copy_model()
        target = self.folder / "out"
        target.mkdir()
        # At once, as the character map is cut off.
        self.edit_json(model / "tokenizer.json", normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"})
        self.fails("classify", model, "--output", target / "rows.txt", stdin=b"hello\n", expect=3,
                   mentions="tokenizer.json")
        self.assert_nothing_left(target)
        # At each text, which is to be cut into pieces of nothing.
        self.edit_json(model / "tokenizer.json", normalizer=None, pre_tokenizer={"type": "FixedLength", "length": 0})
        found = self.paceline("classify", model, "--strict", stdin=b"hello\nthere\n", expect=3).stdout.decode()
        self.assertEqual([line.count("tokenizer.json") for line in found.splitlines()], [1, 1], found)


class TextTest(PacelineTest):
    def test_an_empty_file(self):
        self.fails("classify", self.model, "--input", self.write("empty.txt", ""), expect=3, mentions="empty")

    def test_no_file(self):
        self.fails("classify", self.model, "--input", self.folder / "none.txt", expect=3, mentions="none.txt")

    def test_a_csv_without_the_column(self):
        texts = self.write("in.csv", "id,sentence\n1,hello\n")
        self.fails("classify", self.model, "--input", texts, expect=3, mentions=["text", "sentence"])
        self.paceline("classify", self.model, "--input", texts, "--text-column", "sentence")

    def test_a_long_line(self):
        texts = self.write("in.txt", b"short\n" + b"word " * 2_000_000 + b"\nshort\n")
        result = self.paceline("classify", self.model, "--input", texts)
        output = rows(result.stdout)
        self.assertEqual(len(output), 3)
        self.assertEqual(output[0], output[2])
        self.assertIn("1 truncated", result.stderr.decode())

    def test_objects_that_are_none(self):
        lines = b'{"text": "a"}\n[1]\n{"other": 1}\n{"text": 5}\n{"te\n{"text": "a"}\n'
        output = json_rows(self.paceline("classify", self.model, stdin=lines).stdout)
        self.assertEqual(["label" in row for row in output], [True, False, False, False, False, True])
        self.assertEqual(output[2]["other"], 1)
        self.assertTrue(all("error" in row for row in output[1:5]))

    def test_no_invalid_byte_is_echoed(self):
        for form, line in (("txt", b"a\xff"), ("jsonl", b'{"text": "a\xff"}'), ("csv", b'text\n"a\xff"')):
            output = self.paceline("classify", self.model, "--format", form, stdin=line).stdout
            self.assertIn("UTF-8", output.decode("utf-8", errors="strict"))


class EngineTest(PacelineTest):
    def test_a_missing_engine(self):
        empty = self.folder / "plugins"
        empty.mkdir()
        self.fails("classify", self.model, "--backends", "onnxruntime", stdin=b"a\n", expect=4,
                   mentions=["onnxruntime", "./dev setup"], env=self.environment(PACELINE_PLUGIN_DIR=str(empty)))


@unittest.skipIf(b"__asan_init" in Path(PACELINE).read_bytes() or b"__tsan_init" in Path(PACELINE).read_bytes(),
                 "sanitizers need all the addresses there are")
class MemoryTest(PacelineTest):
    """A limit on addresses stands in for the end of memory. Each leaves ample room for a short text."""

    def run_out(self, megabytes, texts, mentions, *flags):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))

        out = self.folder / "out"
        out.mkdir(exist_ok=True)
        command = ["classify", self.model, "--quiet", "--output", out / "rows.txt"]
        short = self.write("short.txt", "hello\n")
        self.paceline(*command, "--input", short, "--threads", "1", preexec_fn=limit)
        (out / "rows.txt").unlink()
        self.fails(*command, "--input", texts, *flags, expect=7, mentions=mentions, preexec_fn=limit)
        self.assert_nothing_left(out)

    def test_while_reading(self):
        self.run_out(120, self.write("long.txt", b"e" * 60_000_000), "[memory]", "--threads", "1")

    def test_while_tokenizing(self):
        # One word, which is encoded whole, in a library that cannot throw.
        word = self.write("word.txt", b"e" * 20_000_000)
        self.run_out(250, word, "memory", "--threads", "1")
        self.run_out(400, self.write("words.txt", (b"e" * 20_000_000 + b"\n") * 2), "memory", "--threads", "2")

    def test_while_starting_threads(self):
        self.run_out(120, self.write("short.txt", "hello\n"), ["[threads]", "--threads"], "--threads", "200")


class DiskTest(PacelineTest):
    def test_full_standard_output(self):
        with open("/dev/full", "wb") as full:
            result = subprocess.run([PACELINE, "classify", str(self.model), "--quiet"], input=b"a\n", stdout=full,
                                    stderr=subprocess.PIPE, env=self.environment(), check=False, timeout=PATIENCE)
        self.assertEqual(result.returncode, 7, result.stderr)
        self.assertIn(b"disk", result.stderr)

    def test_full_disk_under_the_output(self):
        # A limit on the size of files stands in for a disk: what is written meets the end of it in the same call.
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))

        out = self.folder / "out"
        out.mkdir()
        texts = self.write("in.txt", "hello world\n" * 20000)
        self.fails("classify", self.model, "--input", texts, "--output", out / "rows.txt", "--quiet", expect=7,
                   mentions="rows.txt", preexec_fn=limit)
        self.assert_nothing_left(out)
        self.fails("export", self.model, "--to", "onnx", "--out", out / "model.onnx", expect=7,
                   mentions="model.onnx", preexec_fn=limit)
        self.assert_nothing_left(out)

    def test_no_folder_for_the_output(self):
        self.fails("classify", self.model, "--output", self.folder / "none" / "rows.txt", stdin=b"a\n", expect=3,
                   mentions="rows.txt")


if __name__ == "__main__":
    unittest.main()
