"""CSV files of a bank as its nightly export drops them: the same ones for dbt and for `streamer
feed`.

write_batch_feeds() makes three drops below a folder, each with customers.csv and accounts.csv:
  full          the first night
  changed_full  the second night: all rows again, some accounts changed
  changed_only  the second night, from a source that exports only what changed; no customers
All of it follows from the seed. About one row in a hundred is dirty: each reason of each entity, in
turn.
"""

import csv
import datetime
import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

CUSTOMERS_HEADER = ("Customer ID", "Name", "HasLoan", "Updated At")
ACCOUNTS_HEADER = ("AccountID", "customer-id", "Balance", "Account_Type", "Branch", "updated_at")
FIRST_NIGHT = datetime.datetime(2025, 3, 1, 2, 0, tzinfo=datetime.timezone.utc)

GIVEN_NAMES = (
    "Zoë",
    "Łukasz",
    "ÅSA",
    "Maeve",
    "İpek",
    "José",
    "Иван",
    "Amina",
    "Grace",
    "김",
    "太郎",
    "Tomáš",
    "Li",
    "ΝΊΚΟΣ",
)
FAMILY_NAMES = (
    "Fischer",
    "Nowak",
    "LINDQVIST",
    "O'Brien",
    "Yılmaz",
    "García",
    "Петров",
    "Diallo",
    "Wei",
    "Straßmann",
    "山田",
    "Ðorđević",
)
BRANCHES = ("Zürich, HB", "Lund", "Osaka", "Cork, Patrick St", "İzmir", "Sevilla", 'Köln "Dom"', "")
LOANS = ("Yes", "no", "Y", "N", "TRUE", "false", "1", "0", "", "null", "None")
TYPES = (
    "Savings",
    "savings",
    "SAVINGS",
    " Savings ",
    "Savings",
    "Savings",
    "Savings",
    "Checking",
    "checking",
    "CHECKING",
)
TIER_EDGES = (
    "0",
    "9999.99",
    "9999.995",
    "10000",
    "19999.99",
    "19999.995",
    "20000.00",
    "33.335",
    "2.675",
    "1.5E+4",
    "1e4",
    "+75.5",
    ".5",
    " 250.00 ",
    "-0.004",
    "9999999999999999.99",
)

# What makes a row dirty: (column, value)s. The first fault of a row counts.
DIRTY_CUSTOMERS = (
    ((0, ""),), ((0, "N/A"),), ((0, "abc-17"),), ((0, "1040.5"),), ((0, "9223372036854775808"),),
    ((1, ""),), ((1, " null "),), ((2, "MAYBE"),), ((2, "2"),),
    ((3, "31/01/2025"),), ((3, "2025-02-30"),), ((0, "C-99"), (1, ""), (2, "MAYBE"), (3, "never")),
)  # fmt: skip
DIRTY_ACCOUNTS = (
    ((0, ""),), ((0, "null"),), ((1, ""),), ((1, "none"),), ((1, "C1003"),), ((1, "12.5"),),
    ((2, ""),), ((2, "N/A"),), ((2, " none "),), ((2, "12,500.00"),), ((2, "€100"),), ((2, "NaN"),),
    ((2, "1_000"),),
    ((2, "12345678901234567.00"),), ((2, "-50.00"),), ((2, "-0.005"),),
    ((3, "Loan"),), ((3, "N/A"),), ((3, ""),), ((3, "sav\u0130ngs"),),
    ((5, "yesterday"),), ((5, "2025-01-09T24:00:00Z"),),
    ((1, "X"), (2, "-1"), (3, "Bonds"), (5, "someday")),
)  # fmt: skip

Row = list[str]


@dataclass(frozen=True)
class BatchFeeds:
    """Folders of the three drops."""

    full: Path
    changed_full: Path
    changed_only: Path


def write_batch_feeds(
    directory: Path, seed: int, accounts: int, customers: int, changed: int
) -> BatchFeeds:
    rng = random.Random(seed)
    feeds = BatchFeeds(directory / "full", directory / "changed_full", directory / "changed_only")
    customer_rows = [customer_row(rng, i) for i in range(1, customers + 1)]
    account_rows = [account_row(rng, i, customers) for i in range(1, accounts + 1)]
    soil(rng, customer_rows, DIRTY_CUSTOMERS)
    dirty = soil(rng, account_rows, DIRTY_ACCOUNTS)
    # An account without a time counts as changed when it is read, so it must not be older than its
    # change.
    candidates = [i for i, row in enumerate(account_rows) if i not in dirty and row[5] != ""]
    changes = {
        i: changed_account(rng, account_rows[i], customers)
        for i in sorted(rng.sample(candidates, changed))
    }

    write_drop(feeds.full, customer_rows, account_rows)
    write_drop(
        feeds.changed_full,
        customer_rows,
        [changes.get(i, row) for i, row in enumerate(account_rows)],
    )
    write_drop(feeds.changed_only, [], changes.values())
    return feeds


def customer_row(rng: random.Random, number: int) -> Row:
    name = f"{rng.choice(GIVEN_NAMES)} {rng.choice(FAMILY_NAMES)}"
    if rng.random() < 0.05:
        name = f'  {rng.choice(FAMILY_NAMES)}, "{rng.choice(GIVEN_NAMES)}" '
    return [number_in_odd_clothes(rng, number), name, rng.choice(LOANS), time_text(rng)]


def account_row(rng: random.Random, number: int, customers: int) -> Row:
    owner = number_in_odd_clothes(rng, rng.randint(1, customers))
    return [
        f"A-{number:07}",
        owner,
        balance_text(rng),
        rng.choice(TYPES),
        rng.choice(BRANCHES),
        time_text(rng),
    ]


def changed_account(rng: random.Random, row: Row, customers: int) -> Row:
    """Another balance; for some also another type, another owner, or an owner whom nobody knows."""
    account_id, owner, _balance, account_type, branch, _updated_at = row
    balance = f"{rng.randint(0, 3_000_000) / 100:.2f}"
    updated_at = FIRST_NIGHT + datetime.timedelta(seconds=rng.randint(0, 86_000))
    kind = rng.random()
    if kind < 0.15:
        account_type = "Checking" if account_type.strip().lower() == "savings" else "Savings"
    elif kind < 0.25:
        owner = str(rng.randint(1, customers))
    elif kind < 0.3:
        owner = str(customers + rng.randint(1, 1000))
    return [
        account_id,
        owner,
        balance,
        account_type,
        branch,
        updated_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    ]


def soil(
    rng: random.Random, rows: list[Row], faults: tuple[tuple[tuple[int, str], ...], ...]
) -> set[int]:
    """Makes one row in a hundred dirty, at least one for each fault. Returns which."""
    count = max(len(rows) // 100, len(faults))
    dirty = rng.sample(range(len(rows)), count)
    for turn, index in enumerate(dirty):
        for column, value in faults[turn % len(faults)]:
            rows[index][column] = value
    return set(dirty)


def number_in_odd_clothes(rng: random.Random, number: int) -> str:
    kind = rng.random()
    if kind < 0.97:
        return str(number)
    return (f" {number} ", f"{number}.0", f"00{number}", f"+{number}")[int(kind * 1000) % 4]


def balance_text(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.02:
        return rng.choice(TIER_EDGES)
    cents = rng.randint(0, 3_000_000)
    return f"{cents // 100}.{cents % 100:02}{rng.randint(0, 9) if kind < 0.05 else ''}"


def time_text(rng: random.Random) -> str:
    """Some time in the two months before the first night, in one of the spellings; now and then
    none."""
    time = FIRST_NIGHT - datetime.timedelta(milliseconds=rng.randint(1, 60 * 86_400_000))
    kind = rng.random()
    if kind < 0.5:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind < 0.7:
        return time.strftime("%Y-%m-%d %H:%M")
    if kind < 0.8:
        return time.strftime("%Y-%m-%dT%H:%M:%S.%f+01:00")
    if kind < 0.9:
        return time.strftime("%Y-%m-%d")
    if kind < 0.998:
        return str(int(time.timestamp() * 1000))
    return ""


def write_drop(directory: Path, customers: Iterable[Row], accounts: Iterable[Row]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    write_csv(directory / "customers.csv", CUSTOMERS_HEADER, customers)
    write_csv(directory / "accounts.csv", ACCOUNTS_HEADER, accounts)


def write_csv(path: Path, header: tuple[str, ...], rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
