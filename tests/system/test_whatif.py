"""`streamer whatif`: what other rates would change, against Python's decimal over the joined rows
in Kafka; from two instances and from their state at rest."""

import hashlib
import json
import random
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from generate import Input, partition_of
from kafka import KafkaBroker
from process import wait_until
from results import compacted, read_topic
from scenario import Scenario

from streamer import Streamer, run_once

PARTITIONS = (4, 4)
CUSTOMERS, ACCOUNTS = 40, 300
TODAY = ("5000:0.012,20000:0.015,*:0.02", "0.004")
SETTINGS = {
    "kafka.session.timeout.ms": "6000",
    "transaction.timeout": "5s",
    "rates.tiers": TODAY[0],
    "rates.loan.bonus": TODAY[1],
}
OTHERS = (
    ("5000:0.013,20000:0.015,*:0.019", None),
    (None, "0.005"),
    ("100:0,12345.67:0.015,*:0.5", "0.5"),
    TODAY,
)
CENT = Decimal("0.01")

Json = dict[str, Any]
Done = subprocess.CompletedProcess[str]


class Pair(NamedTuple):
    scenario: Scenario
    first: Streamer
    second: Streamer


def records() -> Iterator[Input]:
    """Balances around the bounds of tiers and of rounding, loans, checking accounts, ids that are
    no names."""
    rng = random.Random(17)
    now = int(time.time() * 1000)
    for i in range(CUSTOMERS):
        row = {"customer_id": i, "customer_name": f"c{i}", "has_loan": rng.choice(("yes", "no"))}
        yield record("customers", str(i), row, now)
    for i in range(ACCOUNTS):
        cents = rng.choice((rng.randrange(10**4), rng.randrange(10**7), rng.randrange(10**17)))
        cents = rng.choice((cents, 0, 500_000, 499_999, 2_000_000, 1_999_999, 125, 375))
        row = {
            "account_id": f"A,{i}",
            "customer_id": rng.randrange(CUSTOMERS),
            "balance": f"{cents // 100}.{cents % 100:02}",
            "account_type": "checking" if i % 7 == 0 else "savings",
        }
        yield record("accounts", f"A,{i}", row, now)


def record(topic: str, key: str, row: Json, now: int) -> Input:
    value = json.dumps({**row, "updated_at": now}).encode()
    place = partition_of(key.encode(), PARTITIONS[0])
    return Input(topic, place, key.encode(), value, now, (), "", "")


def start(scenario: Scenario, directory: Path) -> Streamer:
    streamer = scenario.another(directory, {"http.peers": "127.0.0.1", "instance.id": ""})
    streamer.configure({"http.advertised.url": url(streamer)})
    streamer.start()
    streamer.wait_ready()
    return streamer


@pytest.fixture(scope="module")
def pair(broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    directory = tmp_path_factory.mktemp("pair")
    with Scenario(broker, directory, PARTITIONS, SETTINGS) as scenario:
        scenario.fed.feed(list(records()))
        first = start(scenario, directory / "first")
        second = start(scenario, directory / "second")
        try:
            scenario.wait_drained(first)
            for s in (first, second):
                wait_until("both with partitions", lambda s=s: both_have_some(s), s.stderr)
            yield Pair(scenario, first, second)
        finally:
            first.kill()
            second.kill()


def both_have_some(asked: Streamer) -> bool:
    instances = asked.get("/v1/status?all=true")[1]["instances"]
    return [bool(i["reached"] and i["partitions"]) for i in instances] == [True, True]


def url(streamer: Streamer) -> str:
    return f"http://{streamer.settings['http.listen']}"


def sets(rates: tuple[str | None, str | None]) -> list[str]:
    names = ("rates.tiers", "rates.loan.bonus")
    return [f"--set={n}={v}" for n, v in zip(names, rates, strict=True) if v is not None]


def whatif(rates: tuple[str | None, str | None], *arguments: str) -> Done:
    return run_once("whatif", *sets(rates), *arguments)


# --- what is right


def rate(rates: tuple[str, str], row: Json) -> Decimal:
    for tier in rates[0].split(","):
        below, value = tier.split(":")
        if below == "*" or Decimal(row["balance_amount"]) < Decimal(below):
            return Decimal(value) + (Decimal(rates[1]) if row["has_loan_flag"] else 0)
    raise AssertionError(rates)


def interest(rates: tuple[str, str], row: Json) -> Decimal:
    exact = Decimal(row["balance_amount"]) * rate(rates, row)
    return exact.quantize(CENT, ROUND_HALF_UP)


def side(differences: list[Decimal]) -> Json:
    return {
        "count": len(differences),
        "sum": f"{sum(differences, Decimal('0.00')):.2f}",
        "largest": f"{max(differences, default=Decimal('0.00')):.2f}",
    }


def expected(rows: list[Json], then: tuple[str, str]) -> Json:
    savings = [row for row in rows if row["account_type"] == "savings"]
    pairs = [(row, interest(TODAY, row), interest(then, row)) for row in savings]
    steps: dict[tuple[Decimal, Decimal], list[Decimal]] = defaultdict(list)
    for row, before, after in pairs:
        if rate(TODAY, row) != rate(then, row):
            steps[rate(TODAY, row), rate(then, row)].append(after - before)
    differing = [(row, b, a) for row, b, a in pairs if a != b]
    largest = sorted(differing, key=lambda p: (-abs(p[2] - p[1]), p[0]["account_id"].encode()))
    return {
        "summaries": len(savings),
        "changed": sum(map(len, steps.values())),
        "rises": side([a - b for _, b, a in differing if a > b]),
        "falls": side([b - a for _, b, a in differing if a < b]),
        "interest_now": f"{sum(b for _, b, _ in pairs):.2f}",
        "interest_then": f"{sum(a for _, _, a in pairs):.2f}",
        "steps": [
            {
                "rate_now": f"{now:.3f}",
                "rate_then": f"{later:.3f}",
                "count": len(differences),
                "difference": f"{sum(differences):.2f}",
            }
            for (now, later), differences in sorted(steps.items())
        ],
        "largest": [
            {
                "account_id": row["account_id"],
                "customer_id": row["customer_id"],
                "interest_now": str(before),
                "interest_then": str(after),
            }
            for row, before, after in largest[:10]
        ],
    }


def joined_rows(scenario: Scenario) -> list[Json]:
    messages = read_topic(scenario.broker.bootstrap, scenario.names["account_with_customer"])
    return list(compacted(messages).values())


def whole(rates: tuple[str | None, str | None]) -> tuple[str, str]:
    return rates[0] or TODAY[0], rates[1] or TODAY[1]


def check(done: Done, rates: tuple[str | None, str | None], rows: list[Json]) -> Json:
    shown: Json = json.loads(done.stdout)
    then = whole(rates)
    assert shown["rates_now"] == {"tiers": TODAY[0], "loan_bonus": TODAY[1]}
    assert shown["rates_then"] == {"tiers": then[0], "loan_bonus": then[1]}
    figures = expected(rows, then)
    assert {key: shown[key] for key in figures} == figures
    return shown


# --- running instances


@pytest.mark.parametrize("rates", OTHERS)
def test_whatif__is_what_decimal_says(pair: Pair, rates: tuple[str | None, str | None]) -> None:
    written = pair.scenario.written()
    for asked in (pair.first, pair.second):
        done = whatif(rates, "--url", url(asked), "--format=json")
        assert (done.returncode, done.stderr) == (0, "")
        shown = check(done, rates, joined_rows(pair.scenario))
        assert (shown["instances"], shown["partitions"]) == (2, [0, 1, 2, 3])
        assert shown["is_whole"]
    assert pair.scenario.written() == written


def test_whatif__text(pair: Pair) -> None:
    """It says which rates are which, and that a configuration at hand says others."""
    rates = OTHERS[0]
    figures = expected(joined_rows(pair.scenario), whole(rates))
    done = whatif(rates, "--url", url(pair.first))
    assert done.returncode == 0, done.stderr
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines[0] == f"today rates.tiers={TODAY[0]} rates.loan.bonus={TODAY[1]}"
    assert lines[1] == f"what if rates.tiers={rates[0]} rates.loan.bonus={TODAY[1]}"
    assert lines[2].startswith("note the configuration here has other rates")
    assert lines[2].endswith("rates.tiers=10000:0.01,20000:0.015,*:0.02 rates.loan.bonus=0.005")
    assert lines[3] == "read 2 instances, partitions 0 to 3 of 4"
    assert f"summaries {figures['summaries']} of which {figures['changed']} change" in lines
    rises = figures["rises"]
    assert f"rise {rises['count']} by {rises['sum']} in all, by {rises['largest']} at most" in lines
    first = figures["largest"][0]
    assert f"{first['account_id']} {first['interest_now']} {first['interest_then']}" in lines
    own = run_once("whatif", "-c", str(pair.first.properties), *sets(rates))
    assert "note" not in own.stdout and own.stdout.splitlines()[0] == done.stdout.splitlines()[0]


def test_whatif__wrong_usage(pair: Pair) -> None:
    place = ("--url", url(pair.first))
    assert whatif((None, None), *place).stderr.startswith("streamer: which rates? give --set ")
    for bad in (("*:2", None), ("10:0.01", None), (None, "x"), ("*:0.9", "0.2")):
        done, check_ = whatif(bad, *place), run_once("check", *sets(bad))
        assert done.returncode == check_.returncode == 2
        assert done.stderr == check_.stderr
    done = whatif((None, "0.99"), *place)  # too much only with the instances' tiers
    assert done.returncode == 2
    assert whatif(OTHERS[0], *place, "--state", "x").returncode == 2
    nobody = whatif(OTHERS[0], "--url", "http://127.0.0.1:1")
    assert nobody.returncode == 1 and nobody.stdout == ""


# --- the state at rest; the instances end one after the other


def files_of(directory: str) -> dict[str, tuple[int, str]]:
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in Path(directory).rglob("*")
        if path.is_file()
    }


def test_whatif__state_in_use(pair: Pair) -> None:
    done = whatif(OTHERS[0], "--state", pair.first.settings["state.dir"])
    assert done.returncode == 2
    assert "in use by another process" in done.stderr


def test_whatif__an_instance_that_is_gone(pair: Pair) -> None:
    """The second one is killed; until the group knows, its partitions are missing."""
    pair.second.kill()
    done = whatif(OTHERS[0], "--url", url(pair.first), "--format=json")
    assert done.returncode == 1
    assert "the figures are not of the whole" in done.stderr
    shown = json.loads(done.stdout)
    assert not shown["is_whole"] and len(shown["partitions"]) == 2
    text = whatif(OTHERS[0], "--url", url(pair.first))
    assert text.returncode == 1 and f"not read {url(pair.second)}, " in " ".join(
        text.stdout.split()
    )


def test_whatif__state_at_rest(pair: Pair) -> None:
    wait_until("with all partitions", lambda: has_all(pair.first), pair.first.stderr)
    pair.first.stop()
    directory = pair.first.settings["state.dir"]
    config = ("-c", str(pair.first.properties))
    before = files_of(directory)
    done = whatif(OTHERS[0], *config, "--state", directory, "--format=json")
    assert (done.returncode, done.stderr) == (0, "")
    shown = check(done, OTHERS[0], joined_rows(pair.scenario))
    assert (shown["instances"], shown["state"], shown["is_whole"]) == (0, directory, True)
    other = whatif(OTHERS[0], "--state", directory)
    assert other.returncode == 2 and "computed with other rates" in other.stderr
    assert files_of(directory) == before


def test_whatif__state_that_was_killed(pair: Pair) -> None:
    """It has the partitions of an instance that shared them with another one."""
    directory = pair.second.settings["state.dir"]
    before = files_of(directory)
    config = ("-c", str(pair.second.properties))
    done = whatif(OTHERS[0], *config, "--state", directory, "--format=json")
    assert done.returncode == 1 and "not of the whole" in done.stderr
    assert len(json.loads(done.stdout)["partitions"]) == 2
    assert files_of(directory) == before


def has_all(streamer: Streamer) -> bool:
    status, text = streamer.get_text("/v1/export/account_summary")
    return status == 200 and len(text.splitlines()) > ACCOUNTS / 2
