"""Services of the page Try it: imported late; models are shared by all sessions, and read again when their files change."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st

from wechsel_core.paths import Stamp
from wechsel_core.types import Progress

if TYPE_CHECKING:
    import pandas as pd

    from wechsel_core.services.try_it import Continuation, ContinueConfig, TryModel

#: Nothing is shown of what is quicker.
QUICK_SECONDS = 1.0


def result_model(result_id: str) -> Path | None:
    """The folder of a result's model; None for one that came without."""
    from wechsel_core.services import try_it

    return try_it.result_model(result_id)


def make_model(result_id: str, progress: Progress) -> None:
    """Make the model of a result that came without one."""
    from wechsel_core.services import try_it

    try_it.make_model(result_id, progress)


def trained_models(result_id: str) -> tuple[list[dict[str, Any]], int]:
    """Runs of a result that keep their model, newest first, and the number of those that do not; never cached."""
    from wechsel_core.services import try_it

    return try_it.trained_models(result_id)


def kind(folder: Path) -> str:
    """What the model is: "causal" or "masked"."""
    return str(_model_in(folder).kind)


def continue_text(folder: Path, text: str, config: ContinueConfig) -> Continuation:
    """Continue a text, with a bar if it takes more than a moment."""
    place, begin = st.empty(), time.monotonic()

    def progress(share: float, step: str) -> None:
        if time.monotonic() - begin > QUICK_SECONDS:
            place.progress(min(share, 1.0), step)

    try:
        return _model_in(folder).continue_text(text, config, progress)
    finally:
        place.empty()


def fill(folder: Path, text: str) -> pd.DataFrame:
    """The likeliest tokens for the gap of a text."""
    return _model_in(folder).fill(text)


def _model_in(folder: Path) -> TryModel:
    from wechsel_core.services import try_it

    return _model(str(folder), try_it.stamp(folder))


@st.cache_resource(max_entries=3, show_spinner="Loading the model")
def _model(folder: str, stamp: tuple[Stamp, ...]) -> TryModel:
    from wechsel_core.services import try_it

    return try_it.open_model(Path(folder))
