"""Who leads, held against the paired differences themselves."""

from dataclasses import replace
from functools import partial
from html import escape

import numpy as np
import pytest
from fixtures.results import made_up
from fixtures.scored import result as scored

from detectors import report
from detectors.evaluation import image_auroc, paired_auroc_difference, paired_pixel_difference
from detectors.evaluation.ranking import Ranking, headline, rank, synthetic_says
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.queries.pixels import aupro_difference, pro
from detectors.report.wording import Words
from detectors.result import Figure
from pages.frame.words import write


def columns_with(labels, *scores):
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
    one, other = base["patchcore/efficientnet_lite0"], base["padim/efficientnet_lite0"]
    curve = pro(base, one)
    assert curve.x[-1] == pytest.approx(0.3)
    assert curve.y[0] == 0
    assert aupro_difference(base, one, other) == paired_pixel_difference(base.test, one.maps, other.maps)
    assert pro(base, base["mahalanobis/efficientnet_lite0"]).reason.key == "metrics.no_map"


def words(key, **values):
    return f"<{key} {' '.join(f'{k}={v}' for k, v in values.items())}>"


def test_the_headline_counts_pasted_defects_and_those_whose_picture_is_flagged_untouched():
    base = scored("scored")
    column = base.columns[0]
    defective = [i for i, p in enumerate(base.test) if p.defective]
    good = [i for i, p in enumerate(base.test) if p.defective is False]
    hot, calm = good[0], good[1]
    scores = np.zeros(len(base.test))
    scores[[*defective, hot]] = 10.0
    test = list(base.test)
    for n, i in enumerate(defective):
        test[i] = replace(test[i], synthetic=True, base=test[hot if n % 2 else calm].sha256)
    one = replace(column, scores=scores, held_out=np.linspace(1, 2, 12))
    result = replace(base, test=tuple(test), columns=(one,))
    said = synthetic_says(result, {one.key: "PaDiM"}, words)
    assert f"<scores.lead.all_pasted count={len(defective)} bases=2>" in said
    each = f"<scores.lead.pasted_on_alarm method=PaDiM count={len(defective) // 2} of={len(defective)}>"
    assert said.endswith(f" <scores.lead.pasted_on_alarms list={each}>")
    assert "learnt" not in said
    assert synthetic_says(result, {}, words, ThresholdChoice(None, ((one.key, 99.0, "value"),))).count("<") == 1
    learnt = replace(result, learnt=(result.test[calm],))
    assert "<scores.lead.pasted_on_learnt count=" in synthetic_says(learnt, {}, words)
    assert synthetic_says(base, {}, words) == ""


def test_page_and_report_say_the_same_headline():
    for state in ("scored", "many", "synthetic", "one_picture"):
        result = scored(state)
        words = Words.of("en")
        names = {c.key: words.title(result, c) for c in result.columns}
        said = headline(result, rank(result.labels, result.columns), names, words.write)
        assert escape(said, quote=False) in report.html(result).replace("&#39;", "'")
        assert said == headline(result, rank(result.labels, result.columns), names, partial(write, "en"))
