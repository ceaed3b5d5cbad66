"""`streamer export`: files of the result tables, now and as of a time, against the model, against
SQL over the exported histories, and against topics whose every message the test has written
itself."""

import csv
import hashlib
import io
import json
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import KafkaError, Message, Producer
from kafka import CLIENT, KafkaBroker
from model import format_time
from process import DIE_WITH_PARENT, wait_until
from registry import Registry
from results import RESULTS, read_topic
from scenario import EmbeddedScenario, Scenario, load
from streamer import BINARY, environment, run_once
from test_as_of import times_of
from test_machine import Disk

Row = dict[str, Any]
Done = subprocess.CompletedProcess[str]

PARTITIONS = (3, 2)
MARTS_OF = ("account_with_customer", "account_summary", "customer_profile")
AMOUNTS = {
    "customer_history": (),
    "account_history": ("balance_amount",),
    "account_with_customer": ("balance_amount",),
    "account_summary": ("original_balance_amount", "annual_interest_amount", "new_balance_amount"),
    "customer_profile": ("total_balance_amount", "total_annual_interest_amount"),
}


# --- what the command writes, and what it must be


def export(properties: Path, table: str, *arguments: str) -> Done:
    return run_once("export", table, "-c", str(properties), *arguments)


def exported(properties: Path, table: str, output: Path, *arguments: str) -> list[Row]:
    """The rows of a CSV file, as texts; its control totals must be true."""
    done = export(properties, table, "--output", str(output), *arguments)
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(io.StringIO(output.read_text(), newline="")))
    totals = json.loads(Path(f"{output}.totals.json").read_text())
    check_totals(totals, table, rows, output.read_bytes())
    assert f"{len(rows)} rows of {table} in {output}" in done.stdout
    return rows


def check_totals(totals: Mapping[str, Any], table: str, rows: list[Row], content: bytes) -> None:
    assert totals["table"] == table and totals["rows"] == len(rows)
    assert totals["sha256"] == hashlib.sha256(content).hexdigest()
    assert totals["bytes"] == len(content)
    assert totals["sums"] == {
        name: str(sum((Decimal(row[name]) for row in rows), Decimal("0.00")))
        for name in AMOUNTS[table]
    }
    assert totals["rates"] == {"tiers": "10000:0.01,20000:0.015,*:0.02", "loan_bonus": "0.005"}


def text_of(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def id_of(row: Mapping[str, Any], table: str) -> Any:
    """What rows are ordered by."""
    id_ = int(row["customer_id"]) if table.startswith("customer") else row["account_id"].encode()
    return (id_, row.get("valid_from_at", "")) if table.endswith("history") else id_


def in_order(rows: Mapping[str, Row], table: str) -> list[Row]:
    """The model's rows as the file must have them."""
    texts = [{name: text_of(value) for name, value in row.items()} for row in rows.values()]
    return sorted(texts, key=lambda row: id_of(row, table))


def without(name: str, rows: list[Row]) -> list[Row]:
    return [{key: value for key, value in row.items() if key != name} for row in rows]


# --- the tables of a running processor


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """One whose log cleaner hardly pauses."""
    config = {"log.cleaner.backoff.ms": "50", "log.segment.delete.delay.ms": "100"}
    with KafkaBroker(tmp_path_factory.mktemp("kafka"), config) as running:
        yield running


@pytest.fixture(scope="module")
def bank(server: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    """Its result topics hold rows of all formats."""
    records = load(600, PARTITIONS, "keyed", large=False)
    with (
        Registry() as registry,
        Scenario(
            server,
            tmp_path_factory.mktemp("bank"),
            PARTITIONS,
            {"schema.registry.url": registry.url},
        ) as s,
    ):
        for number, format_ in enumerate(("json", "connect-json", "avro")):
            s.streamer.configure({"output.format": format_})
            s.streamer.start()
            s.streamer.wait_ready()
            s.fed.feed(records[200 * number : 200 * (number + 1)])
            if format_ != "avro":
                s.wait_drained()
                s.streamer.stop()
        yield s


def test_export__tables_are_what_the_model_says(bank: Scenario, tmp_path: Path) -> None:
    """Nobody has waited for what was fed last, but --settle does."""
    expected = bank.fed.model.expected()
    for table in RESULTS:
        rows = exported(bank.streamer.properties, table, tmp_path / f"{table}.csv", "--settle")
        assert without("calculated_at", rows) == in_order(expected[table], table)
        totals = json.loads((tmp_path / f"{table}.csv.totals.json").read_text())
        ends = bank.broker.end_offsets(bank.names[table])
        assert totals["positions"] == [
            {"topic": bank.names[table], "partition": p, "offset": end}
            for p, end in sorted(ends.items())
        ]
        assert totals["settled"] is True and totals["as_of"] is None
        assert totals["source"] == "kafka" and totals["app_id"] == bank.app_id


def test_export__standard_output_and_json_lines(bank: Scenario) -> None:
    """The rows and nothing else; the totals are one line on standard error."""
    done = export(bank.streamer.properties, "account_history", "--format", "jsonl", "--settle")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    expected = bank.fed.model.expected()["account_history"].values()
    assert rows == sorted(expected, key=lambda row: id_of(row, "account_history"))
    settled, totals = done.stderr.splitlines()
    assert settled == "settled: everything in the topics is processed"
    check_totals(json.loads(totals), "account_history", rows, done.stdout.encode())


# --- as of a time

# What a customer's and an account's version were then, and what follows; amounts in cents.
SQL_VIEWS = """
CREATE VIEW customers AS SELECT customer_id, customer_name, has_loan_flag
  FROM customer_history
  WHERE valid_from_at <= :at AND (valid_to_at = '' OR :at < valid_to_at);
CREATE VIEW joined AS
  SELECT a.account_id, a.customer_id, c.customer_name, c.has_loan_flag, a.balance_amount,
         a.account_type, a.valid_from_at,
         CAST(REPLACE(a.balance_amount, '.', '') AS INTEGER) AS cents
  FROM account_history a JOIN customers c USING (customer_id)
  WHERE a.valid_from_at <= :at AND (a.valid_to_at = '' OR :at < a.valid_to_at);
CREATE VIEW rated AS
  SELECT *, CASE WHEN cents < 1000000 THEN 10 WHEN cents < 2000000 THEN 15 ELSE 20 END
            + CASE has_loan_flag WHEN 'true' THEN 5 ELSE 0 END AS milli
  FROM joined WHERE account_type = 'savings';
CREATE VIEW summaries AS SELECT *, (cents * milli + 500) / 1000 AS interest FROM rated;
"""
SQL = {
    "account_with_customer": """
        SELECT account_id, customer_id, customer_name, has_loan_flag, balance_amount,
               account_type, valid_from_at
        FROM joined ORDER BY account_id""",
    "account_summary": """
        SELECT account_id, customer_id, balance_amount, printf('0.%03d', milli),
               printf('%d.%02d', interest / 100, interest % 100),
               printf('%d.%02d', (cents + interest) / 100, (cents + interest) % 100), 'current'
        FROM summaries ORDER BY account_id""",
    "customer_profile": """
        SELECT customer_id, customer_name, has_loan_flag, COUNT(*),
               printf('%d.%02d', SUM(cents) / 100, SUM(cents) % 100),
               printf('%d.%02d', SUM(interest) / 100, SUM(interest) % 100), 'current'
        FROM summaries GROUP BY customer_id ORDER BY CAST(customer_id AS INTEGER)""",
}


def sql_rows(table: str, at: str, histories: Mapping[str, list[Row]]) -> list[tuple[str, ...]]:
    database = sqlite3.connect(":memory:")
    for name, rows in histories.items():
        columns = list(rows[0])
        database.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
        marks = ", ".join("?" * len(columns))
        database.executemany(
            f"INSERT INTO {name} VALUES ({marks})", [list(r.values()) for r in rows]
        )
    # A view takes no parameters.
    database.executescript(SQL_VIEWS.replace(":at", f"'{at}'"))
    return [tuple(map(str, row)) for row in database.execute(SQL[table])]


def test_export__as_of_is_what_sql_makes_of_the_histories(bank: Scenario, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    histories = {
        name: exported(bank.streamer.properties, name, out, "--settle")
        for name in ("customer_history", "account_history")
    }
    rng = random.Random(1)
    for table in MARTS_OF:
        seen = 0
        for time_ms in rng.sample(times_of(bank.fed.model), 3):
            at = format_time(time_ms)
            rows = exported(bank.streamer.properties, table, out, "--as-of", at)
            assert [tuple(r.values()) for r in rows] == sql_rows(table, at, histories), at
            expected = bank.fed.model.expected_at(time_ms)[table]
            assert without("rates", rows) == in_order(expected, table), at
            seen += len(rows)
            totals = json.loads(Path(f"{out}.totals.json").read_text())
            assert totals["as_of"] == at
            assert {p["topic"] for p in totals["positions"]} == {
                bank.names["account_history"],
                bank.names["customer_history"],
            }
        assert seen > 0


def test_export__as_of_of_a_history_is_one_version_an_id(bank: Scenario, tmp_path: Path) -> None:
    for table in ("customer_history", "account_history"):
        all_rows = exported(bank.streamer.properties, table, tmp_path / "all.csv", "--settle")
        at = format_time(random.Random(table).choice(times_of(bank.fed.model)))
        rows = exported(bank.streamer.properties, table, tmp_path / "at.csv", "--as-of", at)
        assert rows == [
            r
            for r in all_rows
            if r["valid_from_at"] <= at and (r["valid_to_at"] == "" or at < r["valid_to_at"])
        ]
        assert rows


def test_export__as_of_in_json_lines_names_the_rates(bank: Scenario) -> None:
    """As the answers over HTTP do."""
    at = format_time(times_of(bank.fed.model)[-1])
    done = export(
        bank.streamer.properties, "account_summary", "--format", "jsonl", "--as-of", at, "--settle"
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows and all(row["rates"] == "current" and "calculated_at" not in row for row in rows)
    row = rows[0]
    assert bank.streamer.get(f"/v1/account_summary/{row['account_id']}?as_of={at}") == (200, row)


# --- the log cleaner

KEYS = 40
CLEANED = {
    "cleanup.policy": "compact",
    "min.cleanable.dirty.ratio": "0.001",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1",
    "segment.ms": "100",
    "segment.bytes": "1048576",
    "delete.retention.ms": "20000",
    "message.timestamp.type": "LogAppendTime",
}


class Written(NamedTuple):
    partition: int
    offset: int
    key: str
    row: Row | None  # None: a tombstone


class Writer(threading.Thread):
    """Writes profiles in transactions, some of which it aborts, until it is stopped. Each
    transaction gives all rows of one partition that it touches the same number of accounts."""

    def __init__(self, server: KafkaBroker, topic: str) -> None:
        super().__init__()
        self.committed: list[Written] = []
        self._topic = topic
        self._stopping = threading.Event()
        self._producer = Producer(
            {
                "bootstrap.servers": server.bootstrap,
                "transactional.id": f"{topic}-writer",
                "linger.ms": 1,
                **CLIENT,
            }
        )
        self._producer.init_transactions(60)

    def run(self) -> None:
        rng = random.Random(3)
        number = 0
        while not self._stopping.is_set():
            number += 1
            pending: list[Written] = []
            self._producer.begin_transaction()
            for _ in range(30):
                self._write(rng, number, pending)
            self._producer.flush(60)
            if rng.random() < 0.2:
                self._producer.abort_transaction(60)
            else:
                self._producer.commit_transaction(60)
                self.committed += pending
            time.sleep(0.02)  # so that readers reach the end

    def _write(self, rng: random.Random, number: int, pending: list[Written]) -> None:
        id_ = rng.randrange(KEYS)
        row = None if rng.random() < 0.3 else profile(id_, number)

        def delivered(error: KafkaError | None, m: Message) -> None:
            offset = m.offset()
            assert error is None and offset is not None, error
            pending.append(Written(id_ % 2, offset, str(id_), row))

        self._producer.produce(
            self._topic,
            partition=id_ % 2,
            key=str(id_),
            value=None if row is None else json.dumps(row).encode(),
            on_delivery=delivered,
        )
        self._producer.poll(0)

    def stop(self) -> None:
        self._stopping.set()
        self.join(60)


def profile(id_: int, number: int) -> Row:
    return {
        "customer_id": id_,
        "customer_name": f"customer {id_}",
        "has_loan_flag": id_ % 2 == 0,
        "total_accounts_count": number,
        "total_balance_amount": f"{number * 1000 + id_}.00",
        "total_annual_interest_amount": f"{number}.07",
        "calculated_at": "2026-01-01T00:00:00.000Z",
    }


def state_before(written: list[Written], positions: Mapping[int, int]) -> list[Row]:
    """What the committed messages before these offsets say, in the order of ids."""
    last = {w.key: w.row for w in sorted(written) if w.offset < positions[w.partition]}
    rows = {key: row for key, row in last.items() if row is not None}
    return in_order(rows, "customer_profile")


def own_topic(server: KafkaBroker, directory: Path, name: str, config: Mapping[str, str]) -> Path:
    """A topic that the test fills itself, and properties that name it."""
    server.topic_create(name, 2, {"cleanup.policy": "compact", **config})
    properties = directory / "own.properties"
    properties.write_text(
        f"app.id={name}\nkafka.bootstrap.servers={server.bootstrap}\n"
        f"topic.customer_profile={name}\n"
    )
    return properties


# So that a reader needs many fetches.
SMALL_BITES = (
    *("--set", "kafka.fetch.message.max.bytes=500"),
    *("--set", "kafka.queued.max.messages.kbytes=1"),
)


def exported_slowly(properties: Path, out: Path) -> list[Row]:
    """The process is held up again and again, so that the log moves on and is cleaned meanwhile."""
    process = subprocess.Popen(
        [*DIE_WITH_PARENT, str(BINARY), "export", "customer_profile", "-c", str(properties)]
        + ["--output", str(out), *SMALL_BITES],
        env=environment(),
        stdout=subprocess.DEVNULL,
    )
    while process.poll() is None:
        process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.02)
    assert process.returncode == 0
    return list(csv.DictReader(io.StringIO(out.read_text(), newline="")))


def test_export__cut_is_true_while_the_log_is_written_and_cleaned(
    server: KafkaBroker, tmp_path: Path
) -> None:
    """No row is lost, none is torn, no deleted one shows, and the positions say which cut it
    is."""
    properties = own_topic(server, tmp_path, "cleaned", CLEANED)
    writer = Writer(server, "cleaned")
    writer.start()
    try:
        seen: list[tuple[list[Row], dict[int, int]]] = []
        for number in range(2):
            out = tmp_path / f"{number}.csv"
            rows = exported_slowly(properties, out)
            totals = json.loads(Path(f"{out}.totals.json").read_text())
            seen.append((rows, {p["partition"]: p["offset"] for p in totals["positions"]}))
    finally:
        writer.stop()
    for rows, positions in seen:
        assert rows == state_before(writer.committed, positions)
    assert seen[0][1] != seen[-1][1]
    # The cleaner has worked.
    assert len(read_topic(server.bootstrap, "cleaned")) < len(writer.committed) / 2


def test_export__rather_nothing_than_a_deleted_row(server: KafkaBroker, tmp_path: Path) -> None:
    """A topic that keeps tombstones for no time at all."""
    properties = own_topic(server, tmp_path, "forgetful", {"delete.retention.ms": "0"})
    out = tmp_path / "out.csv"
    out.write_text("of before")
    done = export(properties, "customer_profile", "--output", str(out))
    assert done.returncode == 1
    assert "topic forgetful: " in done.stderr and "delete.retention.ms" in done.stderr
    assert left_in(tmp_path) == {"out.csv", "own.properties"} and out.read_text() == "of before"


# --- what goes wrong


def left_in(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_export__a_topic_that_is_not_there(server: KafkaBroker, tmp_path: Path) -> None:
    properties = tmp_path / "own.properties"
    properties.write_text(f"kafka.bootstrap.servers={server.bootstrap}\n")
    done = export(properties, "account_summary", "--output", str(tmp_path / "out.csv"))
    assert done.returncode == 1
    assert "there is no topic account_summary" in done.stderr
    assert done.stderr.count("\n") == 1 and left_in(tmp_path) == {"own.properties"}


@pytest.mark.parametrize(
    ("topic", "key", "value", "told"),
    [
        ("strange-value", "8", "what?", "it is no row of customer_profile"),
        ("strange-key", "x", json.dumps(profile(8, 8)), '"x" is no key of customer_profile'),
    ],
)
def test_export__a_message_that_is_no_row(
    server: KafkaBroker, tmp_path: Path, topic: str, key: str, value: str, told: str
) -> None:
    properties = own_topic(server, tmp_path, topic, {})
    fill(server, topic, 3)
    producer = Producer({"bootstrap.servers": server.bootstrap, **CLIENT})
    producer.produce(topic, partition=0, key=key, value=value)
    assert producer.flush(60) == 0
    done = export(properties, "customer_profile", "--output", str(tmp_path / "out.csv"))
    assert done.returncode == 1 and left_in(tmp_path) == {"own.properties"}
    assert f"topic {topic}, partition 0, offset 2: {told}" in done.stderr


def test_export__a_reader_that_goes_away(server: KafkaBroker, tmp_path: Path) -> None:
    """As `| head -1` does."""
    properties = own_topic(server, tmp_path, "piped", {})
    fill(server, "piped", 20000)
    sorting = tmp_path / "sorting"
    sorting.mkdir()
    process = subprocess.Popen(
        [*DIE_WITH_PARENT, str(BINARY), "export", "customer_profile", "-c", str(properties)],
        env={**environment(), "TMPDIR": str(sorting)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stderr
    assert process.stdout.readline().startswith("customer_id,")
    process.stdout.close()
    told = process.stderr.read()
    assert process.wait(60) == 1 and left_in(sorting) == set()
    assert "standard output: cannot write: Broken pipe" in told and told.count("\n") == 1


def test_export__bad_usage() -> None:
    for arguments, said in (
        (["acount_summary"], "did you mean account_summary?"),
        ([], "which table?"),
        (["account_summary", "--as-of", "yesterday"], '--as-of: "yesterday" is no time'),
        (["account_summary", "--format", "xml"], "csv"),
        (["account_summary", "--output", "/"], "--output /: it is a folder"),
        (["account_summary", "--timeout", "5s"], "--timeout is for --settle"),
    ):
        done = run_once("export", *arguments)
        assert done.returncode == 2 and said in done.stderr, (arguments, done.stderr)
        assert done.stderr.count("\n") == 1 and done.stdout == ""


def test_export__no_room_for_the_lines_of_a_parquet_file(tmp_path: Path) -> None:
    (tmp_path / "out.parquet.jsonl").mkdir()
    out = tmp_path / "out.parquet"
    done = run_once("export", "account_summary", "--format", "parquet", "--output", str(out))
    assert done.returncode == 2 and f"{out}.jsonl: it is a folder" in done.stderr
    assert left_in(tmp_path) == {"out.parquet.jsonl"}


def fill(server: KafkaBroker, topic: str, rows: int) -> None:
    producer = Producer({"bootstrap.servers": server.bootstrap, "linger.ms": 20, **CLIENT})
    for id_ in range(rows):
        value = json.dumps(profile(id_, id_)).encode()
        producer.produce(topic, partition=id_ % 2, key=str(id_), value=value)
    assert producer.flush(60) == 0


def test_export__a_full_disk_leaves_what_was_there(server: KafkaBroker, tmp_path: Path) -> None:
    properties = own_topic(server, tmp_path, "large", {})
    fill(server, "large", 20000)
    disk = Disk(tmp_path / "disk")
    try:
        out = disk.path / "out.csv"
        out.write_text("of before")
        disk.fill(leave=1 << 20)
        done = export(properties, "customer_profile", "--output", str(out))
        assert done.returncode == 1
        assert f"{out}: cannot write: No space left on device" in done.stderr
        assert left_in(disk.path) == {"out.csv", "balloon"} and out.read_text() == "of before"
        disk.free()
        assert len(exported(properties, "customer_profile", out)) == 20000
    finally:
        disk.unmount()


def test_export__interrupted_while_a_transaction_is_open(
    server: KafkaBroker, tmp_path: Path
) -> None:
    properties = own_topic(server, tmp_path, "held", {})
    producer = Producer(
        {"bootstrap.servers": server.bootstrap, "transactional.id": "holder", **CLIENT}
    )
    producer.init_transactions(60)
    producer.begin_transaction()
    producer.produce("held", partition=0, key="1", value=json.dumps(profile(1, 1)))
    assert producer.flush(60) == 0
    sorting = tmp_path / "sorting"
    sorting.mkdir()
    out = tmp_path / "out.csv"
    process = subprocess.Popen(
        [*DIE_WITH_PARENT, str(BINARY), "export", "customer_profile", "-c", str(properties)]
        + ["--output", str(out)],
        env={**environment(), "TMPDIR": str(sorting)},
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until("sorting", lambda: left_in(sorting), tmp_path / "none", process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 1 and "interrupted" in told and "nothing was written" in told
    assert left_in(sorting) == set() and left_in(tmp_path) == {"own.properties", "sorting"}
    producer.abort_transaction(60)


def test_export__settle_waits_or_gives_up(bank: Scenario, tmp_path: Path) -> None:
    """The processor is stopped, and records lie in its input."""
    bank.streamer.stop()
    bank.fed.feed(load(20, PARTITIONS, "keyed", seeds=(7,), large=False))
    out = tmp_path / "out.csv"
    properties = bank.streamer.properties
    arguments = ("customer_history", "-c", str(properties), "--output", str(out), "--settle")
    done = run_once("export", *arguments, "--timeout", "1s")
    assert done.returncode == 1 and left_in(tmp_path) == set()
    assert "not settled after 1 s: topic " in done.stderr and "not processed yet" in done.stderr
    assert done.stderr.count("\n") == 1

    waiting = subprocess.Popen([*DIE_WITH_PARENT, str(BINARY), "export", *arguments])
    bank.streamer.start()
    assert waiting.wait(120) == 0
    rows = list(csv.DictReader(io.StringIO(out.read_text(), newline="")))
    assert rows == in_order(bank.fed.model.expected()["customer_history"], "customer_history")


# --- the embedded broker


def test_export__of_the_embedded_broker_the_instance_is_asked(tmp_path: Path) -> None:
    """Its topics forget old messages, and keep no committed offsets."""
    with EmbeddedScenario(tmp_path, 2) as s:
        s.streamer.configure({"kafka.bootstrap.servers": s.streamer.bootstrap()})
        s.fed.feed(load(200, (2, 2), "keyed", large=False))
        properties = s.streamer.properties
        expected = s.fed.model.expected()
        for table in RESULTS:
            rows = exported(properties, table, tmp_path / "out.csv", "--settle")
            assert without("calculated_at", rows) == in_order(expected[table], table)
        totals = json.loads((tmp_path / "out.csv.totals.json").read_text())
        assert totals["source"] == f"http://{s.streamer.settings['http.listen']}"
        assert totals["positions"] == [] and totals["settled"] is True
        time_ms = random.Random(4).choice(times_of(s.fed.model))
        for table in MARTS_OF:
            rows = exported(
                properties, table, tmp_path / "out.csv", "--as-of", format_time(time_ms)
            )
            then = s.fed.model.expected_at(time_ms)[table]
            assert without("rates", rows) == in_order(then, table)
