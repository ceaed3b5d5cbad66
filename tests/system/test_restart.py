"""The program is stopped and killed at any moment: what is committed is as if it had not been."""

import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaBroker
from process import wait_until
from results import RESULTS, check_rows, compacted, read_topic
from scenario import FIRST_SEED, Scenario, load
from streamer import WITH_FAULTS, Streamer

PARTITIONS = (2, 3)
MANY_TRANSACTIONS = {"batch.max.records": "20"}
FROZEN_S = 20  # longer than any request and session lives


def moments(s: Scenario, records: int, count: int) -> Iterator[None]:
    """Comes back `count` times in the middle of the load, anywhere in the cycle of a
    transaction."""
    rng = random.Random(FIRST_SEED)
    for moment in sorted(rng.sample(range(1, records * 4 // 5), count)):
        s.streamer.wait_consumed(s.broker, moment)
        time.sleep(rng.uniform(0, 0.1))
        yield


@pytest.mark.parametrize(
    ("end", "times", "mode"),
    [(Streamer.stop, 3, "scattered"), (Streamer.kill, 5, "keyed"), (Streamer.kill, 5, "scattered")],
)
def test_restart__mid_load(
    broker: KafkaBroker, tmp_path: Path, end: Callable[[Streamer], None], times: int, mode: str
) -> None:
    with Scenario(broker, tmp_path, PARTITIONS, MANY_TRANSACTIONS) as s:
        s.fed.feed(load(1500, PARTITIONS, mode))
        s.streamer.start()
        for _ in moments(s, 1500, times):
            end(s.streamer)
            s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_restart__stopped_while_a_commit_hangs(broker: KafkaBroker, tmp_path: Path) -> None:
    """As librdkafka's calls may without a broker: it ends all the same, and as if it had been
    killed."""
    with Scenario(broker, tmp_path, PARTITIONS, MANY_TRANSACTIONS) as s:
        s.fed.feed(load(300, PARTITIONS, "keyed"))
        s.streamer.binary = WITH_FAULTS
        s.streamer.start(
            {"KILL_POINT": "commit", "KILL_WHEN": "before", "KILL_NTH": "2", "KILL_HOW": "hang"}
        )
        wait_until(
            "hanging",
            lambda: "kill_point: hangs" in s.streamer.stderr.read_text(),
            s.streamer.stderr,
        )
        s.streamer.ask_to_stop()
        assert s.streamer.wait_exit() == 1
        assert "stopping takes too long" in s.streamer.stderr.read_text()
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_restart__broker_that_was_frozen(broker: KafkaBroker, tmp_path: Path) -> None:
    """Requests that have run out meanwhile may still be under way inside librdkafka when it answers
    again."""
    with Scenario(broker, tmp_path, (2, 2)) as s:
        records = load(6000, (2, 2), "keyed")
        s.streamer.start()
        s.streamer.wait_ready()
        s.fed.feed(records[:3000])
        time.sleep(0.3)
        broker.freeze()
        try:
            time.sleep(FROZEN_S)
        finally:
            broker.thaw()
        s.fed.feed(records[3000:])
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_restart__killed_without_instance_id(broker: KafkaBroker, tmp_path: Path) -> None:
    """The group waits for the dead member's session to end, and nothing else happens."""
    settings = {**MANY_TRANSACTIONS, "instance.id": "", "kafka.session.timeout.ms": "6000"}
    with Scenario(broker, tmp_path, PARTITIONS, settings) as s:
        s.fed.feed(load(1000, PARTITIONS, "keyed"))
        s.streamer.start()
        s.streamer.wait_consumed(broker, 300)
        s.streamer.kill()
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_restart__killed_and_state_lost(broker: KafkaBroker, tmp_path: Path) -> None:
    """With no local state the topics rebuild it: the rest of the input meets what came before."""
    with Scenario(broker, tmp_path, PARTITIONS, MANY_TRANSACTIONS) as s:
        s.fed.feed(load(1500, PARTITIONS, "keyed"))
        s.streamer.start()
        for _ in moments(s, 1500, 2):
            s.streamer.kill()
            shutil.rmtree(s.streamer.settings["state.dir"])
            s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_restart__older_state_put_back(broker: KafkaBroker, tmp_path: Path) -> None:
    """A state directory from a backup is behind the topics, and catches up by replay."""
    with Scenario(broker, tmp_path, PARTITIONS, MANY_TRANSACTIONS) as s:
        state, backup = Path(s.streamer.settings["state.dir"]), tmp_path / "backup"
        records = load(1500, PARTITIONS, "keyed")
        s.fed.feed(records[:500])
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        shutil.copytree(state, backup)
        s.fed.feed(records[500:1000])
        s.streamer.start()
        s.wait_drained()
        s.streamer.kill()
        shutil.rmtree(state)
        shutil.copytree(backup, state)
        s.fed.feed(records[1000:])
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


COMPACT_AT_ONCE = {
    "segment.ms": "1",
    "min.cleanable.dirty.ratio": "0.001",
    "delete.retention.ms": "0",
}
# Who lets Kafka remove tombstones of the internal topics that nobody has read yet loses them
# (state/README.md, "Long pauses").
KEEP_TOMBSTONES = {"delete.retention.ms": "3600000"}


def test_restart__state_lost_and_topics_compacted(tmp_path: Path) -> None:
    """Log cleaning takes old rows and tombstones away, and nothing of that is missed."""
    quick = {"log.cleaner.backoff.ms": "200", "log.initial.task.delay.ms": "100"}
    with (
        KafkaBroker(tmp_path / "kafka", quick) as broker,
        Scenario(broker, tmp_path, PARTITIONS, MANY_TRANSACTIONS) as s,
    ):
        records = load(1500, PARTITIONS, "keyed")
        s.fed.feed(records[:500])
        s.streamer.start()
        s.wait_drained()
        results = [s.names[name] for name in RESULTS]
        internal = [
            s.streamer.internal_topic(name)
            for name in ("account-links", "customer-refs", "confirmations")
        ]
        for topic in results:
            broker.topic_alter(topic, COMPACT_AT_ONCE)
        for topic in internal:
            broker.topic_alter(topic, {**COMPACT_AT_ONCE, **KEEP_TOMBSTONES})
        s.fed.feed(records[500:1000])
        s.wait_drained()
        s.streamer.kill()
        for topic in internal:
            broker.topic_alter(topic, COMPACT_AT_ONCE)
        joined = s.names["account_with_customer"]
        full = sum(broker.end_offsets(joined).values())
        wait_until(
            "compacted",
            lambda: len(read_topic(broker.bootstrap, joined)) < full // 2,
            s.streamer.stderr,
        )
        for topic in internal:
            broker.topic_alter(topic, KEEP_TOMBSTONES)
        shutil.rmtree(s.streamer.settings["state.dir"])
        s.fed.feed(records[1000:])
        s.streamer.start()
        s.wait_drained()
        expected = s.fed.model.expected()
        complaints = [
            complaint
            for name in RESULTS
            for complaint in check_rows(
                name, expected[name], compacted(read_topic(broker.bootstrap, s.names[name]))
            )
        ]
        assert not complaints, "\n" + "\n".join(complaints)
        s.streamer.stop()
