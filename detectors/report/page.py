"""A result to take away: a report as one HTML file that prints, tables, a ZIP with all maps, and the script.

The HTML asks for nothing outside itself. Everything a user named is escaped by the template.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from detectors import __version__
from detectors.evaluation.ranking import headline, rank
from detectors.evaluation.thresholds import USUAL, ThresholdChoice
from detectors.plots.colours import COLOUR_MAPS
from detectors.report.charts import Charts, draw, inline, marks_said
from detectors.report.parts import PICTURE_FIGURES, auroc, column_parts, differences, figure_names, leader
from detectors.report.pictures import rows
from detectors.report.provenance import made
from detectors.report.script import script
from detectors.report.stress import NOTHING, Stressed, section
from detectors.report.wording import Words
from detectors.result import Result

ASSETS = Path(__file__).parents[2] / "assets"
SIDE_BY_SIDE = 6  # columns of pictures that one page holds


def html(
    result: Result,
    language: str = "en",
    sentences: Mapping[str, str] | None = None,
    choice: ThresholdChoice = USUAL,
    focus: str | None = None,
    colour_map: str = "inferno",
    opacity: float = 1.0,
    pictures: int = 24,
    drawn: Charts | None = None,
    stressed: Stressed = NOTHING,
) -> str:
    """Return the report as one HTML document without any reference to the outside.

    Args:
        result: what to report.
        language: "en" or "ko".
        sentences: translations of the engine's sentences by key, with their placeholders; the app's by default.
        choice: of the thresholds; those of the rate nearest to 5 % by default.
        focus: key of the column drawn in the accent colour; the one with the highest AUROC by default.
        colour_map: "inferno" or "mako".
        opacity: of the overlays.
        drawn: what `draw` returned for the same result, language, rate and focus; drawn now by default.
        stressed: what the methods were put to.
        pictures: at most this many test pictures are shown, most disagreement first; the report says how many are not.
    """
    words = Words.of(language, sentences)
    t = words.t
    main, shown_figures = leader(result, focus), figure_names(result)
    names = {column.key: words.title(result, column) for column in result.columns}
    columns, notes = column_parts(result, words, choice, main)
    drawn = draw(result, language, choice, focus) if drawn is None else drawn
    labelled = main is not None and auroc(main).value is not None
    compared = differences(result, main, words) if main and labelled else []
    shown = rows(result, words, choice, pictures, colour_map, opacity)
    left_out = t["pictures"]["left_out"].format(shown=len(shown), all=len(result.test))
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            t=t,
            language=language,
            style=Markup(_font() + (ASSETS / "report" / "report.css").read_text(encoding="utf-8")),
            logo=Markup((ASSETS / "logo.svg").read_text(encoding="utf-8")),
            data=words.data(result),
            lead=headline(result, rank(result.labels, result.columns), names, words.write, choice),
            facts=_facts(result, t),
            warnings=_warnings(result, words),
            charts=_inline(result, words, choice, drawn, columns, compared),
            threshold_says=_threshold_says(result, words, choice),
            columns=columns,
            notes=notes,
            figure_names=shown_figures,
            of_pictures=sum(name in PICTURE_FIGURES for name in shown_figures),
            trivial=_trivial(result, words),
            focus=words.title(result, main) if main else "",
            differences=compared,
            cost_says=_cost_says(result, t),
            stressed=section(stressed, result, words),
            rows=shown,
            blocks=_blocks(result),
            left_out=left_out if len(shown) < len(result.test) else "",
            scale=_stops(colour_map),
            run=made(result, words),
            script=script(result, choice, stressed),
            foot=t["foot"].format(version=result.versions.get("odd-one-out", __version__)),
        )
    )


def document(template: str, **values: Any) -> str:
    """Return another document in the report's clothes."""
    style = _font() + (ASSETS / "report" / "report.css").read_text(encoding="utf-8")
    logo = (ASSETS / "logo.svg").read_text(encoding="utf-8")
    return _environment().get_template(template).render(style=Markup(style), logo=Markup(logo), **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(ASSETS / "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["d"] = lambda value: f"{float(value):.1f}".removesuffix(".0")
    environment.filters["rounded"] = lambda value: f"{float(value):g}"
    return environment


@cache
def _font() -> str:
    """Return Source Sans as a style rule where the app's package brings it; other fonts stand in elsewhere."""
    spec = find_spec("streamlit")
    folder = Path(spec.origin).parent / "static" if spec and spec.origin else None
    found = sorted(folder.rglob("SourceSansVF-Upright*.woff2")) if folder else []
    if not found:
        return ""
    import base64

    encoded = base64.b64encode(found[0].read_bytes()).decode()
    return (
        "@font-face { font-family: 'Source Sans 3'; font-weight: 200 900;"
        f" src: url(data:font/woff2;base64,{encoded}) format('woff2'); }}\n"
    )


def _inline(
    result: Result,
    words: Words,
    choice: ThresholdChoice,
    drawn: Charts,
    columns: list[dict[str, Any]],
    compared: list[Any],
) -> dict[str, Markup]:
    """Return the page's charts as SVG, each with what it says for who cannot see it."""
    t = words.t
    alts = {
        "scores": " ".join(c["alt"] for c in columns),
        "rates": f"{t['scores']['at_threshold']}. " + " ".join(c["alt"] for c in columns),
        "differences": "; ".join(f"{d['pair']}: {d['words']}" for d in compared),
    }
    titles = {"scores": marks_said(result, choice)}
    shown = ("scores", "rates", "roc", "precision_recall", "pro", "differences")
    return {
        name: inline(drawn[name], name, alts.get(name, t["charts"].get(name, name)), titles.get(name))
        for name in shown
        if name in drawn
    }


def _facts(result: Result, t: dict[str, Any]) -> list[tuple[int, str]]:
    labels = result.labels
    counts = {
        "learnt": len(result.learnt),
        "held_out": len(result.held_out),
        "defective": int((labels == 1).sum()),
        "good": int((labels == 0).sum()),
        "unlabelled": int(np.isnan(labels).sum()),
    }
    return [(count, t["facts"][name]) for name, count in counts.items() if count]


def _warnings(result: Result, words: Words) -> list[str]:
    t = words.t
    said = [words.say(w) for w in result.warnings]
    defective = [p for p in result.test if p.defective]
    pasted = sum(p.synthetic for p in defective)
    if pasted and not any(w.key.startswith("synthetic.") for w in result.warnings):
        said.append(t["synthetic"].format(count=pasted, all=len(defective)))
    for column in result.columns:
        if column.weights.random and not any(w.key == "backbones.random" for w in result.warnings):
            said.append(t["random"].format(backbone=column.backbone, name=column.weights.origin))
    said += [t["failed"].format(column=words.title(result, f), sentence=words.say(f.sentence)) for f in result.failures]
    return list(dict.fromkeys(said))


def _threshold_says(result: Result, words: Words, choice: ThresholdChoice) -> str:
    """Say what set the thresholds: the rate for all, and every column that was set apart."""
    t, held = words.t["scores"], len(result.held_out)
    found = [(column, at) for column in result.columns if (at := choice.of(column)) is not None]
    step = choice.step(held) if any(at.origin == "rate" for _, at in found) else None
    said = [t["threshold_says"].format(j=step[0], of=step[1], held=held)] if step else []
    said += [
        t[f"threshold_by_{at.origin}"].format(method=words.title(result, column), value=f"{at.value:.4g}")
        for column, at in found
        if at.origin != "rate"
    ]
    return " ".join(said)


def _trivial(result: Result, words: Words) -> list[dict[str, Any]]:
    names = words.t["figures"]["statistics"]
    return [{"name": names.get(n, n.replace("_", " "))} | words.figure(f) for n, f in result.trivial.items()]


def _stops(colour_map: str) -> str:
    """Return the colours of the common scale as the stops of a gradient."""
    table = COLOUR_MAPS[colour_map]
    return ", ".join(f"#{table[min(i * 16, 255)].tobytes().hex()}" for i in range(17))


def _blocks(result: Result) -> list[list[int]]:
    """Return which columns stand side by side in the grid: all, or one backbone at a time where they are many."""
    if len(result.columns) <= SIDE_BY_SIDE:
        return [list(range(len(result.columns)))]
    backbones = dict.fromkeys(c.backbone for c in result.columns)
    return [[i for i, c in enumerate(result.columns) if c.backbone == backbone] for backbone in backbones]


def _cost_says(result: Result, t: dict[str, Any]) -> str:
    device = result.versions.get("device", "?")
    floors = {c.cost.backbone_milliseconds for c in result.columns}
    if len(floors) == 1:
        return str(t["cost"]["says"]).format(ms=f"{floors.pop():.1f}", device=device)
    return str(t["cost"]["says_many"]).format(device=device)
