"""Paint a defect: a canvas in the browser, and what every method makes of each stroke."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
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
from pages.frame import backend, panes, session, shapes, style
from pages.frame.component import PAINT, Component, Pictures, send
from pages.frame.state import Choices
from pages.frame.verdicts import Verdicts
from pages.frame.words import called, language, plain, say, table, text
from pages.inspect import exhibits, smallest_defect
from pages.inspect.exhibits import Exhibit
from pages.inspect.viewer import film

CANVAS = Component(
    "canvas",
    "pages/inspect/paint.html",
    ("pages/frame/component.css", "pages/inspect/parts.css", "pages/inspect/paint.css"),
    (
        "assets/components/stored.js",
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


def page(looked_at: Exhibit, verdicts: Verdicts, choices: Choices, keys: tuple[str, ...]) -> None:
    """Show the canvas beside the scores before and after; a good picture lies under it unless another is chosen."""
    result, exhibit = verdicts.result, exhibits.canvas(looked_at, verdicts)
    painting = painted(exhibit, result)
    name = plain(panes.name(exhibit.picture))
    if painting.after:
        style.head("inspect", text("inspect.head_painted", name=name, seconds=painting.seconds))
    else:
        style.head("inspect", text("inspect.head_paint", name=name, label=exhibits.label(exhibit)))
    pictures = Pictures()
    pictures.begin(f"canvas_{exhibit.picture.sha256[:12]}")
    base = pictures.exact(shapes.seen(exhibit.picture, exhibit.picture.pixels))
    pictures.begin("painted")
    rows = [_row(key, exhibit, painting, verdicts, pictures, choices.focus) for key in keys if key in painting.before]
    words = table(language())["inspect"]
    data = {
        **exhibits.shaped(exhibit.picture, result), "picture": _painted_on(exhibit),
        "base": base, "rows": rows, "answered": painting.stroke, "paint": PAINT, "colour": choices.colour,
        "refused": "" if painting.refused is None else text("inspect.paint.failed", reason=say(painting.refused)),
        "words": {**words["viewer"], **words["paint"], **words["mode"], "modes_label": words["mode"]["modes"]},
        "language": language(), "file": f"{panes.name(exhibit.picture)}.png".replace("/", " "),
        "alt": text("grid.alt_picture", name=panes.name(exhibit.picture), label=exhibits.label(exhibit)),
    }  # fmt: skip
    send(pictures, _KEY)
    CANVAS(
        key=_KEY,
        data=data | film(exhibit, result) | _ground(looked_at, exhibit, painting, verdicts),
        on_stroke_change=lambda: session.STROKE.set(session.widget(_KEY)["stroke"]),
        on_mode_change=lambda: session.MODE.set("look"),
        on_picture_change=lambda: session.CANVAS.set(
            (looked_at.picture.sha256, str(session.widget(_KEY)["picture"]["key"]))
        ),
    )
    smallest_defect.show(
        exhibit,
        painting.stroke,
        painting.overlay,
        painting.before,
        alarmed(painting, verdicts),
        verdicts,
        choices.focus,
    )


def alarmed(painting: Painting, verdicts: Verdicts) -> tuple[str, ...]:
    """Return the columns that call the picture anomalous before anything is painted on it."""
    limits = {key: column.threshold for key, column in verdicts.columns.items()}
    scores = {key: float(said.scores[0]) for key, said in painting.before.items()}
    return tuple(k for k, limit in limits.items() if limit is not None and k in scores and scores[k] > limit)


def _ground(looked_at: Exhibit, exhibit: Exhibit, painting: Painting, verdicts: Verdicts) -> dict[str, Any]:
    """Return what must be said of the picture below the paint, and the pictures that one click takes instead."""
    loud = [called(key, _several(verdicts)) for key in alarmed(painting, verdicts)]
    said = []
    if not exhibits.good(exhibit):
        said.append(text("inspect.paint.not_good", label=exhibits.label(exhibit)))
    if loud:
        said.append(text("inspect.paint.alarmed", n=len(loud), methods=", ".join(loud)))
    instead = []
    calm = exhibits.calm(verdicts)
    if said and calm is not None and calm.key != exhibit.key:
        instead.append({"key": calm.key, "title": text("inspect.paint.take_good", name=panes.name(calm.picture))})
    if looked_at.key != exhibit.key:
        name = panes.name(looked_at.picture)
        instead.append({"key": looked_at.key, "title": text("inspect.paint.take_looked_at", name=name)})
    return {"ground": " ".join(said), "instead": instead}


def _several(verdicts: Verdicts) -> bool:
    return len({key.split("/", 1)[1] for key in verdicts.columns}) > 1


def painted(exhibit: Exhibit, result: Result) -> Painting:
    """Score the latest stroke on this picture, and the picture untouched by the same way."""
    pixels = exhibit.picture.pixels
    stroke = session.STROKE.get()
    number = int(stroke.get("id", -1)) if stroke.get("of") == _painted_on(exhibit) else -1
    before: dict[str, MethodScores] = {}
    try:
        before, _ = _scored(pixels, exhibit, result)
        if number < 0:
            return Painting(number, None, before, {}, 0.0)
        shown = read_overlay(str(stroke.get("png", "")), shapes.size(exhibit.picture))
        overlay = Overlay(np.zeros_like(pixels), np.zeros(pixels.shape[:2], np.uint8))  # as large as the input
        overlay.colours[exhibit.picture.inside], overlay.opacity[exhibit.picture.inside] = shown.colours, shown.opacity
        if overlay.empty:
            return Painting(number, overlay, before, {}, 0.0)
        after, seconds = _scored(overlay.over(pixels), exhibit, result)
        return Painting(number, overlay, before, after, seconds)
    except Refusal as refusal:
        return Painting(number, None, before, {}, 0.0, refusal.sentence)


def _painted_on(exhibit: Exhibit) -> str:
    """Return what the browser calls the picture below the paint, with its content."""
    return f"{exhibit.key} {exhibit.picture.sha256[:12]}"


def _scored(pixels: NDArray[np.uint8], exhibit: Exhibit, result: Result) -> tuple[dict[str, MethodScores], float]:
    """Return what every finished column says of a picture, and the seconds that took."""

    def ask() -> tuple[dict[str, MethodScores], float]:
        started = time.perf_counter()
        base = (exhibit.role, exhibit.index)
        said = backend.current().ask(explain.score_pictures, pixels[None], True, base) or ()
        return {scored.key: scored for scored in said}, time.perf_counter() - started

    return exhibits.remembered(
        ("painted", exhibit.key, sha256(np.ascontiguousarray(pixels).data).hexdigest()), result, ask
    )


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
    word = text(f"verdicts.{last.word}") if last.word else text("inspect.paint.none_held")
    if after and last.word == "found" and (first.ratio or 0) > 1:  # no merit of what was painted
        last, word = replace(last, word=""), text("inspect.paint.before_too")
    row: dict[str, Any] = {
        "key": key, "title": called(key, _several(verdicts)), "focus": column.method == focus,
        "before": first.ratio, "after": last.ratio, "painted": after is not None, "change": "", "verdict": last.word,
        "word": word,
    }  # fmt: skip
    for name, scored in (("mapBefore", before), ("mapAfter", after)):
        drawn = scored is not None and scored.maps is not None and column.scale is not None
        field = shapes.seen(exhibit.picture, scored.maps[0]) if drawn else None  # type: ignore[union-attr, index]
        row[name] = None if field is None else pictures.map(field, column.scale)  # type: ignore[arg-type]
    if after is not None and first.score:
        percent = 100 * (last.score / first.score - 1)
        row["change"] = text("inspect.paint.change", sign="+" if percent >= 0 else "−", percent=f"{abs(percent):.0f}")
    if first.ratio is not None and last.ratio is not None:
        before_after = {"before": f"{first.ratio:.2f}", "after": f"{last.ratio:.2f}"}
        row["alt"] = text("inspect.paint.alt", method=row["title"], **before_after)
    return row
