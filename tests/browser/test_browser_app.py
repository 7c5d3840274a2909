"""The whole thing in a real Chromium: the app as a person starts it, with its workers and the built-in pictures."""

import os
import time

import pytest

sync_api = pytest.importorskip(
    "playwright.sync_api", reason="playwright is not installed: the browser tests are skipped"
)

from browser.serving import chromium, serving  # noqa: E402

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(
        chromium() is None, reason="NO CHROMIUM: install one or name it in ODD_CHROMIUM; nothing was looked at"
    ),
]
MINUTES = 180_000  # milliseconds: a busy machine may take its time


@pytest.fixture(scope="module")
def address():
    with serving("app.py", ODD_CACHE=os.environ["ODD_CACHE"]) as url:
        yield url


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium())
        yield browser
        browser.close()


@pytest.fixture
def visit(browser):
    contexts, failures = [], []

    def opened(url):
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-GB")
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: failures.append(str(error)))
        page.goto(url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert failures == []


def finished(page):
    page.get_by_text("Up to date").or_(page.get_by_text("Someone ran these choices")).wait_for(timeout=MINUTES)


def test_the_demo_runs_by_itself_and_shows_five_methods(visit, address):
    page = visit(address)
    finished(page)
    page.locator(".tile canvas").first.wait_for(timeout=MINUTES)
    heads = page.locator(".head").all_inner_texts()
    for title in ("SPADE", "MahalanobisAD", "PaDiM", "PatchCore", "CFA"):
        assert any(title in head and "missed" in head for head in heads), heads
    assert page.locator("section[data-testid=stSidebar]").get_by_text("48 normal").count() == 1


def test_a_copied_link_opens_the_same_experiment_and_shares_its_result(visit, address):
    first = visit(f"{address}/?methods=mahalanobis,padim&seed=5")
    finished(first)
    second = visit(first.url)
    second.get_by_text("Someone ran these choices").wait_for(timeout=MINUTES)
    assert second.url == first.url
    second.locator(".head").nth(2).wait_for(timeout=MINUTES)
    heads = [head.split("\n")[0] for head in second.locator(".head").all_inner_texts()]
    assert heads == ["Picture", "MahalanobisAD", "PaDiM"]
    assert first.locator(".head").all_inner_texts() == second.locator(".head").all_inner_texts()


def test_a_run_can_be_cancelled_and_what_is_there_stays(visit, address):
    page = visit(f"{address}/?methods=mahalanobis,cfa&preset=paper&seed=6")
    page.get_by_text("training", exact=False).first.wait_for(timeout=MINUTES)
    started = time.monotonic()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Run to update").wait_for(timeout=MINUTES)
    assert time.monotonic() - started < 10
    page.get_by_role("button", name="Cancel").wait_for(state="detached", timeout=10_000)
    heads = page.locator(".head").all_inner_texts()
    assert any("MahalanobisAD" in head and "missed" in head for head in heads)
