"""Who leads, held against the paired differences themselves."""

import numpy as np
import pytest
from fixtures.results import made_up
from fixtures.scored import result as scored

from detectors.evaluation import image_auroc, paired_auroc_difference, paired_pixel_difference
from detectors.evaluation.ranking import Ranking, rank
from detectors.queries.pixels import aupro_difference, pro
from detectors.result import Figure


def columns_with(labels, *scores):
    from dataclasses import replace

    plain = made_up().columns
    return [
        replace(c, scores=np.asarray(s, float), figures={"image_auroc": image_auroc(labels, s)})
        for c, s in zip(plain, scores, strict=False)
    ]


def test_one_that_separates_leads_over_one_that_guesses():
    random = np.random.default_rng(0)
    labels = np.repeat([0.0, 1.0], 60)
    clear, vague, noise = (
        labels + random.normal(0, 0.2, 120),
        labels + random.normal(0, 1.5, 120),
        random.normal(size=120),
    )
    columns = columns_with(labels, noise, vague, clear)
    found = rank(labels, columns)
    assert found.leaders == (columns[2].key,)
    assert set(found.behind) == {columns[0].key, columns[1].key}
    assert found.open == ()
    assert found.certain >= 2


def test_equal_scores_lead_together_and_nothing_is_certain():
    labels = np.array([0, 0, 0, 1, 1, 1.0])
    scores = [0.1, 0.5, 0.2, 0.4, 0.8, 0.9]
    columns = columns_with(labels, scores, scores)
    assert rank(labels, columns) == Ranking((columns[0].key, columns[1].key), (), (), 0)


def test_behind_means_that_every_leader_is_ahead():
    base = scored("many")
    found = rank(base.labels, base.columns)
    for leader in found.leaders:
        for key in found.behind:
            assert paired_auroc_difference(base.labels, base[leader].scores, base[key].scores).low > 0
    assert {*found.leaders, *found.behind, *found.open} == {c.key for c in base.columns}


def test_without_an_auroc_nobody_leads():
    base = made_up(labelled=False)
    assert rank(base.labels, base.columns) is None
    assert rank(base.labels, []) is None


def test_a_column_without_the_figure_takes_no_part():
    base = scored("scored")
    from dataclasses import replace

    first, *rest = base.columns
    lacking = replace(first, figures={"image_auroc": Figure(None)})
    found = rank(base.labels, [lacking, *rest])
    assert first.key not in (*found.leaders, *found.behind, *found.open)


def test_pixel_measurements_are_those_of_the_metrics():
    base = made_up()
    one, other = base["patchcore/scattering"], base["padim/scattering"]
    curve = pro(base, one)
    assert curve.x[-1] == pytest.approx(0.3)
    assert curve.y[0] == 0
    assert aupro_difference(base, one, other) == paired_pixel_difference(base.test, one.maps, other.maps)
    assert pro(base, base["mahalanobis/scattering"]).reason.key == "metrics.no_map"
