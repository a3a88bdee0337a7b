"""A simulated chip of any corner, behind the same wire as `--port sim`."""

from __future__ import annotations

from nt_hil.client import ChipClient
from nt_hil.links.in_process import InProcessLink
from nt_hil.session import Session
from nt_hil.sim.device import Device
from nt_hil.sim.simchip import SimChip
from nt_model.corner import Corner
from nt_model.engine import make_engine
from nt_model.image_file import LoadedImage
from nt_model.silicon import Silicon


def simulated_chip(loaded: LoadedImage, corner: Corner, seed: int, engine: str = "c") -> tuple[ChipClient, Silicon]:
    """The chip of `seed` at `corner` as a host sees it, and its silicon, which only a bench may look at."""
    silicon = Silicon.draw(loaded.image, corner, seed)
    device = Device(SimChip(loaded, silicon, make_engine(engine, loaded.image)))
    return ChipClient(Session(InProcessLink(device, f"{corner.name}, seed {seed}"))), silicon
