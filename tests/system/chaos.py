"""What the fault campaign needs: how much of it, seeds, its table, a reader that is not ours, a proxy that holds EndTxn."""

import json
import os
import random
import select
import socket
import struct
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
        """To be called when everything was checked: lost, doubled or wrong rows have failed the test before."""
        self.faults[fault] += count
        self.records[fault] += records
        self.right[fault] += 1

    def table(self) -> list[str]:
        if not self.faults:
            return []
        rows = [f"  {name:<44} {self.faults[name]:>6} {self.records[name]:>9} {self.right[name]:>6}" for name in self.faults]
        return [
            f"fault campaign, seed {SEED} (again: CHAOS_SEED={SEED})",
            f"  {'fault':<44} {'faults':>6} {'records':>9} {'right':>6}   runs without a lost, doubled or wrong row",
            *rows,
        ]


TALLY = Tally()


class Reader(threading.Thread):
    """Reads result topics under read_committed while everything happens, and complains about a step back.

    Each id's rows carry a number that only grows in the input (the cents of a balance): what is read must not fall. And
    the same content does not come twice in a row.
    """

    def __init__(self, bootstrap: str, topics: list[str]) -> None:
        super().__init__(daemon=True)
        self.complaints: list[str] = []
        self.read = 0
        self._topics = topics
        self._stopping = threading.Event()
        self._last: dict[tuple[str, bytes], tuple[str, int]] = {}
        settings = {"group.id": "a-reader", "isolation.level": "read_committed", "auto.offset.reset": "earliest"}
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
        amount = row.get("balance_amount") or row.get("original_balance_amount") or row["total_balance_amount"]
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


END_TXN = 26


class Proxy:
    """A TCP proxy before a broker. While `mode` is set, the next EndTxn request is

    delay  held for `seconds`, with everything behind it on its connection
    drop   thrown away with its connection
    late   held, its connection to the client ended at once, and delivered to the broker after `seconds`
    """

    def __init__(self, port: int, broker_port: int) -> None:
        self.mode = ""
        self.seconds = 0.0
        self.hits = 0
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", port))
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _take_mode(self, request: bytes) -> str:
        (api_key,) = struct.unpack(">h", request[4:6])
        with self._lock:
            if api_key != END_TXN or not self.mode:
                return ""
            mode, self.mode = self.mode, ""
            self.hits += 1
            return mode

    def _serve(self, client: socket.socket) -> None:
        try:
            broker = socket.create_connection(("127.0.0.1", self._broker_port))
        except OSError:
            client.close()
            return
        pending = b""
        with client, broker:
            try:
                while True:
                    ready, _, _ = select.select([client, broker], [], [])
                    if broker in ready:
                        data = broker.recv(65536)
                        if not data:
                            return
                        client.sendall(data)
                    if client in ready:
                        data = client.recv(65536)
                        if not data:
                            return
                        pending = self._forward(pending + data, client, broker)
            except OSError:
                return

    def _forward(self, data: bytes, client: socket.socket, broker: socket.socket) -> bytes:
        """Sends on what is whole; returns the rest."""
        while len(data) >= 6 and len(data) >= 4 + struct.unpack(">i", data[:4])[0]:
            size = 4 + struct.unpack(">i", data[:4])[0]
            request, data = data[:size], data[size:]
            mode = self._take_mode(request)
            if mode == "drop":
                raise OSError("dropped")
            if mode == "late":
                client.shutdown(socket.SHUT_RDWR)
                time.sleep(self.seconds)
                broker.sendall(request)
                time.sleep(0.5)
                raise OSError("delivered late")
            if mode == "delay":
                time.sleep(self.seconds)
            broker.sendall(request)
        return data


@contextmanager
def reading(bootstrap: str, topics: list[str]) -> Iterator[Reader]:
    reader = Reader(bootstrap, topics)
    reader.start()
    try:
        yield reader
    finally:
        reader.finish()
