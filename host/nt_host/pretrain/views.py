"""Views of images for rolling pretraining, in PyTorch; a world fixes warp, brush, contrast and noise for its samples.

Images are (n, 28, 28) float, 0 (background) to 1; what the chip sees is (n, 14, 14), means of 2 x 2 pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from nt_host.pretrain.image_worlds import CELLS, SIDE, ImageWorlds

CLASSES = 10
GLYPHS_PER_CLASS = 24
UNSEEN_WINDOW_DEGREES = 5.0
MILD_TILT_DEGREES = 45.0
FIELD_CELLS = 4
JITTER_DEGREES = 6.0
JITTER_SCALE = 0.06
JITTER_SHIFT_PIXELS = 0.7


@dataclass(frozen=True, eq=False)
class View:
    """One world's view: `matrix` (2, 3) from seen to source coordinates (-1..1), `field` (14, 14, 2) added to them,
    `brush` 0, 3 or 5 (side of the dilation), `blur` 0..1, `dark` and `light` levels, `gamma`, `noise`; `permutation`
    (10,) int64 of the labels; `bank` (10, 24, 28, 28) of invented classes, or None for digits."""

    matrix: Tensor
    field: Tensor
    brush: int
    blur: float
    dark: float
    light: float
    gamma: float
    noise: float
    permutation: Tensor
    bank: Tensor | None


class Dice:
    """Random numbers of one generator."""

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=self.generator))

    def normal(self, sigma: float) -> float:
        return sigma * float(torch.randn((), generator=self.generator))

    def chance(self, share: float) -> bool:
        return self.uniform(0, 1) < share


def matrices(tilt_degrees: Tensor, scale: Tensor, shear: Tensor, shift_pixels: Tensor, flip: Tensor) -> Tensor:
    """Affine maps (n, 2, 3) from seen to source coordinates; arguments (n,), `shift_pixels` (n, 2), `flip` +-1."""
    angle = -tilt_degrees * (math.pi / 180)
    cos, sin = torch.cos(angle) / scale, torch.sin(angle) / scale
    first = torch.stack([flip * cos, flip * (sin + shear * cos)], 1)
    second = torch.stack([-sin, cos - shear * sin], 1)
    turn = torch.stack([first, second], 1)
    return torch.cat([turn, (shift_pixels * (2 / SIDE)).unsqueeze(2)], 2)


def random_matrices(count: int, dice: Dice, degrees: float, scale: float, shift_pixels: float) -> Tensor:
    """`count` random maps with normal tilt, log scale and shift of the given spreads."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=dice.generator)

    return matrices(
        normal(count) * degrees,
        torch.exp(normal(count) * scale),
        normal(count) * scale,
        normal(count, 2) * shift_pixels,
        torch.ones(count),
    )


def composed(outer: Tensor, inner: Tensor) -> Tensor:
    """Maps (n, 2, 3) that apply `outer` first, then `inner` (seen -> outer -> inner -> source)."""
    turn = inner[:, :, :2] @ outer[:, :, :2]
    shift = inner[:, :, :2] @ outer[:, :, 2:] + inner[:, :, 2:]
    return torch.cat([turn, shift], 2)


def seen_cells(images: Tensor, maps: Tensor, field: Tensor | None, cells: int = CELLS) -> Tensor:
    """Warped images, (n, cells, cells): bilinear samples of 2 x 2 means, dark outside. `field` (n, cells, cells, 2)."""
    # Sums of shifted copies: pooling with stride 1 is many times slower on a processor.
    padded = functional.pad(images, (1, 1, 1, 1))
    pairs = padded[:, 1:] + padded[:, :-1]
    smooth = ((pairs[:, :, 1:] + pairs[:, :, :-1]) * 0.25).unsqueeze(1)
    grid = functional.affine_grid(maps, [len(images), 1, cells, cells], align_corners=False)
    if field is not None:
        grid = grid + field
    return functional.grid_sample(smooth, grid, mode="bilinear", align_corners=True).squeeze(1)


def dilated(images: Tensor, side: int) -> Tensor:
    """Every pixel the brightest of the square of odd `side` round it."""
    return functional.max_pool2d(images.unsqueeze(1), side, 1, side // 2).squeeze(1)


def blurred(images: Tensor) -> Tensor:
    """3 x 3 means, dark outside."""
    padded = functional.pad(images, (1, 1, 1, 1))
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    return (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9


def smooth_field(dice: Dice, amplitude_pixels: float) -> Tensor:
    """Displacements (14, 14, 2) in source coordinates that vary smoothly over the image."""
    coarse = torch.randn(1, 2, FIELD_CELLS, FIELD_CELLS, generator=dice.generator) * (amplitude_pixels * 2 / SIDE)
    fine = functional.interpolate(coarse, size=(CELLS, CELLS), mode="bicubic", align_corners=True)
    return fine[0].permute(1, 2, 0)


def random_tilt(dice: Dice, worlds: ImageWorlds, widest: float) -> float:
    """A tilt within `widest` degrees that is none of the unseen ones."""
    while True:
        tilt = dice.uniform(-widest, widest)
        if all(abs(tilt - unseen) > UNSEEN_WINDOW_DEGREES for unseen in worlds.unseen_tilts_degrees):
            return tilt


def random_view(dice: Dice, worlds: ImageWorlds, images: Tensor, labels: Tensor) -> View:
    """A world of its own: digits as seen through a random view, or invented classes; images are (S, 28, 28) uint8."""
    glyphs = dice.chance(worlds.glyph_share)
    plain = not glyphs and dice.chance(worlds.plain_share)
    permuted = not plain and not glyphs and dice.chance(worlds.permuted_share)
    widest = min(MILD_TILT_DEGREES, worlds.tilt_degrees) if plain or glyphs else worlds.tilt_degrees
    matrix = matrices(
        torch.tensor([random_tilt(dice, worlds, widest)]),
        torch.tensor([math.exp(dice.normal(0.15))]),
        torch.tensor([dice.normal(0.2)]),
        torch.tensor([[dice.normal(1.2), dice.normal(1.2)]]),
        torch.tensor([-1.0 if not plain and dice.chance(worlds.flipped_share) else 1.0]),
    )[0]
    dark, light = dice.uniform(0, 0.15), dice.uniform(0.7, 1.0)
    if not plain and dice.chance(worlds.inverted_share):
        dark, light = light, dark
    permutation = torch.arange(CLASSES)
    if permuted:
        permutation = torch.randperm(CLASSES, generator=dice.generator)
    return View(
        matrix=matrix,
        field=smooth_field(dice, dice.uniform(0, 1.2)),
        brush=0 if glyphs else (0, 0, 0, 3, 3, 5)[int(dice.uniform(0, 5 if plain else 6))],
        blur=dice.uniform(0, 1) if dice.chance(0.5) else 0.0,
        dark=dark,
        light=light,
        gamma=math.exp(dice.normal(0.3)),
        noise=dice.uniform(0, 0.15) if dice.chance(0.5) else 0.0,
        permutation=permutation,
        bank=glyph_bank(dice, images, labels) if glyphs else None,
    )


def glyph_bank(dice: Dice, images: Tensor, labels: Tensor) -> Tensor:
    """Invented classes, (10, 24, 28, 28): each is two or three digits, warped, thickened, laid over each other and
    shaded in a way of its own; its 24 samples take other copies of the digits and are warped a little."""
    glyphs = [_glyph(dice, images, labels) for _ in range(CLASSES)]
    return torch.stack(glyphs)


def _glyph(dice: Dice, images: Tensor, labels: Tensor) -> Tensor:
    count = GLYPHS_PER_CLASS
    canvas = torch.zeros(count, SIDE, SIDE)
    for part in range(2 + int(dice.chance(0.5))):
        rows = torch.nonzero(labels == int(dice.uniform(0, CLASSES)))[:, 0]
        chosen = rows[torch.randint(0, len(rows), (count,), generator=dice.generator)]
        base = matrices(
            torch.tensor([dice.uniform(-180, 180)]),
            torch.tensor([dice.uniform(0.7, 1.7)]),
            torch.tensor([dice.normal(0.4)]),
            torch.tensor([[dice.normal(4), dice.normal(4)]]),
            torch.ones(1),
        ).expand(count, 2, 3)
        maps = composed(random_matrices(count, dice, 10, 0.12, 1.2), base)
        thick = dilated(images[chosen].float() / 255, (1, 3, 5, 7)[int(dice.uniform(0, 4))])
        drawn = seen_cells(thick, maps, None, SIDE)
        level = dice.uniform(0.4, 1.0)
        erase = part > 0 and dice.chance(0.3)
        canvas = canvas * (1 - drawn) if erase else torch.maximum(canvas, level * drawn)
    ramp = torch.linspace(-1, 1, SIDE)
    shade = 1 + dice.normal(0.3) * ramp[:, None] + dice.normal(0.3) * ramp[None, :]
    gains = 1 + 0.2 * torch.randn(count, 1, 1, generator=dice.generator)
    return (canvas * shade * gains).clamp(0, 1)


def jitter(count: int, dice: Dice) -> Tensor:
    """Small maps (count, 2, 3) of single samples, against learning the training images by heart."""
    return random_matrices(count, dice, JITTER_DEGREES, JITTER_SCALE, JITTER_SHIFT_PIXELS)


def developed(cells: Tensor, views: list[View], which: Tensor, dice: Dice) -> Tensor:
    """Contrast, gamma, blur and noise of each sample's world; `cells` (n, 14, 14), `which` (n,) index into views."""

    def column(values: list[float]) -> Tensor:
        return torch.tensor(values)[which].reshape(-1, 1, 1)

    blur = column([view.blur for view in views])
    cells = torch.lerp(cells, blurred(cells), blur).clamp(0, 1)
    cells = cells ** column([view.gamma for view in views])
    dark, light = column([view.dark for view in views]), column([view.light for view in views])
    noise = column([view.noise for view in views])
    cells = dark + (light - dark) * cells + noise * torch.randn(cells.shape, generator=dice.generator)
    return cells.clamp(0, 1)
