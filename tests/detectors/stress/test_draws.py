"""Draws: losses are paired, last, and hold over draws; numbers are flat or help by what AUROC gains."""

import csv
import io

import numpy as np
import pytest

from detectors.report.stress import Stressed, files
from detectors.stress.draws import Draw, Study
from detectors.stress.plans import Pace, dirt_seconds, number_seconds, number_steps
from detectors.stress.sentences import judged

GOOD, DEFECTIVE = 24, 30
LABELS = np.r_[np.zeros(GOOD), np.ones(DEFECTIVE)]
CALIBRATING = np.r_[np.zeros(15), 1.0]  # a threshold of 1, promised 1 in 17


def draw(alarms, finds, at=1.0):
    scores = np.r_[np.arange(GOOD) < alarms, np.arange(DEFECTIVE) < finds] * 2.0
    return Draw(scores, CALIBRATING * at)


def study(rows, about="dirt", steps=None):
    """A study of (alarms, finds) by draw at each step."""
    steps = steps or (0, 1, 2, 4, 8)[: len(rows)]
    return Study(
        "toy/toy", about, "both", steps, tuple(tuple(draw(*each) for each in row) for row in rows), LABELS, 64, 0.05
    )


def test_a_loss_lasts_and_holds_over_most_draws():
    lost = study([[(1, 25)] * 5, [(1, 25)] * 5, [(1, 10)] * 5, [(1, 10)] * 5])
    assert (lost.judgement.word, lost.judgement.at, lost.judgement.finds) == ("loses", 2, True)
    assert str(judged(lost)) == "from 2 on fewer defects found: 83 %, then 33 % [19, 51]"
    gone = study([[(1, 25)] * 5, [(1, 10)] * 5, [(1, 25)] * 5, [(1, 25)] * 5])
    assert gone.judgement.word == "keeps"
    rare = study([[(1, 25)] * 5, [(1, 10)] * 2 + [(1, 25)] * 3, [(1, 10)] * 2 + [(1, 25)] * 3])
    assert rare.judgement.word == "keeps"


def test_what_too_few_pictures_show_is_not_called_harmless():
    kept, open_ = study([[(1, 25)] * 5, [(1, 24)] * 5]), study([[(1, 5)] * 5, [(1, 3)] * 5])
    assert (kept.judgement.word, kept.judgement.at) == ("keeps", 1)
    assert str(judged(kept)) == "with 1 at least half is still found: 83 %, then 80 % [63, 90]"
    assert (open_.judgement.word, open_.judgement.at) == ("few", 1)
    assert open_.points[-1].found.figure.low < 0.5 * 5 / DEFECTIVE
    assert str(judged(open_)) == "too few pictures to rule out harm up to 1: found 17 %, then 10 % [3, 26]"
    assert study([[(1, 20)] * 5, [(1, 17)] * 5]).judgement.word == "keeps"


def test_alarms_beyond_the_promise_are_harm_too():
    found = study([[(1, 25)] * 5, [(12, 25)] * 5]).judgement
    assert (found.word, found.alarms, found.finds) == ("loses", True, False)
    assert "12" not in str(judged(study([[(1, 25)] * 5, [(12, 25)] * 5])))
    assert "then 50 %" in str(judged(study([[(1, 25)] * 5, [(12, 25)] * 5])))


def test_what_finds_hardly_anything_cannot_lose_it():
    assert study([[(0, 2)] * 5, [(0, 0)] * 5]).judgement.word == "blind"


def test_a_spread_is_the_median_draw_with_the_range_of_all():
    point = study([[(1, n) for n in (3, 9, 15, 21, 27)]]).points[0]
    assert point.found.figure.value == pytest.approx(15 / DEFECTIVE)
    assert (point.found.low, point.found.high) == (3 / DEFECTIVE, 27 / DEFECTIVE)
    assert point.found.figure.low < 15 / DEFECTIVE < point.found.figure.high


def test_pictures_that_slipped_in_are_not_counted():
    one = draw(1, 20)
    scores = one.scores.copy()
    scores[GOOD : GOOD + 10] = np.nan
    found = Study("toy/toy", "dirt", "both", (0,), ((Draw(scores, CALIBRATING),),), LABELS, 64, 0.05)
    assert found.points[0].found.figure.value == pytest.approx(10 / 20)


def normal(shift, seed=0):
    random = np.random.default_rng(seed)
    return Draw(random.normal(size=GOOD + DEFECTIVE) + shift * LABELS, CALIBRATING)


def test_numbers_help_while_auroc_gains_and_are_flat_where_it_does_not():
    def of(*shifts):
        rows = tuple(tuple(normal(shift, seed) for seed in range(5)) for shift in shifts)
        return Study("toy/toy", "pictures", "held_out", (2, 4, 8, 16), rows, LABELS, 16, 0.05)

    assert of(0.1, 0.3, 0.8, 2.5).judgement.word == "helps"
    assert of(0.1, 0.3, 0.8, 2.5).judgement.at == 8
    flat = of(0.1, 2.5, 2.5, 2.5)
    assert (flat.judgement.word, flat.judgement.at) == ("flat", 4)
    assert str(judged(flat)).startswith("flat from 4: all 16 add +0.00 [")
    few = Study("toy/toy", "pictures", "held_out", (2, 4), ((), (normal(1),)), LABELS, 4, 0.05)
    assert few.judgement.word == "few"


def test_thresholds_are_multiples_of_the_reference_step():
    rows = [[(1, 25, 2.0)] * 3, [(1, 25, 3.0)] * 3]
    assert study(rows).points[1].threshold.figure.value == pytest.approx(1.5)
    assert study(rows, "pictures", (2, 4)).points[0].threshold.figure.value == pytest.approx(2 / 3)


def test_steps_and_seconds_are_known_before():
    assert number_steps(64) == (2, 4, 8, 16, 32, 64)
    pace = Pace(fit=0.1, score=0.01)
    assert dirt_seconds(pace, LABELS, 48, 16, draws=1) == pytest.approx(4 * (4.8 + 0.01 * (54 - 8 + 16)))
    assert number_seconds(pace, 64, 40, 0.25, crossed=True) > 3 * number_seconds(pace, 64, 40, 0.25)


def test_the_files_hold_every_step_with_its_ranges():
    made = study([[(1, n) for n in (3, 9, 15)], [(2, n) for n in (3, 9, 15)]])
    written = dict(files(Stressed(studies=(made,))))
    assert set(written) == {"dirt.csv", "dirt.png"}
    rows = list(csv.DictReader(io.StringIO(written["dirt.csv"].decode())))
    assert [row["step"] for row in rows] == ["0", "1"]
    assert [float(rows[0][name]) for name in ("found_least", "found", "found_most")] == [0.1, 0.3, 0.5]
    assert float(rows[0]["found_low"]) < 0.3 < float(rows[0]["found_high"])
    assert written["dirt.png"].startswith(b"\x89PNG")
