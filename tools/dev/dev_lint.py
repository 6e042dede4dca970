#!/usr/bin/env python3
"""clang-tidy, with the short list of .clang-tidy, over the C++ sources that changed.

    tools/dev/dev_lint.py [--all] [FILE...]

Changed means: against the merge base with the upstream branch (or main), with the working tree's changes; on that
branch itself, against the commit before. At most MOST_FILES, those with most changed lines.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_FILES = 8
BUILDS = ("release", "dev", "asan")


def git(*arguments):
    result = subprocess.run(["git", "-C", str(ROOT), *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                            text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else ""


def base_commit():
    head = git("rev-parse", "HEAD")
    for branch in ("@{upstream}", "origin/main", "main"):
        base = git("merge-base", "HEAD", branch)
        if base and base != head:
            return base
    return git("rev-parse", "--verify", "HEAD~1") or head


def changed_sources():
    """Changed .cc files, those with most changed lines first."""
    sizes = []
    for line in git("diff", "--numstat", "--diff-filter=d", base_commit(), "--", "*.cc").splitlines():
        added, removed, name = line.split("\t")
        if added.isdigit():
            sizes.append((int(added) + int(removed), name))
    return [name for _, name in sorted(sizes, reverse=True)]


def compile_commands():
    """(folder, files) of the first build that has its compile commands written."""
    for build in BUILDS:
        path = ROOT / "build" / build / "compile_commands.json"
        if path.is_file():
            entries = json.loads(path.read_text(encoding="utf-8"))
            return path.parent, {os.path.relpath(entry["file"], ROOT) for entry in entries}
    return None, set()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every source of the build")
    parser.add_argument("files", nargs="*")
    arguments = parser.parse_args()
    folder, known = compile_commands()
    if folder is None:
        print("lint: skipped, no build folder has its compile commands: run ./dev build first")
        return 0
    names = sorted(known) if arguments.all else arguments.files or changed_sources()
    names = [name for name in names if name in known]
    limited = names if arguments.all or arguments.files else names[:MOST_FILES]
    failed = [name for name in limited
              if subprocess.run(["clang-tidy", "--quiet", "-p", str(folder), str(ROOT / name)],
                                stderr=subprocess.DEVNULL, check=False).returncode != 0]
    left = f", {len(names) - len(limited)} smaller changes left out" if len(names) > len(limited) else ""
    print(f"lint: {len(limited)} changed files, {len(failed)} with findings{left}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
