"""Paint a defect: a canvas in the browser, and what every method makes of each stroke."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import Refusal, Sentence
from detectors.queries import explain
from detectors.queries.explain import MethodScores
from detectors.queries.paint import Overlay, read_overlay
from detectors.result import Result
from pages.frame import backend, panes, session, style
from pages.frame.component import PAINT, Component, Pictures, send
from pages.frame.state import Choices
from pages.frame.verdicts import Verdicts
from pages.frame.words import language, plain, say, table, text
from pages.inspect import exhibits, smallest_defect
from pages.inspect.exhibits import Exhibit

CANVAS = Component(
    "canvas",
    "pages/inspect/paint.html",
    ("pages/inspect/parts.css", "pages/inspect/paint.css"),
    (
        "assets/components/maps.js",
        "assets/components/parts.js",
        *(f"pages/inspect/{name}.js" for name in ("lens", "strip", "brushes", "states", "scores", "paint")),
    ),
)
_KEY = "pad"


@dataclass(frozen=True)
class Painting:
    """The latest stroke and what the methods said of it.

    Attributes:
        stroke: the number that the canvas gave it; -1 before the first.
        overlay: all that is painted; None before the first stroke and where it was refused.
        before, after: by column; `after` is empty while nothing is painted.
        seconds: that the methods took for this stroke.
        refused: why it was not scored.
    """

    stroke: int
    overlay: Overlay | None
    before: dict[str, MethodScores]
    after: dict[str, MethodScores]
    seconds: float
    refused: Sentence | None = None


def page(exhibit: Exhibit, verdicts: Verdicts, choices: Choices, keys: tuple[str, ...]) -> None:
    """Show the canvas beside the scores before and after."""
    result = verdicts.result
    painting = painted(exhibit, result)
    name = plain(panes.name(exhibit.picture))
    if painting.after:
        style.head("inspect", text("inspect.head_painted", name=name, seconds=painting.seconds))
    else:
        style.head("inspect", text("inspect.head_paint", name=name, label=exhibits.label(exhibit)))
    pictures = Pictures()
    pictures.begin(f"canvas_{exhibit.picture.sha256[:12]}")
    base = pictures.exact(exhibit.picture.pixels)
    pictures.begin("painted")
    rows = [_row(key, exhibit, painting, verdicts, pictures, choices.focus) for key in keys if key in painting.before]
    words = table(language())["inspect"]
    data = {
        "size": exhibit.picture.pixels.shape[0], "picture": f"{exhibit.key} {exhibit.picture.sha256[:12]}",
        "base": base, "rows": rows, "answered": painting.stroke, "paint": PAINT, "colour": choices.colour,
        "refused": "" if painting.refused is None else text("inspect.paint.failed", reason=say(painting.refused)),
        "words": {**words["paint"], **words["mode"], "modes_label": words["mode"]["modes"]},
        "language": language(), "file": f"{panes.name(exhibit.picture)}.png".replace("/", " "),
        "alt": text("grid.alt_picture", name=panes.name(exhibit.picture), label=exhibits.label(exhibit)),
    }  # fmt: skip
    send(pictures, _KEY)
    CANVAS(
        key=_KEY,
        data=data,
        on_stroke_change=lambda: session.STROKE.set(session.widget(_KEY)["stroke"] | {"of": exhibit.key}),
        on_mode_change=lambda: session.MODE.set("look"),
    )
    smallest_defect.show(exhibit, painting.stroke, painting.overlay, painting.before, verdicts, choices.focus)


def painted(exhibit: Exhibit, result: Result) -> Painting:
    """Score the latest stroke on this picture, and the picture untouched by the same way."""
    pixels = exhibit.picture.pixels
    stroke = session.STROKE.get()
    number = int(stroke.get("id", -1)) if stroke.get("of") == exhibit.key else -1
    before: dict[str, MethodScores] = {}
    try:
        before, _ = _scored(pixels, result)
        if number < 0:
            return Painting(number, None, before, {}, 0.0)
        overlay = read_overlay(str(stroke.get("png", "")), pixels.shape[0])
        if overlay.empty:
            return Painting(number, overlay, before, {}, 0.0)
        after, seconds = _scored(overlay.over(pixels), result)
        return Painting(number, overlay, before, after, seconds)
    except Refusal as refusal:
        return Painting(number, None, before, {}, 0.0, refusal.sentence)


def _scored(pixels: NDArray[np.uint8], result: Result) -> tuple[dict[str, MethodScores], float]:
    """Return what every finished column says of a picture, and the seconds that took."""

    def ask() -> tuple[dict[str, MethodScores], float]:
        started = time.perf_counter()
        said = backend.current().ask(explain.score_pictures, pixels[None]) or ()
        return {scored.key: scored for scored in said}, time.perf_counter() - started

    return exhibits.remembered(("painted", sha256(np.ascontiguousarray(pixels).data).hexdigest()), result, ask)


def _row(
    key: str, exhibit: Exhibit, painting: Painting, verdicts: Verdicts, pictures: Pictures, focus: str
) -> dict[str, Any]:
    column, column_verdicts = verdicts.result[key], verdicts.columns[key]
    own = exhibit.picture.defective if exhibit.role == "test" else False
    verdict = partial(exhibits.verdict_on, column=column, column_verdicts=column_verdicts)
    before = painting.before[key]
    first = verdict(float(before.scores[0]), None, defective=own)
    after = painting.after.get(key)
    last = verdict(float(after.scores[0]), None, defective=True) if after else first
    row: dict[str, Any] = {
        "key": key, "title": text(f"methods.{column.method}"), "focus": column.method == focus,
        "before": first.ratio, "after": last.ratio, "painted": after is not None, "change": "", "verdict": last.word,
        "word": text(f"verdicts.{last.word}") if last.word else text("inspect.paint.none_held"),
    }  # fmt: skip
    for name, scored in (("mapBefore", before), ("mapAfter", after)):
        drawn = scored is not None and scored.maps is not None and column.scale is not None
        row[name] = pictures.map(scored.maps[0], column.scale) if drawn else None  # type: ignore[union-attr, index, arg-type]
    if after is not None and first.score:
        percent = 100 * (last.score / first.score - 1)
        row["change"] = text("inspect.paint.change", sign="+" if percent >= 0 else "−", percent=f"{abs(percent):.0f}")
    if first.ratio is not None and last.ratio is not None:
        before_after = {"before": f"{first.ratio:.2f}", "after": f"{last.ratio:.2f}"}
        row["alt"] = text("inspect.paint.alt", method=row["title"], **before_after)
    return row
