#!/usr/bin/env python3
"""Checks the budgets that keep the code readable; BUDGETS and the rules below are the one place that states them.

    tools/check/check_budgets.py [--root FOLDER] [--list N]

A class is as long as its body and its member functions outside of it together; a Rust type as its definition and its
impl blocks in the same file. --list prints the N longest functions, classes and files. Looks at what git tracks, or at
every file where there is no git.
"""

import argparse
import ast
import dataclasses
import pathlib
import re
import subprocess
import sys
from dataclasses import dataclass

# name: (95th percentile, cap)
BUDGETS = {"file": (500, 800), "function": (45, 60), "class": (150, 250)}
PLURALS = {"file": "files", "function": "functions", "class": "classes"}
MAX_PARAMETERS = 6
# Classes that are over the cap still, and the lines that each may have until it is divided. The list only shrinks: an
# entry that is no longer needed is a problem too.
LARGER_CLASSES = {}
CODE = {".cc", ".h", ".py", ".sh", ".rs", ".cmake"}
SKIPPED_FOLDERS = ("testdata/", ".deps/", "build/", "out/")
ISA_HEADER = "src/kernels/x86/target.h"
ISA_CONDITION = re.compile(
    r"^[ \t]*#[ \t]*(?:el)?if.*\b(__(?:AVX|SSE|FMA|BMI|F16C|x86_64|i386|amd64|aarch64|arm|ARM|riscv|CUDA)\w*|_M_\w+)",
    re.MULTILINE)
# What of std::filesystem throws where the disk disagrees, unless it is given an error_code; base/paths.h has what throws
# our Error instead.
FILESYSTEM_CALL = re.compile(
    r"\b(?:std::filesystem|fs)::(?:exists|is_\w+|status|symlink_status|file_size|last_write_time|absolute|relative|"
    r"proximate|canonical|weakly_canonical|equivalent|read_symlink|current_path|temp_directory_path|space|copy\w*|"
    r"create_\w+|remove(?:_all)?|rename|resize_file|permissions|(?:recursive_)?directory_iterator(?:\s+\w+)?)\s*\(")
FOLDER_LOOP = re.compile(r"\bfor\s*\([^;{}]*?:\s*(?:std::filesystem|fs)::(?:recursive_)?directory_iterator\b")
LEFT_TO_DO = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b")


@dataclass(frozen=True)
class Function:
    name: str
    path: str
    line: int
    lines: int
    parameters: int


@dataclass(frozen=True)
class Class:
    """Of C++ a class, struct or union, of Rust a type; `lines` is what all of it has."""
    name: str
    path: str
    line: int
    lines: int


# ---- C++ ------------------------------------------------------------------------------------------------------------

CPP_NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/'                                   # comments
    r'|R"([^(\s"]*)\(.*?\)\1"'                              # raw strings
    r'|"(?:[^"\\\n]|\\.)*"'                                 # strings
    r"|(?<![\w'])'(?:[^'\\\n]|\\[^\n]{1,8}?)'"              # characters, not digit separators
    r'|^[ \t]*#(?:[^\n\\]|\\[^\n]|\\\n)*'                   # preprocessor
    r'|^[A-Z][A-Z0-9_]+\([^()\n]*\)[ \t]*$',                # a macro that stands alone on its line
    re.DOTALL | re.MULTILINE)


def blank(text):
    """The same text with comments, strings and preprocessor lines as spaces: every offset and line stays."""
    return CPP_NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def matching(text, start):
    """The offset of the bracket that closes the one at `start`, or the end of the text."""
    pairs = {"{": "}", "(": ")", "[": "]"}
    opening, closing, depth = text[start], pairs[text[start]], 0
    for offset in range(start, len(text)):
        if text[offset] == opening:
            depth += 1
        elif text[offset] == closing:
            depth -= 1
            if depth == 0:
                return offset
    return len(text) - 1


def strip_prefix(header):
    """A function's header without template<...>, attributes and access labels."""
    header = re.sub(r"\[\[.*?\]\]|\b(?:public|private|protected)\s*:(?!:)|__attribute__\s*\(\(.*?\)\)|\balignas\s*\([^)]*\)",
                    " ", header.replace("<<", "  "), flags=re.DOTALL)
    while match := re.match(r"\s*template\s*<", header):
        depth, offset = 1, match.end()
        while offset < len(header) and depth:
            depth += {"<": 1, ">": -1}.get(header[offset], 0)
            offset += 1
        header = header[offset:]
    return header


def parse_header(header):
    """(name, number of parameters) when the text before a brace heads a function, else None."""
    header = strip_prefix(header)
    if re.match(r"\s*(?:namespace|class|struct|union|enum|extern)\b(?![^;]*\)\s*(?:const|noexcept|override|->|$))", header):
        return None
    header = re.sub(r"operator\s*\(\s*\)", "operator_call", header)
    match = re.search(r"([\w~:]+|operator\s*\S+?|\])\s*\(", header)
    if not match:
        return None
    opening = match.end() - 1
    parameters = header[opening + 1:matching(header, opening)]
    name = "lambda" if match[1] == "]" else match[1]
    return name, count_parameters(parameters)


def count_parameters(text):
    """Commas outside of any bracket, and one more."""
    if not text.strip() or text.strip() == "void":
        return 0
    depth, count = 0, 1
    text = text.replace("->", "  ").replace("<=", "  ").replace(">=", "  ")
    for character in text:
        if character in "<([{":
            depth += 1
        elif character in ">)]}":
            depth -= 1
        elif character == "," and depth == 0:
            count += 1
    return count


def is_member_initialiser(header):
    """Whether a brace after this text initialises a member or base in a constructor's list."""
    return bool(re.search(r"\)\s*(?:noexcept\s*)?:(?!:)[^;]*[\w>]\s*$", header)) and \
        not re.search(r"\b(?:const|override|final|noexcept|try)\s*$", header)


def cpp_functions(path, text):
    """Every function of a C++ file; a lambda or local class counts as part of the function around it."""
    text = blank(text)
    functions, start, offset = [], 0, 0
    while offset < len(text):
        character = text[offset]
        if character in ";}":
            start = offset + 1
        elif character == "(":
            offset = matching(text, offset)
        elif character == "{":
            header = text[start:offset]
            if is_member_initialiser(header):
                offset = matching(text, offset) + 1
                continue
            found = parse_header(header)
            if found:
                end = matching(text, offset)
                first = start + len(header) - len(header.lstrip())
                line = text.count("\n", 0, first) + 1
                functions.append(Function(found[0], path, line, text.count("\n", first, end) + 1, found[1]))
                offset = end
            elif re.search(r"=\s*$", header) or re.search(r"\benum\b", header):
                offset = matching(text, offset)
            start = offset + 1
        offset += 1
    return functions


CPP_CLASS = re.compile(
    r"(?<![\w<])(?<!enum )(?:class|struct|union)\s+(?:\[\[[^\]]*\]\]\s*)?(?:[A-Z_]+\s+)?((?:\w+::)*\w+)(?:\s*<[^{};]*>)?"
    r"(?:\s+final)?\s*(?::(?!:)[^{};()]*)?\{")


def cpp_bodies(path, text):
    """The body of each class, from its name to its closing brace; a nested one has its outer class in its name."""
    text = blank(text)
    found, outer = [], []
    for match in CPP_CLASS.finditer(text):
        outer = [(name, end) for name, end in outer if end > match.start()]
        end = matching(text, match.end() - 1)
        name = "::".join([name for name, _ in outer] + [match[1]])
        found.append(Class(name, path, text.count("\n", 0, match.start()) + 1, text.count("\n", match.start(), end) + 1))
        outer.append((match[1], end))
    return found


def cpp_classes(bodies, functions):
    """The bodies with their member functions that stand outside: in the same file, or elsewhere in its folder. Two
    classes of a name in one folder's .cc files are told apart by the file. A member of a template outside of its body and
    an operator outside of it are not counted."""
    members = {}
    folders = {(pathlib.PurePath(body.path).parent, body.name): body for body in bodies if body.path.endswith(".h")}
    files = {(body.path, body.name): body for body in bodies}
    for function in functions:
        owner = function.name.rpartition("::")[0]
        body = files.get((function.path, owner)) or folders.get((pathlib.PurePath(function.path).parent, owner))
        if owner and body:
            members[body] = members.get(body, 0) + function.lines
    return [dataclasses.replace(body, lines=body.lines + members.get(body, 0)) for body in bodies]


# ---- Rust -----------------------------------------------------------------------------------------------------------

RUST_NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/'                                   # comments
    r'|\bb?r(#*)".*?"\1'                                    # raw strings
    r'|"(?:[^"\\]|\\.)*"'                                  # strings
    r"|'(?:[^'\\\n]|\\[^\n]{1,10}?)'",                     # characters, not lifetimes
    re.DOTALL)
RUST_FUNCTION = re.compile(r"(\bextern\s+)?\bfn\s+(\w+)\s*")
RUST_TYPE = re.compile(r"\b(?:struct|enum|union|trait)\s+(\w+)[^;{(]*(?:\{|\([^;{]*;|;)")
RUST_IMPL = re.compile(
    r"^[ \t]*(?:unsafe )?impl\b[^{;]*?(?:\bfor\s+)?(?:&|mut\s|'\w+\s|\w+::)*(\w+)(?:<[^{;]*>)?\s*(?:where\b[^{]*)?\{",
    re.MULTILINE)


def blank_rust(text):
    return RUST_NOISE.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)


def rust_functions(path, text):
    """Every function with a body; one inside of another, or a closure, is part of it. Across the C ABI, which has no
    slices, a pointer and its x_size are one parameter."""
    text = blank_rust(text)
    functions, end = [], 0
    for match in RUST_FUNCTION.finditer(text):
        if match.start() < end:
            continue
        opening = text.find("(", match.end())
        closing = matching(text, opening)
        body = re.compile(r"[{;]").search(text, closing)
        if not body or body[0] == ";":
            continue
        names = re.sub(r"^\s*&?\s*(?:'\w+\s+)?(?:mut\s+)?self\b[^,]*,?", "", text[opening + 1:closing])
        if match[1]:
            names = re.sub(r"\b\w+_size\s*:[^,]*,?", "", names)
        end = matching(text, body.start())
        functions.append(Function(match[2], path, text.count("\n", 0, match.start()) + 1,
                                  text.count("\n", match.start(), end) + 1, count_parameters(names.rstrip(", \n"))))
    return functions


def rust_classes(path, text):
    """Each type of a file with the impl blocks for it in that file."""
    text = blank_rust(text)
    lines, places = {}, {}
    for pattern in (RUST_TYPE, RUST_IMPL):
        for match in pattern.finditer(text):
            end = matching(text, match.end() - 1) if match[0].endswith("{") else match.end() - 1
            places.setdefault(match[1], text.count("\n", 0, match.start()) + 1)
            lines[match[1]] = lines.get(match[1], 0) + text.count("\n", match.start(), end) + 1
    return [Class(name, path, places[name], lines[name]) for name in lines]


# ---- Python and shell -----------------------------------------------------------------------------------------------


def python_functions(path, text):
    functions = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            arguments = node.args
            names = [a.arg for a in [*arguments.posonlyargs, *arguments.args]] + [a.arg for a in arguments.kwonlyargs]
            count = len([n for n in names if n not in ("self", "cls")])
            functions.append(Function(node.name, path, node.lineno, node.end_lineno - node.lineno + 1, count))
    return functions


def shell_functions(path, text):
    functions = []
    for match in re.finditer(r"^(\w+)\(\) [{(]", text, re.MULTILINE):
        end = re.compile(r"^[})]", re.MULTILINE).search(text, match.end())
        last = end.start() if end else len(text)
        lines = text.count("\n", match.start(), last) + 1
        functions.append(Function(match[1], path, text.count("\n", 0, match.start()) + 1, lines, 0))
    return functions


# ---- the check ------------------------------------------------------------------------------------------------------


def names_from_git(root):
    """Or none where there is no git, or root is no checkout."""
    try:
        result = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    except FileNotFoundError:
        return []
    return [name for name in result.stdout.split("\0") if name]


def tracked_files(root):
    names = names_from_git(root)
    if not names:
        names = [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]
    return sorted(name for name in names if not name.startswith(SKIPPED_FOLDERS) and (root / name).is_file())


def language(root, name):
    suffix = pathlib.PurePath(name).suffix
    if suffix in CODE:
        return suffix
    if suffix:
        return None
    with open(root / name, "rb") as stream:
        first = stream.readline(80)
    if first.startswith(b"#!"):
        return ".py" if b"python" in first else ".sh"
    return None


def percentile95(values):
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * 95 // 100) - 1)] if ordered else 0


def check_filesystem(name, text):
    """Calls of std::filesystem that throw its own exceptions; tests may."""
    if not name.startswith("src/") or not name.endswith((".cc", ".h")) or \
            re.search(r"_(?:test|fuzz)\.cc$|/(?:golden|testing/\w+)\.(?:h|cc)$", name):
        return []
    code = blank(text)
    found = [match.start() for match in FOLDER_LOOP.finditer(code)]
    for match in FILESYSTEM_CALL.finditer(code):
        arguments = code[match.end():matching(code, match.end() - 1)]
        if arguments.strip() and not re.search(r"\b(?:error|ignored)\b|^\s*\w*status\s*$", arguments):
            found.append(match.start())
    return [f"{name}:{text.count(chr(10), 0, start) + 1}: std::filesystem without an error_code throws what is no Error; "
            "see base/paths.h" for start in sorted(set(found))]


def check_text(name, text):
    """What must not stand in a file at all."""
    problems = check_filesystem(name, text)
    for match in LEFT_TO_DO.finditer(text):
        problems.append(f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}; do it, or open an issue")
    if name != ISA_HEADER and name.endswith((".cc", ".h")):
        for match in ISA_CONDITION.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            problems.append(f"{name}:{line}: #if on {match[1]} outside {ISA_HEADER}")
    if not text.isascii():
        line = next(i for i, content in enumerate(text.splitlines(), start=1) if not content.isascii())
        problems.append(f"{name}:{line}: not ASCII; write an escape")
    return problems


def read_tree(root):
    """(problems, lines by file, functions, classes)."""
    problems, files, functions, bodies, classes = [], {}, [], [], []
    scanners = {".cc": cpp_functions, ".h": cpp_functions, ".rs": rust_functions, ".py": python_functions,
                ".sh": shell_functions}
    for name in tracked_files(root):
        kind = language(root, name)
        if kind is None:
            continue
        text = (root / name).read_text(encoding="utf-8", errors="replace")
        files[name] = text.count("\n")
        problems += check_text(name, text)
        if kind in scanners:
            functions += scanners[kind](name, text)
        if kind in (".cc", ".h"):
            bodies += cpp_bodies(name, text)
        elif kind == ".rs":
            classes += rust_classes(name, text)
    return problems, files, functions, classes + cpp_classes(bodies, functions)


def check_classes(classes):
    problems, larger = [], dict(LARGER_CLASSES)
    for item in classes:
        entry = f"{item.path}: {item.name}"
        most = larger.pop(entry, BUDGETS["class"][1])
        if item.lines > most:
            problems.append(f"{item.path}:{item.line}: {item.name} has {item.lines} lines with its members, at most {most}")
        elif item.lines <= BUDGETS["class"][1] < most:
            problems.append(f"{item.path}:{item.line}: {item.name} has {item.lines} lines, which needs no entry in "
                            "LARGER_CLASSES; take it out")
    return problems


def check(root):
    problems, files, functions, classes = read_tree(root)
    for name, lines in files.items():
        if lines > BUDGETS["file"][1]:
            problems.append(f"{name}: {lines} lines, at most {BUDGETS['file'][1]}")
    for function in functions:
        place = f"{function.path}:{function.line}: {function.name}"
        if function.lines > BUDGETS["function"][1]:
            problems.append(f"{place} has {function.lines} lines, at most {BUDGETS['function'][1]}")
        if function.parameters > MAX_PARAMETERS:
            problems.append(f"{place} takes {function.parameters} parameters, at most {MAX_PARAMETERS}; "
                            "make an options struct")
    problems += check_classes(classes)
    figures = {"file": percentile95(files.values()), "function": percentile95([f.lines for f in functions]),
               "class": percentile95([c.lines for c in classes])}
    for kind, figure in figures.items():
        if figure > BUDGETS[kind][0]:
            problems.append(f"95 % of all {PLURALS[kind]} have up to {figure} lines, expected {BUDGETS[kind][0]}")
    return problems, files, functions, classes, figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--list", type=int, default=0, metavar="N", help="print the N longest functions, classes and files")
    arguments = parser.parse_args()
    problems, files, functions, classes, figures = check(arguments.root)
    for function in sorted(functions, key=lambda f: -f.lines)[:arguments.list]:
        print(f"{function.lines:5} {function.path}:{function.line} {function.name}")
    for item in sorted(classes, key=lambda c: -c.lines)[:arguments.list]:
        print(f"{item.lines:5} {item.path}:{item.line} {item.name}")
    for name in sorted(files, key=lambda n: -files[n])[:arguments.list]:
        print(f"{files[name]:5} {name}")
    for problem in problems:
        print(f"budgets: {problem}", file=sys.stderr)
    if not problems:
        print(f"budgets: {len(files)} files (p95 {figures['file']} lines), "
              f"{len(functions)} functions (p95 {figures['function']} lines), "
              f"{len(classes)} classes (p95 {figures['class']} lines)")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
