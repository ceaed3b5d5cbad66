"""Joined rows, summaries and profiles as they were at a time (`?as_of=`), from two instances,
against the model: an account's customer, and a customer's accounts, lie in either of them."""

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
from kafka import KafkaBroker
from model import MAX_TIME_MS, MIN_TIME_MS, Model, format_time
from process import wait_until
from scenario import Scenario, load
from streamer import Streamer

PARTITIONS = (4, 4)
SETTINGS = {"kafka.session.timeout.ms": "6000", "transaction.timeout": "5s"}
TABLES = ("account_with_customer", "account_summary", "customer_profile")
QUESTIONS = 300

Row = dict[str, Any] | None


class Question(NamedTuple):
    table: str
    id: str
    time_ms: int
    by_page: bool = False  # the page takes no redirects

    def path(self) -> str:
        path = f"/v1/{self.table}/{quote(self.id, safe='')}?as_of={format_time(self.time_ms)}"
        return path + "&forwarded=0" * self.by_page


class Pair(NamedTuple):
    scenario: Scenario
    first: Streamer
    second: Streamer

    @property
    def model(self) -> Model:
        return self.scenario.fed.model

    def ask(self, asked: Streamer, path: str) -> tuple[int, Any]:
        """Follows one redirect, as clients do. Nobody there is as good as "later"."""
        status, answer = asked.get(path)
        if status != 307:
            return status, answer
        url = urlsplit(answer["location"])
        (other,) = (s for s in (self.first, self.second) if s.settings["http.listen"] == url.netloc)
        try:
            return other.get(f"{url.path}?{url.query}")
        except ConnectionRefusedError:
            return 503, {"error": "refused"}


def start(scenario: Scenario, directory: Path, forward: str) -> Streamer:
    streamer = scenario.another(
        directory, {"http.peers": "127.0.0.1", "instance.id": "", "http.forward": forward}
    )
    streamer.configure({"http.advertised.url": f"http://{streamer.settings['http.listen']}"})
    streamer.start()
    streamer.wait_ready()
    return streamer


@pytest.fixture(scope="module")
def pair(broker: KafkaBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Two instances that have processed accounts that move, end, come back and come late."""
    directory = tmp_path_factory.mktemp("pair")
    with Scenario(broker, directory, PARTITIONS, SETTINGS) as scenario:
        scenario.fed.feed(load(700, PARTITIONS, "keyed", seeds=(1, 2), large=False))
        first = start(scenario, directory / "first", "redirect")
        second = start(scenario, directory / "second", "proxy")
        try:
            scenario.wait_drained(first)
            yield Pair(scenario, first, second)
        finally:
            first.kill()
            second.kill()


def times_of(model: Model) -> list[int]:
    """The boundaries of all versions, and the moments before them."""
    return sorted(
        time_ms - before
        for topic in ("customers", "accounts")
        for versions in model.histories(topic).values()
        for version in versions
        for time_ms in (version.valid_from_ms, version.valid_to_ms)
        if time_ms is not None
        for before in (0, 1)
    )


def questions(model: Model, rng: random.Random, count: int) -> list[Question]:
    """Mostly at boundaries; of ids that exist now or once, and of some that never did."""
    times = times_of(model)
    ids = {
        "customer": [*map(str, model.pasts["customers"]), "987654"],
        "account": [*map(str, model.pasts["accounts"]), "no such account"],
    }

    def time_ms() -> int:
        dice = rng.random()
        if dice < 0.1:
            return rng.choice((MIN_TIME_MS, times[0] - 1, times[-1] + 1, MAX_TIME_MS))
        return rng.choice(times) if dice < 0.7 else rng.randrange(times[0], times[-1] + 1)

    tables = [rng.choice(TABLES) for _ in range(count)]
    return [
        Question(t, rng.choice(ids[t.split("_")[0]]), time_ms(), rng.random() < 0.3) for t in tables
    ]


def expected(model: Model, question: Question) -> Row:
    row = model.expected_at(question.time_ms)[question.table].get(question.id)
    if row is None or question.table == "account_with_customer":
        return row
    return {**row, "rates": "current"}


def check(pair: Pair, asked: Streamer, question: Question) -> int:
    """The answer is the model's row, or that there is none, or "later". Returns the status."""
    status, answer = pair.ask(asked, question.path())
    row = expected(pair.model, question)
    if status == 503:
        assert answer.keys() == {"error"}, (question, answer)
    elif row is None:
        assert status == 404, (question, status, answer)
        assert answer == {"error": f"no row at that time of {question.table}/{question.id}"}, (
            question
        )
    else:
        assert (status, answer) == (200, row), question
    return status


def all_answer(pair: Pair, instances: list[Streamer]) -> None:
    """Until each instance knows who has what, and everything is restored."""
    customers, accounts = (list(pair.model.pasts[t]) for t in ("customers", "accounts"))
    paths = [Question("account_with_customer", str(id_), MAX_TIME_MS).path() for id_ in accounts]
    paths += [Question("customer_profile", str(id_), MAX_TIME_MS).path() for id_ in customers[:1]]
    for instance in instances:
        wait_until(
            "with all answers",
            lambda instance=instance: all(pair.ask(instance, p)[0] != 503 for p in paths),
            instance.stderr,
        )


def check_many(pair: Pair, instances: list[Streamer], seed: int) -> None:
    rng = random.Random(seed)
    statuses: Counter[tuple[str, int]] = Counter()
    for question in questions(pair.model, rng, QUESTIONS):
        statuses[question.table, check(pair, rng.choice(instances), question)] += 1
    for table in TABLES:
        assert statuses[table, 200] > 10 and statuses[table, 404] > 10, statuses
        assert statuses[table, 503] == 0, statuses


def test_as_of__is_what_the_model_says(pair: Pair) -> None:
    all_answer(pair, [pair.first, pair.second])
    check_many(pair, [pair.first, pair.second], 1)


def test_as_of__current_rows_are_those_of_the_topics(pair: Pair) -> None:
    now = pair.model.expected()
    for table in TABLES:
        for id_, row in list(now[table].items())[:10]:
            status, answer = pair.ask(pair.second, f"/v1/{table}/{quote(id_, safe='')}")
            answer.pop("calculated_at", None)
            assert (status, answer) == (200, row)


def test_as_of__bad_questions(pair: Pair) -> None:
    for table in TABLES:
        status, answer = pair.ask(pair.first, f"/v1/{table}/1?as_of=yesterday")
        assert status == 400 and answer["error"].startswith("as_of: give ")
        assert pair.ask(pair.first, f"/v1/{table}/1?as_off=2024-01-01")[0] == 400
    assert pair.ask(pair.first, "/v1/customer_profile/x?as_of=2024-01-01")[0] == 400


def test_as_of__of_a_dead_instance_nothing_is_made_up(pair: Pair) -> None:
    """Until the group gives its partitions to the other instance, which restores them, what they
    have is not there: then "later" is the answer, and never a part of a row."""
    all_answer(pair, [pair.first])
    rng = random.Random(2)
    pair.second.kill()
    statuses: Counter[tuple[str, int]] = Counter()
    of_customers = 0  # the account is here, and its customer is not
    for question in questions(pair.model, rng, 60):
        statuses[question.table, check(pair, pair.first, question)] += 1
        of_customers += "the customer's partition" in str(pair.first.get(question.path())[1])
    assert of_customers > 0
    assert statuses["customer_profile", 503] > 5, statuses
    assert statuses["customer_profile", 200] == statuses["customer_profile", 404] == 0, statuses
    all_answer(pair, [pair.first])
    check_many(pair, [pair.first], 3)
