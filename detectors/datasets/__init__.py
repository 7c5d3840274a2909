"""Data sets: folders, ZIPs, uploads and the built-in demo as lists of labelled pictures with a report of every file."""

from detectors.datasets.checks import duplicates, likely_outliers, problems
from detectors.datasets.joining import Part, join
from detectors.datasets.levels import Histogram, histogram
from detectors.datasets.loading import (
    FIRST_PRODUCT,
    demo,
    from_uploads,
    load_folder,
    load_set,
    load_zip,
    sets_below,
    stamp_of_set,
)
from detectors.datasets.roles import ROLES, parse_roles
from detectors.datasets.samples import Dataset, Entry, Report, Sample
from detectors.datasets.understanding import Folder, Understanding

__all__ = [
    "FIRST_PRODUCT",
    "ROLES",
    "Dataset",
    "Entry",
    "Folder",
    "Histogram",
    "Part",
    "Report",
    "Sample",
    "Understanding",
    "demo",
    "duplicates",
    "from_uploads",
    "histogram",
    "join",
    "likely_outliers",
    "load_folder",
    "load_set",
    "load_zip",
    "parse_roles",
    "problems",
    "sets_below",
    "stamp_of_set",
]
