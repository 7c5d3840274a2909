"""What a browser tab remembers: the one table of session keys, through which pages read and write them.

Every other value of a session is a choice, in the address bar (`state.Choices`), or belongs to a widget or a component.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from detectors.datasets.sources import EditedSource, UploadSource
    from detectors.errors import Sentence
    from detectors.evaluation.thresholds import ThresholdChoice
    from detectors.queries.overview import Thumbnail
    from detectors.stress import Curve
    from pages.frame.backend import Answer
    from pages.frame.state import Choices
    from pages.frame.uploads import Shelf

T = TypeVar("T")
_THIS_RUN = "odd_this_run"


@dataclass(frozen=True)
class Key(Generic[T]):
    """One thing that a session remembers.

    Attributes:
        name: in `st.session_state`.
        default: makes what is remembered before anything was written.
        writers: the modules that write it, or change what it holds.
    """

    name: str
    default: Callable[[], T]
    writers: tuple[str, ...]

    def get(self) -> T:
        """Return what is remembered."""
        try:
            return st.session_state[self.name]
        except KeyError:
            st.session_state[self.name] = made = self.default()
            return made

    def set(self, value: T) -> None:
        """Remember something else."""
        st.session_state[self.name] = value
        if self.name == "choices":
            this_run().clear()

    def pop(self) -> T:
        """Return what is remembered and forget it."""
        return st.session_state.pop(self.name, self.default())


def this_run() -> dict[str, Any]:
    """Return what is looked up once while a script runs, as some hundred texts do with the language of the session.

    Empty at the beginning of each run, after each change of the choices, and wherever no script runs.
    """
    context = get_script_run_ctx(suppress_warning=True)
    if context is None:
        return {}
    kept = vars(context).get(_THIS_RUN)
    if kept is None or kept[0] is not context.cursors:  # which are new in every run
        kept = vars(context)[_THIS_RUN] = context.cursors, {}
    return kept[1]


def _nothing() -> Any:
    return None


# What is looked at, on all pages
CHOICES: Key[Choices | None] = Key("choices", _nothing, ("frame.state",))
OWN: Key[Shelf | None] = Key("own", _nothing, ("frame.uploads",))
EDITS: Key[dict[str, EditedSource]] = Key("edits", dict, ("frame.uploads",))  # by the key of what they edit
# What a link asked for that this browser does not have: (data, product) as they were instead.
ELSEWHERE: Key[tuple[str, str] | None] = Key("elsewhere", _nothing, ("frame.data",))

# When a run follows what was corrected, in seconds of the clock; None where none is to.
REFIT: Key[float | None] = Key("refit", _nothing, ("frame.corrections", "frame.following"))
# And when one follows because own pictures are read otherwise, and whether their scores surely were seen.
MEASURE: Key[tuple[float, bool] | None] = Key("measure", _nothing, ("frame.data", "frame.following"))

# How often anything was changed on the shelf, as far as this tab was told.
CHANGE: Key[int | None] = Key("change", _nothing, ("frame.uploads",))

# How often until another tab's change was told here, which is said as long as nothing else is changed.
TAKEN_OVER: Key[int | None] = Key("taken_over", _nothing, ("frame.other_tab",))

# Images
# Since when, in seconds of the clock, files are looked at that no page sends any more.
CUT_OFF: Key[float | None] = Key("cut_off", _nothing, ("images.unfinished",))
FOLDER_ROUND: Key[int] = Key("folder_round", int, ("images.products",))  # counts the places for a path
FOLDER_REFUSED: Key[Sentence | None] = Key("folder_refused", _nothing, ("images.products",))
SAVED_DETECTOR: Key[tuple[str, bytes, str] | None] = Key("reloaded", _nothing, ("images.saved_detector",))
SAVED_ROUND: Key[int] = Key("reload_round", int, ("images.saved_detector",))
BENCHMARK: Key[tuple[str, str] | None] = Key("benchmark", _nothing, ("export.benchmark",))  # its file's name and text
# The ONNX file that was asked for: (run, column, threshold) and the answer.
LINE: Key[tuple[tuple[str, str, ThresholdChoice], Answer] | None] = Key("line", _nothing, ("export.line",))
BENCHMARK_ROUND: Key[int] = Key("benchmark_round", int, ("export.benchmark",))
REVEALED: Key[dict[str, Any] | None] = Key("images_reveal", _nothing, ("images.galleries",))  # {"id", "at"}
# Its name in the set, and the picture.
ENLARGED: Key[tuple[str, Thumbnail] | None] = Key("images_enlarged", _nothing, ("images.enlarged",))
# The picture that a mask is drawn on: sha256, name, kind, known kinds.
DRAWN_ON: Key[tuple[str, str, str, tuple[str, ...]] | None] = Key("images_drawn_on", _nothing, ("images.mask",))
UNUSUAL: Key[dict[str, tuple[str, ...]]] = Key("images_unusual", dict, ("images.galleries",))  # by run and backbone
# That a run was seen there under way, then which one was.
RUN_SEEN: Key[str] = Key("images_run", str, ("images.running",))
NEXT_PAGE: Key[str | None] = Key("images_goes_to", _nothing, ("images.checks", "images.sets"))
MANY: Key[Any] = Key("images_many", _nothing, ("images.sets",))  # its `Many`: sets that are run one after the other

# Compare
ORDER: Key[str] = Key("order", lambda: "disagreement", ("compare.page",))
# The pictures, by sha256, that the filter was chosen for.
FILTERED: Key[tuple[str, ...] | None] = Key("filtered", _nothing, ("compare.filters", "scores.kinds"))

# Scores
BY_HAND: Key[bool] = Key("by_hand", bool, ("scores.parts",))
# Whether a threshold was moved that the sidebar has not followed yet.
MOVED: Key[bool] = Key("moved", bool, ("scores.curves", "scores.page", "scores.parts"))
# The column and the pictures of the bar that was clicked last.
BAR: Key[tuple[str, list[int]] | None] = Key("bar", _nothing, ("scores.histograms",))

# Inspect
EXHIBIT: Key[str | None] = Key("inspect_exhibit", _nothing, ("inspect.exhibits",))
MODE: Key[str] = Key("inspect_mode", lambda: "look", ("inspect.pad", "inspect.page"))  # or "paint"
GRADIENT: Key[bool] = Key("inspect_gradient", bool, ("inspect.page",))
# What is painted on: (sha256 of the picture that was looked at, key of the one that was chosen instead).
CANVAS: Key[tuple[str, str] | None] = Key("inspect_canvas", _nothing, ("inspect.pad",))
STROKE: Key[dict[str, Any]] = Key("inspect_stroke", dict, ("inspect.pad",))  # {"id", "png", "of"}
# (kind, exhibit, stroke) of the last question how small a defect may be.
SWEEP: Key[tuple[str, str, int] | None] = Key("inspect_sweep", _nothing, ("inspect.smallest_defect",))
ANSWERS: Key[OrderedDict[Any, Any]] = Key("inspect_memory", OrderedDict, ("inspect.exhibits",))
AVERAGE: Key[tuple[tuple[str, ...], NDArray[Any]] | None] = Key("inspect_average", _nothing, ("inspect.evidence",))

# Stress
# By (run, condition), or (run, "condition+remedy").
STRESSED: Key[dict[tuple[str, str], Answer]] = Key(
    "under_stress", dict, ("frame.stressed", "stress.asking", "stress.remedies")
)
# (run, condition or "condition+remedy", choice of thresholds): curves there, worked out once.
CURVES: Key[dict[tuple[str, str, ThresholdChoice], tuple[Curve, ...]]] = Key(
    "under_stress_curves", dict, ("frame.stressed", "stress.asking")
)
# (run, "dirt" or "pictures", way, whether cleaned, column): fits on other normal pictures; and how long they take.
STUDIED: Key[dict[tuple[str, str, str, bool, str], Answer]] = Key("studied", dict, ("frame.stressed", "stress.normals"))
LINKED: Key[bool] = Key("under_stress_linked", bool, ("stress.page",))  # whether what the link asks for was begun
STRIP: Key[dict[tuple[str, str, int], Answer]] = Key("strips", dict, ("stress.strip",))  # and test picture
# The condition, column and strength of a clicked point, whose pictures are shown.
POINT: Key[tuple[str, str, float] | None] = Key("point_of_stress", _nothing, ("stress.charts",))
LOOKED: Key[str] = Key(
    "strip_condition", str, ("stress.charts", "stress.remedies", "stress.strip")
)  # whose strip is shown

# Live
REMEMBERED: Key[dict[str, bytes]] = Key("live_remembered", dict, ("live.remembering",))  # JPEG files by path
CAMERA_PART: Key[UploadSource | None] = Key("live_camera_part", _nothing, ("live.remembering",))  # of the own pictures

# Learn
STEP: Key[int] = Key("learn_step", int, ("learn.method",))
PARAMETER: Key[str] = Key("learn_parameter", lambda: "bank", ("learn.parameters",))
OWN_WEIGHTS_ROUND: Key[int] = Key("own_weights_round", int, ("frame.weights",))  # counts uploads, for a new uploader
OWN_WEIGHTS_REFUSED: Key[Sentence | None] = Key("own_weights_refused", _nothing, ("frame.weights",))
VARIED: Key[list[tuple[str, str]]] = Key("parameters_asked", list, ("learn.parameters",))  # (run, parameter)
VARIANTS: Key[dict[tuple[str, str], list[Answer]]] = Key("parameters_answers", dict, ("learn.parameters",))
OTHER_WEIGHTS: Key[set[str]] = Key("layers_asked", set, ("learn.layers",))
EXERCISES: Key[set[str]] = Key("exercises_started", set, ("learn.exercises",))

# What holds pictures or what was computed from them.
PICTURES = (
    REVEALED, ENLARGED, DRAWN_ON, MANY, UNUSUAL, FILTERED, BAR, EXHIBIT, STROKE, SWEEP, ANSWERS, AVERAGE, STRESSED,
    CURVES, STUDIED, STRIP, REMEMBERED, CAMERA_PART, VARIANTS, LINE,
)  # fmt: skip
TABLE = {key.name: key for key in list(globals().values()) if isinstance(key, Key)}
# How the keys of widgets and components begin. Streamlit writes these; pages read and set them by `widget`.
WIDGETS = (
    "w_", "compare_", "scores_", "kinds_", "learn_picks", "product_",
    "drop_", "more_", "add_", "unfinished_", "reload_model_", "benchmark_file_",  # where files are chosen
    "set_", "sets_", "read_", "levels_",  # what folders are; black and white
    "grid", "lanes", "verdicts", "curves", "viewer", "pad", "path", "playground", "normal_gallery", "test_gallery",
    "removed_gallery", "images_parcel_", "mask_", "hard_pair", "exercise_pair_", "address",  # components
    "run", "each", "pin_run", "unpin", "cancel", "present_button", "threshold_back", "use_bundled_", "both_backbones",
    "choose_", "undo", "other_tab_", "say_", "flips", "flipped",
    "camera", "try_",
    "stress_", "export_", "learn_chevron_", "learn_highest", "layers_random", "ask_variants", "next_lesson",  # buttons
)  # fmt: skip


def forget_pictures() -> None:
    """Forget all that holds pictures, or was computed from them."""
    for key in PICTURES:
        key.pop()


def widget(name: str, default: Any = None) -> Any:
    """Return the value of a widget, or what a component said last by the names of its values."""
    return st.session_state.get(name, default)


def set_widget(name: str, value: Any) -> None:
    """Let a widget show a value; before it is drawn, or in a callback."""
    st.session_state[name] = value
