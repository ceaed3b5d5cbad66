"""A schema registry with Confluent's REST API, in memory: real compatibility checks for Avro (by
the library avro of Python), logins, TLS, and faults on demand. It takes the place of a whole
registry, which cannot be had from any package registry."""

import base64
import hashlib
import json
import re
import threading
import urllib.parse
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import avro.compatibility
import avro.schema
from local_server import LocalServer

CONTENT_TYPE = "application/vnd.schemaregistry.v1+json"


class Refusal(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error_code": code, "message": message}


@dataclass(frozen=True)
class Schema:
    text: str
    type: str = "AVRO"
    references: tuple[tuple[str, str, int], ...] = ()  # name, subject, version

    def guid(self) -> str:
        return str(uuid.UUID(bytes=hashlib.md5(repr(self).encode()).digest()))

    def body(self) -> dict[str, Any]:
        """As a registry shows it: what is usual is left out."""
        body: dict[str, Any] = {"schema": self.text}
        if self.type != "AVRO":
            body["schemaType"] = self.type
        if self.references:
            body["references"] = [
                {"name": n, "subject": s, "version": v} for n, s, v in self.references
            ]
        return body


def is_readable(reader: str, writer: str) -> bool:
    result = avro.compatibility.ReaderWriterCompatibilityChecker().get_compatibility(
        avro.schema.parse(reader), avro.schema.parse(writer)
    )
    return bool(result.compatibility == avro.compatibility.SchemaCompatibilityType.compatible)


@dataclass
class Store:
    """What a registry holds. An id is a schema's place in `schemas`, from 1 on."""

    schemas: list[Schema] = field(default_factory=list)
    subjects: dict[str, list[int]] = field(default_factory=dict)
    levels: dict[str, str] = field(default_factory=dict)  # by subject; else BACKWARD

    def register(self, subject: str, schema: Schema) -> int:
        versions = self.subjects.get(subject, [])
        self._check_valid(schema)
        if (known := self.id_of(schema)) in versions:
            return known
        if not self.is_compatible(subject, schema, versions):
            raise Refusal(
                409,
                409,
                f'Schema being registered is incompatible with an earlier schema for "{subject}"',
            )
        if known == 0:
            self.schemas.append(schema)
            known = len(self.schemas)
        self.subjects.setdefault(subject, []).append(known)
        return known

    def id_of(self, schema: Schema) -> int:
        """0: there is none."""
        return self.schemas.index(schema) + 1 if schema in self.schemas else 0

    def _check_valid(self, schema: Schema) -> None:
        if schema.type != "AVRO" or schema.references:
            return
        try:
            avro.schema.parse(schema.text)
        except Exception as error:  # of many types
            raise Refusal(422, 42201, f"Invalid schema: {error}") from error

    def is_compatible(self, subject: str, schema: Schema, versions: list[int]) -> bool:
        level = self.levels.get(subject, "BACKWARD")
        if schema.type != "AVRO" or level == "NONE":
            return True
        self._check_valid(schema)
        for old in versions if level.endswith("_TRANSITIVE") else versions[-1:]:
            old_text = self.by_id(old).text
            is_backward = level.startswith(("BACKWARD", "FULL"))
            is_forward = level.startswith(("FORWARD", "FULL"))
            if is_backward and not is_readable(schema.text, old_text):
                return False
            if is_forward and not is_readable(old_text, schema.text):
                return False
        return True

    def by_id(self, number: int) -> Schema:
        if not 1 <= number <= len(self.schemas):
            raise Refusal(404, 40403, f"Schema {number} not found")
        return self.schemas[number - 1]

    def by_guid(self, guid: str) -> Schema:
        for schema in self.schemas:
            if schema.guid() == guid:
                return schema
        raise Refusal(404, 40403, f"Schema {guid} not found")

    def versions(self, subject: str) -> list[int]:
        if subject not in self.subjects:
            raise Refusal(404, 40401, f"Subject '{subject}' not found.")
        return self.subjects[subject]

    def version(self, subject: str, text: str) -> tuple[int, int]:
        """Version and id."""
        versions = self.versions(subject)
        number = len(versions) if text == "latest" else int(text)
        if not 1 <= number <= len(versions):
            raise Refusal(404, 40402, f"Version {text} not found.")
        return number, versions[number - 1]


# --- the REST API


def schema_in(body: dict[str, Any]) -> Schema:
    references = tuple((r["name"], r["subject"], r["version"]) for r in body.get("references", []))
    return Schema(body["schema"], body.get("schemaType", "AVRO"), references)


def get_by_id(store: Store, body: Any, number: str) -> Any:
    return store.by_id(int(number)).body()


def get_by_guid(store: Store, body: Any, guid: str) -> Any:
    return store.by_guid(guid).body()


def get_version(store: Store, body: Any, subject: str, version: str) -> Any:
    number, schema_id = store.version(subject, version)
    schema = store.by_id(schema_id)
    found = {"id": schema_id, "guid": schema.guid()}
    return {"subject": subject, "version": number, **found, **schema.body()}


def post_version(store: Store, body: Any, subject: str) -> Any:
    schema = schema_in(body)
    return {"id": store.register(subject, schema), "guid": schema.guid()}


def post_subject(store: Store, body: Any, subject: str) -> Any:
    versions, schema = store.versions(subject), schema_in(body)
    found = store.id_of(schema)
    if found not in versions:
        raise Refusal(404, 40403, "Schema not found")
    return get_version(store, None, subject, str(versions.index(found) + 1))


def post_compatibility(store: Store, body: Any, subject: str, version: str) -> Any:
    _, schema_id = store.version(subject, version)
    is_compatible = store.is_compatible(subject, schema_in(body), [schema_id])
    messages = [] if is_compatible else ["the new schema cannot read what the old one wrote"]
    return {"is_compatible": is_compatible, "messages": messages}


def get_subjects(store: Store, body: Any) -> Any:
    return sorted(store.subjects)


ROUTES: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    ("GET", r"/schemas/ids/(\d+)", get_by_id),
    ("GET", r"/schemas/guids/([0-9a-f-]+)", get_by_guid),
    ("GET", r"/subjects", get_subjects),
    ("GET", r"/subjects/([^/]+)/versions/(\d+|latest)", get_version),
    ("POST", r"/subjects/([^/]+)/versions", post_version),
    ("POST", r"/subjects/([^/]+)", post_subject),
    ("POST", r"/compatibility/subjects/([^/]+)/versions/(\d+|latest)", post_compatibility),
)


def answer(store: Store, method: str, path: str, body: Any) -> Any:
    for its_method, pattern, function in ROUTES:
        if method == its_method and (match := re.fullmatch(pattern, path)):
            return function(store, body, *map(urllib.parse.unquote, match.groups()))
    raise Refusal(404, 404, "HTTP 404 Not Found")


# --- the server


class Registry(LocalServer):
    """It runs in this process while it is entered."""

    def __init__(
        self,
        port: int = 0,
        authorization: str | None = None,  # the header's value that requests must have
        certificate: Path | None = None,
        client_authority: Path | None = None,
    ) -> None:
        super().__init__(port, certificate, client_authority)
        self.store = Store()
        self.requests: list[str] = []  # "GET /subjects"
        self.fault: int | None = None  # the status of all answers; None: it is well
        self.authorization = authorization
        self._lock = threading.Lock()

    def register(self, subject: str, schema: Schema) -> int:
        with self._lock:
            return self.store.register(subject, schema)

    def _answer(self, method: str, path: str, authorization: str | None, body: Any) -> Any:
        with self._lock:
            self.requests.append(f"{method} {path}")
            if self.fault is not None:
                raise Refusal(self.fault, self.fault * 100 + 1, "the test wants it so")
            if self.authorization not in (None, authorization):
                raise Refusal(401, 401, "Unauthorized")
            return answer(self.store, method, path.split("?")[0], body)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                login = self.headers.get("Authorization")
                try:
                    body = json.loads(raw) if raw else None
                    status, reply = 200, registry._answer(self.command, self.path, login, body)
                except Refusal as refusal:
                    status, reply = refusal.status, refusal.body
                data = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("Content-Type", CONTENT_TYPE)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = serve

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        return Handler


def basic(user_info: str) -> str:
    """The header of a basic login."""
    return "Basic " + base64.b64encode(user_info.encode()).decode()
