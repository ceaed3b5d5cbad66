"""The Kafka Streams peer gives the results that the model does: only then is it fair to compare with it.

SEEDS=n runs n seeds of each combination, FIRST_SEED=n another stretch of them, EVENTS=n longer ones.
"""

import itertools
import os
from pathlib import Path

import pytest
from kafka import KafkaBroker
from peer_kafka_streams import INPUTS, KafkaStreamsPeer
from results import RESULTS, check_results
from scenario import FIRST_SEED, FOREVER, RECORD_MAX_BYTES, SEEDS, Fed, load

EVENTS = int(os.environ.get("EVENTS", "400"))
JVM = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_numbers = itertools.count(1)


@pytest.mark.parametrize(
    ("mode", "partitions", "settings"),
    [
        ("keyed", (1, 1), {}),
        ("keyed", (1, 1), {"history.inline.events": "2"}),
        ("keyed", (3, 3), {"history.inline.events": "6", "num.stream.threads": "2"}),
        ("keyed", (2, 5), {"statestore.cache.max.bytes": "0"}),
        ("scattered", (3, 3), {}),
        ("unkeyed", (5, 2), {"commit.interval.ms": "20"}),
    ],
)
def test_model(
    broker: KafkaBroker, tmp_path: Path, mode: str, partitions: tuple[int, int], settings: dict[str, str]
) -> None:
    app_id = f"peer{next(_numbers)}"
    names = {name: f"{app_id}.{name}" for name in (*INPUTS, *RESULTS, "quarantine")}
    for name, count in zip(INPUTS, partitions, strict=True):
        broker.topic_create(names[name], count, FOREVER)
    for name in (*RESULTS, "quarantine"):
        # Not compacted: compaction removes rows before their tombstones, and every message is looked at here.
        broker.topic_create(names[name], max(partitions), FOREVER)
    fed = Fed(broker.bootstrap, names)
    settings = {"record.max.bytes": str(RECORD_MAX_BYTES), **{f"names.{n}": t for n, t in names.items()}, **settings}
    with KafkaStreamsPeer(tmp_path / "one", broker.bootstrap, app_id, settings, JVM) as peer:
        peer.wait_ready()
        fed.feed(load(EVENTS, partitions, mode, range(FIRST_SEED, FIRST_SEED + SEEDS)))
        peer.wait_drained(broker, fed.counts)
        check_results(
            broker.bootstrap, names, fed.model.expected(), fed.model.quarantine(), max(partitions), fed.headers
        )
        peer.stop()
    for topic in broker.topics():
        if topic.startswith((f"{app_id}.", f"{app_id}-")):
            broker.topic_delete(topic)
