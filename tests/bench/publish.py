"""Puts what was measured into README.md beside this file: tables between their marks, and plots.

Takes build/bench/NAME.md and NAME.svg of each NAME that is given, as they were measured just now:
the table is marked with the commit, the date and the machine of this moment.
"""

import argparse
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent
OUTPUT = HERE.parents[1] / "build" / "bench"
NAMES = ("results", "sizes", "batch")


def origin() -> str:
    """Which commit, when, where."""
    git = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=7"]
    commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    processors = f"{os.cpu_count()} processors"
    return f"Commit {commit}, {time.strftime('%Y-%m-%d')}, {processors}" + (
        f" ({model[1]})." if model else "."
    )


def put(document: str, name: str, text: str) -> str:
    """The document with `text` between the marks of `name`."""
    begin, end = f"<!-- {name}:begin -->\n", f"<!-- {name}:end -->"
    before, rest = document.split(begin)
    return before + begin + text + end + rest.split(end, 1)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", default=NAMES, choices=NAMES, metavar="NAME")
    document = HERE / "README.md"
    measured = origin()  # before this changes a file
    for name in parser.parse_args().names:
        table = (OUTPUT / f"{name}.md").read_text()
        document.write_text(put(document.read_text(), name, f"{measured}\n\n{table}"))
        shutil.copy(OUTPUT / f"{name}.svg", HERE / f"{name}.svg")


if __name__ == "__main__":
    main()
