"""'Show as Python': the script that repeats a run to the last digit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path, PurePosixPath
from pprint import pformat
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from numpy.typing import NDArray

from detectors.evaluation.thresholds import USUAL, ThresholdChoice
from detectors.report.stress import NOTHING, Stressed, digest
from detectors.result import Result

_TEMPLATES = Path(__file__).parents[2] / "assets" / "report"
_EDITS = {
    "removed": "removed", "labels": "labels", "moved": "moved", "masks": "masks", "synthetic_defects": "defects",
    "synthetic_seed": "seed", "corrected": "corrected",
}  # fmt: skip
_ROLES = {"train": "normal", "test": "test", "mask": "masks", "placed": "placed"}


def fingerprint(result: Result) -> str:
    """Return one hash over all pictures: learnt, held out and tested, in order."""
    digest = hashlib.sha256()
    for role in (result.learnt, result.held_out, result.test):
        digest.update(b"|" + ",".join(p.sha256 for p in role).encode())
    return digest.hexdigest()


def identity(result: Result) -> str:
    """Return one hash over what was asked, the pictures and all scores: equal results have equal ones."""
    scores = {c.key: hashlib.sha256(c.scores.tobytes() + c.held_out.tobytes()).hexdigest() for c in result.columns}
    said = json.dumps([result.experiment, fingerprint(result), scores], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()


@cache
def _templates() -> Environment:
    """Return the templates, read and compiled once; they write Python, so nothing is escaped for HTML."""
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def script(result: Result, choice: ThresholdChoice = USUAL, stressed: Stressed = NOTHING) -> str:
    """Return Python that computes `result` again through the public API and compares what it got.

    Pictures that the program cannot make itself are read from the folder that the recipe names; uploads are found by
    their content in the script's own folder and below, whatever they are called there. Every value is written by
    `repr`. The last digit of a sum depends on how many threads share it, so the script asks for as many as the run
    had; beyond that, equal bits need the same versions and the same kind of processor.
    """
    experiment = dict(result.experiment)
    recipe = experiment.pop("data", None) or {}
    needs, data = _data(recipe)
    preprocessing = experiment.pop("preprocessing", {})
    settings = [(name, _python(value, 5 + len(name))) for name, value in experiment.items()]
    settings.append(("preprocessing", f"Preprocessing({_arguments(preprocessing)})"))
    return (
        _templates()
        .get_template("run.py.jinja")
        .render(
            needs=needs,
            threads=repr(threads) if (threads := result.versions.get("threads")) else None,
            endings=repr(_endings(recipe.get("base", recipe))),
            understood=recipe.get("base", recipe).get("source") != "demo",
            sources=sorted(name for name in needs if name.endswith("Source")),
            data=data,
            settings=settings,
            choice=None if choice == USUAL else repr(choice),
            pictures=repr(fingerprint(result)),
            conditions=[((name, c.key), _hash(c.scores)) for name, curves in stressed.curves.items() for c in curves],
            remedied=list(stressed.helped),
            remedies=[((*asked, c.key), _hash(c.scores)) for asked, curves in stressed.helped.items() for c in curves],
            dirt=[((s.key, s.way, s.cleaned), digest(s)) for s in stressed.studies if s.about == "dirt"],
            numbers=[((s.key, s.way), digest(s)) for s in stressed.studies if s.about == "pictures"],
            scores=[(repr(c.key), repr(_hash(c.scores))) for c in result.columns],
        )
    )


def _hash(scores: NDArray[np.float64]) -> str:
    return hashlib.sha256(scores.tobytes()).hexdigest()


def _data(recipe: dict[str, Any]) -> tuple[set[str], str]:
    """Return what must be imported and the expression that makes the data set."""
    if "base" in recipe:
        needs, source = _source(recipe["base"])
        edits: dict[str, Any] = {_EDITS[k]: v for k, v in recipe.items() if k in _EDITS}
        edits["removed"] = frozenset(edits.get("removed", ()))
        edits["labels"] = tuple(map(tuple, edits.get("labels", ())))
        edits["moved"] = tuple(map(tuple, edits.get("moved", ())))
        edits["masks"] = tuple(map(tuple, edits.get("masks", ())))
        edits |= {"corrected": tuple(map(tuple, edits["corrected"]))} if "corrected" in edits else {}
        lines = "".join(f"    {name}={_python(value, 5 + len(name))},\n" for name, value in edits.items())
        return needs | {"EditedSource"}, f"EditedSource(\n    {_indented(source)},\n{lines}).load()"
    match recipe.get("source"):
        case "demo":
            return {"datasets"}, f"datasets.demo({_demo(recipe)})"
        case "folder":
            needs, said = _chosen(recipe)
            arguments = "".join(f", {name}={value}" for name, value in said.items())
            return needs | {"datasets"}, f"datasets.load_folder({recipe['path']!r}{_product(recipe)}{arguments})"
        case _:
            needs, source = _source(recipe)
            return needs, f"{source}.load()"


def _source(recipe: dict[str, Any]) -> tuple[set[str], str]:
    """Return what must be imported and the expression of a source that can be edited."""
    match recipe.get("source"):
        case "demo":
            return {"DemoSource"}, f"DemoSource({_demo(recipe)})"
        case "zip":
            parts = [{"archive": recipe}]
        case "parts":
            parts = recipe["parts"]
        case _:
            parts = [recipe]
    needs, said = _chosen(recipe)
    if "roles" in said:
        said["roles"] = repr(tuple(sorted(recipe["roles"].items())))
    first = _upload(parts[0], [f"{name}={value}" for name, value in said.items()])
    return needs | {"UploadSource"}, first + "".join(f".added({_upload(part)})" for part in parts[1:])


def _chosen(recipe: dict[str, Any]) -> tuple[set[str], dict[str, str]]:
    """Return what a person said of folders and of black and white, as arguments, and what they need."""
    needs: set[str] = set()
    said = {}
    if recipe.get("roles"):
        said["roles"] = repr(recipe["roles"])
    if recipe.get("levels_chosen"):
        needs.add("White")
        values = {"whole": "white", "real": "white_real", "black": "black", "real_black": "black_real"}
        said["white"] = f"White({', '.join(f'{name}={recipe[key]!r}' for name, key in values.items())})"
    return needs, said


def _upload(part: dict[str, Any], chosen: Sequence[str] = ()) -> str:
    """Return the expression of what came in one upload: every file by its name and the hash of its content."""
    lines = list(chosen)
    if "path" in part:
        lines.append(f"folder={part['path']!r}")
    archive = part.get("archive")
    if archive:
        lines.append(f"archive=files({(archive['name'], archive['sha256'])!r})[0]")
        lines += [f"archive_role={archive['role']!r}"] if archive.get("role") else []
    if product := part.get("product") or (archive or {}).get("product"):
        lines.append(f"product={product!r}")
    for role, argument in _ROLES.items():
        if named := [(name, digest) for said, name, digest in part.get("files", ()) if said == role]:
            listed = "".join(f"        {pair!r},\n" for pair in named)
            lines.append(f"{argument}=files(\n{listed}    )")
    return "UploadSource(\n" + "".join(f"    {line},\n" for line in lines) + ")"


def _endings(recipe: dict[str, Any]) -> tuple[str, ...]:
    """Return how the uploaded files' names end: only such files need to be looked at."""
    parts = recipe.get("parts", [{"archive": recipe} if recipe.get("source") == "zip" else recipe])
    names = [name for part in parts for _, name, _ in part.get("files", ())]
    names += [part["archive"]["name"] for part in parts if part.get("archive")]
    return tuple(sorted({PurePosixPath(name).suffix.lower() for name in names}))


def _demo(recipe: dict[str, Any]) -> str:
    """Return the arguments of a demo set; its recipe's version is checked by the fingerprint."""
    return _arguments({k: v for k, v in recipe.items() if k not in ("source", "version")})


def _product(recipe: dict[str, Any]) -> str:
    return f", product={recipe['product']!r}" if recipe.get("product") else ""


def _arguments(values: dict[str, Any]) -> str:
    return ", ".join(f"{k}={tuple(v) if isinstance(v, list) else v!r}" for k, v in values.items())


def _indented(text: str) -> str:
    return text.replace("\n", "\n    ")


def _python(value: Any, indent: int) -> str:
    return pformat(value, width=112 - indent, sort_dicts=False).replace("\n", "\n" + " " * indent)
