#!/usr/bin/env python3
"""Says which tests of the last run were slowest, how long each suite took, and who went over its budget in
`.config/budgets.ini`. Reads the JUnit report that nextest writes."""

import configparser
import os
import sys
import xml.etree.ElementTree as xml
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLOWEST = 10


def budgets():
    parser = configparser.ConfigParser(delimiters="=")
    parser.optionxform = str
    parser.read(ROOT / ".config/budgets.ini")
    return {part: {name: 60 * float(minutes) for name, minutes in parser[part].items()} for part in parser.sections()}


def main():
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    report = target / "nextest/default/junit.xml"
    if not report.exists():  # it did not come to a run
        return
    tests = [(float(case.get("time")), suite.get("name"), case.get("name"))
             for suite in xml.parse(report).getroot() for case in suite.iter("testcase")]
    limits, suites = budgets(), Counter()
    for seconds, suite, _ in tests:
        suites[suite if suite in limits["suites"] else "others"] += seconds
    say = lambda text: print(text, file=sys.stderr)
    say("the slowest tests, seconds:")
    for seconds, suite, name in sorted(tests, reverse=True)[:SLOWEST]:
        say(f"  {seconds:7.1f}  {suite} {name}")
    say("the suites, seconds of all their tests:")
    for suite, seconds in suites.most_common():
        say(f"  {seconds:7.1f}  {suite}")
    over = [f"{suite} (all of it)" for suite, seconds in suites.items() if seconds > limits["suites"][suite]]
    over += [f"{suite} {name}" for seconds, suite, name in sorted(tests, reverse=True)
             if seconds > limits["tests"].get(name, limits["tests"]["others"])]
    for name in over:
        say(f"over its budget: {name}")


if __name__ == "__main__":
    main()
