"""What every test shares: one thread for tiny tensors, a cache folder of its own, and a small real data set."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # default threads make tiny tests several times slower
os.environ["ODD_CACHE"] = tempfile.mkdtemp(prefix="odd-one-out-tests-")
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest

APP = Path(__file__).parent / "fixtures" / "app.py"
SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_unconfigure():
    """Take the cache folder away."""
    shutil.rmtree(os.environ["ODD_CACHE"], ignore_errors=True)


@pytest.fixture(scope="session")
def circuit():
    """A dozen normal circuit boards and a few test pictures, of every kind at severity 1."""
    from detectors import datasets

    return datasets.demo("circuit", normal=16, good=4, per=1, severities=(1.0,), seed=3)


@pytest.fixture(scope="session")
def real_set():
    """Load a small real category by its name; skips where the pictures are not at hand."""
    from detectors import datasets

    def load(name: str) -> Any:
        folder = SHARED_DATA / f"{name}_reduced"
        if not folder.is_dir():
            pytest.skip(f"the reduced MVTec AD pictures are not at {folder}")
        return datasets.load_folder(folder)

    return load


@pytest.fixture(scope="session")
def hazelnut(real_set):
    """A small real category; skips where the pictures are not at hand."""
    return real_set("hazelnut")


@pytest.fixture
def open_app(monkeypatch):
    """Open a page over the fake backend, without workers or a browser."""
    from streamlit.testing.v1 import AppTest

    from pages.frame import backend
    from pages.frame.style import path

    monkeypatch.setattr(backend, "current", backend.current)  # the app puts the fake there: put it back afterwards

    def opened(state: str = "done", page: str = "compare", session: dict[str, Any] | None = None, **query: str) -> Any:
        monkeypatch.setenv("ODD_FIXTURE", state)
        app = AppTest.from_file(str(APP), default_timeout=120)
        app.query_params.update(query)
        for key, value in (session or {}).items():
            app.session_state[key] = value
        app.run()
        if page != "compare":
            app.switch_page(path(page)).run()
        assert not app.exception, [e.value for e in app.exception]
        return app

    return opened
