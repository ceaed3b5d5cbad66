"""Feeding the same files once more changes nothing, whatever the tool and the order of
partitions."""

from pathlib import Path

from kafka import KafkaBroker
from results import RESULTS, read_topic
from scenario import Scenario
from streamer import Streamer, run_once, total

CUSTOMERS = 200
ACCOUNTS = 500


def write_files(directory: Path) -> dict[str, Path]:
    """Some ids have a history: their rows repeat with later dates, within the late window."""
    customers, accounts = directory / "customers.csv", directory / "accounts.csv"
    with customers.open("w", encoding="utf-8") as f:
        f.write("customer_id,customer_name,has_loan,updated_at\n")
        for i in range(CUSTOMERS):
            f.write(f"{i},Name {i},{'yes' if i % 3 else 'no'},2024-03-01\n")
        for i in range(0, CUSTOMERS, 5):
            f.write(f"{i},Name {i},yes,2024-03-02T10:00:00Z\n")
    with accounts.open("w", encoding="utf-8") as f:
        f.write("account_id,customer_id,balance,account_type,updated_at\n")
        for i in range(ACCOUNTS):
            f.write(
                f"A{i},{i % CUSTOMERS},{i * 97 % 30000}.{i % 100:02d},"
                f"{'Savings' if i % 4 else 'Checking'},2024-03-01\n"
            )
        for i in range(0, ACCOUNTS, 3):  # a change, then a late one between
            f.write(f"A{i},{i % CUSTOMERS},{i}.10,Savings,2024-03-03\n")
            f.write(f"A{i},{i % CUSTOMERS},{i}.05,Savings,2024-03-02\n")
    return {"customers": customers, "accounts": accounts}


def feed(s: Scenario, files: dict[str, Path]) -> None:
    for name, path in files.items():
        done = run_once(
            *("feed", "--set", f"kafka.bootstrap.servers={s.broker.bootstrap}"),
            *("--set", f"topic.{name}={s.names[name]}", name, str(path)),
        )
        assert done.returncode == 0, done
        s.fed.counts[name] += len(path.read_text().splitlines()) - 1


def everything(s: Scenario) -> dict[str, list[tuple[int, int, bytes, bytes]]]:
    return {
        name: sorted(
            (m.partition, m.offset, m.key, m.value)
            for m in read_topic(s.broker.bootstrap, s.names[name])
        )
        for name in (*RESULTS, "quarantine")
    }


def unchanged(streamer: Streamer) -> float:
    return total(streamer.metrics(), "streamer_records_unchanged_total")


def test_refeed__changes_nothing(broker: KafkaBroker, tmp_path: Path) -> None:
    files = write_files(tmp_path)
    with Scenario(broker, tmp_path, (2, 3)) as s:
        s.streamer.start()
        feed(s, files)
        s.wait_drained()
        before, unchanged_before = everything(s), unchanged(s.streamer)
        assert len(before["account_history"]) > ACCOUNTS
        feed(s, files)
        s.wait_drained()
        assert everything(s) == before
        assert unchanged(s.streamer) - unchanged_before == sum(s.fed.counts.values()) / 2
        s.streamer.stop()
