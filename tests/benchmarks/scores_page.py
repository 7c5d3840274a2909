"""Milliseconds of the server for a threshold move and a page change on Scores: wall and processor time, no browser.

Run: python -m tests.benchmarks.scores_page
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
RUNS = 30


def main() -> None:
    """Print the median and the 95 % point over `RUNS` runs of each."""
    from streamlit.testing.v1 import AppTest

    from pages.frame.style import path

    for state in ("scored", "many"):
        os.environ["ODD_FIXTURE"] = state
        app = AppTest.from_file(str(ROOT / "tests" / "fixtures" / "app.py"), default_timeout=60).run()
        app.switch_page(path("scores")).run()
        moves, changes = [], []
        for turn in range(RUNS):
            app.select_slider(key="w_allowed").set_value(2 + turn % 8)
            moves.append(_timed(app.run))
            app.switch_page(path("export")).run()
            app.switch_page(path("scores"))
            changes.append(_timed(app.run))
        for name, times in (("threshold move", moves), ("page change", changes)):
            wall, own = 1e3 * np.array(times).T
            print(
                f"{state:7} {name:12} wall {np.median(wall):5.0f} ms, p95 {np.quantile(wall, 0.95):5.0f} ms;"
                f" processor {np.median(own):5.0f} ms, p95 {np.quantile(own, 0.95):5.0f} ms"
            )


def _timed(run) -> tuple[float, float]:
    started, own = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - started, time.process_time() - own


if __name__ == "__main__":
    main()
