"""The card of PatchCore."""

from detectors.errors import Sentence
from detectors.methods.card import ANOMALIB, TABLES, Card, Published
from detectors.methods.settings import GRID, SEED, SIGMA, OneOf, Real, Setting, Whole, levels

RESULTS = "results.csv and README of amazon-science/patchcore-inspection"
_ANOMALOUS_ONLY = Sentence(
    "published.pro_on_anomalous", "The overlap was averaged over anomalous pictures only, which is not the usual AUPRO."
)

CARD = Card(
    key="patchcore",
    title="PatchCore",
    year=2021,
    unit=Sentence("methods.patchcore.unit", "patch, at any position"),
    score=Sentence("methods.patchcore.score", "the largest distance of a patch to its nearest in the bank"),
    memory=Sentence("methods.patchcore.memory", "a chosen share of all normal patches"),
    grows="always",
    needs_alignment=False,
    has_map=True,
    paper="Towards Total Recall in Industrial Anomaly Detection",
    arxiv="2106.08265",
    code="amazon-science/patchcore-inspection (the authors')",
    licence="Apache-2.0",
    idea=Sentence(
        "methods.patchcore.idea",
        "Keep the normal patches that cover all others, and call a patch anomalous when none of them is near.",
    ),
    quick=Sentence(
        "methods.patchcore.quick", "The bank keeps at most 4096 patches; on EfficientNet-Lite the finest level joins."
    ),
    home="detectors.methods.patchcore:PatchCore",
    settings={
        "levels": levels(1, 2),
        "grid": GRID,
        "embedding": Setting(
            "paper",
            OneOf(("paper", "official")),
            Sentence(
                "settings.patchcore.embedding", "Join the levels' 3 × 3 means, or pool them as the official code does."
            ),
        ),
        "unit_length": Setting(
            False,
            OneOf((True, False)),
            Sentence(
                "settings.patchcore.unit_length", "Bring every patch to length 1 (AnomalyDINO, for transformers)."
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
            0.1, Real(1e-9, 1), Sentence("settings.patchcore.ratio", "Share of all normal patches that the bank keeps.")
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
        "top": Setting(
            0.0,
            Real(0, 1),
            Sentence(
                "settings.patchcore.top",
                "Share of a picture's patches, the highest, whose mean is its score; 0 for the highest alone.",
            ),
        ),
        "sigma": SIGMA,
        "seed": SEED,
    },
    learnt=(
        {
            "bank_": "float M D",
            "norms_": "float M",
            "centre_": "float D",
            "origins_": "index M 3",
            "grid_": "counts H W",
            "patches_": "count",
        },
    ),
    published=(
        Published("wide_resnet50_2, 25 %", 99.1, 98.1, 93.4, TABLES),
        Published("wide_resnet50_2, 10 %", 99.0, 98.1, 93.5, TABLES),
        Published("wide_resnet50_2, 1 %", 99.0, 98.0, 93.1, TABLES),
        Published("wide_resnet50_2, 10 %, official code", 99.2, 98.1, 94.4, RESULTS, _ANOMALOUS_ONLY),
        Published("three backbones, 320 px, official code", 99.6, 98.2, 94.9, RESULTS, _ANOMALOUS_ONLY),
        Published("wide_resnet50_2, anomalib", 98.0, 98.0, None, ANOMALIB),
    ),
)
