"""This project's PatchCore and PaDiM against anomalib's: the same pictures, the same weights, in turns.

    python -m tests.benchmarks.peers PYTHON [normal pictures]

PYTHON is an interpreter with anomalib (`python -m venv peers && peers/bin/pip install anomalib`); without one it says
so and exits with 0. Built-in circuit boards at 224 pixels, a ResNet18 with the same random weights, 10 % of the
patches, 100 of the channels. A fit goes from pictures to the fitted method, backbone included, and so does a score, one
picture at a time. Prints medians of three rounds, ratios (below 1: faster here), and how alike both order the test
pictures: their PatchCore picks on another projection, and their PaDiM draws other channels.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.stats import spearmanr

from detectors.datasets.builtin import build
from detectors.features.backbone import load_backbone
from detectors.features.store import FeatureStore
from detectors.methods.padim import Padim
from detectors.methods.patchcore import PatchCore

ROUNDS, TEST = 3, 12
OURS = {"patchcore": PatchCore(squared=False, reweight=9), "padim": Padim(channels=100)}


def reason_to_skip(python: str | None) -> str:
    """Why there is nothing to compare with; empty where there is."""
    if python is None or not Path(python).exists():
        return f"no Python at {python}" if python else "name a Python with anomalib"
    code = "import anomalib.models.image.patchcore.torch_model"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"anomalib is not to be imported there: {done.stderr.strip()[-200:]}"


class Theirs:
    """A process that answers line by line."""

    def __init__(self, python: str, *arguments: str) -> None:
        command = [python, str(Path(__file__).with_name("theirs.py")), *arguments]
        silent = os.environ | {"TQDM_DISABLE": "1"}  # drawing its bars is no part of what is compared
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=silent)
        self._answer()

    def __call__(self, work: str, method: str) -> Any:
        assert self._process.stdin is not None
        print(json.dumps([work, method]), file=self._process.stdin, flush=True)
        return self._answer()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        for line in self._process.stdout:  # others' libraries print too
            if line.startswith(('"', "{")):
                return json.loads(line)
        raise SystemExit("anomalib's process ended without an answer")


def main() -> int:
    python = sys.argv[1] if len(sys.argv) > 1 else None
    if reason := reason_to_skip(python):
        print(f"skipped: {reason}")
        return 0
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    made = build("circuit", normal=count, good=TEST // 2, per=1)
    pixels = made.pictures[:, 16:240, 16:240]
    normal, test = pixels[:count], pixels[-TEST:]
    backbone = load_backbone("resnet18", "random", device="cpu", depth=3)
    threads = torch.get_num_threads()
    with tempfile.TemporaryDirectory() as folder:
        model: Any = backbone._network
        save_file({k: v.contiguous() for k, v in model.model.state_dict().items()}, f"{folder}/weights.safetensors")
        backbone = load_backbone("resnet18", f"{folder}/weights.safetensors", device="cpu", depth=3)
        backbone(torch.zeros(1, 3, 224, 224))  # writes and checks the graph
        mean, deviation = backbone.normalisation
        ready = {
            name: ((torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255 - mean) / deviation).numpy()
            for name, part in (("normal", normal), ("test", test))
        }
        np.savez(f"{folder}/pictures.npz", **ready)
        theirs = Theirs(str(python), f"{folder}/pictures.npz", f"{folder}/weights.safetensors", str(threads))
        try:
            print(f"{count} normal, {TEST} test pictures, resnet18 by {backbone.engine} here, {threads} threads")
            for name, method in OURS.items():
                compare(name, method, backbone, normal, test, theirs)
        finally:
            theirs.end()
    return 0


def compare(name: str, method: Any, backbone: Any, normal: Any, test: Any, theirs: Theirs) -> None:
    taken: dict[str, list[tuple[float, float]]] = {"fit": [], "score": []}
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        method.fit(FeatureStore.extract(normal, backbone))
        taken["fit"].append((time.perf_counter() - begun, theirs("fit", name)["seconds"]))
        begun = time.perf_counter()
        batches = [torch.from_numpy(one[None]).permute(0, 3, 1, 2).float() / 255 for one in test]
        scores = [float(method.predict(backbone(batch)).scores[0]) for batch in batches]
        ours, answer = time.perf_counter() - begun, theirs("score", name)
        taken["score"].append((ours / len(test), answer["seconds"] / len(test)))
    order = spearmanr(scores, answer["scores"]).statistic
    for work, pairs in taken.items():
        ours, others = (statistics.median(each) for each in zip(*pairs, strict=True))
        print(f"{name:10s} {work:6s} {ours:8.3f} s here, {others:8.3f} s anomalib: ratio {ours / others:.2f}")
    print(f"{name:10s} rank correlation of the {len(test)} scores {order:.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
