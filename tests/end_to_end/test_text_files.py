"""What files of texts come as: packed, in other encodings, with other delimiters, as JSON, or as no text at all."""

import csv
import gzip
import io
import json
import unittest

from harness import PacelineTest, json_rows, rows

CSV = 'id,text\n1,"good, film"\n2,bad film\n'


class TextFilesTest(PacelineTest):
    def labels(self, name, content, *flags, **options):
        """The rows of a file, and the same from standard input where the format is named."""
        return self.paceline("classify", self.model, "--quiet", "--input", self.write(name, content), *flags, **options)

    def table(self, output, delimiter=","):
        return list(csv.DictReader(io.StringIO(output.stdout.decode()), delimiter=delimiter))

    def test_a_table_is_the_same_however_it_comes(self):
        expected = [row["label"] for row in self.table(self.labels("plain.csv", CSV))]
        self.assertEqual(len(expected), 2)
        packed = gzip.compress(CSV.encode())
        for name, content in (("a.csv.gz", packed), ("packed.csv", packed), ("mac.csv", CSV.replace("\n", "\r")),
                              ("dos.csv", "\ufeff" + CSV.replace("\n", "\r\n")), ("le.csv", CSV.encode("utf-16")),
                              ("be.csv", "\ufeff".encode("utf-16-be") + CSV.encode("utf-16-be"))):
            with self.subTest(name):
                output = self.labels(name, content)
                self.assertEqual([row["label"] for row in self.table(output)], expected)
                data = content if isinstance(content, bytes) else content.encode()
                piped = self.paceline("classify", self.model, "--quiet", "--format", "csv", stdin=data)
                self.assertEqual(piped.stdout, output.stdout)

    def test_output_keeps_the_delimiter_and_says_what_it_guessed(self):
        excel = 'id;text\n1;"a;b"\n2;c, d\n'
        guessed = self.labels("excel.csv", excel)
        self.assertEqual([row["text"] for row in self.table(guessed, ";")], ["a;b", "c, d"])
        self.assertEqual(guessed.stderr.decode().count("a semicolon"), 1)
        named = self.labels("excel.csv", excel, "--delimiter", "semicolon")
        self.assertEqual((named.stdout, named.stderr), (guessed.stdout, b""))
        tabs = self.labels("reviews.tsv", "id\treview\n1\tgood, film\n", "--text-column", "review")
        self.assertEqual(self.table(tabs, "\t")[0]["review"], "good, film")
        self.assertEqual(self.labels("reviews.txt", "id\ttext\n1\tgood\n", "--delimiter", "\t").stdout.count(b"\t"), 10)
        self.fails("classify", self.model, "--input", self.write("b.csv", "id;review\n1;a\n"), expect=3,
                   mentions=["no column \"text\"", "--delimiter"])
        self.fails("classify", self.model, "--delimiter", "x", expect=2, mentions=["--delimiter", "comma, semicolon, tab"])

    def test_output_keeps_what_a_spreadsheet_looks_at(self):
        table = '\ufeff"text";"b"\r\ncaf\u00e9;"1\n2"\r\nlast;3;4\r\n'
        output = self.labels("excel.csv", table, "--delimiter", "semicolon").stdout.decode()
        self.assertTrue(output.startswith("\ufefftext;b;label;"), output)
        lines = output.split("\r\n")
        self.assertEqual(len(lines), 4)
        self.assertEqual(lines[1].count("\n"), 1)
        self.assertNotIn("\ufeff", output[1:])
        self.assertNotIn(b"\r", self.labels("plain.csv", CSV).stdout)

    def test_bench_and_verify_count_the_rows_that_they_leave_out(self):
        texts = self.write("data.jsonl", '{"text": "a"}\n{"text": 5}\nno JSON\n{"text": "b c"}\n')
        for command in (["verify", "--compute-types", "fp32"], ["bench", "--dry-run", "--batch-sizes", "1"]):
            result = self.paceline(command[0], self.model, *command[1:], "--text", texts, "--backends", "native", "--quiet")
            said = [line for line in result.stderr.decode().splitlines() if "left out" in line]
            self.assertEqual(len(said), 1, result.stderr)
            self.assertIn("2 of 4 rows of data.jsonl cannot be read and are left out. The first: [line 2]", said[0])

    def test_json_arrays_become_json_lines(self):
        objects = [{"text": "good", "id": 1}, {"text": "caf\u00e9\n", "id": [2, {"a": "]"}]}]
        for indent in (None, 2):
            output = json_rows(self.labels("a.json", json.dumps(objects, indent=indent)).stdout)
            self.assertEqual([{"text": row["text"], "id": row["id"]} for row in output], objects)
            self.assertEqual(sorted(output[0]), ["id", "label", "score", "text"])
        self.assertEqual([row["text"] for row in json_rows(self.labels("b.json", '["a", "b"]').stdout)], ["a", "b"])
        self.fails("classify", self.model, "--input", self.write("c.json", '{\n"data": []\n}'), expect=3, mentions="jq -c")

    def test_other_files_are_refused_by_name(self):
        for name, content, mentions in (("a.parquet", b"PAR1\x15\x04\x15\x10\x00", "a Parquet file"),
                                        ("a.xlsx", b"PK\x03\x04\x14\x00xl/workbook.xml\x00", "an Excel workbook"),
                                        ("a.txt", "a text\n".encode("utf-16-le"), "UTF-16LE"),
                                        ("a.csv", b"BZh91AY&SY\x01\x02", "bzip2")):
            for command in (["classify"], ["tokenize"], ["bench", "--out", self.folder / "out"]):
                flag = "--text" if command[0] == "bench" else "--input"
                self.fails(*command, self.model, flag, self.write(name, content), expect=3, mentions=[name, mentions])

    def test_flags_that_have_no_effect_are_refused(self):
        texts = self.write("a.txt", "hello\n")
        for command in (["classify", "--input"], ["tokenize", "--input"], ["verify", "--text"]):
            for flags in (["--text-column", "text"], ["--pair-column", "b"], ["--format", "txt", "--delimiter", "tab"]):
                self.fails(command[0], self.model, command[1], texts, *flags, expect=2, mentions=["read as txt", flags[-2]])
        self.fails("verify", self.model, "--format", "csv", expect=2, mentions=["--format", "--text"])
        self.fails("classify", self.model, "--input", texts, "--output-prefix", "p_", expect=2, mentions="--output-prefix")

    def test_damage_keeps_the_rows_before_it_and_is_no_success(self):
        packed = gzip.compress("".join(f"text {i * 7919 % 10007}\n" for i in range(3000)).encode())
        damaged = self.write("a.txt.gz", packed[:-6] + bytes([packed[-6] ^ 1]) + packed[-5:])
        target = self.folder / "out.tsv"
        result = self.paceline("classify", self.model, "--input", damaged, "--output", target, expect=3)
        output = rows(target.read_bytes())
        self.assertEqual(len(output), 3001)
        self.assertIn("Row 3001 and all behind it are lost", output[-1])
        self.assertIn("the gzip data is damaged", result.stderr.decode())
        self.paceline("tokenize", self.model, "--input", damaged, expect=3)
        self.fails("verify", self.model, "--text", damaged, "--backends", "native", expect=3, mentions="gzip data is damaged")

    def test_a_stray_quote_costs_one_row(self):
        table = "text,b\na,1\n\"open,2\n" + "row,3\n" * 3000
        result = self.paceline("classify", self.model, "--input", self.write("a.csv", table))
        output = self.table(result)
        self.assertEqual(len(output), 3002)
        self.assertEqual([i for i, row in enumerate(output) if row["error"]], [1])
        self.assertEqual(output[1]["text"], "open,2")
        self.assertIn("1 with an error", result.stderr.decode())
        self.labels("a.csv", table, "--strict", expect=3)

    def test_json_lines_that_are_no_json_are_kept(self):
        lines = ['{"id": 7, "score_in": NaN, "text": "good"}', '{"id": 8, "text": "b",}', '[1]', '{"id": 9}']
        output = json_rows(self.labels("a.jsonl", "\n".join([*lines, "", '{"text": "c"}\n'])).stdout)
        self.assertEqual([row.get("raw") for row in output], [*lines[:3], None, None])
        self.assertEqual([row.get("id") for row in output], [None, None, None, 9, None])
        self.assertTrue(all(row["error"] for row in output[:4]))
        self.assertTrue(output[4]["label"])

    def test_headers(self):
        self.assertEqual(rows(self.labels("a.csv", "id,text\n").stdout), ["id,text,label,score,truncated,error"])
        self.fails("classify", self.model, "--input", self.write("b.csv", ""), expect=3, mentions="empty")
        self.fails("classify", self.model, "--input", self.write("c.csv", "text,text\na,b\n"), expect=3, mentions="twice")
        self.fails("classify", self.model, "--input", self.write("d.csv", "id, text\n1,a\n"), expect=3,
                   mentions="Did you mean \" text\"")
        self.labels("e.csv", '\ufeff"text","b"\na,b\n')


if __name__ == "__main__":
    unittest.main()
