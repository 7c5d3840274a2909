"""Learn."""

from pages.shared import look
from pages.shared.texts import text

look.frame()
look.head("learn", text("learn.lead"))
look.foot("learn")
