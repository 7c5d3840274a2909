"""anomalib's PatchCore and PaDiM, run by a Python of its own that knows nothing of this project.

`python theirs.py pictures.npz weights.safetensors THREADS` reads a JSON line ["fit" or "score", method] at a time and
answers with seconds and, after "score", the scores.
"""

import json
import sys
import time

import numpy as np
import torch
from anomalib.models.image.padim.torch_model import PadimModel
from anomalib.models.image.patchcore.torch_model import PatchcoreModel
from safetensors.torch import load_file

BATCH = 4


def built(method, weights):
    if method == "patchcore":
        model = PatchcoreModel(layers=["layer2", "layer3"], backbone="resnet18", pre_trained=False, num_neighbors=9)
    else:
        model = PadimModel("resnet18", ["layer1", "layer2", "layer3"], pre_trained=False, n_features=100)
    extractor = model.feature_extractor.feature_extractor
    missing = extractor.load_state_dict(weights, strict=False).missing_keys
    assert not missing, missing
    extractor.eval()
    return model


def fitted(method, weights, normal):
    model = built(method, weights)
    model.train()
    model.feature_extractor.eval()
    with torch.no_grad():
        for batch in normal.split(BATCH):
            model(batch)
        if method == "patchcore":
            model.subsample_embedding(0.1)
        else:
            model.fit()
    return model.eval()


def main():
    pictures, path, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    weights = load_file(path)
    normal, test = (torch.from_numpy(np.load(pictures)[name]) for name in ("normal", "test"))
    models = {}
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        work, method = json.loads(line)
        begun = time.perf_counter()
        scores = []
        if work == "fit":
            models[method] = fitted(method, weights, normal)
        else:
            with torch.no_grad():
                scores = [float(models[method](one).pred_score) for one in test.split(1)]
        print(json.dumps({"seconds": time.perf_counter() - begun, "scores": scores}), flush=True)


if __name__ == "__main__":
    main()
