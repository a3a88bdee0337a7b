"""What an experiment runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from nt_host.adapt.settings import AdaptSettings
from nt_host.pretrain.spec import GradedSpec, TrainSpec
from nt_host.pretrain.switched import SwitchSpec
from nt_host.train_image import recipe
from nt_model.errors import UsageError

DEFAULT_SEEDS = (0, 1, 2)
FIVE_SEEDS = (0, 1, 2, 3, 4)
MADE_UP = 400
"""Samples that a teacher makes up of the labelled ones."""

UNKEYED = ("digital_options", "networks", "switches")
"""What a cell's key leaves out: it acts through the image, whose digest is in the key, or not on this cell."""


@dataclass(frozen=True)
class Plan:
    """One experiment: for every seed one network and one simulated chip, adapted to every target domain.

    Attributes:
        name: as `nt-host experiment` takes it.
        task: named task.
        train: pretraining; its seed is replaced by the cell's.
        settings: adaptation; its seed is replaced by the cell's.
        seeds: of network, chip, draw of labels and batch order.
        corner: process corner of the chips.
        engine: engine of the chips.
        labels_per_class: labelled samples per class; None takes the task's own.
        homeostasis: rounds of homeostasis with unlabelled samples before the labelled steps; 0 does without.
        chained: every domain begins with the codes that the one before it ended with, its labels gone; afterwards
            every domain is tested again with its own codes loaded. A digital copy goes on from its weights and is not
            tested again.
        rom: named task whose network is used, where several tasks share one; empty for the task's own.
        networks: number of different networks: cell seed s uses network s modulo this; 0 trains one for every seed.
        voters: models whose vote a teacher begins with (`nt_host.teacher`); empty without a teacher.
        unlabelled: which samples the teacher sees without labels (`nt_host.tasks.split.UNLABELLED`); empty for none.
        made_up: samples that the teacher makes up and labels.
        moves: differences of the source that each of them is moved by.
        imagined: samples that are drawn from the Gaussians of a pooled teacher.
        widened: samples of every class that are drawn from the widened pool of source and labels
            (`nt_host.teacher.widened_pool`) and learned from in place of the labelled ones; 0 for none.
        remembers: the teacher knows the labels that were given in earlier domains, too.
        digital_options: settings of rule `tft` where it is asked for in place of the plan's own rule.
        switches: switch neurons in place of all layers above the network's first; None keeps it as trained. Rule `tft`
            tunes the network without them.
    """

    name: str
    task: str
    train: TrainSpec | GradedSpec = field(default_factory=TrainSpec)
    settings: AdaptSettings = field(default_factory=AdaptSettings)
    seeds: tuple[int, ...] = DEFAULT_SEEDS
    corner: str = "typical"
    engine: str = "c"
    labels_per_class: int | None = None
    homeostasis: int = 0
    chained: bool = False
    rom: str = ""
    networks: int = 0
    voters: tuple[str, ...] = ()
    unlabelled: str = ""
    made_up: int = 0
    moves: int = 1
    imagined: int = 0
    widened: int = 0
    remembers: bool = False
    digital_options: Mapping[str, float] = field(default_factory=dict)
    switches: SwitchSpec | None = None

    def __post_init__(self) -> None:
        teaching = self.unlabelled or self.made_up or self.imagined or self.remembers
        if (self.widened and self.voters) or (teaching and not self.voters):
            raise UsageError(
                f"plan '{self.name}' does not say who answers for what is learned from",
                evidence=f"voters: {', '.join(self.voters) or 'none'}; {self.widened} samples per class are widened",
                next_step="give voters to a plan with unlabelled, made-up or remembered samples, and none to one of "
                "the widened pool",
            )

    def table(self) -> dict[str, Any]:
        """Plain values for JSON."""
        table: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return table

    def cell_key(self, domain: str, seed: int, image_digest: str, start: str = "") -> str:
        """Digest of all that a cell's result depends on: a cell on disk counts only under the same key.

        `start` is what a chained domain begins with: hexadecimal codes, or the domains that a digital copy has learned.
        """
        kept = {name: value for name, value in self.table().items() if name not in UNKEYED}
        parts = {**kept, "seeds": None, "engine": None, "domain": domain, "seed": seed, "image": image_digest}
        parts["start_codes"] = start
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    @property
    def rom_task(self) -> str:
        """Named task that the network is trained for."""
        return self.rom or self.task

    def network_seed(self, seed: int) -> int:
        """Seed of the network that cell seed `seed` uses."""
        return seed % self.networks if self.networks else seed

    def image_key(self, seed: int) -> str:
        """Short digest of all that the pretrained image of network seed `seed` depends on."""
        parts = {"task": self.rom_task, "train": asdict(self.train), "seed": seed}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:8]


FAST = AdaptSettings(held_out=0.0, batch_size=32, rule_options={"rate_code": 25.0})
"""Few labels: all of them are learned from, none is held out. Rate and batch were chosen on pretraining subjects."""


def drift_plan(name: str, task: str, labels_per_class: int | None = None, **more: Any) -> Plan:
    """A plan whose few labels are all learned from, with five seeds and the task's own recipe unless `more` says
    otherwise."""
    settings = {"train": recipe(task), "settings": FAST, "seeds": FIVE_SEEDS, "labels_per_class": labels_per_class}
    return Plan(name, task, **{**settings, **more})
