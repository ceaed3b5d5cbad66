"""Kafka goes away and comes back while the program works."""

import time
from pathlib import Path

import pytest
from kafka import KafkaBroker
from scenario import Scenario, load

PARTITIONS = (2, 3)
MANY_TRANSACTIONS = {"batch.max.records": "20"}


@pytest.mark.parametrize(("how", "moments"), [("stop", [300]), ("kill", [800])])
def test_faults__broker_restarts(own_broker: KafkaBroker, tmp_path: Path, how: str, moments: list[int]) -> None:
    with Scenario(own_broker, tmp_path, PARTITIONS, MANY_TRANSACTIONS) as s:
        s.fed.feed(load(1500, PARTITIONS, "scattered"))
        s.streamer.start()
        for moment in moments:
            s.streamer.wait_consumed(own_broker, moment)
            getattr(own_broker, how)()
            own_broker.start()
            own_broker.abort_hanging()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_faults__network_is_cut(own_broker: KafkaBroker, tmp_path: Path) -> None:
    """For longer than the session and the transaction live."""
    settings = {**MANY_TRANSACTIONS, "kafka.session.timeout.ms": "6000", "transaction.timeout": "5s"}
    with Scenario(own_broker, tmp_path, PARTITIONS, settings) as s:
        s.fed.feed(load(1500, PARTITIONS, "keyed"))
        s.streamer.start()
        s.streamer.wait_consumed(own_broker, 400)
        own_broker.freeze()
        time.sleep(8)
        own_broker.thaw()
        s.wait_drained()
        s.check()
        s.streamer.stop()
