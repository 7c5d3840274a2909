"""Why a place scored as it did: all methods' evidence at once, in plain numbers and against held-out normal patches.

These functions run in a worker, beside the fitted detectors (`Run.ask_all`); what they return needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from detectors.comparison.comparison import Bench, FittedColumn, Pictures, Stores
from detectors.errors import SettingRefused
from detectors.methods.base import Box, Neighbor
from detectors.queries.remembered import Remembered
from detectors.result import ResultPicture

if TYPE_CHECKING:
    from torch import Tensor

    from detectors.features.backbone import Backbone
    from detectors.methods.base import Detector, Evidence, Features

Role = Literal["test", "held_out", "learnt"]
ROLES: tuple[Role, ...] = ("test", "held_out", "learnt")

_BINS = 36
_TOGETHER = 4  # pictures through a backbone at once
_HELD_OUT: Remembered[NDArray[np.float32] | None] = Remembered()


@dataclass(frozen=True)
class Share:
    """A level's part of a value, and the highest among held-out normal pictures where that is known."""

    level: int
    value: float
    highest: float | None = None


@dataclass(frozen=True)
class Rank:
    """Where a place's value lies among those of all patches of all held-out normal pictures.

    Attributes:
        counts: a histogram of the held-out values, in bins of equal width from `low` to `high`.
        median, q99: of the held-out values.
        below, of: how many of all held-out values lie below the place's.
        here_below, here_of: the same at this position alone, one value per held-out picture.
        map_value: 0 at the median, 1 where 99 % lie below, as maps are painted.
        times: how many times as far as 99 % of normal patches; of distances, also where a method squares them.
    """

    counts: tuple[int, ...]
    low: float
    high: float
    median: float
    q99: float
    below: int
    of: int
    here_below: int
    here_of: int
    map_value: float
    times: float


@dataclass(frozen=True)
class Reason:
    """What one method says about a place.

    Attributes:
        key: the column's.
        value: of the place on the method's grid, before enlarging and smoothing; of the picture without a map.
        unit: of `value` and all distances, in a few words.
        box: the grid cell's area in pixels; None for a method that scores whole pictures.
        compared: what the place was compared with, nearest first.
        shares: what makes up the value, largest first.
        rank: None without held-out pictures or without a map.
    """

    key: str
    value: float
    unit: str
    box: Box | None
    compared: tuple[Neighbor, ...]
    shares: tuple[Share, ...]
    rank: Rank | None


@dataclass(frozen=True)
class MethodScores:
    """One method's raw scores (B,) and maps (B, S, S) of some pictures; no maps where it has none or nobody asked."""

    key: str
    scores: NDArray[np.float64]
    maps: NDArray[np.float32] | None


def explain_place(bench: Bench, role: Role, index: int, y: int, x: int) -> tuple[Reason, ...]:
    """Return what every finished column says about pixel (y, x) of a picture."""
    return tuple(_reason(fitted, stored(fitted.stores, role, index), y, x) for fitted in bench.fitted)


def score_stored(bench: Bench, role: Role, index: int) -> tuple[MethodScores, ...]:
    """Score one of the run's own pictures from its stored features: a result has no maps of its normal pictures."""
    return tuple(_scored(fitted, stored(fitted.stores, role, index), True) for fitted in bench.fitted)


def score_pictures(
    bench: Bench, pixels: NDArray[np.uint8], maps: bool = True, base: tuple[Role, int] | None = None
) -> tuple[MethodScores, ...]:
    """Score pictures that the run has not seen: one pass for all columns.

    Args:
        bench: a finished run.
        pixels: (B, H, W, 3), as they are shown.
        maps: whether maps are wanted.
        base: the run's own picture that was changed into these: what lies beyond it is left out, and a backbone that
            looks closer sees it changed in the same places.
    """
    found: dict[str, MethodScores] = {}
    for name in dict.fromkeys(fitted.stores.backbone for fitted in bench.fitted):
        columns = [fitted for fitted in bench.fitted if fitted.stores.backbone == name]
        found |= {each.key: each for each in _score_all(bench, columns, pixels, maps, base)}
    return tuple(found[fitted.column.key] for fitted in bench.fitted)


def _score_all(
    bench: Bench,
    columns: Sequence[FittedColumn],
    pixels: NDArray[np.uint8],
    maps: bool,
    base: tuple[Role, int] | None,
) -> list[MethodScores]:
    """Score with all columns of a backbone, a few pictures at once, and fewer where memory runs out."""
    from detectors.features.device import halving

    stores, parts = columns[0].stores, []
    backbone = backbone_of(bench, stores.backbone)

    def some(start: int, stop: int) -> None:
        features = _passed(bench, backbone, stores, pixels[start:stop], base)
        parts.append([_scored(fitted, features, maps) for fitted in columns])

    halving(len(pixels), _TOGETHER, backbone.device, some)
    return [_joined(each) for each in zip(*parts, strict=True)]


def gradient(bench: Bench, key: str, role: Role, index: int) -> NDArray[np.float32]:
    """Return (H, W): how strongly the score of an image-level column reacts to each pixel. Not part of the method."""
    import torch

    fitted = next(f for f in bench.fitted if f.column.key == key)
    backbone, standardise = backbone_of(bench, fitted.stores.backbone), fitted.stores.standardisation
    picture, seen = picture_of(bench.pictures, role, index), fitted.stores.seen(role, index)
    image = torch.from_numpy(picture.pixels if seen is None else seen).permute(2, 0, 1)[None].float() / 255
    boxes = _boxes(picture, 1)

    def features(batch: Tensor) -> Features:
        found = backbone(batch, boxes)
        return found if standardise is None else standardise(found)

    found = attribution(fitted.detector, features, image).float()  # (n H, n W)
    return torch.nn.functional.avg_pool2d(found[None], backbone.tiles)[0].cpu().numpy()


def attribution(detector: Detector, backbone: Callable[[Tensor], Features], image: Tensor) -> Tensor:
    """Return how strongly the score reacts to each pixel, (S, S): the input gradient.

    It says where a small change would move the score most, which is not the same as where the defect is.

    Args:
        detector: fitted; gradients flow through its `predict`.
        backbone: turns (1, 3, S, S) into features through which gradients flow.
        image: (1, 3, S, S).

    Raises:
        SettingRefused: when no gradient flows through the method.
    """
    import torch

    image = image.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        score = detector.predict(backbone(image)).scores.sum()
        if not score.requires_grad:
            raise SettingRefused(
                "explain.no_gradient",
                "{method} lets no gradient through, so that nobody can say which pixels move its score.",
                method=detector.title,
            )
        (gradient,) = torch.autograd.grad(score, image)
    return torch.linalg.vector_norm(gradient[0], dim=0)  # (3, S, S) -> (S, S)


def picture_of(pictures: Pictures, role: Role, index: int) -> ResultPicture:
    """Return one of the run's pictures."""
    return {"test": pictures.test, "held_out": pictures.held_out, "learnt": pictures.learnt}[role][index]


def stored(stores: Stores, role: Role, index: int) -> Features:
    """Return the stored features of one picture."""
    return {"test": stores.test, "held_out": stores.held_out, "learnt": stores.learnt}[role][index : index + 1]


def rank(values: NDArray[np.float32], value: float, row: int, column: int, squared: bool) -> Rank:
    """Hold a value against the values (K, H, W) of held-out normal patches; where there is none, NaN stands."""
    flat = values[np.isfinite(values)]
    median, q99 = (float(q) for q in np.quantile(flat, [0.5, 0.99]))
    low, high = float(flat.min()), float(flat.max())
    counts, _ = np.histogram(flat, _BINS, (low, high if high > low else low + 1))
    here = values[:, row, column]
    here = here[np.isfinite(here)]
    tiny = float(np.finfo(np.float32).tiny)
    ratio = value / max(q99, tiny)
    return Rank(
        counts=tuple(counts.tolist()),
        low=low,
        high=high,
        median=median,
        q99=q99,
        below=int((flat < value).sum()),
        of=len(flat),
        here_below=int((here < value).sum()),
        here_of=len(here),
        map_value=(value - median) / max(q99 - median, tiny),
        times=max(ratio, 0.0) ** 0.5 if squared else ratio,
    )


def held_out_values(fitted: FittedColumn) -> NDArray[np.float32] | None:
    """Return the values (K, H, W) of all held-out patches, scored once per column and worker; NaN beyond pictures."""

    def scored() -> NDArray[np.float32] | None:
        found = ((fitted.detector.distances(features), features) for features in fitted.stores.held_out)
        parts = [_within(part, features) for part, features in found if part is not None]
        return np.concatenate(parts) if parts else None

    return _HELD_OUT.of(fitted, scored)


def _within(values: Tensor, features: Features) -> NDArray[np.float32]:
    inside = features.inside(values.shape[-2:])
    kept = values.float() if inside is None else values.float().masked_fill(~inside, float("nan"))
    return kept.cpu().numpy()


def backbone_of(bench: Bench, name: str) -> Backbone:
    """Return a run's backbone where its features are, loaded once per worker."""
    comparison, where = bench.comparison, bench.device(name)
    backbone = _backbone(name, comparison.weights_of(name), comparison.seed, comparison.device)
    return backbone if backbone.device == where else backbone.to(where)


@lru_cache(maxsize=2)
def _backbone(name: str, weights: str | None, seed: int, device: str | None) -> Backbone:
    from detectors.features.backbone import load_backbone

    return load_backbone(name, weights=weights, seed=seed, device=device)


def _passed(
    bench: Bench, backbone: Backbone, stores: Stores, pixels: NDArray[np.uint8], base: tuple[Role, int] | None
) -> Features:
    """Send pictures through a run's backbone and standardise as the run did."""
    import torch

    own = None if base is None else picture_of(bench.pictures, *base)
    if backbone.tiles > 1:
        seen = None if base is None else stores.seen(*base)
        pixels = np.stack([_closer(each, own, seen, backbone.tiles) for each in pixels])
    batch = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255  # (B, 3, H, W)
    features = backbone(batch, _boxes(own, len(pixels)))
    return features if stores.standardisation is None else stores.standardisation(features)


def _boxes(picture: ResultPicture | None, count: int) -> Tensor | None:
    """Return where a picture lies in its frame, for as many versions of it; None where it fills the frame."""
    import torch

    return None if picture is None or picture.box is None else torch.tensor([picture.box] * count)


def _closer(
    pixels: NDArray[np.uint8], own: ResultPicture | None, seen: NDArray[np.uint8] | None, tiles: int
) -> NDArray[np.uint8]:
    """Return a picture (H, W, 3) as large as a backbone wants it that looks closer.

    Of one of the run's own pictures the detail is known: only what was changed is enlarged.
    """
    height, width = pixels.shape[:2]
    wanted = width * tiles, height * tiles
    if own is None or seen is None:
        return np.asarray(Image.fromarray(pixels).resize(wanted, Image.Resampling.BICUBIC))
    changed = pixels.astype(np.float32) - own.pixels
    planes = [Image.fromarray(changed[..., c]).resize(wanted, Image.Resampling.BILINEAR) for c in range(3)]
    return np.clip(np.rint(seen + np.stack([np.asarray(plane) for plane in planes], axis=2)), 0, 255).astype(np.uint8)


def _scored(fitted: FittedColumn, features: Features, maps: bool) -> MethodScores:
    found = fitted.detector.predict(features)
    kept = found.maps.float().cpu().numpy() if maps and found.maps is not None else None
    return MethodScores(fitted.column.key, found.scores.double().cpu().numpy(), kept)


def _joined(parts: Sequence[MethodScores]) -> MethodScores:
    maps = [part.maps for part in parts if part.maps is not None]
    scores = np.concatenate([part.scores for part in parts])
    return MethodScores(parts[0].key, scores, np.concatenate(maps) if maps else None)


def _reason(fitted: FittedColumn, features: Features, y: int, x: int) -> Reason:
    from detectors.methods.maps import cell_at

    evidence = fitted.detector.explain(features, y, x)
    values = held_out_values(fitted)
    held = None
    if values is not None:
        cell = cell_at((values.shape[1], values.shape[2]), features.image_size, y, x)
        held = rank(values, evidence.value, *cell, squared=evidence.squared)
    return Reason(
        key=fitted.column.key,
        value=evidence.value,
        unit=evidence.unit,
        box=evidence.box,
        compared=evidence.neighbors or fitted.detector.nearest_normals(features, fitted.stores.learnt, y, x),
        shares=_shares(fitted, evidence),
        rank=held,
    )


def _shares(fitted: FittedColumn, evidence: Evidence) -> tuple[Share, ...]:
    """Return the levels' parts; where the column kept them, beside the highest of the held-out normal pictures."""
    held = fitted.column.held_out_levels
    order = sorted(c.level for c in evidence.contributions if c.channel is None)
    highest = dict(zip(order, held.max(axis=0).tolist(), strict=True)) if held is not None and len(held) else {}
    return tuple(Share(c.level, c.value, highest.get(c.level)) for c in evidence.contributions if c.channel is None)
