"""How many instructions a record takes, without Kafka: a guard against regressions that no noise of
a machine hides.

Counted by callgrind over the work of each phase of cycle.c, small enough that RocksDB's background
threads have little to do, and large enough that the state is written as behind a backlog. Where a
change is meant to cost that much, or saves more: the new figures are in the failure's message.
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
RECORDS = 30000
TOLERANCE = 0.10
# Thousands of instructions a record, on Debian 12's libraries. A customer has ten accounts. Which
# of "unchanged" and "refeed" pays for a commit that falls between them depends on the size of rows:
# 8.6 and 9.9 became 9.3 and 9.1.
EXPECTED = {
    "insert": 32.4,
    "change": 27.1,
    "unchanged": 9.0,
    "refeed": 9.4,
    "customer": 167.4,
    "late": 30.4,
}
RECORDS_OF = dict.fromkeys(EXPECTED, RECORDS) | {"customer": RECORDS // 10}


def count(out: Path, arguments: list[str]) -> dict[str, int]:
    """Instructions by phase."""
    counted_in = ["--toggle-collect=work*"]  # the input is made before
    dumps = [f"--dump-before=phase_{phase}" for phase in EXPECTED] + [
        f"--dump-after=phase_{phase}" for phase in EXPECTED
    ]
    command = [
        "valgrind",
        "--tool=callgrind",
        f"--callgrind-out-file={out}",
        *counted_in,
        *dumps,
        str(CYCLE),
        *arguments,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {}
    for part in out.parent.glob(f"{out.name}.*"):
        text = part.read_text()
        trigger = re.search(r"^desc: Trigger: --dump-after=phase_(\w+)", text, re.MULTILINE)
        if trigger:
            instructions = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
            assert instructions
            found[trigger[1]] = int(instructions[1])
    return found


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Thousands of instructions a record, by phase."""
    found = count(tmp_path_factory.mktemp("callgrind") / "out", 2 * [str(RECORDS)])
    return {phase: n / RECORDS_OF[phase] / 1000 for phase, n in found.items()}


@pytest.mark.parametrize("phase", EXPECTED)
def test_instructions(phase: str, counted: dict[str, float]) -> None:
    assert counted.keys() == EXPECTED.keys(), f"callgrind has dumped {counted}"
    figures = {name: round(value, 1) for name, value in counted.items()}
    assert counted[phase] == pytest.approx(EXPECTED[phase], rel=TOLERANCE), f"counted: {figures}"


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Instructions of the same changes in each format of the input."""
    out = tmp_path_factory.mktemp("formats")
    return {
        name: count(out / name, [name, *2 * ["4000"]])["change"]
        for name in ("json", "avro", "envelope")
    }


def test_an_avro_change_costs_no_more_than_json(changes: dict[str, int]) -> None:
    assert changes["avro"] <= changes["json"], changes


def test_an_envelope_costs_at_most_half_more(changes: dict[str, int]) -> None:
    assert changes["envelope"] <= 1.5 * changes["avro"], changes
