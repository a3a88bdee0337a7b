"""`nt-host calibrate` from outside: file, verdict, check, apply, resume; and codes that go from chip to chip."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nt_calib.calibration_file import read_calibration
from nt_calib.result import Calibration
from nt_calib.target import Target, failed_neurons
from nt_calib.verdict import Verdict
from nt_hil.open import open_chip
from nt_hil.port import parse_port
from nt_host.calibration import options_from
from nt_host.codes_file import CodeSnapshot, Leniency, codes_for, read_codes_file, write_codes_file
from nt_host.in_force import CalibrationChoice, bring_into_force
from nt_host.report.calibration_pictures import write_pictures
from nt_host.units import CodeUnits, corrections_name, units_of
from nt_model.errors import TargetNotMetError, UsageError
from nt_model.image_file import image_bytes, parse_image
from tests.calib.benches import bench_image
from tests.calib.fakes import calibration as fake_calibration

from .conftest import RunCli, cli_command, cli_environment

IMAGE = parse_image(image_bytes(bench_image(sizes=(40, 24, 12))))
PORT = "sim:typical,seed=7,nv=chip7.json"


@pytest.fixture
def rom(tmp_path: Path) -> Path:
    path = tmp_path / "bench.ntrom"
    path.write_bytes(image_bytes(IMAGE.image))
    return path


def last(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    return dict(json.loads(done.stdout.splitlines()[-1]))


def latest_in(folder: Path) -> list[Path]:
    return sorted((folder / "data").rglob("*.ntcal"))


def test_calibrate_check_power_cycle_and_check_again(cli: RunCli, rom: Path, tmp_path: Path) -> None:
    chip = ("--port", PORT, "--image", rom)
    done = cli("calibrate", *chip, "--supply-mv", "3300", "--json")
    assert done.returncode == 0, done.stderr
    report = last(done)
    assert (report["schema"], report["kind"], report["met"]) == ("nt-host/1", "calibrate", True)
    assert report["figures"]["sigma_ratio"] < 0.1
    assert report["cost"]["stimuli"] > 0 < report["cost"]["wire_s_at_921600_baud"]
    assert (report["nv_generation"], report["conditions"]["supply_mv"]) == (1, 3300.0)
    (path,) = latest_in(tmp_path)
    assert str(path) == report["path"]
    # Every command is a power-up of its own: what was committed is there.
    done = cli("calibrate", "--check", *chip, "--json")
    assert done.returncode == 0, done.stderr
    assert last(done)["holds"]
    text = cli("calibrate", "--check", *chip)
    assert "holds" in text.stdout


def test_a_chip_that_forgot_is_told_so_and_apply_mends_it(cli: RunCli, rom: Path) -> None:
    chip = ("--port", PORT, "--image", rom)
    done = cli("calibrate", *chip, "--no-commit")
    assert done.returncode == 0, done.stderr
    assert "not committed" in done.stderr
    forgot = cli("calibrate", "--check", *chip)
    assert forgot.returncode == 7
    assert "nt-host calibrate --apply" in forgot.stderr
    assert cli("calibrate", "--apply", "--commit", *chip).returncode == 0
    assert cli("calibrate", "--check", *chip).returncode == 0


def test_a_missed_target_exits_with_7_and_is_not_committed(cli: RunCli, rom: Path) -> None:
    done = cli("calibrate", "--port", PORT, "--image", rom, "--max-sigma-ratio", "0", "--min-calibrated", "1", "--json",
               "--set", "refine_patterns=0", "--set", "search_patterns=3", "--set", "search_rounds=4",
               "--set", "search_repeats=1")  # fmt: skip
    assert done.returncode == 7, done.stderr
    assert "misses its target" in done.stderr
    report = last(done)
    assert (report["met"], report["nv_generation"]) == (False, None)
    assert all(one["boundary"] and "layer" in one and "neuron" in one for one in report["failed"])


def test_wrong_options_and_other_files_are_refused(cli: RunCli, rom: Path, tmp_path: Path) -> None:
    chip = ("--port", PORT, "--image", rom)
    assert cli("calibrate", *chip, "--set", "patience=3").returncode == 2
    assert cli("calibrate", *chip, "--set", "search_rounds=99").returncode == 2
    assert cli("calibrate", *chip, "--apply", "--set", "search_rounds=9").returncode == 2
    assert cli("calibrate", "--check", *chip).returncode == 2
    for extra in (("--restart",), ("--supply-mv", "3300"), ("--commit",)):
        assert "has no effect" in cli("calibrate", *chip, "--check", *extra).stderr
    (tmp_path / "options.toml").write_text("[calibration]\nrefine_repeats = 30\n")
    assert options_from(tmp_path / "options.toml", {"seed": 4}).refine_repeats == 30
    cli("calibrate", *chip)
    (path,) = latest_in(tmp_path)
    other = ("--port", "sim:typical,seed=8", "--image", rom)
    done = cli("calibrate", "--apply", "--calibration", path, *other)
    assert done.returncode == 2
    assert "another chip" in done.stderr
    path.write_bytes(path.read_bytes()[:-40])
    done = cli("calibrate", "--check", *chip)
    assert done.returncode == 2
    assert "truncated" in done.stderr


def test_a_process_that_was_killed_goes_on_to_the_same_calibration(rom: Path, tmp_path: Path) -> None:
    command = cli_command("calibrate", "--port", "sim:typical,seed=7", "--image", rom, "--set", "refine_patterns=200")
    homes = [tmp_path / "whole", tmp_path / "parts"]
    environments = [cli_environment(home, {"OMP_NUM_THREADS": "1"}) for home in homes]
    done = subprocess.run(command, env=environments[0], capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    process = subprocess.Popen(command, env=environments[1], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any(len(path.read_bytes()) > 9_000 for path in (homes[1] / "data").rglob("journal.jsonl")):
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = subprocess.run(command, env=environments[1], capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    assert "going on with a calibration begun" in done.stderr
    whole, parts = (read_calibration(latest_in(home)[0]) for home in homes)
    assert (whole.corrections.pack() == parts.corrections.pack()).all()
    for one, two in zip(whole.layers, parts.layers, strict=True):
        np.testing.assert_array_equal(one.after, two.after)
    assert (whole.cost.stimuli, whole.cost.reads) == (parts.cost.stimuli, parts.cost.reads)


def test_codes_learned_on_one_calibrated_chip_load_on_another_and_nowhere_else(
    cli: RunCli, rom: Path, tmp_path: Path
) -> None:
    a, b, c = (("--port", f"sim:typical,seed={seed},nv=chip{seed}.json", "--image", rom) for seed in (1, 2, 3))
    for chip in (a, b):
        assert cli("calibrate", *chip).returncode == 0
    assert cli("codes", "dump", *a, "--out", "a.toml").returncode == 0
    snapshot = read_codes_file(tmp_path / "a.toml")
    assert snapshot.units.calibrated
    learned = replace(snapshot, codes=np.random.default_rng(1).integers(90, 170, len(snapshot.codes)).astype(np.uint8))
    write_codes_file(tmp_path / "a.toml", learned)
    assert cli("codes", "load", "a.toml", *b, "--commit").returncode == 0
    assert last(cli("codes", "dump", *b, "--out", "b.toml", "--json"))["codes"] == learned.codes.tolist()
    refused = cli("codes", "load", "a.toml", *c)
    assert refused.returncode == 2
    assert "nt-host calibrate" in refused.stderr
    assert cli("codes", "load", "a.toml", *c, "--any-units").returncode == 2
    assert cli("codes", "load", "a.toml", *c, "--any-units", "--any-chip").returncode == 0
    assert cli("codes", "dump", *c, "--out", "c.toml").returncode == 0
    refused = cli("codes", "load", "c.toml", *b)
    assert refused.returncode == 2
    assert "--calibration none" in refused.stderr


def snapshot_in(units: CodeUnits, uid: str) -> CodeSnapshot:
    return CodeSnapshot(np.full(IMAGE.image.n_codes, 131, np.uint8), uid, IMAGE.digest, "", units)


def test_units_decide_where_codes_may_go() -> None:
    chip = open_chip("sim:typical,seed=7", IMAGE)
    mine, other, info = chip.info.uid, "0" * 16, chip.info
    raw, calibrated = CodeUnits(), CodeUnits("calibrated", "ab" * 8)
    codes_for(snapshot_in(raw, mine), info, raw)
    codes_for(snapshot_in(calibrated, other), info, calibrated)
    for snapshot, here in (
        (snapshot_in(raw, other), raw),
        (snapshot_in(raw, mine), calibrated),
        (snapshot_in(calibrated, mine), raw),
    ):
        with pytest.raises(UsageError):
            codes_for(snapshot, info, here)
        codes_for(snapshot, info, here, Leniency(any_chip=True, any_units=True))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Calibration]:
    """A store with one calibration of the chip of seed 7, and that calibration."""
    from nt_calib.calibrate import calibrate
    from nt_calib.store import CalibrationStore

    folder = tmp_path_factory.mktemp("store")
    found = calibrate(open_chip("sim:typical,seed=7", IMAGE), IMAGE.image, IMAGE.digest)
    CalibrationStore(folder).keep(found)
    return folder, found


def test_auto_takes_the_latest_where_it_changes_no_meaning(kept: tuple[Path, Calibration]) -> None:
    folder, calibration = kept
    choice = CalibrationChoice("auto", folder)
    name = corrections_name(calibration.corrections.pack())
    fresh = open_chip("sim:typical,seed=7", IMAGE)
    assert bring_into_force(fresh, choice).units == CodeUnits("calibrated", name) == units_of(fresh)
    assert bring_into_force(fresh, CalibrationChoice("none", folder)).units == CodeUnits()
    assert units_of(fresh) == CodeUnits()
    learned = open_chip("sim:typical,seed=7", IMAGE)
    learned.write_codes(np.full(IMAGE.image.n_codes, 140, np.uint8))
    found = bring_into_force(learned, choice)
    assert (found.path, found.units) == (None, CodeUnits())
    assert "--calibration latest" in found.told
    assert bring_into_force(learned, choice, snapshot_in(CodeUnits("calibrated", "x"), "0")).units.calibrated
    other = open_chip("sim:typical,seed=9", IMAGE)
    assert bring_into_force(other, choice).path is None
    with pytest.raises(UsageError, match="not been calibrated"):
        bring_into_force(other, CalibrationChoice("latest", folder))


def test_adapt_and_eval_say_the_calibration_and_record_the_units(
    cli: RunCli, digits_image: Path, tmp_path: Path
) -> None:
    chip = ("--port", "sim:typical,seed=7,nv=chip.json", "--image", digits_image, "--task", "digits")
    options = (
        "--set",
        "search_patterns=3",
        "--set",
        "search_rounds=4",
        "--set",
        "refine_patterns=0",
        "--set",
        "check_patterns=1",
    )
    cli("calibrate", *chip[:4], *options, "--max-sigma-ratio", "1", "--min-calibrated", "0")
    (path,) = latest_in(tmp_path)
    done = cli("adapt", *chip, "--steps", "2", "--out", "run", "--json")
    assert done.returncode == 0, done.stderr
    assert path.name in done.stderr
    assert (last(done)["units"], last(done)["calibration"]) == ("calibrated", str(path))
    assert read_codes_file(tmp_path / "run" / "codes.toml").units.calibrated
    done = cli("eval", *chip, "--codes", "run/codes.toml", "--json")
    assert (done.returncode, last(done)["units"]) == (0, "calibrated")
    done = cli("eval", *chip, "--calibration", "none", "--json")
    assert (done.returncode, last(done)["units"]) == (0, "raw")
    assert cli("eval", *chip, "--calibration", "none", "--codes", "run/codes.toml").returncode == 2


def test_every_failed_neuron_is_named_with_its_boundary() -> None:
    calibration = fake_calibration(3, (200, 40))
    failed = failed_neurons(calibration)
    for verdict in Verdict:
        seen = sum(int((layer.verdict == verdict).sum()) for layer in calibration.layers)
        assert sum(one.verdict == verdict for one in failed) == (0 if verdict == Verdict.GOOD else seen)
    assert all(one.boundary for one in failed)
    with pytest.raises(TargetNotMetError) as missed:
        Target().require(calibration)
    assert "neurons are calibrated" in missed.value.evidence


def test_pictures_are_drawn_also_of_chips_that_failed_altogether(
    kept: tuple[Path, Calibration], tmp_path: Path
) -> None:
    assert len(write_pictures(tmp_path / "good", kept[1], IMAGE.image)) == 5
    dead = tuple(replace(layer, verdict=np.ones_like(layer.verdict)) for layer in kept[1].layers)
    (path,) = write_pictures(tmp_path / "bad", replace(kept[1], layers=dead), IMAGE.image)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_a_memory_file_needs_its_folder(cli: RunCli, rom: Path) -> None:
    assert str(parse_port(PORT)) == PORT
    done = cli("info", "--port", "sim:typical,nv=nowhere/chip.json", "--image", rom)
    assert done.returncode == 2
    assert "mkdir" in done.stderr
