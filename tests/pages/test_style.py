"""The tokens of the theme and of the style sheet are the same, and every pair that carries text has contrast enough."""

import re
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest
from streamlit.elements.lib import streamlit_plotly_theme

from detectors.plots import palette
from pages.frame import charts

ROOT = Path(__file__).parents[2]
THEME = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"]
STYLES = (ROOT / "pages" / "frame" / "style.css").read_text("utf-8")
TOKENS = dict(re.findall(r"--odd-([\w-]+): light-dark\((#\w{6}, #\w{6})\);", STYLES.split("}")[0]))
NAMES = {
    "accent": "primaryColor", "ink": "textColor", "muted": "grayTextColor", "line": "borderColor",
    "miss": "redTextColor", "miss-ground": "redBackgroundColor",
    "alarm": "orangeTextColor", "alarm-ground": "orangeBackgroundColor",
}  # fmt: skip
CHARTS = {"ink": "ink", "muted": "muted", "line": "line", "control": "control", "accent": "accent", "soft": "soft",
          "tint": "tint", "miss": "miss", "alarm": "false_alarm"}  # fmt: skip
PAIRS = [
    ("textColor", "backgroundColor"),
    ("primaryColor", "backgroundColor"),
    ("grayTextColor", "backgroundColor"),
    ("grayTextColor", "secondaryBackgroundColor"),
    ("redTextColor", "redBackgroundColor"),
    ("orangeTextColor", "orangeBackgroundColor"),
]


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("token", "name"), NAMES.items())
def test_the_style_sheet_repeats_the_theme(token, name):
    light, dark = TOKENS[token].upper().split(", ")
    assert (light, dark) == (THEME["light"][name], THEME["dark"][name])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_has_contrast_enough(theme, text, ground):
    assert contrast(THEME[theme][text], THEME[theme][ground]) >= 4.5


def test_white_on_the_primary_button_has_contrast_enough():
    assert contrast("#FFFFFF", THEME["light"]["primaryColor"]) >= 4.5
    assert contrast("#FFFFFF", THEME["dark"]["sidebar"]["primaryColor"]) >= 4.5


@pytest.mark.parametrize(("token", "name"), CHARTS.items())
def test_charts_have_the_colours_of_the_page(token, name):
    assert TOKENS[token].upper().split(", ") == [getattr(palette.LIGHT, name), getattr(palette.DARK, name)]


@pytest.mark.parametrize(("theme", "colours"), [("light", palette.LIGHT), ("dark", palette.DARK)])
def test_the_browser_puts_the_colours_of_the_theme_into_charts(theme, colours):
    placed = [streamlit_plotly_theme.__dict__[f"CATEGORY_{n}"] for n in range(10)]
    named = asdict(charts.COLOURS)
    assert sorted(named.values()) == sorted(placed)
    for name, place in named.items():
        assert THEME[theme]["chartCategoricalColors"][placed.index(place)] == getattr(colours, name)


@pytest.mark.parametrize("path", sorted(ROOT.glob("pages/*/*.css")), ids=lambda path: path.name)
def test_a_token_is_written_once(path):
    if path.name == "style.css":
        return
    written = path.read_text("utf-8").lower()
    assert [name for name, colours in TOKENS.items() if colours in written] == []
