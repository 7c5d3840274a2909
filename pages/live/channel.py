"""How a camera's frames reach the detectors: a WebSocket beside Streamlit's own, at the same address.

Reruns of a script would carry a dozen frames a second, and all of Streamlit's work with each of them. Here a frame goes
straight to the process that answers, and this one only passes bytes on. A browser says first as whom it comes, by a
name that its page got and nobody can guess.
"""

from __future__ import annotations

import asyncio
import json
import struct
from contextlib import suppress
from typing import Any

import streamlit as st
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from detectors.live.service import Ended, Live, sentence
from detectors.live.wire import Header
from pages.frame import backend
from pages.frame.words import say_in

PATH = "live/frames"  # below the address of the app, beside the page
UNKNOWN = 4401  # how a connection ends that comes as nobody: the page must be loaded anew
_HELLO_SECONDS = 10.0
_IN_FLIGHT = 2  # frames of one visitor that are on their way; what comes beyond waits in the browser
_MOST_BYTES = 1_000_000  # of a frame
_MODES = ("live", "learn", "normal")  # by the first byte of a frame's message; its number and the JPEG file follow
_HEAD = struct.Struct("<BI")
_DOES = ("fit", "remove", "watch", "forget", "pause")


def route() -> WebSocketRoute:
    """Return the route, below the address that the server was given."""
    base = str(st.get_option("server.baseUrlPath")).strip("/")
    return WebSocketRoute(f"/{base}/{PATH}" if base else f"/{PATH}", frames)


async def frames(socket: WebSocket) -> None:
    """Serve one visitor's connection until it goes."""
    await socket.accept()
    with suppress(WebSocketDisconnect, TimeoutError, ValueError, KeyError, TypeError, struct.error):
        async with asyncio.timeout(_HELLO_SECONDS):
            name = str(json.loads(await socket.receive_text())["visitor"])
        live = backend.teaching()
        if live.language(name) is None:
            await socket.close(UNKNOWN)
            return
        await _serve(socket, live, name)
    with suppress(RuntimeError):  # it is closed already
        await socket.close()


async def _serve(socket: WebSocket, live: Live, name: str) -> None:
    loop = asyncio.get_running_loop()
    outgoing: asyncio.Queue[tuple[Header, bytes]] = asyncio.Queue()

    def hears(header: Header) -> None:
        loop.call_soon_threadsafe(outgoing.put_nowait, (header, b""))

    async def send() -> None:
        while True:
            header, body = await outgoing.get()
            said = json.dumps(_worded(header, live.language(name) or "en")).encode()  # it may have been changed
            await socket.send_bytes(struct.pack("<I", len(said)) + said + body)

    room = asyncio.Semaphore(_IN_FLIGHT)

    async def ask(do: str, body: bytes = b"", **values: Any) -> None:
        try:
            header, content = await asyncio.wrap_future(live.ask(name, do, body, **values))
            outgoing.put_nowait(({"did": do, **header}, content))
        except Ended:
            outgoing.put_nowait(({"did": do, "lost": True, **values}, b""))
        finally:
            room.release()

    sending = asyncio.create_task(send())
    asking: set[asyncio.Task[None]] = set()
    try:
        with suppress(Ended):
            header, _ = await asyncio.wrap_future(live.enter(name, hears))
            outgoing.put_nowait(({"event": "open", **header}, b""))
        while not sending.done():
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                break
            await room.acquire()  # nothing more is read meanwhile, so a browser that sends too fast has to wait
            task = asyncio.create_task(ask(*_read(message)[0], **_read(message)[1]))
            asking.add(task)
            task.add_done_callback(asking.discard)
    finally:
        sending.cancel()
        for task in asking:
            task.cancel()
        live.leave(name, hears)


def _read(message: Any) -> tuple[tuple[str, bytes], dict[str, Any]]:
    """Return what a browser's message asks for; an error of value, key or type for what no page of ours sends."""
    if (content := message.get("bytes")) is not None:
        mode, number = _HEAD.unpack_from(content)
        if len(content) > _MOST_BYTES or mode >= len(_MODES):
            raise ValueError("no frame")
        return ("frame", content[_HEAD.size :]), {"mode": _MODES[mode], "number": number}
    said = json.loads(message["text"])
    if said["do"] not in _DOES:
        raise ValueError("nothing that can be done")
    values: dict[str, Any] = {}
    if said["do"] == "remove":
        values["number"] = int(said["number"])
    if said["do"] == "watch":
        values["on"] = bool(said["on"])
    return (said["do"], b""), values


def _worded(header: Header, tongue: str) -> Header:
    """Return what the engine says with its refusal in words."""
    said = header.get("refused") or (header.get("sentence") if header.get("event") == "refused" else None)
    return header if said is None else {**header, "said": say_in(tongue, sentence(said))}
