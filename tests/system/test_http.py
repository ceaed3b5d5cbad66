"""Who may ask over HTTP, over TLS, and through whichever instance."""

import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from logins import Authority
from process import free_ports
from streamer import EmbeddedStreamer, run_once

TOKEN = "a-token.of_the~bank+/="
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: str


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: object) -> None:
        return None


def ask(url: str, headers: Mapping[str, str] | None = None, authority: Path | None = None, follow: bool = False) -> Answer:
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
def test_http__who_may_ask(guarded: Guarded, path: str, headers: dict[str, str], status: int) -> None:
    assert ask(guarded.url + path, headers, guarded.authority).status == status


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_http__old_tls_is_refused(guarded: Guarded) -> None:
    context = ssl.create_default_context(cafile=guarded.authority)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", guarded.port)) as plain, pytest.raises(ssl.SSLError):
        context.wrap_socket(plain, server_hostname="127.0.0.1")


@pytest.mark.parametrize("sent", [b"", b"GET /v1/customers/1 HTTP/1.1\r\nX-Slow: "])
def test_http__slow_connections_leave_room(guarded: Guarded, sent: bytes) -> None:
    """200 of them, of which none says who it is, and the next one is served."""
    with ExitStack() as held:
        for _ in range(200):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", guarded.port)))
            connection.sendall(sent)
        assert ask(f"{guarded.url}/healthz", authority=guarded.authority).status == 200


# --- files and settings


def check(tmp_path: Path, **settings: str) -> tuple[int, str]:
    arguments = [part for key, value in settings.items() for part in ("--set", f"{key.replace('_', '.')}={value}")]
    done = run_once("check", *arguments)
    return done.returncode, done.stderr


def test_http__files_are_checked(tmp_path: Path) -> None:
    authority, token = Authority(tmp_path / "authority"), tmp_path / "token"
    one, other = str(authority.issue("one")), str(authority.issue("other"))
    token.write_text("a token\n")
    empty = tmp_path / "empty"
    empty.write_text("\n")
    missing = str(tmp_path / "missing")
    certificate = tmp_path / "one.crt"
    certificate.write_text((tmp_path / "authority" / "one.crt").read_text())
    assert check(tmp_path, http_tls_certificate=one, http_tls_key=one) == (0, "")
    for settings, problem in (
        ({"http_token_file": missing}, f"http.token.file={missing}: cannot be read: No such file or directory"),
        ({"http_token_file": str(token)}, f"http.token.file={token}: holds no token"),
        ({"http_token_file": str(empty)}, f"http.token.file={empty}: holds no token"),
        ({"http_tls_certificate": missing, "http_tls_key": one}, f"http.tls.certificate={missing}: cannot be read"),
        ({"http_tls_certificate": one, "http_tls_key": missing}, f"http.tls.key={missing}: cannot be read"),
        ({"http_tls_certificate": str(certificate), "http_tls_key": other}, "not a certificate and its key in PEM"),
        ({"http_tls_certificate": str(empty), "http_tls_key": one}, "not a certificate and its key in PEM"),
    ):
        code, stderr = check(tmp_path, **settings)
        assert (code, stderr.count("\n")) == (2, 1) and problem in stderr, stderr


def test_http__nothing_is_open_beyond_loopback_by_mistake(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    done = run_once("run", "--embedded", "--set", f"http.listen=0.0.0.0:{port}")
    assert done.returncode == 2
    assert f"http.listen: 0.0.0.0:{port} is reachable from other machines; set http.token.file" in done.stderr
