"""A real Debezium: what a database commits is what the marts say, whatever a connector makes of
it."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from connect import DEBEZIUM, NO_SCHEMA, Connect, unwrap
from debezium import (
    MARKERS,
    Feed,
    Format,
    Rig,
    change_rows,
    is_of_last,
    payload,
    running,
    source_of,
)
from kafka import KafkaBroker
from postgres import USER, Postgres
from results import Message
from streamer import INPUTS

SQL = Path(__file__).parent / "bank"
# Accounts S... of the first customers change over and over while snapshots are taken; O... of the
# others, once.
CUSTOMERS, ACCOUNTS, ONCE = 400, 2000, 2000
LOG = {"order.customers": "log", "order.accounts": "log"}

METADATA = "op,lsn,source.ts_ms"

FORMATS = (
    Format("envelope", {"decimal.handling.mode": "precise"}),
    Format("bare", {**NO_SCHEMA, "decimal.handling.mode": "string"}),
    Format("flat", {**unwrap(), **NO_SCHEMA, "decimal.handling.mode": "double"}, LOG),
    Format("metadata", {**unwrap(add_fields=METADATA), "decimal.handling.mode": "string"}),
    Format(
        "rewrite",
        {
            **unwrap(add_fields=METADATA, delete_tombstone_handling_mode="rewrite"),
            "decimal.handling.mode": "precise",
        },
    ),
)
ALL = tuple(f.name for f in FORMATS)
ENVELOPES = ("envelope", "bare")
FLATTENED = ("flat", "metadata", "rewrite")
# Reads the topics of `flat` without being told that they are a database's log.
AUTO = "auto"

Connection = psycopg.Connection[tuple[Any, ...]]


class Bank:
    """The database as the tests write it, and as the oracle reads it."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres
        self.connection = postgres.connect()
        for script in ("postgres.sql", "postgres-marts.sql"):
            self.connection.execute((SQL / script).read_text())

    def close(self) -> None:
        self.connection.close()

    def query(self, text: str) -> Sequence[tuple[Any, ...]]:
        return self.connection.execute(text).fetchall()

    def execute(self, text: str) -> None:
        """Each statement is a transaction, unless the text says `begin`."""
        for statement in text.split(";"):
            if statement.strip():
                self.connection.execute(statement)

    def mark(self, number: int) -> None:
        with self.connection.transaction():
            for id_ in MARKERS["customers"]:
                self.connection.execute(
                    "insert into bank.customers (customer_id, customer_name, note) values (%s, "
                    "'Marker', %s)"
                    " on conflict (customer_id) do update set note = excluded.note",
                    (id_, f"marker {number};"),
                )
            for id_, customer in zip(MARKERS["accounts"], MARKERS["customers"], strict=True):
                self.connection.execute(
                    "insert into bank.accounts (account_id, customer_id, balance, account_type, "
                    "note)"
                    " values (%s, %s, 1, 'Savings', %s) on conflict (account_id) do update set "
                    "note = excluded.note",
                    (id_, customer, f"marker {number};"),
                )


def connector(postgres: Postgres, name: str, properties: Mapping[str, str]) -> dict[str, str]:
    signals = f"bank.signals_{name}"
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "plugin.name": "pgoutput",
        "database.hostname": "127.0.0.1",
        "database.port": str(postgres.port),
        "database.user": USER,
        "database.password": "unused",
        "database.dbname": "postgres",
        "topic.prefix": name,
        "slot.name": name,
        "publication.name": name,
        "publication.autocreate.mode": "filtered",
        "table.include.list": f"bank.customers,bank.accounts,{signals}",
        "signal.data.collection": signals,
        "incremental.snapshot.chunk.size": "250",
        "snapshot.fetch.size": "100",
        **DEBEZIUM,
        **properties,
    }


class Updates:
    """Transactions that run beside what the test does.

    Some keep their rows locked for a while before they commit.
    """

    SLOW = 6

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._stop = threading.Event()
        self._errors: list[BaseException] = []
        work = [
            self._round_by_round,
            self._once,
            *(partial(self._slowly, i) for i in range(self.SLOW)),
        ]
        self._threads = [threading.Thread(target=self._run, args=(one,)) for one in work]

    def __enter__(self) -> "Updates":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _run(self, work: Callable[[Connection], None]) -> None:
        try:
            with self._postgres.connect() as connection:
                work(connection)
        except BaseException as e:
            self._errors.append(e)

    def _round_by_round(self, connection: Connection) -> None:
        for first in itertools.cycle(range(0, ACCOUNTS, 20)):
            with connection.transaction():
                change_rows(connection.execute, first, 20, first // 5 + 1)
            if self._stop.wait(0.02):
                return

    def _once(self, connection: Connection) -> None:
        for first in range(0, ONCE, 2):
            with connection.transaction():
                connection.execute(
                    "update bank.accounts set balance = balance + 1.0001 where account_id "
                    "between %s and %s",
                    (f"O{first:05}", f"O{first + 1:05}"),
                )
                if first % 10 == 0:
                    connection.execute(
                        "update bank.customers set has_loan = not has_loan where customer_id = %s",
                        (CUSTOMERS + first // 10 + 1,),
                    )
            if self._stop.wait(0.015):
                return

    def _slowly(self, number: int, connection: Connection) -> None:
        for round_ in itertools.count():
            with connection.transaction():
                connection.execute(
                    "update bank.accounts set balance = balance + 100 where account_id = any(%s)",
                    ([f"W{number}-{(round_ + i) % 50:02}" for i in range(10)],),
                )
                stop = self._stop.wait(0.05 + 0.05 * number)
            if stop:
                return


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
            f"""
            insert into bank.customers (customer_id, customer_name, has_loan)
                select i, ' Customer Ä' || i, i % 3 = 0
                    from generate_series(1, {CUSTOMERS + ONCE // 10}) i;
            insert into bank.accounts (account_id, customer_id, balance, account_type)
                select 'S' || to_char(i, 'FM00000'), i / 5 + 1, i * 7.0050,
                       case when i % 10 = 9 then 'Checking' else 'Savings' end
                from generate_series(0, {ACCOUNTS - 1}) i;
            insert into bank.accounts (account_id, customer_id, balance, account_type)
                select 'O' || to_char(i, 'FM00000'), {CUSTOMERS} + i / 10 + 1, i * 9.9950, 'Savings'
                from generate_series(0, {ONCE - 1}) i;
            insert into bank.accounts (account_id, customer_id, balance, account_type)
                select 'W' || t || '-' || to_char(i, 'FM00'), 1 + i % 10, i, 'Savings'
                from generate_series(0, {Updates.SLOW - 1}) t, generate_series(0, 49) i
            """
        )
        yield bank
        bank.close()


@pytest.fixture(scope="module")
def rig(broker: KafkaBroker, bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Everything runs, and the connectors took their snapshots while rows changed."""
    directory = tmp_path_factory.mktemp("debezium")
    inputs = {f.name: {entity: f"{f.name}.bank.{entity}" for entity in INPUTS} for f in FORMATS}
    connectors = {f.name: connector(bank.postgres, f.name, f.connector) for f in FORMATS}
    feeds = [Feed(broker, directory, f.name, inputs[f.name], f.settings) for f in FORMATS]
    feeds.append(Feed(broker, directory, AUTO, inputs["flat"], {}))
    with running(
        broker, bank, Connect(directory / "connect", broker.bootstrap, connectors), feeds
    ) as rig:
        with Updates(bank.postgres):
            rig.start()
        yield rig


def behind_their_snapshot(rig: Rig, feed: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Of each change of a row that was in the snapshot: the source blocks of the snapshot and of
    the change."""
    read: dict[bytes | None, dict[str, Any]] = {}
    for message in rig.messages(feed, "accounts"):
        value, source = payload(message.value), source_of(message)
        if source and value["op"] == "r":
            read[message.key] = source
        elif source and message.key in read:
            yield read[message.key], source


def test_debezium__snapshot_under_concurrent_updates(rig: Rig) -> None:
    rig.check()
    for name in ENVELOPES:
        pairs = list(behind_their_snapshot(rig, name))
        # The snapshot's stamp is taken late, so that changes behind it are older by theirs.
        assert any(change["ts_ms"] < read["ts_ms"] for read, change in pairs), name
        # What was written before the snapshot and committed behind it has the lower position, too.
        assert any(change["lsn"] < read["lsn"] for read, change in pairs), name


def test_debezium__statements(rig: Rig, bank: Bank) -> None:
    bank.execute(
        """
        begin;
        insert into bank.customers (customer_id, customer_name, has_loan) values
            (1001, 'Fay', false), (1002, 'ÉMILE', true);
        insert into bank.accounts (account_id, customer_id, balance, account_type) values
            ('T1', 1001, 100, 'Savings'), ('T2', 1001, 9999.995, 'SAVINGS'),
            ('T3', 1002, 19999.994, 'savings'),
            ('T4', 1002, 0, 'Checking'), ('T5', 1001, 1234567.8905, 'Savings'),
            ('T6', 1003, 5, 'Savings');
        commit;
        update bank.accounts set balance = 17000.0150 where account_id = 'T1';
        begin;
        update bank.accounts set balance = 1 where account_id = 'T2';
        update bank.accounts set balance = 2 where account_id = 'T2';
        update bank.accounts set balance = 3.3350 where account_id = 'T2';
        commit;
        update bank.customers set has_loan = true where customer_id = 1001;
        update bank.customers set has_loan = null where customer_id = 1002;
        update bank.accounts set account_type = 'Checking' where account_id = 'T3';
        update bank.accounts set account_type = 'Savings' where account_id = 'T4';
        update bank.accounts set customer_id = 1002 where account_id = 'T5';
        insert into bank.customers (customer_id, customer_name)
            values (1003, 'Late for its account')
        """
    )
    rig.check()
    bank.execute(
        """
        delete from bank.accounts where account_id = 'T1';
        delete from bank.customers where customer_id = 1002;
        begin;
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            values ('T7', 1001, 7, 'Savings');
        delete from bank.accounts where account_id = 'T7';
        commit;
        begin;
        update bank.accounts set balance = 1000000;
        delete from bank.customers;
        rollback;
        begin;
        update bank.accounts set balance = 4 where account_id = 'T2';
        savepoint here;
        update bank.accounts set balance = 5 where account_id = 'T2';
        delete from bank.accounts where account_id = 'T6';
        rollback to here;
        update bank.customers set customer_name = 'Fay again' where customer_id = 1001;
        commit
        """
    )
    rig.check()


def test_debezium__primary_key_changes(rig: Rig, bank: Bank) -> None:
    bank.execute(
        """
        insert into bank.customers (customer_id, customer_name) values (1101, 'Ann'), (1102, 'Bob');
        insert into bank.accounts (account_id, customer_id, balance, account_type) values
            ('K1', 1101, 1, 'Savings'), ('K2', 1102, 2, 'Savings'), ('K3', 1102, 3, 'Savings');
        update bank.accounts set account_id = 'K4', balance = 4 where account_id = 'K1';
        begin;
        update bank.customers set customer_id = 1103 where customer_id = 1101;
        update bank.accounts set customer_id = 1103 where customer_id = 1101;
        commit
        """
    )
    rig.check(*ALL)
    # Two rows change places, and one comes back to its former key.
    bank.execute(
        """
        begin;
        update bank.accounts set account_id = 'K0' where account_id = 'K2';
        update bank.accounts set account_id = 'K2' where account_id = 'K3';
        update bank.accounts set account_id = 'K3' where account_id = 'K0';
        commit;
        update bank.accounts set account_id = 'K1' where account_id = 'K4'
        """
    )
    rig.check(*ALL)


AGAIN = tuple(f"G{i:02}" for i in range(30))


def test_debezium__deleted_and_inserted_again(rig: Rig, bank: Bank) -> None:
    """In one transaction, and within the connector's lag: the new row lives."""
    bank.execute(
        "insert into bank.customers (customer_id, customer_name) values (1201, 'Gone and back')"
    )
    for id_ in AGAIN:
        bank.execute(f"insert into bank.accounts values ('{id_}', 1201, 1, 'Savings')")
    rig.catch_up()
    for id_ in AGAIN[:10]:
        bank.execute(
            f"""
            begin;
            delete from bank.accounts where account_id = '{id_}';
            insert into bank.accounts values ('{id_}', 1201, 2, 'Savings');
            commit
            """
        )
    for id_ in AGAIN[10:20]:
        bank.execute(
            f"""
            delete from bank.accounts where account_id = '{id_}';
            insert into bank.accounts values ('{id_}', 1201, 3, 'Savings')
            """
        )
    for id_ in AGAIN[20:]:
        bank.execute(
            f"""
            delete from bank.accounts where account_id = '{id_}';
            insert into bank.accounts values ('{id_}', 1201, 4, 'Savings');
            delete from bank.accounts where account_id = '{id_}';
            insert into bank.accounts values ('{id_}', 1201, 5, 'Savings');
            update bank.accounts set balance = 6 where account_id = '{id_}'
            """
        )
    bank.execute(
        """
        begin;
        delete from bank.customers where customer_id = 1201;
        insert into bank.customers (customer_id, customer_name) values (1201, 'Back');
        commit
        """
    )
    rig.check(*ALL)


def test_debezium__order_not_set(rig: Rig, bank: Bank) -> None:
    """The SMT's default has no metadata: `auto` goes by the rows' own times, and tombstones by
    Kafka's.

    What was inserted again within the connector's lag stays gone then, and streamer says so.
    """
    ids = tuple(f"N{i}" for i in range(5))
    bank.execute(
        "insert into bank.customers (customer_id, customer_name) values (1301, 'Nobody said log')"
    )
    for id_ in ids:
        bank.execute(f"insert into bank.accounts values ('{id_}', 1301, 1, 'Savings')")
    rig.settle(AUTO)
    before = rig.metric(AUTO, "records_behind_tombstone_total", entity="accounts")
    bank.execute("begin")
    for id_ in ids:
        bank.execute(f"delete from bank.accounts where account_id = '{id_}'")
        bank.execute(f"insert into bank.accounts values ('{id_}', 1301, 2, 'Savings')")
    bank.execute("commit")
    rig.settle(AUTO)
    gone = {id_ for id_ in ids if id_ not in rig.feeds[AUTO].rows["account_summary"]}
    assert gone == set(ids)
    counted = rig.metric(AUTO, "records_behind_tombstone_total", entity="accounts") - before
    assert counted == len(ids)
    assert "order.accounts=log" in rig.feeds[AUTO].streamer.stderr.read_text()


LONG = "repeat('Long Name ', 400)"


def test_debezium__toast(rig: Rig, bank: Bank) -> None:
    """A long name that did not change is not sent: it stays what it is."""
    bank.execute(
        f"""
        insert into bank.customers (customer_id, customer_name, has_loan)
            select i, {LONG} || i, false from generate_series(1401, 1420) i;
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            select 'L' || i, i, i, 'Savings' from generate_series(1401, 1420) i;
        update bank.customers set has_loan = true where customer_id <= 1420 and customer_id > 1400;
        begin;
        insert into bank.customers (customer_id, customer_name, has_loan)
            values (1421, {LONG} || 'new', false);
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            values ('L1421', 1421, 1, 'Savings');
        update bank.customers set has_loan = true where customer_id = 1421;
        commit;
        begin;
        update bank.customers set customer_name = {LONG} || 'other' where customer_id = 1402;
        update bank.customers set has_loan = false where customer_id = 1402;
        commit;
        update bank.customers set customer_name = 'Short' where customer_id = 1403;
        update bank.customers set has_loan = false where customer_id = 1403;
        begin;
        delete from bank.customers where customer_id = 1404;
        insert into bank.customers (customer_id, customer_name, has_loan)
            values (1404, {LONG} || 'back', false);
        update bank.customers set has_loan = true where customer_id = 1404;
        commit
        """
    )
    rig.check(*ALL)
    # With a new key nothing says what the name is, until it is sent again.
    bank.execute("update bank.customers set customer_id = 1499 where customer_id = 1405")
    rig.settle(*ALL)
    for name in ALL:
        assert rig.feeds[name].check_quarantine({"malformed": 1}) == [], name
        assert not any(
            key.startswith("1499|") for key in rig.feeds[name].rows["customer_history"]
        ), name
    bank.execute(
        f"""
        update bank.customers set customer_name = {LONG} || 'known' where customer_id = 1499;
        update bank.accounts set customer_id = 1499 where account_id = 'L1405'
        """
    )
    rig.check(*ALL)


HOUR = 3600


def test_debezium__clock_of_the_database(rig: Rig, bank: Bank) -> None:
    """It steps back by hours and, for a moment, ahead by days: the order is that of the log."""
    bank.execute(
        """
        insert into bank.customers (customer_id, customer_name, has_loan)
            select i, 'Clock ' || i, false from generate_series(1501, 1510) i;
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            select 'C' || i, i, 15000, 'Savings' from generate_series(1501, 1510) i
        """
    )
    reordered = {name: rig.metric(name, "records_reordered_total") for name in ALL}
    clock = bank.postgres.clock
    try:
        for step, shift in enumerate((-2 * HOUR, -100 * HOUR, 72 * HOUR, -HOUR)):
            clock.shift(shift)
            bank.execute(
                f"""
                update bank.customers set has_loan = not has_loan
                    where customer_id between 1501 and 1510;
                update bank.accounts set balance = balance + 1
                    where customer_id between 1501 and 1510;
                update bank.accounts set balance = balance + 1 where account_id = 'C1502';
                delete from bank.accounts where account_id = 'C150{3 + step}';
                delete from bank.customers where customer_id = {1507 + step};
                begin;
                delete from bank.accounts where account_id = 'C1501';
                insert into bank.accounts values ('C1501', 1501, {step}, 'Savings');
                commit;
                delete from bank.accounts where account_id = 'C1510';
                insert into bank.accounts values ('C1510', 1501, {step}, 'Savings');
                insert into bank.accounts values ('D{step}', 1501, {step}, 'Savings')
                """
            )
            rig.check(*ALL)
    finally:
        clock.shift(0)
    bank.execute("update bank.accounts set balance = balance + 1 where account_id ~ '^[CD]'")
    rig.check(*ALL)
    for name, before in reordered.items():
        assert rig.metric(name, "records_reordered_total") > before, name


@pytest.mark.parametrize(("kind", "mark"), [("incremental", "incremental"), ("blocking", "true")])
def test_debezium__snapshot_by_signal(rig: Rig, bank: Bank, kind: str, mark: str) -> None:
    """All rows come again while they change: in windows between the changes, or with these held
    back until then."""
    rig.catch_up()
    before, read_before = rig.count(is_of_last), snapshot_rows(rig, mark)
    with Updates(bank.postgres):
        bank.execute("begin")
        for name in ALL:
            bank.execute(
                f"""insert into bank.signals_{name} values ('{kind}', 'execute-snapshot',
                    '{{"data-collections": ["bank.customers", "bank.accounts"],
                       "type": "{kind}"}}')"""
            )
        bank.execute("commit")
        rig.wait_messages(f"in the {kind} snapshot", is_of_last, before + len(ALL))
    rig.check(*ALL)
    assert snapshot_rows(rig, mark) - read_before > ACCOUNTS


def snapshot_rows(rig: Rig, mark: str) -> int:
    return sum(
        source_of(message).get("snapshot") == mark
        for message in rig.messages("envelope", "accounts")
    )


def test_debezium__refused_rows(rig: Rig, bank: Bank) -> None:
    """What no result may hold: the row stays as it was, and is counted as outdated."""
    bank.execute(
        """
        insert into bank.customers (customer_id, customer_name)
            values (1601, 'Right'), (1602, 'Right, too');
        insert into bank.accounts (account_id, customer_id, balance, account_type) values
            ('R1', 1601, 1, 'Savings'), ('R2', 1601, 2, 'Savings'), ('R3', 1602, 3, 'Savings'),
            ('R4', 1602, 4, 'Savings')
        """
    )
    rig.check(*ALL)
    bank.execute(
        """
        update bank.accounts set balance = -5 where account_id = 'R1';
        update bank.accounts set balance = null where account_id = 'R2';
        update bank.accounts set account_type = 'Gold' where account_id = 'R3';
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            values ('R5', 1602, -1, 'Savings');
        update bank.customers set customer_name = null where customer_id = 1602
        """
    )
    assert rig.truth.outdated("accounts") == {"R1", "R2", "R3"}
    refused = {"invalid_balance": 3, "invalid_account_type": 1, "invalid_name": 1}
    rig.check(*ALL, rejected={name: refused for name in ALL})
    for name in ALL:
        assert rig.metric(name, "outdated_rows", entity="accounts") == 3, name
        assert rig.metric(name, "outdated_rows", entity="customers") == 1, name
    bank.execute(
        """
        update bank.accounts set balance = 5 where account_id in ('R1', 'R5');
        delete from bank.accounts where account_id = 'R2';
        update bank.accounts set account_type = 'Checking' where account_id = 'R3';
        update bank.customers set customer_name = 'Right again' where customer_id = 1602
        """
    )
    rig.check(*ALL)
    for name in ALL:
        assert rig.metric(name, "outdated_rows") == 0, name


def test_debezium__log_sent_again(rig: Rig, bank: Bank) -> None:
    """Connect is killed and starts from older offsets: what it sends again changes nothing."""
    bank.execute(
        f"""
        insert into bank.customers (customer_id, customer_name, has_loan)
            select i, {LONG} || i, false from generate_series(1801, 1810) i;
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            select 'A' || i, 1801 + i % 10, i, 'Savings' from generate_series(1, 60) i
        """
    )
    rig.catch_up()
    rig.connect.flush()
    behind, ends = rig.truth.last_event(), rig.ends()
    for i in range(3):
        bank.execute(
            f"""
            update bank.accounts set balance = balance + 1 where account_id ~ '^A[1-3].$';
            update bank.customers set has_loan = not has_loan
                where customer_id between 1801 and 1810;
            begin;
            update bank.accounts set balance = balance + 10 where account_id ~ '^A1.$';
            update bank.accounts set balance = balance + 100 where account_id ~ '^A1.$';
            commit;
            delete from bank.accounts where account_id = 'A2{i}';
            begin;
            delete from bank.accounts where account_id = 'A3{i}';
            insert into bank.accounts values ('A3{i}', 1801, 33, 'Savings');
            commit;
            delete from bank.accounts where account_id = 'A4{i}';
            insert into bank.accounts values ('A4{i}', 1802, 44, 'Savings');
            update bank.accounts set account_id = 'B5{i}' where account_id = 'A5{i}';
            insert into bank.accounts values ('B{i}', 1803, 3, 'Savings');
            delete from bank.accounts where account_id = 'B{i}';
            update bank.customers set customer_name = {LONG} || 'step {i}'
                where customer_id = 180{i + 1};
            delete from bank.customers where customer_id = 180{i + 5}
            """
        )
    rig.catch_up()
    up_to = rig.truth.last_event()
    first = {topic: end - ends[topic] for topic, end in rig.ends().items()}
    rig.settle(*ALL)
    rig.connect.kill()
    rig.connect.start()
    rig.connect.wait_running()
    rig.settle(*ALL)
    # Each message of the stretch is in each topic twice, and no snapshot came again.
    for name in ALL:
        for entity in INPUTS:
            topic = rig.feeds[name].inputs[entity]
            tail = rig.messages(name, entity)[ends[topic] :]
            twice = Counter((m.partition, m.key, stripped(m)) for m in tail[: first[topic]])
            again = Counter((m.partition, m.key, stripped(m)) for m in tail[first[topic] :])
            assert len(twice) > 10 and not twice - again, (
                f"{topic}: {len(tail)} messages, {first[topic]} before"
            )
            assert not any(payload(m.value)["op"] == "r" for m in tail if source_of(m)), topic
    rig.repeats["flat"].append((behind, up_to))
    # Of customers with a long name that were deleted at last, what came before that says no name,
    # and nothing else does: all of it where there are no positions, and the last of each where the
    # delete, a tombstone, has none.
    rig.check(*ALL, rejected={"flat": {"malformed": 6}, "metadata": {"malformed": 3}})
    for name in ALL:
        if name != "flat":
            assert rig.metric(name, "records_repeated_total", entity="accounts") > 0, name
    bank.execute("update bank.accounts set balance = balance + 1 where account_id ~ '^[AB]'")
    rig.check(*ALL)


def stripped(message: Message) -> str:
    """Without what says when the connector worked."""
    value = payload(message.value)
    if isinstance(value, dict):
        value = {
            key: part
            for key, part in value.items()
            if not key.startswith("ts_") and key != "source"
        }
        value["lsn"] = source_of(message).get("lsn")
    return json.dumps(value, sort_keys=True)


def test_debezium__columns_change(rig: Rig, bank: Bank) -> None:
    """A numeric without a scale comes as scale and value, or as text, or as a number."""
    bank.execute("drop view audit.outdated cascade")  # views hold on to a column's type
    bank.execute("alter table bank.accounts alter balance type numeric, add column branch integer")
    bank.execute((SQL / "postgres-marts.sql").read_text())
    bank.execute(
        """
        insert into bank.customers (customer_id, customer_name) values (1701, 'Anders');
        insert into bank.accounts (account_id, customer_id, balance, account_type, branch) values
            ('V1', 1701, 1, 'Savings', 7), ('V2', 1701, 12345.6789, 'Savings', null),
            ('V3', 1701, 1e3, 'Savings', 0);
        update bank.accounts set balance = 20000.005, branch = 8 where account_id = 'V1';
        update bank.accounts set balance = 0.00 where account_id = 'V3'
        """
    )
    rig.check(*ALL)


def test_debezium__truncate(rig: Rig, bank: Bank) -> None:
    """The SMT drops it: flattened, rows stay for ever, and only what is inserted again is right."""
    rig.catch_up()
    rig.connect.flush()
    ends = rig.ends()
    bank.execute(
        """
        update bank.accounts set balance = balance + 1 where account_id < 'S00100';
        truncate bank.accounts;
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            select 'S' || to_char(i, 'FM00000'), 1 + i % 10, 5, 'Savings'
                from generate_series(0, 30) i;
        update bank.accounts set balance = 6 where account_id < 'S00010'
        """
    )
    rig.check(*ENVELOPES)
    bank.execute(
        """
        begin;
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            values ('X1', 1, 1, 'Savings');
        truncate bank.customers, bank.accounts;
        insert into bank.customers (customer_id, customer_name) select i, 'After ' || i
            from generate_series(1, 20) i;
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            select 'S' || to_char(i, 'FM00000'), 1 + i, 7, 'Savings' from generate_series(0, 19) i;
        commit;
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            values ('X2', 1, 2, 'Savings')
        """
    )
    rig.check(*ENVELOPES)
    rig.settle(*FLATTENED)
    for name in ALL:
        topic = rig.feeds[name].inputs["accounts"]
        truncates = [m for m in rig.messages(name, "accounts")[ends[topic] :] if m.key is None]
        assert len(truncates) == (2 if name in ENVELOPES else 0), name
    for name in FLATTENED:
        summaries, expected = (
            rig.feeds[name].rows["account_summary"],
            rig.truth.mart("account_summary"),
        )
        assert {key: summaries.get(key) for key in expected} == expected, name
        assert len(summaries) > len(expected) + ACCOUNTS // 2, name
    # All of it comes again, and what was inserted behind the truncates lives.
    rig.connect.kill()
    rig.connect.start()
    rig.connect.wait_running()
    rig.check(*ENVELOPES)
    for name in ENVELOPES:
        topic = rig.feeds[name].inputs["accounts"]
        assert sum(m.key is None for m in rig.messages(name, "accounts")[ends[topic] :]) == 4, name
