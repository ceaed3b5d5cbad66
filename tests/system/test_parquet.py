"""`streamer export --format parquet`: exact types and values, as another program reads them; what
is left where DuckDB's library is not there."""

import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kafka import ROOT
from results import RESULTS

from streamer import EmbeddedStreamer, run_once

LIBRARY = ROOT / "build" / "duckdb" / "libduckdb.so"
# A folder whose name means something to shells, to SQL, and to patterns of files.
FOLDER = 'it\'s [a] *d?r "$x" `y` \\ day=2026-01-01'
CUSTOMERS = """customer_id,customer_name,has_loan,updated_at
1,"O'Brien ""x"", Ż",yes,2026-01-01T00:00:00.001Z
2,Bob,no,2026-01-01
9223372036854775807,"{""a"": [1]}",no,1970-01-01T00:00:00.000Z
"""
ACCOUNTS = """account_id,customer_id,balance,account_type,updated_at
A-1,1,9999999999999999.99,savings,2026-01-02
A-2,1,9999999999999999.98,savings,2026-01-02
A-3,2,0.01,savings,2026-01-02
A-3,2,20000.00,savings,2026-01-03
null,2,5,checking,2026-01-02
A-5,9223372036854775807,0,savings,2026-01-02
"""
# Stands for DuckDB's own program: `duckdb -c STATEMENT`.
PROGRAM = f"""#!{sys.executable}
import ctypes, sys
library = ctypes.CDLL({str(LIBRARY)!r})
database, connection = ctypes.c_void_p(), ctypes.c_void_p()
result = ctypes.create_string_buffer(256)
assert sys.argv[1] == "-c"
assert library.duckdb_open(None, ctypes.byref(database)) == 0
assert library.duckdb_connect(database, ctypes.byref(connection)) == 0
sys.exit(library.duckdb_query(connection, sys.argv[2].encode(), result))
"""

Row = dict[str, Any]


@pytest.fixture(scope="module")
def streamer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStreamer]:
    directory = tmp_path_factory.mktemp("parquet")
    with EmbeddedStreamer(directory / "streamer", {}) as s:
        s.wait_ready()
        for name, text in (("customers", CUSTOMERS), ("accounts", ACCOUNTS)):
            (directory / f"{name}.csv").write_text(text)
            fed = run_once("feed", *at(s), name, str(directory / f"{name}.csv"))
            assert fed.returncode == 0, fed.stderr
        s.wait_all_consumed({"customers": 3, "accounts": 6})
        yield s
        s.stop()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir()
    return tmp_path / FOLDER


def at(s: EmbeddedStreamer) -> list[str]:
    settings = {**s.settings, "kafka.bootstrap.servers": s.bootstrap()}
    return [f"--set={key}={value}" for key, value in settings.items()]


def export(
    s: EmbeddedStreamer, table: str, output: Path, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    return run_once("export", *at(s), table, "--output", str(output), *arguments)


def read(output: Path) -> pa.Table:
    return pq.ParquetFile(output).read()


# --- what is right: the schemas and the JSON lines


def arrow_type(field: Any) -> pa.DataType:
    kinds = field["type"] if isinstance(field["type"], list) else [field["type"]]
    (kind,) = (kind for kind in kinds if kind != "null")
    if isinstance(kind, dict) and kind["logicalType"] == "decimal":
        return pa.decimal128(kind["precision"], kind["scale"])
    if isinstance(kind, dict):
        assert kind["logicalType"] == "timestamp-millis"
        return pa.timestamp("us", tz="UTC")
    return {"long": pa.int64(), "string": pa.string(), "boolean": pa.bool_()}[kind]


def fields_of(table: str) -> dict[str, pa.DataType]:
    schema = json.loads((ROOT / "schemas" / f"{table}.avsc").read_text())
    return {field["name"]: arrow_type(field) for field in schema["fields"]}


def typed(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_decimal(kind):
        return Decimal(value)
    if pa.types.is_timestamp(kind):
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


def lines_of(path: Path) -> list[Row]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def totals_of(output: Path) -> Any:
    return json.loads(Path(f"{output}.totals.json").read_text())


def check_hash(output: Path) -> None:
    totals, data = totals_of(output), output.read_bytes()
    assert totals["sha256"] == hashlib.sha256(data).hexdigest()
    assert totals["bytes"] == len(data)


# --- tests


@pytest.mark.parametrize("table", RESULTS)
def test_parquet__types_and_values(streamer: EmbeddedStreamer, folder: Path, table: str) -> None:
    output, lines = folder / "x.parquet", folder / "x.jsonl"
    done = export(streamer, table, output, "--format=parquet", f"--duckdb={LIBRARY}")
    assert done.returncode == 0, done.stderr
    assert {p.name for p in folder.iterdir()} == {"x.parquet", "x.parquet.totals.json"}
    assert export(streamer, table, lines, "--format=jsonl").returncode == 0
    columns, rows = fields_of(table), read(output)
    assert dict(zip(rows.schema.names, rows.schema.types, strict=True)) == columns
    expected = [{k: typed(v, columns[k]) for k, v in row.items()} for row in lines_of(lines)]
    assert rows.to_pylist() == expected and expected
    check_hash(output)
    told, of_lines = totals_of(output), totals_of(lines)
    assert (told["format"], of_lines["format"]) == ("parquet", "jsonl")
    assert (told["rows"], told["sums"]) == (len(expected), of_lines["sums"])
    codec = pq.ParquetFile(output).metadata.row_group(0).column(0).compression
    assert codec == "ZSTD"


def test_parquet__large_sums_are_exact(streamer: EmbeddedStreamer, folder: Path) -> None:
    output = folder / "x.parquet"
    done = export(streamer, "customer_profile", output, "--format=parquet", f"--duckdb={LIBRARY}")
    assert done.returncode == 0, done.stderr
    totals = {row["customer_id"]: row["total_balance_amount"] for row in read(output).to_pylist()}
    assert totals[1] == Decimal("19999999999999999.97")
    assert totals[9223372036854775807] == Decimal("0.00")


def test_parquet__as_of_a_time(streamer: EmbeddedStreamer, folder: Path) -> None:
    output = folder / "x.parquet"
    done = export(
        *(streamer, "account_summary", output, "--format=parquet", f"--duckdb={LIBRARY}"),
        "--as-of=2026-01-02T12:00:00Z",
    )
    assert done.returncode == 0, done.stderr
    rows = {row["account_id"]: row for row in read(output).to_pylist()}
    assert rows["A-3"]["original_balance_amount"] == Decimal("0.01")
    assert rows["A-3"]["rates"] == "current" and "calculated_at" not in rows["A-3"]


def test_parquet__a_library_in_the_current_folder(
    streamer: EmbeddedStreamer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = folder / "here.parquet"
    (folder / "its.so").symlink_to(LIBRARY)
    monkeypatch.chdir(folder)
    done = export(streamer, "account_summary", output, "--format=parquet", "--duckdb=its.so")
    assert done.returncode == 0, done
    check_hash(output)


def test_parquet__without_the_library(streamer: EmbeddedStreamer, folder: Path) -> None:
    """The lines stay, and the command that is printed makes the file of them."""
    output, kept = folder / "x.parquet", folder / "x.parquet.jsonl"
    missing = folder / "no.so"
    done = export(streamer, "account_history", output, "--format=parquet", f"--duckdb={missing}")
    assert done.returncode == 1
    assert done.stderr.startswith("streamer: DuckDB's library cannot be loaded: ")
    assert f"the rows are in {kept}" in done.stderr and done.stderr.count("\n") == 1
    assert {p.name for p in folder.iterdir()} == {kept.name, f"{kept.name}.totals.json"}
    check_hash(kept)
    assert totals_of(kept)["format"] == "jsonl"
    (command,) = done.stdout.splitlines()
    run_command(command, folder.parent)
    assert [row["account_id"] for row in read(output).to_pylist()] == [
        row["account_id"] for row in lines_of(kept)
    ]


def run_command(command: str, directory: Path) -> None:
    program = directory / "duckdb"
    program.write_text(PROGRAM)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    path = f"{directory}:{os.environ['PATH']}"
    done = subprocess.run(["sh", "-c", command], env={**os.environ, "PATH": path}, check=False)
    assert done.returncode == 0


def test_parquet__wrong_usage(streamer: EmbeddedStreamer, tmp_path: Path) -> None:
    table = "account_summary"
    for arguments in ((table, "--format=parquet"), (table, "--duckdb=x"), (table, "--format=orc")):
        done = run_once("export", *at(streamer), *arguments)
        assert done.returncode == 2 and done.stdout == "", done
    other = export(streamer, table, tmp_path / "x", "--format=parquet", "--duckdb=/bin/sh")
    assert other.returncode == 1 and "/bin/sh" in other.stderr
    assert not (tmp_path / "x").exists()
