"""A real MariaDB on a loopback port, with the log that Debezium reads."""

import getpass
import subprocess
from pathlib import Path

import pymysql
from pymysql.constants import CLIENT

from process import DIE_WITH_PARENT, Child, free_ports, wait_until

CONFIG = {
    "bind-address": "127.0.0.1",
    "server-id": "1",
    "log-bin": "binlog",
    "binlog-format": "ROW",
    "binlog-row-image": "FULL",
    "innodb-buffer-pool-size": "64M",
    "innodb-flush-log-at-trx-commit": "0",
    "sync-binlog": "0",
    "character-set-server": "utf8mb4",
    "default-time-zone": "+00:00",
}


class MariaDb(Child):
    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        (self.port,) = free_ports(1)
        super().__init__(directory / "mariadb.log")
        self._directory = directory

    def start(self) -> None:
        self._create()
        self._start()

    def _options(self) -> list[str]:
        # It refuses to run as root unless that is said.
        return [
            "--no-defaults",
            f"--user={getpass.getuser()}",
            f"--datadir={self._directory / 'data'}",
        ]

    def _create(self) -> None:
        command = [
            "mariadb-install-db",
            *self._options(),
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"mariadb-install-db failed\n{done.stdout}\n{done.stderr}"

    def _start(self) -> None:
        options = [f"--{key}={value}" for key, value in CONFIG.items()]
        socket = f"--socket={self._directory / 'socket'}"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *DIE_WITH_PARENT,
                    "mariadbd",
                    *self._options(),
                    f"--port={self.port}",
                    socket,
                    "--skip-name-resolve",
                ]
                + options,
                stdout=log,
                stderr=log,
            )
        wait_until("a MariaDB that serves", self._serves, self.log, self._process)

    def _serves(self) -> bool:
        try:
            self.connect().close()
            return True
        except pymysql.OperationalError:
            return False

    def connect(self) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Each statement commits by itself, unless it is inside of `begin` and `commit`."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            autocommit=True,
            charset="utf8mb4",
            connect_timeout=60,
            client_flag=CLIENT.MULTI_STATEMENTS,
        )
