"""One `streamer run` as a child process, asked only through what users have: signals, HTTP, stderr,
Kafka."""

import http.client
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from kafka import ROOT, KafkaBroker
from process import DIE_WITH_PARENT, Child, free_ports, tail, wait_until
from results import RESULTS, read_topic

BINARY = Path(os.environ.get("STREAMER_BIN", ROOT / "build" / "release" / "streamer"))
# Its environment says which faults it is to have (tests/fault).
WITH_FAULTS = ROOT / "build" / "release" / "tests" / "streamer_with_faults"
INPUTS = ("customers", "accounts")
# Internal topics that are input too, in the order in which records flow through them.
INTERNAL_INPUTS = (
    "repartition-customers",
    "repartition-accounts",
    "account-links",
    "customer-refs",
)

Labels = tuple[tuple[str, str], ...]
Metrics = dict[tuple[str, Labels], float]

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')
_BOOTSTRAP = re.compile(r'\bbootstrap="?(127\.0\.0\.1:\d+)')


def environment() -> dict[str, str]:
    """Ours, without the STREAMER_* variables: each of them is a configuration key to the
    program."""
    return {name: value for name, value in os.environ.items() if not name.startswith("STREAMER_")}


def run_once(
    *arguments: str, input_text: str = "", deadline_s: float = 120
) -> "subprocess.CompletedProcess[str]":
    """A command that ends by itself."""
    return subprocess.run(
        [*DIE_WITH_PARENT, str(BINARY), *arguments],
        input=input_text,
        capture_output=True,
        text=True,
        timeout=deadline_s,
        check=False,
        env=environment(),
    )


def parse_metrics(text: str) -> Metrics:
    """Prometheus text format 0.0.4; a sample that occurs twice is an error."""
    samples: Metrics = {}
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        match = _SAMPLE.match(line)
        assert match, f"not a sample: {line!r}"
        name, labels, value = match.groups()
        key = (name, tuple(sorted(_LABEL.findall(labels or ""))))
        assert key not in samples, f"twice in one scrape: {line!r}"
        samples[key] = float(value)
    return samples


def total(metrics: Metrics, name: str, **labels: str) -> float:
    """The sum over every label set of `name` that has these labels."""
    return sum(
        v for (n, have), v in metrics.items() if n == name and set(labels.items()) <= set(have)
    )


class Streamer(Child):
    """Its directory (properties, state, stderr) outlives the process: start() goes on with it."""

    embedded = False

    def __init__(self, directory: Path, settings: Mapping[str, str]) -> None:
        (port,) = free_ports(1)
        self.settings = {
            "app.id": "streamer-test",
            "state.dir": str(directory / "state"),
            "http.listen": f"127.0.0.1:{port}",
            **settings,
        }
        self.app_id = self.settings["app.id"]
        super().__init__(directory / "stderr")
        self.stderr = self.log
        self._port = port
        self.properties = directory / "streamer.properties"
        self.binary = BINARY
        self.wrapper: list[str] = []  # a command that starts the one behind it
        self.stdin = subprocess.DEVNULL
        directory.mkdir(parents=True, exist_ok=True)
        self.configure({})

    def configure(self, settings: Mapping[str, str]) -> None:
        """Writes them, too, into its properties, which it reads when it starts, or when it is told
        to."""
        self.settings |= settings
        self.properties.write_text(
            "".join(f"{key}={value}\n" for key, value in self.settings.items())
        )

    # --- its life

    def start(self, extra: Mapping[str, str] | None = None) -> None:
        """`extra`: environment variables."""
        assert self._process is None, "it runs already"
        with self.stderr.open("ab") as stderr:
            self._process = subprocess.Popen(
                [*DIE_WITH_PARENT, *self.wrapper, str(self.binary), *self._arguments()],
                stdin=self.stdin,
                stdout=stderr,
                stderr=stderr,
                env={**environment(), **(extra or {})},
            )

    @property
    def pid(self) -> int:
        assert self._process is not None, "it does not run"
        return self._process.pid

    @property
    def process(self) -> "subprocess.Popen[bytes] | None":
        return self._process

    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _arguments(self) -> list[str]:
        return ["run", "-c", str(self.properties)]

    def stop(self) -> None:
        """In good order: commits and exits 0."""
        code = self._end(signal.SIGTERM)
        assert code == 0, f"exit code {code} after SIGTERM\n{tail(self.stderr)}"

    def ask_to_stop(self) -> None:
        """SIGTERM; wait_exit() tells what came of it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def reload(self) -> str:
        """SIGHUP: secrets and certificates anew. Until it says what came of it; the line of its
        log."""
        assert self._process is not None
        before = len(self.stderr.read_text())

        def told() -> list[str]:
            lines = self.stderr.read_text()[before:].splitlines()
            return [line for line in lines if "secrets and certificates" in line]

        self._process.send_signal(signal.SIGHUP)
        self._wait("done with the reload", told)
        return told()[0]

    def wait_exit(self, deadline_s: float = 120) -> int:
        """Until it ends by itself; its exit code."""
        assert self._process is not None
        try:
            return self._process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running\n{tail(self.stderr)}") from None
        finally:
            self.kill()

    # --- what it is called

    def topic(self, name: str) -> str:
        """The name on the broker of an input, result or quarantine topic."""
        return self.settings.get(f"topic.{name}", name)

    def internal_topic(self, suffix: str) -> str:
        return f"{self.app_id}-{suffix}"

    # --- HTTP

    def get_text(self, path: str) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def get(self, path: str) -> tuple[int, Any]:
        status, text = self.get_text(path)
        return status, json.loads(text)

    def metrics(self) -> Metrics:
        status, text = self.get_text("/metrics")
        assert status == 200, f"/metrics: {status} {text}"
        return parse_metrics(text)

    def wait_ready(self) -> None:
        self._wait("ready", self._ready)

    def _ready(self) -> bool:
        try:
            return self.get_text("/readyz")[0] == 200
        except OSError:
            return False

    # --- progress

    def consumed_offsets(self, broker: KafkaBroker) -> int:
        """How many input records are committed so far (input topics hold no transaction
        markers)."""
        return sum(
            sum(broker.committed_offsets(self.app_id, self.topic(name)).values()) for name in INPUTS
        )

    def wait_consumed(self, broker: KafkaBroker, count: int) -> None:
        self._wait(
            f"{count} records committed",
            lambda: self.consumed_offsets(broker) >= count,
            every_s=0.01,
        )

    def wait_drained(self, broker: KafkaBroker, consumed: Mapping[str, int]) -> None:
        """Until everything that follows from the `consumed` input records of each topic is
        committed.

        Input first, then the internal topics in the order of flow: what a drained topic caused is
        visible by then.
        """
        for name, count in consumed.items():
            self._wait(f"done with {count} {name}", partial(self._input_done, broker, name, count))
        self._wait_internal(broker)

    def wait_processed(self, broker: KafkaBroker) -> None:
        """The same for all that is in the inputs, also where transactions have written them."""
        for name in INPUTS:
            topic = self.topic(name)
            self._wait(f"done with {topic}", partial(self._internal_done, broker, topic))
        self._wait_internal(broker)

    def _wait_internal(self, broker: KafkaBroker) -> None:
        for suffix in INTERNAL_INPUTS:
            topic = self.internal_topic(suffix)
            self._wait(f"done with {topic}", partial(self._internal_done, broker, topic))
        for name in (*RESULTS, "quarantine"):
            topic = self.topic(name)
            self._wait(f"done with writing {topic}", partial(broker.no_transaction_open, topic))

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

    def wait_lag_zero(self) -> None:
        """As a dashboard sees it: in two scrapes in a row."""
        self._wait("without lag", lambda: self._lag() == 0)
        self._wait("without lag", lambda: self._lag() == 0)

    def wait_outdated(self, entity: str, count: int) -> None:
        """The gauge follows a moment later."""
        self._wait(f"at {count} outdated {entity}", lambda: self._outdated(entity) == count)

    def _outdated(self, entity: str) -> float:
        return total(self.metrics(), "streamer_outdated_rows", entity=entity)

    def _lag(self) -> float:
        return total(self.metrics(), "streamer_consumer_lag_records")

    def _wait(self, what: str, check: Callable[[], Any], every_s: float = 0.05) -> None:
        wait_until(what, check, self.stderr, self._process, every_s=every_s)


class EmbeddedStreamer(Streamer):
    """`streamer run --embedded`: with a broker inside, and nothing left of it when the process
    ends."""

    embedded = True

    def _arguments(self) -> list[str]:
        return ["run", "--embedded", "-c", str(self.properties)]

    def bootstrap(self) -> str:
        """The address of the broker inside, from the log."""
        self._wait(
            "telling its broker's address", lambda: _BOOTSTRAP.search(self.stderr.read_text())
        )
        match = _BOOTSTRAP.search(self.stderr.read_text())
        assert match
        return match[1]

    def wait_all_consumed(self, consumed: Mapping[str, int]) -> None:
        """The broker inside keeps no transactional offsets, so that only the program itself can
        say."""
        self._wait(f"done with {consumed}", lambda: self._all_consumed(consumed))

    def _all_consumed(self, consumed: Mapping[str, int]) -> bool:
        before = self._progress()
        time.sleep(0.2)
        metrics = self.metrics()

        def done(topic: str, count: float) -> bool:
            return total(metrics, "streamer_records_consumed_total", topic=topic) == count

        internal = [self.internal_topic(suffix) for suffix in INTERNAL_INPUTS]
        return (
            all(done(self.topic(name), count) for name, count in consumed.items())
            and all(
                done(topic, total(metrics, "streamer_records_emitted_total", topic=topic))
                for topic in internal
            )
            and self._lag() == 0
            and self._progress() == before
        )

    def _progress(self) -> list[tuple[str, Labels, float]]:
        names = (
            "streamer_records_consumed_total",
            "streamer_records_emitted_total",
            "streamer_transactions_total",
        )
        return sorted(
            (name, labels, value)
            for (name, labels), value in self.metrics().items()
            if name in names
        )
