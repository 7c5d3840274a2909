"""Lesson 2, why several layers: each level alone against several together, and random weights beside trained ones
and fixed filters."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import streamlit as st

from detectors import evaluation
from detectors.errors import Refusal
from detectors.features.weights import BUNDLED, DEFAULT, weights_state
from detectors.queries.lessons import layers
from detectors.queries.lessons.layers import Grid, LevelsWorth, Network
from detectors.result import Figure, Result
from pages.frame import backend, data, panes, session
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import say, speaker, text
from pages.learn import opinions
from pages.learn.lesson import ask, at_work, controls, first_column, listed, subject
from pages.learn.parts import Intervals, Row, beside, caption, cell, interval, picture, tiles

PICTURES = 3
USED = 3  # levels that the methods use
# Networks beside the run's own, as (backbone, weights): the same one untrained and trained, and one that never learns.
OTHERS = {"trained": (DEFAULT, "package"), "random": (DEFAULT, "random"), "fixed": (BUNDLED, "bundled")}
SECONDS = 20


def maps(choices: Choices, status: Status, result: Result) -> None:
    """Show a few test pictures as each level maps them, and as several do together."""
    found = _evaluated(choices, result)
    if found is None:
        return
    grids, single, several = found
    _controls(result, grids)
    shown = _shown(choices, result)
    columns = [(_level(i), text("learn.layers.places", w=g.width, h=g.height), single[i]) for i, g in enumerate(grids)]
    if several is not None:
        columns.append((text("learn.layers.together"), _names(several.levels), several))
    made = []
    for r, i in enumerate(shown):
        test = result.test[i]
        mask = test.mask if test.mask is not None and test.mask.any() and not test.mask.all() else None
        first = picture(test.pixels, panes.name(test), mask=mask)
        made.append(cell(first, text("grid.picture") if r == 0 else "", note=panes.name(test)))
        for title, below, worth in columns:
            scaled = None if worth.maps is None else worth.maps[r].astype(np.float32)
            said = f"{panes.name(test)}, {title}"
            image = picture(test.pixels, said, scaled=scaled, colour=choices.colour, mask=mask)
            overlap = "" if np.isnan(worth.overlaps[r]) else text("learn.layers.overlap", p=100 * worth.overlaps[r])
            peak = text("grid.no_scale") if scaled is None else text("learn.peak", peak=f"{worth.peaks[r]:.1f}")
            head = f"{title} · {below}" if r == 0 else ""
            made.append(cell(image, head, overlap, peak, focus=worth is several))
    tiles(made, len(columns) + 1, first="0.8fr", scrolls=True)
    caption(text("learn.layers.maps_note"))


def worth(choices: Choices, status: Status, result: Result) -> None:
    """Show what each set of levels decides and draws, as two interval charts."""
    found = _evaluated(choices, result)
    if found is None:
        return
    _, single, several = found
    sets = [*single, *([several] if several is not None else [])]
    charts = []
    for name, figures in (("decides", [s.image for s in sets]), ("draws", [s.overlap for s in sets])):
        best = max((f.value for f in figures if f.value is not None), default=None)
        rows = [
            Row(_set_name(worth, several), figure, worth is several, figure.value is not None and figure.value == best)
            for worth, figure in zip(sets, figures, strict=True)
        ]
        note = text("learn.layers.chart_note", n=len(result.test), method=text(f"methods.{_method()}"))
        charts.append(Intervals(text(f"learn.layers.{name}"), rows, note))
    beside("worth", *charts)


def weights(choices: Choices, status: Status, result: Result) -> None:
    """Show what a network is worth with random weights and with trained ones, and what fixed filters are."""
    found = _evaluated(choices, result)
    if found is None:
        return
    key = _weights_key(result)
    asked = session.OTHER_WEIGHTS.get()
    if key not in asked:
        st.button(
            text("learn.layers.ask_random", backbone=DEFAULT, s=SECONDS), key="layers_random", icon=":material/casino:",
            on_click=lambda: asked.add(key),
        )  # fmt: skip
        return
    drawn = _of_other(choices, result, "random")
    if drawn is None:
        at_work(lambda: _of_other(choices, result, "random"), SECONDS)
        return
    if isinstance(drawn, Refusal):
        caption(say(drawn.sentence))
        return
    others = {name: _of_other(choices, result, name) for name in ("trained", "fixed") if _here(name)}
    _, single, several = found
    own = several or single[-1]
    backbone = first_column(result).backbone
    known = {name: each for name, each in (others | {"random": drawn}).items() if isinstance(each, Network)}
    known = {name: known[name] for name in OTHERS if name in known}
    _side_by_side(choices, known)
    charts = []
    for name, of in (("decides", _image), ("draws", _overlap)):
        rows = [Row(text("learn.layers.now", backbone=backbone), of(own), focus=True)]
        for other, network in known.items():
            sets = network.sets
            rows += [Row(text(f"learn.layers.{other}_set", which=_set_name(j, sets[-1])), of(j)) for j in sets]
        charts.append(Intervals(text(f"learn.layers.{name}"), rows))
    beside("weights", *charts)
    if "trained" not in others:
        caption(text("learn.layers.no_trained", backbone=DEFAULT))
    for network in others.values():
        if isinstance(network, Refusal):
            caption(say(network.sentence))
    awaited = next((name for name, network in others.items() if network is None), None)
    if awaited is not None:
        at_work(lambda: _of_other(choices, result, awaited), SECONDS)


FIGURES: dict[str, Callable[..., None]] = {"maps": maps, "worth": worth, "weights": weights, **opinions.FIGURES}


def grids(choices: Choices, status: Status, result: Result) -> str | None:
    found = _grids(result)
    if found is None:
        return None
    each = [
        text("learn.layers.grid", level=i + 1, w=g.width, h=g.height, px=g.stride, c=g.channels)
        for i, g in enumerate(found)
    ]
    return text("learn.layers.grids", backbone=first_column(result).backbone, levels=listed(each))


def method(choices: Choices, status: Status, result: Result) -> str:
    return text("learn.layers.method", method=text(f"methods.{_method()}"))


def decides(choices: Choices, status: Status, result: Result) -> str | None:
    return _best(choices, result, "decides", _image)


def draws(choices: Choices, status: Status, result: Result) -> str | None:
    return _best(choices, result, "draws", _overlap)


def last_decides(choices: Choices, status: Status, result: Result) -> str | None:
    return _against_last(choices, result, "decides", _image)


def last_draws(choices: Choices, status: Status, result: Result) -> str | None:
    return _against_last(choices, result, "draws", _overlap)


def bundled(choices: Choices, status: Status, result: Result) -> str | None:
    """Say that the bundled backbone was never trained, where it is the one in use."""
    column = first_column(result)
    return text("learn.layers.bundled") if column is not None and column.weights.source == "bundled" else None


def trained(choices: Choices, status: Status, result: Result) -> str | None:
    """Say whose weights are in use, where they were trained or drawn."""
    column = first_column(result)
    if column is None or column.weights.source == "bundled":
        return None
    key = "learn.layers.is_random" if column.weights.random else "learn.layers.is_trained"
    return text(key, backbone=column.backbone, origin=column.weights.origin)


def random_says(choices: Choices, status: Status, result: Result) -> str | None:
    """Say whether random weights see anything, once that was computed."""
    found = _evaluated(choices, result)
    if found is None or _weights_key(result) not in session.OTHER_WEIGHTS.get():
        return None
    drawn = _of_other(choices, result, "random")
    if not isinstance(drawn, Network):
        return None
    own, other = found[2] or found[1][-1], drawn.sets[-1]
    gap = evaluation.difference(own.image, other.image)
    if other.image.low is None or gap.low is None or gap.high is None:
        return None
    seen = "sees" if other.image.low > 0.5 else "chance"
    compared = "less" if gap.low > 0 else "more" if gap.high < 0 else "alike"
    mine = text(f"learn.layers.random_{compared}", own=first_column(result).backbone, figure=interval(own.image))
    return f"{text(f'learn.layers.random_{seen}', backbone=DEFAULT, figure=interval(other.image))} {mine}"


VALUES: dict[str, Callable[..., str | None]] = {
    "grids": grids,
    "method": method,
    "decides": decides,
    "draws": draws,
    "last_decides": last_decides,
    "last_draws": last_draws,
    "bundled": bundled,
    "trained": trained,
    "random_says": random_says,
    **opinions.VALUES,
}


def _controls(result: Result, found: tuple[Grid, ...]) -> None:
    tell = speaker()
    with controls("layers"):
        st.pills(
            text("learn.layers.switch"), range(len(found)), selection_mode="multi",
            default=list(range(min(USED, len(found)))), key=_switch(result), persist_state="session",
            format_func=lambda i: tell("learn.layers.level", level=i + 1),
        )  # fmt: skip
        st.segmented_control(
            text("learn.layers.measured_with"), layers.METHODS, default=layers.METHODS[0], key="w_layers_method",
            required=True, persist_state="session", format_func=lambda name: tell(f"methods.{name}"),
        )  # fmt: skip


def _side_by_side(choices: Choices, networks: dict[str, Network]) -> None:
    """Show one picture as each network maps it: with the last level alone, and with all levels together."""
    if any(worth.maps is None for network in networks.values() for worth in network.sets[-2:]):
        return
    made = []
    for n in (-2, -1):
        test = next(iter(networks.values())).shown
        mask = test.mask if test.mask is not None and test.mask.any() and not test.mask.all() else None
        head = text("grid.picture") if n == -2 else "\u00a0"
        made.append(cell(picture(test.pixels, panes.name(test), mask=mask), head, note=panes.name(test)))
        for name, network in networks.items():
            worth = network.sets[n]
            assert worth.maps is not None
            title = text(f"learn.layers.{name}_set", which=_set_name(worth, network.sets[-1]))
            scaled = worth.maps[0].astype(np.float32)
            image = picture(test.pixels, title, scaled=scaled, colour=choices.colour, mask=mask)
            overlap = "" if np.isnan(worth.overlaps[0]) else text("learn.layers.overlap", p=100 * worth.overlaps[0])
            made.append(cell(image, title, overlap, text("learn.peak", peak=f"{worth.peaks[0]:.1f}"), n == -1))
    tiles(made, len(networks) + 1, scrolls=True)


def _evaluated(
    choices: Choices, result: Result
) -> tuple[tuple[Grid, ...], list[LevelsWorth], LevelsWorth | None] | None:
    """Return the grids, each level's worth alone, and that of those switched on when they are several."""
    found = _grids(result)
    if found is None:
        return None
    chosen = session.widget(_switch(result))
    levels = tuple(range(min(USED, len(found)))) if chosen is None else tuple(sorted(chosen))

    def evaluate(wanted: tuple[int, ...]) -> LevelsWorth:
        column = first_column(result).key
        return ask(result, layers.evaluate, column, _method(), wanted, tuple(_shown(choices, result)))

    return found, [evaluate((i,)) for i in range(len(found))], evaluate(levels) if len(levels) > 1 else None


def _grids(result: Result) -> tuple[Grid, ...] | None:
    column = first_column(result)
    return None if column is None else ask(result, layers.grids, column.key)


def _shown(choices: Choices, result: Result) -> list[int]:
    """Return a few test pictures: the subject, then defects of other kinds that are plain to see."""
    first = subject(choices, result)
    order = sorted(range(len(result.test)), key=lambda i: -(result.test[i].severity or 0.0))
    chosen, kinds = ([first], {result.test[first].kind}) if first is not None else ([], set())
    for i in order:
        test = result.test[i]
        if test.defective and test.local and test.kind not in kinds and len(chosen) < PICTURES:
            chosen.append(i)
            kinds.add(test.kind)
    return chosen


def _best(choices: Choices, result: Result, name: str, of: Callable[[LevelsWorth], Figure]) -> str | None:
    found = _evaluated(choices, result)
    if found is None:
        return None
    _, single, several = found
    sets = [s for s in (*single, several) if s is not None and of(s).value is not None]
    if len(sets) < 2:
        return None
    ranked = sorted(sets, key=lambda s: -(of(s).value or 0.0))
    first, second = of(ranked[0]), of(ranked[1])
    which = "several" if ranked[0] is several else "one"
    says = text(f"learn.layers.{name}_{which}", which=_set_name(ranked[0], several), figure=interval(first))
    overlap = first.low is None or second.high is None or first.low <= second.high
    return f"{says} {text('learn.layers.could_change')}" if overlap else says


def _against_last(choices: Choices, result: Result, name: str, of: Callable[[LevelsWorth], Figure]) -> str | None:
    found = _evaluated(choices, result)
    if found is None or found[2] is None:
        return None
    _, single, several = found
    gap = several.decides if name == "decides" else several.draws
    if gap is None or gap.value is None or gap.low is None or gap.high is None:
        return None
    how = "more" if gap.low > 0 else "less" if gap.high < 0 else "open"
    return text(
        f"learn.layers.{name}_against_{how}", several=interval(of(several)), alone=interval(of(single[-1])),
        which=_names(several.levels), last=_level(len(single) - 1),
    )  # fmt: skip


def _of_other(choices: Choices, result: Result, which: str) -> Network | Refusal | None:
    source = data.source(choices)
    if source is None:
        return None
    shown = subject(choices, result) or 0
    key = f"{_weights_key(result)} {which} {shown}"
    asked = (source, backend.comparison(choices), *OTHERS[which], layers.METHODS[0], shown)
    return backend.current().later(layers.with_weights, *asked, key=key).now


def _weights_key(result: Result) -> str:
    return f"{DEFAULT} {result.experiment.get('data')} {result.experiment.get('preprocessing')}"


@st.cache_data(ttl=60, show_spinner=False)
def _here(which: str) -> bool:
    """Whether a network's weights are on this machine; nothing is downloaded for a lesson."""
    return weights_state(OTHERS[which][0], reachable=False).state in ("bundled", "package")


def _method() -> str:
    return session.widget("w_layers_method") or layers.METHODS[0]


def _switch(result: Result) -> str:
    return f"w_layers_{first_column(result).backbone}"


def _image(worth: LevelsWorth) -> Figure:
    return worth.image


def _overlap(worth: LevelsWorth) -> Figure:
    return worth.overlap


def _set_name(worth: LevelsWorth, several: LevelsWorth | None) -> str:
    return text("learn.layers.together") if worth is several else _level(worth.levels[0])


def _level(i: int) -> str:
    return text("learn.layers.level", level=i + 1)


def _names(levels: tuple[int, ...]) -> str:
    return " + ".join(str(i + 1) for i in levels)
