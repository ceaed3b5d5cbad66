"""What the tests share: one Kafka for all that do not harm it, and a clean end when the run is told
to stop."""

import signal
from collections.abc import Iterator
from types import FrameType

import pytest
from chaos import TALLY
from kafka import KafkaBroker


def pytest_configure(config: pytest.Config) -> None:
    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in TALLY.table():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """Shared: tests take names of their own and leave it running."""
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
def own_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """For tests that kill it."""
    with KafkaBroker(tmp_path_factory.mktemp("kafka")) as running:
        yield running
