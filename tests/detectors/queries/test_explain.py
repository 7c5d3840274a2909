"""Evidence against brute force, held-out patches against the evidence of each, and painting by exact arithmetic."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from detectors.comparison.comparison import Bench, Comparison, FittedColumn, extract, fit_and_score
from detectors.errors import PictureRefused
from detectors.images import Preprocessing
from detectors.methods.maps import cell_at
from detectors.queries import explain, paint
from detectors.queries.paint import PREFIX, Overlay, crossing, read_overlay

SIZE = 96


@pytest.fixture(scope="module")
def bench(circuit):
    comparison = Comparison(preprocessing=Preprocessing(size=SIZE), settings={"patchcore": {"ratio": 0.5}})
    pictures = comparison.prepare(circuit)
    stores = extract(pictures, comparison.load("scattering"))
    fitted = [fit_and_score(comparison.detector(m, "scattering"), stores, pictures) for m in comparison.methods]
    parts = (FittedColumn(column, detector, stores, f"{column.key} {id(stores)}") for column, detector in fitted)
    return Bench(comparison, pictures, tuple(parts))


def of(bench, method):
    return next(f for f in bench.fitted if f.column.method == method)


def reason(bench, method, *place):
    return next(r for r in explain.explain_place(bench, *place) if r.key.startswith(method))


@pytest.mark.parametrize(
    "place", [("test", 0, 0, 0), ("test", 3, 50, 71), ("held_out", 1, 95, 40), ("learnt", 2, 30, 30)]
)
def test_patchcores_nearest_patch_is_the_nearest(bench, place):
    fitted, (role, index, y, x) = of(bench, "patchcore"), place
    detector = fitted.detector
    cell = cell_at(detector.grid_, (SIZE, SIZE), y, x)
    query = detector.embed(explain.stored(fitted.stores, role, index))[0, :, cell[0], cell[1]].double()
    bank = (detector.bank_ + detector.centre_).double()
    squares = (bank - query).square().sum(1)
    answer = reason(bench, "patchcore", *place)
    best = answer.compared[0]
    assert best.distance == pytest.approx(float(squares.min()), rel=1e-3, abs=1e-3)
    assert best.role == "nearest"
    # The named picture, described anew at the named place, really is that far away.
    top, left, bottom, right = best.box
    at = cell_at(detector.grid_, (SIZE, SIZE), int((top + bottom) / 2), int((left + right) / 2))
    other = detector.embed(explain.stored(fitted.stores, "learnt", best.picture))[0, :, at[0], at[1]].double()
    assert float((other - query).square().sum()) == pytest.approx(best.distance, rel=1e-3, abs=1e-3)
    assert answer.value == pytest.approx(best.distance, rel=1e-6)


def test_spades_patches_are_the_nearest_of_its_nearest_pictures(bench):
    fitted = of(bench, "spade")
    features = explain.stored(fitted.stores, "test", 2)
    learnt = fitted.stores.learnt[0 : len(fitted.stores.learnt)]
    away = (learnt.pooled[-1].double() - features.pooled[-1].double()).square().sum(1)
    nearest = away.argsort()[: fitted.detector.k].tolist()
    for level in fitted.detector.levels:
        maps = learnt.maps[level].double()
        row, column = cell_at(tuple(maps.shape[2:]), (SIZE, SIZE), 40, 60)
        query = features.maps[level][0, :, row, column].double()
        expected = (maps[nearest] - query[:, None, None]).square().sum(1).sqrt().min()
        found = [c for c in reason(bench, "spade", "test", 2, 40, 60).compared if c.level == level]
        assert min(c.distance for c in found) == pytest.approx(float(expected), rel=1e-3, abs=1e-3)
        assert {c.picture for c in found} <= set(nearest)


def test_cfas_centres_are_the_nearest(bench):
    detector = of(bench, "cfa").detector
    features = explain.stored(of(bench, "cfa").stores, "test", 1)
    row, column = cell_at(detector.grid_size_, (SIZE, SIZE), 20, 80)
    query = detector.describe(features)[0, row, column].double()
    expected = (detector.bank_.double() - query).square().sum(1).sqrt().sort().values
    found = [c.distance for c in reason(bench, "cfa", "test", 1, 20, 80).compared]
    assert found == pytest.approx(expected[: len(found)].tolist(), rel=1e-3, abs=1e-3)


def test_padims_closest_normal_is_the_closest_in_its_own_metric(bench):
    fitted = of(bench, "padim")
    detector, stores, (y, x) = fitted.detector, fitted.stores, (33, 48)
    joined = []
    for features in (stores.learnt[0 : len(stores.learnt)], explain.stored(stores, "test", 4)):
        levels = [features.maps[level][:, own] for level, own in zip(detector.levels, detector.channels_, strict=True)]
        cells = [cell_at(tuple(m.shape[2:]), (SIZE, SIZE), y, x) for m in levels]
        joined.append(torch.cat([m[:, :, r, c] for m, (r, c) in zip(levels, cells, strict=True)], 1).double())
    normal, query = joined
    centred = normal - normal.mean(0)
    covariance = centred.T @ centred / (len(normal) - 1) + detector.epsilon * torch.eye(normal.shape[1])
    away = normal - query
    distances = (away * torch.linalg.solve(covariance, away.T).T).sum(1).sqrt()
    typical, closest, average = reason(bench, "padim", "test", 4, y, x).compared
    assert (typical.role, closest.role, average.role) == ("typical", "closest", "average")
    assert closest.picture == int(distances.argmin())
    assert closest.distance == pytest.approx(float(distances.min()), rel=1e-2)


def test_levels_stand_beside_the_highest_held_out_normal(bench):
    column = of(bench, "mahalanobis").column
    answer = reason(bench, "mahalanobis", "test", 0, 0, 0)
    assert answer.box is None
    assert answer.rank is None
    for share in answer.shares:
        assert share.value == pytest.approx(column.levels[0, share.level], rel=1e-4)
        assert share.highest == column.held_out_levels[:, share.level].max()


@pytest.mark.parametrize("method", ["patchcore", "padim", "spade", "cfa"])
def test_held_out_values_are_what_a_click_on_each_would_say(bench, method):
    values = explain.held_out_values(of(bench, method))
    assert len(values) == len(bench.pictures.held_out)
    for index, y, x in ((0, 5, 90), (1, 47, 48), (len(values) - 1, 95, 0)):
        row, column = cell_at(values.shape[1:], (SIZE, SIZE), y, x)
        clicked = reason(bench, method, "held_out", index, y, x)
        assert values[index, row, column] == pytest.approx(clicked.value, rel=2e-3, abs=2e-3)


def test_a_place_is_counted_among_the_held_out_patches(bench):
    answer = reason(bench, "patchcore", "test", 0, 60, 60)
    values = explain.held_out_values(of(bench, "patchcore"))
    rank = answer.rank
    assert rank.below == sum(v < answer.value for v in values.ravel().tolist())
    assert rank.of == values.size == sum(rank.counts)
    assert (rank.low, rank.high) == (values.min(), values.max())
    assert rank.q99 == pytest.approx(sorted(values.ravel().tolist())[int(0.99 * (values.size - 1))], rel=0.05)
    assert rank.times**2 == pytest.approx(answer.value / rank.q99)  # PatchCore squares its distances


def test_values_at_the_marks_are_0_and_1():
    values = np.arange(101, dtype=np.float32).reshape(1, 1, 101)
    assert explain.rank(values, 50.0, 0, 0, squared=False).map_value == 0
    marked = explain.rank(values, 99.0, 0, 3, squared=False)
    assert (marked.map_value, marked.times, marked.below, marked.here_below) == (1, 1, 99, 1)


def test_a_fresh_pass_says_what_the_run_said(bench):
    pixels = np.stack([p.pixels for p in bench.pictures.test[:5]])
    for fitted, scored in zip(bench.fitted, explain.score_pictures(bench, pixels), strict=True):
        np.testing.assert_allclose(scored.scores, fitted.column.scores[:5], rtol=1e-3)
        if fitted.column.maps is not None:
            np.testing.assert_allclose(scored.maps, fitted.column.maps[:5], rtol=5e-3, atol=5e-3)
    for fitted, scored in zip(bench.fitted, explain.score_stored(bench, "held_out", 1), strict=True):
        np.testing.assert_allclose(scored.scores[0], fitted.column.held_out[1], rtol=1e-4)


def test_painting_nothing_changes_nothing(bench):
    pixels = bench.pictures.test[0].pixels
    blank = Overlay(np.full((SIZE, SIZE, 3), 255, np.uint8), np.zeros((SIZE, SIZE), np.uint8))
    assert np.array_equal(blank.over(pixels), pixels)
    before, after = (explain.score_pictures(bench, p[None]) for p in (pixels, blank.over(pixels)))
    for one, other in zip(before, after, strict=True):
        assert np.array_equal(one.scores, other.scores)


def test_a_stroke_raises_every_score(bench):
    pixels = bench.pictures.held_out[0].pixels
    overlay = dot(30, 60, 30, 60, (255, 0, 255))
    before, after = (explain.score_pictures(bench, p[None], False) for p in (pixels, overlay.over(pixels)))
    assert all(two.scores[0] > one.scores[0] for one, two in zip(before, after, strict=True))
    assert all(scored.maps is None for scored in after)


def test_the_gradient_is_of_the_fitted_score(bench):
    fitted = of(bench, "mahalanobis")
    field = explain.gradient(bench, fitted.column.key, "test", 0)
    assert field.shape == (SIZE, SIZE)
    pixels = torch.from_numpy(bench.pictures.test[0].pixels).permute(2, 0, 1)[None].float() / 255
    y, x = np.unravel_index(field.argmax(), field.shape)
    step, scores = 0.01, []
    for channel in range(3):
        for sign in (1, -1):
            moved = pixels.clone()
            moved[0, channel, y, x] += sign * step
            features = explain.backbone_of(bench, "scattering")(moved)
            features = fitted.stores.standardisation(features) if fitted.stores.standardisation else features
            scores.append(float(fitted.detector.predict(features).scores[0]))
    slopes = np.array(scores).reshape(3, 2) @ [1, -1] / (2 * step)
    assert np.linalg.norm(slopes) == pytest.approx(field[y, x], rel=0.05)


def dot(top, bottom, left, right, colour, opacity=255):
    colours, shown = np.zeros((SIZE, SIZE, 3), np.uint8), np.zeros((SIZE, SIZE), np.uint8)
    colours[top:bottom, left:right], shown[top:bottom, left:right] = colour, opacity
    return Overlay(colours, shown)


def test_an_opaque_colour_covers_and_half_a_colour_mixes():
    picture = np.full((SIZE, SIZE, 3), 100, np.uint8)
    assert dot(2, 5, 2, 5, (7, 8, 9)).over(picture)[3, 3].tolist() == [7, 8, 9]
    assert dot(2, 5, 2, 5, (200, 0, 100), 51).over(picture)[3, 3].tolist() == [120, 80, 100]  # a fifth


@settings(deadline=None, max_examples=25)
@given(share=st.floats(0, 1), opacity=st.integers(0, 255))
def test_fading_multiplies_opacities(share, opacity):
    faded = dot(10, 20, 10, 20, (1, 2, 3), opacity).faded(share)
    assert faded.opacity[15, 15] == round(opacity * share)
    assert faded.opacity[0, 0] == 0


def test_half_a_square_is_a_square_of_half_the_side():
    small = dot(20, 60, 40, 80, (10, 200, 30)).shrunk(0.5)
    expected = dot(30, 50, 50, 70, (10, 200, 30))
    assert np.array_equal(small.opacity, expected.opacity)
    assert np.array_equal(
        small.over(np.zeros((SIZE, SIZE, 3), np.uint8)), expected.over(np.zeros((SIZE, SIZE, 3), np.uint8))
    )
    assert (dot(20, 60, 40, 80, 0).extent, small.extent) == (40, 20)


@settings(deadline=None, max_examples=25)
@given(share=st.floats(0.1, 1), top=st.integers(0, 50), high=st.integers(4, 40), seed=st.integers(0, 99))
def test_shrinking_keeps_the_middle_and_scales_the_area(share, top, high, seed):
    rng = np.random.default_rng(seed)
    overlay = dot(top, top + high, 30, 60, (90, 90, 90))
    opacity = np.where(overlay.opacity > 0, rng.integers(200, 256, overlay.opacity.shape), 0).astype(np.uint8)
    small = Overlay(overlay.colours, opacity).shrunk(share)
    assert small.opacity.sum() == pytest.approx(opacity.sum() * share**2, rel=0.02, abs=600)
    rows, columns = np.indices(opacity.shape) + 0.5
    middle = (small.opacity * rows).sum() / small.opacity.sum(), (small.opacity * columns).sum() / small.opacity.sum()
    assert middle == pytest.approx((top + high / 2, 45), abs=0.8)
    assert set(small.colours[small.opacity > 0].ravel().tolist()) == {90}


def test_shrinking_by_nothing_returns_it():
    overlay = dot(1, 9, 1, 9, (5, 5, 5))
    assert overlay.shrunk(1) is overlay
    empty = replace(overlay, opacity=np.zeros_like(overlay.opacity))
    assert (empty.empty, empty.extent, empty.shrunk(0.3)) == (True, 0, empty)


def sent(colours, opacity):
    buffer = io.BytesIO()
    Image.fromarray(np.concatenate([colours, np.repeat(opacity[..., None], 3, 2)])).save(buffer, "PNG")
    return PREFIX + base64.b64encode(buffer.getvalue()).decode()


def test_what_the_canvas_sends_arrives_to_the_last_bit():
    rng = np.random.default_rng(0)
    colours, opacity = rng.integers(0, 256, (40, SIZE, 3), np.uint8), rng.integers(0, 256, (40, SIZE), np.uint8)
    read = read_overlay(sent(colours, opacity), (40, SIZE))
    assert np.array_equal(read.colours, colours)
    assert np.array_equal(read.opacity, opacity)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data:text/html;base64,PGI+",
        PREFIX + "not base64 at all!",
        sent(np.zeros((10, 10, 3), np.uint8), np.zeros((10, 10), np.uint8)),
        sent(np.zeros((SIZE, 2 * SIZE, 3), np.uint8), np.zeros((SIZE, 2 * SIZE), np.uint8)),
        PREFIX + "A" * paint.LONGEST,
    ],
    ids=["empty", "html", "noise", "small", "wide", "long"],
)
def test_what_is_no_painting_is_refused(url):
    with pytest.raises(PictureRefused) as refused:
        read_overlay(url, (SIZE, SIZE))
    assert str(refused.value) == "What the canvas sent is not a painting of 96 x 96 pixels. Load the page again."


def test_garbage_that_claims_to_be_a_png_is_refused():
    with pytest.raises(PictureRefused):
        read_overlay(PREFIX + base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode(), (SIZE, SIZE))


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [([0.5, 0.9, 1.1, 2], 2.5), ([0.5, 1.5, 0.5, 1.5], 3.5), ([2, 2, 2, 2], 1.0), ([0.1, 0.2, 0.3, 1.0], None)],
)
def test_the_crossing_is_the_last_before_everything_larger_is_found(ratios, expected):
    assert crossing([1, 2, 3, 4], ratios) == (expected if expected is None else pytest.approx(expected))
