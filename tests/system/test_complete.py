"""`feed --complete`: the files hold all rows, so what is current and not in them is deleted.

The tests share a Kafka, a running processor and its tables. Each of them has ids of its own, and
begins by deleting what the test before it has left."""

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka import CLIENT, ROOT, KafkaBroker
from process import DIE_WITH_PARENT, wait_until
from results import Row, compacted, read_topic
from scenario import EmbeddedScenario, Scenario

from streamer import BINARY, INPUTS, environment, run_once

CASE = ROOT / "tests" / "data" / "complete"
HEADERS = {
    "customers": "customer_id,customer_name,has_loan",
    "accounts": "account_id,customer_id,balance,account_type",
}
HISTORY_OF = {"customers": "customer_history", "accounts": "account_history"}
ALL = "--max-deletes=100%"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

Done = "subprocess.CompletedProcess[str]"


@pytest.fixture(scope="module")
def s(broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with Scenario(broker, tmp_path_factory.mktemp("complete"), (2, 3)) as scenario:
        scenario.streamer.start()
        scenario.streamer.wait_ready()
        yield scenario
        scenario.streamer.stop()


# --- files and the command


def day(back: int, hour: int = 0) -> str:
    """A date so many days ago."""
    return (TODAY - timedelta(days=back) + timedelta(hours=hour)).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso(time_text: str) -> str:
    """As results have it."""
    return time_text.replace("Z", ".000Z")


def ms(time_text: str) -> int:
    return int(datetime.fromisoformat(time_text).timestamp() * 1000)


def accounts(path: Path, *rows: str, dated: bool = False) -> Path:
    """Rows "id", which become a savings account, or "id,updated_at"."""
    lines = [HEADERS["accounts"] + (",updated_at" if dated else "")]
    for row in rows:
        id_, _, time_text = row.partition(",")
        lines.append(f"{id_},7,5,savings" + (f",{time_text}" if dated else ""))
    path.write_text("\n".join(lines) + "\n")
    return path


def command(s: Scenario | EmbeddedScenario, entity: str, *arguments: str) -> list[str]:
    return ["feed", "-c", str(s.streamer.properties), "--complete", entity, *arguments]


def feed(s: Scenario, path: Path | str, *options: str, entity: str = "accounts") -> Done:
    return run_once(*command(s, entity, *options, str(path)))


def feed_both(s: Scenario, directory: Path) -> list[str]:
    """A drop of both entities at once; what the feeds say."""

    def one(entity: str) -> Done:
        return feed(s, directory / f"{entity}.csv", "--yes", ALL, entity=entity)

    with ThreadPoolExecutor() as pool:
        done = list(pool.map(one, INPUTS))
    assert [d.returncode for d in done] == [0, 0], done
    drain(s)
    return [d.stdout for d in done]


def feed_all(s: Scenario, cases: Iterable[tuple[Path, list[str]]]) -> list[Done]:
    """Several commands at once, which are all to be refused."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda case: feed(s, case[0], *case[1]), cases))


def feed_ok(s: Scenario, path: Path | str, *options: str, entity: str = "accounts") -> str:
    done = feed(s, path, "--yes", ALL, *options, entity=entity)
    assert done.returncode == 0, done
    drain(s)
    return done.stdout


# --- what there is


def drain(s: Scenario) -> None:
    """Until the processor is done with all that is in its input."""
    s.streamer.wait_processed(s.broker)


def table(s: Scenario, name: str) -> dict[str, Row]:
    return compacted(read_topic(s.broker.bootstrap, s.names[name]))


def versions(s: Scenario, id_: str, entity: str = "accounts") -> list[tuple[str, str | None]]:
    """Of an id: from when to when."""
    rows = [
        row for key, row in table(s, HISTORY_OF[entity]).items() if key.rsplit("|", 1)[0] == id_
    ]
    return sorted((row["valid_from_at"], row["valid_to_at"]) for row in rows)


def current(s: Scenario, entity: str = "accounts") -> set[str]:
    return {
        key.rsplit("|", 1)[0]
        for key, row in table(s, HISTORY_OF[entity]).items()
        if row["valid_to_at"] is None
    }


def inputs(s: Scenario, name: str = "accounts") -> int:
    return sum(s.broker.end_offsets(s.names[name]).values())


def publish(
    s: Scenario, rows: Iterable[dict[str, Any]], name: str = "accounts", transactional: bool = False
) -> None:
    """As somebody else does."""
    settings = {"bootstrap.servers": s.broker.bootstrap, "partitioner": "murmur2_random"}
    if transactional:
        settings |= {"transactional.id": f"{s.app_id}-somebody"}
    producer = Producer({**settings, **CLIENT})
    if transactional:
        producer.init_transactions(60)
        producer.begin_transaction()
    for row in rows:
        id_ = str(row[f"{name.removesuffix('s')}_id"])
        producer.produce(s.names[name], json.dumps(row), id_)
    assert producer.flush(60) == 0
    if transactional:
        producer.commit_transaction(60)


def begin(s: Scenario, *rows: str, name: str = "accounts") -> None:
    """From now on these rows are current, and no others: "id" or "id,updated_at"."""
    id_of = f"{name.removesuffix('s')}_id"
    publish(s, ({id_of: id_, "__deleted": "true"} for id_ in current(s, name)), name)
    make = account if name == "accounts" else customer
    publish(s, (make(*row.split(",")) for row in rows), name)
    drain(s)
    assert current(s, name) == {row.split(",")[0] for row in rows}


def account(id_: str, updated_at: str | None = None, balance: str = "5") -> dict[str, Any]:
    row = {"account_id": id_, "customer_id": 7, "balance": balance, "account_type": "savings"}
    return row if updated_at is None else {**row, "updated_at": updated_at}


def customer(id_: str) -> dict[str, Any]:
    return {"customer_id": id_, "customer_name": "a", "has_loan": "no"}


class Feeding:
    """A feed that reads its rows from us, so that the test says how far it is."""

    def __init__(self, s: Scenario, *options: str) -> None:
        self.s = s
        self.before = inputs(s)
        self.process = subprocess.Popen(
            [*DIE_WITH_PARENT, str(BINARY), *command(s, "accounts", *options, "-")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
        )

    def write(self, text: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def wait(self, what: str, check: Callable[[], Any]) -> None:
        wait_until(what, check, self.s.streamer.stderr, every_s=0.02)

    def wait_published(self, rows: int) -> None:
        self.wait(f"{rows} rows published", lambda: inputs(self.s) >= self.before + rows)

    def close(self) -> None:
        """The end of its input."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None

    def end(self) -> str:
        """What it says, after the end of its input."""
        out, _ = self.process.communicate(timeout=120)
        return out


# --- the rules


def test_complete__two_days_end_as_the_snapshots_did(s: Scenario) -> None:
    """The expected values are those of the batch pipeline."""
    feed_both(s, CASE / "day1")
    summaries = table(s, "account_summary")
    got = {
        id_: (r["annual_interest_amount"], r["interest_rate_pct"]) for id_, r in summaries.items()
    }
    assert got == {"X1": ("150.00", "0.015"), "X2": ("500.00", "0.025"), "X3": ("1.51", "0.010")}
    history = table(s, "account_history")
    for out in feed_both(s, CASE / "day2"):
        assert "published 1 delete\n" in out, out
    assert current(s, "customers") == {"101", "103"}
    assert current(s) == {"X1", "X3", "X4", "X5"}
    after = table(s, "account_history")
    for key, row in history.items():
        ended = {**row, "valid_to_at": after[key]["valid_to_at"]}
        assert after[key] == (row if key.startswith(("X1|", "X3|")) else ended)
    profiles = table(s, "customer_profile")
    assert {
        id_: (
            p["total_accounts_count"],
            p["total_balance_amount"],
            p["total_annual_interest_amount"],
        )
        for id_, p in profiles.items()
    } == {"101": (1, "9999.99", "150.00"), "103": (2, "85.00", "1.28")}
    before = [read_topic(s.broker.bootstrap, s.names[n]) for n in HISTORY_OF.values()]
    for out in feed_both(s, CASE / "day2"):
        assert "\n0 of " in f"\n{out}" and "published 0 deletes" in out, out
    assert [read_topic(s.broker.bootstrap, s.names[n]) for n in HISTORY_OF.values()] == before


def test_complete__refuses_before_the_first_row(s: Scenario, tmp_path: Path) -> None:
    begin(s, "F1", "F2")
    path = accounts(tmp_path / "1", "F1", "F9")
    before = inputs(s)
    wrong = [
        ["--as-of=tomorrow", "--yes"],
        [f"--as-of={day(-3)}", "--yes"],  # it would be too early
        ["--max-deletes=few", "--yes"],
        ["--timeout=10", "--yes"],
        [ALL],  # there is no terminal on which it could ask
    ]
    for options, done in zip(wrong, feed_all(s, [(path, o) for o in wrong]), strict=True):
        named = options[0].split("=")[0] if len(options) > 1 else "--yes"
        assert done.returncode == 2 and named in done.stderr, done
    alone = run_once("feed", "-c", str(s.streamer.properties), "accounts", "--yes", str(path))
    assert alone.returncode == 2 and "--yes is for --complete" in alone.stderr, alone
    done = feed(s, path, "--dry-run", ALL)
    assert done.returncode == 0 and "1 of 2 current accounts is not in the files" in done.stdout
    assert ": F2\n" in done.stdout and "nothing was published" in done.stdout, done
    assert inputs(s) == before


def test_complete__refuses_to_delete(s: Scenario, tmp_path: Path) -> None:
    """More than --max-deletes, and everything if the id of any row cannot be read."""
    ids = [f"M{i}" for i in range(20)]
    begin(s, *ids)
    empty = accounts(tmp_path / "1")
    unreadable = accounts(tmp_path / "2", "M0", " n/a ", "", "M20")
    ragged = accounts(tmp_path / "5", "M0", "M1")
    ragged.write_text(f"{ragged.read_text()}M2,7\n")
    # They run at once, and what one of them publishes must not be newer than the drop of another.
    soon = f"--as-of={(datetime.now(UTC) + timedelta(minutes=1)).isoformat()}"
    cases = [
        (accounts(tmp_path / "3", *ids[3:]), ["--yes", soon]),
        (empty, ["--yes", soon]),
        (empty, ["--yes", "--max-deletes=99.99%", soon]),
        (unreadable, ["--yes", ALL]),
        (ragged, ["--yes", ALL]),
    ]
    before = inputs(s)
    done = feed_all(s, cases)
    for one in done:
        assert one.returncode == (2 if one is done[4] else 1), one
        assert "nothing was deleted" in one.stderr, one
    assert all("--max-deletes" in one.stderr for one in done[:3]), done
    assert f"{unreadable}:3: Invalid account_id: null or empty" in done[3].stderr, done[3]
    assert "2 rows" in done[3].stderr and "4 rows were published" in done[3].stderr, done[3]
    assert f"{ragged}:4:" in done[4].stderr and "| streamer feed" not in done[4].stderr, done[4]
    assert inputs(s) == before + 17 + 4 + 2
    drain(s)
    assert current(s) == {*ids, "M20"}
    allowed = feed(s, accounts(tmp_path / "4", *ids[1:]), "--yes")  # 2 of 21 are less than 10 %
    assert allowed.returncode == 0, allowed
    assert "2 of 21 current accounts are not in the files" in allowed.stdout, allowed
    assert ": M0, M20\n" in allowed.stdout, allowed
    feed_ok(s, empty)
    assert current(s) == set()


def test_complete__ids_are_compared_as_staging_makes_them(s: Scenario, tmp_path: Path) -> None:
    """A row that is quarantined counts as there, and so does one of a second file."""
    head = HEADERS["customers"]
    begin(s, "501", "502", "503", "504", "505", name="customers")
    second, third = tmp_path / "2", tmp_path / "3"
    second.write_text(f"{head}\n 501.0 ,a,no\n5.02e2,b,MAYBE\n")
    third.write_text(f"{head}\n+503,,no\n504,d,no\n504,d,no\n")
    out = feed_ok(s, second, str(third), str(third), entity="customers")
    assert "1 of 5 current customers is not in the files" in out and ": 505\n" in out, out
    assert current(s, "customers") == {"501", "502", "503", "504"}


def test_complete__an_account_that_returns_with_a_date_lives(s: Scenario, tmp_path: Path) -> None:
    """The time of a drop is the newest of its rows, not the hour at which it was fed."""
    begin(s, f"R1,{day(9)}", f"R2,{day(9)}")
    out = feed_ok(s, accounts(tmp_path / "2", f"R1,{day(2)}", dated=True))
    assert iso(day(2)) in out, out
    assert versions(s, "R2") == [(iso(day(9)), iso(day(2)))]
    publish(s, [account("R2", day(1))])
    drain(s)
    assert versions(s, "R2") == [(iso(day(9)), iso(day(2))), (iso(day(1)), None)]


def test_complete__what_comes_during_the_feed_lives(s: Scenario, tmp_path: Path) -> None:
    """A new account, also with a time before that of the drop, and a change of a vanished one; one
    that is confirmed behind the time of the drop lives on without a gap."""
    begin(s, *(f"D{i},{day(9)}" for i in range(5)))
    feeding = Feeding(s, "--yes", ALL)
    feeding.write(f"{HEADERS['accounts']},updated_at\n")
    feeding.write(f"D0,7,100,savings,{day(1)}\n" * 300)
    feeding.wait_published(256)
    changes = [account("NEW", day(3)), account("D1", day(3), "6"), account("D2", day(0), "6")]
    publish(s, [*changes, account("D4", day(0))])  # which changes nothing of D4
    out = feeding.end()
    assert "published 1 delete\n" in out, out
    assert "2 more are not in the files, but changed just now, and stay" in out, out
    assert "1 more is not in the files, but newer than that, and stays" in out, out
    drain(s)
    assert current(s) == {"D0", "D1", "D2", "D4", "NEW"}
    assert versions(s, "D3") == [(iso(day(9)), iso(day(1)))]
    assert versions(s, "D4") == [(iso(day(9)), None)]


def test_complete__rows_without_a_date_are_of_now(s: Scenario, tmp_path: Path) -> None:
    """They were confirmed when they came, so a delete at the newest date would not end them."""
    begin(s, f"U0,{day(2)}", f"U1,{day(9)}", f"U2,{day(9)}")
    publish(s, [account("U1")])  # the same again, now
    drain(s)
    out = feed_ok(s, accounts(tmp_path / "2", f"U0,{day(2)}", "U2", dated=True))
    assert "published 1 delete\n" in out and ": U1\n" in out, out
    assert current(s) == {"U0", "U2"}
    assert [since for since, to in versions(s, "U1") if to is not None] == [iso(day(9))]
    # Where all rows of the files have dates, what was confirmed later stays, and is named.
    dated = accounts(tmp_path / "3", f"U0,{day(2)}", dated=True)
    out = feed_ok(s, dated)
    assert "published 0 deletes" in out and "1 more is not in the files, but newer" in out, out
    assert [to for _, to in versions(s, "U2")] == [None]
    out = feed_ok(s, dated, "--as-of", datetime.now(UTC).isoformat())
    assert "published 1 delete\n" in out and current(s) == {"U0"}, out


def test_complete__deletes_nothing_unsaid(s: Scenario, tmp_path: Path) -> None:
    begin(s, "S1", "S2")
    path = accounts(tmp_path / "2", "S1")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*DIE_WITH_PARENT, str(BINARY), *command(s, "accounts", "--yes", ALL, str(path))],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
            check=False,
        )
    assert done.returncode == 1 and "nothing was deleted" in done.stderr, done
    drain(s)
    assert current(s) == {"S1", "S2"}


def test_complete__the_time_of_the_drop(s: Scenario, tmp_path: Path) -> None:
    begin(s, f"T0,{day(9)}", f"T1,{day(9)}", f"T2,{day(5)}", f"T3,{day(4)}")
    path = accounts(tmp_path / "2", f"T0,{day(9)}", dated=True)
    out = feed_ok(s, path, "--as-of", day(5))
    assert "1 more is not in the files, but newer than that, and stays" in out, out
    assert "late.window" in out, out
    assert current(s) == {"T0", "T3"}
    assert versions(s, "T1") == [(iso(day(9)), iso(day(5)))]
    assert versions(s, "T2") == []  # a delete at the very time of the row wins (O2, O6)
    # One wrong date is not the time of the drop.
    wrong = accounts(tmp_path / "3", f"T0,{day(3)}", f"T9,{day(-30)}", dated=True)
    assert iso(day(3)) in feed_ok(s, wrong)
    assert current(s) == {"T0"}
    # Nor is one that lies ahead: what changes meanwhile would come before the deletes.
    ahead = (datetime.now(UTC) + timedelta(hours=10)).isoformat()
    out = feed_ok(s, accounts(tmp_path / "4", f"T0,{ahead}", dated=True))
    (as_of,) = re.findall(r" as of (\S+?)[:;,]?\s", out)
    assert datetime.fromisoformat(as_of) < datetime.now(UTC), out


def test_complete__deletes_rows_of_a_log_by_time(s: Scenario, tmp_path: Path) -> None:
    """Rule O10: by time, though the topic's records come from a database's log. They come in a
    transaction, whose end has an offset without a record: the feed does not wait for one."""
    begin(s, "L0")
    log = {"__op": "c", "__connector": "postgresql", "__name": "bank"}
    at_first = {"__source_ts_ms": ms(day(2)), "__lsn": 100}
    rows = [account(id_) | log | at_first for id_ in (f"L{i}" for i in range(1, 20))]
    publish(s, rows, transactional=True)
    drain(s)
    assert len(current(s)) == 20
    empty = feed(s, accounts(tmp_path / "1"), "--yes", "--timeout", "20s")
    assert empty.returncode == 1 and "--max-deletes" in empty.stderr, empty
    path = accounts(tmp_path / "2", "L0", "L2")
    done = feed(s, path, "--yes", ALL, "--as-of", day(1), "--timeout", "20s")
    assert done.returncode == 0, done
    drain(s)
    assert "L1" not in current(s) and {"L0", "L2"} <= current(s)
    assert [to for _, to in versions(s, "L1")] == [iso(day(1))]
    # The log goes on behind the delete.
    publish(s, [account("L1") | log | {"__source_ts_ms": ms(day(0)), "__lsn": 200}])
    drain(s)
    assert "L1" in current(s)


def test_complete__waits_for_the_processor(s: Scenario, tmp_path: Path) -> None:
    begin(s, "W1", "W2")
    path = accounts(tmp_path / "2", "W1")
    before = inputs(s)
    s.streamer.freeze()
    try:
        done = feed(s, path, "--yes", ALL, "--timeout", "1s")
        assert done.returncode == 1 and "nothing was deleted" in done.stderr, done
        assert "--timeout 1s" in done.stderr and "1 row was published" in done.stderr, done
        # What is in the input would not be in the history yet.
        publish(s, [account("W3")])
        done = feed(s, path, "--yes", ALL, "--timeout", "1s")
        assert done.returncode == 1 and "nothing was published" in done.stderr, done
        feeding = Feeding(s, "--yes", ALL)
        feeding.write(path.read_text())
        feeding.close()
        assert feeding.process.poll() is None and inputs(s) == before + 2
    finally:
        s.streamer.thaw()
    out = feeding.end()
    assert "published 2 deletes" in out and ": W2, W3\n" in out, out
    drain(s)
    assert current(s) == {"W1"}


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_complete__asks(s: Scenario, tmp_path: Path, answer: str) -> None:
    id_ = f"Q{answer}"
    begin(s, "Q", id_)
    ours, theirs = pty.openpty()
    arguments = command(s, "accounts", ALL, str(accounts(tmp_path / "2", "Q")))
    process = subprocess.Popen(
        [*DIE_WITH_PARENT, str(BINARY), *arguments],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    os.close(theirs)
    os.write(ours, f"{answer}\n".encode())
    out, err = process.communicate(timeout=120)
    os.close(ours)
    drain(s)
    assert id_ in out and "Type yes" in out, out
    assert process.returncode == (0 if answer == "yes" else 1), (out, err)
    assert current(s) == ({"Q"} if answer == "yes" else {"Q", id_}), (out, err)


# --- broken off

ROWS = 400


def break_off(s: Scenario, path: Path, how: signal.Signals, records: int) -> tuple[int, str]:
    """When so many records of the feed are in the input; its exit code and what it says."""
    before = inputs(s)
    arguments = command(s, "accounts", "--yes", ALL, "--rate", str(2 * ROWS), str(path))
    process = subprocess.Popen(
        [*DIE_WITH_PARENT, str(BINARY), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )
    while process.poll() is None and inputs(s) < before + records:
        time.sleep(0.002)
    process.send_signal(how)
    out, _ = process.communicate(timeout=120)
    return process.returncode, out


def test_complete__broken_off_at_any_moment(s: Scenario, tmp_path: Path) -> None:
    """No row of the files is ever deleted, nothing is deleted before all of them are published, and
    a second run ends as if nothing had happened."""
    kept = [f"K{i}" for i in range(ROWS)]
    gone = [f"G{i}" for i in range(ROWS)]
    path = accounts(tmp_path / "1", *kept)
    begin(s, *kept, *gone)
    for how, records in (
        (signal.SIGKILL, 0),
        (signal.SIGKILL, 1),
        (signal.SIGINT, ROWS // 2),
        (signal.SIGKILL, ROWS),
        (signal.SIGINT, ROWS),
        (signal.SIGKILL, ROWS + 1),
    ):
        before = inputs(s)
        code, out = break_off(s, path, how, records)
        drain(s)
        alive = current(s)
        assert set(kept) <= alive, (how, records)
        if inputs(s) <= before + ROWS:
            assert alive == {*kept, *gone}, (how, records)
        if how == signal.SIGINT and code != 0:
            assert code == 1 and "interrupted; " in out and "nothing was deleted" in out, out
        if len(alive) < 2 * ROWS:
            break
    feed_ok(s, path)
    assert current(s) == set(kept)


# --- the embedded broker


def test_complete__embedded(tmp_path: Path) -> None:
    with EmbeddedScenario(tmp_path, 2) as s:
        s.streamer.configure({"kafka.bootstrap.servers": s.streamer.bootstrap()})
        for name, deleted in (("day1", 0), ("day2", 1), ("day2", 0)):
            for entity in INPUTS:
                path = CASE / name / f"{entity}.csv"
                done = run_once(*command(s, entity, "--yes", ALL, str(path)))
                assert done.returncode == 0, done
                assert f"published {deleted} delete" in done.stdout, done
        s.streamer.wait_lag_zero()
        messages = read_topic(s.streamer.bootstrap(), "account_history")
        rows = compacted(messages)
        alive = {k.rsplit("|", 1)[0] for k, r in rows.items() if r["valid_to_at"] is None}
        assert alive == {"X1", "X3", "X4", "X5"}
