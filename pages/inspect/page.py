"""Inspect: one picture large; click a place and each method says why, or paint a defect and see who finds it."""

from typing import Any

from detectors.errors import Refusal
from detectors.queries import explain
from detectors.queries.explain import Reason
from detectors.result import Result
from pages.frame import backend, corrections, panes, session, shapes, style
from pages.frame.component import Pictures
from pages.frame.flips import turned
from pages.frame.progress import work
from pages.frame.refresh import live
from pages.frame.state import Choices, change
from pages.frame.status import Status
from pages.frame.verdicts import Verdicts
from pages.frame.words import plain, say, text
from pages.inspect import alike, evidence, exhibits, pad
from pages.inspect.contradictions import contradiction
from pages.inspect.exhibits import Exhibit, Verdict
from pages.inspect.viewer import film, viewer


def show(choices: Choices, status: Status, result: Result | None) -> None:
    exhibit = None if result is None else exhibits.chosen(choices, result)
    if result is None or exhibit is None:
        style.head("inspect", text("inspect.before"))
        work(choices, status)
        style.foot("inspect")
        return
    keys = panes.columns(choices, status, result)
    verdicts = Verdicts.of(result, choices.threshold, keys)
    painting = session.MODE.get() == "paint"
    if painting:
        pad.page(exhibit, verdicts, choices, keys)
    else:
        sentence = "inspect.head_learnt" if exhibit.role == "learnt" else "inspect.head"
        name = plain(panes.name(exhibit.picture))
        style.head("inspect", text(sentence, name=name, label=exhibits.label(exhibit)))
        work(choices, status)
        place = "test" if exhibit.role == "test" else "train"
        chosen = {f"{place}:{exhibit.picture.sha256}": (exhibit.picture.sha256, exhibit.picture.defective)}
        if not (exhibit.picture.synthetic or status.other):
            corrections.buttons(choices, chosen, "inspected")
        turned(choices, status, result, folded=True)
        found = exhibits.verdicts_on(exhibit, result, verdicts)
        explained(exhibit, found, keys, verdicts, choices, status)
    style.foot("inspect", text("inspect.hint_paint" if painting else "inspect.hint"))


def explained(
    exhibit: Exhibit,
    found: dict[str, Verdict],
    keys: tuple[str, ...],
    verdicts: Verdicts,
    choices: Choices,
    status: Status,
) -> None:
    result, picture = verdicts.result, exhibit.picture
    height, width = picture.pixels.shape[:2]
    place = choices.place or exhibits.highest(found, result, choices.focus, picture)
    y, x = min(place[0], height - 1), min(place[1], width - 1)
    down, right = shapes.corner(picture)
    pictures = Pictures()
    pictures.begin(picture.sha256[:16])
    masked = picture.mask is not None and picture.local and picture.mask.any()
    data: dict[str, Any] = {
        **exhibits.shaped(picture, result), "picture": exhibit.key,
        "base": pictures.photograph(shapes.seen(picture, picture.pixels)),
        "mask": pictures.mask(shapes.seen(picture, picture.mask)) if masked and picture.mask is not None else None,
        "place": [y - down, x - right], "focus": choices.focus,
        "alt": text("grid.alt_picture", name=panes.name(picture), label=exhibits.label(exhibit)),
        "placeTitle": text("inspect.place", y=y - down, x=x - right), "colour": choices.colour, "stale": status.stale,
        "columns": list(keys), "present": choices.present,
    }  # fmt: skip
    held = len(result.held_out)
    data["placeNote"] = text("inspect.place_note", n=held) if held else text("inspect.place_note_none")
    answers = reasons(exhibit, y, x, result)
    data["rows"] = evidence.rows(exhibit, found, answers, keys, status, verdicts, pictures, choices.focus)
    data["gradient"] = evidence.gradient_words()
    data["box"] = contradiction(exhibit, found, result)
    data["alike"] = alike.cards(exhibit, found, verdicts, choices.focus)
    viewer(
        data | film(exhibit, result),
        pictures,
        on_place=lambda y, x: change(place=shapes.place(picture, y, x)),
        on_picture=lambda key: exhibits.open_key(key, result),
        on_mode=session.MODE.set,
        on_gradient=lambda: session.GRADIENT.set(not session.GRADIENT.get()),
    )


def reasons(exhibit: Exhibit, y: int, x: int, result: Result) -> dict[str, Reason]:
    try:
        asked = exhibits.remembered(
            ("place", exhibit.key, y, x),
            result,
            lambda: backend.current().ask(explain.explain_place, exhibit.role, exhibit.index, y, x),
        )
    except Refusal as refusal:
        style.note(text("inspect.failed", reason=say(refusal.sentence)))
        asked = ()
    return {reason.key: reason for reason in asked or ()}


live(show)
