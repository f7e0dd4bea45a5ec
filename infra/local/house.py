#!/usr/bin/env python3
"""Measures the source: sizes, what is documented, what may panic, names that mean several things, files that need each other in
a circle. `--circles` names each circle. Reads the source as rustfmt writes it, and knows as much Rust as that takes.

Source is what is in no folder of tests, benches, examples or fuzz targets, no `tests.rs`, and not under `#[cfg(test)]`.
"""

import collections
import pathlib
import re
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_LINES, MOST_PARAMETERS = 70, 4
ASIDE = {"tests", "benches", "examples", "fuzz", "simulation"}
DECLARED = re.compile(r"^(\s*)(?:pub(?:\([^)]*\))? )?(?:const |async |unsafe |extern \"C\" )*fn (\w+)", re.M)
PUBLIC = re.compile(r"^\s*pub (?:const |async |unsafe )*(?:fn|struct|enum|trait|type|const|static|mod|use)\b|^\s*pub \w+:")
TYPE = re.compile(r"^\s*(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|union) (\w+)", re.M)
USUAL = {"Config", "Err", "Error", "Output"}


def blank(text):
    """The text without what comments, strings and character literals hold; lines and columns stay."""
    kept = re.compile(r'//[^\n]*|/\*.*?\*/|b?r(#*)".*?"\1|b?"(?:\\.|[^"\\])*"|b?\'(?:\\.[^\']*|[^\'\\])\'', re.S)
    return kept.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


class File:
    """One file of Rust source."""

    def __init__(self, path):
        self.path, self.text = path, path.read_text()
        self.whole = self.text
        tests = re.search(r"^#\[cfg\(test\)\]\n(?:#\[.*\n)*(?:pub(?:\([^)]*\))? )?mod \w+ \{$", self.text, re.M)
        if tests:
            end = self.text.index("\n}", tests.end()) + 2
            self.text = self.text[: tests.start()] + self.text[end:]
        self.code = blank(self.text)
        parts = path.relative_to(ROOT).parts
        self.crate = "/".join(parts[: parts.index("src")]) if "src" in parts else "/".join(parts[:2])
        self.module = self.modules(parts)

    @staticmethod
    def modules(parts):
        inner = list(parts[parts.index("src") + 1 :]) if "src" in parts else list(parts[2:])
        inner[-1] = inner[-1].removesuffix(".rs")
        if inner[-1] in ("mod", "lib", "main"):
            inner.pop()
        return tuple(inner)

    @property
    def lines(self):
        return self.text.splitlines()

    def functions(self):
        """Name, lines and parameters of each function with a body."""
        for found in DECLARED.finditer(self.code):
            at = self.code.index(found[2], found.start()) + len(found[2])
            at = skip(self.code, at, "<", ">") if self.code[at] == "<" else at
            end = skip(self.code, at, "(", ")")
            inside = self.code[at + 1 : end - 1]
            for pair in ("<>", "()", "[]", "{}"):
                while (shorter := re.sub(rf"\{pair[0]}[^{re.escape(pair)}]*\{pair[1]}", "", inside.replace("->", ""))) != inside:
                    inside = shorter
            parameters = [part for part in inside.split(",") if part.strip() and not re.fullmatch(r"[&'\w\s]*\bself\b", part.strip())]
            body = re.compile(r"[;{]").search(self.code, end)
            if body and body[0] == "{":
                close = skip(self.code, body.start(), "{", "}")
                first = self.code.count("\n", 0, found.start())
                yield found[2], self.code.count("\n", 0, close) - first + (not found[1].startswith("\n")), len(parameters)


def skip(code, at, opens, closes):
    depth = 0
    while True:
        if code[at] == opens:
            depth += 1
        elif code[at] == closes and code[at - 1 : at + 1] != "->":
            depth -= 1
            if not depth:
                return at + 1
        at += 1


def source():
    for top in ("services", "shared"):
        for path in sorted((ROOT / top).rglob("*.rs")):
            parts = path.relative_to(ROOT).parts
            if not ASIDE & set(parts) and path.stem not in ("tests", "build") and not is_of_tests(path):
                yield File(path)


def is_of_tests(path):
    """Whether the module that a file is stands under `#[cfg(test)]`."""
    beside = [path.parent / name for name in ("mod.rs", "lib.rs", "main.rs")] + [path.parent.with_suffix(".rs")]
    declared = re.compile(rf"#\[cfg\(test\)\]\n(?:#\[.*\n)*(?:pub(?:\([^)]*\))? )?mod {path.stem};")
    return any(other.exists() and declared.search(other.read_text()) for other in beside)


def paths(tree, prefix=()):
    """All paths of a `use` tree, as tuples."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace < 0:
        yield prefix + tuple(part.strip() for part in tree.split(" as ")[0].split("::"))
        return
    head = prefix + tuple(part for part in tree[:brace].split("::") if part.strip())
    depth, part = 0, ""
    for letter in tree[brace + 1 : tree.rindex("}")] + ",":
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == "," and not depth:
            if part.strip():
                yield from paths(part, head)
            part = ""
        else:
            part += letter


class Crate:
    """The files of one crate, and which of them needs which."""

    def __init__(self, files):
        self.by_module = {file.module: file for file in files}
        # What a module hands on from others: name → path within the crate.
        self.handed_on = {file.module: self.uses(file, only_public=True) for file in files}

    def uses(self, file, only_public=False):
        found = {}
        for use in re.finditer(r"^\s*(pub(?:\([^)]*\))? )?use ([^;]+);", file.code, re.M):
            if only_public and not use[1]:
                continue
            for path in paths(use[2]):
                absolute = self.absolute(file, path)
                if absolute:
                    found[path[-1]] = absolute
        return found

    def absolute(self, file, path):
        """A path from the crate's root, if it begins within the crate."""
        at = file.module
        if path[0] == "crate":
            return path[1:]
        if path[0] in ("self", "super"):
            while path and path[0] in ("self", "super"):
                at, path = (at[:-1] if path[0] == "super" else at), path[1:]
            return at + path
        return at + path if at + path[:1] in self.by_module else None

    def home(self, path, seen=()):
        """The file in which what `path` names is written."""
        for length in range(len(path), -1, -1):
            module, rest = path[:length], path[length:]
            if module in self.by_module:
                onward = rest and self.handed_on[module].get(rest[0])
                if onward and onward not in seen and onward != path:
                    return self.home(onward + rest[1:], (*seen, onward))
                return self.by_module[module]
        return None

    def needs(self):
        needed = {}
        for file in self.by_module.values():
            named = list(self.uses(file).values())
            for inline in re.finditer(r"(?<![\w:])((?:crate|super|self|[a-z]\w*)(?:::\w+)+)", file.code):
                absolute = self.absolute(file, tuple(inline[1].split("::")))
                named += [absolute] if absolute else []
            homes = {self.home(path) for path in named if path}
            # What a module takes from the one that it is part of ties no knot: that is where things common to its parts belong.
            needed[file] = {
                home for home in homes if home and home is not file and home.module != file.module[: len(home.module)]}
        return needed

    def circles(self):
        """Sets of files that need each other (Tarjan)."""
        needed, order, low, stack, found = self.needs(), {}, {}, [], []

        def visit(file):
            order[file] = low[file] = len(order)
            stack.append(file)
            for other in needed[file]:
                if other not in order:
                    visit(other)
                    low[file] = min(low[file], low[other])
                elif other in stack:
                    low[file] = min(low[file], order[other])
            if low[file] == order[file]:
                circle = []
                while not circle or circle[-1] is not file:
                    circle.append(stack.pop())
                if len(circle) > 1:
                    found.append((circle, {one: sorted(o.path.name for o in needed[one] & set(circle)) for one in circle}))

        for file in needed:
            if file not in order:
                visit(file)
        return found


def quantile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)] if values else 0


def documented(files):
    public = with_docs = short = docs = 0
    for file in files:
        lines = file.lines
        for at, line in enumerate(lines):
            doc = re.match(r"\s*//[/!] ?(.*)", line)
            if doc:
                docs += 1
                short += len(doc[1].split()) <= 3
            elif PUBLIC.match(line) and not re.match(r"\s*pub use", line):
                public += 1
                above = at - 1
                while above >= 0 and re.match(r"\s*(#\[|\)?\]|[^/{}]*\)\]$)", lines[above]):
                    above -= 1
                with_docs += lines[above].lstrip().startswith("///") or bool(re.match(r"\s*pub mod", line))
    return public, with_docs, docs, short


def measures():
    files = list(source())
    crates = collections.defaultdict(list)
    for file in files:
        crates[file.crate].append(file)
    lengths = [len(file.lines) for file in files]
    functions = [(name, lines, parameters, file) for file in files for name, lines, parameters in file.functions()]
    code = sum(1 for file in files for line in file.code.splitlines() if line.strip())
    every = [path for top in ("services", "shared", "tests") for path in (ROOT / top).rglob("*.rs") if "target" not in path.parts]
    all_lines = sum(len(path.read_text().splitlines()) for path in every)
    types = collections.Counter(name for file in files for name in TYPE.findall(file.code) if name not in USUAL)
    shared_names = [count for count in types.values() if count > 1]
    public, with_docs, docs, short = documented(files)
    counted = lambda pattern: sum(len(re.findall(pattern, file.code)) for file in files)
    tests = sum(len(re.findall(r"#\[(?:tokio::)?test\b", path.read_text())) for path in every)
    locked = [package["name"] for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]]
    circles = [circle for crate in crates.values() for circle in Crate(crate).circles()]
    yield "files of Rust / source", f"{len(every)} / {len(files)}"
    yield "source lines", sum(lengths)
    yield "median / p90 / longest source file", f"{quantile(lengths, 0.5)} / {quantile(lengths, 0.9)} / {max(lengths)}"
    yield "source files over 500 / under 60 lines", f"{sum(n > 500 for n in lengths)} / {sum(n < 60 for n in lengths)}"
    sizes = [lines for _, lines, _, _ in functions]
    yield "functions; median / p90 / longest", f"{len(sizes)}; {quantile(sizes, 0.5)} / {quantile(sizes, 0.9)} / {max(sizes)}"
    yield f"functions over {MOST_LINES} lines", sum(n > MOST_LINES for n in sizes)
    yield f"functions with over {MOST_PARAMETERS} parameters", sum(n > MOST_PARAMETERS for _, _, n, _ in functions)
    yield "lines of tests per line of source", f"{(all_lines - sum(lengths)) / sum(lengths):.2f}"
    yield "crates", len(list(ROOT.glob("services/*/Cargo.toml"))) + len(list(ROOT.glob("shared/*/Cargo.toml"))) + 2
    yield "public items, documented", f"{public}, {100 * with_docs / public:.0f} %"
    yield "lines of documentation, with up to three words", f"{docs}, {100 * short / docs:.0f} %"
    yield "unsafe", counted(r"\bunsafe\b")
    yield "clones per 1000 lines of code", f"{1000 * counted(r'[.]clone[(][)]') / code:.1f}"
    yield "unwraps per 1000 lines of code", f"{1000 * counted(r'[.]unwrap[(][)]') / code:.2f}"
    yield "expects / panics", f"{counted(r'[.]expect[(]')} / {counted(r'(?:panic|unreachable|todo|unimplemented)!')}"
    yield "TODO, FIXME, XXX", sum(len(re.findall(r"\b(?:TODO|FIXME|XXX)\b", file.text)) for file in files)
    yield "types; names; names of several types / these types", (
        f"{sum(types.values())}; {len(types)}; {len(shared_names)} / {sum(shared_names)}")
    yield "packages in Cargo.lock / beyond one version each", f"{len(locked)} / {len(locked) - len(set(locked))}"
    yield "test functions", tests
    yield "circles of files", len(circles)


def main():
    if "--circles" in sys.argv:
        crates = collections.defaultdict(list)
        for file in source():
            crates[file.crate].append(file)
        for crate, files in crates.items():
            for circle, needed in Crate(files).circles():
                print(f"{crate}: {len(circle)} files")
                for file in sorted(circle, key=lambda file: file.path):
                    print(f"  {file.path.relative_to(ROOT)} needs {', '.join(needed[file])}")
        return
    for what, number in measures():
        print(f"{what:52} {number}")
    if "--long" in sys.argv:
        for file in sorted(source(), key=lambda file: -len(file.lines))[:25]:
            print(f"{len(file.lines):6} {file.path.relative_to(ROOT)}")
    if "--names" in sys.argv:
        types = collections.defaultdict(list)
        for file in source():
            for name in TYPE.findall(file.code):
                types[name].append(str(file.path.relative_to(ROOT)))
        for name, homes in sorted(types.items(), key=lambda entry: -len(entry[1])):
            if len(homes) > 2:
                print(f"{name} {len(homes)}: {' '.join(homes)}")


if __name__ == "__main__":
    main()
