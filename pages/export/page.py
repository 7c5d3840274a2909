"""Export: the result to take away as a report, data, a model, and the script that repeats it."""

from detectors.result import Result
from pages.export import benchmark, files, line
from pages.frame import style
from pages.frame.progress import work
from pages.frame.provenance import what_made_in_full
from pages.frame.refresh import live
from pages.frame.state import Choices
from pages.frame.status import Status
from pages.frame.words import text


def show(choices: Choices, status: Status, result: Result | None) -> None:
    files.styles()
    running = status.state == "running"
    if result is None or not result.columns:
        style.head("export", text("export.begun" if running else "export.before"))
        work(choices, status)
        files.empty()
        benchmark.opened()
        style.foot("export")
        return

    style.head("export", text("export.begun") if running else files.sentence(choices, result))
    work(choices, status)
    if status.stale:
        style.note(text("export.stale"), "calm")
    files.files(choices, result, ready=not running)
    line.line(choices, result, ready=not running)
    if not running:
        files.python(choices, result)
    benchmark.opened()
    what_made_in_full(result)
    style.foot("export")


live(show)
