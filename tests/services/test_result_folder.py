"""The result folder: whole or not there, whatever stands in its place, goes wrong or is cancelled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.services.tiny_files import TinyFiles
from wechsel_core.errors import ModelError, OutputError
from wechsel_core.services.initialise import initialise

Made = Callable[..., Path]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_force_replaces_an_earlier_result(files: TinyFiles, tmp_path: Path) -> None:
    out = tmp_path / "out"
    initialise(files.config(), out)
    (out / "stale.txt").write_text("of the earlier result")
    with pytest.raises(OutputError, match="--force"):
        initialise(files.config(neighbors=3), out)
    initialise(files.config(neighbors=3), out, force=True)
    assert json.loads((out / "wechsel.json").read_text("utf-8"))["config"]["neighbors"] == 3
    assert not (out / "stale.txt").exists() and [p.name for p in tmp_path.iterdir()] == ["out"]


def test_force_refuses_what_is_no_result(files: TinyFiles, tmp_path: Path) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("years of work")
    for force in (False, True):
        with pytest.raises(OutputError):
            initialise(files.config(), out, force=force)
        with pytest.raises(OutputError):
            initialise(files.config(), out / "chapter.txt", force=force)
    assert snapshot(tmp_path) == {"thesis/chapter.txt": b"years of work"}


def test_empty_folder_is_taken(files: TinyFiles, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    initialise(files.config(), tmp_path / "out")
    assert (tmp_path / "out" / "wechsel.json").is_file() and [p.name for p in tmp_path.iterdir()] == ["out"]


def test_parents_are_made_and_the_folder_can_be_read_by_others(files: TinyFiles, tmp_path: Path) -> None:
    initialise(files.config(), tmp_path / "a" / "b" / "out")
    assert (tmp_path / "a" / "b" / "out").stat().st_mode & 0o777 == 0o755


def test_files_can_be_read_by_others(made: Made) -> None:
    """As any other file that the person writes: by the umask."""
    modes = {path.name: path.stat().st_mode & 0o044 for path in made().iterdir()}
    assert {name for name, mode in modes.items() if mode != 0o044} == set()


def test_a_folder_that_appears_meanwhile_is_kept(files: TinyFiles, tmp_path: Path) -> None:
    out = tmp_path / "out"

    def progress(share: float, step: str) -> None:
        if share >= 0.9 and not out.exists():
            out.mkdir()
            (out / "mine.txt").write_text("another program's")

    with pytest.raises(OutputError):
        initialise(files.config(), out, progress=progress)
    assert (out / "mine.txt").is_file()


# --- Cancelling


class Cancelled(Exception):
    """What a person's click raises."""


def shares(files: TinyFiles, out: Path) -> list[float]:
    told: list[float] = []
    initialise(files.config(), out, progress=lambda share, step: told.append(share))
    return told


def test_progress_rises_to_one(files: TinyFiles, tmp_path: Path) -> None:
    told = shares(files, tmp_path / "out")
    assert told == sorted(told) and told[-1] == 1.0 and len(told) > 6


@pytest.mark.parametrize("force", [False, True])
def test_cancelling_at_any_step_leaves_nothing(files: TinyFiles, tmp_path: Path, force: bool) -> None:
    """Without a trace; with --force the earlier result stays as it was."""
    out = tmp_path / "place" / "out"
    told = shares(files, out if force else tmp_path / "other")
    before = snapshot(out) if force else {}
    for stop in told[:-1]:

        def progress(share: float, step: str, stop: float = stop) -> None:
            if share >= stop:
                raise Cancelled

        with pytest.raises(Cancelled):
            initialise(files.config(seed=9), out, force=force, progress=progress)
        assert (snapshot(out) if force else out.parent.exists()) == (before or False)
        assert not force or [p.name for p in out.parent.iterdir()] == ["out"]


def test_cancelling_at_the_last_call_leaves_nothing(files: TinyFiles, tmp_path: Path) -> None:
    def progress(share: float, step: str) -> None:
        if share == 1.0:
            raise Cancelled

    with pytest.raises(Cancelled):
        initialise(files.config(), tmp_path / "out", progress=progress)
    assert list(tmp_path.iterdir()) == []


def test_failure_while_writing_leaves_nothing(
    files: TinyFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wechsel_core.services.initialise.write_tokens", full)
    with pytest.raises(OutputError):
        initialise(files.config(), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "raised"), [(OSError(5, "Input/output error"), OutputError), (KeyboardInterrupt(), KeyboardInterrupt)]
)
def test_failing_rename_keeps_the_earlier_result(
    fault: BaseException,
    raised: type[BaseException],
    files: TinyFiles,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    initialise(files.config(), out)
    before, rename = snapshot(out), Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if Path(target) == out and (self / "wechsel.json").is_file() and self.name != "earlier":
            raise fault
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(raised):
        initialise(files.config(neighbors=3), out, force=True)
    assert out.is_dir() and snapshot(out) == before


def test_too_little_room_is_told_before_the_work(
    files: TinyFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The largest part of the time comes after the step at 0.35."""
    told: list[float] = []
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=50_000))
    with pytest.raises(OutputError, match=r"has 0\.0 GB free; expected room for the model's 0\.\d GB"):
        initialise(files.config(), tmp_path / "out", progress=lambda share, step: told.append(share))
    assert max(told) == 0.35 and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("part", "tensor"), [("input", "transformer.wte.weight"), ("output", "lm_head.weight")])
def test_source_weights_that_are_not_finite(part: str, tensor: str, files: TinyFiles, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    shutil.copytree(files.folder / "gpt2-untied", tmp_path / "source")
    tensors = load_file(tmp_path / "source" / "model.safetensors")
    tensors[tensor][7, 3] = float("nan")
    save_file(tensors, tmp_path / "source" / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=f"the {part} embeddings of .* hold NaN"):
        initialise(files.config("gpt2-untied", source=str(tmp_path / "source")), tmp_path / "out")
