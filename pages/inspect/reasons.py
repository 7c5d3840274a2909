"""A method's evidence for a place in one plain sentence; every number in it is one that the engine returned."""

from __future__ import annotations

from detectors.queries.explain import Reason
from detectors.result import Column
from pages.frame.words import known, text
from pages.inspect.exhibits import Verdict

RARE = 0.95  # share of held-out normal patches below which a place is as usual as any
FAR = 1.2  # times as far as 99 % of normal patches, from which nothing may be called near


def sentence(reason: Reason, column: Column, said: Verdict, learnt: int) -> str:
    """Say why the place scored as it did.

    Args:
        reason: the engine's evidence.
        column: the method it came from.
        said: the method's verdict on the whole picture.
        learnt: how many pictures the method learnt from.
    """
    if reason.box is None:
        return _levels(reason, said)
    rank = reason.rank
    if rank is None:
        return text("inspect.says.alone", value=figure(reason.value))
    far, share = rank.map_value > 1, rank.below / rank.of
    values = {
        "times": number(rank.times),
        "percent": min(int(100 * share), 99),
        "k": min(int(column.settings.get("k", 5)), learnt),
        "n": rank.here_of,
        "level": reason.shares[0].level + 1 if reason.shares else "",
    }
    degree = "far" if far and rank.times >= FAR else "rare" if share >= RARE else "usual"
    candidates = [f"{column.method}_{degree}", f"place_{degree}"]  # a method's own words, else what holds for all
    if _at_its_position(reason) and not far and rank.here_below == rank.here_of > 1:
        candidates.insert(0, f"{column.method}_here")
    if pooled(column) and far and said.word in ("miss", "passed", "normal"):
        candidates.insert(0, f"{column.method}_pooled")
    return text(next(key for name in candidates if known(key := f"inspect.says.{name}")), **values)


def number(value: float) -> str:
    """Return a multiple with as many digits as a person reads: 2.3, 14."""
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def figure(value: float) -> str:
    """Return three digits of a number, the zeros at its end too: 3.30, 138."""
    return f"{value:#.3g}".rstrip(".")


def pooled(column: Column) -> bool:
    """Say whether a method with a map scores a picture by its pooled features instead."""
    return column.settings.get("image_score") == "pooled"


def _at_its_position(reason: Reason) -> bool:
    """Say whether the place was compared with the same position of normal pictures alone."""
    return any(neighbor.role == "typical" for neighbor in reason.compared)


def _levels(reason: Reason, said: Verdict) -> str:
    held = [share for share in reason.shares if share.highest]
    if not held:
        return text("inspect.says.alone", value=figure(reason.value))
    top = max(held, key=lambda share: share.value / (share.highest or 1))
    times = top.value / (top.highest or 1)
    if times > 1:
        return text("inspect.says.levels_far", level=top.level + 1, times=number(times))
    return text("inspect.says.levels_vanishes" if said.word == "miss" else "inspect.says.levels_usual")
