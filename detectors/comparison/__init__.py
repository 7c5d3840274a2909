"""Many detectors on the same pictures: the comparison, what it will cost, and a fitted detector that is kept."""
