"""What the page is tested against: the stand-in, or the program with Apache Kafka. The cases of
test_page.py that take a `World` are the same for both."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from confluent_kafka import Producer
from kafka import CLIENT, KafkaBroker
from scenes import ago, other, problem
from standin import Json, StandIn

from streamer import Streamer

TOKEN = "correct-horse"


class World(ABC):
    """Every instance asks for TOKEN. An account that waits over a second for its customer makes the
    check intermediate.orphans warn."""

    url: str

    @abstractmethod
    def publish(self, topic: str, **row: object) -> None:
        """A record of `customers` or `accounts`, with `updated_at`."""

    @abstractmethod
    def second_instance(self) -> AbstractContextManager[None]:
        """Runs as long as the context lasts."""


class StandInWorld(World):
    def __init__(self) -> None:
        self.standin = StandIn(TOKEN)
        self.url = self.standin.url

    def publish(self, topic: str, **row: object) -> None:
        w, values = self.standin, {name: str(value) for name, value in row.items()}
        at = values.pop("updated_at")
        if topic == "customers":
            loan = values.pop("has_loan") == "yes"
            made: Json = {"customer_id": int(values["customer_id"])}
            made |= {"customer_name": values["customer_name"].lower(), "has_loan_flag": loan}
        else:
            made = values | {"customer_id": int(values["customer_id"])}
        w.rows.put(topic, values[topic.rstrip("s") + "_id"], at, made)
        for node in (topic, f"staging.{topic}", topic.rstrip("s") + "_history"):
            w.counts[node] += 1
            w.rates[node] = 0.1
        self._judge()

    def _judge(self) -> None:
        text = "1 account waits for its customer"
        orphans = self.standin.check("intermediate.orphans", "warn", text, ago(seconds=1))
        has = self.standin.rows.orphans() > 0
        self.standin.failures = [orphans] if has else []
        told = problem("warn", orphans["id"], text, orphans["since"])
        self.standin.problems = [told] if has else []

    @contextmanager
    def second_instance(self) -> Iterator[None]:
        self.standin.others = [other(self.standin, "http://127.0.0.1:9465", [3, 4])]
        yield
        self.standin.others = []


@contextmanager
def standin_world() -> Iterator[World]:
    world = StandInWorld()
    with world.standin.serving():
        yield world


class ClusterWorld(World):
    def __init__(self, broker: KafkaBroker, directory: Path) -> None:
        self._directory = directory
        self._topics = {name: f"page-{name}" for name in ("customers", "accounts")}
        for name in self._topics.values():
            broker.topic_create(name, 4, {"retention.ms": "-1"})
        self._producer = Producer({"bootstrap.servers": broker.bootstrap, **CLIENT})
        token = directory / "token"
        token.write_text(TOKEN)
        self._settings = {
            "app.id": "page",
            "kafka.bootstrap.servers": broker.bootstrap,
            "http.token.file": str(token),
            "http.peers": "127.0.0.1",
            "http.forward": "proxy",
            "quality.orphans.warn": "1s",
            **{f"topic.{name}": topic for name, topic in self._topics.items()},
        }
        self.first = self._instance("first")
        self.url = self.first.settings["http.advertised.url"] + "/"

    def _instance(self, name: str) -> Streamer:
        streamer = Streamer(self._directory / name, self._settings)
        streamer.configure({"http.advertised.url": f"http://{streamer.settings['http.listen']}"})
        return streamer

    def publish(self, topic: str, **row: object) -> None:
        self._producer.produce(self._topics[topic], json.dumps(row, default=str).encode())
        assert self._producer.flush(60) == 0

    @contextmanager
    def second_instance(self) -> Iterator[None]:
        second = self._instance("second")
        with second:
            yield
            second.stop()


@contextmanager
def cluster_world(directory: Path) -> Iterator[World]:
    with ExitStack() as stack:
        broker = stack.enter_context(KafkaBroker(directory / "kafka"))
        world = ClusterWorld(broker, directory)
        stack.enter_context(world.first)
        world.first.wait_ready()
        yield world
