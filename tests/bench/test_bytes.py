"""How many bytes of files a record reads and writes, without Kafka, where the state is larger than
its memory (cycle.c).

What is read tells whether filters leave files out, what is written how often files are merged.
RocksDB merges them in threads of its own, so that this is counted on a machine that does nothing
else. Where a change is meant to cost that much, or saves more: the new figures are in the failure's
message.
"""

import platform
import re
import subprocess
from pathlib import Path

import pytest

SYSTEM = platform.freedesktop_os_release()
pytestmark = pytest.mark.skipif(
    (SYSTEM["ID"], SYSTEM.get("VERSION_ID")) != ("debian", "12"),
    reason="the figures are those of Debian 12's compiler and libraries",
)

CYCLE = Path(__file__).parents[2] / "build" / "release" / "tests" / "cycle"
SMALL_MEMORY = 8 << 20
STORED = 60000
TOLERANCE = 0.25  # RocksDB's threads decide when they merge
# Bytes a record: read from files, written to them.
EXPECTED = {
    "insert": (171, 266),
    "change": (1523, 428),
    "unchanged": (735, 153),
    "refeed": (338, 204),
    "customer": (18721, 2445),
    "late": (2600, 568),
}


@pytest.fixture(scope="module")
def moved() -> dict[str, tuple[int, int]]:
    """Bytes a record, by phase."""
    command = [str(CYCLE), *2 * [str(STORED)], str(SMALL_MEMORY)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^(\w+) .* (\d+) bytes read +(\d+) bytes written$", said, re.MULTILINE)
    return {phase: (int(read), int(written)) for phase, read, written in found}


@pytest.mark.parametrize("phase", EXPECTED)
def test_bytes(phase: str, moved: dict[str, tuple[int, int]]) -> None:
    assert moved.keys() == EXPECTED.keys(), f"cycle has printed {moved}"
    assert moved[phase] == pytest.approx(EXPECTED[phase], rel=TOLERANCE), f"counted: {moved}"
