"""What can be set on each method: default, accepted range, one line. Data only, so that showing it needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from detectors.errors import Sentence


@dataclass(frozen=True)
class Whole:
    """Whole numbers from `low` to `high`, and the values in `also`."""

    low: int
    high: int
    also: tuple[Any, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether a value is in range; True and False are not numbers here."""
        return _among(value, self.also) or (type(value) is int and self.low <= value <= self.high)

    def __str__(self) -> str:
        return ", ".join([f"{self.low}–{self.high}", *map(_shown, self.also)])


@dataclass(frozen=True)
class Real:
    """Numbers from `low` to `high`, and the values in `also`."""

    low: float
    high: float
    also: tuple[Any, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether a value is in range; NaN never is."""
        return _among(value, self.also) or (type(value) in (int, float) and self.low <= value <= self.high)

    def __str__(self) -> str:
        return ", ".join([f"{self.low:g}–{self.high:g}", *map(_shown, self.also)])


@dataclass(frozen=True)
class OneOf:
    """A few named values."""

    values: tuple[Any, ...]

    def accepts(self, value: Any) -> bool:
        """Whether a value is one of them."""
        return _among(value, self.values)

    def __str__(self) -> str:
        return ", ".join(map(_shown, self.values))


@dataclass(frozen=True)
class Levels:
    """One or several different level numbers, shallow to deep; which ones exist, the backbone says at the fit."""

    last: int = 63
    also: tuple[Any, ...] = ()

    def accepts(self, value: Any) -> bool:
        """Whether a value is a tuple of different whole numbers from 0 to `last`."""
        if _among(value, self.also):
            return True
        if not isinstance(value, tuple) or not all(type(level) is int and 0 <= level <= self.last for level in value):
            return False
        return 0 < len(value) == len(set(value))

    def __str__(self) -> str:
        return ", ".join([f"(0–{self.last}, …)", *map(_shown, self.also)])


Range = Whole | Real | OneOf | Levels


class Setting(NamedTuple):
    """One setting of one method."""

    default: Any
    range: Range
    line: Sentence


SEED = Setting(0, Whole(0, 2**31 - 1), Sentence("settings.seed", "Start of every random draw."))
_SIGMA = Setting(4.0, Real(0, 64), Sentence("settings.sigma", "How far the map is smoothed, in pixels."))
_GRID = Setting(
    None,
    Whole(0, 63, also=(None,)),
    Sentence("settings.grid", "Level whose grid the map is computed on; the finest of the levels when left open."),
)
_LEVELS = Sentence("settings.levels", "Which depths of the backbone are used; 0 is the finest.")

SETTINGS: dict[str, dict[str, Setting]] = {
    "spade": {
        "levels": Setting((0, 1, 2), Levels(), _LEVELS),
        "k": Setting(
            5,
            Whole(1, 1000),
            Sentence("settings.spade.k", "How many of the most similar normal pictures are searched."),
        ),
        "kappa": Setting(
            1, Whole(1, 100), Sentence("settings.spade.kappa", "How many nearest patches a distance is averaged over.")
        ),
        "combine": Setting(
            "average",
            OneOf(("average", "concatenate")),
            Sentence(
                "settings.spade.combine", "Average one map per level, or search joined features once (the paper)."
            ),
        ),
        "image_score": Setting(
            "pooled",
            OneOf(("pooled", "map max")),
            Sentence("settings.spade.image_score", "Score a picture by its pooled features, or by its map's maximum."),
        ),
        "sigma": _SIGMA,
    },
    "mahalanobis": {
        "levels": Setting(
            None,
            Levels(also=(None,)),
            Sentence("settings.mahalanobis.levels", "Which stages of the backbone are used; all when left open."),
        ),
        "components": Setting(
            None,
            OneOf((None, "pca", "npca")),
            Sentence(
                "settings.mahalanobis.components",
                "All directions, the principal ones alone, or only those behind them (the paper's negative PCA).",
            ),
        ),
        "variance": Setting(
            0.99,
            Real(1e-6, 0.999999),
            Sentence("settings.mahalanobis.variance", "Share of the variance that the principal directions hold."),
        ),
    },
    "padim": {
        "levels": Setting((0, 1, 2), Levels(), _LEVELS),
        "channels": Setting(
            100,
            Whole(1, 20_000, also=("all", None)),
            Sentence("settings.padim.channels", "How many channels are drawn at random from all levels together."),
        ),
        "epsilon": Setting(
            0.01,
            Real(1e-9, 1e6),
            Sentence(
                "settings.padim.epsilon", "Added to every variance, so that a small set does not pretend certainty."
            ),
        ),
        "relative": Setting(
            False,
            OneOf((True, False)),
            Sentence("settings.padim.relative", "Whether epsilon counts in units of the position's mean variance."),
        ),
        "sigma": _SIGMA,
        "grid": _GRID,
        "seed": SEED,
    },
    "patchcore": {
        "levels": Setting((1, 2), Levels(), _LEVELS),
        "grid": _GRID,
        "embedding": Setting(
            "paper",
            OneOf(("paper", "official")),
            Sentence(
                "settings.patchcore.embedding", "Join the levels' 3 × 3 means, or pool them as the official code does."
            ),
        ),
        "pretrain_dimensions": Setting(
            1024,
            Whole(1, 8192),
            Sentence("settings.patchcore.pretrain_dimensions", "Numbers per level in the official embedding."),
        ),
        "target_dimensions": Setting(
            1024,
            Whole(1, 8192),
            Sentence("settings.patchcore.target_dimensions", "Numbers per patch in the official embedding."),
        ),
        "ratio": Setting(
            0.1, Real(0, 1), Sentence("settings.patchcore.ratio", "Share of all normal patches that the bank keeps.")
        ),
        "limit": Setting(
            None,
            Whole(1, 10_000_000, also=(None,)),
            Sentence("settings.patchcore.limit", "Most patches that the bank keeps, whatever their share."),
        ),
        "projection": Setting(
            128,
            Whole(1, 8192, also=(None,)),
            Sentence("settings.patchcore.projection", "Random directions in which the coreset measures distances."),
        ),
        "start": Setting(
            "official",
            OneOf(("official", "textbook")),
            Sentence(
                "settings.patchcore.start", "How the coreset begins: as the official code, or at one random patch."
            ),
        ),
        "neighbors": Setting(
            1,
            Whole(1, 100),
            Sentence("settings.patchcore.neighbors", "How many nearest bank patches a distance is averaged over."),
        ),
        "squared": Setting(
            True,
            OneOf((True, False)),
            Sentence("settings.patchcore.squared", "Squared distances (official code) or plain ones (paper)."),
        ),
        "reweight": Setting(
            0,
            Whole(0, 100),
            Sentence(
                "settings.patchcore.reweight", "The paper's b, neighbours that weigh a picture's score; 0 for none."
            ),
        ),
        "sigma": _SIGMA,
        "seed": SEED,
    },
    "cfa": {
        "levels": Setting((0, 1, 2), Levels(), _LEVELS),
        "grid": _GRID,
        "gamma_c": Setting(
            1,
            Whole(1, 10_000),
            Sentence("settings.cfa.gamma_c", "How many times fewer centres the bank has than the grid has places."),
        ),
        "gamma_d": Setting(
            1,
            Whole(1, 1000),
            Sentence("settings.cfa.gamma_d", "How many times fewer numbers describe a patch than its features have."),
        ),
        "neighbors": Setting(
            3, Whole(1, 100), Sentence("settings.cfa.neighbors", "K, how many nearest centres attract a patch.")
        ),
        "negatives": Setting(
            3, Whole(0, 100), Sentence("settings.cfa.negatives", "J, how many of the next centres repel it.")
        ),
        "alpha": Setting(
            0.1,
            Real(0, 1e9),
            Sentence("settings.cfa.alpha", "Margin between attracting and repelling, in squared distance."),
        ),
        "nu": Setting(0.001, Real(1e-6, 1e3), Sentence("settings.cfa.nu", "The loss is divided by it.")),
        "epochs": Setting(
            30, Whole(0, 300), Sentence("settings.cfa.epochs", "How often training goes through all pictures.")
        ),
        "batch_size": Setting(4, Whole(1, 64), Sentence("settings.cfa.batch_size", "Pictures per training step.")),
        "learning_rate": Setting(
            0.001, Real(0, 1), Sentence("settings.cfa.learning_rate", "How far one training step moves the layer.")
        ),
        "weight_decay": Setting(
            0.0005, Real(0, 1), Sentence("settings.cfa.weight_decay", "How strongly the layer is drawn towards zero.")
        ),
        "radius": Setting(
            1e-5, Real(0, 1e3), Sentence("settings.cfa.radius", "Radius of the spheres before training.")
        ),
        "sigma": _SIGMA,
        "seed": SEED,
    },
}


def _among(value: Any, values: tuple[Any, ...]) -> bool:
    return any(type(value) is type(v) and value == v for v in values)


def _shown(value: Any) -> str:
    return "none" if value is None else str(value)
