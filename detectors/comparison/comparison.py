"""Many detectors, many backbones, one data set: fitted on the same features and measured on the same pictures.

A comparison is four steps, each a function of values, so that a script runs them in a row and a cluster runs them as
tasks: `prepare` (pictures to arrays), `extract` (one backbone pass), `fit_and_score` (one column, in two halves:
`learn_and_score` and `measured`), `assemble`.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import detectors
from detectors import evaluation
from detectors.comparison.forecast import no_memory, refuse_if_too_large
from detectors.datasets import Dataset, Sample
from detectors.datasets.checks import copies_across
from detectors.datasets.corrections import LEARN, Roles, counted, roles
from detectors.errors import DatasetRefused, Refusal, Sentence, SettingRefused
from detectors.evaluation import shortcuts, thresholds
from detectors.features import closer
from detectors.features.weights import DEFAULT, RANDOM, random_weights
from detectors.images import Preprocessing, White
from detectors.images.origins import Origins, origins
from detectors.images.preprocessing import squeezed
from detectors.methods import METHODS, build
from detectors.result import Column, Cost, Failure, Figure, MapScale, Result, ResultPicture, WeightsRecord, column_key

if TYPE_CHECKING:
    import torch

    from detectors.features.at_rest import AtRest
    from detectors.features.backbone import Backbone
    from detectors.features.standardisation import Standardisation
    from detectors.features.store import FeatureStore
    from detectors.methods.base import Detector, Progress


NUMERICAL = ("torch", "onnxruntime", "timm", "numpy", "scipy", "scikit-learn", "pillow")  # packages that decide numbers
AT_ONCE = 4  # pictures that are prepared together for a backbone that looks closer


def silent(done: float, stage: str = "", **numbers: float) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Pictures:
    """A data set as it is shown and, but for backbones that look closer, seen: three lists of pictures of one size."""

    name: str
    learnt: tuple[ResultPicture, ...]
    held_out: tuple[ResultPicture, ...]
    test: tuple[ResultPicture, ...]
    trivial: dict[str, Figure]
    white: White = field(default_factory=White)  # how pictures of more than 8 bits were read
    preprocessing: Preprocessing = field(default_factory=Preprocessing)  # with the sides that the pictures decided
    notes: tuple[Sentence, ...] = ()  # what a person should know of the pictures
    origins: Origins | None = None  # what the files of the normal ones were

    @property
    def labels(self) -> NDArray[np.float64]:
        """(M,) 1 for defective, 0 for good, NaN where nobody said."""
        return np.array([np.nan if p.defective is None else float(p.defective) for p in self.test])


@dataclass(frozen=True)
class Stores:
    """The features of the three lists from one backbone pass, standardised where the backbone asks for it.

    `whole` and `known` are all features of that pass and what they are of, so that other lists of the same pictures
    need no other pass.
    """

    learnt: FeatureStore
    held_out: FeatureStore
    test: FeatureStore
    standardisation: Standardisation | None
    weights: WeightsRecord
    backbone: str
    milliseconds: float  # of the backbone pass, per picture
    passes: int  # pictures that went through the backbone
    engine: str = "torch"  # what computed the features
    notes: tuple[Sentence, ...] = ()  # what a person should know of the pass
    closer: AtRest | None = None  # the pictures of the pass as a backbone saw them that looks closer
    whole: FeatureStore | None = None
    known: tuple[str, ...] = ()
    origins: Origins | None = None

    def seen(self, role: str, index: int) -> NDArray[np.uint8] | None:
        """Return one of the pictures as its backbone saw it, (n H, n W, 3); None where that is as it is shown."""
        if self.closer is None:
            return None
        place = int({"learnt": self.learnt, "held_out": self.held_out, "test": self.test}[role].places[index])
        return self.closer.read(0, slice(place, place + 1))[0].numpy()


@dataclass(frozen=True)
class FittedColumn:
    """A finished column with the detector behind it and the features it saw; `token` names the content of all three."""

    column: Column
    detector: Detector
    stores: Stores
    token: str


@dataclass(frozen=True)
class Bench:
    """A run as it lies in a worker: what may be asked of all finished columns at once.

    `after` is what every picture goes through beyond the preprocessing, (S, S, 3) uint8 to the same.
    """

    comparison: Comparison
    pictures: Pictures
    fitted: tuple[FittedColumn, ...]
    after: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None

    def load(self, name: str) -> Backbone:
        """Load one of the run's backbones where its features are: the processor may have taken over from a card."""
        return self.comparison.load(name).to(self.device(name))

    def device(self, name: str) -> torch.device:
        """Return where the features of a backbone are."""
        return next(fitted.stores.learnt.device for fitted in self.fitted if fitted.stores.backbone == name)


@dataclass(frozen=True)
class Comparison:
    """Which methods and backbones to compare, and how; `run` does it.

    Attributes:
        methods: keys of `METHODS`, in the order of the columns.
        backbones: names for `load_backbone`.
        preset: "quick" or "paper", the settings that methods start from.
        settings: per method, settings that differ from the preset.
        preprocessing: how every picture, normal or test, becomes the backbone's input.
        held_out: share of the normal pictures that sets thresholds and scales and is not learnt from.
        seed: of every random draw.
        weights: per backbone "hub", "random" or a `.safetensors` file; `PACKAGED` and scattering need none.
        device: "cuda", "mps", "cpu", or None for the best there is.
    """

    methods: tuple[str, ...] = tuple(METHODS)
    backbones: tuple[str, ...] = (DEFAULT,)
    preset: str = "quick"
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    held_out: float = 0.25
    seed: int = 0
    weights: dict[str, str] = field(default_factory=dict)
    device: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(self.methods))
        object.__setattr__(self, "backbones", tuple(self.backbones))
        if not self.methods or not self.backbones:
            raise SettingRefused(
                "comparison.nothing", "There is nothing to compare: choose at least one method and one backbone."
            )
        thresholds.check_share(self.held_out)

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """All (method, backbone) pairs, backbone by backbone."""
        return tuple((method, backbone) for backbone in self.backbones for method in self.methods)

    def detector(self, method: str, backbone: str) -> Detector:
        """Build the unfitted detector of one column."""
        settings = dict(self.settings.get(method, {}))
        return build(method, preset=self.preset, backbone=backbone, **({"seed": self.seed} | settings))

    def load(self, backbone: str, progress: Progress = silent, depth: int | None = None) -> Backbone:
        """Load one of the backbones, with the weights asked for; `progress` is told of a download."""
        from detectors.features.backbone import load_backbone

        weights = self.weights_of(backbone)
        return load_backbone(
            backbone, weights=weights, seed=self.seed, device=self.device, progress=progress, depth=depth
        )

    def weights_of(self, backbone: str) -> str | None:
        """Return where a backbone's weights are asked for, however closely it looks."""
        return self.weights.get(backbone, self.weights.get(closer.split(backbone)[0]))

    def depth(self, backbone: str) -> int | None:
        """Return how many levels the methods read on a backbone, None for everything it has."""
        depths = [self.detector(method, backbone).depth for method in self.methods]
        return None if None in depths else max(depth for depth in depths if depth is not None)

    def prepare(self, data: Dataset) -> Pictures:
        """Split, resize and describe the pictures."""
        return prepare(data, self.preprocessing, self.held_out, self.seed)

    def describe(self, data: Dataset) -> dict[str, Any]:
        """Everything that repeats this run, as JSON-able values."""
        return {"data": data.recipe, **asdict(self)}

    def run(
        self, data: Dataset, progress: Progress = silent, on_column: Callable[[Column], None] | None = None
    ) -> Result:
        """Fit and score every column.

        A method that refuses or runs out of memory is reported beside the others, which go on.

        Args:
            data: normal pictures to learn from, test pictures to score.
            progress: called with the share done and the stage ("patchcore/efficientnet_lite0: choosing patches").
            on_column: called with each column as soon as it is there.

        Raises:
            DatasetRefused: when there is no normal picture.
            WeightsRefused: when a backbone's weights are not to be had.
        """
        pictures = self.prepare(data)
        columns: list[Column] = []
        failures: list[Failure] = []
        steps = len(self.columns) + len(self.backbones)
        done = 0
        for name in self.backbones:
            backbone = self.load(name, _within(progress, done, steps, name), self.depth(name))
            stores = extract(pictures, backbone, _within(progress, done, steps, f"{name}: features"), data)
            done += 1
            for method in self.methods:
                key = column_key(method, name)
                try:
                    column, _ = fit_and_score(
                        self.detector(method, name), stores, pictures, _within(progress, done, steps, key)
                    )
                    columns.append(column)
                    if on_column:
                        on_column(column)
                except Refusal as refusal:
                    failures.append(Failure(key, method, name, refusal.sentence))
                done += 1
        return assemble(pictures, columns, failures, self.describe(data), versions(self.device))


def prepare(data: Dataset, preprocessing: Preprocessing, held_out: float, seed: int) -> Pictures:
    """Split the normal pictures into learnt and held out, and bring everything to the backbone's size.

    Raises:
        DatasetRefused: when there is no normal picture.
    """
    if (missing := nothing_to_learn(data)) is not None:
        raise DatasetRefused(missing.key, missing.english, **missing.values)
    used = drawn(data, held_out, seed)
    held, test = [data.train[i] for i in used.held_out], [data.test[i] for i in used.test]
    learnt = [data.train[i] if where == "train" else _as_good(data.test[i]) for where, i in used.learnt]
    if not learnt:
        raise DatasetRefused(
            "comparison.none_left",
            "No normal picture of '{name}' is left to learn from: all were corrected. Take some corrections back.",
            name=data.name,
        )
    if len(learnt) < 2 <= len(thresholds.hold_out(len(data.train), 0.5)[0]):
        raise SettingRefused(
            "comparison.share",
            "A held-out share of {share:g} leaves {learnt} of {normal} normal pictures to learn from, and at least 2 "
            "are needed. Hold out less, such as 0.25.",
            share=held_out, learnt=len(learnt), normal=len(data.train),
        )  # fmt: skip
    preprocessing = preprocessing.decided_by([_size(sample) for sample in data.train])
    told = squeezed(preprocessing, [_size(sample) for sample in (*data.train, *data.test)])
    return Pictures(
        name=data.name,
        learnt=tuple(shown(sample, preprocessing) for sample in learnt),
        held_out=tuple(shown(sample, preprocessing) for sample in held),
        test=tuple(shown(sample, preprocessing) for sample in test),
        trivial=trivially(data, preprocessing, used.test),
        white=data.white,
        preprocessing=preprocessing,
        notes=(*([] if told is None else [told]), *copies_across([*learnt, *held], test)),
        origins=origins(sample.picture for sample in data.train),
    )


def nothing_to_learn(data: Dataset) -> Sentence | None:
    """Say why there is no normal picture: sets of which none was opened, or none was given; None where there is one."""
    if data.train:
        return None
    unopened = [e.name for e in data.report.entries if e.sentence is not None and e.sentence.key == "dataset.several"]
    if unopened and not data.test:
        return Sentence(
            "comparison.unopened",
            "{name} holds several data sets and none of them is open. Open one, or run several one after the other.",
            name=unopened[0],
        )
    return Sentence(
        "comparison.no_normal",
        "The data set '{name}' has no normal pictures; methods learn from good parts only. Add at least two.",
        name=data.name,
    )


def trivially(data: Dataset, preprocessing: Preprocessing, test: Sequence[int]) -> dict[str, Figure]:
    """Return the AUROC of each trivial statistic over the test pictures of these indices, as a backbone sees them."""
    seen = preprocessing.decided_by([_size(sample) for sample in data.train])
    return shortcuts.shortcut_figures([data.test[i] for i in test], seen)


def drawn(data: Dataset, held_out: float, seed: int) -> Roles:
    """Draw which normal pictures are held out, and let what was corrected after a run follow."""
    learnt, kept = thresholds.hold_out(len(data.train), held_out, seed)
    train, test = [s.picture.sha256 for s in data.train], [(s.picture.sha256, s.base) for s in data.test]
    return roles(train, test, learnt.tolist(), kept.tolist(), data.corrected)


def _as_good(sample: Sample) -> Sample:
    return replace(sample, defective=False, kind="good", mask=None)


def _size(sample: Sample) -> tuple[int, int]:
    return sample.picture.pixels.shape[0], sample.picture.pixels.shape[1]


def shown(sample: Sample, preprocessing: Preprocessing) -> ResultPicture:
    """Bring a sample to the backbone's size."""
    mask = None if sample.mask is None else preprocessing.apply_mask(sample.mask)
    return ResultPicture(
        name=sample.picture.name,
        sha256=sample.picture.sha256,
        defective=sample.defective,
        kind=sample.kind,
        pixels=preprocessing.apply(sample.picture),
        mask=mask,
        severity=sample.severity,
        synthetic=sample.synthetic,
        local=mask is None or not mask.all(),
        base=sample.base,
        box=preprocessing.box(_size(sample)),
        reduction=preprocessing.reduction(sample.picture.original_size),
        shape=preprocessing.shape(sample.picture.original_size),
    )


def extract(
    pictures: Pictures,
    backbone: Backbone,
    progress: Progress = silent,
    data: Dataset | None = None,
    where: str = "auto",
) -> Stores:
    """Send every picture through the backbone once.

    The normal pictures, learnt and held out, share a store; channels are standardised by the learnt ones.

    Args:
        pictures: as `prepare` made them.
        backbone: what to send them through.
        progress: told of the pass.
        data: what `pictures` were made of; a backbone that looks closer needs it.
        where: the features are kept, as `FeatureStore.extract` has it.

    Raises:
        SettingRefused: when a backbone looks closer than pictures are kept.
    """
    from detectors.features.store import FeatureStore

    every = (*pictures.learnt, *pictures.held_out, *pictures.test)
    total = len(every)
    boxes = None
    if any(p.box for p in every):
        boxes = np.array([p.box or (0, 0, *p.pixels.shape[:2]) for p in every], np.int64)
    seen: AtRest | None = None
    if backbone.tiles == 1:
        pixels = np.stack([p.pixels for p in every])
        store = FeatureStore.extract(pixels, backbone, where=where, progress=progress, boxes=boxes)
    else:
        if data is None:
            raise ValueError(f"{backbone.name} looks closer than the pictures are shown: give the data set as well.")
        seen = _closer(every, pictures.preprocessing, backbone.tiles, data, "shared" if where == "shared" else "disk")
        parts = (seen.read(0, slice(i, min(i + AT_ONCE, total))).numpy() for i in range(0, total, AT_ONCE))
        store = FeatureStore.extract(parts, backbone, where=where, progress=progress, count=total, boxes=boxes)
    return Stores(
        **_parts(pictures, store, range(total), backbone.standardise),
        weights=backbone.weights,
        backbone=backbone.name,
        milliseconds=1e3 * store.seconds / total,
        passes=store.passes,
        engine=backbone.engine,
        notes=tuple(note for note in store.notes if note.key != RANDOM),  # that is said above all figures
        closer=seen,
        whole=store,
        known=tuple(map(_looks, every)),
        origins=pictures.origins,
    )


def regrouped(before: Stores, pictures: Pictures) -> Stores | None:
    """Return the features of pictures out of a pass that saw all of them, without another; None where one is new.

    A feature depends on its picture alone, to the last bit, so the result is that of `extract`.
    """
    places = {name: i for i, name in enumerate(before.known)}
    wanted = [places.get(_looks(p)) for p in (*pictures.learnt, *pictures.held_out, *pictures.test)]
    if before.whole is None or None in wanted:
        return None
    rows = [place for place in wanted if place is not None]
    parts = _parts(pictures, before.whole, rows, before.standardisation is not None)
    return replace(before, **parts, passes=0, origins=pictures.origins)


def _parts(pictures: Pictures, whole: FeatureStore, rows: Sequence[int], standardise: bool) -> dict[str, Any]:
    """Return the views of a pass that hold the three lists, whose pictures lie at `rows`, one list after the other."""
    from detectors.features.standardisation import Standardisation

    learnt, held_out = len(pictures.learnt), len(pictures.learnt) + len(pictures.held_out)
    standardisation = Standardisation.measure(whole.subset(rows[:learnt])) if standardise else None
    store = whole if standardisation is None else whole.standardised(standardisation)
    return {
        "learnt": store.subset(rows[:learnt]),
        "held_out": store.subset(rows[learnt:held_out]),
        "test": store.subset(rows[held_out:]),
        "standardisation": standardisation,
    }


def _looks(picture: ResultPicture) -> str:
    """Name what a backbone sees of a picture."""
    return f"{picture.sha256} {picture.pixels.shape} {picture.box}"


def _closer(
    every: Sequence[ResultPicture], preprocessing: Preprocessing, tiles: int, data: Dataset, where: str
) -> AtRest:
    """Prepare pictures `tiles` times as large on both sides and keep them on disk, (N, n H, n W, 3)."""
    import torch

    from detectors.features.at_rest import at_rest

    preprocessing.check_closer(tiles)
    known = {sample.picture.sha256: sample.picture for sample in (*data.train, *data.test)}
    shape = (len(every), *(side * tiles for side in preprocessing.frame), 3)
    kept = at_rest([shape], torch.uint8, torch.device("cpu"), where)
    for start in range(0, len(every), AT_ONCE):
        part = [known[picture.sha256] for picture in every[start : start + AT_ONCE]]
        kept.write(start, [torch.from_numpy(preprocessing.stack(part, tiles))])
    kept.finish()
    return kept


def fit_and_score(
    detector: Detector, stores: Stores, pictures: Pictures, progress: Progress = silent
) -> tuple[Column, Detector]:
    """Fit one detector, score the held-out and the test pictures with it, and measure what it said.

    Returns the column and the fitted detector.

    Raises:
        TooLarge: before anything is fitted, when the estimate does not fit into memory; or when memory runs out.
        SettingRefused: when the pictures do not allow the settings.
    """
    column, detector = learn_and_score(detector, stores, pictures, progress)
    return measured(column, pictures), detector


def learn_and_score(
    detector: Detector, stores: Stores, pictures: Pictures, progress: Progress = silent
) -> tuple[Column, Detector]:
    """Do as `fit_and_score`, but leave the column's figures to `measured`: another detector can be fitted meanwhile."""
    refuse_if_too_large(detector, stores.learnt)
    started = time.perf_counter()
    notes = _fit(detector, stores.learnt, lambda done, stage="", **numbers: progress(0.7 * done, stage, **numbers))
    fit_seconds = time.perf_counter() - started
    held_scores, held_maps, held_levels = _predict(detector, stores.held_out)
    progress(0.8, "scoring")
    started = time.perf_counter()
    scores, maps, levels = _predict(detector, stores.test)
    seconds = time.perf_counter() - started
    column = Column(
        key=column_key(detector.name, stores.backbone),
        method=detector.name,
        backbone=stores.backbone,
        settings=detector.settings,
        weights=stores.weights,
        scores=scores,
        held_out=held_scores,
        maps=maps,
        scale=_scale(held_maps, pictures),
        figures={},
        cost=Cost(
            fit_seconds=fit_seconds,
            milliseconds_per_picture=1e3 * seconds / max(len(scores), 1),
            model_bytes=detector.nbytes,
            backbone_milliseconds=stores.milliseconds,
        ),
        levels=levels,
        held_out_levels=held_levels,
        held_out_maps=None if pictures.test else held_maps,
        notes=(*stores.notes, *notes, *detector.notes),
        engine=stores.engine,
    )
    progress(1.0, "done")
    return column, detector


def measured(column: Column, pictures: Pictures) -> Column:
    """Return a column with its figures, measured on what it said about the test pictures."""
    return replace(column, figures=figures(pictures, column.scores, column.maps, column.held_out))


def remeasured(
    before: Pictures,
    column: Column,
    detector: Detector,
    stores: Stores,
    pictures: Pictures,
    progress: Progress = silent,
) -> tuple[Column, Detector] | None:
    """Return a column over other lists of pictures with the detector that it has; None where that learnt others.

    A list that has changed is scored as a whole: the last digit of a score may depend on what it was computed with.
    The column's figures are left to `measured`.
    """

    def same(role: str) -> bool:
        return list(map(_looks, getattr(before, role))) == list(map(_looks, getattr(pictures, role)))

    if not same("learnt"):
        return None
    progress(0.7, "scoring")
    held, held_maps, held_levels, scale = column.held_out, column.held_out_maps, column.held_out_levels, column.scale
    if not same("held_out") or not pictures.test:
        held, held_maps, held_levels = _predict(detector, stores.held_out)
        scale = _scale(held_maps, pictures)
    scores, maps, levels = column.scores, column.maps, column.levels
    if not same("test"):
        scores, maps, levels = _predict(detector, stores.test)
    after = replace(
        column, scores=scores, maps=maps, levels=levels, held_out=held, held_out_levels=held_levels, scale=scale,
        held_out_maps=None if pictures.test else held_maps, figures={},
    )  # fmt: skip
    return after, detector


def _scale(held_maps: NDArray[np.float32] | None, pictures: Pictures) -> MapScale | None:
    if held_maps is None or not len(held_maps):
        return None
    return thresholds.map_scale(held_maps, [picture.inside for picture in pictures.held_out])


def figures(
    pictures: Pictures,
    scores: NDArray[np.float64],
    maps: NDArray[np.float32] | None,
    held_out: NDArray[np.float64],
) -> dict[str, Figure]:
    """Measure one column against the labels and masks; what cannot be measured carries its reason."""
    labels = pictures.labels
    found = {
        "image_auroc": evaluation.image_auroc(labels, scores),
        "average_precision": evaluation.average_precision(labels, scores),
        "f1_max": evaluation.f1_max(labels, scores),
    }
    if (more := evaluation.auroc_with_normals(labels, scores, held_out)) is not None:
        found["image_auroc_with_normals"] = more
    return found | evaluation.pixel_figures(pictures.test, maps)


def assemble(
    pictures: Pictures,
    columns: Sequence[Column],
    failures: Sequence[Failure],
    experiment: dict[str, Any],
    versions: dict[str, str],
) -> Result:
    """Put columns beside each other and say what belongs above every figure."""
    aurocs = {c.key: value for c in columns if (value := c.figures["image_auroc"].value) is not None}
    warnings = [*pictures.notes, *shortcuts.shortcut_warnings(pictures.trivial, aurocs)]
    untrained = dict.fromkeys((c.backbone, c.weights.origin) for c in columns if c.weights.random)
    warnings += [random_weights(*which) for which in untrained]
    warnings += corrected(experiment.get("data") or {})
    return Result(
        data=pictures.name,
        test=pictures.test,
        held_out=pictures.held_out,
        learnt=pictures.learnt,
        columns=tuple(columns),
        failures=tuple(failures),
        trivial=pictures.trivial,
        warnings=tuple(warnings),
        experiment=experiment,
        versions=versions,
    )


def corrected(recipe: dict[str, Any]) -> list[Sentence]:
    """Say of how many pictures a person decided something, before a run and after it, as a recipe tells."""
    sentences = _after_a_run(recipe.get("corrected") or ())
    said = [name for key in ("labels", "moved", "masks") for name, _ in recipe.get(key, ())]
    said += [name.partition(":")[2].partition("#")[0] or name for name in recipe.get("removed", ())]
    if not said:
        return sentences
    return [
        *sentences,
        Sentence(
            "data.corrected",
            "{count} [picture was|pictures were] labelled, moved, left out or marked by hand. Where [it was|they were] "
            "chosen for that by [its score|their scores], figures flatter the methods.",
            count=len(set(said)),
        ),
    ]


def _after_a_run(said: Sequence[Sequence[str]]) -> list[Sentence]:
    if not said:
        return []
    return [
        Sentence(
            "data.corrected_after",
            "Pictures corrected after their scores were seen: {count}, of these learnt as normal: {learnt}. None of "
            "them counts in any figure or sets a threshold; held out is still a random draw of the others.",
            count=len(said),
            learnt=counted(said)[LEARN],
        )
    ]


def versions(device: str | None = None) -> dict[str, str]:
    """Return the versions that decide numbers, and where the work ran."""
    import torch

    from detectors.features.device import best_device, describe

    packages = {name: version(name) for name in NUMERICAL}
    where = torch.device(device) if device else best_device()
    return {
        "odd-one-out": detectors.__version__,
        "python": platform.python_version(),
        **packages,
        "threads": str(torch.get_num_threads()),
        "device": describe(where),
    }


def _fit(detector: Detector, store: FeatureStore, progress: Progress) -> tuple[Sentence, ...]:
    """Fit where the features are, or on the CPU where the memory of an accelerator does not suffice; say so."""
    from detectors.features.device import describe, ran_out_of_memory, release

    try:
        detector.fit(store, progress)
        return ()
    except (MemoryError, RuntimeError) as error:
        if not ran_out_of_memory(error):
            raise
    if store.device.type == "cpu":
        raise no_memory()
    release(store.device)
    detector.fit(store.on("cpu"), progress)
    try:
        detector.to(store.device)
    except RuntimeError as error:
        if ran_out_of_memory(error):
            raise no_memory() from None
        raise
    return (Sentence(
        "comparison.fitted_on_cpu",
        "The memory of {device} did not suffice to fit {method}, so it was fitted on the CPU.",
        device=describe(store.device), method=METHODS[detector.name].title,
    ),)  # fmt: skip


def _predict(
    detector: Detector, store: FeatureStore
) -> tuple[NDArray[np.float64], NDArray[np.float32] | None, NDArray[np.float64] | None]:
    """Score a store: (M,) scores, (M, S, S) maps or None, (M, L) parts of the scores or None."""
    from detectors.features.device import halving

    scores, maps, levels = [], [], []

    def score(start: int, stop: int) -> None:
        found = detector.predict(store[start:stop])
        maps.extend([] if found.maps is None else [found.maps.float().cpu().numpy()])
        levels.extend([] if found.levels is None else [found.levels.double().cpu().numpy()])
        scores.append(found.scores.double().cpu().numpy())

    halving(len(store), store.batch_size, store.device, score)
    return (
        np.concatenate(scores) if scores else np.empty(0),
        np.concatenate(maps) if maps else None,
        np.concatenate(levels) if levels else None,
    )


def _within(progress: Progress, step: int, steps: int, name: str) -> Progress:
    """Report a part's progress as a part of the whole."""

    def report(done: float, stage: str = "", **numbers: float) -> None:
        progress((step + done) / steps, f"{name}: {stage}" if stage else name, **numbers)

    return report
