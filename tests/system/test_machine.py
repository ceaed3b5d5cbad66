"""The machine under the program fails: files get damaged, the disk is full, it is slow, the clock
jumps, limits are low."""

import errno
import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clock import Clock
from kafka import KafkaBroker
from process import wait_until
from results import RESULTS
from scenario import FIRST_SEED, SEEDS, Scenario, load
from streamer import WITH_FAULTS, Streamer, total

PARTITIONS = (2, 3)
SET_ASIDE = "set aside and rebuilt from the topics"

# --- damage to a state directory that nobody uses


def largest(state: Path, pattern: str) -> Path:
    return max(state.glob(pattern), key=lambda path: path.stat().st_size)


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def flip_bits(state: Path, _: random.Random) -> None:
    """In the data, which comes first, of every table, behind what is read at start: only a later
    read finds out."""
    for table in state.glob("*.sst"):
        content = bytearray(table.read_bytes())
        for at in range(8192, max(8193, len(content) // 2), 2000):
            if at < len(content):
                content[at] ^= 0x10
        table.write_bytes(content)


def cut_table(state: Path, rng: random.Random) -> None:
    table = largest(state, "*.sst")
    cut(table, rng.randrange(table.stat().st_size))


def lose_table(state: Path, _: random.Random) -> None:
    largest(state, "*.sst").unlink()


def spoil_current(state: Path, rng: random.Random) -> None:
    content = rng.choice([None, "", "garbage\n", "MANIFEST-999999\n"])
    if content is None:
        (state / "CURRENT").unlink()
    else:
        (state / "CURRENT").write_text(content)


def cut_manifest(state: Path, rng: random.Random) -> None:
    manifest = largest(state, "MANIFEST-*")
    cut(manifest, rng.randrange(manifest.stat().st_size))


def cut_log(state: Path, rng: random.Random) -> None:
    log = largest(state, "*.log")
    cut(log, rng.randrange(log.stat().st_size))


def put_back_older(state: Path, _: random.Random) -> None:
    shutil.rmtree(state)
    shutil.copytree(state.with_name("older"), state)


def take_from_other(state: Path, _: random.Random) -> None:
    """Here `older` is the state of another app.id."""
    put_back_older(state, random.Random())


# Of each kind, whether the log must say that the state is of no use. A log or MANIFEST cut short
# may be found, or be but an older state.
DAMAGES: list[tuple[Callable[[Path, random.Random], None], bool]] = [
    (flip_bits, True),
    (cut_table, True),
    (lose_table, True),
    (spoil_current, True),
    (cut_manifest, False),
    (cut_log, False),
    (put_back_older, False),
    (take_from_other, True),
]
CASES = [
    pytest.param(damage, told, seed, end, id=f"{damage.__name__}-{end.__name__}-{seed}")
    for seed in range(FIRST_SEED, FIRST_SEED + max(1, SEEDS // 3))
    for number, (damage, told) in enumerate(DAMAGES)
    for end in [(Streamer.stop, Streamer.kill)[(number + seed) % 2]]
]


def run_drained(s: Scenario, end: Callable[[Streamer], None]) -> None:
    s.streamer.start()
    s.wait_drained()
    end(s.streamer)


def state_of_other(broker: KafkaBroker, directory: Path, seed: int) -> Path:
    with Scenario(broker, directory, PARTITIONS) as other:
        other.fed.feed(load(200, PARTITIONS, "keyed", [seed]))
        run_drained(other, Streamer.stop)
        return Path(other.streamer.settings["state.dir"])


@pytest.mark.parametrize(("damage", "told", "seed", "end"), CASES)
def test_machine__damaged_state(
    broker: KafkaBroker,
    tmp_path: Path,
    damage: Callable[[Path, random.Random], None],
    told: bool,
    seed: int,
    end: Callable[[Streamer], None],
) -> None:
    """The state lies in tables and in the log, because the program ran twice. After the damage it
    goes on, or says that it is to be started again."""
    with Scenario(broker, tmp_path, PARTITIONS, {"batch.max.records": "50"}) as s:
        state = Path(s.streamer.settings["state.dir"])
        records = load(900, PARTITIONS, "scattered", [seed])
        s.fed.feed(records[:500])
        run_drained(s, Streamer.stop)
        if damage is take_from_other:
            shutil.copytree(
                state_of_other(broker, tmp_path / "other", seed), state.with_name("older")
            )
        else:
            shutil.copytree(state, state.with_name("older"))
        s.fed.feed(records[500:700])
        run_drained(s, end)
        damage(state, random.Random(seed))
        s.fed.feed(records[700:])
        s.streamer.start()
        if damage is flip_bits:
            assert s.streamer.wait_exit() == 1
            assert (
                "is damaged" in s.streamer.stderr.read_text()
                and "start again" in s.streamer.stderr.read_text()
            )
            s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()
        assert SET_ASIDE in s.streamer.stderr.read_text() or not told


# --- the disk


class Disk:
    """A small one of its own, in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._balloon = path / "balloon"
        path.mkdir()
        self._run("mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs")

    def _run(self, *command: str) -> None:
        as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        subprocess.run([*as_root, *command, str(self.path)], check=True)

    def fill(self, leave: int = 0) -> None:
        """Until `leave` bytes are free."""
        with self._balloon.open("ab", buffering=0) as file:
            try:
                while shutil.disk_usage(self.path).free > leave:
                    file.write(bytes(4096))
            except OSError as e:
                assert e.errno == errno.ENOSPC

    def free(self) -> None:
        self._balloon.unlink()

    def remount(self, option: str) -> None:
        self._run("mount", "-o", f"remount,{option}")

    def unmount(self) -> None:
        self._run("umount", "--lazy")


# Less than RocksDB reserves for one log file where it can: it would go on writing there.
NARROW = 1 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    found = Disk(tmp_path / "disk")
    try:
        yield found
    finally:
        found.unmount()


def fails_to_start(streamer: Streamer, code: int, *says: str) -> None:
    """With one line that has all of this."""
    before = len(streamer.stderr.read_text()) if streamer.stderr.exists() else 0
    streamer.start()
    assert streamer.wait_exit() == code
    last = streamer.stderr.read_text()[before:].splitlines()[-1]
    assert all(text in last for text in says), last


def wait_not_ready(streamer: Streamer, why: str) -> None:
    def told() -> bool:
        status, text = streamer.get_text("/readyz")
        return status == 503 and why in text

    wait_until(f"not ready: {why}", told, streamer.stderr)


def test_machine__disk_full(broker: KafkaBroker, tmp_path: Path, disk: Disk) -> None:
    """While it runs, and it goes on by itself once there is space; when it is killed then; at
    start."""
    state = disk.path / "state"
    with Scenario(
        broker, tmp_path, PARTITIONS, {"batch.max.records": "50", "state.dir": str(state)}
    ) as s:
        records = load(1500, PARTITIONS, "scattered")
        disk.fill(NARROW)
        s.fed.feed(records[:300])
        s.streamer.start()
        s.wait_drained()
        disk.fill()
        s.fed.feed(records[300:900])
        wait_not_ready(s.streamer, "No space left on device")
        assert s.streamer.get_text("/healthz")[0] == 200
        disk.free()
        s.wait_drained()
        s.check()
        s.streamer.stop()
        disk.fill(NARROW)
        s.streamer.start()
        s.streamer.wait_ready()
        disk.fill()
        s.fed.feed(records[900:1300])
        wait_not_ready(s.streamer, "No space left on device")
        s.streamer.kill()
        disk.fill()
        fails_to_start(
            s.streamer, 1, f"state.dir={state}", "no space left on the device", "start again"
        )
        disk.free()
        s.fed.feed(records[1300:])
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()
        log = s.streamer.stderr.read_text()
        assert "trying again" in log and SET_ASIDE not in log


def test_machine__unusable_directory(broker: KafkaBroker, tmp_path: Path, disk: Disk) -> None:
    """Each time the message has the key, the path and what to do, and nothing is lost."""
    state = disk.path / "state"
    with Scenario(broker, tmp_path, PARTITIONS, {"state.dir": str(state)}) as s:
        records = load(400, PARTITIONS, "keyed")
        s.fed.feed(records[:200])
        s.streamer.start()
        s.wait_drained()
        second = s.another(tmp_path / "second", {"instance.id": "two", "http.listen": ""})
        fails_to_start(
            second, 2, f"state.dir={state}", "in use by another process", "a directory of its own"
        )
        s.streamer.stop()
        disk.remount("ro")
        fails_to_start(
            s.streamer, 2, f"state.dir={state}", "Read-only file system", "give a directory"
        )
        disk.remount("rw")
        (disk.path / "file").touch()
        below = str(disk.path / "file" / "state")
        third = s.another(tmp_path / "third", {"state.dir": below, "http.listen": ""})
        fails_to_start(third, 2, f"state.dir={below}", "Not a directory", "give a directory")
        s.fed.feed(records[200:])
        run_drained(s, Streamer.stop)
        s.check()
        assert SET_ASIDE not in s.streamer.stderr.read_text()


# --- slow

ALL_AT_ONCE = {
    "batch.max.records": "100000",
    "batch.max.ms": "60s",
    "transaction.max.messages": "1000000",
}


def start_slow(streamer: Streamer, produce_ms: int) -> None:
    """Each message takes at least so long."""
    streamer.binary = WITH_FAULTS
    streamer.start({"PRODUCE_MS": str(produce_ms)})


def test_machine__transactions_are_bounded_by_time(broker: KafkaBroker, tmp_path: Path) -> None:
    """However much a batch holds and however slow it is, no transaction outlives what the broker
    gives it."""
    settings = {**ALL_AT_ONCE, "output.headers": "none", "transaction.timeout": "1s"}
    with Scenario(broker, tmp_path, (1, 1), settings) as s:
        s.has_sources = False
        s.fed.feed(load(400, (1, 1), "keyed", large=False))
        start_slow(s.streamer, produce_ms=25)
        s.wait_drained()
        s.streamer.wait_lag_zero()
        metrics = s.streamer.metrics()
        slept_ms = 25 * sum(
            total(metrics, "streamer_records_emitted_total", topic=s.names[name])
            for name in RESULTS
        )
        assert slept_ms > 10_000
        assert total(metrics, "streamer_transactions_total", result="committed") >= slept_ms / 1000
        assert total(metrics, "streamer_transactions_total", result="fenced") == 0
        s.check()
        s.streamer.stop()


def test_machine__stops_within_a_batch(broker: KafkaBroker, tmp_path: Path) -> None:
    """SIGTERM does not wait for the rest of a batch, and nothing of it is lost or doubled."""
    settings = {**ALL_AT_ONCE, "output.headers": "none", "transaction.timeout": "15m"}
    with Scenario(broker, tmp_path, (1, 1), settings) as s:
        s.has_sources = False
        s.fed.feed(load(600, (1, 1), "keyed", large=False))
        start_slow(s.streamer, produce_ms=50)
        wait_until("in a transaction", lambda: s.written() > 0, s.streamer.stderr)
        s.streamer.stop()
        assert 0 < s.streamer.consumed_offsets(broker) < 600
        s.streamer.start()
        s.wait_drained()
        s.check()
        s.streamer.stop()


# --- the clock


def test_machine__clock_jumps(
    broker: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Back, ahead (by less than the hour from which Kafka refuses timestamps) and back, while it
    runs and while not."""
    clock = Clock(tmp_path)
    for name, value in clock.environment.items():
        monkeypatch.setenv(name, value)
    settings = {"batch.max.records": "20", "kafka.session.timeout.ms": "6000"}
    with Scenario(broker, tmp_path, PARTITIONS, settings) as s:
        records = load(1600, PARTITIONS, "scattered")
        s.streamer.start()
        for number, shift in enumerate([-3600, 1800, -7200]):
            part = records[number * 400 : (number + 1) * 400]
            s.fed.feed(part[:300])
            s.streamer.wait_consumed(s.broker, number * 400 + 100)
            clock.shift(shift)
            s.fed.feed(part[300:])
            s.wait_drained()
            s.streamer.wait_lag_zero()
            check_times(s.streamer, shift)
        s.streamer.kill()
        clock.shift(-10800)
        s.fed.feed(records[1200:])
        s.streamer.start()
        s.wait_drained()
        s.streamer.wait_ready()
        clock.shift(-14400)
        time.sleep(8)  # longer than a session: it must go on with its heartbeats
        assert s.streamer.get_text("/readyz")[0] == 200
        s.check()
        s.streamer.stop()
        assert "lost=yes" not in s.streamer.stderr.read_text()


def check_times(streamer: Streamer, shift: int) -> None:
    """The time of day is the shifted one, and durations know nothing of it."""
    metrics = streamer.metrics()
    committed = total(metrics, "streamer_last_commit_timestamp_seconds")
    assert abs(time.time() + shift - committed) < 600, committed
    negative = {key: value for key, value in metrics.items() if value < 0}
    assert not negative, negative
    assert total(metrics, "streamer_transaction_commit_seconds_sum") < 600


# --- memory and file handles


def test_machine__low_limits(broker: KafkaBroker, tmp_path: Path) -> None:
    """Each is told before anything starts, and nothing is lost."""
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        records = load(400, PARTITIONS, "keyed")
        s.fed.feed(records[:200])
        run_drained(s, Streamer.stop)
        low = [
            ("--nofile=16", "ulimit -n"),
            ("--nofile=500", "ulimit -n"),
            ("--as=400000000", "ulimit -v"),
        ]
        for option, name in low:
            s.streamer.wrapper = ["prlimit", option, "--"]
            fails_to_start(s.streamer, 2, "raise that limit", name)
        s.fed.feed(records[200:])
        s.streamer.wrapper = [
            "prlimit",
            "--nofile=40:4096",
            "--",
        ]  # one that the program may raise itself
        run_drained(s, Streamer.stop)
        s.check()
        assert SET_ASIDE not in s.streamer.stderr.read_text()
