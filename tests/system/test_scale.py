"""Several instances of one app.id share the work, whatever becomes of one of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from kafka import KafkaBroker
from process import wait_until
from scenario import Scenario, load
from streamer import Streamer, total

PARTITIONS = (4, 4)
SETTINGS = {
    "batch.max.records": "20",
    "kafka.session.timeout.ms": "6000",
    "transaction.timeout": "5s",
}


@contextmanager
def two(
    broker: KafkaBroker, directory: Path, static: bool, workers: int = 1
) -> Iterator[tuple[Scenario, Streamer]]:
    settings = {**SETTINGS, "instance.id": "one" if static else "", "workers": str(workers)}
    with Scenario(broker, directory, PARTITIONS, settings) as s:
        with s.another(directory / "two", {"instance.id": "two" if static else ""}) as second:
            yield s, second


def wait_shared(s: Scenario, second: Streamer) -> None:
    """Both have partitions."""

    def has_partitions(instance: Streamer) -> bool:
        return total(instance.metrics(), "streamer_assigned_partitions") > 0

    for instance in (s.streamer, second):
        instance.wait_ready()
        wait_until("sharing the work", partial(has_partitions, instance), instance.stderr)


def test_scale__second_joins_and_first_leaves(broker: KafkaBroker, tmp_path: Path) -> None:
    records = load(3000, PARTITIONS, "scattered", large=False)
    with two(broker, tmp_path, static=False) as (s, second):
        s.streamer.start()
        s.fed.feed(records[:1000])
        wait_shared(s, second)
        s.fed.feed(records[1000:2000])
        s.streamer.stop()
        s.fed.feed(records[2000:])
        s.wait_drained(second)
        s.check()
        second.stop()


@pytest.mark.parametrize("workers", [1, 3])
def test_scale__one_is_killed(broker: KafkaBroker, tmp_path: Path, workers: int) -> None:
    """With three workers each there are more of them than partitions: some have nothing to do, and
    are ready."""
    records = load(3000, PARTITIONS, "scattered", large=False)
    with two(broker, tmp_path, static=True, workers=workers) as (s, second):
        s.streamer.start()
        wait_shared(s, second)
        s.fed.feed(records[:1500])
        s.streamer.wait_consumed(broker, 200)
        second.kill()
        s.fed.feed(records[1500:])
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_scale__a_zombie_changes_nothing(broker: KafkaBroker, tmp_path: Path) -> None:
    """One stands still, is taken for dead, and wakes up when its work is done by the other."""
    records = load(3000, PARTITIONS, "keyed", large=False)
    with two(broker, tmp_path, static=False) as (s, second):
        s.streamer.start()
        wait_shared(s, second)
        s.fed.feed(records[:1500])
        s.streamer.wait_consumed(broker, 200)
        second.freeze()
        s.fed.feed(records[1500:2500])
        s.wait_drained()
        second.thaw()
        s.fed.feed(records[2500:])
        s.wait_drained()
        s.check()
        wait_shared(s, second)
        second.stop()
        s.streamer.stop()
