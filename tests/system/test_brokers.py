"""Three brokers: any one of them may die, freeze or be restarted, and results go on."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from generate import Input
from kafka import KafkaCluster
from scenario import Scenario, load

PARTITIONS = (2, 3)
SETTINGS = {"kafka.session.timeout.ms": "6000", "batch.max.records": "100"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """Shared: tests bring back what they have taken down."""
    with KafkaCluster(tmp_path_factory.mktemp("kafka")) as running:
        yield running


class Load:
    """Input, a part at a time."""

    def __init__(self, s: Scenario) -> None:
        self._scenario = s
        self._records: Iterator[Input] = iter(load(1500, PARTITIONS, "keyed"))

    def feed(self, count: int = 200) -> None:
        self._scenario.fed.feed(list(itertools.islice(self._records, count)))

    def feed_and_drain(self) -> None:
        self.feed()
        self._scenario.wait_drained()

    def finish(self) -> None:
        """The rest; then all results are the model's."""
        self._scenario.fed.feed(list(self._records))
        self._scenario.wait_drained()
        self._scenario.check()
        self._scenario.streamer.stop()


def test_brokers__first_start_on_empty_topics(cluster: KafkaCluster, tmp_path: Path) -> None:
    """Topics that it has just made are not known to every broker yet."""
    for turn in range(10):
        with Scenario(cluster, tmp_path / str(turn), PARTITIONS, SETTINGS) as s:
            s.streamer.start()
            s.streamer.wait_ready()
            s.streamer.stop()


@pytest.mark.parametrize("which", ["the coordinator", "the next one", "the third one"])
def test_brokers__killed(cluster: KafkaCluster, tmp_path: Path, which: str) -> None:
    with Scenario(cluster, tmp_path, PARTITIONS, SETTINGS) as s:
        parts = Load(s)
        s.streamer.start()
        parts.feed_and_drain()
        first = cluster.nodes.index(cluster.coordinator(s.app_id))
        place = ("the coordinator", "the next one", "the third one").index(which)
        node = cluster.nodes[(first + place) % len(cluster.nodes)]
        parts.feed(100)
        node.kill()
        for _ in range(2):
            parts.feed_and_drain()
        cluster.node_back(node)
        parts.finish()
        said = s.streamer.stderr.read_text()
        assert "brokers are down" not in said  # two were up all the time
        assert "Connection refused" not in said and "Disconnected" not in said
        lost = [line for line in said.splitlines() if "broker unreachable" in line]
        assert len(lost) == 1 and f" broker={node.bootstrap} since=" in lost[0]


def test_brokers__frozen_leader(cluster: KafkaCluster, tmp_path: Path) -> None:
    """Its connections stay open and say nothing."""
    with Scenario(cluster, tmp_path, PARTITIONS, SETTINGS) as s:
        parts = Load(s)
        s.streamer.start()
        parts.feed_and_drain()
        node = cluster.coordinator(s.app_id)
        parts.feed(100)
        node.freeze()
        try:
            parts.feed_and_drain()
        finally:
            node.thaw()
        cluster.wait_all_in_sync()
        parts.finish()


def test_brokers__rolling_restart(cluster: KafkaCluster, tmp_path: Path) -> None:
    with Scenario(cluster, tmp_path, PARTITIONS, SETTINGS) as s:
        parts = Load(s)
        s.streamer.start()
        parts.feed_and_drain()
        for node in cluster.nodes:
            parts.feed(100)
            node.stop()
            parts.feed(100)
            cluster.node_back(node)
        parts.finish()


def test_brokers__started_while_one_is_dead(cluster: KafkaCluster, tmp_path: Path) -> None:
    with Scenario(cluster, tmp_path, PARTITIONS, SETTINGS) as s:
        parts = Load(s)
        s.streamer.start()
        parts.feed_and_drain()
        s.streamer.stop()
        node = cluster.nodes[0]  # the first of bootstrap.servers
        node.kill()
        parts.feed(100)
        s.streamer.start()
        parts.feed_and_drain()
        cluster.node_back(node)
        parts.finish()
