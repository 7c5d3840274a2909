"""Messages between processes: a header of JSON values and a body of bytes, through a child's input and output."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from typing import IO, Any

_SIZES = struct.Struct("<II")

Header = dict[str, Any]
Hears = Callable[[Header, bytes], None]


def write(stream: IO[bytes], header: Header, body: bytes = b"") -> None:
    """Write one message; `OSError` where nobody reads any more."""
    said = json.dumps(header).encode()
    stream.write(_SIZES.pack(len(said), len(body)) + said + body)
    stream.flush()


def read(stream: IO[bytes]) -> tuple[Header, bytes] | None:
    """Return the next message, None where the other side has ended."""
    sizes = stream.read(_SIZES.size)
    if len(sizes) < _SIZES.size:
        return None
    header, body = _SIZES.unpack(sizes)
    said, content = stream.read(header), stream.read(body)
    return (json.loads(said), content) if len(said) == header and len(content) == body else None


def joined(parts: Sequence[bytes]) -> tuple[list[int], bytes]:
    """Return several bodies as one, with their sizes.

    >>> joined([b"ab", b"c"])
    ([2, 1], b'abc')
    """
    return [len(part) for part in parts], b"".join(parts)


def parted(sizes: Sequence[int], content: bytes) -> list[bytes]:
    """Undo `joined`.

    >>> parted([2, 1], b'abc')
    [b'ab', b'c']
    """
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes))]
    return [content[end - size : end] for size, end in zip(sizes, ends, strict=True)]


def own_streams() -> tuple[IO[bytes], IO[bytes]]:
    """Keep a child's input and output for messages; whatever else is printed goes to the error output."""
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return sys.stdin.buffer, output


class Child:
    """A process that is told things and says things; it ends when this one does.

    Args:
        module: what it runs.
        hears: is called with each message, in a thread.
        ended: is called once when it has ended by itself, in the same thread.
        threads: that its arithmetic uses.
    """

    def __init__(self, module: str, hears: Hears, ended: Callable[[], None], threads: int) -> None:
        paths = os.pathsep.join(filter(None, [str(Path(__file__).parents[2]), *sys.path]))
        own = {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | own,
        )
        self.pid = self._process.pid
        self._hears, self._ended = hears, ended
        self._closing = False
        self._waiting: SimpleQueue[tuple[Header, bytes] | None] = SimpleQueue()
        for work in (self._listen, self._send):
            threading.Thread(target=work, name=module, daemon=True).start()

    def tell(self, header: Header, body: bytes = b"") -> None:
        """Send a message; returns at once."""
        self._waiting.put((header, body))

    def close(self) -> None:
        """End it."""
        self._closing = True
        self._process.kill()

    def _send(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):  # it has ended: `_listen` finds out
            while (message := self._waiting.get()) is not None:
                write(self._process.stdin, *message)

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with suppress(OSError, ValueError):
            while (message := read(self._process.stdout)) is not None:
                self._hears(*message)
        self._process.kill()
        self._process.wait()
        self._waiting.put(None)
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError, ValueError):
                pipe.close()  # type: ignore[union-attr]
        if not self._closing:
            self._ended()


def plain(value: Any) -> Any:
    """Return a dataclass as JSON-able values."""
    return json.loads(json.dumps(asdict(value)))
