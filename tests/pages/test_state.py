"""A link opens the same experiment, and a hostile link opens a harmless one."""

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.datasets import FIRST_PRODUCT, builtin
from pages.frame.state import COLOURS, METHODS, PRODUCTS, PROPORTIONS, Choices

SETTINGS = [
    ("padim", "channels", 64),
    ("padim", "levels", (0, 2)),
    ("padim", "relative", True),
    ("patchcore", "ratio", 0.25),
    ("spade", "combine", "concatenate"),
    ("cfa", "nu", 1e-06),
]
BACKBONES = st.sampled_from(["scattering", "resnet18", "tf_efficientnet_b4.ns_jft_in1k", "vit_small_patch14_dinov2"])
CHOICES = st.builds(
    Choices,
    data=st.sampled_from(["demo", "own"]),
    product=st.sampled_from(PRODUCTS),
    methods=st.sets(st.sampled_from(METHODS), min_size=1).map(lambda chosen: tuple(m for m in METHODS if m in chosen)),
    backbones=st.lists(BACKBONES, min_size=1, max_size=2, unique=True).map(tuple),
    preset=st.sampled_from(["quick", "paper"]),
    settings=st.sets(st.sampled_from(SETTINGS)).map(lambda chosen: tuple(sorted(chosen, key=lambda s: s[:2]))),
    size=st.integers(64, 1024),
    proportions=st.sampled_from(PROPORTIONS),
    closer=st.sets(st.sampled_from([1, 2, 3]), min_size=1).map(lambda chosen: tuple(sorted(chosen))),
    crop=st.sampled_from(["none", "center"]),
    equalise=st.booleans(),
    seed=st.integers(0, 2**31 - 1),
    random_weights=st.booleans(),
    allowed=st.one_of(st.none(), st.integers(1, 150)),
    thresholds=st.dictionaries(
        st.sampled_from(["padim/scattering", "patchcore/resnet18"]),
        st.tuples(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["value", "test"])),
    ).map(lambda given: tuple((key, *set_by) for key, set_by in given.items())),
    colour=st.sampled_from(COLOURS),
    language=st.sampled_from([None, "en", "ko"]),
    focus=st.sampled_from(METHODS),
    picture=st.one_of(st.none(), st.text("0123456789abcdef", min_size=8, max_size=64)),
    place=st.one_of(st.none(), st.tuples(st.integers(0, 511), st.integers(0, 511))),
    present=st.booleans(),
    lesson=st.one_of(st.none(), st.sampled_from(["layers", "patchcore"])),
)


@settings(max_examples=100, deadline=None)
@given(CHOICES)
def test_the_url_holds_everything(choices):
    assert Choices.from_query(choices.to_query()) == choices


def test_the_defaults_need_no_url():
    assert Choices().to_query() == {}
    assert Choices.from_query({}) == Choices()


NAMES = st.sampled_from(
    [f.name for f in fields(Choices)] + [f"{m}.{n}" for m, n, _ in SETTINGS] + ["padim.__class__", "x.y", "."]
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, st.text(max_size=100)))
def test_any_url_gives_valid_choices(query):
    choices = Choices.from_query(query)
    assert Choices.from_query(choices.to_query()) == choices


@pytest.mark.parametrize(
    ("query"),
    [
        {"product": "../../etc/passwd"},
        {"product": "<script>alert(1)</script>"},
        {"methods": "padim;drop"},
        {"backbones": "../weights.pt"},
        {"backbones": "hf-hub:someone/model"},
        {"seed": "-1"},
        {"seed": "1e3"},
        {"seed": "٣"},
        {"seed": "9" * 5000},
        {"size": "100000"},
        {"allowed": "0"},
        {"picture": "/etc/passwd"},
        {"place": "1,2,3"},
        {"place": "-1,2"},
        {"language": "xx"},
        {"padim.channels": "NaN"},
        {"padim.channels": "1e400"},
        {"padim.channels": "-5"},
        {"padim.channels": "[" * 70},
        {"padim.channels": '"' + "x" * 200 + '"'},
        {"padim.unknown": "1"},
        {"padim.state": "1"},
        {"nobody.channels": "1"},
    ],
)
def test_a_hostile_value_is_dropped(query):
    assert Choices.from_query(query) == Choices()


def test_what_is_valid_beside_it_is_kept():
    assert Choices.from_query({"seed": "x", "product": "leather", "methods": "cfa,nothing,spade"}) == Choices(
        product="leather", methods=("spade", "cfa")
    )


def test_the_product_that_is_shown_first_is_named_first_and_none_is_forgotten():
    assert Choices().product == PRODUCTS[0] == FIRST_PRODUCT
    assert set(PRODUCTS) == set(builtin.PRODUCTS)


def test_each_way_of_looking_is_a_column_of_its_own():
    chosen = Choices.from_query({"methods": "padim", "backbones": "scattering,resnet18", "closer": "3,1,7"})
    assert chosen.closer == (1, 3)
    assert chosen.looks == ("scattering", "scattering-3x3", "resnet18", "resnet18-3x3")
    assert chosen.columns[1] == "padim/scattering-3x3"
