#!/usr/bin/env python3
"""Writes tools/requirements-oracle.txt: the packages of the oracle venv, each pinned with the sha256 of its wheel.

    python3.11 tools/lock_oracle.py

The oracle tests compare Paceline with the original implementations, so the versions in WANTED are chosen by hand and
everything below them is what pip resolves for CPython 3.11 on Linux x86-64. PyTorch's wheel is linked against CUDA's
libraries and cannot be imported without them; what it only loads on demand, for a GPU, is left out (LEFT_OUT), which
is why the file is installed with --no-deps.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

WANTED = [
    "transformers==4.57.1",
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


def resolve(python):
    """What pip would install, as a sorted list of (name, version, sha256)."""
    command = [python, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--only-binary", ":all:"]
    report = subprocess.run([*command, "--report", "-", *WANTED], check=True, stdout=subprocess.PIPE, text=True).stdout
    packages = []
    for item in json.loads(report)["install"]:
        name = item["metadata"]["name"].lower().replace("_", "-")
        if name not in LEFT_OUT:
            digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
            packages.append((name, item["metadata"]["version"], digest))
    return sorted(packages)


def main():
    if sys.version_info[:2] != (3, 11):
        sys.exit(f"[lock_oracle] this is Python {sys.version.split()[0]}, the lock is made for 3.11. "
                 "Run it with python3.11.")
    target = pathlib.Path(__file__).with_name("requirements-oracle.txt")
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        packages = resolve(f"{folder}/bin/python")
    lines = ["# Written by tools/lock_oracle.py; installed with --no-deps --require-hashes by ./dev setup oracle."]
    lines += [f"{name}=={version} --hash=sha256:{digest}" for name, version, digest in packages]
    temporary = target.with_suffix(".tmp")
    temporary.write_text("\n".join(lines) + "\n", encoding="ascii")
    os.replace(temporary, target)
    print(f"{target}: {len(packages)} packages")


if __name__ == "__main__":
    main()
