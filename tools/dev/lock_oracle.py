#!/usr/bin/env python3
"""Writes tools/dev/requirements-oracle.txt and tools/dev/requirements-oracle5.txt: the packages of the oracle's two
venvs, each pinned with the sha256 of its wheel.

    python3.11 tools/dev/lock_oracle.py

The oracle tests compare Paceline with the original implementations, so the versions in WANTED are chosen by hand and
everything below them is what pip resolves for CPython 3.11 on Linux x86-64. PyTorch's wheel is linked against CUDA's
libraries and cannot be imported without them; what it only loads on demand, for a GPU, is left out (LEFT_OUT), which
is why the files are installed with --no-deps.

The second venv has transformers 5 and peft. It finds in the first what both can share, so that the second file holds
only what the first lacks and what has to be of another version (OF_ANOTHER_VERSION).
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

WANTED = [
    "transformers==4.57.1",
    "accelerate==1.15.0",
    "torch==2.11.0",
    "onnx==1.23.*",
    "onnxruntime==1.30.0",
    "onnxscript",
    "numpy",
    "sacremoses==0.2.0",
    "safetensors",
    "sentencepiece==0.2.3",
    "tokenizers",
]

# What the second venv is for. peft merges adapters, which is compared with.
WANTED_5 = ["transformers==5.24.0", "peft==0.21.2", "sacremoses", "sentencepiece", "torch"]
OF_ANOTHER_VERSION = {"transformers", "tokenizers", "huggingface-hub"}

# Compilers, profilers and solvers for a GPU.
LEFT_OUT = {
    "cuda-bindings",
    "cuda-pathfinder",
    "cuda-toolkit",
    "nvidia-cuda-nvrtc",
    "nvidia-cusolver",
    "nvidia-nvtx",
    "triton",
}


def resolve(python, wanted, constraints=()):
    """What pip would install, as a sorted list of (name, version, sha256)."""
    command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--only-binary", ":all:"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="ascii") as file:
        file.write("".join(f"{name}=={version}\n" for name, version, _ in constraints))
        file.flush()
        command += ["--constraint", file.name, "--report", "-", *wanted]
        report = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    packages = []
    for item in json.loads(report)["install"]:
        name = item["metadata"]["name"].lower().replace("_", "-")
        if name not in LEFT_OUT:
            digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
            packages.append((name, item["metadata"]["version"], digest))
    return sorted(packages)


def write_lock(target, packages):
    lines = ["# Written by tools/dev/lock_oracle.py; installed with --no-deps --require-hashes by ./dev setup oracle."]
    lines += [f"{name}=={version} --hash=sha256:{digest}" for name, version, digest in packages]
    temporary = target.with_suffix(".tmp")
    temporary.write_text("\n".join(lines) + "\n", encoding="ascii")
    os.replace(temporary, target)
    print(f"{target}: {len(packages)} packages")


def main():
    if sys.version_info[:2] != (3, 11):
        sys.exit(f"[lock_oracle] this is Python {sys.version.split()[0]}, the lock is made for 3.11. "
                 "Run it with python3.11.")
    target = pathlib.Path(__file__).with_name("requirements-oracle.txt")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = f"{folder}/bin/python"
        packages = resolve(python, WANTED)
        shared = [one for one in packages if one[0] not in OF_ANOTHER_VERSION]
        packages_5 = [one for one in resolve(python, WANTED_5, shared) if one not in shared]
    write_lock(target, packages)
    write_lock(target.with_name("requirements-oracle5.txt"), packages_5)


if __name__ == "__main__":
    main()
