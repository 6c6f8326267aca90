"""The races that are there: make, list, read, start in the background, stop, delete."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wechsel_core import catalogue, paths, processes, runs
from wechsel_core.config import RaceConfig, flags
from wechsel_core.errors import InputError, RunError
from wechsel_core.json_files import read_json, replace_json
from wechsel_core.services.folders import name_of
from wechsel_core.services.inputs import default_name
from wechsel_core.services.race_entries import entries
from wechsel_core.services.training import versions
from wechsel_core.training import launcher
from wechsel_core.training.text import HUB, check_source

if TYPE_CHECKING:
    from wechsel_core.evaluation.race import Curve

RACE = "race.json"
SCHEMA_VERSION = 1
WORKER = "wechsel_core.services.race_worker"


def create(config: RaceConfig, folder: Path | None = None) -> Path:
    """Check a race and write its folder; one that is there already, of the same configuration, is taken as it is.

    Raises
    ------
    InputError
        A contestant, text or folder that cannot be used.
    """
    contestants = entries(config)
    text = config.text or default_name("corpus", config.target_language, "text")
    for name in filter(None, (text, config.held_out)):
        check_source(name)
    settled = {name: _settled(name) for name in filter(None, (text, config.held_out))}
    folder = (folder or paths.races_dir() / name_of(config)).absolute()
    if folder.exists():
        if RaceConfig.from_dict(read_race(folder)["config"]).hash != config.hash:
            raise RunError(f"{folder} holds another race", "a new folder, or the same settings", "give another --out")
        return folder
    record = {
        "schema_version": SCHEMA_VERSION, "id": folder.name, "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "config": config.to_dict(), "config_hash": config.hash, "text": settled[text],
        "versions": versions(), "entries": [dataclasses.asdict(entry) for entry in contestants], "rows": [],
    }  # fmt: skip
    status = {"state": "queued", "phase": runs.STARTING, **processes.identity(), "attempt": 0, "step": 0, "steps": None,
              "reason": None}  # fmt: skip
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".new-", dir=folder.parent))
    try:
        replace_json(partial / RACE, record)
        replace_json(partial / runs.STATUS, status)
        partial.chmod(0o755)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def command_line(config: RaceConfig) -> str:
    """The command that runs the same race: what differs from the defaults, quoted for a shell."""
    return shlex.join(["python", "-m", "wechsel_core", "race", *flags(config)])


def _settled(text: str) -> str:
    """A text's name so that a worker in any folder understands it."""
    if text.startswith(HUB) or catalogue.load_catalogue().named(text, "corpus"):
        return text
    return str(Path(text).expanduser().absolute())


def read_race(folder: Path) -> dict[str, Any]:
    """``race.json`` of a folder, or of a recorded race's file.

    Raises
    ------
    RunError
        If there is none, or one of another schema version.
    """
    path = folder if folder.suffix == ".json" else folder / RACE
    record = read_json(path)
    whole = record is not None and isinstance(record.get("rows"), list) and isinstance(record.get("config"), dict)
    if record is None or not whole:
        raise RunError(f"no race at {folder}", f"a folder with {RACE}", "start one with: race")
    if record.get("schema_version") != SCHEMA_VERSION:
        raise RunError(
            f"{path} has schema version {record.get('schema_version')}", f"version {SCHEMA_VERSION}",
            "use the version of the lab that made it",
        )  # fmt: skip
    return record


def race_folder(name: str) -> Path:
    """The folder of a race of this machine, or the file of a recorded one, by its id.

    Raises
    ------
    RunError
        If there is no such race; an id that leads out of the races folder counts as none.
    """
    plain = 0 < len(name) < 200 and Path(name).name == name and not name.startswith(".") and "\0" not in name
    own, recorded = paths.races_dir() / name, paths.recorded_races_dir() / f"{name}.json"
    if plain and (own / RACE).is_file():
        return own
    if plain and recorded.is_file():
        return recorded
    raise RunError(f"no race {name!r}", "the id of a race that is there", "choose one of the list, or start one")


def list_races() -> list[dict[str, Any]]:
    """Races of this machine, newest first, then the recorded ones: id, path, recorded, config, created, status, rows."""
    found = []
    for root, recorded in ((paths.races_dir(), False), (paths.recorded_races_dir(), True)):
        group = []
        for path in sorted(root.iterdir()) if root.is_dir() else []:
            if path.name.startswith("."):
                continue
            with contextlib.suppress(InputError):
                race = read_race(path)
                status = {"state": "finished", "alive": False} if recorded else runs.effective_status(path)
                group.append({
                    "id": path.stem if recorded else path.name, "path": str(path), "recorded": recorded,
                    "config": race["config"], "created": race["created"], "status": status, "rows": len(race["rows"]),
                    "expected": len(race["entries"]) * len(RaceConfig.from_dict(race["config"]).seed_numbers),
                })  # fmt: skip
        found += sorted(group, key=lambda entry: (entry["created"], entry["id"]), reverse=True)
    return found


def curves(record: dict[str, Any]) -> list[Curve]:
    """The curves of a race; a contestant without training has its score at step 0 alone."""
    import numpy as np

    from wechsel_core.evaluation.race import Curve

    found = []
    for row in record["rows"]:
        if row.get("failed"):
            continue
        points = row.get("curve") or [[0, row["start"]["loss"], row["start"]["bits_per_byte"]]]
        steps, losses, bits = (np.array(column, dtype=np.float64) for column in zip(*points, strict=True))
        found.append(Curve(row["entry"], row["seed"], steps, losses, bits))
    return found


def labels(record: dict[str, Any]) -> dict[str, str]:
    """Title of every contestant."""
    return {entry["name"]: entry["label"] for entry in record["entries"]}


def start(config: RaceConfig) -> str:
    """Create a race and start its worker in the background; returns its id."""
    folder = create(config)
    _start(folder)
    return folder.name


def resume(name: str) -> None:
    """Go on with a race that was stopped or failed."""
    _start(race_folder(name))


def _start(folder: Path) -> None:
    if runs.effective_status(folder)["alive"] and runs.read_status(folder).get("phase") != runs.STARTING:
        raise RunError(f"the race {folder.name} goes on already", "a race that has ended", "watch it, or stop it")
    runs.clear_stop(folder)
    runs.write_status(folder, state="queued", phase=runs.STARTING, reason=None, **processes.identity())
    launcher.start_worker(folder, module=WORKER)


def stop(name: str) -> None:
    """Ask a race to end at its next step."""
    launcher.stop_run(race_folder(name))


def delete(name: str) -> None:
    """Delete a race with all it made; a live or recorded one is refused."""
    folder = race_folder(name)
    if folder.suffix == ".json":
        raise RunError(f"{name} came with the lab", "a race of this machine", "leave it")
    if runs.effective_status(folder)["alive"]:
        raise RunError(f"the race {name} goes on", "a race that has ended", "stop it first")
    gone = Path(tempfile.mkdtemp(prefix=".deleted-", dir=folder.parent))
    folder.rename(gone / folder.name)
    shutil.rmtree(gone)
