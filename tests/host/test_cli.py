"""The command line from outside: results, JSON, defaults, a served chip."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from .conftest import RunCli, cli_command, cli_environment


def records(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert all(record["schema"] == "nt-host/1" and record["kind"] for record in found)
    return found


def test_adapt_then_eval_with_its_codes(digits_image: Path, cli_process: RunCli, tmp_path: Path) -> None:
    cli = cli_process
    chip = ("--port", "sim:typical,seed=7", "--image", digits_image, "--task", "digits", "--labels-per-class", "10")
    found = records(cli("adapt", *chip, "--steps", "60", "--out", "run", "--json"))
    assert [record["kind"] for record in found] == ["progress"] * 7 + ["adapt"]
    report = found[-1]
    assert report["after"]["argmax"] > report["before"]["argmax"]
    assert report["labels"] == 100
    assert report["wire_bytes"] > report["code_bytes"] > 0
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {
        "config.toml",
        "metrics.jsonl",
        "checkpoint.npz",
        "codes_before.toml",
        "codes_start.toml",
        "codes.toml",
        "summary.json",
        "curve.png",
        "codes.png",
    }
    for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        assert (record["schema_version"], record["chip_uid"]) == (1, report["chip_uid"])
        assert record["image_digest"] == report["image_digest"]
    again = records(cli("eval", *chip, "--codes", "run/codes.toml", "--json"))
    assert abs(again[0]["test"]["argmax"] - report["after"]["argmax"]) < 0.03


def test_text_shows_both_accuracies_and_what_it_took(digits_image: Path, cli: RunCli) -> None:
    done = cli("adapt", "--port", "sim", "--image", digits_image, "--task", "digits", "--steps", "1")
    assert done.returncode == 0, done.stderr
    for word in ("before", "after", "argmax", "strict", "labels used", "code bytes written", "921,600 baud", "time"):
        assert word in done.stdout


def test_flag_over_environment_over_project_over_user_file(digits_image: Path, cli: RunCli, tmp_path: Path) -> None:
    def steps(*arguments: str, **env: str) -> int:
        found = records(
            cli(
                "adapt",
                "--port",
                "sim",
                "--image",
                digits_image,
                "--task",
                "digits",
                "--batch-size",
                "20",
                "--held-out",
                "0",
                "--json",
                *arguments,
                env={"XDG_CONFIG_HOME": str(tmp_path), **env},
            )
        )
        return int(found[-1]["steps"])

    (tmp_path / "nt-host").mkdir()
    (tmp_path / "nt-host" / "config.toml").write_text("[adapt]\nsteps = 2\n")
    assert steps() == 2
    (tmp_path / "nt-host.toml").write_text("[defaults]\nsteps = 3\n")
    assert steps() == 3
    assert steps(NT_HOST_STEPS="4") == 4
    assert steps("--steps", "5", NT_HOST_STEPS="4") == 5


def test_a_wrong_configuration_key_is_told(cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "nt-host.toml").write_text("[adapt]\nstepss = 2\n")
    done = cli("ports")
    assert done.returncode == 2
    assert "unknown key 'stepss'" in done.stderr


def test_codes_of_a_served_chip(digits_image: Path, cli: RunCli, tmp_path: Path) -> None:
    arguments = ["sim", "serve", "--image", str(digits_image), "--corner", "quiet", "--tcp", "0"]
    server = subprocess.Popen(cli_command(*arguments), env=cli_environment(tmp_path), stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        chip = ("--port", port, "--image", digits_image)
        start = records(cli("codes", "dump", *chip, "--out", "start.toml", "--json"))[0]["codes"]
        assert set(start) == {128}
        assert cli("adapt", *chip, "--task", "digits", "--steps", "5", "--held-out", "0").returncode == 0
        tuned = records(cli("codes", "dump", *chip, "--out", "tuned.toml", "--json"))[0]["codes"]
        assert records(cli("codes", "diff", "start.toml", "tuned.toml", "--json"))[0]["changed"] > 0
        assert records(cli("codes", "reset", *chip, "--json"))[0]["writes"] > 0
        assert cli("codes", "load", "tuned.toml", *chip).returncode == 0
        again = records(cli("codes", "dump", *chip, "--out", "again.toml", "--json"))[0]["codes"]
        assert again == tuned
    finally:
        server.terminate()
        server.wait(60)


def test_info_of_a_chip_on_a_pty(digits_image: Path, cli: RunCli, tmp_path: Path) -> None:
    server = subprocess.Popen(
        cli_command("sim", "serve", "--image", digits_image),
        env=cli_environment(tmp_path),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        image, chip = records(cli("info", "--port", port, "--image", digits_image, "--json"))
        assert (image["kind"], chip["kind"]) == ("image", "chip")
        assert chip["image_digest"] == image["image_digest"]
    finally:
        server.terminate()
        server.wait(60)


def test_build_and_info(cli: RunCli, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "net.npz",
        weight_0=rng.normal(size=(3, 4)),
        bias_0=np.zeros(3),
        threshold_0=np.ones(3),
        encoder_kind="binary",
        encoder_offset=np.zeros(4),
        encoder_scale=np.ones(4),
    )
    assert cli("build", "net.npz", "--out", "net.ntrom").returncode == 2
    built = records(cli("build", "net.npz", "--quantise", "--out", "net.ntrom", "--source", "test", "--json"))[0]
    told = records(cli("info", "--image", "net.ntrom", "--json"))[0]
    assert told["image_digest"] == built["image_digest"]
    assert (told["layer_sizes"], told["codes"], told["metadata"]) == ([4, 3], 3, {"source": "test"})


def test_interrupt_is_130(digits_image: Path, tmp_path: Path) -> None:
    import signal
    import time

    process = subprocess.Popen(
        cli_command(
            "adapt", "--port", "sim", "--image", digits_image, "--task", "digits", "--steps", "100000", "--out", "run"
        ),
        cwd=tmp_path,
        env=cli_environment(tmp_path),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )
    while not (tmp_path / "run" / "checkpoint.npz").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=250)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_ports_and_doctor_answer(cli: RunCli) -> None:
    assert cli("ports", "--json").returncode == 0
    findings = records(cli("doctor", "--json"))
    assert {finding["name"] for finding in findings} >= {"Python", "C engine", "PyTorch"}
    assert cli("--version").stdout.startswith("nt-host, version ")
