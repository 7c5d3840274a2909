"""The card of SPADE."""

from detectors.errors import Sentence
from detectors.methods.card import TABLES, Card, Published
from detectors.methods.settings import SIGMA, OneOf, Setting, Whole, levels

CARD = Card(
    key="spade",
    title="SPADE",
    year=2020,
    unit=Sentence("methods.spade.unit", "picture, then any place within its most similar normal pictures"),
    score=Sentence("methods.spade.score", "mean distance of the pooled features to the K nearest normal pictures"),
    memory=Sentence("methods.spade.memory", "all features of all normal pictures"),
    grows="always",
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
    settings={
        "levels": levels(0, 1, 2),
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
        "sigma": SIGMA,
    },
    learnt=(
        {
            "gallery_": "each float N h w c",
            "norms_": "each float N h w",
            "centres_": "each float c",
            "pooled_": "float N Z",
        },
    ),
    published=(
        Published(
            "wide_resnet50_2, K = 50",
            85.5,
            96.0,
            91.7,
            TABLES,
            Sentence(
                "published.spade_pixel",
                "A pixel AUROC of 96.5 is widely quoted; the published values per category average 96.03.",
            ),
        ),
    ),
)
