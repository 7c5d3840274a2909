"""All five methods, quick, on one backbone: 50 normal pictures and 10 test pictures at 224 pixels.

    python -m tests.benchmarks.all_five [BACKBONE] [FOLDER]

BACKBONE is efficientnet_lite0 unless another is named. FOLDER holds a data set in MVTec layout; without it the built-in
circuit boards are used. Prints seconds of wall clock
and of processor time, the passes through the backbone, what one more picture costs, and the peak of memory above what
importing the packages takes.
"""

import resource
import sys
import time

from detectors import datasets
from detectors.comparison.comparison import Comparison, assemble, extract, fit_and_score, versions
from detectors.datasets import Dataset
from detectors.features.weights import DEFAULT


def main(name: str = DEFAULT, folder: str | None = None) -> None:
    import torch

    from detectors.features.backbone import load_backbone

    load_backbone(name)  # imports what the run needs
    comparison = Comparison(backbones=(name,), held_out=0.0)
    for method in comparison.methods:
        comparison.detector(method, name)
    imported = peak()
    data = read(folder)
    print(f"{data.name}: {len(data.train)} normal, {len(data.test)} test pictures; {torch.get_num_threads()} threads")

    clock = Clock()
    pictures = comparison.prepare(data)
    clock.lap("preparing the pictures")
    backbone = comparison.load(name)
    stores = extract(pictures, backbone)
    backbone_seconds = clock.lap("backbone pass and standardising")
    columns, detectors = [], []
    for method in comparison.methods:
        column, detector = fit_and_score(comparison.detector(method, name), stores, pictures)
        clock.lap(f"{method}: fit, score, measure")
        columns.append(column)
        detectors.append(detector)
    assemble(pictures, columns, (), comparison.describe(data), versions())
    clock.lap("assembling")
    total = clock.total()
    print(f"{'in all':36} {total:7.2f} s, {total / backbone_seconds:.1f} times the backbone pass")
    print(f"passes through the backbone: {stores.passes} for {len(data.train) + len(data.test)} pictures")

    one = pictures.test[0].pixels[None]
    seconds = []
    for _ in range(5):
        started = time.perf_counter()
        features = backbone(torch.from_numpy(one).permute(0, 3, 1, 2) / 255)
        features = features if stores.standardisation is None else stores.standardisation(features)
        for detector in detectors:
            detector.predict(features)
        seconds.append(time.perf_counter() - started)
    print(f"one more picture, backbone and all five: {1e3 * min(seconds):.0f} ms (best of 5)")
    print(f"peak memory above imports: {(peak() - imported) / 1e9:.2f} GB")


class Clock:
    """Prints what each part took."""

    def __init__(self) -> None:
        self.start = self.last = time.perf_counter()
        self.processor = time.process_time()

    def lap(self, name: str) -> float:
        now, processor = time.perf_counter(), time.process_time()
        seconds = now - self.last
        print(f"{name:36} {seconds:7.2f} s   ({processor - self.processor:6.2f} s of processor time)")
        self.last, self.processor = now, processor
        return seconds

    def total(self) -> float:
        return self.last - self.start


def read(folder: str | None) -> Dataset:
    if folder is not None:
        return datasets.load_folder(folder)
    return datasets.demo("circuit", normal=50, good=3, per=1, severities=(1.0,))


def peak() -> int:
    """Return the largest resident size so far in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    main(*sys.argv[1:3])
