"""How closely a backbone looks: its name says into how many tiles pictures are cut before it sees them.

"efficientnet_lite0-2x2" is `efficientnet_lite0` on 2 x 2 tiles, each as large as a whole picture would have been, so
that the network sees twice as much detail on each side. The tiles' features are laid into one grid: a method is given
more places and works as ever. Importing this does not import torch.
"""

from __future__ import annotations

import re

TILES = (1, 2, 3)  # on a side
_CLOSER = re.compile(r"(?P<backbone>.+)-(?P<down>[23])x(?P<across>[23])")


def split(name: str) -> tuple[str, int]:
    """Return a backbone's name without its tiles, and how many there are on a side.

    >>> split("efficientnet_lite0-2x2"), split("scattering")
    (('efficientnet_lite0', 2), ('scattering', 1))
    """
    found = _CLOSER.fullmatch(name)
    if found is None or found["down"] != found["across"]:
        return name, 1
    return found["backbone"], int(found["down"])


def joined(backbone: str, tiles: int) -> str:
    """Return the name that says both.

    >>> joined("scattering", 3), joined("scattering", 1)
    ('scattering-3x3', 'scattering')
    """
    return backbone if tiles == 1 else f"{backbone}-{tiles}x{tiles}"
