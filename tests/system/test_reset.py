"""Full refresh: the results of reprocessing from the beginning are those of having processed all
along."""

from pathlib import Path

from kafka import KafkaBroker
from results import RESULTS, read_topic
from scenario import Scenario, load
from streamer import run_once

PARTITIONS = (2, 3)


def reset(s: Scenario, *arguments: str, answer: str = "") -> tuple[int, str]:
    settings = [f"--set={key}={value}" for key, value in s.streamer.settings.items()]
    done = run_once("reset", *arguments, *settings, input_text=answer)
    return done.returncode, done.stdout + done.stderr


def test_reset__reprocesses_to_the_same(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, PARTITIONS, {"instance.id": ""}) as s:
        records = load(800, PARTITIONS, "keyed", large=False)
        s.fed.feed(records[:500])
        s.streamer.start()
        s.wait_drained()
        s.fed.feed(records[500:])
        s.wait_drained()
        s.check()
        code, said = reset(s, "--yes")
        assert code == 1 and "stop all of them" in said, said
        s.streamer.stop()
        code, said = reset(s, answer="no\n")
        assert code == 1 and "nothing was changed" in said, said
        assert s.names["account_summary"] in broker.topics()
        code, said = reset(s, answer="yes\n")
        assert code == 0, said
        ours = {
            s.names["account_summary"],
            s.names["quarantine"],
            s.streamer.internal_topic("account-links"),
        }
        assert not ours & set(broker.topics())
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_reset__of_nothing_is_fine(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        code, said = reset(s, "--yes")
        assert code == 0, said


def test_reset__says_what_is_lost(broker: KafkaBroker, tmp_path: Path) -> None:
    """The input's start has moved: what was there made history that does not come back. The
    quarantine may be kept."""
    with Scenario(broker, tmp_path, (2, 1), {"instance.id": ""}) as s:
        accounts, file = s.names["accounts"], tmp_path / "accounts.csv"
        rows = "".join(f"A{i},1,{'?' if i % 500 == 0 else i},Savings\n" for i in range(1500))
        file.write_text(f"account_id,customer_id,balance,account_type\n{rows}")
        fed = run_once(
            "feed", *[f"--set={k}={v}" for k, v in s.settings.items()], "accounts", str(file)
        )
        assert fed.returncode == 0, fed
        s.fed.counts["accounts"] += 1500
        s.streamer.start()
        s.wait_drained()
        s.streamer.stop()
        code, said = reset(s, answer="no\n")
        assert code == 1 and "All their partitions still start at 0." in said, said
        broker.delete_records(accounts, 0, 1234)
        code, said = reset(s, answer="no\n")
        assert code == 1 and "nothing was changed" in said, said
        lost = (
            f"{accounts}/0 starts at 1234: 1,234 earlier records are gone, and the "
            "history they made"
        )
        assert lost in said and f"{s.names['customers']}/" not in said, said
        broker.topic_delete(s.names["customers"])
        code, said = reset(s, "--yes", "--keep-quarantine")
        assert code == 0, said
        assert (
            lost in said
            and f"{s.names['customers']} is not there: all its records are gone" in said
        ), said
        ours = {
            topic for topic in broker.topics() if topic.startswith((f"{s.app_id}.", f"{s.app_id}-"))
        }
        assert ours == {accounts, s.names["quarantine"]}
        assert len(read_topic(broker.bootstrap, s.names["quarantine"])) == 3
        said_of = [
            m.value
            for m in read_topic(broker.bootstrap, "streamer-owners")
            if m.key_text == s.app_id
        ]
        # The quarantine stays its own.
        for state, record in zip(("resetting", "released"), said_of[-2:], strict=True):
            assert record is not None
            assert record.decode().split(" ") == [state, *(s.names[name] for name in RESULTS)]
