"""Export."""

from pages.shared import look
from pages.shared.texts import text

look.frame()
look.head("export", text("export.lead"))
look.foot("export")
