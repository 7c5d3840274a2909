"""Live over the fake backend: what the camera is given, what is remembered, and how frames reach the detectors."""

import base64
import io
import json
import struct
from concurrent.futures import Future

import pytest
from fixtures import camera
from fixtures.backend import fake
from fixtures.shown import given
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit.testing.v1 import AppTest

from detectors.errors import Refusal
from detectors.live.service import Ended, Live
from pages.frame import backend
from pages.frame.style import path
from pages.live import channel, remembering


def jpeg(seconds, defect=False):
    buffer = io.BytesIO()
    Image.fromarray(camera.square(seconds, defect, 64)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_the_camera_is_given_the_methods_and_who_it_is(open_app):
    shown = given(open_app("done", "live", methods="padim,patchcore", size="320"), "camera")
    assert shown["visitor"] == "visitor"
    assert [method["key"] for method in shown["methods"]] == ["padim", "patchcore"]
    assert shown["side"] == 320
    assert [method["focus"] for method in shown["methods"]] == [False, True]


def test_no_run_begins_where_frames_are_to_be_learnt(open_app):
    app = open_app("done", "live")
    assert not fake("done").begins
    app.switch_page(path("compare")).run()
    assert fake("done").begins


def test_weights_that_are_not_here_are_not_waited_for(open_app):
    app = open_app("done", "live", backbones="resnet18,scattering")
    state = fake("done").states["resnet18"] = fake("done").weights(["resnet18"])["resnet18"]
    try:
        fake("done").states["resnet18"] = type(state)("resnet18", "download", 1)
        app.run()
        said = " ".join(html.proto.body for html in app.get("html"))
        assert "The weights of resnet18 are not here yet, so frames are learnt on scattering." in said
    finally:
        del fake("done").states["resnet18"]


def test_without_a_method_there_is_nothing_to_teach(open_app):
    app = open_app("done", "live", methods="padim")
    app.checkbox(key="w_method_padim").uncheck().run()
    assert not [e for e in app.get("bidi_component") if e.proto.component_name == "odd_one_out_camera"]


def test_a_full_server_says_so(open_app, monkeypatch):
    def refuse(choices):
        raise Refusal("live.busy", "{n} visitors are teaching already.", n=8)

    monkeypatch.setattr(fake("done"), "teach", refuse)
    app = open_app("done", "live")
    assert any("8 visitors are teaching already." in html.proto.body for html in app.get("html"))


def test_a_card_opens_its_lesson(open_app):
    app = open_app("done", "live")
    app.button(key="try_turn").click().run()
    assert app.session_state["choices"].lesson == "padim"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("coin", "coin"),
        ("  two\tcoins ", "two coins"),
        ("a/b\\c:d.e", "a b c d e"),
        ("train", "defect"),
        ("good", "defect"),
        ("camera 1", "defect camera 1"),
        ("", "defect"),
        ("동전", "동전"),
        ("x" * 99, "x" * 40),
    ],
)
def test_a_name_becomes_a_folder_that_reads_as_a_defect(name, folder):
    assert remembering.folder(name) == folder


@pytest.mark.parametrize("said", [None, {}, {"jpeg": "data:image/png;base64,AA"}, {"jpeg": "data:image/jpeg;base64,!"}])
def test_what_is_no_frame_is_not_kept(said):
    assert remembering.frame(said) is None


def script(frames):
    import streamlit as st

    from pages.frame import session, uploads
    from pages.live import remembering

    for said, join in frames:
        remembering.remember(said, join)
    st.session_state["seen"] = (uploads.shelf().source, remembering.counts(), session.CHOICES.get())


def test_what_is_remembered_is_a_set_of_pictures_of_which_the_good_frames_are_the_normal_ones(monkeypatch):
    made = fake("done")
    monkeypatch.setattr(backend, "current", lambda: made)
    monkeypatch.setattr(made, "frames", tuple(jpeg(t) for t in (0.0, 0.5, 1.0)))
    frames = []
    for t, name in ((0.0, "coin"), (0.5, "coin"), (0.5, "coin"), (1.0, "scratch")):
        written = "data:image/jpeg;base64," + base64.b64encode(jpeg(t, True)).decode()
        frames.append(({"name": name, "jpeg": written, "sha256": "ab" * 32}, False))
    app = AppTest.from_function(script, default_timeout=60, kwargs={"frames": frames})
    app.run()
    assert not app.exception
    source, counts, choices = app.session_state["seen"]
    assert counts == {"coin": 2, "scratch": 1}
    assert (choices.data, choices.picture) == ("own", "ab" * 6)
    assert len(source.parts) == 1
    loaded = source.load()
    assert len(loaded.train) == 3
    assert sorted((sample.kind, sample.defective) for sample in loaded.test) == [
        ("coin", True), ("coin", True), ("scratch", True),
    ]  # fmt: skip


class Process:
    """A process that answers, as far as `Live` sees it."""

    def __init__(self):
        self.asked = []

    def ask(self, name, do, body=b"", **values):
        self.asked.append((name, do, body, values))
        future = Future()
        if do == "fit":
            future.set_exception(Ended())
        elif do == "watch":
            future.set_result(({"refused": {"key": "live.busy", "english": "{n} are there.", "values": {"n": 2}}}, b""))
        else:
            future.set_result(({"did": do, **values}, body[:1]))
        return future


@pytest.fixture
def served(monkeypatch):
    """Return a client of the channel, and what reached the process behind it."""
    live, process = Live(most=2), Process()
    live._guests["known"] = type("Guest", (), {"language": "ko", "hears": None, "left": 0.0})()
    monkeypatch.setattr(live, "ask", process.ask)
    monkeypatch.setattr(live, "open", lambda name: process.ask(name, "open"))
    monkeypatch.setattr(backend, "teaching", lambda: live)
    with TestClient(Starlette(routes=[channel.route()])) as client:
        yield client, process, live


def heard(socket):
    content = socket.receive_bytes()
    (length,) = struct.unpack_from("<I", content)
    return json.loads(content[4 : 4 + length]), content[4 + length :]


def test_frames_go_through_and_answers_come_back(served):
    client, process, live = served
    with client.websocket_connect("/live/frames") as socket:
        socket.send_text(json.dumps({"visitor": "known"}))
        assert heard(socket)[0]["event"] == "open"
        socket.send_bytes(struct.pack("<BI", 1, 7) + b"jpeg")
        assert heard(socket) == ({"did": "frame", "mode": "learn", "number": 7}, b"j")
        live._guests["known"].hears({"event": "fitting", "done": 0.5})
        assert heard(socket)[0] == {"event": "fitting", "done": 0.5}
        socket.send_text(json.dumps({"do": "remove", "number": 3}))
        assert heard(socket)[0] == {"did": "remove", "number": 3}
        socket.send_text(json.dumps({"do": "fit"}))
        assert heard(socket)[0] == {"did": "fit", "lost": True}
        socket.send_text(json.dumps({"do": "watch", "on": True}))
        assert "2명" in heard(socket)[0]["said"]  # in the visitor's language
        live._guests["known"].language = "en"
        socket.send_text(json.dumps({"do": "watch", "on": True}))
        assert heard(socket)[0]["said"] == "2 are there."
    assert [do for _, do, _, _ in process.asked] == ["open", "frame", "remove", "fit", "watch", "watch"]


def test_who_is_not_known_is_sent_away(served):
    client, process, _ = served
    with client.websocket_connect("/live/frames") as socket:
        socket.send_text(json.dumps({"visitor": "somebody"}))
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_bytes()
    assert closed.value.code == channel.UNKNOWN
    assert process.asked == []


@pytest.mark.parametrize(
    "message",
    ["no json", "[]", '{"do": "open"}', '{"do": "remove"}', '{"do": "remove", "number": []}', b"", b"\x09\0\0\0\0"],
)
def test_what_no_page_of_ours_sends_ends_the_connection(served, message):
    client, process, _ = served
    with client.websocket_connect("/live/frames") as socket:
        socket.send_text(json.dumps({"visitor": "known"}))
        heard(socket)
        (socket.send_text if isinstance(message, str) else socket.send_bytes)(message)
        with pytest.raises(WebSocketDisconnect):
            socket.receive_bytes()
    assert [do for _, do, _, _ in process.asked] == ["open"]
