"""Spark Structured Streaming keeps a Delta table of account_summary that equals the model, through
updates and deletes. `./dev downstream` runs it; it takes minutes."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable
from formats import printed
from kafka import ROOT, KafkaBroker
from results import Row, read_topic
from scenario import Scenario, load

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


def spark(*arguments: str) -> None:
    """Runs the recipe until it has read all that is there."""
    jars = ",".join(str(jar) for name in JARS for jar in LIBRARIES.glob(f"{name}*.jar"))
    settings = {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
    }
    options = " ".join(f"--conf {key}={value}" for key, value in settings.items())
    submit = f"--master local[1] --driver-memory 1g --jars {jars} {options} pyspark-shell"
    program = Path(__file__).parent / "spark_to_delta.py"
    done = subprocess.run(
        [sys.executable, str(program), *arguments],
        env={**os.environ, "PYSPARK_SUBMIT_ARGS": submit, "PYSPARK_PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


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


def test_delta__spark_merges_account_summary(broker: KafkaBroker, tmp_path: Path) -> None:
    table, checkpoint = str(tmp_path / "table"), str(tmp_path / "checkpoint")
    records = load(1000, PARTITIONS, "keyed", large=False)
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        s.streamer.start()
        topic = s.names["account_summary"]
        for part in (records[:600], records[600:]):
            s.fed.feed(part)
            s.wait_drained()
            spark(broker.bootstrap, topic, table, checkpoint)
            assert rows_of(table) == s.fed.model.expected()["account_summary"]
        assert any(m.value is None for m in read_topic(broker.bootstrap, topic))
        s.streamer.stop()
