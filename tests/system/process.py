"""Child processes of the tests: ports, logs, and waiting for them with a deadline that only guards
against hangs."""

import random
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

# A child dies with the test run, however that ends.
DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]


def free_ports(count: int) -> list[int]:
    """Free loopback ports below the ephemeral range, so that they can be bound again after a
    kill."""
    ports: list[int] = []
    for port in random.SystemRandom().sample(range(15000, 30000), 1000):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        ports.append(port)
        if len(ports) == count:
            return ports
    raise RuntimeError("no free loopback ports between 15000 and 30000")


def tail(log: Path, lines: int = 40) -> str:
    """The last lines of a log, headed by its path."""
    text = log.read_text(errors="replace").splitlines() if log.exists() else ["(no such file)"]
    return "\n".join([f"--- {log}", *text[-lines:]])


def wait_until(
    what: str,
    check: Callable[[], T | None],
    log: Path,
    process: "subprocess.Popen[bytes] | None" = None,
    deadline_s: float = 120,
    every_s: float = 0.05,
) -> T:
    """Polls check() until it gives something true, and returns that; fails with the log's tail when
    it never does."""
    end = time.monotonic() + deadline_s
    while True:
        result = check()
        if result:
            return result
        if process is not None and process.poll() is not None:
            raise AssertionError(f"exited with {process.returncode} before {what}\n{tail(log)}")
        if time.monotonic() > end:
            raise AssertionError(f"still not {what} after {deadline_s:.0f} s\n{tail(log)}")
        time.sleep(every_s)
