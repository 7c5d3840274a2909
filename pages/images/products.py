"""The choice of pictures as cards: built-in products, and a place to drop one's own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from html import escape

import streamlit as st

from detectors.images import LIMITS
from detectors.queries.overview import Card, Overview, card
from pages.frame import backend, data, keeping, session, uploads
from pages.frame.component import address
from pages.frame.state import PRODUCTS, Choices, change
from pages.frame.words import kind, plain, say, text

EXTENSIONS = ["png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "gif", "zip"]
_KINDS = 4


def cards(choices: Choices, own: Overview | None) -> bool:
    """Show the cards; return whether all their pictures are there. `own` is the session's own set at a glance."""
    complete = True
    with st.container(key="cards"):
        for product in PRODUCTS:
            made = _drawn().get(product) or backend.current().later(card, product).now
            if isinstance(made, Card):
                _drawn()[product] = made
            complete = complete and made is not None
            _product(choices, product, made if isinstance(made, Card) else None)
        if uploads.shelf().source is None:
            _drop()
        else:
            _own(choices, own)
    return complete


def uploaders(role: str, key: str) -> None:
    """Show a button for files and one for a folder; what arrives is taken out of the widgets at once."""
    number = session.UPLOAD_ROUND.get()
    with st.container(key=f"{key}_buttons", horizontal=True, gap="small"):
        for what, many in (("files", True), ("folder", "directory")):
            name = f"{key}_{what}_{number}"
            st.file_uploader(
                text(f"images.choose_{what}"), type=EXTENSIONS if what == "files" else None,
                accept_multiple_files=many, key=name, label_visibility="collapsed",
                on_change=_arrived, args=(name, role),
            )  # fmt: skip


def folder(key: str) -> None:
    """Show a place for the path of a folder, where this page is on the machine that reads it and answers no other."""
    if keeping.open_to_others() or "ODD_SCHEDULER" in os.environ:
        return
    name = f"{key}_path_{session.UPLOAD_ROUND.get()}"

    def named() -> None:
        path = session.widget(name)
        if path and not keeping.open_to_others():
            why = data.add_folder(path)
            session.FOLDER_REFUSED.set(why)
            if why is None:
                session.UPLOAD_ROUND.set(session.UPLOAD_ROUND.get() + 1)

    st.text_input(
        text("images.folder"), key=name, placeholder=text("images.folder"), on_change=named, max_chars=1000,
        label_visibility="collapsed", help=None,
    )  # fmt: skip
    if (why := session.FOLDER_REFUSED.get()) is not None:
        st.caption(f":orange[{plain(say(why))}]")


def words() -> str:
    """Return the style that writes the buttons of the uploaders in the session's language."""
    labels = {"files": "choose_files", "folder": "choose_folder", "model": "reload.choose"}
    return "".join(
        f'[class*="_{what}_"] [data-testid="stFileUploaderDropzone"] button p::after '
        f'{{ content: "{text(f"images.{key}")}"; }}'
        for what, key in labels.items()
    )


@st.cache_resource(show_spinner=False)
def _drawn() -> dict[str, Card]:
    """Return the built-in products' cards, the same for all sessions."""
    return {}


def _arrived(name: str, role: str) -> None:
    taken = session.UPLOAD_TAKEN.get()  # a slow browser reports the same files again
    fresh = [file for file in session.widget(name) or () if file.file_id not in taken]
    taken.update(file.file_id for file in fresh)
    files = [(file.name, file.getvalue()) for file in fresh]
    session.UPLOAD_ROUND.set(session.UPLOAD_ROUND.get() + 1)  # a new widget: Streamlit lets go of the old one's bytes
    if files:
        data.add(files, role)


def _product(choices: Choices, product: str, made: Card | None) -> None:
    chosen = choices.data == "demo" and choices.product == product
    title = text(f"products.{product}")
    with st.container(key=f"card_{'on' if chosen else 'off'}_{product}"):
        _thumbs(made.webp if made else (), title)
        st.button(
            title, key=f"choose_{product}", type="tertiary",
            on_click=lambda: change(data="demo", product=product, picture=None, place=None),
        )  # fmt: skip
        if made:
            kinds = ", ".join(kind(name) for name in made.kinds[:_KINDS])
            said = text("images.card", kinds=kinds, n=made.count)
        else:
            said = text("images.card_waiting")
        st.html(f'<div class="odd-card-note">{escape(said)}</div>')


def _own(choices: Choices, own: Overview | None) -> None:
    chosen = choices.data == "own"
    with st.container(key=f"card_{'on' if chosen else 'off'}_own"):
        shown = (*own.normal[:2], *own.test[-2:]) if own else ()
        shown = shown if len(shown) == 4 or own is None else (*own.normal, *own.test)[:4]
        _thumbs([picture.webp for picture in shown], text("frame.own"))
        st.button(
            text("frame.own"), key="choose_own", type="tertiary",
            on_click=lambda: change(data="own", picture=None, place=None),
        )  # fmt: skip
        said = text("images.own_card", normal=len(own.normal), test=len(own.test)) if own else text("images.decoding")
        st.html(f'<div class="odd-card-note">{escape(said)}</div>')
        with st.popover(text("images.add"), icon=":material/add:", key="add_more"):
            st.caption(text("images.drop_limits", pictures=LIMITS.session_pictures, mb=f"{LIMITS.session_mb:g}"))
            uploaders("placed", "more")
            folder("more")


def _drop() -> None:
    with st.container(key="card_drop"):
        limits = text("images.drop_limits", pictures=LIMITS.session_pictures, mb=f"{LIMITS.session_mb:g}")
        st.html(
            f'<div class="odd-drop" title="{escape(limits)}">'
            f"<div><b>{escape(text('frame.own'))}</b><p>{escape(text('images.drop'))}</p></div></div>"
        )
        uploaders("placed", "drop")
        folder("drop")


def _thumbs(pictures: Iterable[bytes], alt: str) -> None:
    shown = [f'<img src="{address(webp)}" alt="{escape(alt)}">' for webp in pictures]
    shown += ["<i></i>"] * (4 - len(shown))
    st.html(f'<div class="odd-thumbs">{"".join(shown)}</div>')
