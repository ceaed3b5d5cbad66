"""An application under test: its topics, the records that went in, what the model says of them, the
program."""

import itertools
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from confluent_kafka import IsolationLevel, KafkaError, Message, Producer
from generate import Input, generate
from kafka import CLIENT, KafkaBroker
from model import Model
from results import RESULTS, InputRecord, Place, Translate, check_results, unchanged
from streamer import INPUTS, EmbeddedStreamer, Streamer

FOREVER = {"retention.ms": "-1"}  # the generator's records are years old
RECORD_MAX_BYTES = 131072
SEEDS = int(os.environ.get("SEEDS", "3"))
FIRST_SEED = int(os.environ.get("FIRST_SEED", "1"))

_numbers = itertools.count(1)


def load(
    events: int,
    partitions: tuple[int, int],
    mode: str,
    seeds: Iterable[int] = (FIRST_SEED,),
    large: bool = True,
) -> list[Input]:
    """Events of several seeds, one seed after the other, on disjoint ids."""
    records: list[Input] = []
    for place, seed in enumerate(seeds):
        records += generate(
            *(seed, events, *partitions, mode),
            id_offset=100 * place,
            account_prefix=f"A{place}-",
            record_max_bytes=RECORD_MAX_BYTES if large else None,
        )
    return records


def load_log(
    events: int, partitions: tuple[int, int], mode: str, seed: int, order: str, truncates: bool
) -> list[Input]:
    """What a database sends, and in mode `mixed` feeds of the same ids.

    On ids of its own, but not to be mixed with other seeds: a truncate ends all of them.
    """
    return generate(
        *(seed, events, *partitions, mode),
        id_offset=100 * seed,
        account_prefix=f"A{seed}-",
        record_max_bytes=RECORD_MAX_BYTES,
        order="log" if order == "log" else "auto",
        truncates=truncates,
    )


def model_of(settings: Mapping[str, str]) -> Model:
    """The model of a program with these settings, as far as they change what it does with its
    input."""
    return Model(
        record_max_bytes=RECORD_MAX_BYTES,
        order={name: settings.get(f"order.{name}", "auto") for name in INPUTS},
        truncate=settings.get("truncate", "apply"),
        fields={name: settings.get(f"fields.{name}", "") for name in INPUTS},
        future_window_ms=hours(settings.get("future.window", "24h")) * 3_600_000,
        late_window_ms=hours(settings.get("late.window", "72h")) * 3_600_000,
    )


def hours(duration: str) -> int:
    return int(duration.removesuffix("h"))


class Fed:
    """Produces records and tells the model, in the same order and with the offsets that Kafka
    gave."""

    def __init__(
        self,
        bootstrap: str,
        topic_names: Mapping[str, str],
        idempotence: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.model = model_of(settings or {})
        self.counts = Counter({name: 0 for name in INPUTS})
        self.records: dict[Place, InputRecord] = {}
        self._topic_names = topic_names
        settings = {
            "enable.idempotence": idempotence,
            "max.in.flight": 1,
            "linger.ms": 1,
            "request.timeout.ms": 5000,
            **CLIENT,
        }
        self._producer = Producer({"bootstrap.servers": bootstrap, **settings})

    def feed(self, records: Sequence[Input]) -> None:
        """Returns when all of them are in Kafka."""
        offsets: dict[int, int] = {}

        def delivered(index: int, error: KafkaError | None, message: Message) -> None:
            offset = message.offset()
            assert error is None and offset is not None, error
            offsets[index] = offset

        for index, record in enumerate(records):
            self._producer.produce(
                self._topic_names[record.topic],
                partition=record.partition,
                key=record.key,
                value=record.value,
                timestamp=record.timestamp_ms,
                headers=list(record.headers),
                on_delivery=partial(delivered, index),
            )
            self._producer.poll(0)
        left = self._producer.flush(120)
        assert left == 0 and len(offsets) == len(records), (
            f"{left} of {len(records)} records are not in Kafka"
        )
        for index, record in enumerate(records):
            self._remember(record, offsets[index])

    def quarantine(self) -> list[dict[str, Any]]:
        """What the quarantine must hold, as in Kafka."""
        return self.model.quarantine()

    def _remember(self, r: Input, offset: int) -> None:
        self.counts[r.topic] += 1
        id_ = self.model.apply(
            r.topic, r.partition, offset, r.timestamp_ms, r.key, r.value, r.headers
        )
        topic = self._topic_names[r.topic]
        self.records[(topic, r.partition, offset)] = InputRecord(
            r.topic, list(r.headers), None if id_ is None else str(id_)
        )


class Scenario:
    """One application on a broker that others use too: app.id and topics are its own."""

    def __init__(
        self,
        broker: KafkaBroker,
        directory: Path,
        partitions: tuple[int, int],
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.broker = broker
        self.app_id = f"test{next(_numbers)}"
        self.names = {name: f"{self.app_id}.{name}" for name in (*INPUTS, *RESULTS, "quarantine")}
        self.partitions = partitions
        self.settings = {
            "app.id": self.app_id,
            "instance.id": "one",
            "kafka.bootstrap.servers": broker.bootstrap,
            "record.max.bytes": str(RECORD_MAX_BYTES),
            **{f"topic.{name}": topic for name, topic in self.names.items()},
            **(settings or {}),
        }
        for name, count in zip(INPUTS, partitions, strict=True):
            broker.topic_create(self.names[name], count, FOREVER)
        self.fed = Fed(broker.bootstrap, self.names, settings=self.settings)
        self.streamer = Streamer(directory / "one", self.settings)
        self.has_sources = True  # headers of results
        self.as_json: Translate = unchanged  # how values of results are read

    def __enter__(self) -> "Scenario":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.streamer.__exit__(kind, error, trace)
        if kind is None:
            for topic in self.broker.topics():
                if topic.startswith((f"{self.app_id}.", f"{self.app_id}-")):
                    self.broker.topic_delete(topic)

    def another(self, directory: Path, settings: Mapping[str, str]) -> Streamer:
        """One more instance of the application."""
        return Streamer(directory, {**self.settings, **settings})

    def wait_drained(self, streamer: Streamer | None = None) -> None:
        """By the first instance, or by another one of the same application."""
        (streamer or self.streamer).wait_drained(self.broker, self.fed.counts)

    def written(self) -> int:
        """Messages in the result topics, committed or not."""
        topics = set(self.broker.topics()) & {self.names[name] for name in RESULTS}
        return sum(
            sum(self.broker.end_offsets(t, IsolationLevel.READ_UNCOMMITTED).values())
            for t in topics
        )

    def check(self) -> None:
        """The results are what the model says."""
        check_results(
            self.broker.bootstrap,
            self.names,
            self.fed.model.expected(),
            self.fed.quarantine(),
            max(self.partitions),
            self.fed.records,
            has_sources=self.has_sources,
            as_json=self.as_json,
        )


class EmbeddedScenario:
    """The application whose broker is inside it; topics have their default names."""

    def __init__(
        self,
        directory: Path,
        partitions: int,
        workers: int = 1,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.names = {name: name for name in (*INPUTS, *RESULTS, "quarantine")}
        self.partitions = partitions
        common = {
            "record.max.bytes": str(RECORD_MAX_BYTES),
            "partitions": str(partitions),
            "workers": str(workers),
        }
        self.streamer = EmbeddedStreamer(directory / "embedded", {**common, **(settings or {})})

    def __enter__(self) -> "EmbeddedScenario":
        self.streamer.start()
        self.streamer.wait_ready()
        self.fed = Fed(self.streamer.bootstrap(), self.names, idempotence=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.streamer.__exit__(kind, error, trace)

    def wait_drained(self) -> None:
        self.streamer.wait_all_consumed(self.fed.counts)

    def check(self) -> None:
        check_results(
            self.streamer.bootstrap(),
            self.names,
            self.fed.model.expected(),
            self.fed.model.quarantine(),
            self.partitions,
            self.fed.records,
        )
