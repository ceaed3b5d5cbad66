"""States that a running processor cannot be brought into cheaply. Each takes the answer of
/v1/status?all=true, as a running processor has given it, and changes it to what it would be
then."""

from datetime import UTC, datetime, timedelta
from typing import Any

Json = dict[str, Any]

LONG_URL = "http://streamer-b.rechenzentrum-frankfurt.bank.example.internal:9464"


def ago(**parts: float) -> str:
    moment = datetime.now(UTC) - timedelta(**parts)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def restoring(answer: Json) -> Json:
    """Three more instances: one restores for minutes, one does not answer, one is not known."""
    (own,) = answer["instances"]
    since = ago(minutes=3)
    text = "not ready: restoring state, 3400112 records left"
    state = {name: own["answer"][name] for name in ("timestamp", "app", "version")}
    state |= {"instance": "b", "uptime_seconds": 184, "tasks_total": 3}
    state |= {"ready": False, "reason": "restoring state", "since": since}
    state["problems"] = [{"text": text, "status": "warn", "since": since, "subject": "readiness"}]
    state["tasks"] = [
        task(3, "restoring", 1_204_331, 3_400_112),
        task(4, "restoring", 88, None),
        task(5, "waiting", 0, 0),
    ]
    base = {"self": False, "reached": True, "error": None}
    other = base | {"url": LONG_URL, "partitions": [3, 4, 5], "answer": state}
    silent = base | {"url": "http://streamer-c:9464", "partitions": [6, 7, 8], "answer": None}
    silent |= {"reached": False, "error": "it does not answer: Timeout was reached"}
    text = "it is not known yet which instance has these partitions"
    unknown = silent | {"url": None, "partitions": [9], "error": text}
    return {"instances": [own, other, silent, unknown]}


def task(partition: int, phase: str, restored: int, remaining: int | None) -> Json:
    progress = {"restored": restored, "remaining": remaining}
    return {"partition": partition, "worker": 0, "phase": phase, **progress}
