"""Which processor computes, and what to do when its memory runs out."""

from __future__ import annotations

import platform
from collections.abc import Callable

import torch

from detectors.errors import SettingRefused, TooLarge


def best_device() -> torch.device:
    """Return CUDA's first device if there is one, else Apple's, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def named(name: str) -> torch.device:
    """Return the device of that name.

    Raises:
        SettingRefused: when there is none on this machine.
    """
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(name.partition(":")[0]):
        raise SettingRefused(
            "device.absent",
            "There is no device '{name}' on this machine. Choose {known}, or leave it out for the best there is.",
            name=name,
            known=" or ".join(kind for kind, present in there.items() if present),
        )
    return torch.device(name)


def describe(device: torch.device) -> str:
    """Return the device in words, as a result records it: "CPU, 2 threads"."""
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        return f"{card.name}, {card.total_memory / 2**30:.0f} GiB"
    if device.type == "mps":
        return f"Apple GPU ({platform.machine()})"
    return f"CPU, {torch.get_num_threads()} thread{'s' * (torch.get_num_threads() != 1)}"


def free_bytes(device: torch.device) -> int:
    """Return the bytes that can still be allocated on an accelerator; 0 where nobody can tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type == "mps":
        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return 0


def release(device: torch.device) -> None:
    """Give cached, unused memory back to the accelerator."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def ran_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that memory ran out, on any device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    said = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        words in said for words in ("out of memory", "can't allocate memory", "alloc_failed", "not enough memory")
    )


def halving(count: int, batch_size: int, device: torch.device, run: Callable[[int, int], None]) -> int:
    """Call `run(start, stop)` over `count` items, at most `batch_size` at once, half as many whenever memory runs out.

    Returns:
        The batch size that was left.

    Raises:
        TooLarge: when not even one item fits.
    """
    start = 0
    while start < count:
        stop = min(start + batch_size, count)
        if _fits(run, start, stop):
            start = stop
            continue
        release(device)  # after the except block, which would have kept the failed batch alive
        if stop - start == 1:
            raise TooLarge(
                "device.out_of_memory",
                "One picture alone does not fit in the memory of {device}. "
                "Choose a smaller picture size or a smaller backbone.",
                device=describe(device),
            )
        batch_size = (stop - start) // 2
    return batch_size


def _fits(run: Callable[[int, int], None], start: int, stop: int) -> bool:
    try:
        run(start, stop)
    except (MemoryError, RuntimeError) as error:
        if ran_out_of_memory(error):
            return False
        raise
    return True
