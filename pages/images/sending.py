"""The place where files, ZIPs and folders are chosen or dropped, and how far they are on their way to the server."""

from __future__ import annotations

from detectors.datasets.words import LABEL_ENDINGS, PICTURE_ENDINGS
from pages.frame import data, session, uploads
from pages.frame.component import Component
from pages.frame.pieces import PATH, PIECE
from pages.frame.words import text

SENDING = Component("sending", "pages/images/sending.html", ("pages/images/sending.css",), ("pages/images/sending.js",))


def sending(role: str, key: str) -> None:
    """Show it for files of a role, as `uploads.take` has it; what has arrived is put on the shelf at once."""
    mine = uploads.shelf()
    name = f"{key}_sending"

    def arrived() -> None:
        found = session.widget(name)  # nothing where the page has been loaded anew meanwhile
        said = (found and found["arrived"]) or {}
        batch = str(said.get("batch", ""))
        if not batch or batch in mine.tray.batches:
            return  # said once more: a message may be lost with the connection
        files = mine.tray.take(batch, map(str, said.get("files", ())))
        if files or mine.tray.refused:
            data.add(list(files), role)

    words = {word: text(f"images.sending.{word}") for word in ("cancel", "far", "waits", "over", "sending")}
    SENDING(
        key=name,
        data={
            "role": role,
            "place": {"path": PATH, "token": mine.tray.token, "piece": PIECE},
            "taken": mine.tray.batches,
            "accept": ",".join((*PICTURE_ENDINGS, ".zip", *LABEL_ENDINGS)),
            "words": words | {"files": text("images.choose_files"), "folder": text("images.choose_folder")},
        },
        on_arrived_change=arrived,
    )
