"""What the demo set teaches, with the project's own methods and bundled backbone: directions, not decimals.

Each test draws one product, fits all methods on its normal pictures and compares image AUROCs. The margins are about
half of what larger sets showed, because a cell of eight pictures has a standard error of about 8 points.

Two lessons that were expected are not here, because they do not hold with these features: the bank of PatchCore sees a
displaced stripe (its patches are wider than the distance between stripes), and PaDiM does not fall most when the link
may turn (all methods fall).
"""

from functools import cache

import numpy as np
import pytest

from detectors import datasets, evaluation
from detectors.comparison.comparison import Comparison, extract
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.learn import figures as lesson_of_figures

POOLED, LOCAL = ("spade", "mahalanobis"), ("padim", "patchcore", "cfa")


@cache
def scores(product, kinds, severities, per=8, rotate=True):
    """Return the pictures, and each method's scores of them."""
    data = datasets.demo(
        product, normal=40, good=40, per=per, severities=severities, kinds=kinds, seed=1, rotate=rotate
    )
    comparison = Comparison(held_out=0.0)
    pictures = comparison.prepare(data)
    stores = extract(pictures, comparison.load("scattering"))
    found = {}
    for method in comparison.methods:
        detector = comparison.detector(method, "scattering").fit(stores.learnt)
        found[method] = np.concatenate([detector.predict(batch).scores.numpy() for batch in stores.test])
    return pictures, found


def aurocs(drawn, kind=None, severity=None):
    """Return each method's image AUROC of the good pictures against those of one kind and severity."""
    pictures, found = drawn
    wanted = np.array(
        [p.defective is False or (kind in (None, p.kind) and severity in (None, p.severity)) for p in pictures.test]
    )
    return {
        method: evaluation.image_auroc(pictures.labels[wanted], values[wanted]).value
        for method, values in found.items()
    }


@pytest.fixture(scope="module")
def capsules():
    return scores("capsules", ("count", "half_only"), (1.0, 0.5))


@pytest.fixture(scope="module")
def leather():
    return scores("leather", ("grain", "scuff", "glue"), (1.0, 0.5))


@pytest.fixture(scope="module")
def circuit():
    return scores("circuit", ("missing_part", "bent_lead"), (1.0, 0.5))


def test_counting_needs_the_whole_picture(capsules):
    found = aurocs(capsules, "count")
    assert min(found[m] for m in POOLED) > 0.9
    assert max(found[m] for m in LOCAL) < min(found[m] for m in POOLED) - 0.15


def test_the_wrong_hide_is_made_of_normal_patches(leather):
    found = aurocs(leather, "grain")
    assert max(found[m] for m in LOCAL) < min(found[m] for m in POOLED) - 0.15


def test_small_local_faults_are_diluted_by_pooling(leather):
    scuff, glue = aurocs(leather, "scuff", 0.5), aurocs(leather, "glue", 0.5)
    assert scuff["patchcore"] > max(scuff[m] for m in POOLED) + 0.1
    assert min(glue[m] for m in LOCAL) > max(glue[m] for m in POOLED)


def test_threads_are_seen_patch_by_patch():
    textile = scores("textile", ("slub", "broken_thread"), (1.0, 0.5))
    for kind in ("slub", "broken_thread"):
        found = aurocs(textile, kind)
        assert found["patchcore"] > max(found[m] for m in POOLED) + 0.05


def test_a_bank_accepts_bare_board_where_a_part_is_due(circuit):
    """A patch of bare board is normal somewhere; only a method that knows the place misses the part."""
    found = aurocs(circuit, "missing_part", 0.5)
    assert found["padim"] > found["patchcore"] + 0.05
    assert found["padim"] > max(found[m] for m in POOLED) + 0.2


def test_a_bent_lead_is_a_lead_in_the_wrong_place(circuit):
    found = aurocs(circuit, "bent_lead", 1.0)
    assert found["padim"] > max(value for method, value in found.items() if method != "padim") + 0.03


def test_sliding_objects_with_a_local_fault_suit_a_bank(capsules):
    found = aurocs(capsules, "half_only")
    assert found["patchcore"] > found["padim"] + 0.05


def test_taking_position_away_costs_every_method():
    kinds = ("scratch", "dent", "rust", "burr", "wrong_length")
    held, free = (aurocs(scores("link", kinds, (1.0, 0.5), 3, rotate)) for rotate in (False, True))
    for method, value in held.items():
        assert free[method] < value - 0.04, method


def test_a_milder_defect_is_harder(capsules, leather, circuit):
    strong, mild = (
        np.mean([list(aurocs(drawn, severity=s).values()) for drawn in (capsules, leather, circuit)])
        for s in (1.0, 0.5)
    )
    assert mild < strong - 0.03


def test_a_pixel_auroc_near_one_hides_defects_of_which_nothing_is_found():
    result = Comparison(methods=("padim",)).run(datasets.demo("circuit"))
    figures = result.columns[0].figures
    assert figures["pixel_auroc"].value > 0.95
    assert figures["aupimo"].value < 0.5
    each = [value for value in figures["aupimo"].each if value is not None]
    assert sum(value == 0 for value in each) > len(each) / 2
    assert "PaDiM" in lesson_of_figures.flattered(Choices(), Status(), result)
    assert f"in {each.count(0)} of {len(each)} defective pictures" in lesson_of_figures.nothing(
        Choices(), Status(), result
    )
