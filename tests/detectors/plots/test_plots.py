"""Charts by matplotlib: what stands on their lines is what was measured, and nothing global is needed to draw them."""

import subprocess
import sys
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fixtures import scored
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure as Canvas

from detectors import plots
from detectors.evaluation import precision_recall_curve, pro_curve, roc_curve
from detectors.evaluation.thresholds import confusion, multiples
from detectors.plots import colours, palette
from detectors.plots.selection import threshold
from detectors.plots.stacks import stacks
from detectors.result import Column, Figure

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def result():
    return scored.result("scored")


def lines(ax):
    return {line.get_label().split("  ")[0]: line for line in ax.lines if not line.get_label().startswith("_")}


def written(ax):
    return [text.get_text() for text in ax.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


@pytest.mark.parametrize(
    ("draw", "measure"),
    [
        (plots.roc, lambda r, c: roc_curve(r.labels, c.scores)),
        (plots.precision_recall, lambda r, c: precision_recall_curve(r.labels, c.scores)),
        (plots.pro, lambda r, c: pro_curve(r.test, c.maps)),
    ],
)
def test_lines_are_the_curves_that_were_measured(result, draw, measure):
    ax = draw(result)
    drawn = lines(ax)
    named = {"SPADE": 0, "MahalanobisAD": 1, "PaDiM": 2, "PatchCore": 3, "CFA": 4}
    for title, place in named.items():
        curve = measure(result, result.columns[place])
        if not len(curve.x):
            assert title not in drawn
            continue
        assert np.array_equal(drawn[title].get_xdata(), curve.x)
        assert np.array_equal(drawn[title].get_ydata(), curve.y)
    assert drawn["PatchCore"].get_color() == palette.LIGHT.accent
    assert drawn["CFA"].get_color() == palette.LIGHT.soft
    assert ax.get_xlabel().endswith("%")
    assert ax.get_ylabel().endswith("%")


def test_the_ring_stands_at_the_thresholds_rates(result):
    column = result["padim/efficientnet_lite0"]
    at = {column.key: float(np.sort(column.scores)[-5])}
    ax = plots.roc(result, focus="padim", thresholds=at)
    counted = confusion(result.labels, column.scores, at[column.key])
    rings = [line for line in ax.lines if line.get_marker() == "o"]
    assert [tuple(map(float, line.get_xydata()[0])) for line in rings] == [
        (counted.false_alarm_rate.value, counted.found_rate.value)
    ]
    crosses = [line for line in ax.lines if line.get_marker() == "x"]
    assert len(crosses) == len(result.columns) - 1


def test_histograms_count_every_picture_and_draw_the_threshold(result):
    every = plots.histograms(result, columns=["padim", "cfa/efficientnet_lite0"])
    assert [ax.get_title(loc="left") for ax in every] == ["PaDiM", "CFA"]
    for ax, key in zip(every, ("padim/efficientnet_lite0", "cfa/efficientnet_lite0"), strict=True):
        column = result[key]
        heights = [(bar.get_height(), bar.get_y()) for bar in ax.patches]
        up = sum(height for height, base in heights if base >= 0)
        down = sum(height for height, base in heights if base < 0)
        assert (up, down) == (8, 16 + 12)
        at = threshold(column)
        assert any(np.allclose(line.get_xdata(), at) for line in ax.lines)
        assert f"threshold {at:.4g}" in written(ax)


def test_bars_are_made_of_the_pictures_they_count(result):
    column = result["spade/efficientnet_lite0"]
    edges, cells = stacks(result, column)
    assert sorted(c.index for c in cells if c.group == "held_out") == list(range(12))
    assert sorted(c.index for c in cells if c.group != "held_out") == list(range(24))
    for cell in cells:
        assert edges[cell.bin] <= cell.score <= edges[cell.bin + 1]
        assert (cell.base >= 0) == (cell.group == "defective")
    assert len({(cell.bin, cell.base) for cell in cells}) == len(cells)


def test_many_pictures_become_whole_bars_of_the_same_heights():
    many = scored.result("many")
    ax = plots.histograms(many, columns=["padim"])[0]
    assert len(ax.patches) < 200
    assert sum(bar.get_height() for bar in ax.patches) == len(many.test) + len(many.held_out)


def test_scores_stand_at_their_multiples(result):
    ax = plots.scores(result)
    marks = {}
    for group in ax.collections:
        assert isinstance(group, PathCollection)
        for x, y in group.get_offsets():
            marks.setdefault(int(y), []).append(float(x))
    for row, column in enumerate(result.columns):
        at = threshold(column)
        expected = np.concatenate([multiples(v, at, column.held_out) for v in (column.held_out, column.scores)])
        low, high = ax.get_xticks()[[0, -1]]
        assert sorted(marks[row]) == pytest.approx(sorted(np.clip(expected, low, high)))


def test_figures_show_their_intervals_and_say_why_one_is_absent(result):
    ax = plots.figures(result, "aupro")
    said = written(ax)
    figure = result["cfa/efficientnet_lite0"].figures["aupro"]
    assert f"{figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]" in said
    assert "This method gives one number per picture and no map." in said
    bars = [line for line in ax.lines if len(line.get_xdata()) == 2]
    assert [figure.low, figure.high] in [list(map(float, bar.get_xdata())) for bar in bars]


def test_differences_are_written_in_points():
    ax = plots.intervals({"a - b": Figure(0.08, -0.04, 0.19)}, signed=True, guess=0.0)
    assert "+8 [-4, 19]" in written(ax)
    assert ax.get_xlim()[0] < -0.04


def test_maps_paint_the_common_scale_and_the_true_outline(result):
    every = plots.maps(result, result.test[1].name, columns=["padim", "mahalanobis"])
    assert len(every) == 3
    assert np.array_equal(every[0].images[0].get_array(), result.test[1].pixels)
    column = result["padim/efficientnet_lite0"]
    painted = colours.overlay(result.test[1].pixels, column.scale(column.maps[1]))
    assert np.array_equal(every[1].images[0].get_array(), painted)
    assert every[1].collections
    times = multiples(column.scores[1:2], threshold(column), column.held_out)[0]
    assert every[1].get_xlabel() == f"{times:.2f} × threshold"
    assert "image level only" in written(every[2])


def test_it_draws_into_the_axes_that_it_is_given(result):
    mine = Canvas().subplots(1, 2)
    assert plots.roc(result, mine[0]) is mine[0]
    assert plots.histograms(result, mine[1], focus="cfa") is mine[1]
    assert mine[1].get_title(loc="left") == "CFA"
    one = Canvas().subplots()
    assert plots.maps(result, -1, one, columns=["cfa"]) is one


@pytest.mark.parametrize("state", ["only_good", "no_masks", "one_picture", "few_held"])
def test_poor_results_are_drawn_too(state, tmp_path):
    poor = scored.result(state)
    for draw in (plots.roc, plots.precision_recall, plots.pro, plots.scores, plots.figures):
        draw(poor).figure.savefig(tmp_path / "chart.svg")
    plots.histograms(poor)[0].figure.savefig(tmp_path / "chart.svg")
    nothing_held = replace(poor, columns=tuple(replace(c, held_out=np.empty(0), scale=None) for c in poor.columns))
    plots.histograms(nothing_held)[0].figure.savefig(tmp_path / "chart.svg")
    plots.maps(nothing_held, 0)[0].figure.savefig(tmp_path / "chart.svg")
    if state == "only_good":
        assert "A curve needs at least one good and one defective picture." in written(plots.roc(poor))


def test_a_name_with_dollars_is_no_formula(result, tmp_path):
    columns: tuple[Column, ...] = tuple(replace(c, backbone=f"a$b$_{i}") for i, c in enumerate(result.columns))
    named = replace(result, columns=columns, test=(replace(result.test[0], name="$x^$.png"), *result.test[1:]))
    plots.roc(named).figure.savefig(tmp_path / "a.svg")
    plots.histograms(named)[0].figure.savefig(tmp_path / "b.svg")
    plots.scores(named).figure.savefig(tmp_path / "c.svg")
    plots.figures(named).figure.savefig(tmp_path / "d.svg")
    plots.maps(named, "$x^$.png")[0].figure.savefig(tmp_path / "e.svg")
    assert "$b$_0" in "".join(written(plots.scores(named)))


def test_what_is_not_there_is_named(result):
    with pytest.raises(KeyError, match="no column 'padin'; there are spade/efficientnet_lite0"):
        plots.roc(result, columns=["padin"])
    with pytest.raises(KeyError, match=r"No test picture is called 'x\.png'"):
        plots.maps(result, "x.png")


def test_matplotlib_waits_until_something_is_drawn_and_pyplot_is_not_needed():
    code = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "import detectors\n"
        "from detectors import plots\n"
        "assert 'matplotlib' not in sys.modules\n"
        "from fixtures import scored\n"
        "plots.roc(scored.result('scored'))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "from matplotlib import pyplot\n"
        "pyplot.switch_backend('agg')\n"
        "ax = plots.roc(scored.result('scored'))\n"
        "assert pyplot.gcf() is ax.figure\n"
        "print('fine')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "fine", done.stderr


@pytest.mark.parametrize(("name", "colours"), [("light", palette.LIGHT), ("dark", palette.DARK)])
def test_charts_have_the_apps_colours(name, colours):
    theme = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"][name]
    assert theme["primaryColor"] == colours.accent
    assert theme["backgroundColor"] == colours.ground
    assert theme["textColor"] == colours.ink
    assert theme["borderColor"] == colours.line
    assert theme["grayTextColor"] == colours.muted
    assert (theme["redColor"], theme["orangeColor"]) == (colours.miss, colours.false_alarm)
    assert theme["chartCategoricalColors"][:3] == [colours.accent, colours.soft, colours.ink]
