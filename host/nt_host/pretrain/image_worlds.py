"""What the worlds of rolling pretraining on images are drawn from; plain numbers, no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

from nt_host.pretrain.spec import PretrainError

SIDE = 28
"""Pixels along an edge of a source image."""
CELLS = 14
"""Cells along an edge of what the chip sees: means of 2 x 2 pixels."""


@dataclass(frozen=True)
class ImageWorlds:
    """Ranges of random image worlds. A world's draw is shared by all of its samples.

    Attributes:
        tilt_degrees: tilts are uniform within plus and minus this.
        unseen_tilts_degrees: tilts that are never drawn (within 5 degrees), so that a task can be new.
        permuted_share: share of digit worlds whose labels are permuted.
        glyph_share: share of worlds that show invented classes, put together from warped digits, in place of digits.
        inverted_share: share of worlds with light and dark exchanged.
        flipped_share: share of mirrored worlds.
        plain_share: share of digit worlds that keep a mild view (tilt within 45 degrees) and their labels.
    """

    tilt_degrees: float = 120.0
    unseen_tilts_degrees: tuple[float, ...] = (30.0, -75.0)
    permuted_share: float = 0.4
    glyph_share: float = 0.25
    inverted_share: float = 0.2
    flipped_share: float = 0.15
    plain_share: float = 0.25

    def __post_init__(self) -> None:
        shares = (
            self.permuted_share,
            self.glyph_share,
            self.inverted_share,
            self.flipped_share,
            self.plain_share,
        )
        if not all(0 <= share <= 1 for share in shares):
            raise PretrainError(f"a share of worlds lies outside 0..1: {shares}")
        if not 0 <= self.tilt_degrees <= 180:
            raise PretrainError(f"tilt_degrees is {self.tilt_degrees!r}; it must be in 0..180")
