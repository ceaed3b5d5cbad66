"""The Kafka Streams peer gives the results that the model does: only then is it fair to compare
with it.

SEEDS=n runs n seeds of each combination, FIRST_SEED=n another stretch of them, EVENTS=n longer
ones.
"""

import itertools
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

import pytest
from generate import Input
from kafka import KafkaBroker
from peer_kafka_streams import INPUTS, KafkaStreamsPeer
from results import RESULTS, check_results
from scenario import FIRST_SEED, FOREVER, RECORD_MAX_BYTES, SEEDS, Fed, load

EVENTS = int(os.environ.get("EVENTS", "800"))
JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_FLAT = re.compile(r"(^|^repeated |, )flat(\+schema)?$")
_numbers = itertools.count(1)


class Scenario:
    """The peer with topics of its own on a broker that others use too, and what went in."""

    def __init__(
        self,
        broker: KafkaBroker,
        directory: Path,
        partitions: tuple[int, int],
        settings: Mapping[str, str],
    ) -> None:
        self._broker = broker
        self._app_id = f"peer{next(_numbers)}"
        self._names = {name: f"{self._app_id}.{name}" for name in (*INPUTS, *RESULTS, "quarantine")}
        self._partitions = max(partitions)
        counts = {
            **dict.fromkeys(self._names, self._partitions),
            **dict(zip(INPUTS, partitions, strict=True)),
        }
        for name, topic in self._names.items():
            # Results too: compaction removes rows before their tombstones, and every message is
            # looked at here.
            broker.topic_create(topic, counts[name], FOREVER)
        self.fed = Fed(broker.bootstrap, self._names)
        names = {f"names.{name}": topic for name, topic in self._names.items()}
        own = {"record.max.bytes": str(RECORD_MAX_BYTES), **names, **settings}
        self.peer = KafkaStreamsPeer(directory / "one", broker.bootstrap, self._app_id, own, JVM)

    def __enter__(self) -> "Scenario":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.peer.__exit__(kind, error, trace)
        if kind is None:
            for topic in self._broker.topics():
                if topic.startswith((f"{self._app_id}.", f"{self._app_id}-")):
                    self._broker.topic_delete(topic)

    def check(self) -> None:
        """When all is drained, the results are what the model says."""
        self.peer.wait_drained(self._broker, self.fed.counts)
        # The peer says neither which record caused a result nor which id was rejected.
        quarantine = [{**rejected, "id": None} for rejected in self.fed.model.quarantine()]
        check_results(
            *(self._broker.bootstrap, self._names, self.fed.model.expected(), quarantine),
            *(self._partitions, self.fed.records),
            has_sources=False,
        )


def benchmark_records(
    partitions: tuple[int, int],
    mode: str,
    seeds: Iterable[int] = range(FIRST_SEED, FIRST_SEED + SEEDS),
) -> list[Input]:
    """The benchmark feeds flat, untyped records by event time. The peer must know no others."""
    return [
        r
        for r in load(EVENTS, partitions, mode, seeds)
        if _FLAT.search(r.label) and b'"scale"' not in r.value
    ]


@pytest.mark.parametrize(
    ("mode", "partitions", "settings"),
    [
        ("keyed", (1, 1), {}),
        ("keyed", (1, 1), {"history.inline.events": "2"}),
        ("keyed", (3, 3), {"history.inline.events": "6", "num.stream.threads": "2"}),
        ("keyed", (2, 5), {"statestore.cache.max.bytes": "0"}),
        ("keyed", (3, 3), {"repartition": "never"}),
        ("scattered", (3, 3), {}),
        ("unkeyed", (5, 2), {"commit.interval.ms": "20"}),
    ],
)
def test_model(
    broker: KafkaBroker,
    tmp_path: Path,
    mode: str,
    partitions: tuple[int, int],
    settings: dict[str, str],
) -> None:
    with Scenario(broker, tmp_path, partitions, settings) as s:
        s.peer.start()
        s.peer.wait_ready()
        s.fed.feed(benchmark_records(partitions, mode))
        s.check()
        s.peer.stop()


def test_kill(broker: KafkaBroker, tmp_path: Path) -> None:
    """Killed on the way, it goes on from what is committed."""
    records = benchmark_records((2, 2), "keyed")
    with Scenario(broker, tmp_path, (2, 2), {"consumer.session.timeout.ms": "6000"}) as s:
        s.peer.start()
        s.peer.wait_ready()
        for part in (records[::2], records[1::2]):
            s.fed.feed(part)
            s.peer.kill()
            s.peer.start()
        s.check()
        s.peer.stop()
