"""The whole thing in a real Chromium: the app as a person starts it, with its workers and the built-in pictures."""

import time

import pytest

pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api").expect
MINUTES = 180_000  # milliseconds: a busy machine may take its time


def finished(page):
    page.get_by_text("Up to date").or_(page.get_by_text("Someone ran these choices")).wait_for(timeout=MINUTES)


def test_the_demo_runs_by_itself_and_shows_five_methods(visit):
    page = visit()
    finished(page)
    page.locator(".tile canvas").first.wait_for(timeout=MINUTES)
    for title in ("SPADE", "MahalanobisAD", "PaDiM", "PatchCore", "CFA"):
        expect(page.locator(".head", has_text=title)).to_contain_text("missed", timeout=MINUTES)
    assert page.locator("section[data-testid=stSidebar]").get_by_text("48 normal").count() == 1


def test_a_copied_link_opens_the_same_experiment_and_shares_its_result(visit):
    first = visit("?methods=mahalanobis,padim&seed=5")
    finished(first)
    second = visit(first.url)
    second.get_by_text("Someone ran these choices").wait_for(timeout=MINUTES)
    assert second.url == first.url
    second.locator(".head").nth(2).wait_for(timeout=MINUTES)
    heads = [head.split("\n")[0] for head in second.locator(".head").all_inner_texts()]
    assert heads == ["Picture", "MahalanobisAD", "PaDiM"]
    assert first.locator(".head").all_inner_texts() == second.locator(".head").all_inner_texts()


def test_a_run_can_be_cancelled_and_what_is_there_stays(visit):
    page = visit("?methods=mahalanobis,cfa&preset=paper&seed=6")
    page.get_by_text("training", exact=False).first.wait_for(timeout=MINUTES)
    started = time.monotonic()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Run to update").wait_for(timeout=MINUTES)
    assert time.monotonic() - started < 10
    page.get_by_role("button", name="Cancel").wait_for(state="detached", timeout=10_000)
    heads = page.locator(".head").all_inner_texts()
    assert any("MahalanobisAD" in head and "missed" in head for head in heads)
