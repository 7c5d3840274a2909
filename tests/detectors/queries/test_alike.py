"""Which pictures are most alike: distances against a plain computation, and copies that are found."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.comparison.comparison import Bench, Comparison, FittedColumn, extract, fit_and_score
from detectors.images import Preprocessing
from detectors.queries import alike


def by_hand(stages, row, normal):
    found = []
    for other in range(len(stages[0])):
        total = 0.0
        for stage in stages:
            lively = [c for c in range(stage.shape[1]) if np.ptp(stage[:normal, c]) > 0]
            deviations = [(stage[row, c] - stage[other, c]) / np.std(stage[:normal, c]) for c in lively]
            total += sum(d * d for d in deviations) / len(lively)
        found.append(np.inf if other == row else total**0.5)
    return found


def test_distances_are_those_of_a_plain_computation():
    rng = np.random.default_rng(0)
    stages = [rng.normal(5, [1, 40, 0.01], (9, 3)), rng.normal(0, 2, (9, 5))]
    stages[1][:6, 2] = 7  # never changes among the normal ones
    for row in (0, 8):
        np.testing.assert_allclose(alike.distances(stages, row, 6), by_hand(stages, row, 6), rtol=1e-9)


@pytest.fixture(scope="module")
def bench(circuit):
    copied = replace(circuit, test=(*circuit.test, replace(circuit.test[1], picture=circuit.train[3].picture)))
    comparison = Comparison(methods=("mahalanobis", "padim"), preprocessing=Preprocessing(size=96))
    pictures = comparison.prepare(copied)
    stores = extract(pictures, comparison.load("scattering"))
    fitted = [fit_and_score(comparison.detector(m, "scattering"), stores, pictures) for m in comparison.methods]
    parts = (FittedColumn(column, detector, stores, f"{column.key} {id(stores)}") for column, detector in fitted)
    return Bench(comparison, pictures, tuple(parts))


def test_a_copy_is_the_most_alike_picture_and_no_picture_is_like_itself(bench):
    pictures = bench.pictures
    copy = len(pictures.test) - 1
    (found,) = alike.likeness(bench, "test", copy)
    normal = [p.sha256 for p in (*pictures.learnt, *pictures.held_out)]
    away = np.concatenate([found.learnt, found.held_out])
    assert normal[int(away.argmin())] == pictures.test[copy].sha256
    assert away.min() == pytest.approx(0, abs=1e-3)
    assert [len(found.learnt), len(found.held_out), len(found.test)] == [
        len(pictures.learnt), len(pictures.held_out), len(pictures.test),
    ]  # fmt: skip
    for role, group in (("learnt", pictures.learnt), ("held_out", pictures.held_out), ("test", pictures.test)):
        (own,) = alike.likeness(bench, role, len(group) - 1)
        infinite = [np.isinf(part).sum() for part in (own.learnt, own.held_out, own.test)]
        assert sum(infinite) == 1
        assert np.isinf({"learnt": own.learnt, "held_out": own.held_out, "test": own.test}[role][-1])
