"""Repartition topics keep what is not processed yet, and nothing else."""

from pathlib import Path

from confluent_kafka import IsolationLevel
from kafka import KafkaBroker
from results import read_topic
from scenario import Scenario, load

PARTITIONS = (2, 3)


def test_repartition__what_is_committed_is_deleted(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        s.fed.feed(load(600, PARTITIONS, "unkeyed"))
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()
        for name in ("repartition-customers", "repartition-accounts"):
            topic = s.streamer.internal_topic(name)
            ends = broker.end_offsets(topic, IsolationLevel.READ_UNCOMMITTED)
            assert sum(ends.values()) > 100, "it was not used at all"
            assert read_topic(broker.bootstrap, topic) == []
