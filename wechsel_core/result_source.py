"""The English model that a result was made from, opened again."""

from __future__ import annotations

from collections.abc import Callable
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


def source_changed(config: InitConfig) -> OutputError:
    """What to say of a result whose source model is another one by now."""
    return OutputError(
        f"{config.source} has changed since this result was made",
        "the weights whose hash stands in wechsel.json",
        "run init again with --force",
    )
