"""What the benchmark reads off processes, directories and Kafka."""

import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from kafka import COORDINATOR_MOVES, KafkaBroker
from process import tail

TICKS = os.sysconf("SC_CLK_TCK")
POLL_S = 0.02
HANG_S = 900  # without any progress


def cpu_seconds(pid: int) -> float:
    """User and system, ended children included. Also of a process that has ended and was not waited
    for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def has_ended(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def peak_memory(pid: int) -> int:
    """The largest resident set so far, in bytes; 0 of a process that has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def disk_bytes(directory: Path) -> int:
    """What the files below take on disk."""
    return sum(file.stat().st_blocks * 512 for file in directory.rglob("*") if file.is_file())


class Group:
    """How far a consumer group is in some input topics, which hold no transaction markers."""

    def __init__(self, broker: KafkaBroker, group: str, topics: Iterable[str]) -> None:
        settings = {"group.id": group, "isolation.level": "read_committed", "log_level": 0}
        self._consumer = Consumer({"bootstrap.servers": broker.bootstrap, **settings})
        partitions = broker.topics()
        self._places = [
            TopicPartition(topic, p) for topic in topics for p in range(partitions[topic])
        ]

    def consumed(self) -> int:
        """Records, by what it has committed."""
        while True:
            try:
                return sum(
                    max(place.offset, 0)
                    for place in self._consumer.committed(self._places, timeout=60)
                )
            except KafkaException as e:
                if e.args[0].code() not in COORDINATOR_MOVES:
                    raise
                time.sleep(POLL_S)

    def close(self) -> None:
        self._consumer.close()


@dataclass(frozen=True)
class Point:
    """A moment: how much is consumed, and what that has cost."""

    at: float
    consumed: int
    cpu: float
    broker_cpu: float


@dataclass
class Catchup:
    """A backlog being worked off. Rates count from the first commit that is seen, so that the start
    is not in them."""

    started: float
    first: Point | None = None
    last: Point | None = None
    first_result_s: float | None = None
    peak_bytes: int = 0

    def _per_record(self, name: str) -> float | None:
        if self.first is None or self.last is None or self.last.consumed == self.first.consumed:
            return None  # all of it was done between two looks
        cost = getattr(self.last, name) - getattr(self.first, name)
        return float(cost) / (self.last.consumed - self.first.consumed)

    def seconds_per_record(self) -> float | None:
        return self._per_record("at")

    def cpu_per_record(self) -> float | None:
        return self._per_record("cpu")

    def broker_cpu_per_record(self) -> float | None:
        return self._per_record("broker_cpu")


class Watch:
    """Looks at a process while it works off a backlog. To be made before the process starts."""

    def __init__(
        self, broker: KafkaBroker, group: Group, log: Path, results_topic: str | None
    ) -> None:
        """`log`: of the process, for what it said before it failed."""
        self._broker = broker
        self._group = group
        self._log = log
        self._topic = results_topic
        self._results = self._count_results()
        self._before = group.consumed()
        self._pid = 0
        self.catchup = Catchup(time.monotonic())

    def begin(self, pid: int) -> None:
        self._pid = pid

    def _count_results(self) -> int:
        if self._topic is None or self._topic not in self._broker.topics():
            return 0
        try:
            return sum(self._broker.end_offsets(self._topic).values())
        except KafkaException:
            return 0  # it has no leader yet

    def point(self) -> Point:
        consumed = self._group.consumed()
        self.catchup.peak_bytes = max(self.catchup.peak_bytes, peak_memory(self._pid))
        return Point(
            time.monotonic(), consumed, cpu_seconds(self._pid), cpu_seconds(self._broker.pid)
        )

    def until_consumed(self, total: int) -> None:
        """Returns when the group has committed so many records; fails if the process ends before,
        or hangs."""
        seen, seen_at = self._before, time.monotonic()
        while seen < total:
            ended = has_ended(self._pid)
            now = self.point()
            if now.consumed > seen:
                seen, seen_at = now.consumed, now.at
                if self.catchup.first is None:
                    self.catchup.first = now
            assert seen >= total or not ended, (
                f"ended after {seen} of {total} records\n{tail(self._log)}"
            )
            assert now.at - seen_at < HANG_S, (
                f"hangs after {seen} of {total} records\n{tail(self._log)}"
            )
            self._look_for_result()
            time.sleep(POLL_S)
        assert seen == total, f"consumed {seen} of {total} records"

    def _look_for_result(self) -> None:
        if (
            self._topic is not None
            and self.catchup.first_result_s is None
            and self._count_results() > self._results
        ):
            self.catchup.first_result_s = time.monotonic() - self.catchup.started

    def finish(self) -> Catchup:
        self._look_for_result()
        self.catchup.last = self.point()
        return self.catchup
