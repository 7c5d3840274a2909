"""What training needs and no method is about: pictures in shuffled batches and bounded memory, and a light AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from math import sqrt

import torch
from torch import Tensor
from torch.optim.adamw import adamw

Picture = tuple[Tensor, ...]  # one tensor per level
FIRST, SECOND = 0.9, 0.999  # how much of the gradient's running moments a step keeps: torch's and the paper's defaults


class Pictures:
    """Pictures to go through again and again: kept when they fit in one run, otherwise read again each time.

    Attributes:
        run: how many pictures are held, and shuffled, at once.
    """

    def __init__(self, read: Callable[[], Iterator[Picture]], count: int, most: int) -> None:
        self.run = min(count, most)
        self._read = read
        self._kept = list(read()) if count <= most else None

    def means(self) -> Picture:
        """Average the pictures one by one, as a running mean."""
        pictures = self._each()
        means = tuple(level.clone() for level in next(pictures))
        for n, picture in enumerate(pictures, start=2):
            for mean, level in zip(means, picture, strict=True):
                mean.lerp_(level, 1 / n)
        return means

    def batches(self, size: int, generator: torch.Generator) -> Iterator[Picture]:
        """Shuffle within each run and stack whole batches, (size, ...) per level; an incomplete one is left out."""
        pictures = self._each()
        while run := list(islice(pictures, self.run)):
            order = torch.randperm(len(run), generator=generator).tolist()
            for start in range(0, len(run) - size + 1, size):
                chosen = [run[i] for i in order[start : start + size]]
                yield tuple(torch.stack(level) for level in zip(*chosen, strict=True))

    def _each(self) -> Iterator[Picture]:
        return self._read() if self._kept is None else iter(self._kept)


class AdamW:
    """Torch's own update with amsgrad, without the class around it, whose first use takes over a second.

    Attributes:
        reach: no step moves a parameter away from 0 by more (Kingma & Ba, "Adam", 2015, section 2.1: the learning rate
            times (1 - beta1) / sqrt(1 - beta2); the greatest second moment and the decay only make it less).
    """

    def __init__(self, parameters: list[Tensor], learning_rate: float, weight_decay: float) -> None:
        self.parameters = [p.requires_grad_() for p in parameters]
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.reach = learning_rate * (1 - FIRST) / sqrt(1 - SECOND)
        self.first, self.second, self.greatest = ([torch.zeros_like(p) for p in parameters] for _ in range(3))
        self.counts = [torch.zeros(()) for _ in parameters]

    @torch.no_grad()
    def step(self, loss: Tensor) -> None:
        """Move the parameters against the loss's gradient."""
        adamw(
            self.parameters,
            list(torch.autograd.grad(loss, self.parameters)),
            self.first,
            self.second,
            self.greatest,
            self.counts,
            foreach=False,
            amsgrad=True,
            beta1=FIRST,
            beta2=SECOND,
            lr=self.learning_rate,
            weight_decay=self.weight_decay,
            eps=1e-8,
            maximize=False,
        )
