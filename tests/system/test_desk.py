"""The commands of the data desk (try, feed, quarantine, export, whatif) together: with the embedded
broker and with a Kafka that asks for TLS and a login, over HTTP with TLS and a token; and whatever
ends them, at whatever moment, they say it in one line, leave nothing half done, and do all of it
when they are run again.

DESK_ROWS and DESK_MOMENTS make it larger than in CI, and DESK_LONG=1 waits for brokers that are
gone."""

import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import pytest
from logins import PASSWORD, Authority, GuardedBroker
from process import DIE_WITH_PARENT, wait_until
from results import RESULTS, read_topic
from scenario import Scenario
from test_machine import Disk

from streamer import BINARY, INPUTS, EmbeddedStreamer, Streamer, environment

ROWS = int(os.environ.get("DESK_ROWS", "1000"))
MOMENTS = int(os.environ.get("DESK_MOMENTS", "3"))
BAD_EVERY = 40
PATH_AS_ID = "../../etc/passwd"
BONUS = ("--set", "rates.loan.bonus=0.02")

Done = subprocess.CompletedProcess[str]


class Desk:
    """Where the commands are run: a folder with the files, and a running processor."""

    def __init__(
        self, directory: Path, streamer: Streamer, names: dict[str, str], bootstrap: str
    ) -> None:
        self.streamer, self.names = streamer, names
        self.files, self.out, self.sorting = (
            directory / name for name in ("files", "out", "sorting")
        )
        for folder in (self.files, self.out, self.sorting):
            folder.mkdir()
        self.properties = directory / "desk.properties"
        settings = {**streamer.settings, "kafka.bootstrap.servers": bootstrap}
        self.properties.write_text("".join(f"{k}={v}\n" for k, v in settings.items()))
        self.balances = {f"A{i}": Decimal(i) / 4 for i in range(ROWS) if i % BAD_EVERY}
        self.balances[PATH_AS_ID] = Decimal(7)
        self.bad = [f"A{i}" for i in range(0, ROWS, BAD_EVERY)]
        self.all = self.write("all.csv", self.balances, self.bad)
        self.customers = self.files / "customers.csv"
        rows = "".join(f"{i},Ada {i},{'yes' if i % 3 else 'no'}\n" for i in range(9))
        self.customers.write_text(f"customer_id,customer_name,has_loan\n{rows}")

    def write(self, name: str, balances: dict[str, Decimal], bad: list[str]) -> Path:
        path = self.files / name
        good = "".join(
            f"{id_},{i % 9},{b:.2f},Savings\n" for i, (id_, b) in enumerate(balances.items())
        )
        path.write_text(
            "account_id,customer_id,balance,account_type\n"
            + good
            + "".join(f"{id_},1,?,Savings\n" for id_ in bad)
        )
        return path

    def command(self, name: str, *arguments: str | Path) -> list[str]:
        return [
            *DIE_WITH_PARENT,
            str(BINARY),
            name,
            "-c",
            str(self.properties),
            *map(str, arguments),
        ]

    def environment(self) -> dict[str, str]:
        return {**environment(), "TMPDIR": str(self.sorting), "TERM": "dumb"}

    def run(self, name: str, *arguments: str | Path) -> Done:
        return subprocess.run(
            self.command(name, *arguments),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=120,
            check=False,
            env=self.environment(),
        )

    def ok(self, name: str, *arguments: str | Path) -> str:
        done = self.run(name, *arguments)
        assert done.returncode == 0 and "\r" not in done.stderr, done
        assert "librdkafka" not in done.stderr, done
        return done.stdout

    def start(
        self, name: str, *arguments: str | Path, stdin: int = subprocess.DEVNULL
    ) -> "Running":
        return Running(
            subprocess.Popen(
                self.command(name, *arguments),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=self.environment(),
            )
        )

    def rows(self, table: str, *arguments: str) -> list[str]:
        """The lines of the table but the header, once everything is processed."""
        return self.rows_now(table, "--settle", *arguments)

    def rows_now(self, table: str, *arguments: str) -> list[str]:
        out = self.out / "-".join(("rows", table, *arguments))
        self.ok("export", table, "--output", out, *arguments)
        lines = out.read_text().splitlines()
        if "jsonl" not in arguments:
            del lines[0]
        totals = json.loads(Path(f"{out}.totals.json").read_text())
        assert totals["rows"] == len(lines)
        out.unlink()
        Path(f"{out}.totals.json").unlink()
        return lines

    def clear(self) -> None:
        for path in self.out.iterdir():
            path.unlink()

    def left(self) -> list[str]:
        """What lies in the folder of the output and in that of temporary files."""
        return sorted(p.name for folder in (self.out, self.sorting) for p in folder.iterdir())


class Running:
    """A command that will be interrupted."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def is_ready(self) -> bool:
        """Whether it handles signals; before that it has done nothing."""
        with suppress(OSError, StopIteration):
            status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
            caught = next(line for line in status if line.startswith("SigCgt"))
            return bool(int(caught.split()[1], 16) >> (signal.SIGINT - 1) & 1)
        return False

    def interrupt(self, after_s: float, how: signal.Signals = signal.SIGINT) -> Done:
        while not self.is_ready() and self.process.poll() is None:
            time.sleep(0.002)
        time.sleep(after_s)
        self.process.send_signal(how)
        return self.end()

    def end(self) -> Done:
        stdout, stderr = self.process.communicate(timeout=120)
        return Done(self.process.args, self.process.returncode, stdout, stderr)


def the_line(done: Done, code: int = 1) -> str:
    """What it says: one line, and the exit code."""
    lines = done.stderr.splitlines()
    assert done.returncode == code and len(lines) == 1 and "\r" not in done.stderr, done
    assert lines[0].startswith("streamer: "), done
    return lines[0]


# --- the two places


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    with GuardedBroker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def https(directory: Path) -> dict[str, str]:
    authority = Authority(directory / "http")
    certificate = str(authority.issue("instance"))
    token = directory / "token"
    token.write_text("a-token\n")
    return {
        "http.tls.certificate": certificate,
        "http.tls.key": certificate,
        "http.tls.ca": str(authority.certificate),
        "http.token.file": str(token),
    }


@pytest.fixture(scope="module")
def desk(
    guarded: GuardedBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Desk, Scenario]]:
    directory = tmp_path_factory.mktemp("desk")
    login = {
        "kafka.bootstrap.servers": guarded.addresses["SASL"],
        "kafka.security.protocol": "SASL_SSL",
        "kafka.ssl.ca.location": str(guarded.authority.certificate),
        "kafka.sasl.mechanism": "SCRAM-SHA-256",
        "kafka.sasl.username": "scram-sha-256",
        "kafka.sasl.password": PASSWORD,
    }
    with Scenario(guarded, directory, (2, 3), {**login, **https(directory)}) as s:
        d = Desk(directory, s.streamer, s.names, guarded.addresses["SASL"])
        s.streamer.start()
        wait_ready(d)
        yield d, s
        s.streamer.stop()


def wait_ready(d: Desk) -> None:
    wait_until(
        "ready", lambda: d.run("status").returncode == 0, d.streamer.stderr, d.streamer.process
    )


def check_exports(d: Desk) -> None:
    """Of all tables, in all ways but Parquet, which needs a library (test_export.py)."""
    ways = ((), ("--format", "jsonl"), ("--as-of", "2100-01-01"))
    cases = [(table, *way) for table in RESULTS for way in ways]
    with ThreadPoolExecutor(3) as pool:
        counts = dict(zip(cases, pool.map(lambda case: len(d.rows_now(*case)), cases), strict=True))
    for case, count in counts.items():
        assert count == (9 if case[0].startswith("customer") else len(d.balances)), case


def use_everything(d: Desk, is_embedded: bool) -> None:
    """A day at the desk. What must come out follows from the files alone."""
    done = d.run("try", "--format", "json", "accounts", d.all)
    assert done.returncode == 1, done  # rows would be rejected
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "rows": len(d.balances) + len(d.bad),
        "accepted": len(d.balances),
        "rejected": {"invalid_balance": len(d.bad)},
    }
    assert "published 9 rows" in d.ok("feed", "customers", d.customers)
    assert f"published {len(d.balances) + len(d.bad)} rows" in d.ok("feed", "accounts", d.all)
    assert len(d.rows("account_summary")) == len(d.balances)
    check_exports(d)
    out = d.out / "summary.csv"
    d.ok("export", "account_summary", "--output", out)
    sums = json.loads(Path(f"{out}.totals.json").read_text())["sums"]
    assert sums["original_balance_amount"] == f"{sum(d.balances.values()):.2f}"
    d.clear()
    change = json.loads(d.ok("whatif", "--format", "json", *BONUS))
    assert change["is_whole"] and change["summaries"] == len(d.balances)

    listed = d.ok("quarantine", "list", "--open", "--format", "json").splitlines()
    assert sorted(json.loads(line)["id"] for line in listed[:-1]) == sorted(d.bad)
    first = ("--id", d.bad[0])
    assert d.bad[0] in d.ok("quarantine", "show", *first)
    repaired = ("quarantine", "replay", *first, "--field", "balance=5.00")
    d.ok(*repaired, "--dry-run")
    assert "replayed 1 record" in d.ok(*repaired, "--yes")
    assert any(line.startswith(f"{d.bad[0]},") for line in d.rows("account_summary"))
    listed = d.ok("quarantine", "list", "--open", "--format", "json").splitlines()
    assert len(listed) == len(d.bad)

    said = d.ok("feed", "--complete", "--yes", "accounts", d.all)
    assert "published 0 deletes" in said, said  # a row that is rejected is there, too
    kept = {id_: b for id_, b in d.balances.items() if id_ != PATH_AS_ID}
    drop = d.write("drop.csv", kept, d.bad)
    said = d.ok("feed", "--complete", "--dry-run", "accounts", drop)
    assert f": {PATH_AS_ID}" in said and "nothing was deleted" in said, said
    said = d.ok("feed", "--complete", "--yes", "accounts", drop)
    assert "published 1 delete" in said, said
    assert not any(line.startswith(PATH_AS_ID) for line in d.rows("account_summary"))
    drop = d.write("drop.csv", kept, d.bad[1:])  # nor is the row that was repaired
    assert "published 1 delete" in d.ok("feed", "--complete", "--yes", "accounts", drop)
    assert len(d.rows("account_summary")) == len(kept)
    done = d.run("quarantine", "purge", "--older-than", "0s", "--yes")
    if is_embedded:
        assert "the embedded broker deletes no records" in the_line(done)
    else:
        assert done.returncode == 0 and "done" in done.stdout, done
        assert d.ok("quarantine", "list").startswith("0 records")
    assert d.left() == []


def test_desk__every_command_with_tls_and_a_login(desk: tuple[Desk, Scenario]) -> None:
    use_everything(desk[0], is_embedded=False)


def test_desk__every_command_on_the_embedded_broker(tmp_path: Path) -> None:
    names = {name: name for name in (*INPUTS, *RESULTS, "quarantine")}
    with EmbeddedStreamer(tmp_path / "one", {"partitions": "2", **https(tmp_path)}) as streamer:
        d = Desk(tmp_path, streamer, names, streamer.bootstrap())
        wait_ready(d)
        use_everything(d, is_embedded=True)


# --- interrupted


class Case(NamedTuple):
    command: tuple[str, ...]
    so_far: str  # how the line goes on
    output: str = ""


CHANGING = ("feed", "complete", "replay")
CASES = {
    "feed": Case(
        ("feed", "accounts", "all.csv"),
        r"; (nothing was published|"
        r"\d+ rows? (was|were) published(, perhaps \d+ more)?, feed the files again)$",
    ),
    "complete": Case(
        ("feed", "--complete", "--yes", "--max-deletes", "100%", "accounts", "part.csv"),
        r"; (nothing was published|\d+ rows? (was|were) published(, perhaps \d+ more)?, "
        r"(nothing was deleted|and \d+ of \d+ deletes), feed the files again)$",
    ),
    "dry complete": Case(
        ("feed", "--complete", "--dry-run", "--max-deletes", "100%", "accounts", "part.csv"),
        "; (nothing was published|"
        "0 rows were published, nothing was deleted, feed the files again)$",
    ),
    "list": Case(("quarantine", "list"), "; what was shown is not whole$"),
    "show": Case(("quarantine", "show"), "; what was shown is not whole$"),
    "dry replay": Case(("quarantine", "replay", "--dry-run"), "; nothing was replayed$"),
    "replay": Case(
        ("quarantine", "replay", "--yes"),
        r"; \d+ records? (was|were) replayed, and nothing is half done",
    ),
    "purge": Case(
        ("quarantine", "purge", "--older-than", "900d", "--yes"), "; nothing was deleted$"
    ),
    "export": Case(
        ("export", "account_summary", "--output", "OUT"), "; nothing was written$", "summary.csv"
    ),
    "as of": Case(
        ("export", "customer_profile", "--as-of", "2100-01-01", "--output", "OUT"),
        "; nothing was written$",
        "profile.csv",
    ),
    "whatif": Case(
        ("whatif", *BONUS),
        "interrupted while https://[0-9.:]+ was asked$|interrupted while the instance was asked$",
    ),
}


def words(d: Desk, case: Case) -> list[str | Path]:
    return [
        d.files / word if word.endswith(".csv") else d.out / case.output if word == "OUT" else word
        for word in case.command
    ]


def finished(case: Case) -> set[str]:
    """The files that it writes."""
    return {case.output, f"{case.output}.totals.json"} if case.output else set()


def check_interrupted(d: Desk, case: Case, done: Done) -> None:
    """It ended before the signal, or says that it did not."""
    if done.returncode == 0:
        assert set(d.left()) == finished(case), done
        return
    line = the_line(done)
    assert "interrupted" in line and re.search(case.so_far, line), line
    assert d.left() == []


def rows_said(line: str) -> tuple[int, int]:
    """How many rows are published at least and at most."""
    match = re.search(r"(\d+) rows? (?:was|were) published(?:, perhaps (\d+) more)?", line)
    published = int(match[1]) if match else 0
    return published, published + int((match and match[2]) or 0)


def inputs(s: Scenario) -> int:
    return sum(s.broker.end_offsets(s.names["accounts"]).values())


@pytest.fixture(scope="module")
def used(desk: tuple[Desk, Scenario]) -> tuple[Desk, Scenario]:
    """All rows are there, and the bad ones are quarantined, whichever tests came before."""
    d, _ = desk
    d.ok("feed", "customers", d.customers)
    d.ok("feed", "accounts", d.all)
    half = dict(list(d.balances.items())[: len(d.balances) // 2])
    d.write("part.csv", half, d.bad)
    assert len(d.rows("account_summary")) == len(d.balances)
    return desk


@pytest.mark.parametrize("name", list(CASES))
def test_desk__interrupted_at_any_moment(used: tuple[Desk, Scenario], name: str) -> None:
    d, s = used
    case = CASES[name]
    begun = time.monotonic()
    d.ok(*words(d, case))
    took_s = time.monotonic() - begun
    for moment in range(MOMENTS):
        if name == "complete":
            d.ok("feed", "accounts", d.all)
        d.clear()
        before = inputs(s)
        how = signal.SIGTERM if moment % 2 else signal.SIGINT
        done = d.start(*words(d, case)).interrupt(took_s * moment / MOMENTS, how)
        check_interrupted(d, case, done)
        if done.returncode == 1 and name == "feed":
            least, most = rows_said(done.stderr)
            assert least <= inputs(s) - before <= most, done
        if name in ("complete", "replay"):
            for topic in (s.names["accounts"], s.streamer.internal_topic("replayed")):
                wait_until(
                    "without a transaction",
                    lambda topic=topic: s.broker.no_transaction_open(topic),
                    s.streamer.stderr,
                    deadline_s=5,
                )
        if name in CHANGING or moment == MOMENTS - 1:
            d.ok(*words(d, case))
            assert set(d.left()) == finished(case), d.left()
    d.clear()
    if name == "complete":
        kept = len((d.files / "part.csv").read_text().splitlines()) - 1 - len(d.bad)
        assert len(d.rows("account_summary")) == kept
        d.ok("feed", "accounts", d.all)
        assert len(d.rows("account_summary")) == len(d.balances)
    if name == "replay":
        sent = read_topic(s.broker.bootstrap, s.names["accounts"])
        replayed = [[v for k, v in m.headers if k == "quarantine.replays"] for m in sent]
        newest = [marks[-1] for marks in replayed if marks]
        assert len(newest) >= len(d.bad) and len(set(newest)) == len(newest)


def at_once(names: list[str], what: Callable[[str], None]) -> None:
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(what, names))


def test_desk__interrupted_while_the_brokers_or_the_instance_are_silent(
    used: tuple[Desk, Scenario],
) -> None:
    d, s = used
    d.clear()

    def interrupt(name: str) -> None:
        done = d.start(*words(d, CASES[name])).interrupt(1)
        line = the_line(done)
        assert "interrupted" in line and re.search(CASES[name].so_far, line), line

    for server, names in (
        (s.broker, [n for n in CASES if n != "whatif"]),
        (s.streamer, ["whatif"]),
    ):
        server.freeze()
        try:
            at_once(names, interrupt)
        finally:
            server.thaw()
        assert d.left() == []


def test_desk__interrupted_while_a_question_is_asked(used: tuple[Desk, Scenario]) -> None:
    d, _ = used
    d.ok("feed", "accounts", d.all)  # which quarantines rows again
    d.rows("account_summary")
    cases = {
        "replay": (("quarantine", "replay"), "nothing was replayed"),
        "purge": (("quarantine", "purge", "--older-than", "0s"), "nothing was deleted"),
        "complete": (
            ("feed", "--complete", "--max-deletes", "100%", "accounts", str(d.files / "part.csv")),
            "nothing was deleted, feed the files again",
        ),
    }

    def ask(name: str) -> None:
        arguments, so_far = cases[name]
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            d.command(*arguments),
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=d.environment(),
        )
        assert process.stdout is not None
        told = b""
        while not told.endswith(b": ") or b"Type yes" not in told:
            part = os.read(process.stdout.fileno(), 4096)
            assert part, told
            told += part
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
        done = Done(arguments, process.returncode, told.decode(), stderr.decode())
        line = done.stderr.splitlines()[-1]
        assert done.returncode == 1 and "interrupted" in line and so_far in line, done
        os.close(ours)
        os.close(theirs)

    at_once(list(cases), ask)
    assert d.left() == []
    assert len(d.rows("account_summary")) == len(d.balances)


def test_desk__interrupted_while_the_processor_does_not_run(used: tuple[Desk, Scenario]) -> None:
    d, s = used
    d.ok("feed", "accounts", d.all)
    d.rows("account_summary")
    s.streamer.stop()
    try:
        d.ok("feed", "accounts", d.all)  # which nobody reads
        feed = d.start(*words(d, CASES["complete"]))
        assert feed.process.stdout is not None
        told = feed.process.stdout.readline()
        assert "waiting until" in told, told
        settle = d.start("export", "account_summary", "--settle", "--output", d.out / "never.csv")
        line = the_line(feed.interrupt(0.5))
        assert line.endswith("interrupted; nothing was published"), line
        line = the_line(settle.interrupt(1))
        assert "interrupted" in line and line.endswith("; nothing was written"), line
        assert d.left() == []
    finally:
        s.streamer.start()
        wait_ready(d)
    assert len(d.rows("account_summary")) == len(d.balances)


# --- bad input, full disks, and readers that go away


def test_desk__paths_as_names(used: tuple[Desk, Scenario]) -> None:
    d, s = used
    before = inputs(s)
    assert f'"{PATH_AS_ID}" is not valid' in the_line(d.run("export", PATH_AS_ID), 2)
    assert "no reason" in the_line(d.run("quarantine", "list", "--code", PATH_AS_ID), 2)
    assert d.ok("quarantine", "list", "--id", PATH_AS_ID).startswith("0 records")
    missing = d.files / "none.csv"
    folder = d.files / "folder.csv"
    folder.mkdir(exist_ok=True)
    for name in ("try", "feed"):
        assert f"{missing}: " in the_line(d.run(name, "accounts", missing), 2)
        assert f"{folder}: " in the_line(d.run(name, "accounts", folder), 2)
    line = the_line(d.run("export", "account_summary", "--output", missing / "out.csv"), 2)
    assert "cannot write a file beside it" in line
    assert inputs(s) == before and d.left() == []


def test_desk__full_disks(used: tuple[Desk, Scenario], tmp_path: Path) -> None:
    """That of temporary files, and what standard output is."""
    d, _ = used
    disk = Disk(tmp_path / "disk")
    try:
        disk.fill()
        for name in ("export", "as of", "list", "dry complete"):
            d.clear()
            sorting, d.sorting = d.sorting, disk.path
            try:
                done = d.run(*words(d, CASES[name]))
            finally:
                d.sorting = sorting
            assert "no space left" in the_line(done).lower(), done
            assert {p.name for p in disk.path.iterdir()} == {"balloon"}
            assert d.left() == []
    finally:
        disk.unmount()
    for name in ("list", "show", "whatif"):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                d.command(*words(d, CASES[name])),
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                check=False,
                env=d.environment(),
            )
        assert "standard output" in the_line(done), done


def test_desk__readers_that_go_away(used: tuple[Desk, Scenario]) -> None:
    """As `head -1` does."""
    d, _ = used
    for name in ("list", "show", "whatif"):
        running = d.start(*words(d, CASES[name]))
        assert running.process.stdout is not None
        running.process.stdout.close()
        running.process.stdout = None
        assert running.process.stderr is not None
        stderr = running.process.stderr.read()
        done = Done(name, running.process.wait(60), "", stderr)
        assert "standard output" in the_line(done), done
    assert d.left() == []


@pytest.mark.skipif(
    "DESK_LONG" not in os.environ, reason="waits a minute for brokers that are gone"
)
def test_desk__brokers_that_are_gone_in_the_middle(used: tuple[Desk, Scenario]) -> None:
    d, s = used
    names = ["feed", "export", "as of", "list", "replay", "dry replay", "complete"]
    d.ok("feed", "accounts", d.all)
    d.rows("account_summary")
    running = {name: d.start(*words(d, CASES[name])) for name in names}
    for name in names:
        while not running[name].is_ready():
            time.sleep(0.01)
    time.sleep(0.6)
    s.broker.kill()
    for name in names:
        done = running[name].end()
        if done.returncode:
            print(name, the_line(done))
    assert not [name for name in d.left() if not name.startswith(("summary.csv", "profile.csv"))]
    s.broker.start()
    d.clear()
    assert len(d.rows("account_summary")) == len(d.balances)
