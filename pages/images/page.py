"""Images: which pictures teach, which are tested, and what to know of them before a run."""

import streamlit as st

from detectors.errors import Refusal
from detectors.queries.overview import Overview
from pages.frame import backend, component, data, style, uploads
from pages.frame.flips import turned
from pages.frame.refresh import follow
from pages.frame.state import current
from pages.frame.words import say, text
from pages.images import checks, enlarged, files, galleries, mask, saved_detector, sets
from pages.images.kept import kept, lasting
from pages.images.levels import levels
from pages.images.products import cards, words
from pages.images.running import running
from pages.images.understood import understood
from pages.images.unfinished import unfinished

checks.go()
choices = current()
status, result = backend.current().look(choices)
component.styles("pages/images/images.css")
st.html(f"<style>{words()}</style>")
style.head("images", text("images.lead"))
with st.container():  # holds the place: what is below stays what it is, with what is chosen there
    running(choices, status)

mine = uploads.shelf().source
own = backend.current().overview(mine)
complete = cards(choices, own if isinstance(own, Overview) else None)
looking = False
with st.container():
    if isinstance(own, Overview):
        if choices.data == "own":
            understood(own)
            levels(own)
        looking = files.received(choices, own)
    else:
        files.refused_at_the_door()
    unfinished()
    sets.measuring()
plain = own if choices.data == "own" else backend.current().overview(data.base(choices))
edit = data.edited(choices)
made = backend.current().overview(data.source(choices))
if edit is None:
    galleries.empty()
elif plain is None:
    galleries.decoding(choices)
elif isinstance(plain, Refusal):
    style.note(say(plain.sentence))
else:
    shown = galleries.album(choices, status, result, plain, edit, made if isinstance(made, Overview) else None)
    turned(choices, status, result)  # below what is worked on, which stays where it is
    if isinstance(made, Refusal):
        style.note(say(made.sentence))
    elif made is not None:
        looking = checks.checks(choices, status, result, made, shown) or looking
enlarged.enlarged(choices)
mask.drawing(choices)
working = saved_detector.reload(choices)
kept(mine)
style.foot("images", "" if mine is not None else text("images.stays", **lasting()))
waiting = (
    working or looking or not complete or (mine is not None and own is None) or (edit is not None and made is None)
)
follow(waiting or status.state == "running")
