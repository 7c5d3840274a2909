"""What a page needs to know of the work behind it; the backend fills it in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from detectors.errors import Sentence

if TYPE_CHECKING:
    from detectors.workers import Stage


@dataclass(frozen=True)
class Status:
    """How the shown result stands to the choices, and how far the work is.

    Attributes:
        state: "idle" nothing was asked for; "running"; "done"; "failed" nothing succeeded; "refused" before the start.
        stages: how far each part is: "stores:<backbone>" and one per column ("patchcore/scattering").
        stale: whether the shown result answers other choices than the present ones.
        other: whether it is a result of other pictures than the chosen ones, edits apart.
        shared: whether somebody else's run gave the result at once.
        sentence: why it failed or was refused.
        seconds, size: the estimate for the present choices: time, and memory in bytes.
        trouble: why no work is done at present; None while all is well.
        counts: pictures to learn from, held out, to test; None while unknown.
    """

    state: Literal["idle", "running", "done", "failed", "refused"] = "idle"
    stages: tuple[Stage, ...] = ()
    stale: bool = False
    other: bool = False
    shared: bool = False
    sentence: Sentence | None = None
    seconds: float | None = None
    size: int | None = None
    counts: tuple[int, int, int] | None = None
    trouble: Sentence | None = None

    def stage(self, key: str) -> Stage | None:
        """Return the part called `key`, the one still at work first."""
        found = [stage for stage in self.stages if stage.key == key]
        return next((stage for stage in found if stage.state != "done"), found[-1] if found else None)
