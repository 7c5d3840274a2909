"""Images."""

from pages.shared import look
from pages.shared.texts import text

look.head("images", text("images.lead"))
look.foot("images")
