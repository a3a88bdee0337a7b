"""Linear baselines: they see what they should, and no more."""

from __future__ import annotations

import numpy as np

from nt_host.experiment.linear_baseline import fitted, linear_accuracy
from nt_host.tasks.dataset import Dataset, one_domain
from nt_model.image import EncoderSpec

NAMES = ("left", "right")
PLAIN = EncoderSpec("count", "none", 8, np.zeros(2, np.float32), np.ones(2, np.float32))


def blobs(shift: float, n: int = 60, swap: bool = False) -> Dataset:
    rng = np.random.default_rng(0)
    labels = np.arange(n) % 2
    centre = np.where(labels[:, None] == int(swap), -1.0, 1.0) + shift
    return one_domain(rng.normal(centre, 0.2, (n, 2)), labels, NAMES, "d")


def test_both_solve_a_shift_that_the_source_alone_does_not() -> None:
    source, moved = blobs(0), blobs(4)
    for rule in ("lr", "lda"):
        assert linear_accuracy(fitted(rule, PLAIN, source, None), PLAIN, source).argmax == 1
        assert linear_accuracy(fitted(rule, PLAIN, source, None), PLAIN, moved).argmax < 0.6
        assert linear_accuracy(fitted(rule, PLAIN, source, moved), PLAIN, moved).strict > 0.95


def test_the_discriminant_forgets_the_source() -> None:
    source, swapped = blobs(0), blobs(0, n=10, swap=True)
    assert linear_accuracy(fitted("lda", PLAIN, source, swapped), PLAIN, swapped).argmax == 1
    assert linear_accuracy(fitted("lda", PLAIN, source, swapped), PLAIN, source).argmax == 0
