"""The dbt project makes of the same CSV files what the model makes of them: every row of marts and
quarantine."""

from __future__ import annotations

import csv
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from batch import Warehouse
from feeds import (
    ACCOUNTS_HEADER,
    CUSTOMERS_HEADER,
    DIRTY_ACCOUNTS,
    DIRTY_CUSTOMERS,
    write_batch_feeds,
    write_csv,
)
from model import ID_FIELD, Model, normalized, to_text

SAMPLE = Path(__file__).parents[1] / "data"
FIRST_NIGHT_MS = 1_740_794_400_000  # 2025-03-01T02:00Z
NIGHT_MS = 86_400_000
REASON_CODES = {
    "customers": {"invalid_customer_id", "invalid_name", "invalid_has_loan", "invalid_updated_at"},
    "accounts": {
        "invalid_account_id",
        "invalid_customer_id",
        "invalid_balance",
        "invalid_account_type",
        "invalid_updated_at",
    },
}


class Refused(NamedTuple):
    """A quarantined row; its columns in the order of the file."""

    table: str
    code: str
    reason: str
    columns: tuple[str, ...]


class Expected:
    """The model, fed from CSV files as `streamer feed` does it: a row becomes a JSON object of
    texts."""

    def __init__(self) -> None:
        self.model = Model()
        self.offset = 0

    def feed(self, drop: Path, at_ms: int) -> None:
        for topic in ("customers", "accounts"):
            with (drop / f"{topic}.csv").open(encoding="utf-8", newline="") as file:
                for row in csv.DictReader(file):
                    id_ = next(
                        value
                        for name, value in row.items()
                        if normalized(name) == normalized(ID_FIELD[topic])
                    )
                    key = (to_text(id_) or "").encode() or None
                    self.model.apply(topic, 0, self.offset, at_ms, key, json.dumps(row).encode())
                    self.offset += 1

    def mart(self, name: str) -> list[dict[str, Any]]:
        rows = self.model.expected()[name]
        return sorted(rows.values(), key=row_order)

    def quarantine(self) -> Counter[Refused]:
        return Counter(
            refused(entry) for entry in self.model.quarantine() if entry["code"] != "too_late"
        )


def refused(entry: dict[str, Any]) -> Refused:
    record = json.loads(entry["value"])
    reason = entry["reason"]
    if entry["code"] == "invalid_updated_at":
        text = next(
            to_text(value) for name, value in record.items() if normalized(name) == "updatedat"
        )
        accepted = (
            "an ISO-8601 date or date-time of years 0001 to 9999, "
            "or epoch seconds, milliseconds, microseconds or nanoseconds of years 1973 to 2286"
        )
        reason = f"Invalid updated_at: {text} (accepted: {accepted})"
    return Refused(entry["topic"], entry["code"], reason, tuple(record.values()))


def row_order(row: dict[str, Any]) -> tuple[str, int]:
    return (str(row.get("account_id", "")), row["customer_id"])


class Actual:
    """What the database holds."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.database = warehouse.database

    def rows(self, query: str) -> list[dict[str, Any]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            cursor = connection.execute(query)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, values)) for values in cursor.fetchall()]

    def mart(self, name: str) -> list[dict[str, Any]]:
        rows = self.rows(f"select * exclude (calculated_at, loaded_at) from main_marts.{name}")
        return sorted(
            ({column: as_text(value) for column, value in row.items()} for row in rows),
            key=row_order,
        )

    def quarantine(self) -> Counter[Refused]:
        rows = self.rows("select source_table, code, reason, record from main_staging.quarantine")
        return Counter(
            Refused(
                row["source_table"],
                row["code"],
                row["reason"],
                tuple(json.loads(row["record"]).values()),
            )
            for row in rows
        )


def as_text(value: Any) -> Any:
    """Decimals with all their digits; a float must not come out of the database at all."""
    assert not isinstance(value, float)
    return format(value, "f") if isinstance(value, Decimal) else value


def assert_same(warehouse: Warehouse, expected: Expected) -> None:
    actual = Actual(warehouse)
    for mart in ("account_summary", "customer_profile"):
        assert actual.mart(mart) == expected.mart(mart)
    assert actual.quarantine() == expected.quarantine()


def deployed(directory: Path) -> Warehouse:
    warehouse = Warehouse(directory)
    warehouse.parse()
    return warehouse


def night(warehouse: Warehouse, expected: Expected, drop: Path, number: int) -> None:
    warehouse.land(drop)
    warehouse.build()
    expected.feed(drop, FIRST_NIGHT_MS + number * NIGHT_MS)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("second_night", ["changed_full", "changed_only"])
def test_batch__two_nights(tmp_path: Path, seed: int, second_night: str) -> None:
    feeds = write_batch_feeds(tmp_path / "feeds", seed, accounts=2000, customers=400, changed=47)
    warehouse, expected = deployed(tmp_path / "warehouse"), Expected()

    night(warehouse, expected, feeds.full, 0)
    for table, codes in REASON_CODES.items():
        assert {row.code for row in expected.quarantine() if row.table == table} == codes
    assert_same(warehouse, expected)
    before = expected.mart("account_summary")

    night(warehouse, expected, getattr(feeds, second_night), 1)
    assert expected.mart("account_summary") != before
    assert_same(warehouse, expected)
    warehouse.test()


def test_batch__only_what_changed_is_calculated_again(tmp_path: Path) -> None:
    feeds = write_batch_feeds(tmp_path / "feeds", seed=3, accounts=2000, customers=400, changed=47)
    warehouse, expected = deployed(tmp_path / "warehouse"), Expected()
    night(warehouse, expected, feeds.full, 0)
    night(warehouse, expected, feeds.changed_only, 1)
    rows = Actual(warehouse).rows("select calculated_at from main_marts.account_summary")
    times = Counter(row["calculated_at"] for row in rows)
    assert len(times) == 2
    assert 0 < times[max(times)] <= 47


def test_batch__sample_data(tmp_path: Path) -> None:
    """Names in many scripts, every spelling of every value, several versions of an id in one
    file."""
    drop = tmp_path / "drop"
    drop.mkdir()
    for name in ("customers.csv", "accounts.csv"):
        (drop / name).write_bytes((SAMPLE / name).read_bytes())
    warehouse, expected = deployed(tmp_path / "warehouse"), Expected()
    night(warehouse, expected, drop, 0)
    assert_same(warehouse, expected)


# Rows of customer 1, 2, ... in each of three nights; account A-<n> belongs to customer <n>.
CUSTOMER_NIGHTS = {
    "takes a loan": ([["Ann", "no", "2025-01-01"]], [["Ann", "yes", "2025-03-01"]], []),
    "is renamed": ([["Ann", "no", "2025-01-01"]], [["Anna", "no", "2025-03-01"]], []),
    "comes later than its account": ([], [["Ann", "no", "2024-01-01"]], []),
    "is dirty for a night": (
        [["Ann", "no", "2025-01-01"]],
        [["", "no", "2025-03-01"]],
        [["Ann", "1", "2025-03-02"]],
    ),
    "is missing for a night": ([["Ann", "no", "2025-01-01"]], [], [["Ann", "yes", "2025-03-02"]]),
    "has a loan by number": (
        [["Ann", "1.0", "1735689600"]],
        [["Ann", "0e5", "1740787200000000"]],
        [],
    ),
    "cannot be seen": (
        [["\u00a0\ufeff", "no", "2025-01-01"]],
        [["\u3000", "no", "2025-03-01"]],
        [],
    ),
    "is told in nanoseconds": (
        [["Ann", "no", "17356896000"]],
        [["Ann", "1", "1740873600000000000"]],
        [],
    ),
    "has leading zeros": ([["Ann", "no", "0001740787200"]], [["Ann", "yes", "1740873600000"]], []),
    "has no time": ([["Ann", "no", ""]], [["Ann", "yes", ""]], [["Ann", "yes", ""]]),
    "is told twice for one time": (
        [["Ann", "no", "2025-01-01"], ["Eve", "1", "2025-01-01"]],
        [],
        [],
    ),
    "is late": (
        [["Ann", "no", "2025-03-01"]],
        [["Ann", "yes", "2025-02-28"]],
        [["Ann", "yes", "2025-03-02"]],
    ),
}

# Owner, balance and type of account B-1, B-2, ... in each of three nights.
ACCOUNT_NIGHTS = {
    "moves and returns": (
        ("101", "100", "Savings"),
        ("102", "100", "Savings"),
        ("101", "100", "Savings"),
    ),
    "moves to an unknown customer": (
        ("101", "100", "Savings"),
        ("999", "100", "Savings"),
        ("102", "100", "Savings"),
    ),
    "leaves a customer without any": (
        ("103", "100", "Savings"),
        ("102", "100", "Savings"),
        ("102", "100", "Savings"),
    ),
    "is no savings account for a night": (
        ("101", "1", "Savings"),
        ("101", "1", "Checking"),
        ("101", "1", "Savings"),
    ),
    "is the only one, and no savings any more": (
        ("104", "1", "Savings"),
        ("104", "1", "Checking"),
        ("104", "1", "Checking"),
    ),
    "is dirty for a night": (
        ("101", "100", "Savings"),
        ("101", "-100", "Savings"),
        ("101", "300", "Savings"),
    ),
    "crosses tiers": (
        ("102", "9999.99", "Savings"),
        ("102", "10000", "Savings"),
        ("102", "20000", "Savings"),
    ),
    "largest balance": (("101", "9999999999999999.99", "Savings"),) * 3,
}


def test_batch__three_nights_by_hand(tmp_path: Path) -> None:
    warehouse, expected = deployed(tmp_path / "warehouse"), Expected()
    for number in range(3):
        drop = tmp_path / f"drop{number}"
        drop.mkdir()
        write_csv(drop / "customers.csv", CUSTOMERS_HEADER, customers_of_night(number))
        write_csv(drop / "accounts.csv", ACCOUNTS_HEADER, accounts_of_night(number))
        night(warehouse, expected, drop, number)
        assert_same(warehouse, expected)


def customers_of_night(number: int) -> list[list[str]]:
    owners = [
        [str(id_), f"Owner {id_}", "yes" if id_ % 2 else "no", "2025-01-01"]
        for id_ in range(101, 105)
    ]
    cases = [
        [str(id_), *row]
        for id_, nights in enumerate(CUSTOMER_NIGHTS.values(), 1)
        for row in nights[number]
    ]
    return owners + cases


def accounts_of_night(number: int) -> list[list[str]]:
    plain = [
        [f"A-{id_}", str(id_), "15000", "Savings", "", "2025-01-01"]
        for id_ in range(1, len(CUSTOMER_NIGHTS) + 1)
    ]
    date = f"2025-03-0{number + 1}"
    cases = [
        [f"B-{id_}", *nights[number], "", date]
        for id_, nights in enumerate(ACCOUNT_NIGHTS.values(), 1)
    ]
    return plain + cases


def test_feeds__same_seed_same_bytes(tmp_path: Path) -> None:
    sizes = {"accounts": 500, "customers": 100, "changed": 10}
    drops = [
        write_batch_feeds(tmp_path / name, seed, **sizes)
        for name, seed in (("a", 7), ("b", 7), ("c", 8))
    ]
    one, same, other = ((drop.full / "accounts.csv").read_bytes() for drop in drops)
    assert one == same != other


def test_feeds__every_fault_is_in_them(tmp_path: Path) -> None:
    feeds = write_batch_feeds(tmp_path, seed=1, accounts=200, customers=100, changed=10)
    for name, faults in (("customers", DIRTY_CUSTOMERS), ("accounts", DIRTY_ACCOUNTS)):
        with (feeds.full / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        for fault in faults:
            assert any(all(row[column] == value for column, value in fault) for row in rows)
