"""Study `retention`: codes held on leaking capacitors, what their drift costs, and how often they must be rewritten."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Chip
from nt_hil.traffic import BAUD, difference, wire_time
from nt_host.adapt.loop import adapt
from nt_host.adapt.settings import AdaptSettings
from nt_host.connect import ChipOptions, connected
from nt_host.evaluate import encoded, evaluate_events
from nt_host.images import packaged_image
from nt_host.move_codes import move_codes
from nt_host.readout import Accuracy
from nt_host.study.result import Check, Picture, StudyResult, StudyTable
from nt_host.tasks import load_task, split_target
from nt_model.errors import UsageError
from nt_model.image import CODE_DEFAULT, Image
from nt_model.image_file import read_image

ByteArray = NDArray[np.uint8]

CORNER = "typical"
TASK = "digits"
DEFAULT_SEEDS = tuple(range(8))
REPEATS = 3
"""Evaluations of each chip at each age: the comparator's noise moves a single one by more than the tolerance."""
TOLERANCE = 0.005
AGES_TAU = (0.0, *(float(2.0 ** (half / 2)) for half in range(-18, 1)), 2.0, 4.0)
MEDIAN_TAUS_S = (0.1, 1.0, 10.0, 100.0)
_TAU_STREAM = 7
OnProgress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Store:
    """An analog store: `rest_code` (0..255) is what it leaks to, `tau_spread` the standard deviation of ln(tau) over
    the domains (0: all alike)."""

    rest_code: int
    tau_spread: float

    @property
    def name(self) -> str:
        return f"rest {self.rest_code}, spread {self.tau_spread:g}"


STORES = (Store(0, 0.0), Store(0, 0.3), Store(0, 0.6), Store(CODE_DEFAULT, 0.3))


def draw_taus(n_codes: int, tau_spread: float, seed: int) -> NDArray[np.float64]:
    """Time constants (n_codes,) in units of their median, log-normal; UsageError for a negative spread."""
    if tau_spread < 0:
        raise UsageError("a spread cannot be negative", evidence=f"{tau_spread:g}", next_step="give 0 or more")
    drawn = np.random.default_rng([seed, _TAU_STREAM]).standard_normal(n_codes)
    return np.asarray(np.exp(tau_spread * drawn), np.float64)


def held_codes(codes: ByteArray, store: Store, taus: NDArray[np.float64], age_tau: float) -> ByteArray:
    """Codes that the gain law sees `age_tau` >= 0 median time constants after the last refresh.

    v(t) = rest + (code - rest) exp(-t / tau), rounded to the nearest code; `codes` and `taus` (n_codes,).
    """
    if age_tau < 0:
        raise UsageError("an age cannot be negative", evidence=f"{age_tau:g}", next_step="give 0 or more")
    away = codes.astype(np.float64) - store.rest_code
    return np.rint(store.rest_code + away * np.exp(-age_tau / taus)).astype(np.uint8)


@dataclass(frozen=True)
class Point:
    """One chip with one store at one age: mean accuracies 0..1 of its evaluations, mean distance of the codes."""

    store: str
    seed: int
    age_tau: float
    argmax: float
    strict: float
    moved_codes: float


@dataclass(frozen=True)
class Refresh:
    """Cost of rewriting every code over the wire: bytes of both directions, seconds of the line at `BAUD`; whether
    the codes read back were those written; mean accuracies 0..1 afterwards."""

    seed: int
    bytes_sent: int
    bytes_received: int
    wire_s: float
    restored: bool
    argmax: float
    strict: float


@dataclass(frozen=True, eq=False)
class _Bench:
    chip: Chip
    image: Image
    x: ByteArray
    labels: NDArray[np.int64]
    codes: ByteArray
    repeats: int

    def accuracy_at(self, codes: ByteArray) -> tuple[float, float]:
        move_codes(self.chip, codes)
        seen: list[Accuracy] = [
            evaluate_events(self.chip, self.image, self.x, self.labels) for _ in range(self.repeats)
        ]
        return float(np.mean([each.argmax for each in seen])), float(np.mean([each.strict for each in seen]))

    def point(self, store: Store, seed: int, age_tau: float) -> Point:
        held = held_codes(self.codes, store, draw_taus(len(self.codes), store.tau_spread, seed), age_tau)
        moved = float(np.abs(held.astype(np.int64) - self.codes).mean())
        return Point(store.name, seed, age_tau, *self.accuracy_at(held), moved)

    def refresh(self, seed: int) -> Refresh:
        # Writes carry only codes that changed; away from every goal, the next write must carry all of them.
        move_codes(self.chip, self.codes ^ np.uint8(CODE_DEFAULT))
        before = self.chip.traffic
        self.chip.write_codes(self.codes)
        spent = difference(self.chip.traffic, before)
        restored = bool((self.chip.read_codes()[0] == self.codes).all())
        return Refresh(
            seed,
            spent.bytes_sent,
            spent.bytes_received,
            wire_time(spent).seconds,
            restored,
            *self.accuracy_at(self.codes),
        )


def run_chip(
    seed: int,
    stores: Sequence[Store],
    ages_tau: Sequence[float],
    settings: AdaptSettings,
    repeats: int = REPEATS,
    n_test: int | None = None,
) -> tuple[list[Point], Refresh]:
    """Adapt the simulated chip of `seed` to the tilted camera, then let its codes age in every store of `stores`.

    `n_test`: samples of the test that are used; None takes all. Raises as `adapt`.
    """
    loaded = read_image(packaged_image(TASK))
    task = load_task(TASK, None)
    split = split_target(task.target("camera"), task.labels_per_class, seed)
    x, x_test = encoded(loaded.image, split.labelled), encoded(loaded.image, split.test)
    with connected(ChipOptions(f"sim:{CORNER},seed={seed}"), loaded) as chip:
        codes = adapt(chip, loaded.image, x, split.labelled.labels, settings).codes
        bench = _Bench(chip, loaded.image, x_test[:n_test], split.test.labels[:n_test], codes, repeats)
        points = [bench.point(store, seed, age) for store in stores for age in ages_tau]
        return points, bench.refresh(seed)


def mean_curve(points: Sequence[Point], store: Store, measure: str) -> tuple[list[float], list[float]]:
    """(ages in median tau, mean over the chips of field `measure`) of one store, ages rising.

    At age 0 all stores hold the same codes, so the mean is over the points of all of them.
    """
    ages = sorted({point.age_tau for point in points if point.store == store.name})
    chosen = [
        [point for point in points if point.age_tau == age and (age == 0 or point.store == store.name)] for age in ages
    ]
    return ages, [float(np.mean([getattr(point, measure) for point in of_age])) for of_age in chosen]


def longest_interval(ages_tau: Sequence[float], accuracy: Sequence[float], tolerance: float = TOLERANCE) -> float:
    """Highest age up to which no accuracy lies more than `tolerance` below that of age 0, the first one."""
    kept = 0.0
    for age, value in zip(ages_tau, accuracy, strict=True):
        if value < accuracy[0] - tolerance - 1e-12:
            break
        kept = age
    return kept


def both_interval(points: Sequence[Point], store: Store) -> float:
    """Longest interval, in median tau, that keeps argmax and strict accuracy of `store`, means over the chips."""
    return min(longest_interval(*mean_curve(points, store, measure)) for measure in ("argmax", "strict"))


def _interval_row(points: Sequence[Point], store: Store) -> tuple[str, ...]:
    fresh = [100 * mean_curve(points, store, measure)[1][0] for measure in ("argmax", "strict")]
    single = [longest_interval(*mean_curve(points, store, measure)) for measure in ("argmax", "strict")]
    both = both_interval(points, store)
    ages, moved = mean_curve(points, store, "moved_codes")
    return (
        f"{store.rest_code}",
        f"{store.tau_spread:g}",
        f"{fresh[0]:.1f}",
        f"{fresh[1]:.1f}",
        *(f"{each:.4f}" for each in (*single, both)),
        f"{moved[ages.index(both)]:.2f}",
    )


def _age_rows(points: Sequence[Point]) -> tuple[tuple[str, ...], ...]:
    ages, _ = mean_curve(points, STORES[0], "argmax")
    curves = [[mean_curve(points, store, measure)[1] for measure in ("argmax", "strict")] for store in STORES]
    return tuple(
        (f"{age:.4f}", *(f"{100 * argmax[row]:.1f} / {100 * strict[row]:.1f}" for argmax, strict in curves))
        for row, age in enumerate(ages)
    )


def _share_rows(points: Sequence[Point], wire_s: float) -> tuple[tuple[str, ...], ...]:
    rows = []
    for store in STORES:
        interval = both_interval(points, store)
        shares = [wire_s / (interval * tau_s) if interval else float("inf") for tau_s in MEDIAN_TAUS_S]
        told = ["not possible" if share > 1 else f"{100 * share:.3g} %" for share in shares]
        rows.append((store.name, *told))
    return tuple(rows)


def retention_tables(points: Sequence[Point], refreshes: Sequence[Refresh]) -> tuple[StudyTable, ...]:
    """Intervals, cost of a refresh, share of the line, and accuracy by age."""
    worst = max(refreshes, key=lambda each: each.wire_s)
    return (
        StudyTable(
            "Longest refresh interval that keeps accuracy within 0.5 points (median τ)",
            (
                "rest (code)",
                "spread of ln τ",
                "fresh argmax (%)",
                "fresh strict (%)",
                "for argmax",
                "for strict",
                "for both",
                "mean move of codes then",
            ),
            tuple(_interval_row(points, store) for store in STORES),
        ),
        StudyTable(
            f"One refresh of all codes on the wire at {BAUD:,} baud",
            ("bytes sent", "bytes received", "seconds of the line"),
            ((f"{worst.bytes_sent:,}", f"{worst.bytes_received:,}", f"{worst.wire_s:.5f}"),),
        ),
        StudyTable(
            "Share of the line's time that refreshing at that interval takes, for a median τ of",
            ("store", *(f"{tau_s:g} s" for tau_s in MEDIAN_TAUS_S)),
            _share_rows(points, worst.wire_s),
        ),
        StudyTable(
            "Argmax / strict accuracy (%) against time since refresh",
            ("age (median τ)", *(store.name for store in STORES)),
            _age_rows(points),
        ),
    )


def retention_checks(points: Sequence[Point], refreshes: Sequence[Refresh]) -> tuple[Check, ...]:
    """A refresh brings codes and accuracy back; without any, accuracy is lost in every store (negative control)."""
    fresh = [mean_curve(points, STORES[0], measure)[1][0] for measure in ("argmax", "strict")]
    after = [np.mean([getattr(each, measure) for each in refreshes]) for measure in ("argmax", "strict")]
    loss = [before - now for before, now in zip(fresh, after, strict=True)]
    curves = [mean_curve(points, store, "argmax")[1] for store in STORES]
    lost = [curve[0] - curve[-1] for curve in curves]
    return (
        Check(
            "codes read back after a refresh",
            "those written, every chip",
            f"{sum(each.restored for each in refreshes)} of {len(refreshes)} chips",
            all(each.restored for each in refreshes),
        ),
        Check(
            "accuracy lost after drift and refresh, worse of argmax and strict, mean of the chips",
            f"<= {100 * TOLERANCE:g} points",
            f"{100 * max(loss):.2f} points",
            bool(max(loss) <= TOLERANCE),
        ),
        Check(
            f"argmax lost after {max(point.age_tau for point in points):g} median τ without refresh",
            f"> {100 * TOLERANCE:g} points in every store",
            f"{100 * min(lost):.1f} to {100 * max(lost):.1f} points",
            min(lost) > TOLERANCE,
        ),
    )


def _told(seeds: Sequence[int]) -> tuple[str, ...]:
    return (
        "**Beside the published figure**: a published retention time or refresh period of such a store is not "
        "available here (searched for, not found in a form that could be checked), so the table below has no second "
        "column of theirs.",
        "**Assumptions.** A code is a voltage on a capacitor: v(t) = rest + (code - rest) * exp(-t / τ), "
        "with τ of every domain drawn log-normal around its median; the gain law sees v rounded to a code. Leakage is "
        "linear, does not depend on temperature or activity, and a refresh rewrites all domains at once and exactly. "
        "Time is given in units of the median τ: no absolute retention time is claimed. *Rest 0* is a capacitor that "
        "leaks to the lowest supply, *rest 128* one that leaks to mid-scale. The spreads are chosen, not measured. "
        "The simulated chip itself holds codes in registers; drift is put on by writing the held codes to it.",
        "The shipped digits image is adapted to the tilted camera with rule `dmn` on simulated chips of corner "
        f"`{CORNER}`, seeds {', '.join(map(str, seeds))}, {REPEATS} evaluations of the whole test per age, since the "
        "comparator's noise alone moves one. An interval is the highest age of the grid (steps of √2) up to which "
        "the mean over the chips of every age stays within 0.5 points of age 0.",
        "A refresh is one write of all codes over the wire, absolute values, so that it needs no knowledge of "
        "what the drift has done; its bytes are counted on the link, the seconds are those of the busier direction, "
        "8N1. A share is those seconds over the interval; a store on the chip's own side, refreshed from its "
        "controller's registers, would not load the line at all.",
    )


def run_retention_study(
    folder: Path, seeds: Sequence[int] = DEFAULT_SEEDS, on_progress: OnProgress = lambda done, total, note: None
) -> StudyResult:
    """Age the codes of one adapted chip per seed in every store of STORES; draws the picture into `folder`."""
    # Imported where it is used: matplotlib takes half a second to load.
    from nt_host.systems.retention_picture import write_retention_picture

    points: list[Point] = []
    refreshes = []
    for done, seed in enumerate(seeds):
        on_progress(done, len(seeds), f"seed {seed}")
        found, refresh = run_chip(seed, STORES, AGES_TAU, AdaptSettings(seed=seed))
        points += found
        refreshes.append(refresh)
    write_retention_picture(folder / "retention.png", points, STORES, TOLERANCE)
    return StudyResult(
        "retention",
        "Retention drift of an analog store, and its refresh",
        _told(seeds),
        retention_checks(points, refreshes),
        retention_tables(points, refreshes),
        (Picture("retention.png", "Accuracy on the test against time since the last refresh, mean over the chips."),),
        {
            "seeds": list(seeds),
            "points": [asdict(point) for point in points],
            "refreshes": [asdict(refresh) for refresh in refreshes],
        },
    )
