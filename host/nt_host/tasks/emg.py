"""Surface EMG: seven hand gestures from a Myo armband, met by new users (Cote-Allard et al. 2019)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nt_host.tasks.armband import user_worlds
from nt_host.tasks.dataset import Dataset
from nt_host.tasks.recordings import Recording, load_recording
from nt_host.tasks.task import Target, Task
from nt_model.errors import UsageError

RECORDING = Recording(
    file_name="myo_emg_td.npz",
    arrays=("X", "y", "rep", "subject", "session", "is_eval", "session_names", "subject_names", "gesture_names"),
    origin="download the MyoArmbandDataset of Cote-Allard et al. 2019 (IEEE TNSRE 27(4)) from "
    "https://github.com/UlysseCoteAllard/MyoArmbandDataset, and store the time-domain features MAV, RMS, WL, ZC, SSC "
    "of its 260 ms windows as myo_emg_td.npz",
)
ADAPT_SESSION = "training0"
TEST_SESSION = "Test0"


def _short_name(subject: str) -> str:
    """'EvaluationDataset/Female0' is the target `female0`."""
    return subject.rsplit("/", 1)[-1].lower()


def load() -> Task:
    """Task `emg`: the pretraining subjects are the source, each evaluation subject is a target.

    A draw takes one repetition of each gesture (all its windows) from session training0; session Test0 is the test.

    Raises:
        EnvironmentMissingError: the recordings are not on this machine.
        UsageError: the file is damaged or lacks a session.
    """
    arrays = load_recording(RECORDING)
    sessions = [str(name) for name in arrays["session_names"]]
    for name in (ADAPT_SESSION, TEST_SESSION):
        if name not in sessions:
            raise UsageError(
                f"the recordings lack session {name}",
                evidence=f"sessions {sessions}",
                next_step="store the original again with all its sessions",
            )
    subjects = tuple(str(name) for name in arrays["subject_names"])
    everything = Dataset(
        features=arrays["X"].astype(np.float32),
        labels=arrays["y"].astype(np.int64),
        domain=arrays["subject"].astype(np.int64),
        class_names=tuple(str(name) for name in arrays["gesture_names"]),
        domain_names=subjects,
    )
    evaluation = arrays["is_eval"].astype(np.bool_)
    session, repetition = arrays["session"].astype(np.int64), arrays["rep"].astype(np.int64)
    adapt, test = (evaluation & (session == sessions.index(name)) for name in (ADAPT_SESSION, TEST_SESSION))
    targets = []
    for subject in np.unique(everything.domain[evaluation]):
        mine: NDArray[np.bool_] = everything.domain == subject
        targets.append(
            Target(
                _short_name(subjects[subject]),
                everything.take(adapt & mine),
                everything.take(test & mine),
                repetition[adapt & mine],
                repetition[test & mine],
            )
        )
    source = everything.take(~evaluation)
    return Task("emg", source, tuple(targets), labels_per_class=1, transform="signed_log", world=user_worlds(source))
