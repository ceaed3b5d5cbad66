"""How long recovery takes: from the end of an instance to results that are caught up again. `./dev
recovery`.

Three cases, for 1, 2 and 4 partitions with the same number of rows each:
  warm   kill -9, 1,000 changes while nobody runs, start with the state that is there
  cold   the same, with no state: everything is read back from the topics
  moved  an instance without any state takes over when another one stops
Times are from the end of the old process to a lag of zero, so process start and joining the group
are in them.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "system"))

from confluent_kafka import Producer
from kafka import KafkaBroker
from streamer import Streamer, total

CHANGES = 1000


def feed(broker: KafkaBroker, partitions: int, accounts: int, turn: int) -> None:
    """Every tenth account's number is also a customer's; balances change with each turn."""
    producer = Producer(
        {"bootstrap.servers": broker.bootstrap, "linger.ms": 20, "partitioner": "murmur2_random"}
    )
    at = 1_700_000_000_000 + turn * 1000

    def send(topic: str, key: int, value: str) -> None:
        while True:
            try:
                producer.produce(f"{topic}{partitions}", key=str(key), value=value)
                return
            except BufferError:
                producer.poll(0.1)

    for i in range(accounts):
        if i % 10 == 0:
            send(
                "customers",
                i,
                f'{{"customer_id":{i},"customer_name":"Customer {i} {turn}","updated_at":{at}}}',
            )
        balance, owner = (i * 37 + turn) % 30000, i - i % 10
        send(
            "accounts",
            i,
            f'{{"account_id":"{i}","customer_id":{owner},"balance":"{balance}.50",'
            f'"account_type":"Savings","updated_at":{at}}}',
        )
    assert producer.flush(120) == 0


def make(
    broker: KafkaBroker, directory: Path, partitions: int, name: str, static: bool
) -> Streamer:
    results = (
        "customer_history",
        "account_history",
        "account_with_customer",
        "account_summary",
        "customer_profile",
    )
    settings = {
        "app.id": f"recovery{partitions}",
        "kafka.bootstrap.servers": broker.bootstrap,
        **{
            f"topic.{t}": f"{t}{partitions}"
            for t in ("customers", "accounts", *results, "quarantine")
        },
        "kafka.session.timeout.ms": "6000",
        "instance.id": name if static else "",
    }
    return Streamer(directory / f"{name}{partitions}", settings)


class Case:
    """What was measured of one of the three."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seconds: list[float] = []
        self.rates: list[float] = []
        self.restored = 0.0

    def measure(self, s: Streamer, begin: float) -> None:
        s.wait_ready()
        ready = time.monotonic()
        s.wait_lag_zero()
        self.seconds.append(time.monotonic() - begin)
        self.restored = total(s.metrics(), "streamer_restored_records_total")
        self.rates.append(self.restored / (ready - begin))

    def row(self, partitions: int) -> tuple[str, ...]:
        return (
            self.name,
            str(partitions),
            f"{self.restored:,.0f}",
            f"{statistics.median(self.seconds):.1f}",
            f"{min(self.seconds):.1f} to {max(self.seconds):.1f}",
            f"{statistics.median(self.rates):,.0f}" if self.name != "warm" else "",
        )


def caught_up(s: Streamer) -> None:
    s.wait_ready()
    s.wait_lag_zero()


def run_cases(
    broker: KafkaBroker, directory: Path, partitions: int, rows: int, runs: int
) -> list[Case]:
    for topic in ("customers", "accounts"):
        broker.topic_create(f"{topic}{partitions}", partitions)
    feed(broker, partitions, rows * partitions, 0)
    one = make(broker, directory, partitions, "one", static=True)
    one.start()
    caught_up(one)
    warm, cold, moved = Case("warm"), Case("cold"), Case("moved")
    for turn in range(1, 2 * runs + 1):
        case = warm if turn % 2 else cold
        one.kill()
        feed(broker, partitions, CHANGES, turn)
        if case is cold:
            shutil.rmtree(directory / f"one{partitions}" / "state")
        begin = time.monotonic()
        one.start()
        case.measure(one, begin)
    one.stop()
    for turn in range(2 * runs + 1, 3 * runs + 1):
        old = make(broker, directory, partitions, f"old{turn}-", static=False)
        new = make(broker, directory, partitions, f"new{turn}-", static=False)
        old.start()
        caught_up(old)
        feed(broker, partitions, CHANGES, turn)
        begin = time.monotonic()
        old.stop()
        new.start()
        moved.measure(new, begin)
        new.stop()
    return [warm, cold, moved]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=25000, help="accounts in each partition")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--partitions", type=int, nargs="*", default=[1, 2, 4])
    options = parser.parse_args()
    head = (
        "case",
        "partitions",
        "records read back",
        "seconds, median",
        "from, to",
        "records read back a second",
    )
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    directory = Path(tempfile.mkdtemp(prefix="streamer-recovery-"))
    try:
        with KafkaBroker(directory / "kafka") as broker:
            for partitions in options.partitions:
                for case in run_cases(broker, directory, partitions, options.rows, options.runs):
                    print("| " + " | ".join(case.row(partitions)) + " |", flush=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main()
