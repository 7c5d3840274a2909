"""How small may it be? What was painted is shrunk or faded in steps, and each method says where it begins to miss."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from detectors.evaluation import thresholds
from detectors.queries import explain
from detectors.queries.explain import MethodScores
from detectors.queries.paint import Overlay, crossing, stack
from pages.frame import backend, session
from pages.frame.verdicts import Verdicts
from pages.frame.words import text
from pages.inspect import exhibits
from pages.inspect.exhibits import Exhibit

SHARES = (0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
KINDS = ("size", "contrast")


def data(
    exhibit: Exhibit,
    number: int,
    overlay: Overlay | None,
    before: dict[str, MethodScores],
    verdicts: Verdicts,
    focus: str,
) -> dict[str, Any]:
    """Return the chart: sizes and one line per method with its crossing; no lines before somebody asked."""
    kind, asked, stroke = session.SWEEP.get() or (KINDS[0], None, None)
    found: dict[str, Any] = {"kind": kind, "lines": [], "possible": overlay is not None and not overlay.empty}
    if overlay is None or overlay.empty or (asked, stroke) != (exhibit.key, number):
        return found  # nothing was asked, or about other paint
    content = sha256(overlay.colours.tobytes() + overlay.opacity.tobytes()).hexdigest()
    scored = exhibits.remembered(
        ("sweep", kind, exhibit.key, content), verdicts.result, lambda: _measure(exhibit, overlay, kind)
    )
    whole = overlay.extent if kind == "size" else 100 * overlay.strength
    sizes = [0.0, *(whole * share for share in SHARES)]
    lines = [_line(s, before[s.key], sizes, kind, verdicts, focus) for s in scored if s.key in before]
    lines = [line for line in lines if line is not None]
    lines.sort(key=lambda line: line["at"] if line["at"] is not None else sizes[-1] + 1)
    return found | {"sizes": [round(v, 2) for v in sizes], "lines": lines, "axis": text(f"inspect.sweep.axis_{kind}")}


def ask(exhibit: Exhibit, kind: str, number: int) -> None:
    """Ask about stroke `number`; a later one asks anew."""
    if kind in KINDS:
        session.SWEEP.set((kind, exhibit.key, number))


def _measure(exhibit: Exhibit, overlay: Overlay, kind: str) -> tuple[MethodScores, ...]:
    steps = [overlay.shrunk(share) if kind == "size" else overlay.faded(share) for share in SHARES]
    return backend.current().ask(explain.score_pictures, stack(exhibit.picture.pixels, steps), False) or ()


def _line(
    scored: MethodScores, before: MethodScores, sizes: list[float], kind: str, verdicts: Verdicts, focus: str
) -> dict[str, Any] | None:
    column, column_verdicts = verdicts.result[scored.key], verdicts.columns[scored.key]
    if column_verdicts.threshold is None:
        return None
    scores = [float(before.scores[0]), *scored.scores.tolist()]
    ratios = thresholds.multiples(scores, column_verdicts.threshold, column.held_out)
    at = crossing(sizes, ratios)
    if at is None:
        says = text("inspect.sweep.never")
    elif at <= sizes[0]:
        says = text("inspect.sweep.always")
    else:
        says = text(f"inspect.sweep.value_{kind}", value=f"{at:.1f}" if at < 10 else f"{at:.0f}")
    return {
        "key": scored.key, "title": text(f"methods.{column.method}"), "focus": column.method == focus,
        "ratios": [round(float(r), 4) for r in ratios], "at": at if at is None or at > sizes[0] else None, "says": says,
    }  # fmt: skip
