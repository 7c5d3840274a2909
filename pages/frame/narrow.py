"""The menu where Streamlit folds its own away, and the script of all pages: the address bar, presses on plain HTML."""

from __future__ import annotations

import streamlit as st

from pages.frame import style
from pages.frame.component import Component
from pages.frame.words import text

SCRIPT = Component("address", js=("pages/frame/presses.js", "pages/frame/address.js"))


def menu(here: str) -> None:
    """Show links to all pages, in one element; a press on one comes back by the script.

    Args:
        here: the page that is open, as its address has it; "" for the one with which the app opens.
    """
    links = "".join(_link(page, page == (here or style.DEFAULT)) for page in style.PAGES)
    with st.container(key="narrow_pages"):  # hidden where there is Streamlit's own
        st.html(f"<nav>{links}</nav>")
    with st.container(key="address_store"):
        heard = SCRIPT(key="address", data=here, height=1, on_page_change=_nothing)  # told anew on every page
    if heard.page in style.PAGES:
        st.switch_page(style.path(heard.page))


def _link(page: str, here: bool) -> str:
    address = "./" if page == style.DEFAULT else page
    current = ' aria-current="page"' if here else ""
    return f'<a href="{address}" data-press="page" data-page="{page}"{current}>{text(f"pages.{page}")}</a>'


def _nothing() -> None:
    """Streamlit reports a component's values only where a callback is named."""
