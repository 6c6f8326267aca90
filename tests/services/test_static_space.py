"""The static space of a result: stored with it, made again where it is missing, refused where the inputs changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.services.tiny_files import TinyFiles
from wechsel_core import paths
from wechsel_core.errors import OutputError
from wechsel_core.numerics.similarity import nearest_rows
from wechsel_core.results import STATIC_SPACE, read_candidates
from wechsel_core.services import static_space as service
from wechsel_core.services.initialise import initialise

Made = Callable[..., Path]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def without_space(made: Path, to: Path) -> Path:
    """A copy of a result as an example comes: without its static space."""
    shutil.copytree(made, to)
    (to / STATIC_SPACE).unlink()
    return to


def test_stored_neighbours_are_the_nearest_in_the_rotated_space(made: Made) -> None:
    space, stored = service.static_space_in(made()), read_candidates(made())
    mixed = np.flatnonzero(stored.kind == 0)
    found = nearest_rows(space.target[mixed], space.source @ space.rotation, 1)
    # Half precision moves a cosine by about 1e-3; ties aside the nearest row stays the nearest.
    np.testing.assert_allclose(found.similarities[:, 0], stored.similarities[mixed, 0], atol=3e-3)
    np.testing.assert_allclose(space.rotation @ space.rotation.T, np.eye(len(space.rotation)), atol=1e-5)


def test_missing_space_is_made_again_once(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = service.static_space_in(made())
    bare = without_space(made(), tmp_path / "bare")
    steps: list[str] = []
    again = service.static_space_in(bare, lambda share, step: steps.append(step))
    for name in ("source", "target", "rotation"):
        np.testing.assert_allclose(getattr(again, name), getattr(stored, name), atol=2e-3)
    assert "Aligning the static vectors" in steps

    monkeypatch.setattr(service, "open_inputs", None)  # a second time nothing is opened
    cached = service.static_space_in(bare)
    np.testing.assert_allclose(cached.source, again.source, atol=2e-3)
    assert not (bare / STATIC_SPACE).exists()


def test_damaged_cache_is_made_again(made: Made, tmp_path: Path) -> None:
    bare = without_space(made(), tmp_path / "bare")
    service.static_space_in(bare)
    (kept,) = (paths.cache_dir() / "static").iterdir()
    kept.write_bytes(b"cut off")
    assert service.static_space_in(bare).source.shape[1] == 8 and kept.stat().st_size > 100


def test_changed_inputs_are_refused(files: TinyFiles, tmp_path: Path) -> None:
    dictionary = tmp_path / "pairs.tsv"
    lines = Path(str(files.config("gpt2").dictionary)).read_text("utf-8").splitlines()
    dictionary.write_text("\n".join(lines) + "\n", "utf-8")
    initialise(files.config("gpt2", dictionary=str(dictionary)), tmp_path / "made")
    bare = without_space(tmp_path / "made", tmp_path / "bare")
    dictionary.write_text("\n".join(lines[1:]) + "\n", "utf-8")
    with pytest.raises(OutputError, match="inputs of this result have changed"):
        service.static_space_in(bare)
    dictionary.unlink()
    with pytest.raises(OutputError, match=r"cannot be opened again .*pairs\.tsv"):
        service.static_space_in(bare)
