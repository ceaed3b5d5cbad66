"""Rows for the tests and pictures of the page."""

from typing import Any

Row = dict[str, Any]

LONG_ID = "DE-Kontokorrentkreditverrechnungskonto-0000000000000000000000000000004711"
LONG_NAME = "donaudampfschifffahrtsgesellschaftskapitänswitwenrentenauszahlungsstelle gmbh & co. kg"
BIG_CUSTOMER = 9223372036854775807
EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def account(key: str, customer: int, balance: str, at: str, kind: str = "savings") -> Row:
    return {
        "account_id": key,
        "customer_id": customer,
        "balance_amount": balance,
        "account_type": kind,
        "updated_at": at,
    }


def customer(key: int, name: str, at: str, loan: bool = False) -> Row:
    return {"customer_id": key, "customer_name": name, "has_loan": loan, "updated_at": at}


YAMADA = [
    customer(1004, "山田 太郎", "2025-01-02T09:20:00Z"),
    customer(1004, "山田 太郎", "2025-09-14", True),
]
YAMADAS_ACCOUNTS = [
    account("A-2004", 1004, "19999.99", "2025-01-05"),
    account("A-2004", 1004, "8450.00", "2025-04-01"),
    account("A-2004", 1004, "8450.00", "2025-07-19", "checking"),
    account("A-2004", 1004, "16500.00", "2025-11-02"),
    account("A-2004", 1004, "21000.50", "2026-08-08"),
    account("A-3000", 1004, "250.00", "2025-02-01"),
]
LONG_CUSTOMER = customer(BIG_CUSTOMER, LONG_NAME, "2025-01-02", True)
LONG_ACCOUNT = account(LONG_ID, BIG_CUSTOMER, "9999999999999999.99", "2025-01-05")


def rejected(count: int) -> list[Row]:
    """Accounts that go into the quarantine."""
    return [account(f"R-{i}", 1004, f"-{i}.50", "2026-01-01") for i in range(1, count + 1)]


def accepted(count: int) -> list[Row]:
    """Accounts of one customer."""
    return [account(f"M-{i:02}", 77, "1.00", "2026-01-01") for i in range(count)]
