"""docker/: the image, the compose file, Prometheus with its alerts, Grafana's dashboard. No Docker is needed."""

import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import ROOT
from streamer import BINARY, environment

DOCKER = ROOT / "docker"
DASHBOARD = DOCKER / "grafana" / "dashboards" / "streamer.json"


def run(
    *command: str | Path, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=env
    )


def succeeds(*command: str | Path) -> None:
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


# --- Prometheus


def test_docker__prometheus_config_is_valid() -> None:
    succeeds("promtool", "check", "config", DOCKER / "prometheus.yml")


def test_docker__alerts_are_valid() -> None:
    succeeds("promtool", "check", "rules", DOCKER / "alerts.yml")


def test_docker__alerts_fire_when_they_must_and_only_then() -> None:
    succeeds("promtool", "test", "rules", Path(__file__).parent / "alerts.test.yml")


def alerts() -> list[dict[str, Any]]:
    return [rule for group in load(DOCKER / "alerts.yml")["groups"] for rule in group["rules"]]


def test_docker__every_alert_says_what_and_what_to_do() -> None:
    for alert in alerts():
        assert alert["labels"]["severity"] in ("critical", "warning"), alert["alert"]
        assert alert["annotations"].keys() == {"summary", "description"}, alert["alert"]


def test_docker__every_alert_is_tested() -> None:
    tested = (Path(__file__).parent / "alerts.test.yml").read_text()
    assert [alert["alert"] for alert in alerts() if alert["alert"] not in tested] == []


def queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


def test_docker__every_query_is_promql(tmp_path: Path) -> None:
    rules = [
        {"record": f"query:{i}", "expr": query.replace("$__rate_interval", "1m")}
        for i, query in enumerate(queries())
    ]
    assert rules
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    succeeds("promtool", "check", "rules", file)


def test_docker__alerts_and_dashboard_ask_for_metrics_that_exist() -> None:
    source = (ROOT / "streamer" / "metrics" / "metric_table.c").read_text()
    exported = set(re.findall(r'"((?:streamer|process)_[a-z_]+)"', source))
    for histogram in ("streamer_processing_latency_seconds", "streamer_transaction_commit_seconds"):
        exported |= {f"{histogram}_bucket", f"{histogram}_sum", f"{histogram}_count"}
    asked = set(
        re.findall(
            r"(?:streamer|process)_[a-z_]+", " ".join([*queries(), *(a["expr"] for a in alerts())])
        )
    )
    assert asked
    assert asked - exported == set()


def test_docker__prometheus_scrapes_the_job_that_alerts_expect() -> None:
    (scrape,) = load(DOCKER / "prometheus.yml")["scrape_configs"]
    assert scrape["job_name"] == "streamer"
    assert scrape["static_configs"] == [{"targets": ["streamer:9464"]}]
    assert (
        load(DOCKER / "compose.yml")["services"]["streamer"]["environment"]["STREAMER_HTTP_HOSTS"]
        == "streamer"
    )


# --- Grafana


def test_docker__panels_use_the_provisioned_datasource() -> None:
    (datasource,) = load(DOCKER / "grafana/provisioning/datasources/prometheus.yml")["datasources"]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} == {datasource["uid"]}
    assert len({panel["id"] for panel in panels}) == len(panels)


# --- the compose file


def test_docker__compose_file_follows_the_compose_specification() -> None:
    succeeds(
        *[
            sys.executable,
            "-m",
            "check_jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            DOCKER / "compose.yml",
        ]
    )


def test_docker__what_compose_mounts_and_builds_is_there() -> None:
    compose = load(DOCKER / "compose.yml")
    build = compose["services"]["streamer"]["build"]
    assert (DOCKER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            where = DOCKER / source if source.startswith(".") else source
            assert where in compose["volumes"] or Path(where).exists(), f"{name}: {volume}"


def test_docker__compose_publishes_on_loopback_only() -> None:
    for name, service in load(DOCKER / "compose.yml")["services"].items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"


# --- the image


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continued lines joined."""
    text = re.sub(r"^#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(line.split(None, 1)[0], line.split(None, 1)[1]) for line in lines if line]


def test_docker__image_does_not_run_as_root() -> None:
    users = [argument for name, argument in instructions() if name == "USER"]
    assert users and users[-1] not in ("0", "root")


def test_docker__image_starts_the_processor() -> None:
    assert instructions()[-2:] == [("ENTRYPOINT", '["streamer"]'), ("CMD", '["run"]')]


def test_docker__both_stages_are_the_debian_that_is_tried() -> None:
    """./dev trixie builds and tests on it: a program of the one does not find the libraries of the other."""
    stages = [argument.split()[0] for name, argument in instructions() if name == "FROM"]
    assert stages == ["debian:13-slim"] * 2
    assert "debootstrap --variant=minbase trixie" in (ROOT / "dev").read_text()


def test_docker__what_the_image_copies_is_there() -> None:
    kept = (DOCKER / "Dockerfile.dockerignore").read_text()
    copied = [argument.split()[:-1] for name, argument in instructions() if name == "COPY"]
    assert copied.pop(0) == ["."]
    assert copied.pop(0) == ["--from=build", f"/src/{BINARY.relative_to(ROOT)}"]
    for source in [source for sources in copied for source in sources]:
        assert (ROOT / source).is_file() and f"!{Path(source).parent}\n" in kept


def test_docker__what_the_image_is_built_from_is_there() -> None:
    kept = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    sources = {line.removeprefix("!") for line in kept if line.startswith("!")}
    mounted = set(
        re.findall(r"source=([^,]+)", " ".join(argument for _, argument in instructions()))
    )
    assert mounted <= sources
    assert [source for source in sorted(sources) if not (ROOT / source).exists()] == []


def test_docker__what_the_image_is_built_from_is_enough(tmp_path: Path) -> None:
    """CMake makes a build of those files alone; nothing is compiled."""
    kept = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    for source in (line.removeprefix("!") for line in kept if line.startswith("!")):
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, target)
    (tmp_path / "build").mkdir()
    if (ROOT / "build" / "deps").exists():
        (tmp_path / "build" / "deps").symlink_to(ROOT / "build" / "deps")
    (command,) = [
        argument for name, argument in instructions() if name == "RUN" and "cmake" in argument
    ]
    configure = command.split("&&")[0]
    succeeds("sh", "-c", f"cd {tmp_path} && {configure}")
    assert (
        "streamer/main.c" in (tmp_path / "build" / "release" / "compile_commands.json").read_text()
    )


def test_docker__image_and_compose_set_keys_that_exist(tmp_path: Path) -> None:
    set_by_image = " ".join(argument for name, argument in instructions() if name == "ENV")
    settings = dict(re.findall(r"(STREAMER_\w+)=(\S+)", set_by_image))
    settings |= load(DOCKER / "compose.yml")["services"]["streamer"]["environment"]
    assert settings.keys() == {
        "STREAMER_STATE_DIR",
        "STREAMER_HTTP_LISTEN",
        "STREAMER_HTTP_HOSTS",
        "STREAMER_HTTP_INSECURE",
        "STREAMER_KAFKA_BOOTSTRAP_SERVERS",
    }
    done = run(BINARY, "check", f"--set=state.dir={tmp_path}", env=environment() | settings)
    assert done.returncode == 0, done.stderr


@contextmanager
def health_server(status: int) -> Iterator[int]:
    """Answers /healthz with the status, anything else with 404; gives its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_docker__health_check_asks_healthz(status: int, healthy: bool) -> None:
    ((_, argument),) = [i for i in instructions() if i[0] == "HEALTHCHECK"]
    command = argument[argument.index("CMD ") + len("CMD ") :]
    with health_server(status) as port:
        assert (run(*json.loads(command.replace("/9464", f"/{port}"))).returncode == 0) == healthy
    assert (
        run(*json.loads(command.replace("/9464", f"/{port}"))).returncode != 0
    )  # nothing listens any more
