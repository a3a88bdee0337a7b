"""`nt-host montecarlo`: killed and run again, on one process, on several and on a cluster it gives the same."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from nt_model.image_file import LoadedImage, write_image

from ..conftest import RunCli, cli_command, cli_environment

DIGITS = ("--corner", "wild", "--chips", "8", "--workers")


def result_in(folder: Path) -> dict[str, Any]:
    table: dict[str, Any] = json.loads((folder / "montecarlo.json").read_text())
    return table


def test_more_chips_in_the_same_folder_and_a_missed_yield(cli: RunCli, tmp_path: Path) -> None:
    first = cli("montecarlo", "--out", "a", "--chips", "2", "--workers", "1", "--corner", "worn")
    assert first.returncode == 0, first.stderr
    assert "yield of 2 chips of corner worn" in first.stdout
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a" / "chips").iterdir()}
    asked = ("--require", "0.999", "--min-yield", "0.5", "--measure", "argmax", "--json")
    more = cli("montecarlo", "--out", "a", "--chips", "4", "--workers", "1", "--corner", "worn", *asked)
    assert more.returncode == 7
    assert "too few chips" in more.stderr
    records = [json.loads(line) for line in more.stdout.splitlines()]
    assert [record["kind"] for record in records] == ["yield"] * 14 + ["required"]
    assert records[-1]["yield"]["untouched"][0] == 0.0
    after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "a" / "chips").iterdir()}
    assert len(after) == 5, "four chips and the ideal one"
    assert kept.items() <= after.items(), "chips that were there are not measured again"
    assert (tmp_path / "a" / "yield.png").is_file()


def test_bad_calls_are_refused(cli: RunCli) -> None:
    for arguments, told in (
        (("--min-yield", "0.5"), "a yield needs an accuracy"),
        (("--task", "enose"), "no chip image is given"),
        (("--corner", "tropical"), "tropical"),
        (("--chips", "0"), "--chips"),
    ):
        done = cli("montecarlo", "--out", "a", *arguments)
        assert done.returncode == 2, done.stderr
        assert told in done.stderr


def test_killed_and_run_again_gives_the_same(cli: RunCli, tmp_path: Path) -> None:
    process = subprocess.Popen(
        cli_command("montecarlo", "--out", "killed", *DIGITS, "2"),
        cwd=tmp_path,
        env=cli_environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    chips = tmp_path / "killed" / "chips"
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and len(list(chips.glob("*.json")) if chips.is_dir() else []) < 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(list(chips.glob("*.json"))) >= 2
    assert not (tmp_path / "killed" / "montecarlo.json").exists(), "it was killed under way"
    assert cli("montecarlo", "--out", "killed", *DIGITS, "1").returncode == 0
    assert cli("montecarlo", "--out", "whole", *DIGITS, "1").returncode == 0
    assert result_in(tmp_path / "killed") == result_in(tmp_path / "whole")


def test_a_cluster_gives_the_same_and_only_then(cli: RunCli, tmp_path: Path, loaded: LoadedImage) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, scheduler_port=0
    ) as cluster:
        done = cli("montecarlo", "--out", "cluster", *DIGITS, "1", "--scheduler", cluster.scheduler_address)
    assert done.returncode == 0, done.stderr
    assert cli("montecarlo", "--out", "here", *DIGITS, "1").returncode == 0
    assert result_in(tmp_path / "cluster") == result_in(tmp_path / "here")
    write_image(tmp_path / "small.ntrom", loaded.image)
    unfit = cli("montecarlo", "--out", "x", "--chips", "2", "--image", "small.ntrom", "--task", "digits")
    assert unfit.returncode == 2
    assert "do not fit the image" in unfit.stderr


def test_experiments_on_many_chips_refuse_what_they_cannot_use(cli: RunCli) -> None:
    done = cli("experiment", "mismatch", "--out", "a", "--rule", "nt1")
    assert done.returncode == 2
    assert "takes no such option" in done.stderr
    done = cli("experiment", "digits", "--out", "a", "--chips", "3")
    assert done.returncode == 2
    assert "--chips" in done.stderr
