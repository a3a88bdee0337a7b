"""Shared domains: legal maps of the promised size, and nothing else changed; the study goes on where it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_host.adapt.settings import AdaptSettings
from nt_host.domains import study
from nt_host.domains.sharing import WHOLE_LAYER, Sharing, shared
from nt_host.images import packaged_image
from nt_model.errors import UsageError
from nt_model.image_file import image_bytes, parse_image, read_image
from tests.host.rules.toy import SEEDS, random_image

SIZES = st.tuples(st.integers(1, 6), st.integers(1, 40), st.integers(1, 40), st.integers(2, 20))


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, sizes=SIZES, neurons=st.integers(0, 12))
def test_neighbours_share_a_code_and_nothing_else_changes(seed: int, sizes: tuple[int, ...], neurons: int) -> None:
    image = random_image(seed, sizes, "own")
    found = parse_image(image_bytes(shared(image, Sharing(neurons)))).image
    for before, after in zip(image.layers, found.layers, strict=True):
        np.testing.assert_array_equal(after.weight, before.weight)
        np.testing.assert_array_equal(after.threshold_q8, before.threshold_q8)
        assert (after.domain[:, 0] == after.domain[:, 1]).all()
        size = np.bincount(after.domain[:, 0] - after.domain.min())
        assert size.max() <= (neurons or before.n_neurons)
    for layer in found.layers[:-1]:
        expected = 1 if neurons == WHOLE_LAYER else -(-layer.n_neurons // neurons)
        assert len(np.unique(layer.domain)) == expected
    classes = {}
    for domain, label in zip(found.layers[-1].domain[:, 0], found.readout_class, strict=True):
        assert classes.setdefault(int(domain), int(label)) == label, "a code of the output serves one class"


def test_split_domains_double_the_codes() -> None:
    image = random_image(0, (3, 5, 4), "own")
    assert shared(image, Sharing(1, split=True)).n_codes == 2 * shared(image, Sharing(1)).n_codes


@pytest.mark.parametrize("chosen", [(-1, False), (2, True), (WHOLE_LAYER, True)])
def test_a_sharing_that_cannot_be_is_refused(chosen: tuple[int, bool]) -> None:
    with pytest.raises(UsageError, match="sharing"):
        Sharing(*chosen)


def test_smaller_steps_scale_what_moves_codes_and_nothing_else() -> None:
    usual = AdaptSettings(rule_options={"rate_code": 24.0})
    smaller = study.Case(Sharing(1, split=True), 0.25).settings(usual)
    assert smaller.rule_options["rate_code"] == 6.0
    assert smaller.rule_options["hidden_dither_code"] == 12
    assert replace(smaller, rule_options=usual.rule_options) == usual
    assert study.Case(Sharing(1)).settings(usual) == usual


def test_the_study_compares_sharings_and_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = read_image(packaged_image("digits"))
    monkeypatch.setattr(study, "TASKS", ("digits",))
    monkeypatch.setattr(study, "CASES", (study.Case(Sharing(1)), study.Case(Sharing(WHOLE_LAYER))))
    monkeypatch.setattr(study, "plan_image", lambda *args: loaded)
    result = study.run_domains_study(tmp_path, (0,))
    own, whole = result.values["points"]
    assert own["n_codes"] == loaded.image.n_codes
    assert whole["n_codes"] == len(loaded.image.layers) - 1 + loaded.image.n_classes
    assert own["argmax"] > whole["argmax"]
    assert (tmp_path / study.PICTURE).is_file()

    def refuse(*args: object) -> None:
        raise AssertionError("a kept cell was run again")

    monkeypatch.setattr(study, "run_cell", refuse)
    assert study.run_domains_study(tmp_path, (0,)) == result
