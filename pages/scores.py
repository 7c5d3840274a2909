"""Scores."""

from pages.shared import look
from pages.shared.texts import text

look.frame()
look.head("scores", text("scores.lead"))
look.foot("scores")
