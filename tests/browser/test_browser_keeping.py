"""Own pictures in a real Chromium: they survive a reload and a second tab, nobody else finds them, and they can go."""

import pytest
from browser.serving import SETTLED
from browser.test_browser_images import SLOW, give, heading, leather, tiles

pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api").expect
__all__ = ["leather"]
QUERY = "images?methods=padim&size=96"


@pytest.fixture(scope="module")
def page(stay, leather):
    page = stay(QUERY, wait=SLOW, viewport={"width": 1440, "height": 1400})
    give(page, "drop", ("가죽.zip", leather[0]))
    expect(tiles(page, "normal")).to_have_count(12, timeout=SLOW)
    tiles(page, "test").first.click()
    page.locator(".st-key-test_gallery .asking input").fill("bent pin")
    page.locator(".st-key-test_gallery .asking button").click()
    expect(heading(page, "bent pin")).to_be_visible(timeout=SLOW)
    return page


def ran(page):
    page.get_by_role("link", name="Compare").first.click()
    page.wait_for_selector(".tile canvas:not([hidden])", timeout=SLOW)


def test_a_reload_keeps_pictures_corrections_and_run(page):
    page.locator(".st-key-run button").click()
    ran(page)
    page.reload()
    page.wait_for_selector(SETTLED, timeout=SLOW)
    page.wait_for_selector(".tile canvas:not([hidden])", timeout=SLOW)
    assert "data=own" in page.url
    page.get_by_role("link", name="Images").first.click()
    expect(tiles(page, "normal")).to_have_count(12, timeout=SLOW)
    expect(heading(page, "bent pin")).to_be_visible()
    expect(page.get_by_text("for this browser alone")).to_be_visible()


def test_a_second_tab_has_them_too_and_a_folder_is_corrected_in_both(page):
    second = page.context.new_page()
    second.goto(page.url)
    expect(tiles(second, "normal")).to_have_count(12, timeout=SLOW)
    second.locator(".st-key-folder_3").get_by_role("combobox").click()
    second.get_by_role("option", name="leave out").click()
    expect(tiles(second, "test")).to_have_count(2, timeout=SLOW)
    page.reload()
    expect(tiles(page, "test")).to_have_count(2, timeout=SLOW)
    second.close()


def test_another_browser_does_not_find_them(page):
    other = page.context.browser.new_context(locale="en-GB").new_page()
    other.goto(page.url)
    expect(other.get_by_text("The built-in pictures are shown instead.")).to_be_visible(timeout=SLOW)
    other.context.close()


def test_forgotten_pictures_are_gone_in_all_tabs(page):
    link = page.url
    page.locator(".st-key-forget button").click()
    expect(page.locator(".st-key-card_drop")).to_be_visible(timeout=SLOW)
    expect(page.locator(".st-key-forget")).to_have_count(0)
    page.goto(link)
    expect(page.get_by_text("The built-in pictures are shown instead.")).to_be_visible(timeout=SLOW)
