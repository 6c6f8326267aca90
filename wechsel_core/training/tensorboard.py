"""A run's metrics as TensorBoard event files (needs the optional package tensorboard)."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

from wechsel_core.errors import OutputError

_MEASURES = ("loss", "perplexity", "bits_per_byte", "learning_rate", "grad_norm")


def write_events(metrics: pd.DataFrame, run: dict[str, Any], out: Path) -> int:
    """Write the scalars ``train/loss``, ``eval/bits_per_byte``... by step, and the run's settings as text.

    Parameters
    ----------
    metrics : DataFrame
        As ``runs.read_metrics`` gives it; values that are missing are left out.
    run : dict
        ``run.json``.
    out : Path
        A folder that is empty or does not exist yet.

    Returns
    -------
    int
        Scalars written.

    Raises
    ------
    OutputError
        If tensorboard is not installed, or something is in the folder.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise OutputError(
            "the package tensorboard is not installed", "it, to write event files", "run pip install tensorboard"
        ) from error
    try:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise OutputError(f"{out} exists", "an empty or new folder", "choose another")
        writer = SummaryWriter(str(out))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(f"{out} cannot be written ({reason})", "a writable folder", "choose another") from error
    start = pd.Timestamp(run["created"]).timestamp()
    written = 0
    with writer:
        writer.add_text("config", f"```json\n{json.dumps(run['config'], indent=1)}\n```", 0, walltime=start)
        for row in metrics.itertuples(index=False):
            for name in _MEASURES:
                value = float(getattr(row, name))
                if not math.isnan(value) or name == "loss":  # a loss of NaN is worth seeing
                    # TensorBoard's relative time axis then shows the time of training, pauses left out.
                    seconds = 0.0 if math.isnan(row.seconds) else row.seconds
                    writer.add_scalar(f"{row.kind}/{name}", value, int(row.step), walltime=start + seconds)
                    written += 1
    return written
