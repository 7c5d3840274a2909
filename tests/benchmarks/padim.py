"""PaDiM: seconds to fit, ms per picture, peak memory; ratios to the backbone pass and to a plain dense version.

Run: python -m tests.benchmarks.padim (on a machine that does nothing else: two threads that wait for a busy core
take 50 times as long)
Each line is measured in a process of its own, so that peaks do not mix. Features are random and made batch by batch:
the peak is what `fit` holds beyond them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import timm
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from detectors.methods.base import Features, FeatureShape
from detectors.methods.padim import Padim

SIZE, TEST = 224, 10
SHAPES = {
    "resnet18": ((64, 56, 56), (128, 28, 28), (256, 14, 14)),
    "wide_resnet50_2": ((256, 56, 56), (512, 28, 28), (1024, 14, 14)),
    "scattering": ((27, 56, 56), (91, 28, 28), (371, 14, 14)),
}
CASES = (
    ("resnet18", 100, 50),
    ("resnet18", 100, 209),
    ("wide_resnet50_2", 550, 50),
    ("wide_resnet50_2", 550, 209),
    ("scattering", 100, 50),
    ("scattering", 489, 64),
)


@dataclass(frozen=True)
class Random:
    """Random features of a backbone's shape, the same each time they are gone through."""

    backbone: str
    count: int
    batch: int = 10

    @property
    def shape(self) -> FeatureShape:
        maps = SHAPES[self.backbone]
        return FeatureShape(self.count, maps, tuple(c for c, _, _ in maps), (SIZE, SIZE))

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Features]:
        generator = torch.Generator().manual_seed(0)
        for start in range(0, self.count, self.batch):
            count = min(self.batch, self.count - start)
            maps = tuple(torch.rand(count, *shape, generator=generator) for shape in SHAPES[self.backbone])
            yield Features(maps, tuple(m[:, :, 0, 0] for m in maps), (SIZE, SIZE))


@dataclass(frozen=True)
class Held(Random):
    """The same, made once and kept, so that making them is not timed."""

    def __iter__(self) -> Iterator[Features]:
        return iter(_kept(self))


_batches: dict[Random, list[Features]] = {}


def _kept(source: Random) -> list[Features]:
    if source not in _batches:
        _batches[source] = list(Random.__iter__(source))
    return _batches[source]


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Return the best of a few runs."""
    best = float("inf")
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def plain(given: Features, channels: tuple[Tensor, ...], positions: int) -> tuple[Tensor, Tensor]:
    """Fit as it is usually written: align, then invert a d x d covariance per position."""
    joined = _joined(given, channels).flatten(2).permute(2, 0, 1)[:positions]  # (P, N, d)
    mean = joined.mean(dim=1, keepdim=True)
    centred = joined - mean
    covariance = centred.mT @ centred / (joined.shape[1] - 1)
    return mean, torch.linalg.inv(covariance + 0.01 * torch.eye(joined.shape[2]))


def _joined(given: Features, channels: tuple[Tensor, ...]) -> Tensor:
    return torch.cat(
        [interpolate(m[:, own], size=given.maps[0].shape[2:]) for m, own in zip(given.maps, channels, strict=True)], 1
    )


def peak() -> int:
    """Return the most memory that this process has held, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def one(backbone: str, channels: int, count: int) -> None:
    """Print the memory and the seconds of one case."""
    source = Random(backbone, count)
    for _ in source:  # the batches are not PaDiM's
        pass
    padim = Padim(channels=channels)
    before = peak()
    padim.fit(source)
    held = peak() - before
    estimate = padim.estimate(source.shape)
    test = next(iter(Random(backbone, TEST)))
    scoring = seconds(lambda: padim.predict(test), 5) / TEST * 1000
    single = seconds(lambda: padim.predict(test[:1]), 5) * 1000
    kept = Held(backbone, count)
    _kept(kept)
    fitting = seconds(lambda: Padim(channels=channels).fit(kept), 2)
    print(
        f"{backbone:16s} {channels:4d} {count:4d}   fit {fitting:6.2f} s (said {estimate.seconds:5.2f})   "
        f"{scoring:6.2f} ms a picture, {single:6.2f} alone   peak {held / 1e6:6.0f} MB (said "
        f"{estimate.peak_bytes / 1e6:6.0f})   model {padim.nbytes / 1e6:5.0f} MB",
        flush=True,
    )


def ratios() -> None:
    """Print what a ResNet18 pass and a plain dense PaDiM take, and the ratios."""
    network = timm.create_model("resnet18", features_only=True, pretrained=False).eval()
    pictures = torch.rand(TEST, 3, SIZE, SIZE)
    source = Held("resnet18", 50)
    batches = _kept(source)
    with torch.no_grad():
        network(pictures)
        floor = seconds(lambda: network(pictures), 5) / TEST
        fit = seconds(lambda: Padim().fit(source), 3)
        padim = Padim().fit(source)
        test = batches[0]
        score = seconds(lambda: padim.predict(test), 5) / TEST
        whole = Features(tuple(torch.cat(level) for level in zip(*(b.maps for b in batches), strict=True)), (), (0, 0))
        share = 8  # of the positions: the plain version is slow
        positions = 3136 // share
        dense_fit = seconds(lambda: plain(whole, padim.channels_, positions), 1) * share
        mean, inverse = plain(whole, padim.channels_, positions)
        delta = _joined(test, padim.channels_).flatten(2).permute(2, 0, 1)[:positions] - mean

        def distance() -> Tensor:
            return ((delta @ inverse) * delta).sum(dim=2).clamp(min=0).sqrt()

        dense_score = seconds(distance, 3) * share / TEST
        ours = padim.distances(test).flatten(1).T[:positions]
        print(f"largest relative difference from the dense version: {((distance() - ours) / ours).abs().max():.1e}")
    print(f"resnet18 pass                     {floor * 1000:6.1f} ms a picture")
    print(f"PaDiM fit, 50 pictures, d = 100   {fit:6.2f} s   = {fit / (50 * floor):.2f} of the backbone pass over them")
    print(f"PaDiM score                       {score * 1000:6.1f} ms   = {score / floor:.2f} of the backbone pass")
    print(f"plain dense fit                   {dense_fit:6.2f} s   = {dense_fit / fit:.1f} times ours")
    print(f"plain dense distances             {dense_score * 1000:6.1f} ms   = {dense_score / score:.1f} times ours")


def main() -> None:
    """Run each case in its own process, then the ratios."""
    print(f"{torch.get_num_threads()} threads, {SIZE} px; batches of {TEST}; backbone, channels, normal pictures")
    for case in CASES:
        subprocess.run([sys.executable, "-m", "tests.benchmarks.padim", *map(str, case)], check=True)
    ratios()


if __name__ == "__main__":
    if len(sys.argv) == 4:
        one(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
