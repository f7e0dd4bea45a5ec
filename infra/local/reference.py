#!/usr/bin/env python3
"""Makes docs/configuration.md and docs/metrics.md of the code; with --check says where they are stale, and ends with 1.

Settings are read from the attributes of the settings' structs, metrics from shared/runtime/src/metrics.toml, whose entries must
be what the code counts. Runs before anything is compiled: it reads the source as rustfmt writes it.
"""

import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
METRICS = ROOT / "shared/runtime/src/metrics.toml"
# Where the settings are that programs share.
COMMON = "shared/runtime"
# Where those are that all doors share.
DOORS = "shared/intake"
ALERTS = ROOT / "infra/prometheus/alerts.yaml"

# Variables that no option of a program names: (what it is, who reads it).
OTHER_VARIABLES = {
    "HILUM_CACHE": ("Folder for what the setup fetched; by default `hilum` in the user's cache folder", "`make`, programs that look for OpenVINO"),
    "HILUM_COMPILED": ("`off`: compile without what other clones have compiled", "`make`"),
    "HILUM_NATS_SERVER": ("Program of the NATS server; by default `nats-server` in PATH", "`hilum up`, tests"),
    "HILUM_POSTGRES_BIN": ("Folder of Postgres' programs; by default those in PATH", "`hilum up`, tests"),
    "HILUM_DECODER": ("Program that decodes; by default `hilum-decoder` beside the program that uses it", "ingest, infer"),
    "HILUM_DECODERS": ("Old name of HILUM_HEADER_DECODERS and of HILUM_IMAGE_DECODERS, still read where the new one is not set", "ingest, infer"),
    "HILUM_MAX_TRIES": ("Old name of HILUM_DEDUPE_MAX_TRIES and of HILUM_INFER_MAX_TRIES, still read where the new one is not set", "dedupe, infer"),
    "HILUM_MAX_UNANSWERED": ("Old name of HILUM_DEDUPE_MAX_UNANSWERED and of HILUM_INFER_MAX_UNANSWERED, still read where the new one is not set", "dedupe, infer"),
    "HILUM_IMPORT_TORCH": ("Which torch `hilum model import` installs", "`hilum model import`"),
    "HILUM_BENCH_IMAGES": ("Folder of images for `make bench`", "`make bench`"),
    "HILUM_STEPS": ("File to which `make` adds how long its steps took", "`.ci/run`"),
    "HILUM_TEST_FOLDER": ("Folder for the tests' servers; by default in memory where there is enough", "tests"),
    "HILUM_FAULT_SEED": ("Seed of the first run of the fault suite", "`make faults`"),
    "HILUM_FAULT_RUNS": ("Runs of the fault suite", "`make faults`"),
    "HILUM_SIMULATION_SEED": ("The one scenario to run", "`make simulate`"),
    "HILUM_SIMULATION_SECONDS": ("How long to run scenarios; 0: until it is stopped", "`make simulate`"),
    "HILUM_RENEW": ("Set: the tests of the API's description write `shared/api/openapi.json` and `docs/problems.md` instead of comparing them", "tests"),
    "HILUM_FUZZ_SECONDS": ("How long each road of the decoder, or part of the doors, is fuzzed", "`make fuzz`, `make fuzz-doors`"),
}
# Read by the setup and the tests alone, and told where they are used.
INTERNAL = re.compile(r"HILUM_(OTHER_RELEASE|DCMTK_BIN|ORTHANC|ORTHANC_DICOMWEB|1)$")

UNITS = [("_MB_S", "MB/s"), ("_MIB", "MiB"), ("_BYTES", "bytes"), ("_MS", "ms"), ("_DAYS", "days"), ("_H", "hours"), ("_S", "seconds")]
TYPES = {
    "PathBuf": "path", "SocketAddr": "address:port", "ByteSize": "size, such as 6GB", "bool": "true or false", "String": "text",
    "f64": "number", "Duration": "seconds",
}


def sources(*tops):
    for top in tops:
        for path in sorted((ROOT / top).rglob("*.rs")):
            parts = path.relative_to(ROOT).parts
            if "tests" not in parts and "fuzz" not in parts and path.stem != "tests":
                yield path


def untested(path):
    return path.read_text().split("#[cfg(test)]\nmod")[0]


class Field:
    """One field of a struct of settings."""

    def __init__(self, doc, attribute, name, kind):
        self.name, self.kind = name, kind
        self.doc = " ".join(doc)
        self.attribute = attribute
        found = re.search(r'\benv = "(\w+)"', attribute)
        self.variable = found and found[1]
        long = re.search(r'\blong = "([\w-]+)"', attribute)
        self.option = "--" + (long[1] if long else name.replace("_", "-"))
        self.flattens = "flatten" in attribute and re.sub(r".*::", "", kind)

    @property
    def default(self):
        found = re.search(r'default_value = "([^"]*)"', self.attribute) or re.search(
            r"default_value_t = ((?:[^(),\]]|\([^()]*\))+)", self.attribute)
        if not found:
            optional = self.kind.startswith("Option<") or self.kind == "bool"
            return "" if optional else "must be given"
        text = found[1].strip()
        shifted = re.fullmatch(r"(\d+) << (\d+)", text)
        if shifted:
            return str(int(shifted[1]) << int(shifted[2]))
        if "cores" in text:
            return "all cores"
        return text.replace("_", "") if re.fullmatch(r"[\d_]+", text) else text

    @property
    def unit(self):
        for suffix, unit in UNITS:
            if (self.variable or self.name.upper()).endswith(suffix):
                return unit
        kind = re.sub(r"^Option<(.*)>$", r"\1", self.kind)
        kind = re.sub(r"^(?:Choice|Vec)<(.*)>$", "String", kind)
        if re.fullmatch(r"[ui]\d+|usize|NonZero\w+", kind):
            return "number"
        if self.variable and self.variable.endswith("_URL"):
            return "URL"
        return TYPES.get(kind, "text")

    @property
    def range(self):
        found = re.search(r"\.range\(([^)]*)\)", self.attribute)
        if found:
            low, high = re.fullmatch(r"([\d_]*)\.\.=?([\d_]*)", found[1]).groups()
            return f"{low.replace('_', '')} to {high.replace('_', '')}" if high else f"from {low}"
        parser = re.search(r"value_parser = (?:\w+::)*(\w+)\b(?!::)", self.attribute)
        if parser and parser[1] in PARSERS:
            return PARSERS[parser[1]]
        if "NonZero" in self.kind:
            return "from 1"
        return ""


# What the parsers of single settings take: what their refusals say after "must be".
PARSERS = {}


def structs():
    """All structs of settings: (crate's folder, name) → its fields; and the names of those that are programs' own."""
    found, roots = {}, {}
    for path in sources("services", "shared"):
        text = path.read_text()
        for function in re.finditer(r"^(?:pub(?:\([\w:]+\))? )?fn (\w+)\(text: &str\).*?^}", text, re.M | re.S):
            rule = re.search(r'"must be ([^"]*)', function[0])
            if rule:
                said = re.sub(r"\{(\w+)\}", lambda name: constant(text, name[1]), rule[1])
                PARSERS[function[1]] = re.sub(r"^a number of \w+ ", "", said).strip()
        if not re.search(r"#\[derive\([^)]*\b(Parser|Args)\b", text):
            continue
        crate = "/".join(path.relative_to(ROOT).parts[:2])
        lines = text.splitlines()
        for at, line in enumerate(lines):
            struct = re.match(r"(?:pub(?:\([\w:]+\))? )?struct (\w+) \{$", line)
            if not struct:
                continue
            above = next((lines[back] for back in range(at - 1, max(at - 8, 0), -1) if lines[back].startswith("#[derive(")), "")
            if not re.search(r"\b(Parser|Args)\b", above):
                continue
            end = lines.index("}", at)
            found[crate, struct[1]] = list(fields(lines[at + 1 : end]))
            if "Parser" in above or struct[1] == "Config":
                roots[crate, struct[1]] = path
    return found, roots


def constant(text, name):
    return re.search(rf"const {name}: \w+ = ([\d._]+)", text)[1].replace("_", "").removesuffix(".0")


def old_names():
    """Variables that a setting had before: variable, crate, setting."""
    for path in sources("services", "shared"):
        for old in re.finditer(r'OldName \{\s*setting: "(\w+)",\s*variable: "(\w+)"', untested(path)):
            yield old[2], "/".join(path.relative_to(ROOT).parts[:2]), old[1]


def fields(body):
    doc, attribute, depth = [], "", 0
    for line in body:
        line = line.strip()
        if depth or line.startswith("#["):
            attribute += line
            depth = attribute.count("[") - attribute.count("]")
        elif line.startswith("///"):
            doc.append(line[3:].strip())
        elif field := re.match(r"(?:pub(?:\([\w:]+\))? )?(\w+): (.*),$", line):
            if "hide = true" not in attribute:
                yield Field(doc, attribute, field[1], field[2])
            doc, attribute = [], ""


def flat(found, crate, name, shared):
    """The fields of a struct with those that it takes in; what all services share is told once."""
    for field in found[crate, name]:
        if not field.flattens:
            yield field
        elif shared or not any((home, field.flattens) in found for home in (COMMON, DOORS)):
            homes = [key for key in found if key[1] == field.flattens]
            homes.sort(key=lambda key: key[0] != crate)
            yield from flat(found, *homes[0], shared)


def row(*cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def table(settings):
    lines = ["| setting | option | unit | default | range | effect |", "| --- | --- | --- | --- | --- | --- |"]
    for field in settings:
        default = f"`{field.default}`" if field.default not in ("", "must be given", "all cores") else field.default
        variable = f"`{field.variable}`" if field.variable else ""
        lines.append(row(variable, f"`{field.option}`", field.unit, default, field.range, field.doc))
    return lines


def configuration():
    found, roots = structs()
    lines = [
        "# Configuration",
        "",
        "Made of the code by `make reference`; change it there. Every setting can be given in the environment or as an option; the",
        "option counts more. A value out of its range ends the program with a sentence that says what is allowed; where no range",
        "stands, what the unit can be is taken. Rules of sites stand in a file of their own ([studies.md](studies.md)), targets and triage rules in another ([delivery.md](delivery.md)).",
        "",
        "## All services",
        "",
    ]
    common = list(flat(found, COMMON, "ServiceSettings", shared=True))
    lines += table(common)
    lines += ["", "## All doors", "", "Every service by which images come in.", ""]
    doors = list(flat(found, DOORS, "IntakeSettings", shared=True))
    lines += table(doors)
    named = {(DOORS, field.variable) for field in doors}
    services = [key for key in sorted(roots) if any((COMMON, field.flattens) in found for field in found[key])]
    for crate, name in services:
        settings = list(flat(found, crate, name, shared=False))
        named.update((crate, field.variable) for field in settings)
        has = {field.variable for field in flat(found, crate, name, shared=True)}
        lacks = [f"`{field.variable}`" for field in common if field.variable not in has]
        lines += ["", f"## hilum-{crate.split('/')[1]}", ""]
        lines += [f"Has what all services have, but not {', '.join(lacks)}.", ""] if lacks else []
        is_door = any((DOORS, field.flattens) in found for field in found[crate, name])
        lines += ["Has what all doors have.", ""] if is_door else []
        lines += table(settings) if settings else []
    ups = [key for key in found if key[1] == "UpSettings"]
    for crate, name in ups:
        lines += ["", "## hilum up", "", "A whole stack on one machine. It passes on what it finds in its environment to its services.", ""]
        lines += table(flat(found, crate, name, shared=False))
    lines += ["", "## Commands of `hilum` and its tools", "", "Options that are also read from the environment.", "",
              "| setting | option | unit | default | effect |", "| --- | --- | --- | --- | --- |"]
    rest = {}
    for (crate, name), settings in sorted(found.items()):
        if (crate, name) in services or name == "UpSettings" or crate == COMMON:
            continue
        for field in settings:
            if field.variable and (crate, field.variable) not in named:
                rest.setdefault((field.variable, field.option), field)
    for (variable, option), field in sorted(rest.items()):
        default = f"`{field.default}`" if field.default not in ("", "must be given", "all cores") else field.default
        lines.append(row(f"`{variable}`", f"`{option}`", field.unit, default, field.doc))
    lines += ["", "## Variables without an option", "", "| variable | meaning | read by |", "| --- | --- | --- |"]
    lines += [row(f"`{name}`", meaning, who) for name, (meaning, who) in sorted(OTHER_VARIABLES.items())]
    lines += ["", "## Names of before", "", "They work, and the log warns of them; the new name counts more.", "",
              "| variable | of | is now |", "| --- | --- | --- |"]
    for variable, service, setting in sorted(old_names()):
        now = next(field.variable for key in found if key[0] == service for field in found[key]
                   if field.name == setting and field.variable)
        of = "all doors" if service == DOORS else f"hilum-{service.split('/')[1]}"
        lines.append(row(f"`{variable}`", of, f"`{now}`"))
    lines += ["", "S3 takes the usual `AWS_…` variables (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT`, …)."]
    text = "\n".join(lines) + "\n"
    used = set()
    for path in sources("services", "shared"):
        used.update(re.findall(r'"(HILUM_[A-Z0-9_]+)"', untested(path)))
    told = set(re.findall(r"`(HILUM_\w+)`", text))
    lacking = sorted(name for name in used - told if not INTERNAL.match(name))
    if lacking:
        sys.exit(f"infra/local/reference.py: no option names {', '.join(lacking)}; add them to OTHER_VARIABLES there")
    return text


CALL = re.compile(r'\b(counter|gauge|histogram)!\(\s*"(hilum_\w+)"')


def calls(text):
    """Where metrics are counted: kind, name, labels."""
    for call in CALL.finditer(text):
        depth, at = 1, call.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(text[at], 0)
            at += 1
        yield call[1], call[2], re.findall(r'"(\w+)" =>', text[call.end() : at])


def metrics():
    described = tomllib.loads(METRICS.read_text())
    counted = {}
    for path in sources("services", "shared"):
        for kind, name, labels in calls(untested(path)):
            kinds, known = counted.setdefault(name, (set(), set()))
            kinds.add(kind)
            known.update(labels)
    wrong = [f"{name} is counted and not described" for name in sorted(counted.keys() - described.keys())]
    wrong += [f"{name} is described and not counted" for name in sorted(described.keys() - counted.keys())]
    for name in sorted(counted.keys() & described.keys()):
        kinds, labels = counted[name]
        if kinds != {described[name]["kind"]}:
            wrong.append(f"{name} is a {' and a '.join(kinds)}")
        if labels != set(described[name].get("labels", {})):
            wrong.append(f"{name} has the labels {sorted(labels)}")
    alerts = {}
    for alert, expression in re.findall(r"- alert: (\w+)\n\s+expr: (.*)", ALERTS.read_text()):
        for name in re.findall(r"\bhilum_\w+", expression):
            if name not in described:
                wrong.append(f"alert {alert} uses {name}, which nothing counts")
            alerts.setdefault(name, []).append(alert)
    if wrong:
        sys.exit("\n".join(f"{METRICS.relative_to(ROOT)}: {line}" for line in wrong))
    lines = [
        "# Metrics",
        "",
        "Made of the code by `make reference`; change it there. Every program shows its metrics at `/metrics` in Prometheus' text",
        "format. No metric and no label holds anything of a patient. A counter has one time series for each combination of its",
        "labels, a histogram is shown as a summary or in buckets. The alerts are rules in",
        "[infra/prometheus/alerts.yaml](../infra/prometheus/alerts.yaml), each with what to do.",
        "",
        "| metric | type | shown by | labels | meaning | alerts |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, metric in sorted(described.items()):
        labels = "; ".join(f"`{label}`: {values}" for label, values in sorted(metric.get("labels", {}).items()))
        lines.append(row(f"`{name}`", metric["kind"], metric["of"], labels, metric["meaning"], ", ".join(alerts.get(name, []))))
    return "\n".join(lines) + "\n"


def main():
    pages = {"docs/configuration.md": configuration(), "docs/metrics.md": metrics()}
    stale = []
    for name, text in pages.items():
        path = ROOT / name
        if path.exists() and path.read_text() == text:
            continue
        if "--check" in sys.argv:
            stale.append(name)
        else:
            path.write_text(text)
    if stale:
        sys.exit(f"{' and '.join(stale)}: not what the code says; run `make reference`")


if __name__ == "__main__":
    main()
