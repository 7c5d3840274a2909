"""Export: the result to take away as a report, data, a model, and the script that repeats it."""

from detectors.result import Result
from pages.shared import jobs, look, shelf, weights
from pages.shared.choices import Choices, current
from pages.shared.live import live
from pages.shared.made import what_made_in_full
from pages.shared.progress import progress
from pages.shared.status import Status
from pages.shared.texts import say, text


def show(choices: Choices, status: Status, result: Result | None) -> None:
    shelf.styles()
    running = status.state == "running"
    if result is None or not result.columns:
        look.head("export", text("export.begun" if running else "export.before"))
        work(choices, status)
        shelf.empty()
        look.foot("export")
        return

    look.head("export", text("export.begun") if running else shelf.sentence(choices, result))
    work(choices, status)
    if status.stale:
        look.note(text("export.stale"), "calm")
    shelf.files(choices, result, ready=not running)
    if not running:
        shelf.python(result)
    what_made_in_full(result)
    look.foot("export")


def work(choices: Choices, status: Status) -> None:
    if status.sentence is not None:
        look.note(say(status.sentence))
        weights.way_on(jobs.weights(choices), choices, lambda: jobs.run(current()))
    if status.state == "running":
        progress(choices, status, cancel=lambda: jobs.cancel(choices))


look.frame()
live(show)
