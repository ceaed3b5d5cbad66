"""The nightly dbt run that streamer replaces: how long it takes. `./dev batch`.

The same pipeline as a dbt project (tests/bench/dbt) on DuckDB, over CSV files of a bank (feeds.py).
Cases:
  full          first load, into an empty database
  changed_full  the next night: the export holds all rows again, some accounts changed
  changed_only  the next night, where the export holds only the changed accounts
Each is one `dbt build` without its tests, in a process of its own, with a project that dbt has
parsed before. wall_seconds and cpu_seconds (user and system) are of that whole process;
model_seconds is the part that dbt says it spent on the models. Prints a JSON line for each
measurement, then a table of medians. nightly.py puts build/bench/batch.jsonl beside its own
figures.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from feeds import write_batch_feeds

PROJECT = Path(__file__).parent / "dbt"
OUTPUT = Path(__file__).parents[2] / "build" / "bench" / "batch.jsonl"
CASES = ("full", "changed_full", "changed_only")


@dataclass(frozen=True)
class Cost:
    """What one process of dbt took."""

    wall_seconds: float
    cpu_seconds: float
    model_seconds: float
    max_rss_mib: float


class DbtRunFailed(Exception):
    """dbt's own output says why."""


class Warehouse:
    """A DuckDB database and the folder in which the nightly export lands."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.landing = directory / "landing"
        self.database = directory / "bank.duckdb"
        self.target = directory / "target"
        self.landing.mkdir(parents=True)

    def parse(self) -> None:
        """What a deployment does once; leaves what dbt keeps of it in the target folder."""
        self._dbt("parse")

    def land(self, drop: Path) -> None:
        """Replaces the export of the night before."""
        for file in drop.iterdir():
            shutil.copyfile(file, self.landing / file.name)

    def build(self) -> Cost:
        """The nightly run. Tests are left out: they are no part of making the tables."""
        return self._dbt("build", "--exclude-resource-type", "test")

    def test(self) -> None:
        """The project's own data tests."""
        self._dbt("test")

    def copy(self, directory: Path) -> "Warehouse":
        other = Warehouse(directory)
        shutil.copyfile(self.database, other.database)
        shutil.copytree(self.target, other.target)
        # dbt parses again whatever it did not parse under these variables, so the copy has to be
        # parsed first.
        other.parse()
        return other

    def _dbt(self, *arguments: str) -> Cost:
        command = [str(Path(sys.executable).parent / "dbt"), *arguments]
        environment = os.environ | {
            "DBT_PROJECT_DIR": str(PROJECT),
            "DBT_PROFILES_DIR": str(PROJECT),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.target),
            "BANK_DUCKDB_PATH": str(self.database),
            "BANK_LANDING_DIR": str(self.landing),
        }
        with tempfile.TemporaryFile("w+") as output:
            begin = time.monotonic()
            process = subprocess.Popen(
                command, env=environment, stdout=output, stderr=subprocess.STDOUT
            )
            _pid, status, usage = os.wait4(process.pid, 0)
            wall = time.monotonic() - begin
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode != 0:
                output.seek(0)
                raise DbtRunFailed(
                    f"{' '.join(command)}: exit code {process.returncode}\n{output.read()}"
                )
        return Cost(
            wall, usage.ru_utime + usage.ru_stime, self._model_seconds(), usage.ru_maxrss / 1024
        )

    def _model_seconds(self) -> float:
        """Of the last build: the models' times added up. Two run at a time, so it can exceed the
        wall time."""
        results = self.target / "run_results.json"
        if not results.exists():
            return 0.0
        return sum(
            result["execution_time"] for result in json.loads(results.read_text())["results"]
        )


def measure(
    directory: Path, run: int, seed: int, accounts: int, customers: int, changed: int
) -> dict[str, Cost]:
    feeds = write_batch_feeds(directory / "feeds", seed, accounts, customers, changed)
    warehouse = Warehouse(directory / f"full{run}")
    warehouse.parse()
    costs = {}
    warehouse.land(feeds.full)
    costs["full"] = warehouse.build()
    for case, drop in (("changed_full", feeds.changed_full), ("changed_only", feeds.changed_only)):
        next_night = warehouse.copy(directory / f"{case}{run}")
        next_night.land(drop)
        costs[case] = next_night.build()
        shutil.rmtree(next_night.directory)
    shutil.rmtree(warehouse.directory)
    return costs


def table(costs: dict[str, list[Cost]]) -> str:
    names = ("wall_seconds", "cpu_seconds", "model_seconds", "max_rss_mib")
    head = ("dbt", "wall s", "CPU s", "in models s", "max RSS MiB", "wall from, to")
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for case, runs in costs.items():
        wall, cpu, models, rss = (
            statistics.median(getattr(cost, name) for cost in runs) for name in names
        )
        walls = [cost.wall_seconds for cost in runs]
        lines.append(
            f"| {case} | {wall:.1f} | {cpu:.1f} | {models:.1f} | {rss:.0f} | "
            f"{min(walls):.1f} to {max(walls):.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--accounts", type=int, default=50_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument(
        "--changed", type=int, default=47, help="accounts that differ on the second night"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    sizes = {
        "seed": options.seed,
        "accounts": options.accounts,
        "customers": options.customers,
        "changed": options.changed,
    }
    costs: dict[str, list[Cost]] = {case: [] for case in CASES}
    directory = Path(tempfile.mkdtemp(prefix="streamer-batch-"))
    try:
        for run in range(options.runs):
            for case, cost in measure(directory, run, **sizes).items():
                costs[case].append(cost)
                rounded = {name: round(value, 3) for name, value in asdict(cost).items()}
                print(
                    json.dumps({"engine": "dbt", "case": case, "run": run} | sizes | rounded),
                    flush=True,
                )
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    print(table(costs))
    write_results(costs)


def write_results(costs: dict[str, list[Cost]]) -> None:
    """As report.py takes them."""
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    with OUTPUT.open("w") as file:
        for case, runs in costs.items():
            for run, cost in enumerate(runs):
                measures = {"wall_s": cost.wall_seconds, "cpu_s": cost.cpu_seconds}
                result = {"run": run, "peer": "dbt", "workload": case, **measures}
                file.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
