"""A broker that asks who is there: TLS, client certificates, SASL. Certificates are made by
openssl."""

import base64
import http.server
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import parse_qs

from confluent_kafka.admin import ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion
from kafka import JVM, KafkaBroker
from process import DIE_WITH_PARENT, free_ports, wait_until
from proxy import Listener

PASSWORD = "correct horse; battery=staple"
KEY_PASSWORD = "key pass=word"
USERS = ("scram-sha-256", "scram-sha-512", "plain")  # one each, of that name
OAUTHBEARER = "org.apache.kafka.common.security.oauthbearer"
CLIENT_ID = "streamer-client"  # of OAUTHBEARER
CLIENT_SECRET = "client secret=of ours"
AUDIENCE = "kafka"


def openssl(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], check=True, capture_output=True, input=stdin
    ).stdout


class Authority:
    """A certificate authority of its own."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key, self.certificate = directory / "ca.key", directory / "ca.pem"
        openssl(
            *(
                "req",
                "-x509",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-days",
                "3650",
                "-subj",
                "/CN=the bank's authority",
            ),
            *("-keyout", self._key, "-out", self.certificate),
        )

    def issue(self, name: str, alternative: str = "IP:127.0.0.1", expired: bool = False) -> Path:
        """A file with a private key and its certificate."""
        key, request = self._directory / f"{name}.key", self._directory / f"{name}.csr"
        extensions, both = self._directory / f"{name}.ext", self._directory / f"{name}.pem"
        extensions.write_text(f"subjectAltName={alternative}\n")
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            f"/CN={name}",
            "-keyout",
            key,
            "-out",
            request,
        )
        certificate = self._directory / f"{name}.crt"
        if expired:  # x509 of Debian 12's openssl cannot choose the times, ca can
            config = self._directory / "ca.conf"
            (self._directory / "index.txt").write_text("")
            config.write_text(
                f"[ca]\ndefault_ca=c\n[c]\ndir={self._directory}\n"
                "database=$dir/index.txt\nnew_certs_dir=$dir\n"
                "serial=$dir/serial\ndefault_md=sha256\npolicy=p\nunique_subject=no\n"
                "[p]\ncommonName=supplied\n"
            )
            (self._directory / "serial").write_text("77\n")
            openssl(
                *(
                    "ca",
                    "-batch",
                    "-notext",
                    "-config",
                    config,
                    "-cert",
                    self.certificate,
                    "-keyfile",
                    self._key,
                ),
                *(
                    "-startdate",
                    "20200101000000Z",
                    "-enddate",
                    "20200201000000Z",
                    "-extfile",
                    extensions,
                ),
                *("-in", request, "-out", certificate),
            )
        else:
            openssl(
                *(
                    "x509",
                    "-req",
                    "-in",
                    request,
                    "-CA",
                    self.certificate,
                    "-CAkey",
                    self._key,
                    "-CAcreateserial",
                ),
                *("-days", "365", "-extfile", extensions, "-out", certificate),
            )
        both.write_text(key.read_text() + certificate.read_text())
        return both

    def encrypted_key(self, name: str) -> Path:
        """The key of issue(name), under KEY_PASSWORD."""
        target = self._directory / f"{name}.encrypted.key"
        openssl(
            "pkcs8",
            "-topk8",
            "-in",
            self._directory / f"{name}.key",
            "-out",
            target,
            "-passout",
            f"pass:{KEY_PASSWORD}",
        )
        return target


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class TokenServer:
    """An OIDC provider on loopback, as small as it can be: tokens for CLIENT_ID, and the key that
    they are signed with."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.asked_for = 0
        key = directory / "token.key"
        openssl("genrsa", "-out", key, "2048")
        modulus = bytes.fromhex(
            openssl("rsa", "-in", key, "-noout", "-modulus")
            .decode()
            .strip()
            .removeprefix("Modulus=")
        )
        self._keys = {
            "keys": [
                {
                    "kty": "RSA",
                    "alg": "RS256",
                    "use": "sig",
                    "kid": "1",
                    "n": base64url(modulus),
                    "e": "AQAB",
                }
            ]
        }
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        url = f"http://127.0.0.1:{self._server.server_port}"
        self.token_url, self.keys_url = f"{url}/token", f"{url}/keys"
        self._key = key
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _token(self, audience: str) -> str:
        now = int(time.time())
        claims = {"sub": CLIENT_ID, "aud": audience, "iat": now, "exp": now + 3600}
        text = ".".join(
            base64url(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims)
        )
        signature = openssl("dgst", "-sha256", "-sign", self._key, stdin=text.encode())
        return f"{text}.{base64url(signature)}"

    def _answer_to(
        self, authorization: str, form: Mapping[str, list[str]]
    ) -> tuple[int, dict[str, str]]:
        """The scope that is asked for is the token's audience."""
        self.asked_for += 1
        expected = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if authorization != f"Basic {expected}":
            return 401, {
                "error": "invalid_client",
                "error_description": "unknown client or wrong secret",
            }
        return 200, {
            "access_token": self._token(form.get("scope", [AUDIENCE])[0]),
            "token_type": "Bearer",
        }

    def _handler(server) -> type[http.server.BaseHTTPRequestHandler]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(200, server._keys)

            def do_POST(self) -> None:
                if self.path != "/token":
                    return self._answer(404, {"error": "not found"})
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self._answer(*server._answer_to(self.headers["Authorization"], form))

            def _answer(self, status: int, body: object) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


REALM = "BANK.TEST"
SERVICE = "kafka/127.0.0.1"  # the broker's principal
PRINCIPAL = "streamer"


class Realm:
    """A Kerberos realm with a KDC on loopback."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        (port,) = free_ports(1)
        self.config = directory / "krb5.conf"
        self.config.write_text(
            f"[libdefaults]\ndefault_realm = {REALM}\n"
            "dns_lookup_kdc = false\ndns_lookup_realm = false\n"
            "dns_canonicalize_hostname = false\nrdns = false\nudp_preference_limit = 1\n"
            f"[realms]\n{REALM} = {{\nkdc = 127.0.0.1:{port}\n}}\n"
            f"[logging]\nkdc = FILE:{directory}/kdc.log\n"
        )
        kdc = directory / "kdc.conf"
        kdc.write_text(
            f"[kdcdefaults]\nkdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\n"
            f"[realms]\n{REALM} = {{\n"
            f"database_name = {directory}/principal\nkey_stash_file = {directory}/stash\n}}\n"
        )
        self._environment = {
            **os.environ,
            "KRB5_CONFIG": str(self.config),
            "KRB5_KDC_PROFILE": str(kdc),
        }
        self._directory = directory
        self._run("kdb5_util", "create", "-s", "-r", REALM, "-P", PASSWORD)
        self.broker_keytab, self.keytab = self._keytab(SERVICE), self._keytab(PRINCIPAL)
        self._kdc = subprocess.Popen(
            [*DIE_WITH_PARENT, "krb5kdc", "-n", "-r", REALM], env=self._environment
        )
        wait_until(
            "a KDC that answers", lambda: self._answers(port), directory / "kdc.log", self._kdc
        )

    def close(self) -> None:
        self._kdc.terminate()
        self._kdc.wait()

    def _keytab(self, principal: str) -> Path:
        keytab = self._directory / f"{principal.replace('/', '.')}.keytab"
        self._run("kadmin.local", "-r", REALM, "-q", f"addprinc -randkey {principal}")
        self._run("kadmin.local", "-r", REALM, "-q", f"ktadd -k {keytab} {principal}")
        return keytab

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, env=self._environment)

    @staticmethod
    def _answers(port: int) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False


class GuardedBroker(KafkaBroker):
    """Its listeners but PLAINTEXT, which the tests' own clients use:

    TLS, MTLS (asks for a certificate), SASL (over TLS), EXPIRED and ELSEWHERE (TLS with a
    certificate that has run out, or is of another host), AGAIN (SCRAM without TLS, asks again every
    few seconds; through a doorman).
    """

    def __init__(self, directory: Path, extra: Mapping[str, str] | None = None) -> None:
        self.tokens = TokenServer(directory / "tokens")
        self.realm = Realm(directory / "realm")
        self.authority = Authority(directory / "authority")
        self.stranger = Authority(directory / "stranger")
        protocols = {
            "TLS": "SSL",
            "MTLS": "SSL",
            "SASL": "SASL_SSL",
            "EXPIRED": "SSL",
            "ELSEWHERE": "SSL",
            "AGAIN": "SASL_PLAINTEXT",
        }
        ports = dict(zip(protocols, free_ports(len(protocols)), strict=True))
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        self.doorman = Doorman(self.addresses["AGAIN"])
        certificates = {
            "TLS": (good := self.authority.issue("server")),
            "MTLS": good,
            "SASL": good,
            "EXPIRED": self.authority.issue("expired", expired=True),
            "ELSEWHERE": self.authority.issue("elsewhere", "DNS:elsewhere.example.com"),
        }
        config = {
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,"
            + ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.sasl.sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512,"
            "PLAIN,OAUTHBEARER,GSSAPI",
        }
        for name, certificate in certificates.items():
            prefix = f"listener.name.{name.lower()}.ssl"
            config[f"{prefix}.keystore.type"] = config[f"{prefix}.truststore.type"] = "PEM"
            config[f"{prefix}.keystore.location"] = str(certificate)
            config[f"{prefix}.truststore.location"] = str(self.authority.certificate)
        scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        plain = (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'user_plain="{PASSWORD}";'
        )
        bearer = f"{OAUTHBEARER}.OAuthBearerLoginModule required;"
        kerberos = (
            "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true "
            f'keyTab="{self.realm.broker_keytab}" principal="{SERVICE}@{REALM}";'
        )
        for mechanism, module in (
            ("scram-sha-256", scram),
            ("scram-sha-512", scram),
            ("plain", plain),
            ("oauthbearer", bearer),
            ("gssapi", kerberos),
        ):
            config[f"listener.name.sasl.{mechanism}.sasl.jaas.config"] = module
        config["listener.name.sasl.sasl.kerberos.service.name"] = SERVICE.split("/")[0]
        prefix = "listener.name.sasl.oauthbearer.sasl"
        config[f"{prefix}.server.callback.handler.class"] = (
            f"{OAUTHBEARER}.OAuthBearerValidatorCallbackHandler"
        )
        config[f"{prefix}.oauthbearer.jwks.endpoint.url"] = self.tokens.keys_url
        config[f"{prefix}.oauthbearer.expected.audience"] = AUDIENCE
        allowed = f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.tokens.keys_url}"
        config["listener.name.again.sasl.enabled.mechanisms"] = "SCRAM-SHA-512"
        config["listener.name.again.scram-sha-512.sasl.jaas.config"] = scram
        config["listener.name.again.connections.max.reauth.ms"] = "4000"
        jvm = [*JVM, allowed, f"-Djava.security.krb5.conf={self.realm.config}"]
        super().__init__(directory, {**config, **(extra or {})}, jvm)
        advertised = {"PLAINTEXT": self.bootstrap, **self.addresses, "AGAIN": self.doorman.address}
        self._config["advertised.listeners"] = ",".join(
            f"{name}://{address}" for name, address in advertised.items()
        )
        for name, address in self.addresses.items():
            self._config["listeners"] += f",{name}://{address}"

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        self.tokens.close()
        self.realm.close()
        self.doorman.close()

    def set_password(self, user: str, password: str) -> None:
        """For SCRAM-SHA-512."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        self.admin.alter_user_scram_credentials([change])[user].result(60)

    def secret_file(self, secret: str) -> str:
        """A file that holds it."""
        number = len(list(self._directory.glob("secret.*")))
        file = self._directory / f"secret.{number}"
        file.write_text(f"{secret}\n")
        return str(file)

    def _format_options(self) -> list[str]:
        users = [
            f"{user.upper()}=[name={user},password={PASSWORD}]" for user in USERS if user != "plain"
        ]
        return [option for user in users for option in ("--add-scram", user)]


class Doorman(Listener):
    """Counts the connections to a port of this machine, and passes them on."""

    def __init__(self, address: str) -> None:
        self._target = int(address.rsplit(":", 1)[1])
        super().__init__()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._target))
        for ends in ((client, server), (server, client)):
            threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    @staticmethod
    def _pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
