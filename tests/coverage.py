#!/usr/bin/env python3
"""make coverage: what the tests ran of our code, by folder.

    coverage.py BUILD [FOLDER]

Reads what gcov wrote under BUILD and prints lines and branches; with a folder
("src/store"), its lines that no test ran. Every line is in BUILD/coverage/index.html.
Branches of assert() are not counted: to take them is the end of the process."""
import collections
import json
import os
import subprocess
import sys

KINDS = ("line", "branch")


def gcovr(build):
    """Writes the pages, and returns the figures of each file."""
    pages = os.path.join(build, "coverage")
    os.makedirs(pages, exist_ok=True)
    done = subprocess.run(
        ["gcovr", "--filter", "src/", "--filter", "streams/", "--filter", "client-cli/",
         "--exclude-branches-by-pattern", r".*\bassert\(", "--gcov-ignore-parse-errors",
         "--html-details", os.path.join(pages, "index.html"),
         "--json", os.path.join(pages, "lines.json"), "--json-summary", "-",
         os.path.join(build, "obj")],
        stdout=subprocess.PIPE, check=True)
    with open(os.path.join(pages, "lines.json"), encoding="utf-8") as lines:
        return json.loads(done.stdout)["files"], json.load(lines)["files"]


def print_folders(files):
    """A table as Markdown has them, to be put into docs/bad-days.md."""
    sums = collections.defaultdict(collections.Counter)
    for file in files:
        for folder in (os.path.dirname(file["filename"]), "all"):
            for kind in KINDS:
                for what in ("total", "covered"):
                    sums[folder][kind + what] += file[f"{kind}_{what}"]
    print("| Folder | Lines | run | Branches | taken |\n|---|---|---|---|---|")
    for folder, n in sorted(sums.items(), key=lambda item: (item[0] == "all", item[0])):
        print(f"| `{folder}` |", " | ".join(
            f"{n[k + 'total']:,} | {100 * n[k + 'covered'] / n[k + 'total']:.1f} %"
            for k in KINDS), "|")


def print_lines(files, folder):
    for file in sorted(files, key=lambda file: file["file"]):
        if not file["file"].startswith(folder.rstrip("/") + "/"):
            continue
        with open(file["file"], encoding="utf-8") as source:
            text = source.read().splitlines()
        for line in file["lines"]:
            if line["count"] == 0 and not line["gcovr/noncode"]:
                number = line["line_number"]
                print(f"{file['file']}:{number}: {text[number - 1]}")


def main():
    files, lines = gcovr(sys.argv[1])
    if len(sys.argv) > 2:
        print_lines(lines, sys.argv[2])
    else:
        print_folders(files)


if __name__ == "__main__":
    main()
