"""A bound on what may lie in the server's upload store: Streamlit counts each file, but neither a session's nor all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from streamlit.runtime import get_instance

from detectors.images import LIMITS, Limits
from detectors.images.limits import MB

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_ADDRESS = re.compile(r"/_stcore/upload_file/(?P<session>[^/]+)/[^/]+$")
_ENVELOPE = 10_000  # bytes that a form may add to its file


class UploadBound:
    """Middleware that answers 413 to an upload for which a session, or all together, have no room left.

    Bytes count from the moment an upload is announced until the app has taken its file over, where `uploads` counts
    them on, or until the session ends. An upload that does not say how long it is gets 411.
    """

    def __init__(self, app: ASGIApp, limits: Limits = LIMITS) -> None:
        self.app, self.limits = app, limits
        self.coming: dict[str, int] = {}  # bytes under way, by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on everything but an upload for which there is no room."""
        found = _ADDRESS.search(scope.get("path", "")) if scope["type"] == "http" and scope["method"] == "PUT" else None
        if found is None:
            await self.app(scope, receive, send)
            return
        session, announced = found["session"], dict(scope["headers"]).get(b"content-length", b"")
        if not announced.isdigit():
            await _refuse(send, 411, "Say how long the upload is.")
            return
        size = int(announced)
        if not self.has_room(session, size):
            await _refuse(send, 413, "There is no room left for this upload.")
            return
        self.coming[session] = self.coming.get(session, 0) + size
        try:
            await self.app(scope, receive, send)
        finally:
            self.coming[session] -= size
            if not self.coming[session]:
                del self.coming[session]

    def has_room(self, session: str, size: int) -> bool:
        """Say whether so many more bytes fit into the session's share and into that of all."""
        held = {name: sum(len(file.data) for file in files.values()) for name, files in _store().items()}
        mine = held.get(session, 0) + self.coming.get(session, 0)
        others = sum(held.values()) + sum(self.coming.values())
        return (
            size <= self.limits.weights_mb * MB + _ENVELOPE
            and mine + size <= self.limits.session_weights_mb * MB + _ENVELOPE
            and others + size <= self.limits.all_weights_mb * MB
        )


def forget(session: str) -> None:
    """Free what a session uploaded and nobody took over."""
    get_instance().uploaded_file_mgr.remove_session_files(session)


def _store() -> dict[str, dict[str, object]]:
    return dict(get_instance().uploaded_file_mgr.file_storage)  # type: ignore[attr-defined]


async def _refuse(send: Send, status: int, reason: str) -> None:
    headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": reason.encode()})
