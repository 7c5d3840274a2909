"""What a browser uploaded: taken out of Streamlit's hands at once, counted against the limits, undone step by step."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import PurePath, PurePosixPath
from typing import Any
from weakref import WeakSet, WeakValueDictionary

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from detectors.datasets.files.contents import Content, is_zip
from detectors.datasets.files.contents import room as occupied
from detectors.datasets.sources import EditedSource, UploadSource
from detectors.images import LIMITS, Limits, label
from detectors.images.limits import MB
from pages.frame import keeping, once, session, upload_bound
from pages.frame.tray import Tray

GRACE_SECONDS = 60.0  # after a tab has closed; a lost network may come back
_FULL = 0.9  # of the room for all sessions: what remains is for work under way
_STEPS = 20
_SWEEP_SECONDS = 60.0
ROLES = ("placed", "normal", "test", "masks")  # of uploads: "placed" where names and folders say everything
_OWN = "upload "  # how the keys of own pictures begin
_MASK = re.compile(r"[_\-. ](mask|gt|ground_?truth)$", re.IGNORECASE)

File = tuple[str, Content]


@dataclass(frozen=True)
class Step:
    """What was before something was done, what that was, and in which tab."""

    done: str  # a key under images.undo
    values: dict[str, Any]
    source: UploadSource | None
    edits: dict[str, EditedSource]
    tab: str = ""


@dataclass(eq=False)
class Shelf:
    """One browser's own pictures, as uploaded, the same in all its tabs.

    Attributes:
        source: all uploads together.
        refused: (name, key under images.refused, values) of the last upload's files that never came in.
        steps: what can be undone, the latest last.
        edits: of the pictures, by the key of what they edit.
        scored: sha256 of the pictures whose scores were there to see.
        tabs: the sessions that are open on it.
        tray: what is on its way from the browser.
        kept: whether it outlives them.
        changes: which session changed anything, the latest last.
        seen: when a session last did anything, or the last one was closed.
    """

    source: UploadSource | None = None
    refused: tuple[tuple[str, str, dict[str, Any]], ...] = ()
    steps: list[Step] = field(default_factory=list)
    edits: dict[str, EditedSource] = field(default_factory=dict)
    scored: set[str] = field(default_factory=set)
    tabs: set[str] = field(default_factory=set)
    tray: Tray = field(default_factory=Tray)
    kept: bool = False
    changes: list[str] = field(default_factory=list)
    seen: float = field(default_factory=time.monotonic)

    @property
    def bytes(self) -> int:
        """What the uploads occupy, those that an undo would bring back included."""
        return max((source.bytes for source in self._sources), default=0)

    @property
    def holds(self) -> bool:
        """Whether own pictures are on it, or would be after an undo; those of a folder, read where it lies, too."""
        return bool(self._sources)

    @property
    def _sources(self) -> list[UploadSource]:
        """All that lies here: the uploads together, now and before each step."""
        return [source for source in (self.source, *(step.source for step in self.steps)) if source is not None]

    def remember(self, done: str, edits: dict[str, EditedSource], **values: Any) -> None:
        """Keep what is now, so that what is done next can be undone."""
        self.changed()
        self.steps = [*self.steps, Step(done, values, self.source, dict(edits), tab())][-_STEPS:]

    def changed(self) -> None:
        """Count a change, for the other tabs to be told."""
        self.changes.append(tab())

    def clear(self) -> None:
        """Let go of the pictures and of all that was said of them, small copies for browsers included."""
        held = self.source is not None or bool(self.steps)
        for source in self._sources:
            source.remove()  # at once, not with the last who holds it: a frozen object is never collected
        self.source, self.refused, self.steps = None, (), []
        self.scored.clear()
        self.tray.drop()
        for key in [key for key in self.edits if key.startswith(_OWN)]:
            del self.edits[key]
        if held:
            st.cache_data.clear()
            once.forget()


class Kept:
    """The shelves that browsers find again, by the browser's name; what is kept too long is let go of every minute.

    Args:
        hours: for which one is kept after its last tab was closed.
    """

    def __init__(self, hours: float = LIMITS.keep_hours) -> None:
        self._seconds = 3600 * hours
        self._shelves: dict[str, Shelf] = {}
        self._lock = threading.RLock()

    def watch(self) -> None:
        """Let go of what is kept too long from now on."""
        threading.Thread(target=self._watch, name="kept pictures", daemon=True).start()

    def of(self, browser: str) -> Shelf:
        """Return a browser's shelf; what a closed tab had edited in the built-in pictures is not on it any more."""
        with self._lock:
            found = self._shelves.setdefault(browser, Shelf(kept=True))
            found.seen = time.monotonic()
            if not found.tabs:
                for key in [key for key in found.edits if not key.startswith(_OWN)]:
                    del found.edits[key]
            return found

    def expire(self, now: float) -> None:
        """Let go of what nobody has looked at for too long, and of empty shelves."""
        with self._lock:
            for browser, shelf in list(self._shelves.items()):
                idle = now - shelf.seen
                shelf.tray.expire(now)
                if not shelf.tabs and idle > (self._seconds if shelf.holds or shelf.tray.files else GRACE_SECONDS):
                    shelf.clear()
                    del self._shelves[browser]

    def make_room(self, size: float) -> float:
        """Let go of shelves without a tab, those that were looked at longest ago first; return how many bytes went."""
        freed = 0
        with self._lock:
            closed = [shelf for shelf in self._shelves.values() if not shelf.tabs and shelf.bytes]
            for shelf in sorted(closed, key=lambda shelf: shelf.seen):
                if freed >= size:
                    break
                freed += shelf.bytes
                shelf.clear()
        return freed

    def _watch(self) -> None:
        while True:
            time.sleep(_SWEEP_SECONDS)
            self.expire(time.monotonic())


def shelf() -> Shelf:
    """Return this session's shelf: that of its browser, where this takes a cookie."""
    known = session.this_run()
    if "shelf" in known:
        return known["shelf"]
    mine, name = session.OWN.get(), tab()
    if mine is None:
        browser = keeping.browser()
        mine = _kept().of(browser) if browser else Shelf(edits=session.EDITS.get())
        session.OWN.set(mine)
        session.EDITS.set(mine.edits)
    mine.seen = time.monotonic()
    mine.tabs.add(name)
    _all_shelves().add(mine)
    _by_token()[mine.tray.token] = mine
    _keeper(name, mine)
    known["shelf"] = mine
    return mine


def tab() -> str:
    """Return the name of this session."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def elsewhere() -> bool:
    """Say, once for each time, whether another tab of this browser has changed the pictures."""
    changes, before = shelf().changes, session.CHANGE.get()
    session.CHANGE.set(len(changes))
    return before is not None and any(changed_by != tab() for changed_by in changes[before:])


def of_token(token: str) -> Shelf | None:
    """Return the shelf of a browser that comes with files; None for a name that nobody was given."""
    return _by_token().get(token)


def room(mine: Shelf, limits: Limits = LIMITS) -> tuple[float, float]:
    """Return how many bytes more one session may keep, and all together, without those that are on their way to it."""
    own = limits.session_mb * MB - (mine.source.bytes if mine.source else 0)
    others = sum(other.bytes + other.tray.bytes for other in list(_all_shelves()) if other is not mine)
    return own, _FULL * limits.all_sessions_mb * MB - others - mine.bytes


def take(mine: Shelf, files: Iterable[File], role: str, limits: Limits = LIMITS) -> int:
    """Put files on the shelf and return how many came in; the others are in `refused`.

    Args:
        mine: where to.
        files: (name, content); a folder in the name says what a file is for, as it does inside a ZIP.
        role: one of `ROLES`.
        limits: on one session and on all together.
    """
    own, common = room(mine, limits)
    kept: list[File] = []
    refused: list[tuple[str, str, dict[str, Any]]] = []
    for name, content in sorted(files, key=lambda file: file[0]):
        size = occupied(content)
        if not len(content):
            refused.append((label(name), "empty", {}))
        elif size > own:
            refused.append((label(name), "session", {"mb": size / MB, "limit": f"{limits.session_mb:g}"}))
        elif size > common and size > (common := common + _kept().make_room(size - common)):
            refused.append((label(name), "all", {"mb": size / MB}))
        else:
            kept.append((name, content))
            own, common = own - size, common - size
    mine.refused = (*mine.tray.refused, *refused)
    mine.tray.refused.clear()
    for part in _parts(kept, role):
        mine.source = mine.source.added(part) if mine.source else part
    return len(kept)


def seen(pictures: Iterable[str]) -> bool:
    """Say whether the scores of all these pictures, by sha256, were there to see."""
    return shelf().scored.issuperset(pictures)


def unchosen(source: UploadSource, name: str) -> int | None:
    """Return which upload is a ZIP or folder called `name` of which no data set was chosen yet."""
    for i, part in enumerate(source.parts):
        named = part.archive[0] if part.archive else PurePath(part.folder).name if part.folder else None
        called = {label(named)} if named is not None else {label(n).partition("/")[0] for n, _ in part.placed}
        if part.product is None and name in called:
            return i
    return None


def with_product(source: UploadSource, number: int, product: str) -> UploadSource:
    """Return uploads of which one is read as one of its data sets."""
    parts = list(source.parts)
    parts[number] = replace(parts[number], product=product)
    return replace(parts[0], more=tuple(parts[1:]))


def _parts(files: Sequence[File], role: str) -> list[UploadSource]:
    """Make one upload of all loose files, and one of each ZIP."""
    packed = [file for file in files if is_zip(file[1])]
    loose = [file for file in files if file not in packed]
    archive_role = {"normal": "train", "test": "test"}.get(role, "")
    parts = [UploadSource(archive=file, archive_role=archive_role) for file in packed]
    if not loose:
        return parts
    if role == "test":
        masks = tuple(file for file in loose if _MASK.search(PurePosixPath(file[0]).stem))
        return [UploadSource(test=tuple(f for f in loose if f not in masks), masks=masks), *parts]
    fields = {"placed": "placed", "normal": "normal", "masks": "masks"}
    return [UploadSource(**{fields[role]: tuple(loose)}), *parts]


@st.cache_resource(show_spinner=False)
def _all_shelves() -> WeakSet[Shelf]:
    return WeakSet()


@cache
def _by_token() -> WeakValueDictionary[str, Shelf]:
    return WeakValueDictionary()


@st.cache_resource(show_spinner=False)
def _kept() -> Kept:
    kept = Kept()
    kept.watch()
    return kept


@dataclass(eq=False)
class _Keeper:
    session: str
    shelf: Shelf


def _release(keeper: _Keeper) -> None:
    """Free the bytes of a closed tab, which Streamlit does only when somebody else connects; kept ones stay."""
    shelf, closed = keeper.shelf, time.monotonic()
    shelf.tabs.discard(keeper.session)
    if shelf.kept:
        shelf.seen = closed

    def free() -> None:
        if keeper.session in shelf.tabs or (not shelf.kept and shelf.seen > closed):
            return
        upload_bound.forget(keeper.session)
        if not shelf.kept:
            shelf.clear()

    timer = threading.Timer(GRACE_SECONDS, free)
    timer.daemon = True
    timer.start()


@st.cache_resource(show_spinner=False, scope="session", on_release=_release)
def _keeper(session: str, _shelf: Shelf) -> _Keeper:
    return _Keeper(session, _shelf)
