"""Debezium that writes Avro by a schema registry: what the database commits is what the marts
say."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from connect import Connect, unwrap
from converters import AVRO, compile_java, make_plugin
from debezium import Feed, Format, Rig, running
from kafka import KafkaBroker
from postgres import Postgres
from registry import Registry
from results import Message
from streamer import INPUTS
from test_debezium import METADATA, Bank, connector

FORMATS = (
    Format("avro_envelope", {"decimal.handling.mode": "precise"}),
    Format(
        "avro_flat",
        {
            **unwrap(add_fields=METADATA, delete_tombstone_handling_mode="rewrite"),
            "decimal.handling.mode": "double",
        },
    ),
)


def avro_converter(registry: Registry) -> dict[str, str]:
    """Keys are in Avro, too."""
    return {
        "schema.name.adjustment.mode": "avro",
        **{f"{part}.converter": AVRO for part in ("key", "value")},
        **{f"{part}.converter.schema.registry.url": registry.url for part in ("key", "value")},
    }


class Decoder:
    """For the rig, which looks into the messages of connectors."""

    def __init__(self, registry: Registry) -> None:
        self._read = AvroDeserializer(SchemaRegistryClient({"url": registry.url}))

    def as_json(self, messages: list[Message]) -> list[Message]:
        return [
            dataclasses.replace(
                m,
                key=self._part(m, m.key, MessageField.KEY),
                value=self._part(m, m.value, MessageField.VALUE),
            )
            for m in messages
        ]

    def _part(self, m: Message, data: bytes | None, field: MessageField) -> bytes | None:
        if data is None:
            return None
        assert data[:1] == b"\x00", f"{m} is no Avro"
        return json.dumps(
            self._read(data, SerializationContext(m.topic, field)), default=str
        ).encode()


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    with Postgres() as postgres:
        bank = Bank(postgres)
        for f in FORMATS:
            bank.execute(
                f"create table bank.signals_{f.name} (id varchar(64), type varchar(32), data "
                "varchar(2048))"
            )
        bank.execute(
            """
            insert into bank.customers (customer_id, customer_name, has_loan)
                select i, ' Customer Ä' || i, i % 3 = 0 from generate_series(1, 40) i;
            insert into bank.accounts (account_id, customer_id, balance, account_type)
                select 'S' || to_char(i, 'FM00000'), i / 5 + 1, i * 97.0050,
                       case when i % 10 = 9 then 'Checking' else 'Savings' end
                from generate_series(0, 199) i
            """
        )
        yield bank
        bank.close()


@pytest.fixture(scope="module")
def rig(broker: KafkaBroker, bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    directory = tmp_path_factory.mktemp("debezium-avro")
    (directory / "classes").mkdir()
    plugins = make_plugin(compile_java(directory / "classes"), directory)
    with Registry() as registry:
        connect = Connect(
            directory / "connect", broker.bootstrap, connectors(bank, registry), [plugins]
        )
        with running(broker, bank, connect, feeds(broker, directory, registry)) as rig:
            rig.start()
            yield rig


def connectors(bank: Bank, registry: Registry) -> dict[str, Mapping[str, str]]:
    return {
        f.name: connector(bank.postgres, f.name, {**avro_converter(registry), **f.connector})
        for f in FORMATS
    }


def feeds(broker: KafkaBroker, directory: Path, registry: Registry) -> list[Feed]:
    settings = {"schema.registry.url": registry.url}
    decoder = Decoder(registry)
    found = []
    for f in FORMATS:
        inputs = {entity: f"{f.name}.bank.{entity}" for entity in INPUTS}
        found.append(Feed(broker, directory, f.name, inputs, settings, decoder.as_json))
    return found


def test_debezium_avro__marts_equal_sql(rig: Rig, bank: Bank) -> None:
    """The snapshot, then changes of every kind, and a column that is new."""
    rig.check()
    bank.execute(
        """
        insert into bank.customers (customer_id, customer_name, has_loan) values
            (1001, 'Fay', false), (1002, 'ÉMILE', null);
        insert into bank.accounts (account_id, customer_id, balance, account_type) values
            ('T1', 1001, 100, 'Savings'), ('T2', 1001, 9999.995, 'SAVINGS'),
            ('T3', 1002, 19999.994, 'savings'), ('T4', 1003, 5, 'Savings');
        update bank.accounts set balance = balance + 1.0001 where account_id < 'S00050';
        begin;
        delete from bank.accounts where account_id = 'T1';
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            values ('T1', 1002, 20000.005, 'Savings');
        commit;
        update bank.customers set has_loan = true where customer_id = 1001;
        delete from bank.accounts where account_id = 'S00001';
        delete from bank.customers where customer_id = 2;
        alter table bank.accounts add column branch integer default 7;
        insert into bank.accounts (account_id, customer_id, balance, account_type, branch)
            values ('T5', 1, 1e3, 'Savings', null);
        update bank.accounts set balance = 0.00 where account_id = 'S00002';
        update bank.accounts set account_id = 'K1' where account_id = 'S00003';
        insert into bank.customers (customer_id, customer_name)
            values (1003, 'Late for its account')
        """
    )
    rig.check()
