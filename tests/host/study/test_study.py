"""A study's result: written, read back, rendered; a missed check is an exit status of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from nt_host.study.page import studies_page
from nt_host.study.result import Check, Picture, StudyResult, StudyTable, read_study, write_study
from nt_model.errors import TargetNotMetError, UsageError, VersionMismatchError
from tests.host.conftest import RunCli

RESULT = StudyResult(
    "circuit",
    "A title",
    ("What was done.",),
    (Check("a thing", "<= 1", "0", True),),
    (StudyTable("A table", ("a", "b"), (("1", "2"),)),),
    (Picture("p.png", "A picture."),),
    {"numbers": [1, 2]},
)


def test_a_result_survives_the_file(tmp_path: Path) -> None:
    assert read_study(write_study(tmp_path, RESULT)) == RESULT


def test_the_page_holds_tables_checks_and_pictures_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "paper").mkdir()
    page = studies_page([write_study(tmp_path / "paper", RESULT)], tmp_path / "page.md")
    assert "| a | b |\n|---|---|\n| 1 | 2 |" in page
    assert "| a thing | <= 1 | 0 | yes |" in page
    assert "](paper/p.png)" in page


def test_a_missed_check_is_told() -> None:
    RESULT.require_checks()
    missed = replace(RESULT, checks=(*RESULT.checks, Check("another", "> 1", "1", False)))
    with pytest.raises(TargetNotMetError, match="1 of 2 checks") as caught:
        missed.require_checks()
    assert caught.value.exit_code == 7


def test_other_files_are_refused(tmp_path: Path, cli: RunCli) -> None:
    path = write_study(tmp_path, RESULT)
    table = json.loads(path.read_text())
    path.write_text(json.dumps({**table, "schema": "nt-study/9"}))
    with pytest.raises(VersionMismatchError):
        read_study(path)
    path.write_text("{}")
    with pytest.raises(UsageError, match="not the result of a study"):
        read_study(path)
    assert cli("report", path).returncode == 2


def test_report_renders_studies_by_their_schema(tmp_path: Path, cli: RunCli) -> None:
    path = write_study(tmp_path, RESULT)
    done = cli("report", path, "--out", tmp_path / "page.md")
    assert done.returncode == 0, done.stderr
    assert "## A title" in (tmp_path / "page.md").read_text()


def test_a_page_of_other_systems_says_where_the_rest_is(tmp_path: Path, cli: RunCli) -> None:
    path = write_study(tmp_path, replace(RESULT, study="retention"))
    assert cli("report", path, "--out", tmp_path / "page.md").returncode == 0
    page = (tmp_path / "page.md").read_text()
    assert "# Other systems" in page
    assert "[calibration.md](calibration.md)" in page
