"""Lessons: prose and slots fit in both languages, and every claim that carries a number is computed here."""

import re
from importlib import import_module

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter
from sklearn.metrics import roc_auc_score

from detectors.comparison.comparison import Comparison, extract
from detectors.evaluation import image_auroc, paired_pixel_difference
from detectors.images import Preprocessing
from detectors.methods import METHODS
from detectors.queries.lessons import classes, exercises, hard, layers
from detectors.queries.lessons.exercises import CHANGES, CLAIMS, EXERCISES, FIVE, LOCAL, POOLED, ExerciseScores, holds
from detectors.result import Figure
from pages.frame import charts
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import LANGUAGES, write
from pages.learn import lesson, table

SLOT = re.compile(r"\{\{(figure|wide|value):([a-z_0-9]+)\}\}")
# What the built-in pictures bear out on scattering's features; an explanation that is False here never shows there.
BORNE_OUT = {claim: claim != "rotated_not_most" for claim in (*CLAIMS, *CHANGES)}


def prose(name, language):
    return (lesson.PROSE / language / f"{name}.md").read_text("utf-8")


@pytest.mark.parametrize("name", lesson.LESSONS)
def test_both_languages_have_the_same_slots_and_every_slot_is_filled(name):
    english, korean = (SLOT.findall(prose(name, language)) for language in LANGUAGES)
    assert english == korean
    module = import_module(lesson.LESSONS[name])
    figures, values = ({slot for kind, slot in english if (kind == "value") == wanted} for wanted in (False, True))
    assert figures <= set(module.FIGURES)
    assert values <= set(module.VALUES)
    if name not in lesson.METHOD_LESSONS:  # the methods' steps draw on values that only some of them use
        assert (figures, values) == (set(module.FIGURES), set(module.VALUES))
    assert getattr(module, "EARLY", frozenset()) <= {*module.FIGURES, *module.VALUES}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", lesson.LESSONS)
def test_paragraphs_are_short_and_nothing_is_said_twice(name, language):
    written = SLOT.sub("", prose(name, language))
    paragraphs = [p for p in re.split(r"\n\s*\n", written) if p.strip() and not p.startswith(("```", "#"))]
    assert max((len(re.sub(r"\|[^\]]*\]\]", "", p)) for p in paragraphs), default=0) <= 620
    assert len(set(paragraphs)) == len(paragraphs)
    assert "!" not in re.sub(r"<!--.*?-->", "", written)


def test_a_paragraph_whose_value_is_absent_is_left_out():
    known = {"a": "1.5", "b": None}
    made = lesson.html("It is {{value:a}}.\n\nIt is {{value:b}}.\n\nPlain.", known.get)
    assert "It is 1.5." in made
    assert made.count("<p>") == 2
    assert lesson.html("Only {{value:b}}.", known.get) == ""


def test_what_a_user_wrote_is_no_markup():
    made = lesson.html("Picture {{value:a}}.", {"a": "<img src=x onerror=alert(1)> **b**"}.get)
    assert "<img" not in made
    assert "&lt;img" in made
    assert "<strong>b</strong>" in made


def test_symbols_explain_themselves_and_formulas_hold_numbers():
    made = lesson.html("```formula\n[[d|the distance]] = <b>{{value:d}}</b>\n: small print\n```", {"d": "2.5"}.get)
    assert 'tabindex="0">d<span role="tooltip">the distance</span>' in made
    assert "<b>2.5</b>" in made
    assert "<small>small print</small>" in made


def test_sections_keep_their_order():
    made = lesson.parts("layers", "en")
    assert made[0].heading == "Why several layers"
    assert made[0].beside == ("maps",)
    assert "worth" in [p.wide for p in made]


numbers = st.floats(0, 1)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(numbers, numbers, numbers).map(sorted), min_size=1, max_size=6))
def test_an_axis_holds_all_intervals(triples):
    rows = [charts.Row(str(n), Figure(b, a, c), False) for n, (a, b, c) in enumerate(triples)]
    low, high = charts.forest(rows, [""] * len(rows)).layout["xaxis"]["range"]
    assert low <= min(t[0] for t in triples)
    assert high >= max(t[2] for t in triples)


@pytest.fixture(scope="module")
def drawn(circuit):
    pictures = Comparison(preprocessing=Preprocessing(size=112)).prepare(circuit)
    return extract(pictures, Comparison().load("scattering")), pictures


def test_subtraction_is_what_it_says(drawn):
    stores, pictures = drawn
    found = hard.subtraction(None, stores, pictures, 3)
    average = np.mean([p.pixels.astype(float) for p in pictures.learnt], axis=0)
    assert np.abs(found.average - average).max() <= 0.51
    left = [gaussian_filter(np.abs(p.pixels - average).mean(axis=2), 4.0) for p in pictures.test]
    np.testing.assert_allclose(found.scores, [m.max() for m in left], rtol=1e-4)
    assert found.image.value == pytest.approx(roc_auc_score(pictures.labels, found.scores))
    held = np.stack([gaussian_filter(np.abs(p.pixels - average).mean(axis=2), 4.0) for p in pictures.held_out])
    scaled = (left[3] - np.median(held)) / (np.quantile(held, 0.99) - np.median(held))
    np.testing.assert_allclose(found.test, scaled, atol=5e-3)


def test_a_set_of_levels_is_evaluated_by_a_fit_to_these_levels(drawn):
    from detectors.methods.padim import Padim

    stores, pictures = drawn
    shown = next(i for i, p in enumerate(pictures.test) if p.kind == "scratch")
    several = layers.evaluate(None, stores, pictures, "padim", (0, 2), (shown,))
    alone = layers.evaluate(None, stores, pictures, "padim", (2,), ())
    fits = [Padim(levels=levels).fit(stores.learnt) for levels in ((0, 2), (2,))]
    both = [[fit.predict(batch) for batch in stores.test] for fit in fits]
    scores, last = (np.concatenate([p.scores.numpy() for p in each]) for each in both)
    maps, last_maps = (np.concatenate([p.maps.numpy() for p in each]) for each in both)
    assert several.image.value == pytest.approx(roc_auc_score(pictures.labels, scores))
    assert alone.image.value == pytest.approx(roc_auc_score(pictures.labels, last))
    assert several.decides.value == pytest.approx(several.image.value - alone.image.value)
    assert several.draws.value == pytest.approx(paired_pixel_difference(pictures.test, maps, last_maps, draws=10).value)
    coloured, mask = several.maps[0] >= 1, pictures.test[shown].mask
    assert several.overlaps[0] == pytest.approx((coloured & mask).sum() / (coloured | mask).sum())
    assert alone.decides is None
    assert [(g.height, g.width) for g in layers.grids(None, stores, pictures)] == [(28, 28), (14, 14), (7, 7)]
    assert [g.stride for g in layers.grids(None, stores, pictures)] == [4, 8, 16]


def test_another_network_is_shown_on_the_picture_that_it_was_measured_on(circuit):
    comparison = Comparison(preprocessing=Preprocessing(size=64))
    pictures = comparison.prepare(circuit)
    i = next(i for i, p in enumerate(pictures.test) if p.kind == "scratch")
    found = layers.with_weights(circuit, comparison, "efficientnet_lite0", "random", "padim", i)
    assert [worth.levels for worth in found.sets] == [(0,), (1,), (2,), (3,), (0, 1, 2, 3)]
    assert [worth.maps is None or len(worth.maps) for worth in found.sets] == [0, 0, 0, 1, 1]
    assert found.shown.sha256 == pictures.test[i].sha256
    coloured, mask = found.sets[-1].maps[0] >= 1, found.shown.mask
    assert found.sets[-1].overlaps[0] == pytest.approx((coloured & mask).sum() / (coloured | mask).sum())


def test_opinions_are_the_softmax_of_timms_own_network(drawn):
    """On a run of other features the trained network is asked anew."""
    import timm
    import torch
    from timm.data import ImageNetInfo

    from detectors.features import packages

    stores, pictures = drawn
    found = classes.opinions(None, stores, pictures, "efficientnet_lite0", 1)
    model = timm.create_model("tf_efficientnet_lite0").eval()
    own = [key for key in model.state_dict() if "num_batches" not in key]
    theirs = [value for key, value in packages.read("efficientnet_lite0").items() if "num_batches" not in key]
    model.load_state_dict(dict(zip(own, theirs, strict=True)), strict=False)

    def asked(some):
        pixels = torch.from_numpy(np.stack([p.pixels for p in some])).permute(0, 3, 1, 2) / 127.5 - 1
        with torch.no_grad():
            return model(pixels).softmax(1).double().numpy()

    learnt, test = asked(pictures.learnt), asked(pictures.test)
    away = np.abs(test - learnt.mean(0)).sum(1) / 2
    np.testing.assert_allclose(found.away, away, atol=1e-4)
    assert found.image.value == pytest.approx(roc_auc_score(pictures.labels, found.away))
    assert found.test.shares == pytest.approx(np.sort(test[1])[::-1][:5], abs=1e-4)
    first = test[1].argsort()[::-1][:5]
    assert found.test.names == tuple(ImageNetInfo().index_to_description(i).split(",")[0] for i in first)
    assert found.normal_picture == np.abs(learnt - learnt.mean(0)).sum(1).argmin()
    common = np.bincount(learnt.argmax(1)).argmax()
    assert found.keeps.tolist() == (test.argmax(1) == common).tolist()


def test_a_run_of_the_trained_network_is_asked_from_its_own_features(drawn, monkeypatch):
    _, pictures = drawn
    stores = extract(pictures, Comparison().load("efficientnet_lite0"))
    anew = classes.opinions(None, drawn[0], pictures, "efficientnet_lite0", 0)
    monkeypatch.setattr(
        "detectors.comparison.comparison.extract", lambda *_: pytest.fail("pictures went through again")
    )
    again = classes.opinions(None, stores, pictures, "efficientnet_lite0", 0)
    np.testing.assert_allclose(again.away, anew.away, atol=1e-6)


def measured(**scores):
    labels = np.repeat([1.0, 0.0], [60, 100])
    return ExerciseScores(labels, scores, {m: image_auroc(labels, s) for m, s in scores.items()}, 40)


def test_the_rules_of_a_claim_follow_the_intervals():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=160)
    defect = np.repeat([1.0, 0.0], [60, 100])
    m = measured(
        sees=noise + 3 * defect, sees_too=noise + 2.9 * defect, blind=rng.normal(size=160), wrong=-3 * defect + noise
    )
    assert m.better("sees", "blind")
    assert not m.better("blind", "sees")
    assert m.alike("sees", "sees_too")
    assert set(m.leaders()) == {"sees", "sees_too"}
    assert m.backwards() == ("wrong",)
    before, after = measured(a=noise + 4 * defect, b=noise + 4 * defect), measured(a=noise, b=noise + 4 * defect)
    assert exercises.falls(before, after, "a")
    assert not exercises.falls(before, after, "b")
    assert exercises.falls_most(before, after, "a")
    assert exercises.losers(before, after) == ("a",)


def test_every_claim_is_in_the_lesson_and_in_both_languages():
    for language in LANGUAGES:
        slots = {slot for _, slot in SLOT.findall(prose("exercises", language))}
        for claim in (*CLAIMS, *CHANGES):
            assert claim in slots
            assert claim.split("_")[0] in EXERCISES
            figures = dict.fromkeys(FIVE, "0") | {f"{m}_before": "0" for m in FIVE}
            assert write(language, f"learn.exercises.claims.{claim}", **figures, learnt=1)


def test_what_is_said_of_published_figures_is_computed():
    said = table.gap(Choices(), Status(), None)
    image = [p.image_auroc for p in METHODS["cfa"].published if p.setting.startswith("wide_resnet50_2")]
    assert max(image) - min(image) == pytest.approx(3.7)
    assert "CFA" in said
    assert "3.7" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", EXERCISES)
def test_what_an_exercise_explains_holds_on_its_pictures(name):
    asked = EXERCISES[name]
    found = tuple(exercises.measure(source.load(), asked.methods, asked.backbone) for source in asked.sets)
    claims = [claim for claim in (*CLAIMS, *CHANGES) if claim.split("_")[0] == name]
    said = {m: f"{f.value:.2f} [{f.low:.2f}, {f.high:.2f}]" for m, f in found[-1].aurocs.items()}
    assert {claim: holds(claim, found) for claim in claims} == {claim: BORNE_OUT[claim] for claim in claims}, said
    assert set(asked.methods) <= {*POOLED, *LOCAL}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "outlines", "whole"),
    [("hazelnut", (0.79, 0.87), (1.00, 0.94)), ("transistor", (0.73, 0.89), (0.75, 0.94))],
)
def test_what_is_said_of_photographs_holds(real_set, name, outlines, whole):
    """The lesson on trained and fixed features names these figures: fixed, then trained."""
    comparison = Comparison(methods=("mahalanobis", "patchcore"), backbones=("scattering", "efficientnet_lite0"))
    result = comparison.run(real_set(name))
    for backbone, drawn, decided in zip(comparison.backbones, outlines, whole, strict=True):
        aupro = result[f"patchcore/{backbone}"].figures["aupro"].value
        auroc = result[f"mahalanobis/{backbone}"].figures["image_auroc"].value
        assert aupro == pytest.approx(drawn, abs=0.0051)
        assert auroc == pytest.approx(decided, abs=0.0051)
        for language in LANGUAGES:
            assert f"{drawn:.2f}" in prose("trained", language)
            assert f"{decided:.2f}" in prose("trained", language)
