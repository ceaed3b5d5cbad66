"""Settings that change what is read of the input, or said of the results."""

import dataclasses
from pathlib import Path

import pytest
from generate import Input
from kafka import KafkaBroker
from results import RESULTS, SOURCE_HEADER, read_topic
from scenario import FIRST_SEED, Scenario, load, load_log

EVENTS = 500


def drained_and_right(s: Scenario, records: list[Input]) -> None:
    s.streamer.start()
    s.fed.feed(records)
    s.wait_drained()
    s.check()
    s.streamer.stop()


def test_options__truncates_are_refused(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (2, 3), {"truncate": "quarantine"}) as s:
        drained_and_right(s, load_log(EVENTS, (2, 3), "log", FIRST_SEED, "auto", truncates=True))
        assert "unsupported_op" in {rejected["code"] for rejected in s.fed.model.quarantine()}


def test_options__windows(broker: KafkaBroker, tmp_path: Path) -> None:
    settings = {"late.window": "2h", "future.window": "0h"}
    with Scenario(broker, tmp_path, (2, 3), settings) as s:
        drained_and_right(s, load_log(EVENTS, (2, 3), "mixed", FIRST_SEED, "auto", truncates=False))
        assert {"too_early", "too_late"} <= {
            rejected["code"] for rejected in s.fed.model.quarantine()
        }


def test_options__more_names_of_fields(broker: KafkaBroker, tmp_path: Path) -> None:
    settings = {
        "fields.customers": "customer_id=cust_no,has_loan=loan",
        "fields.accounts": "balance=Saldo",
    }
    names = ((b"customer_id", b"Cust No"), (b"has_loan", b"LOAN"), (b"balance", b"saldo"))
    with Scenario(broker, tmp_path, (2, 2), settings) as s:
        records = load(EVENTS, (2, 2), "keyed", large=False)
        for known, other in names:
            records = [with_other_name(r, known, other) for r in records]
        drained_and_right(s, records)
        assert len(s.fed.model.expected()["account_summary"]) > 0


def with_other_name(record: Input, known: bytes, other: bytes) -> Input:
    if record.value is None:
        return record
    return dataclasses.replace(
        record, value=record.value.replace(b'"%s":' % known, b'"%s":' % other)
    )


@pytest.mark.parametrize("value", ["source", "none"])
def test_options__headers(broker: KafkaBroker, tmp_path: Path, value: str) -> None:
    with Scenario(broker, tmp_path, (2, 3), {"output.headers": value}) as s:
        s.has_sources = value == "source"
        drained_and_right(s, load_log(EVENTS, (2, 3), "log", FIRST_SEED, "auto", truncates=False))
        for name in RESULTS:
            messages = read_topic(broker.bootstrap, s.names[name])
            assert {SOURCE_HEADER in dict(m.headers) for m in messages} == {s.has_sources}
