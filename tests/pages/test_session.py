"""What a session remembers stands in one table, and nothing is remembered beside it."""

import ast
from pathlib import Path

import pytest

from pages.frame import session
from pages.frame.style import PAGES

ROOT = Path(__file__).parents[2] / "pages"
FILES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in sorted(ROOT.rglob("*.py"))}
KEYS = {name: key for name, key in vars(session).items() if isinstance(key, session.Key)}


def calls(module: str) -> list[tuple[str, str]]:
    """Return (key, what is done with it) of every use of a key in a module."""
    found = []
    for node in ast.walk(ast.parse(FILES[module].read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            owner = node.value
            if isinstance(owner.value, ast.Name) and owner.value.id == "session" and owner.attr in KEYS:
                found.append((owner.attr, node.attr))
    return found


def test_only_the_table_touches_the_state_of_a_session():
    touching = [
        name
        for name, path in FILES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "session_state"
    ]
    assert set(touching) == {"frame.session"}


@pytest.mark.parametrize("name", KEYS)
def test_a_key_is_written_by_whom_it_names(name):
    uses = {module: {done for key, done in calls(module) if key == name} for module in FILES}
    writers = {module for module, done in uses.items() if done & {"set", "pop"}}
    assert KEYS[name].writers == tuple(sorted(writers or {module for module, done in uses.items() if done}))


def test_names_are_given_once_and_none_looks_like_a_widgets():
    assert len(session.TABLE) == len(KEYS)
    assert [name for name in session.TABLE if name.startswith(session.WIDGETS)] == []


def opened(open_app):
    for page in PAGES:
        yield open_app("done", page, {"inspect_mode": "paint"} if page == "inspect" else None)
    for lesson in ("hard", "layers", "playground", "patchcore", "parameters", "exercises"):
        yield open_app("lessons_done", "learn", lesson=lesson)


def test_nothing_is_remembered_beside_the_table(open_app):
    seen = set()
    for app in opened(open_app):
        for name in app.session_state.keys():  # noqa: SIM118
            key = session.TABLE.get(name)
            if key is None:
                assert name.startswith(session.WIDGETS), name
            elif key.default() is not None:
                assert isinstance(app.session_state[name], type(key.default())), name
            seen.add(name)
    assert len(seen & set(session.TABLE)) > len(session.TABLE) / 2
