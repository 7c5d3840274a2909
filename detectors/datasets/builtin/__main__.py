"""Draws the sets that come with the package: `python -m detectors.datasets.builtin`, which takes three minutes."""

from detectors.datasets.builtin import ready
from detectors.datasets.builtin.collection import draw, key_of, planned


def main() -> None:
    """Draw the set that the app opens with and write its file."""
    shots = planned(ready.PRODUCT)
    written = ready.write(ready.PRODUCT, key_of(ready.PRODUCT, shots), *draw(ready.PRODUCT, shots))
    print(f"{written}: {written.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
