"""A real PostgreSQL on a loopback port, whose log Debezium can read and whose clock the tests can
move."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from clock import Clock
from process import DIE_WITH_PARENT, Child, free_ports, wait_until

USER = "postgres"
# Debian installs each major version in a folder of its own.
PROGRAMS = Path("/usr/lib/postgresql")

CONFIG = {
    "listen_addresses": "127.0.0.1",
    "wal_level": "logical",
    "max_wal_senders": "20",
    "max_replication_slots": "20",
    "shared_buffers": "64MB",
    "fsync": "off",
    # The clock jumps by hours, and no connection must end by that.
    "wal_sender_timeout": "0",
}


def program(name: str) -> str:
    found = sorted(PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    assert found, f"no {name} below {PROGRAMS}: `./dev install test` installs PostgreSQL"
    return str(found[-1])


def as_owner() -> list[str]:
    """PostgreSQL refuses to run as root: then the user of Debian's package runs it."""
    if os.geteuid() != 0:
        return DIE_WITH_PARENT
    return [
        "setpriv",
        f"--reuid={USER}",
        f"--regid={USER}",
        "--init-groups",
        "--pdeathsig",
        "KILL",
        "--",
    ]


class Postgres(Child):
    """Makes its data directory, where the owner of the server may go, and removes it at the end."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self._directory = Path(tempfile.mkdtemp(prefix="streamer-postgres-"))
        self.clock = Clock(self._directory)
        super().__init__(self._directory / "log")

    def start(self) -> None:
        try:
            self._create()
            self._start()
        except BaseException:
            self.kill()
            raise

    def _create(self) -> None:
        data = self._directory / "data"
        data.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self._directory, USER, USER)
            shutil.chown(data, USER, USER)
        options = ["-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
        command = [*as_owner(), program("initdb"), "-D", str(data), *options]
        done = subprocess.run(
            command, capture_output=True, text=True, cwd=self._directory, check=False
        )
        assert done.returncode == 0, f"initdb failed\n{done.stdout}\n{done.stderr}"

    def _start(self) -> None:
        config = {**CONFIG, "port": str(self.port), "unix_socket_directories": str(self._directory)}
        options = [option for key, value in config.items() for option in ("-c", f"{key}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*as_owner(), program("postgres"), "-D", str(self._directory / "data"), *options],
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env={**os.environ, **self.clock.environment},
            )
        wait_until("a PostgreSQL that serves", self._serves, self.log, self._process)

    def _serves(self) -> bool:
        try:
            self.connect().close()
            return True
        except psycopg.OperationalError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._end(signal.SIGQUIT)  # at once: nobody needs the data any more
        shutil.rmtree(self._directory, ignore_errors=True)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Each statement commits by itself, unless it is inside of `with
        connection.transaction()`."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=USER,
            dbname="postgres",
            autocommit=True,
            connect_timeout=60,
        )
