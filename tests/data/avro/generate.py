"""Writes vectors.json: values that fastavro has serialized, and what the source layer must read.

    build/venv/bin/python tests/data/avro/generate.py

A vector has a schema, the bytes in hex, and either `fields` (texts, made of Python's values), or
`json`: the same record as JSON, which must come to the same; or `refused`: the reason's text.
"""

import base64
import io
import json
import math
import struct
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro

HERE = Path(__file__).parent
ENVELOPE = json.loads((HERE / "debezium.avsc").read_text())
WHEN = datetime(2024, 2, 15, 1, 2, 3, 456789, tzinfo=UTC)
WHEN_MS = int(WHEN.timestamp()) * 1000 + WHEN.microsecond // 1000
BEFORE_1970 = datetime(1969, 12, 31, 23, 59, 59, 999500, tzinfo=UTC)
DAY = date(2024, 2, 15)
DAY_MS = (DAY - date(1970, 1, 1)).days * 86400000

vectors: list[dict[str, Any]] = []


def record(*fields: tuple[str, Any] | dict[str, Any], name: str = "Row") -> dict[str, Any]:
    named = [f if isinstance(f, dict) else {"name": f[0], "type": f[1]} for f in fields]
    return {"type": "record", "name": name, "fields": named}


def serialize(schema: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
    return out.getvalue()


def add(name: str, schema: Any, value: Any, **expected: Any) -> None:
    vector = {"name": name, "entity": "account", "schema": json.dumps(schema)}
    vector |= {"bytes": serialize(schema, value).hex()}
    vectors.append(vector | expected)


def add_account(name: str, field: str, kind: Any, value: Any, **expected: Any) -> None:
    """One field beside the id. `text` is what it becomes."""
    if "text" in expected:
        text = expected.pop("text")
        expected["fields"] = {"account_id": "A1"} | ({} if text is None else {field: text})
    schema = record(("account_id", "string"), (field, kind))
    add(name, schema, {"account_id": "A1", field: value}, **expected)


def add_time(name: str, kind: Any, value: Any, ms: int) -> None:
    add_account(name, "updated_at", kind, value, text=str(ms), time="ms")


def primitives() -> None:
    add_account("int", "customer_id", "int", 7, text="7")
    add_account("long", "customer_id", "long", -(2**63), text=str(-(2**63)))
    add_account("a number as text", "customer_id", "string", " 7 ", text=" 7 ")
    add_account("true", "account_type", "boolean", True, text="true")
    add_account("false", "account_type", "boolean", False, text="false")
    add_account("null", "customer_id", "null", None, text=None)
    add_account("no text", "account_type", "string", "", text="")
    add_account("characters", "account_type", "string", "Świętosława 😀", text="Świętosława 😀")
    for kind in ("float", "double"):
        add_account(f"{kind} amount", "balance", kind, 12.25, text="12.25")
        add_account(f"{kind} whole", "balance", kind, 3.0, text="3")
        add_account(f"{kind} below zero", "balance", kind, -0.5, text="-0.5")
        add_account(f"{kind} zero", "balance", kind, 0.0, text="0")
        add_account(f"{kind} nan", "balance", kind, float("nan"), text="NaN")
        add_account(f"{kind} infinite", "balance", kind, float("-inf"), text="-Infinity")
    add_account("double tenth", "balance", "double", 0.1, text="0.1")
    add_account("double sum", "balance", "double", 0.1 + 0.2, text="0.30000000000000004")
    add_account("double large", "balance", "double", 1e22, text="1e+22")
    add_account("double small", "balance", "double", 1e-7, text="0.0000001")
    add_account("float tenth", "balance", "float", 0.1, text="0.1")
    for kind in ("bytes", {"type": "fixed", "name": "F", "size": 2}):
        add_account(
            "bytes", "balance", kind, b"12", refused="balance is bytes where a text belongs"
        )
    add_account(
        "zero byte",
        "account_type",
        "string",
        "a\0b",
        refused="account_type is a text with a zero byte",
    )


def unions() -> None:
    for name, kind in [("null first", ["null", "long"]), ("null last", ["long", "null"])]:
        add_account(name, "customer_id", kind, 5, text="5")
        add_account(f"{name}: null", "customer_id", kind, None, text=None)
    several = ["null", "string", "long", "double", "boolean"]
    for value, text in [("x", "x"), (12, "12"), (1.5, "1.5"), (True, "true"), (None, None)]:
        add_account(f"several branches: {text}", "customer_id", several, value, text=text)
    kind = {"type": "enum", "name": "Kind", "symbols": ["CHECKING", "SAVINGS"]}
    add_account("enum", "account_type", kind, "SAVINGS", text="SAVINGS")
    add_account("enum or null", "account_type", ["null", kind], "CHECKING", text="CHECKING")
    add_account("enum or null: null", "account_type", ["null", kind], None, text=None)
    nested = record(("x", "int"), name="N")
    array, mapping = {"type": "array", "items": "long"}, {"type": "map", "values": "string"}
    for name, t, value, what in [
        ("record", nested, {"x": 1}, "an object"),
        ("array", array, [1, -2], "a list"),
        ("map", mapping, {"a": "b"}, "an object"),
    ]:
        refusal = f"balance is {what} where a value belongs"
        add_account(f"{name} as a value", "balance", t, value, refused=refusal)
        add_account(f"{name} or null", "balance", ["null", t], value, refused=refusal)
        add_account(f"{name} elsewhere", "other", t, value, fields={"account_id": "A1"}, unknown=1)


def decimals() -> None:
    amounts = ["16500.00", "-0.05", "0.00", "127.00", "128.00", "-128.00", "99999999999999999.99"]
    shapes = {
        "bytes": {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 2},
        "fixed": {
            "type": "fixed",
            "name": "D",
            "size": 12,
            "logicalType": "decimal",
            "precision": 28,
            "scale": 2,
        },
    }
    for name, kind in shapes.items():
        for amount in amounts:
            add_account(f"decimal {name} {amount}", "balance", kind, Decimal(amount), text=amount)
        add_account(
            f"decimal {name} or null", "balance", ["null", kind], Decimal("1.50"), text="1.50"
        )
    whole = {"type": "bytes", "logicalType": "decimal", "precision": 9}
    add_account("decimal without scale", "balance", whole, Decimal(42), text="42")
    connect = {
        "type": "bytes",
        "connect.name": "org.apache.kafka.connect.data.Decimal",
        "connect.parameters": {"scale": "4"},
    }
    add_account("decimal of Connect", "balance", connect, b"\x30\x39", text="1.2345")
    no_scale = {"type": "bytes", "connect.name": "org.apache.kafka.connect.data.Decimal"}
    add_account(
        "decimal of Connect, no scale",
        "balance",
        no_scale,
        b"1",
        refused="balance is bytes where a text belongs",
    )
    variable = record(("scale", "int"), ("value", "bytes"), name="VariableScaleDecimal")
    variable |= {
        "namespace": "io.debezium.data",
        "connect.name": "io.debezium.data.VariableScaleDecimal",
    }
    for scale, number, text in [
        (2, 12345, "123.45"),
        (0, 7, "7"),
        (-2, 5, "500"),
        (3, -1, "-0.001"),
    ]:
        value = {"scale": scale, "value": number.to_bytes(2, "big", signed=True)}
        add_account(f"variable scale {text}", "balance", variable, value, text=text)
        add_account(
            f"variable scale {text} or null", "balance", ["null", variable], value, text=text
        )
    add_account("variable scale: null", "balance", ["null", variable], None, text=None)
    refusal = "balance is not a decimal of 1 to 64 bytes with its scale"
    raw = {"type": "bytes", "connect.name": "org.apache.kafka.connect.data.Decimal", "scale": 2}
    add_account("decimal of no bytes", "balance", raw, b"", refused=refusal)
    add_account("decimal of 65 bytes", "balance", raw, bytes([1] * 65), refused=refusal)
    add_account(
        "variable scale of no bytes",
        "balance",
        variable,
        {"scale": 1, "value": b""},
        refused=refusal,
    )
    add_account("decimal as text", "balance", "string", "16500.00", text="16500.00")


def times() -> None:
    def logical(of: str, name: str) -> dict[str, str]:
        return {"type": of, "logicalType": name}

    def connect(of: str, name: str) -> dict[str, str]:
        return {"type": of, "connect.name": name}

    local = WHEN.replace(tzinfo=None)
    add_time("millis", logical("long", "timestamp-millis"), WHEN, WHEN_MS)
    add_time("micros", logical("long", "timestamp-micros"), WHEN, WHEN_MS)
    add_time("nanos", logical("long", "timestamp-nanos"), WHEN_MS * 1000000 + 999999, WHEN_MS)
    add_time("local millis", logical("long", "local-timestamp-millis"), local, WHEN_MS)
    add_time("local micros", logical("long", "local-timestamp-micros"), local, WHEN_MS)
    add_time("local nanos", logical("long", "local-timestamp-nanos"), WHEN_MS * 1000000, WHEN_MS)
    add_time("date", logical("int", "date"), DAY, DAY_MS)
    add_time("micros before 1970", logical("long", "timestamp-micros"), BEFORE_1970, -1)
    add_time("millis or null", ["null", logical("long", "timestamp-millis")], WHEN, WHEN_MS)
    debezium = "io.debezium.time."
    data = "org.apache.kafka.connect.data."
    for name, of, value, ms in [
        (f"{debezium}Timestamp", "long", WHEN_MS, WHEN_MS),
        (f"{debezium}MicroTimestamp", "long", WHEN_MS * 1000 + 789, WHEN_MS),
        (f"{debezium}NanoTimestamp", "long", WHEN_MS * 1000000 + 789999, WHEN_MS),
        (f"{debezium}Date", "int", DAY_MS // 86400000, DAY_MS),
        (f"{debezium}ZonedTimestamp", "string", "2024-02-15T02:02:03.456+01:00", WHEN_MS),
        (f"{debezium}IsoTimestamp", "string", "2024-02-15T01:02:03.456", WHEN_MS),
        (f"{debezium}IsoDate", "string", "2024-02-15Z", DAY_MS),
        (f"{data}Timestamp", "long", WHEN_MS, WHEN_MS),
        (f"{data}Date", "int", DAY_MS // 86400000, DAY_MS),
    ]:
        add_time(name, connect(of, name), value, ms)
        add_time(f"{name} or null", [connect(of, name), "null"], value, ms)
    both = connect("long", f"{data}Timestamp") | {"logicalType": "timestamp-millis"}
    add_time("both names", both, WHEN, WHEN_MS)
    for name, kind, value, text in [
        ("time of day", logical("int", "time-millis"), time(1, 2, 3), "3723000"),
        ("micros of day", logical("long", "time-micros"), time(1, 2, 3), "3723000000"),
        ("Connect's time of day", connect("int", f"{data}Time"), 5, "5"),
        ("Debezium's time of day", connect("long", f"{debezium}MicroTime"), 5, "5"),
        ("a year", connect("int", f"{debezium}Year"), 2024, "2024"),
        ("no time", connect("string", f"{debezium}ZonedTimestamp"), "soon", "soon"),
    ]:
        add_account(name, "updated_at", kind, value, text=text, time="no date")
    for name, kind, value, text in [
        ("plain long", "long", WHEN_MS, str(WHEN_MS)),
        ("plain text", "string", "2024-02-15", "2024-02-15"),
        ("type of another kind", logical("string", "timestamp-millis"), "2024", "2024"),
        ("unknown type", logical("long", "timestamp-weeks"), 5, "5"),
        ("a name of somebody else", connect("long", "com.bank.Time"), 5, "5"),
        ("null", ["null", logical("long", "timestamp-millis")], None, None),
    ]:
        add_account(f"updated_at: {name}", "updated_at", kind, value, text=text, time="text")
    duration = {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}
    for name, kind, value in [
        ("bytes", "bytes", b"2024"),
        ("bytes or null", ["null", "bytes"], b"20240215"),
        ("a duration", duration, bytes(12)),
    ]:
        text = base64.b64encode(value).decode()
        add_account(f"updated_at: {name}", "updated_at", kind, value, text=text, time="no date")
    uuid = {"type": "string", "logicalType": "uuid"}
    text = "12345678-1234-5678-1234-567812345678"
    add(
        "uuid",
        record(("account_id", uuid)),
        {"account_id": UUID(text)},
        fields={"account_id": text},
    )
    add_account(
        "a time elsewhere",
        "customer_id",
        logical("long", "timestamp-millis"),
        WHEN,
        text=str(WHEN_MS),
    )


def names() -> None:
    def aliased(name: str, kind: Any, *aliases: str) -> dict[str, Any]:
        return {"name": name, "type": kind, "aliases": list(aliases)}

    schema = record(aliased("nr", "string", "number", "account_id"), ("amount", "int"))
    add("alias", schema, {"nr": "A1", "amount": 3}, fields={"account_id": "A1"}, unknown=1)
    schema = record(aliased("amount", "int", "BalanceAmount"), ("AccountID", "string"))
    add(
        "alias of another spelling",
        schema,
        {"amount": 3, "AccountID": "A1"},
        fields={"account_id": "A1", "balance": "3"},
    )
    schema = record(aliased("old", "string", "account_id"), ("account_id", "string"))
    add(
        "a name before an alias",
        schema,
        {"old": "A0", "account_id": "A1"},
        fields={"account_id": "A1"},
    )
    schema = record(aliased("customer_id", "string", "account_id"), ("x", "int"))
    add(
        "a name, whatever its alias",
        schema,
        {"customer_id": "7", "x": 1},
        fields={"customer_id": "7"},
        unknown=1,
    )
    schema = record(("balance_amount", "int"), ("Balance", "int"), ("account_id", "string"))
    add(
        "the better name",
        schema,
        {"balance_amount": 1, "Balance": 2, "account_id": "A1"},
        fields={"account_id": "A1", "balance": "2"},
    )
    schema = record(
        aliased("a", "int", "balance_amount"),
        aliased("b", "int", "Balance"),
        ("account_id", "string"),
    )
    add(
        "the better alias",
        schema,
        {"a": 1, "b": 2, "account_id": "A1"},
        fields={"account_id": "A1", "balance": "2"},
    )
    schema = record(("account_id", "string"), {"name": "balance", "type": "int", "default": 5})
    add("default", schema, {"account_id": "A1"}, fields={"account_id": "A1", "balance": "5"})
    newer = record(("x", "int"), ("y", {"type": "array", "items": "int"}))
    add("no field at all", newer, {"x": 1, "y": []}, fields={}, unknown=2, strange="x, y")
    space = record(("account_id", "string"), name="com.bank.Row") | {"doc": "a row"}
    add("namespace and doc", space, {"account_id": "A1"}, fields={"account_id": "A1"})
    used = record(
        (
            "balance",
            {
                "type": "fixed",
                "name": "Eight",
                "size": 8,
                "logicalType": "decimal",
                "precision": 18,
                "scale": 2,
            },
        ),
        ("reserve", "Eight"),
        ("account_id", "string"),
    )
    value = {"balance": Decimal("1.25"), "reserve": Decimal("2.50"), "account_id": "A1"}
    add("a type used twice", used, value, fields={"account_id": "A1", "balance": "1.25"}, unknown=1)
    again = record(
        ("reserve", used["fields"][0]["type"]), ("balance", "Eight"), ("account_id", "string")
    )
    add(
        "a type by its name",
        again,
        value,
        fields={"account_id": "A1", "balance": "1.25"},
        unknown=1,
    )


ROW = {
    "account_id": "A4",
    "customer_id": 4,
    "balance": "123456789.12",
    "account_type": "Savings",
    "updated_at": WHEN_MS * 1000,
}
SOURCE = {
    "version": "3.6.1",
    "connector": "postgresql",
    "name": "bank",
    "ts_ms": WHEN_MS,
    "snapshot": "false",
    "db": "bank",
    "schema": "public",
    "table": "accounts",
    "txId": 7,
    "lsn": 23456,
}


def envelope(op: str, before: Any, after: Any, **source: Any) -> dict[str, Any]:
    return {
        "op": op,
        "before": before,
        "after": after,
        "source": SOURCE | source,
        "ts_ms": WHEN_MS + 5,
    }


def avro_row(row: Any) -> Any:
    return None if row is None else row | {"balance": row["balance"] and Decimal(row["balance"])}


def add_same(name: str, schema: Any, avro: Any, same: Any, **more: Any) -> None:
    add(name, schema, avro, json=json.dumps(same), **more)


# What Connect's JSON converter says of the same types, so that the JSON is read in the same way.
TYPES = {
    "fields": [
        {
            "field": part,
            "fields": [
                {"field": "updated_at", "type": "int64", "name": "io.debezium.time.MicroTimestamp"}
            ],
        }
        for part in ("before", "after")
    ]
}


def add_envelope(name: str, change: dict[str, Any], **more: Any) -> None:
    avro = change | {part: avro_row(change[part]) for part in ("before", "after")}
    add_same(f"envelope: {name}", ENVELOPE, avro, {"schema": TYPES, "payload": change}, **more)


def envelopes() -> None:
    older = ROW | {"balance": "1.00", "updated_at": 5}
    add_envelope("create", envelope("c", None, ROW))
    add_envelope("update", envelope("u", older, ROW))
    add_envelope("snapshot", envelope("r", None, ROW, snapshot="last"))
    add_envelope("delete", envelope("d", ROW, None))
    add_envelope("delete without a row", envelope("d", None, None), key="A9")
    add_envelope("truncate", envelope("t", None, None))
    add_envelope("message", envelope("m", None, None))
    add_envelope("unknown operation", envelope("Ω", ROW, ROW))
    add_envelope("update without a row", envelope("u", ROW, None))
    add_envelope("no time", envelope("u", None, ROW, ts_ms=0))
    add_envelope("no position", envelope("u", None, ROW, lsn=None))
    add_envelope("impossible time", envelope("u", None, ROW, ts_ms=2**60))
    add_envelope(
        "nulls",
        envelope("u", None, ROW | {"customer_id": None, "balance": None, "account_type": None}),
    )
    add_envelope(
        "not logged", envelope("u", None, ROW | {"account_type": "__debezium_unavailable_value"})
    )
    add_envelope(
        "id not logged", envelope("u", None, ROW | {"account_id": "__debezium_unavailable_value"})
    )
    mysql = record(
        ("file", "string"),
        ("pos", "long"),
        ("row", "int"),
        ("ts_ms", "long"),
        ("connector", "string"),
        ("name", "string"),
        ("server_id", "long"),
        ("gtid", ["null", "string"]),
        name="Source",
    )
    row = record(("account_id", "string"), ("balance", "string"), name="Value")
    change = record(
        ("before", ["null", row]),
        ("after", [{"type": "string", "connect.name": "io.debezium.data.Json"}, "null", "Value"]),
        ("source", ["null", mysql, "string"]),
        ("op", ["null", "string"]),
        name="Envelope",
    )
    source = {
        "file": "binlog.000002",
        "pos": 123,
        "row": 0,
        "ts_ms": WHEN_MS,
        "connector": "mysql",
        "name": "b",
        "server_id": 1,
        "gtid": None,
    }
    value = {
        "before": None,
        "after": {"account_id": "A1", "balance": "2"},
        "source": source,
        "op": "u",
    }
    for name, more in [
        ("binlog", {}),
        ("no source", {"source": None}),
        ("a text as a source", {"source": "mysql"}),
        ("no operation", {"op": None}),
        ("a text as a row", {"after": '{"account_id":"A1"}'}),
        ("another text as a row", {"after": "A1"}),
    ]:
        add_same(f"envelope: {name}", change, value | more, value | more)


def flattened() -> None:
    row = [("account_id", "string"), ("balance", ["null", "string"])]
    values = {"account_id": "A1", "balance": "2.50"}
    for name, fields, more in [
        (
            "upsert",
            [("__op", "string"), ("__deleted", ["null", "string"])],
            {"__op": "u", "__deleted": "false"},
        ),
        (
            "delete",
            [("__op", "string"), ("__deleted", ["null", "string"])],
            {"__op": "d", "__deleted": "true"},
        ),
        ("deleted as boolean", [("__deleted", "boolean")], {"__deleted": True}),
        ("read", [("__op", ["null", "string"])], {"__op": "r"}),
        ("null operation", [("__op", ["null", "string"])], {"__op": None}),
        ("unknown operation", [("__op", "string")], {"__op": "x"}),
        (
            "position",
            [("__lsn", "long"), ("__source_ts_ms", "long"), ("__connector", "string")],
            {"__lsn": 5, "__source_ts_ms": WHEN_MS, "__connector": "postgresql"},
        ),
        (
            "time twice",
            [("__source_ts_ms", "long"), ("__ts_ms", "long")],
            {"__source_ts_ms": WHEN_MS, "__ts_ms": 1},
        ),
        ("unknown members", [("__mine", "int"), ("note", "string")], {"__mine": 1, "note": "x"}),
        (
            "nested time",
            [("__source_ts_ms", {"type": "array", "items": "int"})],
            {"__source_ts_ms": [1]},
        ),
        ("nested operation", [("__op", {"type": "map", "values": "int"})], {"__op": {"a": 1}}),
        (
            "nested deletion",
            [("__deleted", {"type": "map", "values": "int"})],
            {"__deleted": {"a": 1}},
        ),
        ("DMS delete", [("Op", "string")], {"Op": "D"}),
        ("DMS update", [("Op", "string")], {"Op": "U"}),
        ("no DMS", [("Op", "string")], {"Op": "X"}),
        (
            "GoldenGate",
            [("op_type", "string"), ("op_ts", "string")],
            {"op_type": "I", "op_ts": "x"},
        ),
        (
            "CloudEvents",
            [("specversion", "string"), ("type", "string")],
            {"specversion": "1.0", "type": "x"},
        ),
        (
            "Canal",
            [
                ("table", "string"),
                ("database", "string"),
                ("type", "string"),
                ("data", {"type": "array", "items": "int"}),
            ],
            {"table": "a", "database": "b", "type": "c", "data": []},
        ),
    ]:
        value = values | more
        add_same(f"flat: {name}", record(*row, *fields), value, value)
    add(
        "customer",
        record(("customer_id", "long"), ("name", "string"), ("has_loan_flag", "boolean")),
        {"customer_id": 7, "name": "Ann", "has_loan_flag": True},
        json='{"customer_id":7,"name":"Ann","has_loan_flag":true}',
        entity="customer",
    )
    add(
        "a union of rows",
        [record(("x", "int"), name="X"), record(("account_id", "string"), name="Y")],
        ("Y", {"account_id": "A1"}),
        json='{"account_id":"A1"}',
    )
    add("no record", "string", "A1", refused="the Avro value is not a record")
    add("null as a tombstone", ["null", "string"], None, json="null", key="A1")
    add(
        "extra bytes",
        record(("account_id", "string")),
        {"account_id": "A1"},
        fields={"account_id": "A1"},
    )
    vectors[-1]["bytes"] += "ffffff"
    value = {"account_id": "A1", "account_type": b"__debezium_unavailable_value"}
    schema = record(("account_id", "string"), ("account_type", "bytes"))
    same = {"account_id": "A1", "account_type": "__debezium_unavailable_value"}
    add_same("flat: bytes that were not logged", schema, value, same)
    amount = {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}
    value = {"account_id": "A1", "balance": b"__debezium_unavailable_value"}
    schema = record(("account_id", "string"), ("balance", ["null", amount]))
    same = {"account_id": "A1", "balance": "__debezium_unavailable_value"}
    add_same("flat: a decimal that was not logged", schema, value, same)


def keys() -> None:
    def add_key(name: str, schema: Any, value: Any, **expected: Any) -> None:
        vector = {
            "name": f"key: {name}",
            "entity": "account",
            "schema": json.dumps(schema),
            "is_key": True,
        }
        vectors.append(vector | {"bytes": serialize(schema, value).hex()} | expected)

    add_key(
        "record",
        record(("account_id", "string"), name="Key"),
        {"account_id": "A1"},
        fields={"account_id": "A1"},
    )
    add_key(
        "of several fields",
        record(("region", "int"), ("account_id", "long"), name="Key"),
        {"region": 1, "account_id": 12},
        fields={"account_id": "12"},
    )
    add_key("string", "string", "A1", fields={"account_id": "A1"})
    add_key("long", "long", 12, fields={"account_id": "12"})
    add_key("long or null", ["null", "long"], 12, fields={"account_id": "12"})
    add_key("bytes", "bytes", b"A1", refused="account_id is bytes where a text belongs")
    add_key("another record", record(("x", "int"), name="Key"), {"x": 1}, fields={})
    add_key(
        "array",
        {"type": "array", "items": "int"},
        [1],
        refused="account_id is a list where a value belongs",
    )
    add_key("JSON in it", "string", '{"account_id":"A1"}', refused="encoded twice")


def numbers() -> None:
    """Texts of doubles and floats: Python's repr is the shortest, too."""
    doubles = [
        2.0**-44,
        5e-324,
        2.2250738585072014e-308,
        1.7976931348623157e308,
        9007199254740993.0,
        1 / 3,
        123456.789,
        0.01,
        1e15,
        123456789012345680.0,
        4.35,
        0.615,
        2.0**70,
        1e21,
        9.999999999999999e22,
        1e-5,
        0.000123,
    ]
    state = 1
    for _ in range(300):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        doubles.append(struct.unpack("<d", struct.pack("<Q", state))[0])
    doubles = [v for v in doubles if math.isfinite(v)]
    (HERE / "doubles.json").write_text(
        json.dumps([[struct.pack("<d", v).hex(), repr(v)] for v in doubles], indent=0)
    )


def fingerprints() -> None:
    """Of all schemas above, and of some that are written in unusual ways."""
    unusual = [
        "null",
        {"type": "int"},
        {
            "type": "record",
            "namespace": "a.b",
            "name": "c.R",
            "doc": "x",
            "fields": [
                {"name": "s", "type": {"type": "record", "name": "S", "fields": []}},
                {"name": "t", "type": "S"},
                {
                    "name": "u",
                    "type": {"type": "fixed", "name": "F", "namespace": "z", "size": 3},
                    "order": "ignore",
                },
            ],
        },
        {
            "type": "error",
            "name": "E",
            "fields": [{"name": "m", "type": ["null", "string"], "default": None}],
        },
        {"type": "enum", "name": "a.E", "symbols": ["A", "B"], "aliases": ["F"]},
        {"type": "map", "values": {"type": "array", "items": ["null", "bytes"]}},
        ["null", {"type": "long", "logicalType": "timestamp-millis"}],
    ]
    texts = list(
        dict.fromkeys([v["schema"] for v in vectors] + [json.dumps(s, indent=1) for s in unusual])
    )
    found = []
    for text in texts:
        form = fastavro.schema.to_parsing_canonical_form(json.loads(text))
        found.append([text, form, fastavro.schema.fingerprint(form, "CRC-64-AVRO")])
    (HERE / "fingerprints.json").write_text(json.dumps(found, indent=0))


def main() -> None:
    for part in (
        primitives,
        unions,
        decimals,
        times,
        names,
        envelopes,
        flattened,
        keys,
        numbers,
        fingerprints,
    ):
        part()
    lines = ",\n".join(json.dumps(v, ensure_ascii=False) for v in vectors)
    (HERE / "vectors.json").write_text(f"[\n{lines}\n]\n")
    print(len(vectors), "vectors")


if __name__ == "__main__":
    main()
