"""A method of one's own in a real worker process and a real Chromium, from a link to Inspect's evidence."""

import os

import pytest
from browser.serving import ROOT, serving
from project.test_sixth_method import TOY, WHOLE

from pages.frame.style import PAGES

pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api").expect
MINUTES = 180_000  # milliseconds: a busy machine may take its time
LINK = "methods=padim,toy,whole&size=96&focus=toy"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    (folder / "toy.py").write_text(TOY, encoding="utf-8")
    (folder / "whole.py").write_text(WHOLE, encoding="utf-8")
    with serving(ODD_METHODS="toy, whole", PYTHONPATH=os.pathsep.join((str(folder), str(ROOT)))) as url:
        yield url


@pytest.fixture(scope="module")
def page(stay):
    page = stay(f"?{LINK}", wait=MINUTES)
    page.get_by_text("Up to date").wait_for(timeout=MINUTES)
    return page


def test_a_worker_runs_it_and_its_maps_are_painted(page):
    expect(page.locator(".head", has_text="Toy")).to_contain_text("missed")
    expect(page.locator(".head", has_text="Whole")).to_contain_text("missed")
    expect(page.locator(".tile canvas").first).to_be_visible(timeout=MINUTES)


@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_on_its_result(page, stay, name):
    opened = stay(f"{'' if name == 'compare' else name}?{LINK}", "h1", wait=MINUTES)
    expect(opened.locator("[data-testid=stException]")).to_have_count(0)
    expect(opened.locator("[data-testid=stSidebar]").get_by_text("Toy", exact=False).first).to_be_attached()


def test_inspect_explains_a_place_with_it(page, stay):
    opened = stay(f"inspect?{LINK}&place=60,50", ".reason h2", wait=MINUTES)
    expect(opened.locator(".reason h2", has_text="Toy")).to_have_count(1)
    expect(opened.locator(".reason", has_text="Toy").locator(".histogram text.here")).not_to_be_empty(timeout=MINUTES)
    opened.get_by_role("radio", name="Paint", exact=True).check()
    expect(opened.locator(".score-row[data-key]")).to_have_count(3, timeout=MINUTES)
