"""The pixels of maps, sorted by score with the regions of the true defects: what all figures over pixels need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import label

from detectors.errors import Sentence
from detectors.evaluation.intervals import STILL, Floats, logit_interval, strata
from detectors.result import Figure, ResultPicture

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PixelScores:
    """The pixels of the pictures that count, sorted for the figures; made by `pixel_scores`.

    Attributes:
        normal: (n,) scores of all normal pixels of all pictures, ascending; their upper part after `top`.
        defect: (d,) scores of the defective pixels, ascending.
        weight: (d,) 1 / (regions * pixels of the region), the share of the PRO curve that a pixel carries.
        normals: n, also when `normal` holds only the upper part.
        pictures: per picture its normal scores (ascending), its defective ones (ascending) and their weights.
        rows: (P,) the place of each of these pictures among the `given` ones.
        given: how many pictures there were, left out or not.
        stratum: (P,) the stratum of each picture for the bootstrap.
        defective: pictures with a region.
        note: which pictures were left out, or None.
    """

    normal: NDArray[Any]
    defect: NDArray[Any]
    weight: Floats
    normals: int
    pictures: tuple[tuple[NDArray[Any], NDArray[Any], Floats], ...]
    rows: NDArray[np.int64]
    given: int
    stratum: NDArray[np.int64]
    defective: int
    note: Sentence | None


def pixel_scores(
    masks: Sequence[Mask | None],
    maps: NDArray[Any] | None,
    labels: ArrayLike | None = None,
    local: Sequence[bool] | None = None,
    kinds: Sequence[str | None] | None = None,
    top: float = 1.0,
    inside: Sequence[tuple[slice, slice]] | None = None,
) -> PixelScores | Sentence:
    """Sort the pixels of (M, S, S) maps for the figures below, or say why that cannot be done.

    A good picture counts with all its pixels as normal. Left out are defective pictures without a mask, with an empty
    one, or whose mask covers everything (`local` False), and pictures that nobody labelled and that have no mask.
    Without `labels` a picture without a mask is good. Regions are 8-connected. With `top` below 1 only the normal
    pixels above that false-positive rate are sorted (and their ties), which is all that AUPRO needs. Only the pixels in
    the rows and columns that `inside` gives for each picture count.
    """
    if maps is None and len(masks):
        return Sentence("metrics.no_map", "This method gives one number per picture and no map.")
    truth = np.zeros(len(masks)) if labels is None else np.asarray(labels, dtype=np.float64)
    kept, out = [], 0
    for i, (mask, is_local) in enumerate(zip(masks, local or [True] * len(masks), strict=True)):
        marked = mask is not None and bool(mask.any())
        if is_local and (marked or truth[i] == 0):
            kept.append((i, mask if marked else None))
        else:
            out += bool(truth[i] == 1)
    found = sum(mask is not None for _, mask in kept)
    if maps is None or not found:
        return Sentence("metrics.no_masks", "No defective picture has a mask that says where the defect is.")
    inside = inside or [(slice(None), slice(None))] * len(masks)
    pictures = [_one_picture(maps[i][inside[i]], None if mask is None else mask[inside[i]]) for i, mask in kept]
    regions = sum(count for *_, count in pictures)
    normal = np.concatenate([p[0] for p in pictures])
    if not len(normal):
        return Sentence("metrics.no_normal_pixel", "No pixel is normal: the masks cover everything.")
    defect = np.concatenate([p[1] for p in pictures])
    if not (np.isfinite(normal).all() and np.isfinite(defect).all()):
        return Sentence("metrics.not_finite_map", "A map holds a value that is not a finite number.")
    order = np.argsort(defect, kind="stable")
    note = None
    if out:
        note = Sentence(
            "metrics.left_out",
            "{out} of {all} defective pictures [out:is|are] left out: no mask, or one that covers everything.",
            out=out,
            all=out + found,
        )
    return PixelScores(
        normal=_upper(normal, top),
        defect=defect[order],
        weight=np.concatenate([p[2] for p in pictures])[order] / regions,
        normals=len(normal),
        pictures=tuple((p[0], p[1], p[2] / regions) for p in pictures),
        rows=np.array([i for i, _ in kept], dtype=np.int64),
        given=len(masks),
        stratum=strata([mask is not None for _, mask in kept], [kinds[i] if kinds else None for i, _ in kept]),
        defective=found,
        note=note,
    )


def scores_of(pictures: Sequence[ResultPicture], maps: NDArray[Any] | None) -> PixelScores | Sentence:
    """Sort the pixels of a result's pictures: their masks, labels, kinds and whether the defect has a place."""
    labels = [np.nan if p.defective is None else float(p.defective) for p in pictures]
    return pixel_scores(
        [p.mask for p in pictures],
        maps,
        labels,
        [p.local for p in pictures],
        [p.kind for p in pictures],
        inside=[p.inside for p in pictures],
    )


def with_interval(scores: PixelScores, value: float, spread: Callable[[], float], method: str) -> Figure:
    """Return a figure with its interval on the logit scale, or the reason why it has none.

    Args:
        scores: of the pictures that count.
        value: in [0, 1].
        spread: returns the standard deviation over draws of pictures; called only where they can differ.
        method: how the draws were made.
    """
    if scores.defective < 2:
        return Figure(value, reason=one_defective())
    if not 0 < value < 1 or (sd := spread()) <= STILL:
        return Figure(
            value, reason=Sentence("metrics.no_spread_pixels", "All pictures agree, so resampling says nothing.")
        )
    low, high = logit_interval(value, sd)
    return Figure(value, low, high, scores.note, f"{method}, logit scale")


def one_defective() -> Sentence:
    """Say that one picture gives no interval."""
    return Sentence("metrics.one_mask", "One defective picture with a mask gives no interval: at least two are needed.")


def _one_picture(values: NDArray[Any], mask: Mask | None) -> tuple[NDArray[Any], NDArray[Any], Floats, int]:
    """Return normal scores, defective scores, their weights 1 / |region| (all ascending) and the number of regions."""
    if mask is None:
        return np.sort(values, axis=None), values[:0, 0], np.zeros(0), 0
    if mask.shape != values.shape:
        raise ValueError(f"The mask has the shape {mask.shape}, the map {values.shape}: they must be equal.")
    numbers, count = label(mask, structure=np.ones((3, 3)))
    inside = numbers[mask]
    weight = 1.0 / np.bincount(inside)[inside]  # (d,)
    defect = values[mask]
    order = np.argsort(defect, kind="stable")
    return np.sort(values[~mask]), defect[order], weight[order], count


def _upper(normal: NDArray[Any], top: float) -> NDArray[Any]:
    place = len(normal) - 1 - int(np.ceil(top * len(normal)))
    if place > 0:
        cut = np.partition(normal, place)[place]
        normal = normal[normal >= cut]
    return np.sort(normal)
