"""Input in Avro: what Python's AvroSerializer writes gives what the same rows give as JSON."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from avro_input import (
    ACCOUNT_1,
    ACCOUNT_2,
    EARLY,
    FILED_ACCOUNT,
    LATER,
    LATEST,
    AvroFed,
    AvroInput,
    Shape,
    Writer,
    as_single_object,
)
from kafka import KafkaBroker
from process import wait_until
from receiver import Receiver
from registry import Registry, basic
from results import read_topic
from scenario import Scenario

PARTITIONS = (2, 2)


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as running:
        yield running


def scenario(
    broker: KafkaBroker, directory: Path, registry: Registry, more: Mapping[str, str] | None = None
) -> tuple[Scenario, Writer]:
    files = directory / "schemas"
    files.mkdir()
    (files / "filed.avsc").write_text(json.dumps(FILED_ACCOUNT.schema))
    settings = {"schema.registry.url": registry.url, "schemas.dir": str(files), **(more or {})}
    s = Scenario(broker, directory, PARTITIONS, settings)
    s.fed = AvroFed(broker.bootstrap, s.names, settings=s.settings)
    return s, Writer(registry, s.names, PARTITIONS)


def test_avro__schemas_change_while_it_runs(
    broker: KafkaBroker, tmp_path: Path, registry: Registry
) -> None:
    """Fields come, go, get other names and wider types; records in single-object encoding are
    among them; a record of an unknown id is rejected."""
    s, writer = scenario(broker, tmp_path, registry)
    with s:
        s.streamer.start()
        for shapes in (EARLY, LATER, LATEST):
            s.fed.feed([*each_once(writer, shapes), *writer.records(200, shapes)])
            s.wait_drained()
        s.fed.feed(single_objects(writer))
        s.fed.feed([writer.unknown("accounts", "A1"), writer.unknown("customers", 1)])
        s.fed.feed(writer.records(50, LATEST))
        s.wait_drained()
        s.check()
        codes = {rejected["code"] for rejected in s.fed.quarantine()}
        assert {"unknown_schema", "invalid_balance", "invalid_account_type"} <= codes
        assert len(s.fed.model.expected()["account_summary"]) > 5
        # A schema is fetched once, whatever the number of its records.
        asked = [request for request in registry.requests if "/schemas/" in request]
        assert asked and len(asked) == len(set(asked))
        s.streamer.stop()


def each_once(writer: Writer, shapes: tuple[Shape, ...]) -> list[AvroInput]:
    return [record for shape in shapes for record in writer.records(1, (shape,))]


def single_objects(writer: Writer) -> list[AvroInput]:
    """Of a schema that the registry has shown by its id, and of one that is a file."""
    return [
        as_single_object(record, shape.schema)
        for shape in (ACCOUNT_1, FILED_ACCOUNT)
        for record in rows(writer, shape, 0, 5)
    ]


def test_avro__a_login_is_refused(broker: KafkaBroker, tmp_path: Path, registry: Registry) -> None:
    """Records of a schema that is not known yet wait, and what lies behind them in their partition;
    other partitions go on. SIGHUP brings the new login, but not another registry, whose ids mean
    something else. It brings the new key of another receiver, too."""
    login, api_key = tmp_path / "login", tmp_path / "key"
    login.write_text("bank:old")
    api_key.write_text("old")
    receiver = Receiver()
    settings = {
        "schema.registry.basic.auth.user.info.file": str(login),
        "openlineage.url": receiver.url,
        "openlineage.api.key.file": str(api_key),
    }
    s, writer = scenario(broker, tmp_path, registry, settings)
    with receiver, s:
        s.streamer.start()
        s.fed.feed(writer.records(100, EARLY))
        s.wait_drained()
        fresh = rows(writer, ACCOUNT_2, 0, 1)  # registers the schema
        behind, others = rows(writer, ACCOUNT_1, 0, 5), rows(writer, ACCOUNT_1, 1, 20)
        registry.authorization = basic("bank:new")
        done = broker.end_offsets(s.names["accounts"])
        s.fed.feed([*fresh, *behind, *others])
        ends = {0: done[0], 1: done[1] + len(others)}
        wait(s, "done with the other partition", lambda: committed(s) == ends)
        wait(s, "refused", lambda: is_refused(*s.streamer.get_text("/readyz")))
        assert committed(s) == ends
        waiting = {record.value for record in (*fresh, *behind)}
        rejected = read_topic(broker.bootstrap, s.names["quarantine"])
        assert not waiting & {m.value for m in rejected}
        s.streamer.configure({"schema.registry.url": "http://127.0.0.1:1"})
        assert "another registry comes by a restart" in s.streamer.reload()
        s.streamer.configure({"schema.registry.url": registry.url})
        login.write_text("bank:new")
        api_key.write_text("new")
        assert "are read again" in s.streamer.reload()
        s.wait_drained()
        s.streamer.wait_ready()
        s.check()
        s.streamer.stop()
        keys = [told.authorization for told in receiver.requests("/api/v1/lineage")]
        assert keys == ["Bearer old", "Bearer new"]


def rows(writer: Writer, shape: Shape, partition: int, count: int) -> list[AvroInput]:
    """Of one partition, without tombstones."""
    found: list[AvroInput] = []
    while len(found) < count:
        (record,) = writer.records(1, (shape,))
        if record.partition == partition and record.value is not None:
            found.append(record)
    return found


def committed(s: Scenario) -> dict[int, int]:
    return s.broker.committed_offsets(s.app_id, s.names["accounts"])


def is_refused(status: int, text: str) -> bool:
    return status == 503 and "status 401" in json.loads(text)["reason"]


def wait(s: Scenario, what: str, check: Callable[[], bool]) -> None:
    wait_until(what, check, s.streamer.stderr, s.streamer.process)
