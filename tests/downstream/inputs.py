"""What the application of these tests is fed with."""

import json

from generate import Input
from scenario import load


def in_two_parts(partitions: tuple[int, int]) -> tuple[list[Input], list[Input]]:
    """Rows come, change and go. At the end one comes whose amounts no floating point holds."""
    records = load(1000, partitions, "keyed", large=False)
    return records[:600], [*records[600:], *large(records[-1].timestamp_ms)]


def large(timestamp_ms: int) -> list[Input]:
    customer = {"customer_id": 77777, "name": "Large", "has_loan": True}
    account = {"account_id": "L1", "customer_id": 77777, "account_type": "Savings"}
    account["balance"] = "9999999999999999.99"
    return [
        Input(topic, 0, None, json.dumps(row).encode(), timestamp_ms, (), "", "large amounts")
        for topic, row in (("customers", customer), ("accounts", account))
    ]
