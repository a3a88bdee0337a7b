"""The learning loop over the wire: never worse, two loops alike, nothing written but codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nt_hil.chip import Chip
from nt_hil.client import ChipClient
from nt_hil.links.in_process import InProcessLink
from nt_hil.open import make_device, open_chip
from nt_hil.port import SimPort
from nt_hil.session import Session
from nt_hil.sim.simchip import SimOptions
from nt_host.adapt.loop import adapt
from nt_host.adapt.settings import AdaptSettings
from nt_host.adapt.stop import Best, judged
from nt_host.evaluate import encoded, evaluate
from nt_host.pretrain.switched import SwitchSpec, switched_image
from nt_host.readout import Accuracy
from nt_host.rules import entries
from nt_host.tasks import Split, load_task, split_target
from nt_model.errors import UsageError
from nt_model.image import Image
from nt_model.image_file import LoadedImage, read_image, write_image

SHORT = AdaptSettings(steps=20, judge_every=5)


@pytest.fixture
def digits(digits_image: Path) -> LoadedImage:
    return read_image(digits_image)


@pytest.fixture
def split() -> Split:
    return split_target(load_task("digits", None).target("camera"), 8, 0)


def adapted_codes(chip: Chip, image: Image, split: Split, settings: AdaptSettings) -> np.ndarray:
    result = adapt(chip, image, encoded(image, split.labelled), split.labelled.labels, settings)
    codes = chip.read_codes()[0]
    np.testing.assert_array_equal(codes, result.codes)
    return codes


def test_adaptation_brings_accuracy_back(digits: LoadedImage) -> None:
    split = split_target(load_task("digits", None).target("camera"), 20, 0)
    chip = open_chip("sim:typical,seed=7", digits)
    before = evaluate(chip, digits.image, split.test)
    adapted_codes(chip, digits.image, split, AdaptSettings())
    after = evaluate(chip, digits.image, split.test)
    assert after.argmax > before.argmax + 0.1
    assert after.strict > before.strict + 0.1


@pytest.mark.parametrize("corner", ["quiet", "typical"])
def test_host_loop_and_device_loop_write_the_same_codes(corner: str, digits: LoadedImage, split: Split) -> None:
    found = [
        adapted_codes(open_chip(f"sim:{corner},seed=3", digits), digits.image, split, replace(SHORT, loop=loop))
        for loop in ("host", "device")
    ]
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("rule", [entry.name for entry in entries() if entry.name != "discriminant"])
@pytest.mark.parametrize("held_out", [0.0, 0.3])
def test_every_rule_runs_and_is_never_worse_on_the_held_out_labels(
    rule: str, held_out: float, digits: LoadedImage, split: Split
) -> None:
    chip = open_chip("sim:quiet,seed=1", digits)
    settings = replace(SHORT, rule=rule, held_out=held_out)
    result = adapt(chip, digits.image, encoded(digits.image, split.labelled), split.labelled.labels, settings)
    assert result.steps > 0
    if held_out:
        assert result.best is not None
        assert result.best.accuracy.argmax >= result.best.start.argmax
        assert result.best.accuracy.strict >= result.best.start.strict


def test_a_discriminant_in_switches_knows_what_the_untouched_chip_does_not(digits: LoadedImage, tmp_path: Path) -> None:
    split = split_target(load_task("digits", None).target("camera"), 20, 0)
    path = tmp_path / "switched.ntrom"
    write_image(path, switched_image(digits.image, SwitchSpec(2 * digits.image.layers[0].n_neurons)))
    switched = read_image(path)
    chip = open_chip("sim:typical,seed=7", switched)
    before = evaluate(chip, switched.image, split.test)
    settings = AdaptSettings(rule="discriminant", steps=4, batch_size=100, held_out=0.0)
    adapted_codes(chip, switched.image, split, settings)
    after = evaluate(chip, switched.image, split.test)
    assert before.argmax < 0.3
    assert after.argmax > 0.7


def test_few_slots_give_the_same_codes_as_many(digits: LoadedImage, split: Split) -> None:
    def chip_with(slots: int) -> Chip:
        device = make_device(digits, SimPort("quiet", 2), options=SimOptions(input_slots=slots))
        return ChipClient(Session(InProcessLink(device, "sim")))

    for loop in ("host", "device"):
        settings = replace(SHORT, loop=loop)
        found = [adapted_codes(chip_with(slots), digits.image, split, settings) for slots in (16, 4096)]
        np.testing.assert_array_equal(found[0], found[1])


def test_patience_ends_a_run_early(digits: LoadedImage, split: Split) -> None:
    chip = open_chip("sim:quiet,seed=1", digits)
    x, labels = encoded(digits.image, split.labelled), split.labelled.labels
    result = adapt(chip, digits.image, x, labels, AdaptSettings(steps=2000, judge_every=5, patience=2, refit=False))
    assert result.best is not None
    assert result.best.waited == 2
    assert result.steps < 2000


def accuracy_of(argmax: float, strict: float, margin: float = 0.0) -> Accuracy:
    return Accuracy(argmax, strict, margin, 10)


def test_codes_that_trade_one_accuracy_for_the_other_are_not_chosen() -> None:
    start, better = np.zeros(3, np.uint8), np.ones(3, np.uint8)
    best = Best.at_start(accuracy_of(0.5, 0.5), start)
    best = judged(best, accuracy_of(0.9, 0.4), better, 1)
    assert best.step == 0
    assert best.waited == 1
    best = judged(best, accuracy_of(0.6, 0.5), better, 1)
    assert best.step == 0, "one sample more is chance"
    best = judged(best, accuracy_of(0.6, 0.6), better, 2)
    assert (best.step, best.waited) == (2, 0)
    best = judged(best, accuracy_of(0.6, 0.6, margin=-1), start, 3)
    assert best.step == 2


@pytest.mark.parametrize(
    "changed", [{"rule": "magic"}, {"rule_options": {"nonsense": 1}}, {"rule": "nt1", "loop": "device"}]
)
def test_settings_that_make_no_sense_are_refused_and_the_chip_is_untouched(
    changed: dict[str, object], digits: LoadedImage, split: Split
) -> None:
    chip = open_chip("sim:quiet,seed=1", digits)
    revision = chip.read_codes()[1]
    with pytest.raises(UsageError):
        adapt(
            chip,
            digits.image,
            encoded(digits.image, split.labelled),
            split.labelled.labels,
            AdaptSettings(steps=1, **changed),
        )  # type: ignore[arg-type]
    assert chip.read_codes()[1] == revision
