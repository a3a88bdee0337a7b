"""Samples with labels and domains as values, checked once when they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nt_model.errors import UsageError

FloatArray = NDArray[np.float32]
Int64Array = NDArray[np.int64]


def _refuse(cause: str, evidence: str, next_step: str = "repair the data file and try again") -> UsageError:
    return UsageError(cause, evidence=evidence, next_step=next_step)


@dataclass(frozen=True, eq=False)
class Dataset:
    """n samples of F features.

    Attributes:
        features: (n, F) float32, finite.
        labels: (n,) int64, 0..n_classes-1.
        domain: (n,) int64, index into `domain_names`.
        class_names: one text per class.
        domain_names: one text per domain.

    Raises:
        UsageError: shapes do not fit, a feature is NaN or infinite, a label or a domain is out of range.
    """

    features: FloatArray
    labels: Int64Array
    domain: Int64Array
    class_names: tuple[str, ...]
    domain_names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.features.ndim != 2 or self.features.size == 0:
            raise _refuse("the features are not a table of samples by features", f"shape {self.features.shape}")
        for name, column in (("labels", self.labels), ("domain", self.domain)):
            if column.shape != (len(self.features),):
                raise _refuse(
                    f"the {name} do not fit the features: one per sample is needed",
                    f"{name} of shape {column.shape}, features of shape {self.features.shape}",
                )
        self._check_finite()
        for name, column, names in (
            ("label", self.labels, self.class_names),
            ("domain", self.domain, self.domain_names),
        ):
            low, high = int(column.min()), int(column.max())
            if low < 0 or high >= len(names):
                first = int(np.argmax((column < 0) | (column >= len(names))))
                raise _refuse(
                    f"a {name} is out of range 0..{len(names) - 1}", f"{name} {int(column[first])} of sample {first}"
                )

    def _check_finite(self) -> None:
        bad = ~np.isfinite(self.features)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            raise _refuse(
                "the features hold NaN or infinity",
                f"{int(bad.sum())} of them, first in sample {int(row)}, feature {int(column)}",
                "drop or repair those samples; the chip takes finite numbers only",
            )

    @property
    def n_features(self) -> int:
        return int(self.features.shape[1])

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Dataset:
        """The samples at `rows` (indices or mask), at least one; names stay."""
        return Dataset(self.features[rows], self.labels[rows], self.domain[rows], self.class_names, self.domain_names)

    def of_domain(self, name: str) -> Dataset:
        """The samples of the domain called `name`; UsageError lists the known ones otherwise."""
        if name not in self.domain_names:
            raise UsageError(
                f"there is no domain '{name}' in the data",
                evidence=f"domains: {', '.join(self.domain_names)}",
                next_step=f"try `--domain {self.domain_names[0]}`",
            )
        return self.take(self.domain == self.domain_names.index(name))


def one_domain(features: FloatArray, labels: Int64Array, class_names: tuple[str, ...], name: str) -> Dataset:
    """A dataset whose samples all belong to the domain `name`."""
    return Dataset(
        features.astype(np.float32), labels.astype(np.int64), np.zeros(len(labels), np.int64), class_names, (name,)
    )


def joined(parts: Sequence[Dataset]) -> Dataset:
    """All samples of `parts`, at least one, which name the same classes and domains, in their order."""
    features, labels, domain = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("features", "labels", "domain")
    )
    return Dataset(features, labels, domain, parts[0].class_names, parts[0].domain_names)
