"""What a file of a set is for, and the reasons that are told for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from detectors.errors import Sentence

Role = Literal["train", "test", "mask", "outside", "ignored"]
Purpose = Literal["train", "test", "mask", ""]


@dataclass(frozen=True)
class Place:
    """What a file is for.

    Attributes:
        role: "train" (learnt as normal), "test", "mask", "outside" (nothing is known to do with it) or "ignored".
        kind: "good", the defect's name, or None where the folders do not say.
        stem: the file's name without its extension.
        within: for a mask: the folder it lies in below its kind (MVTec LOCO has one for each picture).
        part: which of several uploads it came with; a mask prefers pictures of its own upload.
        why: what decided.
        by_mask: whether nothing says what the picture is, so that its mask does.
        silent: whether a picture without a mask is good where others of its folder have one.
        folder: for `by_mask`: the folder that may be the kind of a defect.
        picture: for a mask that names its picture's file: that name.
    """

    role: Role
    kind: str | None
    stem: str
    within: str | None = None
    part: int = 0
    why: Sentence | None = None
    by_mask: bool = False
    silent: bool = False
    folder: str | None = None
    picture: str | None = None

    @property
    def defective(self) -> bool | None:
        """False for good, True for a defect, None where nobody said."""
        return None if self.kind is None else self.kind != "good"


GEOMETRY = Sentence(
    "role.geometry", "Measured beside colour pictures (depths, points, other light): only the colours are used."
)
MADE = Sentence("role.made", "Its folder is called after what a program makes of pictures: it is not used.")
DEFAULT = Sentence("role.default", "No folder says what it is, so it is taken as good.")
NAMED = Sentence("role.named", "No folder says what it is, but its own name does.")
BY_MASK = Sentence("role.by_mask", "No folder says what it is, so its mask does: an empty one means good.")
UNLISTED = Sentence("role.unlisted", "The table of labels does not name it: nothing says whether it is good.")
NOT_AMONG = Sentence("role.not_among", "What names defective pictures does not name it, so it is taken as good.")
TEMPLATE = Sentence("role.template", "Its name says that it is the template of the picture beside it.")
TESTED = Sentence("role.tested", "It lies beside its own template; nothing says whether it is good.")
BESIDE = Sentence("role.beside", "It lies beside the folders that say what their pictures are.")
NOT_SAID = Sentence("role.not_said", "It is tested; nothing says whether it is good.")
NOT_ALIKE = Sentence("role.not_alike", "The names of others say that they are good, and its own does not say so.")
OWN_NAME_UNCLEAR = Sentence("role.own_name_unclear", "Its own name says good and something against it.")
VALIDATION = Sentence(
    "role.validation", "A good picture of the validation folder, tested with its defective ones: no folder is of tests."
)
GIVEN = Sentence("role.given", "It was given as such.")
SPARE = Sentence("role.set_aside", "A good picture, set aside for testing as there is no test folder.")


def number_learnt(folder: str) -> Sentence:
    """Say that a number means good since it alone is learnt."""
    return Sentence(
        "role.number_learnt",
        "The folder {folder} is the only number among the training pictures, so it is taken as good.",
        folder=folder,
    )


def unknown_number(folder: str) -> Sentence:
    """Say that a number means nothing."""
    return Sentence(
        "role.number",
        "The folder {folder} is a number: nothing says whether it means good or defective.",
        folder=folder,
    )


def by_folder(folder: str) -> Sentence:
    """Say that the folder's name decided."""
    return Sentence("role.folder", "The folder {folder} says so.", folder=folder)


def contradicted(folder: str) -> Sentence:
    """Say that a folder's words, or those of the folders around it, contradict each other."""
    return Sentence(
        "role.contradicted",
        "What {folder} says is contradicted, by itself or by the folder around it: nothing says whether it is good.",
        folder=folder,
    )


def taken_as_kind(folder: str) -> Sentence:
    """Say that the folder's name is taken as a kind."""
    return Sentence(
        "role.kind", "The folder {folder} is no word for good, so it is taken as the kind of a defect.", folder=folder
    )


def is_kind(place: Place) -> bool:
    """Whether a file is taken as defective only because its folder's name is no word for good."""
    return place.why is not None and place.why.key == "role.kind"


def by_its_folder(place: Place) -> bool:
    """Whether a folder's name says what a file is."""
    return place.why is not None and place.why.key == "role.folder"


def is_damaged(place: Place) -> bool:
    """Whether the document that says what a file is cannot be read."""
    return place.why is not None and place.why.key == "role.damaged"


def is_chosen(place: Place) -> bool:
    """Whether a person said what a file is."""
    return place.why is not None and place.why.key == "role.chosen"


def unsaid(place: Place) -> bool:
    """Whether a file is taken as good only because no folder says anything."""
    return place.why == DEFAULT


def by_table(place: Place) -> bool:
    """Whether a table, a list or a picture's own file says what it is."""
    return place.why is not None and place.why.key in ("role.table", "role.own_file")


def not_among(place: Place) -> bool:
    """Whether a file is taken as good since a table or list names defective ones alone."""
    return place.why == NOT_AMONG
