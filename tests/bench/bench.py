"""What streamer costs on Apache Kafka, beside others that do the same. `./dev bench`.

Each run has input topics of its own. It fills them workload by workload; after each, one peer after
the other starts, works off the backlog and stops. Then each is timed from change to result under a
steady load, and restored without its state. Runs take the peers in turn first.

Formats: every workload comes as JSON and then, with the same rows, as Avro in the wire format of a
schema registry. Each format has topics and peers of its own. Results are JSON in both; what is done
after the workloads is done for the first format only. Peers:
  streamer       the product
  floor          its Kafka work without the processing (floor.c): as many messages, of the same
                 sizes
  kafka-streams  the same results by Kafka Streams (peer_kafka_streams.py)
  no-headers     streamer with output.headers=none; only if it is asked for
Writes results.jsonl (raw), results.md (medians, ratios) and results.svg into build/bench (--small:
build/bench/small).
"""

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "system"))

import report
from kafka import ROOT, KafkaBroker
from measure import Group, Watch, disk_bytes
from peers import FloorPeer, Peer, StreamerPeer, find_peers, write_plan
from process import DIE_WITH_PARENT
from registry import Registry, Schema
from results import RESULTS, check_rows, compacted, read_topic
from streamer import INPUTS

PROGRAMS = ROOT / "build" / "release" / "tests"
OUTPUT = ROOT / "build" / "bench"
FOREVER = {"retention.ms": "-1"}
# Unlike in the tests: a compiler that optimizes, no compaction of segments that are full, and the
# garbage collector of Kafka's own start script: the serial one stops the broker for 40 to 60 ms at
# a time.
BROKER_CONFIG = {"log.segment.bytes": str(2**31 - 1)}
BROKER_JVM = [
    "-Xms1g",
    "-Xmx1g",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
]
# Workload -> the program's name for it and its options.
WORKLOADS = {
    "insert": ("accounts",),
    "changes": ("changes",),
    "zipf": ("changes", "--zipf", "1.0"),
    "customer-mix": ("customer-mix",),
    "late": ("late",),
    "dirty": ("dirty",),
    "refeed": ("refeed",),
}
FORMATS = ("json", "avro")
# The defaults of --small.
SMALL = {
    "runs": 1,
    "accounts": 10_000,
    "changes": 10_000,
    "workloads": "insert,customer-mix,late,dirty,refeed",
    "peers": "streamer,floor",
    "latency_seconds": 5,
    "warmup_seconds": 1,
}
STEADY_RATE = 1000
FALLBACK_RATE = 2000  # where there was too little to tell how fast a peer is
MIB = 1 << 20


class Run:
    """One round of all workloads over all peers, with input in one format."""

    def __init__(
        self,
        number: int,
        format: str,
        broker: KafkaBroker,
        registry: Registry,
        directory: Path,
        options: argparse.Namespace,
    ) -> None:
        self.number = number
        self.format = format
        self.broker = broker
        self.options = options
        self.registry = registry
        self.prefix = f"bench{number}{format}"
        self.inputs = {name: f"{self.prefix}.{name}" for name in INPUTS}
        self.directory = directory / self.prefix
        self.bank = self.directory / "bank"
        self.plans = directory
        self.records = 0  # in the input so far
        self.peers: list[Peer] = []
        self.speed: dict[str, float] = {}
        self.failures = 0

    def begin(self, kinds: Mapping[str, type[Peer]]) -> None:
        self.directory.mkdir()
        for topic in self.inputs.values():
            self.broker.topic_create(topic, self.options.partitions, FOREVER)
        self.peers = [self._make(kind) for kind in self._in_turn(kinds)]

    def work_off(self, workload: str) -> None:
        self._load(workload)
        for peer in list(self.peers):
            self._attempt(peer, workload, partial(self._catch_up, workload))

    def do_parts(self) -> None:
        steps = {"latency": self._time_results, "restore": self._restore}
        for peer in [p for p in self.peers if p.gives_results]:
            for part in self.options.parts:
                if peer in self.peers:
                    self._attempt(peer, part, steps[part])

    def tables(self) -> dict[str, dict[str, Any]]:
        """The rows of the result topics, by peer and topic."""
        return {
            f"{peer.name}, {self.format}": {name: self._rows(peer, name) for name in RESULTS}
            for peer in self.peers
            if peer.gives_results
        }

    def end(self) -> None:
        for peer in self.peers:
            self._stop_quietly(peer)
        self._clean_up()

    def _rows(self, peer: Peer, name: str) -> dict[str, Any]:
        """Without the times of the machine's clock."""
        rows = compacted(read_topic(self.broker.bootstrap, f"{peer.app_id}.{name}"))
        for row in rows.values():
            row.pop("loaded_at", None)
        return rows

    def _in_turn(self, kinds: Mapping[str, type[Peer]]) -> list[type[Peer]]:
        """Another one first in each run. In the first run streamer, whose messages the floor
        copies."""
        order = list(kinds.values())
        start = (self.number - 1) % len(order)
        return order[start:] + order[:start]

    def _make(self, kind: type[Peer]) -> Peer:
        directory = self.directory / kind.name
        app_id = f"{self.prefix}-{kind.name}"
        return kind(
            self.broker,
            directory,
            app_id,
            self.inputs,
            self.options.partitions,
            {**self.options.settings, **self._registry_settings()},
        )

    def _registry_settings(self) -> dict[str, str]:
        return {"schema.registry.url": self.registry.url} if self.format == "avro" else {}

    def _attempt(self, peer: Peer, workload: str, step: Callable[[Peer], None]) -> None:
        """A peer that fails is out of this run; the others go on."""
        try:
            step(peer)
        except (AssertionError, OSError) as e:
            print(
                f"run {self.number}, {workload}, {self.format}: {peer.name} failed: {e}",
                file=sys.stderr,
                flush=True,
            )
            self.failures += 1
            self._stop_quietly(peer)
            self.peers.remove(peer)

    # --- its parts

    def _load(self, workload: str) -> None:
        said = run_program(
            "load",
            *(self.broker.bootstrap, WORKLOADS[workload][0], self.bank, self.options.accounts),
            *WORKLOADS[workload][1:],
            *(self._register() if self.format == "avro" else ()),
            *("--count", self.options.changes, "--seed", self.options.seed),
            *(
                "--customers-topic",
                self.inputs["customers"],
                "--accounts-topic",
                self.inputs["accounts"],
            ),
        )
        self.loaded = said
        self.records += said["customers"] + said["accounts"]
        print(f"run {self.number}, {workload}, {self.format}: {said}", flush=True)

    def _register(self) -> list[Any]:
        """The schemas of the input. Returns their ids, as options of `load`."""
        options: list[Any] = []
        for name, text in run_program("load", "schemas").items():
            number = self.registry.register(f"{self.inputs[name]}-value", Schema(text))
            options += [f"--{name}-schema-id", number]
        return options

    def _catch_up(self, workload: str, peer: Peer) -> None:
        new = self.loaded["customers"] + self.loaded["accounts"]
        bytes_before = self.broker.topic_bytes(peer.app_id)
        if isinstance(peer, FloorPeer):
            peer.plans[workload] = self._plan(workload)
        group = Group(self.broker, peer.app_id, self.inputs.values())
        watch = Watch(
            self.broker, group, peer.log, peer.summary_topic if peer.gives_results else None
        )
        watch.begin(peer.start(workload, new))
        watch.until_consumed(self.records)
        peer.wait_caught_up()
        seen = watch.finish()
        group.close()
        counts = peer.counts(workload)
        if isinstance(peer, StreamerPeer):
            write_plan(self._plan(workload), peer)
            self._check_counts(workload, counts)
        peer.stop()
        rate, cpu, broker_cpu = (
            seen.seconds_per_record(),
            seen.cpu_per_record(),
            seen.broker_cpu_per_record(),
        )
        if workload == "changes" and rate:
            self.speed[peer.name] = 1 / rate
        self._note(
            peer,
            workload,
            records=new,
            records_per_s=1 / rate if rate else None,
            cpu_s_per_million=cpu * 1e6 if cpu is not None else None,
            broker_cpu_s_per_million=broker_cpu * 1e6 if broker_cpu is not None else None,
            peak_mib=seen.peak_bytes / MIB or None,
            kafka_bytes_per_record=(self.broker.topic_bytes(peer.app_id) - bytes_before) / new,
            first_result_s=seen.first_result_s,
            **counts,
        )

    def _check_counts(self, workload: str, counts: Mapping[str, float]) -> None:
        assert counts["quarantined"] == self.loaded["dirty"], (
            f"{workload}: {counts} after {self.loaded}"
        )
        if workload == "refeed":
            same = self.loaded["accounts"] - self.loaded["changes"]
            assert counts["unchanged"] == same, f"{workload}: {counts} after {self.loaded}"
        elif workload not in ("late", "insert"):
            assert counts["unchanged"] == 0, f"{workload}: {counts} after {self.loaded}"

    def _plan(self, workload: str) -> Path:
        return self.plans / f"{workload}.{self.format}.plan"

    def _time_results(self, peer: Peer) -> None:
        """Whatever was sent to time the peers before is worked off first."""
        self._note(
            peer,
            "state",
            state_bytes_per_account=disk_bytes(peer.state_dir) / self.options.accounts,
        )
        group = Group(self.broker, peer.app_id, self.inputs.values())
        pid = peer.start("latency", 0)
        peer.wait_ready()
        self._wait_consumed(peer, pid, group)
        half = int(self.speed.get(peer.name, 2 * FALLBACK_RATE) / 2)
        for workload, rate in (
            ("latency, 1,000/s", STEADY_RATE),
            ("latency, half of the maximum", half),
        ):
            said = self._latency(peer, min(rate, self.options.rate_max))
            self._wait_consumed(peer, pid, group)
            assert said["missing"] == 0 or not self.options.small, (
                f"{peer.name}, {workload}: {said}"
            )
            self._note(peer, workload, **said)
        group.close()
        peer.stop()

    def _wait_consumed(self, peer: Peer, pid: int, group: Group) -> None:
        watch = Watch(self.broker, group, peer.log, None)
        watch.begin(pid)
        watch.until_consumed(self.records)
        peer.wait_caught_up()

    def _latency(self, peer: Peer, rate: int) -> dict[str, Any]:
        said = run_program(
            "latency",
            *(self.broker.bootstrap, self.bank, self.options.accounts),
            *(rate, self.options.latency_seconds, self.options.warmup_seconds),
            *(self.inputs["accounts"], peer.summary_topic),
        )
        self.records += said["sent"]
        return said

    def _restore(self, peer: Peer) -> None:
        peer.forget_state()
        begin = time.monotonic()
        peer.start("restore", 0)
        peer.wait_ready()
        seconds = time.monotonic() - begin
        read_back = peer.read_back()
        peer.stop()
        rows = self.options.accounts + self.options.accounts // 10
        self._note(
            peer,
            "restore",
            seconds=seconds,
            rows_per_s=rows / seconds,
            read_back_per_s=read_back / seconds if read_back is not None else None,
        )

    # --- its end

    def _note(self, peer: Peer, workload: str, **measures: float | None) -> None:
        load = os.getloadavg()[0]
        result = {
            "run": self.number,
            "peer": peer.name,
            "workload": workload,
            "format": self.format,
            **measures,
            "load_average": load,
        }
        line = json.dumps(
            {k: round(v, 4) if isinstance(v, float) else v for k, v in result.items()}
        )
        with (self.options.output / "results.jsonl").open("a") as file:
            file.write(line + "\n")
        print(line, flush=True)

    def _stop_quietly(self, peer: Peer) -> None:
        try:
            peer.stop()
        except AssertionError:
            pass  # it does not run

    def _clean_up(self) -> None:
        for topic in self.broker.topics():
            if topic.startswith((f"{self.prefix}.", f"{self.prefix}-")):
                self.broker.topic_delete(topic)
        shutil.rmtree(self.directory, ignore_errors=True)


def execute(runs: list[Run], kinds: Mapping[str, type[Peer]], options: argparse.Namespace) -> None:
    """One run, in each format. Workload by workload, so that the formats meet the same machine."""
    try:
        for run in runs:
            run.begin(kinds)
        for workload in options.workloads:
            for run in runs:
                run.work_off(workload)
        if options.small:
            check_tables(runs)
        runs[0].do_parts()
    finally:
        for run in runs:
            run.end()


def check_tables(runs: list[Run]) -> None:
    """All peers have the same rows from either format."""
    tables = {name: rows for run in runs for name, rows in run.tables().items()}
    complaints = []
    for (one, expected), (other, got) in itertools.pairwise(tables.items()):
        for name in RESULTS:
            complaints += check_rows(f"{one} and {other}: {name}", expected[name], got[name])
    assert not complaints, "\n" + "\n".join(complaints)
    for name, rows in tables.items():
        counts = {topic: len(rows[topic]) for topic in RESULTS}
        print(f"the same rows: {name}: {counts}", flush=True)


def run_program(name: str, *arguments: Any) -> dict[str, Any]:
    """One of the C programs; what it says."""
    command = [*DIE_WITH_PARENT, str(PROGRAMS / f"bench_{name}"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name} failed\n{done.stderr}"
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def write_report(output: Path) -> None:
    results = [json.loads(line) for line in (output / "results.jsonl").read_text().splitlines()]
    rows = report.summarize(results)
    both = report.compare_formats(results)
    (output / "results.md").write_text(report.table(rows) + (f"\n{both}" if both else ""))
    (output / "results.svg").write_text(report.svg(rows))
    print((output / "results.md").read_text())


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument(
        "--changes",
        type=int,
        default=2_000_000,
        help="records of each workload but insert and refeed",
    )
    parser.add_argument("--partitions", type=int, default=2)
    parser.add_argument(
        "--peers",
        default="streamer,floor,kafka-streams",
        help="streamer first; with --small streamer,floor",
    )
    parser.add_argument(
        "--workloads",
        default="insert,changes",
        help=f"insert first; of {','.join(WORKLOADS)}, or all",
    )
    parser.add_argument(
        "--parts", default="latency,restore", help="what comes after the workloads; may be empty"
    )
    parser.add_argument(
        "--formats", default="json,avro", help=f"of the input; of {','.join(FORMATS)}"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--latency-seconds", type=int, default=30)
    parser.add_argument("--warmup-seconds", type=int, default=5)
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of streamer and floor"
    )
    parser.add_argument(
        "--small", action="store_true", help="one small run, with other defaults: does it work"
    )
    if parser.parse_args().small:
        parser.set_defaults(**SMALL)
    options = parser.parse_args()
    options.rate_max = FALLBACK_RATE if options.small else sys.maxsize
    options.output = OUTPUT / "small" if options.small else OUTPUT
    options.workloads = (
        list(WORKLOADS) if options.workloads == "all" else options.workloads.split(",")
    )
    options.formats = options.formats.split(",")
    if set(options.formats) - set(FORMATS):
        parser.error(f"--formats has {' and '.join(FORMATS)}")
    options.parts = [part for part in options.parts.split(",") if part]
    options.settings = dict(setting.split("=", 1) for setting in options.set)
    if set(options.parts) - {"latency", "restore"}:
        parser.error("--parts has latency and restore")
    unknown = set(options.workloads) - WORKLOADS.keys()
    if unknown or options.workloads[0] != "insert":
        parser.error(
            "--workloads begins with insert and has no "
            f"{', '.join(sorted(unknown)) or 'other beginning'}"
        )
    return options


def main() -> None:
    options = parse_options()
    kinds = find_peers(options.peers.split(","))
    if "floor" in kinds and next(iter(kinds)) != "streamer":
        sys.exit("bench: the floor copies what streamer writes, so --peers begins with streamer")
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "results.jsonl").write_text("")
    failures = 0
    directory = Path(tempfile.mkdtemp(prefix="streamer-bench-"))
    try:
        with (
            KafkaBroker(directory / "kafka", BROKER_CONFIG, BROKER_JVM) as broker,
            Registry() as registry,
        ):
            for number in range(1, options.runs + 1):
                runs = [
                    Run(number, format, broker, registry, directory, options)
                    for format in options.formats
                ]
                execute(runs, kinds, options)
                failures += sum(run.failures for run in runs)
                write_report(options.output)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if failures > 0:
        sys.exit(f"bench: {failures} times a peer failed, see above")


if __name__ == "__main__":
    main()
