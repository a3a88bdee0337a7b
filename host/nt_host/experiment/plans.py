"""All experiments by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from nt_host.adapt.settings import AdaptSettings
from nt_host.experiment.nose_plans import NOSE_PLANS
from nt_host.experiment.plan import FIVE_SEEDS, MADE_UP, Plan, drift_plan
from nt_host.pretrain.switched import SwitchSpec
from nt_host.tasks.split import APART, TEST_TOO
from nt_host.train_image import recipe
from nt_model.errors import UsageError

FEW = AdaptSettings(steps=300, batch_size=50)
MANY = AdaptSettings(steps=400, batch_size=100, held_out=0.1, judge_every=100, rule_options={"rate_code": 20.0})
"""Settings for ten and for 500 labels per class of image tasks, chosen on task `mnist-tuning`
(docs/learning_images.md)."""


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
"""As many random neurons as the armband's ROM has trained ones; chosen on pretraining subjects
(docs/learning_armband.md)."""

DISCRIMINANT = AdaptSettings(rule="discriminant", steps=24, batch_size=140, held_out=0.0)
WIDE_ARMBAND_SWITCHES = SwitchSpec(per_class=3072, random=1024)
"""Of every class a voting and a vetoing switch on each of 512 trained and 1,024 random neurons: weights -1, 0 and 1.
Chosen on pretraining subjects, as are the settings (docs/learning_armband.md)."""


def _switched(name: str, task: str, labels_per_class: int, settings: AdaptSettings = BALLOT) -> Plan:
    """A plan on the first layer of the ROM for tasks from MNIST, with switches above it."""
    return replace(_from_mnist(name, task, settings, labels_per_class), switches=SwitchSpec())


PLANS: Mapping[str, Plan] = {
    plan.name: plan
    for plan in (
        Plan("digits", "digits", train=recipe("digits")),
        *NOSE_PLANS,
        drift_plan("emg", "emg"),
        drift_plan("emg4", "emg", 4),
        drift_plan("emg-semi", "emg", voters=("lda",), unlabelled=APART),
        drift_plan("emg-made", "emg", voters=("lda",), made_up=MADE_UP),
        drift_plan("emg4-made", "emg", 4, voters=("lda",), made_up=MADE_UP),
        drift_plan("emg4-semi", "emg", 4, voters=("lda",), unlabelled=APART),
        drift_plan("emg4-seen", "emg", 4, voters=("lda",), unlabelled=TEST_TOO),
        drift_plan("emg4-switches", "emg", 4, settings=BALLOT_FEW, switches=ARMBAND_SWITCHES),
        drift_plan("emg4-discriminant", "emg", 4, settings=DISCRIMINANT, switches=WIDE_ARMBAND_SWITCHES),
        drift_plan(
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


def result_name(plan: Plan) -> str:
    """Name of the result file: the plan's, with the rule where it is not the experiment's own."""
    rule = plan.settings.rule
    return f"{plan.name}.json" if rule == own_rule(plan.name) else f"{plan.name}-{rule}.json"


def plan_named(name: str) -> Plan:
    """The experiment called `name`; UsageError lists the known ones otherwise."""
    if name not in PLANS:
        raise UsageError(
            f"no experiment is called '{name}'",
            evidence=f"experiments: {', '.join(PLANS)}",
            next_step="try `nt-host experiment digits`",
        )
    return PLANS[name]
