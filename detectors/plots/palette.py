"""The colours of charts, for light and for dark grounds; methods have no colours of their own.

The one in focus is drawn in the accent, the others in grey; crimson and amber belong to verdicts. Contrast of every
pair with its ground was measured: text at least 4.5 : 1, marks at least 3 : 1.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Palette:
    """Colours as "#rrggbb".

    Attributes:
        ground, ink, muted: the paper, text and data, secondary text.
        line, control: hairlines, axes.
        accent, soft, tint: what is in focus, what is not, the ground of what is in focus.
        miss, false_alarm: the two errors.
    """

    ground: str
    ink: str
    muted: str
    line: str
    control: str
    accent: str
    soft: str
    tint: str
    miss: str
    false_alarm: str


LIGHT = Palette(
    "#FFFFFF", "#17211F", "#586663", "#DCE3E1", "#8A9794", "#0B7069", "#7C8986", "#E3F1EF", "#B3123F", "#8A4B00"
)
DARK = Palette(
    "#0D1211", "#E5ECEA", "#97A6A3", "#2B3533", "#5F6D6A", "#5FD0C0", "#788784", "#12302D", "#FF8FA8", "#FFC070"
)
