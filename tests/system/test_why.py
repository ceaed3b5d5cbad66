"""`/v1/why` names the input records that made a row: they are read in Kafka, and say what the row
says."""

import json
import random
import shutil
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from generate import START_MS, Input
from kafka import KafkaBroker
from model import format_time
from process import wait_until
from results import Message, compacted, read_topic
from scenario import FIRST_SEED, Scenario, load, model_of
from streamer import INPUTS, Streamer, total

PARTITIONS = (2, 3)
CUSTOMERS, ACCOUNTS, SAMPLE = 60, 240, 200
TABLES = ("customers", "accounts", "account_with_customer", "account_summary", "customer_profile")
RATES = {"tiers": "10000:0.01,20000:0.015,*:0.02", "bonus": "0.005"}

Why = dict[str, Any]


class Bank:
    """Customers and accounts, which change in order, over all partitions of both inputs."""

    def __init__(self) -> None:
        self._rng = random.Random(FIRST_SEED)
        self._now_ms = START_MS

    def customer(self, id_: int) -> Input:
        row = {"customer_id": id_, "name": f"Name {self._now_ms}", "has_loan": id_ % 2 == 0}
        return self._record("customers", row, id_ % PARTITIONS[0])

    def account(self, number: int, customer_id: int) -> Input:
        balance = f"{self._rng.randrange(30_000)}.{number % 100:02}"
        kind = "Savings" if number % 4 else "Checking"
        row = {"account_id": f"W-{number}", "customer_id": customer_id, "balance": balance}
        return self._record("accounts", {**row, "account_type": kind}, number % PARTITIONS[1])

    def _record(self, topic: str, row: Mapping[str, object], partition: int) -> Input:
        self._now_ms += 1000
        value = json.dumps({**row, "updated_at": self._now_ms - 500}).encode()
        return Input(topic, partition, None, value, self._now_ms, (), "", "why")


def ask(instances: list[Streamer], table: str, id_: str) -> Why:
    """By the instance that owns the id."""
    answers = [instance.get(f"/v1/why/{table}/{quote(id_, safe='')}") for instance in instances]
    answered = [body for status, body in answers if status == 200]
    assert len(answered) == 1, answers
    return answered[0]


def current_rows(s: Scenario) -> list[tuple[str, str, dict[str, Any]]]:
    """Table, id and row of all that is current, as the result topics say it."""

    def read(name: str) -> dict[str, dict[str, Any]]:
        return compacted(read_topic(s.broker.bootstrap, s.names[name]))

    rows = [(table, key, row) for table in TABLES[2:] for key, row in read(table).items()]
    for table, history in (("customers", "customer_history"), ("accounts", "account_history")):
        rows += [
            (table, key.rsplit("|", 1)[0], row)
            for key, row in read(history).items()
            if row["valid_to_at"] is None
        ]
    return rows


class Inputs:
    """The records in Kafka, and what each says of its id when nothing else is known."""

    def __init__(self, s: Scenario) -> None:
        self._scenario = s
        self._records: dict[str, dict[tuple[int, int], Message]] = {
            name: {
                (m.partition, m.offset): m for m in read_topic(s.broker.bootstrap, s.names[name])
            }
            for name in INPUTS
        }

    def says(self, entity: str, record: Why) -> tuple[str, tuple[Any, ...]] | None:
        """The id, and the values. None: the record leaves out a value that did not change."""
        assert record["topic"] == self._scenario.names[entity]
        place = record["partition"], record["offset"]
        m = self._records[entity][place]
        assert record["loaded_at"] == format_time(m.timestamp_ms)
        if m.value and b"__debezium_unavailable_value" in m.value:
            return None
        model = model_of({})
        id_ = model.apply(entity, *place, m.timestamp_ms, m.key, m.value, m.headers)
        assert id_ is not None, m
        (version,) = model.history(entity, id_)
        return str(id_), version.state

    def check(self, table: str, id_: str, row: Mapping[str, Any], why: Why) -> int:
        """Returns how many records are named."""
        assert (why["table"], why["id"]) == (table, id_)
        named = 0
        customer_id = str(row["customer_id"])
        for entity, its_id in (("accounts", id_), ("customers", customer_id)):
            record = why[entity.removesuffix("s")]
            is_made_of = entity == table or table in TABLES[2:]
            if table == "customer_profile":
                is_made_of = entity == "customers"
            if not is_made_of or record == "unknown":
                assert is_made_of or record is None
                continue
            named += 1
            said = self.says(entity, record)
            assert said is None or said == (its_id, values(entity, table, row, said[1])), (
                f"{table} {id_}: {row} was not made by {record}, which says {said}"
            )
        is_mart = table in TABLES[3:]
        assert why["rates"] == (RATES if is_mart else None)
        assert (why["calculated_at"] is not None) == is_mart
        return named


def values(
    entity: str, table: str, row: Mapping[str, Any], said: tuple[Any, ...]
) -> tuple[Any, ...]:
    """What the row says of the entity. What the table leaves out is what the record says."""
    if entity == "customers":
        name, has_loan = said
        return row.get("customer_name", name), row.get("has_loan_flag", has_loan)
    _, balance, kind = said
    balance = row.get("balance_amount", row.get("original_balance_amount", balance))
    return row["customer_id"], Decimal(balance), row.get("account_type", kind)


def check_sample(s: Scenario, instances: list[Streamer]) -> dict[tuple[str, str], Why]:
    """Of random rows. Returns the answers."""
    inputs = Inputs(s)
    rows = current_rows(s)
    answers = {}
    for table, id_, row in random.Random(FIRST_SEED).sample(rows, min(SAMPLE, len(rows))):
        why = answers[(table, id_)] = ask(instances, table, id_)
        inputs.check(table, id_, row, why)
    return answers


def unknown(answers: Mapping[tuple[str, str], Why]) -> list[Why]:
    return [why for why in answers.values() if "unknown" in why.values()]


@pytest.fixture(scope="module")
def bank(
    broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Scenario, Bank]]:
    with Scenario(broker, tmp_path_factory.mktemp("why"), PARTITIONS, {"instance.id": ""}) as s:
        made = Bank()
        s.fed.feed([made.account(n, n % CUSTOMERS) for n in range(ACCOUNTS)])
        s.fed.feed([made.customer(i) for i in range(CUSTOMERS)])
        s.streamer.start()
        s.wait_drained()
        yield s, made
        s.streamer.stop()


def test_why__records_of_both_sides(bank: tuple[Scenario, Bank]) -> None:
    s, made = bank
    assert not unknown(check_sample(s, [s.streamer]))
    s.fed.feed([made.customer(i) for i in range(0, CUSTOMERS, 3)])  # customers change,
    s.fed.feed(
        [made.account(n, (n + 1) % CUSTOMERS) for n in range(0, ACCOUNTS, 5)]
    )  # accounts move
    s.wait_drained()
    assert not unknown(check_sample(s, [s.streamer]))


def test_why__without_the_state(bank: tuple[Scenario, Bank]) -> None:
    s, _ = bank
    before = check_sample(s, [s.streamer])
    s.streamer.stop()
    shutil.rmtree(s.streamer.settings["state.dir"])
    s.streamer.start()
    s.streamer.wait_ready()
    assert check_sample(s, [s.streamer]) == before


def test_why__over_a_rebalance(bank: tuple[Scenario, Bank], tmp_path: Path) -> None:
    s, made = bank
    before = check_sample(s, [s.streamer])
    with s.another(tmp_path / "two", {}) as second:
        both = [s.streamer, second]
        for instance in both:
            instance.wait_ready()
            wait_until("sharing the work", partial(has_partitions, instance), instance.stderr)
            instance.wait_ready()
        assert check_sample(s, both) == before
        s.fed.feed([made.customer(i) for i in range(1, CUSTOMERS, 3)])
        s.wait_drained()
        assert not unknown(check_sample(s, both))
        second.stop()


def has_partitions(instance: Streamer) -> bool:
    return total(instance.metrics(), "streamer_assigned_partitions") > 0


def test_why__of_anything(broker: KafkaBroker, tmp_path: Path) -> None:
    """Every format, late events, deletes: a record that is named says what the row says."""
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        s.fed.feed(load(500, PARTITIONS, "scattered", seeds=range(1, 4), large=False))
        s.streamer.start()
        s.wait_drained()
        answers = check_sample(s, [s.streamer])
        assert len(unknown(answers)) < len(answers) / 3
        assert s.streamer.get("/v1/why/account/A0-1") == (
            400,
            {"error": "no such table: account, did you mean accounts?"},
        )
        status, body = s.streamer.get("/v1/why/accounts/nobody")
        assert (status, body) == (404, {"error": "no row of accounts/nobody"})
        s.streamer.stop()
