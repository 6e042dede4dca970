#!/usr/bin/env python3
"""Makes the demo's French texts from four Debian packages that ./dev setup unpacked.

    tools/demo/make_demo_texts.py --packages .deps/texts --out out/demo

  texts.txt             1,000 texts from developers-reference-fr, one a line, in no order: sentences, some paragraphs
                        and a few longer passages, so that lengths vary as they do in real text
  tokenizer-corpus.txt  every other sentence of all four packages, to train a tokenizer that has not seen the texts

The same packages give the same bytes: the draw goes by a hash, not by a random generator.
"""

import argparse
import gzip
import hashlib
import html.parser
import pathlib
import re
import sys

SOURCES = {
    "developers-reference-fr": "usr/share/developers-reference/fr/*.html",
    "debian-reference-fr": "usr/share/debian-reference/*.html",
    "debian-faq-fr": "usr/share/doc/debian/FAQ/fr/*.html",
    "manpages-fr": "usr/share/man/fr/man*/*.gz",
}
DRAWN_FROM = "developers-reference-fr"
TEXTS = 1000
# Most texts are sentences; one in ten is longer, so that the mean stays near 31 tokens and the tail reaches hundreds.
PARAGRAPHS = 80
PASSAGES = 15
PASSAGE_PARAGRAPHS = 5
SEED = "paceline demo 1"


class Paragraphs(html.parser.HTMLParser):
    """Collects the text of paragraphs, headings, terms and list items; code blocks and tables are left out."""

    BLOCKS = {"p", "h1", "h2", "h3", "h4", "h5", "dt", "dd", "li", "div", "section", "body"}
    SKIPPED = {"pre", "table", "script", "style", "head", "nav", "form"}

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.found = []
        self._parts = []
        self._skipping = []

    def _end_block(self):
        text = clean("".join(self._parts))
        self._parts = []
        if text:
            self.found.append(text)

    def handle_starttag(self, tag, attrs):
        if self._skipping or tag in self.SKIPPED or (tag == "a" and ("class", "headerlink") in attrs):
            self._skipping.append(tag)
        elif tag in self.BLOCKS:
            self._end_block()

    def handle_endtag(self, tag):
        if self._skipping:
            if tag in self._skipping:
                del self._skipping[self._skipping.index(tag):]
        elif tag in self.BLOCKS:
            self._end_block()

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_data(self, data):
        if not self._skipping:
            self._parts.append(data)


def html_paragraphs(source):
    parser = Paragraphs()
    parser.feed(source)
    parser.close()
    return parser.found


ROFF_ESCAPES = [
    (re.compile(r'\\".*'), ""),
    (re.compile(r"\\f(?:\[\w*\]|\(..|.)"), ""),
    (re.compile(r"\\s[-+]?\d"), ""),
    (re.compile(r"\\\*?(?:\[[^]]*\]|\([a-zA-Z]{2})"), " "),
    (re.compile(r"\\[&|^/,:%c]"), ""),
    (re.compile(r"\\[ ~0]"), " "),
    (re.compile(r"\\-"), "-"),
    (re.compile(r"\\e"), r"\\"),
    (re.compile(r"\\(.)"), r"\1"),
]
ROFF_INLINE = {"B", "I", "R", "BR", "RB", "BI", "IB", "IR", "RI", "SM", "SB"}
# From one of these to the other nothing is text.
ROFF_BLOCKS = {"EX": "EE", "nf": "fi", "TS": "TE", "SY": "YS", "de": "."}


def roff_text(text):
    text = text.replace(r"\(aq", "'").replace(r"\(dq", '"').replace(r"\[aq]", "'")
    for pattern, replacement in ROFF_ESCAPES:
        text = pattern.sub(replacement, text)
    return text


def roff_arguments(macro, rest):
    arguments = [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', rest)]
    # BR, RB and their like alternate fonts without a space between.
    return ("" if len(macro) == 2 and macro not in {"SM", "SB"} else " ").join(arguments)


def roff_paragraphs(source):
    found, parts, until = [], [], None
    for line in [*source.splitlines(), ".PP"]:
        macro, _, rest = line[1:].partition(" ") if line[:1] in (".", "'") else ("", "", line)
        macro = macro.strip()
        if until is not None:
            until = None if macro == until else until
        elif macro in ROFF_BLOCKS:
            until = ROFF_BLOCKS[macro]
        elif macro == "":
            parts.append(roff_text(rest))
        elif macro in ROFF_INLINE:
            parts.append(roff_text(roff_arguments(macro, rest)))
        elif not macro.startswith("\\"):
            found.append(clean(" ".join(parts)))
            parts = []
    return [text for text in found if text]


def clean(text):
    text = re.sub(r"\s+", " ", text.replace("\u00b6", " ").replace("\u00ad", "")).strip()
    return re.sub(r"^(?:[\u2022\u00b7*-]|\d+(?:\.\d+)*\.) ", "", text)


ABBREVIATIONS = ("p. ex.", "c.-\u00e0-d.", "cf.", "vs.", " M.", "env.", "ex.", " no.", " p.", "etc.", "i.e.", "e.g.")
CAPITALS = ("A-Z\u00c0\u00c2\u00c7\u00c9\u00c8\u00ca\u00cb\u00ce\u00cf"
            "\u00d4\u00d9\u00db\u00dc\u0152")
SENTENCE_END = re.compile(r"[.!?\u2026](?:\s\u00bb|\u00bb|\))?\s+(?=[" + CAPITALS + r"\u00ab\"(])")


def sentences(paragraph):
    begin = 0
    for match in SENTENCE_END.finditer(paragraph):
        sentence = paragraph[begin:match.end()].strip()
        if not sentence.endswith(ABBREVIATIONS):
            yield sentence
            begin = match.end()
    if begin < len(paragraph):
        yield paragraph[begin:].strip()


def is_prose(text):
    """Mostly letters: no rules, prompts or tables of digits."""
    letters = sum(c.isalpha() for c in text)
    return letters >= 2 and letters * 2 > len(text)


def read_paragraphs(packages, package):
    """Distinct paragraphs, in the files' order."""
    files = sorted((packages / package).glob(SOURCES[package]))
    if not files:
        sys.exit(f"[{packages / package}] no {SOURCES[package]} there, expected the package {package} unpacked. "
                 "Run ./dev setup texts.")
    found = {}
    for path in files:
        if path.suffix == ".gz":
            source, split = gzip.decompress(path.read_bytes()).decode("utf-8", "replace"), roff_paragraphs
        else:
            source, split = path.read_text("utf-8", "replace"), html_paragraphs
        found.update((text, None) for text in split(source) if is_prose(text))
    return list(found)


def draw(texts, count, purpose):
    """`count` of the texts (tuples of paragraphs), the same ones each time, in an order unrelated to them."""
    return sorted(texts, key=lambda t: hashlib.sha256(f"{SEED} {purpose} {' '.join(t)}".encode()).digest())[:count]


def distinct_sentences(paragraphs):
    return list(dict.fromkeys(s for paragraph in paragraphs for s in sentences(paragraph) if is_prose(s)))


def draw_texts(paragraphs):
    """Passages of several paragraphs, paragraphs of several sentences, and sentences, none within another.

    Returns the texts, and the set of all sentences in them."""
    size = PASSAGE_PARAGRAPHS
    passages = [tuple(paragraphs[i:i + size]) for i in range(0, len(paragraphs) - size + 1, size)]
    drawn = draw(passages, PASSAGES, "passages")
    taken = set(distinct_sentences(p for text in drawn for p in text))
    longer = [(p,) for p in paragraphs if len(list(sentences(p))) > 1 and taken.isdisjoint(sentences(p))]
    drawn += draw(longer, PARAGRAPHS, "paragraphs")
    taken.update(distinct_sentences(p for text in drawn for p in text))
    rest = [(s,) for s in distinct_sentences(paragraphs) if s not in taken]
    drawn += draw(rest, TEXTS - len(drawn), "sentences")
    taken.update(distinct_sentences(p for text in drawn for p in text))
    return [" ".join(text) for text in draw(drawn, TEXTS, "order")], taken


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=pathlib.Path, required=True, help="folder with one unpacked package each")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder to write to")
    arguments = parser.parse_args()

    paragraphs = {package: read_paragraphs(arguments.packages, package) for package in SOURCES}
    texts, held_out = draw_texts(paragraphs[DRAWN_FROM])
    corpus = [s for s in distinct_sentences(p for each in paragraphs.values() for p in each) if s not in held_out]

    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, lines in (("texts.txt", texts), ("tokenizer-corpus.txt", corpus)):
        temporary = arguments.out / f"{name}.part"
        temporary.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        temporary.replace(arguments.out / name)
    words = [len(text.split()) for text in texts]
    print(f"{len(texts)} texts of {min(words)} to {max(words)} words, {sum(words) / len(words):.1f} on average; "
          f"{len(corpus)} sentences to train the tokenizer")


if __name__ == "__main__":
    main()
