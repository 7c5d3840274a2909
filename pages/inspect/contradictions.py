"""Where a method's map and its verdict say different things: one boxed sentence, or none."""

from __future__ import annotations

import numpy as np

from detectors.result import Result
from pages.frame.words import text
from pages.inspect.exhibits import Exhibit, Verdict
from pages.inspect.reasons import pooled

COLOURED = 1.6  # on the maps' common scale: fully coloured
CALM = 1.0  # 99 % of normal pixels


def contradiction(exhibit: Exhibit, found: dict[str, Verdict], result: Result) -> str:
    """Return the sentence for the box; "" when maps and verdicts agree."""
    picture = exhibit.picture
    mask = picture.mask if picture.mask is not None and picture.local and picture.mask.any() else None
    missed, elsewhere, calm, loud = [], [], [], []
    for key, said in found.items():
        scale = result[key].scale
        if said.map is None or scale is None or not said.word:
            continue
        shown = scale(said.map)
        alarm = said.ratio is not None and said.ratio > 1
        inside = float(shown[mask].max()) if mask is not None else float(shown.max())
        if said.word == "miss" and inside >= COLOURED:
            missed.append(key)
        elif said.word == "found" and mask is not None and not _near(shown, mask):
            elsewhere.append(key)
        elif alarm and float(shown.max()) < CALM:
            calm.append(key)
        elif said.word in ("passed", "normal") and float(shown.max()) >= COLOURED:
            loud.append(key)
    if missed:
        return _missed(missed, found, result)
    if elsewhere:
        several = "elsewhere" if len(elsewhere) > 1 else "elsewhere_one"
        return text(f"inspect.box.{several}", methods=_names(elsewhere, result))
    if calm:
        return text("inspect.box.calm", methods=_names(calm[:1], result))
    return text("inspect.box.loud", methods=_names(loud, result)) if loud else ""


def _missed(missed: list[str], found: dict[str, Verdict], result: Result) -> str:
    count = sum(said.word == "miss" for said in found.values())
    parts = [text("inspect.box.misses", n=count, of=len(found))]
    by_whole = [k for k in missed if pooled(result[k])]
    others = [k for k in missed if k not in by_whole]
    if by_whole:
        parts.append(text("inspect.box.missed_pooled", methods=_names(by_whole, result)))
    if others:
        parts.append(text("inspect.box.missed_map", methods=_names(others, result)))
    return " ".join(parts)


def _near(shown: np.ndarray, mask: np.ndarray) -> bool:
    """Say whether the highest-scoring place lies on the defect, or within a patch of it."""
    y, x = np.unravel_index(int(shown.argmax()), shown.shape)
    margin = max(4, shown.shape[0] // 14)
    return bool(mask[max(0, y - margin) : y + margin + 1, max(0, x - margin) : x + margin + 1].any())


def _names(keys: list[str], result: Result) -> str:
    return ", ".join(dict.fromkeys(text(f"methods.{result[key].method}") for key in keys))
