"""Images."""

from pages.shared import look
from pages.shared.texts import text

look.frame()
look.head("images", text("images.lead"))
look.foot("images")
