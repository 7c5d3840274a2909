"""What every test shares: one thread for tiny tensors, a cache folder of its own, and a small real data set."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # default threads make tiny tests several times slower
os.environ["ODD_CACHE"] = tempfile.mkdtemp(prefix="odd-one-out-tests-")
os.environ["HF_HUB_OFFLINE"] = "1"

import pytest

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def circuit():
    """A dozen normal circuit boards and a few test pictures, of every kind at severity 1."""
    from detectors import datasets

    return datasets.demo("circuit", normal=16, good=4, per=1, severities=(1.0,), seed=3)


@pytest.fixture(scope="session")
def hazelnut():
    """A small real category; skips where the pictures are not at hand."""
    from detectors import datasets

    folder = SHARED_DATA / "hazelnut_reduced"
    if not folder.is_dir():
        pytest.skip(f"the reduced MVTec AD pictures are not at {folder}")
    return datasets.load_folder(folder)
