"""docker/: the image and the compose file. No Docker is needed."""

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
    """./dev trixie builds and tests on it: a program of one does not find the other's libraries."""
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
    # Nothing listens any more.
    assert run(*json.loads(command.replace("/9464", f"/{port}"))).returncode != 0


# --- docker/README.md


def test_docker__troubleshooting_quotes_messages_of_the_program() -> None:
    """Each quoted message, between its `…`, is a text of the source."""
    sources = (
        path.read_text()
        for room in ("streamer", "schemas", "state")
        for path in (ROOT / room).rglob("*.c")
    )
    said = re.sub(r'"\s*"', "", "\n".join(sources))  # neighbours are one literal
    section = (DOCKER / "README.md").read_text().split("\n## Troubleshooting by message\n")[1]
    table = section.split("\n\n")[1].splitlines()[2:]
    quoted = [part for row in table for part in re.findall(r"`(.*?)`", row.split("|")[1])]
    assert len(quoted) >= len(table)
    parts = [part for text in quoted for part in text.split("…") if part.strip(" (:;")]
    assert [part for part in parts if part.strip() not in said] == []
