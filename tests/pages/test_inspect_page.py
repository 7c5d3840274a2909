"""Inspect in both languages and every state of the work, over invented evidence: what it says, what a link opens."""

from dataclasses import replace

import numpy as np
import pytest
from fixtures import evidence as invented
from fixtures.results import made_up
from fixtures.states import STATES

from detectors.evaluation.thresholds import ThresholdChoice
from detectors.methods.base import Neighbor
from detectors.queries import explain
from detectors.queries.alike import Likeness
from detectors.queries.explain import MethodScores, Rank, Reason, Share
from detectors.queries.paint import Overlay
from pages.frame import session
from pages.frame.component import Pictures
from pages.frame.verdicts import Verdicts
from pages.frame.words import table, write
from pages.inspect import alike, evidence, exhibits, pad, reasons, smallest_defect
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


@pytest.fixture
def alone(monkeypatch):
    """What a session remembers, without a session, and the words in English."""
    memory = {}
    monkeypatch.setattr("pages.frame.session.st.session_state", memory)
    for module in (alike, exhibits, evidence, pad, smallest_defect):
        monkeypatch.setattr(module, "text", lambda key, /, **values: write("en", key, **values), raising=False)
    return memory


def shown(result, role, index):
    return Exhibit(role, index, exhibits.listed(result, role)[index])


def raised(result, wanted):
    """The result with every test picture's score at 0.5, and those of `wanted` (test index to columns) at 2."""
    columns = []
    for column in result.columns:
        high = [i for i, keys in wanted.items() if column.key in keys]
        scores = np.full(len(column.scores), 0.5)
        scores[high] = 2.0
        columns.append(replace(column, scores=scores, held_out=np.linspace(0.8, 1.0, len(column.held_out))))
    return replace(result, columns=tuple(columns))


def test_paint_starts_on_a_good_picture_that_no_method_calls_anomalous(alone):
    result = made_up()
    keys = [column.key for column in result.columns]
    first, *others = (i for i, p in enumerate(result.test) if p.defective is False)
    loud = raised(result, {0: keys, first: keys[:1]})
    verdicts = Verdicts.of(loud, ThresholdChoice())
    assert exhibits.canvas(shown(loud, "test", 0), verdicts).key == f"test {others[0]}"
    assert exhibits.canvas(shown(loud, "test", 1), verdicts).key == f"test {others[0]}", "defective, though no alarm"
    assert exhibits.canvas(shown(loud, "test", first), verdicts).key == f"test {others[0]}"
    for own in (shown(loud, "test", others[2]), shown(loud, "held_out", 0), shown(loud, "learnt", 1)):
        assert exhibits.canvas(own, verdicts) == own, "a calm good picture is painted on itself"


def test_without_a_calm_good_test_picture_a_held_out_one_is_taken(alone):
    result = made_up()
    keys = [column.key for column in result.columns]
    loud = raised(result, dict.fromkeys(range(len(result.test)), keys))
    found = exhibits.canvas(shown(loud, "test", 0), Verdicts.of(loud, ThresholdChoice()))
    assert found.role == "held_out"
    nobody_said = raised(made_up(labelled=False), {})
    found = exhibits.canvas(shown(nobody_said, "test", 0), Verdicts.of(nobody_said, ThresholdChoice()))
    assert found.role == "held_out", "not labelled is not good"


def test_the_picture_that_was_chosen_to_paint_on_holds_while_the_same_one_is_looked_at(alone):
    result = raised(made_up(), {})
    verdicts, looked_at = Verdicts.of(result, ThresholdChoice()), shown(result, "test", 0)
    session.CANVAS.set((looked_at.picture.sha256, "test 2"))
    assert exhibits.canvas(looked_at, verdicts).key == "test 2"
    assert exhibits.canvas(shown(result, "test", 1), verdicts).key == "test 8"
    session.CANVAS.set((looked_at.picture.sha256, "test 999"))
    assert exhibits.canvas(looked_at, verdicts).key == "test 8", "no such picture"


def test_what_is_wrong_with_the_picture_below_the_paint_is_said_with_a_way_out(alone, monkeypatch):
    monkeypatch.setattr(pad, "called", lambda key, several: key.split("/")[0])
    monkeypatch.setattr(pad.panes, "name", lambda picture: picture.name)
    monkeypatch.setattr(pad.exhibits, "label", lambda exhibit: "LABEL")
    result = raised(made_up(), {0: ["padim/efficientnet_lite0", "cfa/efficientnet_lite0"]})
    verdicts, bad, calm = Verdicts.of(result, ThresholdChoice()), shown(result, "test", 0), shown(result, "test", 8)

    def ground(looked_at, exhibit):
        said = invented.ask(result, explain.score_pictures, exhibit.picture.pixels[None])
        return pad._ground(looked_at, exhibit, pad.Painting(-1, None, {s.key: s for s in said}, {}, 0.0), verdicts)

    said = ground(bad, bad)
    assert "LABEL" in said["ground"]
    assert "padim, cfa" in said["ground"]
    assert [each["key"] for each in said["instead"]] == ["test 8"], "one click takes a good picture"
    said = ground(bad, calm)
    assert said["ground"] == ""
    assert [each["key"] for each in said["instead"]] == ["test 0"]
    assert ground(calm, calm) == {"ground": "", "instead": []}


@pytest.mark.parametrize(
    ("untouched", "steps", "at", "key"),
    [
        (0.5, (0.5, 0.8, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2), True, "value_size"),
        (0.5, (0.5,) * 8, False, "never"),
        (1.5, (1.5, 1.6, 1.7, 1.8, 1.9, 2.0, 2.1, 2.2), False, "untouched"),
        (1.5, (0.9, 1.6, 1.7, 1.8, 1.9, 2.0, 2.1, 2.2), False, "untouched"),
    ],
)
def test_how_small_it_may_be_is_answered_only_below_the_threshold(alone, untouched, steps, at, key):
    column = replace(made_up()["padim/efficientnet_lite0"], held_out=np.linspace(0.01, 1.0, 12))
    result = replace(made_up(), columns=(column,))
    verdicts = Verdicts.of(result, ThresholdChoice())
    scored = [MethodScores(column.key, np.array(values, float), None) for values in ((untouched,), steps)]
    sizes = [0.0, *np.linspace(4, 40, 8)]
    curve = smallest_defect._curve(scored[1], scored[0], sizes, "size", verdicts, "padim")
    assert (curve.at is not None) == at
    assert curve.says == write("en", f"inspect.sweep.{key}", value=f"{curve.at or 0:.0f}")


def test_nothing_can_be_asked_where_every_method_raises_an_alarm_untouched(inspect):
    result = made_up()
    said = {s.key: s for s in invented.ask(result, explain.score_pictures, result.test[0].pixels[None])}
    assert said["cfa/efficientnet_lite0"].scores[0] > max(result["cfa/efficientnet_lite0"].held_out)
    app = inspect(mode="paint", picture=result.test[0].sha256[:16])
    assert "good 000" in app.markdown[0].value, "a good picture is painted on"
    app.session_state[session.CANVAS.name] = (result.test[0].sha256, "test 0")
    app.run()
    assert any(write("en", "inspect.sweep.hopeless") in caption.value for caption in app.caption)
    assert app.button(key="w_sweep_ask").disabled


def test_a_found_defect_is_not_the_paints_where_the_alarm_was_there_before(alone, monkeypatch):
    monkeypatch.setattr(pad, "called", lambda key, several: key)
    result = raised(made_up(), {})
    column = result["padim/efficientnet_lite0"]
    verdicts, exhibit, pictures = Verdicts.of(result, ThresholdChoice()), shown(result, "test", 8), Pictures()
    pictures.begin("here")

    def row(before, after):
        scored = [{column.key: MethodScores(column.key, np.array([score]), None)} for score in (before, after)]
        overlay = Overlay(np.zeros((224, 224, 3), np.uint8), np.full((224, 224), 255, np.uint8))
        return pad._row(column.key, exhibit, pad.Painting(1, overlay, *scored, 0.0), verdicts, pictures, "padim")

    assert row(0.5, 2.0)["word"] == write("en", "verdicts.found")
    assert row(0.5, 0.6)["word"] == write("en", "verdicts.miss")
    assert (row(2.0, 3.0)["word"], row(2.0, 3.0)["verdict"]) == (write("en", "inspect.paint.before_too"), "")
    assert row(2.0, 0.5)["verdict"] == "miss"


def test_the_most_alike_picture_on_the_other_side_of_the_threshold_stands_beside(alone):
    result = raised(made_up(), {0: ["padim/efficientnet_lite0"], 3: ["padim/efficientnet_lite0"]})
    verdicts = Verdicts.of(result, ThresholdChoice())
    m, k, n = len(result.test), len(result.held_out), len(result.learnt)
    away = Likeness("efficientnet_lite0", np.arange(n) + 1.0, np.full(k, 50.0), 10.0 + np.arange(m))

    def other(score, likeness=away):
        said = Verdict(score, score, "", 0, k, None)
        found = alike.otherwise("padim/efficientnet_lite0", said, likeness, verdicts)
        return None if found is None else found.key

    assert other(2.0) == "test 1", "the nearest that passes, not the picture that raises the alarm too"
    assert other(0.5) == "test 0"
    assert other(2.0, replace(away, held_out=np.r_[50.0, 3.0, np.full(k - 2, 50.0)])) == "held_out 1"
    silent = Verdicts.of(raised(made_up(), {}), ThresholdChoice())
    assert alike.otherwise("padim/efficientnet_lite0", Verdict(0.5, 0.5, "", 0, k, None), away, silent) is None


def test_a_gradient_is_of_its_own_column(alone, monkeypatch):
    result = made_up(backbones=("efficientnet_lite0", "resnet18"))
    asked = []

    class Workers:
        run_key = "run"

        def ask(self, query, key, *place):
            asked.append((query, key, *place))
            return np.random.default_rng(len(asked)).random((224, 224)).astype(np.float32)

    monkeypatch.setattr("pages.frame.backend.current", Workers)
    pictures, exhibit = Pictures(), shown(result, "test", 2)
    pictures.begin("here")
    keys = [column.key for column in result.columns if column.maps is None]
    assert [evidence._gradient(exhibit, key, result, pictures)["gradient"] for key in keys] == [None, None]
    session.GRADIENT.set(True)
    rows = [evidence._gradient(exhibit, key, result, pictures)["gradient"] for key in keys]
    assert len(set(rows)) == 2
    assert asked == [(explain.gradient, key, "test", 2) for key in keys]
