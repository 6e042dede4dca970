#!/usr/bin/env python3
"""Makes THIRD_PARTY_NOTICES, or checks that nothing is missing from it.

    tools/make/make_notices.py            needs cargo and the crates that ./dev setup fetched
    tools/make/make_notices.py --check    needs neither: every crate of rust/Cargo.lock, every part of deps.lock and every
                                     package that CMake finds is listed, in the version that is locked
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTH = 120

# What is no crate: (name, version or "", licence, copyright, source, how it gets into what is built or installed).
# The name is what CMake's find_package or deps.lock calls it.
OTHERS = [
    ("fmt", "", "MIT", "2012-present, Victor Zverovich and {fmt} contributors", "https://github.com/fmtlib/fmt",
     "linked, and its headers compiled in"),
    ("nlohmann_json", "", "MIT", "2013-2022, Niels Lohmann", "https://github.com/nlohmann/json",
     "headers compiled in"),
    ("CLI11", "", "BSD-3-Clause", "2017-2022, University of Cincinnati, developed by Henry Schreiner under NSF AWARD "
     "1414736", "https://github.com/CLIUtils/CLI11", "headers compiled in"),
    ("xxHash", "", "BSD-2-Clause", "2012-2021, Yann Collet", "https://github.com/Cyan4973/xxHash",
     "headers compiled in"),
    ("ZLIB", "", "Zlib", "1995-2022, Jean-loup Gailly and Mark Adler", "https://zlib.net", "linked"),
    ("zstd", "", "BSD-3-Clause", "Meta Platforms, Inc. and affiliates", "https://github.com/facebook/zstd", "linked"),
    ("oniguruma", "", "BSD-2-Clause", "2002-2021, K.Kosako", "https://github.com/kkos/oniguruma",
     "linked: C sources within the crate onig_sys"),
    ("onnxruntime", "1.30.0", "MIT", "Microsoft Corporation", "https://github.com/microsoft/onnxruntime",
     "installed beside its plug-in, with its own LICENSE and ThirdPartyNotices.txt"),
    ("libonnxruntime-dev", "1.21.0", "MIT", "Microsoft Corporation", "https://github.com/microsoft/onnxruntime",
     "headers compiled in"),
    ("torch", "2.11.0", "BSD-3-Clause", "2016-present, Facebook, Inc. and PyTorch contributors",
     "https://github.com/pytorch/pytorch", "libtorch_cpu.so and libc10.so of its wheel, opened at run time; the wheel has "
     "its own LICENSE and NOTICE"),
    ("libgomp", "", "GPL-3.0 with GCC Runtime Library Exception", "Free Software Foundation, Inc.",
     "https://gcc.gnu.org", "libgomp.so.1 of torch's wheel, opened at run time"),
    ("libstdc++ and libgcc", "", "GPL-3.0 with GCC Runtime Library Exception", "Free Software Foundation, Inc.",
     "https://gcc.gnu.org", "linked; inside the program and a plug-in of packages"),
    ("sacremoses", "0.2.0", "MIT", "2020, alvations", "https://github.com/hplt-project/sacremoses",
     "the lists of characters in rust/src/characters.txt and of abbreviations in rust/src/moses.rs, which it has from "
     "Moses, LGPL-2.1-or-later, https://github.com/moses-smt/mosesdecoder"),
    ("nvidia-cuda-runtime", "13.0.96", "NVIDIA CUDA Toolkit EULA", "NVIDIA Corporation",
     "https://docs.nvidia.com/cuda/eula/", "libcudart.so.13, which libtorch_cpu.so opens"),
    ("nvidia-cuda-cupti", "13.0.85", "NVIDIA CUDA Toolkit EULA", "NVIDIA Corporation",
     "https://docs.nvidia.com/cuda/eula/", "libcupti.so.13, which libtorch_cpu.so opens"),
]
# What CMake finds for the build and the tests alone, and what deps.lock fetches to lint or to be measured on.
NOT_SHIPPED = {"Threads", "GTest", "Python3", "benchmark", "rapidcheck", "paceline"}
UNSHIPPED_PARTS = {"check", "texts", "minilm", "descriptions", "mails", "encoders"}

LICENCE_FILES = re.compile(r"(LICEN[CS]E|COPYING|NOTICE|COPYRIGHT)", re.IGNORECASE)


def locked_crates(root=ROOT):
    """(name, version) of each crate that comes from elsewhere. Python 3.9 has no TOML; cargo writes these fields so."""
    lock = (root / "rust/Cargo.lock").read_text(encoding="utf-8")
    return sorted(re.findall(r'^name = "(.+)"\nversion = "(.+)"\nsource = ', lock, re.MULTILINE))


def locked_parts(root=ROOT):
    """(part, package, version) of each line of deps.lock."""
    lines = (line.split() for line in (root / "deps.lock").read_text(encoding="utf-8").splitlines())
    return [(words[0], words[2], words[3]) for words in lines if words and not words[0].startswith("#")]


def cmake_packages(root=ROOT):
    files = [root / "CMakeLists.txt", *root.glob("cmake/*.cmake"), *root.glob("src/**/CMakeLists.txt")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    return set(re.findall(r"^\s*find_package\((\w+)", text, re.MULTILINE))


def heading(name, version):
    return f"{name} {version}".strip()


def problems(notices, root=ROOT):
    """What is missing from the text of THIRD_PARTY_NOTICES."""
    listed = set(re.findall(r"^(\S.*?): ", notices, re.MULTILINE))
    found = [f"crate {heading(*crate)}" for crate in locked_crates(root) if heading(*crate) not in listed]
    for part, package, version in locked_parts(root):
        upstream = re.split(r"[+-]", version)[0]
        if part not in UNSHIPPED_PARTS and heading(package, upstream) not in listed:
            found.append(f"{heading(package, upstream)} of deps.lock")
    for package in sorted(cmake_packages(root) - NOT_SHIPPED):
        if not any(name == package or name.startswith(package + " ") for name in listed):
            found.append(f"the CMake package {package}")
    return found


def crate_metadata():
    """Name and version to (licence, source, folder), as cargo sees the locked crates."""
    command = ["cargo", "metadata", "--offline", "--locked", "--format-version", "1", "--manifest-path",
               str(ROOT / "rust/Cargo.toml")]
    packages = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["packages"]
    return {(crate["name"], crate["version"]): (crate["license"] or "see its licence file", crate["repository"] or
                                                 f"https://crates.io/crates/{crate['name']}",
                                                 pathlib.Path(crate["manifest_path"]).parent) for crate in packages}


def wrapped(text):
    return textwrap.fill(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)


def make():
    metadata = crate_metadata()
    lines = ["Third-party notices", "",
             wrapped("Paceline is under the Apache License 2.0 (LICENSE). It is built from, linked to, or installed with the "
                     "works below, which are under licences of their own. Made by tools/make/make_notices.py."),
             "", "Libraries and engines", "---------------------", ""]
    for name, version, licence, copyright_line, source, how in OTHERS:
        lines.append(wrapped(f"{heading(name, version)}: {licence}. Copyright (c) {copyright_line}. {source} ({how})"))
    lines += ["", "Crates of the tokenizer (rust/Cargo.lock)", "-----------------------------------------", ""]
    texts = {}
    for crate in locked_crates():
        if crate not in metadata:
            # Locked for another system: listed by name, as nothing of it is built here.
            lines.append(f"{heading(*crate)}: not built on Linux. https://crates.io/crates/{crate[0]}")
            continue
        licence, source, folder = metadata[crate]
        lines.append(wrapped(f"{heading(*crate)}: {licence}. {source}"))
        for file in sorted([*folder.iterdir(), *folder.glob("oniguruma/COPYING")]):
            if file.is_file() and LICENCE_FILES.match(file.name):
                text = "\n".join(line.rstrip() for line in file.read_text("utf-8", "replace").strip().splitlines())
                texts.setdefault(text, []).append(heading(*crate))
    lines += ["", "Licence texts", "-------------", ""]
    for text, crates in texts.items():
        lines += ["=" * WIDTH, wrapped("Of " + ", ".join(dict.fromkeys(crates)) + ":"), "", text, ""]
    return "\n".join(lines + standard_texts()) + "\n"


def standard_texts():
    """The texts of the licences that the table names and no crate brings, with the copyright lines above."""
    lines = []
    for name in ("MIT", "BSD-2-Clause", "BSD-3-Clause"):
        text = (ROOT / "tools/make/licences" / f"{name}.txt").read_text(encoding="utf-8").strip()
        names = ", ".join(heading(*entry[:2]) for entry in OTHERS if entry[2] == name)
        lines += ["=" * WIDTH, wrapped(f"Of {names}, each with its copyright line above:"), "", text, ""]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    arguments = parser.parse_args()
    file = ROOT / "THIRD_PARTY_NOTICES"
    if not arguments.check:
        file.write_text(make(), encoding="utf-8")
    missing = problems(file.read_text(encoding="utf-8") if file.is_file() else "")
    for what in missing:
        print(f"THIRD_PARTY_NOTICES: {what} is missing. Run tools/make/make_notices.py.", file=sys.stderr)
    if not missing:
        print(f"notices: {len(locked_crates())} crates and {len(OTHERS)} other works, none missing")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
