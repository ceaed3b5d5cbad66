"""Values of result topics, read as the programs of others read them."""

import base64
import datetime
import decimal
import io
import json
from collections.abc import Mapping
from typing import Any

import fastavro

Row = dict[str, Any]
Schema = Any  # what fastavro.parse_schema gives

CONNECT_PREFIX = b'{"schema":'
_CONNECT_TYPES = {"int64": int, "string": str, "boolean": bool}
_LOGICAL = "org.apache.kafka.connect.data."


def row_of(value: bytes) -> Row:
    """A row in JSON or in Connect's JSON, with amounts and times as text."""
    if value.startswith(CONNECT_PREFIX):
        return connect_row(json.loads(value))
    row: Row = json.loads(value, parse_float=str)
    return row


def connect_row(envelope: Mapping[str, Any]) -> Row:
    """As Kafka Connect's JsonConverter reads it (schemas.enable=true), which takes nothing but a
    schema and a payload."""
    assert set(envelope) == {"schema", "payload"}, set(envelope)
    schema, payload = envelope["schema"], envelope["payload"]
    assert schema["type"] == "struct", schema
    assert [field["field"] for field in schema["fields"]] == list(payload)
    return {field["field"]: _connect_value(field, payload) for field in schema["fields"]}


def _connect_value(field: Mapping[str, Any], payload: Mapping[str, Any]) -> Any:
    value, name = payload[field["field"]], field.get("name")
    if value is None:
        assert field["optional"] is True, field
        return None
    if name == _LOGICAL + "Decimal":
        assert field["type"] == "bytes" and field["version"] == 1, field
        return _connect_decimal(value, int(field["parameters"]["scale"]))
    if name == _LOGICAL + "Timestamp":
        assert field["type"] == "int64" and field["version"] == 1 and type(value) is int, field
        return _iso(value)
    assert name is None and type(value) is _CONNECT_TYPES[field["type"]], field
    return value


def _connect_decimal(value: str, scale: int) -> str:
    unscaled = int.from_bytes(base64.b64decode(value, validate=True), "big", signed=True)
    digits = str(abs(unscaled)).zfill(scale + 1)
    return f"{'-' if unscaled < 0 else ''}{digits[:-scale]}.{digits[-scale:]}"


def _iso(epoch_ms: int) -> str:
    epoch = datetime.datetime(1970, 1, 1)
    time = epoch + datetime.timedelta(milliseconds=epoch_ms)
    return time.isoformat(timespec="milliseconds") + "Z"


def avro_row(
    value: bytes, schemas: Mapping[int, Schema], reader_schema: Schema | None = None
) -> Row:
    """A row in Confluent's wire format, by the schemas of a registry; resolved to `reader_schema`
    by Avro's rules."""
    assert value[0] == 0
    stream = io.BytesIO(value[5:])
    row = fastavro.schemaless_reader(
        stream, schemas[int.from_bytes(value[1:5], "big")], reader_schema
    )
    assert stream.read() == b""
    assert isinstance(row, dict)
    return {name: printed(field) for name, field in row.items()}


def printed(value: Any) -> Any:
    """A value of Python's as output.format=json prints it. A time is in UTC."""
    if isinstance(value, datetime.datetime):
        assert value.utcoffset() in (None, datetime.timedelta(0)), value
        return value.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"
    return format(value, "f") if isinstance(value, decimal.Decimal) else value
