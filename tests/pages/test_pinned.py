"""A pinned run stands beside the next one: on the same pictures only, named by what differs."""

from dataclasses import replace

import numpy as np
import pytest
from fixtures import scored
from fixtures.backend import fake
from fixtures.shown import given

from detectors.datasets import FIRST_PRODUCT
from detectors.evaluation import paired_auroc_difference
from detectors.evaluation.thresholds import ThresholdChoice
from pages.frame.pinned import beside, differing, is_pinned, own, several
from pages.frame.verdicts import Verdicts

QUICK = scored.tuned(FIRST_PRODUCT, "quick", 0)
PAPER = scored.tuned(FIRST_PRODUCT, "paper", 0)
KEY = "patchcore/efficientnet_lite0, pinned: quick"


@pytest.fixture
def pinning(open_app):
    """Pin the quick run on Compare and go on to the paper's settings."""
    fake("tuned").unpin()

    def opened(page="compare", **query):
        app = open_app("tuned", page, **query)
        app.button(key="pin_run").click().run()
        app.radio(key="w_preset").set_value("paper").run()
        assert not app.exception
        return app

    yield opened
    fake("tuned").unpin()


def test_what_both_runs_have_alike_is_shown_once():
    joined = beside(PAPER, QUICK)
    assert [c.key for c in joined.result.columns if is_pinned(c.key)] == [KEY]
    assert own(KEY) == "patchcore/efficientnet_lite0"
    assert not several([KEY, "cfa/efficientnet_lite0"])
    assert joined.result[KEY].scores is QUICK["patchcore/efficientnet_lite0"].scores
    assert beside(QUICK, QUICK).result.columns == QUICK.columns
    assert beside(PAPER, None).result is PAPER


def test_a_column_is_named_by_what_differs():
    def named(**changes):
        seen = PAPER.experiment["preprocessing"]
        sized = {name: changes.pop(name) for name in ("size", "equalise") if name in changes}
        said = PAPER.experiment | {"preprocessing": seen | sized} | changes
        column = PAPER["cfa/efficientnet_lite0"]
        other = replace(column, scores=column.scores + 1)
        return beside(PAPER, replace(PAPER, columns=(other,), experiment=said)).result.columns[-1].key

    assert named() == "cfa/efficientnet_lite0, pinned"
    assert named(preset="quick") == "cfa/efficientnet_lite0, pinned: quick"
    assert named(size=320, seed=3) == "cfa/efficientnet_lite0, pinned: 320 px, seed 3"
    assert named(equalise=True) == "cfa/efficientnet_lite0, pinned: equal brightness"
    bank = PAPER["patchcore/efficientnet_lite0"]
    limited = replace(bank, settings=bank.settings | {"limit": 64})
    key = beside(PAPER, replace(PAPER, columns=(limited,))).result.columns[-1].key
    assert key == "patchcore/efficientnet_lite0, pinned: limit 64"
    assert differing(limited, bank) == {"limit": (64, None)}


def test_another_backbone_needs_no_other_name():
    other = replace(PAPER, columns=(replace(PAPER.columns[0], key="spade/resnet18", backbone="resnet18"),))
    joined = beside(PAPER, other).result
    assert joined.columns[-1].key == "spade/resnet18, pinned"
    assert several(c.key for c in joined.columns)
    pairs = Verdicts.of(joined, ThresholdChoice()).pairs
    assert pairs == [("spade/efficientnet_lite0", "spade/resnet18, pinned")]


@pytest.mark.parametrize("what", ["pictures", "labels", "crop"])
def test_other_pictures_are_never_mixed(what):
    if what == "pictures":
        pinned = scored.tuned("leather", "quick", 0)
    elif what == "labels":
        pinned = replace(QUICK, test=(replace(QUICK.test[0], defective=False), *QUICK.test[1:]))
    else:
        seen = QUICK.experiment["preprocessing"] | {"crop": "center"}
        pinned = replace(QUICK, experiment=QUICK.experiment | {"preprocessing": seen})
    joined = beside(PAPER, pinned)
    assert joined.result is PAPER
    assert joined.reason


def test_pinned_columns_have_no_vote():
    choice = ThresholdChoice()
    alone, joined = Verdicts.of(PAPER, choice), Verdicts.of(beside(PAPER, QUICK).result, choice)
    assert np.array_equal(alone.votes, joined.votes)
    assert np.array_equal(alone.minority, joined.minority)
    assert alone.ordered(np.arange(len(PAPER.test)), "disagreement") == joined.ordered(
        np.arange(len(PAPER.test)), "disagreement"
    )
    assert not alone.supports("changed")
    flips = joined.columns["patchcore/efficientnet_lite0"].alarms != joined.columns[KEY].alarms
    assert flips.any()
    assert np.array_equal(joined.chosen("changed"), np.flatnonzero(flips))


def test_compare_shows_the_pinned_columns_beside_their_methods(pinning):
    app = pinning()
    shown = given(app, "grid")
    columns = [cell["column"] for cell in shown["rows"][0]["cells"][1:]]
    assert columns == [
        "spade/efficientnet_lite0", "mahalanobis/efficientnet_lite0", "padim/efficientnet_lite0",
        "patchcore/efficientnet_lite0", KEY, "cfa/efficientnet_lite0",
    ]  # fmt: skip
    assert shown["rows"][0]["note"].endswith("of 5 raise an alarm")
    assert [head["lines"][0]["label"] for head in shown["heads"][4:6]] == ["AUROC", "pinned: quick · AUROC"]
    app.selectbox(key="compare_group").select("rows").run()
    shown = given(app, "grid")
    assert [len(row["cells"]) for row in shown["rows"][:2]] == [6, 6]
    assert shown["rows"][1]["cells"][4]["column"] == KEY
    assert shown["rows"][1]["cells"][1]["text"] == "as in the present run"
    app.button(key="unpin").click().run()
    assert len(given(app, "grid")["heads"]) == 6


def test_scores_shows_figures_flips_and_settings_against_the_pinned_run(pinning):
    app = pinning("scores")
    assert KEY in [head["key"] for head in given(app, "lanes")["heads"]]
    (table,) = [e.proto.body for e in app.get("html") if "PatchCore · pinned: quick → PatchCore" in e.proto.body]
    difference = paired_auroc_difference(
        PAPER.labels, PAPER["patchcore/efficientnet_lite0"].scores, QUICK["patchcore/efficientnet_lite0"].scores
    )
    assert f"{100 * difference.value:+.0f} [" in table
    assert "Most patches kept: 4096 → none" in table
    choice = ThresholdChoice()
    now, before = (Verdicts.of(r, choice).columns["patchcore/efficientnet_lite0"] for r in (PAPER, QUICK))
    assert f"<td>{sum(a and not b for a, b in zip(now.alarms, before.alarms, strict=True))}</td><td>0</td>" in table


def test_a_pinned_run_of_other_pictures_is_said(pinning):
    app = pinning()
    app.selectbox(key="w_pictures").select("leather").run()
    assert len(given(app, "grid")["heads"]) == 6
    assert any("answers other test pictures" in e.proto.body for e in app.get("html"))
