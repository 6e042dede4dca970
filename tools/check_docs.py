#!/usr/bin/env python3
"""Checks that what the documents name exists.

    tools/check_docs.py [--root FOLDER]

In *.md at the root and below docs/, within `code` and indented or fenced blocks: every path of this tree, every
`./dev COMMAND`, every `paceline SUBCOMMAND --flag`; and every relative link. Made files (build/, out/, .deps/) are left
to the commands that make them.
"""

import argparse
import pathlib
import re
import sys

MADE = ("build/", "out/", ".deps/", "DIR/")
LINK = re.compile(r"\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?<![\w~$:/.<-])((?:\.\./|\./)?[\w.*-]+(?:/[\w.*-]+)+/?)(?![\w/<])")
NAME = re.compile(r"(?<![\w~$:/.<*-])([A-Za-z][\w-]*\.(?:md|py|sh|cc|h|lock))(?![\w/<])")
NAME_FOLDERS = ("include", "src", "tools", "tests", "docs", "rust/include")
FENCE = re.compile(r"^\s*(```|~~~)")


def documents(root):
    return sorted([*root.glob("*.md"), *root.glob("docs/**/*.md")])


def code_of(text):
    """(line number, piece of code) of a Markdown text: fenced and indented blocks line by line, `spans` elsewhere."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if FENCE.match(line):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield number, line.strip()
        else:
            for span in SPAN.findall(line):
                yield number, span


def dev_commands(root):
    """The commands of the last case statement of ./dev."""
    script = (root / "dev").read_text(encoding="utf-8") if (root / "dev").is_file() else ""
    found = set()
    for line in re.findall(r"^\s+([\w| -]+)\)(?:\s|$)", script[script.rfind("case $command"):], re.MULTILINE):
        found.update(word.strip() for word in line.split("|"))
    return found


def cli_words(root):
    """(subcommands, flags) that the sources of src/cli define as string literals."""
    text = "".join(file.read_text(encoding="utf-8", errors="replace") for file in sorted((root / "src/cli").rglob("*.cc"))
                   if not file.name.endswith("_test.cc"))
    literals = re.findall(r'"((?:[^"\\\n]|\\.)*)"', text)
    flags = {flag for literal in literals for flag in re.findall(r"--[a-z][a-z0-9-]*", literal)}
    return {literal for literal in literals if re.fullmatch(r"[a-z]+", literal)}, flags | {"--help", "--version"}


def path_problems(root, document, code):
    """Paths and file names in a piece of code that are neither here nor beside the document."""
    for match in PATH.finditer(code):
        path = match[1].removeprefix("./")
        if path.startswith(MADE) or code[:match.start()].rstrip().endswith(("--out", "--output", "--input", "--text")):
            continue
        if (root / path.split("/")[0]).exists():
            bases = (root, document.parent)
        elif (root / "src" / path.split("/")[0]).exists():
            bases = (root / "src",)
        else:
            continue
        if not any(next(base.glob(path.rstrip("/")), None) for base in bases):
            yield f"{path} does not exist"
    for name in NAME.findall(code):
        if name.startswith("x_") or (root / name).exists() or (document.parent / name).exists():
            continue
        if not any(next((root / folder).rglob(name), None) for folder in NAME_FOLDERS):
            yield f"there is no file {name}"


def command_problems(code, commands, words):
    """Commands of ./dev and paceline in a piece of code that do not exist."""
    for command in re.findall(r"(?<![\w/])\./dev ([a-z][a-z-]*)", code):
        if command not in commands:
            yield f"./dev {command} is not a command of dev"
    subcommands, flags = words
    match = re.match(r"(?:\$ )?(?:[\w./]*/)?paceline ([a-z]+)(?![\w:.])(.*)", code)
    if match and subcommands:
        if match[1] not in subcommands:
            yield f"paceline {match[1]} is not a subcommand"
        for flag in re.findall(r"(?<!\S)(--[a-z][a-z0-9-]*)", match[2]):
            if flag not in flags:
                yield f"paceline {match[1]} has no flag {flag}"


def link_problems(root, document, text):
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:|#", target):
            continue
        path = target.split("#")[0]
        if not (document.parent / path).exists() and not path.startswith(MADE):
            yield f"the link to {target} leads nowhere"


def check(root):
    commands, words = dev_commands(root), cli_words(root)
    problems, pieces = [], 0
    for document in documents(root):
        text = document.read_text(encoding="utf-8")
        name = document.relative_to(root)
        problems += [f"{name}: {problem}" for problem in link_problems(root, document, text)]
        for number, code in code_of(text):
            pieces += 1
            found = [*path_problems(root, document, code), *command_problems(code, commands, words)]
            problems += [f"{name}:{number}: {problem}" for problem in found]
    return problems, pieces


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    problems, pieces = check(root)
    for problem in problems:
        print(f"docs: {problem}", file=sys.stderr)
    if not problems:
        print(f"docs: {len(documents(root))} documents, {pieces} pieces of code: what they name exists")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
