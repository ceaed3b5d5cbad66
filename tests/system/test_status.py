"""What the operator sees of running instances: over HTTP and at a terminal."""

import json
import os
import pty
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from description import Description, every_request_gets_a_described_answer
from generate import Input
from kafka import KafkaBroker
from process import DIE_WITH_PARENT, free_ports, wait_until
from receiver import Receiver
from scenario import Scenario

from streamer import BINARY, Streamer, run_once, total

PARTITIONS = (4, 4)
SESSION = {"kafka.session.timeout.ms": "6000", "transaction.timeout": "5s"}

Json = dict[str, Any]


class Instance(NamedTuple):
    streamer: Streamer
    url: str

    def all(self, path: str = "/v1/status") -> list[Json]:
        """What all instances answer, asked through this one; its own answer first."""
        status, answer = self.streamer.get(f"{path}?all=true")
        assert status == 200, answer
        Description(self.streamer.get("/v1/openapi.json")[1]).check(path, status, answer)
        own, *_ = instances = answer["instances"]
        assert own["self"] and own["url"] == self.url
        assert not any(other["self"] for other in instances[1:])
        return list(instances)


class Pair(NamedTuple):
    scenario: Scenario
    first: Instance
    second: Instance
    receiver: Receiver  # of their alerts: /first and /second


def prepare(scenario: Scenario, directory: Path) -> Instance:
    streamer = scenario.another(directory, {"http.peers": "127.0.0.1", "instance.id": ""})
    url = f"http://{streamer.settings['http.listen']}"
    streamer.configure({"http.advertised.url": url})
    return Instance(streamer, url)


def start(instance: Instance, webhook: str) -> None:
    instance.streamer.configure({"alert.webhook.url": webhook})
    instance.streamer.start()
    instance.streamer.wait_ready()


@pytest.fixture(scope="module")
def pair(broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two instances of an application, which know each other.

    The group gives partition 0 to the one whose URL is the lesser one; that is the first one.
    """
    directory = tmp_path_factory.mktemp("pair")
    with Receiver() as receiver, Scenario(broker, directory, PARTITIONS, SESSION) as scenario:
        both = [prepare(scenario, directory / name) for name in ("a", "b")]
        first, second = sorted(both, key=lambda instance: instance.url)
        try:
            start(first, f"{receiver.url}/first")
            start(second, f"{receiver.url}/second")
            yield Pair(scenario, first, second, receiver)
        finally:
            first.streamer.kill()
            second.streamer.kill()


def reached(instances: list[Json]) -> list[str | None]:
    return [i["url"] for i in instances if i["reached"]]


def covered(instances: list[Json]) -> list[int]:
    return sorted(p for i in instances for p in i["partitions"])


def both_answer(asked: Instance, other: Instance) -> list[Json]:
    """Until both have partitions and the group has told so."""

    def answers() -> list[Json] | None:
        instances = asked.all()
        shared = all(i["partitions"] for i in instances)
        return instances if reached(instances) == [asked.url, other.url] and shared else None

    return wait_until("with both instances", answers, asked.streamer.stderr)


def test_status__each_instance_answers_for_all(pair: Pair) -> None:
    for asked, other in ((pair.first, pair.second), (pair.second, pair.first)):
        instances = both_answer(asked, other)
        assert covered(instances) == [0, 1, 2, 3]
        for instance in instances:
            assert instance["error"] is None
            assert instance["answer"]["app"] == pair.scenario.app_id
        status, alone = asked.streamer.get("/v1/status")
        assert status == 200
        assert "instances" not in alone and alone.keys() == instances[0]["answer"].keys()
        assert asked.streamer.get("/v1/status?all=true&forwarded=1")[1].keys() == alone.keys()
        shown = run_once("quality", "--url", asked.url)
        assert shown.returncode == 0
        heads = [line for line in shown.stdout.splitlines() if line.startswith("http")]
        assert [asked.url, other.url] == [head.split(",")[0] for head in heads]


def test_status__what_one_of_two_instances_answers_is_described(pair: Pair, tmp_path: Path) -> None:
    """Redirects to the other one, and what both say, among it."""
    both_answer(pair.first, pair.second)
    every_request_gets_a_described_answer(pair.first.url, tmp_path, 3)


def test_status__one_of_two_instances_tells_of_a_topic_without_records(pair: Pair) -> None:
    """The one that has partition 0, and once; each of them has found it, as its log says."""
    assert 0 in both_answer(pair.first, pair.second)[0]["partitions"]
    checks = ["source.freshness.accounts", "source.freshness.customers"]
    for instance in (pair.first, pair.second):
        log = instance.streamer.stderr
        wait_until(
            "finding it",
            lambda log=log: all(
                f"check={check} status=warn" in log.read_text() for check in checks
            ),
            log,
        )

    def told(path: str) -> list[str]:
        return sorted(request.body["check"] for request in pair.receiver.requests(path))

    wait_until("telling it", lambda: told("/first") == checks, pair.first.streamer.stderr)
    assert told("/second") == []


@pytest.mark.parametrize("command", ["status", "quality", "freshness"])
@pytest.mark.parametrize("as_format", ["text", "json"])
def test_status__output_that_is_lost_is_an_error(pair: Pair, command: str, as_format: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*DIE_WITH_PARENT, BINARY, command, "--url", pair.first.url, "--format", as_format],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "cannot write to standard output" in done.stderr


def test_status__an_instance_that_does_not_answer_is_named(pair: Pair) -> None:
    """Frozen, it is waited for a few seconds; killed, it is named until the group gives its
    partitions to the other instance."""
    both_answer(pair.first, pair.second)
    pair.second.streamer.freeze()
    frozen = pair.first.all()
    pair.second.streamer.kill()
    killed = pair.first.all()
    shown = run_once("quality", "--url", pair.first.url)
    assert shown.returncode == 1
    assert f"NOT REACHED {pair.second.url}, partitions " in shown.stdout
    for instances in (frozen, killed):
        assert reached(instances) == [pair.first.url]
        _, other = instances
        assert other["url"] == pair.second.url and other["answer"] is None
        assert other["error"].startswith("it does not answer: ")
        assert covered(instances) == [0, 1, 2, 3]

    wait_alone(pair.first)


def wait_alone(instance: Instance) -> None:
    """Until the group has given it all partitions."""

    def is_alone() -> bool:
        instances = instance.all()
        assert covered(instances) == [0, 1, 2, 3]
        return len(instances) == 1

    wait_until("alone", is_alone, instance.streamer.stderr)


# --- the status

# Of the contract's shape: what the page and the command rely on.
MEMBERS = {
    *("timestamp", "app", "instance", "version", "uptime_seconds", "ready", "reason", "since"),
    *("problems", "unreachable_brokers", "waiting", "nodes", "edges", "tasks", "tasks_total"),
    *("inputs", "quarantine", "quality", "state"),
}
NODES = {
    *("customers", "accounts", "staging.customers", "staging.accounts", "quarantine"),
    *("customer_history", "account_history", "account_with_customer"),
    *("account_summary", "customer_profile"),
}


def status_of(streamer: Streamer, query: str = "") -> Json:
    code, answer = streamer.get(f"/v1/status{query}")
    assert code == 200
    return dict(answer)


def records(status: Json) -> dict[str, int]:
    return {node["id"]: node["records"] for node in status["nodes"]}


def test_status__what_a_user_sees_of_good_and_bad_records(
    broker: KafkaBroker, tmp_path: Path
) -> None:
    """The counts are the model's, and no value of a record is shown unless it may be."""
    now = int(time.time() * 1000)
    bad = [
        Input(
            "accounts",
            1,
            b"B%d" % i,
            b'{"account_id": "B%d", "customer_id": 1, '
            b'"balance": "-77.%02d", "account_type": "savings"}' % (i, i),
            now,
            (),
            "",
            "",
        )
        for i in range(12)
    ]
    with Scenario(broker, tmp_path, (2, 2)) as scenario:
        streamer = scenario.streamer
        scenario.fed.feed([customer(1, now), account("A1", now), account("A2", now), *bad])
        streamer.start()
        streamer.wait_ready()
        scenario.wait_drained()
        wait_told(streamer)
        streamer.wait_lag_zero()
        status = status_of(streamer)
        assert status.keys() == MEMBERS
        assert status["ready"] and status["reason"] == "running" and status["problems"] == []
        assert {t["phase"] for t in status["tasks"]} == {"running"} and status["tasks_total"] == 2
        expected = {
            "customers": 1,
            "accounts": 14,
            "staging.accounts": 14,
            "quarantine": 12,
            "customer_history": 1,
            "account_history": 2,
            "account_summary": 2,
        }
        assert records(status).keys() == NODES
        assert expected.items() <= records(status).items()
        assert {i["lag_records"] for i in status["inputs"]} == {0}
        quarantine = status["quarantine"]
        code = {"entity": "accounts", "code": "invalid_balance", "records": 12}
        assert (quarantine["total"], quarantine["by_code"]) == (12, [code])
        samples = quarantine["newest"]
        assert len(samples) == 10  # of any of them: they lie in two partitions
        assert {s["id"] for s in samples} < {f"B{i}" for i in range(12)}
        assert {(s["partition"], s["topic"]) for s in samples} == {(1, scenario.names["accounts"])}
        assert [s["at"] for s in samples] == sorted((s["at"] for s in samples), reverse=True)
        assert {s["reason"] for s in samples} == {"Invalid balance: negative value (***)"}
        assert "-77" not in json.dumps(status)

        settings = ["-c", str(streamer.properties)]
        shown = run_once("status", *settings)
        assert shown.returncode == 0 and "\x1b" not in shown.stdout
        assert "quarantine  12: accounts invalid_balance 12\n" in shown.stdout
        as_json = json.loads(run_once("status", *settings, "--format", "json").stdout)
        assert as_json["instances"][0]["answer"].keys() == MEMBERS
        assert records(status_of(streamer, "?history=false")) == records(status)
        history = status_of(streamer, "?history=true")["history"]
        assert {len(series) for series in history["series"].values()} == {360}

        streamer.stop()
        streamer.configure({"http.show.values": "true"})
        streamer.start()
        streamer.wait_ready()
        scenario.fed.feed([bad[5]])
        scenario.wait_drained()
        (sample,) = wait_until(
            "showing the record",
            lambda: status_of(streamer)["quarantine"]["newest"],
            streamer.stderr,
        )
        assert sample["reason"] == "Invalid balance: negative value (-77.05)"


def ask(command: str, *arguments: str) -> tuple[int, Json, str]:
    """What a command gives as JSON of the only instance, with its exit code and what it says."""
    done = run_once(command, *arguments, "--format", "json")
    (instance,) = json.loads(done.stdout)["instances"] if done.stdout else ({"answer": None},)
    return done.returncode, instance["answer"], done.stderr


def test_status__brokers_that_are_not_there(tmp_path: Path) -> None:
    """An instance that waits for them says so, in words, before anything else works; to those who
    have the token."""
    (port,) = free_ports(1)
    token = tmp_path / "token"
    token.write_text("the-token\n")
    settings = {"kafka.bootstrap.servers": f"127.0.0.1:{port}", "http.token.file": str(token)}
    with Streamer(tmp_path, settings) as streamer:
        configured = ["-c", str(streamer.properties)]
        url = f"http://{streamer.settings['http.listen']}"

        def lost() -> Json | None:
            code, status, _ = ask("status", *configured)
            assert code == 1
            return status if status and status["unreachable_brokers"] else None

        status = wait_until("missing the broker", lost, streamer.stderr)
        assert status.keys() == MEMBERS and not status["ready"]
        texts = {p["subject"]: p["text"] for p in status["problems"]}
        assert texts["brokers"] == f"broker 127.0.0.1:{port} cannot be reached"
        assert texts["readiness"].startswith("not ready: ")
        code, told, _ = ask("freshness", *configured)
        assert code == 1 and {i["status"] for i in told["inputs"]} == {"runtime error"}
        shown = run_once("status", *configured)
        assert shown.returncode == 1
        assert f"broker 127.0.0.1:{port} cannot be reached" in shown.stdout
        for command in ("status", "freshness"):
            code, _, error = ask(command, "--url", url)
            assert code == 1 and f"{url}: status 401: the token is missing or wrong" in error


def test_status__watched_at_a_terminal(pair: Pair) -> None:
    """Again and again, with colours, until a signal."""
    main, follower = pty.openpty()
    command = [str(BINARY), "status", "--watch", "--url", pair.first.url]
    watching = subprocess.Popen(
        [*DIE_WITH_PARENT, *command],
        stdout=follower,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": ""},
    )
    os.close(follower)
    try:
        seen = b""
        while seen.count(b"\x1b[H\x1b[2J") < 2:
            seen += os.read(main, 4096)
    finally:
        watching.terminate()
        watching.wait(60)
        os.close(main)
    assert b"\x1b[1minstance\x1b[0m" in seen and pair.first.url.encode() in seen


# --- freshness

HOUR_MS = 3_600_000


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def customer(id_: int, at_ms: int) -> Input:
    value = json.dumps({"customer_id": id_, "name": "ann", "has_loan": "no"}).encode()
    return Input("customers", 0, str(id_).encode(), value, at_ms, (), "", "")


def account(id_: str, at_ms: int) -> Input:
    value = {"account_id": id_, "customer_id": 1, "balance": "5", "account_type": "savings"}
    return Input("accounts", 0, id_.encode(), json.dumps(value).encode(), at_ms, (), "", "")


def freshness(streamer: Streamer) -> dict[str, Json]:
    status, answer = streamer.get("/v1/freshness")
    assert status == 200
    return {i["entity"]: i for i in answer["inputs"]}


def told(streamer: Streamer) -> dict[str, Json] | None:
    """The freshness, if the brokers have told it."""
    inputs = freshness(streamer)
    return None if any(i["status"] == "runtime error" for i in inputs.values()) else inputs


def wait_told(streamer: Streamer) -> dict[str, Json]:
    return wait_until("telling the freshness", lambda: told(streamer), streamer.stderr)


def test_status__a_dead_feed_shows_after_a_restart(broker: KafkaBroker, tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    old, very_old = now - 26 * HOUR_MS, now - 50 * HOUR_MS
    with Receiver() as receiver, Scenario(broker, tmp_path, (2, 2)) as scenario:
        streamer = scenario.streamer
        streamer.configure({"alert.webhook.url": f"{receiver.url}/"})
        scenario.fed.feed([account("A1", very_old), account("A2", old), customer(1, very_old)])
        streamer.start()
        streamer.wait_ready()
        scenario.wait_drained()
        before = wait_told(streamer)
        wait_until("telling it", lambda: len(receiver.requests("/")) == 2, streamer.stderr)
        streamer.stop()
        streamer.start()  # nothing is left to be read
        streamer.wait_ready()
        after = wait_told(streamer)
        for inputs in (before, after):
            accounts, customers = inputs["accounts"], inputs["customers"]
            assert accounts["topic"] == scenario.names["accounts"]
            assert (accounts["status"], accounts["newest_record_at"]) == ("warn", iso(old))
            assert accounts["since"] == iso(old + 24 * HOUR_MS)
            assert accounts["message"] == "accounts: no record for 26 h"
            assert (customers["status"], customers["newest_record_at"]) == ("error", iso(very_old))
            assert customers["since"] == iso(very_old + 48 * HOUR_MS)
            assert customers["message"] == "customers: no record for 2 d"
        metric = "streamer_newest_record_timestamp_seconds"
        assert total(streamer.metrics(), metric, entity="accounts") == old / 1000
        url = f"http://{streamer.settings['http.listen']}"
        shown = run_once("freshness", "--url", url)
        assert shown.returncode == 1
        assert f"WARN          accounts   newest record {iso(old)}, 26 h ago" in shown.stdout
        assert f"ERROR         customers  newest record {iso(very_old)}, 2 d ago" in shown.stdout

        scenario.fed.feed([account("A1", now), customer(1, now)])
        wait_until(
            "fresh",
            lambda: {i["status"] for i in freshness(streamer).values()} == {"pass"},
            streamer.stderr,
        )
        assert {i["since"] for i in freshness(streamer).values()} == {iso(now)}
        assert run_once("freshness", "-c", str(streamer.properties)).returncode == 0
        # The second process knows what the first one has told.
        wait_until("telling the end", lambda: len(receiver.requests("/")) == 4, streamer.stderr)
        alerts = [
            (r.body["check"].rsplit(".")[-1], r.body["status"]) for r in receiver.requests("/")
        ]
        assert sorted(alerts[:2]) == [("accounts", "warn"), ("customers", "fail")]
        assert sorted(alerts[2:]) == [("accounts", "pass"), ("customers", "pass")]


def test_status__an_empty_topic_and_nobody_there(pair: Pair) -> None:
    """Runs last: the second instance is gone."""
    inputs = wait_told(pair.first.streamer)
    for entity, found in inputs.items():
        assert (found["status"], found["newest_record_at"]) == ("warn", None)
        assert (found["age_seconds"], found["message"]) == (
            None,
            f"{entity}: the topic has no record",
        )
    wait_alone(pair.first)
    answered = run_once("freshness", "--url", pair.first.url, "--format", "json")
    assert answered.returncode == 0
    (instance,) = json.loads(answered.stdout)["instances"]
    assert {i["entity"] for i in instance["answer"]["inputs"]} == {"customers", "accounts"}
    nobody = run_once("freshness", "--url", pair.second.url)
    assert (nobody.returncode, nobody.stdout) == (1, "")
    assert nobody.stderr.startswith(f"streamer: GET {pair.second.url}: ")
    for wrong in ("nonsense", "ftp://127.0.0.1", "http://127.0.0.1/path"):
        assert run_once("freshness", "--url", wrong).returncode == 2
