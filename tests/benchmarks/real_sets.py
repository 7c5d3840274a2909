"""What all methods reach on real pictures, with fixed and with trained features, in their quick presets.

    python -m tests.benchmarks.real_sets FOLDER [BACKBONE ...]

FOLDER holds one folder per data set, in any layout that the program reads. Prints image AUROC and AUPRO per set, and
their means. Exits with 1 where trained features stay below the figures that raw ones reached when they came in.
"""

import statistics
import sys
from pathlib import Path

from detectors import datasets
from detectors.comparison.comparison import Comparison
from detectors.methods import METHODS

BACKBONES = ("scattering", "efficientnet_lite0")
BARS = {  # AUPRO of efficientnet_lite0 with quick presets, by the name of the set's folder
    "hazelnut_reduced": {"patchcore": 0.87, "spade": 0.91, "padim": 0.88, "cfa": 0.89},
    "transistor_reduced": {"patchcore": 0.89, "spade": 0.74, "padim": 0.76, "cfa": 0.82},
}


def shown(value: float | None) -> str:
    return "  -  " if value is None else f"{value:.3f}"


def main(folder: str, *backbones: str) -> int:
    missed, found = [], {}
    for place in sorted(path for path in Path(folder).iterdir() if path.is_dir()):
        data = datasets.load_folder(place)
        print(f"{place.name}: {len(data.train)} normal, {len(data.test)} test pictures", flush=True)
        for backbone in backbones or BACKBONES:
            result = Comparison(backbones=(backbone,)).run(data)
            for column in result.columns:
                auroc, aupro = column.figures["image_auroc"].value, column.figures["aupro"].value
                bar = BARS.get(place.name, {}).get(column.method) if backbone == "efficientnet_lite0" else None
                found.setdefault((column.method, backbone), []).append((auroc, aupro))
                below = bar is not None and (aupro is None or aupro < bar)
                missed += [column.key] * below
                said = "" if bar is None else f"  bar {bar:.2f}: {'BELOW' if below else 'reached'}"
                print(
                    f"  {column.method:12} {backbone:20} AUROC {shown(auroc)}  AUPRO {shown(aupro)}{said}", flush=True
                )
    print("mean over sets")
    for (method, backbone), figures in found.items():
        means = [None if None in values else statistics.fmean(values) for values in zip(*figures, strict=True)]
        print(f"  {METHODS[method].title:12} {backbone:20} AUROC {shown(means[0])}  AUPRO {shown(means[1])}")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
