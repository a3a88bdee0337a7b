"""Study `library`: what is stored is recalled, a library in time knows the past alone, and the study goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nt_host.experiment.plans import plan_named
from nt_host.images import packaged_image
from nt_host.library import study
from nt_host.tasks import load_task
from nt_model.image_file import read_image


def part(in_time: bool = False) -> study.Part:
    task = load_task("digits", None)
    names = tuple(target.name for target in task.targets)
    plan = plan_named("digits")
    short = replace(plan, settings=replace(plan.settings, steps=60))
    return study.Part("Digits", short, task.target, names, 20, names[:1], (2,), in_time)


def test_a_library_in_time_knows_what_came_before_alone() -> None:
    names = ("first", "second", "third")
    known = replace(part(in_time=True), stored=names)
    assert [known.library_of(name) for name in names] == [(), ("first",), ("first", "second")]
    assert replace(known, in_time=False).library_of("first") == names


def test_a_stored_domain_is_recalled_and_a_killed_study_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = read_image(packaged_image("digits"))
    monkeypatch.setattr(study, "PARTS", (part, part))
    monkeypatch.setattr(study, "plan_image", lambda *args: loaded)
    result = study.run_library_study(tmp_path, (7,))
    point = result.values["points"][0]
    assert point["chosen"] == point["domain"], "the chip has been in this very domain before"
    assert point["recalled"] > point["untouched"] + 0.05
    assert point["recalled"] > point["learned"], "two labels per class are too few to learn from"

    def refuse(*args: object, **more: object) -> None:
        raise AssertionError("a kept cell was run again")

    monkeypatch.setattr(study, "run_cell", refuse)
    assert study.run_library_study(tmp_path, (7,)) == result
