"""Results in each output.format, as readers of that format see them, are what the model says."""

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from converters import ConnectReader, avro_reader, compile_java, json_reader
from formats import printed
from kafka import KafkaBroker
from process import wait_until
from registry import Registry, Schema
from results import RESULTS, Message, read_topic
from scenario import Scenario, load

PARTITIONS = (2, 3)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
DECIMAL = "org.apache.kafka.connect.data.Decimal"
TIMESTAMP = "org.apache.kafka.connect.data.Timestamp"

# The fields of each result: what they are, and how many decimals they have.
Fields = dict[str, tuple[str, int]]


def fields_of(text: str) -> Fields:
    """From "name kind, name kind:decimals"."""
    found: Fields = {}
    for field in text.split(","):
        name, kind = field.split()
        kind, _, decimals = kind.partition(":")
        found[name] = (kind, int(decimals or 0))
    return found


FIELDS: dict[str, Fields] = {
    "customer_history": fields_of(
        "customer_id long, customer_name text, has_loan_flag bool, "
        "loaded_at time, valid_from_at time, valid_to_at time"
    ),
    "account_history": fields_of(
        "account_id text, customer_id long, balance_amount decimal:2, account_type text, "
        "loaded_at time, valid_from_at time, valid_to_at time"
    ),
    "account_with_customer": fields_of(
        "account_id text, customer_id long, customer_name text, has_loan_flag bool, "
        "balance_amount decimal:2, account_type text, valid_from_at time"
    ),
    "account_summary": fields_of(
        "account_id text, customer_id long, original_balance_amount decimal:2, "
        "interest_rate_pct decimal:3, annual_interest_amount decimal:2, "
        "new_balance_amount decimal:2, calculated_at time"
    ),
    "customer_profile": fields_of(
        "customer_id long, customer_name text, has_loan_flag bool, total_accounts_count long, "
        "total_balance_amount decimal:2, total_annual_interest_amount decimal:2, "
        "calculated_at time"
    ),
}
PYTHON_TYPES = {"long": int, "text": str, "bool": bool, "decimal": Decimal, "time": datetime}
# The type, the name of the schema, and the class of the value.
CONNECT_TYPES = {
    "long": ("int64", None, "java.lang.Long"),
    "text": ("string", None, "java.lang.String"),
    "bool": ("boolean", None, "java.lang.Boolean"),
    "decimal": ("bytes", DECIMAL, "java.math.BigDecimal"),
    "time": ("int64", TIMESTAMP, "java.util.Date"),
}
MAY_BE_NULL = "valid_to_at"


class Reader:
    """Reads results of every format, each by the reader that its users have."""

    def __init__(self, names: Mapping[str, str], registry: Registry, json: ConnectReader) -> None:
        self._results = {topic: name for name, topic in names.items()}
        self._deserializer = AvroDeserializer(SchemaRegistryClient({"url": registry.url}))
        self._connect_json = json

    def as_json(self, messages: list[Message]) -> list[Message]:
        return [dataclasses.replace(m, value=self._value(m)) for m in messages]

    def _value(self, m: Message) -> bytes | None:
        if m.value is None:
            return None
        if format_of(m) == "json":  # with amounts as texts or as numbers
            return json.dumps(json.loads(m.value, parse_float=str)).encode()
        fields = FIELDS[self._results[m.topic]]
        if format_of(m) == "avro":
            context = SerializationContext(m.topic, MessageField.VALUE)
            return as_json(check_python(fields, self._deserializer(m.value, context)))
        (row,) = self._connect_json.read([(m.topic, m.value)])
        return as_json(check_connect(fields, row))


def format_of(m: Message) -> str:
    assert m.value is not None
    if m.value[:1] == b"\x00":
        return "avro"
    return "connect-json" if m.value.startswith(b'{"schema":') else "json"


def check_python(fields: Fields, row: Any) -> dict[str, Any]:
    """The row as the model has it; its values must have the types that Python has for them."""
    assert list(row) == list(fields)
    for name, (kind, decimals) in fields.items():
        value = row[name]
        if value is None and name == MAY_BE_NULL:
            continue
        assert type(value) is PYTHON_TYPES[kind], f"{name} is {value!r}"
        if kind == "decimal":
            assert value.as_tuple().exponent == -decimals, f"{name} is {value!r}"
    return dict(row)


def check_connect(fields: Fields, row: dict[str, Any]) -> dict[str, Any]:
    """The same of a record of Connect."""
    assert list(row) == list(fields)
    found: dict[str, Any] = {}
    for name, (kind, decimals) in fields.items():
        field, value = row[name], row[name]["value"]
        type_, type_name, class_ = CONNECT_TYPES[kind]
        class_ = None if value is None else class_
        assert field["optional"] == (name == MAY_BE_NULL), f"{name}: {field}"
        got = (field["type"].lower(), field["name"], field["class"])
        assert got == (type_, type_name, class_), f"{name}: {field}"
        if kind == "decimal":
            value = Decimal(value)
            assert value.as_tuple().exponent == -decimals, f"{name}: {field}"
        elif kind == "time" and value is not None:
            value = EPOCH + timedelta(milliseconds=value)
        found[name] = value
    return found


def as_json(row: dict[str, Any]) -> bytes:
    return json.dumps({name: printed(value) for name, value in row.items()}).encode()


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_java(tmp_path_factory.mktemp("classes"))


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


def all_messages(s: Scenario) -> dict[str, list[Message]]:
    return {name: read_topic(s.broker.bootstrap, s.names[name]) for name in RESULTS}


def formats(messages: Mapping[str, list[Message]]) -> set[str]:
    return {format_of(m) for found in messages.values() for m in found if m.value is not None}


NUMBERS = {"output.format": "json", "output.decimals": "number"}
AVRO, CONNECT_JSON = (
    {"output.format": name, "output.decimals": "string"} for name in ("avro", "connect-json")
)


def test_readers__format_changes_under_one_app_id(
    broker: KafkaBroker, tmp_path: Path, registry: Registry, classes: Path
) -> None:
    """Each with a restart, some without the state: rows that are there are not written anew, and
    new ones have the new format."""
    records = load(800, PARTITIONS, "keyed")
    with (
        Scenario(broker, tmp_path, PARTITIONS, {"schema.registry.url": registry.url}) as s,
        json_reader(classes) as connect,
    ):
        s.as_json = Reader(s.names, registry, connect).as_json
        before: dict[str, list[Message]] = {name: [] for name in RESULTS}
        for number, settings in enumerate((NUMBERS, AVRO, CONNECT_JSON, AVRO)):
            output = settings["output.format"]
            s.streamer.configure(settings)
            s.streamer.start()
            s.streamer.wait_ready()
            s.wait_drained()
            assert not any(behind(before, all_messages(s)).values()), f"at the start of {output}"
            s.fed.feed(records[200 * number : 200 * (number + 1)])
            s.wait_drained()
            s.check()
            after = all_messages(s)
            fresh = behind(before, after)
            assert formats(fresh) == {output} and all(fresh.values()), output
            if settings is NUMBERS:
                check_numbers(fresh)
            before = after
            s.streamer.stop()
            if output != "avro":
                shutil.rmtree(s.streamer.settings["state.dir"])
        subjects = {f"{s.names[name]}-value" for name in RESULTS}
        assert registry.store.subjects.keys() == subjects
        with avro_reader(classes, registry.url) as reader:
            check_avro_in_connect(s, reader, before)


def check_numbers(messages: Mapping[str, list[Message]]) -> None:
    """Amounts and rates are JSON numbers with all their decimals."""
    for name, found in messages.items():
        for m in found:
            row = json.loads(m.value, parse_float=Decimal) if m.value is not None else {}
            for field, value in row.items():
                kind, decimals = FIELDS[name][field]
                assert isinstance(value, Decimal) == (kind == "decimal"), m
                assert kind != "decimal" or value.as_tuple().exponent == -decimals, m


def behind(
    before: Mapping[str, list[Message]], after: Mapping[str, list[Message]]
) -> dict[str, list[Message]]:
    """What has come since."""
    seen = {(m.topic, m.partition, m.offset) for found in before.values() for m in found}
    return {
        name: [m for m in found if (m.topic, m.partition, m.offset) not in seen]
        for name, found in after.items()
    }


def check_avro_in_connect(
    s: Scenario, reader: ConnectReader, messages: Mapping[str, list[Message]]
) -> None:
    """Connect's Avro converter gets the types that its JsonConverter gets of connect-json."""
    for name in RESULTS:
        some = [m for m in messages[name] if m.value is not None and format_of(m) == "avro"][:20]
        rows = reader.read((m.topic, m.value) for m in some if m.value is not None)
        for row, m in zip(rows, s.as_json(some), strict=True):
            assert as_json(check_connect(FIELDS[name], row)) == m.value, m


def test_readers__registry_at_a_restore(
    broker: KafkaBroker, tmp_path: Path, registry: Registry, classes: Path
) -> None:
    """A lost state cannot be restored by a registry that does not know the ids of the rows: the
    program says so and stops. With the former registry it goes on, and needs to wait for none of
    the schemas that it writes results with."""
    for number in range(20):  # so that another registry gives other ids
        registry.register(
            f"other-{number}", Schema(f'{{"type": "fixed", "name": "x", "size": {number + 1}}}')
        )
    settings = {"schema.registry.url": registry.url, "output.format": "avro"}
    with (
        Registry() as another,
        json_reader(classes) as connect,
        Scenario(broker, tmp_path, PARTITIONS, settings) as s,
    ):
        s.as_json = Reader(s.names, registry, connect).as_json
        s.fed.feed(load(100, PARTITIONS, "keyed"))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        before = all_messages(s)
        shutil.rmtree(s.streamer.settings["state.dir"])
        s.streamer.configure({"schema.registry.url": another.url})
        s.streamer.start()
        assert s.streamer.wait_exit() == 1
        (said,) = s.streamer.stderr.read_text().splitlines()[-1:]
        assert "schema.registry.url" in said and re.search(r"schema 2\d\b", said), said
        assert any(s.names[name] in said for name in RESULTS), said
        s.streamer.configure({"schema.registry.url": registry.url})
        said = s.streamer.stderr.read_text()
        s.streamer.start()
        s.streamer.wait_ready()
        s.wait_drained()
        assert "cannot read back" not in s.streamer.stderr.read_text()[len(said) :]
        assert not any(behind(before, all_messages(s)).values())
        s.check()
        s.streamer.stop()


def test_readers__registry_down_at_a_restore(
    broker: KafkaBroker, tmp_path: Path, registry: Registry, classes: Path
) -> None:
    """A lost state waits for the schemas of the rows that it is restored from, and loses nothing.
    The start itself asks for no schema, because results are written as JSON now."""
    settings = {"schema.registry.url": registry.url, "output.format": "avro"}
    with json_reader(classes) as connect, Scenario(broker, tmp_path, PARTITIONS, settings) as s:
        s.as_json = Reader(s.names, registry, connect).as_json
        s.fed.feed(load(100, PARTITIONS, "keyed"))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        before = all_messages(s)
        shutil.rmtree(s.streamer.settings["state.dir"])
        registry.fault = 503
        s.streamer.configure({"output.format": "json"})
        s.streamer.start()
        wait_until(
            "waiting for a schema",
            lambda: waits_for_a_schema(s),
            s.streamer.stderr,
            s.streamer.process,
        )
        registry.fault = None
        s.wait_drained()
        assert not any(behind(before, all_messages(s)).values())
        s.check()
        s.streamer.stop()


def waits_for_a_schema(s: Scenario) -> bool:
    try:
        status, text = s.streamer.get_text("/readyz")
    except OSError:  # it does not listen yet
        return False
    return status == 503 and "waiting for its schema" in text
