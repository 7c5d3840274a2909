"""What the studio's child processes run: one job a line comes in, one picture and its mask go out as bytes."""

import json
import sys

import numpy as np

from detectors.datasets.builtin.rendering import render


def main() -> None:
    """Draw a picture for each line of standard input until it ends."""
    for line in sys.stdin:
        picture, mask = render(*json.loads(line))
        sys.stdout.buffer.write(picture.tobytes() + np.packbits(mask).tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
