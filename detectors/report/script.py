"""'Show as Python': the script that repeats a run to the last digit."""

from __future__ import annotations

import hashlib
from pathlib import Path
from pprint import pformat
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from detectors.result import Result

_TEMPLATES = Path(__file__).parents[2] / "assets" / "report"
_EDITS = {"removed": "removed", "labels": "labels", "synthetic_defects": "defects", "synthetic_seed": "seed"}


def fingerprint(result: Result) -> str:
    """Return one hash over all pictures: learnt, held out and tested, in order."""
    digest = hashlib.sha256()
    for role in (result.learnt, result.held_out, result.test):
        digest.update(b"|" + ",".join(p.sha256 for p in role).encode())
    return digest.hexdigest()


def script(result: Result) -> str:
    """Return Python that computes `result` again through the public API and compares what it got.

    Pictures that the program cannot make itself are read from where the data set's recipe says: a folder, a ZIP, or,
    for uploads, the folders "normal", "test" and "masks" beside the script. Every value is written by `repr`.
    """
    experiment = dict(result.experiment)
    needs, data = _data(experiment.pop("data", None) or {})
    preprocessing = experiment.pop("preprocessing", {})
    settings = [(name, _python(value, 5 + len(name))) for name, value in experiment.items()]
    settings.append(("preprocessing", f"Preprocessing({_arguments(preprocessing)})"))
    templates = Environment(  # writes Python, so nothing is escaped for HTML
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return templates.get_template("run.py.jinja").render(
        needs=needs,
        sources=sorted(name for name in needs if name.endswith("Source")),
        data=data,
        settings=settings,
        pictures=repr(fingerprint(result)),
        scores=[(repr(c.key), repr(hashlib.sha256(c.scores.tobytes()).hexdigest())) for c in result.columns],
    )


def _data(recipe: dict[str, Any]) -> tuple[set[str], str]:
    """Return what must be imported and the expression that makes the data set."""
    if "base" in recipe:
        needs, source = _source(recipe["base"])
        edits: dict[str, Any] = {_EDITS[k]: v for k, v in recipe.items() if k in _EDITS}
        edits["removed"] = frozenset(edits.get("removed", ()))
        edits["labels"] = tuple(map(tuple, edits.get("labels", ())))
        lines = "".join(f"    {name}={_python(value, 5 + len(name))},\n" for name, value in edits.items())
        return needs | {"EditedSource"}, f"EditedSource(\n    {source},\n{lines}).load()"
    match recipe.get("source"):
        case "demo":
            return {"datasets"}, f"datasets.demo({_demo(recipe)})"
        case "folder":
            return {"datasets"}, f"datasets.load_folder({recipe['path']!r}{_product(recipe)})"
        case "zip":
            name = recipe["name"]
            return {"datasets", "Path"}, f"datasets.load_zip(Path({name!r}).read_bytes(), {name!r}{_product(recipe)})"
        case _:
            needs, source = _source(recipe)
            return needs, f"{source}.load()"


def _source(recipe: dict[str, Any]) -> tuple[set[str], str]:
    """Return what must be imported and the expression of a source that can be edited."""
    match recipe.get("source"):
        case "demo":
            return {"DemoSource"}, f"DemoSource({_demo(recipe)})"
        case "zip":
            name = recipe["name"]
            return {"UploadSource", "Path"}, f"UploadSource(archive=({name!r}, Path({name!r}).read_bytes()))"
        case _:
            return {"UploadSource", "Path", "files"}, 'UploadSource(files("normal"), files("test"), files("masks"))'


def _demo(recipe: dict[str, Any]) -> str:
    """Return the arguments of a demo set; its recipe's version is checked by the fingerprint."""
    return _arguments({k: v for k, v in recipe.items() if k not in ("source", "version")})


def _product(recipe: dict[str, Any]) -> str:
    return f", product={recipe['product']!r}" if recipe.get("product") else ""


def _arguments(values: dict[str, Any]) -> str:
    return ", ".join(f"{k}={tuple(v) if isinstance(v, list) else v!r}" for k, v in values.items())


def _python(value: Any, indent: int) -> str:
    return pformat(value, width=112 - indent, sort_dicts=False).replace("\n", "\n" + " " * indent)
