"""Takes pictures of the page: `pictures.py` those of README.md, in screenshots/; `pictures.py
FOLDER` one of each scene, width and theme, to look at. They look best with the fonts of the
packages fonts-noto-core and fonts-ipafont-gothic."""

import sys
from pathlib import Path

from browser import Browser, Page
from PIL import Image
from scenes import SCENES
from standin import StandIn

SCREENSHOTS = Path(__file__).parent / "screenshots"
COLOURS = 128  # of a picture, so that it is small


def make_small(file: Path) -> None:
    Image.open(file).convert("RGB").quantize(COLOURS).save(file, optimize=True)


def of_everything(browser: Browser, folder: Path) -> None:
    for name, scene in SCENES.items():
        for width in (400, 1000, 1600):
            for theme in ("light", "dark"):
                world = StandIn()
                scene(world)
                with world.serving(), browser.page(world.url, width, theme) as page:
                    page.settle()
                    page.picture(folder / f"{name}-{width}-{theme}.png")


def of_readme(browser: Browser) -> None:
    world = StandIn()
    SCENES["failing"](world)
    with world.serving():
        with browser.page(world.url, 1280, "light") as page:
            page.settle()
            page.picture(SCREENSHOTS / "page.png")
        with browser.page(f"{world.url}#id=A-2004&as_of=2025-06-01T00:00Z", 1280, "dark") as page:
            page.wait_for("Account at 2025-06-01")
            picture_of_lookup(page)
    for file in SCREENSHOTS.glob("*.png"):
        make_small(file)


def picture_of_lookup(page: Page) -> None:
    page.tab.get_by_text("5 versions").click()
    page.tab.locator("#found").screenshot(path=SCREENSHOTS / "lookup.png")


if __name__ == "__main__":
    with Browser() as running:
        if len(sys.argv) > 1:
            of_everything(running, Path(sys.argv[1]))
        else:
            of_readme(running)
