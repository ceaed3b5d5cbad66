"""Kafka's own Java clients see in the result topics what the model says: the console consumer, and
the program of schemas/README.md."""

import json
import subprocess
from decimal import Decimal
from pathlib import Path

from kafka import KafkaBroker, java
from recipes import recipe
from results import RESULTS, Row, read_topic
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
        check_recipe(s, tmp_path, expected["account_summary"])
        s.streamer.stop()


def check_recipe(s: Scenario, directory: Path, summaries: dict[str, Row]) -> None:
    """It prints how many rows there are, and the sum of their balances."""
    code = recipe("java", "import com.fasterxml")
    program = directory / "Balances.java"
    program.write_text(code.replace('"account_summary"', f'"{s.names["account_summary"]}"'))
    done = subprocess.run(
        java(directory, str(program), s.broker.bootstrap),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    total = sum(Decimal(row["original_balance_amount"]) for row in summaries.values())
    assert done.stdout == f"{len(summaries)} {total}\n", done.stderr
