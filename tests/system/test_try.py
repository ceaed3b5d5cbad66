"""`streamer try`: what it says of rows is what `run` makes of them; what it reads, and how it
ends."""

import dataclasses
import itertools
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from generate import Input
from kafka import ROOT
from process import DIE_WITH_PARENT
from results import Message, read_topic
from scenario import FIRST_SEED, EmbeddedScenario, load

from streamer import BINARY, environment, run_once

DATA = ROOT / "tests" / "data"
Done = "subprocess.CompletedProcess[str]"
Judged = dict[str, Any]


def tried(entity: str, *arguments: str | Path, input_text: str = "") -> list[Judged]:
    """The rows, in JSON; what they come to must be what they say."""
    done = run_once("try", "--format", "json", entity, *map(str, arguments), input_text=input_text)
    *rows, counts = [json.loads(line) for line in done.stdout.splitlines()]
    codes = sorted(row["code"] for row in rows if "code" in row)
    assert counts == {
        "rows": len(rows),
        "accepted": len(rows) - len(codes),
        "rejected": {code: len(list(all_)) for code, all_ in itertools.groupby(codes)},
    }
    assert done.returncode == (1 if codes else 0), done.stderr
    return rows


def only(entity: str, line: str, *arguments: str) -> Judged:
    (row,) = tried(entity, *arguments, "-", input_text=line)
    assert row.pop("line") == 1
    return row


# --- the same as `run`

IDS = ("", " ", "null", "N/A", "x", "1.5", "1e3x", "９", "9223372036854775808", "-", "1,0")
NAMES = ("", " none ", "\u200b", "ZOË", "a" * 300, 'q"u,o', "line\nbreak", "tab\there")
LOANS = ("yes", " Y ", "1.0", "0e5", "TRUE", "no", "", "NULL", "maybe", "2", "-1", "\x1b[31m")
BALANCES = (
    *("0", "-0", "16500", "1e3", ".5", "5.", "0.005", "0.0049", "+7", "1e-400", " 12 "),
    *("", "null", "n/a", "-0.01", "-5e0", "1,5", "NaN", "$5", "1e16", "9999999999999999.994"),
    *("9999999999999999.995", "0x10", "1_000", "--1", "1e", "e1", "٣"),
)
TYPES = ("Savings", " checking ", "SAVINGS", "", "none", "Loan", "Saving s")
TIMES = (
    *("2024-02-15", "20240215T103000Z", "2024-02-15 10:30:00.123456+01:00", "1707955200"),
    *("1707955200000.0", "", "null", "yesterday", "2024-02-30", "17079552", "2099-01-01"),
    *("0001-01-01", "0000-12-31", "2024-02-15+01:00", "1707955200123456789", "-1707955200"),
)


def quoted(fields: Iterable[str]) -> str:
    return ",".join('"' + field.replace('"', '""') + '"' for field in fields)


def dirty_customers() -> str:
    """Good values, with one or two others in their place; each row has an id of its own."""
    rows = []
    for id_ in IDS:
        rows.append((id_, "Ann", "no", "2024-02-15"))
    good = itertools.count(5000)
    for name, loan in itertools.product(NAMES, LOANS):
        rows.append((f" {next(good)}.0", name, loan, "2024-02-15"))
    for name, time_ in itertools.product(("Ann", ""), TIMES):
        rows.append((f"{next(good)}e0", name, "x" if name == "" else "yes", time_))
    return "Customer ID,name,has-loan,updated_at\n" + "".join(quoted(r) + "\n" for r in rows)


def dirty_accounts() -> str:
    rows: list[tuple[str, ...]] = [("", "1", "5", "Savings", "2024-02-15")]
    rows += [(" none ", "1", "5", "Savings", "2024-02-15")]
    numbers = itertools.count()
    for owner in IDS:
        rows.append((f"K{next(numbers)}", owner, "x", "Loan", "x"))
    for balance, type_ in itertools.product(BALANCES, TYPES):
        rows.append((f" K{next(numbers)} ", "7.0", balance, type_, "2024-02-15"))
    for time_ in TIMES:
        rows.append((f"K{next(numbers)}|é", "7", "5", "Savings", time_))
    return "account_id,customer_id,balance,account_type,updated_at\n" + "".join(
        quoted(r) + "\n" for r in rows
    )


def text_of(m: Message, name: str) -> str:
    (value,) = [value for key, value in m.headers if key == name]
    assert value is not None
    return value.decode()


Reasons = list[tuple[int, str, str]]


def quarantined(messages: Iterable[Message], topic: str, first: int) -> Reasons:
    """Offset behind `first`, code and reason of the topic's records from `first` on."""
    found = (
        (
            int(text_of(m, "quarantine.offset")) - first,
            text_of(m, "quarantine.code"),
            text_of(m, "quarantine.reason"),
        )
        for m in messages
        if text_of(m, "quarantine.topic") == topic
    )
    return sorted(reason for reason in found if reason[0] >= 0)


def rejected(rows: Iterable[Judged]) -> Reasons:
    """The same of judged rows. A file has one row after the other, as the topic has."""
    return [(i, r["code"], r["reason"]) for i, r in enumerate(rows) if "code" in r]


def without_now(reasons: Reasons) -> Reasons:
    """Times that are too early are compared with a time that differs."""
    return [(i, code, reason.partition(" ahead of ")[0]) for i, code, reason in reasons]


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedScenario]:
    settings = {"late.window": "87600h"}
    with EmbeddedScenario(tmp_path_factory.mktemp("try"), 1, settings=settings) as s:
        yield s


def feed_file(s: EmbeddedScenario, entity: str, *files: Path) -> None:
    done = run_once(
        *("feed", "--set", f"kafka.bootstrap.servers={s.streamer.bootstrap()}", entity),
        *map(str, files),
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("entity", "history", "id_", "dirty"),
    [
        ("customers", "customer_history", "customer_id", dirty_customers()),
        ("accounts", "account_history", "account_id", dirty_accounts()),
    ],
)
def test_try__csv_says_what_run_does(
    scenario: EmbeddedScenario, tmp_path: Path, entity: str, history: str, id_: str, dirty: str
) -> None:
    """The sample file of the demo, and one with rows of every rule: code and reason of each row
    that is quarantined, and the row of history of each other one."""
    s = scenario
    first = s.fed.counts[entity]
    file = tmp_path / "dirty.csv"
    file.write_text(dirty)
    files = (DATA / f"{entity}.csv", file)
    rows = tried(entity, *files)
    assert {row["file"] for row in rows} == {str(f) for f in files}
    assert len(rows) > 200 or entity == "customers" and len(rows) > 150
    feed_file(s, entity, *files)
    s.fed.counts[entity] += len(rows)
    s.wait_drained()
    got = quarantined(read_topic(s.streamer.bootstrap(), "quarantine"), entity, first)
    assert without_now(rejected(rows)) == without_now(got)
    versions = [m.row() for m in read_topic(s.streamer.bootstrap(), history)]
    known = {(str(v[id_]), v["valid_from_at"]): v for v in versions if v is not None}
    # A row without a time of its own gets that of its reader.
    hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    timed = [r["row"] for r in rows if "row" in r and r["row"]["valid_from_at"] < hour_ago]
    # Of several at one time the last one wins.
    accepted = {(str(row[id_]), row["valid_from_at"]): row for row in timed}
    assert len(accepted) > 50
    for place, row in accepted.items():
        version = known.get(place)
        if version is None:  # it says what held already
            assert any(str(v[id_]) == str(row[id_]) for v in versions if v is not None), row
            continue
        assert {name: version[name] for name in row} == row


def as_line(record: Input) -> str | None:
    """The record as a line of a file; None: it is no text, or needs headers."""
    try:
        key, value = (
            None if b is None else b.decode("utf-8", "strict") for b in (record.key, record.value)
        )
    except UnicodeDecodeError:
        return None
    if record.headers or "\0" in (key or "") + (value or ""):
        return None
    return json.dumps({"key": key, "value": value})


def needs_state(reason: str) -> bool:
    return "no version says what it was" in reason


@pytest.mark.parametrize("entity", ["customers", "accounts"])
def test_try__json_lines_say_what_run_does(scenario: EmbeddedScenario, entity: str) -> None:
    """Random records of all formats, from the generator of the model."""
    s = scenario
    first = s.fed.counts[entity]
    seeds = range(FIRST_SEED, FIRST_SEED + 3)
    records = [r for r in load(900, (1, 1), "keyed", seeds, large=False) if r.topic == entity]
    lines = [as_line(r) for r in records]
    now = int(time.time() * 1000)
    s.fed.feed(
        [
            dataclasses.replace(r, timestamp_ms=now)
            for r, line in zip(records, lines, strict=True)
            if line is not None
        ]
    )
    s.wait_drained()
    limit = f"record.max.bytes={s.streamer.settings['record.max.bytes']}"
    text = "".join(f"{line}\n" for line in lines if line is not None)
    rows = tried(entity, "--set", limit, "-", input_text=text)
    messages = read_topic(s.streamer.bootstrap(), "quarantine")
    got = [q for q in quarantined(messages, entity, first) if not needs_state(q[2])]
    assert len(got) > 50
    assert without_now(rejected(rows)) == without_now(got)


# --- formats, with the answers that the contract gives


@pytest.mark.parametrize(
    ("entity", "line", "expected"),
    [
        (
            "customers",
            '{"\ufeffhas_loan":"yes","customer_id":"8081","name":"A","updated_at":"2024-02-01"}',
            {"customer_id": 8081, "customer_name": "a", "has_loan_flag": True},
        ),
        (
            "customers",
            (
                '{"schema":{"type":"struct","fields":[{"type":"int64","field":"customer_id"},'
                '{"type":"string","field":"name"},{"type":"string",'
                '"name":"io.debezium.time.IsoDate",'
                '"version":1,"field":"updated_at"}]},"payload":{"customer_id":8141,"name":"T",'
                '"updated_at":"2024-02-15Z"}}'
            ),
            {"customer_id": 8141, "valid_from_at": "2024-02-15T00:00:00.000Z"},
        ),
        (
            "customers",
            (
                '{"schema":{"type":"struct","fields":[{"type":"bytes",'
                '"name":"org.apache.kafka.connect.data.Decimal","parameters":{"scale":"0"},'
                '"field":"CUSTOMER_ID"},{"type":"string","field":"NAME"}]},'
                '"payload":{"CUSTOMER_ID":"IKk=","NAME":"Ora"}}'
            ),
            {"customer_id": 8361, "customer_name": "ora", "has_loan_flag": False},
        ),
        (
            "accounts",
            (
                '{"before":null,"after":{"account_id":"N6","customer_id":1,"balance":'
                '{"scale":1,"value":"A+0="},"account_type":"Savings"},'
                '"source":{"ts_ms":1707955190000},"op":"c"}'
            ),
            {"balance_amount": "100.50", "valid_from_at": "2024-02-14T23:59:50.000Z"},
        ),
        (
            "accounts",
            (
                '{"account_id":"N7","customer_id":1,"balance":"5","account_type":"Savings",'
                '"updated_at":1707955200123456}'
            ),
            {"balance_amount": "5.00", "valid_from_at": "2024-02-15T00:00:00.123Z"},
        ),
    ],
)
def test_try__rows(entity: str, line: str, expected: dict[str, Any]) -> None:
    row = only(entity, line)["row"]
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("line", "outcome", "id_"),
    [
        ('{"Op":"D","customer_id":"8121","name":"Bo"}', "delete", 8121),
        ('{"customer_id":1,"__deleted":"true","__source_ts_ms":1700000000000}', "delete", 1),
        ('{"key":"5.0","value":null}', "tombstone", 5),
        ('{"key":{"customer_id":6},"value":"null"}', "tombstone", 6),
        ('{"key":"7","value":{"before":null,"op":"d","source":{"ts_ms":1}}}', "delete", 7),
    ],
)
def test_try__deletes(line: str, outcome: str, id_: int) -> None:
    row = only("customers", line)[outcome]
    assert row["customer_id"] == id_ and set(row) == {"customer_id", "valid_to_at"}


def test_try__truncate() -> None:
    line = '{"op":"t","source":{"ts_ms":1700000000000}}'
    assert only("accounts", line) == {"truncate": {"valid_to_at": "2023-11-14T22:13:20.000Z"}}
    refused = only("accounts", line, "--set", "truncate=quarantine")
    assert refused["code"] == "unsupported_op"


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ('"{\\"customer_id\\": 8321, \\"name\\": \\"A\\"}"', None, ""),  # CSV, see below
        ('{"key":"1","value":"\\"{\\\\\\"customer_id\\\\\\": 1}\\""}', "malformed", "twice"),
        (
            (
                '{"database":"b","table":"customers","type":"delete","ts":1795800000,'
                '"data":{"customer_id":8331,"name":"A"}}'
            ),
            "malformed",
            "Maxwell",
        ),
        ('{"table":"B.C","op_type":"D","before":{"customer_id":8332}}', "malformed", "GoldenGate"),
        ("[1]", "malformed", ""),
        ('{"customer_id":1', "malformed", "JSON"),
        ('{"customer_id":1,"name":"A","updated_at":"2099-01-01"}', "too_early", "2099-01-01"),
        ('{"kunde":1}', "invalid_customer_id", "kunde"),
        ('{"key":"Struct{customer_id=7}","value":null}', "invalid_customer_id", "Struct"),
    ],
)
def test_try__rejected(line: str, code: str | None, words: str) -> None:
    if code is None:
        done = run_once("try", "customers", "-", input_text=line)
        assert done.returncode == 2 and "standard input:1: " in done.stderr, done.stderr
        return
    row = only("customers", line)
    assert row["code"] == code and words in row["reason"], row


# --- files


def test_try__csv_is_read_as_by_feed(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("cust_no;name;loan\n7;Ann;yes\n")
    maps = ("--map", "cust_no=customer_id", "--map", "loan=has_loan", "--delimiter", ";")
    (row,) = tried("customers", *maps, file)
    assert row["row"]["customer_id"] == 7 and row["row"]["has_loan_flag"] is True
    done = run_once("try", "customers", str(file))
    assert done.returncode == 2 and done.stdout == "" and "--delimiter ';'" in done.stderr
    (row,) = tried(
        *("customers", "--delimiter", ";", "--set", "fields.customers=customer_id=cust_no"),
        *("--missing", "has_loan", file),
    )
    assert row["row"]["has_loan_flag"] is False
    done = run_once("try", "customers", "--delimiter", ";", str(file))
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1, done.stderr


def test_try__a_file_without_a_column_is_refused(tmp_path: Path) -> None:
    for header in ("CustomerId,Surname,Geography,Balance", "customer_id,name,loan"):
        file = tmp_path / "a.csv"
        file.write_text(f"{header}\n1,2,3\n")
        done = run_once("try", "customers", str(file))
        assert done.returncode == 2 and done.stdout == ""
        assert done.stderr.startswith(f"streamer: {file}:1: no column "), done.stderr


def test_try__of_the_other_entity() -> None:
    done = run_once("try", "customers", str(DATA / "accounts.csv"))
    assert done.returncode == 2 and "did you mean streamer try accounts?" in done.stderr


def test_try__several_files_and_lines(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.jsonl"
    one.write_text('customer_id,name,has_loan\n1,"a\nb",\n2,,no\n')
    two.write_text('\n{"customer_id":3,"name":"C"}\n')
    rows = tried("customers", one, two)
    assert [(r["file"], r["line"], "row" in r) for r in rows] == [
        (str(one), 2, True),
        (str(one), 4, False),
        (str(two), 2, True),
    ]
    done = run_once("try", "customers", "--map", "a=has_loan", str(two))
    assert done.returncode == 2 and "is JSON lines" in done.stderr


def test_try__a_fault_in_the_middle_ends_with_2(tmp_path: Path) -> None:
    """The rows before it are shown; counts would look complete."""
    file = tmp_path / "a.csv"
    file.write_text("customer_id,name,has_loan\n1,A,no\n2,B\n")
    done = run_once("try", "--format", "json", "customers", str(file))
    assert done.returncode == 2 and "a.csv:3: too few fields" in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert [json.loads(line)["line"] for line in done.stdout.splitlines()] == [2]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["try"], "customers|accounts"),
        (["try", "customers"], "which file?"),
        (["try", "costumers", "a.csv"], "customers"),
        (["try", "customers", "/none/a.csv"], "/none/a.csv: cannot open: No such file"),
        (["try", "customers", "/tmp"], "/tmp"),
        (["try", "customers", "--format", "jsn", "a.csv"], "json"),
        (["try", "customers", "--set", "future.window=3", "a.csv"], "unit"),
    ],
)
def test_try__wrong_usage(arguments: list[str], words: str) -> None:
    done = run_once(*arguments)
    assert done.returncode == 2 and done.stdout == "", done.stdout
    assert len(done.stderr.splitlines()) == 1 and words in done.stderr, done.stderr


# --- people and pipes


def test_try__table_and_talk(tmp_path: Path) -> None:
    """Data goes to standard output; what was not judged is said."""
    text = '{"customer_id":1,"name":"A","updated_at":"2024-01-01"}\n{"customer_id":"x"}\n'
    done = run_once("try", "customers", "-", input_text=text)
    assert done.returncode == 1 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].split() == [
        *("line", "customer_id", "customer_name", "has_loan_flag", "valid_from_at")
    ]
    assert lines[2] == "2     invalid_customer_id: Invalid customer_id: non-numeric value (x)"
    assert "2 rows: 1 accepted, 1 rejected" in lines and "too_late" in lines[-1]
    done = run_once("try", "--format", "csv", "customers", "-", input_text=text)
    assert len(done.stdout.splitlines()) == 3 and "too_late" in done.stderr


def test_try__output_that_cannot_be_written() -> None:
    command = [*DIE_WITH_PARENT, str(BINARY), "try", "accounts", str(DATA / "accounts.csv")]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment()
        )
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "No space left on device" in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False, env=environment()
    )
    os.close(writer)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "Broken pipe" in done.stderr


def test_try__interrupted_while_it_waits_for_a_pipe() -> None:
    command = [*DIE_WITH_PARENT, str(BINARY), "try", "customers", "-"]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    ) as child:
        assert child.stdin is not None
        child.stdin.write('{"customer_id":1,"name":"A"}\n')
        child.stdin.flush()
        while not waits(child.pid):
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, stderr = child.communicate(timeout=60)
    assert child.returncode == 1
    assert len(stderr.splitlines()) == 1 and "interrupted" in stderr, stderr


def waits(pid: int) -> bool:
    """Whether the process sleeps, and catches SIGINT."""
    status = dict(
        line.split(":\t", 1)
        for line in Path(f"/proc/{pid}/status").read_text().splitlines()
        if ":\t" in line
    )
    return status["State"].startswith("S") and int(status["SigCgt"], 16) & 1 << 1 != 0


def used_kb(lines: Iterable[str]) -> int:
    """How much memory the command took at most, for these lines."""
    with subprocess.Popen(
        [*DIE_WITH_PARENT, str(BINARY), "try", "accounts", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment(),
    ) as child:
        assert child.stdin is not None
        child.stdin.writelines(lines)
        child.stdin.flush()  # but for what is in the pipe, it has read all
        (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{child.pid}/status").read_text())
        child.stdin.close()
    return int(peak)


def test_try__memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    line = '{"account_id":"A%d","customer_id":1,"balance":"1.00","account_type":"Savings"}\n'
    lines = [line % i for i in range(100_000)]
    lines.append('{"account_id":"' + "x" * 20_000_000 + '"}\n')
    assert used_kb(lines) < used_kb(lines[:3000]) + 8_000
    large = tmp_path / "large.jsonl"
    large.write_text("".join(lines))
    *_, last, counts = run_once(
        "try", "--format", "json", "accounts", str(large)
    ).stdout.splitlines()
    assert json.loads(last) == {
        "line": 100_001,
        "code": "too_large",
        "reason": "Too large: the value has 20000017 bytes, more than 1048576",
    }
    assert json.loads(counts)["accepted"] == 100_000
