"""`./dev pictures` takes pictures of the page of a running processor: those of README.md, in
screenshots/; with FOLDER, one of each scene, width and theme, to look at. They look best with the
fonts of the package fonts-noto-core."""

import sys
import tempfile
import time
from itertools import product
from pathlib import Path

from browser import Browser, Page
from PIL import Image
from rows import LONG_ACCOUNT, LONG_CUSTOMER, LONG_ID, YAMADA, YAMADAS_ACCOUNTS, account, customer
from scenes import restoring
from world import TOKEN, World, running_world

SCREENSHOTS = Path(__file__).parent / "screenshots"
COLOURS = 128  # of a picture, so that it is small
LOAD_S = 90
# A feed that is silent for a while, and a few more rejected records than usual.
SETTINGS = {
    "freshness.warn": "60s",
    "quality.quarantine.warn": "0.005",
    "quality.quarantine.error": "0.01",
}
# A scene, what is behind the page's address, and what shows that it is there.
SCENES = (
    ("failing", "", "What is wrong"),
    ("restoring", "", "streamer-c:9464"),
    ("account", "#id=A-2004", "Account now"),
    ("as-of", "#id=A-2004&as_of=2025-06-01T00:00Z", "Account at 2025-06-01"),
    ("customer", "#id=1004", "Customer now"),
    ("long", f"#id={LONG_ID}", "Account now"),
    ("unknown", "#id=A-404", "was ever seen"),
    ("login", "", "asks for its token"),
)


def fill(world: World) -> None:
    """A quiet feed of customers, and a busy one of accounts."""
    world.publish("customers", *YAMADA, LONG_CUSTOMER)
    world.publish("customers", *(customer(i, f"Bo {i}", "2026-01-01") for i in range(2000, 4000)))
    world.publish("accounts", *YAMADAS_ACCOUNTS, LONG_ACCOUNT, account("A-9", 9, "1", "2026-01-01"))
    for second in range(LOAD_S):
        world.publish("accounts", *load_of(second))
        time.sleep(1)


def load_of(second: int) -> list[dict[str, object]]:
    """More in the middle than at the ends; one of 64 is rejected."""
    numbers = range(second * 100, second * 100 + 40 + min(second, LOAD_S - second))
    return [
        account(f"B-{n}", 2000 + n % 2000, f"{n}.50" if n % 64 else "n/a", "2026-01-01")
        for n in numbers
    ]


def of_everything(browser: Browser, world: World, folder: Path) -> None:
    for (name, behind, text), width, theme in product(SCENES, (400, 1600), ("light", "dark")):
        token = "" if name == "login" else TOKEN
        with browser.page(world.url + behind, width, theme, token) as page:
            if name == "restoring":
                page.alter("/v1/status", restoring)
            page.wait_for(text)
            page.picture(folder / f"{name}-{width}-{theme}.png")


def of_readme(browser: Browser, world: World) -> None:
    with browser.page(world.url, 1280, "light", TOKEN) as page:
        page.wait_for("What is wrong")
        page.picture(SCREENSHOTS / "page.png")
    behind = "#id=A-2004&as_of=2025-06-01T00:00Z"
    with browser.page(world.url + behind, 1280, "dark", TOKEN) as page:
        page.wait_for("Account at 2025-06-01")
        picture_of_lookup(page)
    for file in SCREENSHOTS.glob("*.png"):
        make_small(file)


def picture_of_lookup(page: Page) -> None:
    page.tab.get_by_text("5 versions").click()
    page.tab.locator("#found").screenshot(path=SCREENSHOTS / "lookup.png")


def make_small(file: Path) -> None:
    Image.open(file).convert("RGB").quantize(COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as directory,
        running_world(Path(directory), SETTINGS) as running,
        Browser() as chromium,
    ):
        fill(running)
        if len(sys.argv) > 1:
            of_everything(chromium, running, Path(sys.argv[1]))
        else:
            of_readme(chromium, running)
