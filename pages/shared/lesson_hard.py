"""Lesson hard."""

from __future__ import annotations

from collections.abc import Callable

FIGURES: dict[str, Callable[..., None]] = {}
VALUES: dict[str, Callable[..., str | None]] = {}
