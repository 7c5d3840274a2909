"""The card of MahalanobisAD."""

from detectors.errors import Sentence
from detectors.methods.card import TABLES, Card, Published
from detectors.methods.settings import Levels, OneOf, Real, Setting

CARD = Card(
    key="mahalanobis",
    title="MahalanobisAD",
    short="Mahalanobis",
    year=2020,
    unit=Sentence("methods.mahalanobis.unit", "whole picture, by the mean of its features"),
    score=Sentence("methods.mahalanobis.score", "sum over the levels of the Mahalanobis distance"),
    memory=Sentence("methods.mahalanobis.memory", "one mean and one covariance per level"),
    grows="never",
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
    settings={
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
    learnt=(
        {
            "means_": "each float 2 c",
            "bases_": "each float r c",
            "precisions_": "each float r",
            "rests_": "each number",
            "rhos_": "each number",
            "pictures_": "count",
        },
    ),
    published=(
        Published("tf_efficientnet_b4, plain sum of levels", 94.8, None, None, TABLES, spread=1.6),
        Published("tf_efficientnet_b4, augmented training", 95.2, None, None, TABLES),
        Published("tf_efficientnet_b4, augmented training, NPCA 1 %", 95.8, None, None, TABLES, spread=1.2),
    ),
)
