"""SIGTERM ends the program in every situation, without waiting for a broker that is not there, and
nothing is lost."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaBroker
from process import wait_until
from proxy import CREATE_TOPICS, proxied
from scenario import Scenario, load

PARTITIONS = (2, 2)
MANY_TRANSACTIONS = {"batch.max.records": "20"}
FOR_GOOD_S = 100000.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Shared: tests bring it back when they have taken it down."""
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def idle(s: Scenario) -> None:
    s.wait_drained()


def under_load(s: Scenario) -> None:
    s.streamer.wait_consumed(s.broker, 100)


def idle_then_frozen(s: Scenario) -> None:
    s.wait_drained()
    s.broker.freeze()


def frozen_under_load(s: Scenario) -> None:
    s.streamer.wait_consumed(s.broker, 100)
    s.broker.freeze()


def idle_then_dead(s: Scenario) -> None:
    s.wait_drained()
    s.broker.stop()
    wait_until(
        "trying again",
        lambda: s.streamer.get("/readyz")[1]["unreachable_brokers"],
        s.streamer.stderr,
    )


def dead_under_load(s: Scenario) -> None:
    s.streamer.wait_consumed(s.broker, 100)
    s.broker.stop()


def started_while_frozen(s: Scenario) -> None:
    s.streamer.kill()
    s.broker.freeze()
    s.streamer.start()
    unreachable(s)


def started_while_dead(s: Scenario) -> None:
    s.streamer.kill()
    s.broker.stop()
    s.streamer.start()
    unreachable(s)


def unreachable(s: Scenario) -> None:
    wait_until(
        "looking for the broker",
        lambda: "broker unreachable" in s.streamer.stderr.read_text(),
        s.streamer.stderr,
    )


# What is the matter, and whether it must end as well as it can: with exit code 0.
SITUATIONS: list[tuple[Callable[[Scenario], None], bool]] = [
    (idle, True),
    (under_load, True),
    (idle_then_frozen, False),
    (frozen_under_load, False),
    (idle_then_dead, False),
    (dead_under_load, False),
    (started_while_frozen, True),
    (started_while_dead, True),
]


def bring_back(broker: KafkaBroker) -> None:
    if broker.runs():
        broker.thaw()
    else:
        broker.start()


@pytest.mark.parametrize(
    "situation, ends_well", [pytest.param(f, well, id=f.__name__) for f, well in SITUATIONS]
)
def test_stop__in(
    broker: KafkaBroker, tmp_path: Path, situation: Callable[[Scenario], None], ends_well: bool
) -> None:
    with Scenario(broker, tmp_path, PARTITIONS, MANY_TRANSACTIONS) as s:
        s.fed.feed(load(500, PARTITIONS, "keyed", large=False))
        s.streamer.start()
        try:
            situation(s)
            s.streamer.ask_to_stop()
            code = s.streamer.wait_exit()  # the broker does not come back before that
        finally:
            bring_back(broker)
        said = s.streamer.stderr.read_text()
        assert code == 0 or (not ends_well and code == 1 and "stopping takes too long" in said), (
            said
        )
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_stop__while_topics_are_created(tmp_path: Path) -> None:
    """Requests of that kind are answered late, if at all."""
    with proxied(tmp_path / "kafka", CREATE_TOPICS) as (broker, proxy, address):
        with Scenario(broker, tmp_path, PARTITIONS, {"kafka.bootstrap.servers": address}) as s:
            proxy.mode, proxy.seconds = "delay", FOR_GOOD_S
            s.streamer.start()
            wait_until("creating topics", lambda: proxy.hits > 0, s.streamer.stderr)
            s.streamer.ask_to_stop()
            assert s.streamer.wait_exit() == 0
