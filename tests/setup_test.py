#!/usr/bin/env python3
"""./dev setup: the rows it makes of Debian's indices and of mails, and that an index counts only by its signature."""

import contextlib
import dataclasses
import hashlib
import io
import json
import pathlib
import sys
import tarfile
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools/dev"))
import labelled_texts  # noqa: E402
import registries  # noqa: E402


def texts_of(folder, name):
    """{text: (split, label)}"""
    found = {}
    for split in labelled_texts.SPLITS:
        for line in (folder / f"{name}-{split}.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            found[row["text"]] = (split, row["label"])
    return found


class FolderTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="paceline-setup-")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")
        return self.folder / name


class DescriptionsTest(FolderTest):
    LONG = "A game in which snakes eat apples and grow longer."

    def make(self, packages, translations):
        files = {labelled_texts.PACKAGES: self.write("Packages", packages)}
        for language, name in labelled_texts.TRANSLATIONS.items():
            text = translations.replace("LANG", language)
            files[name] = self.write(name.replace("/", "_"), text)
        return labelled_texts.make_descriptions(files, self.folder)

    def package(self, name, section="games", source="", md5="1"):
        return (f"Package: {name}\nSection: {section}\n" + (f"Source: {source}\n" if source else "") +
                f"Description: short\nDescription-md5: {md5}\n\n")

    def translation(self, name, text, md5="1"):
        return f"Package: {name}\nDescription-md5: {md5}\nDescription-LANG: short\n {text}\n\n"

    def test_first_paragraph_on_one_line_with_its_section(self):
        about = self.make(self.package("snake"),
                          self.translation("snake", "A game in which snakes\n eat apples and grow longer.\n .\n More."))
        self.assertEqual({text: label for text, (_, label) in texts_of(self.folder, "en").items()}, {self.LONG: "games"})
        self.assertEqual(about["fr"]["labels"], {"games": 1})

    def test_leaves_out_other_sections_short_ones_repeated_ones_and_those_of_another_version(self):
        packages = (self.package("a") + self.package("b", section="contrib/libs") + self.package("c") +
                    self.package("d") + self.package("e", md5="2") + self.package("f", section="non-free/mail"))
        mail = "Fetches mail from one server and hands it to another one."
        self.make(packages, self.translation("a", self.LONG) + self.translation("b", f"{self.LONG} Library.") +
                  self.translation("c", "Short.") + self.translation("d", self.LONG) +
                  self.translation("e", f"{self.LONG} An older text.") + self.translation("f", mail))
        self.assertEqual({text: label for text, (_, label) in texts_of(self.folder, "en").items()},
                         {self.LONG: "games", mail: "mail"})

    def test_packages_of_one_source_stay_together(self):
        names = [f"p{i}" for i in range(120)]
        packages = "".join(self.package(name, source=f"source{i // 4} (1.2)") for i, name in enumerate(names))
        self.make(packages, "".join(self.translation(name, f"{self.LONG} Part {i}.") for i, name in enumerate(names)))
        found = texts_of(self.folder, "en")
        splits = [{found[f"{self.LONG} Part {i}."][0] for i in range(first, first + 4)} for first in range(0, 120, 4)]
        self.assertTrue(all(len(split) == 1 for split in splits))
        self.assertEqual(set.union(*splits), set(labelled_texts.SPLITS))

    def test_the_same_indices_give_the_same_files(self):
        packages = "".join(self.package(f"p{i}") for i in range(50))
        translations = [self.translation(f"p{i}", f"{self.LONG} Part {i}.") for i in range(50)]
        files = []
        for order in (translations, translations[::-1]):
            self.make(packages, "".join(order))
            files.append([(self.folder / f"en-{split}.jsonl").read_bytes() for split in labelled_texts.SPLITS])
        self.assertEqual(*files)


class MailsTest(FolderTest):
    def make(self, mails):
        """`mails`: (folder, source)"""
        path = self.folder / "mails.tgz"
        with tarfile.open(path, "w:gz") as archive:
            for i, (folder, source) in enumerate(mails):
                data = json.dumps({"text": source}).encode()
                member = tarfile.TarInfo(f"package/data/{folder}/{i:03}.json")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        labelled_texts.make_mails({labelled_texts.MAILS: path}, self.folder)
        return texts_of(self.folder, "mails")

    def labels(self, mails):
        return {text: label for text, (_, label) in self.make(mails).items()}

    def test_subject_and_body_without_addresses(self):
        self.assertEqual(self.labels([
            ("easy-ham-1", "From a@b.org Mon\nSubject: Lunch\nTo: c@d.org\n\nAsk some.one+x@mail.example\nabout it."),
            ("notes", "Subject: not a mail\n\nof a folder that has no label")]),
            {"Lunch. Ask <address> about it.": "ham"})

    def test_markup_and_charsets(self):
        self.assertEqual(self.labels([
            ("spam-1", "Subject: Win\nContent-Type: text/html\n\n<style>p {}</style><p>Win <b>now</b></p>"),
            ("spam-2", "Subject: Odd\nContent-Type: text/plain; charset=no-such\n\nstill read")]),
            {"Win. Win now": "spam", "Odd. still read": "spam"})

    def test_a_mail_sent_twice_counts_once_and_answers_stay_with_it(self):
        subjects = [f"Question {i}" for i in range(40)]
        mails = [("easy-ham-1", f"Subject: {subject}\n\nwhat about it?") for subject in subjects]
        mails += [("easy-ham-2", f"Subject: Re: [List] {subject}\n\nthis about it.") for subject in subjects]
        found = self.make([*mails, mails[0]])
        self.assertEqual(len(found), 80)
        for subject in subjects:
            self.assertEqual(found[f"{subject}. what about it?"][0], found[f"Re: [List] {subject}. this about it."][0])


class IndexTest(FolderTest):
    RELEASE = "Version: 12.16\nCodename: bookworm\nMD5Sum:\n 00 4 main/x\nSHA256:\n {digest} 4 main/x\n 11 4 main/x.xz\n"
    PIN = registries.Pin("descriptions", "apt-index:bookworm", "main/x", "12.15", 4, "0" * 64)

    def fetch(self, digest, pin=PIN):
        path = self.write("host_dists_bookworm_main_x", "list")
        self.write("host_dists_bookworm_InRelease", "signed")
        said = io.StringIO()
        with mock.patch.object(registries, "index_file", lambda suite, name: path), \
                mock.patch.object(registries, "update_indices", self.updates), \
                mock.patch.object(registries, "verified_release", self.release(digest)), contextlib.redirect_stdout(said):
            self.assertEqual(registries.fetch(pin), path)
        return said.getvalue()

    def release(self, digest):
        def read(path):
            self.assertEqual(path.read_text(encoding="utf-8"), "signed")
            return self.RELEASE.format(digest=digest)
        return read

    def setUp(self):
        super().setUp()
        self.updates = mock.Mock()
        self.digest = hashlib.sha256(b"list").hexdigest()

    def test_the_pinned_index_needs_no_network(self):
        self.assertEqual(self.fetch("", dataclasses.replace(self.PIN, sha256=self.digest)), "")
        self.updates.assert_not_called()

    def test_an_index_of_a_later_point_release_is_taken_and_named(self):
        said = self.fetch(self.digest)
        self.assertIn("12.16", said)
        self.assertIn("12.15", said)

    def test_an_index_that_the_release_does_not_name_is_refused(self):
        for digest in ("0" * 64, self.digest[:-1]):
            with self.assertRaisesRegex(registries.Problem, "another sha256"):
                self.fetch(digest)

    def test_the_index_of_another_suite_is_refused(self):
        with self.assertRaisesRegex(registries.Problem, "another one"):
            self.fetch(self.digest, dataclasses.replace(self.PIN, client="apt-index:trixie"))

    def test_a_release_without_a_signature_is_refused(self):
        path = self.write("InRelease", self.RELEASE.format(digest=self.digest))
        keyring = self.write("keyring.gpg", "")
        with mock.patch.object(registries, "debian_mirror", lambda: {"signed-by": str(keyring)}), \
                self.assertRaisesRegex(registries.Problem, "no good signature|gpgv"):
            registries.verified_release(path)

    def test_the_section_of_sha256_alone_counts(self):
        release = "MD5Sum:\n aa 4 main/x\nSHA256:\n bb 4 main/y\nSHA512:\n cc 4 main/x\n"
        self.assertIsNone(registries.release_sha256(release, "main/x"))
        self.assertEqual(registries.release_sha256(release, "main/y"), "bb")


class LockTest(unittest.TestCase):
    def test_every_part_can_be_fetched(self):
        import dev_setup
        for pin in registries.read_lock(ROOT / "deps.lock"):
            self.assertIn(pin.part, dev_setup.PARTS)
            self.assertIn(pin.client.split(":")[0], {*registries.FETCHERS, "apt-index"})


if __name__ == "__main__":
    unittest.main()
