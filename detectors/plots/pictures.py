"""A test picture as each method maps it, on the scale that all methods share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from detectors.evaluation import thresholds as held_out
from detectors.plots.axes import ACCENT, GROUND, INK, MUTED, SMALL, USUAL, WORDS, grid, label
from detectors.plots.colours import COLOUR_MAPS, TOP, overlay
from detectors.plots.selection import chosen, in_focus, picture_index, threshold, title
from detectors.result import Column, Result, ResultPicture

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def maps(
    result: Result,
    picture: int | str,
    ax: Axes | None = None,
    columns: Sequence[str] | None = None,
    *,
    focus: str | None = None,
    thresholds: Mapping[str, float] | None = None,
    colour_map: str = "inferno",
    everywhere: bool = False,
    words: Mapping[str, str] = WORDS,
) -> Any:
    """Draw a test picture and its anomaly map by every method, the true outline on each.

    Args:
        result: of a comparison.
        picture: the test picture's index or name.
        ax: where to draw one method's map, which is then returned; a new figure by default.
        columns: keys ("padim/resnet18") or methods; with `ax` the one in focus by default, else all.
        focus: the column in the accent; the one with the highest AUROC by default.
        thresholds: by column key; by default set on the held-out normals, at the rate nearest to 5 %.
        colour_map: "inferno" or "mako", painted from 0 to 3 on the common scale of `MapScale`.
        everywhere: paint normal places too.
        words: what is written, in another language.

    Returns:
        The Axes; where none was given, an array of them: the picture's, then one per column.
    """
    index = picture_index(result, picture)
    wanted = chosen(result, columns)
    main = in_focus(wanted, focus)
    paint = (colour_map, everywhere, words)
    if ax is not None:
        if main is not None:
            _map(ax, result, index, main, threshold(main, thresholds), *paint, focused=True)
        return ax
    shown = result.test[index]
    every = grid(1, len(wanted) + 1, 1.9 * (len(wanted) + 1), min(1.9 / shown.aspect, 5.7) + 1.0)[0]
    _plain(every[0], shown, shown.pixels[shown.inside], shown.name, INK)
    _outline(every[0], result.test[index])
    for each, column in zip(every[1:], wanted, strict=True):
        _map(each, result, index, column, threshold(column, thresholds), *paint, focused=column is main)
    if any(c.scale is not None for c in wanted):
        _scale(every, colour_map, words)
    return every


def _map(
    ax: Axes,
    result: Result,
    index: int,
    column: Column,
    at: float | None,
    colour_map: str,
    everywhere: bool,
    words: Mapping[str, str],
    focused: bool,
) -> None:
    shown = result.test[index]
    if column.maps is None or column.scale is None:
        pixels = np.full_like(shown.pixels[shown.inside], 243)
        _plain(ax, shown, pixels, title(column, result), ACCENT if focused else INK)
        height, width = pixels.shape[:2]
        label(ax, width / 2, height / 2, words["no_map"], ha="center", va="center", color=MUTED)
    else:
        painted = overlay(shown.pixels, column.scale(column.maps[index]), colour_map, everywhere=everywhere)
        _plain(ax, shown, painted[shown.inside], title(column, result), ACCENT if focused else INK)
        _outline(ax, shown)
    if at is not None:
        times = float(held_out.multiples(column.scores[index : index + 1], at, column.held_out)[0])
        ax.set_xlabel(words["times"].format(times=times), fontsize=SMALL, color=MUTED)


def _plain(ax: Axes, shown: ResultPicture, pixels: Any, name: str, colour: str) -> None:
    height, width = pixels.shape[:2]
    ax.imshow(pixels, interpolation="nearest", aspect=width / height / shown.aspect)
    ax.set(xticks=(), yticks=())
    ax.set_title(name, fontsize=USUAL, color=colour, loc="left", parse_math=False)
    for spine in ax.spines.values():
        spine.set_visible(False)


def _outline(ax: Axes, shown: ResultPicture) -> None:
    """Draw where the defect is: white over black, legible on any map."""
    if shown.mask is None or shown.mask.all() or not shown.mask.any():
        return
    mask = np.pad(shown.mask[shown.inside].astype(float), 1)
    places = np.arange(-1, mask.shape[0] - 1), np.arange(-1, mask.shape[1] - 1)
    height, width = mask.shape[0] - 2, mask.shape[1] - 2
    for paint, thick, share in (("black", 2.8, 0.5), (GROUND, 1.2, 1.0)):
        ax.contour(places[1], places[0], mask, [0.5], colors=paint, linewidths=thick, alpha=share)
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5))


def _scale(every: Any, colour_map: str, words: Mapping[str, str]) -> None:
    """Draw the common scale below the maps."""
    bar = every[0].figure.colorbar(
        _mappable(colour_map), ax=list(every), location="bottom", shrink=0.45, aspect=40, pad=0.03
    )
    bar.set_ticks((0, 1, 2, 3), labels=("0", "1", "2", "3+"))
    bar.ax.tick_params(length=0, labelsize=SMALL, labelcolor=MUTED)
    bar.set_label(words["scale"], fontsize=SMALL, color=MUTED)
    bar.outline.set_visible(False)


def _mappable(colour_map: str) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import ListedColormap, Normalize

    return ScalarMappable(Normalize(0, TOP), ListedColormap(COLOUR_MAPS[colour_map] / 255.0))
