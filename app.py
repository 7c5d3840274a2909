"""Odd One Out: `streamlit run app.py`.

The script that draws is pages/frame/main.py: Streamlit takes a folder pages/ beside its script for a site in its old
form, and tells the first visitor who comes by a link to a page that there is no such page.
"""

from pages.frame import early

early.supervisor()  # before all else: the workers import what the first run needs while this process imports the pages

import streamlit as st  # noqa: E402
from starlette.middleware import Middleware  # noqa: E402

from pages.frame import backend, pieces  # noqa: E402
from pages.frame.keeping import KeepCookie  # noqa: E402
from pages.frame.upload_bound import UploadBound  # noqa: E402
from pages.live import channel  # noqa: E402

backend.anticipate()
early.settle()
early.collect()
app = st.App(
    "pages/frame/main.py",
    middleware=[Middleware(UploadBound), Middleware(KeepCookie)],
    routes=[channel.route(), pieces.route(backend.keep)],
)
