"""A whole demo set: which photographs it consists of, drawn once and kept on disk."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.datasets.builtin import cache, ready
from detectors.datasets.builtin.cache import Arrays
from detectors.datasets.builtin.camera import stratified
from detectors.datasets.builtin.planes import Mask
from detectors.datasets.builtin.rendering import PRODUCTS, RECIPE_VERSION, check
from detectors.datasets.builtin.studio import Job, Report, nothing, photographs
from detectors.errors import DatasetRefused, SettingRefused

MOST_PICTURES = 5000  # 1.3 GB of arrays
SEEDS_PER_SPLIT = 1 << 16


@dataclass(frozen=True)
class Shot:
    """What is in one photograph of a set. `render(product, seed, camera=camera)` is the same one without the defect.

    Attributes:
        name: its place in MVTec layout, such as "test/scratch/003".
        kind: the defect, None for a normal picture.
        severity: 0 (barely visible) to 1 (glaring); None for a normal picture.
        whole: the mask is the whole picture; leave it out of pixel figures.
    """

    name: str
    kind: str | None
    severity: float | None
    seed: int
    camera: tuple[float, ...]
    whole: bool = False

    @property
    def train(self) -> bool:
        """Whether it is one of the normal pictures to learn from."""
        return self.name.startswith("train/")


@dataclass(frozen=True)
class DemoSet:
    """Photographs of one product: training pictures first, then good, then defective test pictures.

    Attributes:
        pictures: (N, 256, 256, 3) uint8 sRGB.
        masks: (N, 256, 256) bool, empty for normal pictures.
        shots: what is in each picture.
    """

    product: str
    rotate: bool
    pictures: NDArray[np.uint8]
    masks: Mask
    shots: tuple[Shot, ...]

    def __len__(self) -> int:
        return len(self.shots)


def build(
    product: str,
    normal: int = 64,
    good: int = 24,
    per: int = 1,
    severities: Sequence[float] = (1.0, 0.5, 0.0),
    kinds: Sequence[str] | None = None,
    seed: int = 0,
    rotate: bool = True,
    workers: int | None = None,
    progress: Report = nothing,
) -> DemoSet:
    """Return `normal` training pictures, `good` test pictures and `per` defective ones for each kind and severity.

    Read where they come with the package or are kept on disk, by recipe version and arguments (`ready`, `cache`); drawn
    by `workers` processes otherwise (None: one for each core).
    """
    shots = planned(product, normal, good, per, severities, kinds, seed)
    key = key_of(product, shots, rotate)
    kept = ready.read(product, key, len(shots)) or cache.read(product, key, len(shots))
    if kept is None:
        kept = draw(product, shots, rotate, workers, progress)
        cache.write(product, key, *kept)
    return DemoSet(product, rotate, *kept, shots)


def planned(
    product: str,
    normal: int = 64,
    good: int = 24,
    per: int = 1,
    severities: Sequence[float] = (1.0, 0.5, 0.0),
    kinds: Sequence[str] | None = None,
    seed: int = 0,
) -> tuple[Shot, ...]:
    """Return what a set's photographs will show; arguments as in `build`."""
    check(product, kinds or (), severities)
    normal, good, per, seed = int(normal), int(good), int(per), int(seed)  # numpy integers have no JSON
    kinds = PRODUCTS[product].kinds if kinds is None else tuple(kinds)
    total = normal + good + per * len(kinds) * len(severities)
    if min(normal, good, per, seed) < 0 or total > MOST_PICTURES:
        raise SettingRefused(
            "demo_set.counts",
            "{found} pictures with seed {seed} were asked for; counts and seed start at 0 and at most {limit} "
            "pictures are drawn.",
            found=total,
            seed=seed,
            limit=MOST_PICTURES,
        )
    return _shots(product, normal, good, per, tuple(float(s) for s in severities), kinds, seed)


def key_of(product: str, shots: Sequence[Shot], rotate: bool = True) -> list[object]:
    """Return everything that a set's pictures depend on."""
    return [RECIPE_VERSION, product, rotate, *(astuple(shot) for shot in shots)]


def draw(
    product: str, shots: Sequence[Shot], rotate: bool = True, workers: int | None = None, progress: Report = nothing
) -> Arrays:
    """Draw the pictures and masks of a set."""
    return photographs([_job(product, shot, rotate) for shot in shots], workers, progress)


def _job(product: str, shot: Shot, rotate: bool) -> Job:
    return product, shot.seed, shot.kind, 1.0 if shot.severity is None else shot.severity, shot.camera, rotate


def _shots(
    product: str, normal: int, good: int, per: int, severities: tuple[float, ...], kinds: tuple[str, ...], seed: int
) -> tuple[Shot, ...]:
    """Return the list of photographs. No two have the same seed; nuisances are stratified within each split."""
    recipe = PRODUCTS[product]
    contents: tuple[list[tuple[str, str | None, float | None]], ...] = (
        [(f"train/good/{i:03d}", None, None) for i in range(normal)],
        [(f"test/good/{i:03d}", None, None) for i in range(good)],
        [
            (f"test/{kind}/{level * per + i:03d}", kind, severity)
            for kind in kinds
            for level, severity in enumerate(severities)
            for i in range(per)
        ],
    )
    shots = []
    for split, content in enumerate(contents):
        first_seed = (seed * len(contents) + split) * SEEDS_PER_SPLIT
        cameras = stratified(len(content), [seed, recipe.number, 100 + split])  # streams 0 to 2 are the pictures' own
        for i, ((name, kind, severity), camera) in enumerate(zip(content, cameras, strict=True)):
            whole = kind in recipe.whole
            shots.append(Shot(name, kind, severity, first_seed + i, tuple(camera.tolist()), whole))
    return tuple(shots)


def write_mvtec(demo: DemoSet, folder: str | Path) -> Path:
    """Write train/, test/, ground_truth/ and manifest.csv into `folder`, as MVTec AD is laid out; return it."""
    folder = Path(folder)
    if folder.exists() and any(folder.iterdir()):
        raise DatasetRefused(
            "demo_set.folder", "The folder {folder} is not empty; name a new or an empty one.", folder=str(folder)
        )
    rows = []
    for shot, picture, mask in zip(demo.shots, demo.pictures, demo.masks, strict=True):
        path = folder / f"{shot.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(path)
        if shot.kind is not None:
            mask_path = folder / "ground_truth" / shot.kind / f"{path.stem}_mask.png"
            mask_path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(mask.astype(np.uint8) * 255).save(mask_path)
        rows.append((f"{shot.name}.png", shot.kind or "good", shot.severity, shot.seed, f"{mask.mean():.5f}"))
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "kind", "severity", "seed", "defective_area"))
        writer.writerows(rows)
    return folder
