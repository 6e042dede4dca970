#!/usr/bin/env python3
"""The report in Debian's chromium: no error, every value reachable, nothing wider than the page.

    report_browser_test.py REPORT_TOOL

Skipped only where there is no chromium and this is not CI. A copy of each page carries a second script, allowed by its
hash, which plays a user and writes what it found into the document.
"""

import base64
import hashlib
import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
WIDTHS = (360, 768, 1400)
TOOL = sys.argv.pop() if len(sys.argv) > 1 else ""

# Errors are collected from the first line on; a blocked script or style is one, too.
COLLECTOR = """
window.found = {errors: []};
addEventListener("error", (event) => found.errors.push(String(event.message)), true);
addEventListener("unhandledrejection", (event) => found.errors.push(String(event.reason)));
addEventListener("securitypolicyviolation", (event) => found.errors.push("blocked: " + event.violatedDirective));
for (const level of ["error", "warn"]) console[level] = (...words) => found.errors.push(words.join(" "));
"""

USER = """
const visible = (element) => element.getClientRects().length > 0;
const key = (element, name) => element.dispatchEvent(new KeyboardEvent("keydown", {key: name, bubbles: true}));
const tip = document.querySelector("#tip");
found.width = innerWidth;
found.scroll = document.documentElement.scrollWidth;

found.charts = {};
for (const figure of document.querySelectorAll("figure")) {
  if (!visible(figure)) continue;
  const box = figure.querySelector("svg").getBoundingClientRect();
  const outside = [...figure.querySelectorAll("text")].filter((text) => {
    const at = text.getBoundingClientRect();
    return at.left < box.left - 1 || at.right > box.right + 1 || at.top < box.top - 1 || at.bottom > box.bottom + 1;
  });
  found.charts[figure.dataset.chart] = {
    marks: figure.querySelectorAll(".mark").length,
    unnamed: [...figure.querySelectorAll(".mark")].filter((mark) => !mark.getAttribute("aria-label")).length,
    stops: figure.querySelectorAll(".mark[tabindex='0']").length,
    outside: outside.map((text) => text.textContent),
  };
}

// What sticks out of its section without a container that scrolls.
found.overflowing = [...document.querySelectorAll("section, section *, header *, footer *")].filter((element) => {
  if (!visible(element) || element.closest("svg, .scroll")) return false;
  return element.getBoundingClientRect().right > innerWidth + 1;
}).map((element) => element.tagName + " " + element.textContent.slice(0, 40));

const svg = [...document.querySelectorAll("figure svg")].find(visible);
const marks = [...svg.querySelectorAll(".mark")];
marks[0].focus();
found.focused = {shown: !tip.hidden, text: tip.textContent, label: marks[0].getAttribute("aria-label")};
const at = tip.getBoundingClientRect();
found.tip_inside = at.left >= 0 && at.right <= innerWidth;
key(marks[0], "ArrowRight");
found.second = document.activeElement === marks[1] && tip.textContent === marks[1].getAttribute("aria-label");
key(marks[1], "End");
found.last = document.activeElement === marks[marks.length - 1];
key(document.activeElement, "Escape");
found.escaped = tip.hidden;
marks[0].dispatchEvent(new PointerEvent("pointerover", {bubbles: true, pointerType: "mouse"}));
found.hovered = !tip.hidden;
document.activeElement.blur();
marks[0].dispatchEvent(new PointerEvent("pointerout", {bubbles: true, pointerType: "mouse"}));
found.left = tip.hidden;
marks[1].dispatchEvent(new MouseEvent("click", {bubbles: true}));
found.touched = !tip.hidden && tip.textContent === marks[1].getAttribute("aria-label");

const table = document.querySelector("table[aria-label^='The best of each']");
const heads = [...table.tHead.rows[0].cells];
const column = heads.findIndex((head) => head.textContent === "texts/s");
const values = () => [...table.tBodies[0].rows].filter((row) => row.cells.length === heads.length)
    .map((row) => Number(row.cells[column].textContent.replaceAll(",", "")));
const button = heads[column].querySelector("button");
button.click();
found.ascending = {values: values(), sort: heads[column].getAttribute("aria-sort")};
button.click();
found.descending = {values: values(), sort: heads[column].getAttribute("aria-sort")};

found.unlabelled = [...document.querySelectorAll("table, nav, section, .scroll")].filter((element) =>
    !element.getAttribute("aria-label") && !document.getElementById(element.getAttribute("aria-labelledby"))).length;
found.broken_links = [...document.querySelectorAll("a[href^='#']")].filter((link) =>
    !document.querySelector(link.getAttribute("href"))).length;
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
found.repeated_ids = ids.length - new Set(ids).size;

const out = document.createElement("pre");
out.id = "findings";
out.textContent = JSON.stringify(found);
document.body.append(out);
"""


def script_hash(script):
    return "'sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() + "'"


def instrumented(page):
    """The page with the collector as its first script and the user as its last, and a policy that lets them run."""
    allowed = " ".join(map(script_hash, (COLLECTOR, USER)))
    page = page.replace("script-src ", f"script-src {allowed} ", 1)
    page = page.replace("<title>", f"<script>{COLLECTOR}</script><title>", 1)
    return page.replace("</body>", f"<script>{USER}</script></body>", 1)


class BrowserTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if CHROMIUM is None:
            if os.environ.get("CI"):
                raise AssertionError("chromium was not found, and CI has to have it: ./dev setup browser.")
            raise unittest.SkipTest("chromium was not found; install it with ./dev setup browser")
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="paceline_browser_"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        for name in ("example", "article"):
            subprocess.run([TOOL, name, str(cls.folder / name)], check=True)

    def open(self, name, width):
        """What the user found in a page of this width. Chromium's own window is no narrower than 500 pixels, so the
        page stands in a frame."""
        page = (self.folder / name / "report.html").read_text(encoding="utf-8")
        inner = self.folder / f"{name}-{width}.html"
        inner.write_text(instrumented(page), encoding="utf-8")
        outer = self.folder / f"{name}-{width}-frame.html"
        outer.write_text("<!doctype html><body><iframe id=frame style='border:0' "
                         f"width={width} height=2000 src='{inner.name}'></iframe><script>frame.onload = () => "
                         "document.body.append(frame.contentDocument.querySelector('#findings'))</script>")
        result = subprocess.run(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--allow-file-access-from-files", f"--user-data-dir={self.folder / 'profile'}",
             f"--window-size={max(width, 500)},2000", "--virtual-time-budget=10000", "--dump-dom",
             outer.as_uri()], capture_output=True, text=True, timeout=120, check=True)
        findings = re.search(r'<pre id="findings">(.*?)</pre>', result.stdout, re.DOTALL)
        self.assertIsNotNone(findings, f"the page's scripts did not run to their end: {result.stderr[-2000:]}")
        return json.loads(html.unescape(findings[1]))

    def expected_marks(self, name):
        """Values that each chart has to show, counted in report.json."""
        report = json.loads((self.folder / name / "report.json").read_text())
        rows = [row for row in report["configurations"] if "ms_per_text" in row]
        engines = {(row["backend"], row["compute_type"]) for row in rows}
        backends = [is_ for is_ in report["backends"] if is_["load_ms"] > 0]
        counts = [count for count in report["workload"]["token_histogram"]["counts"] if count > 0]
        sizes = {row["batch_size"] for row in rows}
        sweep = report["length_sweep"]
        if len(engines) > 5:  # thinned out: each backend's fastest type that the gate accepted
            best = {}
            for row in rows:
                if row["accepted"]:
                    best.setdefault(row["backend"], []).append((not row["confirmed"], row["ms_per_text"]["median"],
                                                                row["compute_type"]))
            chosen = {(backend, min(list_)[2]) for backend, list_ in best.items()}
            sweep = [row for row in sweep if (row["backend"], row["compute_type"]) in chosen]
        return {"speedup": len(engines), "ms_per_text": len(rows), "order_gain": len(rows) // 2,
                "sequence_length": len(sweep), "lengths": len(counts) + 2 * len(sizes), "latency": 4 * len(engines),
                "memory_and_load": 2 * len(backends), "roof": len(engines)}

    def check(self, name, width):
        found = self.open(name, width)
        self.assertEqual(found["errors"], [])
        self.assertEqual(found["width"], width)
        self.assertLessEqual(found["scroll"], width, "the page scrolls sideways")
        self.assertEqual(found["overflowing"], [])
        self.assertEqual({chart: is_["marks"] for chart, is_ in found["charts"].items()}, self.expected_marks(name))
        for chart, is_ in found["charts"].items():
            self.assertEqual((is_["unnamed"], is_["stops"], is_["outside"]), (0, 1, []), chart)
        self.assertTrue(found["focused"]["shown"])
        self.assertEqual(found["focused"]["text"], found["focused"]["label"])
        for what in ("tip_inside", "second", "last", "escaped", "hovered", "left", "touched"):
            self.assertTrue(found[what], what)
        for direction, reverse in (("ascending", False), ("descending", True)):
            self.assertEqual(found[direction]["sort"], direction)
            self.assertEqual(found[direction]["values"], sorted(found[direction]["values"], reverse=reverse))
        self.assertEqual((found["unlabelled"], found["broken_links"], found["repeated_ids"]), (0, 0, 0))

    def test_every_width(self):
        for name in ("example", "article"):
            for width in WIDTHS:
                with self.subTest(name=name, width=width):
                    self.check(name, width)

    def test_without_its_script_every_value_is_still_there(self):
        page = (self.folder / "article" / "report.html").read_text(encoding="utf-8")
        self.assertEqual(page.count('<g class="mark"><title>'), 2 * sum(self.expected_marks("article").values()))
        self.assertNotIn("hidden", re.sub("<script>.*</script>", "", page, flags=re.DOTALL).split("</style>")[1])

    def test_an_error_would_be_seen(self):
        page = self.folder / "example" / "report.html"
        good = page.read_text(encoding="utf-8")
        self.addCleanup(page.write_text, good, encoding="utf-8")
        page.write_text(good.replace('"use strict";', '"use strict";;', 1), encoding="utf-8")
        # The page's own script no longer has the hash that its policy allows: blocked, so nothing answers.
        with self.assertRaises(AssertionError):
            self.check("example", 768)


if __name__ == "__main__":
    unittest.main()
