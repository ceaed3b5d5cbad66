"""The command line: exit codes, one-line errors that say what to do, and `feed`."""

import gzip
import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest
from kafka import KafkaBroker
from process import free_ports, wait_until
from results import read_topic
from streamer import EmbeddedStreamer, run_once

Done = subprocess.CompletedProcess[str]


def properties(directory: Path, **settings: str) -> str:
    """A properties file; `_` in a name stands for `.`."""
    path = directory / "my.properties"
    lines = {
        "state.dir": str(directory / "state"),
        **{k.replace("_", "."): v for k, v in settings.items()},
    }
    path.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    return str(path)


def assert_refused(done: Done, *words: str, code: int = 2) -> None:
    """One line on standard error with all these words, and the exit code."""
    assert done.returncode == code, done
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr, f"{word!r} is not in {done.stderr!r}"


def test_cli__missing_file(tmp_path: Path) -> None:
    path = str(tmp_path / "none.properties")
    assert_refused(run_once("run", "-c", path), path)


def test_cli__unknown_key(tmp_path: Path) -> None:
    done = run_once("run", "-c", properties(tmp_path, late_windw="1d"))
    assert_refused(done, "my.properties:2", "late.windw", "did you mean", "late.window")


def test_cli__unknown_key_by_set(tmp_path: Path) -> None:
    assert_refused(run_once("run", "--set", "app.ids=x"), "app.ids", "did you mean", "app.id")


def test_cli__bad_value(tmp_path: Path) -> None:
    done = run_once("check", "-c", properties(tmp_path, batch_max_records="0"))
    assert_refused(done, "my.properties:2", "batch.max.records", "1")


@pytest.mark.parametrize(
    "key", ["isolation.level", "group.id", "enable.auto.commit", "transactional.id", "acks"]
)
def test_cli__refused_kafka_keys(key: str) -> None:
    assert_refused(run_once("check", "--set", f"kafka.{key}=0"), f"kafka.{key}", "cannot be set")


def test_cli__unknown_command() -> None:
    assert_refused(run_once("rum"), "rum")


MISTAKES = [
    (["run", "s.properties"], "did you mean -c s.properties?"),
    (["check", "app.id=x"], "did you mean --set app.id=...?"),
    (["check", "--set", "nokey"], "\"nokey\" has no '=', write --set key=value"),
    (["check", "--set", "late.window=3"], "a duration needs its unit: 3d, 3h, 3m, 3s, 3ms"),
    (["check", "--set", 'app.id="x"'], "no quotes around a value, write app.id=x"),
    (["check", "--set", "app.id=x # mine"], "no comments behind a value"),
    (["check", "--set", "kafka.bootstrap.servers=http://h:9092"], "no such scheme, write h:9092"),
    (
        ["check", "--set", "kafka.security.protocol=sasl_ssl"],
        "set kafka.sasl.mechanism (SCRAM-SHA-512, ",
    ),
    (
        ["check", "--set", "kafka.sasl.jaas.config=x"],
        "set kafka.sasl.username and kafka.sasl.password",
    ),
    (["check", "--set", "kafka.acks=1"], "streamer always uses acks=all, remove it"),
    (["help", "fed"], "did you mean feed?"),
]


@pytest.mark.parametrize(
    ("arguments", "help_given"), MISTAKES, ids=[" ".join(a) for a, _ in MISTAKES]
)
def test_cli__mistakes(arguments: list[str], help_given: str) -> None:
    """What people type, and what helps."""
    done = run_once(*arguments)
    assert done.returncode == 2, done
    assert help_given in done.stderr.replace('\\"', '"'), done.stderr


def test_cli__a_colon_between_key_and_value(tmp_path: Path) -> None:
    path = tmp_path / "my.properties"
    path.write_text("app.id=x\nkafka.sasl.password: geheim\n")
    done = run_once("check", "-c", str(path))
    assert_refused(done, "my.properties:2: kafka.sasl.password: write '=', not ':'")
    assert "geheim" not in done.stderr


def test_cli__what_other_programs_take(tmp_path: Path) -> None:
    assert run_once("-V").stdout == run_once("version").stdout
    feed_help = run_once("help", "feed")
    assert feed_help.returncode == 0 and feed_help.stdout == run_once("feed", "--help").stdout
    done = run_once("check", f"-c{properties(tmp_path, app_id='attached')}")
    assert done.returncode == 0 and "app.id=attached" in done.stdout, done


@pytest.mark.parametrize("arguments", [["version"], ["--version"], ["check"]])
def test_cli__tells_its_librdkafka(arguments: list[str]) -> None:
    """One that works with today's Kafka: 2.12 at least."""
    done = run_once(*arguments)
    assert done.returncode == 0, done
    (version,) = re.findall(r"librdkafka (\d+)\.(\d+)\.\d+", done.stdout)
    assert tuple(map(int, version)) >= (2, 12)


def test_cli__check_says_which_logins_can_work() -> None:
    (line,) = [
        line for line in run_once("check").stdout.splitlines() if line.startswith("librdkafka")
    ]
    features = set(line.split(" with ")[1].split(","))
    assert features >= {
        "ssl",
        "sasl_gssapi",
        "sasl_plain",
        "sasl_scram",
        "sasl_oauthbearer",
        "oidc",
        "lz4",
        "zstd",
    }


def test_cli__check_of_a_good_file(tmp_path: Path) -> None:
    done = run_once("check", "-c", properties(tmp_path, app_id="good"))
    assert done.returncode == 0, done


def test_cli__check_of_a_dead_broker(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    path = properties(tmp_path, kafka_bootstrap_servers=f"127.0.0.1:{port}")
    assert_refused(run_once("check", "--connect", "-c", path), f"127.0.0.1:{port}", code=1)


def feed(broker: KafkaBroker, topic: str, *files: Path | str, input_text: str = "") -> Done:
    """The files, and options."""
    sets = {"kafka.bootstrap.servers": broker.bootstrap, "topic.customers": topic}
    settings = [part for k, v in sets.items() for part in ("--set", f"{k}={v}")]
    return run_once("feed", *settings, "customers", *map(str, files), input_text=input_text)


def test_cli__feed(broker: KafkaBroker, tmp_path: Path) -> None:
    broker.topic_create("fed", 3)
    one, two = tmp_path / "1.csv", tmp_path / "2.csv"
    one.write_text(
        'customer_id,customer_name,has_loan\r\n1,"Smith, ""Jo""",Yes\r\n2,"two\nlines",\r\n'
    )
    two.write_text("has_loan,customer_id,customer_name\nnone,3,Ünal\n")
    done = feed(broker, "fed", one, two)
    assert done.returncode == 0, done
    got = {m.key_text: json.loads(m.value or b"") for m in read_topic(broker.bootstrap, "fed")}
    assert got == {
        "1": {"customer_id": "1", "customer_name": 'Smith, "Jo"', "has_loan": "Yes"},
        "2": {"customer_id": "2", "customer_name": "two\nlines", "has_loan": ""},
        "3": {"customer_id": "3", "customer_name": "Ünal", "has_loan": "none"},
    }


def test_cli__feed_of_an_unterminated_quote(broker: KafkaBroker, tmp_path: Path) -> None:
    broker.topic_create("unfed", 1)
    bad = tmp_path / "bad.csv"
    bad.write_text('customer_id,customer_name,has_loan\n1,Alice,No\n2,"Bob,No\n3,Charlie,No\n')
    done = feed(broker, "unfed", bad)
    assert done.returncode == 2, done
    last = done.stderr.strip().splitlines()[-1]
    assert "bad.csv:3" in last and "quote" in last, done.stderr


def test_cli__feed_of_a_missing_file(broker: KafkaBroker, tmp_path: Path) -> None:
    done = feed(broker, "unfed", tmp_path / "none.csv")
    assert done.returncode == 2 and "none.csv" in done.stderr, done


def test_cli__feed_of_gzip(broker: KafkaBroker, tmp_path: Path) -> None:
    """It is named with what helps, and that does help."""
    broker.topic_create("unzipped", 1)
    file = tmp_path / "customers.csv.gz"
    file.write_bytes(gzip.compress(b"customer_id,name,has_loan\n1,Ann,yes\n"))
    done = feed(broker, "unzipped", file)
    assert_refused(done, f"is gzip: zcat {file} | streamer feed customers -")
    done = feed(broker, "unzipped", "-", input_text=gzip.decompress(file.read_bytes()).decode())
    assert done.returncode == 0, done
    assert [m.key_text for m in read_topic(broker.bootstrap, "unzipped")] == ["1"]


def test_cli__feed_of_other_files(broker: KafkaBroker, tmp_path: Path) -> None:
    """Refused before the first row is published, with what helps; and that does help."""
    broker.topic_create("others", 1)
    good, wrong, semi, typo = (
        tmp_path / f"{name}.csv" for name in ("good", "accounts", "semi", "typo")
    )
    good.write_text("customer_id,name,has_loan\n1,Ann,yes\n")
    wrong.write_text("account_id,customer_id,balance,account_type\nA1,1,5,Savings\n")
    semi.write_text("customer_id;name;has_loan\n1;Ann;yes\n")
    typo.write_text("customer_id,name,loan\n1,Ann,yes\n")
    no_loan = "typo.csv:1: no column has_loan or has_loan_flag"
    assert_refused(
        feed(broker, "others", good, wrong),
        "accounts.csv:1: no column customer_name or name",
        "feed accounts?",
    )
    assert_refused(feed(broker, "others", semi), "semi.csv:1: separated by ';'", "--delimiter ';'")
    assert_refused(
        feed(broker, "others", typo), no_loan, "--map loan=has_loan", "--missing has_loan"
    )
    assert read_topic(broker.bootstrap, "others") == []
    for helps, file in (
        (["--delimiter", ";"], semi),
        (["--map", "loan=has_loan"], typo),
        (["--missing", "has_loan"], typo),
    ):
        done = feed(broker, "others", *helps, file)
        assert done.returncode == 0, done
    has_loan = [
        json.loads(m.value or b"").get("has_loan") for m in read_topic(broker.bootstrap, "others")
    ]
    assert has_loan == ["yes", "yes", None]


def test_cli__a_failing_run_ends_with_a_line_of_the_log(tmp_path: Path) -> None:
    """Whatever fails: what was typed, the configuration, this machine."""
    file = tmp_path / "file"
    file.touch()
    failures = {
        ("--embeded",): "did you mean --embedded?",
        ("--set", "late.window=3"): "a duration needs its unit",
        ("--set", f"state.dir={file}"): "not a directory",
    }
    for arguments, says in failures.items():
        done = run_once("run", *arguments)
        assert done.returncode == 2 and done.stdout == "", done
        last = done.stderr.splitlines()[-1]
        assert (
            re.match(r'time=\S+ level=error msg="failed" exit_code=2 reason="', last)
            and says in last
        ), done.stderr


def test_cli__log_as_json(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = run_once("run", "--set", "log.format=json", "--set", f"state.dir={file}")
    last = json.loads(done.stderr.splitlines()[-1])
    assert last.keys() == {"time", "level", "msg", "exit_code", "reason"}
    assert (last["level"], last["exit_code"]) == ("error", "2") and f"state.dir={file}" in last[
        "reason"
    ]


def test_cli__signals_change_the_log_level(tmp_path: Path) -> None:
    """SIGUSR1 shows more, SIGUSR2 less; every change is seen where either level shows it. In JSON,
    line by line."""
    with EmbeddedStreamer(tmp_path, {"log.format": "json"}) as s:
        s.wait_ready()

        def lines() -> list[dict[str, str]]:
            return [json.loads(line) for line in s.stderr.read_text().splitlines()]

        def changes() -> list[tuple[str, str]]:
            return [
                (line["was"], line["log.level"])
                for line in lines()
                if line["msg"] == "log level changed"
            ]

        def send(sent: signal.Signals, was: str, now: str) -> None:
            os.kill(s.pid, sent)
            told.append((was, now))
            wait_until(f"{was} to {now}", lambda: changes() == told, s.stderr)

        told: list[tuple[str, str]] = []
        send(signal.SIGUSR1, "info", "debug")
        send(signal.SIGUSR1, "debug", "debug")
        send(signal.SIGUSR2, "debug", "info")
        send(signal.SIGUSR2, "info", "warn")
        send(signal.SIGUSR1, "warn", "info")
        send(signal.SIGUSR2, "info", "warn")
        before = len(lines())
        s.stop()
        assert len(lines()) == before and "stopping" not in s.stderr.read_text()


def test_cli__a_terminal_that_is_closed_ends_it(tmp_path: Path) -> None:
    """In good order. SIGHUP has two meanings; without a terminal it is a reload
    (test_logins.py)."""
    ours, theirs = pty.openpty()
    s = EmbeddedStreamer(tmp_path, {})
    s.stdin = theirs
    s.wrapper = ["setsid", "--ctty"]
    s.start()
    try:
        os.close(theirs)
        s.wait_ready()
        os.close(ours)
        assert s.wait_exit() == 0
        assert 'msg="stopping"' in s.stderr.read_text()
    finally:
        s.kill()
