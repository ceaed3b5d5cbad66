"""A real Apache Kafka (KRaft) on loopback ports, of one node or of three, and what the tests ask of
it."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from process import DIE_WITH_PARENT, Child, free_ports, wait_until

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = Path(os.environ.get("KAFKA_LIBS", ROOT / "build" / "kafka-libs"))
LOG_CONFIG = Path(__file__).parent / "kafka" / "log4j2.properties"
JVM = ["-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]

CLIENT = {"log_level": 0, "socket.timeout.ms": 5000}  # a frozen broker is given up after that

# For a moment after a start or after the first use of groups.
COORDINATOR_MOVES = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)

# For a moment after a start or after the controller missed the broker, until all agree on the
# leader's epoch.
LEADER_MOVES = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.OFFSET_NOT_AVAILABLE,
)

SERVER_CONFIG = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    # A killed broker serves again only when its former session has timed out: by default after 9 s.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "offsets.topic.num.partitions": "2",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "2",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "16777216",
    "auto.create.topics.enable": "false",
}


def java(logs: Path, main_class: str, *arguments: str, jvm: Sequence[str] = JVM) -> list[str]:
    """The command line of one of Kafka's Java programs."""
    assert LIBRARIES.is_dir(), f"no {LIBRARIES}: `./dev system` fetches Kafka"
    return [
        *DIE_WITH_PARENT,
        "java",
        *jvm,
        f"-Dlog4j2.configurationFile={LOG_CONFIG}",
        f"-Dkafka.logs.dir={logs}",
        "-cp",
        f"{LIBRARIES}/*",
        main_class,
        *arguments,
    ]


class KafkaBroker(Child):
    """Formats its directory at the first start; later starts use the same ports and data."""

    replication = 1

    def __init__(
        self, directory: Path, config: Mapping[str, str] | None = None, jvm: Sequence[str] = JVM
    ) -> None:
        port, self.controller_port = free_ports(2)
        self.bootstrap = f"127.0.0.1:{port}"
        self._directory = directory
        self._jvm = jvm
        self._properties = directory / "server.properties"
        super().__init__(directory / "server.log")
        self._log_read = 0  # characters of it that has_torn_transactions() has seen
        self._config = {
            **SERVER_CONFIG,
            "log.dirs": str(directory / "data"),
            "listeners": f"PLAINTEXT://{self.bootstrap},"
            f"CONTROLLER://127.0.0.1:{self.controller_port}",
            "controller.quorum.bootstrap.servers": f"127.0.0.1:{self.controller_port}",
            **(config or {}),
        }
        self.admin: AdminClient
        # One consumer for each group whose offsets are asked for. (Not the admin client: librdkafka
        # 2.16 crashes in ListConsumerGroupOffsets when the group's coordinator is just moving.)
        self._readers: dict[str, Consumer] = {}

    def add_listener(self, name: str, port: int, advertised_port: int) -> None:
        """Before the first start: one more, whose clients are told another port (of a proxy)."""
        self._config["listeners"] += f",{name}://127.0.0.1:{port}"
        self._config["advertised.listeners"] = (
            f"PLAINTEXT://{self.bootstrap},{name}://127.0.0.1:{advertised_port}"
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        super().__exit__(kind, error, trace)
        shutil.rmtree(self._directory / "data", ignore_errors=True)

    # --- its life

    def start(self) -> None:
        self.launch()
        # Clients from before a restart can wait forever for the group coordinator that they knew.
        self._readers.clear()
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, **CLIENT})
        wait_until("a broker that serves", self._serves, self.log, self._process)

    def launch(self) -> None:
        """start() waits until it serves, too."""
        assert self._process is None, "the broker runs already"
        if not self._properties.exists():
            self._format()
        output = self.log.with_suffix(".out").open("ab")
        with output:
            self._process = subprocess.Popen(
                java(self._directory, "kafka.Kafka", str(self._properties), jvm=self._jvm),
                stdout=output,
                stderr=output,
            )

    def stop(self) -> None:
        """In good order, as an operator would."""
        if self._process is not None:
            self._end(signal.SIGTERM)

    def runs(self) -> bool:
        return self._process is not None

    def _format(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(
            "".join(f"{key}={value}\n" for key, value in self._config.items())
        )
        cluster = "c3RyZWFtZXItdGVzdHMtMQ"
        standalone = [] if "controller.quorum.voters" in self._config else ["--standalone"]
        arguments = [
            "format",
            *standalone,
            "-t",
            cluster,
            "-c",
            str(self._properties),
            *self._format_options(),
        ]
        self._tool("kafka.tools.StorageTool", *arguments)

    def _format_options(self) -> list[str]:
        return []

    def _serves(self) -> bool:
        try:
            return bool(self.admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def has_torn_transactions(self) -> bool:
        """Whether the broker, as it came up last or went down before, has given up on the end of a
        transaction that was committed: "… while trying to send transaction markers …, these
        partitions are likely deleted already and hence can be skipped". Such a partition,
        __consumer_offsets among them, is not readable any further under read_committed, until the
        next end of a transaction of that producer commits what is there, or an operator aborts it,
        as this does: some of the transaction stays and some is lost, whatever the program does."""
        if "trying to send transaction markers" not in self.log.read_text()[self._log_read :]:
            return False
        self._log_read = len(self.log.read_text())
        tool, servers = (
            "org.apache.kafka.tools.TransactionsCommand",
            ("--bootstrap-server", self.bootstrap),
        )
        found = self._tool(
            tool, *servers, "find-hanging", "--broker-id", "1", "--max-transaction-timeout", "0"
        )
        for line in found.splitlines()[1:]:
            topic, partition, start = (line.split()[i] for i in (0, 1, 5))
            where = ("--topic", topic, "--partition", partition, "--start-offset", start)
            # It has ended since.
            self._tool(
                tool, *servers, "abort", *where, unless="Could not find any open transactions"
            )
        return True

    def _tool(self, main_class: str, *arguments: str, unless: str | None = None) -> str:
        """What it prints. It must succeed, unless it fails with that text."""
        done = subprocess.run(
            java(self._directory, main_class, *arguments),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == 0 or (unless and unless in said), f"{main_class} failed\n{said}"
        return done.stdout

    @property
    def pid(self) -> int:
        assert self._process is not None, "the broker does not run"
        return self._process.pid

    # --- topics

    def topic_create(
        self, name: str, partitions: int, config: Mapping[str, str] | None = None
    ) -> None:
        topic = NewTopic(
            name,
            num_partitions=partitions,
            replication_factor=self.replication,
            config=dict(config or {}),
        )
        self.admin.create_topics([topic])[name].result(60)
        wait_until(
            f"topic {name} with its leaders",
            lambda: self._has_leaders(name),
            self.log,
            self._process,
        )

    def topic_alter(self, name: str, config: Mapping[str, str]) -> None:
        entries = [
            ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
            for key, value in config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)
        self.admin.incremental_alter_configs([resource])[resource].result(60)

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """As retention does: the partition starts at the offset `before` from then on."""
        cut = TopicPartition(topic, partition, before)
        self.admin.delete_records([cut])[cut].result(60)

    def topic_delete(self, name: str) -> None:
        self.admin.delete_topics([name])[name].result(60)
        wait_until(f"topic {name} gone", lambda: name not in self.topics(), self.log, self._process)

    def topics_delete(self, names: Iterable[str]) -> None:
        for future in self.admin.delete_topics(list(names)).values():
            future.result(60)

    def topics(self) -> dict[str, int]:
        """The number of partitions of every topic, Kafka's own left out."""
        found = self.admin.list_topics(timeout=60).topics
        return {
            name: len(topic.partitions)
            for name, topic in found.items()
            if not name.startswith("__")
        }

    def topic_bytes(self, prefix: str) -> int:
        """Of the log segments of all topics that begin so."""
        data = Path(self._config["log.dirs"])
        return sum(file.stat().st_size for file in data.glob(f"{prefix}*/*.log"))

    def topic_config(self, name: str) -> dict[str, str]:
        resource = ConfigResource(ResourceType.TOPIC, name)
        entries = self.admin.describe_configs([resource])[resource].result(60)
        return {key: entry.value for key, entry in entries.items()}

    def _has_leaders(self, name: str) -> bool:
        topic = self.admin.list_topics(topic=name, timeout=60).topics[name]
        return bool(topic.partitions) and all(p.leader >= 0 for p in topic.partitions.values())

    # --- positions

    def end_offsets(
        self, topic: str, isolation: IsolationLevel = IsolationLevel.READ_COMMITTED
    ) -> dict[int, int]:
        """Of each partition: the last stable offset (or the high watermark), which counts
        transaction markers."""
        found = self.ends_of(self._partitions(topic), isolation)
        return {partition: end for (_, partition), end in found.items()}

    def ends_of(
        self,
        partitions: Sequence[TopicPartition],
        isolation: IsolationLevel = IsolationLevel.READ_COMMITTED,
    ) -> dict[tuple[str, int], int]:
        """The same of any partitions, by topic and partition, in one request."""
        wanted = {tp: OffsetSpec.latest() for tp in partitions}

        def ask() -> dict[tuple[str, int], int] | None:
            found = self.admin.list_offsets(wanted, isolation_level=isolation, request_timeout=60)
            try:
                return {
                    (tp.topic, tp.partition): future.result(60).offset
                    for tp, future in found.items()
                }
            except KafkaException as e:
                if e.args[0].code() in LEADER_MOVES:
                    return None
                raise

        return wait_until("sure of the leaders", ask, self.log, self._process)

    def no_transaction_open(self, topic: str) -> bool:
        """Whether all of its records are committed or aborted (a commit returns a little before
        that)."""
        stable = self.end_offsets(topic, IsolationLevel.READ_COMMITTED)
        return self.end_offsets(topic, IsolationLevel.READ_UNCOMMITTED) == stable

    def committed_offsets(self, group: str, topic: str) -> dict[int, int]:
        """What the group committed, open transactions waited for; 0 for a partition without a
        commit."""
        partitions = self._partitions(topic)

        def ask() -> list[TopicPartition] | None:
            if group not in self._readers:
                settings = {"group.id": group, "isolation.level": "read_committed", **CLIENT}
                self._readers[group] = Consumer({"bootstrap.servers": self.bootstrap, **settings})
            try:
                return self._readers[group].committed(partitions, timeout=15)
            except KafkaException as e:
                code = e.args[0].code()
                if code == KafkaError._TIMED_OUT:  # it may go on asking a frozen coordinator
                    del self._readers[group]
                elif code not in COORDINATOR_MOVES:
                    raise
                return None

        found = wait_until("sure of the coordinator", ask, self.log, self._process)
        return {tp.partition: max(tp.offset, 0) for tp in found}

    def _partitions(self, topic: str) -> list[TopicPartition]:
        metadata = self.admin.list_topics(topic, timeout=60).topics[topic]
        return [TopicPartition(topic, partition) for partition in metadata.partitions]

    # --- Kafka's own Java consumer

    def console_consumer(self, topic: str, count: int) -> list[tuple[str | None, str | None]]:
        """The first `count` committed messages, as (key, value), that Kafka's own Java console
        consumer prints."""
        separator, null = "\x01", "\x02"
        settings = {"print.key": "true", "key.separator": separator, "null.literal": null}
        output = self._tool(
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            *["--bootstrap-server", self.bootstrap, "--topic", topic, "--from-beginning"],
            *[
                "--isolation-level",
                "read_committed",
                "--max-messages",
                str(count),
                "--timeout-ms",
                "60000",
            ],
            *[
                part
                for key, value in settings.items()
                for part in ("--formatter-property", f"{key}={value}")
            ],
        )
        rows = [line.split(separator) for line in output.splitlines()]
        return [(None if k == null else k, None if v == null else v) for k, v in rows]


class KafkaCluster(KafkaBroker):
    """Three of them, each broker and controller, with everything kept three times and two needed to
    write."""

    replication = 3

    def __init__(self, directory: Path, config: Mapping[str, str] | None = None) -> None:
        super().__init__(directory)
        common = {
            "default.replication.factor": "3",
            "min.insync.replicas": "2",
            "offsets.topic.replication.factor": "3",
            "transaction.state.log.replication.factor": "3",
            "transaction.state.log.min.isr": "2",
            **(config or {}),
        }
        small = ["-Xmx256m", *JVM[1:]]
        ids = range(1, self.replication + 1)
        self.nodes = [
            KafkaBroker(directory / str(n), {**common, "node.id": str(n)}, small) for n in ids
        ]
        voters = ",".join(
            f"{n}@127.0.0.1:{node.controller_port}" for n, node in zip(ids, self.nodes, strict=True)
        )
        for node in self.nodes:
            node._config["controller.quorum.voters"] = voters
            del node._config["controller.quorum.bootstrap.servers"]
        self.bootstrap = ",".join(node.bootstrap for node in self.nodes)
        self.log = self.nodes[0].log

    def launch(self) -> None:
        for node in self.nodes:
            node.launch()

    def _serves(self) -> bool:
        try:
            return len(self.admin.list_topics(timeout=1).brokers) == len(self.nodes)
        except KafkaException:
            return False

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def coordinator(self, group: str) -> KafkaBroker:
        """The node that coordinates it now."""
        found = self.admin.describe_consumer_groups([group])[group].result(60)
        return self.nodes[found.coordinator.id - 1]

    def node_back(self, node: KafkaBroker) -> None:
        """Starts it again, and waits until every partition has all its replicas."""
        node.launch()
        self.wait_all_in_sync()

    def wait_all_in_sync(self) -> None:
        wait_until("all replicas in sync", self._all_in_sync, self.log)

    def _all_in_sync(self) -> bool:
        try:
            topics = self.admin.list_topics(timeout=5).topics.values()
        except KafkaException:
            return False
        return all(len(p.isrs) == len(p.replicas) for t in topics for p in t.partitions.values())
