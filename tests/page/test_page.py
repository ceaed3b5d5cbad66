"""The operator's page in Chromium, against a running processor on Apache Kafka. The tests build on
each other's records, so they run in this order. States that a processor cannot be brought into
cheaply are made of its answers (scenes.py)."""

import base64
import hashlib
import http.client
import re
from collections.abc import Iterator
from itertools import product
from urllib.parse import urlsplit

import pytest
from browser import Browser, Page
from kafka import ROOT
from rows import (
    BIG_CUSTOMER,
    EVIL,
    LONG_ACCOUNT,
    LONG_CUSTOMER,
    LONG_ID,
    LONG_NAME,
    YAMADA,
    YAMADAS_ACCOUNTS,
    accepted,
    account,
    customer,
    rejected,
)
from scenes import LONG_URL, restoring
from world import TOKEN, World, running_world, url_of

BUILD = ROOT / "build" / "release"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with running_world(tmp_path_factory.mktemp("world")) as running:
        yield running


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    """Logged in, in a wide and light window."""
    with browser.page(world.url, token=TOKEN) as shown:
        shown.settle()
        yield shown
        assert shown.faults == []


# --- before the first record


def test_page__no_broker(browser: Browser, world: World) -> None:
    with (
        world.waiting_instance() as streamer,
        browser.page(url_of(streamer), 400, "dark", TOKEN) as page,
    ):
        page.wait_for("not ready: waiting for the brokers")
        page.wait_for("No task is running.")
        page.wait_for("Nothing is known of it yet.")
        assert page.violations() == []
        assert page.overflow() == 0
        assert page.faults == []


def test_page__login_and_empty_topics(browser: Browser, world: World) -> None:
    with browser.page(world.url) as page:
        page.wait_for("This instance asks for its token")
        assert not page.tab.get_by_role("heading", name="Five layers").is_visible()
        assert page.violations() == []
        page.tab.get_by_label("Token", exact=True).fill("wrong")
        page.tab.keyboard.press("Enter")
        page.wait_for("This is not the token.")
        page.tab.get_by_label("Token", exact=True).fill(TOKEN)
        page.tab.get_by_role("button", name="Log in").click()
        page.wait_for("Five layers")
        page.wait_until_gone("This instance asks for its token")
        for text in ("no record yet", "none yet", "No record was rejected."):
            page.wait_for(text)
        page.wait_for("accounts: the topic has no record")
        kept = page.tab.evaluate("() => [document.cookie, localStorage.length]")
        assert kept == ["", 0]
        page.tab.get_by_role("button", name="Forget the token").click()
        page.wait_for("This instance asks for its token")
        assert page.faults == []


# --- records flow


def test_page__counts_move(page: Page, world: World) -> None:
    before = page.records("customers")
    world.publish("customers", *YAMADA)
    world.publish("accounts", *YAMADAS_ACCOUNTS)
    page.wait_records("customers", before + len(YAMADA))
    page.wait_records("accounts", before + len(YAMADAS_ACCOUNTS))
    assert page.records("account_history") > before
    page.wait_for("Nothing is wrong")


def test_page__as_of_changes_every_row(page: Page) -> None:
    page.look_up("A-2004")
    page.wait_for("21525.51")
    assert page.row("Account now")["balance_amount"] == "21000.50"
    assert page.row("Summary")["interest_rate_pct"] == "0.025"
    assert page.row("Why")["account record"].startswith("accounts/")
    page.set_as_of("2025-02-15T12:00:00")
    page.wait_for("Account at 2025-02-15 12:00")
    assert page.row("Account at 2025-02-15 12:00")["balance_amount"] == "19999.99"
    assert page.row("Joined row")["has_loan_flag"] == "false"
    assert page.row("Joined row")["customer_name"] == "山田 太郎"
    assert page.row("Summary")["new_balance_amount"] == "20299.99"
    assert "as_of=2025-02-15T12" in page.tab.url
    page.look_up("1004")
    page.set_as_of("2025-02-15T12:00:00")
    page.wait_for("Customer at 2025-02-15 12:00")
    assert page.row("Profile")["total_balance_amount"] == "20249.99"
    page.tab.get_by_role("button", name="Now").click()
    page.wait_for("Customer now")
    assert page.row("Profile")["total_balance_amount"] == "21250.50"
    page.tab.locator(".timeline svg").click(position={"x": 30, "y": 30})
    page.wait_for("Customer at 2025-0")
    assert page.row("Customer at 2025-0", exact=False)["has_loan_flag"] == "false"


def test_page__an_orphan_joins_and_its_check_comes_and_goes(page: Page, world: World) -> None:
    world.publish("accounts", account("A-8", 8, "1", "2026-01-01"))
    page.look_up("A-8")
    page.wait_for("customer 8 is not known yet")
    page.tab.locator("#failures").get_by_text("intermediate.orphans").wait_for()
    page.tab.locator("#wrong").get_by_text("the account has waited long").wait_for()
    assert page.tab.title().startswith("(1) ")
    page.wait_for("1 warns of ")
    world.publish("customers", customer(8, "Bo", "2026-01-01"))
    page.tab.get_by_role("region", name="Joined row").get_by_text("bo", exact=True).wait_for()
    page.wait_for("Nothing is wrong")
    page.tab.locator("#failures").get_by_text("intermediate.orphans").wait_for(state="hidden")


def test_page__a_failing_check_comes_and_goes(browser: Browser, world: World) -> None:
    """Everybody can read it meanwhile, at every size and in both themes."""
    bad = rejected(40)
    world.publish("accounts", *bad)
    for width, theme in product((1600, 400), ("light", "dark")):
        with browser.page(world.url, width, theme, TOKEN) as page:
            page.wait_for("records lately rejected: invalid_balance 40")
            page.look_up("A-2004")
            page.wait_for("Account now")
            page.tab.get_by_text("5 versions").click()
            page.tab.get_by_text("All checks by layer").click()
            page.wait_for("pipeline.conservation")
            page.wait_for("Invalid balance: negative value (***)")
            assert page.violations() == []
            assert page.overflow() == 0
            assert {t: c for t, c in page.drawn_contrasts().items() if c < 3} == {}
            assert page.faults == []
    with browser.page(world.url, token=TOKEN) as page:
        page.wait_for("records lately rejected")
        words = page.tab.locator("#problems li").first.inner_text()
        assert re.fullmatch(
            r"fails\s+accounts: 40 of \d+ records lately rejected: invalid_balance 40\s+"
            r"source\.rejected\.accounts, since \d\d:\d\d, \d+ (s|min) ago",
            words,
        )
        assert "1 problem: accounts: 40 of" in (page.tab.locator("#spoken").text_content() or "")
        assert page.tab.title().startswith("(1) accounts: 40 of ")
        world.publish("customers", customer(77, "Much", "2026-01-01"))
        world.publish("accounts", *accepted(60))
        page.wait_for("Nothing is wrong")
        page.wait_drawn("Records")
        assert page.faults == []


# --- looking up


def test_page__long_ids_and_names_are_whole(browser: Browser, world: World) -> None:
    world.publish("customers", LONG_CUSTOMER)
    world.publish("accounts", LONG_ACCOUNT)
    with browser.page(world.url, 400, token=TOKEN) as page:
        page.settle()
        page.look_up(LONG_ID)
        page.wait_for(f"Account {LONG_ID}")
        page.wait_for(LONG_NAME)
        assert page.row("Joined row")["customer_id"] == str(BIG_CUSTOMER)
        assert page.row("Account now")["balance_amount"] == "9999999999999999.99"
        assert page.overflow() == 0
        page.look_up(str(BIG_CUSTOMER))
        page.wait_for(f"Customer {BIG_CUSTOMER}")
        page.tab.get_by_role("link", name=LONG_ID).click()
        page.wait_for(f"Account {LONG_ID}")
        assert page.overflow() == 0
        assert page.faults == []


def test_page__texts_from_outside_stay_texts(page: Page, world: World) -> None:
    world.publish("customers", customer(666, EVIL, "2026-01-01"))
    world.publish(
        "accounts",
        account(EVIL, 666, "1.00", "2026-01-01"),
        account(EVIL, 666, "worthless", "2026-01-02"),
    )
    page.look_up(EVIL)
    page.wait_for(f"Account {EVIL}")
    page.tab.locator("#quarantine-newest").get_by_text(f"id {EVIL}").first.wait_for()
    page.look_up("666")
    page.wait_for("Customer 666")
    assert page.row("Customer now")["customer_name"] == EVIL
    assert page.tab.locator("img, body script:not([type=module])").count() == 0


def test_page__lookup_by_keyboard(page: Page) -> None:
    page.tab.get_by_label("Account or customer id").focus()
    page.tab.keyboard.type("A-2004")
    page.tab.keyboard.press("Enter")
    page.wait_for("Account now")
    assert page.tab.evaluate("() => document.activeElement.id") == "found-title"
    page.tab.get_by_text("5 versions").focus()
    page.tab.keyboard.press("Enter")
    page.tab.keyboard.press("Tab")
    page.tab.keyboard.press("Tab")
    page.tab.keyboard.press("Enter")
    page.wait_for("Account at 2025-11-02")
    assert page.row("Account at 2025-11-02")["balance_amount"] == "16500.00"
    page.tab.go_back()
    page.wait_for("Account now")
    asked = [path for path in page.asked if re.match("/v1/(acc|cus|why)", path)]
    assert asked and all("forwarded=0" in path for path in asked)  # it cannot follow a redirect


def test_page__lookup_says_why_there_is_nothing(page: Page, world: World) -> None:
    world.publish("accounts", account("A-9", 9, "1", "2026-01-01"))
    world.publish("accounts", account("A-3001", 1004, "1", "2026-01-01") | {"__deleted": "true"})
    for key, text in {
        "A-404": "No account A-404 was ever seen.",
        "404": "No account and no customer 404 was ever seen.",
        "A-9": "None: customer 9 is not known yet.",
    }.items():
        page.look_up(key)
        page.wait_for(text)
    page.tab.evaluate("location.hash = 'id=A-2004&as_of=yesterday'")
    page.wait_for("“yesterday” is no time. This is what is so now.")
    assert page.row("Account now")["balance_amount"] == "21000.50"
    page.refuse("/v1/account", 503, "the id's partition is being restored")
    page.look_up("A-2004")
    page.wait_for("It cannot be had now: the id's partition is being restored")


def test_page__a_customer_of_many_accounts(page: Page) -> None:
    page.look_up("77")
    page.wait_for("The first 20:")
    page.tab.get_by_role("button", name="More accounts").click()
    page.tab.get_by_role("link", name="M-59").click()
    page.wait_for("Account M-59")


# --- what it asks


def test_page__a_silent_instance(page: Page) -> None:
    page.tab.context.set_offline(True)
    page.later(2)
    page.wait_for("showing the state of")
    told = page.tab.locator("#problems li").first.inner_text()
    assert re.search(
        r"no answer for \d+ s, showing the state of \d\d:\d\d:\d\d "
        r"\(the instance cannot be reached, next try in \d+ s\)",
        told,
    )
    assert page.tab.locator("#spoken").text_content() == "The instance does not answer any more."
    asked = len(page.asked)
    for seconds in (2, 4, 8):  # it asks less and less often
        page.later(seconds)
        page.tab.wait_for_timeout(100)
    assert len(page.asked) - asked <= 4
    page.tab.context.set_offline(False)
    page.later(30)
    page.wait_until_gone("showing the state of")
    assert page.tab.locator("#spoken").text_content() != "The instance does not answer any more."


def test_page__asks_little(page: Page) -> None:
    """The last hour only every ten seconds, and nothing while nobody looks."""
    page.stop_clock()
    first, before = page.asked[1], len(page.asked)
    for _ in range(4):
        page.later(2)
        page.wait_answered()
    asked = page.asked[before:]
    assert first == "/v1/status?all=true&history=true"
    assert len(asked) == 4
    assert set(asked) <= {first, "/v1/status?all=true"}
    assert asked.count(first) <= 1
    page.tab.evaluate(
        "() => { Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    count = len(page.asked)
    page.later(60)
    page.tab.wait_for_timeout(100)
    assert len(page.asked) == count
    with page.tab.expect_response(re.compile("/v1/status")):
        page.tab.evaluate(
            "() => { delete document.hidden;"
            " document.dispatchEvent(new Event('visibilitychange')); }"
        )


# --- instances come and go


def test_page__a_long_restore(browser: Browser, world: World) -> None:
    with browser.page(world.url, 400, "dark", TOKEN) as page:
        page.settle()
        page.alter("/v1/status", restoring)
        for text in (
            "not ready: restoring state, 3400112 records left",
            "streamer-c:9464: it does not answer: Timeout was reached",
            "1\u202f204\u202f331 of 4\u202f604\u202f443 records",
            "partition 9: it is not known yet which instance has these partitions",
            "the end is not known yet",
            "Partitions 0–3: running",
            LONG_URL.removeprefix("http://"),
        ):
            page.wait_for(text)
        assert page.violations() == []
        assert page.overflow() == 0
        assert page.faults == []


def test_page__a_second_instance_comes_and_goes(page: Page, world: World) -> None:
    heading = page.tab.get_by_role("heading", name="Instances")
    assert not heading.is_visible()
    with world.instance("second") as second:
        second.wait_ready()
        heading.wait_for()
        assert page.tab.locator("#instance-list > li").count() == 2
        for key in ("M-10", "M-11", "M-12", "M-13"):  # of both instances
            page.look_up(key)
            row = page.tab.get_by_role("region", name="Account now", exact=True)
            row.get_by_text(key, exact=True).wait_for()
        second.kill()
        gone = page.tab.locator("#problems").get_by_text("it does not answer")
        gone.wait_for()
        page.tab.locator("#instance-list").get_by_text("does not answer", exact=True).wait_for()
    heading.wait_for(state="hidden")
    gone.wait_for(state="hidden")


def test_page__a_lost_broker(page: Page, world: World) -> None:
    world.broker.kill()
    page.wait_for(f"broker {world.broker.bootstrap} cannot be reached")


# --- what is served


def headers(world: World) -> dict[str, str]:
    connection = http.client.HTTPConnection(urlsplit(world.url).netloc, timeout=60)
    connection.request("GET", "/")
    reply = connection.getresponse()
    assert reply.status == 200
    assert reply.read() == (BUILD / "page.html").read_bytes()
    connection.close()
    return dict(reply.getheaders())


def test_page__its_policy_allows_its_own_parts_only(world: World) -> None:
    text = (BUILD / "page.html").read_text()
    served = headers(world)
    policy = dict(
        part.strip().partition(" ")[::2] for part in served["Content-Security-Policy"].split(";")
    )
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(rf"<{tag}(?: type=\"module\")?>(.+?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert policy[directive] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["img-src"] == "data:"
    assert policy["require-trusted-types-for"] == "'script'"
    assert served["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in served
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
