"""Full refresh: the results of reprocessing from the beginning are those of having processed all along."""

from pathlib import Path

from kafka import KafkaBroker
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
        ours = {s.names["account_summary"], s.names["quarantine"], s.streamer.internal_topic("account-links")}
        assert not ours & set(broker.topics())
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


def test_reset__of_nothing_is_fine(broker: KafkaBroker, tmp_path: Path) -> None:
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        code, said = reset(s, "--yes")
        assert code == 0, said
