"""What the lesson under stress measures: what one dirty picture in a bank hides, and what shrinkage does for few."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from detectors.comparison.comparison import Pictures, Stores
    from detectors.methods.base import Detector
    from detectors.methods.gaussian import LowRankGaussian

_DRAWS = 3
_HARDLY = 1e-6  # of the mean variance, added where nothing else is: without it no distance would be finite


@dataclass(frozen=True)
class Forgotten:
    """Scores of the defective test pictures before and after one of them was learnt as if it were normal.

    Attributes:
        picture: index of that test picture.
        tests: (K,) indices of all defective ones.
        before, after: (K,) raw scores.
    """

    picture: int
    tests: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]


def forgotten(detector: Detector, stores: Stores, pictures: Pictures, scores: tuple[float, ...]) -> Forgotten | None:
    """Fit once more with the highest-scoring defective picture among the normal ones; None where there is none.

    Args:
        detector: fitted; it stays as it is.
        stores: the run's features.
        pictures: of the run.
        scores: of all test pictures, as the detector gave them.
    """
    tests = np.flatnonzero(pictures.labels == 1)
    if not len(tests):
        return None
    before = np.array(scores)[tests]
    dirty = int(tests[before.argmax()])
    everything = stores.learnt.joined(stores.test)
    learnt = [*range(len(stores.learnt)), len(stores.learnt) + dirty]
    again = type(detector)(**detector.settings).fit(everything.subset(learnt))
    after = [again.scores(batch).double().cpu().numpy() for batch in stores.test.subset(tests)]
    return Forgotten(dirty, tests, before, np.concatenate(after))


@dataclass(frozen=True)
class Shrunk:
    """How far new normal pictures lie from Gaussians over few of them, as a multiple of how far learnt ones do.

    Attributes:
        counts: (T,) pictures that a Gaussian was fitted on.
        weights: (T,) how much of an even covariance is mixed in, averaged over stages and draws.
        shrunk, plain: (T,) median distances with shrinkage and without, over those of the learnt pictures.
    """

    counts: tuple[int, ...]
    weights: NDArray[np.float64]
    shrunk: NDArray[np.float64]
    plain: NDArray[np.float64]


def shrunk(detector: Detector, stores: Stores, pictures: Pictures) -> Shrunk:
    """Fit Gaussians over 4, 8, 16, ... learnt pictures, with Ledoit and Wolf's shrinkage and without."""
    import torch

    learnt, new = (_pooled(store) for store in (stores.learnt, stores.held_out))
    counts = tuple(2**i for i in range(2, 20) if 2**i <= len(learnt[0]))
    found = np.zeros((3, len(counts), _DRAWS))
    for d in range(_DRAWS):
        order = torch.from_numpy(np.random.default_rng(d).permutation(len(learnt[0])))
        for t, count in enumerate(counts):
            rows, sums, weights = order[:count], [torch.zeros(2, n) for n in (count, len(new[0]))], []
            for own, others in zip(learnt, new, strict=True):
                gaussians, weight = _both(own[rows])
                weights.append(weight)
                for side, samples in enumerate((own[rows], others)):
                    for i, gaussian in enumerate(gaussians):
                        sums[side][i] += gaussian.squared_distance(samples).clamp(min=0).sqrt()
            within, beyond = (each.median(dim=1).values for each in sums)  # (2,) each
            found[0, t, d] = np.mean(weights)
            found[1:, t, d] = (beyond / within.clamp(min=1e-12)).numpy()
    weights, with_it, without = np.median(found, axis=2)
    return Shrunk(counts, weights, with_it, without)


def _both(samples: Tensor) -> tuple[tuple[LowRankGaussian, LowRankGaussian], float]:
    """Return a Gaussian with shrinkage and one of the bare sample covariance, and how much was mixed in."""
    from dataclasses import replace

    from detectors.methods.gaussian import LowRankGaussian

    shrunk, weight = LowRankGaussian.fit(samples)
    along = samples.double() - samples.double().mean(0)
    variances = (along @ shrunk.basis.double().T).square().mean(0)  # (r,)
    little = _HARDLY * float(along.square().mean())
    plain = replace(shrunk, precision=(1 / (variances + little)).float(), rest=1 / little if shrunk.rest else 0.0)
    return (shrunk, plain), weight


def _pooled(store: object) -> list[Tensor]:
    import torch

    return [torch.cat(parts).cpu() for parts in zip(*(batch.pooled for batch in store), strict=True)]  # type: ignore[attr-defined]
