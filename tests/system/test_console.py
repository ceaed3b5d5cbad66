"""Kafka's own Java console consumer sees in the result topics what the model says."""

import json
from pathlib import Path

from kafka import KafkaBroker
from results import RESULTS, read_topic
from scenario import Scenario, load


def test_console__reads_every_result(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (3, 3)) as s:
        s.streamer.start()
        s.fed.feed(load(400, (3, 3), "keyed", large=False))
        s.wait_drained()
        expected = s.fed.model.expected()
        for name in RESULTS:
            count = len(read_topic(broker.bootstrap, s.names[name]))
            rows = dict(broker.console_consumer(s.names[name], count))
            live = {key: json.loads(value) for key, value in rows.items() if value is not None}
            for row in live.values():
                row.pop("calculated_at", None)
            assert live == expected[name], name
        s.streamer.stop()
