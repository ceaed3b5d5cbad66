"""A running processor on Apache Kafka, which the page is shown of."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from kafka import CLIENT, KafkaBroker
from process import free_ports, wait_until

from streamer import Streamer

TOKEN = "correct-horse"


class World:
    """Each instance asks for TOKEN. A check fails where most records are rejected, and an account
    that waits for over a second for its customer makes the check intermediate.orphans warn."""

    def __init__(
        self, broker: KafkaBroker, directory: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        self.broker = broker
        self._directory = directory
        for name in ("customers", "accounts"):
            broker.topic_create(name, 4, {"retention.ms": "-1"})
        self._producer = Producer({"bootstrap.servers": broker.bootstrap, **CLIENT})
        token = directory / "token"
        token.write_text(TOKEN)
        self._settings = {
            "app.id": "streamer",
            "kafka.bootstrap.servers": broker.bootstrap,
            "kafka.session.timeout.ms": "6000",  # an instance that is killed leaves after that
            "http.token.file": str(token),
            "http.peers": "127.0.0.1",
            "quality.orphans.warn": "1s",
            "quality.quarantine.warn": "0.4",
            "quality.quarantine.error": "0.5",
            **(settings or {}),
        }
        self.first = self.instance("first")
        self.url = url_of(self.first)

    def instance(self, name: str) -> Streamer:
        streamer = Streamer(self._directory / name, self._settings)
        streamer.configure({"http.advertised.url": f"http://{streamer.settings['http.listen']}"})
        return streamer

    def publish(self, topic: str, *rows: dict[str, Any]) -> None:
        """Records of `customers` or `accounts`, in order and keyed by their first field."""
        for row in rows:
            key = str(next(iter(row.values())))
            self._producer.produce(topic, json.dumps(row).encode(), key)
        assert self._producer.flush(60) == 0

    @contextmanager
    def waiting_instance(self) -> Iterator[Streamer]:
        """One that finds no broker."""
        streamer = self.instance("waiting")
        (port,) = free_ports(1)
        streamer.configure({"kafka.bootstrap.servers": f"127.0.0.1:{port}"})
        with streamer:
            wait_until("answering", lambda: answers(streamer), streamer.stderr, streamer.process)
            yield streamer


def answers(streamer: Streamer) -> bool:
    try:
        return streamer.get_text("/healthz")[0] == 200
    except OSError:
        return False


def url_of(streamer: Streamer) -> str:
    return f"http://{streamer.settings['http.listen']}/"


@contextmanager
def running_world(directory: Path, settings: Mapping[str, str] | None = None) -> Iterator[World]:
    with ExitStack() as stack:
        broker = stack.enter_context(KafkaBroker(directory / "kafka"))
        world = World(broker, directory, settings)
        stack.enter_context(world.first)
        world.first.wait_ready()
        yield world
