"""A stand-in for running instances: it serves the page, and answers of the shapes that the page
asks for, from rows and states that a test sets. So a test can show what a real cluster rarely does:
a restore that lasts, a broker that is lost, an id of great length."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"

Json = dict[str, Any]

NODES = (
    ("customers", "source", "customers"),
    ("accounts", "source", "accounts"),
    ("staging.customers", "staging", None),
    ("staging.accounts", "staging", None),
    ("quarantine", "quarantine", "quarantine"),
    ("customer_history", "snapshots", "customer_history"),
    ("account_history", "snapshots", "account_history"),
    ("account_with_customer", "intermediate", "account_with_customer"),
    ("account_summary", "marts", "account_summary"),
    ("customer_profile", "marts", "customer_profile"),
)
EDGES = (
    ("customers", "staging.customers"),
    ("accounts", "staging.accounts"),
    ("staging.customers", "quarantine"),
    ("staging.accounts", "quarantine"),
    ("staging.customers", "customer_history"),
    ("staging.accounts", "account_history"),
    ("customer_history", "account_with_customer"),
    ("account_history", "account_with_customer"),
    ("account_with_customer", "account_summary"),
    ("account_summary", "customer_profile"),
)
SERIES = (
    "consumed_per_second",
    "emitted_per_second",
    "quarantined_per_second",
    "commits_per_second",
    "latency_p50_seconds",
    "latency_p99_seconds",
    "lag_records",
)
LAYERS = ("source", "staging", "snapshots", "intermediate", "marts", "pipeline")
CHECKS = (
    "source.freshness.customers",
    "source.freshness.accounts",
    "staging.not_null",
    "snapshots.one_current_version",
    "intermediate.orphans",
    "marts.interest",
    "pipeline.conservation",
)


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def moment_of(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def cents(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"), ROUND_HALF_UP)


class Rows:
    """Customers and accounts with their histories, and what follows from them."""

    def __init__(self) -> None:
        self.versions: dict[str, dict[str, list[Json]]] = {"customers": {}, "accounts": {}}

    def put(self, table: str, key: str, at: str, row: Json | None) -> None:
        """A version from `at` on; None ends the row."""
        versions = self.versions[table].setdefault(key, [])
        if versions and versions[-1]["valid_to_at"] is None:
            versions[-1]["valid_to_at"] = iso(moment_of(at))
        if row is not None:
            start = iso(moment_of(at))
            versions.append(
                {**row, "loaded_at": start, "valid_from_at": start, "valid_to_at": None}
            )

    def at(self, table: str, key: str, as_of: datetime | None) -> Json | None:
        for version in self.versions[table].get(key, []):
            start, end = version["valid_from_at"], version["valid_to_at"]
            if as_of is None and end is None:
                return version
            if as_of is None or as_of < moment_of(start):
                continue
            if end is None or as_of < moment_of(end):
                return version
        return None

    def joined(self, key: str, as_of: datetime | None) -> Json | None:
        account = self.at("accounts", key, as_of)
        customer = account and self.at("customers", str(account["customer_id"]), as_of)
        if not account or not customer:
            return None
        names = ("customer_name", "has_loan_flag")
        row = {name: account[name] for name in ("account_id", "customer_id")}
        row |= {name: customer[name] for name in names}
        return row | {n: account[n] for n in ("balance_amount", "account_type", "valid_from_at")}

    def summary(self, key: str, as_of: datetime | None) -> Json | None:
        joined = self.joined(key, as_of)
        if not joined or joined["account_type"] != "savings":
            return None
        balance = Decimal(joined["balance_amount"])
        tiers = ((10000, "0.01"), (20000, "0.015"))
        rate = next((Decimal(r) for limit, r in tiers if balance < limit), Decimal("0.02"))
        rate += Decimal("0.005") if joined["has_loan_flag"] else 0
        interest = cents(balance * rate)
        return {
            "account_id": key,
            "customer_id": joined["customer_id"],
            "original_balance_amount": str(balance),
            "interest_rate_pct": str(rate.quantize(Decimal("0.001"))),
            "annual_interest_amount": str(interest),
            "new_balance_amount": str(balance + interest),
            **self._computed(as_of),
        }

    def profile(self, key: str, as_of: datetime | None) -> Json | None:
        customer = self.at("customers", key, as_of)
        summaries = [s for a in self.versions["accounts"] if (s := self.summary(a, as_of))]
        mine = [s for s in summaries if str(s["customer_id"]) == key]
        if not customer or not mine:
            return None
        total = sum((Decimal(s["original_balance_amount"]) for s in mine), Decimal(0))
        interest = sum((Decimal(s["annual_interest_amount"]) for s in mine), Decimal(0))
        return {
            "customer_id": customer["customer_id"],
            "customer_name": customer["customer_name"],
            "has_loan_flag": customer["has_loan_flag"],
            "total_accounts_count": len(mine),
            "total_balance_amount": str(total),
            "total_annual_interest_amount": str(interest),
            **self._computed(as_of),
        }

    @staticmethod
    def _computed(as_of: datetime | None) -> Json:
        return {"rates": "current"} if as_of else {"calculated_at": iso(datetime.now(UTC))}

    def orphans(self) -> int:
        return sum(
            1
            for key in self.versions["accounts"]
            if self.at("accounts", key, None) and not self.joined(key, None)
        )


class StandIn:
    """Its parts may be changed at any time between requests."""

    def __init__(self, token: str | None = None) -> None:
        self.rows = Rows()
        self.token = token
        self.started = datetime.now(UTC)
        self.counts = {node: 0 for node, _, _ in NODES}
        self.rates: dict[str, float] = {}
        self.topics: dict[str, str] = {}  # names on the broker that differ from the node's
        self.problems: list[Json] = []
        self.failures: list[Json] = []
        self.quarantine: list[Json] = []
        self.codes: list[Json] = []
        self.inputs = {entity: self.input_of(entity) for entity in ("customers", "accounts")}
        self.instance: Json = {}  # replaces members of the own answer
        self.others: list[Json] = []  # further instances, as ?all=true lists them
        self.answering: tuple[int, Json] | None = None  # to everything under /v1
        self.silent = False  # connections end without an answer
        self.requests: list[str] = []
        self.history: Callable[[str, int], float | None] = lambda name, step: None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    @contextmanager
    def serving(self) -> Iterator["StandIn"]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()

    # --- what a test sets

    def input_of(self, entity: str, age_s: float | None = 3, status: str = "pass") -> Json:
        newest = age_s and iso(datetime.now(UTC) - timedelta(seconds=age_s))
        return {
            "entity": entity,
            "topic": entity,
            "lag_records": 0,
            "newest_record_at": newest,
            "newest_event_at": newest,
            "age_seconds": age_s,
            "status": status,
            "since": iso(datetime.now(UTC)),
        }

    def check(self, name: str, status: str, message: str, since: str) -> Json:
        return {
            "id": name,
            "layer": name.split(".")[0],
            "severity": "warn" if status == "warn" else "error",
            "status": status,
            "since": since,
            "message": message,
            "counts": {"looked_at": 1000, "found": 0 if status == "pass" else 3},
        }

    # --- answers

    def status(self, with_history: bool) -> Json:
        now = datetime.now(UTC)
        answer = {
            "timestamp": iso(now),
            "app": "streamer",
            "instance": "streamer-1",
            "version": "0.2.0",
            "uptime_seconds": int((now - self.started).total_seconds()),
            "ready": True,
            "reason": "running",
            "since": iso(self.started),
            "problems": self.problems,
            "unreachable_brokers": [],
            "waiting": {"partitions": 0, "for": None, "since": None},
            "nodes": [self._node(*node) for node in NODES],
            "edges": [self._edge(*edge) for edge in EDGES],
            "tasks": [self.task(partition) for partition in range(3)],
            "tasks_total": 3,
            "inputs": list(self.inputs.values()),
            "quarantine": {
                "total": self.counts["quarantine"],
                "by_code": self.codes,
                "newest": self.quarantine[:10],
            },
            "quality": {"summary": self._summary(), "failures": self.failures},
            "state": {
                "bytes": 1_234_567_890,
                "orphan_accounts": self.rows.orphans(),
                "outdated_rows": {"customers": 0, "accounts": 0},
            },
            **({"history": self._history(now)} if with_history else {}),
        }
        return answer | self.instance

    def task(self, partition: int, phase: str = "running", **members: Any) -> Json:
        task = {"partition": partition, "worker": 0, "phase": phase, "restored": 0, "remaining": 0}
        return task | members

    def _node(self, node: str, layer: str, topic: str | None) -> Json:
        return {
            "id": node,
            "layer": layer,
            "topic": self.topics.get(node, topic),
            "records": self.counts[node],
            "per_second": self.rates.get(node, 0.0),
        }

    def _edge(self, start: str, end: str) -> Json:
        share = 0.5 if end == "quarantine" else 1.0
        slower = min(self.rates.get(start, 0.0), self.rates.get(end, 0.0))
        fewer = min(self.counts[start], self.counts[end])
        return {"from": start, "to": end, "records": int(fewer * share), "per_second": slower}

    def _history(self, now: datetime) -> Json:
        series = {name: [self.history(name, i) for i in range(360)] for name in SERIES}
        return {"step_seconds": 10, "until": iso(now), "series": series}

    def _summary(self) -> Json:
        failed = sum(f["status"] == "fail" for f in self.failures)
        warned = len(self.failures) - failed
        passed = len(CHECKS) - len(self.failures)
        rate = round(passed / len(CHECKS), 4)
        counts = {"total": len(CHECKS), "passed": passed, "warned": warned, "failed": failed}
        return counts | {"pass_rate": rate}

    def quality(self) -> Json:
        found = {f["id"]: f for f in self.failures}
        checks = [
            found.get(c) or self.check(c, "pass", "", iso(self.started)) | {"samples": []}
            for c in CHECKS
        ]
        return {
            "timestamp": iso(datetime.now(UTC)),
            "summary": self._summary(),
            "layers": {
                name: {"checks": [c for c in checks if c["layer"] == name]} for name in LAYERS
            },
            "failures": self.failures,
        }

    def everywhere(self, answer: Json, of_others: Callable[[Json], Json | None]) -> Json:
        own = {"url": self.url.rstrip("/"), "self": True, "partitions": [0, 1, 2], "reached": True}
        instances = [own | {"error": None, "answer": answer}]
        instances += [other | {"answer": of_others(other)} for other in self.others]
        return {"instances": instances}

    def route(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if self.answering is not None and path.startswith("/v1"):
            return self.answering
        if path == "/v1/status":
            own = self.status("history" in query)
            return 200, self.everywhere(own, lambda other: other["answer"])
        if path == "/v1/quality":
            return 200, self.everywhere(self.quality(), lambda other: None)
        as_of = moment_of(query["as_of"]) if "as_of" in query else None
        return self._row(path, query, as_of)

    def _row(self, path: str, query: dict[str, str], as_of: datetime | None) -> tuple[int, Any]:
        none = 404, {"error": "no row"}
        if match := re.fullmatch(r"/v1/(customers|accounts)/([^/]+)", path):
            row = self.rows.at(match[1], unquote(match[2]), as_of)
        elif match := re.fullmatch(r"/v1/(customers|accounts)/([^/]+)/history", path):
            row = self.rows.versions[match[1]].get(unquote(match[2]))
        elif match := re.fullmatch(r"/v1/customers/([^/]+)/accounts", path):
            row = self._page_of_accounts(unquote(match[1]), int(query.get("limit", "100")))
        elif match := re.fullmatch(
            r"/v1/(account_with_customer|\w+_summary|\w+_profile)/(.+)", path
        ):
            tables = {"account_with_customer": self.rows.joined}
            tables |= {"account_summary": self.rows.summary}
            tables |= {"customer_profile": self.rows.profile}
            row = tables[match[1]](unquote(match[2]), as_of)
        elif match := re.fullmatch(r"/v1/why/([^/]+)/(.+)", path):
            row = self._why(match[1], unquote(match[2]))
        else:
            return 404, {"error": "no such resource"}
        return (200, row) if row else none

    def _page_of_accounts(self, key: str, limit: int) -> Json:
        current = (self.rows.at("accounts", a, None) for a in self.rows.versions["accounts"])
        rows = [row for row in current if row and str(row["customer_id"]) == key]
        more = f"/v1/customers/{key}/accounts?after=x" if len(rows) > limit else None
        return {"customer_id": int(key), "accounts": rows[:limit], "next": more}

    def _why(self, table: str, key: str) -> Json | None:
        is_account = table == "account_with_customer"
        row = self.rows.joined(key, None) if is_account else self.rows.profile(key, None)
        if not row:
            return None

        def record(name: str) -> Json:
            at = iso(self.started)
            place = {"topic": name, "partition": 1, "offset": 4711}
            return place | {"event_at": at, "loaded_at": at}

        return {
            "table": table,
            "id": key,
            "account": record("accounts") if is_account else None,
            "customer": record("customers"),
            "rates": {"tiers": "10000:0.01,20000:0.015,*:0.02", "bonus": "0.005"},
            "calculated_at": iso(self.started),
        }


def handler_of(world: StandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            world.requests.append(self.path)
            if world.silent:
                self.close_connection = True
                return
            if url.path == "/":
                self._send(200, "text/html; charset=utf-8", (BUILD / "page.html").read_bytes())
                return
            status, answer = self._answer(url.path, url.query)
            self._send(status, "application/json", json.dumps(answer).encode())

        def _answer(self, path: str, query: str) -> tuple[int, Any]:
            has_token = self.headers.get("Authorization") == f"Bearer {world.token}"
            if world.token is not None and path.startswith("/v1") and not has_token:
                return 401, {"error": "the token is missing or wrong"}
            return world.route(path, {name: v[0] for name, v in parse_qs(query).items()})

        def _send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if kind.startswith("text/html"):
                policy = (BUILD / "page.policy").read_text()
                self.send_header("Content-Security-Policy", policy)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:
            pass

    return Handler
