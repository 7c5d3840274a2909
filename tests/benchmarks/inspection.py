"""How long a click and a stroke take, through the workers: `python tests/benchmarks/explain.py [BACKBONE ...]`.

A click is the evidence of all five methods for one place; a stroke is one picture through the backbone and all five.
Both as the page asks for them, with transport. The share is against the bare backbone pass of one picture.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parents[2])]

from detectors.comparison.comparison import Comparison  # noqa: E402
from detectors.datasets.sources import DemoSource  # noqa: E402
from detectors.queries import explain  # noqa: E402
from detectors.workers import Compute, Run  # noqa: E402

REPEATS = 9


def wait(run: Run) -> None:
    while run.state == "running":
        time.sleep(0.1)


def timed(run: Run, function, arguments) -> tuple[float, list[float]]:
    """Return the seconds of the first call and of the following ones."""
    spent = []
    for repeat in range(REPEATS + 1):
        values = arguments(repeat)
        started = time.perf_counter()
        run.ask_all(function, *values).result()
        spent.append(time.perf_counter() - started)
    return spent[0], spent[1:]


def main(backbones: list[str]) -> None:
    compute = Compute()
    for backbone in backbones:
        weights = {} if backbone == "scattering" else {backbone: "random"}
        run = compute.start(Comparison(backbones=(backbone,), weights=weights), DemoSource())
        wait(run)
        result = run.result()
        assert result is not None
        pixels = result.test[0].pixels
        passes = result.columns[0].cost.backbone_milliseconds / 1e3
        print(f"{backbone}, {len(result.learnt)} learnt, {len(result.held_out)} held out; pass {1e3 * passes:.0f} ms")
        rng = np.random.default_rng(0)

        def stroke(repeat: int, pixels=pixels, rng=rng) -> tuple:
            painted = pixels.copy()
            y, x = rng.integers(0, 200, 2)
            painted[y : y + 6, x : x + 20] = 255
            return (painted[None],)

        for name, function, arguments in (
            ("click", explain.explain_place, lambda r: ("test", r % 5, 20 * (r % 10), 100)),
            ("stroke", explain.score_pictures, stroke),
        ):
            first, later = timed(run, function, arguments)
            median, worst = float(np.median(later)), max(later)
            print(
                f"  {name:<7} first {first:.3f} s, then {median:.3f} s (worst {worst:.3f}); "
                f"{median / passes:.1f} x the pass"
            )
        started = time.perf_counter()
        run.ask_all(explain.score_pictures, np.repeat(pixels[None], 8, 0), False).result()
        print(f"  eight sizes {time.perf_counter() - started:.3f} s")
    compute.close()


if __name__ == "__main__":
    main(sys.argv[1:] or ["scattering", "resnet18"])
