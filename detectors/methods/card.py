"""What a person should know of a method before using it; data only, so that showing it needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from detectors.errors import Sentence
from detectors.methods.settings import Setting

TABLES = "paper's table, as transcribed in jpcbertoldo/anomasota"
ANOMALIB = "README of anomalib"
NOTHING = Sentence("methods.nothing_changed", "Nothing is changed.")


@dataclass(frozen=True)
class Published:
    """One row of figures on MVTec AD, averaged over its 15 categories, in per cent.

    Attributes:
        setting: backbone and whatever else the figures depend on.
        image_auroc, pixel_auroc, aupro: None where nothing was published.
        source: where the figures were read.
        caveat: what to bear in mind before comparing with one's own; None where nothing is known.
        spread: of `image_auroc`, as published (plus or minus).
    """

    setting: str
    image_auroc: float | None
    pixel_auroc: float | None
    aupro: float | None
    source: str
    caveat: Sentence | None = None
    spread: float | None = None


@dataclass(frozen=True)
class Card:
    """A method's card. What it does not say is left out wherever cards are shown.

    Attributes:
        key: "padim", as on the command line.
        title: "PaDiM", as in print; `short`, where there is less room.
        home: module and class, "detectors.methods.padim:Padim".
        idea: the method in one sentence.
        settings: by name, in the order of the class's fields; the defaults are the class's.
        unit: what is compared with what.
        score: what a picture's number is.
        memory: what the fitted model stores.
        grows: "always" with the number of normal pictures, "bounded" where only up to a size, or "never".
        needs_alignment: whether every picture must show the same part at the same place.
        has_map: whether it says where.
        quick: what the preset "quick" changes.
        year: of the first publication.
        paper: title; `arxiv` is its identifier.
        code: the official code, or the best known where the authors published none.
        licence: of that code; none of it was copied.
        learnt: what `fit` learns, in the words of `detectors.comparison.forms`, one form or several to choose from: a
            saved model is held to it before it is used. Of none, only the numbers themselves are checked.
        published: figures of papers and codes.
        words: by language, the texts of this card by their sentences' keys, for a method whose texts are not in
            `assets/texts`.
    """

    key: str
    title: str
    home: str
    idea: Sentence
    settings: Mapping[str, Setting]
    unit: Sentence | None = None
    score: Sentence | None = None
    memory: Sentence | None = None
    grows: str = "never"
    needs_alignment: bool = False
    has_map: bool = True
    quick: Sentence = NOTHING
    year: int | None = None
    paper: str = ""
    arxiv: str = ""
    code: str = ""
    licence: str = ""
    short: str = ""
    learnt: tuple[Mapping[str, str], ...] = ()
    published: tuple[Published, ...] = ()
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "short", self.short or self.title)
