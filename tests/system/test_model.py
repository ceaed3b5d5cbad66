"""Whatever goes in, in whatever form and order: the results on a real Kafka are the model's.

SEEDS=n runs n seeds of each combination, FIRST_SEED=n another stretch of them, EVENTS=n longer ones.
"""

import os
from pathlib import Path

import pytest
from kafka import KafkaBroker
from scenario import FIRST_SEED, SEEDS, Scenario, load
from streamer import INPUTS, total

EVENTS = int(os.environ.get("EVENTS", "400"))


@pytest.mark.parametrize(
    ("mode", "partitions"),
    [
        ("keyed", (1, 1)),
        ("keyed", (3, 3)),
        ("keyed", (2, 5)),
        ("scattered", (3, 3)),
        ("scattered", (2, 5)),
        ("unkeyed", (1, 1)),
        ("unkeyed", (5, 2)),
    ],
)
def test_model(broker: KafkaBroker, tmp_path: Path, mode: str, partitions: tuple[int, int]) -> None:
    seeds = range(FIRST_SEED, FIRST_SEED + SEEDS)
    with Scenario(broker, tmp_path, partitions, {"batch.max.records": "200"}) as s:
        s.streamer.start()
        s.fed.feed(load(EVENTS, partitions, mode, seeds))
        s.wait_drained()
        s.check()
        check_metrics(s, mode)
        s.streamer.stop()


def check_metrics(s: Scenario, mode: str) -> None:
    """The counters say what the model counted; in the other modes some of it depends on the order of arrival."""
    s.streamer.wait_lag_zero()
    metrics = s.streamer.metrics()
    for name in INPUTS:
        want = s.fed.model.counters[name]
        assert total(metrics, "streamer_records_consumed_total", topic=s.names[name]) == want["consumed"]
        counters = ("quarantined", "unchanged", "late") if mode == "keyed" else ("quarantined",)
        got = {c: int(total(metrics, f"streamer_records_{c}_total", entity=name)) for c in counters}
        assert got == {c: want[c] for c in counters}, f"counters of {name}"
