"""The quality checks: each finds what it is for, and nothing else, and is well again when it is
mended; under load none fails falsely."""

import json
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from kafka import CLIENT, KafkaBroker
from scenario import Scenario
from state_rows import (
    SCHEMAS,
    State,
    decode,
    decode_row,
    encode,
    encode_row,
    key,
    partition_of,
    start_of,
    with_start,
)
from streamer import Streamer, run_once, total

PARTITIONS = (2, 2)
DAY_MS = 86_400_000
BEGIN_MS = int(time.time() * 1000) - 2 * DAY_MS
CUSTOMERS = range(1, 13)
ACCOUNTS = [f"A{i:02}" for i in range(1, 25)]
CHECKING = "A09"
ORPHAN = "ORPHAN"

Report = dict[str, Any]
Break = Callable[[State], None]


def account(id_: str, customer: int, balance: str, at_ms: int, kind: str = "savings") -> Any:
    row = {"account_id": id_, "customer_id": customer, "balance": balance, "account_type": kind}
    return "accounts", id_, {**row, "updated_at": at_ms}


def customer(id_: int, name: str, at_ms: int, loan: str = "yes", field: str = "has_loan") -> Any:
    row = {"customer_id": id_, "customer_name": name, field: loan, "updated_at": at_ms}
    return "customers", str(id_), row


def feed(s: Scenario, records: Sequence[Any], age_h: int = 0) -> None:
    producer = Producer({"bootstrap.servers": s.broker.bootstrap, "linger.ms": 5, **CLIENT})
    at_ms = int(time.time() * 1000) - age_h * 3_600_000
    for topic, id_, row in records:
        producer.produce(s.names[topic], key=id_, value=json.dumps(row), timestamp=at_ms)
        producer.poll(0)
        s.fed.counts[topic] += 1
    assert producer.flush(60) == 0


def bank() -> Iterator[Any]:
    """Each customer and account with a closed version, a current one, and an event behind that
    which changes nothing."""
    for turn in range(3):
        at_ms = BEGIN_MS + min(turn, 1) * 3_600_000 + max(turn - 1, 0) * 60_000
        for id_ in CUSTOMERS:
            yield customer(id_, f"customer {id_} {min(turn, 1)}", at_ms)
        for i, id_ in enumerate(ACCOUNTS):
            kind = "checking" if id_ == CHECKING else "savings"
            yield account(id_, 1 + i % len(CUSTOMERS), f"{100 * i + min(turn, 1)}.50", at_ms, kind)
    yield account(ORPHAN, 999, "1.00", BEGIN_MS)


# --- the report


def report(streamer: Streamer) -> Report:
    status, answer = streamer.get("/v1/quality")
    assert status == 200
    found: Report = answer
    return found


def checks(answer: Report) -> dict[str, Any]:
    return {c["id"]: c for layer in answer["layers"].values() for c in layer["checks"]}


def samples(answer: Report) -> dict[str, set[str | None]]:
    """What each check that does not pass has found."""
    return {
        id_: {s["id"] for s in check["samples"]}
        for id_, check in checks(answer).items()
        if check["status"] != "pass"
    }


def wait_report(streamer: Streamer, what: str, holds: Callable[[Report], bool]) -> Report:
    last: list[Report] = []

    def look() -> bool:
        last[:] = [report(streamer)]
        return holds(last[0])

    try:
        streamer._wait(what, look, every_s=0.2)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{last and samples(last[0])}") from None
    return last[0]


def seen_all(answer: Report) -> bool:
    return all(c["seen_all_at"] is not None for c in checks(answer).values())


# --- rows that are broken on purpose


def edit_closed(family: str, id_: int | str, change: Callable[[dict[str, Any]], None]) -> Break:
    def do(s: State) -> None:
        name = s.find_closed(family, id_)[0]
        row = decode_row("version", s.rows[name])
        change(row)
        s.rows[name] = encode_row("version", row)

    return do


def edit_account(id_: str, change: Callable[[dict[str, Any]], None]) -> Break:
    def do(s: State) -> None:
        row = s.account(id_)
        change(row)
        s.put_account(id_, row)

    return do


def edit_customer(id_: int, change: Callable[[dict[str, Any]], None]) -> Break:
    def do(s: State) -> None:
        row = s.customer(id_)
        change(row)
        s.put_customer(id_, row)

    return do


def edit_meta(partition: int, name: str, change: Callable[[int], int]) -> Break:
    def do(s: State) -> None:
        row = s.meta(partition)
        row[name] = change(row[name])
        s.put_meta(partition, row)

    return do


def negative_balance(row: dict[str, Any]) -> None:
    row["attributes"] = encode(
        SCHEMAS["account_attributes"],
        {"customer_id": 1, "balance_amount": -500, "account_type": "savings"},
    )


def unknown_type(row: dict[str, Any]) -> None:
    row["attributes"] = row["attributes"][:-1] + b"\x0e"


def no_name(row: dict[str, Any]) -> None:
    row["attributes"] = encode(
        SCHEMAS["customer_attributes"], {"customer_name": "", "has_loan_flag": True}
    )


def second_current(s: State) -> None:
    """A closed version that starts behind the current one."""
    name = s.find_closed("account_history", "A02")[0]
    start = s.account("A02")["timeline"]["current"]["valid_from_at"]
    s.rows[with_start(name, start + 5)] = encode_row(
        "version", {**decode_row("version", s.rows.pop(name)), "lasts": 2}
    )


def longer(row: dict[str, Any]) -> None:
    row["lasts"] += 1


def empty(row: dict[str, Any]) -> None:
    row["lasts"] = 0


def equal_to_current(s: State) -> None:
    name = s.find_closed("account_history", "A05")[0]
    now = s.account("A05")["timeline"]["current"]["attributes"]
    s.rows[name] = encode_row("version", {**decode_row("version", s.rows[name]), "attributes": now})


def newest_before_current(row: dict[str, Any]) -> None:
    row["timeline"]["newest_after"] = -1


def version_without_row(s: State) -> None:
    name = s.find_closed("account_history", "A07")[0]
    s.rows[key("account_history", partition_of(name), "ZZ", start_of(name))] = s.rows.pop(name)


MEMORY = {"last": "other", "end": "none", "before_end_after": 0, "outdated": True, "position": None}


def outdated(row: dict[str, Any]) -> None:
    row["timeline"]["rest"] = {
        **(row["timeline"]["rest"] or {"outside_count": 0, "outside_oldest_after": 0}),
        "memory": MEMORY,
    }


def outdated_account(s: State) -> None:
    edit_account("A08", outdated)(s)
    partition = partition_of(s.find("accounts", "A08"))
    edit_meta(partition, "outdated accounts", lambda n: n + 1)(s)


def outdated_customer(s: State) -> None:
    edit_customer(2, outdated)(s)
    partition = partition_of(s.find("customers", 2))
    edit_meta(partition, "outdated customers", lambda n: n + 1)(s)


def joined_other_balance(s: State) -> None:
    row = s.account(CHECKING)
    row["joined"]["own"] = {
        **s.current(row),
        "balance_amount": 1,
        "valid_from_at": row["timeline"]["current"]["valid_from_at"],
    }
    s.put_account(CHECKING, row)


def joined_other_name(row: dict[str, Any]) -> None:
    row["joined"]["customer_name"] = "mallory"


def summary_own(s: State, id_: str, balance: int, interest: int) -> dict[str, Any]:
    row = s.account(id_)
    row["summary"]["own"] = {
        "customer_id": s.current(row)["customer_id"],
        "original_balance_amount": balance,
        "annual_interest_amount": interest,
        "new_balance_amount": balance + interest,
    }
    return row


def interest_too_high(s: State) -> None:
    row = s.account("A11")
    balance = s.current(row)["balance_amount"]
    s.put_account(
        "A11", summary_own(s, "A11", balance, balance * row["summary"]["interest_rate_pct"])
    )


def rate_too_high(row: dict[str, Any]) -> None:
    row["summary"]["interest_rate_pct"] = 999


def summary_negative(s: State) -> None:
    row = summary_own(s, "A13", -10000, -150)
    row["summary"]["interest_rate_pct"] = 15  # 1 % and the bonus of a loan
    s.put_account("A13", row)


def summary_alone(s: State) -> None:
    row = s.account("A14")
    row["joined"] = None
    s.put_account("A14", row)
    edit_meta(partition_of(s.find("accounts", "A14")), "joined_accounts", lambda n: n - 1)(s)


def index_of_another(s: State) -> None:
    row = s.account("A16")
    name = s.find("accounts_by_customer", s.current(row)["customer_id"], "A16")
    s.rows[key("accounts_by_customer", partition_of(name), 4711, "A16")] = s.rows.pop(name)


def profile_too_high(s: State) -> None:
    row = s.customer(3)
    name = decode_row_attributes(row)
    row["profile"]["own"] = {
        "customer_name": name["customer_name"],
        "has_loan_flag": name["has_loan_flag"],
        "total_accounts_count": row["totals"]["accounts"],
        "total_balance_amount": row["totals"]["balance"] + 1,
        "total_annual_interest_amount": row["totals"]["interest_with_loan"],
    }
    s.put_customer(3, row)


def decode_row_attributes(row: dict[str, Any]) -> dict[str, Any]:
    attributes: dict[str, Any] = decode(
        SCHEMAS["customer_attributes"], row["timeline"]["current"]["attributes"]
    )
    return attributes


def totals_too_high(row: dict[str, Any]) -> None:
    row["totals"]["balance"] += 1


def link_other_balance(row: dict[str, Any]) -> None:
    """By less than a cent of interest, so that the totals need nothing but the balance."""
    row["links"][-1]["balance_amount"] += 1
    row["totals"]["balance"] += type(row["totals"]["balance"])("0.01")


def link_of_nobody(row: dict[str, Any]) -> None:
    row["links"][-1]["account_id"] = "ZZZ"


# Each with the check that must find it, and the id that it must name.
BREAKS: list[tuple[str, str | None, Break]] = [
    ("staging.accepted_values", "A01", edit_closed("account_history", "A01", negative_balance)),
    ("staging.accepted_values", "A15", edit_closed("account_history", "A15", unknown_type)),
    ("staging.not_null", "1", edit_closed("customer_history", 1, no_name)),
    ("snapshots.one_current_version", "A02", second_current),
    ("snapshots.not_overlapping", "A03", edit_closed("account_history", "A03", longer)),
    ("snapshots.not_empty", "A04", edit_closed("account_history", "A04", empty)),
    ("snapshots.maximal", "A05", equal_to_current),
    ("snapshots.history_agrees", "A06", edit_account("A06", newest_before_current)),
    ("snapshots.history_agrees", "ZZ", version_without_row),
    ("snapshots.outdated.accounts", "A08", outdated_account),
    ("snapshots.outdated.customers", "2", outdated_customer),
    ("intermediate.joined_equals_account", CHECKING, joined_other_balance),
    ("intermediate.joined_equals_customer", "A10", edit_account("A10", joined_other_name)),
    ("marts.interest", "A11", interest_too_high),
    ("marts.rate", "A12", edit_account("A12", rate_too_high)),
    ("marts.balance_not_negative", "A13", summary_negative),
    ("marts.summary_has_joined", "A14", summary_alone),
    ("marts.profile_equals_sums", "3", profile_too_high),
    ("marts.profile_equals_sums", "4", edit_customer(4, totals_too_high)),
    ("marts.links_equal_accounts", "A17", edit_customer(5, link_other_balance)),
    ("marts.links_equal_accounts", "6", edit_customer(6, link_of_nobody)),
    ("pipeline.row_counts", None, index_of_another),
    ("pipeline.row_counts", None, edit_meta(1, "summaries", lambda n: n - 1)),
    ("pipeline.positions", None, edit_meta(0, "position customers", lambda n: 10**12)),
]
# What the same rows break besides.
BESIDES = {
    ("snapshots.not_overlapping", "A02"),  # a version behind the current one overlaps with it
    ("marts.summary_has_joined", "A13"),  # the joined row has the right balance
    ("intermediate.joined_equals_customer", "A14"),  # it has no joined row
    ("intermediate.orphans", "A14"),
    ("marts.links_equal_accounts", "A18"),  # the account whose link is the other one's now
    ("intermediate.orphans", ORPHAN),  # that one is right
}


def expected_samples() -> dict[str, set[str | None]]:
    found: dict[str, set[str | None]] = {}
    for check, id_ in [*((c, i) for c, i, _ in BREAKS), *BESIDES]:
        found.setdefault(check, set()).add(id_)
    return found


def is_well(answer: Report) -> bool:
    return seen_all(answer) and samples(answer) == {"intermediate.orphans": {ORPHAN}}


@pytest.fixture(scope="module")
def broken(
    broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Scenario, State]]:
    """A bank whose state is stopped, and is broken then."""
    settings = {"quality.orphans.warn": "0s", "workers": "2"}
    with Scenario(broker, tmp_path_factory.mktemp("quality"), PARTITIONS, settings) as s:
        feed(s, list(bank()))
        s.streamer.start()
        s.wait_drained()
        wait_report(s.streamer, "well but for an orphan", is_well)
        s.streamer.stop()
        state = State(Path(s.streamer.settings["state.dir"]))
        for _, _, change in BREAKS:
            change(state)
        state.write()
        s.streamer.start()
        s.streamer.wait_ready()
        yield s, state


def test_quality__each_check_finds_what_it_is_for(broken: tuple[Scenario, State]) -> None:
    s, _ = broken
    expected = expected_samples()
    try:
        answer = wait_report(s.streamer, "as broken as it is", lambda r: samples(r) == expected)
    except AssertionError:
        assert samples(report(s.streamer)) == expected
        raise
    summary = answer["summary"]
    warned = {"intermediate.orphans", "snapshots.outdated.accounts", "snapshots.outdated.customers"}
    assert summary["failed"] == len(expected) - len(warned)
    assert summary["warned"] == len(warned)
    assert summary["total"] == summary["passed"] + summary["failed"] + summary["warned"]
    assert {c["id"] for c in answer["failures"]} == set(expected)
    assert "aside" not in s.streamer.stderr.read_text(), "the state was rebuilt"


def test_quality__values_are_masked(broken: tuple[Scenario, State]) -> None:
    s, _ = broken
    wait_report(s.streamer, "broken", lambda r: samples(r) == expected_samples())
    _, text = s.streamer.get_text("/v1/quality")
    assert "mallory" not in text and "***" in text


def test_quality__command_and_metric(broken: tuple[Scenario, State]) -> None:
    s, _ = broken
    wait_report(s.streamer, "broken", lambda r: samples(r) == expected_samples())
    metrics = s.streamer.metrics()
    failed = total(metrics, "streamer_quality_checks", status="fail")
    assert failed == report(s.streamer)["summary"]["failed"]
    configured = ("quality", "-c", str(s.streamer.properties))
    shown = run_once(*configured)
    assert shown.returncode == 1
    lines = shown.stdout.splitlines()
    assert "partitions 0 to 1" in lines[0] and f"{failed:.0f} failed" in lines[0]
    (at,) = (i for i, line in enumerate(lines) if "marts.interest" in line)
    assert lines[at].startswith("fail") and "accounts A11, partition" in lines[at + 1]
    as_json = run_once(*configured, "--format", "json")
    (instance,) = json.loads(as_json.stdout)["instances"]
    assert as_json.returncode == 1
    assert samples(instance["answer"]) == samples(report(s.streamer))


def test_quality__repaired_it_recovers(broken: tuple[Scenario, State]) -> None:
    s, state = broken
    s.streamer.stop()
    state.undo()
    s.streamer.start()
    s.streamer.wait_ready()
    wait_report(s.streamer, "well but for an orphan", is_well)
    time.sleep(8)  # longer than what spans tasks is in doubt
    answer = report(s.streamer)
    assert is_well(answer), answer["failures"]
    assert "aside" not in s.streamer.stderr.read_text(), "the state was rebuilt"


# --- what flows


def with_branch(record: Any) -> Any:
    topic, id_, row = record
    return topic, id_, {**row, "branch": "Ulm"}


def averages(state: Path) -> dict[str, int]:
    """What a stopped process has kept, by check."""
    _, *lines, _ = (state / "AVERAGES").read_text().splitlines()
    return {check: int(average) for check, average in map(str.split, lines)}


def test_quality__a_renamed_column_shows_within_1000_records(
    broker: KafkaBroker, tmp_path: Path
) -> None:
    """Each customer has a loan, until the column has another name. Accounts get a new column. A
    restart does not forget what was usual."""
    with Scenario(broker, tmp_path, PARTITIONS) as s:
        feed(s, [customer(i, f"c{i}", BEGIN_MS) for i in range(2000)])
        feed(s, [account(f"N{i}", i, "1.00", BEGIN_MS) for i in range(2000)])
        s.streamer.start()
        s.wait_drained()
        first = wait_report(s.streamer, "looked at", seen_all)
        assert samples(first) == {}
        time.sleep(2)  # so that the average is known
        feed(s, [customer(i, f"c{i}", BEGIN_MS + 1000, field="has_a_loan") for i in range(1000)])
        feed(s, [with_branch(account(f"N{i}", i, "2.00", BEGIN_MS + 1000)) for i in range(1000)])
        s.wait_drained()
        answer = wait_report(
            s.streamer,
            "without the column",
            lambda r: checks(r)["staging.null_rate.has_loan"]["status"] == "fail",
        )
        unknown = checks(answer)["source.unknown_fields.customers"]
        assert unknown["status"] == "warn" and "renamed" in unknown["message"]
        assert checks(answer)["source.unknown_fields.accounts"]["status"] == "warn"
        status, row = s.streamer.get("/v1/customers/7")
        assert status == 200 and row["has_loan_flag"] is False, "the silence that it is about"
        s.streamer.stop()
        kept = averages(Path(s.streamer.settings["state.dir"]))
        assert kept["staging.null_rate.has_loan"] == 0, "the failing check has moved its average"
        assert kept["source.unknown_fields.customers"] > 0, "of less than a minute before the stop"
        s.streamer.start()
        s.streamer.wait_ready()
        assert checks(report(s.streamer))["staging.null_rate.has_loan"]["status"] == "pass"
        feed(s, [customer(i, f"c{i}", BEGIN_MS + 2000, field="has_a_loan") for i in range(1000)])
        wait_report(
            s.streamer,
            "without the column, after a restart",
            lambda r: checks(r)["staging.null_rate.has_loan"]["status"] == "fail",
        )


def statuses(answer: Report, *ids: str) -> list[str]:
    return [checks(answer)[id_]["status"] for id_ in ids]


def test_quality__old_inputs_and_many_rejected_records(broker: KafkaBroker, tmp_path: Path) -> None:
    """A warning, a failure, and well again; while the rows are looked at ever so slowly."""
    freshness = ("source.freshness.customers", "source.freshness.accounts")
    rejected = ("source.rejected.customers", "source.rejected.accounts")
    with Scenario(broker, tmp_path, PARTITIONS, {"quality.scan.rows_per_second": "1"}) as s:
        customers = [customer(i, f"c{i}", BEGIN_MS) for i in range(95)]
        accounts = [account(f"G{i}", i, "1.00", BEGIN_MS) for i in range(95)]
        unnamed = [customer(i, "", BEGIN_MS) for i in range(5)]
        negative = [account(f"B{i}", 1, "-1.00", BEGIN_MS) for i in range(5)]
        feed(s, [*customers, *unnamed], age_h=30)
        feed(s, [*accounts, *negative], age_h=50)
        s.streamer.start()
        s.wait_drained()
        answer = wait_report(
            s.streamer, "warning", lambda r: statuses(r, *rejected) == ["warn", "warn"]
        )
        assert "invalid_name 5" in checks(answer)[rejected[0]]["message"]
        assert "invalid_balance 5" in checks(answer)[rejected[1]]["message"]
        assert statuses(answer, *freshness) == ["warn", "fail"]
        assert "customers: no record for 30 h" in checks(answer)[freshness[0]]["message"]
        feed(s, [*unnamed * 2, *negative * 2])
        answer = wait_report(
            s.streamer, "failing", lambda r: statuses(r, *rejected) == ["fail", "fail"]
        )
        assert statuses(answer, *freshness) == ["pass", "pass"]


# --- under load

LOAD_S = int(os.environ.get("QUALITY_LOAD_S", "12"))
LOAD_CUSTOMERS, LOAD_ACCOUNTS = 300, 2000
LOAD_WAITING = 20_000


def change(rng: random.Random, at_ms: int) -> Any:
    """Of accounts that move, whose balance, type and time changes, and of customers that change, go
    and come back: all that links and refs are for."""
    chance = rng.random()
    if chance < 0.8:
        id_ = f"L{rng.randrange(LOAD_ACCOUNTS)}"
        late_ms = rng.choice((0, 0, 0, 3_600_000))
        kind = rng.choice(("savings", "savings", "checking"))
        balance = f"{rng.randrange(3000000) / 100:.2f}"
        return account(id_, rng.randrange(LOAD_CUSTOMERS), balance, at_ms - late_ms, kind)
    id_ = rng.randrange(LOAD_CUSTOMERS)
    if chance < 0.85:
        return "customers", str(id_), None
    return customer(id_, f"name {rng.randrange(5)}", at_ms, rng.choice(("yes", "no")))


class Load(threading.Thread):
    """Produces so fast that always some records wait, until it is told to end."""

    def __init__(self, s: Scenario) -> None:
        super().__init__()
        self.count = 0
        self.consumed = 0
        self._scenario = s
        self._ending = threading.Event()
        settings = {"linger.ms": 20, "queue.buffering.max.messages": 20000, **CLIENT}
        self._producer = Producer({"bootstrap.servers": s.broker.bootstrap, **settings})

    def run(self) -> None:
        rng = random.Random(5)
        while not self._ending.is_set():
            if self.count > self.consumed + LOAD_WAITING:
                time.sleep(0.01)
                continue
            self.put(change(rng, int(time.time() * 1000)))
        self._producer.flush(60)

    def put(self, record: Any) -> None:
        topic, id_, row = record
        value = None if row is None else json.dumps(row)
        while True:
            try:
                self._producer.produce(self._scenario.names[topic], key=id_, value=value)
            except BufferError:
                self._producer.poll(0.05)
                continue
            self._producer.poll(0)
            self.count += 1
            return

    def end(self) -> None:
        self._ending.set()
        self.join()


def test_quality__nothing_fails_falsely_under_load(broker: KafkaBroker, tmp_path: Path) -> None:
    """Two tasks that change each other's rows all the time, and passes that are quick beside it."""
    settings = {
        "workers": "2",
        "quality.orphans.warn": "1h",
        "quality.scan.rows_per_second": "100000",
        "late.window": "24h",
    }
    with Scenario(broker, tmp_path, PARTITIONS, settings) as s:
        feed(s, [customer(0, "first", BEGIN_MS), account("L0", 0, "1.00", BEGIN_MS)])
        s.streamer.start()
        s.streamer.wait_ready()
        wait_report(s.streamer, "without an empty input", lambda r: samples(r) == {})
        load = Load(s)
        load.start()
        passes = set()
        end = time.monotonic() + LOAD_S
        try:
            while time.monotonic() < end or len(passes) < 3 or load.count < 1000:
                answer = report(s.streamer)
                assert samples(answer) == {}, json.dumps(answer["failures"], indent=1)
                assert time.monotonic() < end + 300, "the passes do not end"
                load.consumed = s.streamer.consumed_offsets(broker)
                passes.add(checks(answer)["marts.interest"]["seen_all_at"])
                time.sleep(0.2)
        finally:
            load.end()
        print(f"{load.count} records, {len(passes)} passes")
        s.streamer.wait_lag_zero()
        wait_report(s.streamer, "well", lambda r: samples(r) == {})
