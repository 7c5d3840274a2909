"""Why several layers, the part on class bias: what the trained network calls a good picture and a defective one."""

from __future__ import annotations

from collections.abc import Callable

from detectors import evaluation
from detectors.errors import Refusal
from detectors.features.weights import DEFAULT
from detectors.queries.lessons import classes
from detectors.queries.lessons.classes import Opinions
from detectors.result import Column, Result
from pages.frame import panes
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import kind, plain, say, text
from pages.learn.lesson import ask, first_column, subject
from pages.learn.parts import Intervals, Row, beside, caption, cell, figure_of, interval, picture, shares, tiles


def named(choices: Choices, status: Status, result: Result) -> None:
    """Show what the trained network calls a normal picture and the defective one, and what its names are worth."""
    shown = subject(choices, result)
    if shown is None:
        return
    try:
        found = _opinions(shown, result)
    except Refusal as refusal:
        caption(say(refusal.sentence))
        return
    if found is None:
        return
    normal, test = result.learnt[found.normal_picture], result.test[shown]
    mask = test.mask if test.mask is not None and test.mask.any() and not test.mask.all() else None
    titles = (text("kind.good"), kind(test.kind, test.synthetic) if test.defective else panes.name(test))
    pairs = zip((normal, test), (found.normal, found.test), (None, mask), titles, strict=True)
    made = []
    for of, opinion, outline, title in pairs:
        made.append(cell(picture(of.pixels, title, mask=outline, side=260), title, note=panes.name(of)))
        made.append(shares(opinion.names, opinion.shares, text("learn.layers.likeliest")))
    tiles(made, 4, scrolls=True)
    rows = [Row(text("learn.layers.by_names"), found.image, focus=True)]
    rows += [Row(text(f"methods.{c.method}"), figure_of(c, "image_auroc")) for c in _own_columns(result)]
    beside("named", Intervals(text("learn.layers.names_title"), rows, text("learn.layers.names_note")))


def called(choices: Choices, status: Status, result: Result) -> str | None:
    """Say what the trained network calls the two pictures."""
    shown = subject(choices, result)
    found = None if shown is None else _heard(shown, result)
    if found is None:
        return None
    (first, *_), (other, *_) = found.normal.names, found.test.names
    said = {"first": plain(first), "other": plain(other)}
    said |= {"p": f"{100 * found.normal.shares[0]:.0f}", "q": f"{100 * found.test.shares[0]:.0f}"}
    return text(f"learn.layers.called_{'same' if first == other else 'other'}", backbone=DEFAULT, **said)


def keeps(choices: Choices, status: Status, result: Result) -> str | None:
    """Count the test pictures that get the name of the normal ones."""
    shown = subject(choices, result)
    found = None if shown is None else _heard(shown, result)
    if found is None:
        return None
    truth = result.labels
    good, odd = truth == 0, truth == 1
    if not good.any() or not odd.any():
        return None
    return text(
        "learn.layers.keeps", usual=plain(found.usual), n=int(odd.sum()), k=int(found.keeps[odd].sum()),
        m=int(good.sum()), j=int(found.keeps[good].sum()),
    )  # fmt: skip


def moves(choices: Choices, status: Status, result: Result) -> str | None:
    """Say whether defects move the probabilities more than good pictures differ, and what a method sees beside that."""
    shown = subject(choices, result)
    found = None if shown is None else _heard(shown, result)
    if found is None or found.image.low is None:
        return None
    seen = "see" if found.image.low > 0.5 else "chance"
    says = text(f"learn.layers.names_{seen}", figure=interval(found.image))
    method = next((c for name in ("patchcore", "padim") for c in _own_columns(result) if c.method == name), None)
    if method is None:
        return says
    gap = evaluation.paired_auroc_difference(result.labels, method.scores, found.away)
    if gap.low is None or gap.high is None:
        return says
    how = "more" if gap.low > 0 else "less" if gap.high < 0 else "open"
    reached = interval(figure_of(method, "image_auroc"))
    return f"{says} {text(f'learn.layers.names_{how}', method=text(f'methods.{method.method}'), figure=reached)}"


FIGURES: dict[str, Callable[..., None]] = {"named": named}
VALUES: dict[str, Callable[..., str | None]] = {"called": called, "keeps": keeps, "moves": moves}


def _opinions(shown: int, result: Result) -> Opinions | None:
    column = first_column(result)
    return None if column is None else ask(result, classes.opinions, column.key, DEFAULT, shown)


def _heard(shown: int, result: Result) -> Opinions | None:
    """Return the trained network's opinions; None as well where its weights are not here."""
    try:
        return _opinions(shown, result)
    except Refusal:
        return None


def _own_columns(result: Result) -> list[Column]:
    """Return the columns of the run's first backbone."""
    return [column for column in result.columns if column.backbone == result.columns[0].backbone]
