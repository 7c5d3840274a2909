"""Which defects are found, by kind, area and contrast, held against counts made by hand."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from fixtures.scored import result as scored
from sklearn.metrics import roc_auc_score

from detectors.evaluation import kinds, wilson
from detectors.evaluation.thresholds import ThresholdChoice
from detectors.result import ResultPicture


def test_every_cell_counts_its_own_pictures():
    result, choice = scored("scored"), ThresholdChoice(2)
    those = kinds.groups(result)["kind"]
    assert [g.name for g in those] == sorted({p.kind for p in result.test if p.defective})
    assert sorted(i for g in those for i in g.rows) == [i for i, p in enumerate(result.test) if p.defective]
    good = [i for i, p in enumerate(result.test) if p.defective is False]
    for column in result.columns:
        at = np.sort(column.held_out)[-2]
        for group, cell in zip(those, kinds.matrix(result, those, choice)[column.key], strict=True):
            rows = list(group.rows)
            assert (cell.found, cell.of) == (sum(column.scores[i] > at for i in rows), len(rows))
            assert cell.rate == wilson(cell.found, cell.of)
            truth = [1] * len(rows) + [0] * len(good)
            assert cell.auroc.value == pytest.approx(roc_auc_score(truth, column.scores[rows + good]))
            assert cell.few == (len(rows) < 5)


def square(side, value, size=100):
    pixels, mask = np.full((size, size, 3), 100, np.uint8), np.zeros((size, size), bool)
    mask[40 : 40 + side, 40 : 40 + side] = True
    pixels[mask] = (100, 100, value)
    return ResultPicture(f"{side}", f"{side:064}", True, "spot", pixels, mask)


def test_area_and_contrast_come_from_the_mask():
    base = scored("scored")
    test = (square(2, 103), square(9, 110), square(20, 130), square(45, 200), replace(square(9, 0), mask=None))
    result = replace(base, test=test, columns=())
    found = kinds.groups(result)
    assert [(g.key, g.rows) for g in found["area"]] == [
        ("area:0", (0,)), ("area:1", (1,)), ("area:2", (2,)), ("area:3", (3,)),
    ]  # fmt: skip
    assert [(g.key, g.rows) for g in found["contrast"]] == [
        ("contrast:0", (0,)), ("contrast:1", (1,)), ("contrast:2", (2,)), ("contrast:3", (3,)),
    ]  # fmt: skip
    assert kinds.contrast(test[2]) == pytest.approx(30)
    assert kinds.contrast(replace(test[2], mask=np.ones((100, 100), bool))) is None


def test_the_best_pair_is_the_best_of_all_pairs():
    result, choice = scored("many"), ThresholdChoice(1)
    pair = kinds.best_pair(result, choice)
    labels = result.labels
    flagged = {c.key: c.scores > c.held_out.max() for c in result.columns}
    every = {(a, b): ((flagged[a] | flagged[b])[labels == 1].sum(), -(flagged[a] | flagged[b])[labels == 0].sum())
             for a, b in combinations(flagged, 2)}  # fmt: skip
    assert every[pair.keys] == max(every.values())
    assert (pair.found, -pair.false_alarms) == every[pair.keys]
    assert pair.alone == flagged[pair.best][labels == 1].sum() == max(f[labels == 1].sum() for f in flagged.values())


def test_without_thresholds_or_defects_there_is_no_pair():
    result = scored("scored")
    bare = replace(result, columns=tuple(replace(c, held_out=np.empty(0)) for c in result.columns))
    assert kinds.best_pair(bare) is None
    those = kinds.groups(bare)["kind"]
    assert {cell.found for cells in kinds.matrix(bare, those).values() for cell in cells} == {None}
    assert kinds.best_pair(scored("only_good")) is None
    assert kinds.groups(scored("only_good")) == {}
