"""Random generators of a run's steps: those of `numpy.random.default_rng([seed, stream, step])`, many seeded at once.

NumPy's own way costs as much as the rest of a batch's draw. What is computed here is its SeedSequence (O'Neill's
seed_seq with a pool of four words) and the seeding of PCG64, both of which NumPy promises to keep.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

UintArray = NDArray[np.uint32]
UintArray64 = NDArray[np.uint64]

STEPS_AT_ONCE = 64
POOL_WORDS = 4
STATE_WORDS = 8
_INIT_A, _MULT_A = 0x43B0D7E5, 0x931E8875
_INIT_B, _MULT_B = 0x8B51F9DD, 0x58F38DED
_MIX_LEFT, _MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
_SHIFT = np.uint32(16)
_PCG_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645
_MASK_128 = (1 << 128) - 1


def _constants(first: int, multiplier: int) -> Iterator[tuple[np.uint32, np.uint32]]:
    """What each hash in turn is xored with and multiplied by."""
    while True:
        following = first * multiplier & 0xFFFFFFFF
        yield np.uint32(first), np.uint32(following)
        first = following


def _hashed(value: UintArray, constants: Iterator[tuple[np.uint32, np.uint32]]) -> UintArray:
    xor, multiplier = next(constants)
    value = (value ^ xor) * multiplier
    return value ^ (value >> _SHIFT)


def seed_words(entropy: UintArray) -> UintArray:
    """(n, 8) uint32, `SeedSequence(row).generate_state(8)` of each row of `entropy` (n, at most 4)."""
    constants = _constants(_INIT_A, _MULT_A)
    columns = [*entropy.T, *[np.zeros(len(entropy), np.uint32)] * (POOL_WORDS - entropy.shape[1])]
    pool = [_hashed(column, constants) for column in columns]
    for source in range(POOL_WORDS):
        for target in range(POOL_WORDS):
            if source != target:
                mixed = pool[target] * _MIX_LEFT - _hashed(pool[source], constants) * _MIX_RIGHT
                pool[target] = mixed ^ (mixed >> _SHIFT)
    constants = _constants(_INIT_B, _MULT_B)
    return np.stack([_hashed(pool[word % POOL_WORDS], constants) for word in range(STATE_WORDS)], axis=1)


def _pcg_state(words: tuple[int, int, int, int]) -> tuple[int, int]:
    """State and increment of PCG64 seeded with four 64-bit words."""
    increment = ((words[2] << 64 | words[3]) << 1 | 1) & _MASK_128
    state = (increment + (words[0] << 64 | words[1])) * _PCG_MULTIPLIER + increment
    return state & _MASK_128, increment


def _words_of(number: int) -> list[int]:
    """32-bit words of a number, the low one first, at least one."""
    words = [number & 0xFFFFFFFF]
    while number := number >> 32:
        words.append(number & 0xFFFFFFFF)
    return words


def head_words(seed: int, stream: int) -> list[int]:
    """What the entropy of a run's steps begins with."""
    return [*_words_of(seed), stream]


def block_seeds(head: list[int], first: int) -> UintArray64:
    """Seeds (STEPS_AT_ONCE, 4) of PCG64 for the steps from `first` on; `head` has at most three words."""
    entropy = np.empty((STEPS_AT_ONCE, len(head) + 1), np.uint32)
    entropy[:, :-1] = head
    entropy[:, -1] = first + np.arange(STEPS_AT_ONCE)
    return np.ascontiguousarray(seed_words(entropy)).astype("<u4").view("<u8").astype(np.uint64)


class StepStreams:
    """Generators of the steps of a run: `seed` >= 0, `stream` below 2^32."""

    def __init__(self, seed: int, stream: int) -> None:
        self._seed = seed
        self._stream = stream
        self._head = head_words(seed, stream)
        self._first = -1
        self._words: list[tuple[int, int, int, int]] = []
        self._bits = np.random.PCG64(0)
        self._generator = np.random.Generator(self._bits)

    def at(self, step: int) -> np.random.Generator:
        """`default_rng([seed, stream, step])`, 0 <= step < 2^32; the one before is gone."""
        if len(self._head) >= POOL_WORDS:
            return np.random.default_rng([self._seed, self._stream, step])
        block = step - step % STEPS_AT_ONCE
        if block != self._first:
            self._fill(block)
        state, increment = _pcg_state(self._words[step - block])
        self._bits.state = {
            "bit_generator": "PCG64",
            "state": {"state": state, "inc": increment},
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self._generator

    def _fill(self, block: int) -> None:
        words = block_seeds(self._head, block)
        self._first, self._words = block, [tuple(row) for row in words.tolist()]
