"""Customers and accounts as Python's AvroSerializer writes them, and the same rows as JSON, which
the model reads."""

import dataclasses
import json
import random
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import fastavro
from confluent_kafka.schema_registry import (
    SchemaRegistryClient,
    header_schema_id_serializer,
    topic_record_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from generate import DAY, START_MS, Input

from registry import Registry
from scenario import Fed

Values = dict[str, Any]

CUSTOMERS, ACCOUNTS = 12, 30  # few, so that things collide
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}
KINDS = {"type": "enum", "name": "Kind", "symbols": ["Savings", "CHECKING", "Gold"]}
BRANCH = {
    "type": "record",
    "name": "Branch",
    "fields": [{"name": "customer_id", "type": "string"}, {"name": "floor", "type": "int"}],
}


def decimal(precision: int, scale: int) -> Values:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def fixed_decimal(size: int, precision: int, scale: int) -> Values:
    return {**decimal(precision, scale), "type": "fixed", "size": size, "name": "Amount"}


def record(name: str, *fields: tuple[str, Any] | tuple[str, Any, Values]) -> Values:
    """Each field: name, type, and what else its schema says."""
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": f[0], "type": f[1], **(f[2] if len(f) > 2 else {})} for f in fields],
    }


def optional_text(name: str) -> tuple[str, Any]:
    return (name, ["null", "string"])


@dataclass(frozen=True)
class Shape:
    """A schema of rows. `named`: the field of the model's row that each of its fields holds.

    Its values are the model's, but where `written` says what is written in place of one. `fixed`:
    the values of fields that the model does not know.
    """

    entity: str
    schema: Values
    named: Mapping[str, str]
    written: Mapping[str, Callable[[Any], Any]] = dataclasses.field(default_factory=dict)
    said: Mapping[str, Callable[[Any], Any]] = dataclasses.field(default_factory=dict)
    fixed: Values = dataclasses.field(default_factory=dict)
    has_dirt: bool = False
    in_header: bool = False  # the schema is named by a header

    def row(self, values: Values) -> Values:
        """To serialize."""
        same: Callable[[Any], Any] = lambda value: value
        return {
            **{name: self.written.get(of, same)(values[of]) for name, of in self.named.items()},
            **self.fixed,
        }

    def json(self, values: Values) -> bytes:
        """What the model is told."""
        same: Callable[[Any], Any] = lambda value: value
        said = {of: self.said.get(of, same)(values[of]) for of in self.named.values()}
        return json.dumps(said, ensure_ascii=False).encode()


def same_names(*names: str) -> dict[str, str]:
    return {name: name for name in names}


def to_scale(scale: int) -> Callable[[Decimal], Decimal]:
    return lambda value: value.quantize(Decimal(1).scaleb(-scale))


def text_to_scale(scale: int) -> Callable[[Decimal], str]:
    return lambda value: format(to_scale(scale)(value), "f")


TEXT_CUSTOMER = Shape(
    "customers",
    record(
        "TextCustomer", *map(optional_text, ("CustomerID", "Customer_Name", "hasLoan", "UpdatedAt"))
    ),
    {
        "CustomerID": "customer_id",
        "Customer_Name": "customer_name",
        "hasLoan": "has_loan",
        "UpdatedAt": "updated_at",
    },
    has_dirt=True,
)
CUSTOMER_1 = Shape(
    "customers",
    record(
        "Customer",
        ("customer_id", "int"),
        ("customer_name", "string"),
        ("has_loan", ["null", "boolean"]),
        ("updated_at", MILLIS),
    ),
    same_names("customer_id", "customer_name", "has_loan", "updated_at"),
)
# A field is wider, one may be null now, and one is new.
CUSTOMER_2 = Shape(
    "customers",
    record(
        "Customer",
        ("customer_id", "long"),
        ("customer_name", ["string", "null"]),
        ("segment", {**KINDS, "name": "Segment"}, {"default": "Gold"}),
        ("has_loan", ["boolean", "null"], {"default": False}),
        ("updated_at", MILLIS),
    ),
    same_names("customer_id", "customer_name", "has_loan", "updated_at"),
    fixed={"segment": "Savings"},
)
# A field has another name, and one is gone.
CUSTOMER_3 = Shape(
    "customers",
    record(
        "Customer",
        ("party", "long", {"aliases": ["customer_id"]}),
        ("customer_name", ["string", "null"]),
        ("updated_at", MILLIS),
    ),
    {"party": "customer_id", "customer_name": "customer_name", "updated_at": "updated_at"},
)

TEXT_ACCOUNT = Shape(
    "accounts",
    record(
        "TextAccount",
        *map(
            optional_text,
            ("Account_ID", "customerId", "Balance_Amount", "accountType", "updated_at"),
        ),
    ),
    {
        "Account_ID": "account_id",
        "customerId": "customer_id",
        "Balance_Amount": "balance",
        "accountType": "account_type",
        "updated_at": "updated_at",
    },
    has_dirt=True,
)
ACCOUNT_1 = Shape(
    "accounts",
    record(
        "Account",
        ("note", "string"),
        ("account_id", "string"),
        ("customer_id", "int"),
        ("balance", decimal(20, 4)),
        ("account_type", KINDS),
        ("updated_at", MILLIS),
    ),
    same_names("account_id", "customer_id", "balance", "account_type", "updated_at"),
    {"balance": to_scale(4)},
    {"balance": text_to_scale(4)},
    {"note": "from the branch"},
)
ACCOUNT_2 = Shape(
    "accounts",
    record(
        "Account",
        ("note", "string"),
        ("branch", ["null", BRANCH], {"default": None}),
        ("account_id", "string"),
        ("customer_id", "long"),
        ("balance", ["null", decimal(20, 4)]),
        ("account_type", KINDS),
        ("updated_at", MILLIS),
    ),
    ACCOUNT_1.named,
    ACCOUNT_1.written,
    ACCOUNT_1.said,
    {"note": "", "branch": {"customer_id": "not this one", "floor": 7}},
)
ACCOUNT_3 = Shape(
    "accounts",
    record(
        "Account",
        ("account_number", "string", {"aliases": ["iban", "account_id"]}),
        ("branch", ["null", BRANCH], {"default": None}),
        ("customer_id", "long"),
        ("balance", ["null", decimal(20, 4)]),
        ("account_type", KINDS),
        ("updated_at", MILLIS),
    ),
    {
        "account_number": "account_id",
        **same_names("customer_id", "balance", "account_type", "updated_at"),
    },
    ACCOUNT_1.written,
    ACCOUNT_1.said,
    {"branch": None},
)
FIXED_ACCOUNT = Shape(
    "accounts",
    record(
        "FixedAccount",
        ("account_id", "string"),
        ("customer_id", ["int", "null", "string"]),
        ("balance", fixed_decimal(13, 28, 6)),
        ("account_type", ["null", KINDS]),
        ("updated_at", ["null", MICROS]),
    ),
    ACCOUNT_1.named,
    {"balance": to_scale(6), "updated_at": lambda ms: ms * 1000 + 7},
    {"balance": text_to_scale(6)},
    in_header=True,
)
DOUBLE_ACCOUNT = Shape(
    "accounts",
    record(
        "DoubleAccount",
        ("account_id", "string"),
        ("customer_id", ["null", "long"]),
        ("balance", ["double", "null"]),
        ("account_type", "string"),
        ("updated_at", ["long", "null"]),
    ),
    ACCOUNT_1.named,
    {"balance": float},
    {"balance": float},
)

# Its schema is a file of schemas.dir, and the program never sees its id.
FILED_ACCOUNT = dataclasses.replace(ACCOUNT_1, schema={**ACCOUNT_1.schema, "name": "FiledAccount"})

EARLY = (TEXT_CUSTOMER, CUSTOMER_1, TEXT_ACCOUNT, ACCOUNT_1, DOUBLE_ACCOUNT)
LATER = (*EARLY, CUSTOMER_2, ACCOUNT_2, FIXED_ACCOUNT)
LATEST = (*LATER, CUSTOMER_3, ACCOUNT_3)

KEYS = {
    "customers": record("CustomerKey", ("customer_id", "long")),
    "accounts": record("AccountKey", ("account_id", "string")),
}
ID_FIELDS = {"customers": "customer_id", "accounts": "account_id"}

NAMES = ("Alice", " BOB ", "Zoë", "李雷", "O'Brien", "\U0001f600")
AMOUNTS = ("0", "0.0049", "0.005", "9999.995", "10000", "12333.37", "19999.995", "20000.01")
DIRT: dict[str, tuple[str | None, ...]] = {
    "customer_id": (None, "", " null ", "abc", "1.5", "9223372036854775808"),
    "account_id": (None, "", "n/a"),
    "customer_name": (None, "  ", "NULL"),
    "has_loan": ("maybe", "2"),
    "balance": (None, "", "n/a", "abc", "-5.5", "1e40", "99999999999999999"),
    "account_type": (None, "", "Gold"),
    "updated_at": ("soon", "2026-13-01"),
}


# --- records


@dataclass(frozen=True, slots=True)
class AvroInput(Input):
    """A record in Avro, and what the model is told in its place."""

    json_key: bytes | None
    json_value: bytes | None


class AvroFed(Fed):
    """The model is told the JSON of what goes into Kafka as Avro."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._written: dict[tuple[str, int, int], Input] = {}

    def _remember(self, r: Input, offset: int) -> None:
        self._written[r.topic, r.partition, offset] = r
        if isinstance(r, AvroInput):
            r = dataclasses.replace(r, key=r.json_key, value=r.json_value)
        super()._remember(r, offset)

    def quarantine(self) -> list[Values]:
        """The records as they were written. (Where the model has no schema registry, it wants
        reasons that name the format.)"""
        found = []
        for rejected in self.model.quarantine():
            r = self._written[rejected["topic"], rejected["partition"], rejected["offset"]]
            foreign = None if rejected["code"] == "unknown_schema" else rejected["foreign"]
            found.append({**rejected, "key": r.key, "value": r.value, "foreign": foreign})
        return found


class Writer:
    """Makes records with Python's AvroSerializer, which registers their schemas. Headers name the
    schemas of the keys of `header_keys`."""

    def __init__(
        self,
        registry: Registry,
        topic_names: Mapping[str, str],
        partitions: tuple[int, int],
        header_keys: Sequence[str] = ("accounts",),
    ) -> None:
        self._header_keys = header_keys
        self._client = SchemaRegistryClient({"url": registry.url})
        self._topic_names = topic_names
        self._partitions = dict(zip(("customers", "accounts"), partitions, strict=True))
        self._serializers: dict[str, AvroSerializer] = {}
        self._rng = random.Random(7)
        self._now_ms = START_MS + DAY

    def records(self, count: int, shapes: Sequence[Shape]) -> list[AvroInput]:
        return [self._one(self._rng.choice(shapes)) for _ in range(count)]

    def _one(self, shape: Shape) -> AvroInput:
        rng = self._rng
        self._now_ms += rng.randrange(1, 5000)
        number = rng.randrange(CUSTOMERS if shape.entity == "customers" else ACCOUNTS)
        id_: Any = number if shape.entity == "customers" else f"A{number}"
        if rng.random() < 0.08:
            return self.tombstone(shape.entity, id_)
        return self.row(shape, self._values(shape, id_))

    def row(self, shape: Shape, values: Values) -> AvroInput:
        headers: list[tuple[str, bytes | None]] = []
        id_ = values[ID_FIELDS[shape.entity]]
        key, json_key = self._key(shape.entity, id_, headers)
        value = self._bytes(shape, MessageField.VALUE, shape.row(values), headers)
        return self._input(shape.entity, id_, key, value, headers, json_key, shape.json(values))

    def tombstone(self, entity: str, id_: Any) -> AvroInput:
        headers: list[tuple[str, bytes | None]] = []
        key, json_key = self._key(entity, id_, headers)
        return self._input(entity, id_, key, None, headers, json_key, None)

    def unknown(self, entity: str, id_: Any) -> Input:
        """A record of a schema that no registry has."""
        value = b"\x00" + (1 << 30).to_bytes(4, "big") + b"\x02"
        at = self._partition(entity, id_)
        return Input(entity, at, None, value, self._now_ms, (), "unknown_schema", "unknown id")

    def _input(
        self,
        entity: str,
        id_: Any,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes | None]],
        *as_json: bytes | None,
    ) -> AvroInput:
        partition = self._partition(entity, id_)
        said = (entity, partition, key, value, self._now_ms, tuple(headers))
        return AvroInput(*said, "", "Avro", *as_json)

    def _partition(self, entity: str, id_: Any) -> int:
        """As by a hash of another producer: half of the records lie where their id does not."""
        return zlib.crc32(str(id_).strip().encode()) % self._partitions[entity]

    def _key(
        self, entity: str, id_: Any, headers: list[tuple[str, bytes | None]]
    ) -> tuple[bytes | None, bytes | None]:
        """None where the id cannot be one."""
        field, schema = ID_FIELDS[entity], KEYS[entity]
        value = {field: id_}
        if isinstance(id_, str) and entity == "customers":
            return None, None
        if id_ is None:
            return None, None
        shape = Shape(entity, schema, {field: field}, in_header=entity in self._header_keys)
        key = self._bytes(shape, MessageField.KEY, value, headers)
        return key, json.dumps(value).encode()

    def _bytes(
        self,
        shape: Shape,
        field: MessageField,
        row: Values,
        headers: list[tuple[str, bytes | None]],
    ) -> bytes | None:
        text = json.dumps(shape.schema)
        if text not in self._serializers:
            # The shapes of a topic are records of several names, each with versions of its own.
            conf: Values = {"subject.name.strategy": topic_record_subject_name_strategy}
            if shape.in_header:
                conf["schema.id.serializer"] = header_schema_id_serializer
            self._serializers[text] = AvroSerializer(self._client, text, conf=conf)
        topic = self._topic_names[shape.entity]
        return self._serializers[text](row, SerializationContext(topic, field, headers))

    def _values(self, shape: Shape, id_: Any) -> Values:
        rng = self._rng
        time_ms = self._now_ms - rng.randrange(0, 20_000)
        values: Values = {
            "customer_id": id_ if shape.entity == "customers" else rng.randrange(CUSTOMERS),
            "customer_name": rng.choice(NAMES),
            "has_loan": rng.choice((True, False, None)),
            "account_id": id_,
            "balance": Decimal(rng.choice(AMOUNTS)) + rng.choice((0, rng.randrange(3))),
            "account_type": rng.choice(KINDS["symbols"] if rng.random() < 0.2 else ["Savings"]),
            "updated_at": time_ms,
        }
        if not shape.has_dirt:
            if rng.random() < 0.05:
                values["balance"] = Decimal("-3.5")
            return values
        texts = {name: text_of(value) for name, value in values.items()}
        if rng.random() < 0.3:
            field = rng.choice(list(shape.named.values()))
            texts[field] = rng.choice(DIRT[field])
        return texts


def as_single_object(r: AvroInput, schema: Values) -> AvroInput:
    """The same record, which names its schema by Avro's single-object encoding."""
    assert r.value is not None
    form = fastavro.schema.to_parsing_canonical_form(schema)
    fingerprint = bytes.fromhex(fastavro.schema.fingerprint(form, "CRC-64-AVRO"))
    return dataclasses.replace(r, value=b"\xc3\x01" + fingerprint + r.value[5:])


def text_of(value: Any) -> str | None:
    return None if value is None else str(value)
