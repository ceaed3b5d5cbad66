"""The operator's page in Chromium. What needs running instances is shown on the stand-in and, with
PAGE_WORLDS=cluster, on the program; what a cluster rarely shows, on the stand-in alone."""

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterator

import pytest
from browser import Browser, Page
from scenes import BIG_CUSTOMER, LONG_ID, LONG_NAME, SCENES, account, customer, fill_rows
from standin import BUILD, StandIn
from worlds import TOKEN, World, cluster_world, standin_world

WORLDS = os.environ.get("PAGE_WORLDS", "standin").split(",")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser() as running:
        yield running


@pytest.fixture(scope="module", params=WORLDS)
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    directory = tmp_path_factory.mktemp("world")
    with standin_world() if request.param == "standin" else cluster_world(directory) as running:
        yield running


@pytest.fixture
def page(browser: Browser, world: World) -> Iterator[Page]:
    """Logged in."""
    with browser.page(world.url, token=TOKEN) as shown:
        yield shown
        assert shown.faults == []


@pytest.fixture
def standin() -> Iterator[StandIn]:
    with StandIn().serving() as running:
        yield running


Shown = Callable[..., Page]


@pytest.fixture
def shown(browser: Browser, standin: StandIn) -> Iterator[Shown]:
    """Opens the stand-in's page, once a test."""
    with pytest.MonkeyPatch.context():
        contexts = []

        def show(width: int = 1600, theme: str = "light", token: str = "") -> Page:
            context = browser.page(standin.url, width, theme, token)
            contexts.append(context)
            page = context.__enter__()
            page.settle()
            return page

        yield show
        for context in contexts:
            context.__exit__(None, None, None)


# --- with running instances


def test_page__login(browser: Browser, world: World) -> None:
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
        page.tab.get_by_role("button", name="Forget the token").click()
        page.wait_for("This instance asks for its token")
        assert page.faults == []


def test_page__counts_move(page: Page, world: World) -> None:
    page.settle()
    before = page.records("customers")
    world.publish(
        "customers", customer_id=9, customer_name="x", has_loan="no", updated_at="2026-01-01"
    )
    page.later(2)
    page.tab.wait_for_function(
        "(n) => Number(document.querySelector('[data-node=\"customers\"] .records')"
        ".textContent.replace(/\\D/g, '')) === n",
        arg=before + 1,
    )


def test_page__as_of_changes_every_row(page: Page, world: World) -> None:
    for row in (
        {"customer_name": "Ada", "has_loan": "no", "updated_at": "2026-01-01"},
        {"customer_name": "Ada King", "has_loan": "yes", "updated_at": "2026-03-01"},
    ):
        world.publish("customers", customer_id=7, **row)
    for balance, at in (("1000.00", "2026-01-02"), ("2000.00", "2026-02-01")):
        world.publish(
            "accounts",
            account_id="A7",
            customer_id=7,
            balance_amount=balance,
            account_type="savings",
            updated_at=at,
        )
    page.look_up("A7")
    page.wait_for("2030.00")
    page.wait_for("ada king")
    assert page.row("Summary")["interest_rate_pct"] == "0.015"
    page.set_as_of("2026-01-15T12:00:00")
    page.wait_for("Account at 2026-01-15 12:00")
    assert page.row("Account at 2026-01-15 12:00")["balance_amount"] == "1000.00"
    assert page.row("Joined row")["customer_name"] == "ada"
    assert page.row("Summary")["new_balance_amount"] == "1010.00"
    assert "as_of=2026-01-15T12" in page.tab.url
    page.tab.get_by_role("button", name="Now").click()
    page.wait_for("Account now")
    assert page.row("Account now")["balance_amount"] == "2000.00"


def test_page__an_orphan_joins_and_its_check_comes_and_goes(page: Page, world: World) -> None:
    world.publish(
        "accounts",
        account_id="A8",
        customer_id=8,
        balance_amount="1",
        account_type="savings",
        updated_at="2026-01-01",
    )
    page.look_up("A8")
    page.wait_for("customer 8 is not known yet")
    page.later(2)
    page.tab.locator("#failures").get_by_text("intermediate.orphans").wait_for()
    page.tab.locator("#wrong").get_by_text("waits").wait_for()
    assert page.tab.title().startswith("(1) ")
    page.tab.get_by_text("1 check warns").wait_for()
    world.publish(
        "customers", customer_id=8, customer_name="Bo", has_loan="no", updated_at="2026-01-01"
    )
    page.later(6)
    page.tab.get_by_role("region", name="Joined row").get_by_text("bo", exact=True).wait_for()
    page.wait_for("Nothing is wrong")
    page.tab.locator("#failures").get_by_text("intermediate.orphans").wait_for(state="hidden")


def test_page__a_second_instance_comes_and_goes(page: Page, world: World) -> None:
    page.settle()
    heading = page.tab.get_by_role("heading", name="Instances")
    assert not heading.is_visible()
    with world.second_instance():
        page.later(2)
        heading.wait_for()
        assert page.tab.locator("#instance-list > li").count() == 2
    page.later(2)
    heading.wait_for(state="hidden")


# --- how it looks


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1600])
def test_page__everybody_can_read_it(
    shown: Shown, standin: StandIn, width: int, theme: str
) -> None:
    SCENES["failing"](standin)
    page = shown(width, theme)
    page.look_up("A-2004")
    page.wait_for("Account now")
    page.tab.get_by_text("5 versions").click()
    page.tab.get_by_text("All checks by layer").click()
    page.wait_for("pipeline.conservation")
    page.settle()
    assert page.violations() == []
    assert page.overflow() == 0
    faint = {text: c for text, c in page.drawn_contrasts().items() if c < 3}
    assert faint == {}
    assert page.faults == []


@pytest.mark.parametrize("name", ["restoring", "empty", "starting"])
def test_page__other_scenes(shown: Shown, standin: StandIn, name: str) -> None:
    SCENES[name](standin)
    page = shown(400, "dark")
    assert page.violations() == []
    assert page.overflow() == 0
    assert page.faults == []
    for text in {
        "restoring": [
            "not ready: restoring state, 3,400,112 records left",
            "streamer-c:9464 does not answer: no answer within 3 s",
            "1\u202f204\u202f331 of 4\u202f604\u202f443 records",
            "the end is not known yet",
            "Partitions 0–2: running",
        ],
        "empty": ["no record yet", "none yet", "No record was rejected.", "Nothing is wrong"],
        "starting": ["not ready: waiting for the brokers", "No task is running."],
    }[name]:
        assert page.tab.get_by_text(text).first.is_visible(), text


def test_page__words_for_what_is_wrong(shown: Shown, standin: StandIn) -> None:
    SCENES["failing"](standin)
    page = shown()
    texts = page.tab.locator("#problems li").all_text_contents()
    assert [re.sub(r"since.*?, ", "", text) for text in texts] == [
        "failsmarts: 3 rows: interest or new balance is not what the rate gives 26 min ago",
        "warnsaccounts: no event for 26 h 2 h ago",
        "warns1 account waits for its customer for over 1 h 3 d ago",
        "warnsbroker kafka-2.example.internal:9092 cannot be reached 31 min ago",
    ]
    assert "26 h ago, warns since" in page.tab.locator("#inputs").inner_text()
    assert "4 problems: marts: 3 rows" in (page.tab.locator("#spoken").text_content() or "")


def test_page__long_ids_and_names_are_whole(shown: Shown, standin: StandIn) -> None:
    SCENES["busy"](standin)
    standin.topics["account_with_customer"] = "bank.eu.prod." + "x" * 60
    page = shown(400)
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


def test_page__texts_from_outside_stay_texts(shown: Shown, standin: StandIn) -> None:
    evil = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    at = "2026-01-01"
    standin.rows.put("customers", "1", at, customer(1, evil, True))
    standin.rows.put("accounts", evil, at, account(evil, 1, "1.00"))
    standin.problems = [{"text": evil, "status": "fail", "since": None, "subject": evil}]
    standin.topics["customers"] = evil
    page = shown()
    page.look_up(evil)
    page.wait_for(f"Account {evil}")
    page.look_up("1")
    page.wait_for("Customer 1")
    assert page.row("Customer now")["customer_name"] == evil
    assert page.tab.locator("img, body script:not([type=module])").count() == 0
    assert page.faults == []


# --- how it is used


def test_page__lookup_by_keyboard(shown: Shown, standin: StandIn) -> None:
    fill_rows(standin)
    page = shown()
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
    asked = [path for path in standin.requests if re.match("/v1/(acc|cus|why)", path)]
    assert asked and all("forwarded=0" in path for path in asked)  # it cannot follow a redirect


def test_page__lookup_says_why_there_is_nothing(shown: Shown, standin: StandIn) -> None:
    fill_rows(standin)
    standin.rows.put("accounts", "A-3000", "2026-10-01", None)
    page = shown()
    for key, text in {
        "A-404": "No account A-404 was ever seen.",
        "404": "No account and no customer 404 was ever seen.",
        "A-3000": "There is no such account. Its last version ended 2026-10-01.",
        "A-9999": "None: customer 77 is not known yet.",
    }.items():
        page.look_up(key)
        page.wait_for(text)
    standin.answering = 503, {"error": "the id's partition is being restored"}
    page.look_up("A-2004")
    page.wait_for("It cannot be had now: the id's partition is being restored")


def test_page__a_customer_of_many_accounts(shown: Shown, standin: StandIn) -> None:
    fill_rows(standin)
    for number in range(30):
        key = f"M-{number:02}"
        standin.rows.put("accounts", key, "2026-01-01", account(key, 1004, "1.00"))
    page = shown()
    page.look_up("1004")
    page.wait_for("The first 20:")
    page.tab.get_by_role("button", name="More accounts").click()
    page.tab.get_by_role("link", name="M-29").click()
    page.wait_for("Account M-29")


def test_page__a_silent_instance(shown: Shown, standin: StandIn) -> None:
    SCENES["busy"](standin)
    page = shown()
    standin.silent = True
    page.later(2)
    page.wait_for("showing the state of")
    told = page.tab.locator("#problems li").first.inner_text()
    assert re.search(
        r"no answer for \d+ s, showing the state of \d\d:\d\d:\d\d "
        r"\(the instance cannot be reached, next try in \d+ s\)",
        told,
    )
    assert page.tab.locator("#spoken").text_content() == "The instance does not answer any more."
    asked = len(standin.requests)
    for seconds in (2, 4, 8):  # it asks less and less often
        page.later(seconds)
        page.tab.wait_for_timeout(100)
    assert len(standin.requests) - asked <= 4
    standin.silent = False
    page.later(30)
    page.wait_until_gone("showing the state of")
    assert page.tab.locator("#spoken").text_content() != "The instance does not answer any more."


def test_page__asks_little(shown: Shown, standin: StandIn) -> None:
    """The last hour only every ten seconds, and nothing while nobody looks."""
    page = shown()
    page.stop_clock()
    first, before = standin.requests[1], len(standin.requests)
    for _ in range(4):
        page.later(2)
        page.wait_answered()
    asked = standin.requests[before:]
    assert first == "/v1/status?all=true&history=true"
    assert set(asked) <= {first, "/v1/status?all=true"}
    assert asked.count(first) <= 1
    page.tab.evaluate(
        "() => { Object.defineProperty(document, 'hidden', { value: true, configurable: true });"
        " document.dispatchEvent(new Event('visibilitychange')); }"
    )
    count = len(standin.requests)
    page.later(60)
    page.tab.wait_for_timeout(100)
    assert len(standin.requests) == count
    with page.tab.expect_response(re.compile("/v1/status")):
        page.tab.evaluate(
            "() => { delete document.hidden;"
            " document.dispatchEvent(new Event('visibilitychange')); }"
        )


# --- what is served


def test_page__its_policy_allows_its_own_parts_only() -> None:
    text = (BUILD / "page.html").read_text()
    policy = dict(
        part.strip().partition(" ")[::2] for part in (BUILD / "page.policy").read_text().split(";")
    )
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(rf"<{tag}(?: type=\"module\")?>(.+?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert policy[directive] == f"'sha256-{digest}'"
    assert policy["default-src"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["require-trusted-types-for"] == "'script'"
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text)
