"""Where things live on disk."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

#: Of a file: place, time in ns, size and inode.
Stamp = tuple[str, int, int, int]


def stamp(path: Path) -> Stamp:
    """What changes with a file, and so tells what is kept of it from what is there; zeros where there is none."""
    try:
        found = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), found.st_mtime_ns, found.st_size, found.st_ino


def home() -> Path:
    """The lab's folder: ``$WECHSEL_HOME``, or the platform's data folder."""
    override = os.environ.get("WECHSEL_HOME")
    return Path(override) if override else Path(platformdirs.user_data_dir("wechsel-lab"))


def cache_dir() -> Path:
    """Downloaded and converted files; safe to delete."""
    return home() / "cache"


def results_dir() -> Path:
    """Results of initialisations made from the app."""
    return home() / "results"


def examples_dir() -> Path:
    """Results that come with the lab, without their models; never written to."""
    return pocket_dir() / "results"


def runs_dir() -> Path:
    """Training runs, one folder each; the only interface between the app and its workers."""
    return home() / "runs"


def recorded_runs_dir() -> Path:
    """Runs that come with the lab, curves only; never written to."""
    return pocket_dir() / "runs"


def races_dir() -> Path:
    """Races of methods, one folder each."""
    return home() / "races"


def recorded_races_dir() -> Path:
    """Races that come with the lab, a file each; never written to."""
    return pocket_dir() / "races"


def pocket_dir() -> Path:
    """The bundled pocket tier."""
    return Path(__file__).parent / "pocket" / "data"
