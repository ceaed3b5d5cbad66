"""The rows of a state directory, written apart from the program: keys as state/keys.h draws them,
values by schemas/internal/*.avsc with fastavro. Tests break rows on purpose with it."""

import io
import json
import struct
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fastavro
from kafka import ROOT
from streamer import BINARY

RAW_ROWS = BINARY.parent / "tests" / "raw_rows"
FORMAT = b"\x03"
FAMILIES = (
    "meta",
    "customers",
    "accounts",
    "customer_history",
    "account_history",
    "customer_refs",
    "accounts_by_customer",
    "links",
    "links_ahead",
    "refs_ahead",
    "customer_confirmations",
    "account_confirmations",
    "former_accounts",
)
TOPICS = (
    "customers",
    "accounts",
    "customer_history",
    "account_history",
    "account_with_customer",
    "account_summary",
    "customer_profile",
    "quarantine",
    "repartition-customers",
    "repartition-accounts",
    "account-links",
    "customer-refs",
    "confirmations",
)
# The state's row of a task (struct task_meta): longs, in this order.
META = (
    *(f"position {name}" for name in TOPICS),
    "committed_ms",
    *(f"rows {name}" for name in FAMILIES),
    *("current_accounts", "joined_accounts", "summaries", "rates"),
    *("outdated customers", "outdated accounts"),
)

Row = dict[str, Any]


def _long(value: int) -> bytes:
    return struct.pack(">Q", (value + (1 << 64)) % (1 << 64) ^ 1 << 63)


def _unlong(data: bytes) -> int:
    value = int(struct.unpack(">Q", data)[0]) ^ 1 << 63
    return value - (1 << 64) if value >> 63 else value


def key(family: str, partition: int, *parts: int | str) -> bytes:
    """A stored key: family, partition, then numbers and texts. A text before a number has its
    terminator."""
    out = bytes([FAMILIES.index(family)]) + struct.pack(">H", partition)
    for i, part in enumerate(parts):
        if isinstance(part, int):
            out += _long(part)
        else:
            out += part.encode() + (b"\0" if i + 1 < len(parts) else b"")
    return out


def schema(name: str) -> Any:
    return json.loads((ROOT / "schemas" / "internal" / f"{name}.avsc").read_text())


LONG = {"type": "long"}
SCHEMAS = {
    name: schema(name)
    for name in (
        *("account_row", "customer_row", "version", "account_attributes", "customer_attributes"),
        *("customer_ref", "link"),
    )
}


def encode(avro: Any, value: Any) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, avro, value)
    return out.getvalue()


def decode(avro: Any, data: bytes) -> Any:
    source = io.BytesIO(data)
    value = fastavro.schemaless_reader(source, avro, None)
    assert source.read() == b"", "bytes are left"
    return value


def encode_row(name: str, row: Row) -> bytes:
    """A value of the state. The links of a customer are a block with its size, which fastavro does
    not write."""
    if name != "customer_row":
        return FORMAT + encode(SCHEMAS[name], row)
    out = FORMAT
    for field in SCHEMAS[name]["fields"]:
        value, avro = row[field["name"]], field["type"]
        if field["name"] == "links":
            items = b"".join(encode(avro["items"], link) for link in value)
            out += encode(LONG, -len(value)) + encode(LONG, len(items)) + items if value else b""
            out += encode(LONG, 0)
        else:
            out += encode(avro, value)
    return out


def decode_row(name: str, value: bytes) -> Row:
    assert value[:1] == FORMAT
    row: Row = decode(SCHEMAS[name], value[1:])
    return row


def encode_meta(row: Row) -> bytes:
    return FORMAT + b"".join(encode(LONG, row[name]) for name in META)


def decode_meta(value: bytes) -> Row:
    source = io.BytesIO(value[1:])
    row = {name: fastavro.schemaless_reader(source, LONG, None) for name in META}
    assert source.read() == b"", "bytes are left"
    return row


class State:
    """All rows of a directory that no process uses; what was changed is written by write()."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.rows = dict(self._dump())
        self.before = dict(self.rows)

    def _dump(self) -> Iterator[tuple[bytes, bytes]]:
        for line in self._tool("dump").splitlines():
            name, _, value = line.partition(" ")
            yield bytes.fromhex(name), bytes.fromhex(value)

    def _tool(self, what: str, lines: str = "") -> str:
        done = subprocess.run(
            [str(RAW_ROWS), str(self.directory), what],
            input=lines,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _put(self, new: Mapping[bytes, bytes], old: Mapping[bytes, bytes]) -> None:
        lines = [f"{k.hex()} {v.hex()}" for k, v in new.items() if old.get(k) != v]
        lines += [f"{k.hex()} -" for k in old if k not in new]
        self._tool("put", "".join(f"{line}\n" for line in lines))

    def write(self) -> None:
        self._put(self.rows, self.before)

    def undo(self) -> None:
        """Puts back what write() has changed, and nothing else."""
        self._put(self.before, self.rows)

    # --- rows

    def find(self, family: str, *parts: int | str) -> bytes:
        """The key of the row, whatever its partition is."""
        for partition in range(8):
            name = key(family, partition, *parts)
            if name in self.rows:
                return name
        raise KeyError(f"{family} {parts}")

    def find_closed(self, family: str, id_: int | str) -> list[bytes]:
        """The keys of the closed versions of an id, oldest first."""
        parts = (id_,) if isinstance(id_, int) else (id_, 0)
        found = []
        for partition in range(8):
            prefix = key(family, partition, *parts)
            prefix = prefix if isinstance(id_, int) else prefix[:-8]
            found += [k for k in self.rows if k.startswith(prefix) and len(k) == len(prefix) + 8]
        return sorted(found)

    def account(self, id_: str) -> Row:
        return decode_row("account_row", self.rows[self.find("accounts", id_)])

    def put_account(self, id_: str, row: Row) -> None:
        self.rows[self.find("accounts", id_)] = encode_row("account_row", row)

    def customer(self, id_: int) -> Row:
        return decode_row("customer_row", self.rows[self.find("customers", id_)])

    def put_customer(self, id_: int, row: Row) -> None:
        self.rows[self.find("customers", id_)] = encode_row("customer_row", row)

    def current(self, account: Row) -> Row:
        """The attributes of the account's current version."""
        attributes: Row = decode(
            SCHEMAS["account_attributes"], account["timeline"]["current"]["attributes"]
        )
        return attributes

    def meta(self, partition: int) -> Row:
        return decode_meta(self.rows[key("meta", partition, "task")])

    def put_meta(self, partition: int, row: Row) -> None:
        self.rows[key("meta", partition, "task")] = encode_meta(row)


def partition_of(stored_key: bytes) -> int:
    return int(struct.unpack(">H", stored_key[1:3])[0])


def start_of(stored_key: bytes) -> int:
    """Of a closed version."""
    return _unlong(stored_key[-8:])


def with_start(stored_key: bytes, ms: int) -> bytes:
    return stored_key[:-8] + _long(ms)
