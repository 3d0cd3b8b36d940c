"""A data set shown once, in a run of its own."""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

import wandb

from dlsweep.data import Dataset
from dlsweep.tracking._errors import in_one_line
from dlsweep.tracking._media import data_media
from dlsweep.tracking._online import JOB_TYPE
from dlsweep.tracking._opening import Opener, patient_settings
from dlsweep.tracking._run import light_settings, start

_log = logging.getLogger("dlsweep.tracking")


def show_data(
    data: Dataset,
    *,
    mode: str,
    project: str | None = None,
    entity: str | None = None,
    group: str | None = None,
    directory: Path | None = None,
    opener: Opener | None = None,
) -> tuple[Path, bool]:
    """Log samples, counts and principal components of a data set as a run of job type "data".

    It trains nothing, belongs to no search and counts as no point of one.

    Args:
        data: the data set as it is trained on.
        mode: "online", "offline" or another of wandb's modes; see ``choose_mode``.
        project: where the run goes.
        entity: likewise.
        group: that of the sweep whose data it is.
        directory: where the folder ``wandb`` is made; the working directory by default.
        opener: opens it; with one, a run that cannot be online is kept offline.

    Returns:
        The run's own directory, and whether W&B has all of it.

    Raises:
        TrackingError: where W&B cannot be reached or the user is not known there.
    """

    def opened(mode: str, run_id: str | None) -> wandb.Run:
        return start(
            project=project,
            entity=entity,
            id=run_id,
            name=f"{data.name} data",
            group=group,
            job_type=JOB_TYPE,
            config={"dataset": data.name},
            mode=mode,
            dir=directory,
            reinit="create_new",
            settings=light_settings(**(patient_settings(lambda: None) if opener else {})),
        )

    run = opener.open(opened, secrets.token_hex(4)) if opener else opened(mode, None)
    place, sent = Path(run.dir).parent, not run.offline
    media = data_media(data)
    try:
        run.log(media)
    except Exception as error:  # wandb has many; tables need the server at once
        if opener is None or run.offline:
            raise
        _log.warning("the run of the data set has no table: %s", in_one_line(error))
        run.log({k: picture for k, picture in media.items() if isinstance(picture, wandb.Image)})
    try:
        run.finish()
    except TimeoutError:
        sent = False
    return place, sent
