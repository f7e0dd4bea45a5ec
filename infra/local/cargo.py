#!/usr/bin/env python3
"""Runs cargo, and shares with all clones on this machine what it compiled of other people's crates.

    cargo.py build --release --locked …

What follows from Cargo.lock alone is the same in every clone. Before cargo runs, what the user's cache has of it is
linked into the target folder; after it has succeeded, what the cache lacks is linked there. Cargo checks every unit by
its own fingerprint and compiles what does not fit, so a wrong cache costs time and nothing else. Our own crates are
never shared: two clones have other sources under the same names. HILUM_COMPILED=off turns it off.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from packages import cache_folder

ROOT = Path(__file__).resolve().parents[2]
# Locks whose units are kept, the newest first; of what they have in common there is one copy on the disk.
KEPT_LOCKS = 3
# Written once and then only replaced, so that the cache and all clones can share one copy.
NEVER_CHANGED = (".rlib", ".rmeta", ".so")
# Goes up when what was kept before can't be used any more.
LAYOUT = b"2"


def key():
    """One for each toolchain, lock and set of profiles."""
    toolchain = subprocess.run(["rustc", "-vV"], check=True, capture_output=True).stdout
    digest = hashlib.sha256(toolchain + LAYOUT).hexdigest()[:8]
    inputs = b"".join((ROOT / name).read_bytes() for name in ("Cargo.lock", "Cargo.toml"))
    return f"{digest}-{hashlib.sha256(inputs).hexdigest()[:8]}"


class Cache:
    """A folder per key, in it one per profile, in it one per unit, with the unit's files as they lie below a profile."""

    def __init__(self, folder, key):
        self.folder, self.key = folder, key

    def seed(self):
        """The units of this key, or those of the newest other one of the same toolchain, most of which will fit."""
        own = self.folder / self.key
        if own.is_dir():
            return own
        others = [one for one in self.folder.glob(f"{self.key.partition('-')[0]}-*") if one.is_dir()]
        return max(others, key=lambda one: one.stat().st_mtime, default=None)

    def restore(self, target):
        """Links what the target folder lacks."""
        seed = self.seed()
        for cached in seed.iterdir() if seed else ():
            profile = target / cached.name
            if not of_one_origin(cached, profile):
                continue
            for unit in cached.glob("*"):
                if not any((profile / path).exists() for path in fingerprints(unit)):
                    copy(unit, profile)

    def keep(self, target, units):
        """Links what the cache lacks, and forgets the oldest keys."""
        for profile, hashes in units.items():
            if not of_one_origin(self.folder / self.key / profile, target / profile):
                continue
            files = files_by_unit(target / profile)
            for one in hashes:
                kept = self.folder / self.key / profile / one
                if not kept.exists() and files[one]:
                    self.add(kept, target / profile, files[one])
        own = self.folder / self.key
        if own.is_dir():
            os.utime(own)
        keys = sorted((one for one in self.folder.iterdir() if one.is_dir()), key=lambda one: -one.stat().st_mtime)
        for old in keys[KEPT_LOCKS:]:
            shutil.rmtree(old, ignore_errors=True)

    def add(self, kept, profile, paths):
        """All of a unit or nothing, also when two clones do it at a time."""
        kept.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".", dir=kept.parent))
        for path in paths:
            place = fresh / path.relative_to(profile)
            copy(path, place) if path.is_dir() else link(path, place)
        try:
            fresh.rename(kept)
        except OSError:  # another clone was faster
            shutil.rmtree(fresh)


def of_one_origin(cached, profile):
    """Whether the units of a profile are the same files here and in the cache, those that both have."""
    pairs = ((path, profile / "deps" / path.name) for path in cached.glob("*/deps/*") if path.suffix in NEVER_CHANGED)
    return all(is_same(ours, theirs) for theirs, ours in pairs if ours.exists())


def is_same(one, other):
    """Linked or copied from one another: a copy has the times of its source."""
    one, other = one.stat(), other.stat()
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def fingerprints(unit):
    return [path.relative_to(unit) for path in (unit / ".fingerprint").glob("*")]


def hash_of(name):
    """The one that cargo gives a unit stands at the end of the names of all its files."""
    return name.partition(".")[0].rpartition("-")[2]


def files_by_unit(profile):
    found = defaultdict(list)
    for path in (*profile.glob(".fingerprint/*"), *profile.glob("build/*"), *profile.glob("deps/*")):
        found[hash_of(path.name)].append(path)
    return found


def copy(source, target):
    """Fingerprints last: they say that the rest is there."""
    folders = sorted((Path(folder) for folder, _, _ in os.walk(source)), key=lambda one: ".fingerprint" in one.parts)
    for folder in folders:
        for path in folder.iterdir():
            if not path.is_dir():
                link(path, target / path.relative_to(source))


def link(source, target):
    """The same file where nobody changes it, else a copy with the same times, which fingerprints compare."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    if source.suffix in NEVER_CHANGED:
        try:
            os.link(source, target)
            return
        except OSError:  # another file system
            pass
    shutil.copy2(source, target)


def run(arguments, target):
    """Runs cargo; gives its exit code, and the units of other people's crates that it used, by profile."""
    command, *rest = arguments
    after = rest.index("--") if "--" in rest else len(rest)
    told = ["--message-format=json-render-diagnostics"]
    cargo = subprocess.Popen(["cargo", command, *rest[:after], *told, *rest[after:]], stdout=subprocess.PIPE, text=True)
    units = defaultdict(set)
    for line in cargo.stdout:
        if line.startswith("{"):
            for profile, unit in units_of(json.loads(line), target):
                units[profile].add(unit)
        else:
            print(line, end="", flush=True)
    return cargo.wait(), units


def units_of(message, target):
    """The units that a message of cargo is about, if they are other people's: their profiles and hashes."""
    if message.get("package_id", "").startswith("registry+"):
        for path in message.get("filenames", [message["out_dir"]] if "out_dir" in message else []):
            profile, folder, name, *_ = Path(path).relative_to(target).parts
            if folder in ("deps", "build"):
                yield profile, hash_of(name)


def main():
    arguments = sys.argv[1:]
    if os.environ.get("HILUM_COMPILED") == "off":
        os.execvp("cargo", ["cargo", *arguments])
    target = Path(os.path.abspath(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target"))
    cache = Cache(cache_folder() / "compiled", key())
    cache.restore(target)
    code, units = run(arguments, target)
    if code == 0:
        cache.keep(target, units)
    sys.exit(code)


if __name__ == "__main__":
    main()
