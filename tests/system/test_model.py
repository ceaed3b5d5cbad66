"""Whatever goes in, in whatever form and order: the results on a real Kafka are the model's.

SEEDS=n runs n seeds of each combination, FIRST_SEED=n another stretch of them, EVENTS=n longer
ones.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from generate import Input
from kafka import KafkaBroker
from scenario import FIRST_SEED, SEEDS, Scenario, load, load_log
from streamer import INPUTS, total

KEYED_COUNTERS = (
    *("applied", "unchanged", "quarantined", "late", "reordered", "repeated"),
    *("behind_tombstone", "tombstones_unknown"),
)
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


@pytest.mark.parametrize(
    ("mode", "order", "partitions"),
    [
        ("log", "auto", (3, 3)),
        ("log", "log", (2, 5)),
        ("mixed", "auto", (5, 2)),
        ("mixed", "event_time", (3, 3)),
    ],
)
def test_model__logs(
    broker: KafkaBroker, tmp_path: Path, mode: str, order: str, partitions: tuple[int, int]
) -> None:
    settings = {"batch.max.records": "200", "order.customers": order, "order.accounts": order}
    with Scenario(broker, tmp_path, partitions, settings) as s:
        s.streamer.start()
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            s.fed.feed(load_log(EVENTS, partitions, mode, seed, order, truncates=False))
        s.wait_drained()
        s.check()
        check_metrics(s, "keyed")
        s.streamer.stop()


@pytest.mark.parametrize(
    ("mode", "order"), [("log", "auto"), ("log", "log"), ("mixed", "auto"), ("mixed", "event_time")]
)
def test_model__truncates(broker: KafkaBroker, tmp_path: Path, mode: str, order: str) -> None:
    """In one partition, so that the order in which they are consumed is known."""
    settings = {"batch.max.records": "200", "order.customers": order, "order.accounts": order}
    with Scenario(broker, tmp_path, (1, 1), settings) as s:
        s.streamer.start()
        for seed in range(FIRST_SEED, FIRST_SEED + SEEDS):
            s.fed.feed(load_log(EVENTS, (1, 1), mode, seed, order, truncates=True))
        s.wait_drained()
        s.check()
        check_metrics(s, "keyed")
        s.streamer.stop()


@pytest.mark.parametrize("order", ["auto", "log"])
def test_model__truncates_of_many_partitions(
    broker: KafkaBroker, tmp_path: Path, order: str
) -> None:
    """Each truncate, and what comes behind it, is fed when all before it is done."""
    partitions = (3, 2)
    settings = {"order.customers": order, "order.accounts": order}
    records = load_log(EVENTS, partitions, "log", FIRST_SEED, order, truncates=True)
    with Scenario(broker, tmp_path, partitions, settings) as s:
        s.streamer.start()
        for phase in phases(records, is_truncate):
            s.fed.feed(phase)
            s.wait_drained()
        s.check()
        truncates = Counter(r.topic for r in records if is_truncate(r))
        # Every task applies a truncate, and counts it.
        check_metrics(
            s, "keyed", {name: (max(partitions) - 1) * n for name, n in truncates.items()}
        )
        s.streamer.stop()


def is_truncate(record: Input) -> bool:
    return record.label.startswith("log: truncate")


def phases(records: list[Input], is_alone: Callable[[Input], bool]) -> list[list[Input]]:
    """The records in their order, those apart from all others of which is_alone says so."""
    result: list[list[Input]] = [[]]
    for record in records:
        if is_alone(record):
            result += [[record], []]
        else:
            result[-1].append(record)
    return [phase for phase in result if phase]


def check_metrics(s: Scenario, mode: str, more_applied: Mapping[str, int] | None = None) -> None:
    """The counters say what the model counted; in the other modes some of it depends on the order
    of arrival."""
    s.streamer.wait_lag_zero()
    metrics = s.streamer.metrics()
    for name in INPUTS:
        want = dict(s.fed.model.counters[name])
        want["applied"] += (more_applied or {}).get(name, 0)
        assert (
            total(metrics, "streamer_records_consumed_total", topic=s.names[name])
            == want["consumed"]
        )
        counters = KEYED_COUNTERS if mode == "keyed" else ("quarantined",)
        got = {c: int(total(metrics, f"streamer_records_{c}_total", entity=name)) for c in counters}
        assert got == {c: want[c] for c in counters}, f"counters of {name}"
        if mode == "keyed":
            s.streamer.wait_outdated(name, s.fed.model.outdated_rows(name))
