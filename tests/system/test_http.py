"""Who may ask over HTTP, over TLS, and through whichever instance."""

import json
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from kafka import KafkaBroker
from logins import Authority
from process import free_ports, wait_until
from scenario import Scenario, load
from streamer import EmbeddedStreamer, Streamer, parse_metrics, run_once, total

TOKEN = "a-token.of_the~bank+/="
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: object) -> None:
        return None


def ask(
    url: str,
    headers: Mapping[str, str] | None = None,
    authority: Path | None = None,
    follow: bool = False,
) -> Answer:
    """The answer, whatever its status."""
    context = ssl.create_default_context(cafile=authority) if authority else None
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if context:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    if not follow:
        handlers.append(_NoRedirect())
    request = urllib.request.Request(url, headers=dict(headers or {}))
    try:
        reply = urllib.request.build_opener(*handlers).open(request, timeout=60)
    except urllib.error.HTTPError as e:
        reply = e
    with reply:
        return Answer(reply.status, dict(reply.headers.items()), reply.read().decode())


class Guarded(NamedTuple):
    url: str
    port: int
    authority: Path


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """An instance with a token and TLS, which could be reached from other machines."""
    directory = tmp_path_factory.mktemp("guarded")
    authority = Authority(directory / "authority")
    both = authority.issue("streamer")
    (directory / "token").write_text(f"{TOKEN}\n")
    (port,) = free_ports(1)
    settings = {
        "http.listen": f"0.0.0.0:{port}",
        "http.token.file": str(directory / "token"),
        "http.tls.certificate": str(both),
        "http.tls.key": str(both),
        "http.hosts": "streamer, *.bank.example",
        "http.advertised.url": "https://streamer-1.example.com:9464",
    }
    streamer = EmbeddedStreamer(directory / "streamer", settings)
    streamer.start()
    try:
        url = f"https://127.0.0.1:{port}"
        streamer._wait("ready", lambda: is_ready(url, authority.certificate))
        yield Guarded(url, port, authority.certificate)
        assert TOKEN not in streamer.stderr.read_text()
        streamer.stop()
    finally:
        streamer.kill()


def is_ready(url: str, authority: Path) -> bool:
    try:
        return ask(f"{url}/readyz", authority=authority).status == 200
    except OSError:
        return False


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/healthz", {}, 200),
        ("/readyz", {}, 200),
        ("/metrics", {}, 401),
        ("/metrics", BEARER, 200),
        ("/v1/customers/1", {}, 401),
        ("/v1/customers/1", {"Authorization": "Bearer wrong"}, 401),
        ("/v1/customers/1", BEARER, 404),
        ("/v1/customers/1?asof=2020-01-01", BEARER, 400),
        ("/healthz", {"Host": "streamer:9464"}, 200),
        ("/healthz", {"Host": "a.bank.example"}, 200),
        ("/healthz", {"Host": "streamer-1.example.com:9464"}, 200),
        ("/healthz", {"Host": "localhost"}, 200),
        ("/healthz", {"Host": "evil.example.com"}, 403),
    ],
)
def test_http__who_may_ask(
    guarded: Guarded, path: str, headers: dict[str, str], status: int
) -> None:
    assert ask(guarded.url + path, headers, guarded.authority).status == status


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_http__old_tls_is_refused(guarded: Guarded) -> None:
    context = ssl.create_default_context(cafile=guarded.authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("127.0.0.1", guarded.port)) as plain,
        pytest.raises(ssl.SSLError, match="EOF"),
    ):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.mark.parametrize("sent", [b"", b"GET /v1/customers/1 HTTP/1.1\r\nX-Slow: "])
def test_http__slow_connections_leave_room(guarded: Guarded, sent: bytes) -> None:
    """200 connections without a token do not keep the next one from being served."""
    with ExitStack() as held:
        for _ in range(200):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", guarded.port)))
            connection.sendall(sent)
        assert ask(f"{guarded.url}/healthz", authority=guarded.authority).status == 200


# --- files and settings


def check(tmp_path: Path, **settings: str) -> tuple[int, str]:
    arguments = [
        part
        for key, value in settings.items()
        for part in ("--set", f"{key.replace('_', '.')}={value}")
    ]
    done = run_once("check", *arguments)
    return done.returncode, done.stderr


def test_http__files_are_checked(tmp_path: Path) -> None:
    authority, token = Authority(tmp_path / "authority"), tmp_path / "token"
    one, other = str(authority.issue("one")), str(authority.issue("other"))
    token.write_text("a token\n")
    empty = tmp_path / "empty"
    empty.write_text("\n")
    cut = tmp_path / "cut"
    cut.write_bytes(b"a\0token\n")
    missing = str(tmp_path / "missing")
    certificate = tmp_path / "one.crt"
    certificate.write_text((tmp_path / "authority" / "one.crt").read_text())
    assert check(tmp_path, http_tls_certificate=one, http_tls_key=one) == (0, "")
    for settings, problem in (
        (
            {"http_token_file": missing},
            f"http.token.file={missing}: cannot be read: No such file or directory",
        ),
        ({"http_token_file": str(token)}, f"http.token.file={token}: holds no token"),
        ({"http_token_file": str(cut)}, f"http.token.file={cut}: is no text"),
        ({"http_token_file": str(empty)}, f"http.token.file={empty}: holds no token"),
        ({"http_tls_ca": missing}, f"http.tls.ca={missing}: cannot be read"),
        (
            {"alert_webhook_ssl_ca_location": missing},
            f"alert.webhook.ssl.ca.location={missing}: cannot be read",
        ),
        (
            {"openlineage_ssl_ca_location": missing},
            f"openlineage.ssl.ca.location={missing}: cannot be read",
        ),
        (
            {"http_tls_certificate": missing, "http_tls_key": one},
            f"http.tls.certificate={missing}: cannot be read",
        ),
        (
            {"http_tls_certificate": one, "http_tls_key": missing},
            f"http.tls.key={missing}: cannot be read",
        ),
        (
            {"http_tls_certificate": str(certificate), "http_tls_key": other},
            "not a certificate and its key in PEM",
        ),
        (
            {"http_tls_certificate": str(empty), "http_tls_key": one},
            "not a certificate and its key in PEM",
        ),
    ):
        code, stderr = check(tmp_path, **settings)
        assert (code, stderr.count("\n")) == (2, 1) and problem in stderr, stderr


def test_http__nothing_is_open_beyond_loopback_by_mistake(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    done = run_once("run", "--embedded", "--set", f"http.listen=0.0.0.0:{port}")
    assert done.returncode == 2
    assert (
        f"http.listen: 0.0.0.0:{port} is reachable from other machines; set http.token.file"
        in done.stderr
    )


# --- several instances


SESSION = {"kafka.session.timeout.ms": "6000", "transaction.timeout": "5s"}
PARTITIONS = (4, 4)


class Instance(NamedTuple):
    streamer: Streamer
    url: str
    authority: Path

    def ask(self, path: str) -> Answer:
        return ask(self.url + path, BEARER, self.authority)

    def is_ready(self) -> bool:
        return is_ready(self.url, self.authority)

    def has_partitions(self) -> bool:
        answer = self.ask("/metrics")
        return (
            answer.status == 200
            and total(parse_metrics(answer.body), "streamer_assigned_partitions") > 0
        )


class Bank:
    """Instances of one application, with TLS and a token; `ids` are the accounts with a summary."""

    def __init__(self, broker: KafkaBroker, directory: Path) -> None:
        self._authority = Authority(directory / "authority")
        self._both = str(self._authority.issue("streamer"))
        self._directory = directory
        (directory / "token").write_text(TOKEN)
        self.scenario = Scenario(broker, directory, PARTITIONS, {**SESSION, "instance.id": ""})
        self.ids: list[str] = []

    def start(self, name: str, forward: str, **settings: str) -> Instance:
        (port,) = free_ports(1)
        url = f"https://127.0.0.1:{port}"
        changes = {key.replace("_", "."): value for key, value in settings.items()}
        streamer = self.scenario.another(
            self._directory / name,
            {
                "http.listen": f"127.0.0.1:{port}",
                "http.advertised.url": url,
                "http.peers": "127.0.0.1",
                "http.forward": forward,
                "http.token.file": str(self._directory / "token"),
                "http.tls.certificate": self._both,
                "http.tls.key": self._both,
                "http.tls.ca": str(self._authority.certificate),
                **changes,
            },
        )
        streamer.start()
        instance = Instance(streamer, url, self._authority.certificate)
        wait_until("ready", instance.is_ready, streamer.stderr)
        return instance

    def wait_shared(self, *instances: Instance) -> None:
        for instance in instances:
            wait_until("sharing", instance.has_partitions, instance.streamer.stderr)
            wait_until("ready", instance.is_ready, instance.streamer.stderr)

    def feed(self, instance: Instance) -> None:
        self.scenario.fed.feed(load(600, PARTITIONS, "keyed", large=False))
        self.scenario.wait_drained(instance.streamer)
        self.ids = sorted(self.scenario.fed.model.expected()["account_summary"])
        assert self.ids

    def path(self, account: str) -> str:
        return f"/v1/account_summary/{quote(account, safe='')}"

    def row_of(self, answer: Answer) -> dict[str, Any]:
        row: dict[str, Any] = json.loads(answer.body)
        del row["calculated_at"]
        return row

    def is_right(self, account: str, answer: Answer) -> bool:
        return (
            answer.status == 200
            and self.row_of(answer)
            == self.scenario.fed.model.expected()["account_summary"][account]
        )


def is_later(answer: Answer) -> bool:
    return answer.status == 503 and answer.headers["Retry-After"] == "1"


def test_http__instances_answer_for_each_other(broker: KafkaBroker, tmp_path: Path) -> None:
    bank = Bank(broker, tmp_path)
    with bank.scenario:
        redirecting = bank.start("redirecting", "redirect", kafka_client_id="the-bank")
        proxying = bank.start("proxying", "proxy")
        try:
            bank.wait_shared(redirecting, proxying)
            bank.feed(proxying)
            redirects_lead_to_the_owner(bank, redirecting, proxying)
            answers_come_through(bank, redirecting, proxying)
            new_clients_ask_on(bank, redirecting, proxying)
            the_owner_is_killed(bank, redirecting, proxying)
            who_is_not_believed_is_not_asked(bank, proxying)
            who_is_frozen_holds_nobody_up(bank, proxying)
            assert (
                TOKEN
                not in redirecting.streamer.stderr.read_text()
                + proxying.streamer.stderr.read_text()
            )
        finally:
            redirecting.streamer.kill()
            proxying.streamer.kill()


def theirs(bank: Bank, asked: Instance) -> list[str]:
    """The accounts that the instance does not have itself."""
    return [id_ for id_ in bank.ids if is_later(asked.ask(f"{bank.path(id_)}?forwarded=1"))]


def redirects_lead_to_the_owner(bank: Bank, redirecting: Instance, proxying: Instance) -> None:
    accounts = theirs(bank, redirecting)
    assert 0 < len(accounts) < len(bank.ids)
    path = f"/v1/accounts/{quote(accounts[0], safe='')}"
    wait_until(
        "redirecting", lambda: redirecting.ask(path).status == 307, redirecting.streamer.stderr
    )
    for id_ in bank.ids:
        answer = redirecting.ask(bank.path(id_))
        if id_ in accounts:
            assert answer.status == 307
            assert answer.headers["Location"] == f"{proxying.url}{bank.path(id_)}?forwarded=1"
            answer = ask(answer.headers["Location"], BEARER, redirecting.authority)
        assert bank.is_right(id_, answer), answer
    for target in (f"{path}?as_of=2024-03-01T13%3A00%2B01%3A00", f"{path}/history"):
        location = redirecting.ask(target).headers["Location"]
        assert location == f"{proxying.url}{target}{'&' if '?' in target else '?'}forwarded=1"
        assert ask(location, BEARER, redirecting.authority).body == proxying.ask(target).body
    answer = redirecting.ask(f"{path}?forwarded=0")  # as the page asks, which cannot follow
    assert (answer.status, answer.body) == (200, proxying.ask(path).body)
    assert redirecting.ask(f"{path}?asof=2024-03-01").status == 400
    followed = ask(redirecting.url + path, BEARER, redirecting.authority, follow=True)
    assert (followed.status, followed.body) == (200, proxying.ask(path).body)
    assert curl_follows(redirecting, path, "--location-trusted") == (200, proxying.ask(path).body)
    assert curl_follows(redirecting, path)[0] == 401  # the token is not for another host


def curl_follows(asked: Instance, path: str, *options: str) -> tuple[int, str]:
    header = f"Authorization: {BEARER['Authorization']}"
    command = [
        "curl",
        "-sS",
        "-L",
        "--cacert",
        str(asked.authority),
        "-H",
        header,
        "-w",
        "%{http_code}",
        *options,
    ]
    done = subprocess.run(
        [*command, asked.url + path], capture_output=True, text=True, timeout=60, check=True
    )
    return int(done.stdout[-3:]), done.stdout[:-3]


def answers_come_through(bank: Bank, redirecting: Instance, proxying: Instance) -> None:
    accounts = theirs(bank, proxying)
    assert accounts
    wait_until(
        "proxying",
        lambda: proxying.ask(bank.path(accounts[0])).status == 200,
        proxying.streamer.stderr,
    )
    for id_ in bank.ids:
        assert bank.is_right(id_, proxying.ask(bank.path(id_)))
    path = f"/v1/accounts/{quote(accounts[0], safe='')}"
    for target in (path, f"{path}/history", f"{path}?as_of=0001-01-01", f"{path}?as_of=nonsense"):
        there, here = redirecting.ask(target), proxying.ask(target)
        assert (here.status, here.body, here.headers["Content-Type"]) == (
            there.status,
            there.body,
            "application/json",
        )


def new_clients_ask_on(bank: Bank, redirecting: Instance, proxying: Instance) -> None:
    """After SIGHUP clients are told to come back until the new ones have the answer."""
    assert "are read again" in proxying.streamer.reload()

    def is_answered(account: str) -> bool:
        answer = proxying.ask(bank.path(account))
        assert is_later(answer) or bank.is_right(account, answer), answer
        return answer.status == 200

    wait_until("answering again", lambda: all(map(is_answered, bank.ids)), proxying.streamer.stderr)
    bank.wait_shared(redirecting, proxying)


def the_owner_is_killed(bank: Bank, redirecting: Instance, proxying: Instance) -> None:
    """Clients are told to come back, and are answered when the other instance has taken over."""
    accounts = theirs(bank, proxying)
    redirecting.streamer.kill()
    for id_ in accounts:

        def is_answered(account: str = id_) -> bool:
            answer = proxying.ask(bank.path(account))
            assert is_later(answer) or bank.is_right(account, answer), answer
            return answer.status == 200

        wait_until(f"answering for {id_}", is_answered, proxying.streamer.stderr)


def who_is_not_believed_is_not_asked(bank: Bank, proxying: Instance) -> None:
    """Starts an instance that believes no URL of this machine and tells none itself."""
    doubting = bank.start(
        "doubting",
        "redirect",
        http_peers="bank.example",
        http_advertised_url="",
        http_metrics_open="true",
    )
    try:
        assert ask(f"{doubting.url}/metrics", authority=doubting.authority).status == 200
        assert ask(f"{proxying.url}/metrics", authority=proxying.authority).status == 401
        bank.wait_shared(doubting, proxying)
        for asked, problem in (
            (
                doubting,
                "the URL of the instance that has the id's partition does not match http.peers",
            ),
            (proxying, "another instance has the id's partition and tells no http.advertised.url"),
        ):
            path = bank.path(theirs(bank, asked)[0])
            wait_until(
                problem, lambda a=asked, p=path, t=problem: says(a.ask(p), t), asked.streamer.stderr
            )
        doubting.streamer.stop()
    finally:
        doubting.streamer.kill()


def says(answer: Answer, problem: str) -> bool:
    assert is_later(answer)
    return bool(json.loads(answer.body)["error"] == problem)


def who_is_frozen_holds_nobody_up(bank: Bank, proxying: Instance) -> None:
    """More requests wait for another instance than may be under way.

    Health is answered all the same, and a stop is obeyed.
    """
    frozen = bank.start("frozen", "redirect")
    try:
        bank.wait_shared(frozen, proxying)
        path = bank.path(theirs(bank, proxying)[0])
        wait_until("proxying", lambda: proxying.ask(path).status == 200, proxying.streamer.stderr)
        frozen.streamer.freeze()
        with ThreadPoolExecutor(80) as pool:
            waiting = [pool.submit(proxying.ask, path) for _ in range(80)]
            wait_until("busy", lambda: any(is_busy(w) for w in waiting), proxying.streamer.stderr)
            assert ask(f"{proxying.url}/healthz", authority=proxying.authority).status == 200
            proxying.streamer.stop()
            for w in waiting:  # told to come back, or the connection has ended
                assert isinstance(w.exception(), OSError) or is_later(w.result())
    finally:
        frozen.streamer.kill()


def is_busy(waiting: "Future[Answer]") -> bool:
    return waiting.done() and "busy" in waiting.result().body
