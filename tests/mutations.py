"""Deliberate faults, one at a time in a copy of the project: which test notices each, and which nobody notices.

    python tests/mutations.py             # all of them, 10 to 20 minutes on two cores
    python tests/mutations.py map scale   # those whose name holds one of the words

A fault is noticed when a test fails by an assertion. A failure of import, of the linter, of a type or of a script is
not enough: those would come from any other edit too. Exit code 1 when a fault survives, when its text is no longer
found exactly once, or when its tests fail without it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
JOBS = 2
ASSERTED = ("AssertionError", "assert ", "Failed: DID NOT RAISE")
SECONDS = 400  # for the tests of one fault

PIXELS = "tests/browser/test_pixels.py"
PLAYGROUND = "tests/browser/test_playground.py"
SCRIPTS = "tests/browser/test_scripts.py"


@dataclass(frozen=True)
class Fault:
    """One wrong line: `old` becomes `new` in a file, and one of the tests should fail.

    Attributes:
        name: in a few words, what goes wrong.
        path: of the file, from the project's root.
        old, new: text that stands there once, and what replaces it.
        tests: file of tests, then what `pytest -k` chooses of it ("" for all).
    """

    name: str
    path: str
    old: str
    new: str
    tests: tuple[str, str]

    def applies(self, root: Path) -> bool:
        """Whether its text stands in its file exactly once."""
        path = root / self.path
        return path.is_file() and path.read_text("utf-8").count(self.old) == 1


FAULTS = (
    # Drawn as photographs are
    Fault(
        "built-in pictures are as noisy as if nothing had been reduced", "detectors/datasets/builtin/camera.py",
        "AVERAGED = 16", "AVERAGED = 1", ("tests/detectors/datasets/test_builtin.py", "flat_surface"),
    ),
    Fault(
        "an exercise measures on other features than it says", "detectors/queries/lessons/exercises.py",
        "backbones=(backbone,)).run(data)", "backbones=(BUNDLED,)).run(data)",
        ("tests/detectors/queries/test_lessons.py", "holds_on_its_pictures and crack"),
    ),
    # Training, accelerators, many sets
    Fault(
        "a run that the processor took over is painted on the card", "detectors/queries/explain.py",
        "return backbone if backbone.device == where else backbone.to(where)", "return backbone",
        ("tests/detectors/test_accelerator.py", "took_over"),
    ),
    Fault(
        "repelling spheres are never looked at", "detectors/methods/cfa.py",
        "repelling=done >= within)", "repelling=False)",
        ("tests/detectors/methods/test_cfa.py", "repelling"),
    ),
    Fault(
        "every step looks at the same patches", "detectors/methods/cfa.py",
        "patches[done % stride :: stride]", "patches[::stride]",
        ("tests/detectors/methods/test_cfa.py", "reference"),
    ),
    Fault(
        "the host waits for every step of training", "detectors/methods/cfa.py",
        "epoch.append(loss.detach())", "epoch.append(torch.tensor(loss.item()))",
        ("tests/detectors/test_accelerator.py", "no_more_often"),
    ),
    Fault(
        "a method that does not fit on an accelerator says nothing", "detectors/comparison/comparison.py",
        "notes=(*stores.notes, *notes, *detector.notes)", "notes=(*stores.notes, *detector.notes)",
        ("tests/detectors/test_accelerator.py", "fitted_on_the_processor"),
    ),
    Fault(
        "a benchmark keeps what has changed", "detectors/comparison/benchmark.py",
        "asdict(comparison), datasets.stamp_of_set(root, name)]", "asdict(comparison), name]",
        ("tests/detectors/comparison/test_benchmark.py", "changed"),
    ),
    # What is kept of what was sent
    Fault(
        "limits count what was sent", "detectors/datasets/sources.py",
        "sum(room(content) for part", "sum(len(content) for part",
        ("tests/detectors/datasets/test_keeping.py", "same_set"),
    ),
    Fault(
        "a picture among good and defective ones is learnt", "detectors/datasets/gathering.py",
        "learnt -= disputed", "learnt -= set()",
        ("tests/detectors/datasets/test_datasets.py", "good_and_defective"),
    ),
    Fault(
        "a person's own file is overwritten", "detectors/report/terminal.py",
        "not _holds(target, mark.encode())", "not mark",
        ("tests/detectors/report/test_cli.py", "persons_own_file"),
    ),
    Fault(
        "two pictures of a ZIP share a segment", "detectors/datasets/files/segments.py",
        "if i == 0 or alone[i] or alone[i - 1]]", "if i == 0 or alone[i]]",
        ("tests/detectors/datasets/test_segments.py", "own"),
    ),
    Fault(
        "deep pictures are kept in 8 bits", "detectors/images/shrinking.py",
        "len(data), digest, deep, frames", "len(data), digest, False, frames",
        ("tests/detectors/images/test_shrinking.py", "16 or kelvin"),
    ),
    Fault(
        "one mask is given to all pictures of its name", "detectors/datasets/pairing.py",
        "len(folders) == 1 and len(stems) == len(owners)", "True",
        ("tests/detectors/datasets/test_datasets.py", "fits_two"),
    ),
    # Taught by a camera
    Fault(
        "a frame's threshold comes of a fit that has seen the frame", "detectors/live/model.py",
        "np.setdiff1d(everything, stretch)", "everything",
        ("tests/detectors/live/test_model.py", "stretch"),
    ),
    Fault(
        "one answer above the threshold is an alarm", "detectors/live/alarm.py",
        "sum(self._last) >= NEEDED", "sum(self._last) >= 1", ("tests/detectors/live/test_alarm.py", ""),
    ),
    Fault(
        "a busy visitor is answered before all others", "detectors/live/answering.py",
        "self._waiting[visitor] = messages  # behind all others",
        "self._waiting[visitor] = messages; self._waiting.move_to_end(visitor, last=False)",
        ("tests/detectors/live/test_service.py", "turns"),
    ),
    Fault(
        "a frame that was not learnt is remembered as a good one", "pages/live/remembering.py",
        'f"test/{folder(str(said.get(\'name\', \'\')))}/frame {len(kept):03}.jpg"',
        'f"train/good/other {len(kept):03}.jpg"', ("tests/pages/test_live_page.py", "remembered"),
    ),
    # What the browser paints
    Fault(
        "every map in the grid is black", "assets/components/maps.js",
        "image.data.set(table.subarray(4 * map.values[i], 4 * map.values[i] + 4), 4 * i);",
        "image.data.set([0, 0, 0, 255], 4 * i);", (PIXELS, "grid"),
    ),
    Fault(
        "every row has the first picture's map", "pages/frame/panes.py",
        "shapes.seen(picture, column.maps[i])", "shapes.seen(picture, column.maps[0])", (PIXELS, "grid"),
    ),
    Fault(
        "every row has the first picture's photograph", "pages/frame/panes.py",
        "shapes.seen(picture, picture.pixels)", "shapes.seen(picture, verdicts.result.test[0].pixels)",
        (PIXELS, "grid"),
    ),
    Fault(
        "panes are square whatever the set is", "pages/frame/shapes.py",
        "median_low(list(shapes) or [1.0])", "1.0", ("tests/pages/test_shapes.py", "one_shape"),
    ),
    Fault(
        "places in a picture count from its pane's border", "assets/components/parts.js",
        "(across - (1 - wide) / 2) / wide", "across", (SCRIPTS, "place_in_a_pane"),
    ),
    Fault(
        "a map is mirrored on its way to the browser", "pages/frame/component.py",
        "shown = MapScale(*scale)(array) if scale else array",
        "shown = (MapScale(*scale)(array) if scale else array)[:, ::-1]", (PIXELS, "grid"),
    ),
    Fault(
        "a map is mirrored as it is painted", "assets/components/maps.js",
        "for (let i = 0; i < values.length; i++) values[i] = pixels[4 * i];",
        "for (let i = 0; i < values.length; i++) values[i] = pixels[4 * (values.length - 1 - i)];", (PIXELS, "grid"),
    ),
    Fault(
        "the ramp of colours is reversed", "detectors/plots/colours.py",
        "return layer(np.linspace(0, TOP, 256)[None], colour_map)[0]",
        "return layer(np.linspace(TOP, 0, 256)[None], colour_map)[0]", (SCRIPTS, "colours"),
    ),
    Fault(
        "normal places are coloured", "detectors/plots/colours.py",
        "CLEAR, SOLID = 0.85, 1.6", "CLEAR, SOLID = 0.35, 1.6",
        ("tests/detectors/plots/test_colours.py", ""),
    ),
    Fault(
        "the outline is another picture's", "pages/frame/panes.py",
        "shapes.seen(picture, picture.mask)", "shapes.seen(picture, verdicts.result.test[0].mask)",
        (PIXELS, "outlines"),
    ),
    Fault(
        "the bar of a score is ten times as long", "pages/compare/pane.js",
        "`${Math.min(100, (100 * cell.ratio) / 3)}%`", "`${Math.min(100, (1000 * cell.ratio) / 3)}%`",
        (PIXELS, "bars"),
    ),
    Fault(
        "the keyboard begins at the lowest place", "pages/compare/pane.js",
        "if (map.values[i] > map.values[best]) best = i;", "if (map.values[i] < map.values[best]) best = i;",
        (PIXELS, "keyboard"),
    ),
    Fault(
        "a painted pixel is one step too bright", "pages/inspect/brushes.js",
        "* a + 127) / 255);", "* a + 254) / 255);", (SCRIPTS, "painted"),
    ),
    Fault(
        "undo goes back two states", "pages/inspect/states.js",
        "this.at = this.list.length - 1;", "this.at = this.list.length - 2;", (SCRIPTS, "undo"),
    ),
    # Inspect
    Fault(
        "Inspect opens at the lowest place", "pages/inspect/exhibits.py",
        "np.unravel_index(int(field.argmax()), field.shape)", "np.unravel_index(int(field.argmin()), field.shape)",
        (PIXELS, "highest"),
    ),
    Fault(
        "every method shows the first one's map", "pages/inspect/evidence.py",
        "row |= _map(found[key], result[key], pictures, exhibit)",
        "row |= _map(found[result.columns[0].key], result.columns[0], pictures, exhibit)", (PIXELS, "inspect"),
    ),
    Fault(
        "the least unusual method comes first", "pages/inspect/evidence.py",
        "_map_value(answers.get(k)), reverse=True)", "_map_value(answers.get(k)))",
        ("tests/browser/test_browser_inspect.py", "ordered"),
    ),
    Fault(
        "every crop is of the first learnt picture", "pages/inspect/evidence.py",
        "picture, called = result.learnt[compared.picture],", "picture, called = result.learnt[0],",
        (PIXELS, "evidence"),
    ),
    Fault(
        "a crop is of the next patch", "pages/inspect/evidence.py",
        "x = min(max(0, round((left + right - side) / 2)), width - side)",
        "x = min(max(0, round((left + right - side) / 2 + right - left)), width - side)", (PIXELS, "evidence"),
    ),
    Fault(
        "bars of the histogram are ten times as high", "pages/inspect/rows.js",
        "(count / most) * 32", "(count / most) * 320", (SCRIPTS, "bars"),
    ),
    # Scores
    Fault(
        "thumbnails are those of the next picture", "pages/scores/lanes.py",
        "shapes.seen(picture, picture.pixels)",
        "shapes.seen(picture, _pictures[(place + 1) % len(_pictures)].pixels)",
        (PIXELS, "thumbnails"),
    ),
    Fault(
        "the axis of the scores is twice as wide", "pages/scores/axis.js",
        "return Math.log(inside / this.low) / Math.log(this.high / this.low);",
        "return Math.log(inside / this.low) / Math.log(this.high / this.low) / 2;", (SCRIPTS, "axis"),
    ),
    Fault(
        "the confusion matrix is transposed", "pages/scores/verdicts.js",
        "const count = counts.get(key)[sort];",
        "const count = counts.get(key)[{ miss: 'false_alarm', false_alarm: 'miss' }[sort] ?? sort];",
        (PIXELS, "matrices"),
    ),
    Fault(
        "the cost table says ms and shows s", "pages/scores/tables.py",
        "f\"<td>{c.cost.milliseconds_per_picture:.1f}</td>", "f\"<td>{c.cost.milliseconds_per_picture / 1e3:.1f}</td>",
        ("tests/pages/test_scores_page.py", ""),
    ),
    Fault(
        "a click on a curve sets the next higher threshold", "pages/scores/curves.py",
        "return said[0], float(found.thresholds[int(said[1])])",
        "return said[0], float(found.thresholds[max(0, int(said[1]) - 1)])",
        ("tests/pages/test_scores_page.py", "point"),
    ),
    Fault(
        "a curve's points have their axes swapped", "pages/scores/curves.py",
        'x, y = (points.false_alarms, points.found) if kind == "roc"',
        'x, y = (points.found, points.false_alarms) if kind == "roc"', ("tests/pages/test_scores_page.py", "point"),
    ),
    Fault(
        "a threshold chosen on a curve lies at a score", "detectors/evaluation/curves.py",
        "np.append(at[1], np.where(between < at[1:], between, np.nextafter(at[1:], -np.inf)))",
        "np.append(at[1], at[1:])",
        ("tests/detectors/evaluation/test_curves.py", ""),
    ),
    Fault(
        "a piece of a histogram opens another picture", "pages/scores/histograms.py",
        "customdata=[[column.key, number, cells[0].index if few else -1]",
        "customdata=[[column.key, number, own[0][2][0].index if few else -1]",
        ("tests/pages/test_scores_page.py", "bar_of_the_histogram"),
    ),
    Fault(
        "intervals end at the figure", "pages/frame/charts.py",
        "x=[f.low, f.high], y=[place, place]", "x=[f.low, f.value], y=[place, place]",
        ("tests/pages/test_learn_page.py", "intervals"),
    ),
    # Images
    Fault(
        "a gallery shows its first picture everywhere", "pages/images/gallery.py",
        "uris = {_thumb(picture): address(picture.webp) for picture in pictures}",
        "pictures = list(pictures)\n    uris = {_thumb(picture): address(pictures[0].webp) for picture in pictures}",
        (PIXELS, "galleries"),
    ),
    # Learn
    Fault(
        "a lesson's map lies on its picture upside down", "pages/learn/method_figures.py",
        "scene.column.scale(scene.path.map), scene.choices.colour)",
        "scene.column.scale(scene.path.map[::-1]), scene.choices.colour)",
        ("tests/browser/test_browser_method_lesson.py", "over_its_picture"),
    ),
    Fault(
        "the playground's shrinkage keeps the covariance whole", "pages/learn/toy_methods.js",
        "keep = 1 - rho;", "keep = 1;", (PLAYGROUND, "scores_as"),
    ),
    Fault(
        "the playground trains its layer without the spheres", "pages/learn/toy_methods.js",
        "square <= radius ** 2", "square <= 0", (PLAYGROUND, "scores_as"),
    ),
    Fault(
        "all panes of the playground are painted for the first place", "pages/learn/playground.js",
        "this.assessed[name], dials.position, this.table", "this.assessed[name], 0, this.table",
        (PLAYGROUND, "own_panes"),
    ),
    Fault(
        "the names of classes are those of the next class", "detectors/queries/lessons/classes.py",
        "names[i] for i in first", "names[i - 1] for i in first",
        ("tests/detectors/queries/test_lessons.py", "opinions"),
    ),
    # What is taken away
    Fault(
        "the report has the first picture's map in every row", "detectors/report/pictures.py",
        "scaled = column.scale(column.maps[i])", "scaled = column.scale(column.maps[0])", (PIXELS, "report"),
    ),
    Fault(
        "the archive's overlays lie on the first picture", "detectors/report/archive.py",
        "yield from map_files(name, picture.pixels, raw,", "yield from map_files(name, result.test[0].pixels, raw,",
        (PIXELS, "archive"),
    ),
    Fault(
        "the archive is said to have one byte", "pages/export/files.py",
        "return pixels * (_OVERLAY_BYTES * (1 + maps) + _MAP_BYTES * maps) + 1_000_000", "return 1.0",
        (PIXELS, "archive"),
    ),
    Fault(
        "two columns of the CSV are swapped", "detectors/report/tables.py",
        "                    cell(column.method),\n                    cell(column.backbone),\n",
        "                    cell(column.backbone),\n                    cell(column.method),\n",
        (PIXELS, "archive"),
    ),
    Fault(
        "run.py does not set the seed", "detectors/report/script.py",
        "for name, value in experiment.items()]", "for name, value in experiment.items() if name != 'seed']",
        ("tests/detectors/report/test_script.py", ""),
    ),
    Fault(
        "an exported detector has lost its highest held-out score", "detectors/comparison/pipeline.py",
        "column.held_out.tolist(), column.scale, choice.of(column))",
        "sorted(column.held_out.tolist())[:-1], column.scale, choice.of(column))",
        ("tests/detectors/comparison/test_pipeline.py", ""),
    ),
    Fault(
        "an exported detector forgets the threshold that was chosen", "detectors/comparison/pipeline.py",
        '"threshold": asdict(chosen) if chosen else None,', '"threshold": None,',
        ("tests/detectors/queries/test_prediction.py", ""),
    ),
    # What is computed
    Fault(
        "the threshold is one step too low", "detectors/evaluation/thresholds.py",
        "dtype=np.float64))[-j])", "dtype=np.float64))[-min(j + 1, len(np.asarray(held_out)))])",
        ("tests/detectors/evaluation/test_thresholds.py", ""),
    ),
    Fault(
        "a score at the threshold is an alarm", "detectors/evaluation/thresholds.py",
        "flagged = np.asarray(labels, dtype=np.float64), np.asarray(scores) > ",
        "flagged = np.asarray(labels, dtype=np.float64), np.asarray(scores) >= ",
        ("tests/detectors/evaluation/test_thresholds.py", ""),
    ),
    Fault(
        "the scale of maps ends at 90 % of normal pixels", "detectors/evaluation/thresholds.py",
        "np.quantile(values, [0.5, 0.99])", "np.quantile(values, [0.5, 0.9])",
        ("tests/detectors/evaluation/test_thresholds.py", ""),
    ),
    Fault(
        "held-out normals are learnt from", "detectors/comparison/comparison.py",
        '"learnt": store.subset(rows[:learnt]),', '"learnt": store.subset(rows[:held_out]),',
        ("tests/detectors/comparison/test_comparison.py", ""),
    ),
    Fault(
        "the seed of the split is ignored", "detectors/comparison/comparison.py",
        "learnt, kept = thresholds.hold_out(len(data.train), held_out, seed)",
        "learnt, kept = thresholds.hold_out(len(data.train), held_out, 0)",
        ("tests/detectors/comparison/test_comparison.py", ""),
    ),
    Fault(
        "test pictures are not standardised", "detectors/comparison/pipeline.py",
        "return self.standardisation(features) if self.standardisation else features", "return features",
        ("tests/detectors/comparison/test_pipeline.py", ""),
    ),
    Fault(
        "maps are smoothed half as much", "detectors/methods/maps.py",
        "SIGMA = 4.0  #", "SIGMA = 2.0  #", ("tests/detectors/methods/test_maps.py", ""),
    ),
    Fault(
        "maps are enlarged from cell corners", "detectors/methods/maps.py",
        "place = np.clip((np.arange(pixels) + 0.5) * (cells / pixels) - 0.5, 0, cells - 1)",
        "place = np.clip(np.arange(pixels) * (cells / pixels), 0, cells - 1)",
        ("tests/detectors/methods/test_maps.py", ""),
    ),
    Fault(
        "bootstrap intervals are half as wide", "detectors/evaluation/intervals.py",
        "np.quantile(values, [0.025, 0.975])", "np.quantile(values, [0.25, 0.75])",
        ("tests/detectors/evaluation/test_figures.py", ""),
    ),
    Fault(
        "held-out patches above the place count as below it", "detectors/queries/explain.py",
        "below=int((flat < value).sum()),", "below=int((flat >= value).sum()),",
        ("tests/detectors/queries/test_explain.py", ""),
    ),
    Fault(
        "the masks of pixel figures are inverted", "detectors/evaluation/pixel_scores.py",
        "return np.sort(values[~mask]), defect[order], weight[order], count",
        "return np.sort(values[mask]), defect[order], weight[order], count",
        ("tests/detectors/evaluation/test_pixel_metrics.py", ""),
    ),
    Fault(
        "large defects count more than small ones", "detectors/evaluation/pixel_scores.py",
        "weight = 1.0 / np.bincount(inside)[inside]", "weight = 1.0 + 0.0 * np.bincount(inside)[inside]",
        ("tests/detectors/evaluation/test_pixel_metrics.py", ""),
    ),
    Fault(
        "red and blue are swapped before the backbone", "detectors/images/preprocessing.py",
        "self.stack(pictures, closer).transpose(0,", "self.stack(pictures, closer)[..., ::-1].transpose(0,",
        ("tests/detectors/images/test_images.py", ""),
    ),
    Fault(
        "a mask is cut out of another place than its picture", "detectors/images/preprocessing.py",
        "np.array(self._resized(image, Image.Resampling.NEAREST)).astype(bool)",
        "np.roll(np.array(self._resized(image, Image.Resampling.NEAREST)).astype(bool), 5, axis=1)",
        ("tests/detectors/images/test_images.py", ""),
    ),
    Fault(
        "a run is said to need a thousandth of its memory", "detectors/comparison/forecast.py",
        "return Forecast(seconds, features + largest, refused)",
        "return Forecast(seconds, (features + largest) // 1000, refused)",
        ("tests/detectors/comparison/test_comparison.py", ""),
    ),
    # The frame
    Fault(
        "a link forgets the seed", "pages/frame/state.py",
        '    "seed": _whole(0, 2**31 - 1),\n', "", ("tests/pages/test_state.py", ""),
    ),
    Fault(
        "canvases are there and cannot be seen", "pages/compare/grid.css",
        "/* Column heads */", ".tile canvas { opacity: 0 !important; }\n/* Column heads */", (PIXELS, "screen"),
    ),
    Fault(
        "a score at the threshold is an alarm in the browser alone", "pages/scores/threshold.js",
        "const alarm = column.scores[i] > ", "const alarm = column.scores[i] >= ", (SCRIPTS, "verdicts"),
    ),
    Fault(
        "Wilson's interval is one of 90 %", "pages/scores/threshold.js",
        "const Z = 1.959963984540054;", "const Z = 1.644853626951472;", (SCRIPTS, "wilson"),
    ),
    Fault(
        "the map after a stroke is the one before it", "pages/inspect/pad.py",
        '(("mapBefore", before), ("mapAfter", after))', '(("mapBefore", before), ("mapAfter", after and before))',
        (PIXELS, "painting"),
    ),
    Fault(
        "what is painted lies on the picture the other way round", "detectors/queries/paint.py",
        "self.colours.astype(np.uint32) * opacity", "self.colours[::-1].astype(np.uint32) * opacity[::-1]",
        (SCRIPTS, "painted"),
    ),
    Fault(
        "Korean pages are written in English", "pages/frame/words.py",
        "return write(language(), key, **values)", "return write('en', key, **values)",
        ("tests/pages/test_pages.py", ""),
    ),
    Fault(
        "a result of other choices is not marked", "pages/compare/page.py",
        "stale=status.stale,", "stale=False,", ("tests/pages/test_pages.py", ""),
    ),
    # Stress, the pinned run, the pictures that are most alike
    Fault(
        "a strip shows the first strength's map everywhere", "pages/stress/strip.py",
        "column.scale(maps[t])", "column.scale(maps[0])", ("tests/pages/test_stress_page.py", "strip"),
    ),
    Fault(
        "the maps of a strip lie on black", "pages/stress/strip.py",
        "colours.overlay(_found.pixels[t],", "colours.overlay(0 * _found.pixels[t],",
        ("tests/pages/test_stress_page.py", "strip"),
    ),
    Fault(
        "a break need not last", "detectors/stress/curves.py",
        "                first = None\n", "                pass\n", ("tests/detectors/stress/test_curves.py", ""),
    ),
    Fault(
        "a method breaks where it finds more", "detectors/stress/curves.py",
        "return more(before, now)", "return more(now, before)", ("tests/detectors/stress/test_curves.py", ""),
    ),
    Fault(
        "dirt is tested as well", "detectors/stress/refits.py",
        "rest = np.setdiff1d(np.arange(len(labels)), dirty)", "rest = np.arange(len(labels))",
        ("tests/detectors/stress/test_refits.py", "dirt or clean"),
    ),
    Fault(
        "a left-out picture is still in its Gaussian", "detectors/methods/gaussian.py",
        "own / (count * share * rest)", "own * (count - 1) / count",
        ("tests/detectors/methods/test_promises.py", "left_out"),
    ),
    Fault(
        "one draw that loses is enough", "detectors/stress/draws.py",
        "middle = (len(found) + 1) // 2\n", "middle = 1\n", ("tests/detectors/stress/test_draws.py", "loss"),
    ),
    Fault(
        "two pictures with one defect vouch for each other", "detectors/stress/doubts.py",
        "few = min(NEAREST, count - 1)", "few = 1",
        ("tests/detectors/stress/test_doubts.py", "odd"),
    ),
    Fault(
        "the last patches searched lower a picture's score", "detectors/methods/neighbors.py",
        'owner[left], found, "amax")', 'owner[left], found, "amin")',
        ("tests/detectors/methods/test_neighbors.py", "farthest"),
    ),
    Fault(
        "remedies are not in the table of a ZIP", "detectors/report/stress.py",
        "write_csv(stressed.curves, stressed.helped)", "write_csv(stressed.curves)",
        ("tests/detectors/report/test_stressed.py", "zip"),
    ),
    Fault(
        "alignment moves the wrong way", "detectors/stress/remedies.py",
        "turn, -down * size[0] / _SIDE, -right * size[1] / _SIDE)",
        "turn, down * size[0] / _SIDE, right * size[1] / _SIDE)",
        ("tests/detectors/stress/test_remedies.py", "brought"),
    ),
    Fault(
        "brighter is darker", "detectors/stress/conditions.py",
        "_lit(pixels, 2.0**stops)", "_lit(pixels, 2.0**-stops)", ("tests/detectors/stress/test_conditions.py", ""),
    ),
    Fault(
        "the curve of finds is that of false alarms", "pages/stress/charts.py",
        '"found": point.found', '"found": point.false_alarms', ("tests/pages/test_stress_page.py", "chart"),
    ),
    Fault(
        "JPEG's quality is what it lost", "detectors/stress/sentences.py",
        'return f"{100 - strength:g}"', 'return f"{strength:g}"', ("tests/pages/test_stress_page.py", "words"),
    ),
    Fault(
        "the difference to the pinned run is the other way round", "pages/scores/against.py",
        "(result.labels, one.scores, other.scores)", "(result.labels, other.scores, one.scores)",
        ("tests/pages/test_pinned.py", ""),
    ),
    Fault(
        "the picture judged otherwise is the least alike", "pages/inspect/alike.py",
        "i = int(allowed.argmin())", "i = int(np.where(np.isfinite(allowed), allowed, -1).argmax())",
        ("tests/pages/test_inspect_page.py", "alike or otherwise"),
    ),
    Fault("the tiles of a picture change places", "detectors/features/backbone.py",
          "seen = [[self._seen(tile) for tile in row] for row in rows]",
          "seen = [[self._seen(tile) for tile in row[::-1]] for row in rows]",
          ("tests/detectors/comparison/test_proportions.py", "side_by_side")),
    Fault("patches beyond a padded picture enter the bank", "detectors/methods/patchcore.py",
          "within[first_of_each(together[within])]", "first_of_each(together)",
          ("tests/detectors/comparison/test_proportions.py", "only_patches")),
    Fault("padding counts as normal pixels of the scale", "detectors/comparison/comparison.py",
          "thresholds.map_scale(held_maps, [picture.inside for picture in pictures.held_out])",
          "thresholds.map_scale(held_maps)",
          ("tests/detectors/comparison/test_proportions.py", "scale_of_maps")),
    Fault("who comes for another run leaves the early one at work", "pages/frame/backend.py",
          "_compute().leave(_anticipated().pop(), NOBODY)", "_anticipated().pop()",
          ("tests/pages/test_backend.py", "before_anybody_came")),
    Fault("a piece is written wherever it begins", "pages/frame/pieces.py",
        "if int(at) != (found.at if found.end is None else found.end):", "if False:",
        ("tests/pages/test_pieces.py", "")),
    Fault("a drawn mask makes no defective picture", "pages/images/mask.py",
        "labels[sha256] = named or before or True", "labels[sha256] = named or before or False",
        ("tests/pages/test_images_page.py", "drawn_mask")),
    Fault("the pictures that come with the app lose a little", "detectors/datasets/builtin/ready.py",
          "pictures[i] = np.asarray(picture)", "pictures[i] = np.asarray(picture) & 254",
          ("tests/detectors/datasets/test_builtin.py", "comes_with_the_package")),
    Fault(
        "in a column that asks for defects, 1 means good", "detectors/datasets/labels/tables.py",
        '("good", "defective") if leaning == "good"', '("good", "defective") if leaning == "bad"',
        ("tests/detectors/datasets/test_layouts.py", "TestTables"),
    ),
    Fault(
        "folders called 0 and 1 are kinds of defects", "detectors/datasets/layouts.py",
        "if not {0, 1} & {*numbered.values()}", "if {0, 1} & {*numbered.values()}",
        ("tests/detectors/datasets/test_layouts.py", "TestNumbers"),
    ),
    Fault(
        "a box of a class that is good marks a defect", "detectors/datasets/labels/boxes.py",
        "if says_good(kind := classes.get(", "if not (kind := classes.get(",
        ("tests/detectors/datasets/test_boxes.py", "word_for_good"),
    ),
    Fault(
        "all kinds marked 0 say nothing", "detectors/datasets/labels/one_hot.py",
        "for i in kinds) else not names", "for i in kinds) else None",
        ("tests/detectors/datasets/test_layouts.py", "columns_of_0_and_1"),
    ),
    Fault(
        "what nobody looked at yet counts as good", "detectors/datasets/words.py",
        "return bool({*said} & _UNLABELLED) or any(", "return bool({*said} & _UNLABELLED) and any(",
        ("tests/detectors/datasets/test_layouts.py", "nobody"),
    ),
    Fault(
        "a name that takes good half back is learnt", "detectors/datasets/words.py",
        'verdicts.add("unlabelled" if doubted else', 'verdicts.add("good" if doubted else',
        ("tests/detectors/datasets/test_doubts.py", "half_back"),
    ),
    Fault(
        "a good folder inside a bad one is learnt", "detectors/datasets/contradictions.py",
        'return not own.role and "bad" in inside and', 'return False and "bad" in inside and',
        ("tests/detectors/datasets/test_doubts.py", "inside_a_bad_one"),
    ),
    Fault(
        "names of files tell no kinds of defects", "detectors/datasets/file_names.py",
        '("bad" if trouble else "")', '""',
        ("tests/detectors/datasets/test_doubts.py", "names_of_files_tell"),
    ),
    Fault(
        "of verdicts that disagree the first counts", "detectors/datasets/labels/tables.py",
        "if against and len(final) != 1:", "if not against and len(final) != 1:",
        ("tests/detectors/datasets/test_doubts.py", "columns_of_verdicts"),
    ),
    Fault(
        "the picture of a damaged file of boxes is learnt", "detectors/datasets/labels/outlining.py",
        'replace(place, role="test", kind=None, why=_damaged(document))', "place",
        ("tests/detectors/datasets/test_boxes.py", "damaged"),
    ),
    Fault(
        "a detector of deep pictures says nothing of others", "detectors/images/origins.py",
        "if self.deep == self.pictures and", "if self.deep > self.pictures and",
        ("tests/detectors/images/test_origins.py", ""),
    ),
    Fault(
        "masks in a folder called after a class belong to any", "detectors/datasets/layouts.py",
        "or ([own[0]] if own is not None else above)", "or above",
        ("tests/detectors/datasets/test_layouts.py", "called_after"),
    ),
    Fault(
        "a condition below a kind is taken for the kind", "detectors/datasets/layouts.py",
        "replace(own, view=True) if folder in conditions", "replace(own, view=False) if folder in conditions",
        ("tests/detectors/datasets/test_layouts.py", "AeBAD"),
    ),
    Fault(
        "a corrected picture is still tested", "detectors/datasets/corrections.py",
        "if sha not in said and base not in said", "if base not in said",
        ("tests/detectors/datasets/test_corrections.py", ""),
    ),
    Fault(
        "what was before a correction is let go of", "pages/frame/backend.py",
        "            self._before = before, result", "            self._before = None",
        ("tests/pages/test_corrections.py", "old_result"),
    ),
    # Spread over workers
    Fault(
        "what its worker had not yet delivered is taken for delivered", "detectors/workers/work.py",
        "if not work.brings or work._over.is_set():", "if True:",
        ("tests/detectors/workers/test_faults.py", "not_here_yet"),
    ),
    Fault(
        "what waits for a fit moves it before all others", "detectors/workers/client.py",
        "pictures, stays=True, priority=turn", "pictures, stays=True, priority=5",
        ("tests/detectors/workers/test_workers.py", "in_turn"),
    ),
    Fault(
        "a person waits for what is prepared for others", "detectors/workers/work.py",
        'return None if work.answers else {"fit": 1} if work.fits else {"rest": 1}',
        'return {"fit": 1} if work.fits else {"rest": 1}',
        ("tests/detectors/workers/test_workers.py", "person_is_answered"),
    ),
    Fault(
        "no part is a fragment while nothing is awaited", "pages/frame/refresh.py",
        "if still and not before:", "if not before:",
        ("tests/pages/test_refresh.py", "nothing_is_polled"),
    ),
    Fault(
        "all fits go to the worker with the features", "detectors/workers/cluster.py",
        "next((worker for worker in self.workers if not busy[worker]), None)", "self.workers[0]",
        ("tests/detectors/workers/test_faults.py", "one_by_one"),
    ),
    Fault(
        "shared features are any file that has the number", "detectors/features/at_rest.py",
        "_identity(file.fileno()) != identity", "False",
        ("tests/detectors/features/test_features.py", "shared_features"),
    ),
    Fault(
        "features beyond memory go there where the disk is full", "detectors/features/at_rest.py",
        "if need > min(WITHOUT_DISK,", "if False and need > min(WITHOUT_DISK,",
        ("tests/detectors/features/test_features.py", "auto_moves"),
    ),
    Fault(
        "what was freed stays with a process at rest", "detectors/workers/given_back.py",
        "ctypes.CDLL(None).malloc_trim(0)", "ctypes.CDLL(None)",
        ("tests/detectors/workers/test_given_back.py", "gives_back"),
    ),
    # What a rerun costs
    Fault(
        "what was worked out is forgotten at once", "pages/frame/once.py",
        "self._held[key] = made", "self._held.pop(key, None)",
        ("tests/pages/test_charts.py", "drawn_again and scores"),
    ),
    Fault(
        "a map keeps its colours under another scale", "pages/frame/component.py",
        'array.dtype.str, kind, scale)', 'array.dtype.str, kind)',
        ("tests/pages/test_charts.py", "another_scale"),
    ),
    Fault(
        "forgotten pictures lie on the disk as long as anybody holds them", "pages/frame/uploads.py",
        "            source.remove()", "            source.bytes",
        ("tests/pages/test_pieces.py", "whoever_still_holds"),
    ),
    Fault(
        "a folder is forgotten a minute after its tab was closed", "pages/frame/uploads.py",
        "if shelf.holds or shelf.tray.files", "if shelf.bytes or shelf.tray.files",
        ("tests/pages/test_images_page.py", "is_found_as_long"),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """What became of a fault: the tests that noticed it by an assertion, and what else pytest said."""

    fault: Fault
    killers: tuple[str, ...]
    said: str
    seconds: float


def tried(fault: Fault, root: Path) -> Found:
    """Put a fault into a copy of the project, run its tests, and take it out again."""
    path, started = root / fault.path, time.monotonic()
    before = path.read_text("utf-8")
    path.write_text(before.replace(fault.old, fault.new), "utf-8")
    try:
        killers, said = _tested([fault.tests], root, "-x")
    finally:
        path.write_text(before, "utf-8")
    return Found(fault, killers, said, time.monotonic() - started)


def _tested(tests: list[tuple[str, str]], root: Path, *options: str) -> tuple[tuple[str, ...], str]:
    """Return the tests that failed by an assertion, and how pytest ended."""
    report = root / "faults.xml"
    report.unlink(missing_ok=True)
    files = list(dict.fromkeys(path for path, _ in tests))
    chosen = [word for _, word in tests]
    words = () if "" in chosen else ("-k", " or ".join(dict.fromkeys(chosen)))
    command = [
        sys.executable, "-m", "pytest", *files, *words, *options, "-q", "-p", "no:cacheprovider",
        f"--junitxml={report}",
    ]  # fmt: skip
    try:
        ended = subprocess.run(
            command, cwd=root, capture_output=True, text=True, check=False, timeout=SECONDS * len(files),
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return (), "took too long"
    if not report.is_file():
        return (), f"pytest ended with {ended.returncode}: {ended.stdout[-300:]}"
    cases = list(ElementTree.parse(report).iter("testcase"))
    failed = [(case, failure) for case in cases for failure in case.findall("failure")]
    killers = tuple(
        f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"
        for case, failure in failed
        if failure.get("message", "").startswith(ASSERTED)
    )
    others = [failure.get("message", "")[:120] for _, failure in failed]
    others += [error.get("message", "")[:120] for case in cases for error in case.findall("error")]
    ran = sum(not case.findall("skipped") for case in cases)
    return killers, "; ".join(others) or f"{ran} tests passed, {len(cases) - ran} were skipped"


def copied(folder: Path) -> Path:
    """Copy the project's files, those that git knows or would take, into a folder."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True,
        check=True,
    )  # fmt: skip
    root = folder / "project"
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    return root


def main(words: list[str]) -> int:
    """Try the faults whose names hold one of the words, all without words; return the exit code."""
    faults = [fault for fault in FAULTS if not words or any(word in fault.name for word in words)]
    gone = [fault for fault in faults if not fault.applies(ROOT)]
    for fault in gone:
        print(f"NO LONGER APPLIES  {fault.name}: {fault.path} does not hold its text exactly once")
    faults = [fault for fault in faults if fault not in gone]
    survivors, started = [], time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        copies: Queue[Path] = Queue()
        for number in range(JOBS):
            copies.put(copied(Path(folder) / str(number)))

        def attempt(fault: Fault) -> Found:
            root = copies.get()
            try:
                return tried(fault, root)
            finally:
                copies.put(root)

        with ThreadPoolExecutor(JOBS) as pool:
            sound = pool.submit(lambda: _sound(faults, copied(Path(folder) / "sound")))
            for found in pool.map(attempt, faults):
                if not found.killers:
                    survivors.append(found)
                verdict = f"killed by {found.killers[0]}" if found.killers else f"SURVIVED ({found.said})"
                print(f"{found.seconds:5.0f} s  {found.fault.name}: {verdict}", flush=True)
            broken = sound.result()
    for words_of in broken:
        print(f"FAILS WITHOUT ANY FAULT  {words_of}")
    minutes = (time.monotonic() - started) / 60
    print(f"{len(faults)} faults, {len(survivors)} survived, {len(gone)} no longer apply, {minutes:.0f} minutes")
    return 1 if survivors or gone or broken else 0


def _sound(faults: list[Fault], root: Path) -> list[str]:
    """Run the tests of all faults on the project as it is; return what fails."""
    broken = []
    for path in dict.fromkeys(fault.tests[0] for fault in faults):
        killers, said = _tested([fault.tests for fault in faults if fault.tests[0] == path], root)
        if killers or "passed" not in said:
            broken.append(f"{path}: {killers or said}")
    return broken


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
