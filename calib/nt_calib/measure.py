"""The sequence that measures a layer: search the crossings of a few stimuli, then read many where they are expected.

Search: noisy bisection of several stimuli side by side, each round one pipelined exchange. Refine: stimuli whose
crossings the fit predicts, read there, in two halves, the second with the fit of the first; nothing waits for an
answer within a half.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nt_calib.bench import Bench, ByteArray
from nt_calib.fit import Fit, fit_layer
from nt_calib.options import Options
from nt_calib.patterns import Pattern, choose_patterns
from nt_calib.reads import Reads
from nt_calib.search import NoisyBisection
from nt_hil.chip import Shot
from nt_model.image import CODE_DEFAULT, Image

FloatArray = NDArray[np.float64]
OnProgress = Callable[[int], None]
"""Called with the number of shots just done."""

SEARCH_WIDTH_CODE = 3.0
REFINE_HALVES = 2
SEARCHES_AGAIN = 3
LOST_SD = 0.05
"""Neurons whose gain is not known to 5 % after a search are searched again, with other stimuli."""
SPREAD_OF_REFINE = 0.7
"""Refining reads lie within so many standard deviations of the noise around the crossing: both sides of it tell."""


@dataclass(frozen=True, eq=False)
class LayerBench:
    """One layer of an image on a bench, with what all its stages need. `code_range`: lowest and highest code that the
    chip accepts."""

    image: Image
    index: int
    bench: Bench
    options: Options
    on_progress: OnProgress
    code_range: tuple[int, int] = (0, 255)

    @property
    def falling(self) -> NDArray[np.bool_]:
        """Neurons of negative threshold: the higher the gain, the rarer their spikes, (N,)."""
        return self.image.layers[self.index].threshold_q8 < 0

    def shoot(self, patterns: Sequence[Pattern], wanted: Sequence[FloatArray], repeats: int) -> Reads:
        """Each pattern once, at the codes `wanted` of each neuron (N,), nan: whatever comes.

        Neurons that share a domain share its code: the wishes of one of them count, another one's in each shot.
        """
        shots, codes = [], []
        for number, (pattern, wish) in enumerate(zip(patterns, wanted, strict=True)):
            chip_codes = self._codes(wish, number)
            codes.append(chip_codes[self.image.layers[self.index].domain[:, 0]])
            shots.append(Shot(chip_codes, replace(pattern.stimulus, n_repeats=repeats)))
        counts = self.bench.shoot(shots)
        self.on_progress(len(shots))
        drive = np.stack([pattern.drive for pattern in patterns])
        return Reads(drive, np.stack(codes), np.stack(counts).astype(np.int64), np.full(len(shots), repeats, np.int64))

    def _codes(self, wish: FloatArray, number: int) -> ByteArray:
        domain = self.image.layers[self.index].domain[:, 0]
        codes = np.full(self.image.n_codes, CODE_DEFAULT, np.uint8)
        order = np.roll(np.arange(len(wish)), number)
        order = order[np.isfinite(wish[order])]
        codes[domain[order]] = np.clip(np.rint(wish[order]), *self.code_range).astype(np.uint8)
        return codes


def search(layer: LayerBench, patterns: Sequence[Pattern]) -> Reads:
    """Bisect the crossing of every neuron in every pattern."""
    options = layer.options
    searches = [NoisyBisection(len(layer.falling), SEARCH_WIDTH_CODE, layer.falling) for _ in patterns]
    reads = Reads.none(len(layer.falling))
    for _ in range(options.search_rounds):
        wanted = [
            np.where(pattern.serves, one.next_codes(), np.nan) for pattern, one in zip(patterns, searches, strict=True)
        ]
        found = layer.shoot(patterns, wanted, options.search_repeats)
        for number, one in enumerate(searches):
            one.update(found.codes[number], found.spikes[number], options.search_repeats)
        reads = reads.with_more(found)
    return reads


def fitted_gain(fit: Fit) -> FloatArray:
    """ln G of every neuron at every DAC code, (N, 256)."""
    return fit.law.log_gain(np.arange(256, dtype=np.float64)[None, :])


def expected_crossing(log_gain: FloatArray, drive: FloatArray) -> FloatArray:
    """DAC code, not rounded, at which each neuron of ln gain `log_gain` (N, 256) crosses at `drive` (N,); nan where it
    does not within 0..255."""
    wanted = -np.log(np.where(drive > 0, drive, np.nan))
    above = (log_gain < wanted[:, None]).sum(axis=1)
    inside = (above > 0) & (above < 256) & np.isfinite(wanted)
    high = np.clip(above, 1, 255)
    row = np.arange(len(drive))
    low_gain, high_gain = log_gain[row, high - 1], log_gain[row, high]
    part = (wanted - low_gain) / np.maximum(high_gain - low_gain, 1e-9)
    return np.where(inside, high - 1 + np.clip(part, 0.0, 1.0), np.nan)


def refine(layer: LayerBench, patterns: Sequence[Pattern], reads: Reads, fit: Fit) -> tuple[Reads, Fit]:
    """Read each pattern where the fit expects its crossings; the reads of both stages, and their fit."""
    rng = np.random.default_rng((layer.options.seed, layer.index, 0x9E))
    gain_q12 = layer.image.gain
    for half in np.array_split(np.arange(len(patterns)), REFINE_HALVES):
        if len(half) == 0:
            continue
        chosen = [patterns[number] for number in half]
        wanted = []
        log_gain = fitted_gain(fit)
        for pattern in chosen:
            aside = rng.uniform(-SPREAD_OF_REFINE, SPREAD_OF_REFINE, len(fit.noise)) * fit.noise
            wanted.append(expected_crossing(log_gain, pattern.drive * np.exp(aside)))
        reads = reads.with_more(layer.shoot(chosen, wanted, layer.options.refine_repeats))
        fit = fit_layer(reads, gain_q12, layer.falling, fit.law.parameters)
    return reads, fit


def measure_layer(layer: LayerBench) -> tuple[Reads, Fit]:
    """All stages: all reads and the fit of them."""
    options, chosen, gain_q12 = layer.options, layer.image.layers[layer.index], layer.image.gain
    patterns = choose_patterns(chosen, layer.index, gain_q12, options.search_patterns, options.seed)
    reads = search(layer, patterns)
    fit = fit_layer(reads, gain_q12, layer.falling)
    for again in range(SEARCHES_AGAIN):
        lost = fit.log_gain_sd(float(CODE_DEFAULT)) > LOST_SD
        if not lost.any():
            break
        seed = options.seed + 100 + again
        few = choose_patterns(chosen, layer.index, gain_q12, max(3, options.search_patterns // 2), seed, lost)
        reads = reads.with_more(search(layer, few))
        fit = fit_layer(reads, gain_q12, layer.falling)
    more = choose_patterns(chosen, layer.index, gain_q12, max(1, options.refine_patterns), options.seed + 1)
    return refine(layer, more[: options.refine_patterns], reads, fit)
