"""The odd ones among normal pictures: distances against a plain computation, and a planted defect that is found."""

from dataclasses import replace

import numpy as np
import pytest

from detectors.queries import outliers


def by_hand(stages, nearest):
    found = []
    n = len(stages[0])
    for i in range(n):
        distances = []
        for j in range(n):
            if j != i:
                total = 0.0
                for stage in stages:
                    lively = [c for c in range(stage.shape[1]) if np.ptp(stage[:, c]) > 0]
                    deviations = [(stage[i, c] - stage[j, c]) / np.std(stage[:, c]) for c in lively]
                    total += sum(d * d for d in deviations) / len(lively)
                distances.append(total**0.5)
        found.append(np.mean(sorted(distances)[:nearest]))
    return np.array(found)


def test_distances_are_those_of_a_plain_computation():
    rng = np.random.default_rng(0)
    stages = [rng.normal(5, [1, 40, 0.01], (9, 3)), rng.normal(0, 2, (9, 5))]
    stages[1][:, 2] = 7  # a channel that never changes
    np.testing.assert_allclose(outliers.leave_one_out(stages), by_hand(stages, 3), rtol=1e-9)
    np.testing.assert_allclose(outliers.leave_one_out(stages, 1), by_hand(stages, 1), rtol=1e-9)


@pytest.mark.parametrize("n", [0, 1])
def test_too_few_pictures_have_no_distances(n):
    assert outliers.leave_one_out([np.ones((n, 4))]).tolist() == [0.0] * n


def test_two_equally_odd_pictures_do_not_vouch_for_each_other():
    x = np.random.default_rng(1).normal(0, 1, (30, 6))
    x[[4, 17]] += 9
    assert set(np.argsort(-outliers.leave_one_out([x]))[:2]) == {4, 17}


def test_a_defect_among_normal_pictures_is_pointed_out(circuit):
    from detectors.comparison.comparison import extract, prepare
    from detectors.features.backbone import load_backbone
    from detectors.images import Preprocessing

    bad = next(s for s in circuit.test if s.kind == "flux")
    planted = replace(circuit, train=(*circuit.train, bad))
    pictures = prepare(planted, Preprocessing(size=128), 0.25, 0)
    found = outliers.unusual(None, extract(pictures, load_backbone("scattering")), pictures)
    assert found[:1] == (bad.picture.sha256,)
    clean = prepare(circuit, Preprocessing(size=128), 0.25, 0)
    assert outliers.unusual(None, extract(clean, load_backbone("scattering")), clean) == ()
