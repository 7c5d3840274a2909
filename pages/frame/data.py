"""Which pictures a session looks at: a built-in product or its own uploads, and the edits it made to either."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from detectors.datasets.files.folders import stamp
from detectors.datasets.sources import DemoSource, EditedSource, Source, UploadSource
from detectors.errors import DatasetRefused, Sentence
from detectors.result import Result
from pages.frame import session, upload_bound, uploads
from pages.frame.state import Choices, change, current, forget_values

WAIT_SECONDS = 1.5  # after the last change, so that ten quick ones are followed by one run
_MOST_FILES = 20_000  # below a folder on this machine


def base(choices: Choices) -> DemoSource | UploadSource | None:
    """Return the pictures as they came; None when own ones were chosen and none are there yet."""
    return uploads.shelf().source if choices.data == "own" else DemoSource(choices.product)


def source(choices: Choices) -> Source | None:
    """Return the pictures with this session's edits."""
    plain = base(choices)
    return None if plain is None else edits().get(plain.key, plain)


def edited(choices: Choices) -> EditedSource | None:
    """Return the edits of the chosen pictures, none of them perhaps; None when there are no pictures."""
    plain = base(choices)
    return None if plain is None else edits().get(plain.key, EditedSource(plain))


def set_own(files: UploadSource | None, seen: bool = False) -> None:
    """Replace this session's own pictures; edits of pictures that stay are kept.

    Args:
        files: all of them.
        seen: whether they are those whose scores were there to see, with other values.
    """
    mine = uploads.shelf()
    before = edits().get(mine.source.key) if mine.source else None
    mine.source = files
    _carry_over(before, files)
    forget_values()
    _measured_soon(seen)


def add(files: list[uploads.File], role: str) -> None:
    """Add uploaded files to this session's own pictures and look at them."""
    mine = uploads.shelf()
    before = edits().get(mine.source.key) if mine.source else None
    mine.remember("upload", edits(), n=len(files))
    if not uploads.take(mine, files, role):
        mine.steps.pop()
    _carry_over(before, mine.source)
    change(data="own", picture=None, place=None, thresholds=())


def add_folder(path: str) -> Sentence | None:
    """Add a folder on this machine to this session's own pictures and look at them; return why that cannot be."""
    root = Path(path.strip().strip("'\"")).expanduser()
    try:
        folder = UploadSource(folder=str(root.resolve()), stamp=stamp(root, _MOST_FILES))
    except DatasetRefused as refusal:
        return refusal.sentence
    mine = uploads.shelf()
    before = edits().get(mine.source.key) if mine.source else None
    mine.remember("upload_folder", edits(), name=root.name)
    mine.source = mine.source.added(folder) if mine.source else folder
    mine.refused = ()
    _carry_over(before, mine.source)
    change(data="own", picture=None, place=None, thresholds=())
    return None


def say_roles(done: str, roles: dict[str, str], **values: Any) -> None:
    """Say what folders or files of this session's own pictures are; "" lets the set decide again. Can be undone."""
    mine = uploads.shelf().source
    if mine is None:
        return
    said = dict(mine.roles) | roles
    corrected = mine.with_roles({path: role for path, role in said.items() if role})
    undoable(done, lambda: set_own(corrected), **values)


def edit(choices: Choices, **changes: Any) -> None:
    """Change the edits of the chosen pictures: removed, labels, moved, defects, seed."""
    plain = base(choices)
    if plain is not None:
        changed = replace(edits().get(plain.key, EditedSource(plain)), **changes)
        edits().pop(plain.key, None)
        if not changed.untouched:
            edits()[plain.key] = changed
        forget_values()


def saw(result: Result | None) -> None:
    """Remember whose scores were there to see: what is said of these pictures from now on is a correction."""
    if result is not None and result.columns:
        seen = (*result.test, *result.held_out, *result.learnt)
        uploads.shelf().scored.update(picture.sha256 for picture in seen)


def return_to(choices: Choices, earlier: Source) -> None:
    """Take the edits of the chosen pictures back to what they were for an earlier run of them."""
    plain = base(choices)
    if plain is not None:
        edits().pop(plain.key, None)
        if isinstance(earlier, EditedSource):
            edits()[plain.key] = earlier
        forget_values()


def undoable(done: str, work: Callable[[], None], **values: Any) -> None:
    """Do something to the pictures that `undo` takes back; `done` names it under images.undo."""
    uploads.shelf().remember(done, edits(), **values)
    work()


def undo() -> None:
    """Take back what was done last."""
    mine = uploads.shelf()
    if not mine.steps:
        return
    step = mine.steps.pop()
    mine.changed()
    if step.source != mine.source:
        _measured_soon()
    mine.source, mine.refused = step.source, ()
    edits().clear()
    edits().update(step.edits)
    forget_values()
    if mine.source is None and current().data == "own":
        change(data="demo", picture=None, place=None)


def earlier(choices: Choices) -> Iterator[Source]:
    """Yield the chosen pictures as they stood before each step that can be undone, the last step first."""
    plain = base(choices)
    for step in reversed(uploads.shelf().steps):
        if plain is not None and (isinstance(plain, DemoSource) or step.source == plain):
            yield step.edits.get(plain.key, plain)


def forget() -> None:
    """Let go of this browser's own pictures in all its tabs, and of what this one remembers of them."""
    mine = uploads.shelf()
    mine.clear()
    for tab in mine.tabs:
        upload_bound.forget(tab)
    session.forget_pictures()
    if current().data == "own":
        change(data="demo", picture=None, place=None)


def edits() -> dict[str, EditedSource]:
    """Return this session's edits by the key of what they edit."""
    return session.EDITS.get()


def fall_back() -> None:
    """Open the demo when a link asks for pictures that only another browser has, or that are not kept any more."""
    begins = session.CHOICES.get() is None
    if uploads.shelf().source is None and begins and current().data == "own":
        change(data="demo", picture=None, place=None)
        session.ELSEWHERE.set((current().data, current().product))  # said until other pictures are chosen


def _measured_soon(seen: bool = False) -> None:
    """Have a run follow once no more is changed for a moment, of pictures whose scores were seen (`following`)."""
    before = session.MEASURE.get()
    session.MEASURE.set((time.monotonic() + WAIT_SECONDS, seen or (before is not None and before[1])))


def _carry_over(before: EditedSource | None, files: UploadSource | None) -> None:
    if before is not None and files is not None and not before.untouched:
        edits()[files.key] = replace(before, base=files)
