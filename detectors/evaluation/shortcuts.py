"""The shortcut check: how far brightness, sharpness or the size of the file alone separate good from defective.

In two of six public sets the good test pictures are darker than the defective ones. A method that reacts to brightness
is then flattered, and its ranking means little. So every trivial statistic is scored like a method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from detectors.datasets.samples import Sample
from detectors.errors import Sentence
from detectors.images.preprocessing import Preprocessing
from detectors.result import Figure

STATISTICS = (
    "brightness",
    "contrast",
    "sharpness",
    "noise",
    "red_blue",
    "green_magenta",
    "file_bytes",
    "picture_pixels",
)
_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
_WORTH_SAYING = 0.7  # below this a statistic may well tie with a method that sees nothing either
_ALONE = 0.8  # said even where no method was run


def trivial_statistics(samples: Sequence[Sample], preprocessing: Preprocessing) -> dict[str, NDArray[np.float64]]:
    """Return (N,) numbers for each of `STATISTICS`, measured on what a backbone would see.

    Brightness and contrast: mean and deviation of the luminance. Sharpness: mean absolute Laplacian. Noise: median
    absolute difference between a pixel and the mean of its left and right neighbours, which edges hardly move. Colour
    balance: mean red minus blue, and green minus the mean of the two. File and picture size: as uploaded; a picture
    that never was a file has no file size (NaN).
    """
    rows = [_of_pixels(_seen(sample, preprocessing)) + _of_file(sample) for sample in samples]
    table = np.array(rows, np.float64).reshape(len(rows), len(STATISTICS))  # (N, statistics)
    return {name: table[:, i] for i, name in enumerate(STATISTICS)}


def shortcut_figures(samples: Sequence[Sample], preprocessing: Preprocessing) -> dict[str, Figure]:
    """Return the two-sided AUROC of each statistic against the labels: at least 0.5, whichever side is larger.

    Unlabelled and synthetic pictures do not count. A statistic that is the same for all pictures is absent with the
    reason; without both labels the result is empty.
    """
    from detectors.evaluation import image_auroc

    labelled = [sample for sample in samples if sample.defective is not None and not sample.synthetic]
    labels = np.array([bool(sample.defective) for sample in labelled])
    if len(set(labels.tolist())) < 2:
        return {}
    figures = {}
    for name, values in trivial_statistics(labelled, preprocessing).items():
        known = np.isfinite(values)
        if not known.any() or np.ptp(values[known]) == 0:
            figures[name] = Figure(None, reason=Sentence("shortcut.same", "It is the same for every picture."))
            continue
        figure = image_auroc(labels[known], values[known])
        if figure.value is not None and figure.value < 0.5:
            figure = image_auroc(labels[known], -values[known])
        figures[name] = figure
    return figures


def shortcut_warnings(figures: Mapping[str, Figure], method_aurocs: Mapping[str, float]) -> tuple[Sentence, ...]:
    """Return a sentence for each statistic that does as well as one of the methods, the strongest first.

    A statistic is only named from AUROC 0.7 on, and when its interval lies above 0.5; from 0.8 on also without methods.
    The two balances of colour share a sentence, that of the stronger one.
    """
    worst = min(method_aurocs.values(), default=_ALONE)
    rivals = {
        name: figure.value
        for name, figure in figures.items()
        if figure.value is not None
        and figure.value >= max(worst, _WORTH_SAYING)
        and (figure.low is None or figure.low > 0.5)
    }
    said: dict[str, Sentence] = {}
    for name in sorted(rivals, key=lambda name: -rivals[name]):
        warning = _warning(name, rivals[name])
        said.setdefault(warning.key, warning)
    return tuple(said.values())


def _warning(name: str, auroc: float) -> Sentence:
    match name:
        case "brightness":
            return Sentence(
                "shortcut.brightness",
                "Brightness alone reaches AUROC {auroc:.2f} here: look before you believe a ranking, or equalise the "
                "brightness.",
                auroc=auroc,
            )
        case "contrast":
            return Sentence(
                "shortcut.contrast",
                "Contrast alone reaches AUROC {auroc:.2f} here: look before you believe a ranking.",
                auroc=auroc,
            )
        case "sharpness":
            return Sentence(
                "shortcut.sharpness",
                "Sharpness alone reaches AUROC {auroc:.2f} here: look whether good and defective pictures were focused "
                "alike.",
                auroc=auroc,
            )
        case "noise":
            return Sentence(
                "shortcut.noise",
                "Noise alone reaches AUROC {auroc:.2f} here: look whether good and defective pictures were taken and "
                "saved alike.",
                auroc=auroc,
            )
        case "file_bytes":
            return Sentence(
                "shortcut.file_bytes",
                "The size of the files alone reaches AUROC {auroc:.2f} here: look whether good and defective pictures "
                "were saved alike.",
                auroc=auroc,
            )
        case "picture_pixels":
            return Sentence(
                "shortcut.picture_pixels",
                "The size of the pictures alone reaches AUROC {auroc:.2f} here: look whether good and defective "
                "pictures were cut alike.",
                auroc=auroc,
            )
        case _:
            return Sentence(
                "shortcut.colour",
                "Colour balance alone reaches AUROC {auroc:.2f} here: look whether good and defective pictures were "
                "taken in the same light.",
                auroc=auroc,
            )


def _seen(sample: Sample, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Return what a backbone would see of a picture, without any padding."""
    pixels = preprocessing.apply(sample.picture)
    height, width = sample.picture.pixels.shape[:2]
    top, left, bottom, right = preprocessing.box((height, width)) or (0, 0, *pixels.shape[:2])
    return pixels[top:bottom, left:right]


def _of_pixels(pixels: NDArray[np.uint8]) -> tuple[float, ...]:
    """Return brightness, contrast, sharpness, noise, red minus blue and green minus magenta, on the scale 0 to 255."""
    colour = pixels.astype(np.float32)  # (S, S, 3)
    grey = colour @ _LUMINANCE  # (S, S)
    laplacian = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    noise = np.median(np.abs(grey[:, 1:-1] - (grey[:, :-2] + grey[:, 2:]) / 2))
    red, green, blue = colour.reshape(-1, 3).mean(axis=0, dtype=np.float64)
    return (
        float(grey.mean(dtype=np.float64)),
        float(grey.std(dtype=np.float64)),
        float(np.abs(laplacian).mean(dtype=np.float64)),
        float(noise),
        float(red - blue),
        float(green - (red + blue) / 2),
    )


def _of_file(sample: Sample) -> tuple[float, float]:
    height, width = sample.picture.original_size
    return (sample.picture.file_bytes or float("nan"), height * width)
