"""A set at a glance says what a run of it will say."""

from dataclasses import replace

import pytest

from detectors.comparison.comparison import prepare
from detectors.datasets.corrections import DEFECTIVE
from detectors.datasets.samples import Dataset
from detectors.datasets.sources import DemoSource, EditedSource
from detectors.images import Preprocessing
from detectors.queries.overview import trivial

SMALL = DemoSource("leather", normal=8, good=5, per=2, severities=(1.0,))


@pytest.fixture(scope="module")
def leather():
    return SMALL.load()


@pytest.mark.parametrize(
    "preprocessing",
    [
        Preprocessing(64), Preprocessing(96, equalise=True), Preprocessing(96, "center"),
        Preprocessing(96, proportions="own"),
    ],
)  # fmt: skip
def test_trivial_statistics_are_those_of_the_run(leather, preprocessing):
    said = trivial(leather, preprocessing, 0.25, 0)
    assert said
    assert said == prepare(leather, preprocessing, 0.25, 0).trivial


def test_they_follow_what_is_done_to_the_pictures(leather):
    assert trivial(leather, Preprocessing(96, equalise=True), 0.25, 0) != trivial(leather, Preprocessing(96), 0.25, 0)


def test_what_was_corrected_after_a_run_counts_in_neither(leather):
    one = next(sample.picture.sha256 for sample in leather.test if not sample.defective)
    data = EditedSource(SMALL, corrected=((one, DEFECTIVE),)).load()
    said = trivial(data, Preprocessing(64), 0.25, 0)
    assert said == prepare(data, Preprocessing(64), 0.25, 0).trivial
    assert said != trivial(leather, Preprocessing(64), 0.25, 0)


def test_without_normal_pictures_they_are_told_all_the_same(leather):
    found = trivial(replace(leather, train=()), Preprocessing(64), 0.25, 0)
    assert isinstance(leather, Dataset)
    assert found
