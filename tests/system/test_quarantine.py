"""`streamer quarantine`: what was rejected is looked at, repaired and put back into the input, each
record at most once, whatever ends a replay and at whatever moment."""

import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from generate import Input
from kafka import KafkaBroker
from process import DIE_WITH_PARENT
from results import Message, read_topic
from scenario import FOREVER, EmbeddedScenario, Scenario, load, load_log

from streamer import BINARY, WITH_FAULTS, environment, run_once, total

REPLAYS, REPLAYED_AT = "quarantine.replays", "quarantine.replayed_at"
BAD = 1100  # rows of a feed that is replayed in three transactions


def arguments(settings: Mapping[str, str], *of_command: str) -> list[str]:
    return ["quarantine", *of_command, *[f"--set={key}={value}" for key, value in settings.items()]]


def quarantine(
    settings: Mapping[str, str], *of_command: str, answer: str = ""
) -> "subprocess.CompletedProcess[str]":
    return run_once(*arguments(settings, *of_command), input_text=answer)


def listed(settings: Mapping[str, str], *of_command: str) -> tuple[list[dict[str, Any]], Any]:
    """The rows, and what the last line says of all."""
    done = quarantine(settings, "list", "--format", "json", *of_command)
    assert done.returncode == 0, done
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return rows[:-1], rows[-1]


def marks_of(m: Message) -> list[str]:
    """Of a record that was replayed: of all replays, the newest last. (The generator's records can
    have such a header, too, with another value.)"""
    values = [(value or b"").decode() for name, value in m.headers if name == REPLAYS]
    return [value for value in values if "#" in value]


def replays_in(broker: KafkaBroker, *topics: str) -> list[Message]:
    """The committed records of the inputs that a replay has sent."""
    return [m for topic in topics for m in read_topic(broker.bootstrap, topic) if marks_of(m)]


def tell_model(s: Scenario, replayed: list[Message]) -> None:
    """The model gets what lies in the input now."""
    names = {topic: name for name, topic in s.names.items()}
    for m in replayed:
        record = Input(
            names[m.topic], m.partition, m.key, m.value, m.timestamp_ms, tuple(m.headers), "", ""
        )
        s.fed._remember(record, m.offset)


def check_conservation(s: Scenario) -> None:
    metrics = s.streamer.metrics()
    for name in ("customers", "accounts"):
        topics = (s.names[name], s.streamer.internal_topic(f"repartition-{name}"))
        consumed = sum(
            total(metrics, "streamer_records_consumed_total", topic=topic) for topic in topics
        )
        ends = ("applied", "unchanged", "quarantined", "forwarded")
        assert consumed == sum(
            total(metrics, f"streamer_records_{end}_total", entity=name) for end in ends
        )


def test_quarantine__all_is_replayed_as_received(broker: KafkaBroker, tmp_path: Path) -> None:
    """The model says what becomes of it: most is rejected again, at its new place, and can be
    replayed again; what its id has become ready for is accepted, at its place in the history."""
    with Scenario(broker, tmp_path, (2, 3)) as s:
        inputs = (s.names["customers"], s.names["accounts"])
        s.fed.feed(load(600, (2, 3), "scattered"))
        s.fed.feed(load_log(400, (2, 3), "mixed", 2, "auto", truncates=False))
        s.streamer.start()
        s.wait_drained()
        before = {topic: broker.end_offsets(topic) for topic in inputs}
        rejected = read_topic(broker.bootstrap, s.names["quarantine"])
        assert len(rejected) > 50, len(rejected)
        done = quarantine(s.settings, "replay", "--yes")
        assert done.returncode == 0 and f"replayed {len(rejected)} records" in done.stdout, done
        first = [m for t in inputs for m in read_topic(broker.bootstrap, t, before[t])]
        assert Counter((m.key, m.value, m.timestamp_ms) for m in first) == Counter(
            (m.key, m.value, m.timestamp_ms) for m in rejected
        )
        for m in first:
            place = marks_of(m)[-1].split("#")[0]
            assert place.rsplit("@")[0] == f"{m.topic}/{m.partition}"
        tell_model(s, first)
        s.streamer.wait_lag_zero()
        s.check()
        check_conservation(s)

        # Those that were rejected again name the first ones, and are replayed in their turn.
        rows, _ = listed(s.settings, "--open")
        again = [m for m in s.fed.quarantine()][len(rejected) :]
        assert 0 < len(rows) <= len(again)  # a newer event has overtaken some
        done = quarantine(s.settings, "replay", "--yes")
        assert f"replayed {len(again)} records" in done.stdout, done
        assert f"{len(rejected)} were replayed before" in done.stdout, done
        s.streamer.wait_processed(broker)  # the end that readers see may lag behind a commit
        both = replays_in(broker, *inputs)
        assert Counter(len(marks_of(m)) for m in both) == {1: len(first), 2: len(again)}
        assert len({marks_of(m)[-1] for m in both}) == len(both)
        s.streamer.stop()


def rows_of_feed(s: Scenario, tmp_path: Path, count: int) -> None:
    file = tmp_path / "accounts.csv"
    rows = "".join(f"A{i},1,?,Savings\n" for i in range(count))
    file.write_text(f"account_id,customer_id,balance,account_type\n{rows}")
    settings = [f"--set={key}={value}" for key, value in s.settings.items()]
    fed = run_once("feed", *settings, "accounts", str(file))
    assert fed.returncode == 0, fed
    s.fed.counts["accounts"] += count


def start(s: Scenario, faults: Mapping[str, str] | None = None) -> "subprocess.Popen[str]":
    """A replay of everything; with faults or without."""
    return subprocess.Popen(
        [
            *DIE_WITH_PARENT,
            str(BINARY if faults is None else WITH_FAULTS),
            *arguments(s.settings, "replay", "--yes"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), **(faults or {})},
    )


def process_all(s: Scenario) -> None:
    s.streamer.start()
    s.streamer.wait_ready()
    s.streamer.wait_lag_zero()
    s.streamer.stop()


def test_quarantine__each_record_at_most_once(broker: KafkaBroker, tmp_path: Path) -> None:
    """Killed before and after each commit, two at once, interrupted: what is in the input is there
    once, with its mark."""
    with Scenario(broker, tmp_path, (1, 2)) as s:
        accounts, marks = s.names["accounts"], s.streamer.internal_topic("replayed")
        rows_of_feed(s, tmp_path, BAD)
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()

        def sent() -> int:
            found = [marks_of(m)[-1] for m in replays_in(broker, accounts)]
            assert len(set(found)) == len(found)
            written = {m.key_text for m in read_topic(broker.bootstrap, marks)} - {"fence"}
            assert written == set(found)
            return len(found)

        # The first commit is that of the fence; each further one is a batch of 500.
        killed = [("before", "1"), ("after", "1"), ("before", "2"), ("after", "2"), ("before", "3")]
        expected = [0, 0, 0, 500, 1000]
        for (when, nth), count in zip(killed, expected, strict=True):
            process = start(s, {"KILL_POINT": "commit", "KILL_WHEN": when, "KILL_NTH": nth})
            assert process.wait(60) == -signal.SIGKILL, process.communicate()
            assert sent() == count, (when, nth)

        done = quarantine(s.settings, "replay", "--yes")
        assert done.returncode == 0 and f"replayed {BAD - 1000} records" in done.stdout, done
        assert f"{1000} were replayed before" in done.stdout, done
        assert sent() == BAD
        assert broker.topic_config(marks)["cleanup.policy"] == "compact"

        # A second set of rejected records: the replayed ones are rejected again.
        process_all(s)
        two = [start(s), start(s)]
        said = [process.communicate(timeout=60) for process in two]
        for process, (_, error) in zip(two, said, strict=True):
            assert process.returncode == 0 or "another replay of app.id" in error, error
        assert any(process.returncode == 0 for process in two), said
        assert sent() == 2 * BAD

        process_all(s)
        for pause_s in (0.15, 0.4, 0.7):
            process = start(s)
            time.sleep(pause_s)
            process.send_signal(signal.SIGINT)
            _, error = process.communicate(timeout=60)
            assert process.returncode in (0, 1, -signal.SIGINT), error
            if process.returncode == 1:
                assert "interrupted" in error and "nothing is half done" in error, error
            assert sent() in (2 * BAD, 2 * BAD + 500, 2 * BAD + 1000, 3 * BAD)
        assert quarantine(s.settings, "replay", "--yes").returncode == 0
        assert sent() == 3 * BAD


def envelope(op: str, row: Mapping[str, Any], ms: int, lsn: int) -> bytes:
    source = {"connector": "postgresql", "name": "db", "ts_ms": ms, "lsn": lsn}
    return json.dumps({"op": op, "before": None, "after": row, "source": source}).encode()


def history(s: Scenario, broker: KafkaBroker) -> list[tuple[str, str, str | None]]:
    """Of customer 1: name, from and to, as compaction leaves it."""
    rows: dict[str, dict[str, Any] | None] = {}
    for m in read_topic(broker.bootstrap, s.names["customer_history"]):
        rows[m.key_text] = m.row()
    return sorted(
        (
            (row["customer_name"], row["valid_from_at"], row["valid_to_at"])
            for row in rows.values()
            if row is not None and row["customer_id"] == 1
        ),
        key=lambda row: row[1],
    )


def test_quarantine__a_log_is_mended(broker: KafkaBroker, tmp_path: Path) -> None:
    """An old value that is replayed goes where its time belongs, and never becomes current again.
    What a full refresh reads again is not replayed again."""
    now = int(time.time()) * 1000 - 3_600_000
    stamps = [
        f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now / 1000 + i))}.000Z" for i in range(4)
    ]
    with Scenario(broker, tmp_path, (2, 2), {"instance.id": ""}) as s:
        names = ("Alice", " ", "Carol")
        s.fed.feed(
            [
                Input(
                    *("customers", 1, b'{"customer_id":1}'),
                    envelope(
                        *(
                            "u" if i else "c",
                            {"customer_id": 1, "customer_name": name, "has_loan": 0},
                        ),
                        *(now + 1000 * i, 100 + i),
                    ),
                    *(now + 1000 * i, (("trace", b"\xff\x00"), ("empty", None)), "", ""),
                )
                for i, name in enumerate(names)
            ]
        )
        rows_of_feed(s, tmp_path, 2)
        s.streamer.start()
        s.wait_drained()
        assert [row[0] for row in history(s, broker)] == ["alice", "carol"]

        rows, end = listed(s.settings, "--code", "invalid_name")
        assert [(row["topic"], row["partition"], row["offset"], row["id"]) for row in rows] == [
            (s.names["customers"], 1, 1, "1")
        ]
        assert (end["records"], end["retention_ms"]) == (1, -1)
        told = quarantine(s.settings, "list", "--topic", s.names["accounts"]).stdout
        assert told.count("invalid_balance") == 2 and "for ever (retention.ms=-1)" in told, told
        shown = quarantine(s.settings, "show", "--at", "1:1", "--code", "invalid_name")
        assert '"customer_name": " ",' in shown.stdout and "hex ff00" in shown.stdout, shown
        at = ("--topic", s.names["customers"], "--at", "1:1")
        assert f"replay {' '.join(at)} --field customer_name=..." in shown.stdout, shown

        refused = quarantine(s.settings, "replay", *at, "--field", "name=Bob", answer="no\n")
        assert refused.returncode == 1 and "nothing was changed" in refused.stderr, refused
        assert "1 record goes back into the input" in refused.stdout, refused
        assert not replays_in(broker, s.names["customers"])
        assert quarantine(s.settings, "replay", *at, "--field", "name=Bob", "--yes").returncode == 0
        (record,) = replays_in(broker, s.names["customers"])
        assert record.value == envelope(
            *("u", {"customer_id": 1, "customer_name": "Bob", "has_loan": 0}), now + 1000, 101
        )
        assert (record.partition, record.key, record.timestamp_ms) == (
            *(1, b'{"customer_id":1}'),
            now + 1000,
        )
        assert record.headers[:2] == [("trace", b"\xff\x00"), ("empty", None)]
        assert [name for name, _ in record.headers[2:]] == [REPLAYS, REPLAYED_AT]
        s.streamer.wait_lag_zero()
        bob = [
            ("alice", stamps[0], stamps[1]),
            ("bob", stamps[1], stamps[2]),
            ("carol", stamps[2], None),
        ]
        assert history(s, broker) == bob
        assert s.streamer.get("/v1/customers/1")[1]["customer_name"] == "carol"
        check_conservation(s)

        # A daily feed of the same bad rows is one line for each of them.
        rows_of_feed(s, tmp_path, 2)
        s.streamer.wait_lag_zero()
        rows, _ = listed(s.settings, "--distinct", "--open", "--topic", s.names["accounts"])
        assert [(row["id"], row["count"]) for row in rows] == [("A0", 2), ("A1", 2)]

        # A full refresh: the input holds the replayed record, too, and the quarantine has all
        # others twice.
        s.streamer.stop()
        settings = [f"--set={key}={value}" for key, value in s.settings.items()]
        done = run_once("reset", "--yes", "--keep-quarantine", *settings)
        assert done.returncode == 0, done
        s.streamer.start()
        s.streamer.wait_ready()
        s.streamer.wait_lag_zero()
        assert history(s, broker) == bob
        done = quarantine(s.settings, "replay", "--code", "invalid_name", "--yes")
        assert done.returncode == 0 and "2 were replayed before" in done.stdout, done
        assert len(replays_in(broker, s.names["customers"])) == 1
        rows, _ = listed(s.settings, "--id", "A0")
        assert len(rows) == 4  # of two feeds
        done = quarantine(s.settings, "replay", "--id", "A0", "--yes", "--format", "json")
        assert (done.returncode, json.loads(done.stdout)) == (
            0,
            {"replayed": 2, "replayed_before": 2, "refused": 0, "samples": []},
        )
        s.streamer.wait_lag_zero()

        # What cannot go back says why, and the rest goes.
        broker.topic_alter(s.names["accounts"], {"max.message.bytes": "200"})
        done = quarantine(s.settings, "replay", "--yes", "--field", "balance=1")
        assert done.returncode == 1 and "cannot be replayed" in done.stderr, done
        assert "max.message.bytes=200" in done.stdout, done
        broker.topic_alter(s.names["accounts"], {"message.timestamp.type": "LogAppendTime"})
        done = quarantine(s.settings, "replay", "--yes")
        assert done.returncode == 1 and "time of now" in done.stdout, done
        broker.topic_alter(s.names["accounts"], {"message.timestamp.type": "CreateTime"})
        done = quarantine(
            {**s.settings, "topic.accounts": s.names["customers"] + "x"}, "replay", "--yes"
        )
        assert done.returncode == 1 and "is no input of this configuration" in done.stdout, done

        # The topic is gone, and comes again with fewer partitions.
        s.streamer.stop()
        broker.topic_delete(s.names["accounts"])
        done = quarantine(s.settings, "replay", "--id", "A1", "--yes")
        assert done.returncode == 1 and "there is no topic" in done.stdout, done
        broker.topic_create(s.names["accounts"], 1, FOREVER)
        assert {row["partition"] for row in listed(s.settings, "--id", "A1")[0]} == {1}
        assert quarantine(s.settings, "replay", "--id", "A1", "--yes").returncode == 0
        assert [m.key for m in replays_in(broker, s.names["accounts"])] == [b"A1", b"A1"]

        # Old ones are deleted from the beginning of the partitions, and nothing else is.
        before = read_topic(broker.bootstrap, s.names["quarantine"])
        done = quarantine(s.settings, "purge", "--older-than", "1h", "--yes")
        assert done.returncode == 0 and done.stdout.startswith(f"0 of {len(before)} "), done
        done = quarantine(s.settings, "purge", "--older-than", "0s", "--id", "1", "--yes")
        assert done.returncode == 2 and "--id cannot be honoured" in done.stderr, done
        with Path("/dev/full").open("w") as full:
            unheard = subprocess.run(
                [
                    *(*DIE_WITH_PARENT, str(BINARY)),
                    *arguments(s.settings, "purge", "--older-than", "0s", "--yes"),
                ],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                env=environment(),
                check=False,
            )
        assert unheard.returncode == 1 and "nothing was changed" in unheard.stderr, unheard
        assert read_topic(broker.bootstrap, s.names["quarantine"]) == before
        done = quarantine(s.settings, "purge", "--older-than", "0s", answer="yes\n")
        assert done.returncode == 0 and f"{len(before)} of {len(before)} " in done.stdout, done
        done = quarantine(s.settings, "purge", "--older-than", "0s", "--yes", "--format", "json")
        assert json.loads(done.stdout) == {"deleted": 0, "behind_younger": 0, "records": 0}, done
        assert not read_topic(broker.bootstrap, s.names["quarantine"])


@pytest.mark.parametrize(
    ("of_command", "said"),
    [
        (("list", "--code", "invalid_balanc"), "did you mean invalid_balance?"),
        (("list", "--topic", "acounts"), "did you mean accounts?"),
        (("list", "--at", "17"), "PARTITION:OFFSET"),
        (("list", "--since", "yesterday"), "is no time"),
        (("show", "--open"), "does not take --open"),
        (("replay", "--field", "balanc=1"), "did you mean balance?"),
        (("replay", "--field", "balance"), "--field balance=50.50"),
        (("replay", "--format", "json"), "give --yes, too"),
        (("purge",), "--older-than 30d"),
        (("purge", "--older-than", "30"), "duration"),
        ((), "list, show, replay or purge"),
    ],
)
def test_quarantine__wrong_usage(of_command: tuple[str, ...], said: str) -> None:
    done = run_once("quarantine", *of_command)
    assert done.returncode == 2 and said in done.stderr, done
    assert done.stderr.count("\n") == 1, done


def test_quarantine__on_the_embedded_broker(tmp_path: Path) -> None:
    with EmbeddedScenario(tmp_path, 1) as s:
        settings = {"app.id": s.streamer.app_id, "kafka.bootstrap.servers": s.streamer.bootstrap()}
        row = {"account_id": "A1", "customer_id": 1, "balance": "?", "account_type": "savings"}
        now = int(time.time()) * 1000
        s.fed.feed([Input("accounts", 0, b"A1", json.dumps(row).encode(), now, (), "", "")])
        s.wait_drained()
        assert len(listed(settings, "--open")[0]) == 1
        done = quarantine(settings, "replay", "--field", "balance=50.50", "--dry-run")
        assert "1 would be accepted" in done.stdout and "1 row would change" in done.stdout, done
        assert "the broker does not tell" in done.stdout, done
        for expected in ("replayed 1 record\n", "1 was replayed before"):
            done = quarantine(settings, "replay", "--field", "balance=50.50", "--yes")
            assert done.returncode == 0 and expected in done.stdout, done
        s.streamer.wait_all_consumed({"accounts": 2})
        assert s.streamer.get("/v1/accounts/A1")[1]["balance_amount"] == "50.50"
        rows, end = listed(settings)
        assert rows[0]["replayed_at"] is not None and end["retention_ms"] is None
        assert listed(settings, "--open")[0] == []
        done = quarantine(settings, "purge", "--older-than", "0s", "--yes")
        assert done.returncode == 1 and "embedded broker deletes no records" in done.stderr, done
        s.streamer.stop()
