"""streamer beside Debezium: connectors in several formats, a streamer for each, and what the
database says."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaError, TopicPartition

from connect import Connect
from kafka import KafkaBroker
from process import tail
from results import MARTS, RESULTS, Message, Row, Translate, check_rows, received, unchanged
from scenario import FOREVER
from streamer import INPUTS, Streamer, total

PARTITIONS = 2
# Rows that only show how far a connector is; some lie in every partition. Accounts: the last ones
# by their key, in any collation, which is how incremental snapshots go.
MARKERS = {
    "customers": tuple(str(900000 + i) for i in range(12)),
    "accounts": tuple(f"zz-{i:02}" for i in range(12)),
}
KEYS = {"customers": "customer_id", "accounts": "account_id"}
SHOWN = 2
SHOWN_MESSAGES = 8

# A state of a row as the audit has it, with amounts as text; None: the row is not there.
State = tuple[Any, ...] | None


@dataclass(frozen=True)
class Format:
    """How one connector writes, and what streamer must be told about it."""

    name: str
    connector: Mapping[str, str]
    settings: Mapping[str, str] = field(default_factory=dict)


class Tail:
    """Reads the committed messages of some topics, on from call to call."""

    def __init__(self, broker: KafkaBroker, topics: Iterable[str]) -> None:
        self._broker = broker
        self._consumer = Consumer(
            {
                "bootstrap.servers": broker.bootstrap,
                "group.id": "test-tail",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        counts = broker.topics()
        self._at = {(topic, partition): 0 for topic in topics for partition in range(counts[topic])}
        self._partitions = [TopicPartition(topic, partition, 0) for topic, partition in self._at]
        self._consumer.assign(self._partitions)

    def close(self) -> None:
        self._consumer.close()

    def read(self) -> list[Message]:
        """Up to the ends as they are now; gives what is new."""
        ends = self._broker.ends_of(self._partitions)
        fresh: list[Message] = []
        while any(self._at[place] < end for place, end in ends.items()):
            m = self._consumer.poll(60)
            assert m is not None, (
                f"nothing from the broker for 60 s; at {self._at}, ends are {ends}"
            )
            error, topic, partition, offset = m.error(), m.topic(), m.partition(), m.offset()
            assert topic is not None and partition is not None and offset is not None, error
            if error:
                assert error.code() == KafkaError._PARTITION_EOF, error
                self._at[topic, partition] = offset
                continue
            self._at[topic, partition] = offset + 1
            fresh.append(received(m))
        return fresh


# --- what the database does


def change_rows(
    execute: Callable[[str, tuple[Any, ...]], object], first: int, count: int, customer: int
) -> None:
    """Changes `count` accounts from number `first` on, and one customer."""
    execute(
        "update bank.accounts set balance = balance + 1.0001 where account_id between %s and %s",
        (f"S{first:05}", f"S{first + count - 1:05}"),
    )
    execute("update bank.customers set has_loan = not has_loan where customer_id = %s", (customer,))


# --- what a connector wrote


def payload(data: bytes | None) -> Any:
    """Of a JSON key or value, with or without its schema."""
    whole = None if data is None else json.loads(data)
    return (
        whole["payload"]
        if isinstance(whole, dict) and whole.keys() == {"schema", "payload"}
        else whole
    )


def source_of(message: Message) -> dict[str, Any]:
    """The source block of an envelope; empty where there is none."""
    value = payload(message.value)
    return value.get("source") or {} if isinstance(value, dict) else {}


def key_id(message: Message, entity: str) -> str | None:
    key = payload(message.key)
    return None if key is None else str(key[KEYS[entity]])


def is_of_last(message: Message) -> bool:
    """Whether it is of the row that an incremental snapshot reads last, as it goes by the keys."""
    return message.key is not None and MARKERS["accounts"][-1].encode() in message.key


def describe(message: Message) -> str:
    """One line for people: place, time, and what matters of the value."""
    value = payload(message.value)
    text = message.value
    if isinstance(value, dict) and "source" in value:
        source = value["source"]
        marks = {
            name: source.get(name)
            for name in ("lsn", "file", "pos", "row", "snapshot")
            if name in source
        }
        text = (
            f"op={value['op']} ts_ms={source['ts_ms']} {marks} after={value.get('after')}".encode()
        )
    elif isinstance(value, dict):
        text = json.dumps(value).encode()
    shown = "null" if text is None else text.decode()
    shown = shown if len(shown) <= 400 else f"{shown[:300]}…{shown[-100:]}"
    return (
        f"{message.partition}@{message.offset} kafka={message.timestamp_ms} "
        f"key={payload(message.key)} {shown}"
    )


def quarantine_headers(message: Message) -> dict[str, str]:
    """Without their prefix."""
    prefix = "quarantine."
    return {
        key.removeprefix(prefix): (value or b"").decode()
        for key, value in message.headers
        if key.startswith(prefix)
    }


# --- one format


class Feed:
    """The topics of one connector, and the streamer that reads them."""

    def __init__(
        self,
        broker: KafkaBroker,
        directory: Path,
        name: str,
        inputs: Mapping[str, str],
        settings: Mapping[str, str],
        as_json: Translate = unchanged,
    ) -> None:
        """`inputs`: the topic of each entity. `as_json`: how its keys and values become JSON."""
        self.name = name
        self.as_json = as_json
        self.inputs = inputs
        self._broker = broker
        self._topics = {topic: f"{name}.{topic}" for topic in (*RESULTS, "quarantine")}
        self.streamer = Streamer(
            directory / name,
            {
                "app.id": f"debezium-{name}",
                "instance.id": "one",
                "kafka.bootstrap.servers": broker.bootstrap,
                **{f"topic.{entity}": topic for entity, topic in inputs.items()},
                **{f"topic.{topic}": full for topic, full in self._topics.items()},
                **settings,
            },
        )
        self._tail: Tail | None = None
        self.quarantine: list[Message] = []
        self._looked_at = 0
        self.rows: dict[str, dict[str, Row]] = {topic: {} for topic in RESULTS}

    def stop(self) -> None:
        if self._tail is not None:
            self._tail.close()
        self.streamer.stop()

    def settle(self) -> None:
        """Until streamer has done all that is in its topics, and its results are here."""
        counts = {
            entity: sum(self._broker.end_offsets(topic).values())
            for entity, topic in self.inputs.items()
        }
        self.streamer.wait_drained(self._broker, counts)
        if self._tail is None:
            self._tail = Tail(self._broker, self._topics.values())
        names = {full: topic for topic, full in self._topics.items()}
        for message in self._tail.read():
            topic = names[message.topic]
            if topic == "quarantine":
                self.quarantine += self.as_json([message])
                continue
            row = message.row()
            if row is None:
                self.rows[topic].pop(message.key_text, None)
            else:
                self.rows[topic][message.key_text] = row

    def check_quarantine(self, expected: Mapping[str, int]) -> list[str]:
        """What has come since the last time, by code."""
        fresh, self._looked_at = self.quarantine[self._looked_at :], len(self.quarantine)
        got: Counter[str] = Counter(quarantine_headers(message)["code"] for message in fresh)
        if got == Counter(expected):
            return []
        shown = [
            f"    {quarantine_headers(m)['reason']}: {describe(m)}" for m in fresh[:SHOWN_MESSAGES]
        ]
        return [f"[{self.name}] quarantine: expected {dict(expected)}, got {dict(got)}", *shown]

    def histories(self, entity: str) -> dict[str, list[State]]:
        """The states of each id in time; None between them where there is a gap, and behind an
        ended one."""
        versions: dict[str, list[Row]] = defaultdict(list)
        for key, row in self.rows[f"{entity[:-1]}_history"].items():
            versions[key.rsplit("|", 1)[0]].append(row)
        return {id_: states(entity, rows) for id_, rows in versions.items()}


def states(entity: str, rows: list[Row]) -> list[State]:
    found: list[State] = []
    until: str | None = None
    for row in sorted(rows, key=lambda row: row["valid_from_at"]):
        if found and until != row["valid_from_at"]:
            found.append(None)
        found.append(state(entity, row))
        until = row["valid_to_at"]
    return [*found, None] if until is not None else found


def state(entity: str, row: Row) -> State:
    if entity == "customers":
        return (row["customer_name"], row["has_loan_flag"])
    return (row["customer_id"], row["balance_amount"], row["account_type"])


# --- what the database says


class Event(NamedTuple):
    seq: int
    id: str
    state: State
    valid: bool


class Truth:
    """The marts by SQL, and every state that a row had by the triggers."""

    def __init__(self, query: Callable[[str], Sequence[tuple[Any, ...]]]) -> None:
        self._query = query

    def mart(self, name: str) -> dict[str, Row]:
        return {id_: row for id_, row in self._query(f"select id, result from audit.{name}")}

    def outdated(self, entity: str) -> set[str]:
        return {
            id_
            for (id_,) in self._query(f"select id from audit.outdated where entity = '{entity}'")
        }

    def last_event(self) -> int:
        ((seq,),) = self._query("select coalesce(max(seq), 0) from audit.events")
        return int(seq)

    def events(self, entity: str) -> list[Event]:
        """Every state that was committed, in order."""
        found = self._query(
            f"select seq, id, state, valid from audit.events where entity = '{entity}' order by seq"
        )
        return [
            Event(seq, id_, None if state is None else tuple(state), valid)
            for seq, id_, state, valid in found
        ]


def pasts(
    events: Sequence[Event], repeats: Sequence[tuple[int, int]] = ()
) -> dict[str, list[State]]:
    """What streamer may have seen of each id, in order; refused states left out.

    `repeats`: stretches of the events that were sent again, as (behind, up to).
    """
    past: dict[str, list[State]] = defaultdict(list)
    for event in with_repeats(events, repeats):
        if event.valid:
            past[event.id].append(event.state)
    return past


def with_repeats(events: Sequence[Event], repeats: Sequence[tuple[int, int]]) -> Iterator[Event]:
    done = 0
    for behind, up_to in repeats:
        yield from (event for event in events if done < event.seq <= up_to)
        yield from (event for event in events if behind < event.seq <= up_to)
        done = up_to
    yield from (event for event in events if event.seq > done)


# --- checks: each gives a list of complaints


def is_subsequence(part: Sequence[State], whole: Sequence[State]) -> bool:
    rest = iter(whole)
    return all(any(item == other for other in rest) for item in part)


def check_histories(feed: Feed, entity: str, past: Mapping[str, list[State]]) -> dict[str, str]:
    """Of each id that is wrong, what is: its versions must be states that it had, in their order,
    up to the last."""
    complaints = {}
    seen = feed.histories(entity)
    for id_ in seen.keys() | past.keys():
        versions, whole = seen.get(id_, []), past.get(id_, [])
        ends_right = (versions or [None])[-1] == (whole or [None])[-1]
        repeats = any(a == b for a, b in zip(versions, versions[1:], strict=False))
        if not ends_right or repeats or not is_subsequence(versions, whole):
            complaints[id_] = f"versions {shorten(versions)}, committed states {shorten(whole)}"
    return complaints


def shorten(found: Sequence[State]) -> str:
    def one(item: State) -> str:
        return "(gone)" if item is None else "/".join(str(part)[:24] for part in item)

    return " → ".join(
        [
            *(["…"] if len(found) > SHOWN_MESSAGES else []),
            *(one(i) for i in found[-SHOWN_MESSAGES:]),
        ]
    )


# --- all of it together


class Database(Protocol):
    def query(self, text: str) -> Sequence[tuple[Any, ...]]: ...

    def mark(self, number: int) -> None:
        """Writes `marker <number>;` into the note of the rows MARKERS of both tables."""


class Rig:
    """A database, a Connect worker with a connector for each format, and a streamer for each
    feed."""

    def __init__(
        self, broker: KafkaBroker, database: Database, connect: Connect, feeds: Sequence[Feed]
    ) -> None:
        """The input topics are there."""
        self.connect = connect
        self.feeds = {feed.name: feed for feed in feeds}
        self.truth = Truth(database.query)
        # Of a feed whose messages have no positions: what was sent again, see pasts().
        self.repeats: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self._database = database
        self._markers = 0
        self._wrong: dict[tuple[str, str], set[str]] = defaultdict(set)
        self._entities = {topic: entity for feed in feeds for entity, topic in feed.inputs.items()}
        self._messages: dict[str, list[Message]] = {topic: [] for topic in self._entities}
        self._as_json = {t: feed.as_json for feed in feeds for t in feed.inputs.values()}
        self._tail = Tail(broker, self._entities)

    def start(self) -> None:
        """The streamers wait for what the connectors, started after them, will write."""
        for feed in self.feeds.values():
            feed.streamer.start()
        self.connect.start()
        self.connect.wait_running()
        self.catch_up()

    def stop(self) -> None:
        """In good order."""
        for feed in self.feeds.values():
            feed.stop()

    def close(self) -> None:
        """However things stand."""
        for feed in self.feeds.values():
            feed.streamer.kill()
        self.connect.kill()
        self._tail.close()

    # --- the topics of the connectors

    def messages(self, feed: str, entity: str) -> list[Message]:
        """All that was in the feed's topic when it was last read."""
        return self._messages[self.feeds[feed].inputs[entity]]

    def ends(self) -> dict[str, int]:
        """How many messages each topic had then."""
        return {topic: len(messages) for topic, messages in self._messages.items()}

    def _read(self) -> list[Message]:
        fresh = [m for read in self._tail.read() for m in self._as_json[read.topic]([read])]
        for message in fresh:
            self._messages[message.topic].append(message)
        return fresh

    def catch_up(self) -> None:
        """Until all that is committed in the database is in the topics of all connectors.

        The marker rows are written last, lie in every partition, and a connector keeps the order in
        each of them.
        """
        self._markers += 1
        self._database.mark(self._markers)
        text = f"marker {self._markers};".encode()
        missing = {topic: set(MARKERS[entity]) for topic, entity in self._entities.items()}
        covered: dict[str, set[int]] = defaultdict(set)

        def done() -> bool:
            for message in self._read():
                if message.value is not None and text in message.value:
                    missing[message.topic].discard(
                        key_id(message, self._entities[message.topic]) or ""
                    )
                    covered[message.topic].add(message.partition)
            return not any(missing.values())

        self.connect.wait(f"done with marker {self._markers}", done)
        assert all(len(partitions) == PARTITIONS for partitions in covered.values()), (
            f"choose other ids: {covered}"
        )

    def wait_messages(self, what: str, wanted: Callable[[Message], bool], count: int) -> None:
        """Until so many messages of all topics are such."""

        def done() -> bool:
            self._read()
            return self.count(wanted) >= count

        self.connect.wait(what, done)

    def count(self, wanted: Callable[[Message], bool]) -> int:
        return sum(wanted(message) for messages in self._messages.values() for message in messages)

    # --- what streamer makes of them

    def metric(self, name: str, metric: str, **labels: str) -> float:
        return total(self.feeds[name].streamer.metrics(), f"streamer_{metric}", **labels)

    def settle(self, *names: str) -> None:
        self.catch_up()
        for name in names or self.feeds:
            self.feeds[name].settle()

    def check(self, *names: str, rejected: Mapping[str, Mapping[str, int]] | None = None) -> None:
        """The marts are what SQL says, and histories hold committed states only, in these feeds or
        in all.

        `rejected`: of a feed, how many messages streamer has quarantined since the last check, by
        code.
        """
        chosen = names or tuple(self.feeds)
        self.settle(*chosen)
        marts = {mart: self.truth.mart(mart) for mart in MARTS}
        events = {entity: self.truth.events(entity) for entity in INPUTS}
        complaints = []
        for name in chosen:
            complaints += self.feeds[name].check_quarantine((rejected or {}).get(name, {}))
            for mart, expected in marts.items():
                complaints += self._check_mart(self.feeds[name], mart, expected)
            for entity in INPUTS:
                past = pasts(events[entity], self.repeats[name])
                wrong = self._news(name, entity, check_histories(self.feeds[name], entity, past))
                complaints += [
                    f"[{name}] history of {entity} {id_}: {what}\n{self.explain(name, entity, id_)}"
                    for id_, what in sorted(wrong.items())[:SHOWN]
                ]
                if len(wrong) > SHOWN:
                    complaints.append(
                        f"[{name}] history of {entity}: {len(wrong)} ids are wrong in all"
                    )
        assert not complaints, "\n" + "\n".join(complaints)

    def _check_mart(self, feed: Feed, mart: str, expected: Mapping[str, Row]) -> list[str]:
        got = feed.rows[mart]
        differing = {
            key: "" for key in expected.keys() | got.keys() if expected.get(key) != got.get(key)
        }
        wrong = self._news(feed.name, mart, differing)
        if not wrong:
            return []
        want = {id_: row for id_, row in expected.items() if id_ in wrong}
        have = {id_: row for id_, row in got.items() if id_ in wrong}
        entity = {"account_summary": "accounts", "customer_profile": "customers"}[mart]
        explained = [self.explain(feed.name, entity, id_) for id_ in sorted(wrong)[:SHOWN]]
        return [
            f"[{feed.name}] {complaint}" for complaint in check_rows(mart, want, have)
        ] + explained

    def _news(self, name: str, table: str, wrong: Mapping[str, str]) -> dict[str, str]:
        """Without what was wrong before: each test complains about its own rows."""
        known = self._wrong[name, table]
        news = {id_: what for id_, what in wrong.items() if id_ not in known}
        known.update(news)
        return news

    def explain(self, name: str, entity: str, id_: str) -> str:
        """The messages of an id in the feed's topic, and what became of those that streamer
        rejected."""
        feed = self.feeds[name]
        topic = feed.inputs[entity]
        lines = []
        for message in self._messages[topic]:
            if key_id(message, entity) in (id_, None):
                lines.append(describe(message))
        for message in feed.quarantine:
            headers = quarantine_headers(message)
            if headers["topic"] == topic and (
                message.key is None or key_id(message, entity) == id_
            ):
                place = f"{headers['partition']}@{headers['offset']}"
                lines.append(f"quarantined {place} {headers['code']}: {headers['reason']}")
        return "\n".join(f"    {line}" for line in lines[-SHOWN_MESSAGES:])


@contextmanager
def running(
    broker: KafkaBroker, database: Database, connect: Connect, feeds: Sequence[Feed]
) -> Iterator[Rig]:
    """A rig with its input topics; what was made on the broker is gone at the end."""
    before = set(broker.topics())
    for topic in {topic for feed in feeds for topic in feed.inputs.values()}:
        broker.topic_create(topic, PARTITIONS, FOREVER)
    rig = Rig(broker, database, connect, feeds)
    try:
        yield rig
        rig.stop()
    except BaseException:
        print(tail(connect.log))
        raise
    finally:
        rig.close()
    broker.topics_delete(set(broker.topics()) - before)
