"""What a curve says in words, the same in the terminal, in charts and on the page, in both languages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import median

from detectors.errors import Sentence
from detectors.methods import METHODS
from detectors.result import Figure, ResultPicture
from detectors.stress.conditions import CONDITIONS
from detectors.stress.curves import Curve, Verdict, auroc, compared
from detectors.stress.draws import Step, Study

_AMOUNTS: Mapping[str, Callable[[str], Sentence]] = {
    "stops": lambda at: Sentence("stress.at_stops", "{at} stops", at=at),
    "mired": lambda at: Sentence("stress.at_mired", "{at} mired", at=at),
    "%": lambda at: Sentence("stress.at_percent", "{at} %", at=at),
    "px": lambda at: Sentence("stress.at_px", "{at} px", at=at),
    "levels": lambda at: Sentence("stress.at_levels", "{at} grey levels", at=at),
    "quality lost": lambda at: Sentence("stress.at_quality", "quality {at}", at=at),
    "degrees": lambda at: Sentence("stress.at_degrees", "{at}°", at=at),
}


def bare(condition: str, strength: float) -> str:
    """Return a strength as a person names it, without its unit; JPEG's is the quality that is left.

    >>> bare("brightness", -0.4), bare("blur", 0.75), bare("jpeg", 40)
    ('−0.4', '0.75', '60')
    """
    about = CONDITIONS[condition]
    if about.unit == "quality lost":
        return f"{100 - strength:g}"
    signed = strength != 0 and about.strengths[0] < 0
    return (f"{strength:+g}" if signed else f"{strength:g}").replace("-", "\N{MINUS SIGN}")


def amount(condition: str, strength: float) -> Sentence:
    """Return a strength with its unit.

    >>> str(amount("jpeg", 40)), str(amount("brightness", 0.2))
    ('quality 60', '+0.2 stops')
    """
    return _AMOUNTS[CONDITIONS[condition].unit](bare(condition, strength))


def in_files(conditions: Iterable[str], pictures: Sequence[ResultPicture]) -> Sentence | None:
    """Say what a pixel of the input is in the files; None where no condition is counted in pixels, or it is one.

    Args:
        conditions: which are shown.
        pictures: of which the middle one counts.
    """
    if not pictures or all(CONDITIONS[name].unit != "px" for name in conditions):
        return None
    pixels = median(picture.reduction for picture in pictures)
    if 0.95 < pixels < 1.05:
        return None
    return Sentence(
        "stress.in_files",
        "One pixel of the network's input is {pixels:.1f} pixels of the picture files.",
        pixels=pixels,
    )


def verdict(said: Verdict, condition: str) -> Sentence:
    """Return a verdict in a few words, for a cell of a table.

    >>> str(verdict(Verdict("breaks", (-0.4, 0.2), alarms=True), "brightness"))
    'breaks at −0.4 and +0.2 stops'
    >>> str(verdict(Verdict("stands"), "jpeg"))
    'stands up to quality 20'
    """
    if said.word == "breaks":
        last = amount(condition, said.at[-1])
        if len(said.at) == 1:
            return Sentence("stress.breaks", "breaks at {at}", at=last)
        return Sentence("stress.breaks_both", "breaks at {first} and {at}", first=bare(condition, said.at[0]), at=last)
    if said.word == "stands":
        strongest = abs(CONDITIONS[condition].strongest)
        return Sentence("stress.stands", "stands up to {at}", at=amount(condition, strongest))
    if said.word == "blind":
        return Sentence("stress.blind", "finds hardly anything anyway")
    return Sentence("stress.few", "too few pictures to tell")


def control(curve: Curve, condition: str) -> Sentence | None:
    """Say where resampling and a mirrored border alone break a method too; None where they do not."""
    if not curve.control_broken:
        return None
    return Sentence(
        "stress.control",
        "at {at} its resampling and border alone raise alarms too",
        at=amount(condition, curve.control_at),
    )


def shortcut(usual: Sequence[Curve], equal: Sequence[Curve]) -> Sentence | None:
    """Say which methods lose AUROC when all pictures are brought to one brightness; None where none does."""
    lost = compared(usual, equal).dearer
    if not lost:
        return None
    before, after = ({curve.key: auroc(curve).value or 0.0 for curve in curves} for curves in (usual, equal))
    methods = ", ".join(f"{_title(key)} ({before[key]:.2f} → {after[key]:.2f})" for key in lost)
    return Sentence(
        "stress.shortcut",
        "At equal brightness AUROC falls by more than chance: {methods}. Part of what looks like finding defects is "
        "telling bright pictures from dark ones; photograph good and defective parts under the same light.",
        methods=methods,
    )


def judged(study: Study) -> Sentence:
    """Return what a study of normal pictures says, with its numbers."""
    said, points = study.judgement, study.points
    if said.word == "blind":
        return Sentence("stress.blind", "finds hardly anything anyway")
    if said.word == "few" and said.gain is None and said.at is None:
        return Sentence("stress.few", "too few pictures to tell")
    if study.about == "dirt":
        now = next(point for point in points if point.at == said.at)
        return _dirtied(said.word, said.alarms and not said.finds, points[0], now)
    gain = _signed(said.gain)
    if said.word == "helps":
        return Sentence(
            "stress.helps",
            "more pictures would still help: from {half} to {all} AUROC gained {gain}",
            half=said.at,
            all=points[-1].at,
            gain=gain,
        )
    if said.word == "flat":
        return Sentence(
            "stress.flat", "flat from {at}: all {all} add {gain} of AUROC", at=said.at, all=points[-1].at, gain=gain
        )
    return Sentence(
        "stress.few_tests", "too few test pictures to tell: the last doubling added {gain} of AUROC", gain=gain
    )


def thresholds_by(study: Study) -> Sentence:
    """Say what a study's thresholds are set by."""
    if study.way == "left_out" and study.exact:
        return Sentence("stress.by_one", "each normal picture scored by a fit without it, exactly")
    if study.way == "left_out":
        return Sentence("stress.by_folds", "each normal picture scored by one of five fits without it")
    return Sentence("stress.by_held_out", "normal pictures held out")


def _title(key: str) -> str:
    method = key.partition("/")[0]
    return METHODS[method].title if method in METHODS else method


def _dirtied(word: str, alarms: bool, before: Step, now: Step) -> Sentence:
    after = f"{_share(now, alarms)} {_interval(now, alarms)}".rstrip()
    values = {"at": now.at, "before": _share(before, alarms), "after": after}
    if word == "keeps":
        return Sentence("stress.keeps", "with {at} at least half is still found: {before}, then {after}", **values)
    if word == "few":
        return Sentence(
            "stress.open", "too few pictures to rule out harm up to {at}: found {before}, then {after}", **values
        )
    if alarms:
        return Sentence(
            "stress.alarmed", "from {at} on more false alarms than promised: {before}, then {after}", **values
        )
    return Sentence("stress.loses", "from {at} on fewer defects found: {before}, then {after}", **values)


def _share(point: Step, alarms: bool) -> str:
    value = (point.false_alarms if alarms else point.found).figure.value
    return "\N{EN DASH}" if value is None else f"{100 * value:.0f} %"


def _interval(point: Step, alarms: bool) -> str:
    figure = (point.false_alarms if alarms else point.found).figure
    return "" if figure.low is None or figure.high is None else f"[{100 * figure.low:.0f}, {100 * figure.high:.0f}]"


def _signed(figure: Figure | None) -> str:
    """Return a difference with its interval.

    >>> _signed(Figure(0.012, -0.03, 0.06))
    '+0.01 [−0.03, +0.06]'
    """
    if figure is None or figure.value is None or figure.low is None or figure.high is None:
        return "\N{EN DASH}"
    value, low, high = (f"{end:+.2f}".replace("-", "\N{MINUS SIGN}") for end in (figure.value, figure.low, figure.high))
    return f"{value} [{low}, {high}]"
