"""Prometheus and its Alertmanager as child processes."""

import json
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any, Self

import yaml
from kafka import ROOT
from process import DIE_WITH_PARENT, free_ports, wait_until

DOCKER = ROOT / "docker"
JOB = "streamer"  # as docker/alerts.yml expects it


class Server:
    """One of the two: a child process with a port, a folder and a log. Ends with the block."""

    program: str

    def __init__(self, directory: Path, config: dict[str, Any], *arguments: str) -> None:
        directory.mkdir()
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        self.url = f"http://{self.address}"
        self.log = directory / "log"
        (directory / "config.yml").write_text(yaml.safe_dump(config))
        self.command = [
            *DIE_WITH_PARENT,
            self.program,
            f"--config.file={directory / 'config.yml'}",
            f"--web.listen-address={self.address}",
            *arguments,
        ]

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        self.wait("ready", self._is_ready)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def wait(self, what: str, check: Any) -> Any:
        return wait_until(what, check, self.log, self.process)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=60):
                return True
        except OSError:
            return False


class Alertmanager(Server):
    """Tells `webhook` at once of what begins and of what ends."""

    program = "prometheus-alertmanager"

    def __init__(self, directory: Path, webhook: str) -> None:
        route = {"receiver": "hook", "group_wait": "0s", "group_interval": "1s"}
        hook = {"url": webhook, "send_resolved": True}
        config = {"route": route, "receivers": [{"name": "hook", "webhook_configs": [hook]}]}
        data = f"--storage.path={directory / 'data'}"
        super().__init__(directory, config, data, "--cluster.listen-address=")


class Prometheus(Server):
    """Evaluates `rules` and scrapes `targets`, both each second."""

    program = "prometheus"

    def __init__(
        self,
        directory: Path,
        targets: list[str],
        rules: Path = DOCKER / "alerts.yml",
        alertmanager: Alertmanager | None = None,
    ) -> None:
        receivers = [] if alertmanager is None else [alertmanager.address]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [{"job_name": JOB, "static_configs": [{"targets": targets}]}],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": receivers}]}]},
        }
        super().__init__(directory, config, f"--storage.tsdb.path={directory / 'data'}")

    def ask(self, path: str, **parameters: str) -> Any:
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}?{query}", timeout=60) as reply:
            return json.load(reply)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return result

    def label_values(self, label: str, series: str) -> list[str]:
        """As Grafana asks for `label_values(series, label)`."""
        values: list[str] = self.ask(f"label/{label}/values", **{"match[]": series})
        return values
