"""DuckDB and pyarrow read files that consumers have made of result topics: exact decimals, times in
UTC, the rows of the model. What makes and reads them are the recipes of schemas/README.md."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from formats import printed
from inputs import in_two_parts
from kafka import ROOT
from recipes import recipe
from registry import Registry
from results import Row, read_topic
from scenario import EmbeddedScenario

HERE = Path(__file__).parent
PARTITIONS = 2
# As DuckDB calls the types of the fields in *.avsc.
DECIMALS = {
    "balance_amount": "DECIMAL(18,2)",
    "original_balance_amount": "DECIMAL(18,2)",
    "annual_interest_amount": "DECIMAL(18,2)",
    "new_balance_amount": "DECIMAL(20,2)",
    "total_balance_amount": "DECIMAL(38,2)",
    "total_annual_interest_amount": "DECIMAL(38,2)",
    "interest_rate_pct": "DECIMAL(5,3)",
}
OTHERS = {"customer_id": "BIGINT", "total_accounts_count": "BIGINT", "has_loan_flag": "BOOLEAN"}


def type_of(name: str) -> str:
    if name.endswith("_at"):
        return "TIMESTAMP WITH TIME ZONE"
    return DECIMALS.get(name) or OTHERS.get(name) or "VARCHAR"


@contextmanager
def fed(directory: Path, settings: dict[str, str]) -> Iterator[EmbeddedScenario]:
    """A run whose topics have updates and deletes."""
    with EmbeddedScenario(directory, PARTITIONS, settings=settings) as s:
        for part in in_two_parts((PARTITIONS, PARTITIONS)):
            s.fed.feed(part)
            s.wait_drained()
        yield s
        s.streamer.stop()


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def key_of(topic: str, row: Row) -> str:
    """That of its message."""
    if topic in ("account_with_customer", "account_summary"):
        return str(row["account_id"])
    if topic == "customer_profile":
        return str(row["customer_id"])
    begin = datetime.fromisoformat(row["valid_from_at"])
    id_ = row["customer_id" if topic == "customer_history" else "account_id"]
    return f"{id_}|{round(begin.timestamp() * 1000)}"


def rows_of(topic: str, rows: list[dict[str, Any]]) -> dict[str, Row]:
    """As the model has them."""
    found: dict[str, Row] = {}
    for row in rows:
        as_json = {name: printed(value) for name, value in row.items()}
        as_json.pop("calculated_at", None)
        key = key_of(topic, as_json)
        assert key not in found
        found[key] = as_json
    return found


def check_table(
    database: duckdb.DuckDBPyConnection, table: str, topic: str, expected: dict[str, Row]
) -> None:
    """Its types, its rows, and the sums of its amounts, which DuckDB adds up."""
    types = database.execute(f"SELECT column_name, column_type FROM (DESCRIBE FROM {table})")
    columns = dict(types.fetchall())
    assert columns == {name: type_of(name) for name in columns}
    rows = database.sql(f"FROM {table}").to_arrow_table().to_pylist()
    assert rows_of(topic, rows) == expected
    for name in columns.keys() & DECIMALS.keys():
        (total,) = database.execute(f"SELECT sum({name}) FROM {table}").fetchall()[0]
        assert isinstance(total, Decimal)
        assert total == sum(Decimal(row[name]) for row in expected.values())


def run_recipe(name: str, *arguments: str) -> None:
    command = [sys.executable, str(HERE / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_files__parquet_of_every_result(
    tmp_path: Path, database: duckdb.DuckDBPyConnection
) -> None:
    with Registry() as registry:
        settings = {"output.format": "avro", "schema.registry.url": registry.url}
        with fed(tmp_path, settings) as s:
            for topic, expected in s.fed.model.expected().items():
                file = tmp_path / f"{topic}.parquet"
                messages = read_topic(s.streamer.bootstrap(), topic)
                assert len(expected) < len({m.key for m in messages}) < len(messages)
                run_recipe(
                    "topic_to_parquet.py", s.streamer.bootstrap(), registry.url, topic, str(file)
                )
                check_parquet(topic, file, expected)
                check_table(database, f"'{file}'", topic, expected)


def check_parquet(topic: str, file: Path, expected: dict[str, Row]) -> None:
    """As pyarrow reads it."""
    table = pq.read_table(file)
    schema = json.loads((ROOT / "schemas" / f"{topic}.avsc").read_text())
    assert table.schema.names == [field["name"] for field in schema["fields"]]
    for field in table.schema:
        if field.name in DECIMALS:
            assert f"DECIMAL({field.type.precision},{field.type.scale})" == DECIMALS[field.name]
        elif field.name.endswith("_at"):
            assert field.type == pa.timestamp("ms", "UTC")
        else:
            assert field.type in (pa.int64(), pa.string(), pa.bool_())
    assert rows_of(topic, table.to_pylist()) == expected


@pytest.mark.parametrize("decimals", ["string", "number"])
def test_files__json_lines(
    tmp_path: Path, database: duckdb.DuckDBPyConnection, decimals: str
) -> None:
    """kcat's lines hold every message; DuckDB takes the last one of each key."""
    topic = "account_summary"
    with fed(tmp_path, {"output.decimals": decimals}) as s:
        environment = {**os.environ, "BROKER": s.streamer.bootstrap()}
        kcat = recipe("sh", "kcat -C")
        subprocess.run(kcat, shell=True, cwd=tmp_path, env=environment, check=True, timeout=300)
        file = tmp_path / f"{topic}.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        expected = s.fed.model.expected()[topic]
        assert len(expected) < len({line["key"] for line in lines}) < len(lines)
        sql = recipe("sql", f"CREATE TABLE {topic} AS")
        database.execute(sql.replace(f"'{topic}.jsonl'", f"'{file}'"))
        check_table(database, topic, topic, expected)
