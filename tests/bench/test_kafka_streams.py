"""The Kafka Streams peer gives the results that the model does: only then is it fair to compare
with it.

SEEDS=n runs n seeds of each combination, FIRST_SEED=n another stretch of them, EVENTS=n longer
ones.
"""

import dataclasses
import itertools
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType

import pytest
from avro_input import (
    CUSTOMER_1,
    MILLIS,
    TEXT_ACCOUNT,
    TEXT_CUSTOMER,
    AvroFed,
    AvroInput,
    Shape,
    Writer,
    decimal,
    record,
    same_names,
    text_to_scale,
    to_scale,
)
from generate import Input
from kafka import KafkaBroker
from peer_kafka_streams import INPUTS, KafkaStreamsPeer
from registry import Registry
from results import RESULTS, check_results
from scenario import FIRST_SEED, FOREVER, RECORD_MAX_BYTES, SEEDS, Fed, load

# As the benchmark's accounts; its customers are as CUSTOMER_1.
ACCOUNT = Shape(
    "accounts",
    record(
        "Account",
        ("account_id", "string"),
        ("customer_id", "long"),
        ("balance", decimal(18, 2)),
        ("account_type", "string"),
        ("updated_at", MILLIS),
    ),
    same_names("account_id", "customer_id", "balance", "account_type", "updated_at"),
    {"balance": to_scale(2)},
    {"balance": text_to_scale(2)},
)

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
        feeds: type[Fed] = Fed,
    ) -> None:
        self._broker = broker
        self._app_id = f"peer{next(_numbers)}"
        self.names = {name: f"{self._app_id}.{name}" for name in (*INPUTS, *RESULTS, "quarantine")}
        self._partitions = max(partitions)
        counts = {
            **dict.fromkeys(self.names, self._partitions),
            **dict(zip(INPUTS, partitions, strict=True)),
        }
        for name, topic in self.names.items():
            # Results too: compaction removes rows before their tombstones, and every message is
            # looked at here.
            broker.topic_create(topic, counts[name], FOREVER)
        self.fed = feeds(broker.bootstrap, self.names)
        names = {f"names.{name}": topic for name, topic in self.names.items()}
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
        quarantine = [{**rejected, "id": None} for rejected in self.fed.quarantine()]
        check_results(
            *(self._broker.bootstrap, self.names, self.fed.model.expected(), quarantine),
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


def test_avro(broker: KafkaBroker, tmp_path: Path) -> None:
    """Flat rows and tombstones, as Python's AvroSerializer writes them."""
    with (
        Registry() as registry,
        Scenario(broker, tmp_path, (2, 3), {"schema.registry.url": registry.url}, AvroFed) as s,
    ):
        writer = Writer(registry, s.names, (2, 3), header_keys=())
        s.peer.start()
        s.peer.wait_ready()
        s.fed.feed(writer.records(EVENTS, (CUSTOMER_1, ACCOUNT, TEXT_CUSTOMER, TEXT_ACCOUNT)))
        s.fed.feed([writer.unknown("accounts", "A1"), *cut_off(writer.records(5, (ACCOUNT,)))])
        s.check()
        codes = {rejected["code"] for rejected in s.fed.quarantine()}
        assert {"unknown_schema", "malformed", "invalid_balance", "invalid_name"} <= codes
        s.peer.stop()


def cut_off(records: Iterable[AvroInput]) -> list[AvroInput]:
    return [dataclasses.replace(r, value=r.value[:-2], json_value=b"{") for r in records if r.value]


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
