"""Scenes for the stand-in: what an operator may see."""

import math
from datetime import UTC, datetime, timedelta

from standin import Json, StandIn, iso

LONG_ID = "DE-Kontokorrentkreditverrechnungskonto-0000000000000000000000000000004711"
LONG_NAME = "donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle gmbh & co. kg"
BIG_CUSTOMER = 9223372036854775807


def ago(**parts: float) -> str:
    return iso(datetime.now(UTC) - timedelta(**parts))


def account(key: str, customer: int, balance: str, kind: str = "savings") -> Json:
    return {
        "account_id": key,
        "customer_id": customer,
        "balance_amount": balance,
        "account_type": kind,
    }


def customer(key: int, name: str, loan: bool) -> Json:
    return {"customer_id": key, "customer_name": name, "has_loan_flag": loan}


def fill_rows(w: StandIn) -> None:
    r = w.rows
    r.put("customers", "1004", "2025-01-02T09:20:00Z", customer(1004, "山田 太郎", False))
    r.put("customers", "1004", "2025-09-14T00:00:00Z", customer(1004, "山田 太郎", True))
    r.put("accounts", "A-2004", "2025-01-05", account("A-2004", 1004, "19999.99"))
    r.put("accounts", "A-2004", "2025-04-01", account("A-2004", 1004, "8450.00"))
    r.put("accounts", "A-2004", "2025-07-19", account("A-2004", 1004, "8450.00", "checking"))
    r.put("accounts", "A-2004", "2025-11-02", account("A-2004", 1004, "16500.00"))
    r.put("accounts", "A-2004", "2026-08-08", account("A-2004", 1004, "21000.50"))
    r.put("accounts", "A-3000", "2025-02-01", account("A-3000", 1004, "250.00"))
    r.put("accounts", "A-9999", "2026-11-01", account("A-9999", 77, "100.00"))
    r.put("customers", str(BIG_CUSTOMER), "2025-01-02", customer(BIG_CUSTOMER, LONG_NAME, True))
    r.put("accounts", LONG_ID, "2025-01-05", account(LONG_ID, BIG_CUSTOMER, "9999999999999999.99"))


def busy(w: StandIn) -> None:
    """A night on which nothing is wrong."""
    fill_rows(w)
    seen = {"customers": 148_204, "accounts": 1_204_331}
    w.counts |= seen
    w.counts |= {f"staging.{name}": n for name, n in seen.items()}
    w.counts |= {"customer_history": 141_004, "account_history": 1_180_022, "quarantine": 37}
    w.counts |= {"account_with_customer": 1_310_408, "account_summary": 802_114}
    w.counts |= {"customer_profile": 401_733}
    w.rates = {name: 12.4 for name in w.counts} | {"quarantine": 0, "customers": 3.25}
    w.rates |= {"accounts": 148.2, "staging.accounts": 148.2, "account_history": 144.9}
    w.codes = [
        {"entity": "accounts", "code": "invalid_balance", "records": 21},
        {"entity": "accounts", "code": "too_late", "records": 11},
        {"entity": "customers", "code": "invalid_name", "records": 5},
    ]
    w.quarantine = [
        rejected(12, 4711, "invalid_balance", "Invalid balance: negative value (***)", "A-2009"),
        rejected(45, 4312, "too_late", "older than late.window behind the newest event", "A-3000"),
        rejected(300, 388, "invalid_name", "Invalid name: null or empty", None, "customers"),
        rejected(9000, 17, "invalid_balance", "Invalid balance: non-numeric value (***)", LONG_ID),
    ]
    w.history = wave


def rejected(
    age_s: float, offset: int, code: str, reason: str, key: str | None, topic: str = "accounts"
) -> Json:
    place = {"at": ago(seconds=age_s), "topic": topic, "partition": 1, "offset": offset}
    return place | {"code": code, "reason": reason, "id": key}


def wave(name: str, step: int) -> float | None:
    """A plausible hour: a nightly load in its middle; the first minutes are not known."""
    load = 60 + 20 * math.sin(step / 9) + 15 * math.sin(step / 3.7)
    load += 900 * math.exp(-(((step - 200) / 26) ** 2))
    figures = {
        "consumed_per_second": load,
        "emitted_per_second": load * 2.6,
        "quarantined_per_second": 0.4 if step % 90 < 3 else 0,
        "commits_per_second": 4 + load / 300,
        "latency_p50_seconds": 0.045 + load / 9000,
        "latency_p99_seconds": 0.12 + load / 1500,
        "lag_records": max(0, load - 400) * 3,
    }
    return None if step < 30 else round(figures[name], 3)


def failing(w: StandIn) -> None:
    """03:17: a dead feed, a wrong number, a lost broker."""
    busy(w)
    text = "accounts: no event for 26 h"
    w.inputs["accounts"] = w.input_of("accounts", 26 * 3600, "warn") | {
        "lag_records": 18_204,
        "since": ago(hours=2, minutes=4),
    }
    w.rates |= {"accounts": 0, "staging.accounts": 0, "account_history": 0, "quarantine": 0.3}
    interest = "3 rows: interest or new balance is not what the rate gives"
    w.failures = [
        w.check("marts.interest", "fail", interest, ago(minutes=26))
        | {
            "samples": [
                sample("A-2004", "annual_interest_amount"),
                sample(LONG_ID, "new_balance_amount"),
            ]
        },
        w.check("source.freshness.accounts", "warn", text, ago(hours=2, minutes=4)),
        w.check("intermediate.orphans", "warn", "1 account waits for over 1 h", ago(days=3)),
    ]
    lost = "kafka-2.example.internal:9092"
    orphan = "1 account waits for its customer for over 1 h"
    w.problems = [
        problem("fail", "marts.interest", f"marts: {interest}", ago(minutes=26)),
        problem("warn", "source.freshness.accounts", text, ago(hours=2, minutes=4)),
        problem("warn", "intermediate.orphans", orphan, ago(days=3)),
        problem("warn", "brokers", f"broker {lost} cannot be reached", ago(minutes=31)),
    ]
    w.instance = {"unreachable_brokers": [{"broker": lost, "since": ago(minutes=31)}]}


def problem(status: str, subject: str, text: str, since: str) -> Json:
    return {"text": text, "status": status, "since": since, "subject": subject}


def sample(key: str, what: str) -> Json:
    values = {"what": what, "expected": "***", "found": "***"}
    return {"table": "accounts", "partition": 1, "id": key} | values


def other(w: StandIn, url: str, partitions: list[int], **members: object) -> Json:
    answer = w.status(with_history=True) | {"instance": url, "uptime_seconds": 7264, **members}
    answer["quarantine"] = {"total": 0, "by_code": [], "newest": []}
    base = {"url": url, "self": False, "partitions": partitions, "reached": True, "error": None}
    return base | {"answer": answer}


def restoring(w: StandIn) -> None:
    """Three instances: one restores, one does not answer."""
    busy(w)
    tasks = [
        w.task(3, "restoring", restored=1_204_331, remaining=3_400_112),
        w.task(4, "restoring", restored=88, remaining=None),
        w.task(5, "waiting"),
    ]
    text = "not ready: restoring state, 3,400,112 records left"
    slow = {"ready": False, "reason": "restoring state", "since": ago(minutes=3)}
    slow |= {"tasks": tasks, "problems": [problem("warn", "readiness", text, slow["since"])]}
    url = "http://streamer-b.rechenzentrum-frankfurt.bank.example.internal:9464"
    silent = {"url": "http://streamer-c:9464", "self": False, "partitions": [6, 7, 8]}
    w.others = [
        other(w, url, [3, 4, 5], **slow),
        silent | {"reached": False, "error": "no answer within 3 s", "answer": None},
    ]


def empty(w: StandIn) -> None:
    """A new installation, before its first record."""
    w.inputs = {entity: w.input_of(entity, None) for entity in w.inputs}


def starting(w: StandIn) -> None:
    """The broker has not answered yet, so there are no tasks."""
    empty(w)
    text = "waiting for the brokers"
    w.instance = {"ready": False, "reason": text, "tasks": [], "tasks_total": 0}
    w.instance["history"] = {"step_seconds": 10, "until": None, "series": {"lag_records": [None]}}
    w.problems = [problem("warn", "readiness", f"not ready: {text}", ago(seconds=8))]


SCENES = {f.__name__: f for f in (busy, failing, restoring, empty, starting)}
