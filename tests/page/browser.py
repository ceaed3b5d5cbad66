"""Chromium with the page, as a person uses it: by what is written and by the keyboard."""

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self
from urllib.parse import urldefrag, urlsplit

from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page as Tab
from playwright.sync_api import Request, Route, TimeoutError, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
ZONE = "Europe/Berlin"
HANG_MS = 120000  # how long a test waits before it fails
Colour = tuple[int, int, int]
# The texts of drawings, each with the corners of its place on the whole page.
BOXES_OF_TEXTS = """() => [...document.querySelectorAll('svg text')].filter((t) => t.textContent)
    .map((t) => [t, t.getBoundingClientRect()]).filter(([, b]) => b.width > 0)
    .map(([t, b]) => [`${t.parentNode.getAttribute('class')} ${t.textContent}`,
        b.left + scrollX, b.top + scrollY, b.right + scrollX, b.bottom + scrollY])"""


class Page:
    """A tab. `faults` gathers errors of the script, refusals by the page's policy, and requests to
    other places."""

    def __init__(self, tab: Tab, url: str) -> None:
        self.tab = tab
        self.url = url
        self.faults: list[str] = []
        self.asked: list[str] = []  # the paths of all requests
        tab.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        tab.on("request", self._on_request)
        tab.on("console", lambda m: self._on_console(m.type, m.text))
        tab.set_default_timeout(HANG_MS)

    def _on_request(self, request: Request) -> None:
        if request.url.startswith(self.url):
            self.asked.append(request.url.removeprefix(self.url.rstrip("/")))
        elif not request.url.startswith("data:"):
            self.faults.append(f"a request to {request.url}")

    def _on_console(self, kind: str, text: str) -> None:
        # The browser itself reports each answer that is no success, and each one that is missing.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.faults.append(f"console: {text}")

    def alter(self, path: str, change: Callable[[Any], Any]) -> None:
        """From now on the page gets, instead of an answer, what `change` makes of it."""

        def answer(route: Route) -> None:
            route.fulfill(json=change(route.fetch().json()))

        self.tab.route(lambda url: urlsplit(url).path == path, answer)

    def refuse(self, prefix: str, status: int, error: str) -> None:
        """From now on the paths that begin so have no other answer."""
        self.tab.route(
            lambda url: urlsplit(url).path.startswith(prefix),
            lambda route: route.fulfill(status=status, json={"error": error}),
        )

    def look_up(self, key: str) -> None:
        self.tab.get_by_label("Account or customer id").fill(key)
        self.tab.get_by_role("button", name="Look up").click()

    def stop_clock(self) -> None:
        """From now on the page's time only goes on by `later`."""
        self.tab.clock.pause_at(self.tab.evaluate("() => Date.now() / 1000 + 5"))
        self.wait_answered()

    def wait_answered(self) -> None:
        """Until the page shows the state of now; its clock is stopped."""
        self.tab.wait_for_function(
            "() => document.getElementById('connection').textContent"
            " === 'state of ' + new Date().toTimeString().slice(0, 8)"
        )

    def later(self, seconds: float) -> None:
        """Lets the page's clock jump ahead, so that what it plans happens now."""
        self.tab.clock.fast_forward(int(seconds * 1000))

    def row(self, card: str, exact: bool = True) -> dict[str, str]:
        """The names and values of one card of a lookup."""
        section = self.tab.get_by_role("region", name=card, exact=exact)
        return dict(
            zip(
                section.locator("dt").all_text_contents(),
                section.locator("dd").all_text_contents(),
                strict=True,
            )
        )

    def set_as_of(self, text: str) -> None:
        self.tab.get_by_label("as of (UTC)").fill(text)

    def wait_for(self, text: str) -> None:
        self._wait(f"{text!r} is shown", self.tab.get_by_text(text).first.wait_for)

    def wait_until_gone(self, text: str) -> None:
        locator = self.tab.get_by_text(text).first
        self._wait(f"{text!r} is gone", lambda: locator.wait_for(state="hidden"))

    def _wait(self, what: str, wait: Callable[[], None]) -> None:
        """Fails with what the page shows instead."""
        try:
            wait()
        except TimeoutError as error:
            shown = self.tab.locator("body").inner_text()
            raise AssertionError(f"never {what}; {self.faults}; {self.tab.url}\n{shown}") from error

    def records(self, node: str) -> int:
        """How many records the graph says that a node has."""
        text = self.tab.locator(f'[data-node="{node}"] .records').text_content() or ""
        return int("".join(c for c in text if c.isdigit()) or 0)

    def wait_records(self, node: str, count: int) -> None:
        """Until the graph says that a node has so many."""
        self._wait(
            f"{count} records of {node}",
            lambda: self.tab.wait_for_function(
                "([node, n]) => Number(document.querySelector(`[data-node='${node}'] .records`)"
                ".textContent.replace(/\\D/g, '')) === n",
                arg=[node, count],
            ),
        )

    def wait_drawn(self, chart: str) -> None:
        """Until a chart of the last hour has a line."""
        line = self.tab.locator("figure").filter(has_text=chart).locator("path.line[d*='L']")
        self._wait(f"a line of {chart}", lambda: line.first.wait_for(state="attached"))

    def settle(self) -> None:
        """Until the state is shown, or why there is none, and what was looked up, too."""
        self.tab.wait_for_function(
            "() => document.getElementById('wrong-title').textContent !== 'Connecting…'"
            " && !document.getElementById('found-message').textContent.startsWith('looking')"
        )

    def picture(self, file: Path) -> None:
        self.tab.screenshot(path=file, full_page=True)

    def violations(self) -> list[str]:
        """What axe finds."""
        found = Axe().run(self.tab).response["violations"]
        return [
            f"{v['id']}: {n['target']} {n['failureSummary']}" for v in found for n in v["nodes"]
        ]

    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        width: int = self.tab.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width

    def drawn_contrasts(self) -> dict[str, float]:
        """The contrast of each text in drawings with what is behind it, by the pixels of a picture:
        axe does not look into drawings."""
        before = None
        while before != (boxes := self.tab.evaluate(BOXES_OF_TEXTS)):  # nothing has moved meanwhile
            before = boxes
            picture = Image.open(io.BytesIO(self.tab.screenshot(full_page=True, scale="css")))
        return {
            text: contrast_in(picture.crop((int(x1), int(y1), int(x2) + 1, int(y2) + 1)))
            for text, x1, y1, x2, y2 in boxes
        }


def contrast_in(picture: Image.Image) -> float:
    """Between the most frequent colour, which is the background, and the one farthest from it."""
    pixels: list[Colour] = list(picture.convert("RGB").get_flattened_data())
    background = luminance(Counter(pixels).most_common(1)[0][0])
    return max(contrast(background, luminance(p)) for p in set(pixels))


def contrast(a: float, b: float) -> float:
    """As WCAG 2 defines it."""
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


def luminance(colour: Colour) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in of_one(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def of_one(colour: Colour) -> list[float]:
    return [c / 255 for c in colour]


class Browser:
    def __enter__(self) -> Self:
        self._driver = sync_playwright().start()
        self._chromium = self._driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        return self

    def __exit__(self, *_: object) -> None:
        self._chromium.close()
        self._driver.stop()

    @contextmanager
    def page(
        self, url: str, width: int = 1600, theme: str = "light", token: str = ""
    ) -> Iterator[Page]:
        """A new tab, which knows the token as if its user had logged in."""
        context = self._chromium.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            timezone_id=ZONE,
        )
        if token:
            remember = f"sessionStorage.setItem('streamer.token', {json.dumps(token)})"
            context.add_init_script(remember)
        page = Page(context.new_page(), urldefrag(url).url)
        page.tab.clock.install()
        try:
            page.tab.goto(url)
            yield page
        finally:
            page.tab.unroute_all(behavior="ignoreErrors")
            context.close()
