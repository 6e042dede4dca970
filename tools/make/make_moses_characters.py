#!/usr/bin/env python3
"""Writes rust/src/characters.txt: the classes of characters by which XLM's and FlauBERT's texts are cut.

    .deps/venv/bin/python tools/make/make_moses_characters.py

Moses' classes come from the lists that sacremoses ships, the others from Python's own Unicode database, which has to be
that of the Python that the oracle's packages are pinned for: Unicode 14.
"""

import pathlib
import sys
import textwrap
import unicodedata

from sacremoses.tokenize import MosesTokenizer

UNICODE = "14.0.0"
TARGET = pathlib.Path(__file__).resolve().parents[2] / "rust/src/characters.txt"
HEAD = """\
# Written by tools/make/make_moses_characters.py: ranges of code points, hexadecimal.
# Alnum, Alpha, Number, Lower: lists of sacremoses. Control (Cc, Cf, Co), Unassigned (Cn), Mark (Mn), Decimal (Nd), Cased,
# CaseIgnorable: Unicode 14.
"""


def ranges(codes):
    """`first-last` of each run of codes."""
    codes, runs = sorted(set(codes)), []
    for code in codes:
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return [f"{first:x}-{last:x}" if first != last else f"{first:x}" for first, last in runs]


def of_categories(*categories):
    codes = (code for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    return [code for code in codes if unicodedata.category(chr(code)) in categories]


def of_case(is_in):
    """By what a capital sigma becomes beside a character: Python does not tell the classes themselves."""
    codes = (code for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    return [code for code in codes if is_in(*(("A\u03a3" + chr(code) + end).lower()[1] == "\u03c3" for end in ("", "A")))]


def main():
    if unicodedata.unidata_version != UNICODE:
        sys.exit(f"[make_moses_characters] this Python has Unicode {unicodedata.unidata_version}, expected {UNICODE}. "
                 "Run it with the oracle's Python 3.11.")
    classes = {
        "Alnum": map(ord, MosesTokenizer.IsAlnum),
        "Alpha": map(ord, MosesTokenizer.IsAlpha),
        "Number": map(ord, MosesTokenizer.IsN),
        "Lower": map(ord, MosesTokenizer.IsLower),
        "Control": of_categories("Cc", "Cf", "Co"),
        "Unassigned": of_categories("Cn"),
        "Mark": of_categories("Mn"),
        "Decimal": of_categories("Nd"),
        "Cased": of_case(lambda alone, before_letter: alone),
        "CaseIgnorable": of_case(lambda alone, before_letter: before_letter and not alone),
    }
    lines = []
    for name, codes in classes.items():
        for line in textwrap.wrap(" ".join(ranges(codes)), 120 - len(name) - 1, break_on_hyphens=False):
            lines.append(f"{name} {line}")
    TARGET.write_text(HEAD + "\n".join(lines) + "\n", encoding="ascii")
    print(f"{TARGET}: {len(lines)} lines")


if __name__ == "__main__":
    main()
