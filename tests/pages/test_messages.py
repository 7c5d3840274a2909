"""What a page sends when nothing has changed: each element costs the server, which has one interpreter for a class."""

import pytest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

# Elements and containers of each page with a finished run, and how many of them are components, which cost as much as
# five others; the frame around the page included. A few more are no harm. A component for every row would be one.
MOST = {
    "images": (105, 5), "compare": (76, 8), "scores": (113, 5), "inspect": (58, 3),
    "stress": (62, 1), "live": (70, 2), "learn": (93, 2), "export": (104, 1),
}  # fmt: skip


@pytest.mark.parametrize("page", MOST)
def test_a_page_is_made_of_few_elements(open_app, monkeypatch, page):
    sent = []
    drawn = LocalScriptRunner.forward_msgs
    monkeypatch.setattr(LocalScriptRunner, "forward_msgs", lambda runner: sent.append(drawn(runner)) or sent[-1])
    open_app("done", page)
    deltas = [message.delta for message in sent[-1] if message.WhichOneof("type") == "delta"]
    components = [delta for delta in deltas if delta.new_element.WhichOneof("type") == "bidi_component"]
    most, most_components = MOST[page]
    assert len(deltas) <= most
    assert len(components) <= most_components
