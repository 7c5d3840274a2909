"""The report's charts: what was measured stands in the SVG, several share a page, words are words in any language."""

import io
import re
import warnings
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from fixtures import scored
from fixtures.results import made_up

from detectors import plots, report
from detectors.evaluation import roc_curve, thresholds
from detectors.evaluation.thresholds import USUAL
from detectors.report.charts import files, inline, marks_said
from detectors.report.wording import texts

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def result():
    return scored.result("scored")


@pytest.fixture(scope="module")
def drawn(result):
    return report.draw(result)


def parsed(written):
    return ElementTree.fromstring(str(written))


def test_every_chart_is_there(drawn):
    assert set(drawn) == {"scores", "histograms", "rates", "roc", "precision_recall", "pro", "differences"}


def test_the_roc_in_the_page_holds_the_measured_points(result):
    root = parsed(inline(report.draw(result, focus="padim/efficientnet_lite0")["roc"], "roc", "ROC"))
    paths = [
        np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d")), float)
        for path in root.iter(f"{SVG}path")
        if "#0b7069" in path.get("style", "") and "fill: none" in path.get("style", "")
    ]
    curve = roc_curve(result.labels, result["padim/efficientnet_lite0"].scores)
    (line,) = [path for path in paths if len(path) == len(curve.x)]
    start, end = line[0], line[-1]
    assert np.allclose((line[:, 0] - start[0]) / (end[0] - start[0]), curve.x, atol=1e-4)
    assert np.allclose((line[:, 1] - start[1]) / (end[1] - start[1]), curve.y, atol=1e-4)


def test_every_mark_says_which_picture_it_is(result, drawn):
    root = parsed(inline(drawn["scores"], "scores", "", marks_said(result, USUAL)))
    said = [title.text for title in root.iter(f"{SVG}title")]
    expected = []
    for column in result.columns:
        times = thresholds.multiples(column.scores, USUAL.value_of(column), column.held_out)
        expected += [f"{p.name} {t:.2f} ×" for p, t in zip(result.test, times, strict=True)]
    assert sorted(said) == sorted(expected)
    marks = [use for use in root.iter(f"{SVG}use") if use.find(f"{SVG}title") is not None]
    assert len(marks) == len(result.columns) * len(result.test)


def test_several_charts_share_a_page(drawn):
    roots = [parsed(inline(drawn[name], name, name)) for name in ("roc", "pro", "scores")]
    ids = [element.get("id") for root in roots for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for root in roots:
        own = {element.get("id") for element in root.iter()}
        for element in root.iter():
            for value in element.attrib.values():
                for target in re.findall(r"url\(#([^)]+)\)", value):
                    assert target in own
        assert not [e for e in root.iter() if e.tag.endswith(("style", "metadata"))]
        assert root.get("role") == "img"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_words_stay_words(result, language):
    words = texts(language)["charts"]
    made = report.draw(result, language)
    for name, keys in (("roc", ("roc_x", "roc_y", "threshold")), ("histograms", ("score", "pictures", "defective"))):
        said = {text.text for text in parsed(inline(made[name], name, "")).iter(f"{SVG}text")}
        assert {words[key] for key in keys} <= said
    assert "font-family" not in str(inline(made["roc"], "roc", ""))


def test_english_words_are_those_of_the_plots():
    assert plots.WORDS.items() <= texts("en")["charts"].items()


def test_charts_lie_in_the_zip_as_files(result, drawn):
    file = io.BytesIO()
    report.write_zip(result, file, drawn=drawn)
    with zipfile.ZipFile(file) as archive:
        names = sorted(name for name in archive.namelist() if name.startswith("charts/"))
        assert names == sorted(f"charts/{name}.svg" for name in drawn)
        roots = [ElementTree.fromstring(archive.read(name)) for name in names]
    assert all(root.tag == f"{SVG}svg" and root.get("width").endswith("pt") for root in roots)


def test_a_report_without_charts_of_both_labels_says_why():
    page = report.html(scored.result("only_good"))
    assert 'id="scores-' in page
    assert 'id="roc-' not in page


def test_no_name_is_so_long_that_a_chart_cannot_be_laid_out():
    result = made_up(
        methods=("padim", "spade"), backbones=("scattering", "a_network_with_a_long_name.of_its_own_weights")
    )
    drawn = report.draw(result)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "constrained_layout")
        dict(files(drawn))
    ax = drawn["differences"].axes[0]
    assert ax.get_position().width > 0.2
    assert "0" in [tick.get_text() for tick in ax.get_xticklabels()]
