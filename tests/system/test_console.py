"""Kafka's own Java console consumer sees in account_summary what the model says."""

import json
from pathlib import Path

from kafka import KafkaBroker
from results import read_topic
from scenario import Scenario, load


def test_console__reads_account_summary(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (3, 3)) as s:
        s.streamer.start()
        s.fed.feed(load(400, (3, 3), "keyed", large=False))
        s.wait_drained()
        topic = s.names["account_summary"]
        count = len(read_topic(broker.bootstrap, topic))
        rows = dict(broker.console_consumer(topic, count))
        live = {key: json.loads(value) for key, value in rows.items() if value is not None}
        for row in live.values():
            del row["calculated_at"]
        assert live == s.fed.model.expected()["account_summary"]
        s.streamer.stop()
