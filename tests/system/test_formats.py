"""What earlier versions wrote is read by others' programs, too, and the schemas of results stay
compatible. What runs write in each format is in test_readers.py."""

import base64
import copy
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest
from fastavro.read import SchemaResolutionError
from formats import avro_row, row_of
from kafka import ROOT
from results import RESULTS

RELEASES = sorted((ROOT / "tests" / "data").glob("v*"))
assert RELEASES
# As tests/unit/rows_peer.c numbers the schemas.
IDS = dict(zip(RESULTS, (0x01020304, 0x11121314, 0x21222324, 0x31323334, 0x81828384), strict=True))
FIRST_RESULT = 2  # in enum topic


# --- what earlier versions wrote


def kept_results(release: Path) -> Iterator[tuple[str, bytes, dict[str, Any]]]:
    """Topic, value and row of each result."""
    for line in (release / "messages.jsonl").read_text().splitlines():
        message = json.loads(line)
        if "row" in message:
            topic = RESULTS[message["topic"] - FIRST_RESULT]
            yield topic, base64.b64decode(message["value"]), message["row"]


def schema_of(folder: Path, topic: str) -> Any:
    return json.loads((folder / f"{topic}.avsc").read_text())


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_formats__what_a_release_wrote(release: Path) -> None:
    """In all formats; Avro also by the present schemas, as readers see it that are newer."""
    schemas = {
        id_: fastavro.parse_schema(schema_of(release / "schemas", topic))
        for topic, id_ in IDS.items()
    }
    seen = set()
    for topic, value, row in kept_results(release):
        seen.add((topic, value[:2]))
        if value[0] != 0:
            assert row_of(value) == row
            continue
        present = fastavro.parse_schema(schema_of(ROOT / "schemas", topic))
        assert avro_row(value, schemas) == row
        assert avro_row(value, schemas, present).items() >= row.items()
    assert {topic for topic, start in seen if start[0] == 0} == set(RESULTS)


# --- schemas of results are BACKWARD compatible


def complaints(old: Any, new: Any) -> list[str]:
    """Why a reader with the schema `new` cannot read what was written with `old`, by Avro's rules
    and those of its logical types."""
    before = {field["name"]: field for field in old["fields"]}
    found = []
    for field in new["fields"]:
        if field["name"] not in before:
            found += [] if "default" in field else [f"{field['name']} is new, without a default"]
        else:
            found += type_complaints(field["name"], before[field["name"]]["type"], field["type"])
    return found


def type_complaints(name: str, old: Any, new: Any) -> list[str]:
    """A branch of the old type that the new type has none for."""
    old_types, new_types = ([t] if not isinstance(t, list) else t for t in (old, new))
    return [
        f"{name}: {branch} cannot be read as {new}"
        for branch in old_types
        if not any(is_readable(branch, other) for other in new_types)
    ]


def is_readable(old: Any, new: Any) -> bool:
    if isinstance(old, str) or isinstance(new, str):
        return bool(old == new)
    as_before = all(old.get(key) == new.get(key) for key in ("type", "logicalType", "scale"))
    return as_before and new.get("precision", 0) >= old.get("precision", 0)


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
@pytest.mark.parametrize("topic", RESULTS)
def test_formats__schemas_evolve(release: Path, topic: str) -> None:
    assert not complaints(schema_of(release / "schemas", topic), schema_of(ROOT / "schemas", topic))


def encode(schema: Any, row: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), row)
    return out.getvalue()


def decode(value: bytes, old: Any, new: Any) -> Any:
    return fastavro.schemaless_reader(
        io.BytesIO(value), fastavro.parse_schema(old), fastavro.parse_schema(new)
    )


def with_field(schema: Any, name: str, **changes: Any) -> Any:
    changed = copy.deepcopy(schema)
    field = next(f for f in changed["fields"] if f["name"] == name)
    field.update(changes)
    return changed


def test_formats__what_is_no_evolution() -> None:
    """The check finds what Avro's own reader finds, and what that does not look at."""
    old = schema_of(ROOT / "schemas", "account_history")
    new_field = copy.deepcopy(old)
    new_field["fields"].append({"name": "branch", "type": "string"})
    amount = {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}
    row = {
        "account_id": "A",
        "customer_id": 1,
        "balance_amount": Decimal("1.00"),
        "account_type": "savings",
        "loaded_at": 0,
        "valid_from_at": 0,
        "valid_to_at": None,
    }
    bytes_ = encode(old, row)
    ends = copy.deepcopy(old)
    ends["fields"][-1] = {"name": "valid_to_at", "type": "long"}
    for new in (new_field, with_field(old, "account_id", type="long"), ends):
        assert complaints(old, new)
        with pytest.raises(SchemaResolutionError):
            decode(bytes_, old, new)
    for kind in ({**amount, "scale": 3}, {**amount, "precision": 9}):
        assert complaints(old, with_field(old, "balance_amount", type=kind))
    new_field["fields"][-1]["default"] = "?"
    for new in (new_field, with_field(old, "balance_amount", type={**amount, "precision": 20})):
        assert not complaints(old, new)
        assert decode(bytes_, old, new)["account_id"] == "A"
