"""Pictures of many shapes in a real Chromium: each fills its pane or lies in the middle; clicks hit their pixels."""

import io
import re

import numpy as np
import pytest
from browser.seeing import apart, canvas
from fixtures import shaped
from PIL import Image

from detectors.plots import colours
from pages.frame import shapes

expect = pytest.importorskip("playwright.sync_api").expect
STATE = "mixed"
LOOK = "window.oddOneOutView = { mode: 'heatmap', opacity: 0, outline: false }"
PATCHCORE = 4  # of the tiles in a row


def test_a_picture_keeps_its_shape_and_a_click_hits_its_pixel(visit):
    result = shaped.result(STATE)
    column = result["patchcore/efficientnet_lite0"]
    called = {f"{p.kind.replace('_', ' ')} {p.name.split('/')[1][:-4]}": i for i, p in enumerate(result.test)}
    page = visit("", ".row .tile canvas", script=LOOK, viewport={"width": 1440, "height": 1400})
    loaded = "[...document.querySelectorAll('.row img')].every((image) => image.naturalWidth)"
    page.wait_for_function(loaded)
    seen, last = set(), None
    for row in page.locator(".row").all():
        i = called[row.get_attribute("aria-label")]
        picture, tile = result.test[i], row.locator(".tile").nth(PATCHCORE)
        height, width = shapes.size(picture)
        pane, shown = tile.bounding_box(), tile.locator("img").bounding_box()
        assert pane["width"] / pane["height"] == pytest.approx(shapes.of(result), rel=0.02)
        assert shown["width"] / shown["height"] == pytest.approx(width / height, rel=0.02)
        assert max(shown["width"] / pane["width"], shown["height"] / pane["height"]) == pytest.approx(1, abs=0.01)
        shot = Image.open(io.BytesIO(page.screenshot(clip=shown))).convert("RGB").resize((width, height))
        assert apart(np.asarray(shot), shapes.seen(picture, picture.pixels)) < 14
        field = shapes.seen(picture, colours.colour(column.scale(column.maps[i])))
        assert apart(canvas(tile.locator("canvas"))[..., :3], field) < 4
        if (height, width) not in seen:
            last = (tile, pane, shown, picture)
        seen.add((height, width))
    assert len(seen) == 3
    tile, pane, shown, picture = last
    (down, right), (height, width), (y, x) = shapes.corner(picture), shapes.size(picture), (40, 70)
    at = {
        "x": shown["x"] - pane["x"] + (x + 0.5) / width * shown["width"],
        "y": shown["y"] - pane["y"] + (y + 0.5) / height * shown["height"],
    }
    tile.click(position=at)
    page.wait_for_url(re.compile("place="))
    away = np.abs(np.subtract(place(page.url), (down + y, right + x))).max()
    assert away <= 1 + height / shown["height"]  # a pointer has whole pixels of the screen


def place(url):
    """Return the row and the column that an address names."""
    return [int(number) for number in re.search(r"place=(\d+)\D+?(\d+)", url.replace("%2C", ",")).groups()]
