"""Pictures of every page, light and dark, wide and narrow, in both languages: `python tests/screenshots.py [NAME]`.

They are written to tests/screenshots/, which git ignores; NAME keeps only those whose name contains it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from browser.serving import SETTLED, chromium, showing
from playwright.sync_api import Browser, sync_playwright

FOLDER = Path(__file__).parent / "screenshots"
PAGES = ("compare", "images", "scores", "inspect", "stress", "live", "learn", "export")


@dataclass(frozen=True)
class Shot:
    name: str
    path: str = "/"
    state: str = "done"
    theme: str = "light"
    width: int = 1440
    height: int = 900
    full: bool = False


def shots() -> list[Shot]:
    made = []
    for page in PAGES:
        path = "/" if page == "compare" else f"/{page}"
        made += [
            Shot(f"{page}-light", path),
            Shot(f"{page}-dark", f"{path}?product=leather&colour=mako&focus=padim", theme="dark"),
            Shot(f"{page}-korean", f"{path}?language=ko"),
            Shot(f"{page}-narrow", path, width=420, height=1040),
        ]
    made += [
        Shot(f"compare-{state}", state=state)
        for state in ("before", "running", "stale", "failed", "unlabelled", "no_threshold")
    ]
    made += [
        Shot("compare-two", "/?backbones=efficientnet_lite0,resnet18", state="two"),
        Shot("compare-narrow-korean", "/?language=ko", width=420, height=1040),
        Shot("compare-narrow-dark", "/?product=link", theme="dark", width=420, height=1040),
        Shot("compare-present", "/?present=1"),
        Shot("compare-full", full=True),
    ]
    return made


def take(browser: Browser, address: str, shot: Shot) -> None:
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height}, color_scheme=shot.theme, reduced_motion="reduce"
    )
    page = context.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(address + shot.path)
    page.wait_for_selector(SETTLED, timeout=60_000)
    page.wait_for_selector("h1", timeout=60_000)
    page.wait_for_timeout(1200)  # pictures are decoded after the script ends
    page.screenshot(path=FOLDER / f"{shot.name}.png", full_page=shot.full)
    context.close()
    print(shot.name, *failures)


def main(wanted: str = "") -> None:
    executable = chromium()
    if executable is None:
        raise SystemExit("There is no Chromium; name one in ODD_CHROMIUM.")
    FOLDER.mkdir(exist_ok=True)
    chosen = [shot for shot in shots() if wanted in shot.name]
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=executable)
        for state in dict.fromkeys(shot.state for shot in chosen):
            with showing(state) as address:
                for shot in chosen:
                    if shot.state == state:
                        take(browser, address, shot)
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:2])
