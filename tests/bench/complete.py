"""What `feed --complete` takes in memory and time, by the number of ids. Half of the ids of the
first drop are missing in the second one, and are deleted.

Starts a Kafka and a processor. Prints one line for each drop.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests" / "system"), str(ROOT / "tests" / "model")]

from kafka import KafkaBroker
from scenario import Scenario

from streamer import BINARY

HEADER = "account_id,customer_id,balance,account_type\n"
MIB = 1 << 20


def write(path: Path, ids: Iterable[int]) -> None:
    with path.open("w", encoding="utf-8") as f:
        f.write(HEADER)
        f.writelines(f"A{i},{i % 1000},{i % 9999}.50,savings\n" for i in ids)


def feed(s: Scenario, path: Path) -> None:
    """Waits until the processor has read the rows, which is most of the time."""
    options = ["--complete", "--yes", "--max-deletes=100%", "--timeout=6h"]
    began = time.monotonic()
    command = [BINARY, "feed", "-c", s.streamer.properties, *options, "accounts", path]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, status
    print(
        f"{path.name}: {usage.ru_maxrss * 1024 / MIB:.0f} MiB, "
        f"{usage.ru_utime + usage.ru_stime:.1f} s of CPU, {time.monotonic() - began:.0f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", type=int, default=[100_000, 1_000_000])
    for count in parser.parse_args().ids:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            with (
                KafkaBroker(directory / "kafka") as broker,
                Scenario(broker, directory, (2, 3)) as s,
            ):
                s.streamer.start()
                s.streamer.wait_ready()
                for drop, ids in (("all", range(count)), ("half", range(0, count, 2))):
                    path = directory / f"{count}-{drop}"
                    write(path, ids)
                    feed(s, path)


if __name__ == "__main__":
    main()
