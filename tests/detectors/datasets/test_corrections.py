"""What is said of pictures after their scores were seen, and what becomes of learning, calibration and test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from fixtures.picture_files import encoded, scene

from detectors import Comparison
from detectors.comparison.comparison import (
    corrected,
    drawn,
    extract,
    fit_and_score,
    learn_and_score,
    measured,
    regrouped,
    remeasured,
)
from detectors.datasets import Dataset
from detectors.datasets.corrections import counted
from detectors.datasets.sources import EditedSource, UploadSource
from detectors.errors import DatasetRefused
from detectors.evaluation import thresholds
from detectors.images import Preprocessing

ONE = Comparison(methods=("mahalanobis",), backbones=("scattering",))
OWN = UploadSource(
    normal=tuple((f"n{i}.png", encoded(scene(24, 32, i))) for i in range(8)),
    test=tuple(
        (f"{kind}/{i}.png", encoded(scene(24, 32, 20 + i))) for i, kind in enumerate(["good"] * 4 + ["cut"] * 3)
    ),
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return OWN.load()


def name(pictures) -> list[str]:
    return [picture.name for picture in pictures]


def after(data: Dataset, *said: tuple[str, str], of: Comparison = ONE, **edits):
    """Return the pictures of a run after something was said of pictures by their names."""
    by_name = {s.picture.name: s.picture.sha256 for s in (*data.train, *data.test)}
    source = EditedSource(OWN, corrected=tuple(sorted((by_name[name], word) for name, word in said)), **edits)
    return of.prepare(source.edit(data))


def test_a_false_alarm_that_is_normal_is_learnt_and_never_tested_nor_calibrating(data):
    before, now = ONE.prepare(data), after(data, ("good/1.png", "learn"))
    assert name(now.learnt) == [*name(before.learnt), "good/1.png"]
    assert name(now.held_out) == name(before.held_out)
    assert name(now.test) == [n for n in name(before.test) if n != "good/1.png"]
    assert (now.learnt[-1].defective, now.learnt[-1].kind) == (False, "good")


@pytest.mark.parametrize("said", ["defective", "defective: bent", "normal", "unused"])
@pytest.mark.parametrize("role", ["learnt", "held_out", "test"])
def test_whatever_else_is_said_of_a_picture_it_is_nowhere_and_the_draw_of_the_others_stays(data, said, role):
    before = ONE.prepare(data)
    gone = name(getattr(before, role))[0]
    now = after(data, (gone, said))
    for each in ("learnt", "held_out", "test"):
        assert name(getattr(now, each)) == [n for n in name(getattr(before, each)) if n != gone]


def test_a_normal_picture_that_is_called_normal_stays_where_the_draw_put_it(data):
    """Or a person could take false alarms out of calibration by agreeing that they are normal."""
    before = ONE.prepare(data)
    now = after(data, (name(before.held_out)[0], "learn"), (name(before.learnt)[0], "learn"))
    assert (name(now.learnt), name(now.held_out)) == (name(before.learnt), name(before.held_out))


def test_a_defect_pasted_into_a_picture_that_is_learnt_now_is_tested_no_more(data):
    pasted = after(data, defects=6)
    bases = {p.base for p in pasted.test if p.synthetic}
    learnt = next(p for p in pasted.test if p.sha256 in bases)
    now = after(data, (learnt.name, "learn"), defects=6)
    assert learnt.sha256 not in {p.base for p in now.test}
    assert len(now.test) < len(pasted.test) - 1


def test_labels_from_before_a_run_count_and_those_from_after_it_do_not(data):
    sha = next(s.picture.sha256 for s in data.test if s.picture.name == "good/2.png")
    plain = ONE.prepare(EditedSource(OWN, labels=((sha, True),)).edit(data))
    assert [p.defective for p in plain.test if p.sha256 == sha] == [True]
    assert sha not in {p.sha256 for p in after(data, ("good/2.png", "defective")).test}


def test_the_draw_is_that_of_all_normal_pictures_and_not_of_those_that_are_left(data):
    train = name(s.picture for s in data.train)
    roles = drawn(replace(data, corrected=((data.train[0].picture.sha256, "unused"),)), 0.25, 7)
    held = [train[i] for i in thresholds.hold_out(8, 0.25, 7)[1] if i]
    assert [train[i] for i in roles.held_out] == held
    assert roles.aside == (("train", 0),)


def test_a_set_of_which_nothing_is_left_is_refused(data):
    with pytest.raises(DatasetRefused, match="all were corrected"):
        after(data, *((s.picture.name, "unused") for s in data.train))


def test_every_figure_says_so():
    said = corrected({"corrected": [["a", "learn"], ["b", "defective: cut"]], "labels": [["c", True]]})
    assert [(s.key, s.values["count"]) for s in said] == [("data.corrected_after", 2), ("data.corrected", 1)]
    assert said[0].values["learnt"] == 1
    assert counted([("b", "defective: cut")])["defective"] == 1
    assert corrected({}) == []


def test_no_corrected_picture_has_a_score(data):
    result = ONE.run(EditedSource(OWN, corrected=((data.test[0].picture.sha256, "learn"),)).edit(data))
    assert len(result["mahalanobis/scattering"].scores) == len(data.test) - 1
    assert np.isfinite(result["mahalanobis/scattering"].scores).all()
    assert [w.key for w in result.warnings][-1] == "data.corrected_after"
    assert result.experiment["data"]["corrected"] == [[data.test[0].picture.sha256, "learn"]]


TWO = Comparison(methods=("mahalanobis", "padim"), backbones=("scattering",), preprocessing=Preprocessing(size=64))


@pytest.fixture(scope="module")
def fitted(data):
    """A run before anything was corrected: its pictures, its features, and (column, detector) of each method."""
    pictures = TWO.prepare(data)
    stores = extract(pictures, TWO.load("scattering"))
    return pictures, stores, [fit_and_score(TWO.detector(m, "scattering"), stores, pictures) for m in TWO.methods]


def equal(column, other):
    for name in ("scores", "held_out", "maps", "levels", "held_out_levels"):
        np.testing.assert_array_equal(getattr(column, name), getattr(other, name), name)
    assert (column.scale, column.figures) == (other.scale, other.figures)


@pytest.mark.parametrize(
    ("picture", "said", "refits"),
    [("good/1.png", "learn", True), ("good/1.png", "defective", False), ("held out", "unused", False)],
)
def test_features_are_kept_and_fits_too_where_the_same_is_learnt_to_the_last_bit(data, fitted, picture, said, refits):
    before, stores, columns = fitted
    now = after(data, (name(before.held_out)[0] if picture == "held out" else picture, said), of=TWO)
    kept = regrouped(stores, now)
    assert kept.passes == 0
    anew = extract(now, TWO.load("scattering"))
    for method, (column, detector) in zip(TWO.methods, columns, strict=True):
        kept_fit = remeasured(before, column, detector, kept, now)
        assert (kept_fit is None) is refits
        found = kept_fit or learn_and_score(TWO.detector(method, "scattering"), kept, now)
        equal(measured(found[0], now), fit_and_score(TWO.detector(method, "scattering"), anew, now)[0])


def test_without_test_pictures_the_maps_of_the_held_out_ones_are_kept_to_be_shown(data, fitted):
    before, stores, columns = fitted
    now = after(data, *((s.picture.name, "unused") for s in data.test), of=TWO)
    (_, gaussian), (column, detector) = columns
    assert column.held_out_maps is None
    bare = remeasured(before, column, detector, regrouped(stores, now), now)[0]
    assert (bare.held_out_maps.shape, len(bare.scores)) == ((2, 64, 64), 0)
    np.testing.assert_array_equal(bare.held_out, column.held_out)
    assert remeasured(before, columns[0][0], gaussian, regrouped(stores, now), now)[0].held_out_maps is None


def test_a_picture_that_no_pass_saw_needs_one(data, fitted):
    assert regrouped(fitted[1], after(data, defects=6, of=TWO)) is None
