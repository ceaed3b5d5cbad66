"""What the fault campaign needs: how much of it, seeds, its table, a reader that is not ours."""

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from confluent_kafka import Consumer, TopicPartition

# `./dev chaos` sets CHAOS=large; CHAOS_SEED repeats a run.
LARGE = os.environ.get("CHAOS", "small") == "large"
SEED = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(1, 1_000_000))


def runs(small: int, large: int) -> int:
    return large if LARGE else small


def seeds(count: int) -> list[int]:
    """One for each run; shown in the test's name."""
    return [SEED + i for i in range(count)]


@dataclass
class Tally:
    """What happened, by fault."""

    faults: Counter[str] = field(default_factory=Counter)
    records: Counter[str] = field(default_factory=Counter)
    right: Counter[str] = field(default_factory=Counter)

    def note(self, fault: str, count: int, records: int) -> None:
        """To be called when everything was checked: lost, doubled or wrong rows have failed the
        test before."""
        self.faults[fault] += count
        self.records[fault] += records
        self.right[fault] += 1

    def table(self) -> list[str]:
        if not self.faults:
            return []
        rows = [
            f"  {name:<44} {self.faults[name]:>6} {self.records[name]:>9} {self.right[name]:>6}"
            for name in self.faults
        ]
        return [
            f"fault campaign, seed {SEED} (again: CHAOS_SEED={SEED})",
            f"  {'fault':<44} {'faults':>6} {'records':>9} {'right':>6}   runs without a "
            "lost, doubled or wrong row",
            *rows,
        ]


TALLY = Tally()


class Reader(threading.Thread):
    """Reads result topics under read_committed while everything happens, and complains about a step
    back.

    Each id's rows carry a number that only grows in the input (the cents of a balance): what is
    read must not fall. And the same content does not come twice in a row.
    """

    def __init__(self, bootstrap: str, topics: list[str]) -> None:
        super().__init__(daemon=True)
        self.complaints: list[str] = []
        self.read = 0
        self._topics = topics
        self._stopping = threading.Event()
        self._last: dict[tuple[str, bytes], tuple[str, int]] = {}
        settings = {
            "group.id": "a-reader",
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
        }
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "log_level": 0, **settings})

    def run(self) -> None:
        partitions = [
            TopicPartition(topic, p, 0)
            for topic in self._topics
            for p in self._consumer.list_topics(topic, timeout=60).topics[topic].partitions
        ]
        self._consumer.assign(partitions)
        while not self._stopping.is_set():
            m = self._consumer.poll(0.2)
            if m is None or m.error():
                continue
            self.read += 1
            key, value = m.key(), m.value()
            assert key is not None
            self._look(m.topic() or "", key, value)
        self._consumer.close()

    def _look(self, topic: str, key: bytes, value: bytes | None) -> None:
        if value is None:
            self.complaints.append(f"{topic} {key!r}: a tombstone, but nothing was deleted")
            return
        row = json.loads(value)
        row.pop("calculated_at", None)
        content = json.dumps(row, sort_keys=True)
        amount = (
            row.get("balance_amount")
            or row.get("original_balance_amount")
            or row["total_balance_amount"]
        )
        number = int(amount.replace(".", ""))
        before = self._last.get((topic, key))
        if before is not None and number < before[1]:
            self.complaints.append(f"{topic} {key!r}: back from {before[1]} to {number}")
        if before is not None and content == before[0]:
            self.complaints.append(f"{topic} {key!r}: the same again: {content}")
        self._last[(topic, key)] = (content, number)

    def finish(self) -> None:
        self._stopping.set()
        self.join(60)


@contextmanager
def reading(bootstrap: str, topics: list[str]) -> Iterator[Reader]:
    reader = Reader(bootstrap, topics)
    reader.start()
    try:
        yield reader
    finally:
        reader.finish()
