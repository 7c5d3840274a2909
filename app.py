"""Odd One Out: `streamlit run app.py`.

The script that draws is pages/frame/main.py: Streamlit takes a folder pages/ beside its script for a site in its old
form, and tells the first visitor who comes by a link to a page that there is no such page.
"""

import streamlit as st
from starlette.middleware import Middleware

from pages.frame.keeping import KeepCookie
from pages.frame.upload_bound import UploadBound
from pages.live import channel

app = st.App(
    "pages/frame/main.py", middleware=[Middleware(UploadBound), Middleware(KeepCookie)], routes=[channel.route()]
)
