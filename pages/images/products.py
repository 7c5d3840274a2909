"""The choice of pictures as cards: built-in products, and a place to drop one's own."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable
from html import escape
from pathlib import Path

import streamlit as st
from PIL import Image

from detectors.images import LIMITS, label
from detectors.queries.overview import Card, Overview, card
from pages.frame import backend, data, keeping, session, shapes, uploads
from pages.frame.component import address
from pages.frame.state import PRODUCTS, Choices, change
from pages.frame.words import drawn_kind, plain, say, speaker, text
from pages.images.sending import sending

_KINDS = 4
_MOST_OFFERED = 2_000  # folders on the machine


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
    """Show where files and folders of a role are chosen."""
    with st.container(key=f"{key}_buttons"):
        sending(role, key)


def folder(key: str) -> None:
    """Show a place for a folder on the machine that reads it.

    Where `ODD_FOLDERS` names folders, these and those right below them are offered, to whoever the page answers. Else a
    path may be typed, but only where the page is on the machine that reads it and answers no other.
    """
    name = f"{key}_path_{session.FOLDER_ROUND.get()}"

    def add(path: str) -> None:
        why = data.add_folder(path)
        session.FOLDER_REFUSED.set(why)
        if why is None:
            session.FOLDER_ROUND.set(session.FOLDER_ROUND.get() + 1)

    if rooted := offered():
        speak = speaker()
        st.selectbox(
            text("images.folder_offered"), [*rooted], index=None, key=name, placeholder=speak("images.folder_offered"),
            label_visibility="collapsed",
            on_change=lambda: session.widget(name) in rooted and add(str(rooted[session.widget(name)])),
        )  # fmt: skip
    elif keeping.open_to_others() or "ODD_SCHEDULER" in os.environ or "ODD_FOLDERS" in os.environ:
        return
    else:
        st.text_input(
            text("images.folder"), key=name, placeholder=text("images.folder"), max_chars=1000,
            label_visibility="collapsed", help=None,
            on_change=lambda: bool(session.widget(name)) and not keeping.open_to_others() and add(session.widget(name)),
        )  # fmt: skip
    if (why := session.FOLDER_REFUSED.get()) is not None:
        st.caption(f":orange[{plain(say(why))}]")


def offered() -> dict[str, Path]:
    """Return the folders that `ODD_FOLDERS` opens, by the names that a person reads: never a whole path."""
    found: dict[str, Path] = {}
    for root in filter(None, os.environ.get("ODD_FOLDERS", "").split(os.pathsep)):
        top = Path(root).expanduser().resolve()
        if not top.is_dir():
            continue
        found[label(top.name)] = top
        below = sorted(each for each in top.iterdir() if each.is_dir() and not each.is_symlink())
        found |= {f"{label(top.name)}/{label(each.name)}": each for each in below if not each.name.startswith(".")}
    return dict(list(found.items())[:_MOST_OFFERED])


def words() -> str:
    """Return the style that writes the button of the uploader for detectors in the session's language."""
    return (
        '[class*="_model_"] [data-testid="stFileUploaderDropzone"] button p::after '
        f'{{ content: "{text("images.reload.choose")}"; }}'
    )


@st.cache_resource(show_spinner=False)
def _drawn() -> dict[str, Card]:
    """Return the built-in products' cards, the same for all sessions."""
    return {}


def _product(choices: Choices, product: str, made: Card | None) -> None:
    chosen = choices.data == "demo" and choices.product == product
    title = text(f"products.{product}")
    with st.container(key=f"card_{'on' if chosen else 'off'}_{product}"):
        thumbs(made.webp if made else (), title)
        st.button(
            title, key=f"choose_{product}", type="tertiary",
            on_click=lambda: change(data="demo", product=product, picture=None, place=None),
        )  # fmt: skip
        if made:
            kinds = ", ".join(drawn_kind(name) for name in made.kinds[:_KINDS])
            said = text("images.card", kinds=kinds, n=made.count)
        else:
            said = text("images.card_waiting")
        st.html(f'<div class="odd-card-note">{escape(said)}</div>')


def _own(choices: Choices, own: Overview | None) -> None:
    chosen = choices.data == "own"
    with st.container(key=f"card_{'on' if chosen else 'off'}_own"):
        shown = (*own.normal[:2], *own.test[-2:]) if own else ()
        shown = shown if len(shown) == 4 or own is None else (*own.normal, *own.test)[:4]
        thumbs([picture.webp for picture in shown], text("frame.own"))
        st.button(
            text("frame.own"), key="choose_own", type="tertiary",
            on_click=lambda: change(data="own", picture=None, place=None),
        )  # fmt: skip
        said = text("images.own_card", normal=len(own.normal), test=len(own.test)) if own else text("images.decoding")
        if own and own.refused is not None and own.refused.key == "comparison.unopened":
            said = text("images.own_unopened")
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


def thumbs(pictures: Iterable[bytes], alt: str) -> None:
    """Show up to four small pictures in a row."""
    pictures = tuple(pictures)
    sizes = [Image.open(io.BytesIO(webp)).size for webp in pictures]
    shown = [f'<img src="{address(webp)}" alt="{escape(alt)}">' for webp in pictures]
    shown += ["<i></i>"] * (4 - len(shown))
    shape = shapes.common(width / height for width, height in sizes)
    st.html(f'<div class="odd-thumbs" style="--shape: {shape}">{"".join(shown)}</div>')
