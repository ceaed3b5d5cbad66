"""A result topic belongs to one app.id: others are refused before they change anything."""

import subprocess
from pathlib import Path

from confluent_kafka import Producer, TopicPartition
from kafka import CLIENT, KafkaBroker
from process import DIE_WITH_PARENT, wait_until
from results import RESULTS, read_topic
from scenario import Scenario, load
from streamer import WITH_FAULTS, Streamer, environment, run_once

PARTITIONS = (2, 3)
OWNED = (*RESULTS, "quarantine")
DIED = -9  # by SIGKILL


def another_app(s: Scenario, directory: Path, **topics: str) -> Streamer:
    """On the same topics, but for those that are given."""
    app_id = f"{s.app_id}-{directory.name}"
    names = {f"topic.{name}": topic for name, topic in topics.items()}
    return s.another(directory, {"app.id": app_id, "instance.id": "", "http.listen": "", **names})


def own_names(s: Scenario, suffix: str) -> dict[str, str]:
    return {name: f"{s.app_id}.{suffix}.{name}" for name in OWNED}


def command(streamer: Streamer, *arguments: str) -> tuple[int, str]:
    """The exit code, and all that it says."""
    settings = [f"--set={key}={value}" for key, value in streamer.settings.items()]
    done = run_once(*arguments, *settings)
    return done.returncode, done.stdout + done.stderr


def check(streamer: Streamer) -> tuple[int, str]:
    return command(streamer, "check", "--connect")


def run(streamer: Streamer) -> tuple[int, str]:
    """One that is to end by itself."""
    streamer.start()
    return streamer.wait_exit(), streamer.stderr.read_text()


def assert_refused(outcome: tuple[int, str], owner: str, name: str, topic: str) -> None:
    code, said = outcome
    last = said.splitlines()[-1]
    assert code == 2, said
    assert f"topic {topic} belongs to app.id {owner}" in last, last
    assert f"topic.{name}" in last and f"use app.id {owner}" in last, last


def start_serving(streamer: Streamer) -> None:
    """For those without HTTP."""
    streamer.start()
    wait_serving(streamer)


def wait_serving(streamer: Streamer) -> None:
    wait_until("serving", lambda: 'msg="serving"' in streamer.stderr.read_text(), streamer.stderr)


def claim(streamer: Streamer) -> None:
    """A first start that comes as far as that the topics are its own."""
    streamer.start()
    streamer.wait_ready()
    streamer.stop()


def test_owners__another_app_is_refused(broker: KafkaBroker, tmp_path: Path) -> None:
    """While the topics are empty, too; the owner runs or not; and nothing is changed by it."""
    with Scenario(broker, tmp_path, PARTITIONS, {"instance.id": ""}) as s:
        s.streamer.start()
        s.streamer.wait_ready()
        topics = broker.topics()
        other = another_app(s, tmp_path / "other")
        assert_refused(run(other), s.app_id, "customer_history", s.names["customer_history"])
        assert_refused(check(other), s.app_id, "customer_history", s.names["customer_history"])
        s.streamer.stop()
        reset = command(other, "reset", "--yes")
        assert_refused(reset, s.app_id, "customer_history", s.names["customer_history"])
        assert broker.topics() == topics
        own = own_names(s, "own")
        # One shared topic is enough.
        shares = another_app(s, tmp_path / "shares", **{**own, "quarantine": s.names["quarantine"]})
        shares.settings["partitions"] = (
            "7"  # what else is wrong with another one's topic matters less
        )
        assert_refused(check(shares), s.app_id, "quarantine", s.names["quarantine"])
        code, said = check(another_app(s, tmp_path / "other", **own))
        assert code == 0, said
        assert broker.topics() == topics


def test_owners__two_start_at_once(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        for i in range(2):
            names = own_names(s, f"round{i}")
            apps = [another_app(s, tmp_path / f"{side}{i}", **names) for side in ("left", "right")]
            for app in apps:
                app.start()
            wait_until("one that ends", lambda: not all(app.runs() for app in apps), apps[0].stderr)
            loser, winner = sorted(apps, key=Streamer.runs)
            topic = names["customer_history"]
            refused = loser.wait_exit(), loser.stderr.read_text()
            assert_refused(refused, winner.app_id, "customer_history", topic)
            assert not [t for t in broker.topics() if t.startswith(f"{loser.app_id}-")]
            wait_serving(winner)
            winner.stop()


def test_owners__who_asks_too_late_is_refused(broker: KafkaBroker, tmp_path: Path) -> None:
    """It has seen that the topics are nobody's, and hears only from what it reads afterwards whose
    they are now."""
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        owners = f"{s.app_id}.owners"
        late = another_app(s, tmp_path / "late", owners=owners)
        late.binary = WITH_FAULTS
        late.start({"PRODUCE_MS": "3000"})
        wait_until(
            "about to ask", lambda: f"topic={owners}" in late.stderr.read_text(), late.stderr
        )
        late.freeze()
        early = another_app(s, tmp_path / "early", owners=owners)
        start_serving(early)
        late.thaw()
        outcome = late.wait_exit(), late.stderr.read_text()
        assert_refused(outcome, early.app_id, "customer_history", s.names["customer_history"])
        asked = [m.key_text for m in read_topic(broker.bootstrap, owners)]
        assert asked == [early.app_id, late.app_id]
        early.stop()


def test_owners__from_the_first_start_to_reset(broker: KafkaBroker, tmp_path: Path) -> None:
    """The first start is stopped while it asks, the second is killed before it has read back what
    it has asked for."""
    with Scenario(broker, tmp_path, PARTITIONS, {"instance.id": ""}) as s:
        owners = f"{s.app_id}.owners"
        one = s.another(tmp_path / "one", {"topic.owners": owners})
        one.binary = WITH_FAULTS
        one.start(
            {"KILL_POINT": "flush", "KILL_WHEN": "before", "KILL_NTH": "1", "KILL_HOW": "hang"}
        )
        wait_until("asking", lambda: f"topic={owners}" in one.stderr.read_text(), one.stderr)
        one.ask_to_stop()
        assert one.wait_exit() == 0
        one.start({"KILL_POINT": "flush", "KILL_WHEN": "after", "KILL_NTH": "1"})
        assert one.wait_exit() == DIED
        assert not [t for t in broker.topics() if t.startswith(f"{s.app_id}-")]
        other = another_app(s, tmp_path / "other", owners=owners)
        name, topic = "customer_history", s.names["customer_history"]
        assert_refused(check(other), s.app_id, name, topic)
        claim(one)  # it asks for nothing again
        assert [m.key_text for m in read_topic(broker.bootstrap, owners)] == [s.app_id]
        code, said = command(one, "reset", "--yes")
        assert code == 0, said
        start_serving(other)
        other.stop()
        assert_refused(run(one), other.app_id, name, topic)
        assert_refused(command(one, "reset", "--yes"), other.app_id, name, topic)


def killed_reset(streamer: Streamer, point: str, when: str, nth: int) -> None:
    settings = [f"--set={key}={value}" for key, value in streamer.settings.items()]
    where = {"KILL_POINT": point, "KILL_WHEN": when, "KILL_NTH": str(nth)}
    done = subprocess.run(
        [*DIE_WITH_PARENT, str(WITH_FAULTS), "reset", "--yes", *settings],
        env={**environment(), **where},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == DIED, done.stderr


def test_owners__reset_broken_off(broker: KafkaBroker, tmp_path: Path) -> None:
    """Nothing runs on what it leaves, wherever that was; another reset ends it; then all is
    processed anew."""
    with Scenario(broker, tmp_path, PARTITIONS, {"instance.id": ""}) as s:
        s.fed.feed(load(400, PARTITIONS, "keyed", large=False))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        # This instance lacks the state that would show what is missing.
        elsewhere = s.another(tmp_path / "elsewhere", {})

        def assert_unfit() -> None:
            code, said = check(elsewhere)
            assert (
                code == 1 and "broken off" in said.splitlines()[-1] and "streamer reset" in said
            ), said

        killed_reset(s.streamer, "flush", "after", 1)  # it has said so, nothing else
        code, said = run(elsewhere)
        assert code == 1 and "broken off" in said and "streamer reset" in said, said
        assert_unfit()
        for name in ("account-links", "account_summary"):  # some of the topics
            broker.topic_delete(s.names.get(name, s.streamer.internal_topic(name)))
        killed_reset(s.streamer, "delete_group", "before", 1)  # all of the topics
        assert not set(broker.topics()) & {s.names[name] for name in OWNED}
        assert_unfit()
        killed_reset(s.streamer, "destroy", "after", 1)  # and most of the state
        assert_unfit()
        killed_reset(s.streamer, "flush", "after", 2)  # all
        elsewhere.start()
        s.wait_drained(elsewhere)
        s.check()
        elsewhere.stop()


def test_owners__results_from_before_owners(broker: KafkaBroker, tmp_path: Path) -> None:
    """Nobody has asked for them: they are taken over by an app.id that was there before, and by no
    other one.

    When they are all deleted by hand, offsets that are left are not gone on from.
    """
    with Scenario(broker, tmp_path, PARTITIONS, {"instance.id": ""}) as s:
        s.fed.feed(load(200, PARTITIONS, "keyed", large=False))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        owners = f"{s.app_id}.owners"  # and nothing in it
        new = another_app(s, tmp_path / "new", owners=owners)
        for code, said in (check(new), run(new)):
            last = said.splitlines()[-1]
            assert code == 2 and f"app.id {new.app_id} is new" in last and "topic." in last, last
        topics = broker.topics()
        code, said = command(new, "reset", "--yes")
        assert code == 2 and "nothing says that it is" in said and new.app_id in said, said
        assert broker.topics() == topics
        ours = s.another(tmp_path / "one", {"topic.owners": owners})
        s.fed.feed(load(100, PARTITIONS, "scattered", seeds=[2], large=False))
        ours.start()
        s.wait_drained(ours)
        s.check()
        ours.stop()
        assert_refused(run(new), s.app_id, "customer_history", s.names["customer_history"])
        owned = {s.names[name] for name in OWNED}
        deleted = {t for t in broker.topics() if t in owned or t.startswith(f"{s.app_id}-")}
        broker.topics_delete(deleted)
        wait_until("topics gone", lambda: not deleted & set(broker.topics()), ours.stderr)
        elsewhere = s.another(tmp_path / "elsewhere", {"topic.owners": owners})  # without state
        for outcome in (check, run):
            code, said = outcome(elsewhere)
            last = said.splitlines()[-1]
            assert (
                code == 1 and f"group {s.app_id}: has offsets" in last and "streamer reset" in last
            ), said
        code, said = command(elsewhere, "reset", "--yes")
        assert code == 0, said
        code, said = check(elsewhere)
        assert code == 0, said


def test_owners__its_topic(broker: KafkaBroker, tmp_path: Path) -> None:
    """It is created with one partition, and for ever. Records that were lost are noticed; if all
    are, everybody asks anew."""
    with Scenario(broker, tmp_path, PARTITIONS, {"instance.id": ""}) as s:
        owners, foreign = f"{s.app_id}.owners", f"{s.app_id}.foreign"
        s.streamer = s.another(tmp_path / "one", {"topic.owners": owners})
        code, said = check(s.streamer)
        assert code == 0 and owners not in broker.topics(), said
        claim(s.streamer)
        assert broker.topics()[owners] == 1
        config = broker.topic_config(owners)
        wanted = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
        assert {key: config[key] for key in wanted} == wanted
        (record,) = read_topic(broker.bootstrap, owners)
        assert record.key_text == s.app_id and record.value is not None
        state, *topics = record.value.decode().split(" ")
        assert state == "owned" and sorted(topics) == sorted(s.names[name] for name in OWNED)
        # An app.id that has topics of its own does not take messages that nobody owns for its own.
        broker.topic_create(foreign, max(PARTITIONS), {"cleanup.policy": "compact"})
        producer = Producer({"bootstrap.servers": broker.bootstrap, **CLIENT})
        producer.produce(foreign, key=b"A1", value=b"{}")
        assert producer.flush(60) == 0
        renamed = s.another(
            tmp_path / "renamed", {"topic.owners": owners, "topic.account_summary": foreign}
        )
        code, said = run(renamed)
        last = said.splitlines()[-1]
        assert code == 2 and foreign in last and "topic.account_summary" in last, last
        (deleted,) = broker.admin.delete_records([TopicPartition(owners, 0, 1)]).values()
        deleted.result(60)
        code, said = run(s.streamer)
        assert (
            code == 1 and f"topic {owners}: its first records were deleted" in said.splitlines()[-1]
        ), said
        broker.topic_delete(owners)
        claim(s.streamer)
        assert [m.key_text for m in read_topic(broker.bootstrap, owners)] == [s.app_id]


def test_owners__its_topic_must_keep_all(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        for setting, value in (("cleanup.policy", "compact"), ("retention.ms", "604800000")):
            owners = f"{s.app_id}.{setting}"
            forever = {"cleanup.policy": "delete", "retention.ms": "-1"}
            broker.topic_create(owners, 1, {**forever, setting: value})
            code, said = run(s.another(tmp_path / setting, {"topic.owners": owners}))
            last = said.splitlines()[-1]
            assert code == 2 and f"topic {owners}: {setting} is {value}" in last, last
