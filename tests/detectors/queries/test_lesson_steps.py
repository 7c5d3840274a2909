"""The method lessons: every number on the page is the detector's own, and the terms add up to it."""

import re
from dataclasses import replace
from importlib import import_module
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import cdist

from detectors.comparison.comparison import Comparison, extract, fit_and_score
from detectors.images import Preprocessing
from detectors.methods import build
from detectors.methods.cfa import CFA
from detectors.queries.lessons import parameters as variants
from detectors.queries.lessons import steps
from detectors.queries.lessons.parameters import PARAMETERS, likeness, vary
from pages.frame.words import LANGUAGES
from pages.learn import lesson, method, parameters
from pages.learn.method_values import SHARED

PLACE = (61, 40)
MAPPED = ("spade", "padim", "patchcore", "cfa")
SLOT = re.compile(r"\{\{(figure|wide|value):([a-z_0-9]+)\}\}")


@pytest.fixture(scope="module")
def drawn(circuit):
    pictures = Comparison(preprocessing=Preprocessing(size=112)).prepare(circuit)
    return extract(pictures, Comparison().load("scattering")), pictures


@pytest.fixture(scope="module")
def odd(drawn):
    """The first defective test picture."""
    return next(i for i, p in enumerate(drawn[1].test) if p.defective)


@pytest.fixture(scope="module")
def fitted(drawn):
    """Every method, fitted once, with its column."""
    return {name: fit_and_score(build(name), *drawn)[::-1] for name in (*MAPPED, "mahalanobis")}


@pytest.fixture(scope="module")
def seen(drawn, fitted, odd):
    """Each method's way to the score of one patch, and what it remembers."""
    return {name: (steps.path(d, *drawn, odd, *PLACE), steps.memory(d, *drawn)) for name, (d, _) in fitted.items()}


@pytest.mark.parametrize("name", [*MAPPED, "mahalanobis"])
def test_score_and_map_are_the_runs_own(name, fitted, seen, odd):
    way, _ = seen[name]
    column = fitted[name][1]
    assert way.score == pytest.approx(column.scores[odd], rel=1e-6)
    if name == "mahalanobis":
        assert way.map is None
    else:
        np.testing.assert_allclose(way.map, column.maps[odd], rtol=1e-5, atol=1e-6)  # one picture alone, or in a batch


@pytest.mark.parametrize("name", [*MAPPED, "mahalanobis"])
def test_the_patch_has_the_value_that_the_detector_explains(name, drawn, fitted, seen, odd):
    way, _ = seen[name]
    evidence = fitted[name][0].explain(drawn[0].test[odd : odd + 1], *PLACE)
    assert way.value == pytest.approx(evidence.value, rel=1e-5)
    assert way.value == pytest.approx(way.grid[way.cell], rel=1e-6)
    assert way.box == (evidence.box or (0, 0, 112, 112))  # the whole picture, for a method without a map
    if name != "mahalanobis":
        top, left, bottom, right = way.box
        assert top <= PLACE[0] < bottom
        assert left <= PLACE[1] < right


@pytest.mark.parametrize("name", MAPPED)
def test_the_finished_map_is_the_enlarged_one_smoothed(name, seen):
    way, _ = seen[name]
    np.testing.assert_allclose(gaussian_filter(way.enlarged.astype(float), 4.0), way.map, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [*MAPPED, "mahalanobis"])
def test_held_out_places_are_counted(name, drawn, fitted, seen):
    _, memory = seen[name]
    held = drawn[0].held_out
    if name == "mahalanobis":
        values = fitted[name][1].held_out
    else:
        values = np.stack(
            [steps.path(fitted[name][0], _as_test(drawn[0]), drawn[1], i, 0, 0).grid for i in range(len(held))]
        )
    assert memory.normals.total == values.size
    assert memory.normals.counts.sum() == values.size
    assert memory.normals.q99 == pytest.approx(np.quantile(values, 0.99), rel=1e-5)


def _as_test(stores):
    return replace(stores, test=stores.held_out)


def test_patchcores_levels_add_up_and_its_neighbours_are_the_nearest(drawn, fitted, seen, odd):
    way, _ = seen["patchcore"]
    detector = fitted["patchcore"][0]
    nearest = way.matches[0]
    assert way.level_squares.sum() == pytest.approx(nearest.distance**2, rel=1e-5)
    assert way.value == pytest.approx(nearest.distance**2, rel=1e-5)
    here = detector.embed(drawn[0].test[odd : odd + 1])[0, :, way.cell[0], way.cell[1]] - detector.centre_
    apart = cdist(here[None].double().numpy(), detector.bank_.double().numpy())[0]
    order = np.argsort(apart)[: len(way.matches)]
    assert way.ranks == tuple(order)
    np.testing.assert_allclose([m.distance for m in way.matches], apart[order], rtol=1e-5)
    np.testing.assert_allclose(way.around[:, 0], apart[: len(way.around)], rtol=1e-4)
    assert [m.picture for m in way.matches] == detector.origins_[order, 0].tolist()
    assert way.score == pytest.approx(way.grid.max())


def test_patchcores_first_picks_cover_ever_better(drawn, fitted, seen):
    detector = fitted["patchcore"][0]
    found = steps.covering(detector, *drawn)
    counts, farthest, mean = zip(*found.radii, strict=True)
    assert counts[-1] == len(detector.bank_)
    assert all(a >= b for a, b in pairwise(farthest))
    assert all(a >= b for a, b in pairwise(mean))
    patches = torch.cat([detector.embed(batch).permute(0, 2, 3, 1).flatten(0, 2) for batch in drawn[0].learnt])
    assert found.measured == len(patches) == seen["patchcore"][1].patches
    for count in (1, 8, counts[-1]):
        apart = cdist((patches - detector.centre_).numpy(), detector.bank_[:count].numpy()).min(1)
        assert farthest[counts.index(count)] == pytest.approx(apart.max(), rel=1e-3)
        assert mean[counts.index(count)] == pytest.approx(apart.mean(), rel=1e-3, abs=1e-3)
    picks = seen["patchcore"][1].picks
    for k in range(1, len(picks)):
        before = cdist(detector.bank_[k : k + 1].numpy(), detector.bank_[:k].numpy())
        assert picks[k].distance == pytest.approx(before.min(), rel=1e-4)


@pytest.mark.parametrize("channels", [30, 8])
def test_padims_terms_add_up_to_its_distance(drawn, odd, channels):
    """With fewer pictures than channels, and with more: against a covariance made by numpy."""
    detector = build("padim", channels=channels).fit(drawn[0].learnt)
    way = steps.path(detector, *drawn, odd, *PLACE)
    assert way.terms.sum() == pytest.approx(way.value**2, rel=1e-5)
    assert way.level_shares.sum() == pytest.approx(way.value, rel=1e-5)
    assert sum(way.directions) == channels
    normals, here = (_chosen(detector, store, way.cell) for store in (drawn[0].learnt, drawn[0].test))
    covariance = np.cov(normals.T) + detector.epsilon * np.eye(channels)
    delta = here[odd] - normals.mean(0)
    assert way.value**2 == pytest.approx(delta @ np.linalg.solve(covariance, delta), rel=1e-4)
    assert way.delta == pytest.approx(np.linalg.norm(delta), rel=1e-5)
    values, vectors = np.linalg.eigh(covariance)
    np.testing.assert_allclose(way.deviations**2, values[::-1][:2], rtol=1e-4)
    np.testing.assert_allclose(np.abs(way.here), np.abs(vectors.T[::-1][:2] @ delta), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(way.along, (way.here / way.deviations) ** 2, rtol=1e-5)
    np.testing.assert_allclose(way.plane.points.mean(0), 0, atol=1e-5)
    own = [m @ np.linalg.solve(covariance, m) for m in normals - normals.mean(0)]
    np.testing.assert_allclose(way.normal_distances, np.sqrt(own), rtol=1e-4)
    assert int(np.argmin(own)) == way.typical.picture
    spread = steps.memory(detector, *drawn).spread
    assert spread[way.cell] == pytest.approx(np.sqrt(np.trace(np.cov(normals.T))), rel=1e-3)


def _chosen(detector, store, cell):
    rows = []
    for batch in store:
        parts = []
        for level, own in zip(detector.levels, detector.channels_, strict=True):
            high, wide = batch.maps[level].shape[2:]
            y, x = cell[0] * high // detector.grid_[0], cell[1] * wide // detector.grid_[1]
            parts.append(batch.maps[level][:, own, y, x])
        rows.append(torch.cat(parts, 1))
    return torch.cat(rows).double().numpy()


def test_spades_means_are_its_value_and_its_score(drawn, fitted, seen, odd):
    way, memory = seen["spade"]
    detector, stores = fitted["spade"][0], drawn[0]
    assert way.level_values.mean() == pytest.approx(way.value, rel=1e-5)
    assert way.picture_distances.mean() == pytest.approx(way.score, rel=1e-5)
    pooled = [torch.cat([b.pooled[-1] for b in store]).double().numpy() for store in (stores.test, stores.learnt)]
    apart = cdist(pooled[0][odd : odd + 1], pooled[1])[0]
    assert way.pictures == tuple(np.argsort(apart)[: detector.k])
    assert memory.plane.points.shape == (len(stores.learnt), 2)
    for level, value in zip(way.levels, way.level_values, strict=True):
        gallery = torch.cat([b.maps[level] for b in stores.learnt])[list(way.pictures)]
        query = torch.cat([b.maps[level] for b in stores.test])[odd]
        y, x = PLACE[0] * query.shape[1] // 112, PLACE[1] * query.shape[2] // 112
        rows = gallery.permute(0, 2, 3, 1).reshape(-1, gallery.shape[1])
        assert value == pytest.approx(cdist(query[:, y, x][None].numpy(), rows.numpy()).min(), rel=1e-4)
        nearest = min(m.distance for m in way.matches if m.level == level)
        assert nearest == pytest.approx(value, rel=1e-5)


def test_mahalanobis_levels_add_up_and_so_do_their_terms(seen, drawn, odd):
    way, memory = seen["mahalanobis"]
    assert way.distances.sum() == pytest.approx(way.score, rel=1e-5)
    np.testing.assert_allclose(way.terms.sum(1), way.distances**2, rtol=1e-4)
    np.testing.assert_allclose(way.terms[:, 0], (way.here**2).sum(1), rtol=1e-4, atol=1e-6)
    from sklearn.covariance import LedoitWolf

    for level, rho in enumerate(memory.rhos):
        vectors = torch.cat([b.pooled[level] for b in drawn[0].learnt]).double().numpy()
        fit = LedoitWolf().fit(vectors)
        assert rho == pytest.approx(fit.shrinkage_, rel=1e-3, abs=1e-4)
        here = torch.cat([b.pooled[level] for b in drawn[0].test]).double().numpy()[odd]
        assert way.distances[level] ** 2 == pytest.approx(fit.mahalanobis(here[None])[0], rel=1e-2)


def test_cfas_value_is_the_weighted_distance_before_and_after_training(drawn, fitted, seen, odd):
    way, memory = seen["cfa"]
    apart = np.array([m.distance for m in way.matches])
    np.testing.assert_allclose(way.weights, np.exp(-apart) / np.exp(-apart).sum(), rtol=1e-4)
    assert way.value == pytest.approx(apart[0] * way.weights[0], rel=1e-4)
    np.testing.assert_allclose(np.sort(way.around[:, 0])[: len(apart)], apart, rtol=1e-3)
    detector = fitted["cfa"][0]
    untrained = CFA(**{**detector.settings, "epochs": 0}).fit(drawn[0].learnt)
    assert torch.equal(untrained.bank_, detector.bank_)
    assert torch.equal(untrained.weight_, detector.untrained().weight_)
    before = untrained.explain(drawn[0].test[odd : odd + 1], *PLACE)
    assert way.before_value == pytest.approx(before.value, rel=1e-5)
    np.testing.assert_allclose(way.before, [n.distance for n in before.neighbors], rtol=1e-5)
    assert tuple(memory.losses) == detector.losses_
    assert memory.radius == detector.radius_
    assert memory.losses[-1] < memory.losses[0]
    assert memory.before.total == memory.after.total == len(drawn[0].held_out) * 14 * 14


@pytest.mark.parametrize("name", [*MAPPED, "mahalanobis"])
def test_like_features_have_like_colours(name, fitted, drawn, odd, seen):
    """The same picture always has the same colours, and they are not one colour."""
    again = steps.path(fitted[name][0], *drawn, odd, 5, 5)
    np.testing.assert_array_equal(again.colours, seen[name][0].colours)
    assert seen[name][0].colours.std(axis=(0, 1)).min() > 10


def _quiet(done, stage="", **numbers):
    pass


def test_a_variant_that_changes_nothing_is_the_run_itself(drawn, fitted):
    found = vary(Comparison(), *drawn, _quiet, "padim", (), None, False)
    np.testing.assert_allclose(found.scores, fitted["padim"][1].scores, rtol=1e-6)
    assert found.image == fitted["padim"][1].figures["image_auroc"]
    assert likeness(found, found) == pytest.approx(1)
    scaled = np.clip(fitted["padim"][1].scale(fitted["padim"][1].maps), 0, variants.TOP)
    coarse = scaled.reshape(len(scaled), 56, 2, 56, 2).mean((2, 4))
    assert np.abs(found.maps * (variants.TOP / 255) - coarse).max() < 0.3
    other = vary(Comparison(), *drawn, _quiet, "padim", (("channels", 10),), None, False)
    gap = variants.better(drawn[1].labels, other, found)
    assert gap.value == pytest.approx(other.image.value - found.image.value)
    assert (found.size, other.size) == (100, 10)


def test_with_fewer_pictures_nothing_is_known_of_the_others(drawn):
    stores, pictures = drawn
    few = variants.fewer(stores, 5)
    alone = torch.cat([b.maps[0] for b in few.learnt])
    assert len(alone) == 5
    np.testing.assert_allclose(alone.mean((0, 2, 3)), 0, atol=1e-4)
    raw = torch.cat([b.maps[1] for b in stores.learnt.subset(range(5)).as_extracted()])
    by = few.standardisation
    expected = (raw - by.map_means[1][:, None, None]) / by.map_deviations[1][:, None, None]
    np.testing.assert_allclose(torch.cat([b.maps[1] for b in few.learnt]), expected, rtol=1e-5)
    found = vary(Comparison(), stores, pictures, _quiet, "patchcore", (), 5, False)
    assert found.learnt == 5
    assert len(found.scores) == len(pictures.test)


def test_a_smaller_bank_is_the_beginning_of_a_larger_one(drawn):
    small, large = (build("patchcore", ratio=ratio, limit=None).fit(drawn[0].learnt) for ratio in (0.01, 0.1))
    torch.testing.assert_close(small.origins_, large.origins_[: len(small.origins_)])


@pytest.mark.parametrize("name", [*lesson.METHOD_LESSONS, "parameters"])
def test_every_step_is_written_in_both_languages_and_every_slot_is_filled(name):
    english, korean = (
        SLOT.findall((lesson.PROSE / tongue / "steps" / f"{name}.md").read_text("utf-8")) for tongue in LANGUAGES
    )
    assert english == korean
    written = [lesson.parts(f"steps/{name}", tongue) for tongue in LANGUAGES]
    expected = len(PARAMETERS) if name == "parameters" else len(method.STEPS)
    assert [sum(bool(part.heading) for part in parts) for parts in written] == [expected] * 2
    module = import_module(lesson.LESSONS[name])
    if name != "parameters":
        assert {slot for kind, slot in english if kind == "figure"} == set(module.STEPS)
        used = {slot for kind, slot in english if kind == "value"} | {"picture"}
        assert used <= set(module.VALUES)
        assert set(module.VALUES) - used <= set(SHARED)


def test_variants_differ_in_one_thing():
    for chosen, drawn in PARAMETERS.items():
        assert len(drawn) == len(set(drawn))
        assert len({variant.method for variant in drawn}) == (2 if chosen == "backbone" else 1)
        shown = parameters._shown(chosen)
        assert 4 <= len(shown) <= 5
        for variant in drawn:
            build(variant.method, **dict(variant.changes))
