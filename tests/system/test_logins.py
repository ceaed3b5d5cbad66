"""TLS, client certificates and SASL on a real broker: who may come in does, and who may not is told
why, at once."""

import base64
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from logins import (
    CLIENT_ID,
    CLIENT_SECRET,
    KEY_PASSWORD,
    PASSWORD,
    PRINCIPAL,
    USERS,
    Doorman,
    GuardedBroker,
)
from process import DIE_WITH_PARENT, free_ports, tail, wait_until
from scenario import Scenario, load
from streamer import BINARY, Streamer, environment, run_once

PARTITIONS = (2, 2)
MECHANISMS = [user.upper() for user in USERS]

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    with GuardedBroker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


def tls(broker: GuardedBroker, listener: str) -> dict[str, str]:
    return {
        "kafka.bootstrap.servers": broker.addresses[listener],
        "kafka.security.protocol": "SSL",
        "kafka.ssl.ca.location": str(broker.authority.certificate),
    }


def mtls(broker: GuardedBroker, password: str = KEY_PASSWORD) -> dict[str, str]:
    """With a key that is encrypted."""
    return {
        **tls(broker, "MTLS"),
        "kafka.ssl.certificate.location": str(broker.authority.issue("client")),
        "kafka.ssl.key.location": str(broker.authority.encrypted_key("client")),
        "kafka.ssl.key.password.file": broker.secret_file(password),
    }


def sasl(broker: GuardedBroker, mechanism: str, password: str = PASSWORD) -> dict[str, str]:
    return {
        **tls(broker, "SASL"),
        "kafka.security.protocol": "SASL_SSL",
        "kafka.sasl.mechanism": mechanism,
        "kafka.sasl.username": mechanism.lower(),
        "kafka.sasl.password.file": broker.secret_file(password),
    }


def bearer(broker: GuardedBroker, secret: str = CLIENT_SECRET) -> dict[str, str]:
    return {
        **tls(broker, "SASL"),
        "kafka.security.protocol": "SASL_SSL",
        "kafka.sasl.mechanism": "OAUTHBEARER",
        "kafka.sasl.oauthbearer.method": "oidc",
        "kafka.sasl.oauthbearer.token.endpoint.url": broker.tokens.token_url,
        "kafka.sasl.oauthbearer.client.id": CLIENT_ID,
        "kafka.sasl.oauthbearer.client.secret.file": broker.secret_file(secret),
    }


def kerberos(broker: GuardedBroker) -> dict[str, str]:
    return {
        **tls(broker, "SASL"),
        "kafka.security.protocol": "SASL_SSL",
        "kafka.sasl.mechanism": "GSSAPI",
        "kafka.sasl.kerberos.principal": PRINCIPAL,
        "kafka.sasl.kerberos.keytab": str(broker.realm.keytab),
    }


@pytest.fixture(autouse=True)
def kerberos_environment(
    guarded: GuardedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The realm, and tickets of its own for each test."""
    monkeypatch.setenv("KRB5_CONFIG", str(guarded.realm.config))
    monkeypatch.setenv("KRB5CCNAME", f"FILE:{tmp_path}/tickets")


def good_login(broker: GuardedBroker, name: str) -> dict[str, str]:
    match name:
        case "TLS":
            return tls(broker, "TLS")
        case "MTLS":
            return mtls(broker)
        case "unverified":
            stranger = str(broker.stranger.certificate)
            off = {
                "kafka.enable.ssl.certificate.verification": "false",
                "kafka.ssl.ca.location": stranger,
            }
            return {**tls(broker, "ELSEWHERE"), **off}
        case "OAUTHBEARER":
            return bearer(broker)
        case "GSSAPI":
            return kerberos(broker)
    return sasl(broker, name)


def assert_no_secret(text: str) -> None:
    """Neither as it is nor as a login's message encodes it."""
    for secret in (PASSWORD, KEY_PASSWORD, CLIENT_SECRET, f"{CLIENT_ID}:{CLIENT_SECRET}"):
        assert secret not in text
        assert base64.b64encode(secret.encode()).decode() not in text
    assert "eyJ" not in text  # as tokens begin


def run_with(settings: Mapping[str, str], *command: str) -> Done:
    done = run_once(
        *command, *[part for k, v in settings.items() for part in ("--set", f"{k}={v}")]
    )
    assert_no_secret(done.stdout + done.stderr)
    return done


@pytest.mark.parametrize(
    "login", ["TLS", "MTLS", "unverified", "OAUTHBEARER", "GSSAPI", *MECHANISMS]
)
def test_logins__let_in(guarded: GuardedBroker, tmp_path: Path, login: str) -> None:
    """And no secret shows, not even where librdkafka tells all that it does."""
    settings = good_login(guarded, login)
    told = run_with({**settings, "kafka.debug": "all", "log.level": "debug"}, "check", "--connect")
    assert told.returncode == 0, told
    assert "facility=CONF" in told.stderr
    with Scenario(guarded, tmp_path, PARTITIONS, settings) as s:
        s.fed.feed(load(100, PARTITIONS, "keyed", large=False))
        s.streamer.start()
        s.wait_drained()
        s.check()
        for shown in ("cmdline", "environ"):
            assert_no_secret(Path(f"/proc/{s.streamer.pid}/{shown}").read_text())
        for path in ("/metrics", "/readyz"):
            assert_no_secret(s.streamer.get_text(path)[1])
        s.streamer.stop()
        file = tmp_path / "customers.csv"
        file.write_text("customer_id,customer_name,has_loan\n1,Ada,yes\n")
        fed = run_with(
            {**settings, "topic.customers": s.names["customers"]}, "feed", "customers", str(file)
        )
        assert fed.returncode == 0, fed
        assert_no_secret(s.streamer.stderr.read_text())


def wrong(broker: GuardedBroker, what: str) -> tuple[dict[str, str], str, int]:
    """Settings with one mistake, what the message must say, and the exit code."""
    stranger = str(broker.stranger.certificate)
    good = tls(broker, "TLS")
    match what:
        case "authority":
            return (
                {**good, "kafka.ssl.ca.location": stranger},
                "signed by nobody whom kafka.ssl.ca.location holds",
                1,
            )
        case "expired certificate":
            return tls(broker, "EXPIRED"), "the broker's certificate has expired", 1
        case "host name":
            return tls(broker, "ELSEWHERE"), "the broker's certificate is of another host", 1
        case "no client certificate":
            return tls(broker, "MTLS"), "asks for a client certificate", 1
        case "stranger's client certificate":
            client = str(broker.stranger.issue("client"))
            files = {"kafka.ssl.certificate.location": client, "kafka.ssl.key.location": client}
            return (
                {**tls(broker, "MTLS"), **files},
                "asks for a client certificate and has got none, or one",
                1,
            )
        case "key password":
            return (
                mtls(broker, "wrong"),
                "check kafka.ssl.key.location and kafka.ssl.key.password",
                2,
            )
        case "client secret":
            return (
                bearer(broker, "wrong"),
                "the token server refuses the client, check kafka.sasl.oauthbearer.client.id",
                1,
            )
        case "token server":
            gone = {
                "kafka.sasl.oauthbearer.token.endpoint.url": "http://127.0.0.1:"
                f"{free_ports(1)[0]}/token"
            }
            return (
                {**bearer(broker), **gone},
                "the token server cannot be reached, check kafka.sasl.oauthbearer.token",
                1,
            )
        case "token path":
            other = {"kafka.sasl.oauthbearer.token.endpoint.url": broker.tokens.keys_url}
            return (
                {**bearer(broker), **other},
                "the token server answers with an error, check kafka.sasl.oauthbearer.token",
                1,
            )
        case "keytab":
            other = {"kafka.sasl.kerberos.keytab": str(broker.realm.broker_keytab)}
            return (
                {**kerberos(broker), **other},
                "check kafka.sasl.kerberos.keytab, kafka.sasl.kerberos.principal",
                1,
            )
        case "principal":
            return (
                {**kerberos(broker), "kafka.sasl.kerberos.principal": "nobody"},
                "kinit gets no Kerberos ticket and says why",
                1,
            )
        case "service":
            return (
                {**kerberos(broker), "kafka.sasl.kerberos.service.name": "kafak"},
                "check kafka.sasl.kerberos.service.name",
                1,
            )
        case "no kinit":
            return (
                {**kerberos(broker), "kafka.sasl.kerberos.kinit.cmd": "no-such-kinit"},
                "install krb5-user",
                1,
            )
        case "audience":
            return (
                {**bearer(broker), "kafka.sasl.oauthbearer.scope": "elsewhere"},
                "the broker refuses the token",
                1,
            )
    return (
        sasl(broker, what, "wrong"),
        "refuses the login, check kafka.sasl.mechanism, kafka.sasl.username and",
        1,
    )


WRONG = [
    *(
        "authority",
        "expired certificate",
        "host name",
        "no client certificate",
        "stranger's client certificate",
    ),
    *("keytab", "principal", "service", "no kinit"),
    *("key password", "client secret", "token server", "token path", "audience"),
    *MECHANISMS,
]


@pytest.mark.parametrize("what", WRONG)
@pytest.mark.parametrize("command", ["check", "run", "feed"])
def test_logins__kept_out(guarded: GuardedBroker, tmp_path: Path, command: str, what: str) -> None:
    """By a message of its own. A password is tried once: a few refused logins lock an account."""
    settings, says, code = wrong(guarded, what)
    door = Doorman(settings["kafka.bootstrap.servers"])
    tokens_before = guarded.tokens.asked_for
    settings = {**settings, "kafka.bootstrap.servers": door.address}
    if command == "run":
        streamer = Streamer(tmp_path, settings)
        streamer.start()
        assert streamer.wait_exit() == code, tail(streamer.stderr)
        said = streamer.stderr.read_text()
        assert_no_secret(said)
    else:
        file = tmp_path / "customers.csv"
        file.write_text("customer_id,customer_name,has_loan\n1,Ada,yes\n")
        done = run_with(
            settings,
            *(("check", "--connect") if command == "check" else ("feed", "customers", str(file))),
        )
        assert done.returncode == code, done
        said = done.stderr
    door.close()
    assert says in said
    if what in (*MECHANISMS, "audience"):
        assert door.connections == 1
    if what in ("client secret", "audience"):
        assert guarded.tokens.asked_for == tokens_before + 1


def test_logins__local_check_asks_nobody(guarded: GuardedBroker, tmp_path: Path) -> None:
    """Neither for a token nor for a ticket: the servers need not be there."""
    before = guarded.tokens.asked_for
    done = run_with(bearer(guarded, "wrong"), "check")
    assert done.returncode == 0, done
    assert guarded.tokens.asked_for == before
    called = tmp_path / "called"
    done = run_with(
        {**kerberos(guarded), "kafka.sasl.kerberos.kinit.cmd": f"touch {called}"}, "check"
    )
    assert done.returncode == 0, done
    assert not called.exists()


@pytest.mark.parametrize(("listener", "protocol"), [("TLS", "PLAINTEXT"), ("SASL", "SSL")])
def test_logins__another_protocol(guarded: GuardedBroker, listener: str, protocol: str) -> None:
    """The broker ends the connection and says nothing."""
    done = run_with(
        {**tls(guarded, listener), "kafka.security.protocol": protocol}, "check", "--connect"
    )
    assert done.returncode == 1
    assert "as when they ask for another kafka.security.protocol" in done.stderr


def again(broker: GuardedBroker, user: str) -> dict[str, str]:
    broker.set_password(user, PASSWORD)
    return {
        "kafka.bootstrap.servers": broker.doorman.address,
        "kafka.security.protocol": "SASL_PLAINTEXT",
        "kafka.sasl.mechanism": "SCRAM-SHA-512",
        "kafka.sasl.username": user,
        "kafka.sasl.password.file": broker.secret_file(PASSWORD),
    }


def test_logins__refused_while_running(guarded: GuardedBroker, tmp_path: Path) -> None:
    """A password that was changed: few tries, one clear line, and the end after retry.timeout."""
    settings = {**again(guarded, "changed"), "retry.timeout": "15s"}
    with Scenario(guarded, tmp_path, PARTITIONS, settings) as s:
        s.fed.feed(load(100, PARTITIONS, "keyed", large=False))
        s.streamer.start()
        s.wait_drained()
        guarded.set_password("changed", "another one")
        log = s.streamer.stderr
        wait_until("refused", lambda: "login refused" in log.read_text(), log)
        tries = guarded.doorman.connections
        status, ready = s.streamer.get("/readyz")
        assert status == 503
        assert "refuses the login" in ready["reason"] and "once a minute" in ready["reason"]
        assert s.streamer.wait_exit() == 1
        said = log.read_text()
        assert said.count("login refused") == 1
        assert (
            "gave up after" in said and "(retry.timeout): kafka: the broker 127.0.0.1 port" in said
        )
        assert_no_secret(said)
        assert guarded.doorman.connections <= tries + 1
        s.check()


def test_logins__refused_while_feeding(guarded: GuardedBroker, tmp_path: Path) -> None:
    """It ends at once: the rows that are left are not worth an account."""
    settings = {**again(guarded, "feeding"), "topic.customers": "fed.customers"}
    guarded.topic_create("fed.customers", 1)
    file = tmp_path / "customers.csv"
    file.write_text(
        "customer_id,customer_name,has_loan\n" + "".join(f"{i},Ada,yes\n" for i in range(5000))
    )
    sets = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    log = tmp_path / "stderr"
    with log.open("wb") as stderr:
        command = [
            *DIE_WITH_PARENT,
            str(BINARY),
            "feed",
            "--rate",
            "50",
            *sets,
            "customers",
            str(file),
        ]
        feed = subprocess.Popen(command, stdout=stderr, stderr=stderr, env=environment())
    wait_until("rows", lambda: sum(guarded.end_offsets("fed.customers").values()) > 0, log, feed)
    guarded.set_password("feeding", "another one")
    connections = guarded.doorman.connections
    assert feed.wait(120) == 1
    assert "a row could not be delivered: " in log.read_text()
    assert "SASL authentication error" in log.read_text()
    # The broker may end a connection whose login is late, and then refuses the next one.
    assert guarded.doorman.connections <= connections + 1


def member_ids(broker: GuardedBroker, group: str) -> set[str]:
    found = broker.admin.describe_consumer_groups([group])[group].result(60)
    return {member.member_id for member in found.members}


def test_logins__a_new_password_by_sighup(guarded: GuardedBroker, tmp_path: Path) -> None:
    """It is taken while the program runs, if the broker takes it; else all goes on with the old
    clients."""
    guarded.set_password("rotating", "first")
    login = {**sasl(guarded, "SCRAM-SHA-512", "first"), "kafka.sasl.username": "rotating"}
    secret = Path(login["kafka.sasl.password.file"])
    with Scenario(guarded, tmp_path, PARTITIONS, login) as s:
        records = load(300, PARTITIONS, "keyed", large=False)
        s.fed.feed(records[:100])
        s.streamer.start()
        s.wait_drained()
        old = member_ids(guarded, s.app_id)
        secret.write_text("wrong\n")
        line = s.streamer.reload()
        assert "level=error" in line and "stay as they were" in line and "refuses the login" in line
        s.fed.feed(records[100:200])
        s.wait_drained()
        assert member_ids(guarded, s.app_id) == old
        guarded.set_password("rotating", "second")
        secret.write_text("second\n")
        assert "are read again" in s.streamer.reload()
        s.fed.feed(records[200:])
        s.wait_drained()
        assert not old & member_ids(guarded, s.app_id)
        s.check()
        s.streamer.stop()
        assert "second" not in s.streamer.stderr.read_text()


def test_logins__a_refused_login_is_mended_by_sighup(
    guarded: GuardedBroker, tmp_path: Path
) -> None:
    """The new password is not kept waiting for the minute that the old one has to wait."""
    with Scenario(guarded, tmp_path, PARTITIONS, again(guarded, "mended")) as s:
        records = load(200, PARTITIONS, "keyed", large=False)
        s.fed.feed(records[:100])
        s.streamer.start()
        s.wait_drained()
        guarded.set_password("mended", "another one")
        log = s.streamer.stderr
        wait_until("refused", lambda: "login refused" in log.read_text(), log)
        s.streamer.configure({"kafka.sasl.password.file": guarded.secret_file("another one")})
        assert "are read again" in s.streamer.reload()
        s.fed.feed(records[100:])
        s.wait_drained()
        assert log.read_text().count("login refused") == 1
        s.check()


def test_logins__a_new_certificate_by_sighup(guarded: GuardedBroker, tmp_path: Path) -> None:
    """Its file is read again."""
    certificate = tmp_path / "client.pem"
    shutil.copy(guarded.authority.issue("client"), certificate)
    files = {
        "kafka.ssl.certificate.location": str(certificate),
        "kafka.ssl.key.location": str(certificate),
    }
    with Scenario(guarded, tmp_path, PARTITIONS, {**tls(guarded, "MTLS"), **files}) as s:
        s.streamer.start()
        s.streamer.wait_ready()
        old = member_ids(guarded, s.app_id)
        shutil.copy(guarded.stranger.issue("client"), certificate)
        assert (
            "asks for a client certificate and has got none, or one that it does not trust"
            in s.streamer.reload()
        )
        shutil.copy(guarded.authority.issue("next"), certificate)
        assert "are read again" in s.streamer.reload()
        s.streamer.wait_ready()
        assert not old & member_ids(guarded, s.app_id)
        os.kill(s.streamer.pid, signal.SIGHUP)
        s.streamer.stop()  # in good order, also while it reads them again
