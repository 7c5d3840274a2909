"""Images: which pictures teach, which are judged, and what to know of them before a run."""

import streamlit as st

from detectors.errors import Refusal
from detectors.overview import Overview
from pages.shared import album, checks, data, jobs, look, received, reload, uploads
from pages.shared.cards import cards, words
from pages.shared.choices import current
from pages.shared.follow import follow
from pages.shared.texts import say, text

look.frame()
checks.go()
choices = current()
status, result = jobs.look(choices)
st.html(f"<style>{(look.ROOT / 'assets' / 'images.css').read_text('utf-8')}{words()}</style>")
look.head("images", text("images.lead"))

mine = uploads.shelf().source
own = jobs.glance(mine) if mine is not None else None
complete = cards(choices, own if isinstance(own, Overview) else None)
if isinstance(own, Overview):
    received.received(own)
else:
    received.refused_at_the_door()

plain = own if choices.data == "own" else jobs.glance(data.base(choices))
edit = data.edited(choices)
made = jobs.overview(choices)
if edit is None:
    album.empty()
elif plain is None:
    album.decoding(choices)
elif isinstance(plain, Refusal):
    look.note(say(plain.sentence))
else:
    shown = album.album(choices, status, plain, edit, made if isinstance(made, Overview) else None)
    if isinstance(made, Refusal):
        look.note(say(made.sentence))
    elif made is not None:
        checks.checks(choices, made, shown)
working = reload.reload(choices)
look.foot("images", text("images.stays"))
waiting = working or not complete or (mine is not None and own is None) or (edit is not None and made is None)
follow(waiting or status.state == "running")
