"""What of the quarantine is still open, and what a replay would do: both are read from the topics,
and change nothing."""

import json
import time
from pathlib import Path
from typing import Any

from generate import Input
from kafka import KafkaBroker
from results import read_topic
from scenario import Scenario, load, load_log
from test_quarantine import listed, quarantine

TABLES = (
    "customer_history",
    "account_history",
    "account_with_customer",
    "account_summary",
    "customer_profile",
)


def rows_of(s: Scenario, broker: KafkaBroker) -> dict[tuple[str, str], Any]:
    """The rows of all tables, without the times when they were calculated."""
    rows = {}
    for table in TABLES:
        for m in read_topic(broker.bootstrap, s.names[table]):
            row = m.row()
            if row is not None:
                row.pop("calculated_at", None)
            rows[(s.names[table], m.key_text)] = row
    return rows


def dry_run(s: Scenario, *of_command: str) -> tuple[list[Any], list[Any], Any]:
    """What it says of records, of rows, and in the end."""
    done = quarantine(s.settings, "replay", "--dry-run", "--format", "json", *of_command)
    assert done.returncode == 0, done
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    records = [line for line in lines if "verdict" in line]
    rows = [line for line in lines if "before" in line]
    assert len(records) + len(rows) + 1 == len(lines)
    return records, rows, lines[-1]


def ends_of(s: Scenario, broker: KafkaBroker) -> dict[str, Any]:
    return {topic: broker.end_offsets(topic) for topic in s.names.values()}


def test_dry_run__says_what_the_replay_does(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (2, 3)) as s:
        s.fed.feed(load(600, (2, 3), "keyed"))  # so that the replays of an id have an order
        s.fed.feed(load_log(400, (2, 3), "mixed", 2, "auto", truncates=False))
        s.streamer.start()
        s.wait_drained()
        ends, before = ends_of(s, broker), rows_of(s, broker)
        records, rows, end = dry_run(s)
        assert ends_of(s, broker) == ends, "a dry run writes nothing"
        rejected = len(read_topic(broker.bootstrap, s.names["quarantine"]))
        assert len(records) == end["records"] == rejected > 50
        assert end["applied"] > 0 and end["rejected"] > 0 and end["not_judged"] == 0, end
        assert end["waiting"] == 0 and end["rows"] == len(rows) > 0, end

        done = quarantine(s.settings, "replay", "--yes")
        assert f"replayed {rejected} records" in done.stdout, done
        s.streamer.wait_processed(broker)
        after = rows_of(s, broker)
        changed = {key for key in before | after if before.get(key) != after.get(key)}
        said = {(row["topic"], row["key"]) for row in rows}
        assert said == changed
        for row in rows:
            key = (row["topic"], row["key"])
            assert (row["before"], row["after"]) == (before.get(key), after.get(key))
        again = read_topic(broker.bootstrap, s.names["quarantine"])[rejected:]
        assert len(again) == end["rejected"]
        s.streamer.stop()


def account(account_id: str, balance: str) -> Input:
    row = {
        "account_id": account_id,
        "customer_id": 1,
        "balance": balance,
        "account_type": "savings",
    }
    now = int(time.time() * 1000)
    return Input("accounts", 0, account_id.encode(), json.dumps(row).encode(), now, (), "", "")


def drop(repaired: int) -> list[Input]:
    """A full drop: two bad rows of each of nine accounts, but for some that are repaired, and good
    rows of others."""
    bad = [account(f"B{i}", "?") for i in range(repaired, 9) for _ in range(2)]
    good = [account(f"B{i}", "50.50") for i in range(repaired)]
    return bad + good + [account(f"G{i}", "1") for i in range(20)]


def open_ids(s: Scenario) -> list[tuple[str, int]]:
    rows, _ = listed(s.settings, "--open", "--distinct")
    return sorted((row["id"], row["count"]) for row in rows)


def test_open__a_drop_that_comes_again_adds_no_lines(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (2, 3)) as s:
        s.streamer.start()
        for day in range(1, 4):
            s.fed.feed(drop(0))
            s.wait_drained()
            time.sleep(0.01)  # the next drop has later timestamps
            assert open_ids(s) == [(f"B{i}", 2 * day) for i in range(9)]
        rows, end = listed(s.settings, "--open")
        assert len(rows) == end["records"] == 54
        s.fed.feed(drop(2))
        s.wait_drained()
        done = quarantine(s.settings, "replay", "--id", "B8", "--field", "balance=50.50", "--yes")
        assert "replayed 8 records" in done.stdout, done
        s.streamer.wait_processed(broker)
        s.streamer.stop()
        assert open_ids(s) == [(f"B{i}", 8) for i in range(2, 8)], "without an instance"
        s.fed.feed([account("G0", "2")])
        records, rows, end = dry_run(s, "--id", "B7", "--field", "balance=7")
        assert len(records) == 8 and len(rows) > 0, "nor does a dry run need one"
        assert end["waiting"] == 1, end
