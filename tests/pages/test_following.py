"""A run follows by itself where own pictures that were seen are read otherwise, if it is cheap and nobody stops it."""

from dataclasses import replace

import pytest
from fixtures.backend import fake
from fixtures.picture_files import encoded, scene, zipped
from fixtures.pictures import glance

from detectors.datasets.sources import UploadSource
from detectors.errors import Sentence
from pages.frame import data, following, uploads
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import write

NAMES = [f"{folder}/{i}.png" for folder in ("test/crack", "test/old", "train/good") for i in range(4)]
OWN = UploadSource(archive=("a.zip", zipped({name: encoded(scene(24, 32, i)) for i, name in enumerate(NAMES)})))
BEHIND = Status("idle", stale=True, other=True, seconds=8.0, size=10**6, counts=(3, 1, 8))


@pytest.fixture
def standing(open_app, monkeypatch):
    """Open Images with own pictures, seen or new, and say how the work stands to them; what was begun is listed."""
    monkeypatch.setattr(data, "WAIT_SECONDS", 0.0)
    backend = fake("done")
    result = backend.look(Choices())[1]

    def opened(status, seen=True):
        monkeypatch.setattr(backend, "ran", [])
        monkeypatch.setattr(backend, "_look", lambda choices: (status, result))
        shelf = uploads.Shelf(
            OWN, scored={p.sha256 for p in (*glance(OWN).normal, *glance(OWN).test)} if seen else set()
        )
        app = open_app("done", "images", {"own": shelf}, data="own")
        assert backend.ran == []
        return app, backend.ran

    return opened


def corrected(app):
    """A folder is left out, which makes another set of the same files."""
    box = next(box for box in app.selectbox if box.key.endswith("test/old"))
    box.set_value("ignore").run()
    assert not app.exception, [e.value for e in app.exception]
    return app


def test_a_corrected_folder_is_followed_by_one_run(standing):
    app, ran = standing(BEHIND)
    corrected(app)
    app.run()
    assert len(ran) == 1
    assert app.session_state["measure"] is None


def test_new_pictures_wait_for_a_person_who_may_still_say_what_they_are(standing):
    app, ran = standing(BEHIND, seen=False)
    corrected(app)
    app.run()
    assert ran == []
    assert app.session_state["measure"] is None
    said = " ".join(e.value for e in app.markdown)
    assert f"{write('en', 'images.unmeasured')} {write('en', 'images.unmeasured_time', time='8 s')}" in said
    app.button(key="run_here").click().run()
    assert len(ran) == 1


@pytest.mark.parametrize(
    "status",
    [
        replace(BEHIND, seconds=following.CHEAP_SECONDS + 1),
        replace(BEHIND, state="refused", sentence=Sentence("x", "No.")),
        replace(BEHIND, stale=False, other=False, state="done"),
        replace(BEHIND, state="running"),
    ],
)
def test_what_is_long_refused_or_there_already_is_not_begun(standing, status):
    app, ran = standing(status)
    corrected(app)
    app.run()
    assert ran == []
    assert app.session_state["measure"] is None


def test_a_run_that_takes_long_is_offered_with_its_time(standing):
    app, ran = standing(replace(BEHIND, seconds=600.0))
    assert "That takes about 10 min." in " ".join(e.value for e in app.markdown)
    app.button(key="run_here").click().run()
    assert len(ran) == 1


def test_without_an_estimate_it_waits_for_it(standing, monkeypatch):
    app, ran = standing(replace(BEHIND, seconds=None))
    monkeypatch.setattr(fake("done"), "finding_out", lambda choices: True)
    corrected(app)
    assert ran == []
    assert app.session_state["measure"] is not None


def test_stopping_a_run_has_none_follow(standing):
    app, ran = standing(replace(BEHIND, state="running"))
    app.session_state["measure"] = (10.0**12, True)
    app.button(key="cancel").click().run()
    assert app.session_state["measure"] is None
    assert ran == []


def test_figures_of_other_pictures_are_called_so_while_the_chosen_ones_are_measured(standing, open_app):
    standing(replace(BEHIND, state="running"))
    app = open_app("done", "compare", {"own": uploads.Shelf(OWN)}, data="own")
    said = " ".join(e.proto.body for e in app.get("html"))
    assert write("en", "frame.other_running") in said
    assert not [button for button in app.button if button.key == "run_other"]
