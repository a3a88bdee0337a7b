"""What the study `eqprop` tells of its methods, in words."""

from __future__ import annotations

from collections.abc import Sequence

from nt_host.systems.eqprop.chips import ChipPlan
from nt_host.systems.eqprop.judge import GRADED_STEPS
from nt_host.systems.eqprop.train import TrainSettings

PUBLISHED_TOLD = (
    "**Beside the published figure**: EqSpike (Martin et al., iScience 2021, arXiv:2010.07859) reports 97.6 % on the "
    "MNIST test. Only its abstract was at hand, so sizes, neurons and updates cannot be held against each other here."
)
STRICT_TOLD = (
    "Strict accuracy asks that no neuron but the right one spikes even once in all steps. Rate-coded outputs are not "
    f"trained for that. Graded activities relax for {GRADED_STEPS} steps of half the way each."
)


def _training(how: TrainSettings, seeds: Sequence[int]) -> str:
    phases = how.relaxation
    return (
        f"**Training, off-chip.** A layered Hopfield network 784-{'-'.join(map(str, how.hidden))}-10 with symmetric "
        "weights learns by equilibrium propagation (Scellier and Bengio 2017, arXiv:1602.05179): "
        f"{phases.free_steps} steps of a free phase, then {phases.nudged_steps} steps with the output pulled towards "
        f"the target and, from the same start, {phases.nudged_steps} steps with it pushed away (β = ±{how.beta:g}; "
        "symmetric nudging, Laborieux et al. 2021, arXiv:2006.03824). *What spikes*: in all phases hidden and output "
        "neurons send each other 0 or 1, made by error diffusion of a leaky trace of their input. *What does not*: the "
        "input, a constant current while training (judged with input spikes too); and the update, which multiplies the "
        "traces of the two neurons that a weight joins and contrasts the two nudged phases. Traces are local to their "
        "neurons. Phases run with weights rounded to -7..7 steps; the floats behind them are moved. "
        f"{how.epochs} epochs of the 60,000 training images, batches of {how.batch_size}, seeds "
        f"{', '.join(map(str, seeds))}. Settings were chosen on the last 10,000 of them, with networks trained on the "
        "others; the test was judged once with what was chosen."
    )


def _array(plan: ChipPlan) -> str:
    form = plan.form
    return (
        f"**On the array.** The first seed's integers are the ROM: pixels as up to {form.pixel_events} events per step "
        f"held for {form.n_steps} steps, neurons without leak that spike once in {form.slowness[0]:g} steps for an "
        "activity of 1. The array runs feed-forward, so its first layer has input lines for the output's activity "
        "beside the pixels, and their columns hold the same integers as the output layer's rows. *In the array*: all "
        "neurons and all synapses, those of the feedback too. *Outside*: the host takes the ten output counts of one "
        "presentation and gives them, scaled, as event counts on these lines in the next, "
        f"{plan.presentations} presentations in all. The first presentation is the feed-forward path alone."
    )


def _rule(plan: ChipPlan) -> str:
    settings = "; ".join(
        f"{10 * per_class} labels: {how.steps} updates of {how.batch_size} samples, first rate {how.rate_code:g} "
        f"codes, β = ±{how.beta:g}"
        for per_class, how in zip(plan.labels_per_class, plan.local, strict=True)
    )
    return (
        "**The gain-only form.** A gain g on a neuron's drive changes one term of the energy to s²/(2g), so "
        "equilibrium propagation moves ln g by the contrast of the neuron's *own* squared activity between the pulled "
        "and the pushed phase, and by nothing else. In a nudged presentation the feedback lines carry s + β(y - s) or "
        "s - β(y - s) of each output neuron, s its activity in the free phase, and the hidden neurons feel it through "
        "the feedback synapses of the ROM. Each code moves by its own contrast over its own running mean size: no "
        "error of a hidden neuron is computed, and no weight is read. An output neuron cannot be driven from outside, "
        "so its nudged activity is that number itself and not a measured one. The rule belongs to this study and not "
        "to the rules of `nt-host adapt`: those are shown presentations at shifted codes, never with other inputs. "
        f"{settings}."
    )


def _comparison(plan: ChipPlan) -> str:
    updates = " and ".join(str(each.steps) for each in plan.default)
    return (
        "The labelled samples are tilted images of the last 10,000, drawn anew for every chip; their upright forms "
        f"took part in the training. Rule `dmn` has the same samples, {updates} updates of "
        f"{plan.default[0].batch_size}, its default settings otherwise and feedback lines at rest. It carries errors "
        "down by the host's copy of the weights, and was made for outputs of which one class only may spike; that is "
        "not how this network codes, so its row does not tell what it does elsewhere. For both, the best of the "
        "settings tried on one chip and on held-out images was taken (local rule: 16 tried, `dmn`: 8). Neither has an "
        "early stop."
    )


def eqprop_told(how: TrainSettings, plan: ChipPlan, seeds: Sequence[int]) -> tuple[str, ...]:
    """Paragraphs of the study's section."""
    return (PUBLISHED_TOLD, _training(how, seeds), _array(plan), _rule(plan), _comparison(plan), STRICT_TOLD)
