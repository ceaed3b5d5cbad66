"""`feed` of files as people have them: encodings, amounts, faults in the middle, Ctrl-C, endless
pipes."""

import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import KafkaBroker
from process import free_ports, wait_until
from results import read_topic
from streamer import BINARY, environment, run_once

Done = subprocess.CompletedProcess[str]


def settings(broker: KafkaBroker, topic: str) -> list[str]:
    sets = {
        "kafka.bootstrap.servers": broker.bootstrap,
        "topic.customers": topic,
        "topic.accounts": f"{topic}.accounts",
    }
    return [f"--set={key}={value}" for key, value in sets.items()]


def feed(broker: KafkaBroker, topic: str, *arguments: Path | str) -> Done:
    return run_once("feed", *settings(broker, topic), *map(str, arguments))


def values(broker: KafkaBroker, topic: str) -> list[dict[str, str]]:
    return [json.loads(m.value or b"") for m in read_topic(broker.bootstrap, topic)]


def one_line(stderr: str) -> str:
    """The one line of the error. A broker that has just started makes librdkafka log, too."""
    (line,) = [line for line in stderr.splitlines() if not line.startswith("time=")]
    return line


TEXT = "customer_id;name;has_loan\r\n1;Müller;yes\r\n2;O’Neil – Ž;no\r\n"
ROWS = [
    {"customer_id": "1", "name": "Müller", "has_loan": "yes"},
    {"customer_id": "2", "name": "O’Neil – Ž", "has_loan": "no"},
]


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16", "utf-16-be"])
def test_feed__encodings(broker: KafkaBroker, tmp_path: Path, encoding: str) -> None:
    """Written by Python, with and without a byte order mark. Without the option it is refused, and
    the option that the error names helps."""
    topic = f"encoded.{encoding}"
    broker.topic_create(topic, 1)
    file = tmp_path / "customers.csv"
    file.write_bytes(TEXT.encode(encoding))
    refused = feed(broker, topic, "--delimiter", ";", "customers", file)
    assert refused.returncode == 2
    (option,) = re.findall(r"(--encoding [a-z0-9-]+)", one_line(refused.stderr))
    done = feed(broker, topic, "--delimiter", ";", *option.split(), "customers", file)
    assert done.returncode == 0, done
    assert values(broker, topic) == ROWS


def test_feed__decimal_commas(broker: KafkaBroker, tmp_path: Path) -> None:
    broker.topic_create("commas.accounts", 1)
    file = tmp_path / "accounts.csv"
    file.write_text(
        "account_id;customer_id;balance;account_type\n"
        "A1;1;1.234,56;Savings\nA2;1;12.34;Savings\nA3;1;n/a;Savings\n"
    )
    done = feed(broker, "commas", "--delimiter=;", "--decimal-comma", "accounts", file)
    assert done.returncode == 0, done
    assert [row["balance"] for row in values(broker, "commas.accounts")] == [
        "1234.56",
        "12.34 (decimal point?)",
        "n/a",
    ]
    done = feed(broker, "commas", "--decimal-comma", "customers", file)
    assert done.returncode == 2
    assert one_line(done.stderr).endswith("--decimal-comma: customers have no balance, remove it")


def test_feed__goes_on_behind_a_fault(broker: KafkaBroker, tmp_path: Path) -> None:
    """By the very command that the error names, after the row is mended."""
    broker.topic_create("mended", 1)
    file = tmp_path / "my customers.csv"
    rows = [f"{i};Name {i};no" for i in range(10)]
    rows[6] = "6;Name; 6;no"
    file.write_text("\n".join(["customer_id;who else?;has_loan", *rows]) + "\n")
    options = ["--delimiter", ";", "--map", "who else?=customer_name"]
    done = feed(broker, "mended", *options, "customers", file)
    assert done.returncode == 2
    said = one_line(done.stderr)
    assert "my customers.csv:8: too many fields" in said and "; 6 rows were published" in said
    file.write_text(file.read_text().replace("Name; 6", '"Name; 6"'))
    command = said.split("go on with ")[1].replace(
        "streamer feed", shlex.join([str(BINARY), "feed", *settings(broker, "mended")])
    )
    subprocess.run(["bash", "-c", command], check=True, env=environment(), stdout=subprocess.PIPE)
    assert [row["customer_id"] for row in values(broker, "mended")] == [str(i) for i in range(10)]


@pytest.fixture
def endless_pipe(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The ends of a pipe: to read, to write."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_feed__ends_by_a_signal(
    broker: KafkaBroker, tmp_path: Path, endless_pipe: tuple[int, int], sent: signal.Signals
) -> None:
    """While it waits for more rows of a pipe: exit code 1, and one line with what was published."""
    topic = f"interrupted.{sent.name}"
    broker.topic_create(topic, 1)
    read_end, write_end = endless_pipe
    stderr = tmp_path / "stderr"
    with stderr.open("wb") as log:
        running = subprocess.Popen(
            [str(BINARY), "feed", *settings(broker, topic), "customers", "-"],
            stdin=read_end,
            stdout=log,
            stderr=log,
            env=environment(),
        )
    os.write(write_end, b"customer_id,name,has_loan\n")
    for i in range(300):
        os.write(write_end, b"%d,Name,no\n" % i)
    wait_until("rows", lambda: len(values(broker, topic)) == 300, stderr, running)
    running.send_signal(sent)
    assert running.wait(60) == 1
    assert one_line(stderr.read_text()) == (
        "streamer: interrupted; 300 rows were published, feed the files again"
    )


def test_feed__ends_by_a_signal_without_a_broker(tmp_path: Path) -> None:
    file, stderr = tmp_path / "customers.csv", tmp_path / "stderr"
    file.write_text("customer_id,name,has_loan\n1,Ann,no\n")
    (port,) = free_ports(1)
    settings = {"kafka.bootstrap.servers": f"127.0.0.1:{port}", "log.level": "debug"}
    command = [str(BINARY), "feed", *(f"--set={key}={value}" for key, value in settings.items())]
    with stderr.open("wb") as log:
        running = subprocess.Popen(
            [*command, "customers", str(file)], stdout=log, stderr=log, env=environment()
        )
    wait_until("a try", lambda: "Connection refused" in stderr.read_text(), stderr, running)
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 1
    assert one_line(stderr.read_text()) == "streamer: interrupted; nothing was published"


def test_feed__memory_does_not_grow_with_the_file(broker: KafkaBroker, tmp_path: Path) -> None:
    """300 MB through a pipe and a conversion, whose last row is wrong. All but two rows are blank
    lines, so that the broker has little to do."""
    broker.topic_create("endless", 1)
    script = (
        "printf 'customer_id,name,has_loan\\n1,M\\374ller,no\\n'; head -c 300000000 /dev/zero | "
        "tr '\\0' '\\n'; printf 'x\\n'"
    )
    stderr = tmp_path / "stderr"
    command = [str(BINARY), "feed", *settings(broker, "endless"), "--encoding=cp1252"]
    with subprocess.Popen(["bash", "-c", script], stdout=subprocess.PIPE) as rows:
        with stderr.open("wb") as log:
            running = subprocess.Popen(
                [*command, "customers", "-"],
                stdin=rows.stdout,
                stdout=log,
                stderr=log,
                env=environment(),
            )
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    said = one_line(stderr.read_text())
    assert running.returncode == 2, said
    assert said.startswith("streamer: standard input:300000003: too few fields: 1"), said
    assert "; 1 row was published" in said
    assert usage.ru_maxrss < 100 * 1024  # KiB


def test_feed__one_long_line(broker: KafkaBroker, tmp_path: Path) -> None:
    file = tmp_path / "long.csv"
    with file.open("wb") as f:
        f.write(b"customer_id,name,has_loan\n1,")
        f.truncate(100_000_000)
    nul = feed(broker, "none", "--set=topic.customers=endless", "customers", file)
    assert nul.returncode == 2 and "long.csv:2: there is a NUL byte" in one_line(nul.stderr)
    file.write_bytes(b"customer_id,name,has_loan\n1," + b"x" * 10_000_000)
    done = feed(broker, "none", "--set=topic.customers=endless", "customers", file)
    assert done.returncode == 2
    assert "long.csv:2: the record that starts here is longer than 1048576 bytes" in one_line(
        done.stderr
    )


def test_feed__what_cannot_be_read(broker: KafkaBroker, tmp_path: Path) -> None:
    for path, says in (
        (tmp_path, f"is a directory, name its files: streamer feed customers {tmp_path}/*.csv"),
        (tmp_path / "none.csv", "cannot open: No such file or directory, check the path"),
    ):
        done = feed(broker, "none", "customers", path)
        assert done.returncode == 2
        assert one_line(done.stderr) == f"streamer: {path}: {says}"
