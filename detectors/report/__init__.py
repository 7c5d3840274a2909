"""A result to take away: a report as one HTML file, tables, a ZIP with all maps, and the script that repeats it."""

from detectors.report.archive import map_files, stem, write_folder, write_zip
from detectors.report.charts import draw
from detectors.report.page import html
from detectors.report.provenance import as_text, facts
from detectors.report.script import fingerprint, identity, script
from detectors.report.tables import cell, to_json, write_csv

__all__ = [
    "as_text",
    "cell",
    "draw",
    "facts",
    "fingerprint",
    "html",
    "identity",
    "map_files",
    "script",
    "stem",
    "to_json",
    "write_csv",
    "write_folder",
    "write_zip",
]
