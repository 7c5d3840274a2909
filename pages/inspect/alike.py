"""The pictures that are most like the one shown: the nearest normal one, and the nearest that was judged otherwise."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from detectors.evaluation import thresholds
from detectors.queries import alike
from detectors.queries.alike import Likeness
from detectors.queries.explain import Role
from pages.frame import backend, panes
from pages.frame.verdicts import Verdicts
from pages.frame.words import called, text
from pages.inspect import exhibits
from pages.inspect.exhibits import Exhibit, Verdict
from pages.inspect.viewer import thumbnail

_SIDE = 224  # pixels of a picture


def cards(exhibit: Exhibit, found: dict[str, Verdict], verdicts: Verdicts, focus: str) -> list[dict[str, Any]]:
    """Return a card per picture: the most alike that was learnt, then those that methods judged otherwise.

    Args:
        exhibit: the picture shown.
        found: what each finished method says about it.
        verdicts: of all pictures.
        focus: the method whose backbone says which learnt picture is nearest.
    """
    ask = partial(backend.current().ask, alike.likeness, exhibit.role, exhibit.index)
    by = {each.backbone: each for each in exhibits.remembered(("alike", exhibit.key), verdicts.result, ask) or ()}
    keys = sorted(found, key=lambda key: not key.startswith(f"{focus}/"))
    others: dict[str, tuple[Exhibit, list[str]]] = {}
    for key in keys:
        likeness = by.get(key.split("/", 1)[1])
        other = None if likeness is None else otherwise(key, found[key], likeness, verdicts)
        if other is not None:
            others.setdefault(other.key, (other, []))[1].append(key)
    made = []
    nearest = next((by[name].learnt for key in keys if (name := key.split("/", 1)[1]) in by), np.zeros(0))
    if np.isfinite(nearest).any():
        i = int(nearest.argmin())
        made.append(_card(Exhibit("learnt", i, verdicts.result.learnt[i]), text("inspect.alike.learnt"), []))
    return [*made, *(_judged(other, judged, verdicts) for other, judged in others.values())]


def otherwise(key: str, said: Verdict, likeness: Likeness, verdicts: Verdicts) -> Exhibit | None:
    """Return the most alike picture on the other side of a column's threshold; None where there is none.

    Pictures that were learnt from are left out: their scores do not say how unusual they are.
    """
    threshold, column, result = verdicts.columns[key].threshold, verdicts.result[key], verdicts.result
    if threshold is None:
        return None
    opposite: list[tuple[float, Exhibit]] = []
    roles: tuple[tuple[Role, Any, Any], ...] = (
        ("test", column.scores, likeness.test), ("held_out", column.held_out, likeness.held_out),
    )  # fmt: skip
    for role, scores, away in roles:
        allowed = np.where((scores > threshold) != (said.score > threshold), away, np.inf)
        if np.isfinite(allowed).any():
            i = int(allowed.argmin())
            opposite.append((float(allowed[i]), Exhibit(role, i, exhibits.listed(result, role)[i])))
    return min(opposite, key=lambda each: each[0])[1] if opposite else None


def _judged(exhibit: Exhibit, judged: list[str], verdicts: Verdicts) -> dict[str, Any]:
    several, lines = len({key.split("/", 1)[1] for key in verdicts.columns}) > 1, []
    for key in judged:
        column, threshold = verdicts.result[key], verdicts.columns[key].threshold
        assert threshold is not None
        score = float((column.scores if exhibit.role == "test" else column.held_out)[exhibit.index])
        defective = exhibit.picture.defective if exhibit.role == "test" else False
        word = thresholds.verdict(defective, score > threshold)
        ratio = float(thresholds.multiples([score], threshold, column.held_out)[0])
        method = called(key, several)
        lines.append(
            text("inspect.alike.judged", method=method, verdict=text(f"verdicts.{word}"), ratio=f"{ratio:.2f}")
        )
    return _card(exhibit, text("inspect.alike.otherwise"), lines)


def _card(exhibit: Exhibit, what: str, lines: list[str]) -> dict[str, Any]:
    name = panes.name(exhibit.picture)
    return {
        "key": exhibit.key, "what": what, "name": name, "label": exhibits.label(exhibit), "lines": lines,
        "uri": thumbnail(exhibit.picture, _SIDE),
    }  # fmt: skip
