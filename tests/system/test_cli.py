"""The command line: exit codes, one-line errors that say what to do, and `feed`."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from kafka import KafkaBroker
from process import free_ports
from results import read_topic
from streamer import run_once

Done = subprocess.CompletedProcess[str]


def properties(directory: Path, **settings: str) -> str:
    """A properties file; `_` in a name stands for `.`."""
    path = directory / "my.properties"
    lines = {"state.dir": str(directory / "state"), **{k.replace("_", "."): v for k, v in settings.items()}}
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


@pytest.mark.parametrize("key", ["isolation.level", "group.id", "enable.auto.commit", "transactional.id", "acks"])
def test_cli__refused_kafka_keys(key: str) -> None:
    assert_refused(run_once("check", "--set", f"kafka.{key}=0"), f"kafka.{key}", "cannot be set")


def test_cli__unknown_command() -> None:
    assert_refused(run_once("rum"), "rum")


@pytest.mark.parametrize("arguments", [["version"], ["--version"], ["check"]])
def test_cli__tells_its_librdkafka(arguments: list[str]) -> None:
    """One that works with today's Kafka: 2.12 at least."""
    done = run_once(*arguments)
    assert done.returncode == 0, done
    (version,) = re.findall(r"librdkafka (\d+)\.(\d+)\.\d+", done.stdout)
    assert tuple(map(int, version)) >= (2, 12)


def test_cli__check_says_which_logins_can_work() -> None:
    (line,) = [line for line in run_once("check").stdout.splitlines() if line.startswith("librdkafka")]
    features = set(line.split(" with ")[1].split(","))
    assert features >= {"ssl", "sasl_gssapi", "sasl_plain", "sasl_scram", "sasl_oauthbearer", "oidc", "lz4", "zstd"}


def test_cli__check_of_a_good_file(tmp_path: Path) -> None:
    done = run_once("check", "-c", properties(tmp_path, app_id="good"))
    assert done.returncode == 0, done


def test_cli__check_of_a_dead_broker(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    path = properties(tmp_path, kafka_bootstrap_servers=f"127.0.0.1:{port}")
    assert_refused(run_once("check", "--connect", "-c", path), f"127.0.0.1:{port}", code=1)


def feed(broker: KafkaBroker, topic: str, *files: Path) -> Done:
    sets = {"kafka.bootstrap.servers": broker.bootstrap, "topic.customers": topic}
    return run_once(
        "feed", *[part for k, v in sets.items() for part in ("--set", f"{k}={v}")], "customers", *map(str, files)
    )


def test_cli__feed(broker: KafkaBroker, tmp_path: Path) -> None:
    broker.topic_create("fed", 3)
    one, two = tmp_path / "1.csv", tmp_path / "2.csv"
    one.write_text('customer_id,customer_name,has_loan\r\n1,"Smith, ""Jo""",Yes\r\n2,"two\nlines",\r\n')
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
