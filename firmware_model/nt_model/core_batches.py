"""Minibatches drawn in C, many at once, with the numbers of NumPy's generators (firmware/host/nt_host_batches.h)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_model.core_library import ffi, lib
from nt_model.errors import UsageError

Int64Array = NDArray[np.int64]


def drawn_batches(
    seeds: NDArray[np.uint64], size: int, by_class: Int64Array, first: Int64Array, counts: Int64Array
) -> Int64Array:
    """Rows (n, size) of batches, each as `np.random.Generator(PCG64)` of its seed draws it.

    Args:
        seeds: (n, 4), `SeedSequence.generate_state(4, np.uint64)` of each batch.
        by_class: rows, class by class.
        first, counts: (classes,), where each class begins in `by_class` and how many rows it has, 1..2^31.

    Raises:
        UsageError: there is no class, or one without rows.
    """
    if len(counts) == 0 or counts.min() < 1:
        raise UsageError("a batch needs at least one sample of every class", evidence=f"{counts.tolist()} samples")
    rows = np.empty((len(seeds), size), np.int64)
    words = ffi.from_buffer("uint64_t[]", np.ascontiguousarray(seeds, np.uint64))
    given = (ffi.from_buffer("int64_t[]", np.ascontiguousarray(each, np.int64)) for each in (by_class, first, counts))
    order = ffi.new("uint32_t[]", len(counts))
    into = ffi.from_buffer("int64_t[]", rows)
    lib.nt_host_batches_draw(words, len(seeds), size, *given, len(counts), order, into)
    return rows
