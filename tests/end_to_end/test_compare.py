"""paceline compare: what it says of two reports, and how it ends."""

import copy
import json
import unittest

from harness import ROOT, PacelineTest

REPORT = ROOT / "testdata" / "report" / "results.json"


class CompareTest(PacelineTest):
    def setUp(self):
        super().setUp()
        self.report = json.loads(REPORT.read_text())
        self.old = self.write("old.json", REPORT.read_bytes())

    def new(self, change):
        """A later report that differs by what `change` does to it."""
        report = copy.deepcopy(self.report)
        change(report)
        return self.write("new.json", json.dumps(report))

    @staticmethod
    def scale(factor, chosen):
        """A change: the times of the chosen configurations grow by a factor."""
        def change(report):
            for row in report["configurations"]:
                if "ms_per_text" in row and chosen(row):
                    row["ms_per_text"] = {key: value * factor for key, value in row["ms_per_text"].items()}
        return change

    def test_a_report_against_itself(self):
        result = self.paceline("compare", self.old, self.old)
        self.assertIn("Nothing confirmed is slower beyond the tolerance of 2.0 %.", result.stdout.decode())
        self.assertNotIn("Differs", result.stdout.decode())

    def test_the_page_of_a_report_names_what_is_read(self):
        folder = self.folder / "report"
        folder.mkdir()
        (folder / "report.json").write_bytes(REPORT.read_bytes())
        page = self.write("report/report.html", "<!doctype html>")
        self.fails("compare", page, self.old, expect=2, mentions=[str(page), "report.json beside it"])
        self.paceline("compare", folder, self.old)
        plan = self.write("report/plan.json", "{}")
        for given in (folder, page, folder / "report.json"):
            self.fails("classify", given, stdin=b"a", expect=2, mentions=f"Name its plan: {plan}.")

    def test_a_slower_recommended_configuration_is_a_regression(self):
        slower = self.new(self.scale(1.2, lambda row: row["backend"] == "native" and row["confirmed"]))
        result = self.paceline("compare", self.old, slower, expect=5)
        self.assertIn("slower, beyond the tolerance", result.stdout.decode())
        self.assertIn("1.200", result.stdout.decode())
        self.paceline("compare", self.old, slower, "--tolerance", "0.3")
        self.paceline("compare", slower, self.old)

    def test_exploratory_figures_are_no_regression(self):
        slower = self.new(self.scale(1.2, lambda row: not row["confirmed"]))
        result = self.paceline("compare", self.old, slower)
        self.assertIn("exploratory", result.stdout.decode())

    def test_json(self):
        slower = self.new(self.scale(1.2, lambda row: row["confirmed"]))
        result = json.loads(self.paceline("compare", self.old, slower, "--json", expect=5).stdout)
        self.assertTrue(result["regressed"] and result["comparable"])
        self.assertAlmostEqual(result["recommended"]["ratio"]["median"], 1.2)
        self.assertGreater(result["recommended"]["ratio"]["low"], 1.02)
        self.assertEqual(result["recommended"]["change"], "slower")
        measured = [row for row in self.report["configurations"] if "ms_per_text" in row]
        self.assertEqual(len(result["configurations"]), len(measured))

    def test_lines_fit_80_columns(self):
        slower = self.new(self.scale(1.2, lambda row: True))
        for line in self.paceline("compare", self.old, slower, expect=5).stdout.decode().splitlines():
            self.assertLessEqual(len(line), 80)

    def test_other_texts_are_not_compared(self):
        other = self.new(lambda report: report["workload"].update(mean_tokens=99.5))
        result = self.paceline("compare", self.old, other, expect=3)
        self.assertIn("NOT COMPARABLE", result.stdout.decode())
        self.assertIn("99.50", result.stdout.decode())

    def test_another_machine_is_said_first(self):
        other = self.new(lambda report: report["machine"].update(cpu="Another CPU"))
        first = self.paceline("compare", self.old, other).stdout.decode().splitlines()[0]
        self.assertIn("Differs: the CPU", first)

    def test_a_lost_gate_is_a_regression(self):
        def reject(report):
            report["backends"][1]["gate"].update(accepted=False, verdict="12 of 256 texts got another label.")
        result = self.paceline("compare", self.old, self.new(reject), expect=5)
        self.assertIn("12 of 256", result.stdout.decode())

    def test_the_folder_of_a_report(self):
        folder = self.folder / "run"
        folder.mkdir()
        (folder / "report.json").write_bytes(REPORT.read_bytes())
        self.paceline("compare", folder, self.old)

    def test_refusals(self):
        newer = self.new(lambda report: report.update(schema_version=99))
        self.fails("compare", self.old, self.folder / "none.json", expect=3, mentions="none.json")
        self.fails("compare", self.old, newer, expect=3, mentions=["schema_version 99", "Update paceline"])
        self.fails("compare", self.old, self.write("cut.json", REPORT.read_bytes()[:1000]), expect=3,
                   mentions=["cut.json", "truncated"])
        self.fails("compare", self.old, self.write("plan.json", '{"schema_version": 1, "backend": "native"}'),
                   expect=3, mentions="report.json of paceline was expected")
        self.fails("compare", self.old, expect=2, mentions="NEW is missing")
        self.fails("compare", self.old, self.old, "--tolerance", "-1", expect=2, mentions="--tolerance")
        self.fails("compare", self.old, self.old, "--tolerance", "5", expect=2, mentions="--tolerance")


if __name__ == "__main__":
    unittest.main()
