#!/usr/bin/env python3
"""Writes the manual page of paceline from its help texts, packed with gzip.

    cmake/package/man_page.py PROGRAM paceline.1.gz
"""

import gzip
import pathlib
import re
import subprocess
import sys

SEE_ALSO = """\
The folder /usr/share/doc/paceline/docs, or share/doc/paceline/docs of an unpacked tarball: install.md, bench.md, classify.md,
troubleshooting.md (exit codes, environment variables) and others.
"""


def output_of(program, *arguments):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def verbatim(text):
    """Lines as they stand. Backslashes, and dots and quotes at the start of a line, mean something to roff."""
    escaped = text.strip("\n").replace("\\", "\\e").replace("-", "\\-")
    return ".nf\n" + re.sub(r"^([.'])", r"\\&\1", escaped, flags=re.MULTILINE) + "\n.fi\n"


def man_page(program):
    general = output_of(program, "--help")
    version = output_of(program, "--version").split()[1]
    commands = re.findall(r"^  paceline ([a-z]+) ", general, re.MULTILINE)
    page = f'.TH PACELINE 1 "" "Paceline {version}"\n.SH NAME\npaceline \\- finds and runs the fastest way to classify texts\n'
    page += ".SH SYNOPSIS\n.B paceline\n.I COMMAND\n[flags]\n.SH DESCRIPTION\n" + verbatim(general)
    for command in commands:
        page += f".SH {command.upper()}\n" + verbatim(output_of(program, command, "--help"))
    return page + ".SH SEE ALSO\n" + SEE_ALSO


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, target = sys.argv[1], pathlib.Path(sys.argv[2])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(man_page(program).encode(), mtime=0))


if __name__ == "__main__":
    main()
