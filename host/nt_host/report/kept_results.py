"""Results by name, out of the folder that keeps them: what tables in the documents are made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nt_host.experiment.cell import RECALLED
from nt_host.experiment.result import ALL_DOMAINS, WORST_DOMAIN, Row, read_result, rows
from nt_host.experiment.stream_result import WHOLE_STREAM, is_stream, read_stream
from nt_model.errors import UsageError

Figure = tuple[float, float]
"""Mean and standard deviation over seeds, shares 0..1."""


@dataclass(frozen=True)
class Summary:
    """Argmax of one result.

    Attributes:
        seeds: number of seeds.
        before, after: mean over domains.
        worst: worst domain of each seed, after.
        lowest: lowest mean over seeds of a domain, after; `highest` alike.
    """

    seeds: int
    before: Figure
    after: Figure
    worst: Figure
    lowest: float
    highest: float


def _summary(found: list[Row], seeds: int, suffix: str) -> Summary:
    by_name = {row.domain: row.values for row in found}
    own = [
        row.values["after_argmax"][0]
        for row in found
        if not row.domain.startswith((ALL_DOMAINS, WORST_DOMAIN)) and row.domain.endswith(RECALLED) == bool(suffix)
    ]
    mean = by_name.get(ALL_DOMAINS + suffix, found[0].values)
    worst = by_name.get(WORST_DOMAIN + suffix, found[0].values)
    return Summary(seeds, mean["before_argmax"], mean["after_argmax"], worst["after_argmax"], min(own), max(own))


@dataclass(frozen=True)
class KeptResults:
    """The result files in `folder`."""

    folder: Path

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.json"

    def summary(self, name: str, domain: str = "", suffix: str = "") -> Summary:
        """Argmax of the experiment whose result file is `name`.

        Args:
            domain: of this domain alone; empty for the mean over all.
            suffix: ` recalled` for codes that were loaded again after a chain.

        Raises:
            UsageError: no such result, or it lacks the domain; VersionMismatchError as `read_result`.
        """
        _, cells = read_result(self.path(name))
        found = [row for row in rows(cells) if row.domain.endswith(suffix) and (not domain or row.domain == domain)]
        if not found:
            raise UsageError(
                "the result lacks a domain",
                evidence=f"{self.path(name)}: '{domain}{suffix}'",
                next_step="run the experiment again",
            )
        return _summary(found, len({cell.seed for cell in cells}), suffix)

    def is_stream(self, name: str) -> bool:
        return is_stream(self.path(name))

    def stream(self, name: str) -> dict[str, Figure]:
        """Prequential accuracy over the whole stream by learner."""
        return dict(read_stream(self.path(name)).rows())[WHOLE_STREAM]
