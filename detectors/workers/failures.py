"""Why a task failed, in a sentence."""

from __future__ import annotations

import errno

from detectors.errors import Refusal, Sentence, TooLarge

_NO_SPACE = ("No space left on device", "No usable temporary directory")


def too_large(memory: int) -> TooLarge:
    """Return the refusal for work that made its worker exceed its memory, given in bytes."""
    return TooLarge(
        "compute.killed",
        "This was too big for the server: its worker exceeded {memory} and was started anew. "
        "Use fewer pictures, a smaller size or the quick preset.",
        memory=f"{memory / 2**30:.1f} GB",
    )


def stopped(times: int) -> Refusal:
    """Return the refusal for work whose worker ended again and again, for a reason that nobody recorded."""
    return Refusal(
        "compute.stopped",
        "The worker stopped unexpectedly {n} [time|times] while doing this, so it is not tried again by itself. "
        "Run it again or reload the page; the server's messages may say more.",
        n=times,
    )


def full(error: BaseException) -> bool:
    """Whether a disk was full."""
    said = str(error)
    by_number = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return by_number or any(words in said for words in _NO_SPACE)


def disk_full() -> Refusal:
    """Return the refusal for work that needed space on a full disk."""
    return Refusal(
        "compute.disk_full",
        "The server's disk is full, so this could not be written. "
        "Free space there, or let TMPDIR name a folder that has some, and try again.",
    )


def sentence(error: BaseException) -> Sentence:
    """Say why a task failed."""
    if isinstance(error, Refusal):
        return error.sentence
    return Sentence(
        "compute.failed", "This failed for a reason that the program did not foresee: {error}.", error=error
    )
