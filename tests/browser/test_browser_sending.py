"""A ZIP on its way from a real Chromium: its end first, then piece by piece, past a reload or as far as it came."""

import re

import numpy as np
import pytest
from browser.serving import SETTLED
from browser.test_browser_images import SLOW, tiles
from fixtures.picture_files import encoded, scene, zipped

pytestmark = pytest.mark.slow
expect = pytest.importorskip("playwright.sync_api").expect
GRAIN = np.random.default_rng(0).integers(0, 9, (1300, 1100, 1), dtype=np.uint8)


def packed(folder, name: str) -> str:
    """Six pictures of 2 MB, larger than is kept, and one small one in a ZIP on the disk."""
    large = {f"good/{i}.png": encoded(scene(1300, 1100, i) // 2 + GRAIN, compress_level=1) for i in range(6)}
    path = folder / name
    path.write_bytes(zipped(large | {"test/crack/6.png": encoded(scene())}))
    return str(path)


@pytest.fixture
def page(stay):
    return stay("images?methods=padim&size=96", wait=SLOW, viewport={"width": 1440, "height": 1200})


def give(page, path: str) -> list[dict[str, str]]:
    """Choose a ZIP; return what is asked for each piece, as it comes to be."""
    asked: list[dict[str, str]] = []

    def note(request):
        if request.method == "PUT" and "/images/pieces/" in request.url:
            asked.append(dict(re.findall(r"[?&](\w+)=([^&]*)", request.url)))

    page.on("request", note)
    page.locator(".st-key-drop_buttons input[type=file]").first.set_input_files(path)
    return asked


def cut_off(page, path: str, after: int) -> int:
    """Choose a ZIP, load the page anew after so many pieces, and return how many bytes were there."""
    passed = []

    def pass_some(route):
        if route.request.method == "PUT":
            passed.append(route.request.url)
        if len(passed) > after:
            route.abort()
        else:
            route.continue_()

    page.route("**/images/pieces/**", pass_some)
    give(page, path)
    expect(page.locator(".sending .said")).to_contain_text("connection is lost", timeout=SLOW)
    page.reload()
    page.unroute("**/images/pieces/**")
    page.wait_for_selector(SETTLED, timeout=SLOW)
    return int(re.search(r"[?&]at=(\d+)", passed[-1]).group(1))


def test_a_zip_goes_on_after_a_reload_and_is_the_same_set(page, tmp_path):
    path = packed(tmp_path, "정상.zip")
    at = cut_off(page, path, after=3)  # its end and two pieces
    expect(page.get_by_text("4 whole, 1 in part")).to_be_visible(timeout=SLOW)
    asked = give(page, path)
    expect(tiles(page, "normal")).to_have_count(6, timeout=SLOW)
    expect(tiles(page, "test")).to_have_count(1)
    assert [int(said["at"]) for said in asked] == list(range(at, 10**9, 4 * 2**20))[: len(asked)]
    assert {said["zip"] for said in asked} == {"1"}
    expect(page.get_by_text("6 normal; 1 defective")).to_be_visible()


def test_a_zip_is_used_as_far_as_it_came(page, tmp_path):
    cut_off(page, packed(tmp_path, "set.zip"), after=3)
    page.locator(".st-key-unfinished_use button").click(timeout=SLOW)
    expect(tiles(page, "normal")).to_have_count(4, timeout=SLOW)
    expect(page.get_by_text("3 refused")).to_be_visible()
    expect(page.get_by_text("The upload was cut off before this file of the ZIP had come").first).to_be_attached()
