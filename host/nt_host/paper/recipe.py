"""What is tuned and how, for one run of a table."""

from __future__ import annotations

from dataclasses import dataclass

from nt_model.errors import UsageError

METHODS = ("none", "tft", "nt1", "nt2", "additive")
NAMES = {
    "none": "no tuning",
    "tft": "full fine-tuning (TFT)",
    "nt1": "NT1 (derivative 1)",
    "nt2": "NT2 (derivative taken)",
    "additive": "additive",
}


@dataclass(frozen=True)
class Tuning:
    """One way of tuning.

    Attributes:
        method: one of `METHODS`. `none` leaves the network as it is; a head, where there is one, learns all the same.
        rate: learning rate: of Adam (feed-forward), or the first RMS move of a gain (spiking).
        batch_size: samples per step.
        epochs: passes over the samples.
        is_fewer: the inputs of the first layer keep a gain of 1.
    """

    method: str
    rate: float
    batch_size: int = 32
    epochs: int = 6
    is_fewer: bool = False

    def __post_init__(self) -> None:
        if self.method not in METHODS or min(self.rate, self.batch_size, self.epochs) <= 0:
            raise UsageError(
                "this is no way of tuning",
                evidence=str(self),
                next_step=f"methods: {', '.join(METHODS)}; rate, batch size and epochs above 0",
            )

    @property
    def moves_neurons(self) -> bool:
        """Whether neurons have a gain or an offset that learns."""
        return self.method in ("nt1", "nt2", "additive")

    @property
    def key(self) -> str:
        """Text that tells this way from any other."""
        fewer = "/fewer" if self.is_fewer else ""
        return f"{self.method}{fewer}/rate={self.rate:g}/batch={self.batch_size}/epochs={self.epochs}"
