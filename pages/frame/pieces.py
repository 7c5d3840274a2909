"""How files come from a browser: piece by piece beside Streamlit's own way, so that a lost connection loses nothing.

A file goes on where the server says that it stopped. Pieces are written to the disk as they come; no file is in memory.
As soon as one is whole, a worker brings it to the kept side, and room is counted by what it then takes.
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

from detectors.datasets.contents import Resting
from detectors.images import LIMITS, Limits, label
from detectors.images.limits import MB
from pages.frame import uploads
from pages.frame.tray import MOST_FILES, Tray, folder

PATH = "images/pieces"  # below the address of the app
PIECE = 4 * MB
_LONGEST = 4_000  # characters of what a file is told apart by
_FREE = 256 * MB  # of the disk that stays free
_ROOM_SECONDS, _LOOK_SECONDS = 30.0, 0.25  # that a file waits while those before it are brought to the kept side

Keep = Callable[[Resting], Any]


def route(keep: Keep = lambda content: None) -> Route:
    """Return the route, below the address that the server was given; `keep` is told of each file that is whole."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    start = f"/{base}/{PATH}" if base else f"/{PATH}"
    return Route(start + "/{token}", partial(pieces, keep=keep), methods=["GET", "PUT", "DELETE"])


async def pieces(request: Request, limits: Limits = LIMITS, keep: Keep = lambda content: None) -> JSONResponse:
    """Say how far a file is (GET), add a piece to it where it stands (PUT), or let go of files (DELETE).

    A file is named by `file`; a piece says where it begins (`at`), the file's `name`, its `size` and its
    `role`. 404: there is no
    such browser. 409: the piece begins elsewhere than where the file stands, which the answer says. 413: no room.
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
    if request.method == "GET":
        return JSONResponse({"at": known.at if known else 0})
    at, size = (asked.get(name, "") for name in ("at", "size"))
    if not (file and at.isdecimal() and size.isdecimal() and len(at + size) < 32):
        return JSONResponse({}, 400)
    if known is None and (why := await _no_room(mine, tray, int(size), limits)) is not None:
        tray.refused.append((label(asked.get("name", "")[:_LONGEST]), *why))
        return JSONResponse({"why": why[0]}, 413)
    role = asked.get("role", "")
    found = tray.expect(file, asked.get("name", "")[:_LONGEST], int(size), role if role in uploads.ROLES else "placed")
    if found is None:
        tray.refused.append((label(asked.get("name", "")[:_LONGEST]), "many", {"limit": MOST_FILES}))
        return JSONResponse({"why": "many"}, 413)
    if found.at != int(at):
        return JSONResponse({"at": found.at}, 409)
    try:
        async for piece in request.stream():
            if found.at != int(at):  # another piece of the same place came meanwhile
                break
            found.write(piece)
            at = str(found.at)
    except ClientDisconnect:
        pass
    except OSError:
        tray.drop([file])
        tray.refused.append((label(found.name), "all", {"mb": found.size / MB}))
        return JSONResponse({"why": "all"}, 507)
    if found.at == found.size and found.keeping is None:
        found.keeping = keep(found.resting)
    return JSONResponse({"at": found.at})


async def _no_room(mine: uploads.Shelf, tray: Tray, size: int, limits: Limits) -> tuple[str, dict[str, Any]] | None:
    """Say why a file is not taken, as a key under images.refused with its values; wait while others become smaller."""
    until = time.monotonic() + _ROOM_SECONDS
    while (why := _lacking(mine, tray, size, limits)) is not None and tray.shrinks and time.monotonic() < until:
        await asyncio.sleep(_LOOK_SECONDS)
    return why


def _lacking(mine: uploads.Shelf, tray: Tray, size: int, limits: Limits) -> tuple[str, dict[str, Any]] | None:
    own, common = uploads.room(mine, limits)
    if size > own - tray.bytes:
        return "session", {"mb": size / MB, "limit": f"{limits.session_mb:g}"}
    if size > common - tray.bytes or size + _FREE > shutil.disk_usage(folder()).free:
        return "all", {"mb": size / MB}
    return None
