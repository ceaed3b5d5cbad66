"""Flink's SQL reads marts by the recipes of schemas/README.md. `./dev downstream` runs this."""

import os
import re
import subprocess
from pathlib import Path

from inputs import in_two_parts
from kafka import ROOT, KafkaBroker
from recipes import recipe
from results import Row
from scenario import Scenario

LIBRARIES = Path(os.environ.get("FLINK_LIBS", ROOT / "build" / "flink-libs"))
PROGRAM = Path(__file__).parent / "FlinkRows.java"
PARTITIONS = (2, 3)


def rows_of(s: Scenario, table: str, key: str, directory: Path) -> dict[str, Row]:
    """The rows of the recipe's table by its first column, all as texts."""
    sql = recipe("sql", f"CREATE TABLE {table} (\n    {key} ")
    names = re.findall(r"^    (\w+) [A-Z]", sql.split("PRIMARY KEY")[0], re.MULTILINE)
    sql = sql.replace(f"'topic' = '{table}'", f"'topic' = '{s.names[table]}'")
    file = directory / f"{table}.sql"
    file.write_text(sql.replace("127.0.0.1:9092", s.broker.bootstrap))
    java = ["java", "-Xmx768m", "-cp", f"{LIBRARIES}/*", str(PROGRAM), str(file), table]
    done = subprocess.run(java, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    rows = {}
    for line in done.stdout.splitlines():
        if line.startswith("ROW\t"):
            values = dict(zip(names, line.split("\t")[1:], strict=True))
            rows[values[names[0]]] = values
    return rows


def as_texts(row: Row) -> Row:
    """As Java prints them."""
    return {name: str(v).lower() if isinstance(v, bool) else str(v) for name, v in row.items()}


def test_flink__reads_marts(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        s.streamer.start()
        for part in in_two_parts(PARTITIONS):
            s.fed.feed(part)
            s.wait_drained()
        s.streamer.stop()
        for table, key in (("account_summary", "account_id"), ("customer_profile", "message_key")):
            rows = rows_of(s, table, key, tmp_path)
            for id_, row in rows.items():
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", row.pop("calculated_at"))
                row.pop("message_key", None)
            expected = s.fed.model.expected()[table]
            assert rows == {id_: as_texts(row) for id_, row in expected.items()}, table
