"""Methods of one's own, each a single file named in ODD_METHODS: every way in takes them, and no file is touched."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOY = """
from dataclasses import dataclass

from detectors.errors import Sentence
from detectors.methods import Card, Setting
from detectors.methods.base import Detector, Estimate, Evidence, Neighbor, Prediction, silent
from detectors.methods.settings import Real

CARD = Card(
    key="toy", title="Toy", home="toy:Toy", idea=Sentence("toy.idea", "The distance from the mean map."),
    settings={"power": Setting(1.0, Real(0.5, 4), Sentence("toy.power", "What the distance is raised to."))},
    words={"ko": {"toy.idea": "평균 맵에서 떨어진 거리입니다."}},
)


@dataclass
class Toy(Detector):
    power: float = 1.0
    name = "toy"

    def fit(self, features, progress=silent):
        self.forget()
        self.mean_ = sum(batch.maps[-1].sum(0) for batch in features) / len(features)
        return self

    def distances(self, features):
        return (features.maps[-1] - self.mean_).norm(dim=1) ** self.power

    def predict(self, features):
        from torch.nn.functional import interpolate
        grid = self.distances(features)
        maps = interpolate(grid[:, None], features.image_size, mode="bilinear")[:, 0]
        return Prediction(maps.amax((1, 2)), maps)

    def explain(self, features, y, x):
        grid = self.distances(features)[0]
        side = features.image_size[0] // grid.shape[0]
        row, column = y // side, x // side
        box = (float(row * side), float(column * side), float((row + 1) * side), float((column + 1) * side))
        value = grid[row, column].item()
        return Evidence(value, box, "distance", (Neighbor(None, box, value, role="average"),))

    def estimate(self, shape):
        return Estimate(0.01, 1000, 1000)
"""
WHOLE = """
from dataclasses import dataclass

from detectors.errors import Sentence
from detectors.methods import Card
from detectors.methods.base import Detector, Estimate, Evidence, Prediction, silent

CARD = Card(
    key="whole", title="Whole", home="whole:Whole", settings={}, has_map=False,
    idea=Sentence("whole.idea", "The distance from the mean picture."),
)


@dataclass
class Whole(Detector):
    name = "whole"

    def fit(self, features, progress=silent):
        self.forget()
        self.mean_ = sum(batch.pooled[-1].sum(0) for batch in features) / len(features)
        return self

    def predict(self, features):
        return Prediction((features.pooled[-1] - self.mean_).norm(dim=1))

    def explain(self, features, y, x):
        return Evidence(self.predict(features).scores[0].item(), None, "distance")

    def estimate(self, shape):
        return Estimate(0.01, 1000, 1000)
"""
PAGES = """
import os, sys
os.environ["ODD_FIXTURE"] = "lessons_done"
from streamlit.testing.v1 import AppTest
from pages.frame.style import PAGES, path

for page in PAGES:
    app = AppTest.from_file(sys.argv[1], default_timeout=200)
    app.query_params.update({"language": sys.argv[2], "focus": "toy"})
    app.run()
    app.switch_page(path(page)).run()
    assert not app.exception, (page, [e.value for e in app.exception])
    assert [box.label.split(" :")[0] for box in app.checkbox if box.key == "w_method_toy"] == ["Toy"], page
from fixtures import learning
from pages.frame.state import Choices
from pages.inspect import reasons
from detectors.queries import explain
found = {r.key: r for r in learning.ask("done", explain.explain_place, "test", 0, 60, 60)}
toy, whole = found["toy/efficientnet_lite0"], found["whole/efficientnet_lite0"]
assert toy.box is not None and toy.rank is not None and toy.compared[0].role == "average", toy
assert whole.box is None and whole.rank is None, whole
field = learning.ask("done", explain.gradient, "whole/efficientnet_lite0", "test", 0)
assert field.shape == (112, 112) and field.max() > 0
print("every page opened")
"""


@pytest.fixture
def own(tmp_path):
    """Run a command where both toys are named, from the project's root."""
    (tmp_path / "toy.py").write_text(TOY, encoding="utf-8")
    (tmp_path / "whole.py").write_text(WHOLE, encoding="utf-8")
    paths = os.pathsep.join(map(str, (tmp_path, ROOT, ROOT / "tests")))
    surroundings = os.environ | {"ODD_METHODS": "toy, whole", "PYTHONPATH": paths}

    def run(*command: object) -> str:
        done = subprocess.run(
            [sys.executable, *map(str, command)], cwd=ROOT, env=surroundings, capture_output=True, text=True,
            encoding="utf-8", check=False, timeout=400,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-1500:] + done.stderr[-3000:]
        return done.stdout

    return run


@pytest.mark.slow
def test_the_command_line_takes_a_sixth_method(own, tmp_path):
    small = ("--size", 64)
    own("-m", "detectors", "demo", "--product", "leather", "--out", tmp_path / "set", "--normal", 8, "--good", 2)
    data, out = ("--data", tmp_path / "set"), tmp_path / "out"
    table = own("-m", "detectors", "compare", *data, *small, "--methods", "toy,whole,padim", "--out", out)
    assert "toy" in table
    rows = list(csv.DictReader((out / "scores.csv").open(encoding="utf-8-sig")))
    assert {row["method"] for row in rows} == {"toy", "whole", "padim"}
    model = tmp_path / "toy.safetensors"
    own("-m", "detectors", "fit", "--method", "toy", *data, *small, "--set", "toy.power=2", "--out", model)
    picture = next((tmp_path / "set").rglob("test/good/*.png"))
    said = own("-m", "detectors", "predict", "--model", model, picture)
    assert picture.name in said
    again = own(
        "-c",
        f"""
import torch
from detectors.comparison.storage import load_detector, save_detector
first, metadata = load_detector({str(model)!r})
save_detector(first, {str(tmp_path / "again.safetensors")!r}, metadata)
second, _ = load_detector({str(tmp_path / "again.safetensors")!r})
assert first.settings == second.settings == {{"power": 2.0}}
print(torch.equal(first.mean_, second.mean_))
""",
    )
    assert again.strip() == "True"
    assert "power" in own("-m", "detectors", "sweep", "--method", "toy", *data, *small, "--vary", "power=1,2")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "ko"])
def test_every_page_opens_with_a_sixth_method(own, language):
    app = ROOT / "tests" / "fixtures" / "app.py"
    assert own("-c", PAGES, app, language).strip().endswith("every page opened")


def test_the_report_names_a_sixth_method_and_its_korean_is_its_own(own):
    said = own(
        "-c",
        """
from fixtures import learning
from detectors import report
from detectors.methods import METHODS
from detectors.report.wording import Words
html = report.html(learning.ran()[0])
print("Toy" in html and "Whole" in html, *(Words.of("ko").say(METHODS[m].idea) for m in ("toy", "whole")))
""",
    )
    assert said.strip() == "True 평균 맵에서 떨어진 거리입니다. The distance from the mean picture."


def test_a_method_that_cannot_be_read_is_said_and_left_out(tmp_path):
    surroundings = os.environ | {"ODD_METHODS": "nowhere_at_all"}
    code = "from detectors.methods import METHODS, UNREADABLE; print(len(METHODS), UNREADABLE[0])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=surroundings, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == (
        "5 The method nowhere_at_all could not be read and is left out: "
        "ModuleNotFoundError: No module named 'nowhere_at_all'. Correct it or do not name it."
    )
