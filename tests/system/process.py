"""Child processes of the tests: ports, logs, and waiting for them with a deadline that only guards
against hangs."""

import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

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


class Child:
    """A child process of a test. A `with` block ends it, and prints the end of its log if the block
    fails."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            print(tail(self.log))
        self.kill()

    def start(self) -> None:
        raise NotImplementedError

    def kill(self) -> None:
        """As a power cut would (the page cache survives)."""
        if self._process is not None:
            self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Connections stay open and nothing is answered, as in a network cut or a long pause of the
        machine; thaw() ends it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> int:
        """Sends the signal and waits; the exit code."""
        process = self._process
        assert process is not None, "it does not run"
        self._process = None
        process.send_signal(how)
        try:
            return process.wait(120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"still running after {how.name}\n{tail(self.log)}") from None
