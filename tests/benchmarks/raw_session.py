"""A browser tab without a browser: Streamlit's own messages over its WebSocket, answered as the page's script does."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.state.session_state import STREAMLIT_INTERNAL_KEY_PREFIX
from websockets.asyncio.client import ClientConnection, connect

WAIT_SECONDS = 60.0


@dataclass
class Answer:
    """What one action brought.

    Attributes:
        seconds: from the action to the end of the script.
        sizes: bytes of each message, by the kind of element in it; an element that the tab has comes as a reference.
    """

    seconds: float = 0.0
    sizes: list[tuple[str, int]] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """Of all messages."""
        return sum(size for _, size in self.sizes)

    @property
    def largest(self) -> tuple[str, int]:
        """The largest message."""
        return max(self.sizes, key=lambda each: each[1], default=("", 0))


class RawSession:
    """One tab. `open` it first; each action waits until the script has ended."""

    def __init__(self, address: str, page: str = "", **query: str) -> None:
        self._address, self._uri = address, address.replace("http", "ws", 1) + "/_stcore/stream"
        self._query, self.page = query, page
        self._socket: ClientConnection | None = None
        self._pages: dict[str, str] = {}  # the hash of each page's script
        self._messages: dict[str, ForwardMsg] = {}  # what the tab has
        self._widgets: dict[str, Any] = {}  # the states that are sent, by the widget's id
        self._sliders: dict[str, tuple[str, list[str]]] = {}  # the id and the labels, by key
        self._sending: tuple[str, dict[str, Any]] = ("", {})  # the id of where files are chosen, and what it was given
        self.polled: dict[str, float] = {}  # fragments that want to be run again, and every how many seconds

    async def open(self) -> Answer:
        """Connect and load the page."""
        self._socket = await connect(self._uri, subprotocols=["streamlit"], max_size=None, compression=None)  # type: ignore[list-item]
        first = await self._run()
        return await self.go(self.page) if self.page else first

    async def close(self) -> None:
        """Close the tab."""
        if self._socket is not None:
            await self._socket.close()

    async def go(self, page: str) -> Answer:
        """Open another page."""
        self.page, self.polled = page, {}
        return await self._run()

    async def rerun(self) -> Answer:
        """Have the script run again with nothing changed."""
        return await self._run()

    async def poll(self) -> Answer | None:
        """Do what the page's own timer does: run one of the fragments that want it."""
        fragment = next(iter(self.polled), None)
        return None if fragment is None else await self._run(fragment)

    async def slide(self, key: str, label: str) -> Answer:
        """Move a slider to one of its labels."""
        self._widgets[self._sliders[key][0]] = label
        return await self._run()

    async def upload(self, files: dict[str, bytes]) -> Answer:
        """Send files to the place for them on the page, as its script does, and say that they are there."""
        identity, said = self._sending
        where = f"{self._address}/{said['place']['path']}/{said['place']['token']}?"
        for name, content in files.items():
            query = urlencode({"file": name, "name": name, "size": len(content), "at": 0})
            await asyncio.to_thread(urlopen, Request(where + query, content, method="PUT"))
        value = {"batch": secrets.token_hex(8), "files": list(files)}
        told = f"{STREAMLIT_INTERNAL_KEY_PREFIX}_{identity}__events", [{"event": "arrived", "value": value}]
        return await self._run(told=told)

    def labels(self, key: str) -> list[str]:
        """Return what a slider can be moved to."""
        return self._sliders[key][1] if key in self._sliders else []

    async def _run(self, fragment: str = "", told: tuple[str, Any] | None = None) -> Answer:
        assert self._socket is not None
        asked = BackMsg()
        state = asked.rerun_script
        state.query_string = urlencode(self._query)
        state.page_script_hash = self._pages.get(self.page, "")
        state.fragment_id = fragment
        state.cached_message_hashes.extend(self._messages)
        for name, value in self._widgets.items():
            widget = state.widget_states.widgets.add(id=name)
            widget.string_array_value.data.append(value)
        if told is not None:
            state.widget_states.widgets.add(id=told[0], json_trigger_value=json.dumps(told[1]))
        answer, started = Answer(), time.perf_counter()
        await self._socket.send(asked.SerializeToString())
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                content = await self._socket.recv()
                message = ForwardMsg()
                message.ParseFromString(content)  # type: ignore[arg-type]
                answer.sizes.append((self._take(message), len(content)))
                if message.WhichOneof("type") == "script_finished" and message.script_finished in _ENDS:
                    break
        answer.seconds = time.perf_counter() - started
        return answer

    def _take(self, message: ForwardMsg) -> str:
        """Keep what the page's script would keep; return what the message is about."""
        kind = message.WhichOneof("type")
        if kind == "ref_hash":
            return "reference"
        if message.metadata.cacheable and message.hash:
            self._messages[message.hash] = message
        if kind == "navigation":
            self._pages = {page.url_pathname: page.page_script_hash for page in message.navigation.app_pages}
        if kind == "auto_rerun":
            self.polled[message.auto_rerun.fragment_id] = message.auto_rerun.interval
        if kind != "delta" or message.delta.WhichOneof("type") != "new_element":
            return str(kind)
        element = message.delta.new_element
        shown = str(element.WhichOneof("type"))
        if shown == "bidi_component" and element.bidi_component.component_name.endswith("_sending"):
            self._sending = element.bidi_component.id, json.loads(element.bidi_component.json)
        if shown == "slider":
            key = element.slider.id.rpartition("-")[2]
            self._sliders[key] = element.slider.id, list(element.slider.options)
        return shown


_ENDS = (
    ForwardMsg.FINISHED_SUCCESSFULLY,
    ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
    ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
)
