"""What a change costs, and how large the state gets, by the number of accounts; without Kafka.

Runs cycle (cycle.c) for each size. CPU is that of all its threads, RocksDB's too. Prints a Markdown
table, and writes it and a plot into build/bench: sizes.md, sizes.svg.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "system"))

import report
from kafka import ROOT
from measure import disk_bytes
from process import DIE_WITH_PARENT

CYCLE = ROOT / "build" / "release" / "tests" / "cycle"
OUTPUT = ROOT / "build" / "bench"
PHASES = ("insert", "change", "unchanged", "refeed", "customer", "late")
MIB = 1 << 20
_PHASE = re.compile(
    r"^(\w+) +\d+ records +[\d.]+ us in the worker +([\d.]+) us in all .* (\d+) bytes sent +"
    r"(\d+) bytes read +(\d+) bytes written$",
    re.MULTILINE,
)
_STATE = re.compile(r"^state: ([\d.]+) bytes an account$", re.MULTILINE)


@dataclass(frozen=True)
class Size:
    accounts: int
    changes: int
    memory_mib: int
    cpu_us: dict[str, float]  # by phase, of one record
    bytes_read: int  # from files, by one change
    bytes_written: int
    state_bytes: float  # of one account, after all phases
    disk_factor: float  # the most that lay on the disk, in sizes of the state at the end


def measure(accounts: int, changes: int, memory_mib: int) -> Size:
    """Looks until the line about the state: then cycle goes on to measure RocksDB alone."""
    with tempfile.TemporaryDirectory() as directory:
        said = Path(directory) / "said"
        command = [CYCLE, accounts, changes, memory_mib * MIB]
        with said.open("w") as output:
            process = subprocess.Popen([*DIE_WITH_PARENT, *map(str, command)], stdout=output)
        most = 0
        while process.poll() is None and not _STATE.search(said.read_text()):
            most = max(most, state_on_disk(process.pid))
            time.sleep(0.2)
        assert process.wait() == 0, f"{command} failed"
        text = said.read_text()
    found = {name: (float(cpu), int(r), int(w)) for name, cpu, _, r, w in _PHASE.findall(text)}
    (state,) = map(float, _STATE.findall(text))
    return Size(
        accounts,
        changes,
        memory_mib,
        {name: found[name][0] for name in PHASES},
        found["change"][1],
        found["change"][2],
        state,
        most / (state * accounts),
    )


def state_on_disk(pid: int) -> int:
    """Of the directory that the process has files open in; 0 before and after."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            folder = link.readlink().parent
        except OSError:
            continue
        if folder.name.startswith("streamer-cycle-"):
            return disk_bytes(folder)
    return 0


def table(sizes: list[Size]) -> str:
    head = ["accounts", "changes", "memory, MiB", *(f"{phase}, us" for phase in PHASES)]
    head += ["bytes read a change", "written", "state bytes an account"]
    head.append("most on disk / state")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for s in sizes:
        cells = [f"{s.accounts:,}", f"{s.changes:,}", f"{s.memory_mib:,}"]
        cells += [report.number(s.cpu_us[phase]) for phase in PHASES]
        cells += [f"{s.bytes_read:,}", f"{s.bytes_written:,}", f"{s.state_bytes:,.0f}"]
        cells.append(f"{s.disk_factor:.1f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(sizes: list[Size]) -> str:
    lines: dict[str, list[tuple[float, float]]] = {}
    for s in sizes:
        for phase in ("insert", "change", "unchanged"):
            name = f"{phase}, {s.memory_mib:,} MiB"
            lines.setdefault(name, []).append((s.accounts, s.cpu_us[phase]))
    return report.lines_svg("CPU us of one record, by the number of accounts", lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, nargs="*", default=[100_000, 1_000_000, 3_000_000])
    parser.add_argument("--changes", type=int, help="of each phase; as many as accounts by default")
    parser.add_argument("--memory-mib", type=int, nargs="*", default=[48, 256, 3072])
    options = parser.parse_args()
    OUTPUT.mkdir(parents=True, exist_ok=True)
    sizes = []
    for memory_mib in options.memory_mib:
        for accounts in options.accounts:
            sizes.append(measure(accounts, options.changes or accounts, memory_mib))
            (OUTPUT / "sizes.md").write_text(table(sizes))
            (OUTPUT / "sizes.svg").write_text(plot(sizes))
            print(sizes[-1], file=sys.stderr, flush=True)
    print(table(sizes), end="")


if __name__ == "__main__":
    main()
