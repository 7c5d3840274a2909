"""Own pictures in a real Chromium over real workers: uploaded, labelled, removed, brought back, run."""

import pytest
from fixtures.picture_files import encoded, zipped

from detectors.datasets import builtin

pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api").expect
SLOW = 120_000  # milliseconds: a machine that others use too


@pytest.fixture(scope="module")
def leather():
    """Leather in MVTec layout as a ZIP with a Korean folder, and two loose pictures."""
    drawn = builtin.build("leather", 12, 3, 1, (1.0,), ("cut", "stain"), 5)
    files = {}
    for shot, pixels, mask in zip(drawn.shots, drawn.pictures, drawn.masks, strict=True):
        files[f"가죽/{shot.name}.png"] = encoded(pixels)
        if shot.kind:
            place = f"가죽/ground_truth/{shot.kind}/{shot.name.rpartition('/')[2]}_mask.png"
            files[place] = encoded(mask.astype("uint8") * 255)
    files["가죽/read me.txt"] = b"not a picture"
    return zipped(files), [encoded(builtin.render("leather", 900 + i)[0]) for i in range(2)]


@pytest.fixture(scope="module")
def page(stay, leather):
    page = stay("images?methods=padim,mahalanobis&size=96", wait=SLOW, viewport={"width": 1440, "height": 1400})
    give(page, "drop", ("가죽.zip", leather[0]))
    expect(tiles(page, "normal")).to_have_count(12, timeout=SLOW)
    return page


def give(page, where, *files):
    named = [{"name": name, "mimeType": "application/octet-stream", "buffer": content} for name, content in files]
    page.locator(f".st-key-{where}_buttons input[type=file]").first.set_input_files(named)


def tiles(page, which):
    return page.locator(f".st-key-{which}_gallery .tile")


def act(page, which, word):
    page.locator(f".st-key-{which}_gallery .bar").get_by_role("button", name=word, exact=True).click()


def heading(page, text):
    return page.locator(".st-key-test_gallery .head").filter(has_text=text)


def test_a_zip_is_taken_in_and_told_of(page):
    expect(tiles(page, "test")).to_have_count(5)
    expect(page.get_by_text("19 accepted, 1 passed over")).to_be_visible()
    expect(page.get_by_text("17 of 600 pictures")).to_be_visible()
    expect(heading(page, "cut")).to_be_visible()
    assert "data=own" in page.url
    loaded = page.locator(".tile img").evaluate_all("images => images.every(i => i.naturalWidth > 0)")
    assert loaded


def test_pictures_are_left_out_and_come_back(page):
    tiles(page, "normal").nth(1).click()
    tiles(page, "normal").nth(3).click(modifiers=["Shift"])
    expect(page.locator(".st-key-normal_gallery .count")).to_have_text("3 selected")
    act(page, "normal", "Leave out")
    expect(tiles(page, "normal")).to_have_count(9, timeout=SLOW)
    page.locator(".st-key-removed summary").click()
    expect(tiles(page, "removed")).to_have_count(3, timeout=SLOW)
    tiles(page, "removed").first.focus()
    page.keyboard.press("Control+a")
    act(page, "removed", "Bring back")
    expect(tiles(page, "normal")).to_have_count(12, timeout=SLOW)


def test_the_keyboard_chooses_a_range_and_removes(page):
    tiles(page, "test").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".st-key-test_gallery .count")).to_have_text("2 selected")
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-test_gallery .bar")).to_be_hidden()
    page.keyboard.press("Delete")
    expect(tiles(page, "test")).to_have_count(4, timeout=SLOW)
    page.locator(".st-key-undo button").first.click()
    expect(tiles(page, "test")).to_have_count(5, timeout=SLOW)


def test_a_second_upload_adds_to_the_first_and_is_labelled_by_hand(page, leather):
    page.locator(".st-key-add_test button").first.click()
    give(page, "add_test", ("새 사진 1.png", leather[1][0]), ("<b>2.png", leather[1][1]))
    expect(tiles(page, "test")).to_have_count(7, timeout=SLOW)
    page.keyboard.press("Escape")
    expect(heading(page, "not labelled")).to_be_visible()
    tiles(page, "test").filter(has=page.locator("xpath=self::*[contains(@title, '새 사진 1')]")).click()
    act(page, "test", "Good")
    expect(heading(page, "not labelled").locator(".number")).to_have_text("1", timeout=SLOW)
    tiles(page, "test").filter(has=page.locator("xpath=self::*[contains(@title, '<b>2')]")).click()
    act(page, "test", "Defective")
    expect(heading(page, "not labelled")).to_have_count(0, timeout=SLOW)
    expect(heading(page, "defective")).to_be_visible()


def test_what_is_chosen_stays_chosen_while_a_run_comes_and_goes(page):
    tiles(page, "normal").nth(0).click()
    tiles(page, "normal").nth(2).click(modifiers=["Shift"])
    page.locator(".st-key-run_here button").click()
    expect(page.locator(".st-key-ran")).to_be_visible(timeout=SLOW)
    expect(page.locator(".st-key-normal_gallery .count")).to_have_text("3 selected")
    page.keyboard.press("Escape")


def test_own_pictures_run_and_nothing_is_lost_on_a_page_change(page):
    page.locator(".st-key-run button").click()
    page.get_by_role("link", name="Compare").first.click()
    page.wait_for_selector(".tile canvas:not([hidden])", timeout=SLOW)
    assert page.locator(".row").count() >= 1
    page.get_by_role("link", name="Images").first.click()
    expect(tiles(page, "test")).to_have_count(7, timeout=SLOW)
    expect(heading(page, "defective")).to_be_visible()


def test_the_link_opened_elsewhere_shows_the_demo_and_says_so(page):
    other = page.context.browser.new_context(locale="ko-KR").new_page()
    other.goto(page.url)
    expect(other.get_by_text("대신 내장 이미지를 보여 줍니다")).to_be_visible(timeout=SLOW)
    assert "data=own" not in other.url
    other.context.close()
