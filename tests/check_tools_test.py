#!/usr/bin/env python3
"""The checkers of ./dev check find what they are for: each test plants one fault in a small tree."""

import pathlib
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

TOOLS = pathlib.Path(__file__).resolve().parent.parent / "tools"
sys.path[:0] = [str(TOOLS / "check"), str(TOOLS / "dev"), str(TOOLS / "make")]
import check_budgets  # noqa: E402
import check_docs  # noqa: E402
import check_layers  # noqa: E402
import dev_fuzz  # noqa: E402
import make_notices  # noqa: E402


class TreeTest(unittest.TestCase):
    """A tree in a temporary folder, from a dict of path: content."""

    def tree(self, files):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        root = pathlib.Path(folder.name)
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content, encoding="utf-8")
        return root

    def assert_one(self, problems, *parts):
        self.assertEqual(len(problems), 1, problems)
        for part in parts:
            self.assertIn(part, problems[0])


class FuzzTest(unittest.TestCase):
    def test_every_target_says_which_parser_it_is_for(self):
        self.assertEqual(dev_fuzz.targets(), sorted([*dev_fuzz.PARSERS, *dev_fuzz.RUST_PARSERS]))


class NoticesTest(TreeTest):
    LISTED = "serde 1.0.1: MIT. https://x\nengine 2.0: MIT. https://x\nfmt: MIT. https://x\n"

    def check(self, crate="1.0.1", part="engine", package="fmt", notices=LISTED):
        return make_notices.problems(notices, self.tree({
            "rust/Cargo.lock": f'[[package]]\nname = "ours"\nversion = "0.1.0"\n\n[[package]]\nname = "serde"\n'
                               f'version = "{crate}"\nsource = "registry"\n',
            "deps.lock": f"# part client package version\n{part} pip {part} 2.0 10 00\ntexts apt words 1 10 00\n",
            "CMakeLists.txt": f"find_package({package} REQUIRED)\nfind_package(Threads REQUIRED)\n"}))

    def test_accepts_what_is_listed(self):
        self.assertEqual(self.check(), [])

    def test_finds_each_kind_that_is_missing(self):
        self.assert_one(self.check(crate="1.0.2"), "crate serde 1.0.2")
        self.assert_one(self.check(part="motor"), "motor 2.0")
        self.assert_one(self.check(package="zlib"), "zlib")
        self.assertEqual(len(self.check(notices="")), 3)


class PluginInterfaceTest(TreeTest):
    SCRIPT = pathlib.Path(__file__).resolve().parent.parent / "cmake" / "PluginInterface.cmake"
    FILES = {"src/backend/plugin.h": '#include <string>\n#include "model/model.h"\n#include "public/batch.h"\n',
             "src/model/model.h": '#include "base/json.h"  // values\n#include "backend/plugin.h"\n',
             "src/base/json.h": "struct Json {};\n", "include/public/batch.h": "struct Batch {};\n",
             "src/base/other.h": "struct Other {};\n"}

    def interface(self, **changed):
        root = self.tree({**self.FILES, **changed})
        subprocess.run(["cmake", f"-DROOT={root}", "-DHEADER=backend/plugin.h", f"-DOUTPUT={root}/out.inc", "-P", self.SCRIPT],
                       check=True)
        return (root / "out.inc").read_text(encoding="utf-8")

    def test_covers_what_the_plugins_header_includes(self):
        same = self.interface()
        self.assertRegex(same, r'^#define PACELINE_PLUGIN_INTERFACE "[0-9a-f]{12}"\n$')
        self.assertEqual(self.interface(), same)
        self.assertEqual(self.interface(**{"src/base/other.h": "struct Other { int x; };\n"}), same)
        for name in ("src/model/model.h", "src/base/json.h", "include/public/batch.h"):
            self.assertNotEqual(self.interface(**{name: "struct Changed {};\n"}), same, name)


LAYERS = "base:\ntensor: base\nengine/interface = engine/options.h\nengine/interface: base\nengine: tensor engine/interface\n"


class LayersTest(TreeTest):
    def check(self, files, layers=LAYERS):
        return check_layers.check(self.tree({"tools/layers.txt": layers, **files}))

    def test_accepts_an_allowed_edge(self):
        self.assertEqual(self.check({"src/base/a.h": "#include <vector>\n", "src/tensor/b.cc": '#include "base/a.h"\n'}), [])

    def test_finds_a_forbidden_edge(self):
        problems = self.check({"src/tensor/a.h": "", "src/base/b.cc": '#include "tensor/a.h"\n'})
        self.assert_one(problems, "src/base/b.cc", "base may not include tensor")

    def test_finds_a_subfolder_that_follows_its_parent(self):
        problems = self.check({"src/tensor/a.h": "", "src/base/deep/b.cc": '#include "tensor/a.h"\n'})
        self.assert_one(problems, "base may not include tensor")

    def test_a_header_set_is_a_folder_of_its_own(self):
        problems = self.check({"src/tensor/a.h": "", "src/engine/options.h": '#include "tensor/a.h"\n'})
        self.assert_one(problems, "engine/interface may not include tensor")

    def test_only_tests_may_use_what_is_allowed_to_tests(self):
        files = {"src/tensor/a.h": "", "src/base/b_test.cc": '#include "tensor/a.h"\n'}
        self.assertEqual(self.check(files, LAYERS + "tests of base: tensor\n"), [])
        files["src/base/c.cc"] = '#include "tensor/a.h"\n'
        self.assert_one(self.check(files, LAYERS + "tests of base: tensor\n"), "src/base/c.cc")

    def test_only_tests_may_use_their_helpers(self):
        files = {"src/base/testing/a.h": "", "src/base/testing/b.h": '#include "base/testing/a.h"\n',
                 "src/tensor/c_test.cc": '#include "base/testing/a.h"\n'}
        self.assertEqual(self.check(files), [])
        files["src/tensor/d.cc"] = '#include "base/testing/a.h"\n'
        self.assert_one(self.check(files), "src/tensor/d.cc", "for tests")

    def test_a_star_is_each_folder_apart_from_the_others(self):
        layers = LAYERS + "engine/*: base\n"
        files = {"src/base/a.h": "", "src/tensor/b.h": "", "src/engine/one/c.h": '#include "base/a.h"\n'}
        self.assertEqual(self.check(files, layers), [])
        self.assert_one(self.check({**files, "src/engine/two/d.cc": '#include "engine/one/c.h"\n'}, layers),
                        "engine/two may not include engine/one")
        self.assert_one(self.check({**files, "src/engine/two/d.cc": '#include "tensor/b.h"\n'}, layers),
                        "engine/two may not include tensor")

    def test_finds_cycles(self):
        self.assert_one(self.check({}, "a: b\nb: c\nc: a\n"), "a -> b -> c -> a")
        files = {"src/base/a.h": '#include "base/b.h"\n', "src/base/b.h": '#include "base/a.h"\n'}
        self.assert_one(self.check(files), "base/a.h -> base/b.h -> base/a.h")

    def test_finds_third_party_in_public_headers(self):
        self.assertEqual(self.check({"include/paceline/a.h": "#include <string>\n#include <cstdint>\n"}), [])
        self.assert_one(self.check({"include/paceline/a.h": "#include <fmt/format.h>\n"}), "fmt/format.h")

    def test_finds_two_types_of_one_name(self):
        files = {"src/base/a.h": "struct Row {\n};\nstruct Other;\n", "src/tensor/b.h": "class Other {\n};\n"}
        self.assertEqual(self.check(files), [])
        files["src/tensor/c.h"] = "class Row final : public Base {\n};\n"
        self.assert_one(self.check(files), "src/tensor/c.h: defines Row, as src/base/a.h does")

    def test_finds_missing_headers_and_unknown_folders(self):
        self.assert_one(self.check({"src/base/b.cc": '#include "base/none.h"\n'}), "base/none.h")
        self.assert_one(self.check({"src/new/b.cc": ""}), "src/new/b.cc", "layers.txt")

    def test_finds_a_forbidden_link(self):
        problems = self.check({"src/base/CMakeLists.txt": "paceline_folder(base DEPENDS tensor LIBRARIES fmt::fmt)\n"})
        self.assert_one(problems, "base may not depend on tensor")


class BudgetsTest(TreeTest):
    def problems(self, files):
        return check_budgets.check(self.tree(files))[0]

    def test_finds_calls_of_the_file_system_that_throw(self):
        for line in ("if (std::filesystem::exists(path)) return;", "fs::absolute(file).string();",
                     "fs::rename(a, b);", "fs::create_directories(folder / std::string(name));",
                     "for (const auto& entry : fs::directory_iterator(folder, error)) use(entry);",
                     "fs::directory_iterator entry(folder);"):
            self.assert_one(self.problems({"src/base/a.cc": f"void f() {{\n  {line}\n}}\n"}), "src/base/a.cc:2")
            self.assertEqual(self.problems({"src/base/a_test.cc": f"void f() {{\n  {line}\n}}\n"}), [])
        for line in ("if (std::filesystem::exists(path, error)) return;", "fs::rename(a, b, ignored);",
                     "// fs::exists(path) throws", "fs::is_directory(status);", "fs::directory_iterator();",
                     "for (fs::directory_iterator entry(cpu, error), end; entry != end; entry.increment(error)) use();"):
            self.assertEqual(self.problems({"src/base/a.cc": f"void f() {{\n  {line}\n}}\n"}), [])

    def functions(self, text):
        return {f.name: f for f in check_budgets.cpp_functions("a.cc", text)}

    def test_finds_a_long_function_and_only_that(self):
        body = "  f();\n" * 59
        self.assert_one(self.problems({"a.cc": "void g() {\n" + body + "}\n" + "\nvoid h() {}\n" * 30}), "g has 61 lines")
        self.assertEqual(self.problems({"a.cc": "void g() {\n" + body[7:] + "}\n" + "\nvoid h() {}\n" * 30}), [])

    def test_finds_a_long_file(self):
        files = {f"{i}.cc": "int a;\n" for i in range(30)}
        self.assert_one(self.problems({**files, "long.cc": "int a;\n" * 801}), "801 lines")

    def test_finds_a_drifting_percentile(self):
        self.assert_one(self.problems({f"{i}.cc": "int a;\n" * 600 for i in range(4)}), "95 %", "600")

    def test_finds_parameters(self):
        problems = self.problems({"a.cc": "int f(int a, int b, int c, int d, int e, int f, int g) { return a; }\n"})
        self.assert_one(problems, "7 parameters")

    def test_finds_the_rest(self):
        self.assert_one(self.problems({"a.cc": "// TO" "DO: later\n"}), "a.cc:1")
        self.assert_one(self.problems({"src/b.cc": "\n#if defined(__AVX2__)\n#endif\n"}), "src/b.cc:2", "__AVX2__")
        self.assertEqual(self.problems({"src/kernels/x86/target.h": "#if defined(__x86_64__)\n#endif\n"}), [])
        self.assert_one(self.problems({"a.cc": "// caf\u00e9\n"}), "not ASCII")
        self.assert_one(self.problems({"a.py": "def f(a, b, c, d, e, f, g):\n    pass\n"}), "7 parameters")

    def test_reads_cpp(self):
        text = r'''
namespace a { namespace {
template <typename T, int N = (1 << 2)>
std::vector<std::pair<int, T>> Deep::read(const std::map<int, T>& map, int b) const noexcept {
  auto f = [&](int x) { return "}" + '}' + x; };  // } in a comment
  if (b) { return {}; }
}
Deep::Deep(int a, int b) : a_{a}, b_(b) {
  run();
}
struct Plain { int a = 0; int get() const { return 1'000; } };
const char* const kRaw = R"(void no(int a) { )";
constexpr int kTable[] = {1, 2, 3};
enum class Kind { kA, kB };
class Caller : public Base { public: bool operator()(int a, int b) const override { return a < b; } };
#define MACRO(x) { x
PACELINE_BEGIN("avx2")
void last(std::function<void(int, int)> callback, int (*pointer)(int, int)) { callback(1, 2); }
}}
'''
        functions = self.functions(text)
        self.assertEqual(sorted(functions), ["Deep::Deep", "Deep::read", "get", "last", "operator_call"])
        self.assertEqual({n: f.parameters for n, f in functions.items()},
                         {"Deep::Deep": 2, "Deep::read": 2, "get": 0, "last": 2, "operator_call": 2})
        self.assertEqual(functions["Deep::Deep"].lines, 3)


    def classes(self, **files):
        return {f"{c.path}: {c.name}": c.lines for c in check_budgets.check(self.tree(files))[3]}

    def test_counts_a_class_with_its_members(self):
        header = ("#pragma once\nclass PACELINE_EXPORT Outer final : public Base<int> {\n  struct Inner {\n    int a;\n"
                  "  };\n};\n")
        source = ("Outer::Outer() : a_{1} {\n}\nint Outer::run() const {\n  struct Local {\n  } x;\n  return 1;\n}\n"
                  "void Outer::Inner::stop() {\n}\nvoid Elsewhere::run() {\n}\nenum class Kind {\n  kA\n};\n")
        found = self.classes(**{"src/a/outer.h": header, "src/a/outer.cc": source, "src/b/outer.cc": source})
        self.assertEqual(found, {"src/a/outer.h: Outer": 5 + 2 + 5, "src/a/outer.h: Outer::Inner": 3 + 2,
                                 "src/a/outer.cc: Local": 2, "src/b/outer.cc: Local": 2})

    def test_tells_classes_of_a_name_apart_by_their_file(self):
        source = "template <class T>\nclass Worker {\n};\nstruct State::Part {\n};\nvoid Worker::run() {\n}\n"
        self.assertEqual(self.classes(**{"src/a/x.cc": source, "src/a/y.cc": "struct Worker {};\n"}),
                         {"src/a/x.cc: Worker": 2 + 2, "src/a/x.cc: State::Part": 2, "src/a/y.cc: Worker": 1})

    def test_counts_a_rust_type_with_its_impl_blocks(self):
        text = """pub struct Long<'a> {
    name: &'a str,  // }
}
impl<'a> Long<'a> {
    pub fn name(&self) -> &str { "}" }
}
impl std::fmt::Display for Long<'_> {
    fn fmt(&self, f: &mut Formatter) -> Result<(), Error> {
        f.write_char('{')
    }
}
struct Pair(i32, i32);
enum Kind { A, B }
pub trait Named { fn name(&self) -> String; }
"""
        self.assertEqual(self.classes(**{"a.rs": text}),
                         {"a.rs: Long": 3 + 3 + 5, "a.rs: Pair": 1, "a.rs: Kind": 1, "a.rs: Named": 1})

    def test_counts_rust_functions(self):
        text = """impl A {
    fn short(&mut self, a: i32, b: (u8, u8)) -> Option<i32> { Some(a) }
    fn declared(&self);
}
fn outer<T: Into<i32>>(
    values: &[T],
) -> i32
where
    T: Copy,
{
    fn inner() {}
    1
}
pub unsafe extern "C" fn exported(a: *const A, message: *mut u8, message_size: usize) -> i32 { 1 }
"""
        found = {f.name: (f.lines, f.parameters) for f in check_budgets.rust_functions("a.rs", text)}
        self.assertEqual(found, {"short": (1, 2), "outer": (9, 1), "exported": (1, 2)})
        long = "fn long() {\n" + "    f();\n" * 59 + "}\n" + "fn h() {}\n" * 30
        self.assert_one(self.problems({"a.rs": long}), "a.rs:1: long has 61 lines")

    def test_finds_a_large_class_and_only_that(self):
        small = "".join(f"struct S{i} {{}};\n" for i in range(30))
        text = "class Large {\n" + "  int f() {\n    return 1;\n  }\n" * 82 + "%s};\n" + small
        self.assertEqual(self.problems({"a.h": text % "\n\n"}), [])
        self.assert_one(self.problems({"a.h": text % "\n\n\n"}), "a.h:1: Large has 251 lines with its members")

    def test_the_list_of_larger_classes_only_shrinks(self):
        def large(lines):
            return "class Large {\n" + "\n" * lines + "};\n" + "".join(f"struct S{i} {{}};\n" for i in range(30))

        with mock.patch.dict(check_budgets.LARGER_CLASSES, {"a.h: Large": 300}, clear=True):
            self.assertEqual(self.problems({"a.h": large(298)}), [])
            self.assert_one(self.problems({"a.h": large(299)}), "Large has 301 lines", "at most 300")
            self.assert_one(self.problems({"a.h": large(10)}), "needs no entry")


class DocsTest(TreeTest):
    def problems(self, text):
        return check_docs.check(self.tree({
            "README.md": text, "tools/make.py": "", "src/base/file.h": "",
            "dev": 'case $command in\n    setup | fresh-check) run ;;\n    *) fail ;;\nesac\n',
            "src/cli/bench.cc": 'app.add_subcommand("bench", "measures"); add_option("--text,-t");\n',
        }))[0]

    def test_accepts_what_exists(self):
        self.assertEqual(self.problems("`tools/make.py`, `base/file.h`, `./dev setup`, `./dev fresh-check`, "
                                       "[x](tools/make.py)\n\n"
                                       "    build/release/paceline bench out/a --text out/b.txt --help\n"), [])

    def test_finds_what_does_not(self):
        self.assert_one(self.problems("see `tools/none.py`\n"), "README.md:1", "tools/none.py")
        self.assert_one(self.problems("see `NONE.md`\n"), "NONE.md")
        self.assert_one(self.problems("[x](tools/none.py)\n"), "tools/none.py")
        self.assert_one(self.problems("`./dev bild`\n"), "./dev bild")
        self.assert_one(self.problems("`paceline bensh`\n"), "bensh")
        self.assert_one(self.problems("```\npaceline bench --tekst x\n```\n"), "README.md:2", "--tekst")

    def test_finds_anchors_that_no_heading_has(self):
        heading = "# Reading `tools/make.py`: how, and [why](tools/make.py)?\n"
        anchor = "#reading-toolsmakepy-how-and-why"
        self.assertEqual(self.problems(heading + f"[a]({anchor}), [b](README.md{anchor})\n"), [])
        self.assert_one(self.problems(heading + "[a](#reading)\n"), "#reading names no heading")
        self.assert_one(self.problems(heading + "[a](README.md#why)\n"), "README.md#why names no heading")

    def words_tree(self, page):
        table = "| concept | our word | not |\n|---|---|---|\n| weights | **model** | blob*, net |\n"
        return self.tree({"docs/vocabulary.md": table, "docs/page.md": page, "docs/adr/0001-a.md": "A blob.\n",
                          "CHANGELOG.md": "A blob.\n"})

    def test_finds_words_that_the_vocabulary_bans(self):
        for page in ("The Blobs of it.\n", "| a | blob |\n", "- a blob,\n"):
            self.assert_one(check_docs.check(self.words_tree(page))[0], "docs/page.md:1", '"blob"', "**model**")
        for page in ("Code: `blob`.\n", "    blob\n", "A blobfish, a blob-like net.\n"):
            self.assertEqual(check_docs.check(self.words_tree(page))[0], [])

    def test_warns_of_long_sentences(self):
        long = " ".join(["word"] * 36)
        broken = f"{long[:50]}\n{long[50:]}\n"
        for page, line in ((f"Short.\n\nAlso short. {long}.\n", 3), (f"- a\n- {long}\n", 2), (broken, 1)):
            self.assert_one(list(check_docs.warnings(self.words_tree(page))), f"docs/page.md:{line}:", "36 words")
        fine = " ".join(["word"] * 35)
        for page in (f"{fine}. {fine}! {fine}\n", f"- {fine}\n- {fine}\n", f"| {long} |\n", f"- a\n\n  | {long} |\n",
                     f"    {long}\n", f"# {long}\n", f"`{long}` {fine[5:]}\n"):
            self.assertEqual(list(check_docs.warnings(self.words_tree(page))), [], page)

    def test_leaves_prose_and_made_files_alone(self):
        self.assertEqual(self.problems("tools/none.py in prose, `out/demo/report`, `and/or`, `~/.cache/x`\n"), [])


if __name__ == "__main__":
    unittest.main()
