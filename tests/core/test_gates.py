"""Gates out of spike counts and back, in C as in the golden model."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nt_model.core_wire import gate_planes
from nt_model.learn import packed_gates, unpacked_gates


@given(st.integers(0, 5), st.integers(0, 40), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_gates_come_back_as_planes_with_the_same_gates(samples: int, hidden: int, outputs: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    above, below = rng.integers(0, 3, (2, samples, hidden + outputs)).astype(np.uint8)
    gates = packed_gates(above, below, outputs)
    planes = gate_planes(gates, hidden + outputs, outputs)
    assert (planes == unpacked_gates(gates, hidden + outputs, outputs)).all()
    assert ((planes[0] != planes[1])[:, :hidden] == (above != below)[:, :hidden]).all()
    assert (planes[0, :, hidden:] == (above[:, hidden:] > 0)).all()
    assert (planes[1, :, hidden:] == (below[:, hidden:] > 0)).all()
