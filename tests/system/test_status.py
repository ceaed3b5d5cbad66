"""What the operator sees of running instances: over HTTP and at a terminal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from kafka import KafkaBroker
from process import wait_until
from scenario import Scenario
from streamer import Streamer

PARTITIONS = (4, 4)
SESSION = {"kafka.session.timeout.ms": "6000", "transaction.timeout": "5s"}

Json = dict[str, Any]


class Instance(NamedTuple):
    streamer: Streamer
    url: str

    def all(self, path: str = "/v1/status") -> list[Json]:
        """What all instances answer, asked through this one; its own answer first."""
        status, answer = self.streamer.get(f"{path}?all=true")
        assert status == 200, answer
        own, *_ = instances = answer["instances"]
        assert own["self"] and own["url"] == self.url
        assert not any(other["self"] for other in instances[1:])
        return list(instances)


class Pair(NamedTuple):
    scenario: Scenario
    first: Instance
    second: Instance


def start(scenario: Scenario, directory: Path) -> Instance:
    streamer = scenario.another(directory, {"http.peers": "127.0.0.1", "instance.id": ""})
    url = f"http://{streamer.settings['http.listen']}"
    streamer.configure({"http.advertised.url": url})
    streamer.start()
    streamer.wait_ready()
    return Instance(streamer, url)


@pytest.fixture(scope="module")
def pair(broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two instances of an application, which know each other."""
    directory = tmp_path_factory.mktemp("pair")
    with Scenario(broker, directory, PARTITIONS, SESSION) as scenario:
        first = start(scenario, directory / "first")
        second = start(scenario, directory / "second")
        try:
            yield Pair(scenario, first, second)
        finally:
            first.streamer.kill()
            second.streamer.kill()


def reached(instances: list[Json]) -> list[str | None]:
    return [i["url"] for i in instances if i["reached"]]


def covered(instances: list[Json]) -> list[int]:
    return sorted(p for i in instances for p in i["partitions"])


def both_answer(asked: Instance, other: Instance) -> list[Json]:
    """Until both have partitions and the group has told so."""

    def answers() -> list[Json] | None:
        instances = asked.all()
        shared = all(i["partitions"] for i in instances)
        return instances if reached(instances) == [asked.url, other.url] and shared else None

    return wait_until("with both instances", answers, asked.streamer.stderr)


def test_status__each_instance_answers_for_all(pair: Pair) -> None:
    for asked, other in ((pair.first, pair.second), (pair.second, pair.first)):
        instances = both_answer(asked, other)
        assert covered(instances) == [0, 1, 2, 3]
        for instance in instances:
            assert instance["error"] is None
            assert instance["answer"]["app"] == pair.scenario.app_id
        status, alone = asked.streamer.get("/v1/status")
        assert status == 200
        assert "instances" not in alone and alone.keys() == instances[0]["answer"].keys()
        assert asked.streamer.get("/v1/status?all=true&forwarded=1")[1].keys() == alone.keys()


def test_status__an_instance_that_does_not_answer_is_named(pair: Pair) -> None:
    """Frozen, it is waited for a few seconds; killed, it is named until the group gives its
    partitions to the other instance."""
    both_answer(pair.first, pair.second)
    pair.second.streamer.freeze()
    frozen = pair.first.all()
    pair.second.streamer.kill()
    killed = pair.first.all()
    for instances in (frozen, killed):
        assert reached(instances) == [pair.first.url]
        _, other = instances
        assert other["url"] == pair.second.url and other["answer"] is None
        assert other["error"].startswith("it does not answer: ")
        assert covered(instances) == [0, 1, 2, 3]

    def is_alone() -> bool:
        instances = pair.first.all()
        assert covered(instances) == [0, 1, 2, 3]
        return len(instances) == 1

    wait_until("alone", is_alone, pair.first.streamer.stderr)
