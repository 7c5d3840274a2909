"""The card of PaDiM."""

from detectors.errors import Sentence
from detectors.methods.card import ANOMALIB, Card, Published
from detectors.methods.settings import GRID, SEED, SIGMA, OneOf, Real, Setting, Whole, levels

SUMMARY = "public summary of the paper"

CARD = Card(
    key="padim",
    title="PaDiM",
    year=2020,
    unit=Sentence("methods.padim.unit", "patch, at a fixed position"),
    score=Sentence("methods.padim.score", "maximum of the smoothed map of Mahalanobis distances"),
    memory=Sentence("methods.padim.memory", "one Gaussian per position"),
    grows="bounded",
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
    settings={
        "levels": levels(0, 1, 2),
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
        "sigma": SIGMA,
        "grid": GRID,
        "seed": SEED,
    },
    learnt=(
        {
            "rows_": "each float h w N c",
            "factor_": "float H W N N",
            "ridge_": "float H W",
            "means_": "each float h w c",
            "channels_": "each index c",
            "grid_": "counts H W",
        },
        {
            "whitening_": "float H W sum(c) sum(c)",
            "means_": "each float h w c",
            "channels_": "each index c",
            "grid_": "counts H W",
        },
    ),
    published=(
        Published("resnet18, 100 channels", None, 96.7, 90.1, SUMMARY),
        Published("wide_resnet50_2, 550 channels", 95.3, 97.5, 92.1, SUMMARY),
        Published("tf_efficientnet_b5", 97.9, None, None, SUMMARY),
        Published("wide_resnet50_2, anomalib", 95.0, 97.9, None, ANOMALIB),
    ),
)
