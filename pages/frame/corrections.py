"""What a person says of a picture, wherever it is seen; a run follows by itself (`following`)."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from typing import Any

import streamlit as st

from detectors.datasets.corrections import DEFECTIVE, LEARN, NORMAL, UNUSED
from detectors.datasets.layouts import kind_of
from detectors.datasets.sources import EditedSource
from pages.frame import backend, data, session, uploads
from pages.frame.state import Choices
from pages.frame.words import text

WORDS, LETTERS = ("learn", "defective", "remove"), ("N", "D", "X")  # what can be said where a picture is looked at

Chosen = Mapping[str, tuple[str, bool | None]]  # (sha256, whether it is called defective) by the name in the set


def say(choices: Choices, chosen: Chosen, action: str, word: str = "") -> None:
    """Say something of pictures; where a result of them is shown, another run follows, and undo takes both back.

    Args:
        choices: which pictures are looked at.
        chosen: what it is said of.
        action: as `changed` has it.
        word: the kind of the defect, if one was named.
    """
    edit = data.edited(choices)
    if edit is None or not chosen:
        return
    changes = changed(edit, chosen, action, word, uploads.shelf().scored)
    if all(getattr(edit, name) == value for name, value in changes.items()):
        st.toast(text("corrections.nothing"))
        return
    follow(choices, action, changes, len(chosen))


def follow(choices: Choices, done: str, changes: dict[str, Any], n: int, **values: Any) -> None:
    """Edit the pictures, and have a run follow once nothing more is changed for a moment.

    No run follows where there is none, or one of other choices.

    Args:
        choices: which pictures are looked at.
        done: names it under images.undo.
        changes: fields of the edit.
        n: how many pictures it is about.
        values: others that the text under images.undo takes.
    """
    status, result = backend.current().look(choices)
    fresh = result is not None and not status.stale
    measured = fresh or status.state == "running" or session.REFIT.get() is not None
    data.undoable(done, lambda: data.edit(choices, **changes), n=n, **values)
    if measured:
        session.REFIT.set(time.monotonic() + data.WAIT_SECONDS)
        st.toast(text("corrections.follows", n=n))


def changed(
    edit: EditedSource, chosen: Chosen, action: str, word: str = "", scored: Collection[str] = ()
) -> dict[str, Any]:
    """Return which fields of an edit change, and how.

    What is said of a picture whose scores were seen, and is not what was known of it, is a correction.

    Args:
        edit: as it is.
        chosen: what is said something of.
        action: "remove", "restore", "learn" (from), "good" or "defective" (both to test).
        word: the kind of the defect, if one was named.
        scored: sha256 of the pictures whose scores were seen.
    """
    hashes = {sha for sha, _ in chosen.values()}
    after = dict(edit.corrected)
    defective = action == "defective" and kind_of(word) != "good"
    if action == "restore":
        return _brought_back(edit, chosen, hashes)
    plain = {}
    for name, (sha, known) in chosen.items():
        learnt = name.startswith("train:")
        if sha not in scored and sha not in after:
            plain[name] = sha
        elif action == "remove":
            after[sha] = UNUSED
        elif action == "learn":
            after.pop(sha, None)
            if not learnt:
                after[sha] = LEARN
        elif not learnt and sha not in after and known is defective:
            plain |= {name: sha} if word else {}  # its kind is named, or nothing new is said
        elif defective:
            after[sha] = f"{DEFECTIVE}: {word}" if word else DEFECTIVE
        else:
            after[sha] = NORMAL
    changes = _labelled(edit, plain, action, word, defective) if plain else {}
    return changes | ({"corrected": tuple(sorted(after.items()))} if after != dict(edit.corrected) else {})


def _brought_back(edit: EditedSource, chosen: Chosen, hashes: set[str]) -> dict[str, Any]:
    other = {"train": "test", "test": "train"}
    moved = {f"{other[role]}:{rest}" for role, _, rest in (name.partition(":") for name in set(chosen) - edit.removed)}
    return {
        "removed": edit.removed - set(chosen) - hashes - moved,
        "corrected": tuple((sha, said) for sha, said in edit.corrected if sha not in hashes),
    }


def _labelled(edit: EditedSource, chosen: dict[str, str], action: str, word: str, defective: bool) -> dict[str, Any]:
    """Return what changes by something that is said of pictures whose scores nobody had seen."""
    if action == "remove":
        return {"removed": edit.removed | set(chosen)}
    hashes = set(chosen.values())
    labels = {sha: label for sha, label in edit.labels if sha not in hashes}
    moved_to = {sha: role for sha, role in edit.moved if sha not in hashes}
    for name, sha in chosen.items():
        learnt = name.startswith("train:")
        if defective:
            labels[sha] = word or True
        elif action == "learn":
            if not learnt:
                moved_to[sha] = "train"
        elif learnt:
            moved_to[sha] = "test"
        else:
            labels[sha] = False
    return {"labels": tuple(sorted(labels.items())), "moved": tuple(sorted(moved_to.items()))}


def short() -> list[dict[str, str]]:
    """Return what can be said of a picture in a row of panes: {action, label, title, letter}."""
    return [
        {
            "action": action, "letter": letter, "label": text(f"corrections.short.{action}"),
            "title": text(f"corrections.{action}"),
        }
        for action, letter in zip(WORDS, LETTERS, strict=True)
    ]  # fmt: skip


def buttons(choices: Choices, chosen: Chosen, key: str) -> None:
    """Show what can be said of a picture that is looked at, each with its key."""
    with st.container(key=f"say_{key}", horizontal=True, gap="small"):
        for action, letter in zip(WORDS, LETTERS, strict=True):
            said = st.button(text(f"corrections.{action}"), key=f"say_{key}_{action}", shortcut=letter)
            if said:
                say(choices, chosen, action)
                st.rerun()
