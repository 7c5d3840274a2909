"""What settings reach on the built-in products with trained features: how the quick presets were chosen.

    python -m tests.benchmarks.presets [BACKBONE [PRODUCT ...]]

Prints image AUROC and AUPRO of each candidate and what it costs, then their means over the products. The pictures are
drawn with a seed that no other figure uses; the real sets of `real_sets` had no part in the choice.
"""

import statistics
import sys
import time

from detectors import datasets
from detectors.comparison.comparison import Comparison, extract, fit_and_score
from detectors.datasets.builtin import PRODUCTS
from detectors.features.weights import DEFAULT
from detectors.methods import build

SEED = 11
CANDIDATES = {
    "cfa": (
        {"grid": 1, "gamma_d": 4, "epochs": 5, "stride": 3},
        {"grid": 1, "gamma_d": 4, "epochs": 5},
        {"grid": 1, "gamma_d": 4, "epochs": 3},
        {"grid": 1, "gamma_d": 2, "epochs": 5},
        {"grid": 1, "gamma_d": 1, "epochs": 5},
        {"grid": 1, "gamma_d": 1, "epochs": 2},
    ),
    "patchcore": (
        {},
        {"levels": (0, 1, 2), "grid": 1},
        {"levels": (1, 2), "grid": 1, "ratio": 0.25},
        {"levels": (1, 2, 3), "grid": 1},
        {"levels": (2,), "grid": 1},
    ),
    "spade": ({"levels": (1, 2)}, {"levels": (0, 1, 2)}, {"levels": (2,)}),
    "padim": ({}, {"levels": (1, 2)}, {"grid": 1}),
}


def main(backbone: str = DEFAULT, *products: str) -> None:
    comparison = Comparison(backbones=(backbone,))
    network = comparison.load(backbone)
    found: dict[str, list[tuple[float, float]]] = {}
    for product in products or PRODUCTS:
        data = datasets.demo(product, normal=48, good=20, per=3, severities=(1.0,), seed=SEED)
        pictures = comparison.prepare(data)
        stores = extract(pictures, network)
        for method, candidates in CANDIDATES.items():
            for settings in candidates:
                name = f"{method} {settings}"
                started = time.process_time()
                column, _ = fit_and_score(build(method, **settings), stores, pictures)
                figures = tuple(column.figures[key].value for key in ("image_auroc", "aupro"))
                found.setdefault(name, []).append(figures)
                auroc, aupro = figures
                seconds = time.process_time() - started
                print(f"{product:9} {auroc:.3f} {aupro:.3f} {seconds:6.1f} s of processor time  {name}", flush=True)
    print("mean over the products")
    for name, figures in found.items():
        auroc, aupro = (statistics.fmean(values) for values in zip(*figures, strict=True))
        print(f"          {auroc:.3f} {aupro:.3f}  {name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
