"""Spark Structured Streaming keeps a Delta table of account_summary that equals the model, through
updates and deletes; the recipe of schemas/README.md makes a table of it. `./dev downstream` runs
this; it takes minutes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from formats import printed
from inputs import in_two_parts
from kafka import ROOT, KafkaBroker
from recipes import recipe
from results import Row
from scenario import Scenario

LIBRARIES = Path(os.environ.get("SPARK_LIBS", ROOT / "build" / "spark-libs"))
# What PySpark does not bring itself.
JARS = ("spark-sql-kafka", "spark-token-provider-kafka", "kafka-clients", "commons-pool2")
PARTITIONS = (2, 3)
DECIMALS = {
    "original_balance_amount": pa.decimal128(18, 2),
    "interest_rate_pct": pa.decimal128(5, 3),
    "annual_interest_amount": pa.decimal128(18, 2),
    "new_balance_amount": pa.decimal128(20, 2),
}


HERE = Path(__file__).parent

TABLE_PROGRAM = """
import json
import sys
from pyspark.sql import SparkSession

BROKER = sys.argv[1]
spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
{recipe}
for row in account_summary.collect():
    print("ROW " + json.dumps(row.asDict(), default=str))
"""


def spark(program: Path, *arguments: str) -> str:
    """Runs a program until it ends; what it prints."""
    jars = ",".join(str(jar) for name in JARS for jar in LIBRARIES.glob(f"{name}*.jar"))
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
    }
    options = " ".join(f"--conf {key}={value}" for key, value in settings.items())
    submit = f"--master local[1] --driver-memory 1g --jars {jars} {options} pyspark-shell"
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        env={**os.environ, "PYSPARK_SUBMIT_ARGS": submit, "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def rows_of(table: str) -> dict[str, Row]:
    """As the model has them."""
    found = DeltaTable(table).to_pyarrow_table()
    for name, kind in DECIMALS.items():
        assert found.schema.field(name).type == kind
    assert pa.types.is_timestamp(found.schema.field("calculated_at").type)
    rows = {}
    for row in found.to_pylist():
        assert row.pop("calculated_at") is not None
        assert row["account_id"] not in rows
        rows[row["account_id"]] = {name: printed(value) for name, value in row.items()}
    return rows


def rows_by_recipe(broker: KafkaBroker, topic: str, directory: Path) -> dict[str, Row]:
    """As the model has them. A decimal of Python prints all its digits."""
    code = recipe("python", "from pyspark.sql import Window")
    program = directory / "table.py"
    program.write_text(TABLE_PROGRAM.format(recipe=code).replace('"account_summary"', f'"{topic}"'))
    rows = {}
    for line in spark(program, broker.bootstrap).splitlines():
        if line.startswith("ROW "):
            row = json.loads(line.removeprefix("ROW "))
            assert row.pop("calculated_at") is not None
            assert row["account_id"] not in rows
            rows[row["account_id"]] = row
    return rows


def test_spark__reads_account_summary(broker: KafkaBroker, tmp_path: Path) -> None:
    table, checkpoint = str(tmp_path / "table"), str(tmp_path / "checkpoint")
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        topic = s.names["account_summary"]
        s.streamer.start()
        tables = []
        for part in in_two_parts(PARTITIONS):
            s.fed.feed(part)
            s.wait_drained()
            spark(HERE / "spark_to_delta.py", broker.bootstrap, topic, table, checkpoint)
            tables.append(rows_of(table))
            assert tables[-1] == s.fed.model.expected()["account_summary"]
        first, second = tables
        assert first.keys() - second.keys(), "no row was deleted"
        assert second.keys() - first.keys(), "no row was inserted"
        assert any(first[key] != second[key] for key in first.keys() & second.keys())
        assert rows_by_recipe(broker, topic, tmp_path) == second
        s.streamer.stop()
