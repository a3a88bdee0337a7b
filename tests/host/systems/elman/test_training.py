"""Training through the three stages, on a made-up set: what is trained is what the array runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the extra nt-host[pretrain]: make torch")

from nt_host.cli.study import STUDIES  # noqa: E402
from nt_host.fleet.simulated import simulated_chip  # noqa: E402
from nt_host.pretrain.spec import PretrainError  # noqa: E402
from nt_host.systems.elman.outcomes import (  # noqa: E402
    CUT,
    FLOAT,
    FORMS,
    MATCHED_ARRAY,
    NOT_RECURRENT,
    Outcome,
    mean_of,
    run_networks,
)
from nt_host.systems.elman.spec import FAN_IN, TOP_LEVEL, ElmanSpec  # noqa: E402
from nt_host.systems.elman.spiking import spiking_scores  # noqa: E402
from nt_host.systems.elman.study import PUBLISHED, elman_checks, elman_table  # noqa: E402
from nt_host.systems.elman.trainable import ElmanTrainable, Stage, spikes_of  # noqa: E402
from nt_host.systems.elman.training import length_batches  # noqa: E402
from nt_host.systems.elman.words import Vocabulary  # noqa: E402
from nt_model.corner import corner_named  # noqa: E402
from nt_model.image_file import image_bytes, parse_image  # noqa: E402

from .made_up import made_up_questions  # noqa: E402

pytestmark = pytest.mark.torch
SMALL = ElmanSpec(
    word_inputs=16,
    hidden=16,
    word_fan_in=12,
    recurrent_fan_in=12,
    population=2,
    epochs=(16, 3, 3),
    batch_size=32,
    unknown_share=0.0,
    silent_share=0.0,
)


@pytest.mark.parametrize("last_state", [False, True])
def test_the_spiking_stage_counts_exactly_as_an_ideal_chip(last_state: bool) -> None:
    questions = made_up_questions(30, 3)
    vocabulary = Vocabulary.of(questions.words, 1, 20, backwards=last_state)
    rows = vocabulary.rows(questions.words)
    spec = ElmanSpec(last_state=last_state)
    net = ElmanTrainable(spec, len(vocabulary), 3, torch.Generator().manual_seed(4))
    with torch.no_grad():
        scores = net.scores(torch.from_numpy(rows.words), torch.from_numpy(rows.lengths), Stage.SPIKING)
    counts = np.rint(scores.numpy() * TOP_LEVEL * spec.population).astype(np.int64)
    network = net.network()
    assert network.fan_in <= FAN_IN
    image = network.image()
    chip, _ = simulated_chip(parse_image(image_bytes(image)), corner_named("ideal"), 0)
    np.testing.assert_array_equal(spiking_scores(chip, image, network, rows, last_state=last_state), counts)
    chip.close()
    assert counts.any()


def test_a_neuron_restarts_from_nothing_after_a_spike() -> None:
    raster = spikes_of(torch.tensor([[[3.0], [3.0], [3.0], [-9.0], [3.0], [3.0]]]), torch.tensor([5.0]))
    assert raster[0, :, 0].tolist() == [0, 1, 0, 0, 0, 0]


def test_gradients_reach_words_weights_and_thresholds_in_every_stage() -> None:
    questions = made_up_questions(16, 3)
    vocabulary = Vocabulary.of(questions.words, 1, 20)
    rows = vocabulary.rows(questions.words)
    net = ElmanTrainable(SMALL, len(vocabulary), 3, torch.Generator().manual_seed(4))
    for stage in Stage:
        net.zero_grad()
        net.scores(torch.from_numpy(rows.words), torch.from_numpy(rows.lengths), stage)[:, 0].sum().backward()
        assert all(bool((each.grad != 0).any()) for each in net.parameters())


def test_every_question_is_in_one_batch_of_an_epoch() -> None:
    lengths = torch.tensor([3, 9, 4, 4, 7, 1, 2, 8, 5, 5])
    batches = list(length_batches(lengths, 3, torch.Generator().manual_seed(1)))
    assert sorted(torch.cat(batches).tolist()) == list(range(10))
    assert max(map(len, batches)) == 3


def test_a_made_up_set_is_learned_and_the_last_state_needs_the_delay_line() -> None:
    train, test = made_up_questions(160, 0), made_up_questions(80, 1)
    outcomes = run_networks(SMALL, train, test, (0,), 1)
    assert {each.form for each in outcomes} == set(FORMS)
    for last_state in (False, True):
        for form in (FLOAT, MATCHED_ARRAY):
            assert mean_of(outcomes, form, last_state=last_state) > 0.85
    # Half the class is told by the word that is read first: without memory one pair of classes is a guess.
    assert mean_of(outcomes, CUT, last_state=True) < 0.7


def made_up_outcomes(accuracy: float) -> list[Outcome]:
    return [
        Outcome(last_state, 0, form, 0, accuracy - 0.1 * (form == CUT))
        for last_state in (False, True)
        for form in FORMS
        if not (last_state and form == NOT_RECURRENT)
    ]


def test_an_accuracy_below_the_published_one_misses_the_check() -> None:
    assert all(check.met for check in elman_checks(made_up_outcomes(PUBLISHED)))
    assert not all(check.met for check in elman_checks(made_up_outcomes(PUBLISHED - 0.01)))
    no_use = [Outcome(each.last_state, 0, each.form, 0, 0.8) for each in made_up_outcomes(0.8)]
    assert sum(not check.met for check in elman_checks(no_use)) == 2


def test_the_table_begins_with_the_published_figure() -> None:
    table = elman_table(made_up_outcomes(0.8))
    assert table.rows[0][1:] == ("74", "74")
    assert len(table.rows) == 1 + len(FORMS)
    assert next(row for row in table.rows if row[0] == NOT_RECURRENT)[1:] == ("80.0 ± 0.0", "-")


def test_a_network_without_recurrence_has_no_recurrent_synapse() -> None:
    net = ElmanTrainable(replace(SMALL, recurrent_fan_in=0), 5, 3, torch.Generator().manual_seed(4))
    assert (net.network().hidden.weight[:, SMALL.word_inputs :] == 0).all()


def test_the_command_is_there() -> None:
    assert "elman-trec" in STUDIES


@pytest.mark.parametrize("wrong", [{"word_fan_in": 40}, {"hidden": 65}, {"epochs": (1, -1, 0)}, {"silent_share": 1.0}])
def test_settings_beyond_the_constraints_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(PretrainError):
        ElmanSpec(**wrong)  # type: ignore[arg-type]
