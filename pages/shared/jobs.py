"""What the pages ask of the workers."""

from __future__ import annotations

from detectors.result import Result
from pages.shared.choices import Choices
from pages.shared.status import Status


def look(choices: Choices) -> tuple[Status, Result | None]:
    """Return how the work stands and what is known so far; never waits."""
    return Status(), None


def run(choices: Choices) -> None:
    """Start the run of these choices, or join it."""


def cancel(choices: Choices) -> None:
    """Stop the run of these choices, unless somebody else wants it too."""
