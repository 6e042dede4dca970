#!/usr/bin/env python3
"""The installed tree by itself: the program, find_package, the example, plug-ins and engines found where it stands.

    tests/install_test.py BUILD_FOLDER
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "testdata" / "models" / "roberta-fp32"
BUILD = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 else ROOT / "build" / "release"
TEXTS = b"hello world\nla vie est belle\none more\nlast\n"


def run(*command, expect=0, **options):
    result = subprocess.run([str(part) for part in command], capture_output=True, check=False, timeout=300, **options)
    if result.returncode != expect:
        raise AssertionError(f"{command} ended with {result.returncode}\n{result.stdout.decode()}{result.stderr.decode()}")
    return result


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="paceline_install_"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        first = cls.folder / "first"
        engines = [file.stem for file in BUILD.glob("libpaceline_*.so")]
        for component in ("Unspecified", *(name.replace("libpaceline_", "engine_") for name in engines)):
            # Links instead of copies of what is half a gigabyte.
            mode = {"CMAKE_INSTALL_MODE": "ABS_SYMLINK"} if component == "engine_torch" else {}
            run("cmake", "--install", BUILD, "--prefix", first, "--component", component, env={**os.environ, **mode})
        # Moved afterwards, so that a path of installation inside would be found out.
        cls.prefix = cls.folder / "moved"
        first.rename(cls.prefix)
        cls.environment = {name: value for name, value in os.environ.items() if not name.startswith("PACELINE_")}
        cls.environment["XDG_CACHE_HOME"] = str(cls.folder / "cache")
        cls.program = cls.prefix / "bin" / "paceline"
        cls.plugins = cls.prefix / "lib" / "paceline"

    def classify(self, program, *arguments, **options):
        return run(program, *arguments, input=TEXTS, env=self.environment, **options).stdout.decode()

    def expected(self):
        return self.classify(BUILD / "paceline", "classify", MODEL, "--quiet")

    def build_example(self):
        build = self.folder / "example"
        if not (build / "classify").exists():
            run("cmake", "-S", ROOT / "examples", "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", "-G", "Ninja",
                "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror")
            run("cmake", "--build", build)
        return build / "classify"

    def test_the_tree_holds_what_it_should(self):
        for name in ("bin/paceline", "lib/libpaceline.so", "include/paceline/classifier.h",
                     "lib/cmake/paceline/pacelineConfig.cmake", "lib/cmake/paceline/pacelineConfigVersion.cmake",
                     "lib/cmake/paceline/pacelineTargets.cmake", "share/doc/paceline/LICENSE",
                     "share/doc/paceline/README.md", "share/doc/paceline/THIRD_PARTY_NOTICES"):
            self.assertTrue((self.prefix / name).exists(), name)
        plugins = sorted(file.name for file in (self.prefix / "lib/paceline").glob("libpaceline_*.so"))
        self.assertEqual(plugins, sorted(file.name for file in BUILD.glob("libpaceline_*.so")))

    def test_only_the_public_api_leaves_the_library(self):
        symbols = run("nm", "--dynamic", "--defined-only", "--demangle", self.prefix / "lib/libpaceline.so").stdout
        names = [line.split(None, 2)[2] for line in symbols.decode().splitlines()]
        self.assertTrue(any(name.startswith("paceline::Classifier::Classifier(") for name in names))
        known = r"(typeinfo (name )?for |vtable for )?paceline::(Classifier|Error|Backend|error_code_name|version|build_id)\b"
        self.assertEqual([name for name in names if not re.match(known, name)], [])

    def test_the_program_answers_as_the_built_one_does(self):
        self.assertEqual(self.classify(self.program, "classify", MODEL, "--quiet"), self.expected())

    def test_the_example_answers_as_the_program_does(self):
        answers = [line.split("\t") for line in self.classify(self.build_example(), MODEL).splitlines()]
        expected = [line.split("\t") for line in self.expected().splitlines()]
        self.assertEqual([label for label, _ in answers], [label for label, _ in expected])
        for (_, score), (_, wanted) in zip(answers, expected):
            self.assertAlmostEqual(float(score), float(wanted), delta=5e-6)  # a stream prints six digits

    def test_the_examples_errors_are_sentences(self):
        result = run(self.build_example(), "/nowhere", input=b"", expect=1)
        self.assertIn("/nowhere", result.stderr.decode())

    def plan(self, backend):
        plan = self.folder / "plan.json"
        hashed = re.search(r'"hash": "(\w+)"', run(self.program, "inspect", MODEL, "--json", env=self.environment).stdout
                           .decode())[1]
        plan.write_text(f'{{"schema_version": 1, "model_dir": "{MODEL}", "checkpoint_hash": "{hashed}", "threads": 1, '
                        f'"backend": "{backend}", "compute_type": "fp32", "order": "input", "window": 0, '
                        '"batch_size": 2, "max_batch_tokens": 0}')
        return plan

    def check_engine(self, backend, plugin, library):
        """That program and example answer with the plug-in and the engine of the tree, and with nothing of ours outside."""
        if not (self.plugins / library).exists():
            self.skipTest(f"built without the plug-in {plugin}, or with an engine of the user's own")
        labels = [line.split("\t")[0] for line in self.expected().splitlines()]
        plan = self.plan(backend)
        for command in ([self.program, "classify", plan, "--quiet"], [self.build_example(), plan]):
            result = run(*command, input=TEXTS, env={**self.environment, "LD_DEBUG": "files"})
            self.assertEqual([line.split("\t")[0] for line in result.stdout.decode().splitlines()], labels)
            loaded = re.findall(r"calling init: (\S+)", result.stderr.decode())
            self.assertIn(str(self.plugins / library), loaded)
            self.assertIn(str(self.plugins / plugin), loaded)
            self.assertEqual([name for name in loaded if name.startswith(str(ROOT)) or "/.deps/" in name], [])

    def test_onnxruntime_comes_from_the_tree(self):
        self.check_engine("onnxruntime", "libpaceline_onnxruntime.so", "libonnxruntime.so")

    def test_pytorch_comes_from_the_tree(self):
        self.check_engine("torch-eager", "libpaceline_torch.so", "libtorch_cpu.so")

    def test_the_readme_shows_the_example(self):
        code = (ROOT / "examples" / "classify.cc").read_text().splitlines()
        shown = "\n".join(f"    {line}" if line else "" for line in code)
        self.assertIn(shown, (ROOT / "README.md").read_text())


if __name__ == "__main__":
    unittest.main()
