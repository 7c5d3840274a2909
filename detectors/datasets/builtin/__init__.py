"""The built-in pictures: five products drawn by arithmetic, with exact masks and known severities.

>>> picture, mask = render("circuit", seed=7, kind="scratch", severity=0.5)
>>> picture.shape, mask.shape
((256, 256, 3), (256, 256))
"""

from detectors.datasets.builtin.collection import DemoSet, Shot, build, write_mvtec
from detectors.datasets.builtin.rendering import PRODUCTS, RECIPE_VERSION, Product, render

__all__ = ["PRODUCTS", "RECIPE_VERSION", "DemoSet", "Product", "Shot", "build", "render", "write_mvtec"]
