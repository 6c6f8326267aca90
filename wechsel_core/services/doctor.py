"""What this machine has: libraries, device, tiers, memory and disk, each with what to do about it."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from wechsel_core import assets, catalogue, paths

_LIBRARIES = (
    "torch", "transformers", "tokenizers", "safetensors", "gensim", "numpy", "scipy", "numba", "pandas", "pyarrow",
    "streamlit", "plotly", "umap-learn",
)  # fmt: skip
_GIB = 1 << 30


def examine() -> list[dict[str, Any]]:
    """Look at everything; each entry has name, ok, found and advice ("" where nothing need be done)."""
    return [*_libraries(), _device(), _pocket(), _packages(), _hub(), _memory(), _disk()]


def _entry(name: str, ok: bool, found: str, advice: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "found": found, "advice": "" if ok else advice}


def _libraries() -> list[dict[str, Any]]:
    entries = []
    for name in _LIBRARIES:
        try:
            entries.append(_entry(name, True, version(name), ""))
        except PackageNotFoundError:
            entries.append(_entry(name, False, "not installed", "run make install"))
    return entries


def _device() -> dict[str, Any]:
    import torch

    if torch.cuda.is_available():
        return _entry("device", True, f"CUDA, {torch.cuda.get_device_name(0)}", "")
    if torch.backends.mps.is_available():
        return _entry("device", True, "MPS (Apple)", "")
    return _entry("device", True, f"CPU, {torch.get_num_threads()} threads", "")


def _pocket() -> dict[str, Any]:
    entries = catalogue.load_catalogue().find(tier="pocket")
    missing = [entry.name for entry in entries if not assets.is_present(entry)]
    found = f"{len(entries) - len(missing)} of {len(entries)} files" + (f", lacks {missing[0]}" if missing else "")
    return _entry("pocket tier", not missing, found, "check the repository out again")


def _packages() -> dict[str, Any]:
    from wechsel_core.assets.wheel import ask_index

    entries = catalogue.load_catalogue().find(tier="wheel")
    present = [entry.name for entry in entries if assets.is_present(entry)]
    problem = ask_index(entries[0])
    return _entry(
        "wheel tier",
        problem is None,
        ("package index reachable" if problem is None else problem.found)
        + f", {len(present)} of {len(entries)} fetched"
        + (f" ({', '.join(present)})" if present else ""),
        f"{problem.remedy}; pocket and fetched files work without" if problem else "",
    )


def _hub() -> dict[str, Any]:
    from huggingface_hub import constants

    from wechsel_core.assets.hub import hub_reachable

    if constants.HF_HUB_OFFLINE:
        return _entry("hub tier", False, "switched off (HF_HUB_OFFLINE is set)", "unset it to fetch from the hub")
    reachable = hub_reachable()
    return _entry(
        "hub tier",
        reachable,
        "reachable" if reachable else f"{constants.ENDPOINT} does not answer",
        "connect to the internet for hub models; pocket and fetched files work without",
    )


def _memory() -> dict[str, Any]:
    import psutil

    free = psutil.virtual_memory().available / _GIB
    return _entry(
        "memory", free >= 2, f"{free:.1f} GiB free", "close other programs: a real model needs 2 GiB and more"
    )


def _disk() -> dict[str, Any]:
    place = next(folder for folder in (paths.home(), *paths.home().parents) if folder.exists())
    free = shutil.disk_usage(place).free / _GIB
    return _entry(
        "disk", free >= 2, f"{free:.1f} GiB free for {paths.home()}", "make room, or set WECHSEL_HOME to another disk"
    )
