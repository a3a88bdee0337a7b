"""What an experiment runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from nt_host.adapt.settings import AdaptSettings
from nt_host.pretrain.spec import GradedSpec, TrainSpec
from nt_host.pretrain.switched import SwitchSpec
from nt_host.tasks.split import APART, TEST_TOO
from nt_host.teacher.linear_teacher import DRIFT, POOLED, USUAL_VOTERS
from nt_host.train_image import GRADED, GRADED_BLIND, recipe
from nt_model.errors import UsageError

DEFAULT_SEEDS = (0, 1, 2)
FIVE_SEEDS = (0, 1, 2, 3, 4)
FIFTEEN_SEEDS = tuple(range(15))
"""Where five draws of a few labels differ by more than what is to be shown."""


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

    @property
    def result_name(self) -> str:
        """Name of the result file: the plan's, with the rule where it is not the experiment's own."""
        rule = self.settings.rule
        return f"{self.name}.json" if rule == own_rule(self.name) else f"{self.name}-{rule}.json"

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


GRADED_SETTINGS = AdaptSettings(rule="scores", held_out=0.0, batch_size=96, steps=150)
"""For a ROM whose neurons count over several steps."""


BLIND_SETTINGS = replace(GRADED_SETTINGS, rule_options={"lead": 0.25})
"""For `GRADED_BLIND`, chosen with it."""


def _drift_plan(name: str, task: str, labels_per_class: int | None = None, **more: Any) -> Plan:
    settings = {"train": recipe(task), "settings": FAST, "seeds": FIVE_SEEDS, "labels_per_class": labels_per_class}
    return Plan(name, task, **{**settings, **more})


def _drift_teachers() -> list[Plan]:
    """The e-nose under teachers that model drift, and under those that remember. `-drift` has the voters that batches 2
    and 3 chose, with 3 and 1 labels, among its own and those of `-semi`, `-drift-lr` and `-drift-alone`."""
    graded: dict[str, Any] = {"train": GRADED, "settings": GRADED_SETTINGS}
    plans = []
    for digit, labels in (("", None), ("3", 3), ("1", 1)):
        teacher: dict[str, Any] = {"labels_per_class": labels, "voters": (*USUAL_VOTERS, DRIFT), "unlabelled": APART}
        plans += [
            _drift_plan(f"enose{digit}-drift", "enose", **teacher),
            _drift_plan(f"enose{digit}-drift-lr", "enose", **{**teacher, "voters": ("lr", DRIFT)}),
            _drift_plan(f"enose{digit}-drift-alone", "enose", **{**teacher, "voters": (DRIFT,)}),
            _drift_plan(f"enose{digit}-known", "enose", **{**teacher, "voters": USUAL_VOTERS}, remembers=True),
            _drift_plan(f"enose{digit}-known-drift", "enose", **teacher, remembers=True),
        ]
        if labels is not None:
            plans.append(_drift_plan(f"enose{digit}-drift-graded", "enose", **teacher, **graded))
    return plans


def _blind_counts() -> list[Plan]:
    """The e-nose on neurons that count, whose numbers were chosen on batches 1 to 3."""
    shared: dict[str, Any] = {"train": GRADED_BLIND, "settings": BLIND_SETTINGS, "seeds": FIFTEEN_SEEDS}
    teacher: dict[str, Any] = {"voters": (POOLED,), "unlabelled": APART}
    return [
        _drift_plan("enose-graded-blind", "enose", **shared),
        _drift_plan("enose3-graded-blind", "enose", 3, **shared),
        _drift_plan("enose1-graded-blind", "enose", 1, **shared),
        _drift_plan("enose-seq-graded-blind", "enose", **shared, chained=True),
        *(
            _drift_plan(f"enose{digit}-pooled-graded-blind", "enose", labels, **shared, **teacher)
            for digit, labels in (("", None), ("3", 3), ("1", 1))
        ),
    ]


def _pooled_teachers() -> list[Plan]:
    """The e-nose under the teacher that pools source and labels, on either ROM: half of the other samples are seen
    without labels, or all of them."""
    roms: dict[str, dict[str, Any]] = {"": {}, "-graded": {"train": GRADED, "settings": GRADED_SETTINGS}}
    plans = [
        _drift_plan(f"enose{digit}-pooled{kind}{rom}", "enose", labels, voters=(POOLED,), unlabelled=seen, **image)
        for digit, labels in (("", None), ("3", 3), ("1", 1))
        for kind, seen in (("", APART), ("-seen", TEST_TOO))
        for rom, image in roms.items()
    ]
    five = ("enose-pooled-graded", "enose-pooled-seen-graded")
    return [plan if plan.name in five else replace(plan, seeds=FIFTEEN_SEEDS) for plan in plans]


MADE_UP = 400


def _pooled_alone() -> list[Plan]:
    """The e-nose under the pooled teacher without unlabelled samples, on neurons that count: the teacher answers
    for samples made up of the labelled ones, and as many are drawn from its own Gaussians. Chosen on batches 1 to 3
    (docs/learning.md)."""
    lesson: dict[str, Any] = {"voters": (POOLED,), "made_up": 600, "moves": 2, "imagined": 600}
    first: dict[str, Any] = {**lesson, "train": GRADED, "settings": GRADED_SETTINGS}
    blind: dict[str, Any] = {**lesson, "train": GRADED_BLIND, "settings": BLIND_SETTINGS, "seeds": FIFTEEN_SEEDS}
    return [
        _drift_plan("enose-pooled-made-graded", "enose", seeds=FIVE_SEEDS, **first),
        _drift_plan("enose3-pooled-made-graded", "enose", 3, seeds=FIFTEEN_SEEDS, **first),
        _drift_plan("enose1-pooled-made-graded", "enose", 1, seeds=FIFTEEN_SEEDS, **first),
        _drift_plan("enose3-pooled-made-graded-blind", "enose", 3, **blind),
        _drift_plan("enose1-pooled-made-graded-blind", "enose", 1, **blind),
    ]


FEW = AdaptSettings(steps=300, batch_size=50)
MANY = AdaptSettings(steps=400, batch_size=100, held_out=0.1, judge_every=100, rule_options={"rate_code": 20.0})
"""Settings for ten and for 500 labels per class of image tasks, chosen on task `mnist-tuning` (docs/learning.md)."""


def _from_mnist(name: str, task: str, settings: AdaptSettings, labels_per_class: int) -> Plan:
    """A plan on the one ROM that is trained for all tasks that start from MNIST."""
    rom = "mnist-tasks"
    digital = {"steps": 300, "batch_size": 100}
    return Plan(
        name,
        task,
        train=recipe(rom),
        settings=settings,
        seeds=FIVE_SEEDS,
        labels_per_class=labels_per_class,
        rom=rom,
        networks=1,
        digital_options=digital,
    )


BALLOT = AdaptSettings(rule="ballot", steps=400, batch_size=100, held_out=0.0, judge_every=100)
"""For switch neurons and 500 labels per class: the rule that reads a class's votes as a whole, and no trial."""

BALLOT_FEW = AdaptSettings(rule="ballot", steps=200, batch_size=35, held_out=0.0, rule_options={"slope": 2.0})
"""For ten labels per class: a flat vote keeps asking for margin where few are fitted. Chosen on PACS cartoons."""


ARMBAND_SWITCHES = SwitchSpec(random=512)
"""As many random neurons as the armband's ROM has trained ones; chosen on pretraining subjects (docs/learning.md)."""

DISCRIMINANT = AdaptSettings(rule="discriminant", steps=24, batch_size=140, held_out=0.0)
WIDE_ARMBAND_SWITCHES = SwitchSpec(per_class=3072, random=1024)
"""Of every class a voting and a vetoing switch on each of 512 trained and 1,024 random neurons: weights -1, 0 and 1.
Chosen on pretraining subjects, as are the settings (docs/learning.md)."""


NOSE_SWITCHES = SwitchSpec(per_class=2048, levels=8)
"""Eight thresholds on each of 128 principal axes, and of every class a voting and a vetoing switch on each neuron."""
NOSE_DISCRIMINANT = AdaptSettings(
    rule="discriminant", steps=24, batch_size=128, held_out=0.0, rule_options={"shrink": 0.2}
)
"""Chosen on transfers among batches 1 to 3 (docs/learning.md)."""


def _nose_switches() -> list[Plan]:
    """The e-nose with labels alone: switches on thermometers, which nothing is drawn for, so that one ROM serves all
    seeds; the lesson is the widened pool."""
    more: dict[str, Any] = {"switches": NOSE_SWITCHES, "settings": NOSE_DISCRIMINANT, "widened": 2048, "networks": 1}
    return [
        _drift_plan(f"enose{digit}-switches", "enose", labels, seeds=seeds, **more)
        for digit, labels, seeds in (("", None, FIVE_SEEDS), ("3", 3, FIFTEEN_SEEDS), ("1", 1, FIFTEEN_SEEDS))
    ]


def _switched(name: str, task: str, labels_per_class: int, settings: AdaptSettings = BALLOT) -> Plan:
    """A plan on the first layer of the ROM for tasks from MNIST, with switches above it."""
    return replace(_from_mnist(name, task, settings, labels_per_class), switches=SwitchSpec())


PLANS: Mapping[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan("digits", "digits", train=recipe("digits")),
        _drift_plan("enose", "enose"),
        _drift_plan("enose3", "enose", 3),
        _drift_plan("enose1", "enose", 1),
        _drift_plan("enose-worlds", "enose", train=recipe("enose-worlds")),
        _drift_plan("enose-graded", "enose", train=GRADED, settings=GRADED_SETTINGS),
        _drift_plan("enose3-graded", "enose", 3, train=GRADED, settings=GRADED_SETTINGS),
        _drift_plan("enose1-graded", "enose", 1, train=GRADED, settings=GRADED_SETTINGS),
        _drift_plan("enose-seq-graded", "enose", train=GRADED, settings=GRADED_SETTINGS, chained=True),
        _drift_plan("enose-home", "enose", homeostasis=8),
        _drift_plan("enose-seq", "enose", chained=True),
        _drift_plan("enose-semi", "enose", voters=USUAL_VOTERS, unlabelled=APART),
        _drift_plan("enose3-semi", "enose", 3, voters=USUAL_VOTERS, unlabelled=APART),
        _drift_plan("enose1-semi", "enose", 1, voters=USUAL_VOTERS, unlabelled=APART),
        _drift_plan("enose-seen", "enose", voters=USUAL_VOTERS, unlabelled=TEST_TOO),
        _drift_plan("enose3-seen", "enose", 3, voters=USUAL_VOTERS, unlabelled=TEST_TOO),
        _drift_plan("enose1-seen", "enose", 1, voters=USUAL_VOTERS, unlabelled=TEST_TOO),
        _drift_plan("enose-made", "enose", voters=USUAL_VOTERS, made_up=MADE_UP, seeds=FIFTEEN_SEEDS),
        _drift_plan("enose-seq-semi", "enose", chained=True, voters=USUAL_VOTERS, unlabelled=APART),
        _drift_plan("enose-seq-made", "enose", chained=True, voters=USUAL_VOTERS, made_up=MADE_UP, seeds=FIFTEEN_SEEDS),
        _drift_plan("enose-seq-pooled", "enose", chained=True, voters=(POOLED,), unlabelled=APART, seeds=FIFTEEN_SEEDS),
        _drift_plan(
            "enose-seq-pooled-seen", "enose", chained=True, voters=(POOLED,), unlabelled=TEST_TOO, seeds=FIFTEEN_SEEDS
        ),
        _drift_plan("enose3-made", "enose", 3, voters=USUAL_VOTERS, made_up=MADE_UP),
        _drift_plan("enose1-made", "enose", 1, voters=USUAL_VOTERS, made_up=MADE_UP),
        *_drift_teachers(),
        *_pooled_teachers(),
        *_blind_counts(),
        *_pooled_alone(),
        *_nose_switches(),
        _drift_plan("emg", "emg"),
        _drift_plan("emg4", "emg", 4),
        _drift_plan("emg-semi", "emg", voters=("lda",), unlabelled=APART),
        _drift_plan("emg-made", "emg", voters=("lda",), made_up=MADE_UP),
        _drift_plan("emg4-made", "emg", 4, voters=("lda",), made_up=MADE_UP),
        _drift_plan("emg4-semi", "emg", 4, voters=("lda",), unlabelled=APART),
        _drift_plan("emg4-seen", "emg", 4, voters=("lda",), unlabelled=TEST_TOO),
        _drift_plan("emg4-switches", "emg", 4, settings=BALLOT_FEW, switches=ARMBAND_SWITCHES),
        _drift_plan("emg4-discriminant", "emg", 4, settings=DISCRIMINANT, switches=WIDE_ARMBAND_SWITCHES),
        _drift_plan(
            "emg4-switches-semi",
            "emg",
            4,
            settings=BALLOT_FEW,
            switches=ARMBAND_SWITCHES,
            voters=("lda",),
            unlabelled=APART,
        ),
        Plan("mnist", "mnist", train=recipe("mnist"), settings=FEW, seeds=FIVE_SEEDS, networks=1),
        _from_mnist("mnist-rot30", "mnist-rot30", FEW, 10),
        _from_mnist("mnist-tasks", "mnist-tasks", MANY, 500),
        _switched("mnist-switches", "mnist-tasks", 500),
        _from_mnist("usps", "usps", FEW, 10),
        _from_mnist("usps-5000", "usps", MANY, 500),
        Plan("fsdd", "fsdd", train=recipe("fsdd"), settings=AdaptSettings(batch_size=30), seeds=FIVE_SEEDS, networks=2),
        Plan("pacs", "pacs", train=recipe("pacs"), settings=AdaptSettings(batch_size=35), seeds=FIVE_SEEDS, networks=1),
        Plan(
            "pacs-switches",
            "pacs",
            train=recipe("pacs"),
            settings=BALLOT_FEW,
            seeds=FIVE_SEEDS,
            networks=1,
            switches=SwitchSpec(),
        ),
    )
}


def own_rule(name: str) -> str:
    """Rule that the experiment called `name` runs unless told otherwise; the default one for an unknown name."""
    return PLANS[name].settings.rule if name in PLANS else AdaptSettings.rule


def plan_named(name: str) -> Plan:
    """The experiment called `name`; UsageError lists the known ones otherwise."""
    if name not in PLANS:
        raise UsageError(
            f"no experiment is called '{name}'",
            evidence=f"experiments: {', '.join(PLANS)}",
            next_step="try `nt-host experiment digits`",
        )
    return PLANS[name]
