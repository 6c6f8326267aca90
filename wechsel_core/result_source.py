"""The models of a result, opened again: the English one that it was made from, and its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from wechsel_core.assets import resolve
from wechsel_core.config import InitConfig
from wechsel_core.errors import InputError, OutputError
from wechsel_core.types import Progress


def open_source(opener: Callable[..., Any], manifest: dict[str, Any], progress: Progress | None = None) -> Any:
    """Open the source model of a result and hold it against the hash in its ``wechsel.json``.

    Parameters
    ----------
    opener : callable
        ``models.load_model`` (weights in memory) or ``models.open_checkpoint`` (read as they are needed).
    manifest : dict
        Content of ``wechsel.json``.
    progress : callable, optional

    Raises
    ------
    OutputError
        If it is gone or no longer what it was.
    """
    config = InitConfig.from_dict(manifest["config"])
    sha256 = manifest.get("inputs", {}).get("source_model", {}).get("sha256")
    try:
        model = opener(resolve("model", config.source, progress), progress=progress)
    except InputError as error:
        raise OutputError(
            f"the source model of this result cannot be opened again ({error.found})",
            "the model of the initialisation",
            "put it back or run init again with --force",
        ) from error
    if sha256 is not None and model.weights_sha256() != sha256:
        raise source_changed(config)
    return model


def open_own(opener: Callable[..., Any], folder: Path, progress: Progress | None = None) -> Any:
    """Open the model that a result holds.

    Parameters
    ----------
    opener : callable
        As in ``open_source``.
    folder : Path
    progress : callable, optional

    Raises
    ------
    OutputError
        If the result came without its model, as examples do.
    """
    if not (folder / "config.json").is_file():
        raise OutputError(
            f"{folder} holds a result without its model",
            "config.json and weights beside it",
            "run init with its settings",
        )
    return opener(folder, progress=progress)


def source_changed(config: InitConfig) -> OutputError:
    """What to say of a result whose source model is another one by now."""
    return OutputError(
        f"{config.source} has changed since this result was made",
        "the weights whose hash stands in wechsel.json",
        "run init again with --force",
    )
