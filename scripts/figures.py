#!/usr/bin/env python3
"""How large the house is: lines, files, functions, structs, and with --link what linking the tests costs.

Usage: scripts/figures.py [--link] [COMMIT]

Without COMMIT it reads what lies here. The figures are for notes and reviews; no test holds them. --link links every test
program of what lies here anew, in cargo's own folder, and says how long that took: it wants a quiet machine.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tests")
ITEM = re.compile(
    r"^(?P<indent> *)(?:pub(?:\([a-z: ]+\))? )?(?:default |const |async |unsafe |extern \"C\" )*(?P<what>fn|struct) (?P<name>\w+)"
)
FIELD = re.compile(r"^ +(?:pub(?:\([a-z: ]+\))? )?\w+: ")


def main():
    arguments = sys.argv[1:]
    link = "--link" in arguments
    commits = [argument for argument in arguments if argument != "--link"]
    if len(commits) > 1 or any(commit.startswith("-") for commit in commits) or (link and commits):
        sys.exit(__doc__)
    files = at_commit(commits[0]) if commits else lying_here()
    report(files)
    if link:
        linking()


def lying_here():
    paths = (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.rs"))
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths}


def at_commit(commit):
    git = ["git", "-C", str(ROOT)]
    listed = subprocess.run([*git, "ls-tree", "-r", "--name-only", commit, *FOLDERS], check=True, capture_output=True, text=True)
    read = lambda path: subprocess.run([*git, "show", f"{commit}:{path}"], check=True, capture_output=True, text=True).stdout
    return {path: read(path) for path in listed.stdout.split("\n") if path.endswith(".rs")}


def report(files):
    lines = {path: text.count("\n") for path, text in files.items()}
    ours = {path: count for path, count in lines.items() if path.startswith("src/")}
    of_tests = {path: inside_tests(path, text) for path, text in files.items() if path.startswith("src/")}
    functions, structs = [], []
    for path, text in files.items():
        if path.startswith("src/"):
            for what, name, length, fields in items(program(path, text)):
                (functions if what == "fn" else structs).append((length if what == "fn" else fields, f"{path} {name}"))
    functions.sort(reverse=True)
    structs.sort(reverse=True)
    sizes = sorted(ours.values())
    print(f"src      {sum(ours.values()):7} lines in {len(ours)} files, {sum(of_tests.values())} of them tests")
    print(f"tests    {sum(lines.values()) - sum(ours.values()):7} lines in {len(lines) - len(ours)} files")
    largest = max(ours, key=ours.get)
    print(f"file     {statistics.median(sizes):7.0f} lines, the median; {percentile(sizes, 99)} at the 99th percentile; the largest {ours[largest]}, {largest}")
    lengths = sorted(length for length, _ in functions)
    print(f"function {functions[0][0]:7} lines, the longest: {functions[0][1]}; {percentile(lengths, 99)} at the 99th percentile of {len(lengths)}")
    print(f"struct   {structs[0][0]:7} fields, the largest: {structs[0][1]}")
    for fields, where in structs[1:5]:
        print(f"         {fields:7} {where}")


def percentile(sorted_values, percent):
    return sorted_values[min(len(sorted_values) - 1, len(sorted_values) * percent // 100)]


def is_of_tests(path):
    return re.search(r"(^|/)(tests?|testing)(/|\.rs$)", path) is not None


def program(path, text):
    """The part of a file that is in the program: unit tests stand at the end of a file, or in files of their own."""
    return "" if is_of_tests(path) else re.split(r"(?m)^#\[cfg\(test\)\]\n(?:pub\S* )?mod \w+ \{", text)[0]


def inside_tests(path, text):
    return text.count("\n") - program(path, text).count("\n")


def items(text):
    """Functions with their lines and structs with their fields; rustfmt has put the end of each below its beginning."""
    lines = text.split("\n")
    for start, line in enumerate(lines):
        found = ITEM.match(line)
        if not found:
            continue
        end = start
        # A `;` ends what has no braces.
        while end < len(lines) and not re.match(rf"^{found['indent']}(\}}|\S.*[;}}]$)", lines[end]):
            end += 1
        body = lines[start : end + 1]
        yield found["what"], found["name"], len(body), sum(1 for inner in body if FIELD.match(inner))


def linking():
    cc = shutil.which("cc")
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        wrapper = Path(folder) / "cc"
        # rustc calls `cc`, and this one first.
        wrapper.write_text(f'#!/usr/bin/env bash\nTIMEFORMAT=%R\n{{ time {cc} "$@" 2>&3; }} 3>&2 2>>{log}\n')
        wrapper.chmod(0o755)
        environment = dict(os.environ, PATH=f"{folder}:{os.environ['PATH']}")
        for path in ("src/lib.rs", *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").glob("*.rs")))):
            os.utime(ROOT / path)
        for path in sorted((ROOT / "tests").glob("*/main.rs")):
            os.utime(path)
        subprocess.run(["cargo", "test", "--no-run", "--locked", "--quiet"], cwd=ROOT, env=environment, check=True)
        times = [float(line) for line in log.read_text().splitlines() if re.fullmatch(r"[\d.]+", line)]
    print(f"link     {len(times):7} programs of the tests, {sum(times):.1f} s one after the other, with the linker that is set")


if __name__ == "__main__":
    main()
