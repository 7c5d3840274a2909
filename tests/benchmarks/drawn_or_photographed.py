"""Whether the built-in pictures are like photographs, and what the methods make of them.

    python -m tests.benchmarks.drawn_or_photographed [--only pictures | methods] [FOLDER ...]

Each FOLDER holds one folder per real data set, in any layout that the program reads. scikit-learn's two photographs are
always there. Prints two tables in Markdown: what pictures are like, pixels and the features of efficientnet_lite0, and
image AUROC / AUPRO of every method on fixed and on trained features, with the defaults that the app opens with, and
how many of the defective pictures lie above the usual threshold.
"""

import argparse
import statistics
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage, stats
from sklearn.datasets import load_sample_images

from detectors import datasets
from detectors.comparison.comparison import Comparison
from detectors.datasets import Dataset
from detectors.datasets.builtin import PRODUCTS, build
from detectors.evaluation import thresholds
from detectors.features.backbone import load_backbone
from detectors.features.store import FeatureStore
from detectors.features.weights import BUNDLED, DEFAULT
from detectors.methods import METHODS
from detectors.result import Column, Result

SIDE, INPUT, COUNT = 256, 224, 24  # pixels, pixels at the backbone, normal pictures of each set
SEED = 12  # of drawn pictures that no other figure uses
BLOCK, SMOOTHEST = 16, 0.05  # noise is read where there is least texture: in this share of the blocks
EDGES, REACH = 60, 5.0  # strongest edges of a picture, pixels on either side
FINEST = (0.16, 0.45)  # cycles per pixel
NOISE_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]]) / 6  # Immerkær 1996: blind to slopes, keeps the variance

Pixels = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("pictures", "methods"))
    parser.add_argument("folders", nargs="*", type=Path)
    options = parser.parse_args()
    real = [path for folder in options.folders for path in sorted(folder.iterdir()) if path.is_dir()]
    if options.only != "methods":
        print_pictures(real)
    if options.only != "pictures":
        print_methods(real)


def print_pictures(real: list[Path]) -> None:
    """One row per set: pixels first, then the levels that methods read."""
    backbone = load_backbone(DEFAULT)
    levels = [f"level {i}: mean, sd, kurtosis, between" for i in range(3)]
    print_row("", "noise", "sharpness", "spectrum", "edge, px", "brightness varies", "sharpness varies", *levels)
    print_row(*["---"] * (7 + len(levels)))
    for name, pictures in normal_pictures(real):
        squares = [resized(picture, SIDE) for picture in pictures]
        detail = [sharpness(square) for square in squares]
        cells = [
            f"{statistics.median(noise(square) for square in squares):.2f}",
            f"{statistics.median(detail):.1f}",
            f"{statistics.fmean(slope(square) for square in squares):.2f}",
            f"{statistics.median(edge_width(square) for square in squares):.2f}",
            varies([float(square.mean()) for square in squares]),
            varies(detail),
        ]
        maps = FeatureStore.extract(np.stack([resized(p, INPUT) for p in pictures]), backbone)[0 : len(pictures)].maps
        print_row(name, *cells, *(features(level.numpy()) for level in maps[: len(levels)]))


def normal_pictures(real: list[Path]) -> Iterator[tuple[str, list[Pixels]]]:
    for product in PRODUCTS:
        yield product, list(build(product, normal=COUNT, good=0, per=0, seed=SEED).pictures)
    for place in real:
        yield place.name, [sample.picture.pixels for sample in datasets.load_folder(place).train[:COUNT]]
    yield "scikit-learn's two", list(load_sample_images().images)


def resized(picture: Pixels, side: int) -> Pixels:
    """The middle square, as large as it can be, with its antialiased copy in `side` pixels."""
    image = Image.fromarray(picture)
    short = min(image.size)
    left, top = (image.width - short) // 2, (image.height - short) // 2
    box = (left, top, left + short, top + short)
    return (
        np.asarray(image.resize((side, side), Image.Resampling.BICUBIC, box)) if image.size != (side, side) else picture
    )


def noise(picture: Pixels) -> float:
    """Standard deviation in grey levels where the picture is smoothest, mean over colours; texture adds to it."""
    found = []
    for colour in np.moveaxis(picture.astype(np.float64), -1, 0):
        spread, level = blocks(ndimage.convolve(colour, NOISE_MASK)).std(axis=1), blocks(colour).mean(axis=1)
        spread = np.sort(spread[(level > 8) & (level < 245)])  # what is black or white shows no noise
        found.append(float(np.median(spread[: max(3, int(SMOOTHEST * len(spread)))])))
    return statistics.fmean(found)


def blocks(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """(SIDE, SIDE) to (blocks, BLOCK * BLOCK)."""
    count = SIDE // BLOCK
    return plane.reshape(count, BLOCK, count, BLOCK).swapaxes(1, 2).reshape(count * count, BLOCK * BLOCK)


def grey(picture: Pixels) -> NDArray[np.float64]:
    return picture.astype(np.float64).mean(axis=-1)


def sharpness(picture: Pixels) -> float:
    """Standard deviation of the Laplacian, grey levels."""
    return float(ndimage.laplace(grey(picture)).std())


def slope(picture: Pixels) -> float:
    """Exponent at which power falls with frequency among the FINEST."""
    plane = grey(picture)
    window = np.hanning(SIDE)
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2((plane - plane.mean()) * window[:, None] * window))) ** 2
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE // 2
    frequency, edges = np.hypot(x, y) / SIDE, np.geomspace(*FINEST, 6)
    power = [spectrum[(frequency >= a) & (frequency < b)].mean() for a, b in pairwise(edges)]
    return float(np.polyfit(np.log(np.sqrt(edges[:-1] * edges[1:])), np.log(power), 1)[0])


def edge_width(picture: Pixels) -> float:
    """Median way from 10 to 90 % of the contrast across the strongest edges, pixels."""
    plane = grey(picture)
    across, down = (ndimage.correlate1d(plane, [-0.5, 0, 0.5], axis=axis) for axis in (1, 0))
    steep = np.hypot(across, down)
    margin = int(REACH) + 1
    inner = np.zeros_like(steep)
    inner[margin:-margin, margin:-margin] = steep[margin:-margin, margin:-margin]
    peaks = np.argwhere((inner == ndimage.maximum_filter(inner, 5)) & (inner > 0))
    peaks = peaks[np.argsort(-inner[tuple(peaks.T)])[:EDGES]]
    way = np.arange(-REACH, REACH + 0.01, 0.25)
    widths = []
    for y, x in peaks:
        dy, dx = down[y, x] / steep[y, x], across[y, x] / steep[y, x]
        profile = ndimage.map_coordinates(plane, [y + way * dy, x + way * dx], order=1)
        low = high = len(way) // 2
        while low > 0 and profile[low - 1] < profile[low]:
            low -= 1
        while high < len(way) - 1 and profile[high + 1] > profile[high]:
            high += 1
        share = (profile[low : high + 1] - profile[low]) / max(profile[high] - profile[low], 1e-9)
        start, end = np.interp([0.1, 0.9], share, way[low : high + 1])
        widths.append(end - start)
    return float(np.median(widths))


def varies(values: list[float]) -> str:
    """Standard deviation between normal pictures over their mean; two photographs of different things say nothing."""
    return f"{np.std(values) / np.mean(values):.3f}" if len(values) > 2 else "-"


def features(level: NDArray[np.float32]) -> str:
    """Mean, standard deviation, median kurtosis over channels, and the share of variance between pictures.

    That share is the mean variance at one place over all pictures, over the variance among all places and pictures: 0
    when every picture is the same, 1 when a place says nothing of what is there.
    """
    values = np.moveaxis(level.reshape(*level.shape[:2], -1), 1, -1).astype(np.float64)  # (N, P, C)
    whole = values.var(axis=(0, 1)).sum()
    kurtosis = float(np.median(stats.kurtosis(values.reshape(-1, values.shape[-1]), axis=0)))
    between = f"{values.var(axis=0).sum(axis=-1).mean() / whole:.2f}" if len(values) > 2 else "-"
    return f"{values.mean():.2f}, {np.sqrt(whole / values.shape[-1]):.2f}, {kurtosis:.1f}, {between}"


def print_methods(real: list[Path]) -> None:
    """One row per set and backbone, image AUROC / AUPRO of each method."""
    print_row("pictures", "features", *(METHODS[method].title for method in METHODS))
    print_row(*["---"] * (2 + len(METHODS)))
    for data in labelled(real):
        for backbone in (BUNDLED, DEFAULT):
            result = Comparison(backbones=(backbone,)).run(data)
            print_row(data.name, backbone, *(reached(column, result) for column in result.columns))


def reached(column: Column, result: Result) -> str:
    threshold = thresholds.usual(column.held_out)
    assert threshold is not None
    counts = thresholds.confusion(result.labels, column.scores, threshold.value)
    figures = " / ".join(shown(column.figures[key].value) for key in ("image_auroc", "aupro"))
    return f"{figures}, {counts.found} of {counts.found + counts.missed}"


def labelled(real: list[Path]) -> Iterator[Dataset]:
    for product in PRODUCTS:
        yield datasets.demo(product)
    for place in real:
        yield datasets.load_folder(place)


def shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
