"""Kill -9 at any moment, --resume: the same final codes, noise and drift of the chip included."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from nt_host.codes_file import read_codes_file

from .conftest import RunCli, cli_command, cli_environment

STEPS = 150


def adapt_arguments(image: Path, port: str, out: Path, loop: str) -> list[str]:
    return [
        "adapt",
        "--port",
        port,
        "--image",
        str(image),
        "--task",
        "digits",
        "--labels-per-class",
        "12",
        "--steps",
        str(STEPS),
        "--batch-size",
        "8",
        "--judge-every",
        "10",
        "--loop",
        loop,
        "--out",
        str(out),
    ]


def killed(arguments: list[str], folder: Path, delay_s: float) -> bool:
    """Start the command, SIGKILL it `delay_s` after its run folder has a checkpoint; False if it ended before."""
    process = subprocess.Popen(
        cli_command(*arguments),
        cwd=folder.parent,
        env=cli_environment(folder.parent),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 60
    while not (folder / "checkpoint.npz").exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(delay_s)
    process.kill()
    _, errors = process.communicate()
    assert process.returncode in (-signal.SIGKILL, 0), errors
    return process.returncode != 0


@pytest.mark.parametrize(
    ("corner", "loop", "delays_s", "more"),
    [
        ("typical", "host", (0.05, 0.4, 0.8), ()),
        ("wild", "device", (0.3,), ()),
        ("typical", "host", (0.4,), ("--power-budget", "1950", "--park-silent")),
    ],
)
def test_killed_and_resumed_runs_end_with_the_same_codes(
    corner: str,
    loop: str,
    delays_s: tuple[float, ...],
    more: tuple[str, ...],
    digits_image: Path,
    cli: RunCli,
    tmp_path: Path,
) -> None:
    port = f"sim:{corner},seed=11"
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    done = cli(*adapt_arguments(digits_image, port, whole, loop), *more)
    assert done.returncode == 0, done.stderr
    rng = random.Random(4)
    arguments = [*adapt_arguments(digits_image, port, broken, loop), *more]
    kills = 0
    for longest_s in delays_s:
        if not (broken / "summary.json").exists():
            kills += killed(arguments, broken, rng.uniform(0, longest_s))
            arguments = ["adapt", "--resume", str(broken)]
    assert kills >= 1
    if not (broken / "summary.json").exists():
        done = cli(*arguments)
        assert done.returncode == 0, done.stderr
    codes = [read_codes_file(folder / "codes.toml").codes for folder in (whole, broken)]
    np.testing.assert_array_equal(codes[0], codes[1])
    told = [json.loads((folder / "summary.json").read_text()) for folder in (whole, broken)]
    assert told[0]["after"] == told[1]["after"]
    steps = [
        [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for folder in (whole, broken)
    ]
    assert steps[0] == steps[1], "no record is lost or doubled"


def test_a_finished_run_is_not_run_again(digits_image: Path, cli: RunCli, tmp_path: Path) -> None:
    arguments = adapt_arguments(digits_image, "sim:quiet", tmp_path / "run", "host")
    arguments[arguments.index("--steps") + 1] = "10"
    assert cli(*arguments).returncode == 0
    again = cli(*arguments)
    assert again.returncode == 2
    assert "--resume" in again.stderr
    over = cli("adapt", "--resume", tmp_path / "run")
    assert over.returncode == 2
    assert "the run is over" in over.stderr


def test_a_run_is_not_resumed_on_another_chip(digits_image: Path, cli: RunCli, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert killed(adapt_arguments(digits_image, "sim:quiet,seed=1", folder, "host"), folder, 0.0)
    done = cli("adapt", "--resume", folder, "--port", "sim:quiet,seed=2")
    assert done.returncode == 2
    assert "another chip" in done.stderr
