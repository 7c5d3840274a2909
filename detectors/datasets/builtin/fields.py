"""Noise fields: a spectrum times complex Gaussian noise, transformed back; zero mean, unit variance, periodic."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy import fft, ndimage

from detectors.datasets.builtin.planes import FINE, SIZE, Plane, enlarge

DRIFT_SIZE = 64  # slow variation holds nothing finer than this


def band(rng: np.random.Generator, frequency: float, width: float, size: int = SIZE) -> Plane:
    """Return grain: log-normal band round `frequency` (cycles per pixel), `width` in units of log frequency."""
    return _shaped(rng, _band_amplitude(size, frequency, width))


def power(rng: np.random.Generator, slope: float, lowest: float, size: int = SIZE) -> Plane:
    """Return cloudiness: amplitude falls as frequency to the power -slope; nothing below `lowest` cycles per pixel."""
    return _shaped(rng, _power_amplitude(size, slope, lowest))


def drift(rng: np.random.Generator, slope: float = 2.0, lowest: float = 0.004) -> Plane:
    """Return slow cloudiness at FINE, made small and enlarged; `lowest` in cycles per FINE pixel."""
    return enlarge(power(rng, slope, lowest * FINE / DRIFT_SIZE, DRIFT_SIZE), FINE)


def tiled(field: Plane) -> Plane:
    """Return a SIZE field repeated 2 x 2 to FINE: being periodic, it has no seam."""
    return np.tile(field, (2, 2))


def profile(rng: np.random.Generator, length: int, steps: int, softness: float) -> Plane:
    """Return noise along a line, smoothed over `softness`, then interpolated `steps` times finer: (length * steps,)."""
    coarse = ndimage.gaussian_filter1d(rng.standard_normal(length), softness)
    return np.interp(np.arange(length * steps) / steps, np.arange(length), coarse).astype(np.float32)


def _shaped(rng: np.random.Generator, amplitude: Plane) -> Plane:
    size = len(amplitude)
    noise = rng.standard_normal((size, size // 2 + 1, 2), dtype=np.float32).view(np.complex64)[..., 0]
    return fft.irfft2(noise * amplitude, s=(size, size)).astype(np.float32, copy=False)


@cache
def _band_amplitude(size: int, frequency: float, width: float) -> Plane:
    return _unit_variance(np.exp(-(np.log(_radius(size) / frequency) ** 2) / (2 * width * width)))


@cache
def _power_amplitude(size: int, slope: float, lowest: float) -> Plane:
    radius = _radius(size)
    return _unit_variance(np.where(radius < lowest, 0, radius**-slope))


def _radius(size: int) -> np.ndarray:
    radius = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])  # (size, size/2+1)
    radius[0, 0] = 1e-3  # any positive number: the mean is taken out below
    return radius


def _unit_variance(amplitude: np.ndarray) -> Plane:
    amplitude[0, 0] = 0
    twice = np.full(amplitude.shape, 2.0)  # half of the spectrum is stored: inner columns stand for two waves each
    twice[:, [0, -1]] = 1
    size = len(amplitude)
    return (amplitude * (size * size / math.sqrt(2 * (twice * amplitude**2).sum()))).astype(np.float32)
