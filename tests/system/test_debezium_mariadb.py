"""A real Debezium on a MariaDB, in short: positions are a file of the binary log, a place in it,
and a row."""

import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

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
from mariadb import MariaDb
from results import Message
from streamer import INPUTS

SQL = Path(__file__).parent / "bank" / "mariadb.sql"
CUSTOMERS, ACCOUNTS = 300, 3000

METADATA = "op,source.server_id,source.file,source.pos,source.row,source.ts_ms"
FORMATS = (
    Format("binlog", {**NO_SCHEMA, "decimal.handling.mode": "string"}),
    Format("unwrapped", {**unwrap(add_fields=METADATA), "decimal.handling.mode": "precise"}),
)


class Bank:
    """The database as the tests write it, and as the oracle reads it."""

    def __init__(self, server: MariaDb) -> None:
        self.server = server
        self.connection = server.connect()
        self.execute(SQL.read_text())

    def close(self) -> None:
        self.connection.close()

    def query(self, text: str) -> Sequence[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(text)
            return [tuple(parsed(field) for field in row) for row in cursor.fetchall()]

    def execute(self, text: str) -> None:
        """Each statement is a transaction, unless the text says `begin`."""
        with self.connection.cursor() as cursor:
            cursor.execute(text)
            while cursor.nextset():
                pass

    def mark(self, number: int) -> None:
        statements = ["begin"]
        for customer, account in zip(MARKERS["customers"], MARKERS["accounts"], strict=True):
            statements.append(
                "insert into bank.customers (customer_id, customer_name, note) values "
                f"({customer}, 'Marker',"
                f" 'marker {number};') on duplicate key update note = values(note)"
            )
            statements.append(
                "insert into bank.accounts (account_id, customer_id, balance, account_type, note)"
                f" values ('{account}', {customer}, 1, 'Savings', 'marker {number};')"
                " on duplicate key update note = values(note)"
            )
        self.execute(";".join([*statements, "commit"]))


def parsed(field: Any) -> Any:
    """MariaDB gives JSON as text."""
    return json.loads(field) if isinstance(field, str) and field.startswith(("{", "[")) else field


def connector(server: MariaDb, server_id: int, directory: Path, f: Format) -> dict[str, str]:
    return {
        "connector.class": "io.debezium.connector.mariadb.MariaDbConnector",
        "database.hostname": "127.0.0.1",
        "database.port": str(server.port),
        "database.user": "root",
        "database.password": "",
        "database.server.id": str(server_id),
        "database.include.list": "bank",
        "table.include.list": "bank.customers,bank.accounts,bank.signals",
        "topic.prefix": f.name,
        "schema.history.internal": "io.debezium.storage.file.history.FileSchemaHistory",
        "schema.history.internal.file.filename": str(directory / f"{f.name}.history"),
        "include.schema.changes": "false",
        "signal.data.collection": "bank.signals",
        "incremental.snapshot.chunk.size": "500",
        **DEBEZIUM,
        **f.connector,
    }


class Updates:
    """Transactions that run beside what the test does, one after the other, over all accounts in
    turn."""

    def __init__(self, server: MariaDb) -> None:
        self._server = server
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Updates":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._error:
            raise self._error

    def _run(self) -> None:
        try:
            connection = self._server.connect()
            with connection, connection.cursor() as cursor:
                for first in itertools.cycle(range(0, ACCOUNTS, 10)):
                    change_rows(cursor.execute, first, 10, first // 10 + 1)
                    if self._stop.wait(0.02):
                        return
        except BaseException as e:
            self._error = e


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with MariaDb(tmp_path_factory.mktemp("mariadb") / "server") as server:
        bank = Bank(server)
        bank.execute(
            f"""
            insert into bank.customers (customer_id, customer_name, has_loan)
                select seq, concat(' Customer Ä', seq), seq % 3 = 0 from seq_1_to_{CUSTOMERS};
            insert into bank.accounts (account_id, customer_id, balance, account_type)
                select concat('S', lpad(seq, 5, '0')), seq div 10 + 1, seq * 7.0050,
                       if(seq % 10 = 9, 'Checking', 'Savings') from seq_0_to_{ACCOUNTS - 1}
            """
        )
        yield bank
        bank.close()


@pytest.fixture(scope="module")
def rig(broker: KafkaBroker, bank: Bank, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Everything runs, and the connectors took their snapshots while rows changed."""
    directory = tmp_path_factory.mktemp("debezium")
    connectors = {
        f.name: connector(bank.server, 2 + i, directory, f) for i, f in enumerate(FORMATS)
    }
    feeds = [
        Feed(
            broker,
            directory,
            f.name,
            {entity: f"{f.name}.bank.{entity}" for entity in INPUTS},
            f.settings,
        )
        for f in FORMATS
    ]
    with running(
        broker, bank, Connect(directory / "connect", broker.bootstrap, connectors), feeds
    ) as rig:
        with Updates(bank.server):
            rig.start()
        yield rig


def test_debezium_mariadb__snapshot_under_concurrent_updates(rig: Rig) -> None:
    rig.check()
    source = source_of(rig.messages("binlog", "accounts")[-1])
    assert {"server_id", "file", "pos", "row"} <= source.keys()


def test_debezium_mariadb__statements(rig: Rig, bank: Bank) -> None:
    bank.execute(
        """
        begin;
        insert into bank.customers (customer_id, customer_name, has_loan) values
            (1001, 'Fay', false), (1002, 'ÉMILE', true);
        insert into bank.accounts (account_id, customer_id, balance, account_type) values
            ('T1', 1001, 100, 'Savings'), ('T2', 1001, 9999.995, 'SAVINGS'),
            ('T3', 1002, 19999.994, 'savings'),
            ('T4', 1002, 0, 'Checking'), ('T5', 1001, 1234567.8905, 'Savings');
        commit;
        begin;
        update bank.accounts set balance = 1 where account_id = 'T2';
        update bank.accounts set balance = 2 where account_id = 'T2';
        update bank.accounts set balance = 3.3350 where account_id = 'T2';
        commit;
        update bank.customers set has_loan = true where customer_id = 1001;
        update bank.accounts set customer_id = 1002 where account_id = 'T5';
        delete from bank.accounts where account_id = 'T3';
        begin;
        delete from bank.accounts where account_id = 'T1';
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            values ('T1', 1002, 11, 'Savings');
        commit;
        delete from bank.accounts where account_id = 'T4';
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            values ('T4', 1002, 44, 'Savings');
        update bank.accounts set account_id = 'T6' where account_id = 'T2';
        begin;
        update bank.accounts set balance = 1000000;
        rollback;
        begin;
        update bank.accounts set balance = 4 where account_id = 'T6';
        savepoint here;
        update bank.accounts set balance = 5 where account_id = 'T6';
        rollback to here;
        commit
        """
    )
    rig.check()


@pytest.mark.parametrize("kind", ["incremental", "blocking"])
def test_debezium_mariadb__snapshot_by_signal(rig: Rig, bank: Bank, kind: str) -> None:
    rig.catch_up()
    before = rig.count(is_of_last)
    with Updates(bank.server):
        bank.execute(
            f"""
            insert into bank.signals values ('{kind}', 'execute-snapshot',
                '{{"data-collections": ["bank.customers", "bank.accounts"], "type": "{kind}"}}')
            """
        )
        rig.wait_messages(f"in the {kind} snapshot", is_of_last, before + len(FORMATS))
    rig.check()


def test_debezium_mariadb__log_sent_again(rig: Rig, bank: Bank) -> None:
    bank.execute(
        """
        insert into bank.customers (customer_id, customer_name) select seq, concat('Again ', seq)
            from seq_1801_to_1810;
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            select concat('A', seq), 1801 + seq % 10, seq, 'Savings' from seq_10_to_59
        """
    )
    rig.catch_up()
    rig.connect.flush()
    ends = rig.ends()
    for i in range(3):
        bank.execute(
            f"""
            flush binary logs;
            update bank.accounts set balance = balance + 1 where account_id regexp '^A[1-3]';
            update bank.customers set has_loan = not coalesce(has_loan, false)
                where customer_id between 1801 and 1810;
            delete from bank.accounts where account_id = 'A2{i}';
            begin;
            delete from bank.accounts where account_id = 'A3{i}';
            insert into bank.accounts (account_id, customer_id, balance, account_type)
                values ('A3{i}', 1801, 33, 'Savings');
            commit;
            update bank.accounts set account_id = 'B5{i}' where account_id = 'A5{i}';
            insert into bank.accounts (account_id, customer_id, balance, account_type)
                values ('B{i}', 1803, 3, 'Savings');
            delete from bank.accounts where account_id = 'B{i}';
            update bank.customers set customer_name = 'Step {i}' where customer_id = 180{i + 1};
            delete from bank.customers where customer_id = 180{i + 5}
            """
        )
    rig.settle()
    first = {topic: end - ends[topic] for topic, end in rig.ends().items()}
    rig.connect.kill()
    rig.connect.start()
    rig.connect.wait_running()
    rig.settle()
    for name, feed in rig.feeds.items():
        for entity, topic in feed.inputs.items():
            tail = rig.messages(name, entity)[ends[topic] :]
            once = Counter((m.partition, m.key, place(m)) for m in tail[: first[topic]])
            again = Counter((m.partition, m.key, place(m)) for m in tail[first[topic] :])
            assert len(once) > 10 and not once - again, (
                f"{topic}: {len(tail)} messages, {first[topic]} before"
            )
    rig.check()
    for name in rig.feeds:
        assert rig.metric(name, "records_repeated_total", entity="accounts") > 0, name


def place(message: Message) -> tuple[Any, ...]:
    """In the binary log; of a tombstone nothing is known."""
    value = payload(message.value)
    if value is None:
        return ()
    source = source_of(message) or {
        key.removeprefix("__source_"): part for key, part in value.items()
    }
    return source["file"], source["pos"], source["row"]


def test_debezium_mariadb__truncate(rig: Rig, bank: Bank) -> None:
    """Only envelopes tell of it."""
    bank.execute(
        """
        insert into audit.events (entity, id) select 'accounts', account_id from bank.accounts;
        truncate bank.accounts;
        insert into bank.accounts (account_id, customer_id, balance, account_type)
            select concat('S', lpad(seq, 5, '0')), 1 + seq % 10, 5, 'Savings' from seq_0_to_30
        """
    )
    rig.check("binlog")
    for name, count in (("binlog", 1), ("unwrapped", 0)):
        assert sum(message.key is None for message in rig.messages(name, "accounts")) == count, name
