"""What proportions and tiles do: python -m tests.benchmarks.closer [FOLDER ...]

Without a folder: a set of wide pictures (4 : 1) made here, whose defects are a few pixels large. Image AUROC, AUPRO,
the features' milliseconds a picture and their megabytes, for each way of looking.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray

from detectors import datasets
from detectors.comparison.comparison import Comparison, extract, fit_and_score
from detectors.datasets import Dataset, Sample
from detectors.features import closer
from detectors.images import Preprocessing, of_pixels

METHODS = ("patchcore", "padim")
BACKBONE = "efficientnet_lite0"
SIZE = (256, 1024)
LOOKS = (
    ("square 224", Preprocessing(), 1),
    ("padded 224", Preprocessing(proportions="padded"), 1),
    ("own 224", Preprocessing(proportions="own"), 1),
    ("square 448", Preprocessing(size=448), 1),
    ("square 224, 2 x 2", Preprocessing(), 2),
    ("square 224, 3 x 3", Preprocessing(), 3),
    ("own 224, 2 x 2", Preprocessing(proportions="own"), 2),
)


def wide(seed: int, defective: bool) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return a woven band with a little noise, and where its broken thread is."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    slope = rng.normal(0, 0.004)
    band = 120 + 30 * np.sin(2 * np.pi * (x + slope * y) / 12) * np.sin(2 * np.pi * y / 12) + 12 * np.sin(x / 90 + seed)
    mask = np.zeros(SIZE, bool)
    if defective:
        row, column = int(rng.integers(20, SIZE[0] - 40)), int(rng.integers(20, SIZE[1] - 40))
        angle, long = rng.uniform(0, np.pi), rng.uniform(5, 9)
        across = np.abs((y - row) * np.cos(angle) - (x - column) * np.sin(angle))
        along = np.abs((y - row) * np.sin(angle) + (x - column) * np.cos(angle))
        mask = (across < 1.5) & (along < long)
        band = np.where(mask, band * 0.7, band)
    noisy = band[..., None] * np.array([1.0, 0.96, 0.88]) + rng.normal(0, 5, (*SIZE, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8), mask


def made() -> Dataset:
    """Return 24 good pictures to learn from, 12 good ones and 12 defective ones to test."""
    train = tuple(Sample(of_pixels(wide(i, False)[0], f"train {i}"), False, "good") for i in range(24))
    test = []
    for i in range(12):
        test.append(Sample(of_pixels(wide(100 + i, False)[0], f"good {i}"), False, "good"))
        pixels, mask = wide(200 + i, True)
        test.append(Sample(of_pixels(pixels, f"thread {i}"), True, "thread", mask))
    return Dataset("woven band, 4 : 1", train, tuple(test), {})


def measure(data: Dataset) -> None:
    """Print one line for each way of looking."""
    first = data.train[0].picture.original_size
    print(f"{data.name}: {len(data.train)} to learn from, {len(data.test)} to test, {first[1]} x {first[0]} pixels")
    print(f"{'':20}{'ms':>6}{'MB':>7}" + "".join(f"{m:>26}" for m in METHODS))
    for name, preprocessing, tiles in LOOKS:
        backbone = closer.joined(BACKBONE, tiles)
        comparison = Comparison(methods=METHODS, backbones=(backbone,), preprocessing=preprocessing)
        pictures = comparison.prepare(data)
        stores = extract(pictures, comparison.load(backbone, depth=comparison.depth(backbone)), data=data)
        megabytes = sum(part.nbytes for part in (stores.learnt, stores.held_out, stores.test)) / 1e6
        line = f"{name:20}{stores.milliseconds:6.0f}{megabytes:7.0f}"
        for method in METHODS:
            column, _ = fit_and_score(comparison.detector(method, backbone), stores, pictures)
            image, region = column.figures["image_auroc"].value, column.figures["aupro"].value
            line += f"{'AUROC':>10} {image:.3f} AUPRO {region:.3f}" if image is not None and region is not None else ""
        print(line, flush=True)


if __name__ == "__main__":
    if sys.argv[1:]:
        for folder in sys.argv[1:]:
            measure(datasets.load_folder(folder))
    else:
        measure(made())
