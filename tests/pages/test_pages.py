"""Every page in both languages and in every state of the work, without workers or a browser."""

import subprocess
import sys
from pathlib import Path

import pytest
from fixtures.backend import FakeAnswer, FakeBackend
from fixtures.shown import given
from fixtures.states import STATES

from detectors.methods import METHODS, build
from detectors.queries import presets
from pages.frame.status import Status
from pages.frame.style import PAGES
from pages.frame.words import table, write

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_in_both_languages(open_app, page, language):
    for state in ("before", "done"):
        app = open_app(state, page, language=language)
        assert app.title[0].value == write(language, f"{page}.title")


@pytest.mark.parametrize("state", STATES)
def test_compare_shows_every_state_of_the_work(open_app, state):
    query = {"backbones": "efficientnet_lite0,resnet18"} if state == "two" else {}
    app = open_app(state, **query)
    assert app.markdown[0].value


@pytest.mark.parametrize(("page", "component"), [("compare", "grid"), ("scores", "lanes"), ("inspect", "viewer")])
def test_a_result_of_other_choices_is_marked(open_app, page, component):
    for state, marked in (("done", False), ("stale", True)):
        app = open_app(state, page)
        assert given(app, component)["stale"] is marked
        said = [html for html in app.get("html") if write("en", "frame.other_pictures") in html.proto.body]
        assert bool(said) is any(button.key == "run_other" for button in app.button) is marked
        if component == "grid":  # nothing can be said of pictures that are not the chosen ones
            assert given(app, component)["rows"][0]["cells"][0]["say"] is not marked


def test_the_sentence_counts_what_the_methods_say(open_app):
    app = open_app()
    assert "**3**" in app.markdown[0].value
    assert "five" in app.markdown[0].value


def test_moving_the_threshold_is_kept_in_the_url(open_app):
    app = open_app()
    slider = app.select_slider(key="w_allowed")
    slider.set_value(2).run()
    assert app.query_params["allowed"] == "2"


def test_nothing_goes_before_the_first_pictures_of_the_built_in_set(open_app, monkeypatch):
    asked = []
    monkeypatch.setattr(FakeBackend, "overview", lambda _, source: asked.append(source))
    monkeypatch.setattr(FakeBackend, "later", lambda _, query, *given, **kinds: asked.append(query) or FakeAnswer(None))
    monkeypatch.setattr(FakeBackend, "look", lambda _, choices: (Status(state="running"), None))
    open_app("running")
    assert asked == []
    monkeypatch.setattr(FakeBackend, "look", lambda _, choices: (Status(), None))
    open_app("running")
    assert asked == [presets.values]


def test_a_link_sets_the_controls(open_app):
    app = open_app(product="leather", methods="spade,cfa", allowed="3", language="ko", preset="paper")
    assert app.selectbox(key="w_pictures").value == "leather"
    assert [app.checkbox(key=f"w_method_{m}").value for m in ("spade", "padim", "cfa")] == [True, False, True]
    assert app.select_slider(key="w_allowed").value == 3
    assert app.radio(key="w_preset").value == "paper"


def test_labels_hold_no_mark_up_that_would_be_read_aloud(open_app):
    app = open_app()
    for control in (*app.checkbox, *app.selectbox, *app.radio, *app.select_slider):
        assert ":" not in control.label
    assert sum(e.proto.body.count('class="odd-times"') for e in app.get("html")) == 5


def test_the_grid_is_told_what_its_scales_and_intervals_mean(open_app):
    for state, told in (("done", True), ("no_threshold", False)):
        shown = given(open_app(state), "grid")
        assert bool(shown["words"]["scales"]) is told
        assert shown["heads"][1]["lines"][0]["spoken"] == "95 % interval 0.68 to 0.98"


def test_no_method_means_no_run(open_app):
    app = open_app(methods="spade")
    app.checkbox(key="w_method_spade").uncheck().run()
    assert app.button(key="run").disabled
    assert not app.exception


def test_the_server_process_never_imports_torch():
    modules = sorted(path.stem for path in (ROOT / "pages" / "frame").glob("*.py") if path.stem != "main")
    code = f"import sys; from pages.frame import {', '.join(modules)}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_why_no_work_is_done(open_app, page):
    app = open_app("troubled", page)
    (said,) = (html.proto.body for html in app.get("html") if 'class="odd-trouble"' in html.proto.body)
    assert "The worker stopped and is being started anew." in said


def test_nothing_is_said_while_all_is_well(open_app):
    assert not any('class="odd-trouble"' in html.proto.body for html in open_app("done").get("html"))


def test_both_backbones_are_chosen_in_plain_sight(open_app):
    app = open_app(backbones="scattering,resnet18")
    chosen = app.multiselect(key="w_backbones")
    assert chosen.value == ["scattering", "resnet18"]
    chosen.set_value(["resnet18"]).run()
    assert app.query_params["backbones"] == "resnet18"
    for refused in ([], ["no such/name"]):
        app.multiselect(key="w_backbones").set_value(refused).run()
        assert app.multiselect(key="w_backbones").value == ["resnet18"]


@pytest.mark.parametrize(
    ("group", "columns", "rows"),
    [
        ("rows", ["spade/scattering", "cfa/scattering"], 2),
        ("method", ["spade/scattering", "spade/resnet18", "cfa/scattering", "cfa/resnet18"], 1),
        ("backbone", ["spade/scattering", "cfa/scattering", "spade/resnet18", "cfa/resnet18"], 1),
    ],
)
def test_two_backbones_stand_below_or_beside_each_other(open_app, group, columns, rows):
    app = open_app("two", backbones="scattering,resnet18")
    app.selectbox(key="compare_group").select(group).run()
    for each in (given(app, "grid"), given(open_app("before", backbones="scattering,resnet18"), "grid")):
        assert len(each["heads"]) == len(each["rows"][0]["cells"])
    shown = given(app, "grid")
    first = shown["rows"][0]
    assert [cell["column"] for cell in first["cells"][1:] if cell["column"].startswith(("spade", "cfa"))] == columns
    assert sum(row["picture"] == first["picture"] for row in shown["rows"]) == rows
    assert [head["key"] for head in shown["heads"][1:]] == [cell["column"].split("/")[0] for cell in first["cells"][1:]]


def test_settings_show_the_values_that_are_used_and_both_presets(open_app):
    app = open_app(preset="quick", **{"patchcore.ratio": "0.25"})
    app.button(key="each").click().run()
    limit = app.number_input(key="w_set_patchcore_limit")
    assert (limit.label, limit.placeholder, limit.value) == ("Most patches kept", "4096", None)
    assert app.multiselect(key="w_set_patchcore_levels").placeholder == "1 + 2"
    said = [e.value for e in app.caption]
    assert "`limit` · quick **4096** · paper **none**" in said
    assert "`ratio` · quick 0\\.1 · paper 0\\.1 · :orange[yours 0\\.25]" in said
    paper = open_app(preset="paper")
    paper.button(key="each").click().run()
    assert paper.number_input(key="w_set_patchcore_limit").placeholder == "none"


def test_every_setting_has_a_name_in_both_languages():
    used = {name for card in METHODS.values() for name in card.settings if name != "seed"}
    for language in ("en", "ko"):
        assert set(table(language)["settings_names"]) == used


def test_the_presets_are_those_that_methods_are_built_with():
    found = presets.values(("scattering", "resnet18"))
    for method, by_preset in found.items():
        for preset, by_backbone in by_preset.items():
            for backbone, settings in by_backbone.items():
                built = build(method, preset, backbone)
                assert settings == {name: getattr(built, name) for name in METHODS[method].settings}
    assert set(found) == set(METHODS)


def test_compare_sorts_by_the_aupimo_of_the_focused_method(open_app):
    offered = given(open_app("done"), "grid")["orders"]
    assert "aupimo" not in [name for name, _ in offered]
    shown = given(open_app("scored", session={"order": "aupimo"}), "grid")
    assert ["aupimo", "Lowest AUPIMO first"] in shown["orders"]
    assert shown["order"] == "aupimo"
    values = [float(row["cells"][4]["note"].split()[1]) for row in shown["rows"]]
    assert values == sorted(values)
    assert given(open_app("done", session={"order": "aupimo"}), "grid")["order"] == "disagreement"


def test_compare_filters_by_method_and_by_two_methods(open_app):
    app = open_app()
    keys = list(app.session_state["choices"].columns)
    app.selectbox(key="compare_by_missed").set_value(keys[0]).run()
    assert app.session_state["compare_filter"] == f"missed:{keys[0]}"
    app.selectbox(key="compare_by_right").set_value(keys[0]).run()
    app.selectbox(key="compare_by_wrong").set_value(keys[1]).run()
    assert app.session_state["compare_filter"] == f"right:{keys[0]}|{keys[1]}"
    assert not app.exception
