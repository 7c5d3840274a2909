"""Inspect in both languages and every state of the work, over invented evidence: what it says, what a link opens."""

import numpy as np
import pytest
from fixtures.results import made_up
from fixtures.states import STATES

from detectors.evaluation.thresholds import ThresholdChoice
from detectors.methods.base import Neighbor
from detectors.queries.explain import Rank, Reason, Share
from pages.frame.verdicts import Verdicts
from pages.frame.words import table, write
from pages.inspect import exhibits, reasons
from pages.inspect.contradictions import contradiction
from pages.inspect.exhibits import Exhibit, Verdict


@pytest.fixture
def inspect(open_app):
    return lambda state="done", mode="look", **query: open_app(state, "inspect", {"inspect_mode": mode}, **query)


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("mode", ["look", "paint"])
@pytest.mark.parametrize("state", STATES)
def test_every_state_is_shown_in_both_languages(inspect, state, mode, language):
    query = {"backbones": "efficientnet_lite0,resnet18"} if state == "two" else {}
    app = inspect(state, mode, language=language, **query)
    assert app.title[0].value == write(language, "inspect.title")
    assert app.markdown[0].value


def test_a_link_names_the_picture_and_the_place(inspect):
    picture = made_up().test[3]
    app = inspect(picture=picture.sha256[:16], place="12,34")
    assert picture.name.split("/")[1][:3] in app.markdown[0].value
    assert app.query_params["place"] == "12,34"


def test_a_held_out_picture_can_be_looked_at(inspect):
    picture = made_up().held_out[1]
    app = inspect(picture=picture.sha256[:16])
    assert "held-out normal" in app.markdown[0].value


def test_a_place_outside_the_picture_is_brought_inside(inspect):
    assert not inspect(place="4000,4000").exception


def rank(**changes: float) -> Rank:
    values = {"below": 50, "of": 100, "here_below": 1, "here_of": 9, "map_value": 0.2, "times": 0.4} | changes
    return Rank((1, 2), 0.0, 2.0, 0.5, 1.0, **values)


@pytest.mark.parametrize(
    ("method", "held", "word", "key"),
    [
        ("patchcore", rank(map_value=3.0, times=2.3), "found", "patchcore_far"),
        ("patchcore", rank(below=96), "found", "patchcore_rare"),
        ("patchcore", rank(map_value=1.1, times=1.05, below=99), "found", "patchcore_rare"),
        ("patchcore", rank(), "miss", "patchcore_usual"),
        ("spade", rank(map_value=3.0, times=2.3), "miss", "spade_pooled"),
        ("spade", rank(map_value=3.0, times=2.3), "found", "spade_far"),
        ("cfa", rank(map_value=3.0, times=2.3), "miss", "cfa_far"),
        ("padim", rank(map_value=3.0, times=2.3), "miss", "padim_far"),
        ("padim", rank(here_below=9), "miss", "padim_here"),
        ("padim", None, "", "alone"),
    ],
)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_sentence_says_what_the_evidence_says(monkeypatch, method, held, word, key, language):
    monkeypatch.setattr(reasons, "text", lambda name, **values: write(language, name, **values))
    column = made_up()[f"{method}/efficientnet_lite0"]
    compared = (Neighbor(0, (0, 0, 8, 8), 1.0, None, "typical" if method == "padim" else "nearest"),)
    reason = Reason(column.key, 1.234, "distance", (0, 0, 8, 8), compared, (Share(1, 2.0), Share(0, 1.0)), held)
    said = reasons.sentence(reason, column, Verdict(1.0, 1.0, word, 0, 9, None), learnt=20)
    values = {
        "times": "2.3",
        "percent": min(held.below, 99) if held else 0,
        "k": 5,
        "n": 9,
        "level": 2,
        "value": "1.23",
    }
    assert said == write(language, f"inspect.says.{key}", **values)


@pytest.mark.parametrize(
    ("shares", "word", "key"),
    [
        ((Share(1, 3.0, 2.0), Share(0, 1.0, 2.0)), "found", "levels_far"),
        ((Share(1, 1.0, 2.0),), "miss", "levels_vanishes"),
        ((Share(1, 1.0, 2.0),), "passed", "levels_usual"),
    ],
)
def test_levels_are_held_against_the_highest_normal(monkeypatch, shares, word, key):
    monkeypatch.setattr(reasons, "text", lambda name, **values: write("en", name, **values))
    column = made_up()["mahalanobis/efficientnet_lite0"]
    reason = Reason(column.key, 4.0, "Mahalanobis distance", None, (), shares, None)
    said = reasons.sentence(reason, column, Verdict(1.0, 1.0, word, 0, 9, None), learnt=20)
    assert said == write("en", f"inspect.says.{key}", level=2, times="1.5")


def boxed(monkeypatch, fields: dict[str, tuple[str, np.ndarray]]) -> str:
    monkeypatch.setattr("pages.inspect.contradictions.text", lambda name, **values: f"{name.split('.')[-1]} {values}")
    result = made_up()
    index = next(i for i, p in enumerate(result.test) if p.defective and p.local)
    found = {}
    for key, (word, shown) in fields.items():
        scale = result[key].scale
        raw = scale.median + shown * (scale.q99 - scale.median)
        found[key] = Verdict(1.0, 1.5 if word in ("found", "false_alarm") else 0.5, word, 0, 9, raw)
    return contradiction(Exhibit("test", index, result.test[index]), found, result)


def test_maps_and_verdicts_that_disagree_are_pointed_out(monkeypatch):
    mask = next(p.mask for p in made_up().test if p.defective and p.local)
    lit, calm, corner = np.where(mask, 2.5, 0.1), np.full(mask.shape, 0.1), np.full(mask.shape, 0.1)
    y, x = (0 if mask[:40, :40].sum() == 0 else 200,) * 2
    corner[y, x] = 2.9
    assert "missed_pooled" in boxed(monkeypatch, {"spade/efficientnet_lite0": ("miss", lit)})
    assert "missed_map {'methods': 'methods" not in boxed(monkeypatch, {"padim/efficientnet_lite0": ("found", lit)})
    assert "missed_map" in boxed(monkeypatch, {"padim/efficientnet_lite0": ("miss", lit)})
    assert "elsewhere_one" in boxed(monkeypatch, {"cfa/efficientnet_lite0": ("found", corner)})
    assert boxed(monkeypatch, {"cfa/efficientnet_lite0": ("miss", calm)}) == ""
    assert boxed(monkeypatch, {"cfa/efficientnet_lite0": ("found", lit)}) == ""


def test_an_alarm_on_a_calm_map_is_pointed_out(monkeypatch):
    monkeypatch.setattr("pages.inspect.contradictions.text", lambda name, **values: name)
    result = made_up()
    index = next(i for i, p in enumerate(result.test) if p.defective is False)
    scale = result["cfa/efficientnet_lite0"].scale
    found = {"cfa/efficientnet_lite0": Verdict(1.0, 1.2, "false_alarm", 0, 9, np.full((224, 224), scale.median))}
    assert contradiction(Exhibit("test", index, result.test[index]), found, result) == "inspect.box.calm"


def test_a_picture_has_the_verdicts_as_on_compare():
    result = made_up()
    verdicts = Verdicts.of(result, ThresholdChoice(1))
    for column in result.columns:
        held = verdicts.columns[column.key]
        for i, picture in enumerate(result.test):
            said = exhibits.verdict_on(float(column.scores[i]), None, column, held, picture.defective)
            assert (said.ratio, said.word, said.below) == (held.ratios[i], held.words[i], held.above[i])


def test_every_sentence_has_its_numbers_in_both_languages():
    for language in ("en", "ko"):
        says = table(language)["inspect"]["says"]
        assert {f"{m}_{d}" for m in ("patchcore", "spade", "cfa", "padim") for d in ("far", "rare", "usual")} <= set(
            says
        )
        assert all("{times}" in says[f"{m}_far"] for m in ("patchcore", "spade", "cfa", "padim", "levels", "place"))
