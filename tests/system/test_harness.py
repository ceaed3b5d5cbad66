"""The harness itself, without streamer: the broker survives what is done to it, and the checks find
what is wrong."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer
from generate import partition_of
from kafka import KafkaBroker
from process import wait_until
from results import (
    Headers,
    InputRecord,
    Message,
    check_changes_only,
    check_partitions,
    check_quarantine,
    check_rows,
    check_sources,
    compacted,
    murmur2,
    read_topic,
)
from scenario import Fed, load
from streamer import INPUTS, parse_metrics, total


def transactional(broker: KafkaBroker, name: str) -> Producer:
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "transactional.id": name, "log_level": 0}
    )
    producer.init_transactions(60)
    return producer


def test_broker__keeps_committed_messages_when_killed(own_broker: KafkaBroker) -> None:
    own_broker.topic_create("t", 2, {"cleanup.policy": "compact"})
    producer = transactional(own_broker, "keeps")
    for value, end in (("first", "commit"), ("second", "abort"), ("third", "commit")):
        producer.begin_transaction()
        producer.produce("t", key="k", value=value, partition=1)
        producer.flush()
        if end == "commit":
            producer.commit_transaction()
        else:
            producer.abort_transaction()
    producer.begin_transaction()
    producer.produce("t", key="k", value="open", partition=1)
    producer.flush()
    own_broker.kill()
    own_broker.start()
    assert [m.value for m in read_topic(own_broker.bootstrap, "t")] == [b"first", b"third"]
    assert not own_broker.no_transaction_open("t")
    producer.abort_transaction()


def test_broker__console_consumer_reads_committed(broker: KafkaBroker) -> None:
    broker.topic_create("console", 1)
    producer = transactional(broker, "console")
    producer.begin_transaction()
    producer.produce("console", key="a\tb", value="ü")
    producer.produce("console", key="gone", value=None)
    producer.produce("console", value="{}")
    producer.commit_transaction()
    producer.begin_transaction()
    producer.produce("console", key="open", value="x")
    producer.flush()
    assert broker.console_consumer("console", 3) == [("a\tb", "ü"), ("gone", None), (None, "{}")]
    producer.abort_transaction()


def test_broker__topics_and_their_settings(broker: KafkaBroker) -> None:
    broker.topic_create("settings", 3, {"cleanup.policy": "compact"})
    assert broker.topics()["settings"] == 3
    assert broker.topic_config("settings")["cleanup.policy"] == "compact"
    broker.topic_alter("settings", {"cleanup.policy": "delete"})
    # A broker answers before it goes by what it was told.
    wait_until(
        "the new policy",
        lambda: broker.topic_config("settings")["cleanup.policy"] == "delete",
        broker.log,
    )
    broker.topic_delete("settings")
    assert "settings" not in broker.topics()


@pytest.mark.parametrize("mode", ["keyed", "scattered", "unkeyed"])
def test_feed__is_what_kafka_holds(broker: KafkaBroker, mode: str) -> None:
    names = {name: f"feed-{mode}-{name}" for name in INPUTS}
    for topic in names.values():
        broker.topic_create(topic, 3, {"retention.ms": "-1"})
    records = load(200, (3, 3), mode, seeds=(1, 2))
    fed = Fed(broker.bootstrap, names)
    fed.feed(records)
    assert sum(fed.counts.values()) == len(records)
    for name, topic in names.items():
        got = read_topic(broker.bootstrap, topic)
        assert len(got) == fed.counts[name]
        want = [r for r in records if r.topic == name]
        for p in range(3):
            assert [
                (m.key, m.value, m.timestamp_ms, m.headers) for m in got if m.partition == p
            ] == [
                (r.key, r.value, r.timestamp_ms, list(r.headers)) for r in want if r.partition == p
            ]
        assert all(fed.records[(topic, m.partition, m.offset)].headers == m.headers for m in got)


def message(
    key: str, row: dict[str, object] | None, offset: int = 0, partition: int = 0
) -> Message:
    value = None if row is None else json.dumps(row).encode()
    return Message("t", partition, offset, 0, key.encode(), value, [])


def test_results__compacted() -> None:
    log = [
        message("a", {"x": 1}),
        message("b", {"x": 1}),
        message("a", {"x": 2, "calculated_at": "t"}),
        message("b", None),
    ]
    assert compacted(log) == {"a": {"x": 2}}


def test_results__rows_that_differ() -> None:
    assert check_rows("t", {"a": {"x": 1}}, {"a": {"x": 1}}) == []
    (complaint,) = check_rows("t", {"a": {"x": 1, "y": "é"}}, {"a": {"x": "1", "y": "é"}})
    assert complaint == 't a:\n  x: expected 1, got "1"'
    missing, extra = check_rows("t", {"a": {"x": 1}}, {"b": {"x": 1}})
    assert "got      (no row)" in missing and "expected (no row)" in extra
    assert len(check_rows("t", {str(i): {"x": 1} for i in range(50)}, {})) == 6


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ([{"x": 1}, {"x": 2}, {"x": 1}, None, {"x": 1}], 0),
        ([{"x": 1}, {"x": 1}], 1),
        ([{"x": 1, "calculated_at": "now"}, {"x": 1, "calculated_at": "later"}], 1),
        ([None], 1),
        ([{"x": 1}, None, None], 1),
    ],
)
def test_results__changes_only(rows: list[dict[str, object] | None], wrong: int) -> None:
    assert (
        len(check_changes_only("t", [message("k", row, at) for at, row in enumerate(rows)]))
        == wrong
    )


def test_results__partitions() -> None:
    for key in ("", "a", "ab", "abc", "abcd", "12345678", "ü|\U0001f600"):
        assert murmur2(key.encode()) % 7 == partition_of(key.encode(), 7)
    assert murmur2(b"21") == 0x7FFFFFFF & -973932308  # from Kafka's own UtilsTest
    right = partition_of(b"a|b", 5)
    assert check_partitions("account_history", [message("a|b|123", {}, partition=right)], 5) == []
    assert check_partitions("account_summary", [message("a|b", {}, partition=right)], 5) == []
    assert (
        len(check_partitions("account_summary", [message("a|b", {}, partition=(right + 1) % 5)], 5))
        == 1
    )


def rejected(
    offset: int = 7,
    code: str = "malformed",
    reason: str = "why",
    value: bytes = b"{",
    id_: str | None = None,
) -> Message:
    own = {
        "code": code,
        "reason": reason,
        "topic": "in.customers",
        "partition": "2",
        "offset": str(offset),
        "at": "now",
        **({} if id_ is None else {"id": id_}),
    }
    headers: Headers = [
        ("mine", b"\xff"),
        *((f"quarantine.{name}", text.encode()) for name, text in own.items()),
    ]
    return Message("quarantine", 0, 0, 1000, b"k", value, headers)


def test_results__quarantine() -> None:
    place = {"topic": "customers", "partition": 2, "offset": 7}
    record = {**place, "code": "malformed", "key": b"k", "value": b"{", "timestamp_ms": 1000}
    names = {"customers": "in.customers"}
    inputs = {("in.customers", 2, 7): InputRecord("customers", [("mine", b"\xff")], None)}

    def complaints(messages: list[Message], reason: str | None = None, **more: object) -> int:
        return len(
            check_quarantine(messages, [{**record, "reason": reason, **more}], names, inputs)
        )

    assert complaints([rejected()]) == 0
    assert complaints([rejected()], "why") == 0
    assert complaints([rejected()], "another") == 1
    assert complaints([rejected(reason="why (no known field is there, but: x, y)")], "why") == 0
    assert complaints([rejected()], id=None) == 0
    assert complaints([rejected(id_="5")], id=5) == 0
    assert complaints([rejected(id_="5")], id=None) == 1
    assert complaints([rejected()], id=5) == 1
    assert complaints([rejected(reason="it is of Maxwell")], foreign="Maxwell") == 0
    assert complaints([rejected()], foreign="Maxwell") == 1
    assert complaints([]) == 1
    assert complaints([rejected(), rejected()]) == 1
    assert complaints([rejected(code="too_late")]) == 2
    assert complaints([rejected(value=b"{ ")]) == 2
    assert complaints([Message("quarantine", 0, 0, 1000, b"k", b"{", [])]) == 2
    other = {("in.customers", 2, 7): InputRecord("customers", [("mine", b"\xfe")], None)}
    assert len(check_quarantine([rejected()], [{**record, "reason": None}], names, other)) == 1


RECORDS = {
    ("in.customers", 0, 1): InputRecord("customers", [], "5"),
    ("in.accounts", 2, 3): InputRecord("accounts", [], "a"),
    ("in.accounts", 2, 4): InputRecord("accounts", [], None),
}


@pytest.mark.parametrize(
    ("topic", "key", "source", "is_right"),
    [
        ("customer_history", "5|0", "in.customers/0@1", True),
        ("customer_history", "6|0", "in.customers/0@1", False),
        ("customer_history", "5|0", "in.accounts/2@4", False),
        ("account_history", "a|0", "in.accounts/2@3", True),
        ("account_history", "b|0", "in.accounts/2@4", True),
        ("account_summary", "a", "in.accounts/2@3", True),
        ("account_summary", "a", "in.customers/0@1", True),
        ("account_summary", "b", "in.accounts/2@3", False),
        ("account_summary", "b", "in.accounts/2@4", True),
        ("account_summary", "a", "in.customers/0@2", False),
        ("account_summary", "a", "rates", True),
        ("account_summary", "a", "rate", False),
        ("customer_profile", "5", "in.customers/0@1", True),
        ("customer_profile", "6", "in.customers/0@1", False),
        ("customer_profile", "6", "in.accounts/2@3", True),
    ],
)
def test_results__sources(topic: str, key: str, source: str, is_right: bool) -> None:
    row: dict[str, object] = {
        "customer_id": 5,
        **({"account_id": key} if topic.startswith("account") else {}),
    }
    m = replace(message(key, row), headers=[("streamer.source", source.encode())])
    gone = replace(m, value=None, offset=1)
    assert len(check_sources(topic, [m, gone], RECORDS)) == (0 if is_right else 2)
    assert len(check_sources(topic, [replace(m, headers=[])], RECORDS)) == 1
    assert len(check_sources(topic, [replace(m, headers=m.headers * 2)], RECORDS)) == 1
    placed = replace(m, headers=[*m.headers, ("streamer.position", b"1:0:lsn 5")])
    assert len(check_sources(topic, [placed], RECORDS)) == (
        0 if is_right and "history" in topic else 1
    )
    assert len(check_sources(topic, [replace(placed, value=None)], RECORDS)) == 1


def test_metrics__parse() -> None:
    text = '# HELP a b\na{x="1",y="q\\"}"} 2\na{x="2"} 3e0\nb 1\nc_bucket{le="+Inf"} 4\n'
    metrics = parse_metrics(text)
    assert total(metrics, "a") == 5 and total(metrics, "a", x="1") == 2 and total(metrics, "b") == 1
    with pytest.raises(AssertionError):
        parse_metrics("a 1\na 2\n")


def test_broker__says_why_it_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no.such.codec|InvalidConfig|ConfigException"):
        KafkaBroker(tmp_path, {"compression.type": "no.such.codec"}).start()
