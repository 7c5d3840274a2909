"""Stress as files: tables of all points with their intervals, and the charts."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from detectors.report.tables import cell
from detectors.report.wording import Words
from detectors.result import Figure, Result
from detectors.stress import CONDITIONS, Curve, Study
from detectors.stress.draws import Spread
from detectors.stress.sentences import in_files, judged, shortcut, verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADINGS = (
    "condition", "remedy", "unit", "strength", "method", "backbone",
    "false_alarms", "false_alarms_low", "false_alarms_high", "promised",
    "found", "found_low", "found_high", "image_auroc", "image_auroc_low", "image_auroc_high",
    "median_times_threshold", "broken", "verdict",
)  # fmt: skip


STUDIES = (
    "about", "way", "cleaned", "step", "draws", "method", "backbone", "false_alarms", "false_alarms_low",
    "false_alarms_high", "false_alarms_least", "false_alarms_most", "promised", "found", "found_low", "found_high",
    "found_least", "found_most", "image_auroc", "image_auroc_low", "image_auroc_high", "image_auroc_least",
    "image_auroc_most", "threshold_times_usual", "threshold_least", "threshold_most", "broken", "says",
)  # fmt: skip


Helped = Mapping[tuple[str, str], tuple[Curve, ...]]  # by condition and remedy
_BESIDE = 4  # conditions that stand beside each other in the report
_WIDE = 9.6  # inches of a chart that is as wide as the report


def write_csv(curves: Mapping[str, Sequence[Curve]], helped: Helped | None = None) -> str:
    """Return one row per condition, remedy, strength and method; shares in [0, 1] with their 95 % intervals."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADINGS)
    alone = {(name, ""): found for name, found in curves.items()}
    for (name, remedy), found in (alone | dict(helped or {})).items():
        for curve in found:
            method, _, backbone = curve.key.partition("/")
            said, promise = curve.verdict.word, "" if curve.promise is None else repr(curve.promise)
            for point in curve.points:
                writer.writerow(
                    [
                        name, remedy, CONDITIONS[name].unit, repr(point.strength), cell(method), cell(backbone),
                        *_ends(point.false_alarms), promise, *_ends(point.found), *_ends(point.auroc),
                        repr(point.median), "yes" if point.broken else "no", said,
                    ]
                )  # fmt: skip
    return text.getvalue()


def write_studies(studies: Iterable[Study]) -> str:
    """Return one row per study and step: the median draw's figure, its interval, and the range of the draws."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(STUDIES)
    for study in studies:
        method, _, backbone = study.key.partition("/")
        for point in study.points:
            promise = "" if point.promise is None else repr(point.promise[0] / point.promise[1])
            times, *_, least, most = _ranged(point.threshold)
            writer.writerow(
                [
                    study.about, study.way, "yes" if study.cleaned else "no", point.at, point.draws, cell(method),
                    cell(backbone), *_ranged(point.false_alarms), promise, *_ranged(point.found),
                    *_ranged(point.auroc), times, least, most, "yes" if point.broken else "no",
                    study.judgement.word,
                ]
            )  # fmt: skip
    return text.getvalue()


@dataclass(frozen=True, repr=False)
class Stressed:
    """What a result was put to: conditions by name, fits on other normal pictures, and conditions after remedies."""

    curves: Mapping[str, tuple[Curve, ...]] = field(default_factory=dict)
    studies: tuple[Study, ...] = ()
    helped: Helped = field(default_factory=dict)

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.curves or self.studies or self.helped)

    def __repr__(self) -> str:
        """Return its content in one hash: files made of it are kept under this."""
        said = hashlib.sha256()
        for name, curves in (*self.curves.items(), *self.helped.items()):
            for curve in curves:
                said.update(f"{name} {curve.key} {curve.threshold}".encode() + curve.scores.tobytes())
        for study in self.studies:
            said.update(f"{study.key} {study.about} {study.way} {study.cleaned} {study.rate} {digest(study)}".encode())
        return f"Stressed({said.hexdigest()})"


NOTHING = Stressed()


def digest(study: Study) -> str:
    """Return one hash over all scores of a study."""
    said = hashlib.sha256()
    for draw in (draw for draws in study.draws for draw in draws):
        said.update(draw.scores.tobytes() + draw.calibrating.tobytes())
    return said.hexdigest()


def files(stressed: Stressed) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the tables and the charts of what is there."""
    from detectors.plots.stress import stress_matrix
    from detectors.plots.studies import study_row

    if stressed.curves or stressed.helped:
        yield "stress.csv", write_csv(stressed.curves, stressed.helped).encode()
    if stressed.curves:
        yield "stress.png", _png(stress_matrix(stressed.curves)[0, 0])
    for name, beside in _beside(stressed):
        yield f"remedies-{name}.png", _png(stress_matrix(beside)[0, 0])
    for about, own in _kinds(stressed):
        yield f"{about}.csv", write_studies(own).encode()
        yield f"{about}.png", _png(study_row(own)[0])


def section(stressed: Stressed, result: Result, words: Words) -> list[dict[str, Any]]:
    """Return the parts of the report's section: a title, what it says, a table of verdicts, a chart."""
    from detectors.plots.stress import stress_matrix
    from detectors.plots.studies import study_row
    from detectors.report.charts import inline, letter

    titles = {column.key: words.title(result, column) for column in result.columns}
    parts = []
    if stressed.curves:
        named = {name: words.write(f"stress.conditions.{name}") for name in stressed.curves}
        units = {name: words.write(f"stress.axes.{CONDITIONS[name].unit}") for name in stressed.curves}
        called = {name: f"{said}, {units[name]}" for name, said in named.items()}
        few = [dict(islice(stressed.curves.items(), i, i + _BESIDE)) for i in range(0, len(named), _BESIDE)]
        figures = [stress_matrix(part, words.say, called)[0, 0].figure for part in few]
        by = {(name, curve.key): curve.verdict for name, found in stressed.curves.items() for curve in found}
        keys = dict.fromkeys(key for _, key in by)
        rows = [
            (titles.get(key, key), [(by[name, key].word, words.say(verdict(by[name, key], name)))
                                    if (name, key) in by else ("", "–") for name in named])
            for key in keys
        ]  # fmt: skip
        part = _part("conditions", words, list(named.values()), rows, figures, inline, letter)
        pixels = in_files(stressed.curves, result.test)
        parts.append(part if pixels is None else part | {"says": f"{part['says']} {words.say(pixels)}"})
    for name, beside in _beside(stressed):
        parts.append(_remedies(name, beside, titles, words, inline, letter))
    for about, own in _kinds(stressed):
        figures = [study_row(own, words.say, legend=False)[0].figure]
        heads = [words.write(f"stress.across.{about}")]
        rows = []
        for study in own:
            cleaned = f" ({words.write('stress.cleaned')})" if study.cleaned else ""
            said = f"{words.say(judged(study))} · {words.write(f'stress.ways.{study.way}')}"
            rows.append((titles.get(study.key, study.key) + cleaned, [(study.judgement.word, said)]))
        parts.append(_part(about, words, heads, rows, figures, inline, letter))
    return parts


def _remedies(
    name: str,
    beside: dict[str, tuple[Curve, ...]],
    titles: Mapping[str, str],
    words: Words,
    inline: Callable[..., Any],
    letter: Callable[[Any], None],
) -> dict[str, Any]:
    """Return the part on what helps against one condition."""
    unit = words.write(f"stress.axes.{CONDITIONS[name].unit}")
    heads = {key: words.write(f"stress.help.{key.partition('+')[2] or 'none'}") for key in beside}
    called = {key: f"{said}, {unit}" for key, said in heads.items()}
    by = {(key, curve.key): curve.verdict for key, found in beside.items() for curve in found}
    rows = [
        (titles.get(column, column), [(by[key, column].word, words.say(verdict(by[key, column], name)))
                                      if (key, column) in by else ("", "–") for key in heads])
        for column in dict.fromkeys(column for _, column in by)
    ]  # fmt: skip
    from detectors.plots.stress import stress_matrix

    figure = stress_matrix(beside, words.say, called)[0, 0].figure
    part = _part("remedies", words, list(heads.values()), rows, [figure], inline, letter)
    part["title"] = words.write("stress.help.title", condition=words.write(f"stress.conditions.{name}"))
    equal = beside.get(f"{name}+equalise")
    warned = None if equal is None or name not in beside else shortcut(beside[name], equal)
    if warned is not None:
        part["says"] = f"{words.say(warned)} {part['says']}"
    return part


def _beside(stressed: Stressed) -> Iterator[tuple[str, dict[str, tuple[Curve, ...]]]]:
    """Yield every condition with remedies, and its curves without, by the condition, and with, by "blur+align"."""
    for name in dict.fromkeys(name for name, _ in stressed.helped):
        alone = {name: stressed.curves[name]} if name in stressed.curves else {}
        yield name, alone | {f"{of}+{remedy}": found for (of, remedy), found in stressed.helped.items() if of == name}


def _part(
    about: str,
    words: Words,
    heads: list[str],
    rows: list[tuple[str, list[tuple[str, str]]]],
    figures: list[Any],
    inline: Callable[..., Any],
    letter: Callable[[Any], None],
) -> dict[str, Any]:
    for figure in figures:
        letter(figure)
    title = words.write("stress.help.short" if about == "remedies" else f"stress.views.{about}")
    return {
        "title": title,
        "says": words.t["stress"][about],
        "heads": heads,
        "rows": rows,
        "charts": [
            (min(100.0, 100 * figure.get_figwidth() / _WIDE), inline(figure, f"stress-{about}-{i}", title))
            for i, figure in enumerate(figures)
        ],
    }


def _kinds(stressed: Stressed) -> Iterator[tuple[str, list[Study]]]:
    """Yield the studies of each kind and way, those without unusual normals beside what they belong to."""
    for about in ("dirt", "pictures"):
        own = [study for study in stressed.studies if study.about == about]
        last = own[-1].way if own else ""
        if own := [study for study in own if study.way == last]:
            yield about, own


def _png(ax: Axes) -> bytes:
    figure, drawn = ax.get_figure(root=True), io.BytesIO()
    assert figure is not None  # Axes are drawn in one
    figure.savefig(drawn, format="png", dpi=150)
    return drawn.getvalue()


def _ranged(spread: Spread) -> tuple[str, ...]:
    """Return value, ends of the interval, and range over draws."""
    return *_ends(spread.figure), *("" if end is None else repr(float(end)) for end in (spread.low, spread.high))


def _ends(figure: Figure) -> tuple[str, str, str]:
    low, value, high = ("" if v is None else repr(float(v)) for v in (figure.low, figure.value, figure.high))
    return value, low, high
