"""The schema registry, as the program asks it: settings, logins, TLS, outages, the command
schemas."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import confluent_kafka
import pytest
from kafka import ROOT
from logins import Authority
from process import free_ports, wait_until
from registry import Registry, Schema, basic
from streamer import EmbeddedStreamer, run_once, total

NAMES = (
    "customer_history",
    "account_history",
    "account_with_customer",
    "account_summary",
    "customer_profile",
)


def our_text(name: str) -> str:
    return (ROOT / "schemas" / f"{name}.avsc").read_text()


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


def sets(**settings: str) -> list[str]:
    """--set for each; __ stands for a dot."""
    return [
        word
        for key, value in settings.items()
        for word in ("--set", f"{key.replace('__', '.')}={value}")
    ]


def assert_ours_are_there(registry: Registry) -> None:
    for i, name in enumerate(NAMES):
        assert registry.store.subjects[f"{name}-value"] == [i + 1]
        assert registry.store.by_id(i + 1).text == our_text(name)


# --- the command schemas


def test_registry__schemas_are_shown_and_registered(registry: Registry) -> None:
    for name in NAMES:
        assert run_once("schemas", "show", name).stdout == our_text(name)
    url = sets(schema__registry__url=registry.url)
    before = run_once("schemas", *url).stdout.splitlines()
    assert before == [f"{n}: subject {n}-value has no schema yet" for n in NAMES]
    assert run_once("schemas", "check", *url).returncode == 0
    assert registry.store.subjects == {}
    done = [f"{n}: subject {n}-value has our schema, id {i + 1}" for i, n in enumerate(NAMES)]
    for command in ("register", "check", "register"):
        ended = run_once("schemas", command, *url)
        assert (ended.returncode, ended.stdout.splitlines()) == (0, done)
        assert_ours_are_there(registry)


def test_registry__check_tells_what_is_not_compatible(registry: Registry) -> None:
    """An older schema that ours cannot read, and one that it can."""
    mart = json.loads(our_text("account_summary"))
    del mart["fields"][0]  # ours has no default for it
    registry.register("account_summary-value", Schema(json.dumps(mart)))
    profile = json.loads(our_text("customer_profile"))
    profile["fields"].append({"name": "more", "type": "string"})
    registry.register("customer_profile-value", Schema(json.dumps(profile)))
    url = sets(schema__registry__url=registry.url)
    for command in ("check", "register"):
        ended = run_once("schemas", command, *url)
        assert ended.returncode == 1
        assert "subject account_summary-value does not take our schema" in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
        if command == "check":
            assert (
                "customer_profile: subject customer_profile-value has version 1, id 2, and would "
                "take our schema" in ended.stdout.splitlines()
            )
    assert len(registry.store.subjects["account_summary-value"]) == 1
    assert len(registry.store.subjects["customer_profile-value"]) == 2


def test_registry__wrong_words_and_settings() -> None:
    for words, part in (
        (("show", "customer_profil"), "did you mean customer_profile?"),
        (("check",), "set schema.registry.url"),
        (("register",), "set schema.registry.url"),
        (("forget",), "write streamer schemas [show NAME|register|check]"),
        (("show",), "show takes one name"),
    ):
        ended = run_once("schemas", *words)
        assert ended.returncode == 2
        assert part in ended.stderr
    ended = run_once("run", "--embedded", *sets(output__format="avro"))
    assert ended.returncode == 2
    assert "output.format: avro needs a schema registry" in ended.stderr


# --- logins and TLS


def test_registry__logins_from_settings_and_files(tmp_path: Path) -> None:
    login = tmp_path / "login"
    login.write_text("bank:s3cr:et\n")
    token = tmp_path / "token"
    token.write_text("t0ken\n")
    by_file = sets(schema__registry__basic__auth__user__info__file=str(login))
    with Registry(authorization=basic("bank:s3cr:et")) as registry:
        url = sets(schema__registry__url=registry.url)
        inline = sets(schema__registry__basic__auth__user__info="bank:s3cr:et")
        assert run_once("schemas", "register", *url, *inline).returncode == 0
        assert run_once("schemas", "check", *url, *by_file).returncode == 0
        for wrong in ([], sets(schema__registry__basic__auth__user__info="bank:wr0ng")):
            ended = run_once("schemas", "check", *url, *wrong)
            assert ended.returncode == 1
            assert "status 401: Unauthorized" in ended.stderr
            assert "wr0ng" not in ended.stderr
        shown = run_once("check", *url, *by_file, *sets(state__dir=str(tmp_path / "state")))
        assert shown.returncode == 0, shown.stderr
        assert "s3cr" not in shown.stdout + shown.stderr
    with Registry(authorization="Bearer t0ken") as registry:
        url = sets(schema__registry__url=registry.url)
        bearer = sets(schema__registry__bearer__token__file=str(token))
        assert run_once("schemas", "register", *url, *bearer).returncode == 0
        assert run_once("schemas", "check", *url, *by_file).returncode == 1


def test_registry__tls_with_a_client_certificate(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path / "bank"), Authority(tmp_path / "other")
    server, client = authority.issue("registry"), authority.issue("streamer")
    stranger = other.issue("stranger")
    ca = sets(schema__registry__ssl__ca__location=str(authority.certificate))

    def shown(pem: Path) -> list[str]:
        return sets(
            schema__registry__ssl__certificate__location=str(pem),
            schema__registry__ssl__key__location=str(pem),
        )

    with Registry(certificate=server, client_authority=authority.certificate) as registry:
        url = sets(schema__registry__url=registry.url)
        assert run_once("schemas", "register", *url, *ca, *shown(client)).returncode == 0
        assert_ours_are_there(registry)
        asked = len(registry.requests)
        for wrong in (
            [*ca],
            [*ca, *shown(stranger)],
            [*shown(client)],  # the system's authorities do not know the bank's
            [*sets(schema__registry__ssl__ca__location=str(other.certificate)), *shown(client)],
        ):
            ended = run_once("schemas", "check", *url, *wrong)
            assert ended.returncode == 1
            assert f"schema registry {registry.url}: POST /subjects/" in ended.stderr
        assert len(registry.requests) == asked


# --- run


def settings(registry_url: str) -> dict[str, str]:
    return {"schema.registry.url": registry_url, "output.format": "avro"}


def test_registry__a_start_only_finds(registry: Registry, tmp_path: Path) -> None:
    found_only = settings(registry.url) | {"schema.registry.auto.register": "false"}
    with EmbeddedStreamer(tmp_path, found_only) as streamer:
        assert streamer.wait_exit() == 1
        assert "subject customer_history-value does not have our schema" in (
            streamer.stderr.read_text()
        )
        assert registry.store.subjects == {}


def test_registry__a_start_waits_for_it_and_registers_what_is_missing(
    registry: Registry, tmp_path: Path
) -> None:
    """Of its two URLs the first is dead."""
    (nobody,) = free_ports(1)
    streamer = EmbeddedStreamer(tmp_path, settings(f"http://127.0.0.1:{nobody},{registry.url}"))

    def says_so() -> bool:
        try:
            status, reply = streamer.get("/readyz")
        except OSError:
            return False
        return status == 503 and registry.url in reply["reason"]

    registry.fault = 429
    with streamer:
        wait_until("naming the registry", says_so, streamer.stderr, streamer.process)
        assert streamer.get("/healthz")[0] == 200
        registry.fault = None
        streamer.wait_ready()
        assert_ours_are_there(registry)
        metrics = streamer.metrics()
        asked = "streamer_registry_requests_total"
        assert total(metrics, asked, result="ok") == len(NAMES)
        assert total(metrics, asked, result="unavailable") >= 2
        assert total(metrics, asked) > len(registry.requests)
        assert_check_asks(streamer, tmp_path)
        streamer.stop()


def assert_check_asks(streamer: EmbeddedStreamer, directory: Path) -> None:
    """`check --connect` says what a registry holds, and registers nothing."""
    command = (
        "check",
        "--connect",
        *sets(
            kafka__bootstrap__servers=streamer.bootstrap(),
            state__dir=str(directory / "state"),
            app__id=streamer.app_id,
        ),
    )
    with Registry() as registry:
        url = sets(schema__registry__url=registry.url)
        shown = run_once(*command, *url).stdout
        assert f"schema registry {registry.url}\nit answers\n" in shown
        shown = run_once(*command, *url, *sets(output__format="avro")).stdout
        assert "customer_history: subject customer_history-value has no schema yet" in shown
        assert registry.store.subjects == {}
        found_only = sets(output__format="avro", schema__registry__auto__register="false")
        ended = run_once(*command, *url, *found_only)
        assert ended.returncode == 1
        assert "subject customer_profile-value does not have our schema" in ended.stderr
        registry.fault = 503
        for format in ("json", "avro"):
            ended = run_once(*command, *url, *sets(output__format=format))
            assert ended.returncode == 1
            (said,) = [x for x in ended.stderr.splitlines() if "schema registry" in x]
            assert "status 503" in said


def test_registry__an_outage_ends_with_retry_timeout(registry: Registry, tmp_path: Path) -> None:
    limited = settings(registry.url) | {"retry.timeout": "1s"}
    registry.fault = 503
    with EmbeddedStreamer(tmp_path, limited) as streamer:
        assert streamer.wait_exit() == 1
        last = streamer.stderr.read_text().splitlines()[-1]
        assert "gave up after 1 s of trying again (retry.timeout)" in last
        assert registry.url in last


def test_registry__a_stop_does_not_wait_for_it(registry: Registry, tmp_path: Path) -> None:
    registry.fault = 503
    with EmbeddedStreamer(tmp_path, settings(registry.url)) as streamer:
        wait_until("asking", lambda: registry.requests, streamer.stderr, streamer.process)
        streamer.stop()


def test_registry__an_incompatible_one_stops_the_start(registry: Registry, tmp_path: Path) -> None:
    registry.register("account_summary-value", Schema('"string"'))
    with EmbeddedStreamer(tmp_path, settings(registry.url)) as streamer:
        assert streamer.wait_exit() == 1
        last = streamer.stderr.read_text().splitlines()[-1]
        assert "subject account_summary-value does not take our schema" in last


# --- records that wait for it

CUSTOMER = Schema(
    """{"type": "record", "name": "customer", "fields": [
    {"name": "customer_id", "type": "long"}, {"name": "customer_name", "type": "string"},
    {"name": "has_loan", "type": "boolean"}]}"""
)


def framed_customer(schema_id: int, customer_id: int) -> bytes:
    """By hand, as the specification of Avro has it: zigzag, length and text, a byte."""
    row = bytes([customer_id * 2]) + bytes([3 * 2]) + b"Ada" + b"\x01"
    return b"\x00" + schema_id.to_bytes(4, "big") + row


def produce(streamer: EmbeddedStreamer, topic: str, partition: int, value: bytes) -> None:
    producer = confluent_kafka.Producer({"bootstrap.servers": streamer.bootstrap()})
    producer.produce(topic, value, partition=partition)
    assert producer.flush(60) == 0


def applied(streamer: EmbeddedStreamer, entity: str) -> float:
    return total(streamer.metrics(), "streamer_records_applied_total", entity=entity)


def test_registry__an_outage_delays_and_quarantines_nothing(
    registry: Registry, tmp_path: Path
) -> None:
    """Another partition goes on; health says what is waited for, and since when."""
    schema_id = registry.register("customers-value", CUSTOMER)
    with EmbeddedStreamer(tmp_path, {"schema.registry.url": registry.url}) as streamer:
        streamer.wait_ready()
        registry.fault = 503
        produce(streamer, "customers", 0, framed_customer(schema_id, 7))

        def waits() -> bool:
            status, reply = streamer.get("/readyz")
            return status == 503 and registry.url in reply["reason"]

        wait_until("waiting", waits, streamer.stderr, streamer.process)
        reply = streamer.get("/readyz")[1]
        assert not reply["ready"]
        assert "status 503" in reply["reason"]
        assert reply["restore_remaining_records"] == 0
        since = datetime.fromisoformat(reply["since"])
        assert abs(datetime.now(UTC) - since) < timedelta(minutes=10)
        account = b'{"account_id":"A","customer_id":7,"balance":"1","account_type":"Savings"}'
        produce(streamer, "accounts", 1, account)
        wait_until(
            "applying the account",
            lambda: applied(streamer, "accounts") == 1,
            streamer.stderr,
            streamer.process,
        )
        assert applied(streamer, "customers") == 0
        registry.fault = None
        streamer.wait_ready()
        wait_until(
            "applying the customer",
            lambda: applied(streamer, "customers") == 1,
            streamer.stderr,
            streamer.process,
        )
        metrics = streamer.metrics()
        assert total(metrics, "streamer_records_quarantined_total") == 0
        assert total(metrics, "streamer_registry_requests_total", result="unavailable") > 0
        assert streamer.get("/v1/customers/7")[1]["customer_name"] == "ada"
        produce(streamer, "customers", 0, framed_customer(schema_id + 1, 8))  # unknown
        wait_until(
            "quarantining",
            lambda: total(
                streamer.metrics(), "streamer_records_quarantined_total", code="unknown_schema"
            ),
            streamer.stderr,
            streamer.process,
        )
        streamer.stop()


def test_registry__an_outage_while_it_runs_ends_with_retry_timeout(
    registry: Registry, tmp_path: Path
) -> None:
    schema_id = registry.register("customers-value", CUSTOMER)
    limited = {"schema.registry.url": registry.url, "retry.timeout": "1s"}
    with EmbeddedStreamer(tmp_path, limited) as streamer:
        streamer.wait_ready()
        registry.fault = 503
        produce(streamer, "customers", 0, framed_customer(schema_id, 7))
        assert streamer.wait_exit() == 1
        last = streamer.stderr.read_text().splitlines()[-1]
        assert "gave up after retry.timeout: schema registry" in last
        assert "status 503" in last
