"""How a browser finds its own pictures again: a cookie with a name that nobody can guess, read by no script."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

import streamlit as st

from detectors.images import LIMITS, Limits

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "odd_pictures"
_NAME = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 random bytes
_FOUND = re.compile(rf"(?:^|;\s*){COOKIE}=([A-Za-z0-9_-]{{43}})(?:;|$)")


class KeepCookie:
    """Middleware that gives each browser its name with the page; every visit keeps it for as long as pictures are kept.

    Where the app is open to other machines it goes when the browser is closed: the next person may sit at the same one.
    """

    def __init__(self, app: ASGIApp, limits: Limits = LIMITS) -> None:
        self.app, self.limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Add the cookie to answers that are pages."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(b"cookie", b"").decode("latin-1")
        before = _FOUND.search(given)
        said = f"{COOKIE}={before[1] if before else secrets.token_urlsafe(32)}; Path=/; HttpOnly; SameSite=Lax"
        if not open_to_others():
            said += f"; Max-Age={round(3600 * self.limits.keep_hours)}"
        if scope.get("scheme") == "https":
            said += "; Secure"

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if dict(headers).get(b"content-type", b"").startswith(b"text/html"):
                    message = {**message, "headers": [*headers, (b"set-cookie", said.encode())]}
            await send(message)

        await self.app(scope, receive, sending)


def browser() -> str:
    """Return the name of the browser that is served; "" where it takes no cookies."""
    found = str(st.context.cookies.get(COOKIE, ""))
    return found if _NAME.fullmatch(found) else ""


def open_to_others() -> bool:
    """Say whether the server answers other machines than its own."""
    return st.get_option("server.address") not in ("localhost", "127.0.0.1", "::1")
