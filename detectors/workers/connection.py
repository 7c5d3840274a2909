"""The connection to a scheduler: given up when it is lost and made anew, with the reason while there is none."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Future as Answer
from contextlib import suppress
from typing import Any

from distributed import Client
from distributed.comm import get_address_host_port

from detectors.errors import Sentence
from detectors.workers.cluster import Group, groups, machine
from detectors.workers.supervisor import Place

_REACH_SECONDS = 3.0
_AGAIN_SECONDS = 1.0
_OWN_SECONDS = 1.5  # for our own scheduler, at first: one that dies while it is greeted keeps its client waiting


class Connection:
    """At most one client at a time.

    Args:
        where: returns the scheduler's address and keys, None while there is none.
        named: the address that a person gave; its scheduler is asked how it is every second. None for our own, which is
            supervised.
        topic, heard: the events to hear.

    Attributes:
        trouble: why there is no client, or nobody behind it; None while all is well.
        groups: of the named scheduler's workers, as it said last.
    """

    def __init__(
        self, where: Callable[[], Place | None], named: str | None, topic: str, heard: Callable[[Any], None]
    ) -> None:
        for name in ("distributed", "distributed.client"):  # a lost connection is said to those who wait, and healed
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._where, self._named, self._topic, self._heard = where, named, topic, heard
        self.client: Client | None = None
        self.trouble: Sentence | None = None
        self.groups: tuple[Group, ...] = ()
        self._machines: dict[str, str | None] = {}  # by worker
        if named is not None:
            self.trouble = Sentence("compute.connecting", "Connecting to the scheduler at {address}.", address=named)
        self._place: Place | None = None
        self._next = 0.0
        self._patience = 2 * _REACH_SECONDS if named else _OWN_SECONDS
        self._asked: Answer[Any] | None = None
        self._asked_at = 0.0

    def keep(self) -> Client | None:
        """Return the client, another one where the connection was lost, None while there is none; call it often."""
        place = self._where()
        if self.client is not None and (self.client.status != "running" or place != self._place):
            self.close()
        if self.client is None and place is not None and time.monotonic() >= self._next:
            self._connect(place)
        if self.client is not None and self._named is not None:
            self._ask(self.client)
        return self.client

    def close(self) -> None:
        """Let go of the client, without waiting for a scheduler that may be gone."""
        client, self.client, self._asked = self.client, None, None
        self.groups, self._machines = (), {}
        if client is not None:
            threading.Thread(target=_close, args=(client,), daemon=True).start()

    def _connect(self, place: Place) -> None:
        address, security = place
        try:
            socket.create_connection(get_address_host_port(address), _REACH_SECONDS).close()
            client = Client(
                address, security=security, set_as_default=False, name="odd-one-out", timeout=self._patience
            )
            client.subscribe_topic(self._topic, self._heard)
        except Exception as error:  # whatever a wrong address, port or version leads to
            self._next = time.monotonic() + (_AGAIN_SECONDS if self._named else 0.0)
            self._patience = min(2 * self._patience, 2 * _REACH_SECONDS)
            self._unreachable(str(error) or type(error).__name__)
        else:
            self._patience = 2 * _REACH_SECONDS if self._named else _OWN_SECONDS
            self.client, self._place, self.trouble = client, place, None

    def _ask(self, client: Client) -> None:
        """Ask which workers there are, every second; say when there are none, or no answer."""
        now = time.monotonic()
        if self._asked is None:
            if now - self._asked_at >= _AGAIN_SECONDS:
                self._asked_at = now
                self._asked = begin(client, _workers(client, self._machines))
        elif self._asked.done():
            answer, self._asked = self._asked, None
            with suppress(Exception):  # the connection is being lost: the client's own state tells soon
                self._machines = answer.result()
                self.groups = groups(self._machines)
                self.trouble = None if self._machines else self._no_workers()
        elif now - self._asked_at > _REACH_SECONDS:
            self._unreachable("no answer")

    def _no_workers(self) -> Sentence:
        return Sentence(
            "compute.no_workers",
            "The scheduler at {address} has no worker at present. The work waits and goes on once one joins.",
            address=self._named,
        )

    def _unreachable(self, error: str) -> None:
        if self._named is not None:
            self.trouble = Sentence(
                "compute.unreachable",
                "The scheduler at {address} cannot be reached: {error}. "
                "It is tried again every second; the work goes on once it answers.",
                address=self._named,
                error=error,
            )


def begin(client: Client, coroutine: Coroutine[Any, Any, Any]) -> Answer[Any]:
    """Run a coroutine in the client's own loop."""
    return asyncio.run_coroutine_threadsafe(coroutine, client.loop.asyncio_loop)  # type: ignore[union-attr]


async def _workers(client: Client, known: dict[str, str | None]) -> dict[str, str | None]:
    """Return on which machine each worker is, as far as it has said; who has not is asked again every time."""
    there = list((await client.scheduler.identity())["workers"])
    unknown = [address for address in there if known.get(address) is None]
    said: dict[str, str | None] = {}
    if unknown:
        with suppress(TimeoutError):
            asking = client._run(machine, workers=unknown, on_error="return")
            said = await asyncio.wait_for(asking, _REACH_SECONDS / 2)
    named = {address: name if isinstance(name, str) else None for address, name in said.items()}
    return {address: known.get(address, named.get(address)) for address in there}


def _close(client: Client) -> None:
    with suppress(Exception):
        client.close(timeout=2)
