"""What a comparison found: plain values and numpy arrays, so that showing a result never needs torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detectors.errors import Sentence


@dataclass(frozen=True)
class Figure:
    """A measured number with its 95 % interval, or the reason why it is absent.

    Attributes:
        value: the number, in the unit of its name (AUROC in [0, 1]); None when it cannot be computed.
        low, high: the interval; None when it cannot be computed or makes no sense.
        reason: why `value` or the interval is absent, or what to bear in mind; None when there is nothing to say.
        method: how the interval was made ("DeLong", "bootstrap over pictures", "Wilson").
        each: where `value` is a mean over pictures, the values of all test pictures in their order, None for those
            that do not count; empty otherwise.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: Sentence | None = None
    method: str | None = None
    each: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class ResultPicture:
    """One picture of a result, as small as showing it allows.

    Attributes:
        name: what the user calls it ("scratch/003.png"); a label, never a path.
        sha256: of the decoded pixels.
        defective: True, False, or None when nobody said.
        kind: the defect's name, "good", or None.
        severity: 0 to 1 where the data set knows it.
        synthetic: whether the defect was pasted in by this program.
        pixels: (H, W, 3) uint8, what the backbone saw, before normalisation.
        mask: (H, W) bool, the true defect at the same size, or None.
        base: sha256 of the untouched picture that a synthetic defect was pasted into; "" otherwise.
        local: False where the mask covers everything (a logical defect): such pictures are left out of pixel figures.
        box: (top, left, bottom, right), where the picture lies in `pixels`; None where it fills them. Nothing beyond is
            part of any figure.
        reduction: how many pixels of the upright file one of `pixels` stands for, the mean of both sides.
        shape: width over height of what `pixels` show, in the upright file; None where that is as in `pixels`.
    """

    name: str
    sha256: str
    defective: bool | None
    kind: str | None
    pixels: NDArray[np.uint8]
    mask: NDArray[np.bool_] | None = None
    severity: float | None = None
    synthetic: bool = False
    local: bool = True
    base: str = ""
    box: tuple[int, int, int, int] | None = None
    reduction: float = 1.0
    shape: float | None = None

    @property
    def aspect(self) -> float:
        """Width over height of the picture as its file has it, whatever its pixels here are squeezed to."""
        rows, columns = self.inside
        return self.shape or (columns.stop - columns.start) / (rows.stop - rows.start)

    @property
    def inside(self) -> tuple[slice, slice]:
        """The rows and columns of `pixels` in which the picture lies."""
        top, left, bottom, right = self.box or (0, 0, *self.pixels.shape[:2])
        return slice(top, bottom), slice(left, right)


@dataclass(frozen=True)
class MapScale:
    """A method's common scale for maps: 0 is the median of held-out normal pixels, at 1 lie 99 % of them below."""

    median: float
    q99: float

    def __call__(self, raw: NDArray[Any]) -> NDArray[Any]:
        """Bring raw map values onto the scale (unbounded above; negative below the median)."""
        return (raw - self.median) / max(self.q99 - self.median, float(np.finfo(np.float32).tiny))


@dataclass(frozen=True)
class Cost:
    """What a column cost.

    Attributes:
        fit_seconds: the method's own fit, without the backbone pass.
        milliseconds_per_picture: the method's own scoring of one test picture, without the backbone pass.
        model_bytes: of the fitted detector.
        backbone_milliseconds: of the backbone pass, per picture; the floor that all methods share.
        peak_bytes: the most memory held during the fit beyond the features, or None where it was not measured.
    """

    fit_seconds: float
    milliseconds_per_picture: float
    model_bytes: int
    backbone_milliseconds: float
    peak_bytes: int | None = None


@dataclass(frozen=True)
class WeightsRecord:
    """Which weights made the features.

    Attributes:
        source: "bundled" (no weights at all), "package", "hub", "file" or "random".
        origin: the package with its version, the hub's name with the revision, the file's name, or "seed 0".
        sha256: of a package's file; else over all parameters and running averages with their names.
    """

    source: str
    origin: str
    sha256: str

    @property
    def random(self) -> bool:
        """Whether nobody ever trained them."""
        return self.source == "random"


@dataclass(frozen=True)
class Column:
    """One method on one backbone: everything it said about the pictures.

    Attributes:
        key: "patchcore/scattering": unique within a result.
        method, backbone: the registry's key and the backbone's name.
        settings: the detector's settings, all of them.
        weights: which weights made the features.
        scores: (M,) float64, one per test picture, raw.
        held_out: (K,) float64, one per held-out normal picture, raw.
        maps: (M, H, W) float32, raw, enlarged and smoothed; None for an image-level method.
        scale: the maps' calibration; None where there is no map or nothing was held out.
        levels: (M, L) float64, the distance per level, for MahalanobisAD; else None.
        held_out_levels: (K, L), the same for the held-out pictures.
        held_out_maps: (K, H, W) float32, raw, where there is no test picture to show; else None.
        figures: "image_auroc", "average_precision", "f1_max", and "image_auroc_with_normals" where it was called for;
            over pixels "pixel_auroc", "pixel_average_precision", "aupro", "aupro_05", "aupimo".
        cost: seconds and bytes.
        notes: what a person should know of the features and of this fit.
        engine: what computed the features, "torch" or "onnxruntime"; their last digits depend on it.
    """

    key: str
    method: str
    backbone: str
    settings: dict[str, Any]
    weights: WeightsRecord
    scores: NDArray[np.float64]
    held_out: NDArray[np.float64]
    maps: NDArray[np.float32] | None
    scale: MapScale | None
    figures: dict[str, Figure]
    cost: Cost
    levels: NDArray[np.float64] | None = None
    held_out_levels: NDArray[np.float64] | None = None
    held_out_maps: NDArray[np.float32] | None = None
    notes: tuple[Sentence, ...] = ()
    engine: str = "torch"


@dataclass(frozen=True)
class Failure:
    """A method that could not be fitted, beside the others that could."""

    key: str
    method: str
    backbone: str
    sentence: Sentence


@dataclass(frozen=True)
class Result:
    """All columns over one data set.

    Attributes:
        data: the data set's name.
        test: the M test pictures, in the order of every column's scores.
        held_out: the K held-out normal pictures, in the order of every column's `held_out`.
        learnt: the N normal pictures that the methods were fitted on.
        columns: in the order asked for.
        failures: methods that could not be fitted, with the sentence.
        trivial: AUROC (two-sided, so at least 0.5) of each trivial statistic against the labels; empty without labels.
        warnings: sentences that belong above every figure (a trivial statistic rivals a method, synthetic defects).
        experiment: everything that repeats the run: data recipe or hashes, preprocessing, methods, settings, seed.
        versions: of this program and the packages that decide numbers, the device, mixed precision.
    """

    data: str
    test: tuple[ResultPicture, ...]
    held_out: tuple[ResultPicture, ...]
    learnt: tuple[ResultPicture, ...]
    columns: tuple[Column, ...]
    failures: tuple[Failure, ...] = ()
    trivial: dict[str, Figure] = field(default_factory=dict)
    warnings: tuple[Sentence, ...] = ()
    experiment: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def labels(self) -> NDArray[np.float64]:
        """(M,) 1 for defective, 0 for good, NaN where nobody said."""
        return np.array([np.nan if p.defective is None else float(p.defective) for p in self.test])

    @cached_property
    def digest(self) -> str:
        """A digest of everything that figures over pictures depend on: names, contents, labels, scores."""
        digest = hashlib.sha256(self.data.encode())
        for picture in (*self.test, *self.held_out):
            digest.update(f"{picture.name} {picture.sha256} {picture.defective} {picture.kind}".encode())
        for column in self.columns:
            digest.update(column.key.encode() + column.scores.tobytes() + column.held_out.tobytes())
        return digest.hexdigest()[:16]

    def __getitem__(self, key: str) -> Column:
        """Return the column called `key` ("patchcore/scattering"); KeyError when there is none."""
        for column in self.columns:
            if column.key == key:
                return column
        raise KeyError(key)


def column_key(method: str, backbone: str) -> str:
    """Return a column's name within a result.

    >>> column_key("padim", "resnet18")
    'padim/resnet18'
    """
    return f"{method}/{backbone}"


@dataclass(frozen=True)
class BenchmarkRow:
    """One method on one backbone, on one of many sets.

    Attributes:
        weights: where the backbone's weights came from, and their sha256.
        figures: by name, as in `Column`.
        fit_seconds: of the method's fit alone.
        milliseconds: per test picture, without the backbone's.
        failure: why there is nothing to measure; "" otherwise.
        absent: by name, why a figure is absent.
    """

    method: str
    backbone: str
    weights: str = ""
    figures: dict[str, Figure] = field(default_factory=dict)
    fit_seconds: float = 0.0
    milliseconds: float = 0.0
    failure: str = ""
    absent: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class MeasuredSet:
    """One of many sets: how many pictures it has, and its rows.

    Attributes:
        failure: why nothing could be measured; "" otherwise.
        warnings: what belongs above the set's figures.
        kept: whether this was measured before, and read.
    """

    name: str
    learnt: int = 0
    held_out: int = 0
    good: int = 0
    defective: int = 0
    rows: tuple[BenchmarkRow, ...] = ()
    failure: str = ""
    warnings: tuple[str, ...] = ()
    kept: bool = False
