"""Small simulated chips for the tests of the wire."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_hil.client import ChipClient
from nt_hil.links.base import Link
from nt_hil.links.in_process import InProcessLink
from nt_hil.open import make_device
from nt_hil.port import SimPort
from nt_hil.session import Session, SessionOptions
from nt_hil.sim.device import Device, LinkLimits
from nt_hil.sim.nv import NvStore
from nt_hil.sim.simchip import SimOptions
from nt_model.image_file import LoadedImage, image_bytes, parse_image
from tests.model.strategies import make_image

SMALL = LinkLimits(max_payload=512)


def loaded_image(sizes: tuple[int, ...] = (12, 9, 7, 4), seed: int = 3, steps: int = 1) -> LoadedImage:
    return parse_image(image_bytes(make_image(seed, sizes, steps=steps)))


def sim_device(
    image: LoadedImage | None = None,
    *,
    corner: str = "quiet",
    limits: LinkLimits = SMALL,
    options: SimOptions | None = None,
    nv: NvStore | None = None,
) -> Device:
    port = SimPort(corner, 7, "numpy")
    return make_device(image or loaded_image(), port, limits=limits, options=options, nv=nv)


def client_of(device: Device, link: Link | None = None, options: SessionOptions | None = None) -> ChipClient:
    return ChipClient(Session(link or InProcessLink(device), options))


def random_events(count: int, inputs: int, top: int = 1, steps: int | None = None, seed: int = 5) -> NDArray[np.uint8]:
    shape = (count, inputs) if steps is None else (count, steps, inputs)
    return np.random.default_rng(seed).integers(0, top + 1, shape).astype(np.uint8)


def frames_in(wire: bytes) -> list[bytes]:
    """The frames of `wire`, each with its delimiters."""
    return [b"\0" + piece + b"\0" for piece in wire.split(b"\0") if piece]
