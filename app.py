"""The frame of the app: navigation above, the experiment at the side, language, theme. The pages are in pages/."""

import gc

import streamlit as st

from pages.shared import data, jobs, look
from pages.shared.choices import current, mirror
from pages.shared.sidebar import present, sidebar
from pages.shared.texts import text


@st.cache_resource(show_spinner=False)
def settle() -> None:
    """Take the imported modules out of the garbage collector's rounds, which hold up every session."""
    gc.collect()
    gc.freeze()


settle()
data.fall_back()
choices = current()
st.set_page_config(
    page_title=text("frame.name"),
    page_icon=str(look.ROOT / "assets" / "logo.svg"),
    layout="wide",
    initial_sidebar_state="collapsed" if choices.present else 264,
)
st.logo(str(look.ROOT / "assets" / "logo.svg"), size="medium")
look.styles(choices)
pages = [st.Page(look.path(p), title=text(f"pages.{p}"), url_path=p, default=p == look.DEFAULT) for p in look.PAGES]
page = st.navigation(pages, position="top")
status, result = jobs.look(choices)
sidebar(choices, status, result, run=lambda: jobs.run(current()))
present(choices)
mirror()
st.session_state["framed"] = True
page.run()
