"""The topics: made as they must be where they are missing, refused where they are otherwise."""

import re
import subprocess
from collections.abc import Collection
from pathlib import Path

import pytest
from kafka import KafkaBroker
from results import RESULTS
from scenario import Scenario, load
from streamer import run_once

COMPACTED = ("account-links", "customer-refs", "confirmations")
REPARTITION = ("repartition-customers", "repartition-accounts")


@pytest.mark.parametrize(
    ("partitions", "wanted", "results"), [((2, 5), "0", 5), ((1, 1), "0", 1), ((2, 1), "3", 3)]
)
def test_topics__missing_ones_are_created(
    broker: KafkaBroker, tmp_path: Path, partitions: tuple[int, int], wanted: str, results: int
) -> None:
    with Scenario(broker, tmp_path, partitions, {"partitions": wanted}) as s:
        before = ours(s)
        told = would_create(s)
        assert ours(s) == before
        s.streamer.start()
        s.streamer.wait_ready()
        topics = broker.topics()
        assert told == {t: topics[t] for t in ours(s) - before}
        compacted = [s.names[name] for name in RESULTS] + [
            s.streamer.internal_topic(name) for name in COMPACTED
        ]
        deleted = [s.streamer.internal_topic(name) for name in REPARTITION]
        assert {t: topics.get(t) for t in compacted + deleted} == {
            t: results for t in compacted + deleted
        }
        assert {t: broker.topic_config(t)["cleanup.policy"] for t in compacted} == {
            t: "compact" for t in compacted
        }
        for topic in [*deleted, s.names["quarantine"]]:
            assert broker.topic_config(topic)["cleanup.policy"] == "delete"
        # Records keep the timestamps of their input, which may be years old: retention by time
        # would lose them.
        for topic in deleted:
            assert broker.topic_config(topic)["retention.ms"] == "-1"
        assert (topics[s.names["customers"]], topics[s.names["accounts"]]) == partitions
        s.streamer.stop()


def ours(s: Scenario) -> set[str]:
    """The topics that are there; other tests' come and go."""
    return {
        topic for topic in s.broker.topics() if topic.startswith((f"{s.app_id}.", f"{s.app_id}-"))
    }


def refusal(s: Scenario, expected_code: int = 2, creates: Collection[str] = ()) -> str:
    """The one line with which it exits; by then it has created no other topics than these."""
    before = ours(s)
    s.streamer.start()
    code = s.streamer.wait_exit()
    lines = s.streamer.stderr.read_text().splitlines()
    assert code == expected_code, lines[-5:]
    assert ours(s) == before | set(creates)
    return lines[-1]


def check(s: Scenario) -> "subprocess.CompletedProcess[str]":
    return run_once(
        "check",
        "--connect",
        *[f"--set={key}={value}" for key, value in s.streamer.settings.items()],
    )


def would_create(s: Scenario) -> dict[str, int]:
    """Topics and their partitions, as `check --connect` tells; which it says of all but the
    quarantine that it is fixed."""
    done = check(s)
    assert done.returncode == 0, done
    lines = re.findall(
        r"^topic (\S+) \(\w+\): missing, .* creates it with (\d+) partitions?(.*)$",
        done.stdout,
        re.MULTILINE,
    )
    assert {topic for topic, _, note in lines if note != ", fixed from then on"} <= {
        s.names["quarantine"]
    }
    return {topic: int(count) for topic, count, _ in lines}


def test_topics__wrong_partition_count_is_refused(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (2, 5)) as s:
        topic = s.names["account_summary"]
        broker.topic_create(topic, 4, {"cleanup.policy": "compact"})
        line = refusal(s)
        assert (
            topic in line and "4" in line.replace(topic, "") and "5" in line.replace(topic, "")
        ), line


def test_topics__wrong_cleanup_policy_is_refused(broker: KafkaBroker, tmp_path: Path) -> None:
    """Also before the inputs are created, which are missing here."""
    with Scenario(broker, tmp_path, (3, 3)) as s:
        broker.topics_delete([s.names["customers"], s.names["accounts"]])
        topic = s.names["customer_history"]
        broker.topic_create(topic, 3, {"cleanup.policy": "delete"})
        line = refusal(s)
        assert (
            topic in line and "cleanup.policy" in line and "delete" in line and "compact" in line
        ), line


def test_topics__suitable_ones_are_taken(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, (3, 3)) as s:
        topic = s.names["customer_history"]
        broker.topic_create(
            topic, 3, {"cleanup.policy": "compact", "min.compaction.lag.ms": "60000"}
        )
        s.streamer.start()
        s.streamer.wait_ready()
        assert broker.topic_config(topic)["min.compaction.lag.ms"] == "60000"
        s.streamer.stop()


def test_topics__partitions_are_fixed_by_the_first_start(
    broker: KafkaBroker, tmp_path: Path
) -> None:
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
        line = refusal(s, 1, [topic])
        assert topic in line and "recreated" in line, line


def test_topics__missing_inputs_are_told(broker: KafkaBroker, tmp_path: Path) -> None:
    """With the number of partitions that the brokers choose."""
    with Scenario(broker, tmp_path, (2, 2)) as s:
        broker.topics_delete([s.names["customers"], s.names["accounts"]])
        done = check(s)
        assert done.returncode == 0 and not ours(s), done
        by_default = (
            "missing, `streamer run` creates it with 1 partition, as num.partitions of "
            "the brokers says"
        )
        fixed = "missing, `streamer run` creates it with 1 partition, fixed from then on"
        assert f"topic {s.names['accounts']} (input): {by_default}" in done.stdout
        assert f"topic {s.names['account_summary']} (result): {fixed}" in done.stdout


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"state.dir": "{file}/state"}, "Not a directory"),
        (
            {"kafka.max.poll.interval.ms": "6000", "kafka.session.timeout.ms": "7000"},
            "max.poll.interval.ms",
        ),
    ],
    ids=["state.dir", "kafka"],
)
def test_topics__none_is_created_where_this_machine_is_at_fault(
    broker: KafkaBroker, tmp_path: Path, settings: dict[str, str], says: str
) -> None:
    file = tmp_path / "file"
    file.touch()
    with Scenario(
        broker, tmp_path, (1, 1), {key: value.format(file=file) for key, value in settings.items()}
    ) as s:
        assert says in refusal(s)
        done = check(s)
        assert done.returncode == 2 and says in done.stderr, done


def test_topics__state_in_use_is_told(broker: KafkaBroker, tmp_path: Path) -> None:
    """Folders above it are made by the start; `check` finds the directory locked meanwhile, and
    usable afterwards."""
    state = tmp_path / "not" / "there" / "state"
    with Scenario(broker, tmp_path, (1, 1), {"state.dir": str(state)}) as s:
        done = check(s)
        assert (
            done.returncode == 0
            and f"state.dir {state}: not there, `streamer run` makes it" in done.stdout
        ), done
        assert not state.parent.exists()
        s.streamer.start()
        s.streamer.wait_ready()
        done = check(s)
        assert (
            done.returncode == 2 and f"in use by another process ({s.streamer.pid})" in done.stderr
        ), done
        s.streamer.stop()
        done = check(s)
        assert (
            done.returncode == 0
            and f"state.dir {state}: holds the state of app.id {s.app_id}" in done.stdout
        ), done
