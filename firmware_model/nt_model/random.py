"""Counter-based integer random numbers, the same in Python, in C and on the board.

A draw is a pure function of (seed, stream, index): no state to keep, any draw can be made again. The mixer is
SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_EVEN_LANES = np.uint64(0x0000FFFF0000FFFF)
_LOW_HALF = np.uint64(0xFFFFFFFF)

NOISE_SCALE_Q16 = 113512
"""sqrt(3) in Q16: the sum of four uniform 16-bit numbers has standard deviation 65536 / sqrt(3)."""


def mix64(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64 finaliser of (value + golden ratio), element by element, modulo 2^64."""
    with np.errstate(over="ignore"):
        z = value + _GOLDEN
        z ^= z >> np.uint64(30)
        z *= _MIX1
        z ^= z >> np.uint64(27)
        z *= _MIX2
        z ^= z >> np.uint64(31)
        return z


def draw64(seed: int, stream: int, index: NDArray[np.int64] | int) -> NDArray[np.uint64]:
    """Uniform 64-bit numbers, shape of `index`: mix64(mix64(mix64(seed) ^ stream) ^ index)."""
    return mix64(np.asarray(index).astype(np.uint64) ^ _key(seed, stream))


@lru_cache(maxsize=256)
def _key(seed: int, stream: int) -> np.uint64:
    """Key of a stream, which a chip asks for again with every part of a draw."""
    key: np.uint64 = mix64(mix64(np.array([seed % 2**64], np.uint64)) ^ np.uint64(stream))[0]
    return key


def _sum_of_lanes(bits: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Sum of the four 16-bit lanes: two pairs side by side, then both pairs."""
    pairs = (bits & _EVEN_LANES) + ((bits >> np.uint64(16)) & _EVEN_LANES)
    return ((pairs & _LOW_HALF) + (pairs >> np.uint64(32))).astype(np.int64)


def normal_q16(seed: int, stream: int, count: int) -> NDArray[np.int64]:
    """`count` nearly normal numbers of standard deviation 1 in Q16: sum of twelve uniform 16-bit numbers less 6.

    Range -6..6 in Q16. Used once per chip for mismatch, where tails matter.
    """
    index = np.arange(count, dtype=np.int64) * 3
    total = sum((_sum_of_lanes(draw64(seed, stream, index + k)) for k in range(3)), np.zeros(count, np.int64))
    return total - 6 * 65536


def uniform_q16(seed: int, stream: int, count: int) -> NDArray[np.int64]:
    """`count` uniform numbers in 0..65535."""
    return (draw64(seed, stream, np.arange(count, dtype=np.int64)) >> np.uint64(48)).astype(np.int64)


def triangle_noise_q8(
    seed: int, step: NDArray[np.int64], layer: int, sigma_q8: NDArray[np.uint16]
) -> NDArray[np.int64]:
    """Noise of one read, Q23.8, (B, N): sum of four uniform 16-bit numbers, scaled to `sigma_q8` (N,).

    Args:
        step: (B,) chip time step of each sample.
        layer: layer number, 0..65535.
        sigma_q8: (N,) uint16, Q8.8.
    """
    neurons = np.arange(len(sigma_q8), dtype=np.int64)
    if not sigma_q8.any():
        return np.zeros((len(step), len(neurons)), np.int64)
    index = (step[:, None].astype(np.int64) << 20) | neurons[None, :]
    centred = _sum_of_lanes(draw64(seed, 0x4E00 + layer, index)) - 2 * 65536
    sigma = (sigma_q8.astype(np.int64) * NOISE_SCALE_Q16) >> 16
    return (centred * sigma) >> 16
