"""Writes the rows that a result topic holds now to a Parquet file:
python topic_to_parquet.py BROKER REGISTRY TOPIC FILE

The topic's messages are in Avro. The newest schema in the registry says the columns.
"""

import json
import sys

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

BROKER, REGISTRY, TOPIC, FILE = sys.argv[1:]


def column_type(avro):
    if isinstance(avro, list):  # a value or null
        return column_type(next(branch for branch in avro if branch != "null"))
    if isinstance(avro, str):
        return {"boolean": pa.bool_(), "long": pa.int64(), "string": pa.string()}[avro]
    if avro["logicalType"] == "decimal":
        return pa.decimal128(avro["precision"], avro["scale"])
    return {"timestamp-millis": pa.timestamp("ms", "UTC")}[avro["logicalType"]]


registry = SchemaRegistryClient({"url": REGISTRY})
schema = registry.get_latest_version(f"{TOPIC}-value").schema.schema_str
columns = pa.schema({f["name"]: column_type(f["type"]) for f in json.loads(schema)["fields"]})
deserialize = AvroDeserializer(registry, schema)
context = SerializationContext(TOPIC, MessageField.VALUE)
consumer = Consumer(
    {
        "bootstrap.servers": BROKER,
        "group.id": "topic-to-parquet",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
)
unread = set(consumer.list_topics(TOPIC).topics[TOPIC].partitions)
consumer.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING) for partition in unread])
rows = {}
while unread:
    message = consumer.poll(1)
    if message is None:
        continue
    if message.error():
        if message.error().code() != KafkaError._PARTITION_EOF:
            raise KafkaException(message.error())
        unread.discard(message.partition())
    elif message.value() is None:  # a tombstone: the row is gone
        rows.pop(message.key(), None)
    else:
        rows[message.key()] = deserialize(message.value(), context)
consumer.close()
pq.write_table(pa.Table.from_pylist(list(rows.values()), columns), FILE)
