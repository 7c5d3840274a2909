"""Inspect."""

from pages.shared import look
from pages.shared.texts import text

look.frame()
look.head("inspect", text("inspect.lead"))
look.foot("inspect")
