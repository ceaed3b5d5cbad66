"""The rooms of the code: each folder includes only what lies below it, and no two files call each
other in a circle. ARCHITECTURE.md, "The rooms", says what each room is for."""

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest
from kafka import ROOT

LAYERS = {f"streamer/layers/{name}" for name in ("source", "staging", "snapshots")}
LAYERS |= {"streamer/layers/intermediate", "streamer/layers/marts"}
GROUND = "streamer/base"

# Which rooms a room may use, beside itself and the ground, streamer/base.
MAY_USE: dict[str, set[str]] = {
    "streamer/base": set(),
    "state": set(),
    "state/cache": {"state"},
    "state/rocksdb": {"state", "state/cache"},
    "schemas/avro": set(),
    "schemas": {"schemas/avro"},
    "streamer/model": set(),
    "streamer/config": {"streamer/model"},
    "streamer/layers/source": {"schemas/avro", "streamer/model"},
    "streamer/layers/staging": {"streamer/model"},
    "streamer/layers/snapshots": {"schemas", "streamer/model"},
    "streamer/layers/intermediate": {"schemas", "streamer/model"},
    "streamer/layers/marts": {"schemas", "streamer/model"},
    "streamer/task": LAYERS | {"schemas", "state", "streamer/model", "streamer/config"},
    "streamer/registry": {"schemas/avro", "streamer/model", "streamer/config"},
    "streamer/files": {"streamer/model"},
    "streamer/metrics": {"streamer/model", "streamer/config", "streamer/task", "streamer/registry"},
    "streamer/http": {
        "schemas",
        "state",
        "state/rocksdb",
        "streamer/model",
        "streamer/config",
        "streamer/task",
    },
    "streamer/kafka": {"streamer/model", "streamer/config", "streamer/task"},
    "streamer/complete": {
        "schemas",
        "state/rocksdb",
        "streamer/model",
        "streamer/config",
        "streamer/layers/source",
        "streamer/layers/snapshots",
        "streamer/layers/staging",
        "streamer/kafka",
        "streamer/task",
        "streamer/export",
    },
    "streamer/worker": {
        "state/rocksdb",
        "streamer/model",
        "streamer/config",
        "streamer/task",
        "streamer/metrics",
        "streamer/kafka",
    },
    "streamer/quality": {
        "schemas",
        "state",
        "state/rocksdb",
        "streamer/model",
        "streamer/config",
        "streamer/task",
        "streamer/metrics",
    },
    "streamer/export": {
        "schemas",
        "state",
        "state/rocksdb",
        "streamer/model",
        "streamer/config",
        "streamer/layers/intermediate",
        "streamer/layers/marts",
        "streamer/kafka",
        "streamer/registry",
        "streamer/http",
    },
    "streamer/service": {
        "streamer/quality",
        "schemas",
        "state/rocksdb",
        "streamer/model",
        "streamer/config",
        "streamer/task",
        "streamer/metrics",
        "streamer/kafka",
        "streamer/registry",
        "streamer/http",
        "streamer/worker",
    },
    "streamer/quarantine": {
        "state/rocksdb",
        "streamer/model",
        "streamer/config",
        "streamer/layers/source",
        "streamer/kafka",
        "streamer/registry",
        "schemas",
        "state",
        "streamer/layers/snapshots",
        "streamer/task",
    },
    "streamer/commands": {
        "schemas",
        "streamer/layers/source",
        "streamer/layers/staging",
        "streamer/quarantine",
        "state/rocksdb",
        "streamer/model",
        "streamer/layers/marts",
        "streamer/config",
        "streamer/task",
        "streamer/metrics",
        "streamer/kafka",
        "streamer/registry",
        "streamer/http",
        "streamer/complete",
        "streamer/files",
        "streamer/export",
        "streamer/service",
    },
    "streamer": {"streamer/commands", "streamer/kafka"},
}

# Which rooms, and single files, may include a library's headers.
LIBRARIES: dict[str, set[str]] = {
    # kafka_properties asks librdkafka which settings it has.
    "librdkafka/": {"streamer/kafka", "streamer/config/kafka_properties.c"},
    "rocksdb/": {"state/rocksdb"},
    "cjson/": {"streamer/base", "schemas"},
    "microhttpd.h": {"streamer/http"},
    "curl/": {"streamer/http", "streamer/registry"},
    "avro.h": {"schemas/avro"},
    "gnutls/": {"streamer/http"},
    "openssl/": {"streamer/export"},
}


def includes(root: Path) -> dict[str, list[str]]:
    """What each file of the program includes: our files by their path, others as <name>."""
    files = [p for top in ("streamer", "state", "schemas") for p in (root / top).rglob("*.[ch]")]
    return {
        str(p.relative_to(root)): [
            ours or f"<{library}>"
            for ours, library in re.findall(
                r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', p.read_text(), re.MULTILINE
            )
        ]
        for p in sorted(files)
    }


def room_of(path: str) -> str:
    return str(Path(path).parent)


def wrong_arrows(files: Mapping[str, Iterable[str]]) -> list[str]:
    """Each include that no rule allows, with the rule."""
    wrong = []
    for file, included in files.items():
        room = room_of(file)
        for target in included:
            if target.startswith("<"):
                for library, users in LIBRARIES.items():
                    if target.startswith(f"<{library}") and not {room, file} & users:
                        wrong.append(f"{file}: {target} belongs to {', '.join(sorted(users))}")
            elif room_of(target) not in MAY_USE.get(room, set()) | {room, GROUND}:
                allowed = ", ".join(sorted(MAY_USE.get(room, set()))) or "no other room"
                wrong.append(f'{file}: includes "{target}", but {room} may use {allowed}')
    return wrong


def circles(calls: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Groups of files that reach each other by calls (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(file: str) -> None:
        index[file] = low[file] = len(index)
        stack.append(file)
        for target in calls.get(file, ()):
            if target not in index:
                visit(target)
                low[file] = min(low[file], low[target])
            elif target in stack:
                low[file] = min(low[file], index[target])
        if low[file] == index[file]:
            group = [stack.pop()]
            while group[-1] != file:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for file in list(calls):
        if file not in index:
            visit(file)
    return found


def calls_in(library: Path) -> dict[str, set[str]]:
    """Which object of a static library uses functions or data of which other."""
    listing = subprocess.run(
        ["nm", "-A", "--format=posix", str(library)], capture_output=True, text=True, check=True
    ).stdout
    defined: dict[str, str] = {}
    undefined: dict[str, set[str]] = defaultdict(set)
    for line in listing.splitlines():
        if match := re.match(r".*\[(.+)\.c\.o\]: (\S+) (\w)", line):
            file, symbol, kind = match.groups()
            if kind == "U":
                undefined[file].add(symbol)
            elif kind.isupper():
                defined[symbol] = file
    return {
        file: {defined[s] for s in symbols if defined.get(s, file) != file}
        for file, symbols in undefined.items()
    }


def test_rooms__every_folder_has_its_rule() -> None:
    assert {room_of(file) for file in includes(ROOT)} == set(MAY_USE)


def test_rooms__the_rules_go_one_way() -> None:
    assert circles(MAY_USE) == []


def test_rooms__includes_go_one_way() -> None:
    assert wrong_arrows(includes(ROOT)) == []


@pytest.mark.parametrize("room", MAY_USE)
def test_rooms__every_wrong_arrow_is_told_with_its_rule(room: str) -> None:
    for target in MAY_USE.keys() - MAY_USE[room] - {room, GROUND}:
        (told,) = wrong_arrows({f"{room}/x.c": [f"{target}/y.h", "<stdio.h>"]})
        assert told.startswith(f'{room}/x.c: includes "{target}/y.h", but {room} may use ')
    for library, users in LIBRARIES.items():
        told = "".join(wrong_arrows({f"{room}/x.c": [f"<{library}x.h>"]}))
        assert ("belongs to" in told) == (room not in users), library


def test_rooms__a_room_without_a_rule_may_use_nothing() -> None:
    assert len(wrong_arrows({"streamer/new/x.c": ["streamer/model/event.h"]})) == 1


def test_rooms__every_rule_of_a_library_is_of_one_that_is_used() -> None:
    used = {target for targets in includes(ROOT).values() for target in targets}
    for library in LIBRARIES:
        assert any(target.startswith(f"<{library}") for target in used), library


def test_rooms__no_files_call_each_other_in_a_circle() -> None:
    calls = calls_in(ROOT / "build" / "release" / "libcore.a")
    assert len(calls) > 80  # else nm has told nothing
    assert "keys" in calls["task"]
    assert circles(calls) == []


def test_rooms__a_circle_is_found() -> None:
    assert circles({"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": [], "e": ["a"]}) == [
        ["a", "b", "c"]
    ]


def test_rooms__unit_tests_lie_in_the_rooms_of_what_they_test() -> None:
    """tests/unit mirrors the rooms: each folder with tests there is a room."""
    unit = ROOT / "tests" / "unit"
    for file in unit.rglob("test_*.c"):
        room = str(file.parent.relative_to(unit))
        assert {room, f"streamer/{room}"} & set(MAY_USE), file
