"""The fault campaign: real processes, a real Kafka, faults at random moments from a printed seed,
results as the model's.

Small in `./dev test`; `./dev chaos` runs the large one."""

import random
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from chaos import LARGE, TALLY, reading, runs, seeds
from confluent_kafka import Producer
from generate import Input
from kafka import KafkaBroker
from process import wait_until
from proxy import proxied
from results import RESULTS, compacted, read_topic
from scenario import Scenario, load
from streamer import WITH_FAULTS, Streamer, total

POINTS = [
    (point, when) for point in ("send_offsets", "commit", "state") for when in ("before", "after")
]
QUICK = {"batch.max.records": "20", "kafka.session.timeout.ms": "6000", "transaction.timeout": "5s"}


def counters(first: int, count: int, partitions: tuple[int, int]) -> list[Input]:
    """Balances that only grow, over 20 accounts of 5 customers, in order: what comes out must not
    fall, either."""
    records = []
    for i in range(first, first + count):
        at = 1_707_955_200_000 + i * 1000
        if i < 5:
            value = f'{{"customer_id":{i},"customer_name":"C{i}","updated_at":{at}}}'
            records.append(
                Input("customers", i % partitions[0], None, value.encode(), at, (), "", "counter")
            )
        account = i % 20
        value = (
            f'{{"account_id":"K{account}",'
            f'"customer_id":{account % 5},"balance":"{i}.{i % 100:02d}",'
            f'"account_type":"Savings","updated_at":{at}}}'
        )
        records.append(
            Input("accounts", account % partitions[1], None, value.encode(), at, (), "", "counter")
        )
    return records


def answers(s: Streamer, s_ids: dict[str, set[str]]) -> dict[str, Any]:
    """Everything that it answers for those ids."""
    paths = [
        f"/v1/{kind}/{i}/history" for kind in ("customers", "accounts") for i in sorted(s_ids[kind])
    ]
    paths += [f"/v1/account_summary/{i}" for i in sorted(s_ids["accounts"])]
    paths += [f"/v1/customer_profile/{i}" for i in sorted(s_ids["customers"])]
    return {path: s.get(path) for path in paths}


def ids_of(s: Scenario) -> dict[str, set[str]]:
    def of(topic: str) -> set[str]:
        messages = read_topic(s.broker.bootstrap, s.names[topic])
        # Percent-encoding is another test's.
        return {
            k
            for k in (m.key_text.rsplit("|", 1)[0] for m in messages)
            if k.isascii() and k.replace("-", "").isalnum()
        }

    return {"customers": of("customer_history"), "accounts": of("account_history")}


def result_counts(s: Scenario) -> dict[str, int]:
    return {name: len(read_topic(s.broker.bootstrap, s.names[name])) for name in RESULTS}


def check_local_state(s: Scenario) -> None:
    """What was kept over all the kills is what a rebuild gives, and neither start emits
    anything."""
    before, ids = result_counts(s), ids_of(s)
    s.streamer.wait_ready()
    warm = answers(s.streamer, ids)
    assert len(warm) > 20
    s.streamer.kill()
    shutil.rmtree(s.streamer.settings["state.dir"])
    s.streamer.start()
    s.streamer.wait_ready()
    rebuilt = answers(s.streamer, ids)
    assert {path: (warm[path], rebuilt[path]) for path in warm if warm[path] != rebuilt[path]} == {}
    assert result_counts(s) == before


KILLS = runs(10, 25)


@pytest.mark.parametrize("seed", seeds(runs(1, 20)))
def test_chaos__kill(broker: KafkaBroker, tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    partitions = rng.choice([(2, 3), (3, 3), (1, 4)])
    mode = rng.choice(["keyed", "scattered"])
    settings = {**QUICK, "workers": str(rng.choice([1, 2]))}
    with Scenario(broker, tmp_path, partitions, settings) as s:
        records = load(150 * KILLS, partitions, mode, [seed], large=False)
        points = [*POINTS, None, None]
        rng.shuffle(points)
        for turn in range(KILLS):
            point = points[turn % len(points)]
            if point is None:
                s.streamer.start()
                s.fed.feed(records[150 * turn : 150 * (turn + 1)])
                time.sleep(rng.uniform(0.2, 2))
            else:
                # The state is written less often.
                nth = rng.randrange(1, 3 if point[0] == "state" else 12)
                names = {"KILL_POINT": point[0], "KILL_WHEN": point[1], "KILL_NTH": str(nth)}
                s.streamer.binary = WITH_FAULTS
                s.streamer.start(names)
                s.fed.feed(records[150 * turn : 150 * (turn + 1)])
                wait_until(f"dead {point} {nth}", lambda: not s.streamer.runs(), s.streamer.stderr)
            s.streamer.kill()
        s.streamer.start()
        s.wait_drained()
        s.check()
        check_local_state(s)
        s.streamer.stop()
        TALLY.note("kill -9, any moment and named points", KILLS, len(records))


EVENTS = runs(5, 20)


@pytest.mark.parametrize("seed", seeds(runs(1, 10)))
def test_chaos__storm(broker: KafkaBroker, tmp_path: Path, seed: int) -> None:
    """Three instances join, leave and die; somebody else reads along."""
    rng = random.Random(seed)
    partitions = (4, 4)
    with Scenario(broker, tmp_path, partitions, {**QUICK, "instance.id": ""}) as s:
        others = [s.another(tmp_path / f"more{i}", {"workers": str(i + 1)}) for i in range(2)]
        instances = [s.streamer, *others]
        s.streamer.start()
        s.streamer.wait_ready()
        with reading(
            broker.bootstrap, [s.names[name] for name in RESULTS if name != "customer_history"]
        ) as reader:
            try:
                for turn in range(EVENTS):
                    s.fed.feed(counters(100 * turn, 100, partitions))
                    instance = rng.choice(instances)
                    if not instance.runs():
                        instance.kill()
                        instance.start()
                    elif rng.random() < 0.5:
                        instance.stop()
                    else:
                        instance.kill()
                    time.sleep(rng.uniform(0, 3))
                for instance in instances:
                    if not instance.runs():
                        instance.kill()
                        instance.start()
                s.wait_drained()
                s.check()
                wait_until("read along", lambda: reader.read >= EVENTS * 100, s.streamer.stderr)
            finally:
                for instance in others:
                    instance.kill()
        assert reader.complaints == []
        TALLY.note("instances join, leave, die", EVENTS, EVENTS * 100)
        TALLY.note("a reader that is not ours, beside it", 0, reader.read)


@pytest.mark.parametrize("seed", seeds(runs(1, 25)))
def test_chaos__zombie(broker: KafkaBroker, tmp_path: Path, seed: int) -> None:
    """It stands still anywhere in its cycle, another takes over, it wakes up: twice."""
    rng = random.Random(seed)
    with Scenario(broker, tmp_path, (4, 4), {**QUICK, "instance.id": ""}) as s:
        second = s.another(tmp_path / "two", {})
        records = load(1200, (4, 4), "keyed", [seed], large=False)
        with s.streamer, second:
            s.streamer.wait_ready()
            for turn in range(2):
                s.fed.feed(records[600 * turn : 600 * turn + 300])
                time.sleep(rng.uniform(0, 0.6))
                second.freeze()
                s.fed.feed(records[600 * turn + 300 : 600 * (turn + 1)])
                time.sleep(rng.uniform(8, 10))
                second.thaw()
            s.wait_drained()
            s.check()
        TALLY.note("stands still beyond its session, wakes up", 2, len(records))


def test_chaos__end_txn(tmp_path: Path) -> None:
    """EndTxn is lost with its connection, held, or comes late, when the next transaction may be
    open."""
    rng = random.Random(seeds(1)[0])
    times = runs(6, 50)
    with (
        proxied(tmp_path / "kafka") as (broker, proxy, bootstrap),
        Scenario(broker, tmp_path, (2, 3), {**QUICK, "kafka.bootstrap.servers": bootstrap}) as s,
    ):
        records = load(120 * times, (2, 3), "scattered", seeds(1), large=False)
        s.streamer.start()
        s.streamer.wait_ready()
        for turn in range(times):
            proxy.seconds = rng.choice([0.05, 0.3, 1, 3])
            proxy.mode = ("late", "drop", "delay")[turn % 3]
            s.fed.feed(records[120 * turn : 120 * (turn + 1)])
            wait_until(
                "an EndTxn in the proxy's hands", lambda: proxy.mode == "", s.streamer.stderr
            )
            time.sleep(rng.uniform(0, 1))
        s.wait_drained()
        s.check()
        assert proxy.hits == times
        s.streamer.stop()
        TALLY.note("EndTxn dropped, delayed, delivered late", times, len(records))


@pytest.mark.parametrize("seed", seeds(runs(1, 20)))
def test_chaos__two_with_one_instance_id(broker: KafkaBroker, tmp_path: Path, seed: int) -> None:
    with Scenario(broker, tmp_path, (2, 2), QUICK) as s:
        second = s.another(tmp_path / "two", {})
        records = load(400, (2, 2), "keyed", [seed], large=False)
        with s.streamer, second:
            s.fed.feed(records)
            wait_until(
                "one of them gone", lambda: s.streamer.runs() != second.runs(), s.streamer.stderr
            )
            gone, stays = (second, s.streamer) if s.streamer.runs() else (s.streamer, second)
            assert gone.wait_exit() == 1
            assert "instance.id=one: another process has the same" in gone.stderr.read_text()
            s.wait_drained(stays)
            s.check()
        TALLY.note("two processes with one instance.id", 1, len(records))


def test_chaos__poison(broker: KafkaBroker, tmp_path: Path) -> None:
    """Each once in quarantine; memory does not grow with their number."""
    count = runs(10_000, 1_000_000)
    kinds = [
        b"",
        b"{",
        b"[1]",
        b"\xff\xfe",
        b'{"account_id":{}}',
        b'{"account_id":"A","customer_id":"x"}',
        b"\x00" * 9,
    ]
    with Scenario(broker, tmp_path, (1, 1), {"batch.max.records": "500"}) as s:
        producer = Producer({"bootstrap.servers": broker.bootstrap, "linger.ms": 20})
        topic = s.names["accounts"]

        def feed(first: int, number: int) -> None:
            for i in range(first, first + number):
                while True:
                    try:
                        producer.produce(
                            topic,
                            value=kinds[i % len(kinds)] + b" " * (i % 50),
                            key=str(i).encode(),
                        )
                        break
                    except BufferError:
                        producer.poll(0.1)
            assert producer.flush(120) == 0
            s.fed.counts["accounts"] += number

        def resident() -> float:
            s.wait_drained()
            return total(s.streamer.metrics(), "process_resident_memory_bytes")

        s.streamer.start()
        feed(0, count // 2)
        before = resident()
        feed(count // 2, count // 2)
        after = resident()
        rejected = read_topic(broker.bootstrap, s.names["quarantine"])
        assert sorted(int(m.key_text) for m in rejected) == list(range(count))
        allowed = 4 << 20  # write buffers and the allocator; in the large campaign 8 bytes a record
        assert after < before + allowed, f"{before} bytes, then {after}"
        s.streamer.stop()
        TALLY.note("poison records", count, count)


def test_chaos__tombstones_are_gone(tmp_path: Path) -> None:
    """An old state comes back after the ends of its rows were cleaned away from the topics."""
    quick = {"log.cleaner.backoff.ms": "200", "log.initial.task.delay.ms": "100"}
    at_once = {
        "segment.ms": "1",
        "min.cleanable.dirty.ratio": "0.001",
        "delete.retention.ms": "500",
    }
    with (
        KafkaBroker(tmp_path / "kafka", quick) as broker,
        Scenario(broker, tmp_path, (2, 2), QUICK) as s,
    ):
        state, backup = Path(s.streamer.settings["state.dir"]), tmp_path / "backup"
        s.fed.feed(counters(0, 40, (2, 2)))
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        shutil.copytree(state, backup)
        for topic in [s.names[name] for name in RESULTS] + [
            s.streamer.internal_topic(name)
            for name in ("account-links", "customer-refs", "confirmations")
        ]:
            broker.topic_alter(topic, at_once)
        s.streamer.start()
        at = 1_707_955_300_000
        gone = [
            Input(
                "accounts",
                a % 2,
                None,
                f'{{"account_id":"K{a}","__deleted":"true","updated_at":{at}}}'.encode(),
                at,
                (),
                "",
                "",
            )
            for a in range(10)
        ]
        s.fed.feed(gone)
        s.wait_drained()
        joined = s.names["account_with_customer"]

        def cleaned() -> bool:
            """Records behind them let the segments roll that the tombstones are in."""
            nonlocal at
            at += 1000
            fresh = []
            for a in range(10, 20):
                value = (
                    f'{{"account_id":"K{a}",'
                    f'"customer_id":{a % 5},'
                    f'"balance":"{at}","account_type":"Savings","updated_at":{at}}}'
                )
                fresh.append(Input("accounts", a % 2, None, value.encode(), at, (), "", ""))
            s.fed.feed(fresh)
            time.sleep(1)
            return all(
                m.value is not None
                for m in read_topic(broker.bootstrap, joined)
                if m.key_text in {f"K{a}" for a in range(10)}
            )

        wait_until("tombstones cleaned away", cleaned, s.streamer.stderr)
        s.wait_drained()
        s.streamer.stop()
        shutil.rmtree(state)
        shutil.copytree(backup, state)
        s.streamer.start()
        s.streamer.wait_ready()
        assert "older than tombstones live" in s.streamer.stderr.read_text()
        s.wait_drained()
        expected = s.fed.model.expected()
        for name in RESULTS:
            assert compacted(read_topic(broker.bootstrap, s.names[name])) == expected[name]
        for a in range(10):
            assert s.streamer.get(f"/v1/accounts/K{a}")[0] == 404
        assert s.streamer.get("/v1/accounts/K15")[0] == 200
        s.streamer.stop()
        TALLY.note("old state after tombstones are gone", 1, s.fed.counts["accounts"])


def test_chaos__topic_deleted(broker: KafkaBroker, tmp_path: Path) -> None:
    """It says so, and waits. The group's offsets went with the topic: a new one is read from its
    beginning."""
    with Scenario(broker, tmp_path, (2, 2), QUICK) as s:
        s.fed.feed(counters(0, 50, (2, 2)))
        s.streamer.start()
        s.wait_drained()
        topic = s.names["accounts"]
        broker.topic_delete(topic)

        def told() -> bool:
            status, answer = s.streamer.get("/readyz")
            return status == 503 and topic in answer["reason"]

        wait_until("told in /readyz", told, s.streamer.stderr)
        broker.topic_create(topic, 2, {"retention.ms": "-1"})
        s.fed.counts["accounts"] = 0
        s.fed.feed(counters(50, 50, (2, 2)))
        s.wait_drained()
        expected = s.fed.model.expected()
        for name in RESULTS:
            assert compacted(read_topic(broker.bootstrap, s.names[name])) == expected[name]
        s.streamer.stop()
        TALLY.note("topic deleted and made anew", 1, 100)


if LARGE:

    @pytest.mark.parametrize("seed", seeds(50))
    def test_chaos__broker(own_broker: KafkaBroker, tmp_path: Path, seed: int) -> None:
        """The small setting is test_faults.py."""
        assert any(
            survives_restart(own_broker, tmp_path / str(turn), seed + 1000 * turn)
            for turn in range(6)
        ), "Kafka itself tore a transaction each time"

    def survives_restart(own_broker: KafkaBroker, directory: Path, seed: int) -> bool:
        """False: Kafka itself tore a transaction, so that nothing can be said of the results."""
        rng = random.Random(seed)
        with Scenario(own_broker, directory, (2, 3), QUICK) as s:
            records = load(600, (2, 3), "scattered", [seed], large=False)
            s.fed.feed(records)
            s.streamer.start()
            s.streamer.wait_consumed(own_broker, rng.randrange(1, 500))
            getattr(own_broker, rng.choice(["stop", "kill"]))()
            time.sleep(rng.uniform(0, 10))
            own_broker.start()
            if own_broker.has_torn_transactions():
                return False
            s.wait_drained()
            s.check()
            s.streamer.stop()
            TALLY.note("broker restarts", 1, len(records))
            return True
