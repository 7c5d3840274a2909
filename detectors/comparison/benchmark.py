"""Every data set below a folder, compared in the same way; what has been measured before is not measured again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import detectors
from detectors import datasets
from detectors.comparison.comparison import Comparison, silent
from detectors.datasets import Dataset
from detectors.errors import Cancelled, Refusal, SettingRefused
from detectors.methods.base import Progress
from detectors.result import BenchmarkRow, Figure, MeasuredSet, Result

SETS = "sets"  # the folder with one file per measured set


Measure = Callable[[str], MeasuredSet]
Spread = Callable[[Measure, Sequence[str]], Iterator[MeasuredSet]]


def one_by_one(measure: Measure, names: Sequence[str]) -> Iterator[MeasuredSet]:
    """Measure on this machine, one set after the other."""
    return map(measure, names)


def over_scheduler(address: str) -> Spread:
    """Return what spreads sets over the workers of a Dask scheduler, which must see the same folder.

    It raises `SettingRefused` where no scheduler answers at the address.
    """

    def spread(measure: Measure, names: Sequence[str]) -> Iterator[MeasuredSet]:
        from distributed import as_completed

        with _client(address) as client:
            futures = {client.submit(measure, name, pure=False): name for name in names}
            for future in as_completed(futures, loop=client.loop):
                error = future.exception()  # a worker that ended takes its set along, not the others
                yield MeasuredSet(futures[future], failure=_said(error)) if error else future.result()

    return spread


def _client(address: str) -> Any:
    """Connect; a name without a port would be tried for long."""
    from distributed import Client
    from distributed.comm import get_address_host_port, parse_address

    try:
        if parse_address(address)[0] in ("tcp", "tls"):
            get_address_host_port(address)
        return Client(address, set_as_default=False, timeout=5)
    except (OSError, ValueError, TypeError):
        raise SettingRefused(
            "benchmark.no_scheduler",
            "No Dask scheduler answers at {address!r}. Start it there, or take ODD_SCHEDULER away to measure on this "
            "machine.",
            address=address,
        ) from None


def benchmark(
    comparison: Comparison, root: Path, out: Path, spread: Spread = one_by_one, progress: Progress = silent
) -> Iterator[MeasuredSet]:
    """Yield what was measured on every set below `root`, in the order in which it is ready.

    Every set that could be measured leaves a file in `out`, and is read from there the next time, as long as its
    pictures, the comparison and this program's version are the same. One that could not does not stop the others.

    Raises:
        DatasetRefused: when `root` cannot be listed.
    """
    root = root.resolve()  # workers have working folders of their own
    names = datasets.sets_below(root)
    keys = {name: _key(comparison, root, name) for name in names}
    there = {name: kept for name in names if (kept := _read(out, name, keys[name])) is not None}
    yield from there.values()
    done = len(there)
    for measured in spread(_Measuring(comparison, root), [name for name in names if name not in there]):
        if not measured.failure:
            _write(out, measured, keys[measured.name])
        done += 1
        progress(done / len(names), measured.name)
        yield measured


@dataclass(frozen=True)
class _Measuring:
    """What is done for one set; a value, so that it can travel to a worker."""

    comparison: Comparison
    root: Path

    def __call__(self, name: str) -> MeasuredSet:
        return measured(self.comparison, name, lambda: datasets.load_set(self.root, name))


def measured(
    comparison: Comparison, name: str, load: Callable[[], Dataset], progress: Progress = silent
) -> MeasuredSet:
    """Return what a comparison finds on one set, or why it could not be measured; only `Cancelled` is raised."""
    try:
        return _summary(name, comparison.run(load(), progress))
    except Cancelled:
        raise
    except Refusal as refusal:
        return MeasuredSet(name, failure=str(refusal))
    except Exception as error:  # whatever a stranger's folder leads to: the other sets are not to blame
        return MeasuredSet(name, failure=_said(error))


def _summary(name: str, result: Result) -> MeasuredSet:
    rows = [
        BenchmarkRow(
            column.method,
            column.backbone,
            f"{column.weights.origin}, {column.weights.sha256}",
            {key: Figure(f.value, f.low, f.high, None, f.method) for key, f in column.figures.items()},
            column.cost.fit_seconds,
            column.cost.milliseconds_per_picture,
            absent={
                key: str(f.reason) for key, f in column.figures.items() if f.value is None and f.reason is not None
            },
        )
        for column in result.columns
    ]
    rows += [BenchmarkRow(each.method, each.backbone, failure=str(each.sentence)) for each in result.failures]
    labels = [picture.defective for picture in result.test]
    ranked = [column.figures["image_auroc"] for column in result.columns if "image_auroc" in column.figures]
    absent = [str(figure.reason) for figure in ranked if figure.value is None and figure.reason is not None]
    return MeasuredSet(
        name, len(result.learnt), len(result.held_out), labels.count(False), labels.count(True), tuple(rows),
        warnings=tuple(dict.fromkeys([*map(str, result.warnings), *absent])),
    )  # fmt: skip


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _key(comparison: Comparison, root: Path, name: str) -> str:
    """Return a hash of everything that the figures of a set depend on."""
    said = [detectors.__version__, asdict(comparison), datasets.stamp_of_set(root, name)]
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def _file(out: Path, name: str) -> Path:
    return out / SETS / f"{hashlib.sha256(name.encode()).hexdigest()[:12]}.json"


def _write(out: Path, measured: MeasuredSet, key: str) -> None:
    path = _file(out, measured.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}.part")
    beside.write_text(json.dumps({"key": key, "measured": asdict(measured)}, allow_nan=False), encoding="utf-8")
    beside.replace(path)


def _read(out: Path, name: str, key: str) -> MeasuredSet | None:
    """Return what was measured before under the same key; None for what is absent, other, or damaged."""
    try:
        said = json.loads(_file(out, name).read_text(encoding="utf-8"))
        return _restored(said["measured"]) if said["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _restored(said: dict[str, Any]) -> MeasuredSet:
    rows = [
        BenchmarkRow(**row | {"figures": {key: Figure(**figure) for key, figure in row["figures"].items()}})
        for row in said["rows"]
    ]
    return MeasuredSet(**said | {"rows": tuple(rows), "warnings": tuple(said["warnings"]), "kept": True})
