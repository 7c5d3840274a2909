"""One photograph: a pure function of product, seed, flaw, severity and eight camera numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from detectors.datasets.builtin import capsules, circuit, leather, link, textile
from detectors.datasets.builtin.camera import NUMBERS, Camera, photograph
from detectors.datasets.builtin.planes import Mask, Plane, reduced_mask
from detectors.errors import SettingRefused

RECIPE_VERSION = 2  # raise it when any picture changes: pictures kept on disk are then drawn anew

Draw = Callable[
    [np.random.Generator, np.random.Generator, str | None, float, Camera, bool],
    tuple[Plane, Plane],
]


@dataclass(frozen=True)
class Product:
    """What can be photographed, and what can be wrong with it.

    Attributes:
        number: separates the product's random streams from the others'.
        kinds: every kind of defect.
        logical: kinds where every small patch is normal and the whole is not.
        whole: kinds whose mask is the whole picture: no use for pixel figures.
        draw: (part stream, flaw stream, kind, severity, camera, rotate) -> linear light, mask.
    """

    number: int
    kinds: tuple[str, ...]
    logical: tuple[str, ...]
    whole: tuple[str, ...]
    draw: Draw


PRODUCTS: dict[str, Product] = {
    "circuit": Product(4, circuit.KINDS, circuit.LOGICAL, (), circuit.draw),
    "capsules": Product(5, capsules.KINDS, capsules.LOGICAL, ("count",), capsules.draw),
    "link": Product(6, link.KINDS, link.LOGICAL, (), link.draw),
    "textile": Product(1, textile.KINDS, textile.LOGICAL, (), textile.draw),
    "leather": Product(2, leather.KINDS, leather.LOGICAL, ("grain",), leather.draw),
}


def render(
    product: str,
    seed: int,
    kind: str | None = None,
    severity: float = 1.0,
    camera: Sequence[float] | None = None,
    rotate: bool = True,
) -> tuple[NDArray[np.uint8], Mask]:
    """Return one photograph, (256, 256, 3) uint8 sRGB, and its mask, (256, 256) bool.

    The part, the flaw and the camera draw from three separate streams, so the same seed with and without `kind`
    is the same photograph but for the defect. `camera` holds eight numbers in [0, 1] (drawn from the seed when
    None); `rotate=False` holds the link at one angle.
    """
    check(product, () if kind is None else (kind,), (severity,))
    if seed < 0:
        raise SettingRefused("demo_set.seed", "The seed is {found}; use 0 or a positive whole number.", found=seed)
    if camera is not None and len(camera) != NUMBERS:
        raise SettingRefused(
            "demo_set.camera",
            "{found} camera numbers were given; give {wanted} between 0 and 1.",
            found=len(camera),
            wanted=NUMBERS,
        )
    recipe = PRODUCTS[product]
    part, flaw, shutter = (np.random.default_rng([seed, recipe.number, stream]) for stream in range(3))
    drawn = shutter.random(NUMBERS)  # drawn in any case: the noise that follows stays the same
    settings = Camera.of(drawn.tolist() if camera is None else camera)
    light, mask = recipe.draw(part, flaw, kind, float(severity), settings, rotate)
    return photograph(light, settings, shutter), reduced_mask(mask)


def check(product: str, kinds: Sequence[str], severities: Sequence[float]) -> None:
    """Refuse a product, kind or severity that does not exist."""
    if product not in PRODUCTS:
        raise SettingRefused(
            "demo_set.product",
            'There is no product "{found}"; choose one of {known}.',
            found=product,
            known=", ".join(PRODUCTS),
        )
    known = PRODUCTS[product].kinds
    for kind in kinds:
        if kind not in known:
            raise SettingRefused(
                "demo_set.kind",
                'The product {product} has no defect "{found}"; choose among {known}.',
                product=product,
                found=kind,
                known=", ".join(known),
            )
    for severity in severities:
        if not 0 <= severity <= 1:
            raise SettingRefused(
                "demo_set.severity",
                "The severity is {found}; it lies between 0 (barely visible) and 1 (glaring).",
                found=severity,
            )
