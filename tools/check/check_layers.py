#!/usr/bin/env python3
"""Checks every #include of src/ and include/ against tools/layers.txt.

    tools/check/check_layers.py [--root FOLDER]

Fails on an edge that the table does not allow, on a cycle in the table or between files, on a header that does not
exist, on a file of the product that includes a header of a testing/ folder, on a third-party header in include/paceline,
on a DEPENDS of a CMakeLists.txt that the table does not allow, and on two headers that define a type of one name: to the
linker they are one, and the wrong destructor runs.
"""

import argparse
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.MULTILINE)
TYPE = re.compile(r"^(?:struct|class|enum class)\s+(?:PACELINE_EXPORT\s+)?(\w+)(?:\s+final)?\s*(?::[^;{]*)?\{", re.MULTILINE)
TARGET = re.compile(r"paceline_folder\(\s*(\w+)([^)]*)\)")
KEYWORDS = {"LIBRARIES", "SUBFOLDERS", "TEST_LIBRARIES"}


class Layers:
    """The table: allowed edges, and which headers form a folder of their own."""

    def __init__(self, text):
        self.allowed, self.tests, self.sets = {}, {}, {}
        for number, line in enumerate(text.splitlines(), start=1):
            line = line.split("#")[0].strip()
            if not line:
                continue
            separator = "=" if "=" in line else ":"
            name, found, rest = line.partition(separator)
            if not found:
                raise ValueError(f"layers.txt:{number}: expected 'folder: folders' or 'name = headers'")
            name, values = name.strip(), rest.split()
            if separator == "=":
                self.sets.update(dict.fromkeys(values, name))
            elif name.startswith("tests of "):
                self.tests[name[len("tests of "):]] = set(values)
            else:
                self.allowed[name] = set(values)

    def folder_of(self, path):
        """The folder of the table that a path relative to src/ belongs to, or None."""
        if path in self.sets:
            return self.sets[path]
        parts = path.split("/")[:-1]
        while parts:
            folder, each = "/".join(parts), "/".join([*parts[:-1], "*"])
            if folder not in self.allowed and each in self.allowed and parts[-1] != "testing":
                self.allowed[folder] = self.allowed[each]
            if folder in self.allowed:
                return folder
            parts.pop()
        return None

    def may(self, source, target, in_test):
        return source == target or target in self.allowed[source] or (in_test and target in self.tests.get(source, ()))


def find_cycle(graph):
    """A list of nodes that starts and ends with the same node, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return [*path[path.index(node):], node]
        if node in done:
            return None
        path.append(node)
        for following in sorted(graph.get(node, ())):
            cycle = visit(following)
            if cycle:
                return cycle
        path.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        cycle = visit(node)
        if cycle:
            return cycle
    return None


def is_test(path):
    return path.endswith(("_test.cc", "_fuzz.cc", "_test.h")) or is_helper(path)


def is_helper(path):
    """Whether a file helps tests and benchmarks alone."""
    return "/testing/" in path


def is_generated(source_root, header):
    """Whether the CMakeLists.txt of the header's folder names it: then the build makes it."""
    lists = source_root / pathlib.PurePosixPath(header).parent / "CMakeLists.txt"
    return lists.is_file() and pathlib.PurePosixPath(header).name in lists.read_text(encoding="utf-8")


def check_sources(root, layers):
    """Problems of the files in src/, and their include graph."""
    problems, graph = [], {}
    source_root = root / "src"
    for file in sorted([*source_root.rglob("*.h"), *source_root.rglob("*.cc")]):
        path = file.relative_to(source_root).as_posix()
        folder = layers.folder_of(path)
        if folder is None:
            problems.append(f"src/{path}: its folder is not in tools/layers.txt; add a line for it")
            continue
        for kind, target in INCLUDE.findall(file.read_text(encoding="utf-8", errors="replace")):
            if kind == "<" or target.startswith("paceline/"):
                continue
            if not (source_root / target).is_file():
                if not (root / "rust/include" / target).is_file() and not is_generated(source_root, target):
                    problems.append(f'src/{path}: includes "{target}", which is neither in src/ nor in include/')
                continue
            graph.setdefault(path, set()).add(target)
            other = layers.folder_of(target)
            if other and not layers.may(folder, other, is_test(path)):
                problems.append(f'src/{path}: {folder} may not include {other} ("{target}"); see tools/layers.txt')
            if is_helper(target) and not is_test(path):
                problems.append(f'src/{path}: includes "{target}", which is for tests; no part of the product may')
    cycle = find_cycle(graph)
    if cycle:
        problems.append("files include one another in a circle: " + " -> ".join(cycle))
    return problems


def check_public(root):
    """The public headers stand alone: the standard library and one another."""
    problems = []
    for file in sorted((root / "include").rglob("*.h")):
        for kind, target in INCLUDE.findall(file.read_text(encoding="utf-8", errors="replace")):
            own = target.startswith("paceline/") and (root / "include" / target).is_file()
            if not own and (kind == '"' or not re.fullmatch(r"[a-z_]+", target)):
                problems.append(f"{file.relative_to(root)}: includes {target}; a public header may include "
                                "the standard library and paceline/*.h only")
    return problems


def check_types(root):
    """A type at the start of a line is in namespace paceline, which all folders share."""
    problems, places = [], {}
    for file in sorted([*(root / "src").rglob("*.h"), *(root / "include").rglob("*.h")]):
        for name in TYPE.findall(file.read_text(encoding="utf-8", errors="replace")):
            here = file.relative_to(root)
            other = places.setdefault(name, here)
            if other != here:
                problems.append(f"{here}: defines {name}, as {other} does; give one of them a name of its own")
    return problems


def check_cmake(root, layers):
    """What a folder links is what it may include."""
    problems = []
    by_target = {name.replace("/", "_"): name for name in layers.allowed}
    for file in sorted((root / "src").rglob("CMakeLists.txt")):
        for name, rest in TARGET.findall(file.read_text(encoding="utf-8")):
            words = rest.split()
            depends = words[words.index("DEPENDS") + 1:] if "DEPENDS" in words else []
            for word in depends:
                if word in KEYWORDS:
                    break
                folder, other = by_target.get(name), by_target.get(word)
                if folder is None or other is None or not layers.may(folder, other, False):
                    problems.append(f"{file.relative_to(root)}: {name} may not depend on {word}; see tools/layers.txt")
    return problems


def check(root):
    layers = Layers((root / "tools/layers.txt").read_text(encoding="utf-8"))
    cycle = find_cycle(layers.allowed)
    problems = [f"tools/layers.txt: a circle of folders: {' -> '.join(cycle)}"] if cycle else []
    return problems + check_sources(root, layers) + check_public(root) + check_types(root) + check_cmake(
        root, layers)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    root = parser.parse_args().root
    problems = check(root)
    for problem in problems:
        print(f"layers: {problem}", file=sys.stderr)
    if not problems:
        print("layers: every include follows tools/layers.txt")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
