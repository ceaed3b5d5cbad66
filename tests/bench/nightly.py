"""The nights of batch.py through streamer, on Apache Kafka. The second half of `./dev batch`.

The same CSV files (feeds.py), published by `streamer feed`. Cases:
  full          the first load lies in Kafka; from the start of the process to all results
  changed_full  all rows once more, some accounts changed: from the first record's timestamp to all
                results
  changed_only  only the changed accounts: each from its own timestamp to when a read_committed
                reader has its version
CPU seconds (user and system) are streamer's alone. The start of the process counts in the first
case only. Writes the figures of both programs into build/bench: batch.md, batch.svg.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "system"))

import report
from confluent_kafka import Consumer, TopicPartition
from feeds import write_batch_feeds
from kafka import ROOT, KafkaBroker
from measure import cpu_seconds, peak_memory
from streamer import INPUTS, Streamer, run_once

CASES = ("full", "changed_full", "changed_only")
OUTPUT = ROOT / "build" / "bench"


class Night:
    """One processor with topics of its own."""

    def __init__(self, broker: KafkaBroker, directory: Path, run: int) -> None:
        results = (
            "customer_history",
            "account_history",
            "account_with_customer",
            "account_summary",
            "customer_profile",
        )
        names = {name: f"night{run}.{name}" for name in (*INPUTS, *results, "quarantine")}
        settings = {f"topic.{name}": topic for name, topic in names.items()}
        self.broker = broker
        self.streamer = Streamer(
            directory / f"night{run}",
            {"app.id": f"night{run}", "kafka.bootstrap.servers": broker.bootstrap, **settings},
        )
        self.properties = directory / f"night{run}" / "streamer.properties"
        self.consumed = dict.fromkeys(INPUTS, 0)
        for name in INPUTS:
            broker.topic_create(names[name], 2, {"retention.ms": "-1"})

    def feed(self, drop: Path) -> None:
        for name in INPUTS:
            done = run_once("feed", "-c", str(self.properties), name, str(drop / f"{name}.csv"))
            assert done.returncode == 0, done.stderr
            self.consumed[name] = sum(self.broker.end_offsets(self.streamer.topic(name)).values())

    def catch_up(self) -> None:
        self.streamer.wait_consumed(self.broker, sum(self.consumed.values()))
        self.streamer.wait_lag_zero()

    def first_timestamp(self, before: dict[str, dict[int, int]]) -> float:
        """Seconds since the epoch, of the oldest input record behind `before`."""
        stamps = [
            m.timestamp()[1]
            for name in INPUTS
            for m in self.read(self.streamer.topic(name), before[name])
        ]
        return min(stamps) / 1000

    def ends(self) -> dict[str, dict[int, int]]:
        return {
            name: self.broker.end_offsets(self.streamer.topic(name))
            for name in (*INPUTS, "account_history")
        }

    def read(self, topic: str, begin: dict[int, int]) -> list:
        """The first of each partition behind `begin`."""
        found = []
        for partition, offset in begin.items():
            if self.broker.end_offsets(topic)[partition] > offset:
                consumer = self.reader(topic, {partition: offset})
                found.append(consumer.poll(60))
                consumer.close()
        return found

    def reader(self, topic: str, begin: dict[int, int]) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": self.broker.bootstrap,
                "group.id": "night",
                "isolation.level": "read_committed",
            }
        )
        consumer.assign([TopicPartition(topic, p, offset) for p, offset in begin.items()])
        return consumer

    def visible(self, drop: Path) -> list[float]:
        """Seconds from each changed account's timestamp to when its new version was read."""
        begin = self.ends()
        results = self.reader(self.streamer.topic("account_history"), begin["account_history"])
        inputs = self.reader(self.streamer.topic("accounts"), begin["accounts"])
        results.poll(1)  # connects
        self.feed(drop)
        total = sum(self.consumed.values()) - sum(sum(begin[name].values()) for name in INPUTS)
        seen: dict[str, float] = {}
        deadline = time.monotonic() + 60
        while len(seen) < total and time.monotonic() < deadline:
            for m in results.consume(100, 0.02):
                value = json.loads(m.value()) if m.value() else {}
                if value.get("valid_to_at", "") is None:
                    seen[value["account_id"]] = time.time()
        sent = {}
        while len(sent) < total:
            m = inputs.poll(60)
            sent[m.key().decode().strip()] = m.timestamp()[1] / 1000
        results.close()
        inputs.close()
        missing = sent.keys() - seen.keys()
        assert not missing, f"no new version of {missing}"
        return [seen[key] - at for key, at in sent.items()]


def measure(broker: KafkaBroker, directory: Path, run: int, feeds) -> dict[str, dict[str, float]]:
    night = Night(broker, directory, run)
    costs = {}
    night.feed(feeds.full)
    began = time.monotonic()
    night.streamer.start()
    night.catch_up()
    pid = night.streamer.pid
    costs["full"] = {"wall": time.monotonic() - began, "cpu": cpu_seconds(pid)}
    before, cpu = night.ends(), cpu_seconds(pid)
    night.feed(feeds.changed_full)
    night.catch_up()
    costs["changed_full"] = {
        "wall": time.time() - night.first_timestamp(before),
        "cpu": cpu_seconds(pid) - cpu,
    }
    night.streamer.stop()

    night = Night(broker, directory, run + 1000)  # a night that has not seen the changes yet
    night.feed(feeds.full)
    night.streamer.start()
    night.catch_up()
    pid = night.streamer.pid
    cpu = cpu_seconds(pid)
    delays = night.visible(feeds.changed_only)
    costs["changed_only"] = {"wall": max(delays), "cpu": cpu_seconds(pid) - cpu}
    for cost in costs.values():
        cost["rss"] = peak_memory(pid) / 2**20
    night.streamer.stop()
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--changed", type=int, default=47)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    directory = Path(tempfile.mkdtemp(prefix="streamer-nightly-"))
    costs: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}
    try:
        feeds = write_batch_feeds(
            directory / "feeds", options.seed, options.accounts, options.customers, options.changed
        )
        with KafkaBroker(directory / "kafka") as broker:
            for run in range(options.runs):
                for case, cost in measure(broker, directory, run, feeds).items():
                    costs[case].append(cost)
                    print(
                        json.dumps({"engine": "streamer", "case": case, "run": run} | cost),
                        flush=True,
                    )
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    write_report(costs)


def write_report(costs: dict[str, list[dict[str, float]]]) -> None:
    """Beside what batch.py has written, if it has."""
    dbt = OUTPUT / "batch.jsonl"
    results = [
        {
            "run": run,
            "peer": "streamer",
            "workload": case,
            "wall_s": cost["wall"],
            "cpu_s": cost["cpu"],
            "peak_mib": cost["rss"],
        }
        for case, runs in costs.items()
        for run, cost in enumerate(runs)
    ]
    if dbt.exists():
        results += map(json.loads, dbt.read_text().splitlines())
    rows = report.summarize(results)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "batch.md").write_text(report.table(rows))
    (OUTPUT / "batch.svg").write_text(report.svg(rows))
    print(report.table(rows), end="")


if __name__ == "__main__":
    main()
