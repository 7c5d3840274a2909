"""Why a task failed, in a sentence."""

from __future__ import annotations

from distributed import Future, KilledWorker

from detectors.errors import Refusal, Sentence, TooLarge


def killed(future: Future) -> bool:
    """Whether a task failed because its worker ended under it."""
    return future.status == "error" and isinstance(future.exception(), KilledWorker)


def too_large(memory: str) -> TooLarge:
    """Return the refusal for work that made its worker exceed its memory."""
    return TooLarge(
        "compute.killed",
        "This was too big for the server: its worker exceeded {memory} and was started anew. "
        "Use fewer pictures, a smaller size or the quick preset.",
        memory=memory,
    )


def sentence(future: Future, memory: str) -> Sentence:
    """Say why a task failed."""
    error = future.exception()
    if isinstance(error, Refusal):
        return error.sentence
    if isinstance(error, KilledWorker):
        return too_large(memory).sentence
    return Sentence(
        "compute.failed", "This failed for a reason that the program did not foresee: {error}.", error=error
    )
