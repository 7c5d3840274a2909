"""The cards, what can be set, and how a method is built by name."""

import math
from dataclasses import fields
from importlib import import_module
from inspect import signature

import pytest

from detectors.errors import Sentence, SettingRefused
from detectors.methods import METHODS, PRESETS, build, settings_help
from detectors.methods.base import Detector
from detectors.methods.settings import Levels, OneOf, Real, Whole


def kind(key):
    module, _, name = METHODS[key].home.partition(":")
    return getattr(import_module(module), name)


def refusal(*args, **kwargs):
    with pytest.raises(SettingRefused) as refused:
        build(*args, **kwargs)
    return str(refused.value)


def test_five_methods_in_order():
    assert list(METHODS) == ["spade", "mahalanobis", "padim", "patchcore", "cfa"]


@pytest.mark.parametrize("key", METHODS)
def test_a_card_belongs_to_its_class(key):
    card = METHODS[key]
    assert issubclass(kind(key), Detector)
    assert kind(key).name == card.key == key
    assert card.arxiv in kind(key).__doc__ + import_module(card.home.partition(":")[0]).__doc__
    for text in (card.unit, card.score, card.memory, card.idea, card.quick):
        assert isinstance(text, Sentence)
        assert text.key.startswith(f"methods.{key}.")
    assert str(card.idea).endswith(".")
    assert str(card.quick).startswith("Nothing is changed") == (not kind(key).presets["quick"])


@pytest.mark.parametrize("key", METHODS)
def test_settings_help_is_the_constructor(key):
    constructor = {f.name: f.default for f in fields(kind(key))}
    shown = settings_help(key)
    assert {name: setting.default for name, setting in shown.items()} == constructor
    assert list(shown) == list(constructor)
    assert list(signature(kind(key)).parameters) == list(constructor)
    for default, accepted, line in shown.values():
        assert accepted.accepts(default)
        assert str(accepted)
        assert isinstance(line, Sentence)
        assert str(line).endswith(".")


@pytest.mark.parametrize("key", METHODS)
@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_within_the_ranges(key, preset):
    preset_settings = kind(key).presets[preset]
    for name, value in preset_settings.items():
        assert settings_help(key)[name].range.accepts(value)
    built = build(key, preset)
    assert {name: getattr(built, name) for name in preset_settings} == preset_settings
    assert not built.fitted


def test_texts_with_one_key_say_one_thing():
    texts = [s.line for key in METHODS for s in settings_help(key).values()]
    texts += [v for card in METHODS.values() for v in vars(card).values() if isinstance(v, Sentence)]
    texts += [row.caveat for card in METHODS.values() for row in card.published if row.caveat]
    english = {}
    for text in texts:
        assert english.setdefault(text.key, text.english) == text.english


def test_settings_override_the_preset():
    assert build("cfa", epochs=3).epochs == 3
    assert build("cfa", epochs=3).gamma_d == kind("cfa").presets["quick"]["gamma_d"]
    assert build("cfa", "paper") == kind("cfa")()


def test_a_list_is_taken_for_a_tuple():
    assert build("padim", levels=[0, 2]).levels == (0, 2)


def test_every_method_takes_a_seed():
    for key in METHODS:
        built = build(key, seed=7)
        assert getattr(built, "seed", 7) == 7


def test_the_paper_s_padim_depends_on_the_backbone():
    assert build("padim", "paper", "resnet18").channels == 100
    assert build("padim", "paper", "resnet18.tv_in1k").channels == 100
    assert build("padim", "paper", "resnet18d").channels == 550
    assert build("padim", "paper", "wide_resnet50_2").channels == 550
    assert build("patchcore", backbone="efficientnet_lite0").levels == (0, 1, 2)
    assert build("patchcore", backbone="scattering").levels == (1, 2)
    assert build("padim", "paper", "resnet18", channels=7).channels == 7


def test_what_does_not_exist_is_refused_with_what_does():
    known = "spade, mahalanobis, padim, patchcore, cfa"
    assert refusal("patchcor") == f"There is no method 'patchcor'. Choose among {known}."
    with pytest.raises(SettingRefused):
        settings_help("patchcor")
    assert refusal("spade", "fast") == "There is no preset 'fast'. Choose among quick, paper."
    assert refusal("spade", K=5) == ("SPADE has no setting 'K'. It has levels, k, kappa, combine, image_score, sigma.")
    assert refusal("cfa", epochs=301) == "CFA's epochs cannot be 301. It accepts 0–300."
    assert refusal("spade", combine="sum") == "SPADE's combine cannot be 'sum'. It accepts average, concatenate."
    assert refusal("padim", channels="most") == "PaDiM's channels cannot be 'most'. It accepts 1–20000, all, none."
    assert refusal("padim", seed=-1) == "PaDiM's seed cannot be -1. It accepts 0–2147483647."
    assert refusal("spade", levels=[0, 0]) == "SPADE's levels cannot be (0, 0). It accepts (0–63, …)."


@pytest.mark.parametrize(
    ("accepted", "good", "bad"),
    [
        (Whole(1, 5), [1, 5], [0, 6, 1.0, True, "1", None, [1], math.nan]),
        (Whole(1, 5, also=(None, "all")), [None, "all", 3], ["none", False, 0]),
        (Real(0, 1), [0, 1, 0.5], [-0.1, 1.1, math.nan, math.inf, True, "0.5", None]),
        (OneOf((True, False)), [True, False], [0, 1, None, "True"]),
        (Levels(3), [(0,), (3, 1)], [(), (4,), (-1,), (0, 0), [0], 0, None, (True,), ([0],), ("0",)]),
        (Levels(3, also=(None,)), [None, (0,)], [(), False]),
    ],
    ids=lambda value: str(value) if hasattr(value, "accepts") else "",
)
def test_ranges(accepted, good, bad):
    assert [value for value in good if not accepted.accepts(value)] == []
    assert [value for value in bad if accepted.accepts(value)] == []


def test_published_figures():
    published = [(card.key, row) for card in METHODS.values() for row in card.published]
    assert {method for method, _ in published} == set(METHODS)
    for _, row in published:
        figures = [f for f in (row.image_auroc, row.pixel_auroc, row.aupro) if f is not None]
        assert figures
        assert all(80 < figure < 100 for figure in figures)
        assert row.source
    rows = {(method, row.setting): row for method, row in published}
    assert len(rows) == len(published)
    spade = rows["spade", "wide_resnet50_2, K = 50"]
    assert (spade.image_auroc, spade.pixel_auroc, spade.aupro) == (85.5, 96.0, 91.7)
    tenth = rows["patchcore", "wide_resnet50_2, 10 %"]
    assert (tenth.image_auroc, tenth.pixel_auroc, tenth.aupro) == (99.0, 98.1, 93.5)
    assert all(row.caveat for row in METHODS["cfa"].published)  # none of them is a plain last epoch
    assert all(row.aupro is None for row in METHODS["mahalanobis"].published)  # it has no map
