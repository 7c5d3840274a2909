"""Weights of backbones: which there are, where they come from, whether a file holds them. Imports no torch."""

from detectors.weights.states import (
    BACKBONES,
    BUNDLED,
    COUNTERS,
    HEADER_LIMIT,
    Header,
    Named,
    WeightsState,
    check_header,
    random_weights,
    read_header,
    weights_state,
    weights_states,
)

__all__ = [
    "BACKBONES",
    "BUNDLED",
    "COUNTERS",
    "HEADER_LIMIT",
    "Header",
    "Named",
    "WeightsState",
    "check_header",
    "random_weights",
    "read_header",
    "weights_state",
    "weights_states",
]
