"""What is said of pictures after a run: which edit it is, the run that follows, what it changed, and the way back."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fixtures.backend import fake
from fixtures.picture_files import encoded, scene
from fixtures.pictures import glance
from fixtures.results import made_up

from detectors.comparison.comparison import corrected
from detectors.datasets.sources import DemoSource, EditedSource, UploadSource
from detectors.evaluation import flips, image_auroc
from pages.frame import backend, corrections, data, uploads
from pages.frame.backend import Backend
from pages.frame.state import Choices
from pages.frame.words import plain, write
from pages.images import pictures
from pages.images.mask import with_mask

OWN = UploadSource(
    normal=tuple((f"n{i}.png", encoded(scene(24, 32, i))) for i in range(8)),
    test=tuple((f"{kind}/{i}.png", encoded(scene(24, 32, 20 + i))) for i, kind in enumerate(("cut", "good", "good"))),
)


def named(role: str, i: int):
    plain = glance(OWN)
    picture = (plain.normal if role == "train" else plain.test)[i]
    return {f"{role}:{picture.sha256}": (picture.sha256, picture.defective)}, picture.sha256


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("role", "i", "action", "word", "said"),
        [
            ("test", 1, "learn", "", "learn"),
            ("test", 0, "good", "", "normal"),
            ("test", 1, "defective", "bent", "defective: bent"),
            ("test", 0, "remove", "", "unused"),
            ("train", 1, "defective", "", "defective"),
            ("train", 1, "good", "", "normal"),
        ],
    )
    def test_after_its_scores_were_seen_it_is_a_correction_and_before_a_label(self, role, i, action, word, said):
        chosen, sha = named(role, i)
        assert corrections.changed(EditedSource(OWN), chosen, action, word, {sha}) == {"corrected": ((sha, said),)}
        assert "corrected" not in corrections.changed(EditedSource(OWN), chosen, action, word, {"another"})

    def test_what_was_known_is_no_correction(self):
        chosen, sha = named("test", 0)
        named_now = corrections.changed(EditedSource(OWN), chosen, "defective", "deep cut", {sha})
        assert named_now == {"labels": ((sha, "deep cut"),), "moved": ()}
        for role, i, action in (("train", 0, "learn"), ("test", 0, "defective"), ("test", 1, "good")):
            chosen, sha = named(role, i)
            assert corrections.changed(EditedSource(OWN), chosen, action, "", {sha}) == {}

    def test_what_was_corrected_is_corrected_again_and_brought_back(self):
        chosen, sha = named("test", 0)
        edit = EditedSource(OWN, corrected=((sha, "unused"),))
        edit = replace(edit, **corrections.changed(edit, chosen, "learn"))
        assert edit.corrected == ((sha, "learn"),)
        assert replace(edit, **corrections.changed(edit, chosen, "restore")).untouched

    def test_a_mask_on_a_good_picture_that_was_seen_is_one(self):
        _, sha = named("test", 0)
        assert with_mask(EditedSource(OWN), sha, "", "bent", seen=True)["corrected"] == ((sha, "defective: bent"),)
        assert "corrected" not in with_mask(EditedSource(OWN), sha, "", "bent")

    def test_the_page_shows_what_the_engine_will_do(self):
        said = (("test", 1, "learn"), ("test", 2, "defective: bent"), ("train", 1, "unused"), ("train", 2, "normal"))
        edit = EditedSource(OWN, corrected=tuple((named(role, i)[1], word) for role, i, word in said))
        before = pictures.edited(glance(OWN), EditedSource(OWN), None, 3)
        shown = pictures.edited(glance(OWN), edit, None, 3)
        gone = {named("train", 1)[1], named("train", 2)[1]}
        learnt, held = (
            [p.sha256 for _, p in part if p.sha256 not in gone] for part in (before.learnt, before.held_out)
        )
        assert [p.sha256 for _, p in shown.learnt] == [*learnt, named("test", 1)[1]]
        assert [p.sha256 for _, p in shown.held_out] == held
        assert [p.kind for _, p in shown.test] == ["cut"]
        assert sorted(p.kind for _, p in shown.aside) == ["bent", "good"]
        assert [p.sha256 for _, p in shown.removed] == [named("train", 1)[1]]


@pytest.fixture
def runs(monkeypatch):
    """Runs by source, started by hand; who left which."""
    made: dict[str, SimpleNamespace] = {}
    left: list[str] = []

    def start(comparison, source, session, before=None):
        run = made.setdefault(source.key, SimpleNamespace(
            key=source.key, source=source, sessions=set(), state="running", stages=(), cancelled=False, before=before,
            pictures=lambda: None, result=lambda: f"result of {source.key}",
        ))  # fmt: skip
        run.sessions.add(session)
        return run

    def leave(run, session):
        run.sessions.discard(session)
        left.append(run.key)
        made.pop(run.key, None)

    compute = SimpleNamespace(start=start, find=lambda c, source: made.get(source.key), leave=leave, trouble=None)
    monkeypatch.setattr(backend, "_compute", lambda: compute)
    monkeypatch.setattr(backend, "missing", lambda states: None)
    monkeypatch.setattr(Backend, "_weights", lambda self, choices: {})
    monkeypatch.setattr(Backend, "_begins_by_itself", lambda self, source: True)
    monkeypatch.setattr(Backend, "_counts", lambda self, choices, current: None)
    monkeypatch.setattr(Backend, "_estimated", lambda self, status, *rest: status)
    return SimpleNamespace(made=made, left=left)


def test_the_old_result_stays_until_the_new_one_is_there_and_is_kept_to_return_to(runs, monkeypatch):
    one, two, three = (EditedSource(DemoSource(), corrected=(("aa", "learn"),) * n) for n in range(3))
    looked_at = [one]
    monkeypatch.setattr(data, "source", lambda choices: looked_at[0])
    session, choices = Backend("session"), Choices()
    session.begins = False
    session.run(choices)
    runs.made[one.key].state = "done"
    assert session.look(choices)[0].state == "done"
    looked_at[0] = two
    session.refit(choices)
    assert runs.made[two.key].before is runs.made[one.key]
    status, result = session.look(choices)
    assert (status.state, status.stale, result, session.before) == ("running", True, f"result of {one.key}", None)
    looked_at[0] = three  # another correction: the run of the one before is not waited for
    session.look(choices)
    assert runs.left == [two.key]
    session.refit(choices)
    runs.made[three.key].state = "done"
    status, result = session.look(choices)
    assert (status.state, status.stale, result) == ("done", False, f"result of {three.key}")
    assert session.before == (one, f"result of {one.key}")
    looked_at[0] = one  # undone: at once
    status, result = session.look(choices)
    assert (status.state, status.stale, result, session.before) == ("done", False, f"result of {one.key}", None)
    session.cancel()
    session.end()


def test_a_reload_finds_the_result_from_before_a_correction_again(runs, monkeypatch):
    once, twice = (
        EditedSource(OWN, corrected=said) for said in ((("aa", "learn"),), (("aa", "learn"), ("bb", "learn")))
    )
    steps = [uploads.Step("learn", {}, OWN, edits) for edits in ({}, {OWN.key: once})]
    monkeypatch.setattr(uploads, "shelf", lambda: uploads.Shelf(source=OWN, steps=steps))
    monkeypatch.setattr(data, "source", lambda choices: twice)
    choices = Choices(data="own")
    first = Backend("first")
    for source in (OWN, twice):
        runs.made[source.key] = backend._compute().start(None, source, "first")
        runs.made[source.key].state = "done"
    first.end()
    again = Backend("again")
    status, result = again.look(choices)
    assert (status.state, result) == ("done", f"result of {twice.key}")
    assert again.before == (OWN, f"result of {OWN.key}")


def test_a_reload_before_the_run_that_follows_has_ended_shows_the_one_before_until_then(runs, monkeypatch):
    said = EditedSource(OWN, corrected=(("aa", "learn"),))
    monkeypatch.setattr(uploads, "shelf", lambda: uploads.Shelf(source=OWN, steps=[uploads.Step("learn", {}, OWN, {})]))
    monkeypatch.setattr(data, "source", lambda choices: said)
    runs.made[OWN.key] = backend._compute().start(None, OWN, "first")
    runs.made[OWN.key].state = "done"
    again, choices = Backend("again"), Choices(data="own")
    status, result = again.look(choices)
    assert (status.state, status.other, result) == ("running", False, f"result of {OWN.key}")
    assert runs.made[OWN.key].sessions == {"first", "again"}  # it does not go with the tab that was there before
    runs.made[said.key].state = "done"
    status, result = again.look(choices)
    assert (status.state, result, again.before) == ("done", f"result of {said.key}", (OWN, f"result of {OWN.key}"))


def test_a_run_of_other_pictures_follows_and_is_no_correction(runs, monkeypatch):
    read, otherwise = OWN, replace(OWN, roles=(("test/old", "ignore"),))
    looked_at = [read]
    monkeypatch.setattr(data, "source", lambda choices: looked_at[0])
    session, choices = Backend("session"), Choices(data="own")
    session.begins = False
    session.run(choices)
    runs.made[read.key].state = "done"
    session.look(choices)
    looked_at[0] = otherwise
    session.refit(choices)
    status, result = session.look(choices)
    assert (status.state, status.other, result) == ("running", True, f"result of {read.key}")
    runs.made[otherwise.key].state = "done"
    status, result = session.look(choices)
    assert (status.state, status.other, result, session.before) == (
        "done", False, f"result of {otherwise.key}", None,
    )  # fmt: skip


def test_a_run_that_follows_can_be_stopped_and_what_is_shown_stays(runs, monkeypatch):
    one, two = (EditedSource(DemoSource(), corrected=(("aa", "learn"),) * n) for n in range(2))
    looked_at = [one]
    monkeypatch.setattr(data, "source", lambda choices: looked_at[0])
    session, choices = Backend("session"), Choices()
    session.run(choices)
    runs.made[one.key].state = "done"
    session.look(choices)
    looked_at[0] = two
    session.refit(choices)
    session.cancel()
    assert runs.left == [two.key]
    status, result = session.look(choices)
    assert (status.state, status.stale, result) == ("idle", True, f"result of {one.key}")
    assert not status.other
    looked_at[0] = DemoSource("leather")
    assert session.look(choices)[0].other


def calm(result) -> int:
    """Return the good picture with the lowest score in the second column."""
    good = [i for i, p in enumerate(result.test) if p.defective is False]
    return min(good, key=lambda i: result.columns[1].scores[i])


def earlier(result, column=1, picture=3):
    """The same run, in which a good picture was a false alarm and one more picture was tested."""
    columns = []
    for i, each in enumerate(result.columns):
        scores = each.scores.copy()
        if i == column:
            scores[picture] = each.held_out.max() + 1
        columns.append(replace(each, scores=np.append(scores, 0.0), maps=None))
    extra = replace(result.test[0], sha256="corrected", name="corrected.png")
    return replace(result, test=(*result.test, extra), columns=tuple(columns))


def test_figures_of_both_are_over_the_pictures_that_both_count():
    now = made_up("link")
    good = calm(now)
    before = earlier(now, picture=good)
    found = flips.changed(before, now)
    assert len(flips.common(before, now)) == len(now.test)
    assert [len(one.flips) for one in found] == [0, 1, *[0] * (len(found) - 2)]
    assert found[1].flips == (flips.Flip(good, "false_alarm", "passed"),)
    assert found[1].before.confusion.false_alarms == found[1].now.confusion.false_alarms + 1
    assert found[0].before == found[0].now
    assert found[0].now.auroc == image_auroc(now.labels, now.columns[0].scores)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("page", ["compare", "scores", "images"])
def test_what_changed_is_shown_and_undone(open_app, monkeypatch, page, language):
    now = made_up("link")
    good = calm(now)
    monkeypatch.setattr(fake("done"), "earlier", (DemoSource(), earlier(now, picture=good)))
    edited = EditedSource(DemoSource(), corrected=(("aa", "learn"),))
    app = open_app("done", page, {"edits": {DemoSource().key: edited}}, language=language)
    html = " ".join(e.proto.body for e in app.get("html"))
    assert write(language, "flips.turns.gone", n=1) in html
    assert write(language, "flips.says", n=1) in " ".join(m.value for m in app.markdown)
    app.button(key="flips_undo").click().run()
    assert app.session_state["edits"] == {}
    assert not app.exception


def test_a_picture_is_corrected_where_it_is_looked_at_and_one_run_follows(open_app, monkeypatch):
    monkeypatch.setattr(data, "WAIT_SECONDS", 0.0)
    workers = fake("done")
    workers.ran.clear()
    app = open_app("done", "inspect")
    picture = next(p for p in workers.look(Choices())[1].test if p.defective)
    assert picture.sha256 in app.session_state["own"].scored
    app.button(key="say_inspected_learn").click().run()
    (edit,) = app.session_state["edits"].values()
    assert edit.corrected == ((picture.sha256, "learn"),)
    assert len(workers.ran) == 1
    assert app.session_state["own"].steps[-1].done == "learn"


def test_forgetting_forgets_whose_scores_were_seen():
    shelf = uploads.Shelf(OWN)
    shelf.scored.add("aa")
    shelf.clear()
    assert shelf.scored == set()


def test_a_lesson_says_so_above_its_figures(open_app, monkeypatch):
    workers = fake("lessons_done")
    status, result = workers.look(Choices())
    (said,) = corrected({"corrected": [["aa", "learn"]]})
    told = replace(result, warnings=(*result.warnings, said))
    monkeypatch.setattr(workers, "_look", lambda choices: (status, told))
    app = open_app("lessons_done", "learn", lesson="hard")
    assert str(said) in " ".join(e.proto.body for e in app.get("html"))


def said_of_other_tabs(app):
    return write("en", "images.elsewhere_changed") in " ".join(e.proto.body for e in app.get("html"))


def changed_elsewhere(app, source=None):
    shelf = app.session_state["own"]
    shelf.changes.append("another tab")
    shelf.steps.append(uploads.Step("upload", {"n": 3}, source, {}, "another tab"))
    return shelf


def test_the_tab_that_takes_a_change_over_says_so_with_the_way_back(open_app):
    app = open_app("done", "images")
    assert not said_of_other_tabs(app)
    shelf = changed_elsewhere(app)
    app.run()
    assert said_of_other_tabs(app)
    app.run()
    assert said_of_other_tabs(app)  # until somebody has said what is to be
    assert app.button(key="other_tab_undo").help == plain(write("en", "images.undo.upload", n=3))
    app.button(key="other_tab_undo").click().run()
    assert shelf.steps == []
    assert not said_of_other_tabs(app)
    changed_elsewhere(app)
    app.run()
    app.button(key="other_tab_keep").click().run()
    assert not said_of_other_tabs(app)
    assert len(shelf.steps) == 1


def test_a_change_elsewhere_is_told_even_with_the_first_change_made_here_and_own_ones_never(open_app):
    app = open_app("done", "images")
    app.button(key="choose_leather").click().run()
    shelf = app.session_state["own"]
    changed_elsewhere(app)
    shelf.remember("corrections", {})  # of this tab, before it was told of the other's
    shelf.changes[-1] = here = app.session_state["own"].tabs.copy().pop()
    shelf.steps[-1] = replace(shelf.steps[-1], tab=here)
    app.run()
    assert said_of_other_tabs(app)
    assert not [button for button in app.button if button.key == "other_tab_undo"]
