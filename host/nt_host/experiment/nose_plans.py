"""Plans of the electronic nose: rows of labels alone, of teachers, of neurons that count, and of switches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nt_host.adapt.settings import AdaptSettings
from nt_host.experiment.plan import FIVE_SEEDS, MADE_UP, Plan, drift_plan
from nt_host.pretrain.switched import SwitchSpec
from nt_host.tasks.split import APART, TEST_TOO
from nt_host.teacher.linear_teacher import DRIFT, POOLED, USUAL_VOTERS
from nt_host.train_image import GRADED, GRADED_BLIND, recipe

FIFTEEN_SEEDS = tuple(range(15))
"""Where five draws of a few labels differ by more than what is to be shown."""

GRADED_SETTINGS = AdaptSettings(rule="scores", held_out=0.0, batch_size=96, steps=150)
"""For a ROM whose neurons count over several steps."""

BLIND_SETTINGS = replace(GRADED_SETTINGS, rule_options={"lead": 0.25})
"""For `GRADED_BLIND`, chosen with it."""


def _drift_teachers() -> list[Plan]:
    """The e-nose under teachers that model drift, and under those that remember. `-drift` has the voters that batches 2
    and 3 chose, with 3 and 1 labels, among its own and those of `-semi`, `-drift-lr` and `-drift-alone`."""
    graded: dict[str, Any] = {"train": GRADED, "settings": GRADED_SETTINGS}
    plans = []
    for digit, labels in (("", None), ("3", 3), ("1", 1)):
        teacher: dict[str, Any] = {"labels_per_class": labels, "voters": (*USUAL_VOTERS, DRIFT), "unlabelled": APART}
        plans += [
            drift_plan(f"enose{digit}-drift", "enose", **teacher),
            drift_plan(f"enose{digit}-drift-lr", "enose", **{**teacher, "voters": ("lr", DRIFT)}),
            drift_plan(f"enose{digit}-drift-alone", "enose", **{**teacher, "voters": (DRIFT,)}),
            drift_plan(f"enose{digit}-known", "enose", **{**teacher, "voters": USUAL_VOTERS}, remembers=True),
            drift_plan(f"enose{digit}-known-drift", "enose", **teacher, remembers=True),
        ]
        if labels is not None:
            plans.append(drift_plan(f"enose{digit}-drift-graded", "enose", **teacher, **graded))
    return plans


def _blind_counts() -> list[Plan]:
    """The e-nose on neurons that count, whose numbers were chosen on batches 1 to 3."""
    shared: dict[str, Any] = {"train": GRADED_BLIND, "settings": BLIND_SETTINGS, "seeds": FIFTEEN_SEEDS}
    teacher: dict[str, Any] = {"voters": (POOLED,), "unlabelled": APART}
    return [
        drift_plan("enose-graded-blind", "enose", **shared),
        drift_plan("enose3-graded-blind", "enose", 3, **shared),
        drift_plan("enose1-graded-blind", "enose", 1, **shared),
        drift_plan("enose-seq-graded-blind", "enose", **shared, chained=True),
        *(
            drift_plan(f"enose{digit}-pooled-graded-blind", "enose", labels, **shared, **teacher)
            for digit, labels in (("", None), ("3", 3), ("1", 1))
        ),
    ]


def _pooled_teachers() -> list[Plan]:
    """The e-nose under the teacher that pools source and labels, on either ROM: half of the other samples are seen
    without labels, or all of them."""
    roms: dict[str, dict[str, Any]] = {"": {}, "-graded": {"train": GRADED, "settings": GRADED_SETTINGS}}
    plans = [
        drift_plan(f"enose{digit}-pooled{kind}{rom}", "enose", labels, voters=(POOLED,), unlabelled=seen, **image)
        for digit, labels in (("", None), ("3", 3), ("1", 1))
        for kind, seen in (("", APART), ("-seen", TEST_TOO))
        for rom, image in roms.items()
    ]
    five = ("enose-pooled-graded", "enose-pooled-seen-graded")
    return [plan if plan.name in five else replace(plan, seeds=FIFTEEN_SEEDS) for plan in plans]


def _pooled_alone() -> list[Plan]:
    """The e-nose under the pooled teacher without unlabelled samples, on neurons that count: the teacher answers
    for samples made up of the labelled ones, and as many are drawn from its own Gaussians. Chosen on batches 1 to 3
    (docs/learning_teacher.md)."""
    lesson: dict[str, Any] = {"voters": (POOLED,), "made_up": 600, "moves": 2, "imagined": 600}
    first: dict[str, Any] = {**lesson, "train": GRADED, "settings": GRADED_SETTINGS}
    blind: dict[str, Any] = {**lesson, "train": GRADED_BLIND, "settings": BLIND_SETTINGS, "seeds": FIFTEEN_SEEDS}
    return [
        drift_plan("enose-pooled-made-graded", "enose", seeds=FIVE_SEEDS, **first),
        drift_plan("enose3-pooled-made-graded", "enose", 3, seeds=FIFTEEN_SEEDS, **first),
        drift_plan("enose1-pooled-made-graded", "enose", 1, seeds=FIFTEEN_SEEDS, **first),
        drift_plan("enose3-pooled-made-graded-blind", "enose", 3, **blind),
        drift_plan("enose1-pooled-made-graded-blind", "enose", 1, **blind),
    ]


NOSE_SWITCHES = SwitchSpec(per_class=2048, levels=8)
"""Eight thresholds on each of 128 principal axes, and of every class a voting and a vetoing switch on each neuron."""
NOSE_DISCRIMINANT = AdaptSettings(
    rule="discriminant", steps=24, batch_size=128, held_out=0.0, rule_options={"shrink": 0.2}
)
"""Chosen on transfers among batches 1 to 3 (docs/learning_nose.md)."""


def _nose_switches() -> list[Plan]:
    """The e-nose with labels alone: switches on thermometers, which nothing is drawn for, so that one ROM serves all
    seeds; the lesson is the widened pool."""
    more: dict[str, Any] = {"switches": NOSE_SWITCHES, "settings": NOSE_DISCRIMINANT, "widened": 2048, "networks": 1}
    return [
        drift_plan(f"enose{digit}-switches", "enose", labels, seeds=seeds, **more)
        for digit, labels, seeds in (("", None, FIVE_SEEDS), ("3", 3, FIFTEEN_SEEDS), ("1", 1, FIFTEEN_SEEDS))
    ]


NOSE_PLANS: tuple[Plan, ...] = (
    drift_plan("enose", "enose"),
    drift_plan("enose3", "enose", 3),
    drift_plan("enose1", "enose", 1),
    drift_plan("enose-worlds", "enose", train=recipe("enose-worlds")),
    drift_plan("enose-graded", "enose", train=GRADED, settings=GRADED_SETTINGS),
    drift_plan("enose3-graded", "enose", 3, train=GRADED, settings=GRADED_SETTINGS),
    drift_plan("enose1-graded", "enose", 1, train=GRADED, settings=GRADED_SETTINGS),
    drift_plan("enose-seq-graded", "enose", train=GRADED, settings=GRADED_SETTINGS, chained=True),
    drift_plan("enose-home", "enose", homeostasis=8),
    drift_plan("enose-seq", "enose", chained=True),
    drift_plan("enose-semi", "enose", voters=USUAL_VOTERS, unlabelled=APART),
    drift_plan("enose3-semi", "enose", 3, voters=USUAL_VOTERS, unlabelled=APART),
    drift_plan("enose1-semi", "enose", 1, voters=USUAL_VOTERS, unlabelled=APART),
    drift_plan("enose-seen", "enose", voters=USUAL_VOTERS, unlabelled=TEST_TOO),
    drift_plan("enose3-seen", "enose", 3, voters=USUAL_VOTERS, unlabelled=TEST_TOO),
    drift_plan("enose1-seen", "enose", 1, voters=USUAL_VOTERS, unlabelled=TEST_TOO),
    drift_plan("enose-made", "enose", voters=USUAL_VOTERS, made_up=MADE_UP, seeds=FIFTEEN_SEEDS),
    drift_plan("enose-seq-semi", "enose", chained=True, voters=USUAL_VOTERS, unlabelled=APART),
    drift_plan("enose-seq-made", "enose", chained=True, voters=USUAL_VOTERS, made_up=MADE_UP, seeds=FIFTEEN_SEEDS),
    drift_plan("enose-seq-pooled", "enose", chained=True, voters=(POOLED,), unlabelled=APART, seeds=FIFTEEN_SEEDS),
    drift_plan(
        "enose-seq-pooled-seen", "enose", chained=True, voters=(POOLED,), unlabelled=TEST_TOO, seeds=FIFTEEN_SEEDS
    ),
    drift_plan("enose3-made", "enose", 3, voters=USUAL_VOTERS, made_up=MADE_UP),
    drift_plan("enose1-made", "enose", 1, voters=USUAL_VOTERS, made_up=MADE_UP),
    *_drift_teachers(),
    *_pooled_teachers(),
    *_blind_counts(),
    *_pooled_alone(),
    *_nose_switches(),
)
