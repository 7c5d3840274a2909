"""What leaves the program: HTML that holds hostile names, tables to the last digit, a ZIP that equals the result."""

import ast
import csv
import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from string import Formatter

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load
from scipy.ndimage import gaussian_filter

from detectors import evaluation, report
from detectors.errors import Sentence
from detectors.evaluation.thresholds import ThresholdChoice, map_scale
from detectors.report.archive import LOWEST, STEP
from detectors.report.wording import texts
from detectors.result import Column, Cost, Failure, Figure, Result, ResultPicture, WeightsRecord

HOSTILE = [
    "<script>alert(1)</script>.png",
    '"><img src=x onerror=alert(1)>',
    '=HYPERLINK("http://x")',
    "+1+1",
    "-2+3|cmd",
    "@SUM(A1)",
    "\t=1+1",
    "../../etc/passwd",
    "정상/사진 001.png",
    "{0.__class__} {{ 7*7 }} %s",
    "a\nb,c;\"d'",
    "</svg></style><style>*{display:none}",
]


def shown(name, defective, seed, mask=None):
    random = np.random.default_rng(seed)
    pixels = (gaussian_filter(random.random((32, 32, 3)), (3, 3, 0)) * 255).astype(np.uint8)
    kind = {True: "scratch", False: "good", None: None}[defective]
    return ResultPicture(name, f"{seed:064x}", defective, kind, pixels, mask, 0.5 if defective else None)


def example(names=HOSTILE, labels=True, held_out=5, experiment=None):
    """Two columns, one with maps, on twelve pictures: five defective, six good, one nobody labelled."""
    random = np.random.default_rng(0)
    test, maps = [], gaussian_filter(random.normal(size=(len(names), 32, 32)), (0, 3, 3)) * 5
    for i, name in enumerate(names):
        mask = np.zeros((32, 32), bool)
        mask[8:16, 4 + i : 12 + i] = True
        defective = (None if i == 11 else i % 2 == 1) if labels else None
        test.append(shown(name, defective, i, mask if defective else None))
        maps[i] += 2 * mask * bool(defective)
    held = tuple(shown(f"held {i}", False, 100 + i) for i in range(held_out))
    held_maps = gaussian_filter(random.normal(size=(max(held_out, 1), 32, 32)), (0, 3, 3)) * 5
    truth = np.array([np.nan if p.defective is None else float(p.defective) for p in test])
    scores = maps.max((1, 2)) + 1.0
    weights = WeightsRecord("bundled", "constants", "ab" * 32)
    columns = (
        Column(
            key="padim/scattering",
            method="padim",
            backbone="scattering",
            settings={"levels": (0, 1, 2), "seed": 0},
            weights=weights,
            scores=scores,
            held_out=held_maps.max((1, 2))[:held_out] + 1.0,
            maps=maps.astype(np.float32),
            scale=map_scale(held_maps) if held_out else None,
            figures=evaluation.image_figures(truth, scores) | evaluation.pixel_figures(test, maps),
            cost=Cost(0.5, 3.0, 1_000_000, 8.0),
        ),
        Column(
            key="mahalanobis/scattering",
            method="mahalanobis",
            backbone="scattering",
            settings={"levels": None},
            weights=weights,
            scores=np.abs(random.normal(size=len(test))) + 0.1,
            held_out=np.abs(random.normal(size=held_out)) + 0.1,
            maps=None,
            scale=None,
            figures=evaluation.pixel_figures(test, None)
            | evaluation.image_figures(truth, np.arange(len(test), dtype=float)),
            cost=Cost(0.1, 0.2, 1000, 8.0),
            levels=random.random((len(test), 3)),
            held_out_levels=random.random((held_out, 3)),
            notes=(Sentence("test.note", "Note on {what}.", what="<i>fit</i>"),),
        ),
    )
    return Result(
        data="<b>Bolts & nuts</b>",
        test=tuple(test),
        held_out=held,
        learnt=tuple(shown(f"n{i}", False, 200 + i) for i in range(9)),
        columns=columns,
        failures=(Failure("cfa/scattering", "cfa", "scattering", Sentence("x", "It needs {gb} GB.", gb=7)),),
        trivial={"brightness": Figure(0.6, 0.5, 0.7), "noise": Figure(None, reason=Sentence("y", "All are alike."))},
        warnings=(Sentence("w", "Sharpness alone tells them apart: <u>{name}</u>.", name="x"),),
        experiment=experiment
        or {
            "data": {"source": "folder", "path": "bolts"},
            "methods": ("padim", "mahalanobis"),
            "preprocessing": {"size": 32},
            "seed": 0,
        },
        versions={"odd-one-out": "0.1.0", "torch": "2", "device": "CPU"},
    )


class Page(HTMLParser):
    """Collects tags, attributes and text, and that every tag that opens also closes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in ("meta", "br", "img", "link", "input", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_report_holds_hostile_names_and_asks_for_nothing_outside(language):
    page = Page(report.html(example(), language))
    assert not {"script", "img", "iframe", "link", "object", "embed", "base", "form", "b onerror"} & set(page.tags)
    assert not [a for a in page.attributes if a[1].startswith("on")]
    for _tag, name, value in page.attributes:
        if name in ("href", "src", "xlink:href", "action", "data"):
            assert value.startswith(("#", "data:image/webp;base64,"))
    style = page.words[page.words.index(next(w for w in page.words if "@page" in w))]
    assert set(re.findall(r"url\((.{5})", style)) <= {"data:"}
    assert "@import" not in style
    text = " ".join(page.words)
    for name in HOSTILE:
        assert name in text
    assert "<b>Bolts & nuts</b>" in text
    assert "<i>fit</i>" in text
    assert "<u>x</u>" in text
    assert "It needs 7 GB." in text


def test_the_report_says_what_was_found():
    result = example()
    text = " ".join(" ".join(Page(report.html(result)).words).split())
    figure = result.columns[0].figures["aupro"]
    assert f"PRO {figure.value:.2f} [{figure.low:.2f}, {figure.high:.2f}]" in text
    assert "image level only" in text
    assert "Threshold: 1 in 6 good pictures may raise a false alarm, set on 5 held-out normal pictures." in text
    assert "This method gives one number per picture and no map." in text
    few = Page(report.html(result, pictures=3))
    assert "3 of 12 test pictures are shown" in " ".join(few.words)
    assert few.attributes.count(("svg", "class", "picture")) == 3 * 2


@pytest.mark.parametrize("case", [{"labels": False}, {"held_out": 0}, {"names": []}])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_poor_results_still_make_a_report(case, language):
    text = " ".join(Page(report.html(example(**case), language)).words)
    assert "nan" not in text.lower().replace("nanum", "").split()
    assert "None" not in text
    if case == {"labels": False} and language == "en":
        assert "there are scores, but no figure that ranks the methods" in text
    if case == {"held_out": 0} and language == "en":
        assert "No normal picture was held out, so no threshold can be set" in text


def test_csv_repeats_scores_to_the_last_digit_and_holds_no_formula():
    result = example()
    rows = list(csv.DictReader(io.StringIO(report.write_csv(result))))
    assert len(rows) == len(result.test) * len(result.columns)
    for row in rows:
        column = result[f"{row['method']}/{row['backbone']}"]
        assert float(row["score"]) == column.scores[int(row["index"])]
        assert (float(row["score"]) > float(row["limit"])) == (row["verdict"] in ("found", "false_alarm", "odd"))
        assert float(row["times_limit"]) == float(row["score"]) / float(row["limit"])
        for name in ("picture", "kind", "method", "backbone"):
            assert not row[name].lstrip().startswith(("=", "+", "-", "@"))
    assert rows[2]["picture"] == '\'=HYPERLINK("http://x")'
    assert "\n" not in rows[10]["picture"]


def test_a_chosen_threshold_stands_in_the_report_the_tables_and_the_script():
    result = example()
    padim, other = result.columns[0], result.columns[1]
    at = float(np.median(padim.scores))
    choice = ThresholdChoice(2, ((padim.key, at, "test"),))
    rows = list(csv.DictReader(io.StringIO(report.write_csv(result, choice))))
    for row in rows:
        mine = f"{row['method']}/{row['backbone']}" == padim.key
        assert row["threshold_by"] == ("test" if mine else "rate")
        assert float(row["limit"]) == (at if mine else sorted(other.held_out if row["method"] == other.method else
            result[f"{row['method']}/{row['backbone']}"].held_out)[-2])  # fmt: skip
    text = " ".join(" ".join(Page(report.html(result, choice=choice)).words).split())
    assert "Threshold: 2 in 6 good pictures may raise a false alarm, set on 5 held-out normal pictures." in text
    assert f"threshold, {at:.4g}, was chosen on the curve of these test pictures" in text
    assert report.to_json(result, choice)["columns"][0]["threshold"] == {
        "value": at, "origin": "test", "allowed": None, "of": None,
    }  # fmt: skip
    assert f"write_csv(result, {choice!r})" in report.script(result, choice)
    assert "ThresholdChoice" not in report.script(result)


def test_json_is_valid_and_exact():
    result = example()
    back = json.loads(json.dumps(report.to_json(result), allow_nan=False))
    assert back["columns"][0]["scores"] == result.columns[0].scores.tolist()
    assert back["columns"][0]["figures"]["aupro"]["value"] == result.columns[0].figures["aupro"].value
    assert back["columns"][1]["figures"]["aupro"]["reason"]["key"] == "metrics.no_map"
    assert "each" not in back["columns"][0]["figures"]["aupro"]
    figures = result.columns[0].figures | {"aupimo": Figure(0.25, each=(None, 0.0, 0.5))}
    other = replace(result, columns=(replace(result.columns[0], figures=figures),))
    assert report.to_json(other)["columns"][0]["figures"]["aupimo"]["each"] == [None, 0.0, 0.5]
    assert back["pictures"]["test"][11]["defective"] is None
    assert report.to_json(example(held_out=0))["columns"][0]["limit"] is None


def test_zip_equals_the_result():
    result, file = example(), io.BytesIO()
    report.write_zip(result, file, report="<p>report</p>")
    with zipfile.ZipFile(file) as out:
        assert out.testzip() is None
        names = out.namelist()
        assert len(set(names)) == len(names)
        assert all(re.fullmatch(r"[A-Za-z0-9_./-]+", n) and ".." not in n and not n.startswith("/") for n in names)
        raw = load(out.read("maps.safetensors"))
        column = result.columns[0]
        assert np.array_equal(raw[column.key], column.maps)
        scaled = column.scale(column.maps.astype(np.float64))
        maps = sorted(n for n in names if n.startswith("maps/"))
        assert len(maps) == len(result.test)
        for name, expected in zip(maps, scaled, strict=True):
            values = np.asarray(Image.open(io.BytesIO(out.read(name)))).astype(np.float64) * STEP + LOWEST
            inside = np.clip(expected, LOWEST, LOWEST + 65535 * STEP)
            assert np.abs(values - inside).max() <= STEP / 2 + 1e-6
        masks = [n for n in names if n.startswith("masks/")]
        assert len(masks) == sum(p.mask is not None for p in result.test)
        first = Image.open(io.BytesIO(out.read(sorted(n for n in names if n.startswith("pictures/"))[0])))
        assert np.array_equal(np.asarray(first), result.test[0].pixels)
        assert out.read("scores.csv").decode("utf-8-sig") == report.write_csv(result)
        assert json.loads(out.read("result.json"))["data"] == result.data
        assert out.read("run.py").decode() == report.script(result)
        assert out.read("report.html") == b"<p>report</p>"
    again = io.BytesIO()
    report.write_zip(example(), again, report="<p>report</p>")
    assert again.getvalue() == file.getvalue()


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"source": "folder", "path": "bolts'); import os #"}, 'load_folder("bolts\'); import os #")'),
        ({"source": "zip", "name": "a.zip", "sha256": "ab"}, "archive=files(('a.zip', 'ab'))[0],\n).load()"),
        (
            {"source": "demo", "version": 1, "product": "link", "kinds": ["nick"]},
            "demo(product='link', kinds=('nick',))",
        ),
        (
            {"source": "uploads", "files": [["train", "a'b.png", "ab"], ["test", "c/d.png", "cd"]]},
            "normal=files(\n        (\"a'b.png\", 'ab'),\n    ),\n    test=files(\n        ('c/d.png', 'cd'),",
        ),
        (
            {
                "source": "parts",
                "parts": [
                    {"archive": {"name": "a.zip", "sha256": "ab", "role": "train", "product": "nut"}},
                    {"files": [["placed", "test/x.png", "cd"]]},
                ],
            },
            ".added(UploadSource(\n    placed=files(\n        ('test/x.png', 'cd'),",
        ),
        (
            {"base": {"source": "zip", "name": "a.zip", "sha256": "ab", "product": "nut"}, "removed": ["train:ab#1"]},
            "archive=files(('a.zip', 'ab'))[0],\n        product='nut',\n    ),\n    removed=frozenset({'train:ab#1'})",
        ),
        (
            {
                "base": {"source": "demo", "seed": 3},
                "removed": ["ab"],
                "labels": [["cd", True]],
                "synthetic_defects": 4,
            },
            "removed=frozenset({'ab'}),\n    labels=(('cd', True),),\n    defects=4",
        ),
    ],
)
def test_scripts_are_python_for_every_source(recipe, said):
    text = report.script(example(experiment={"data": recipe, "preprocessing": {"size": 64}, "seed": 1}))
    tree = ast.parse(text)
    assert said in text
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert called <= {"Comparison", "Preprocessing", "EditedSource", "DemoSource", "UploadSource", "Path", "files",
                      "fingerprint", "write_csv", "print", "SystemExit", "len", "tuple", "frozenset",
                      "lying_here"}  # fmt: skip
    assert {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names} == {"hashlib"}


def test_both_languages_have_the_same_texts_and_placeholders():
    def flat(value, path=""):
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
        if items is None:
            return {path: {field for _, field, _, _ in Formatter().parse(value) if field}}
        return {k: v for name, item in items for k, v in flat(item, f"{path}.{name}").items()}

    assert flat(texts("en")) == flat(texts("ko"))


def test_many_columns_stand_in_one_block_per_backbone():
    result = example()
    more = [replace(c, key=f"{c.method}/{b}", backbone=b) for b in "abcd" for c in result.columns]
    page = Page(report.html(replace(result, columns=tuple(more)), pictures=2))
    assert page.attributes.count(("div", "class", "cells")) == 4
    targets = {value for _, name, value in page.attributes if name == "id"}
    assert all(value[1:] in targets for tag, name, value in page.attributes if tag == "use" and name == "href")
    assert len(targets) == len([1 for _, name, _ in page.attributes if name == "id"])
