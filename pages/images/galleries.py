"""The two galleries: normal pictures, split as the engine will split them, and test pictures by kind."""

from __future__ import annotations

import time
from html import escape

import streamlit as st

from detectors.datasets.sources import EditedSource
from detectors.errors import Refusal
from detectors.queries import outliers
from detectors.queries.overview import Overview
from detectors.result import Result
from pages.frame import backend, corrections, data, session, style, synthetic, uploads
from pages.frame.refresh import poll
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import plain, say, text
from pages.images import enlarged, mask, pictures, products
from pages.images.gallery import Action, gallery, send
from pages.images.pictures import Album

_NAMED = 3  # unusual pictures that get a line each; all get a frame


def empty() -> None:
    """Say what own pictures would give, when none are there yet."""
    with st.container(border=True, key="no_pictures"):
        st.markdown(f"**{text('images.empty_title')}**  \n{text('images.empty')}")


def decoding(choices: Choices) -> None:
    """Hold the place of pictures that are being decoded or drawn."""
    source = data.base(choices)
    share = backend.current().decoded(source) if choices.data == "own" and source is not None else None
    words = text("images.decoding" if choices.data == "own" else "images.drawing")

    def bar() -> None:
        done = backend.current().decoded(source) if share is not None and source is not None else 0.0
        width = f'<i style="width:{100 * done:.0f}%"></i>' if share is not None else ""
        st.html(f'<div class="odd-decoding"><span>{escape(words)}</span><div class="odd-bar">{width}</div></div>')

    poll(bar, lambda: True)  # until the page has the pictures
    st.html(f'<div class="odd-blank" aria-hidden="true">{"<i></i>" * 32}</div>')


def album(
    choices: Choices, status: Status, result: Result | None, base: Overview, edit: EditedSource, made: Overview | None
) -> Album:
    """Show the pictures and what can be done with them; return what is shown."""
    shown = pictures.edited(base, edit, made, choices.seed)
    pasted = [p for _, p in shown.test if p.synthetic]
    send([*base.normal, *base.test, *pasted], "images")
    odd = _unusual(status, result, shown)

    def act(action: str, names: list[str], word: str) -> None:
        _act(choices, shown, action, names, word)

    left, right = st.columns([1, 1.15], gap="large")
    with left:
        _heading("images.normal", len(shown.normal), choices, "normal")
        gallery(
            pictures.normal_groups(shown, odd),
            [
                Action("enlarge", text("images.enlarge"), letter="e"),
                Action("good", text("images.test_good"), letter="g"),
                Action("defective", text("images.test_defective"), text("images.kind_asked"), _kinds(shown), "d"),
                Action("draw", text("images.draw_mask"), letter="m"),
                *_as_mask(choices),
                *_as_it_was(edit),
                Action("remove", text("images.leave_out"), letter="x"),
            ],
            act,
            key="normal_gallery",
            reveal=session.REVEALED.get(),
        )
        _notes(choices, shown, odd)
        if not shown.normal:
            unopened = base.refused is not None and base.refused.key == "comparison.unopened"
            style.note(say(base.refused) if unopened and base.refused else text("images.no_normal"))
    with right:
        _heading("images.test", len(shown.test), choices, "test", _labels(shown))
        gallery(
            [*pictures.test_groups(shown), *pictures.aside_group(shown)],
            [
                Action("enlarge", text("images.enlarge"), letter="e"),
                Action("good", text("images.mark_good"), letter="g"),
                Action("defective", text("images.mark_defective"), text("images.kind_asked"), _kinds(shown), "d"),
                Action("draw", text("images.draw_mask"), letter="m"),
                Action("learn", text("images.learn_from"), letter="l"),
                *_as_mask(choices),
                *_as_it_was(edit),
                Action("remove", text("images.leave_out"), letter="x"),
            ],
            act,
            key="test_gallery",
        )
        _offer(choices, edit, shown, made)
        if shown.test:
            st.caption(text("images.select") + (f" {text('corrections.taught')}" if result is not None else ""))
        _removed(choices, edit, shown)
    return shown


def _heading(key: str, count: int, choices: Choices, role: str, note: str = "") -> None:
    with st.container(
        key=f"{role}_head", horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"
    ):
        st.html(
            f'<h2 class="odd-h2">{escape(text(key))} <span>{count}</span><small>{escape(note)}</small></h2>',
            width="content",
        )
        with st.container(horizontal=True, width="content", gap="small"):
            steps = uploads.shelf().steps
            if role == "test" and steps:
                done = text(f"images.undo.{steps[-1].done}", **steps[-1].values)
                st.button(
                    text("images.undo_last"), key="undo", icon=":material/undo:", type="tertiary", help=plain(done),
                    on_click=data.undo,
                )  # fmt: skip
            if choices.data == "own":
                with st.popover(text("images.add"), icon=":material/add:", key=f"add_{role}"):
                    st.caption(text(f"images.add_{role}"))
                    products.uploaders(role, f"add_{role}")
                    if role == "test":
                        st.caption(text("images.add_masks"))
                        products.uploaders("masks", "add_masks")


def _labels(shown: Album) -> str:
    """Say how many test pictures are labelled, and how many defects have masks."""
    if not shown.test:
        return ""
    defective = [p for _, p in shown.test if p.defective]
    unknown = sum(p.defective is None for _, p in shown.test)
    if unknown == len(shown.test):
        return text("images.labels_none")
    said = text("images.labels_some", n=unknown) if unknown else text("images.labels_all")
    if not any(p.masked for p in defective):
        return said
    return said + ", " + text("images.masks", n=sum(p.masked for p in defective), of=len(defective))


def _kinds(shown: Album) -> tuple[str, ...]:
    return tuple(sorted({p.kind for _, p in shown.test if p.defective and p.kind and p.kind != "defective"}))


def _as_mask(choices: Choices) -> list[Action]:
    return [Action("masks", text("images.as_mask"), letter="k")] if choices.data == "own" else []


def _as_it_was(edit: EditedSource) -> list[Action]:
    return [Action("restore", text("images.as_it_was"), letter="r")] if edit.corrected else []


def _act(choices: Choices, shown: Album, action: str, names: list[str], word: str = "") -> None:
    """Do what was asked for with the chosen pictures."""
    edit = data.edited(choices)
    if action == "enlarge":
        everything = (*shown.normal, *shown.test, *shown.aside)
        enlarged.ask(*((name, p) for name, p in everything if name in names[:1]))
        return
    names = [name for name in names if not name.startswith("made:")]
    if action == "draw":
        for name, p in [item for item in (*shown.normal, *shown.test, *shown.aside) if item[0] in names[:1]]:
            mask.ask(p.sha256, p.name, p.kind if name.startswith("test:") else None, _kinds(shown))
        return
    if edit is None or not names:
        return
    by_name = dict((*shown.normal, *shown.test, *shown.aside, *shown.removed))
    if action == "masks":
        data.say_roles("masks", {by_name[name].name: "masks" for name in names}, n=len(names))
        return
    corrections.say(choices, {name: (by_name[name].sha256, by_name[name].defective) for name in names}, action, word)


def _unusual(status: Status, result: Result | None, shown: Album) -> list[str]:
    """Return the sha256 of normal pictures that hardly look like the others, once a run has their features."""
    if result is None or not result.columns or status.stale:
        return []
    asked, column = backend.current(), result.columns[0]
    kept = session.UNUSUAL.get()
    key = f"{asked.run_key} {column.backbone}"
    if key not in kept:
        try:
            kept[key] = asked.ask(outliers.unusual, column=column.key) or ()
        except Refusal:
            kept[key] = ()
    there = {p.sha256 for _, p in shown.normal}
    return [sha for sha in dict.fromkeys(kept[key]) if sha in there]  # copies are unusual together


def _notes(choices: Choices, shown: Album, odd: list[str]) -> None:
    """Say of each unusual normal picture what it would do, with Show and Leave out."""
    names = {p.sha256: (name, p.name) for name, p in shown.normal}
    held = {p.sha256 for _, p in shown.held_out}
    for sha in odd[:_NAMED]:
        ident, name = names[sha]
        said = text("images.odd_held" if sha in held else "images.odd", name=name)
        with st.container(key=f"odd_{sha[:12]}", horizontal=True, gap="small", vertical_alignment="center"):
            st.html(f'<div class="odd-unusual">{escape(said)}</div>', width="content")
            st.button(text("images.show"), key=f"reveal_{sha[:12]}", type="tertiary", on_click=_reveal, args=(ident,))
            st.button(
                text("images.leave_out"), key=f"leave_{sha[:12]}", type="tertiary",
                on_click=_act, args=(choices, shown, "remove", [ident]),
            )  # fmt: skip
    if len(odd) > _NAMED:
        st.caption(text("images.odd_more", n=len(odd) - _NAMED))


def _reveal(ident: str) -> None:
    session.REVEALED.set({"id": ident, "at": time.monotonic()})


def _offer(choices: Choices, edit: EditedSource, shown: Album, made: Overview | None) -> None:
    """Offer synthetic defects where no test picture is defective, and say so where they are in use."""
    if edit.defects:
        with st.container(key="synthetic", border=True):
            st.markdown(f"**{text('images.synthetic_title', n=edit.defects)}**  \n{text('images.synthetic_says')}")
            if made is None:
                st.caption(text("images.synthetic_waiting"))
            st.button(
                text("images.synthetic_off"), key="synthetic_off",
                on_click=lambda: data.undoable("synthetic_off", lambda: data.edit(choices, defects=0)),
            )  # fmt: skip
        return
    if not shown.normal or any(p.defective for _, p in shown.test):
        return
    synthetic.offer(choices)


def _removed(choices: Choices, edit: EditedSource, shown: Album) -> None:
    if not shown.removed:
        return
    with st.expander(text("images.removed", n=len(shown.removed)), key="removed"):
        gallery(
            pictures.removed_group(shown),
            [Action("restore", text("images.bring_back"))],
            lambda action, names, word: _act(choices, shown, action, names, word),
            key="removed_gallery",
        )
        st.button(
            text("images.bring_all_back"), key="bring_all_back", type="tertiary",
            on_click=lambda: corrections.say(
                choices, {name: (p.sha256, p.defective) for name, p in shown.removed}, "restore"
            ),
        )  # fmt: skip
