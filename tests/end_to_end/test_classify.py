"""paceline classify and tokenize: rows in, rows out."""

import csv
import io
import json
import os
import signal
import subprocess
import time
import unittest

from harness import MODELS, PACELINE, PATIENCE, TEXTS, PacelineTest, json_rows, rows


class ClassifyTest(PacelineTest):
    def test_txt_is_label_tab_score_in_the_order_of_the_input(self):
        output = rows(self.paceline("classify", self.model, stdin="\n".join(TEXTS).encode()).stdout)
        self.assertEqual(len(output), len(TEXTS))
        alone = [rows(self.paceline("classify", self.model, "--quiet", stdin=(text + "\n").encode()).stdout)[0]
                 for text in TEXTS]
        self.assertEqual(output, alone, "a text's answer depends on its neighbours or its place")
        for line in output:
            label, score = line.split("\t")
            self.assertIn(label, ["low", "middle", "high"])
            self.assertTrue(1 / 3 <= float(score) <= 1)

    def test_jsonl_keeps_objects_and_adds_fields(self):
        lines = [b'{"text": "hello world", "n": 1.00}', b'{ "id":7,"text":"caf\\u00e9" }']
        output = self.paceline("classify", self.model, "--format", "jsonl", stdin=b"\n".join(lines)).stdout
        for given, got in zip(lines, output.splitlines()):
            self.assertTrue(got.startswith(given.rstrip(b" }")), got)
            self.assertEqual(list(json.loads(got))[-2:], ["label", "score"])

    def test_jsonl_lists_and_logits(self):
        row = json_rows(self.paceline("classify", self.model, "--all-labels", "--raw-logits", "--output-prefix", "p_",
                                      stdin=b'{"text": "hello"}').stdout)[0]
        self.assertEqual(sorted(row), ["p_labels", "p_logits", "text"])
        self.assertEqual(sorted(entry["label"] for entry in row["p_labels"]), ["high", "low", "middle"])
        self.assertAlmostEqual(sum(entry["score"] for entry in row["p_labels"]), 1, places=6)
        self.assertEqual(len(row["p_logits"]), 3)

    def test_csv(self):
        texts = self.write("in.csv", 'id,text\n1,"hello, world"\n2,"two\nlines"\n3\n')
        output = self.paceline("classify", self.model, "--input", texts, "--quiet").stdout.decode()
        table = list(csv.DictReader(io.StringIO(output)))
        self.assertEqual([row["id"] for row in table], ["1", "2", "3"])
        self.assertEqual(table[1]["text"], "two\nlines")
        self.assertTrue(table[0]["label"] and table[0]["score"] and not table[0]["error"])
        self.assertTrue(table[2]["error"] and not table[2]["label"])

    def test_pairs(self):
        lines = b'{"text": "a", "other": "b"}\n{"text": "a", "other": "c d"}\n'
        output = json_rows(self.paceline("classify", self.model, "--pair-column", "other", "--raw-logits",
                                         stdin=lines).stdout)
        self.assertNotEqual(output[0]["logits"], output[1]["logits"])

    def test_every_command_reads_pairs(self):
        table = self.write("pairs.csv", "text,other\nhello,world\n\"a, b\",c\n" + "word " * 300 + "," + "more " * 300 + "\n")
        txt = self.write("texts.txt", "hello\n")
        flags = ["--pair-column", "other"]
        alone = json_rows(self.paceline("tokenize", self.model, "--input", table).stdout)
        pairs = json_rows(self.paceline("tokenize", self.model, "--input", table, *flags).stdout)
        for one, two in zip(alone[:2], pairs):
            self.assertEqual(two["input_ids"][:len(one["input_ids"])], one["input_ids"])
            self.assertGreater(len(two["input_ids"]), len(one["input_ids"]))
        self.assertGreater(pairs[2]["truncated"], 0)
        self.assertEqual(len(rows(self.paceline("classify", self.model, "--input", table, *flags).stdout)), 4)
        self.paceline("verify", self.model, "--backends", "native", "--text", table, *flags)
        self.paceline("bench", self.model, "--backends", "native", "--text", table, "--dry-run", *flags)
        for command in (["classify", self.model, "--input", txt], ["tokenize", self.model, "--input", txt],
                        ["verify", self.model, "--backends", "native", "--text", txt],
                        ["bench", self.model, "--backends", "native", "--text", txt, "--dry-run"]):
            self.fails(*command, *flags, expect=2, mentions=["txt", "other", "CSV"])

    def test_bad_rows_keep_their_place(self):
        result = self.paceline("classify", self.model, stdin=b"good\nb\xffd\ngood\n")
        output = rows(result.stdout)
        self.assertEqual(len(output), 3)
        label, score, error = output[1].split("\t")
        self.assertEqual((label, score), ("", ""))
        self.assertIn("UTF-8", error)
        self.assertEqual(output[0], output[2])
        self.assertIn("1 with an error", result.stderr.decode())
        strict = self.paceline("classify", self.model, "--strict", stdin=b"good\nb\xffd\ngood\n", expect=3)
        self.assertEqual(strict.stdout, result.stdout)

    def test_an_existing_field_is_refused_with_the_way_out(self):
        target = self.folder / "out.jsonl"
        self.fails("classify", self.model, "--format", "jsonl", "--output", target, stdin=b'{"text": "a", "label": 3}',
                   expect=2, mentions="--output-prefix")
        self.assertFalse(target.exists())
        row = json_rows(self.paceline("classify", self.model, "--output-prefix", "new_",
                                      stdin=b'{"text": "a", "label": 3}').stdout)[0]
        self.assertEqual(row["label"], 3)
        self.assertIn("new_label", row)

    def test_a_column_in_the_way_is_found_before_the_model_is_loaded(self):
        # A backend that is missing would be exit code 4.
        target = self.folder / "out.csv"
        arguments = ["classify", self.model, "--backends", "onnxruntime", "--output", target]
        missing = self.environment(PACELINE_PLUGIN_DIR=str(self.folder))
        for name, table in (("a.csv", "text,score\na,1\n"), ("a.tsv", "error\ttext\n1\ta\n")):
            self.fails(*arguments, "--input", self.write(name, table), expect=2, env=missing,
                       mentions=["column", "header of the input", "--output-prefix"])
        self.fails(*arguments, "--input", self.write("b.csv", "text,points\na,1\n"), expect=4, env=missing,
                   mentions="not installed")
        self.assertFalse(target.exists())

    def test_what_is_guessed_of_standard_input_is_said(self):
        def notices(given, *flags):
            error = self.paceline("classify", self.model, "--quiet", *flags, stdin=given).stderr.decode()
            return error.splitlines()

        self.assertEqual(notices(b"hello\nworld\n"), [])
        self.assertEqual(notices(b"id,text\n1,a\n"), [
            "paceline: [standard input] is read as txt, a text on each line, but begins like a table. --format csv reads "
            "it as one."])
        self.assertEqual(notices(b"id,text\n1,a\n", "--format", "csv"), [])
        self.assertIn("is read as jsonl", notices(b'{"text": "a"}')[0])

    def test_output_file_and_quiet(self):
        texts = self.write("in.txt", "a\nb\n")
        target = self.folder / "out.txt"
        result = self.paceline("classify", self.model, "--input", texts, "--output", target, "--quiet")
        self.assertEqual((result.stdout, result.stderr), (b"", b""))
        self.assertEqual(len(rows(target.read_bytes())), 2)

    def test_progress_of_a_short_input_is_not_nothing_of_nothing(self):
        texts = self.write("in.txt", "hello\n")
        result = self.paceline("classify", self.model, "--input", texts, "--output", self.folder / "out.txt")
        self.assertIn("1/1 kB", result.stderr.decode())

    def test_every_way_to_batch_gives_the_same_answers(self):
        texts = "\n".join(TEXTS * 5).encode()
        expected = self.paceline("classify", self.model, "--raw-logits", "--quiet", stdin=texts).stdout
        for flags in (["--batch-sizes", 1], ["--batch-sizes", 4, "--orders", "input"], ["--max-batch-tokens", 40],
                      ["--threads", 1]):
            got = self.paceline("classify", self.model, "--raw-logits", "--quiet", *flags, stdin=texts).stdout
            self.assertEqual(got, expected, flags)

    def test_kinds_of_heads(self):
        multi = rows(self.paceline("classify", MODELS / "camembert-multi-label", "--all-labels", "--quiet",
                                   stdin=b"bonjour").stdout)[0].split("\t")
        scores = [float(score) for score in multi[1::2]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        regression = rows(self.paceline("classify", MODELS / "roberta-regression", "--quiet", "--raw-logits",
                                        stdin=b"bonjour").stdout)[0].split("\t")
        self.assertAlmostEqual(float(regression[1]), float(regression[2]), places=6)

    def test_thresholds(self):
        multi = MODELS / "camembert-multi-label"
        given = b'{"text": "bonjour"}'
        everything = json_rows(self.paceline("classify", multi, "--all-labels", stdin=given).stdout)[0]["labels"]
        middle = everything[1]["score"]
        over = json_rows(self.paceline("classify", multi, "--threshold", middle, stdin=given).stdout)[0]["labels"]
        self.assertEqual(over, everything[:2], "a label at the threshold counts")
        self.assertEqual(json_rows(self.paceline("classify", multi, "--threshold", 1, stdin=given).stdout)[0]["labels"], [])
        single = rows(self.paceline("classify", self.model, "--quiet", "--threshold", "1", stdin=b"hello").stdout)[0]
        self.assertTrue(single.startswith("\t0."), single)
        self.fails("classify", MODELS / "roberta-regression", "--threshold", "0.5", stdin=b"a", expect=2,
                   mentions=["regression", "--threshold"])
        self.fails("classify", multi, "--threshold", "0.5", "--all-labels", stdin=b"a", expect=2, mentions="--all-labels")
        self.fails("classify", self.model, "--threshold", "hihg=0.5", stdin=b"a", expect=2, mentions=["hihg", "high"])
        self.fails("classify", self.model, "--class-weights", "0.5", stdin=b"a", expect=2, mentions="LABEL=NUMBER")

    def test_class_weights_change_the_prior(self):
        flags = ["--all-labels", "--quiet"]
        given = b'{"text": "hello"}'
        plain = {entry["label"]: entry["score"]
                 for entry in json_rows(self.paceline("classify", self.model, *flags, stdin=given).stdout)[0]["labels"]}
        weighted = json_rows(self.paceline("classify", self.model, *flags, "--class-weights", "high=4,low=0.5",
                                           stdin=given).stdout)[0]["labels"]
        products = {label: score * {"high": 4, "low": 0.5}.get(label, 1) for label, score in plain.items()}
        for entry in weighted:
            self.assertAlmostEqual(entry["score"], products[entry["label"]] / sum(products.values()), places=6)

    def test_windows(self):
        texts = ["hello", "a longer text " * 60, "b\"", "another text " * 45]
        given = "\n".join(json.dumps({"text": text}) for text in texts).encode()
        flags = ["--long", "window", "--stride", "2"]
        answers = json_rows(self.paceline("classify", self.model, *flags, stdin=given).stdout)
        self.assertEqual([row["text"] for row in answers], texts)
        self.assertEqual([row["windows"] > 1 for row in answers], [False, True, False, True])
        self.assertEqual([row["truncated"] for row in answers], [0] * 4)
        for batch in (["--batch-sizes", "1"], ["--orders", "input", "--instances", "2"]):
            again = json_rows(self.paceline("classify", self.model, *flags, *batch, stdin=given).stdout)
            self.assertEqual(again, answers, "the way to batch changed an answer")
        cut = json_rows(self.paceline("classify", self.model, "--long", "truncate", stdin=given).stdout)
        self.assertEqual([row["truncated"] > 0 for row in cut], [False, True, False, True])
        self.assertNotIn("windows", cut[0])
        plain = json_rows(self.paceline("classify", self.model, stdin=given).stdout)
        self.assertEqual([row.get("truncated", 0) for row in plain], [row["truncated"] for row in cut])
        self.assertNotIn("truncated", plain[0])
        self.fails("classify", self.model, "--stride", "2", stdin=given, expect=2, mentions="--long window")
        self.fails("classify", self.model, "--format", "jsonl", "--long", "window", "--stride", "4000", stdin=given,
                   expect=2, mentions=["[stride]", "4000"])

    def test_a_closed_pipe_ends_quietly(self):
        with subprocess.Popen([PACELINE, "classify", str(self.model), "--quiet"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment()) as process:
            process.stdout.close()
            process.stdin.write(b"hello\n" * 100)
            process.stdin.close()
            self.assertEqual(process.wait(timeout=PATIENCE), 0)
            self.assertEqual(process.stderr.read(), b"")

    def writing(self, out, texts, **options):
        """classify in the middle of its work: its output is begun in the folder."""
        process = subprocess.Popen([PACELINE, "classify", str(self.model), "--quiet", "--input", str(texts),
                                    "--output", str(out / "rows.txt")], stderr=subprocess.PIPE,
                                   env=self.environment(), **options)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        if process.stdin is not None:
            process.stdin.write(b"hello\n")
            process.stdin.flush()
        deadline = time.monotonic() + PATIENCE
        while not any(out.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertTrue(any(out.iterdir()), "it never began to write")
        return process

    def test_signals_leave_nothing_behind(self):
        out = self.folder / "out"
        out.mkdir()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process = self.writing(out, "-", stdin=subprocess.PIPE)
            process.send_signal(number)
            self.assertEqual(process.wait(timeout=PATIENCE), 130)
            self.assert_nothing_left(out)

    def waiting_for_texts(self, out):
        """classify that has read a line of a pipe which stays open."""
        texts = self.folder / "pipe.txt"
        os.mkfifo(texts)
        ours = os.open(texts, os.O_RDWR)
        self.addCleanup(os.close, ours)
        os.write(ours, b"hello\n")
        return self.writing(out, texts), ours

    def test_ctrl_c_ends_the_wait_for_texts(self):
        out = self.folder / "out"
        out.mkdir()
        process, _ = self.waiting_for_texts(out)
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=PATIENCE), 130)
        self.assertIn(b"again to stop at once", process.stderr.read())
        self.assert_nothing_left(out)

    def test_ctrl_c_before_the_first_text_is_no_other_error(self):
        for command in ("classify", "tokenize"):
            process = subprocess.Popen([PACELINE, command, str(self.model), "--quiet"], stdin=subprocess.PIPE,
                                       stderr=subprocess.PIPE, env=self.environment())
            self.addCleanup(process.communicate)
            self.addCleanup(process.kill)
            self.wait_for_handler(process.pid)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(timeout=PATIENCE), 130)
            said = process.stderr.read()
            self.assertIn(b"again to stop at once", said)
            self.assertNotIn(b"[standard input]", said)

    def test_closed_standard_input_is_named(self):
        for command in ("classify", "tokenize"):
            result = subprocess.run(["sh", "-c", 'exec "$0" "$@" <&-', PACELINE, command, str(self.model)],
                                    capture_output=True, timeout=PATIENCE, env=self.environment(), check=False)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(b"[standard input] is closed", result.stderr)

    def test_the_second_ctrl_c_ends_it_at_once_and_leaves_nothing_behind(self):
        out = self.folder / "out"
        out.mkdir()
        process, ours = self.waiting_for_texts(out)
        word = b"x" * 50_000  # a single one, which its tokenizer has to look at as a whole: 14 s of work
        for _ in range(600):
            os.write(ours, word)
        os.write(ours, b"\n" + b"hello\n" * 10_000)
        process.send_signal(signal.SIGINT)
        self.assertIn(b"again to stop at once", b"".join(process.stderr.readline() for _ in range(2)))
        self.assertIsNone(process.poll(), "it had no work at hand")
        self.assertTrue(any(out.iterdir()))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=PATIENCE), 130)
        self.assert_nothing_left(out)


class PlanTest(PacelineTest):
    def plan(self, **changes):
        found = json.loads(self.paceline("inspect", self.model, "--json").stdout)
        cpu = json.loads(self.doctor())["machine"]["cpu"]
        plan = {"schema_version": 1, "model_dir": str(self.model), "checkpoint_hash": found["hash"],
                "backend": "native", "compute_type": "fp32", "threads": 1, "order": "length", "batch_size": 2,
                "max_batch_tokens": 0, "window": 100, "cpu": cpu}
        plan.update(changes)
        return self.write("plan.json", json.dumps(plan))

    def test_obeys(self):
        expected = self.paceline("classify", self.model, stdin=b"a\nb\n").stdout
        result = self.paceline("classify", self.plan(), "--quiet", stdin=b"a\nb\n")
        self.assertEqual(result.stdout, expected)
        self.assertEqual(result.stderr, b"")

    def test_says_that_another_compute_type_was_not_accepted_with_the_plan(self):
        result = self.paceline("classify", self.plan(), "--compute-types", "int8", stdin=b"a\n")
        self.assertIn("native int8 overrides native fp32 of the plan", result.stderr.decode())
        self.assertIn("paceline verify", result.stderr.decode())

    def test_obeys_thresholds_and_long_texts_until_a_flag_says_otherwise(self):
        plan = self.plan(schema_version=2, labels=["low", "middle", "high"], threshold=1, long="window", stride=2)
        given = json.dumps({"text": "hello " * 200}).encode()
        row = json_rows(self.paceline("classify", plan, "--quiet", stdin=given).stdout)[0]
        self.assertIsNone(row["label"])
        self.assertGreater(row["windows"], 1)
        result = self.paceline("classify", plan, "--threshold", "0.1", "--long", "truncate", stdin=given)
        self.assertIn(json_rows(result.stdout)[0]["label"], ["low", "middle", "high"])
        self.assertIn("--threshold overrides the plan", result.stderr.decode())
        self.assertIn("--long overrides the plan", result.stderr.decode())
        self.fails("classify", self.plan(labels=["low", "high"]), stdin=given, expect=3, mentions=["middle", "labels"])

    def test_bench_keeps_what_labels_follow(self):
        texts = self.write("texts.txt", "\n".join(TEXTS))
        flags = ["--threshold", "0.25,high=1", "--class-weights", "low=2"]
        self.paceline("bench", self.model, "--text", texts, "--out", self.folder / "out", "--backends", "native",
                      "--compute-types", "fp32", "--batch-sizes", "2", "--budget", "1s", "--quiet", *flags)
        file = self.folder / "out" / "plan.json"
        plan = json.loads(file.read_text())
        self.assertEqual(plan["labels"], ["low", "middle", "high"])
        self.assertEqual(plan["problem_type"], "single_label_classification")
        self.assertEqual((plan["threshold"], plan["label_thresholds"], plan["class_weights"]),
                         (0.25, {"high": 1}, {"low": 2}))
        planned = self.paceline("classify", file, "--quiet", stdin=b"hello\n").stdout
        self.assertEqual(planned, self.paceline("classify", self.model, "--quiet", *flags, stdin=b"hello\n").stdout)
        self.fails("bench", MODELS / "roberta-regression", "--text", texts, "--out", self.folder / "none", "--threshold",
                   "0.5", expect=2, mentions="regression")

    def test_warns_on_another_machine(self):
        result = self.paceline("classify", self.plan(cpu="Z80"), "--quiet", stdin=b"a\n")
        self.assertIn("Z80", result.stderr.decode())

    def test_refuses_another_checkpoint(self):
        self.fails("classify", self.plan(checkpoint_hash="0" * 32), stdin=b"a\n", expect=3, mentions="0" * 32)

    def test_refuses_a_broken_plan(self):
        self.fails("classify", self.plan(schema_version=99), stdin=b"a\n", expect=3, mentions="schema_version")
        self.fails("classify", self.plan(order="longest"), stdin=b"a\n", expect=3, mentions="order")
        self.fails("classify", self.write("plan.json", "{"), stdin=b"a\n", expect=3, mentions="plan.json")
        self.fails("classify", self.folder / "none.json", stdin=b"a\n", expect=3, mentions="none.json")


class TokenizeTest(PacelineTest):
    def test_rows(self):
        output = json_rows(self.paceline("tokenize", self.model, stdin=b"hello\nb\xffd\n" + b"word " * 500).stdout)
        self.assertEqual(sorted(output[0]), ["input_ids", "tokens", "truncated"])
        self.assertEqual(len(output[0]["tokens"]), len(output[0]["input_ids"]))
        self.assertEqual(output[0]["truncated"], 0)
        self.assertEqual(list(output[1]), ["error"])
        self.assertEqual(len(output[2]["input_ids"]), 64, "cut to the model's limit")
        self.assertGreater(output[2]["truncated"], 0)

    def test_needs_no_weights(self):
        model = self.copy_model()
        (model / "model.safetensors").unlink()
        self.assertEqual(len(json_rows(self.paceline("tokenize", model, stdin=b"hello\n").stdout)), 1)


if __name__ == "__main__":
    unittest.main()
