"""The lesson under stress: what one dirty picture hides and what shrinkage does, against fits made by hand."""

import numpy as np
import pytest
import torch
from fixtures import learning

from detectors.methods.mahalanobis import MahalanobisAD
from detectors.queries.lessons import stress


@pytest.fixture(scope="module")
def ran():
    return learning.ran()


def test_one_dirty_picture_hides_itself(ran):
    result, detectors, stores, pictures = ran
    key = "patchcore/efficientnet_lite0"
    scores = tuple(float(score) for score in result[key].scores)
    found = stress.forgotten(detectors[key], stores, pictures, scores)
    assert found.picture == max(found.tests, key=lambda i: scores[i])
    np.testing.assert_array_equal(found.before, result[key].scores[found.tests])
    own = found.tests == found.picture
    assert found.after[own][0] < 0.35 * found.before[own][0]
    assert np.median(found.after[~own] / found.before[~own]) > 0.7
    again = stores.learnt.joined(stores.test)
    learnt = [*range(len(stores.learnt)), len(stores.learnt) + found.picture]
    fresh = type(detectors[key])(**detectors[key].settings).fit(again.subset(learnt))
    by_hand = torch.cat([fresh.predict(batch).scores for batch in stores.test]).double().numpy()
    np.testing.assert_allclose(found.after, by_hand[found.tests])


def test_without_shrinkage_new_pictures_lie_far_from_few(ran):
    _, detectors, stores, pictures = ran
    found = stress.shrunk(detectors["mahalanobis/efficientnet_lite0"], stores, pictures)
    assert found.counts == (4, 8)
    assert (found.plain > 100).all()
    assert (found.shrunk < 10).all()
    assert (found.shrunk > 1).all()
    assert ((found.weights > 0) & (found.weights <= 1)).all()
    ratios = []
    for d in range(3):
        rows = np.random.default_rng(d).permutation(len(stores.learnt))[:8]
        fitted = MahalanobisAD().fit(stores.learnt.subset(rows))
        within, beyond = (
            torch.cat([fitted.scores(batch) for batch in store]).median().item()
            for store in (stores.learnt.subset(rows), stores.held_out)
        )
        ratios.append(beyond / within)
    assert found.shrunk[1] == pytest.approx(np.median(ratios), rel=1e-4)
