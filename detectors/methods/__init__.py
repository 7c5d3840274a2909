"""The five methods: a card for each, and how to build one by name. Importing this does not import torch."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from detectors.errors import Sentence, SettingRefused
from detectors.methods.published import PUBLISHED, Published
from detectors.methods.settings import SETTINGS, Setting

if TYPE_CHECKING:
    from detectors.methods.base import Detector

__all__ = ["METHODS", "PRESETS", "PUBLISHED", "Card", "Published", "build", "settings_help"]

PRESETS = ("quick", "paper")


@dataclass(frozen=True)
class Card:
    """What a person should know of a method before using it.

    Attributes:
        key: "padim", as on the command line.
        title: "PaDiM", as in print.
        year: of the first publication.
        unit: what is compared with what.
        score: what a picture's number is.
        memory: what the fitted model stores.
        grows: whether that grows with the number of normal pictures.
        needs_alignment: whether every picture must show the same part at the same place.
        has_map: whether it says where.
        paper: title; `arxiv` is its identifier.
        code: the official code, or the best known where the authors published none.
        licence: of that code; none of it was copied.
        idea: the method in one sentence.
        quick: what the preset "quick" changes.
        home: module and class.
    """

    key: str
    title: str
    year: int
    unit: Sentence
    score: Sentence
    memory: Sentence
    grows: bool
    needs_alignment: bool
    has_map: bool
    paper: str
    arxiv: str
    code: str
    licence: str
    idea: Sentence
    quick: Sentence
    home: str


METHODS: dict[str, Card] = {
    "spade": Card(
        key="spade",
        title="SPADE",
        year=2020,
        unit=Sentence("methods.spade.unit", "picture, then any place within its most similar normal pictures"),
        score=Sentence("methods.spade.score", "mean distance of the pooled features to the K nearest normal pictures"),
        memory=Sentence("methods.spade.memory", "all features of all normal pictures"),
        grows=True,
        needs_alignment=False,
        has_map=True,
        paper="Sub-Image Anomaly Detection with Deep Pyramid Correspondences",
        arxiv="2005.02357",
        code="byungjae89/SPADE-pytorch (not the authors')",
        licence="see there",
        idea=Sentence(
            "methods.spade.idea",
            "Find the normal pictures that look most alike, and search them at every place for the most similar patch.",
        ),
        quick=Sentence(
            "methods.spade.quick", "The finest level is left out: nine tenths of the search, for coarser outlines."
        ),
        home="detectors.methods.spade:Spade",
    ),
    "mahalanobis": Card(
        key="mahalanobis",
        title="MahalanobisAD",
        year=2020,
        unit=Sentence("methods.mahalanobis.unit", "whole picture, by the mean of its features"),
        score=Sentence("methods.mahalanobis.score", "sum over the levels of the Mahalanobis distance"),
        memory=Sentence("methods.mahalanobis.memory", "one mean and one covariance per level"),
        grows=False,
        needs_alignment=False,
        has_map=False,
        paper="Modeling the Distribution of Normal Data in Pre-Trained Deep Features for Anomaly Detection",
        arxiv="2005.14140",
        code="ORippler/gaussian-ad-mvtec (the authors')",
        licence="AGPL or commercial",
        idea=Sentence(
            "methods.mahalanobis.idea",
            "Describe normal pictures by one Gaussian per depth of the network, and measure how far off a new one is.",
        ),
        quick=Sentence("methods.mahalanobis.quick", "Nothing is changed."),
        home="detectors.methods.mahalanobis:MahalanobisAD",
    ),
    "padim": Card(
        key="padim",
        title="PaDiM",
        year=2020,
        unit=Sentence("methods.padim.unit", "patch, at a fixed position"),
        score=Sentence("methods.padim.score", "maximum of the smoothed map of Mahalanobis distances"),
        memory=Sentence("methods.padim.memory", "one Gaussian per position"),
        grows=True,
        needs_alignment=True,
        has_map=True,
        paper="PaDiM: a Patch Distribution Modeling Framework for Anomaly Detection and Localization",
        arxiv="2011.08785",
        code="xiahaifeng1995/PaDiM-Anomaly-Detection-Localization-master (not the authors')",
        licence="none stated",
        idea=Sentence(
            "methods.padim.idea",
            "Learn at every position how normal patches vary there, and measure how unlikely the patch found there is.",
        ),
        quick=Sentence("methods.padim.quick", "Nothing is changed; 100 channels are drawn."),
        home="detectors.methods.padim:Padim",
    ),
    "patchcore": Card(
        key="patchcore",
        title="PatchCore",
        year=2021,
        unit=Sentence("methods.patchcore.unit", "patch, at any position"),
        score=Sentence("methods.patchcore.score", "the largest distance of a patch to its nearest in the bank"),
        memory=Sentence("methods.patchcore.memory", "a chosen share of all normal patches"),
        grows=True,
        needs_alignment=False,
        has_map=True,
        paper="Towards Total Recall in Industrial Anomaly Detection",
        arxiv="2106.08265",
        code="amazon-science/patchcore-inspection (the authors')",
        licence="Apache-2.0",
        idea=Sentence(
            "methods.patchcore.idea",
            "Keep the normal patches that cover all others, and call a patch strange when none of them is near.",
        ),
        quick=Sentence("methods.patchcore.quick", "The bank keeps at most 4096 patches."),
        home="detectors.methods.patchcore:PatchCore",
    ),
    "cfa": Card(
        key="cfa",
        title="CFA",
        year=2022,
        unit=Sentence("methods.cfa.unit", "patch, at any position, in features that were trained for these pictures"),
        score=Sentence("methods.cfa.score", "maximum of the smoothed map of weighted distances to the nearest centre"),
        memory=Sentence("methods.cfa.memory", "one centre per position, and a small trained layer"),
        grows=False,
        needs_alignment=False,
        has_map=True,
        paper="CFA: Coupled-hypersphere-based Feature Adaptation for Target-Oriented Anomaly Localization",
        arxiv="2206.04325",
        code="sungwool/CFA_for_anomaly_localization (the authors')",
        licence="none stated",
        idea=Sentence(
            "methods.cfa.idea",
            "Train a small layer that gathers normal patches around a few centres, and measure the distance to these.",
        ),
        quick=Sentence(
            "methods.cfa.quick",
            "The second finest grid, a quarter of the dimensions, 5 epochs instead of 30.",
        ),
        home="detectors.methods.cfa:CFA",
    ),
}

# The paper's number of channels is that of its backbone.
_BY_BACKBONE: dict[tuple[str, str, str], dict[str, Any]] = {("padim", "paper", "resnet18"): {"channels": 100}}


def build(key: str, preset: str = "quick", backbone: str = "scattering", **settings: Any) -> Detector:
    """Return an unfitted detector: the preset's settings, overridden by those given.

    Args:
        key: of `METHODS`.
        preset: "quick" or "paper".
        backbone: whose features it will be fitted on; a preset may depend on it.
        settings: by name, see `settings_help`; a list is taken for a tuple. `seed` may be given to every method.

    Raises:
        SettingRefused: when a name is unknown or a value out of range; the sentence says what there is.
    """
    known = settings_help(key)
    if preset not in PRESETS:
        raise SettingRefused(
            "methods.unknown_preset",
            "There is no preset '{preset}'. Choose among {known}.",
            preset=preset,
            known=", ".join(PRESETS),
        )
    if "seed" not in known:
        settings = {name: value for name, value in settings.items() if name != "seed"}
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
    for name, value in settings.items():
        if name not in known:
            raise SettingRefused(
                "methods.unknown_setting",
                "{method} has no setting '{name}'. It has {known}.",
                method=METHODS[key].title,
                name=name,
                known=", ".join(known),
            )
        if not known[name].range.accepts(value):
            raise SettingRefused(
                "methods.out_of_range",
                "{method}'s {name} cannot be {value}. It accepts {accepted}.",
                method=METHODS[key].title,
                name=name,
                value=repr(value),
                accepted=str(known[name].range),
            )
    module, _, name = METHODS[key].home.partition(":")
    kind: type[Detector] = getattr(import_module(module), name)
    return kind(**(kind.presets[preset] | _BY_BACKBONE.get((key, preset, backbone), {}) | settings))


def settings_help(key: str) -> dict[str, Setting]:
    """Return what can be set on a method: by name, its default, its range and one line."""
    if key not in METHODS:
        raise SettingRefused(
            "methods.unknown", "There is no method '{name}'. Choose among {known}.", name=key, known=", ".join(METHODS)
        )
    return SETTINGS[key]
