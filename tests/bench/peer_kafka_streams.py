"""The Kafka Streams program that does what `streamer run` does, as a child process. `./dev peer`
builds it."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from kafka import ROOT, KafkaBroker
from process import DIE_WITH_PARENT, Child, tail, wait_until
from results import RESULTS, read_topic

BUILD = Path(os.environ.get("KAFKA_STREAMS_PEER", ROOT / "build" / "kafka-streams"))
INPUTS = ("customers", "accounts")
# In the order in which records flow through them.
REPARTITIONS = ("customers-by-id-repartition", "accounts-by-id-repartition")
INTERNAL_INPUTS = (
    "joined-subscription-registration-topic",
    "joined-subscription-response-topic",
    "profile-repartition",
)
JVM = ("-Xms1g", "-Xmx1g", "-XX:+UseG1GC")


class KafkaStreamsPeer(Child):
    """Its directory (properties, state, output) outlives the process: start() goes on with it.

    `settings`: for the program's properties file; its Settings.java tells which there are, and
    Kafka Streams' own.
    """

    def __init__(
        self,
        directory: Path,
        bootstrap: str,
        app_id: str,
        settings: Mapping[str, str] | None = None,
        jvm: tuple[str, ...] = JVM,
    ) -> None:
        self.settings = {
            "bootstrap.servers": bootstrap,
            "application.id": app_id,
            "state.dir": str(directory / "state"),
            **(settings or {}),
        }
        self.app_id = app_id
        super().__init__(directory / "output")
        self.output = self.log
        self._jvm = jvm
        self._properties = directory / "peer.properties"
        directory.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(
            "".join(f"{key}={value}\n" for key, value in self.settings.items())
        )

    # --- its life

    def start(self) -> None:
        assert self._process is None, "it runs already"
        assert (BUILD / "classes").is_dir(), f"no {BUILD}: `./dev peer` builds it"
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [*DIE_WITH_PARENT, "java", *self._jvm, "-cp", f"{BUILD}/classes:{BUILD}/libs/*"]
                + ["peer.KafkaStreamsPeer", str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def pid(self) -> int:
        """Of the JVM itself."""
        assert self._process is not None
        return self._process.pid

    def wait_ready(self) -> None:
        self._wait("ready", lambda: "ready" in self.output.read_text(errors="replace").splitlines())

    def stop(self) -> None:
        """In good order: commits and exits 0."""
        code = self._end(signal.SIGTERM)
        assert code == 0, f"exit code {code} after SIGTERM\n{tail(self.output)}"

    # --- progress

    def topic(self, name: str) -> str:
        """The name on the broker of an input, result or quarantine topic."""
        return self.settings.get(f"names.{name}", name)

    def wait_drained(
        self, broker: KafkaBroker, consumed: Mapping[str, int], deadline_s: float = 120
    ) -> None:
        """Until everything that follows from the `consumed` input records of each topic is
        committed.

        Input first, then the internal topics in the order of flow. What is in a cache of state when
        its input is committed does not exist: Kafka Streams flushes them in the same transaction.
        """
        for name, count in consumed.items():
            self._wait(
                f"done with {count} {name}",
                partial(self._input_done, broker, name, count),
                deadline_s,
            )
        repartitions = REPARTITIONS if self.settings.get("repartition") != "never" else ()
        for suffix in (*repartitions, *INTERNAL_INPUTS):
            topic = f"{self.app_id}-{suffix}"
            self._wait(
                f"done with {topic}", partial(self._internal_done, broker, topic), deadline_s
            )
        for name in (*RESULTS, "quarantine"):
            topic = self.topic(name)
            self._wait(
                f"done with writing {topic}", partial(broker.no_transaction_open, topic), deadline_s
            )

    def _input_done(self, broker: KafkaBroker, name: str, count: int) -> bool:
        committed = broker.committed_offsets(self.app_id, self.topic(name))
        return sum(committed.values()) == count and committed == broker.end_offsets(
            self.topic(name)
        )

    def _internal_done(self, broker: KafkaBroker, topic: str) -> bool:
        """Records, not offsets, because a transaction's marker may follow the last record."""
        if not broker.no_transaction_open(topic):
            return False
        committed = broker.committed_offsets(self.app_id, topic)
        return committed == broker.end_offsets(topic) or not read_topic(
            broker.bootstrap, topic, committed
        )

    def _wait(self, what: str, check: Callable[[], bool], deadline_s: float = 120) -> None:
        wait_until(what, check, self.output, self._process, deadline_s)
