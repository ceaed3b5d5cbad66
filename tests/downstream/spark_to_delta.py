"""Keeps a Delta table of account_summary: python spark_to_delta.py BROKER TOPIC TABLE CHECKPOINT

Spark reads what is new in the topic; delta-rs merges it. It may be started again at any time.
"""

import sys

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

BROKER, TOPIC, TABLE, CHECKPOINT = sys.argv[1:]
ROW = """account_id STRING, customer_id BIGINT, original_balance_amount DECIMAL(18,2),
    interest_rate_pct DECIMAL(5,3), annual_interest_amount DECIMAL(18,2),
    new_balance_amount DECIMAL(20,2), calculated_at TIMESTAMP"""
COLUMNS = pa.schema(
    {
        "account_id": pa.string(),
        "customer_id": pa.int64(),
        "original_balance_amount": pa.decimal128(18, 2),
        "interest_rate_pct": pa.decimal128(5, 3),
        "annual_interest_amount": pa.decimal128(18, 2),
        "new_balance_amount": pa.decimal128(20, 2),
        "calculated_at": pa.timestamp("us", "UTC"),
    }
)


def merge(batch: DataFrame, number: int) -> None:
    """The last message of a key counts; no value is a tombstone: the row is gone."""
    row = f.from_json(f.col("value").cast("string"), ROW, {"mode": "FAILFAST"})
    changes = (
        batch.groupBy(f.col("key").cast("string").alias("key"))
        .agg(f.max_by("value", "offset").alias("value"))
        .select("key", f.col("value").isNull().alias("is_gone"), row.alias("row"))
        .select("key", "is_gone", "row.*")
        .toArrow()
    )
    values = {name: f"new.{name}" for name in COLUMNS.names}
    (
        DeltaTable(TABLE)
        .merge(changes, "old.account_id = new.key", source_alias="new", target_alias="old")
        .when_matched_delete("new.is_gone")
        .when_matched_update(values)
        .when_not_matched_insert(values, "NOT new.is_gone")
        .execute()
    )


write_deltalake(TABLE, COLUMNS.empty_table(), mode="ignore")
spark = SparkSession.builder.config("spark.sql.session.timeZone", "UTC").getOrCreate()
(
    spark.readStream.format("kafka")
    .option("kafka.bootstrap.servers", BROKER)
    .option("kafka.isolation.level", "read_committed")
    .option("subscribe", TOPIC)
    .option("startingOffsets", "earliest")
    .load()
    .writeStream.foreachBatch(merge)
    .option("checkpointLocation", CHECKPOINT)
    .trigger(availableNow=True)
    .start()
    .awaitTermination()
)
