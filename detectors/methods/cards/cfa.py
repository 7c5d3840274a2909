"""The card of CFA."""

from detectors.errors import Sentence
from detectors.methods.card import ANOMALIB, Card, Published
from detectors.methods.settings import GRID, SEED, SIGMA, Real, Setting, Whole, levels

README = "README of sungwool/CFA_for_anomaly_localization"
_BEST_EPOCH = Sentence(
    "published.best_epoch",
    "Each figure is the best of 30 epochs as measured on the test pictures; figures of the last epoch are lower.",
)

CARD = Card(
    key="cfa",
    title="CFA",
    year=2022,
    unit=Sentence("methods.cfa.unit", "patch, at any position, in features that were trained for these pictures"),
    score=Sentence("methods.cfa.score", "maximum of the smoothed map of weighted distances to the nearest centre"),
    memory=Sentence("methods.cfa.memory", "one centre per position, and a small trained layer"),
    grows="never",
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
    settings={
        "levels": levels(0, 1, 2),
        "grid": GRID,
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
        "stride": Setting(
            1, Whole(1, 64), Sentence("settings.cfa.stride", "One in so many patches is looked at in a training step.")
        ),
        "learning_rate": Setting(
            0.001, Real(0, 1), Sentence("settings.cfa.learning_rate", "How far one training step moves the layer.")
        ),
        "weight_decay": Setting(
            0.0005, Real(0, 1), Sentence("settings.cfa.weight_decay", "How strongly the layer is drawn towards zero.")
        ),
        "radius": Setting(
            1e-5, Real(0, 1e3), Sentence("settings.cfa.radius", "Radius of the spheres before training.")
        ),
        "sigma": SIGMA,
        "seed": SEED,
    },
    learnt=(
        {
            "weight_": "float D sum(c)+2",
            "bias_": "float D",
            "bank_": "float M D",
            "places_": "index M < H*W",
            "radius_": "number",
            "losses_": "numbers",
            "grid_size_": "counts H W",
            "channels_": "each count c",
            "pictures_": "count",
            "run_": "count",
        },
    ),
    published=(
        Published("wide_resnet50_2, resized and cropped", 99.3, 98.2, None, README, _BEST_EPOCH),
        Published("wide_resnet50_2, resized only", 99.0, 98.5, None, README, _BEST_EPOCH),
        Published(
            "CFA++, wide_resnet50_2",
            99.5,
            98.5,
            None,
            README,
            Sentence(
                "published.cfa_plus",
                "Per category the better of cropped and uncropped, and the best epoch, were chosen on the test "
                "pictures.",
            ),
        ),
        Published(
            "wide_resnet50_2, anomalib",
            95.6,
            98.3,
            92.4,
            ANOMALIB,
            Sentence(
                "published.anomalib_cfa",
                "In anomalib the radius is not trained, so nothing repels, and training stops early.",
            ),
        ),
    ),
)
