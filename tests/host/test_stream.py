"""Streaming: prediction comes before the lesson, a frozen chip stays frozen, results survive a round trip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nt_host.connect import ChipOptions, connected
from nt_host.experiment.stream import (
    LEARNERS,
    ChipLearner,
    DigitalLearner,
    Stream,
    StreamSettings,
    make_stream,
    run_stream,
)
from nt_host.experiment.stream_result import StreamResult, read_stream, stream_cells, write_stream
from nt_host.images import packaged_image
from nt_host.report.results_page import results_page
from nt_host.report.stream_curve import write_stream_curve
from nt_host.tasks import load_task
from nt_model.errors import UsageError
from nt_model.image_file import read_image
from tests.host.conftest import RunCli


def stream_of(told: list[int], labels: list[int]) -> Stream:
    return Stream(
        np.zeros((len(labels), 2), np.uint8),
        np.array(labels, np.int64),
        np.array(told, np.bool_),
        (("a", len(labels)),),
    )


class Memory:
    """Says the label of the row if it was ever taught it, else -1."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.taught: list[list[int]] = []

    def predictions(self, rows: np.ndarray) -> np.ndarray:
        known = {row for lesson in self.taught for row in lesson}
        return np.array([self.stream.labels[row] if int(row) in known else -1 for row in rows])

    def learn(self, memory: np.ndarray, lesson: int) -> None:
        assert lesson == len(self.taught)
        self.taught.append([int(row) for row in memory])


def test_every_sample_is_predicted_before_its_label_is_told() -> None:
    stream = stream_of([1] * 8, [0, 1] * 4)
    assert not run_stream(Memory(stream), stream, 8).any()


def test_only_told_samples_are_lessons_and_the_latest_are_kept() -> None:
    stream = stream_of([0, 1, 1, 0, 1, 1, 0], [0, 0, 1, 1, 0, 0, 1])
    learner = Memory(stream)
    run_stream(learner, stream, 2)
    assert learner.taught == [[1], [1, 2], [1, 4, 2], [4, 5, 2]]


def test_a_frozen_chip_keeps_its_codes_and_a_learning_one_gets_better() -> None:
    loaded = read_image(packaged_image("digits"))
    task = load_task("digits", None)
    settings = StreamSettings(label_share=0.3)
    whole = make_stream(task, loaded.image, settings, 0)
    stream = Stream(whole.x[:500], whole.labels[:500], whole.told[:500], (("camera", 500),))
    right = {}
    for frozen in (True, False):
        with connected(ChipOptions("sim:typical,seed=0", engine="c"), loaded) as chip:
            start = chip.read_codes()[0]
            right[frozen] = run_stream(ChipLearner(chip, loaded.image, stream, settings, 0, frozen=frozen), stream, 8)
            assert (chip.read_codes()[0] == start).all() == frozen
    assert right[False][250:].mean() > right[True][250:].mean()
    digital = run_stream(DigitalLearner(loaded.image, stream, settings, 0), stream, 8)
    assert digital[250:].mean() > right[True][250:].mean()


def test_a_result_survives_the_file_and_shows_itself(tmp_path: Path) -> None:
    runs = {(learner, seed): "01" * 30 + "1" * (20 + seed) for learner in LEARNERS for seed in (0,)}
    result = StreamResult("enose", StreamSettings(), (("batch2", 60), ("batch3", 20)), runs)
    write_stream(tmp_path / "stream.json", result)
    assert read_stream(tmp_path / "stream.json") == result
    assert stream_cells(result.rows())[0] == ["batch2", *["50.0 ± 0.0"] * 3]
    assert "| whole stream | 62.5 ± 0.0 |" in results_page([tmp_path / "stream.json"])
    write_stream_curve(tmp_path / "stream.png", result)
    assert (tmp_path / "stream.png").read_bytes().startswith(b"\x89PNG")


def test_report_draws_the_curve_beside_the_page(tmp_path: Path, cli: RunCli) -> None:
    runs = {(learner, 0): "01" * 30 for learner in LEARNERS}
    write_stream(tmp_path / "stream.json", StreamResult("enose", StreamSettings(), (("batch2", 60),), runs))
    done = cli("report", tmp_path / "stream.json", "--out", tmp_path / "docs" / "results.md")
    assert done.returncode == 0, done.stderr
    assert "img/stream.png" in (tmp_path / "docs" / "results.md").read_text()
    assert (tmp_path / "docs" / "img" / "stream.png").is_file()


def test_the_stream_refuses_options_that_it_does_not_know(tmp_path: Path, cli: RunCli) -> None:
    done = cli("experiment", "stream", "--rule", "nt1", "--out", tmp_path)
    assert done.returncode == 2
    assert "does not take" in done.stderr
    done = cli("experiment", "digits", "--label-share", "0.5", "--out", tmp_path)
    assert done.returncode == 2


def test_bad_shares_and_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="share of labels"):
        StreamSettings(label_share=0)
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(UsageError, match="not a result"):
        read_stream(tmp_path / "x.json")
