"""What would help against a condition: the same methods fitted on pictures that a remedy makes, measured as before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detectors.comparison.comparison import Bench, FittedColumn, Pictures, extract, fit_and_score, silent
from detectors.errors import Refusal, SettingRefused
from detectors.stress.conditions import Condition, Pixels, move
from detectors.stress.measuring import Load, seen_once, within
from detectors.stress.plans import REMEDIES

if TYPE_CHECKING:
    from detectors.methods.base import Progress
    from detectors.result import ResultPicture

_SIDE = 112  # pixels at which pictures are registered
_COARSE, _FINE = np.arange(-12.0, 12.5, 3.0), np.arange(-2.0, 2.5, 1.0)  # degrees that are tried


def remedied(
    bench: Bench,
    remedy: str,
    condition: Condition,
    seed: int = 0,
    progress: Progress = silent,
    load: Load = Bench.load,
) -> Bench:
    """Fit every column again on pictures as the remedy makes them; `measuring.measure` then does the rest.

    Args:
        bench: a finished run.
        remedy: "equalise" brings all pictures to one brightness; "align" turns and shifts each onto the mean learnt
            picture; "augment" learns each picture once more under a random strength of the condition.
        condition: that it is to help against.
        seed: of the strengths.
        progress: of the part at work.
        load: returns a backbone of the run by its name, where the features of the run are.
    """
    if remedy not in REMEDIES:
        raise SettingRefused(
            "stress.remedy",
            "There is no remedy {remedy!r}; choose among {known}.",
            remedy=remedy,
            known=", ".join(REMEDIES),
        )
    comparison, pictures, after = bench.comparison, bench.pictures, bench.after
    if remedy == "equalise":
        comparison = replace(comparison, preprocessing=replace(comparison.preprocessing, equalise=True))
        change: Callable[[Pixels], Pixels] = comparison.preprocessing.finish
    elif remedy == "align":
        if any(picture.box for picture in pictures.learnt):
            raise SettingRefused(
                "stress.align_padded",
                "Padded pictures of different shapes have no common place to be moved to. Choose square proportions, "
                "or their own shape.",
            )
        change = after = alignment(np.stack([picture.pixels for picture in pictures.learnt]))
    else:
        return _fitted(replace(bench, pictures=_augmented(bench, condition, seed)), bench, progress, load)
    altered = replace(
        pictures,
        learnt=_changed(pictures.learnt, change),
        held_out=_changed(pictures.held_out, change),
        test=_changed(pictures.test, change),
    )
    return _fitted(Bench(comparison, altered, (), after), bench, progress, load)


def alignment(normal: NDArray[np.uint8]) -> Callable[[Pixels], Pixels]:
    """Return what turns and shifts a picture onto the mean of (N, S, S, 3) normal ones.

    Some turns are tried; for each the shift is where the phase correlation is highest. A picture stays as it is where
    no movement correlates better than none. What a moved picture does not show is filled from the mean.
    """
    mean = np.rint(normal.mean(axis=0)).astype(np.uint8)
    reference = np.conj(_spectrum(mean))

    def align(pixels: Pixels) -> Pixels:
        size = pixels.shape[0], pixels.shape[1]
        best = _shifted(reference, _spectrum(pixels))
        still, turn = best[0], 0.0
        for angles in (_COARSE, _FINE):
            for angle in angles + turn if angles is _FINE else angles:
                found = _shifted(reference, _spectrum(move(pixels, _movement(size, angle))))
                if found[0] > best[0]:
                    best, turn = found, float(angle)
        correlation, down, right = best
        if correlation <= still and not (down or right):
            return pixels
        matrix = _movement(size, turn, -down * size[0] / _SIDE, -right * size[1] / _SIDE)
        return np.where(_seen(size, matrix)[..., None], move(pixels, matrix), mean)

    return align


def _seen(size: tuple[int, int], matrix: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (H, W): whether a place of the moved picture was within the picture before."""
    height, width = size
    place = np.stack([*np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), np.ones(size)])
    before = np.linalg.inv(matrix)[:2] @ place.reshape(3, -1)
    ends = np.array([[width], [height]])
    return np.asarray(((before >= 0) & (before <= ends)).all(axis=0)).reshape(size)


def _spectrum(pixels: NDArray[np.generic]) -> NDArray[np.complex128]:
    """Return the phases of a picture's grey values, small and faded out towards its border."""
    from PIL import Image

    grey = Image.fromarray(np.rint(np.asarray(pixels, np.float64).mean(axis=2)).astype(np.uint8))
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), np.float64)
    window = np.hanning(_SIDE)
    spectrum = np.fft.fft2((small - small.mean()) * window[:, None] * window)
    return np.asarray(spectrum / np.maximum(np.abs(spectrum), 1e-9))


def _shifted(reference: NDArray[np.complex128], spectrum: NDArray[np.complex128]) -> tuple[float, int, int]:
    """Return the highest correlation and by how much a picture lies (down, right) of the reference."""
    correlation = np.fft.ifft2(reference * spectrum).real
    down, right = np.unravel_index(int(correlation.argmax()), correlation.shape)
    half = _SIDE // 2
    return float(correlation.max()), (int(down) + half) % _SIDE - half, (int(right) + half) % _SIDE - half


def _movement(size: tuple[int, int], degrees: float, down: float = 0.0, right: float = 0.0) -> NDArray[np.float64]:
    """Return the (3, 3) matrix that turns about the middle and then shifts."""
    turn, middle = np.deg2rad(degrees), np.array([size[1] / 2, size[0] / 2])
    matrix = np.eye(3)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    matrix[:2, 2] = middle - matrix[:2, :2] @ middle + [right, down]
    return matrix


def _changed(pictures: tuple[ResultPicture, ...], change: Callable[[Pixels], Pixels]) -> tuple[ResultPicture, ...]:
    return tuple(replace(picture, pixels=within(picture, change)) for picture in pictures)


def _augmented(bench: Bench, condition: Condition, seed: int) -> Pictures:
    """Return the pictures with each learnt one once more, under a random strength of the condition."""
    strengths = [strength for strength in condition.strengths if strength]
    drawn = np.random.default_rng(seed).choice(strengths, len(bench.pictures.learnt))
    finish = bench.comparison.preprocessing.finish

    def under(picture: ResultPicture, strength: float) -> ResultPicture:
        changed = within(picture, lambda pixels: finish(condition.apply(pixels, strength, seed)))
        return replace(picture, pixels=changed)

    more = tuple(under(picture, float(s)) for picture, s in zip(bench.pictures.learnt, drawn, strict=True))
    return replace(bench.pictures, learnt=(*bench.pictures.learnt, *more))


def _fitted(changed: Bench, bench: Bench, progress: Progress, load: Load) -> Bench:
    """Return a bench of other pictures with all columns of the run that can be fitted on them."""
    stores = {
        name: extract(changed.pictures, load(bench, name), progress)
        for name in dict.fromkeys(fitted.column.backbone for fitted in seen_once(bench))
    }
    found = []
    for fitted in seen_once(bench):
        column = fitted.column
        detector = bench.comparison.detector(column.method, column.backbone)
        try:
            again, learnt = fit_and_score(detector, stores[column.backbone], changed.pictures, progress)
        except Refusal:
            continue
        found.append(FittedColumn(again, learnt, stores[column.backbone], column.key))
    return replace(changed, fitted=tuple(found))
