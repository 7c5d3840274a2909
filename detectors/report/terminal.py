"""What the command line shows and writes: progress, the table, the folder of results."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from detectors.errors import SettingRefused, written
from detectors.evaluation.thresholds import USUAL
from detectors.methods.base import Progress as Report
from detectors.result import Column, Figure, Result

console = Console()
if not console.is_terminal:
    console = Console(width=200)  # in a file or a pipe nothing is cut
errors = Console(stderr=True)


@contextmanager
def reporting(title: str) -> Iterator[Report]:
    """Show a bar with the stage and the time left while the block runs; Ctrl-C ends it.

    A Ctrl-C that a library swallows is remembered, and ends the block at its next step.
    """
    pressed = False

    def interrupt(number: int, frame: object) -> None:
        nonlocal pressed
        pressed = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[numbers]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True) as bars:
        task = bars.add_task(title, total=1.0, numbers="")

        def show(done: float, stage: str = "", **numbers: float) -> None:
            if pressed:
                raise KeyboardInterrupt
            said = "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())
            bars.update(task, completed=done, description=stage or title, numbers=said)

        try:
            yield show
        finally:
            signal.signal(signal.SIGINT, before)


FIGURES = {
    "image_auroc": "image AUROC", "pixel_auroc": "pixel AUROC", "aupro": "AUPRO",
    "average_precision": "average precision", "f1_max": "F1-max",
}  # fmt: skip


_NAMES = FIGURES | {
    "image_auroc_with_normals": "image AUROC with held-out normals",
    "pixel_average_precision": "pixel average precision", "aupro_05": "AUPRO to 0.05", "aupimo": "AUPIMO",
}  # fmt: skip


def table(result: Result) -> Table:
    """Lay out one row per column: figures with intervals, then costs; without a defective picture what there is."""
    shown = Table(title=f"{result.data}: {_counts(result)}", title_justify="left")
    for heading in ("method", "backbone"):
        shown.add_column(heading)
    measured = bool((result.labels == 1).any())
    known = FIGURES.values() if measured else ("held-out scores", "threshold", "false alarms")
    for heading in (*known, "fit s", "ms/picture", "model"):
        shown.add_column(heading, justify="right")
    for column in result.columns:
        shown.add_row(
            column.method,
            column.backbone,
            *([number(column.figures[name]) for name in FIGURES] if measured else _of_good_ones(column, result)),
            f"{column.cost.fit_seconds:.2f}",
            f"{column.cost.milliseconds_per_picture:.1f}",
            size(column.cost.model_bytes),
        )
    return shown


def _of_good_ones(column: Column, result: Result) -> tuple[str, str, str]:
    """Return what good pictures alone tell of a column: held-out scores, the threshold, and good ones above it."""
    threshold, good = USUAL.of(column), result.labels == 0
    if threshold is None:
        return "absent", "absent", "absent"
    held = f"{min(column.held_out):.4g} to {max(column.held_out):.4g}"
    alarms = int((column.scores[good] > threshold.value).sum())
    return held, f"{threshold.value:.4g}", f"{alarms} of {int(good.sum())}" if good.any() else "absent"


def rows(headings: Sequence[str], cells: Iterable[Sequence[str]], right: Collection[str] = ()) -> Table:
    """Lay out texts as they are, under headings; those in `right` are numbers. What is empty needs no heading."""
    filled, shown = list(cells), Table()
    used = [i for i, heading in enumerate(headings) if heading or any(row[i] for row in filled)]
    for heading in (headings[i] for i in used):
        shown.add_column(heading, justify="right" if heading in right else "left", overflow="fold")
    for row in filled:
        shown.add_row(*(Text(row[i]) for i in used))
    return shown


def number(figure: Figure) -> str:
    """Write a figure with its interval.

    >>> number(Figure(0.886, 0.64, 0.97))
    '0.886 [0.640, 0.970]'
    >>> number(Figure(None))
    'absent'
    """
    if figure.value is None:
        return "absent"
    interval = f" [{figure.low:.3f}, {figure.high:.3f}]" if figure.low is not None and figure.high is not None else ""
    return f"{figure.value:.3f}{interval}"


def size(count: int) -> str:
    """Write a number of bytes.

    >>> size(2_500_000)
    '2.5 MB'
    """
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= one:
            return f"{count / one:.1f} {unit}"
    return f"{count} B"


def remarks(result: Result) -> Iterator[str]:
    """Yield what belongs under the table: warnings, failures, notes of the fits, reasons of absent figures."""
    said = dict.fromkeys(str(warning) for warning in result.warnings)
    for failure in result.failures:
        said[f"{failure.key}: {failure.sentence}"] = None
    for column in result.columns:
        for note in column.notes:
            said[f"{column.method}: {note}"] = None
    said |= dict.fromkeys(_absences(result) if (result.labels == 1).any() else [_ONLY_GOOD])
    for column in result.columns:
        weights = column.weights
        kind = f"{weights.source}, sha256 {weights.sha256[:12]}, {column.engine}"
        said[f"weights of {column.backbone}: {weights.origin} ({kind})"] = None
    yield from said
    cost = result.columns[0].cost if result.columns else None
    if cost:
        where = result.versions.get("device", "")
        yield f"The backbone pass takes {cost.backbone_milliseconds:.1f} ms a picture and is shared; device: {where}."


_ONLY_GOOD = (
    "No defective picture is tested, so there are no figures of how well methods separate. What good ones alone tell "
    "stands above. Add defective pictures, or let the app paste some in on its page Images; they stay labelled as "
    "synthetic."
)


def _absences(result: Result) -> Iterator[str]:
    """Yield why figures are absent, once for all methods and figures of one reason."""
    lacking: dict[str, list[tuple[str, str]]] = {}
    for column in result.columns:
        for name, figure in column.figures.items():
            if figure.value is None and figure.reason is not None:
                lacking.setdefault(str(figure.reason), []).append((_NAMES.get(name, name), column.method))
    for reason, found in lacking.items():
        names, methods = (", ".join(dict.fromkeys(each)) for each in zip(*found, strict=True))
        yield f"{names} of {methods}: {reason}"


@contextmanager
def finished_folder(target: Path) -> Iterator[Path]:
    """Give a folder to write into; it takes the target's place only when the block ends well.

    Raises:
        SettingRefused: as `check_folder` does.
    """
    check_folder(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        yield partial
        shutil.rmtree(target, ignore_errors=True)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def check_writable(target: Path) -> None:
    """Raise `SettingRefused` where nothing can be written at a path, by writing a file beside it that has no name."""
    above = next(folder for folder in target.absolute().parents if folder.exists())
    try:
        for folder in (above, target) if target.is_dir() else (above,):
            with tempfile.TemporaryFile(dir=folder):
                pass
    except OSError as error:
        raise SettingRefused(
            "terminal.not_writable",
            "Nothing can be written at {target}: {why}. Name another place with --out.",
            target=str(target),
            why=error.strerror or str(error),
        ) from None


def check_folder(target: Path) -> None:
    """Raise `SettingRefused` when a path is a file, or a folder of what an earlier run did not write."""
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not (target / "result.json").exists())):
        raise SettingRefused(
            "terminal.folder_taken",
            "{target} exists and was not written by this program. Name another folder with --out.",
            target=str(target),
        )


def check_file(target: Path, mark: str) -> None:
    """Raise `SettingRefused` when a path is a folder, or a file without the mark of what this program writes there."""
    if target.is_dir() or (target.exists() and not _holds(target, mark.encode())):
        raise SettingRefused(
            "terminal.file_taken",
            "{target} exists and was not written by this program. Name another file with --out.",
            target=str(target),
        )


def _holds(path: Path, mark: bytes) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(mark) >= 0


def _counts(result: Result) -> str:
    labels = result.labels
    return written(
        "{learnt} normal [picture|pictures] learnt, {held_out} held out, {tested} tested ({bad} defective, "
        "{good} good)",
        learnt=len(result.learnt), held_out=len(result.held_out), tested=len(result.test),
        bad=int((labels == 1).sum()), good=int((labels == 0).sum()),
    )  # fmt: skip
