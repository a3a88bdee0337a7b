"""Which network and tasks the tables run on: the stand-ins, or the paper's own where a user has them."""

from __future__ import annotations

import os
from pathlib import Path

from nt_host.paper.cells import OnProgress
from nt_host.paper.frozen import Setting
from nt_host.paper.stand_in import stand_in
from nt_host.train_image import require_torch

PAPER_DIR_VARIABLE = "NT_PAPER_DIR"


def paper_setting(folder: Path, on_progress: OnProgress = lambda done, total, note: None) -> Setting:
    """VGG-19 and the images in the folder that NT_PAPER_DIR names, else the stand-ins of NT_DATA_DIR.

    `folder` is the study's own: features of images are kept there. Raises as `own_setting` and `stand_in`, and
    EnvironmentMissingError where the paper's setting is asked for without PyTorch.
    """
    place = os.environ.get(PAPER_DIR_VARIABLE, "")
    if not place:
        return stand_in()
    require_torch()
    # Imported where it is used: PyTorch is an extra, and takes seconds to load.
    from nt_host.paper.own_setting import own_setting

    return own_setting(Path(place), folder, on_progress)
