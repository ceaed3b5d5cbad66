"""`streamer run --embedded`: the same results, from and to the broker that is inside the
program."""

from pathlib import Path

import pytest
from scenario import FIRST_SEED, EmbeddedScenario, load


@pytest.mark.parametrize(
    ("mode", "partitions", "workers"), [("keyed", 1, 1), ("scattered", 3, 2), ("unkeyed", 2, 1)]
)
def test_embedded(tmp_path: Path, mode: str, partitions: int, workers: int) -> None:
    with EmbeddedScenario(tmp_path, partitions, workers) as s:
        s.fed.feed(
            load(300, (partitions, partitions), mode, (FIRST_SEED, FIRST_SEED + 1), large=False)
        )
        s.wait_drained()
        s.check()
        s.streamer.stop()
