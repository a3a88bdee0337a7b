"""The main job from end to end: open the chip, measure, adapt, measure again, keep a run folder.

The command line only parses options into an `AdaptJob` and prints the `AdaptReport`; whatever it does can be done here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nt_hil.chip import Capability, Chip
from nt_hil.traffic import BAUD, BITS_PER_BYTE
from nt_host.adapt.loop import AdaptResult, Progress, adapt
from nt_host.adapt.run_folder import RunFolder, create_run_folder, open_run_folder
from nt_host.adapt.settings import AdaptSettings
from nt_host.adapt.stepper import check_rule, is_dithered
from nt_host.ageing import age, starts_fresh
from nt_host.codes_file import CodeSnapshot, Leniency, codes_for, read_codes_file, snapshot_of, write_codes_file
from nt_host.connect import ChipOptions, connected
from nt_host.energy.estimate import InferenceEnergy, StepEnergy, estimate_inference, estimate_step
from nt_host.evaluate import encoded, evaluate_events, evaluate_with_activity
from nt_host.in_force import AS_IS, NONE, CalibrationChoice, InForce, bring_into_force
from nt_host.move_codes import move_codes
from nt_host.readout import Accuracy
from nt_host.tasks import Dataset, Split, Task, load_task, split_target
from nt_host.tasks.npz import load_features
from nt_host.teacher.lesson import lesson
from nt_host.units import CodeUnits
from nt_model.energy import Activity
from nt_model.errors import TargetNotMetError, UsageError
from nt_model.image import EncoderSpec, Image
from nt_model.image_file import LoadedImage, read_image

OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class DataChoice:
    """Which samples: a task by name or an NPZ file, a domain of it (None: the first target), labels per class drawn
    (None: the task's own number), seed of the draw."""

    task: str | None = None
    data: Path | None = None
    domain: str | None = None
    labels_per_class: int | None = None
    seed: int = 0

    def loaded(self) -> Task:
        """The task; raises as `load_task`."""
        return load_task(self.task, self.data)

    def split(self) -> tuple[str, Split]:
        """(domain, labelled and test samples); raises as `load_task` and `split_target`."""
        task = self.loaded()
        target = task.targets[0] if self.domain is None else task.target(self.domain)
        per_class = task.labels_per_class if self.labels_per_class is None else self.labels_per_class
        return target.name, split_target(target, per_class, self.seed)


@dataclass(frozen=True)
class AdaptJob:
    """One adaptation.

    Attributes:
        chip: which chip, and how to reach it.
        image: path of the chip image file.
        data: which samples.
        settings: how to adapt.
        out: run folder; None keeps nothing.
        start_codes: code file to start from; None starts from the codes on the chip.
        any_chip: take a code file of another chip with the same image, though its codes are raw.
        any_units: take a code file of raw codes on a calibrated chip, and the reverse.
        calibration: which calibration is in force while the chip learns.
        unlabelled: NPZ file of samples that nobody labelled: a teacher on the host answers for them, and the chip
            learns from them too (`nt_host.teacher`); None does without.
        commit: persist the codes on the chip afterwards.
        target_accuracy: argmax accuracy on the test below which the job fails, 0..1; None asks for nothing.
    """

    chip: ChipOptions
    image: Path
    data: DataChoice
    settings: AdaptSettings = field(default_factory=AdaptSettings)
    out: Path | None = None
    start_codes: Path | None = None
    any_chip: bool = False
    any_units: bool = False
    calibration: CalibrationChoice = field(default_factory=CalibrationChoice)
    unlabelled: Path | None = None
    commit: bool = False
    target_accuracy: float | None = None

    def lesson(self, encoder: EncoderSpec, labelled: Dataset) -> Dataset:
        """What to learn from: `labelled`, and the unlabelled samples under a teacher's answers.

        Raises:
            UsageError: labels are held out, which a teacher would have seen; or as `load_features` and `lesson`.
        """
        if self.unlabelled is None:
            return labelled
        if self.settings.held_out:
            raise UsageError(
                "a trial cannot judge what a teacher has seen",
                evidence=f"a share of {self.settings.held_out} is held out, and there are unlabelled samples",
                next_step="give `--held-out 0` with `--unlabelled`",
            )
        return lesson(encoder, self.data.loaded().source, labelled, load_features(self.unlabelled)).samples

    @property
    def lenient(self) -> Leniency:
        return Leniency(self.any_chip, self.any_units)

    def start_snapshot(self) -> CodeSnapshot | None:
        """The code file to start from, read."""
        return None if self.start_codes is None else read_codes_file(self.start_codes)


@dataclass(frozen=True)
class RunEnergy:
    """Estimated energy of an inference and of a learning step."""

    inference: InferenceEnergy
    step: StepEnergy

    def table(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"inference": self.inference.table(), "learning_step": self.step.table()}


@dataclass(frozen=True, eq=False)
class AdaptReport:
    """Accuracy on the test `before` and `after`, and what it took.

    Attributes:
        n_labels: labelled samples, held-out ones included.
        target_accuracy: test argmax that was asked for, 0..1, or None.
        in_force: the calibration that was in force, and hence the units of the codes.
        energy: of an inference at the codes kept and of a learning step; None where the chip does not show what the
            estimate needs.
    """

    domain: str
    chip_uid: str
    image_digest: str
    before: Accuracy
    after: Accuracy
    n_labels: int
    result: AdaptResult
    target_accuracy: float | None
    in_force: InForce
    energy: RunEnergy | None = None

    def require_target(self) -> None:
        """TargetNotMetError where an accuracy was asked for and the adapted chip misses it."""
        if self.target_accuracy is not None and self.after.argmax < self.target_accuracy:
            raise TargetNotMetError(
                f"the adapted chip misses the accuracy that was asked for, {self.target_accuracy:.3f}",
                evidence=f"argmax {self.after.argmax:.3f} on {self.after.n} test samples "
                f"(before: {self.before.argmax:.3f})",
                next_step="give more labels with `--labels-per-class`, or more `--steps`",
            )

    @property
    def wire_s(self) -> float:
        """Seconds that all bytes of the adaptation take on a serial line at 921,600 baud."""
        return self.result.wire_bytes * BITS_PER_BYTE / BAUD

    def table(self) -> dict[str, Any]:
        """Plain values for JSON."""
        result = self.result
        return {
            "domain": self.domain,
            "chip_uid": self.chip_uid,
            "image_digest": self.image_digest,
            "before": asdict(self.before),
            "after": asdict(self.after),
            "labels": self.n_labels,
            "fit": result.n_fit,
            "held_out": result.n_held_out,
            "steps": result.steps,
            "kept_step": result.kept_step,
            "code_bytes": result.code_bytes,
            "wire_bytes": result.wire_bytes,
            "wire_s_at_921600_baud": round(self.wire_s, 3),
            "seconds": round(result.seconds, 3),
            "units": self.in_force.units.units,
            "calibration": None if self.in_force.path is None else str(self.in_force.path),
            "parked_domains": result.parked,
            "energy": None if self.energy is None else self.energy.table(),
        }


def _resolved(choice: CalibrationChoice, in_force: InForce) -> str:
    """The choice as a resumed run has to repeat it: a later calibration must not come in between."""
    if in_force.path is not None:
        return str(in_force.path.resolve())
    return NONE if choice.which == NONE else AS_IS


def _config(job: AdaptJob, domain: str, in_force: InForce) -> dict[str, Any]:
    """The job as a TOML table; paths are kept absolute so that `--resume` works from any folder."""
    data: dict[str, Any] = {"domain": domain, "seed": job.data.seed}
    if job.data.task is not None:
        data["task"] = job.data.task
    if job.data.data is not None:
        data["data"] = str(job.data.data.resolve())
    if job.data.labels_per_class is not None:
        data["labels_per_class"] = job.data.labels_per_class
    table: dict[str, Any] = {
        "port": job.chip.port,
        "chip": job.chip.table(),
        "image": str(job.image.resolve()),
        "any_chip": job.any_chip,
        "any_units": job.any_units,
        "calibration": _resolved(job.calibration, in_force),
        "commit": job.commit,
        "data": data,
        "settings": job.settings.table(),
    }
    if job.unlabelled is not None:
        table["unlabelled"] = str(job.unlabelled.resolve())
    if job.start_codes is not None:
        table["start_codes"] = str(job.start_codes.resolve())
    if job.target_accuracy is not None:
        table["target_accuracy"] = job.target_accuracy
    return table


def job_from_config(config: Mapping[str, Any], out: Path, chip: ChipOptions | None = None) -> AdaptJob:
    """Inverse of the configuration that a run folder keeps; `chip` replaces the port where a device has moved."""
    data = dict(config["data"])
    if "data" in data:
        data["data"] = Path(data["data"])
    return AdaptJob(
        chip=ChipOptions.from_table(config["port"], config["chip"]) if chip is None else chip,
        image=Path(config["image"]),
        data=DataChoice(**data),
        settings=AdaptSettings.from_table(config["settings"]),
        out=out,
        start_codes=Path(config["start_codes"]) if "start_codes" in config else None,
        any_chip=bool(config["any_chip"]),
        any_units=bool(config.get("any_units", False)),
        calibration=CalibrationChoice(config.get("calibration", AS_IS)),
        unlabelled=Path(config["unlabelled"]) if "unlabelled" in config else None,
        commit=bool(config["commit"]),
        target_accuracy=config.get("target_accuracy"),
    )


def run_adapt(
    job: AdaptJob,
    on_progress: OnProgress = lambda progress: None,
    on_start: Callable[[InForce], None] = lambda in_force: None,
) -> AdaptReport:
    """Adapt a chip and measure it before and after.

    Everything that can be refused is checked before the first code is written; corrections may have been written.

    Args:
        on_start: called once the calibration is in force and before the first step.

    Raises:
        NtError: see `nt_model.errors`. A missed `target_accuracy` is for `AdaptReport.require_target` to raise.
    """
    check_rule(job.settings)
    loaded = read_image(job.image)
    domain, split = job.data.split()
    samples = job.lesson(loaded.image.encoder, split.labelled)
    events = encoded(loaded.image, samples), encoded(loaded.image, split.test)
    snapshot = job.start_snapshot()
    with connected(job.chip, loaded) as chip:
        in_force = bring_into_force(chip, job.calibration, snapshot)
        start = None if snapshot is None else codes_for(snapshot, chip.info, in_force.units, job.lenient)
        folder = (
            None
            if job.out is None
            else create_run_folder(job.out, chip.info.uid, chip.info.image_digest, _config(job, domain, in_force))
        )
        on_start(in_force)
        return _adapt_and_measure(
            job, domain, loaded, chip, folder, start, split, samples.labels, events, in_force, on_progress
        )


def resume_adapt(
    path: Path, chip: ChipOptions | None = None, on_progress: OnProgress = lambda progress: None
) -> AdaptReport:
    """Go on with the run in folder `path`, from its last checkpoint.

    Args:
        chip: how to reach the chip now; None takes the run's own port.

    Raises:
        UsageError: no run, a run that is over, another chip or another image.
    """
    folder, config = open_run_folder(path)
    if folder.summary() is not None:
        raise UsageError(
            "the run is over: there is nothing to resume",
            evidence=str(folder.summary_path),
            next_step="start another with `nt-host adapt --out OTHER`",
        )
    job = job_from_config(config, path, chip)
    loaded = read_image(job.image)
    domain, split = job.data.split()
    samples = job.lesson(loaded.image.encoder, split.labelled)
    events = encoded(loaded.image, samples), encoded(loaded.image, split.test)
    with connected(job.chip, loaded) as opened:
        if (opened.info.uid, opened.info.image_digest) != (folder.chip_uid, folder.image_digest):
            raise UsageError(
                "the run belongs to another chip or image",
                evidence=f"run: chip {folder.chip_uid}, image {folder.image_digest[:12]}; "
                f"port: chip {opened.info.uid}, image {opened.info.image_digest[:12]}",
                next_step="attach the chip of the run, or start a new run",
            )
        in_force = bring_into_force(opened, job.calibration)
        snapshot = job.start_snapshot()
        start = None if snapshot is None else codes_for(snapshot, opened.info, in_force.units, job.lenient)
        return _adapt_and_measure(
            job, domain, loaded, opened, folder, start, split, samples.labels, events, in_force, on_progress
        )


def _measured_before(folder: RunFolder | None) -> Accuracy | None:
    records = [] if folder is None else folder.metrics()
    found = [record for record in records if record["kind"] == "before"]
    return Accuracy(**found[0]["test"]) if found else None


def _begin(
    job: AdaptJob,
    loaded: LoadedImage,
    chip: Chip,
    folder: RunFolder | None,
    start: NDArray[np.uint8] | None,
    x_test: NDArray[np.uint8],
    test_labels: NDArray[np.int64],
    units: CodeUnits,
) -> Accuracy:
    """Codes to start from, and the accuracy that they give."""
    if folder is not None:
        write_codes_file(folder.path / "codes_before.toml", snapshot_of(chip.info, chip.read_codes()[0], units))
    if start is not None:
        move_codes(chip, start)
    if folder is not None:
        write_codes_file(folder.path / "codes_start.toml", snapshot_of(chip.info, chip.read_codes()[0], units))
    before = evaluate_events(chip, loaded.image, x_test, test_labels)
    if folder is not None:
        folder.append_metric(kind="before", step=0, test=asdict(before))
    return before


def _adapt_and_measure(
    job: AdaptJob,
    domain: str,
    loaded: LoadedImage,
    chip: Chip,
    folder: RunFolder | None,
    start: NDArray[np.uint8] | None,
    split: Split,
    labels: NDArray[np.int64],
    events: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    in_force: InForce,
    on_progress: OnProgress,
) -> AdaptReport:
    x, x_test = events
    checkpoint = None if folder is None else folder.checkpoint()
    if folder is not None:
        folder.rewind_metrics(-1 if checkpoint is None else checkpoint.step)
    before = None if checkpoint is None else _measured_before(folder)
    if before is None:
        before = _begin(job, loaded, chip, folder, start, x_test, split.test.labels, in_force.units)
    if checkpoint is not None and starts_fresh(job.chip.port):
        age(chip, checkpoint.samples_presented)
    result = adapt(
        chip,
        loaded.image,
        x,
        labels,
        job.settings,
        folder=folder,
        resume=checkpoint,
        on_progress=on_progress,
    )
    after, activity = evaluate_with_activity(chip, loaded.image, x_test, split.test.labels)
    report = AdaptReport(
        domain,
        chip.info.uid,
        chip.info.image_digest,
        before,
        after,
        len(split.labelled),
        result,
        job.target_accuracy,
        in_force,
        None if activity is None else _energy(job.settings, loaded.image, result.codes, activity),
    )
    if job.commit:
        _commit(chip)
    if folder is not None:
        _finish(folder, loaded.image, chip, report)
    return report


def _energy(settings: AdaptSettings, image: Image, codes: NDArray[np.uint8], activity: Activity) -> RunEnergy:
    inference = estimate_inference(image, codes, activity)
    return RunEnergy(inference, estimate_step(image, inference, settings.batch_size, is_dithered(settings, image)))


def _commit(chip: Chip) -> None:
    if Capability.NON_VOLATILE not in chip.info.capabilities:
        raise UsageError(
            "the chip cannot keep codes without power",
            evidence="no NON_VOLATILE capability",
            next_step="leave `--commit` out; keep the codes with `nt-host codes dump`",
        )
    chip.commit()


def _finish(folder: RunFolder, image: Image, chip: Chip, report: AdaptReport) -> None:
    """Codes, pictures, and last the summary that ends the run."""
    # Imported where they are used: matplotlib takes half a second to load, and most commands draw nothing.
    from nt_host.report.code_map import write_code_map
    from nt_host.report.curve import write_curve

    codes, table = chip.read_codes()[0], report.table()
    write_codes_file(folder.path / "codes.toml", snapshot_of(chip.info, codes, report.in_force.units))
    folder.append_metric(kind="after", step=report.result.steps, test=asdict(report.after))
    write_curve(folder.path / "curve.png", folder.metrics(), table["kept_step"])
    start = read_codes_file(folder.path / "codes_start.toml").codes
    write_code_map(folder.path / "codes.png", image, start, codes)
    folder.write_summary(table)
