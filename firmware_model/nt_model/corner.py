"""Process corners by name: how much the devices of a simulated chip differ from the nominal ones."""

from __future__ import annotations

from dataclasses import dataclass

from nt_model.errors import UsageError


@dataclass(frozen=True)
class Corner:
    """Spread of a process corner; standard deviations in parts per million unless the name says otherwise.

    Attributes:
        name: word that `--port sim:<name>` takes.
        gain_spread_ppm: of a neuron's gain at code 128, split over beta, Rs and Vth (see `silicon`).
        threshold_spread_ppm: of a neuron's threshold, relative to the RMS threshold of its layer.
        leak_spread_ppm: of a neuron's leak.
        noise_ppm: of the comparator per read, relative to the RMS threshold of the layer.
        dac_offset_mlsb: DAC offset per domain, thousandths of a code.
        dac_gain_ppm: DAC gain error per domain.
        dac_inl_mlsb: bow of the DAC at mid-scale, thousandths of a code.
        dac_dnl_mlsb: error of every single DAC step, thousandths of a code.
        dead_ppm: probability that a neuron never spikes.
        stuck_ppm: probability that a neuron always spikes.
        vth_shift_uv: systematic shift of the threshold voltage, microvolt.
        temperature_drift_mk: largest drift of temperature, millikelvin per 1024 samples presented.
        supply_drift_uv: largest drift of the supply, microvolt per 1024 samples presented.
    """

    name: str
    gain_spread_ppm: int = 0
    threshold_spread_ppm: int = 0
    leak_spread_ppm: int = 0
    noise_ppm: int = 0
    dac_offset_mlsb: int = 0
    dac_gain_ppm: int = 0
    dac_inl_mlsb: int = 0
    dac_dnl_mlsb: int = 0
    dead_ppm: int = 0
    stuck_ppm: int = 0
    vth_shift_uv: int = 0
    temperature_drift_mk: int = 0
    supply_drift_uv: int = 0


def spread_corner(
    name: str, percent: int, *, noise_ppm: int = 10_000, vth_shift_uv: int = 0, dead_ppm: int = 0
) -> Corner:
    """A corner whose neurons' gains spread by `percent`, thresholds and leaks half as much, with a usual DAC."""
    return Corner(
        name=name,
        gain_spread_ppm=percent * 10_000,
        threshold_spread_ppm=percent * 5_000,
        leak_spread_ppm=percent * 5_000,
        noise_ppm=noise_ppm,
        dac_offset_mlsb=1000,
        dac_gain_ppm=10_000,
        dac_inl_mlsb=500,
        dac_dnl_mlsb=200,
        vth_shift_uv=vth_shift_uv,
        dead_ppm=dead_ppm,
    )


CORNERS = {
    corner.name: corner
    for corner in (
        Corner("ideal"),
        spread_corner("quiet", 10, noise_ppm=0),
        spread_corner("typical", 10),
        spread_corner("slow", 10, vth_shift_uv=30_000),
        spread_corner("fast", 10, vth_shift_uv=-30_000),
        spread_corner("wild", 20, noise_ppm=20_000),
        spread_corner("worn", 30, noise_ppm=20_000, dead_ppm=10_000),
    )
}


def corner_named(name: str) -> Corner:
    """Corner of that name; UsageError lists the known ones otherwise."""
    if name not in CORNERS:
        raise UsageError(
            f"no process corner is called '{name}'",
            evidence=f"known corners: {', '.join(CORNERS)}",
            next_step="try `--port sim:typical`",
        )
    return CORNERS[name]
