#!/usr/bin/env python3
"""Runs targets of the Makefile one after the other, and says how many there are, what each is for, how long it may take
and how long it took. What it took is kept in the user's cache for the next time.

    steps.py TARGET…        HILUM_STEPS=FILE adds the times to a file instead of printing them at the end
    steps.py --table FILE   prints such a file
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import cargo
from packages import cache_folder

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or cargo.ROOT / "target")


def fetched(name):
    return lambda: any(cache_folder().glob(name))


def compiled(profile, marks):
    """Whether other people's crates were compiled, here or in another clone."""
    def there():
        here = any((TARGET / profile / ".fingerprint").glob(marks))
        seed = cargo.Cache(cache_folder() / "compiled", cargo.key()).seed()
        return here or (seed is not None and any(seed.glob(f"{profile}/*/.fingerprint/{marks}")))
    return there


# For each target: what it is for, whether it was done before on this machine, and how long it takes the first time: on two
# fast cores and on two slow ones that others use too (docs/performance.md).
STEPS = {
    "setup": ("fetch what is missing, 660 MB the first time", fetched("libtorch-*"), "half a minute, and the download"),
    "setup-tests": ("fetch what tests need too", fetched("faketime"), "seconds"),
    "build-programs": ("compile the programs", compiled("release", "tokio-*"), "6 to 20 minutes"),
    "run-demo": ("start the stack and have it read the samples", lambda: True, ""),
    "build-tests": ("compile the programs and their tests", compiled("debug", "proptest-*"), "6 to 20 minutes"),
    "run-tests": ("run the tests", lambda: False, "12 to 20 minutes"),
    "setup-interop": ("fetch programs of others, 110 MB the first time", fetched("redocly-*"), "half a minute"),
    "run-interop": ("have programs of others look at what Hilum says", lambda: False, "two minutes"),
    "reference-check": ("look whether the reference pages are what the code says", lambda: True, ""),
    "lint-tools": ("compile the tools that look at the dependencies", fetched("tools/bin/cargo-deny"),
                   "one to four minutes"),
    "format": ("look at the format of the source", lambda: True, ""),
    "clippy": ("look for mistakes in the source", compiled("debug", "tokio-*"), "two to six minutes"),
    "docs": ("look at the documentation", lambda: True, ""),
    "dependencies": ("look at the dependencies", lambda: True, ""),
}


class Times:
    """How long each target took last, the first time and later."""

    def __init__(self):
        self.file = cache_folder() / "durations.json"
        try:
            self.seconds = json.loads(self.file.read_text())
        except (OSError, ValueError):
            self.seconds = {}

    def expected(self, target):
        _, was_done, first_time = STEPS[target]
        done = was_done()
        seconds = self.seconds.get(name_of(target, done))
        if seconds is not None:
            return f"{spoken(seconds)} the last time"
        return "" if done or not first_time else f"{first_time} the first time"

    def note(self, name, seconds):
        self.seconds[name] = round(seconds, 1)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(json.dumps(self.seconds, indent=1))


def name_of(target, done):
    return target if done else f"{target}, the first time"


def spoken(seconds):
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def say(text):
    print(f"hilum: {text}", file=sys.stderr, flush=True)


def table(rows):
    rows = [*rows, ("together", sum(seconds for _, seconds in rows))]
    for title, seconds in rows:
        print(f"  {title:<52} {spoken(seconds):>12}", file=sys.stderr)


def run(targets):
    times, rows, code = Times(), [], 0
    for number, target in enumerate(targets, 1):
        title, was_done, _ = STEPS[target]
        expected = times.expected(target)
        say(f"step {number} of {len(targets)}: {title}" + (f" ({expected})" if expected else ""))
        done, began = was_done(), time.monotonic()
        code = subprocess.run(["make", "--no-print-directory", target]).returncode
        seconds = time.monotonic() - began
        rows.append((title if code == 0 else f"{title}: failed", seconds))
        if code != 0:
            break
        times.note(name_of(target, done), seconds)
    if os.environ.get("HILUM_STEPS"):
        with open(os.environ["HILUM_STEPS"], "a") as sink:
            sink.writelines(json.dumps(row) + "\n" for row in rows)
    else:
        table(rows)
    return code


if __name__ == "__main__":
    if sys.argv[1:2] == ["--table"]:
        table([json.loads(line) for line in Path(sys.argv[2]).read_text().splitlines()])
    else:
        sys.exit(run(sys.argv[1:]))
