"""The command line: `python -m detectors compare|benchmark|fit|predict|export|sweep|stress|read|demo`."""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detectors import datasets
from detectors.comparison.comparison import Comparison, extract, fit_and_score
from detectors.datasets import builtin
from detectors.datasets.picture_files import NO_MASK, PictureFile, find_pictures
from detectors.errors import DatasetRefused, Refusal, Sentence, SettingRefused, written
from detectors.features import closer
from detectors.features.weights import BUNDLED, DEFAULT
from detectors.images import Preprocessing
from detectors.images.origins import Origin
from detectors.methods import METHODS
from detectors.result import column_key
from detectors.stress import CONDITIONS, Curve, Study, condition, ranked
from detectors.stress.plans import DRAWS

if TYPE_CHECKING:
    from detectors.comparison.pipeline import Pipeline
    from detectors.result import MeasuredSet, ResultPicture


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; 0 when it did its work, 2 when it or a part was refused, 130 when it was interrupted."""
    options = parser().parse_args(arguments)
    os.environ.setdefault(
        "OMP_WAIT_POLICY", "PASSIVE"
    )  # read when torch is imported: threads that wait give up the core
    from detectors.methods import UNREADABLE
    from detectors.report import terminal
    from detectors.report.terminal import errors

    for sentence in UNREADABLE:
        errors.print(str(sentence), highlight=False, markup=False)

    try:
        _refuse_empty(sys.argv[1:] if arguments is None else arguments)
        if getattr(options, "out", None) is not None:
            terminal.check_writable(options.out)
        options.verb(options)
    except Refusal as refusal:
        errors.print("Refused.", str(refusal), highlight=False, markup=False)
        return 2
    except OSError as error:
        said = f"{error.filename}: {error.strerror}." if error.filename else str(error)
        errors.print("Refused.", said, highlight=False, markup=False)
        return 2
    except KeyboardInterrupt:
        errors.print("Stopped; nothing was written.")
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    top = argparse.ArgumentParser(prog="python -m detectors", description="Compare one-class image anomaly detectors.")
    verbs = top.add_subparsers(required=True, metavar="compare|benchmark|fit|predict|export|sweep|stress|read|demo")

    verb = verbs.add_parser("compare", help="fit several methods on the same pictures and print one table")
    _add_experiment(verb)
    verb.add_argument("--methods", default="all", help="'all' or names with commas: " + ",".join(METHODS))
    verb.add_argument(
        "--out", type=Path, help="folder for maps, overlays, charts, scores.csv, result.json and settings.json"
    )
    verb.set_defaults(verb=compare)

    verb = verbs.add_parser(
        "benchmark",
        help="compare on every data set below a folder; goes on where it stopped",
    )
    verb.add_argument("root", type=Path, help="a folder or ZIP of data sets")
    _add_choices(verb)
    verb.add_argument("--methods", default="all", help="'all' or names with commas: " + ",".join(METHODS))
    verb.add_argument(
        "--out", type=Path, required=True, help="folder for benchmark.csv, .md and .html, and what is kept"
    )
    verb.set_defaults(verb=benchmark)

    verb = verbs.add_parser("fit", help="fit one method and save it")
    _add_experiment(verb)
    verb.add_argument("--method", required=True, choices=METHODS)
    verb.add_argument("--out", type=Path, required=True, help="the .safetensors file, or the folder, to write")
    verb.set_defaults(verb=fit)

    verb = verbs.add_parser("predict", help="score pictures with a saved method")
    verb.add_argument("--model", type=Path, required=True, help="a file that 'fit' wrote")
    verb.add_argument("--weights", help="'hub' or a .safetensors file, where the backbone's weights moved")
    verb.add_argument(
        "--rate", type=float, help="false alarms allowed, as a share of good pictures; the saved threshold by default"
    )
    verb.add_argument("--out", type=Path, help="folder for maps, overlays and scores")
    verb.add_argument("pictures", nargs="+", help="picture files, patterns of them, folders or ZIPs")
    verb.set_defaults(verb=predict)

    verb = verbs.add_parser("export", help="write a saved method as an ONNX file that runs without this project")
    verb.add_argument("--model", type=Path, required=True, help="a file that 'fit' wrote")
    verb.add_argument("--weights", help="'hub' or a .safetensors file, where the backbone's weights moved")
    verb.add_argument("--out", type=Path, required=True, help="the .onnx file to write; NAME_run.py comes beside it")
    verb.add_argument(
        "pictures", nargs="*", help="what the file is held against this program on; built-in pictures by default"
    )
    verb.set_defaults(verb=export)

    verb = verbs.add_parser("sweep", help="vary one setting of one method on features computed once")
    _add_experiment(verb)
    verb.add_argument("--method", required=True, choices=METHODS)
    verb.add_argument(
        "--vary", required=True, metavar="NAME=V1,V2,...", help="for example ratio=0.01,0.1,1.0 or levels=[0],[0,1]"
    )
    verb.set_defaults(verb=sweep)

    verb = verbs.add_parser("stress", help="other light, blur and positions; dirty or fewer normal pictures")
    _add_experiment(verb)
    verb.add_argument("--methods", default="all", help="'all' or names with commas: " + ",".join(METHODS))
    verb.add_argument("--conditions", help="'all' or names with commas: " + ",".join(CONDITIONS))
    verb.add_argument(
        "--remedy",
        choices=["equalise", "align", "augment"],
        help="fit on pictures of one brightness, turned and shifted onto the mean normal one, or also under the"
        " condition, and measure this beside",
    )
    verb.add_argument(
        "--dirt",
        choices=["both", "learnt"],
        nargs="?",
        const="both",
        help="let defective test pictures slip in among the normal ones, the calibrating ones too ('both', the default)"
        " or the learnt alone",
    )
    verb.add_argument(
        "--clean", action="store_true", help="with --dirt: also without normals that the others find unusual"
    )
    verb.add_argument(
        "--pictures",
        choices=["held_out", "left_out"],
        nargs="?",
        const="held_out",
        help="learn from 2, 4, 8, ... normal pictures; thresholds from pictures held out (the default), or left out of"
        " fits in turn",
    )
    verb.add_argument("--draws", type=int, default=DRAWS, help="choices of pictures for --dirt and --pictures")
    verb.add_argument("--out", type=Path, help="folder for tables and charts")
    verb.set_defaults(verb=stress)

    verb = verbs.add_parser("read", help="say how a folder or ZIP is understood, folder by folder, before a run")
    _add_data(verb)
    verb.set_defaults(verb=read, seed=0)

    verb = verbs.add_parser("demo", help="write a built-in product in MVTec layout")
    verb.add_argument("--product", default=datasets.FIRST_PRODUCT, choices=list(builtin.PRODUCTS))
    verb.add_argument("--out", type=Path, required=True, help="the folder to write")
    verb.add_argument("--normal", type=int, default=64)
    verb.add_argument("--good", type=int, default=24)
    verb.add_argument("--per", type=int, default=1, help="pictures per defect kind and severity")
    verb.add_argument("--seed", type=int, default=0)
    verb.set_defaults(verb=demo)
    return top


def compare(options: argparse.Namespace) -> None:
    """Fit, score, print, and write what --out asks for."""
    from contextlib import nullcontext

    from detectors import report
    from detectors.report import terminal

    comparison = _comparison(options, _names(options.methods, tuple(METHODS)))
    if options.out is not None:
        terminal.check_folder(options.out)
    data = _data(options)
    with terminal.finished_folder(options.out) if options.out else nullcontext() as folder:
        with terminal.reporting("reading") as progress:
            result = comparison.run(data, progress)
        if not result.columns:
            raise DatasetRefused(
                "cli.nothing_fitted",
                "No method could be fitted. {why}",
                why=" ".join(dict.fromkeys(str(failure.sentence) for failure in result.failures)),
            )
        if folder:
            report.write_folder(result, folder)
    terminal.console.print(terminal.table(result))
    for remark in terminal.remarks(result):
        terminal.console.print("·", remark, highlight=False, markup=False)


def benchmark(options: argparse.Namespace) -> None:
    """Measure every set below a folder, write the tables after each, and print the means."""
    from detectors.comparison.benchmark import benchmark, one_by_one, over_scheduler
    from detectors.report import benchmark as tables
    from detectors.report import terminal

    comparison = _comparison(options, _names(options.methods, tuple(METHODS)))
    address = os.environ.get("ODD_SCHEDULER")
    spread = over_scheduler(address) if address else one_by_one
    files = {ending: options.out / f"benchmark.{ending}" for ending in tables.MARKS}
    for ending, mark in tables.MARKS.items():
        terminal.check_file(files[ending], mark)
    measured: list[MeasuredSet] = []
    with terminal.reporting("reading") as progress:
        for one in benchmark(comparison, options.root, options.out, spread, progress):
            measured = sorted([*measured, one], key=lambda each: each.name)
            counts = {"normal": one.learnt + one.held_out, "tested": one.good + one.defective}
            said = one.failure or written("{normal} normal, {tested} test [picture|pictures]", **counts)
            terminal.errors.print(f"{one.name}: {said}{' (kept)' if one.kept else ''}", highlight=False, markup=False)
            contents = (
                ("csv", tables.write_csv(measured)), ("md", tables.write_markdown(measured)),
                ("html", tables.html(measured)),
            )  # fmt: skip
            for ending, content in contents:
                options.out.mkdir(parents=True, exist_ok=True)
                files[ending].write_text(content, encoding="utf-8", newline="")
    for name, columns, cells in tables.tables(measured):
        terminal.console.print(terminal.rows((tables.FIGURES[name], *columns), cells, right=columns))
    for remark in tables.remarks(measured):
        terminal.console.print("·", remark, highlight=False, markup=False)
    if all(one.failure for one in measured):
        raise DatasetRefused(
            "cli.nothing_measured", "Nothing could be measured on {count} [data set|data sets] below {root!r}.",
            count=len(measured), root=str(options.root),
        )  # fmt: skip
    if failed := sum(bool(one.failure) for one in measured):
        raise DatasetRefused(
            "cli.some_not_measured", "{count} of {total} [data set|data sets] could not be measured.",
            count=failed, total=len(measured),
        )  # fmt: skip


def fit(options: argparse.Namespace) -> None:
    """Fit one method on the normal pictures and save the whole pipeline."""
    from detectors.comparison import storage
    from detectors.comparison.pipeline import Pipeline
    from detectors.report import terminal

    comparison = _comparison(options, (options.method,))
    name, out = comparison.backbones[0], options.out
    if out.is_dir() or not out.suffix:
        out = out / f"{options.method}-{name}.safetensors"
    terminal.check_file(out, storage.KEY)
    data = _data(options)
    with terminal.reporting("features") as progress:
        pictures = comparison.prepare(replace(data, test=()))
        backbone = comparison.load(name, depth=comparison.depth(name))
        stores = extract(pictures, backbone, progress, data)
        column, detector = fit_and_score(comparison.detector(options.method, name), stores, pictures, progress)
    Pipeline.of(column, detector, stores, pictures.preprocessing, backbone, data.white).save(out)
    said = written(
        "{learnt} [picture|pictures] learnt, {held_out} held out",
        learnt=len(pictures.learnt), held_out=len(pictures.held_out),
    )  # fmt: skip
    about = f"{METHODS[options.method].title} on {name}, {said}, {terminal.size(out.stat().st_size)}"
    terminal.console.print(f"{out}: {about}.", highlight=False)


def predict(options: argparse.Namespace) -> None:
    """Score pictures one by one with a saved pipeline; a picture that is refused does not stop the others."""
    from contextlib import nullcontext

    from detectors.comparison.pipeline import Pipeline
    from detectors.report import cell, terminal

    pipeline = Pipeline.load(options.model, options.weights)
    threshold = None
    if options.rate is not None or pipeline.chosen or len(pipeline.held_out):
        threshold = pipeline.threshold(options.rate)
    files = find_pictures(options.pictures)
    with terminal.finished_folder(options.out) if options.out else nullcontext() as folder:
        scored = [_predicted(pipeline, threshold, number, file, folder) for number, file in enumerate(files)]
        for each in scored:
            if each.refused is None:
                terminal.console.print("  ".join(each.row), highlight=False, markup=False)
            else:
                terminal.errors.print(f"{each.row[0]}: {each.refused}", highlight=False, markup=False)
        remarks = [str(each) for each in pipeline.unlike([each.origin for each in scored if each.origin is not None])]
        for remark in remarks:
            terminal.console.print("·", remark, highlight=False, markup=False)
        if all(each.refused is not None for each in scored):
            raise DatasetRefused(
                "cli.nothing_scored",
                "No picture could be scored. Give picture files, a folder or a ZIP of them.",
            )
        if folder:
            with (folder / "scores.csv").open("w", newline="", encoding="utf-8") as file:
                rows = [(cell(name), score, cell(verdict)) for name, score, verdict in (each.row for each in scored)]
                csv.writer(file).writerows([("picture", "score", "verdict"), *rows])
            said = {"model": options.model.name, "threshold": threshold, "remarks": remarks}
            (folder / "result.json").write_text(json.dumps(said), encoding="utf-8")
    if unread := [each for each in scored if each.refused is not None and each.refused != NO_MASK]:
        raise DatasetRefused(
            "cli.some_not_scored", "{count} of {total} [picture|pictures] could not be scored.",
            count=len(unread), total=len(scored),
        )  # fmt: skip


def export(options: argparse.Namespace) -> None:
    """Write a saved pipeline as an ONNX file with the program that runs it, having compared their answers."""
    from detectors.comparison import storage
    from detectors.comparison.pipeline import Pipeline
    from detectors.export import PICTURES, export_onnx, program_beside
    from detectors.report import terminal

    out = options.out / f"{options.model.stem}.onnx" if options.out.is_dir() else options.out
    if out.suffix != ".onnx":
        out = out.with_name(f"{out.name}.onnx")
        terminal.console.print("·", f"{options.out} is written as {out.name}.", highlight=False, markup=False)
    for path in (out, program_beside(out)):
        terminal.check_file(path, storage.KEY)
    pipeline = Pipeline.load(options.model, options.weights, device="cpu")
    if options.pictures:
        files = find_pictures(options.pictures)[:PICTURES]
        pictures = [pipeline.decode(file.read(), file.name) for file in files]
    else:
        pictures = [sample.picture for sample in datasets.demo(good=4, normal=0, per=1).test][:PICTURES]
    parity = export_onnx(pipeline, out, pipeline.preprocessing.stack(pictures))
    said = f"{out}, {terminal.size(out.stat().st_size)}, and {program_beside(out).name}. {parity.sentence}"
    terminal.console.print(said, highlight=False, markup=False)


@dataclass(frozen=True)
class _Scored:
    """What `predict` says of one file: name, score and verdict, what the file was, or why it has no score."""

    row: tuple[str, str, str]
    origin: Origin | None = None
    refused: Sentence | None = None


def _predicted(
    pipeline: Pipeline, threshold: float | None, number: int, file: PictureFile, folder: Path | None
) -> _Scored:
    """Score one picture, and write its map and overlay where there is a folder."""
    from detectors import report

    try:
        picture = pipeline.decode(file.read(), file.name)
    except Refusal as refusal:
        return _Scored((file.name, "", str(refusal)), refused=refusal.sentence)
    prediction = pipeline.predict([picture])
    score = float(prediction.scores[0])
    if folder and prediction.maps is not None:
        raw, pixels = prediction.maps[0].float().cpu().numpy(), pipeline.preprocessing.apply(picture)
        for name, content in report.map_files(report.stem(number, file.name), pixels, raw, pipeline.scale):
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
    verdict = "" if threshold is None else "odd" if score > threshold else "normal"
    return _Scored((file.name, f"{score:.6g}", verdict), Origin.of(picture))


def sweep(options: argparse.Namespace) -> None:
    """Refit one method for each value of one setting; the features are computed once."""
    from detectors.report import terminal

    name, equals, values = options.vary.partition("=")
    if not (name and equals and values):
        raise SettingRefused(
            "cli.vary_form",
            "--vary takes NAME=V1,V2,..., such as ratio=0.01,0.1 or levels=[0],[0,1]; '{text}' is not of that form.",
            text=options.vary,
        )
    comparison = _comparison(options, (options.method,))
    backbone = comparison.backbones[0]
    detectors = []
    for value in _listed(values):  # all are checked before any picture is read
        own = comparison.settings.get(options.method, {}) | {name: _value(value)}
        detectors.append(
            (value, replace(comparison, settings={options.method: own}).detector(options.method, backbone))
        )
    data = _data(options)
    pictures, columns = comparison.prepare(data), []
    with terminal.reporting("features") as progress:
        stores = extract(pictures, comparison.load(backbone), progress, data)
        for value, detector in detectors:
            column, _ = fit_and_score(detector, stores, pictures, progress)
            columns.append(replace(column, key=f"{column_key(options.method, backbone)}?{name}={value}", method=value))
    result = _assembled(comparison, pictures, columns)
    shown = terminal.table(result)
    shown.columns[0].header = name
    terminal.console.print(shown)


def stress(options: argparse.Namespace) -> None:
    """Fit methods once, then score under conditions, or fit again on other normal pictures; print what breaks."""
    from contextlib import nullcontext

    from detectors.report import terminal
    from detectors.report.stress import Stressed, files
    from detectors.stress import refits
    from detectors.stress.measuring import bench, measure
    from detectors.stress.remedies import remedied

    if options.draws < 1:
        raise SettingRefused("cli.draws", "--draws is {draws}; at least 1 is needed.", draws=options.draws)
    comparison = _comparison(options, _names(options.methods, tuple(METHODS)))
    asked = options.conditions or ("" if options.dirt or options.pictures else "all")
    conditions = [condition(name) for name in _names(asked, tuple(CONDITIONS))]
    if options.out is not None:
        terminal.check_folder(options.out)
    data = _data(options)
    with terminal.finished_folder(options.out) if options.out else nullcontext() as folder:
        with terminal.reporting("features") as progress:
            fitted, refused = bench(comparison, data, progress)
            again = {"seed": options.seed, "progress": progress}
            curves = {each.key: measure(fitted, each, **again) for each in conditions}
            helped = {
                (each.key, options.remedy): measure(remedied(fitted, options.remedy, each, **again), each, **again)
                for each in (conditions if options.remedy else ())
            }
            keys = [each.column.key for each in fitted.fitted]
            again["draws"] = options.draws
            studies = [
                refits.dirt(fitted, key, options.dirt, cleaned, **again)
                for key in (keys if options.dirt else ())
                for cleaned in ((False, True) if options.clean else (False,))
            ]
            studies += [
                refits.pictures(fitted, key, options.pictures, **again) for key in (keys if options.pictures else ())
            ]
        if folder:
            for name, content in files(Stressed(curves, tuple(studies), helped)):
                (folder / name).write_bytes(content)
            made = {"conditions": list(curves), "remedy": options.remedy, "dirt": options.dirt, "clean": options.clean}
            made |= {"pictures": options.pictures, "draws": options.draws}
            said = {"experiment": comparison.describe(data), "stress": made}
            (folder / "result.json").write_text(json.dumps(said, default=str), encoding="utf-8")
    _print_stress(curves, studies, helped, fitted.pictures.test)
    for key, sentence in refused:
        terminal.console.print("·", f"{key}: {sentence}", highlight=False, markup=False)


def _print_stress(
    curves: Mapping[str, Sequence[Curve]],
    studies: Sequence[Study],
    helped: Mapping[tuple[str, str], Sequence[Curve]],
    test: Sequence[ResultPicture],
) -> None:
    from detectors.report import terminal
    from detectors.stress.sentences import control, in_files, judged, shortcut, thresholds_by, verdict

    if curves:
        after = {(name, curve.key): curve for (name, _), found in helped.items() for curve in found}
        cells = []
        for name, key, said in ranked(curves):
            (curve,) = (curve for curve in curves[name] if curve.key == key)
            then = [str(verdict(after[name, key].verdict, name)) if (name, key) in after else ""] if helped else []
            cells.append((*key.split("/", 1), name, str(verdict(said, name)), *then, str(control(curve, name) or "")))
        headings = ("method", "backbone", "condition", "verdict", *dict.fromkeys(remedy for _, remedy in helped), "")
        terminal.console.print(terminal.rows(headings, cells))
        if (pixels := in_files(curves, test)) is not None:
            terminal.console.print("·", str(pixels), highlight=False, markup=False)
    for (name, remedy), found in helped.items():
        warned = shortcut(curves[name], found) if remedy == "equalise" else None
        if warned is not None:
            terminal.console.print("·", str(warned), highlight=False, markup=False)
    for about, heading in (("dirt", "dirty among the normal pictures"), ("pictures", "number of normal pictures")):
        own = [study for study in studies if study.about == about]
        if own:
            cells = [
                (*study.key.split("/", 1), str(judged(study)), str(thresholds_by(study)),
                 "unusual normals left out" if study.cleaned else "")
                for study in own
            ]  # fmt: skip
            headings = ("method", "backbone", heading, "thresholds by", "")
            terminal.console.print(terminal.rows(headings, cells))


def read(options: argparse.Namespace) -> None:
    """Print how a set is understood: one sentence, each folder with what decided, and what was not used."""
    from detectors.report import terminal

    report = _data(options, fitting=False).report
    if report.understanding is not None:
        headings = ("folder", "role", "used for", "pictures", "masks", "because")
        cells = [
            (
                each.path or ".",
                each.kind if each.role == "defective" and each.kind else each.role or "not used",
                each.use,
                str(each.pictures),
                str(each.masks),
                str(each.why or ""),
            )
            for each in report.understanding.folders
        ]
        terminal.console.print(terminal.rows(headings, cells, right=("pictures", "masks")))
    _print_checks(report)


def demo(options: argparse.Namespace) -> None:
    """Write a product of the built-in demo set so that any other tool can read it."""
    from detectors.report import terminal

    made = builtin.build(options.product, normal=options.normal, good=options.good, per=options.per, seed=options.seed)
    builtin.write_mvtec(made, options.out)
    terminal.console.print(f"{options.out}: {options.product} in MVTec layout.", highlight=False)


def _assembled(comparison: Comparison, pictures: Any, columns: list[Any]) -> Any:
    from detectors.comparison.comparison import assemble, versions

    return assemble(pictures, columns, (), {}, versions(comparison.device))


def _add_data(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--data", type=Path, help="a folder or ZIP in any usual layout; without it the demo set")
    verb.add_argument(
        "--product",
        help="one of several sets in the folder or ZIP, or of the demo set: " + ", ".join(builtin.PRODUCTS),
    )
    verb.add_argument(
        "--role",
        action="append",
        default=[],
        dest="roles",
        metavar="PATH=ROLE",
        help="what a folder is that would be misunderstood: " + ", ".join(datasets.ROLES),
    )


def _add_experiment(verb: argparse.ArgumentParser) -> None:
    _add_data(verb)
    _add_choices(verb)


def _add_choices(verb: argparse.ArgumentParser) -> None:
    verb.add_argument(
        "--backbones",
        "--backbone",
        default=DEFAULT,
        dest="backbone",
        help=f"names with commas: {DEFAULT}, {BUNDLED}, resnet18, any timm model",
    )
    verb.add_argument("--weights", help="'hub' (default), 'random', or a .safetensors file")
    verb.add_argument("--preset", default="quick", choices=["quick", "paper"])
    verb.add_argument("--set", action="append", default=[], metavar="METHOD.NAME=VALUE", dest="settings")
    verb.add_argument("--size", type=int, default=224, help="pixels per side that the backbone sees")
    verb.add_argument("--crop", default="none", choices=["none", "center"])
    verb.add_argument(
        "--proportions",
        default="square",
        choices=["square", "padded", "own"],
        help="squeeze pictures to a square, pad them to one, or take the rectangle of their own shape",
    )
    verb.add_argument(
        "--closer",
        default="1",
        help="numbers with commas: also cut pictures into 2 x 2 or 3 x 3 tiles of that size (1,2 for both)",
    )
    verb.add_argument("--filter", default="bilinear", choices=["bilinear", "bicubic", "lanczos"])
    verb.add_argument("--equalise", action="store_true", help="bring all pictures to the same brightness")
    verb.add_argument(
        "--held-out", type=float, default=0.25, help="share of the normal pictures that set the threshold"
    )
    verb.add_argument("--seed", type=int, default=0)
    verb.add_argument("--device", help="cuda, mps or cpu; the best there is by default")


def _comparison(options: argparse.Namespace, methods: tuple[str, ...]) -> Comparison:
    settings: dict[str, dict[str, Any]] = {}
    for text in options.settings:
        name, equals, value = text.partition("=")
        method, dot, setting = name.partition(".")
        if not (equals and dot):
            raise SettingRefused(
                "cli.setting_form",
                "--set takes METHOD.NAME=VALUE, for example patchcore.ratio=0.05; '{text}' is not of that form.",
                text=text,
            )
        settings.setdefault(method, {})[setting] = _value(value)
    named = _names(options.backbone, (DEFAULT,))
    backbones = tuple(closer.joined(name, tiles) for name in named for tiles in _tiles(options.closer))
    comparison = Comparison(
        methods=methods,
        backbones=backbones,
        preset=options.preset,
        settings=settings,
        preprocessing=Preprocessing(
            size=options.size,
            crop=options.crop,
            filter=options.filter,
            equalise=options.equalise,
            proportions=options.proportions,
        ),
        held_out=options.held_out,
        seed=options.seed,
        weights={name: options.weights for name in named if options.weights and name != BUNDLED},
        device=options.device,
    )
    for method, backbone in comparison.columns:
        comparison.preprocessing.check_closer(closer.split(backbone)[1])
        comparison.detector(method, backbone)  # refuses what no pictures could make right, before any are read
    return comparison


def _tiles(text: str) -> tuple[int, ...]:
    """Read into how many tiles on a side pictures are cut."""
    named = _names(text, ("1",))
    if not all(tiles in map(str, closer.TILES) for tiles in named):
        raise SettingRefused(
            "cli.closer", "--closer takes 1, 2 or 3, with commas between; '{text}' is not of that form.", text=text
        )
    return tuple(dict.fromkeys(map(int, named)))


def _data(options: argparse.Namespace, fitting: bool = True) -> datasets.Dataset:
    """Load the data and print how they were understood; refuse those without a normal picture where a fit follows."""
    from detectors.report import terminal

    roles = datasets.parse_roles(options.roles)
    if options.data is None and roles:
        raise SettingRefused(
            "cli.role_without_data",
            "--role speaks of folders in --data, and the demo set has none. Name a folder or ZIP.",
        )
    if options.data is None:
        product = options.product or datasets.FIRST_PRODUCT
        if product not in builtin.PRODUCTS:
            raise SettingRefused(
                "cli.product",
                "The demo set has no product {product!r}; it has {products}. Name a folder or ZIP with --data.",
                product=product,
                products=", ".join(builtin.PRODUCTS),
            )
        return datasets.demo(product, seed=options.seed)
    try:
        data = datasets.load_folder(options.data, options.product, roles=roles)
    except DatasetRefused as refusal:
        if refusal.sentence.key != "dataset.several":
            raise
        raise DatasetRefused("cli.several", "{why} Name it with --product.", why=str(refusal.sentence)) from None
    terminal.console.print(f"{data.name}: {data.report.understanding}", highlight=False, markup=False)
    none = next((note for note in data.report.notes if note.key.startswith("dataset.no_normal")), None)
    if fitting and none is not None:
        raise DatasetRefused(
            "cli.no_normal",
            "{why} On the command line, --role FOLDER=train/good says which folder holds normal pictures.",
            why=str(none),
        )
    if fitting:
        _print_checks(data.report)
    return data


def _print_checks(report: datasets.Report) -> None:
    """Print what a person should know of a set before believing a figure, and what was refused."""
    from detectors.report import terminal

    refused = [f"{entry.name}: {entry.sentence}" for entry in report.entries if entry.state == "refused"]
    for said in (*map(str, report.notes), *refused):
        terminal.console.print("·", said, highlight=False, markup=False)


def _refuse_empty(arguments: Sequence[str]) -> None:
    """Refuse what is empty, which a shell makes of a variable that is not set: as a path it would mean this folder."""
    option = ""
    for argument in arguments:
        name, equals, value = argument.partition("=") if argument.startswith("--") else ("", "", "")
        if not argument.strip() or (equals and not value.strip()):
            raise SettingRefused(
                "cli.empty",
                "What follows {option} is empty. Give a value, or leave it out.",
                option=name or option or "the verb",
            )
        option = argument


def _names(text: str, everything: tuple[str, ...]) -> tuple[str, ...]:
    return (
        everything if text == "all" else tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    )


def _listed(text: str) -> list[str]:
    """Split values at commas, except within brackets.

    >>> _listed("[0],[0,1]"), _listed("0.01,0.1")
    (['[0]', '[0,1]'], ['0.01', '0.1'])
    """
    values, depth = [""], 0
    for character in text:
        depth += (character in "[({") - (character in "])}")
        if character == "," and depth == 0:
            values.append("")
        else:
            values[-1] += character
    return values


def _value(text: str) -> Any:
    """Read a setting's value: JSON where it is JSON, else text.

    >>> _value("0.1"), _value("[0, 1]"), _value("npca")
    (0.1, (0, 1), 'npca')
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return text
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
