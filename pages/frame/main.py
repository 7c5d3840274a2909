"""The frame of the app: navigation above, the experiment at the side, language, theme; what Streamlit runs."""

import streamlit as st

from pages.frame import backend, data, early, following, narrow, other_tab, style
from pages.frame.component import ROOT
from pages.frame.sidebar import present, sidebar
from pages.frame.state import current, mirror
from pages.frame.trouble import other_pictures, trouble
from pages.frame.words import text

early.settle()
data.fall_back()
choices = current()
st.set_page_config(
    page_title=text("frame.name"),
    page_icon=str(ROOT / "assets" / "logo.svg"),
    layout="wide",
    initial_sidebar_state="collapsed" if choices.present else 264,
)
st.logo(str(ROOT / "assets" / "logo.svg"), size="medium")
style.styles(choices)
pages = [st.Page(style.path(p), title=text(f"pages.{p}"), url_path=p, default=p == style.DEFAULT) for p in style.PAGES]
page = st.navigation(pages, position="top")
narrow.menu(page.url_path)
backend.current().begins = page.url_path != "live"  # there a camera's frames are to be learnt at once
status, result = backend.current().look(choices)
data.saw(result)
following.begin()
sidebar(choices, status, result, run=lambda: backend.current().run(current()))
present(choices)
trouble(awaited=status.state == "running" or backend.current().finding_out(choices))
other_tab.told()
if page.url_path not in ("images", "live"):
    other_pictures(status, run=lambda: backend.current().run(current()))
mirror()
page.run()
