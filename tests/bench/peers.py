"""What the benchmark compares. A peer reads the same input topics as the others, under an app.id of
its own, and writes result topics whose names begin with that app.id."""

import importlib
import importlib.util
import json
import shutil
import signal
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition
from kafka import ROOT, KafkaBroker
from process import DIE_WITH_PARENT, tail
from results import RESULTS
from streamer import INPUTS, Streamer, environment, total

FLOOR = ROOT / "build" / "release" / "tests" / "bench_floor"
SAMPLES = 2000  # of each partition
NO_VALUE = 0xFFFFFFFF


class Peer:
    """One processor under test. Its directory outlives stop(): start() goes on with the state
    there."""

    name = ""
    gives_results = True  # that can be matched with their input, and keeps state

    def __init__(
        self,
        broker: KafkaBroker,
        directory: Path,
        app_id: str,
        inputs: Mapping[str, str],
        partitions: int,
        settings: Mapping[str, str],
    ) -> None:
        """`inputs`: topics of customers and accounts. `settings`: streamer's, for those that take
        them."""
        self.broker = broker
        self.directory = directory
        self.app_id = app_id
        self.inputs = dict(inputs)
        self.partitions = partitions
        self.settings = dict(settings)
        self.state_dir = directory / "state"
        self.log = directory / "stderr"
        self.summary_topic = f"{app_id}.account_summary"
        directory.mkdir(parents=True, exist_ok=True)

    def start(self, workload: str, records: int) -> int:
        """Its pid. It finds `records` new ones in the input."""
        raise NotImplementedError

    def wait_ready(self) -> None:
        """Until its state is restored and it processes."""
        raise NotImplementedError

    def wait_caught_up(self) -> None:
        """All input is committed: until everything that follows from it is, too."""
        raise NotImplementedError

    def counts(self, workload: str) -> dict[str, float]:
        """What else is worth noting, and checks that it did its work; called when it has caught
        up."""
        return {}

    def read_back(self) -> float | None:
        """Records that a restore has read, if it tells."""
        return None

    def stop(self) -> None:
        raise NotImplementedError

    def forget_state(self) -> None:
        shutil.rmtree(self.state_dir, ignore_errors=True)


class StreamerPeer(Peer):
    name = "streamer"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._streamer = Streamer(self.directory, properties_of(self))
        self._records = 0

    def start(self, workload: str, records: int) -> int:
        self._records = records
        self._streamer.start()
        return self._streamer.pid

    def wait_ready(self) -> None:
        self._streamer.wait_ready()

    def wait_caught_up(self) -> None:
        self._streamer.wait_lag_zero()

    def counts(self, workload: str) -> dict[str, float]:
        metrics = self._streamer.metrics()
        consumed = sum(
            total(metrics, "streamer_records_consumed_total", topic=t) for t in self.inputs.values()
        )
        assert consumed == self._records, (
            f"streamer consumed {consumed:.0f} of {self._records} records"
        )
        return {
            "quarantined": total(metrics, "streamer_records_quarantined_total"),
            "unchanged": total(metrics, "streamer_records_unchanged_total"),
            "late": total(metrics, "streamer_records_late_total"),
            "transactions": total(metrics, "streamer_transactions_total", result="committed"),
            "messages": sum(self.emitted().values()),
        }

    def emitted(self) -> dict[str, int]:
        """Messages to each topic since the start."""
        found = {}
        for (name, labels), value in self._streamer.metrics().items():
            if name == "streamer_records_emitted_total" and value > 0:
                found[dict(labels)["topic"]] = int(value)
        return found

    def read_back(self) -> float:
        return total(self._streamer.metrics(), "streamer_restored_records_total")

    def stop(self) -> None:
        self._streamer.stop()


class PlainStreamerPeer(StreamerPeer):
    """Without the header streamer.source: what that costs."""

    name = "no-headers"

    def __init__(self, *arguments: Any) -> None:
        *others, settings = arguments
        super().__init__(*others, {**settings, "output.headers": "none"})


def properties_of(peer: Peer) -> dict[str, str]:
    """A configuration of streamer."""
    names = {f"topic.{name}": f"{peer.app_id}.{name}" for name in (*RESULTS, "quarantine")}
    inputs = {f"topic.{name}": peer.inputs[name] for name in INPUTS}
    return {
        "app.id": peer.app_id,
        "kafka.bootstrap.servers": peer.broker.bootstrap,
        "partitions": str(peer.partitions),
        **names,
        **inputs,
        **peer.settings,
    }


class FloorPeer(Peer):
    """floor.c: reads and writes as much as streamer did in the same workload."""

    name = "floor"
    gives_results = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.plans: dict[str, Path] = {}  # of each workload; set before start()
        self._properties = self.directory / "floor.properties"
        self._properties.write_text(
            "".join(f"{key}={value}\n" for key, value in properties_of(self).items())
        )
        self._output = self.directory / "output"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, workload: str, records: int) -> int:
        plan = read_plan(self.plans[workload], self.app_id, self.directory / "samples")
        for topic in plan.keys() - self.broker.topics().keys():
            self.broker.topic_create(topic, self.partitions, {"cleanup.policy": "compact"})
        arguments = [
            str(FLOOR),
            str(self._properties),
            str(records),
            str(self.directory / "samples"),
        ]
        with self._output.open("wb") as output, self.log.open("ab") as errors:
            self._process = subprocess.Popen(
                [*DIE_WITH_PARENT, *arguments], stdout=output, stderr=errors, env=environment()
            )
        self._expected = (records, sum(plan.values()))
        return self._process.pid

    def wait_ready(self) -> None:
        pass

    def wait_caught_up(self) -> None:
        """It ends by itself. Not waited for yet, so that its times can still be read."""

    def counts(self, workload: str) -> dict[str, float]:
        assert self._process is not None
        code = self._process.wait(60)
        assert code == 0, f"floor: exit code {code}\n{tail(self.log)}"
        said = json.loads(self._output.read_text())
        assert (said["records"], said["messages"]) == self._expected, (
            f"floor: {said}, expected {self._expected}"
        )
        return {"transactions": said["transactions"], "messages": said["messages"]}

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._process = None


# A member that stops leaves its group, and one that dies is found out as soon: else each start
# waits for 45 s.
LIKE_STREAMER = {
    "consumer.internal.leave.group.on.close": "true",
    "consumer.session.timeout.ms": "10000",
}


SHARED = ("schema.registry.url",)  # settings that both programs have


class StreamsPeer(Peer):
    """Kafka Streams (peer_kafka_streams.py): spared its repartition topics, as the input is keyed
    by id."""

    name = "kafka-streams"

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        names = {name: f"{self.app_id}.{name}" for name in (*RESULTS, "quarantine")}
        settings = {f"names.{name}": topic for name, topic in {**names, **self.inputs}.items()}
        self._program = importlib.import_module("peer_kafka_streams").KafkaStreamsPeer(
            self.directory,
            self.broker.bootstrap,
            self.app_id,
            {
                **settings,
                "partitions": str(self.partitions),
                "repartition": "never",
                **{name: self.settings[name] for name in SHARED if name in self.settings},
                **LIKE_STREAMER,
            },
        )
        self.log = self._program.output

    def start(self, workload: str, records: int) -> int:
        self._program.start()
        return int(self._program.pid)

    def wait_ready(self) -> None:
        self._program.wait_ready()

    def wait_caught_up(self) -> None:
        consumed = {
            name: sum(self.broker.end_offsets(topic).values())
            for name, topic in self.inputs.items()
        }
        self._program.wait_drained(self.broker, consumed)

    def stop(self) -> None:
        self._program.stop()


# --- what the floor writes


def write_plan(path: Path, peer: StreamerPeer) -> None:
    """What streamer wrote since its start: how many messages to each topic, and samples of them.
    Format: floor.c."""
    with path.open("wb") as file:
        for topic, count in sorted(peer.emitted().items()):
            samples = read_samples(peer.broker, topic)
            name = topic.removeprefix(peer.app_id).encode()
            file.write(
                struct.pack("<I", len(name)) + name + struct.pack("<QI", count, len(samples))
            )
            for key, value in samples:
                file.write(struct.pack("<II", len(key), NO_VALUE if value is None else len(value)))
                file.write(key + (value or b""))


def read_plan(path: Path, app_id: str, samples: Path) -> dict[str, int]:
    """Writes the same into `samples`, with topics of `app_id`. Returns how many messages go to
    each."""
    data, at = path.read_bytes(), 0
    plan: dict[str, int] = {}
    with samples.open("wb") as file:
        while at < len(data):
            (name_n,) = struct.unpack_from("<I", data, at)
            name = app_id.encode() + data[at + 4 : at + 4 + name_n]
            at += 4 + name_n
            count, number = struct.unpack_from("<QI", data, at)
            end = at + 12
            for _ in range(number):
                key_n, value_n = struct.unpack_from("<II", data, end)
                end += 8 + key_n + (0 if value_n == NO_VALUE else value_n)
            file.write(struct.pack("<I", len(name)) + name + data[at:end])
            plan[name.decode()] = count
            at = end
    return plan


def read_samples(broker: KafkaBroker, topic: str) -> list[tuple[bytes, bytes | None]]:
    """The last messages of each partition; the bytes of headers are counted to the value."""
    settings = {
        "group.id": "bench-sampler",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
    }
    consumer = Consumer({"bootstrap.servers": broker.bootstrap, "log_level": 0, **settings})
    samples: list[tuple[bytes, bytes | None]] = []
    try:
        ends = broker.end_offsets(topic)
        consumer.assign(
            [TopicPartition(topic, p, max(end - SAMPLES, 0)) for p, end in ends.items()]
        )
        unfinished = set(ends)
        while unfinished:
            m = consumer.poll(60)
            assert m is not None, f"nothing from {topic} for 60 s"
            error, value = m.error(), m.value()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                unfinished.discard(m.partition())
                continue
            headers = b"".join(name.encode() + (text or b"") for name, text in m.headers() or [])
            samples.append((m.key() or b"", value + headers if value is not None else None))
    finally:
        consumer.close()
    return samples


def find_peers(names: list[str]) -> dict[str, type[Peer]]:
    """Those of the names that there are; says which are not."""
    known: dict[str, type[Peer]] = {
        peer.name: peer for peer in (StreamerPeer, PlainStreamerPeer, FloorPeer)
    }
    if importlib.util.find_spec("peer_kafka_streams") is not None:
        if (importlib.import_module("peer_kafka_streams").BUILD / "classes").is_dir():
            known[StreamsPeer.name] = StreamsPeer
    for name in names:
        if name not in known:
            print(f"bench: there is no peer {name} here; it is left out", flush=True)
    return {name: known[name] for name in names if name in known}
