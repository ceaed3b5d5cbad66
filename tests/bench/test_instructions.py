"""How many instructions a record takes, without Kafka: a guard against regressions that no noise of a machine hides.

Counted by callgrind over the work of each phase of cycle.c, small enough that RocksDB's background threads have little to do, and large
enough that the state is written as behind a backlog.
Where a change is meant to cost that much, or saves more: the new figures are in the failure's message.
"""

import re
import subprocess
from pathlib import Path

import pytest

CYCLE = Path(__file__).parents[2] / "build" / "release" / "tests" / "cycle"
RECORDS = 30000
TOLERANCE = 0.10
# Thousands of instructions a record, on Debian 12's libraries. A customer has ten accounts.
EXPECTED = {"insert": 33.4, "change": 27.0, "unchanged": 9.3, "customer": 168.4, "late": 29.8}
RECORDS_OF = dict.fromkeys(EXPECTED, RECORDS) | {"customer": RECORDS // 10}


@pytest.fixture(scope="module")
def counted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Thousands of instructions a record, by phase."""
    out = tmp_path_factory.mktemp("callgrind") / "out"
    counted_in = ["--toggle-collect=work*"]  # the input is made before
    dumps = [f"--dump-before=phase_{phase}" for phase in EXPECTED] + [f"--dump-after=phase_{phase}" for phase in EXPECTED]
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", *counted_in, *dumps, str(CYCLE), *2 * [str(RECORDS)]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = {}
    for part in out.parent.glob("out.*"):
        text = part.read_text()
        trigger = re.search(r"^desc: Trigger: --dump-after=phase_(\w+)", text, re.MULTILINE)
        if trigger:
            instructions = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
            assert instructions
            found[trigger[1]] = int(instructions[1]) / RECORDS_OF[trigger[1]] / 1000
    return found


@pytest.mark.parametrize("phase", EXPECTED)
def test_instructions(phase: str, counted: dict[str, float]) -> None:
    assert counted.keys() == EXPECTED.keys(), f"callgrind has dumped {counted}"
    figures = {name: round(value, 1) for name, value in counted.items()}
    assert counted[phase] == pytest.approx(EXPECTED[phase], rel=TOLERANCE), f"counted: {figures}"
