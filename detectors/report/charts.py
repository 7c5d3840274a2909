"""The report's charts: drawn by `plots`, written as SVG that stands in a page and as files beside the tables."""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
from markupsafe import Markup

from detectors import plots
from detectors.evaluation import thresholds
from detectors.evaluation.thresholds import USUAL, ThresholdChoice
from detectors.plots.axes import MUTED, grid
from detectors.plots.distributions import sorts
from detectors.report.parts import auroc, differences, leader, rates, short_lines
from detectors.report.wording import Words
from detectors.result import Column, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

Charts = dict[str, "Figure | SubFigure"]
_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
_FONTS = (
    "Source Sans 3", "Source Sans Pro", "DejaVu Sans", "Pretendard", "Noto Sans KR", "Noto Sans CJK KR", "NanumGothic",
    "Apple SD Gothic Neo", "Malgun Gothic",
)  # fmt: skip
# Settings of matplotlib are one for all threads: words stay words, and equal charts are equal files.
_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "odd-one-out"}
_SAVING = threading.Lock()
_NAME, _LETTER = 26, 0.13  # letters of a name beside an axis, and inches for each one more


def draw(result: Result, language: str = "en", choice: ThresholdChoice = USUAL, focus: str | None = None) -> Charts:
    """Draw everything that the report and the files show, by name; what cannot be drawn is left out.

    Args:
        result: of a comparison.
        language: "en" or "ko".
        choice: of the thresholds; those of the rate nearest to 5 % by default.
        focus: key of the column in the accent; the one with the highest AUROC by default.
    """
    words = Words.of(language)
    main = leader(result, focus)
    if main is None or not result.test:
        return {}
    thresholds = choice.values_of(result)
    common: dict[str, Any] = {"focus": main.key, "words": plots.WORDS | words.t["charts"] | words.sentences}
    made: Charts = {}
    if len(thresholds) == len(result.columns):
        made["scores"] = _scores(result, words, thresholds, common)
    made["histograms"] = plots.histograms(result, thresholds=thresholds, **common)[0].figure
    panels = _rates(result, words, choice, main)
    if panels is not None:
        made["rates"] = panels
    if auroc(main).value is not None:
        made["roc"] = plots.roc(result, _square(), thresholds=thresholds, **common).figure
        made["precision_recall"] = plots.precision_recall(result, _square(), thresholds=thresholds, **common).figure
        if any(c.maps is not None for c in result.columns):
            made["pro"] = plots.pro(result, _square(), **common).figure
        if len(result.columns) > 1:
            made["differences"] = _differences(result, words, main)
    for figure in made.values():
        letter(figure)
    return made


def files(drawn: Charts) -> Iterator[tuple[str, bytes]]:
    """Yield each chart as SVG, whose words are written in the reader's fonts."""
    for name, figure in drawn.items():
        yield f"charts/{name}.svg", _saved(figure)


def inline(
    figure: Figure | SubFigure, name: str, alt: str, titles: Mapping[str, Sequence[str]] | None = None
) -> Markup:
    """Return a chart as an SVG element of a page.

    Args:
        figure: the chart.
        name: put before every id, so that several charts can stand in one page.
        alt: what it shows, for who cannot see it.
        titles: for a group of marks, by its id, what each mark says when pointed at.
    """
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK)
    root = ElementTree.fromstring(_saved(figure, transparent=True))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    for group in root.iter(f"{{{_SVG}}}g"):
        said = (titles or {}).get(group.get("id", ""), ())
        marks = list(group.iter(f"{{{_SVG}}}use"))
        for mark, words in zip(marks, said, strict=True) if said and marks else ():
            ElementTree.SubElement(mark, f"{{{_SVG}}}title").text = words
    for element in root.iter():
        for key, value in element.attrib.items():
            element.set(key, _own(key, value, name))
    for size in ("width", "height"):
        del root.attrib[size]
    root.attrib |= {"class": "plot", "role": "img", "aria-label": alt}
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def marks_said(result: Result, choice: ThresholdChoice) -> dict[str, list[str]]:
    """Return for each group of marks in the scores chart what its pictures are called, with their multiples."""
    said: dict[str, list[str]] = {}
    for row, column in enumerate(result.columns):
        at = choice.value_of(column)
        if at is None:
            continue
        times = thresholds.multiples(column.scores, at, column.held_out)
        for sort in set(own := sorts(result, times > 1)):
            marked = np.flatnonzero(own == sort)
            said[f"marks-{row}-{sort}"] = [f"{result.test[i].name} {times[i]:.2f} ×" for i in marked]
    return said


def _square() -> Axes:
    """Return Axes of which three stand beside each other on a page."""
    return grid(1, 1, 3.1, 3.1)[0, 0]


def _scores(result: Result, words: Words, thresholds: dict[str, float], common: dict[str, Any]) -> Figure | SubFigure:
    """Draw all pictures on one axis, with figures in small below the methods' names."""
    ax = plots.scores(result, grid(1, 1, 9.6, 0.85 * len(result.columns) + 0.7)[0, 0], thresholds=thresholds, **common)
    names = [written.get_text() for written in ax.get_yticklabels()]
    colours = [written.get_color() for written in ax.get_yticklabels()]
    ax.set_yticks([row + 0.26 for row in range(len(names))], names)
    for row, (column, tick, colour) in enumerate(zip(result.columns, ax.get_yticklabels(), colours, strict=True)):
        tick.set(color=colour, fontsize=11, parse_math=False)
        for line, written in enumerate(short_lines(words, column)):
            ax.annotate(
                written, (0, row + 0.52 + 0.2 * line), (-4, 0), xycoords=("axes fraction", "data"), color=MUTED,
                textcoords="offset points", fontsize=8.5, ha="right", va="center", parse_math=False,
            )  # fmt: skip
    return ax.figure


def _rates(result: Result, words: Words, choice: ThresholdChoice, main: Column) -> Figure | SubFigure | None:
    """Draw what each method finds and falsely alarms at its threshold, and its AUROC, with 95 % intervals."""
    counted = {c.key: rates(result, words, c, choice.of(c)) for c in result.columns}
    names = list(dict.fromkeys(rate["key"] for found in counted.values() for rate in found))
    titles = [words.title(result, c) for c in result.columns]
    focus = words.title(result, main)
    panels: list[tuple[str, dict[str, Any], list[str] | None, dict[str, Any]]] = []
    for name in names:
        found = [next(r for r in counted[c.key] if r["key"] == name) for c in result.columns if counted[c.key]]
        panels.append(
            (
                words.t["charts"][f"{name}_rate"],
                dict(zip(titles, (r["figure"] for r in found), strict=True)),
                [f"{r['words']}\n{r['range']}" for r in found],
                {"between": (0.0, 1.0, 0.25)},
            )
        )
    if auroc(main).value is not None:
        panels.append((words.t["scores"]["auroc"], {t: auroc(c) for t, c in zip(titles, result.columns, strict=True)},
                       None, {"guess": 0.5}))  # fmt: skip
    if not panels:
        return None
    every = grid(1, len(panels), 9.6, 0.44 * len(titles) + 0.75)[0]
    for place, (ax, (across, rows, written, look)) in enumerate(zip(every, panels, strict=True)):
        plots.intervals(rows, ax, focus=focus, across=across, written=written, **look)
        if place:
            ax.tick_params(labelleft=False)
    return every[0].figure


def _differences(result: Result, words: Words, main: Column) -> Figure | SubFigure:
    compared = differences(result, main, words)
    written = [f"{d['short']} {d['range']}\n{d['words']}" if d["value"] is not None else d["words"] for d in compared]
    t = words.t["differences"]
    across = f"{t['worse']}  ←  {words.t['charts']['difference']}  →  {t['better']}"
    names = [d["pair"] if len(d["pair"]) <= _NAME else d["pair"].replace(" – ", "\n– ") for d in compared]
    longest = max(len(line) for name in names for line in name.split("\n"))
    width = 5.0 + _LETTER * max(0, longest - _NAME)  # the axis keeps its room beside names of any length
    ax = plots.intervals(
        dict(zip(names, (d["figure"] for d in compared), strict=True)),
        grid(1, 1, width, 0.5 * len(compared) + 0.7)[0, 0], signed=True, guess=0.0, written=written, across=across,
    )  # fmt: skip
    return ax.figure


def letter(figure: Figure | SubFigure) -> None:
    """Let text be written in fonts that this machine has, Korean ones last."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_fontfamily(_fonts())


@cache
def _fonts() -> list[str]:
    from matplotlib import font_manager

    there = set(font_manager.get_font_names())
    return [name for name in _FONTS if name in there]


def _saved(figure: Any, **options: Any) -> bytes:
    from matplotlib import rc_context

    file = io.BytesIO()
    with _SAVING, rc_context(_SETTINGS), warnings.catch_warnings():
        # The reader's own fonts write; here they are only measured.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(file, format="svg", metadata={"Date": None}, **options)
    return file.getvalue()


def _own(key: str, value: str, name: str) -> str:
    """Return an attribute with the chart's name before ids, and the page's fonts in place of this machine's."""
    if key == "id":
        return f"{name}-{value}"
    if key.endswith("href") and value.startswith("#"):
        return f"#{name}-{value[1:]}"
    if key == "style":
        value = re.sub(r"font-family: [^;]+;\s*", "", value)
    return value.replace("url(#", f"url(#{name}-")
