"""The one poller: it looks again only while something is awaited, and draws the page anew once that has changed."""

import ast
from pathlib import Path

import pytest
from streamlit.testing.v1.local_script_runner import LocalScriptRunner

from pages.frame import refresh, style

PAGES = Path(__file__).parents[2] / "pages"


class Redrawn(Exception):
    """What `st.rerun` does to a script."""


@pytest.fixture
def fragments(monkeypatch):
    """Every fragment that was made: how often it is run, and itself."""
    made = []

    def fragment(run_every=None):
        return lambda part: made.append((run_every, part)) or part

    def rerun():
        raise Redrawn

    monkeypatch.setattr(refresh.st, "fragment", fragment)
    monkeypatch.setattr(refresh.st, "rerun", rerun)
    return made


def test_nothing_is_polled_where_nothing_is_awaited(fragments):
    drawn = []
    refresh.poll(lambda: drawn.append(1), lambda: False)
    assert [every for every, _ in fragments] == [None]
    fragments[0][1]()
    assert drawn == [1, 1]


def test_a_part_without_anything_to_click_is_a_fragment_only_while_something_is_awaited(fragments):
    drawn, awaited = [], [False]
    refresh.poll(lambda: drawn.append(1), lambda: awaited[0], still=True)
    assert (drawn, fragments) == ([1], [])
    awaited[0] = True
    refresh.poll(lambda: drawn.append(1), lambda: awaited[0], still=True)
    assert [every for every, _ in fragments] == [refresh.SECONDS]
    assert drawn == [1, 1]


def test_the_page_is_drawn_anew_once_what_was_awaited_is_there(fragments):
    drawn, awaited = [], [True]
    refresh.poll(lambda: drawn.append(1), lambda: awaited[0], 0.3)
    ((every, part),) = fragments
    assert every == 0.3
    part()
    awaited[0] = False
    with pytest.raises(Redrawn):
        part()
    assert drawn == [1, 1, 1]


def test_polling_begins_when_a_part_finds_something_to_wait_for(fragments):
    awaited = [False]
    refresh.poll(lambda: None, lambda: awaited[0])
    ((_, part),) = fragments
    awaited[0] = True
    with pytest.raises(Redrawn):
        part()


def test_a_dialog_stays_open(fragments):
    awaited = [True]
    drawn = []
    refresh.poll(lambda: drawn.append(awaited[0]), lambda: awaited[0], page=False)
    ((_, part),) = fragments
    awaited[0] = False
    part()  # without `Redrawn`
    assert drawn == [True, False]


def test_nobody_else_makes_fragments():
    calling = {
        path.name
        for path in PAGES.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute | ast.keyword)
        and (getattr(node, "attr", "") == "fragment" or getattr(node, "arg", "") == "run_every")
    }
    assert calling == {"refresh.py"}


@pytest.mark.parametrize("page", style.PAGES)
@pytest.mark.parametrize("state", ["before", "running"])
def test_what_a_beginning_fragment_takes_back_leaves_no_hole(open_app, monkeypatch, page, state):
    """Streamlit drops what a fragment sent in a run of the page that the browser has not been sent yet."""
    sent = []
    drawn = LocalScriptRunner.forward_msgs
    monkeypatch.setattr(LocalScriptRunner, "forward_msgs", lambda runner: sent.append(drawn(runner)) or sent[-1])
    open_app(state, page)
    deltas = [message for message in sent[-1] if message.WhichOneof("type") == "delta"]
    assert any(each.delta.fragment_id for each in deltas) or (state == "before" and page in ("images", "live"))
    kept = [tuple(each.metadata.delta_path) for each in deltas if not each.delta.fragment_id]
    siblings: dict[tuple[int, ...], set[int]] = {}
    for path in kept:
        siblings.setdefault(path[:-1], set()).add(path[-1])
    for parent, places in siblings.items():
        if len(parent) > 0:
            assert places == set(range(len(places))), f"a hole in {parent}"
