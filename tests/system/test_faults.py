"""Kafka goes away and comes back while the program works."""

import time
from pathlib import Path

import pytest
from kafka import KafkaBroker
from scenario import Scenario, load

PARTITIONS = (2, 3)
SHORT_SESSION = {
    "batch.max.records": "20",
    "kafka.session.timeout.ms": "6000",
    "transaction.timeout": "5s",
}


@pytest.mark.parametrize(("how", "moment", "down_s"), [("stop", 300, 0), ("kill", 800, 8)])
def test_faults__broker_restarts(
    own_broker: KafkaBroker, tmp_path: Path, how: str, moment: int, down_s: int
) -> None:
    """Once for longer than the session lives, soon after the group was joined."""
    assert any(
        survives_restart(own_broker, tmp_path / str(turn), how, moment, down_s) for turn in range(6)
    ), "Kafka itself tore a transaction each time"


def survives_restart(
    own_broker: KafkaBroker, directory: Path, how: str, moment: int, down_s: int
) -> bool:
    """False: Kafka itself tore a transaction, so that nothing can be said of the results."""
    with Scenario(own_broker, directory, PARTITIONS, SHORT_SESSION) as s:
        s.fed.feed(load(1500, PARTITIONS, "scattered"))
        s.streamer.start()
        s.streamer.wait_consumed(own_broker, moment)
        getattr(own_broker, how)()
        time.sleep(down_s)
        own_broker.start()
        if own_broker.has_torn_transactions():
            return False
        s.wait_drained()
        s.check()
        s.streamer.stop()
        return True


def test_faults__network_is_cut(own_broker: KafkaBroker, tmp_path: Path) -> None:
    """For longer than the session and the transaction live."""
    with Scenario(own_broker, tmp_path, PARTITIONS, SHORT_SESSION) as s:
        s.fed.feed(load(1500, PARTITIONS, "keyed"))
        s.streamer.start()
        s.streamer.wait_consumed(own_broker, 400)
        own_broker.freeze()
        time.sleep(8)
        own_broker.thaw()
        s.wait_drained()
        s.check()
        s.streamer.stop()
