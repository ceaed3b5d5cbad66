"""What one event costs an id must not grow with the id's history, nor with its confirmations: rows
read, rows and bytes written, messages and bytes sent, and instructions (callgrind), for each kind
of events of hot.c.

Counted for a short and for a long history, whose confirmations are as many as there may be with the
highest confirmations.max. No noise of a machine hides a difference.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

HOT = Path(__file__).parents[2] / "build" / "release" / "tests" / "hot"
KINDS = [
    "in_order",
    "unchanged",
    "unchanged_log",
    "late",
    "late_confirmed",
    "late_forgotten",
    "late_unwritten",
    "tie",
    "repeat",
    "reordered",
    "tombstone",
    "tombstone_moves",
    "expired",
    "expired_unwritten",
    "dropped",
]
SHORT = ("1000", "1000")  # versions, confirmations
LONG = ("20000", "10000")
GROWTH = 1.5
EVENTS = 200
MESSAGE_MAX = 1024  # bytes; Kafka's topics refuse more than 1,048,576
ROW_MAX = 1024
# Of a confirmation: its own row and the timeline of its id; its message. A log's record also moves
# the id's position.
CONFIRMATION = {"rows_written": 2, "bytes_written": 256, "messages": 1, "bytes_sent": 64}
CONFIRMATION_OF_LOG = {"rows_written": 2, "bytes_written": 256, "messages": 2, "bytes_sent": 256}


@dataclass
class Cost:
    """Of one kind of events, each."""

    rows_read: float
    rows_written: float
    bytes_written: float
    largest_row: float
    messages: float
    bytes_sent: float
    largest_message: float
    instructions: float = 0


def instructions_of(out: Path, part: int) -> float:
    """Of the part of callgrind's output that was written when the counted function had returned
    that often."""
    text = (out.parent / f"{out.name}.{part}").read_text()
    assert "Trigger: --dump-after=phase" in text
    found = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
    assert found
    return int(found[1]) / EVENTS


def measure(directory: Path, history: tuple[str, str]) -> dict[str, Cost]:
    state, out = directory / "state", directory / "out"
    subprocess.run([HOT, "build", state, *history], check=True)
    callgrind = [
        "valgrind",
        "--tool=callgrind",
        f"--callgrind-out-file={out}",
        "--toggle-collect=work*",
        "--dump-after=phase*",
    ]
    done = subprocess.run(
        [*callgrind, HOT, "run", state, *history], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    costs = {}
    for part, line in enumerate(done.stdout.splitlines(), start=1):
        kind, *figures = line.split()
        costs[kind] = Cost(*map(float, figures), instructions=instructions_of(out, part))
    shutil.rmtree(state)
    return costs


@pytest.fixture(scope="module")
def costs(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Cost], dict[str, Cost]]:
    """With a short and with a long history, by kind."""
    short, long = (measure(tmp_path_factory.mktemp("hot"), history) for history in (SHORT, LONG))
    assert list(short) == list(long) == KINDS
    return short, long


@pytest.mark.parametrize("kind", KINDS)
def test_does_not_grow(kind: str, costs: tuple[dict[str, Cost], dict[str, Cost]]) -> None:
    short, long = (vars(by_kind[kind]) for by_kind in costs)
    grown = {what: (short[what], long[what]) for what in short if long[what] > GROWTH * short[what]}
    assert not grown, f"short history, long history: {grown}"


@pytest.mark.parametrize("kind", KINDS)
def test_is_small(kind: str, costs: tuple[dict[str, Cost], dict[str, Cost]]) -> None:
    for by_kind in costs:
        assert by_kind[kind].largest_message <= MESSAGE_MAX
        assert by_kind[kind].largest_row <= ROW_MAX


@pytest.mark.parametrize(
    ("kind", "most"), [("unchanged", CONFIRMATION), ("unchanged_log", CONFIRMATION_OF_LOG)]
)
def test_confirmation(
    kind: str, most: dict[str, float], costs: tuple[dict[str, Cost], dict[str, Cost]]
) -> None:
    for by_kind in costs:
        cost = vars(by_kind[kind])
        assert all(cost[what] <= limit for what, limit in most.items()), cost
