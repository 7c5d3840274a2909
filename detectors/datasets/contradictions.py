"""Folders whose names contradict those of the folders around them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from detectors.datasets import words
from detectors.datasets.words import meaning


def on_both_sides(
    folders: Sequence[Sequence[str]], beside: Mapping[tuple[str, ...], Collection[str]]
) -> frozenset[str]:
    """Return folders called good or bad that lie in good folders and in defective ones: they are lights or the like."""
    good, bad, kind = set[str](), set[str](), set[str]()
    for path in {tuple(path) for path in folders}:
        for depth, folder in enumerate(path):
            if meaning(folder).quality not in ("good", "bad") or meaning(folder).role:
                continue
            above = list(map(meaning, path[:depth]))
            good |= {folder} if any(each.quality == "good" for each in above) else set()
            bad |= {folder} if any(each.quality == "bad" for each in above) else set()
            if not any(meaning(other).quality == "bad" for other in beside[path[:depth]]):  # else it is a product
                kind |= {folder} if any(each.silent and not each.view for each in above) else set()
    return frozenset(good & (bad | kind))


def contradicted(path: Sequence[str], depth: int, beside: Collection[str]) -> bool:
    """Whether a folder called good lies in one called bad, or the other way round where it says more than that.

    A folder around good and bad ones is the name of a set.
    """
    own = meaning(path[depth])
    above = [meaning(folder) for folder in path[:depth]]
    inside = [each.quality for each in above[max((i + 1 for i, each in enumerate(above) if each.role), default=0) :]]
    others = {meaning(folder).quality for folder in beside}
    if own.quality == "good":
        return not own.role and "bad" in inside and "bad" not in others
    more = own.quality == "bad" and not own.role and not words.only_bad(path[depth])
    return more and "good" in inside and "good" not in others
