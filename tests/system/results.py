"""What is in Kafka after a run, and whether that is what the model says."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import confluent_kafka
from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    TopicPartition,
)
from formats import row_of

Row = dict[str, Any]
Headers = list[tuple[str, bytes | None]]

RESULTS = (
    "customer_history",
    "account_history",
    "account_with_customer",
    "account_summary",
    "customer_profile",
)
HISTORIES = ("customer_history", "account_history")
MARTS = ("account_summary", "customer_profile")
ENTITY_OF = {"customer_history": "customers", "account_history": "accounts"}
# Come after those that the record had, and before quarantine.id, which not all have.
QUARANTINE_HEADERS = tuple(
    f"quarantine.{name}" for name in ("code", "reason", "topic", "partition", "offset", "at")
)
ID_HEADER, SOURCE_HEADER = "quarantine.id", "streamer.source"
POSITION_HEADER, SPLIT_HEADER = "streamer.position", "streamer.split"
NO_KNOWN_FIELD = " (no known field is there, but: "
SHOWN = 5

_SOURCE = re.compile(r"^(.+)/(\d+)@(\d+)$")
_POSITION = re.compile(r"^\d+:[0-3]:.", re.DOTALL)
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


Place = tuple[str, int, int]  # topic on the broker, partition, offset


@dataclass(frozen=True)
class InputRecord:
    entity: str  # customers or accounts
    headers: Headers
    id: str | None  # as far as it can be read


@dataclass(frozen=True)
class Message:
    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers

    @property
    def key_text(self) -> str:
        assert self.key is not None, f"{self} has no key"
        return self.key.decode()

    def row(self) -> Row | None:
        """Without calculated_at; None for a tombstone."""
        if self.value is None:
            return None
        row = row_of(self.value)
        row.pop("calculated_at", None)
        return row


# Makes the JSON of output.format=json of messages in another format.
Translate = Callable[[list[Message]], list[Message]]


def unchanged(messages: list[Message]) -> list[Message]:
    return messages


def read_topic(bootstrap: str, topic: str, start: Mapping[int, int] | None = None) -> list[Message]:
    """Every committed message, from the beginning (or from `start`) to the end, partition by
    partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "test-reader",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 50,
            "log_level": 0,
        }
    )
    try:
        partitions = list(consumer.list_topics(topic, timeout=60).topics[topic].partitions)
        offsets = {p: OFFSET_BEGINNING for p in partitions} if start is None else dict(start)
        consumer.assign([TopicPartition(topic, p, offset) for p, offset in offsets.items()])
        return sorted(_read_to_end(consumer, set(offsets)), key=lambda m: (m.partition, m.offset))
    finally:
        consumer.close()


def _read_to_end(consumer: Consumer, unfinished: set[int]) -> list[Message]:
    messages: list[Message] = []
    while unfinished:
        m = consumer.poll(60)
        assert m is not None, (
            f"nothing from the broker for 60 s; partitions {unfinished} are not at their end"
        )
        if m.error():
            assert m.error().code() == KafkaError._PARTITION_EOF, m.error()
            unfinished.discard(m.partition())
            continue
        messages.append(received(m))
    return messages


def received(m: confluent_kafka.Message) -> Message:
    kind, timestamp_ms = m.timestamp()
    topic, partition, offset = m.topic(), m.partition(), m.offset()
    assert (
        kind != TIMESTAMP_NOT_AVAILABLE
        and topic is not None
        and partition is not None
        and offset is not None
    )
    headers = cast(Headers, list(m.headers() or []))
    return Message(topic, partition, offset, timestamp_ms, m.key(), m.value(), headers)


def compacted(messages: Iterable[Message]) -> dict[str, Row]:
    """The last row of each key, as log compaction would leave it; keys with a tombstone last are
    gone."""
    last = {message.key_text: message.row() for message in messages}
    return {key: row for key, row in last.items() if row is not None}


def murmur2(data: bytes) -> int:
    """Kafka's hash of a key, made positive as the Java client's default partitioner does."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    h = (0x9747B28C ^ len(data)) & mask
    whole = len(data) - len(data) % 4
    for i in range(0, whole, 4):
        k = int.from_bytes(data[i : i + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        h = (h * m & mask) ^ k
    if len(data) > whole:
        h = (h ^ int.from_bytes(data[whole:], "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


# --- checks: each gives a list of complaints


def check_rows(topic: str, expected: Mapping[str, Row], got: Mapping[str, Row]) -> list[str]:
    """The first few keys that differ, expected against got."""
    differing = sorted(
        key for key in expected.keys() | got.keys() if expected.get(key) != got.get(key)
    )
    complaints = []
    for key in differing[:SHOWN]:
        want, have = expected.get(key), got.get(key)
        if want is None or have is None:
            complaints.append(f"{topic} {key}:\n  expected {_show(want)}\n  got      {_show(have)}")
        else:
            fields = [
                f for f in sorted(want.keys() | have.keys()) if want.get(f, ...) != have.get(f, ...)
            ]
            shown = [f"\n  {f}: expected {_field(want, f)}, got {_field(have, f)}" for f in fields]
            complaints.append(f"{topic} {key}:{''.join(shown)}")
    if len(differing) > SHOWN:
        complaints.append(
            f"{topic}: {len(differing)} of {len(expected)} expected keys differ in all"
        )
    return complaints


def check_partitions(topic: str, messages: Iterable[Message], partitions: int) -> list[str]:
    """Partition = murmur2(id) % n, where a history's key is `<id>|<valid_from>`."""
    complaints = []
    for message in messages:
        key = message.key_text
        entity_id = key.rsplit("|", 1)[0] if topic in HISTORIES else key
        want = murmur2(entity_id.encode()) % partitions
        if message.partition != want:
            complaints.append(
                f"{topic} {key}: expected in partition {want}, got {message.partition}"
            )
    return complaints[:SHOWN]


def check_changes_only(topic: str, messages: Iterable[Message]) -> list[str]:
    """No message repeats the one before of its key; no tombstone without a live row."""
    last: dict[str, Row | None] = {}
    complaints = []
    for message in messages:
        key, row = message.key_text, message.row()
        where = f"{topic} {key} at {message.partition}/{message.offset}"
        if row is None and last.get(key) is None:
            complaints.append(f"{where}: a tombstone without a live row")
        elif row == last.get(key):
            complaints.append(f"{where}: the same again: {_show(row)}")
        last[key] = row
    return complaints[:SHOWN]


def check_calculated_at(topic: str, messages: Iterable[Message]) -> list[str]:
    complaints = []
    for message in messages:
        if message.value is not None:
            time = row_of(message.value).get("calculated_at")
            if not isinstance(time, str) or not _TIME.match(time):
                complaints.append(f"{topic} {message.key_text}: calculated_at is {time!r}")
    return complaints[:SHOWN]


def check_sources(
    topic: str, messages: Iterable[Message], records: Mapping[Place, InputRecord]
) -> list[str]:
    """streamer.source names an input record that can have caused the message; streamer.position and
    streamer.split are in histories only.

    An account's record causes rows of that account and the profile, a customer's rows of the
    customer. A truncate has no id.
    """
    owners: dict[str, str] = {}  # the customer of each joined row and summary
    complaints = []
    for m in messages:
        key, row = m.key_text, m.row()
        owner_before = owners.get(key)
        if row is not None and "account_id" in row and topic not in HISTORIES:
            owners[key] = str(row["customer_id"])
        others = [name for name, _ in m.headers if name != SOURCE_HEADER]
        sources = [value for name, value in m.headers if name == SOURCE_HEADER]
        complaint = check_other_headers(topic, m, others)
        if len(sources) != 1 or sources[0] is None:
            complaint = f"{len(sources)} headers {SOURCE_HEADER}"
        elif sources[0] != b"rates":
            ids = [owner_before, owners.get(key)]
            complaint = complaint or check_source(topic, key, ids, sources[0].decode(), records)
        if complaint:
            complaints.append(
                f"{topic} {key} at {m.partition}/{m.offset}: {complaint}; headers are {m.headers}"
            )
    return complaints[:SHOWN]


def check_other_headers(topic: str, m: Message, names: list[str]) -> str | None:
    if names == []:
        return None
    if topic not in HISTORIES or m.value is None or len(names) != len(set(names)):
        return "unexpected headers"
    if not set(names) <= {POSITION_HEADER, SPLIT_HEADER}:
        return "unexpected headers"
    position = dict(m.headers).get(POSITION_HEADER, b"0:0:x") or b""
    return None if _POSITION.match(position.decode()) else "bad position"


def check_source(
    topic: str,
    key: str,
    owners: list[str | None],
    source: str,
    records: Mapping[Place, InputRecord],
) -> str | None:
    match = _SOURCE.match(source)
    record = records.get((match[1], int(match[2]), int(match[3]))) if match else None
    if record is None:
        return "no such input record"
    if topic in HISTORIES:
        id_ = key.rsplit("|", 1)[0]
        return (
            None
            if record.entity == ENTITY_OF[topic] and record.id in (id_, None)
            else f"record is {record}"
        )
    wanted = [key] if topic == "customer_profile" else owners
    if record.entity == "accounts" and topic != "customer_profile":
        wanted = [key]
    elif record.entity == "accounts":
        return None
    return None if record.id in (*wanted, None) else f"record is {record}"


Rejected = tuple[str, int, int, str, bytes | None, bytes | None, int]


def check_quarantine(
    messages: Iterable[Message],
    expected: Iterable[Mapping[str, Any]],
    topic_names: Mapping[str, str],
    records: Mapping[Place, InputRecord] | None = None,
) -> list[str]:
    """The same records, each once, byte for byte, with the right code and id; reasons where the
    model gives them.

    `topic_names`: from the model's topic names to those on the broker. `records`: the input.
    """
    want: dict[Rejected, Mapping[str, Any]] = {}
    for e in expected:
        place = (topic_names[e["topic"]], e["partition"], e["offset"])
        want[(*place, e["code"], e["key"], e["value"], e["timestamp_ms"])] = e
    got: Counter[Rejected] = Counter()
    complaints: list[str] = []
    for m in messages:
        has_id = bool(m.headers) and m.headers[-1][0] == ID_HEADER
        names = (*QUARANTINE_HEADERS, ID_HEADER) if has_id else QUARANTINE_HEADERS
        kept, own = m.headers[: -len(names)], dict(m.headers[-len(names) :])
        if tuple(own) != names or None in own.values():
            complaints.append(f"quarantine {m.partition}/{m.offset}: headers are {m.headers}")
            continue
        text = {
            name.removeprefix("quarantine."): (value or b"").decode() for name, value in own.items()
        }
        place = (text["topic"], int(text["partition"]), int(text["offset"]))
        record = (*place, text["code"], m.key, m.value, m.timestamp_ms)
        got[record] += 1
        if record in want:
            complaints += [f"quarantine {place}: {c}" for c in check_rejection(want[record], text)]
        if records is not None and (place not in records or kept != records[place].headers):
            complaints.append(
                f"quarantine {place}: expected headers of {records.get(place)}, got {kept}"
            )
    complaints = complaints[:SHOWN]
    missing, extra = Counter(want.keys()) - got, got - Counter(want.keys())
    for title, records in (("missing", missing), ("unexpected", extra)):
        for record in sorted(records, key=lambda r: r[:3])[:SHOWN]:
            complaints.append(f"quarantine, {title} ({records[record]} times): {record}")
        if len(records) > SHOWN:
            complaints.append(f"quarantine: {len(records)} {title} in all, {len(want)} expected")
    return complaints


def check_rejection(want: Mapping[str, Any], text: Mapping[str, str]) -> list[str]:
    """`text`: the headers. A record in which no field is known may say so behind its reason."""
    complaints = []
    reason, id_ = want.get("reason"), want.get("id")
    if reason is not None and text["reason"].split(NO_KNOWN_FIELD)[0] != reason:
        complaints.append(f"expected reason {reason!r}, got {text['reason']!r}")
    if want.get("foreign") is not None and want["foreign"].lower() not in text["reason"].lower():
        complaints.append(f"the reason does not name {want['foreign']}: {text['reason']!r}")
    if "id" in want and text.get("id") != (None if id_ is None else str(id_)):
        complaints.append(f"expected id {id_!r}, got {text.get('id')!r}")
    return complaints


def check_results(
    bootstrap: str,
    topic_names: Mapping[str, str],
    expected: Mapping[str, Mapping[str, Row]],
    quarantine: Iterable[Mapping[str, Any]],
    partitions: int,
    records: Mapping[Place, InputRecord] | None = None,
    has_sources: bool = True,
    as_json: Translate = unchanged,
) -> None:
    """All five result topics and the quarantine against the model; `partitions` is that of every
    result topic."""
    complaints: list[str] = []
    for name in RESULTS:
        messages = as_json(read_topic(bootstrap, topic_names[name]))
        complaints += check_rows(name, expected[name], compacted(messages))
        complaints += check_partitions(name, messages, partitions)
        complaints += check_changes_only(name, messages)
        if records is not None and has_sources:
            complaints += check_sources(name, messages, records)
        if name in MARTS:
            complaints += check_calculated_at(name, messages)
    rejected = read_topic(bootstrap, topic_names["quarantine"])
    complaints += check_quarantine(rejected, quarantine, topic_names, records)
    assert not complaints, "\n" + "\n".join(complaints)


def _show(row: Row | None) -> str:
    return "(no row)" if row is None else json.dumps(row, ensure_ascii=False, sort_keys=True)


def _field(row: Row, name: str) -> str:
    return json.dumps(row[name], ensure_ascii=False) if name in row else "(no such field)"
