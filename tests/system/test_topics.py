"""The topics: made as they must be where they are missing, refused where they are otherwise."""

from pathlib import Path

import pytest
from kafka import KafkaBroker
from results import RESULTS
from scenario import Scenario, load

COMPACTED = ("account-links", "customer-refs", "confirmations")
REPARTITION = ("repartition-customers", "repartition-accounts")


@pytest.mark.parametrize(("partitions", "wanted", "results"), [((2, 5), "0", 5), ((1, 1), "0", 1), ((2, 1), "3", 3)])
def test_topics__missing_ones_are_created(
    broker: KafkaBroker, tmp_path: Path, partitions: tuple[int, int], wanted: str, results: int
) -> None:
    with Scenario(broker, tmp_path, partitions, {"partitions": wanted}) as s:
        s.streamer.start()
        s.streamer.wait_ready()
        topics = broker.topics()
        compacted = [s.names[name] for name in RESULTS] + [s.streamer.internal_topic(name) for name in COMPACTED]
        deleted = [s.streamer.internal_topic(name) for name in REPARTITION]
        assert {t: topics.get(t) for t in compacted + deleted} == {t: results for t in compacted + deleted}
        assert {t: broker.topic_config(t)["cleanup.policy"] for t in compacted} == {t: "compact" for t in compacted}
        for topic in [*deleted, s.names["quarantine"]]:
            assert broker.topic_config(topic)["cleanup.policy"] == "delete"
        # Records keep the timestamps of their input, which may be years old: retention by time would lose them.
        for topic in deleted:
            assert broker.topic_config(topic)["retention.ms"] == "-1"
        assert (topics[s.names["customers"]], topics[s.names["accounts"]]) == partitions
        s.streamer.stop()


def refusal(s: Scenario, expected_code: int = 2) -> str:
    """The one line with which it exits."""
    s.streamer.start()
    code = s.streamer.wait_exit()
    lines = s.streamer.stderr.read_text().splitlines()
    assert code == expected_code, lines[-5:]
    return lines[-1]


def test_topics__wrong_partition_count_is_refused(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (2, 5)) as s:
        topic = s.names["account_summary"]
        broker.topic_create(topic, 4, {"cleanup.policy": "compact"})
        line = refusal(s)
        assert topic in line and "4" in line.replace(topic, "") and "5" in line.replace(topic, ""), line


def test_topics__wrong_cleanup_policy_is_refused(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (3, 3)) as s:
        topic = s.names["customer_history"]
        broker.topic_create(topic, 3, {"cleanup.policy": "delete"})
        line = refusal(s)
        assert topic in line and "cleanup.policy" in line and "delete" in line and "compact" in line, line


def test_topics__suitable_ones_are_taken(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (3, 3)) as s:
        topic = s.names["customer_history"]
        broker.topic_create(topic, 3, {"cleanup.policy": "compact", "min.compaction.lag.ms": "60000"})
        s.streamer.start()
        s.streamer.wait_ready()
        assert broker.topic_config(topic)["min.compaction.lag.ms"] == "60000"
        s.streamer.stop()


def test_topics__partitions_are_fixed_by_the_first_start(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (2, 2), {"partitions": "2"}) as s:
        s.streamer.start()
        s.streamer.wait_ready()
        s.streamer.stop()
        other = s.another(tmp_path / "other", {"partitions": "3"})
        other.start()
        assert other.wait_exit() == 2
        line = other.stderr.read_text().splitlines()[-1]
        assert "2" in line and "3" in line, line


def test_topics__a_lost_result_topic_stops_it(broker: KafkaBroker, tmp_path: Path) -> None:
    """What it held is not produced again, so going on would be wrong for ever."""
    with Scenario(broker, tmp_path, (2, 2)) as s:
        s.fed.feed(load(200, (2, 2), "keyed", large=False))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        topic = s.names["customer_history"]
        broker.topic_delete(topic)
        line = refusal(s, 1)
        assert topic in line and "recreated" in line, line


def test_topics__results_of_another_application_are_refused(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (2, 2)) as s:
        s.fed.feed(load(200, (2, 2), "keyed", large=False))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        settings = {"app.id": f"{s.app_id}-other", "instance.id": "", "http.listen": ""}
        s.streamer = s.another(tmp_path / "other", settings)
        line = refusal(s)
        assert f"{s.app_id}-other" in line and "topic." in line, line
