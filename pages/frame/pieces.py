"""How files come from a browser: piece by piece beside Streamlit's own way, so that a lost connection loses nothing.

A file goes on where the server says that it stopped. Pieces are written to the disk as they come; no file is in memory.
As soon as one is whole, a worker brings it to the kept side, and room is counted by what it then takes. So is each
picture of a ZIP, whose end the server asks for first.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from detectors.datasets.files.contents import Resting, Segmented
from detectors.datasets.files.segments import END
from detectors.images import LIMITS, Limits, label
from detectors.images.limits import MB
from pages.frame import uploads
from pages.frame.tray import MOST_FILES, Arriving, Tray, folder

PATH = "images/pieces"  # below the address of the app
PIECE = 4 * MB
_LONGEST = 4_000  # characters of what a file is told apart by
_FREE = 256 * MB  # of the disk that stays free
_ROOM_SECONDS, _LOOK_SECONDS = 30.0, 0.25  # that a file waits while those before it are brought to the kept side

Keep = Callable[[Resting | Segmented], Any]


def route(keep: Keep = lambda content: None) -> Route:
    """Return the route, below the address that the server was given; `keep` is told of each file that is whole."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    start = f"/{base}/{PATH}" if base else f"/{PATH}"
    return Route(start + "/{token}", partial(pieces, keep=keep), methods=["GET", "PUT", "DELETE"])


async def pieces(request: Request, limits: Limits = LIMITS, keep: Keep = lambda content: None) -> JSONResponse:
    """Say how far a file is (GET), add a piece to it where it stands (PUT), or let go of files (DELETE).

    A file is named by `file`; a piece says where it begins (`at`), the file's `name`, its `size`, its `role`, and by
    `zip` that it begins as one. The answer says where the file stands (`at`), or from where on its end is wanted before
    that (`end`). 404: there is no such browser. 409: the piece begins elsewhere than it should. 413: no room.
    """
    mine = uploads.of_token(request.path_params["token"])
    if mine is None:
        return JSONResponse({}, 404)
    asked, tray = request.query_params, mine.tray
    file = asked.get("file", "")[:_LONGEST]
    if request.method == "DELETE":
        tray.drop([file] if file else None)
        return JSONResponse({})
    known = tray.files.get(file)
    at, size, packed = asked.get("at", ""), asked.get("size", ""), "zip" in asked
    if request.method == "GET":
        wanted = max(0, int(size) - END) if packed and _is_number(size) else None
        return JSONResponse(_stands(known.at, known.end) if known else _stands(0, wanted))
    if not (file and _is_number(at) and _is_number(size)):
        return JSONResponse({}, 400)
    name, role = asked.get("name", "")[:_LONGEST], asked.get("role", "")
    more = known.more(PIECE) if known else 0 if packed else int(size)
    if more and (why := await _no_room(mine, more, int(size), limits, keep)) is not None:
        return _refused(tray, file, name, *why)
    found = tray.expect(file, name, int(size), role if role in uploads.ROLES else "placed", packed)
    if found is None:
        return _refused(tray, file, name, "many", {"limit": MOST_FILES})
    if int(at) != (found.at if found.end is None else found.end):
        return JSONResponse(_stands(found.at, found.end), 409)
    ends = found.end is not None
    try:
        await (_take_end if ends else _take_piece)(request, found)
    except ClientDisconnect:
        pass
    except OSError:
        return _refused(tray, file, name, "all", {"mb": found.size / MB}, 507)
    if ends and found.bytes and (why := await _no_room(mine, 0, found.size, limits, keep)) is not None:
        return _refused(tray, file, name, *why)
    found.bring(keep)
    return JSONResponse(_stands(found.at, found.end))


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) < 16


def _stands(at: int, end: int | None) -> dict[str, int]:
    """Answer how far a file is, and from where on its end is wanted first."""
    return {"at": at} if end is None else {"at": at, "end": end}


def _refused(tray: Tray, file: str, name: str, why: str, values: dict[str, Any], status: int = 413) -> JSONResponse:
    """Let go of a file and answer why, which is told with the upload."""
    tray.drop([file])
    tray.refused.append((label(name), why, values))
    return JSONResponse({"why": why}, status)


async def _take_piece(request: Request, found: Arriving) -> None:
    """Write what comes where the file stands."""
    at = found.at
    async for piece in request.stream():
        if found.at != at:  # another piece of the same place came meanwhile
            break
        found.write(piece)
        at = found.at


async def _take_end(request: Request, found: Arriving) -> None:
    """Hear all of a ZIP's end, which says how it is taken apart."""
    begins, end = found.end, b""
    async for piece in request.stream():
        end = (end + piece)[: found.size - (begins or 0)]
    if found.end == begins is not None and begins + len(end) == found.size:
        found.know(end, begins)


async def _no_room(
    mine: uploads.Shelf, more: int, size: int, limits: Limits, keep: Keep = lambda content: None
) -> tuple[str, dict[str, Any]] | None:
    """Say why so many bytes more of a file are not taken, as a key under images.refused with its values.

    Waits while others become smaller, and those of the same ZIP.
    """
    until = time.monotonic() + _ROOM_SECONDS
    while (why := _lacking(mine, more, size, limits)) is not None and time.monotonic() < until:
        for each in list(mine.tray.files.values()):
            each.bring(keep)
        if not mine.tray.shrinks:
            break
        await asyncio.sleep(_LOOK_SECONDS)
    return why


def _lacking(mine: uploads.Shelf, more: int, size: int, limits: Limits) -> tuple[str, dict[str, Any]] | None:
    own, common = uploads.room(mine, limits)
    there = mine.tray.bytes
    if more > own - there:
        return "session", {"mb": size / MB, "limit": f"{limits.session_mb:g}"}
    if more > common - there or more + _FREE > shutil.disk_usage(folder()).free:
        return "all", {"mb": size / MB}
    return None
