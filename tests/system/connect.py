"""A real Kafka Connect worker with Debezium, standalone, on loopback ports."""

import http.client
import json
import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from kafka import ROOT
from process import DIE_WITH_PARENT, Child, free_ports, wait_until

LIBRARIES = Path(os.environ.get("CONNECT_LIBS", ROOT / "build" / "connect-libs"))
LOG_CONFIG = Path(__file__).parent / "kafka-connect" / "log4j2.properties"
JVM = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
NEVER_MS = 3_600_000

JSON = "org.apache.kafka.connect.json.JsonConverter"
NO_SCHEMA = {
    "key.converter": JSON,
    "key.converter.schemas.enable": "false",
    "value.converter": JSON,
    "value.converter.schemas.enable": "false",
}
# What the connectors of the tests have in common.
DEBEZIUM = {
    "skipped.operations": "none",
    "poll.interval.ms": "20",
    # Of topics other than the input, which the tests make themselves.
    "topic.creation.default.partitions": "1",
    "topic.creation.default.replication.factor": "1",
}


def unwrap(**options: str) -> dict[str, str]:
    """Debezium's SMT that leaves the row only; the options' dots are written as `_`."""
    return {
        "transforms": "unwrap",
        "transforms.unwrap.type": "io.debezium.transforms.ExtractNewRecordState",
        **{f"transforms.unwrap.{name.replace('_', '.')}": value for name, value in options.items()},
    }


def write_properties(path: Path, properties: Mapping[str, str]) -> None:
    path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))


class Connect(Child):
    """Its offsets are on disk only when `flush` was called, or it was stopped in good order.

    A kill therefore makes every connector send again what came since then.
    """

    def __init__(
        self,
        directory: Path,
        bootstrap: str,
        connectors: Mapping[str, Mapping[str, str]],
        plugins: Sequence[Path] = (),
    ) -> None:
        """`connectors`: the properties of each by its name. `plugins`: more folders of plugins."""
        assert LIBRARIES.is_dir(), (
            f"no {LIBRARIES}: `./dev system` fetches Kafka Connect and Debezium"
        )
        directory.mkdir(parents=True)
        (self._port,) = free_ports(1)
        super().__init__(directory / "connect.log")
        self._offsets = directory / "offsets"
        self._directory = directory
        self._names = list(connectors)
        worker = {
            "bootstrap.servers": bootstrap,
            "key.converter": JSON,
            "value.converter": JSON,
            "offset.storage.file.filename": str(self._offsets),
            "offset.flush.interval.ms": str(NEVER_MS),
            "plugin.path": ",".join(str(path) for path in (LIBRARIES / "plugins", *plugins)),
            "plugin.discovery": "service_load",
            "listeners": f"http://127.0.0.1:{self._port}",
        }
        write_properties(directory / "worker.properties", worker)
        for name, properties in connectors.items():
            write_properties(
                directory / f"{name}.properties", {"name": name, "tasks.max": "1", **properties}
            )

    # --- its life

    def start(self) -> None:
        assert self._process is None, "it runs already"
        command = [
            *DIE_WITH_PARENT,
            "java",
            *JVM,
            f"-Dlog4j2.configurationFile={LOG_CONFIG}",
            "-cp",
            f"{LIBRARIES / 'worker'}/*",
            "org.apache.kafka.connect.cli.ConnectStandalone",
            str(self._directory / "worker.properties"),
            *(str(self._directory / f"{name}.properties") for name in self._names),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._directory)

    # --- its connectors

    def wait_running(self) -> None:
        self.wait("running all connectors", lambda: all(self._runs(name) for name in self._names))

    def flush(self) -> None:
        """Restarts each connector's task, which writes its offsets to disk."""
        for name in self._names:
            before = self._written()
            self._ask("POST", f"/connectors/{name}/restart?includeTasks=true")
            self.wait(f"done with writing {name}'s offsets", partial(self._written_since, before))
        self.wait_running()

    def _written_since(self, before: int) -> bool:
        return self._written() != before

    def _written(self) -> int:
        return self._offsets.stat().st_mtime_ns if self._offsets.exists() else 0

    def _runs(self, name: str) -> bool:
        status = self._ask("GET", f"/connectors/{name}/status")
        if status is None:
            return False
        states = [status["connector"], *status["tasks"]]
        failed = [state for state in states if state["state"] == "FAILED"]
        assert not failed, f"{name} failed\n{failed[0].get('trace')}"
        return len(states) > 1 and all(state["state"] == "RUNNING" for state in states)

    def _ask(self, method: str, path: str) -> Any:
        """None where it does not serve yet, or does not know that."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            connection.request(method, path)
            reply = connection.getresponse()
            body = reply.read()
        except OSError:
            return None
        finally:
            connection.close()
        if reply.status == 404:
            return None
        assert reply.status < 300, f"{method} {path}: {reply.status} {body!r}"
        return json.loads(body) if body else {}

    def wait(self, what: str, check: Callable[[], Any]) -> None:
        """For what its connectors bring about."""
        wait_until(what, check, self.log, self._process, deadline_s=180)
