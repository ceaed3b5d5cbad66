"""The Debian package: what is in it, and what systemd is told by the program that its unit
starts."""

import configparser
import os
import re
import socket
import subprocess
from pathlib import Path

import pytest
from confluent_kafka import Producer
from kafka import ROOT
from results import RESULTS
from streamer import BINARY, WITH_FAULTS, EmbeddedStreamer, environment, run_once

# --- the package


def run(*command: str | Path) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, env=environment()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    run("cpack", "-G", "DEB", "--config", BINARY.parent / "CPackConfig.cmake", "-B", folder)
    (deb,) = folder.glob("*.deb")
    return deb


@pytest.fixture(scope="module")
def installed(package: Path) -> Path:
    """A folder with what would come under /."""
    root = package.parent / "root"
    run("dpkg-deb", "-x", package, root)
    return root


def test_package__program_runs(installed: Path) -> None:
    program = installed / "usr/bin/streamer"
    assert run(program, "version") == run_once("version").stdout
    assert ".debug_info" not in run("readelf", "-S", program)


def test_package__sample_configuration_is_valid(installed: Path, tmp_path: Path) -> None:
    """As it is, and with every line that is commented out."""
    sample = installed / "etc/streamer/streamer.properties"
    every = tmp_path / "every.properties"
    every.write_text(re.sub(r"^#(?=\S+=)", "", sample.read_text(), flags=re.MULTILINE))
    assert every.read_text() != sample.read_text()
    for file in (sample, every):
        # The service's own folder is there only on a system where it is installed.
        run(
            installed / "usr/bin/streamer",
            "check",
            "-c",
            file,
            "--set",
            f"state.dir={tmp_path / 'state'}",
        )


def test_package__depends_on_the_libraries(package: Path) -> None:
    needed = run("dpkg-deb", "-f", package, "Depends")
    for library in (
        "libc6",
        "librocksdb",
        "libmicrohttpd",
        "libcjson",
        "libjemalloc",
        "libunistring",
    ):
        assert re.search(rf"\b{library}[0-9a-z.-]* \(>= ", needed), needed
    assert "sysusers" in needed


def test_package__schemas_are_those_of_the_results(installed: Path) -> None:
    schemas = {
        file.stem: file.read_text() for file in (installed / "usr/share/streamer/schemas").iterdir()
    }
    assert schemas == {name: (ROOT / "schemas" / f"{name}.avsc").read_text() for name in RESULTS}


def test_package__manual_and_completion_are_the_programs_own(installed: Path) -> None:
    """Where man, bash and Debian's zsh look for them."""
    for arguments, place in (
        (("help", "--man"), "man/man1/streamer.1"),
        (("completion", "bash"), "bash-completion/completions/streamer"),
        (("completion", "zsh"), "zsh/vendor-completions/_streamer"),
    ):
        told = run_once(*arguments).stdout
        assert told and (installed / "usr/share" / place).read_text() == told


def test_package__without_a_package_the_manual_names_what_is_installed(tmp_path: Path) -> None:
    run("cmake", "--install", BINARY.parent, "--prefix", tmp_path)
    manual = (tmp_path / "share/man/man1/streamer.1").read_text()
    for told in re.findall(r"^\.I (/.*)$", manual, flags=re.MULTILINE):
        assert Path(told).exists() == Path(told).is_relative_to(tmp_path), told
    assert manual.count(str(tmp_path)) == 3
    assert (tmp_path / "share/bash-completion/completions/streamer").is_file()
    assert (tmp_path / "share/zsh/site-functions/_streamer").is_file()


def test_package__unit_starts_what_is_installed(installed: Path) -> None:
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((installed / "usr/lib/systemd/system/streamer.service").read_text())
    service = unit["Service"]
    program, command, option, file = service["ExecStart"].split()
    assert (command, option) == ("run", "-c")
    assert (installed / program[1:]).is_file() and (installed / file[1:]).is_file()
    assert (
        service["Type"] == "notify"
        and service["WatchdogSec"]
        and service["TimeoutStartSec"] == "infinity"
    )
    state = re.search(r"^state\.dir=(.*)$", (installed / file[1:]).read_text(), flags=re.MULTILINE)
    assert state and Path(state[1]).parent == Path("/var/lib") / service["StateDirectory"]
    assert re.match(
        rf"u {service['User']} ", (installed / "usr/lib/sysusers.d/streamer.conf").read_text()
    )


def test_package__scripts_and_conffiles(package: Path, installed: Path) -> None:
    control = package.parent / "control"
    run("dpkg-deb", "-e", package, control)
    for name in ("postinst", "prerm", "postrm"):
        run("sh", "-n", control / name)
        assert os.access(control / name, os.X_OK)
    conffiles = {Path(line) for line in (control / "conffiles").read_text().splitlines()}
    under_etc = {
        Path("/") / file.relative_to(installed)
        for file in (installed / "etc").rglob("*")
        if file.is_file()
    }
    assert conffiles == under_etc


# --- systemd, played by a socket


class Systemd:
    """What the service tells, in the order in which it comes."""

    def __init__(self, directory: Path, watchdog_s: float) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(directory / "notify"))
        self.environment = {
            "NOTIFY_SOCKET": str(directory / "notify"),
            "WATCHDOG_USEC": str(int(watchdog_s * 1_000_000)),
        }

    def next(self, within_s: float = 120) -> str | None:
        """None if nothing comes."""
        self._socket.settimeout(within_s)
        try:
            return self._socket.recv(1024).decode()
        except TimeoutError:
            return None

    def wait(self, state: str) -> None:
        """Skips signs of life."""
        while (told := self.next()) == "WATCHDOG=1":
            pass
        assert told == state


def test_systemd__is_told_of_start_life_and_end(tmp_path: Path) -> None:
    systemd = Systemd(tmp_path, watchdog_s=1)
    streamer = EmbeddedStreamer(tmp_path / "embedded", {"workers": "2"})
    streamer.start(systemd.environment)
    try:
        assert systemd.next() == "READY=1"
        assert streamer.get_text("/readyz")[0] == 200
        assert [systemd.next() for _ in range(3)] == ["WATCHDOG=1"] * 3
        # There are no new secrets. systemd is told all the same that the reload is done.
        assert "has none" in streamer.reload()
        systemd.wait("RELOADING=1")
        assert [systemd.next() for _ in range(3)] == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]
        streamer.stop()
        systemd.wait("STOPPING=1")
        assert systemd.next(within_s=0.1) is None
    finally:
        streamer.kill()


def test_systemd__is_told_nothing_while_a_worker_hangs(tmp_path: Path) -> None:
    systemd = Systemd(tmp_path, watchdog_s=1)
    streamer = EmbeddedStreamer(tmp_path / "embedded", {"workers": "2", "output.headers": "none"})
    streamer.binary = WITH_FAULTS
    # The first result takes ten minutes.
    streamer.start(systemd.environment | {"PRODUCE_MS": "600000"})
    try:
        systemd.wait("READY=1")
        assert systemd.next() == "WATCHDOG=1"
        producer = Producer({"bootstrap.servers": streamer.bootstrap()})
        producer.produce("customers", key="1", value='{"customer_id": 1, "name": "Zoe"}')
        producer.flush()
        told = 0
        while systemd.next(within_s=3) is not None:  # three times the watchdog
            told += 1
            assert told < 200, "it still says that it is alive"
        assert streamer.runs()
    finally:
        streamer.kill()
