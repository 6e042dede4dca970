#!/usr/bin/env python3
"""Checks that what the documents name exists, and their words.

    tools/check/check_docs.py [--root FOLDER]

In *.md at the root and below docs/, within `code` and indented or fenced blocks: every path of this tree, every
`./dev COMMAND`, every `paceline SUBCOMMAND --flag`; and every relative link with its anchor. Made files (build/, out/,
.deps/) are left to the commands that make them.

In the pages for people (README.md, CONTRIBUTING.md, HACKING.md, docs/*.md) also the words: those that docs/vocabulary.md
marks with a star in its column "not" are a fault outside of code, and a long sentence is a warning, which fails nothing.
"""

import argparse
import pathlib
import re
import sys

PAGES = ("README.md", "CONTRIBUTING.md", "HACKING.md")  # beside docs/*.md
MADE = ("build/", "out/", ".deps/", "DIR/")
LINK = re.compile(r"\]\(([^)\s]+)\)")
SPAN = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(?<![\w~$:/.<-])((?:\.\./|\./)?[\w.*-]+(?:/[\w.*-]+)+/?)(?![\w/<])")
NAME = re.compile(r"(?<![\w~$:/.<*-])([A-Za-z][\w-]*\.(?:md|py|sh|cc|h|lock))(?![\w/<])")
NAME_FOLDERS = ("include", "src", "tools", "tests", "docs", "rust/include")
FENCE = re.compile(r"^\s*(```|~~~)")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
LIST_ITEM = re.compile(r"^\s*(?:[-*]|\d+\.) +")
LONGEST_SENTENCE = 35  # words; docs are written for about twenty


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
    """(subcommands, flags) that src/cli, the backends' rows and the formats of export define as string literals."""
    files = [file for folder in ("cli", "backend", "export") for file in sorted((root / "src" / folder).rglob("*.cc"))]
    text = "".join(file.read_text(encoding="utf-8", errors="replace") for file in files
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


def anchors(text):
    """The anchors that GitHub gives the headings of a Markdown text."""
    plain = [re.sub(r"[^\w\- ]", "", LINK.sub("]", heading).lower()) for heading in HEADING.findall(text)]
    return {heading.replace(" ", "-") for heading in plain}


def link_problems(root, document, text):
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = document.parent / path if path else document
        if not file.exists() and not path.startswith(MADE):
            yield f"the link to {target} leads nowhere"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8")):
            yield f"the link to {target} names no heading of that page"


def pages(root):
    """The documents for users and developers: no decisions, no history."""
    return [file for file in documents(root)
            if file.parent == root / "docs" or file in [root / name for name in PAGES]]


def banned_words(root):
    """What docs/vocabulary.md marks with a star in the last column of its tables, with the words to use instead."""
    file = root / "docs/vocabulary.md"
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else []:
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3:
            found.update({word.strip()[:-1]: cells[1] for word in cells[2].split(",") if word.strip().endswith("*")})
    return found


def prose_of(text):
    """(line number, line) outside of fenced and indented blocks, with `spans` and the targets of links left out."""
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced and not line.startswith("    "):
            yield number, LINK.sub("]", SPAN.sub("`code`", line))


def word_problems(text, banned):
    for number, line in prose_of(text):
        for word, ours in banned.items():
            if re.search(rf"(?<![\w-]){re.escape(word)}s?(?![\w-])", line, re.IGNORECASE):
                yield number, f"\"{word}\" is a word that docs/vocabulary.md does not use: {ours}"


def long_sentences(text):
    """(line number, words) of each sentence of the paragraphs and lists that is too long; tables are left out."""
    paragraph, start, found = [], 0, []

    def close():
        for sentence in re.split(r"(?<=[.!?])[*)\"]* +", " ".join(paragraph)):
            words = len(re.findall(r"[^\s|]*\w[^\s|]*", sentence))
            if words > LONGEST_SENTENCE:
                found.append((start, words))
        paragraph.clear()

    for number, line in [*prose_of(text), (0, "")]:
        if not line.strip() or line.lstrip().startswith(("#", "|", ">")) or LIST_ITEM.match(line):
            close()
        if line.strip() and not line.lstrip().startswith(("#", "|")):
            start = start if paragraph else number
            paragraph.append(LIST_ITEM.sub("", line).strip())
    return found


def warnings(root):
    for page in pages(root):
        for number, words in long_sentences(page.read_text(encoding="utf-8")):
            yield f"{page.relative_to(root)}:{number}: a sentence of {words} words"


def check(root):
    commands, words = dev_commands(root), cli_words(root)
    problems, pieces, banned = [], 0, banned_words(root)
    for page in pages(root) if banned else []:
        if page != root / "docs/vocabulary.md":
            found = word_problems(page.read_text(encoding="utf-8"), banned)
            problems += [f"{page.relative_to(root)}:{number}: {problem}" for number, problem in found]
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
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    root = parser.parse_args().root
    problems, pieces = check(root)
    for warning in warnings(root):
        print(f"docs: warning: {warning}, expected at most {LONGEST_SENTENCE}")
    for problem in problems:
        print(f"docs: {problem}", file=sys.stderr)
    if not problems:
        print(f"docs: {len(documents(root))} documents, {pieces} pieces of code: what they name exists")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
