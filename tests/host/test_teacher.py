"""The teacher: it learns from what nobody labelled, never from labels that it must not see."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nt_host.adapt.settings import AdaptSettings
from nt_host.codes_file import read_codes_file
from nt_host.encode import transformed, untransformed
from nt_host.experiment.cell import run_cell
from nt_host.experiment.plan import Plan
from nt_host.experiment.plans import PLANS
from nt_host.images import packaged_image
from nt_host.tasks import Target, load_task, split_target
from nt_host.tasks.dataset import Dataset, one_domain
from nt_host.tasks.split import APART, TEST_TOO, UNLABELLED, set_apart
from nt_host.teacher.lesson import lesson
from nt_host.teacher.linear_teacher import DRIFT, LABEL_COPIES, TEACHER_RULE, USUAL_VOTERS, VOTERS, taught, voting
from nt_host.teacher.made_up import differences, made_up
from nt_model.errors import UsageError
from nt_model.image import EncoderSpec
from nt_model.image_file import read_image
from tests.host.conftest import RunCli

NAMES = ("left", "right", "never labelled")
DIMENSIONS = 20
MIXED = np.linalg.qr(np.random.default_rng(0).normal(size=(DIMENSIONS, DIMENSIONS)))[0]
PLAIN = EncoderSpec("count", "none", 8, np.zeros(DIMENSIONS, np.float32), np.ones(DIMENSIONS, np.float32))
QUICK = Plan(
    "digits", "digits", settings=AdaptSettings(steps=10, batch_size=32, held_out=0), voters=(*USUAL_VOTERS, DRIFT)
)


def clouds(per_class: int, seed: int = 0) -> Dataset:
    """Two classes that lie side by side in one direction of twenty and spread as far in all the others, mixed up: a few
    samples do not show in which."""
    rng = np.random.default_rng(seed)
    labels = np.arange(2 * per_class) % 2
    apart = rng.normal(0, 1, (len(labels), DIMENSIONS))
    apart[:, 0] = 2.0 * labels - 1 + rng.normal(0, 0.3, len(labels))
    return one_domain(apart @ MIXED, labels, NAMES, "here")


def right(answers: np.ndarray, of: Dataset) -> float:
    return float((answers == of.labels).mean())


def test_unlabelled_samples_improve_the_teacher() -> None:
    first_right, last_right = [], []
    for seed in range(6):
        labelled, unlabelled, test = (clouds(n, 10 * seed + k) for k, n in enumerate((10, 200, 200)))
        first = voting(("lda",), PLAIN, labelled, labelled)
        last = taught(first, labelled, unlabelled.features)
        first_right.append(right(first.answers(test.features), test))
        last_right.append(right(last.answers(test.features), test))
    assert np.mean(last_right) > np.mean(first_right) + 0.05


def test_features_that_say_nothing_leave_the_teacher_at_chance() -> None:
    rng = np.random.default_rng(1)
    world = clouds(100)
    mixed = replace(world, labels=rng.permutation(world.labels))
    found = lesson(PLAIN, mixed, mixed.take(np.arange(20)), mixed.features[20:150])
    test = mixed.take(np.arange(150, 200))
    assert abs(right(found.teacher.answers(test.features), test) - 0.5) < 0.25


def test_a_class_without_a_label_is_never_answered() -> None:
    labels = np.arange(90) % 3
    source = one_domain(
        np.random.default_rng(0).normal(labels[:, None], 0.1, (90, DIMENSIONS)), labels, NAMES, "source"
    )
    labelled = source.take(source.labels < 2)
    for voters in (VOTERS, ("lr",), ("lda",)):
        found = lesson(PLAIN, source, labelled, source.features, voters=voters)
        assert set(found.teacher.answers(source.features)) <= {0, 1}
        assert set(found.samples.labels) == {0, 1}


def test_a_lesson_holds_true_labels_first_and_every_sample_once_more() -> None:
    labelled, unlabelled = clouds(3), clouds(20, 1)
    found = lesson(PLAIN, labelled, labelled, unlabelled.features, made_up_count=7, seed=2).samples
    copies = LABEL_COPIES * len(labelled)
    assert len(found) == copies + len(unlabelled) + 7
    np.testing.assert_array_equal(found.labels[:copies], np.tile(labelled.labels, LABEL_COPIES))
    np.testing.assert_array_equal(found.features[copies : copies + len(unlabelled)], unlabelled.features)


def test_a_teacher_that_cannot_learn_says_so() -> None:
    one_each = clouds(1)
    with pytest.raises(UsageError, match="no voter"):
        voting(("lda",), PLAIN, one_each, one_each)
    with pytest.raises(UsageError, match="no voter"):
        voting(("oracle",), PLAIN, one_each, one_each)
    able = voting(VOTERS, PLAIN, clouds(10), one_each)
    assert len(able.models) == len(VOTERS) - 1, "with one label per class only those who know the source vote"
    for none in (np.empty((0, DIMENSIONS), np.float32), np.ones((4, 3), np.float32)):
        with pytest.raises(UsageError, match="unlabelled"):
            taught(able, one_each, none)
    with pytest.raises(UsageError, match="made up"):
        made_up(PLAIN, one_each, one_each, 0, 0)


@settings(deadline=None)
@given(st.sampled_from(["none", "signed_log"]), st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=9))
def test_transforms_have_inverses(transform: str, values: list[float]) -> None:
    features = np.array([values], np.float32)
    back = untransformed(transform, transformed(transform, features))
    np.testing.assert_allclose(back, features, rtol=1e-4, atol=1e-4)


def test_a_made_up_sample_is_a_labelled_one_moved_by_a_difference_of_the_source() -> None:
    source, labelled = clouds(30), clouds(1, 5)
    apart = differences(PLAIN, source)
    for label in (0, 1):
        np.testing.assert_allclose(apart[source.labels == label].mean(axis=0), 0, atol=1e-5)
    possible = (labelled.features[:, None] + apart[None]).reshape(-1, DIMENSIONS)
    for sample in made_up(PLAIN, source, labelled, 20, 3):
        assert np.abs(possible - sample).max(axis=1).min() < 1e-4


@settings(deadline=None)
@given(st.integers(2, 40), st.integers(0, 99), st.booleans())
def test_what_is_seen_without_labels_is_not_tested_on_unless_asked_for(n: int, seed: int, own_test: bool) -> None:
    features = np.arange(4 * n, dtype=np.float32).reshape(-1, 1)
    pool, test = (
        one_domain(rows, np.arange(len(rows)) % 2, ("a", "b"), "here")
        for rows in (features[: 2 * n], features[2 * n :])
    )
    split = split_target(Target("here", pool, test if own_test else None), 1, seed)
    seen, tested = set_apart(split, APART, seed)
    taken = [*split.labelled.features[:, 0], *seen[:, 0], *tested.features[:, 0]]
    assert sorted(taken) == list(range(4 * n if own_test else 2 * n))
    assert len(seen) > 0
    everything, whole = set_apart(split, TEST_TOO, seed)
    assert whole is split.test
    assert len(everything) + len(split.labelled) == (4 * n if own_test else 2 * n)


def test_recordings_are_not_torn_apart() -> None:
    features = np.arange(24, dtype=np.float32)[:, None]
    pool = one_domain(features, np.arange(24) % 2, ("a", "b"), "here")
    recording = np.repeat(np.arange(4), 6)
    target = Target("here", pool, replace(pool, features=features + 100), recording, recording)
    seen, tested = set_apart(split_target(target, 4, 0), APART, 0)
    of = {name: {int(value - 100) // 6 for value in rows[:, 0]} for name, rows in (("s", seen), ("t", tested.features))}
    assert not of["s"] & of["t"]
    assert len(of["s"]) == len(of["t"]) == 2


def test_a_choice_that_is_none_is_refused() -> None:
    split = split_target(load_task("digits", None).target("camera"), 4, 0)
    with pytest.raises(UsageError, match="without its label") as refused:
        set_apart(split, "all", 0)
    assert all(name in refused.value.next_step for name in UNLABELLED)


@pytest.mark.parametrize("rule", ["dmn", TEACHER_RULE])
def test_labels_that_must_not_be_seen_change_nothing_but_the_score(rule: str) -> None:
    task, loaded = load_task("digits", None), read_image(packaged_image("digits"))
    target = task.target("camera")
    split = split_target(target, 4, 0)
    plan = replace(QUICK, settings=replace(QUICK.settings, rule=rule), unlabelled=TEST_TOO, made_up=20)

    def cell_of(test_labels: np.ndarray) -> tuple[str, float]:
        test = replace(split.test, labels=test_labels)
        other = replace(target, pool=split.labelled, test=test)
        cell = run_cell(plan, loaded, other, 4, 0, source=task.source)
        return cell.codes, cell.after.argmax

    true_codes, true_right = cell_of(split.test.labels)
    permuted_codes, permuted_right = cell_of(np.random.default_rng(3).permutation(split.test.labels))
    assert true_codes == permuted_codes
    assert permuted_right < 0.4 < true_right


def test_a_trial_is_refused_and_every_plan_does_without() -> None:
    task, loaded = load_task("digits", None), read_image(packaged_image("digits"))
    judged = replace(QUICK, settings=replace(QUICK.settings, held_out=0.25))
    with pytest.raises(UsageError, match="trial"):
        run_cell(judged, loaded, task.target("camera"), 4, 0, source=task.source)
    with_teacher = [plan for plan in PLANS.values() if plan.voters]
    assert with_teacher
    assert all(plan.settings.held_out == 0 for plan in with_teacher)
    assert all(plan.voters for plan in PLANS.values() if plan.unlabelled or plan.made_up)


def test_a_user_gives_unlabelled_samples_as_a_file(tmp_path: Path, cli: RunCli) -> None:
    task = load_task("digits", None)
    split = split_target(task.target("camera"), 4, 0)
    features, _ = set_apart(split, APART, 0)
    for name, labels in (("bare", {}), ("absurd", {"labels": np.full(len(features), 9)})):
        np.savez(tmp_path / f"{name}.npz", features=features, **labels)
    arguments = ["adapt", "--port", "sim:ideal", "--image", packaged_image("digits"), "--task", "digits"]
    arguments += ["--labels-per-class", "4", "--steps", "8", "--calibration", "none"]

    def codes(name: str) -> list[int]:
        out = tmp_path / f"run-{name}"
        done = cli(*arguments, "--unlabelled", tmp_path / f"{name}.npz", "--held-out", "0", "--out", out)
        assert done.returncode == 0, done.stderr
        return read_codes_file(out / "codes.toml").codes.tolist()

    assert codes("bare") == codes("absurd"), "labels of the file are not read"
    refused = cli(*arguments, "--unlabelled", tmp_path / "bare.npz")
    assert refused.returncode == 2
    assert "--held-out 0" in refused.stderr
