"""Live: teach all methods with a camera, and see what each of them says while it is shown something."""

import streamlit as st

from detectors.errors import Refusal
from pages.frame import backend, component, style
from pages.frame.state import current
from pages.frame.words import say, text
from pages.live import camera, remembering, tries

choices = camera.at_hand(current())
component.styles("pages/live/live.css")
style.head("live", text("live.lead"))
try:
    visitor = backend.current().teach(choices) if choices.methods else ""
except Refusal as refusal:
    visitor = ""
    style.note(say(refusal.sentence))
if not choices.methods:
    style.note(text("frame.no_method"))
if choices.backbones[0] != current().backbones[0]:
    style.note(text("live.other_backbone", wanted=current().backbones[0], used=choices.backbones[0]), "calm")
if choices.proportions != "square" or choices.closer != (1,):
    style.note(text("live.square_once"), "calm")
if visitor:
    said = camera.show(visitor, choices)
    join = remembering.join()
    wanted = said.remember or said.inspect
    if wanted and remembering.remember(wanted, join):
        if said.inspect:
            backend.current().run(current())
            st.switch_page(style.path("inspect"))
        st.rerun()  # the sidebar, drawn before, shows which pictures are chosen
    elif wanted:
        style.note(text("live.not_kept"))
    remembering.show()
tries.show()
style.foot("live", text("live.stays"))
