"""Pushes of a folder by the hub's own client to a hub of the test's own: what arrives, and every refusal in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.push_hub import QUIET, READER, WRITER, PushHub, running_push_hub

NAME = "someone/french"
SCRIPT = """
import sys
from pathlib import Path
from wechsel_core.errors import InputError
from wechsel_core.services.push import check_push, push
name, folder, *flags = sys.argv[1:]
try:
    check_push(name)
    print("pushed", push(Path(folder), name, private="private" in flags, force="force" in flags))
except InputError as error:
    print(type(error).__name__, error)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    (made / "README.md").write_text("---\nlicense: mit\n---\n# A card\n")
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(bytes(range(256)) * 400)
    return made


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[PushHub]:
    (tmp_path / "hub").mkdir()
    with running_push_hub(tmp_path / "hub") as state:
        yield state


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def pushed(hub: PushHub, folder: Path, *flags: str, name: str = NAME, token: str = WRITER, **variables: str) -> str:
    """The one line that is said."""
    given = {"HF_HUB_DISABLE_XET": "1", **({"HF_TOKEN": token} if token else {}), **variables}
    (line,) = hub.run(QUIET + SCRIPT, name, str(folder), *flags, home=folder.parent / "hf", **given)
    assert WRITER not in line and READER not in line, "a token is never shown"
    return line


def test_everything_arrives_in_one_commit(hub: PushHub, folder: Path) -> None:
    assert pushed(hub, folder) == f"pushed {hub.url}/{NAME}"
    assert contents(hub.repositories[NAME]) == contents(folder)
    assert len(hub.commits) == 1 and not hub.private


def test_private(hub: PushHub, folder: Path) -> None:
    assert pushed(hub, folder, "private").startswith("pushed") and hub.private == {NAME}


def test_a_repository_that_is_there(hub: PushHub, folder: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    old = {"model-00001-of-00001.safetensors": b"old", "README.md": b"old", "photo.png": b"mine"}
    for name, content in old.items():
        (there / name).write_bytes(content)
    hub.repositories[NAME] = there
    line = pushed(hub, folder)
    assert line.startswith(f"OutputError '{NAME}' is on the hub already") and "--force" in line
    assert f"{folder} is whole" in line
    line = pushed(hub, folder, "force", "private")
    assert "is there and public" in line
    assert contents(there) == old and not hub.commits
    assert pushed(hub, folder, "force").startswith("pushed")
    assert contents(there) == contents(folder) | {"photo.png": b"mine"}, "old weights might be taken for the model"


@pytest.mark.parametrize(
    ("name", "token", "words"),
    [
        (NAME, "", "no token for the Hugging Face hub; expected one that may write"),
        ("french", WRITER, "'french' is no name for a model on the hub; expected user/name"),
        ("a/b/c", WRITER, "'a/b/c' is no name for a model"),
        ("someone/--x", WRITER, "'someone/--x' is no name for a model"),
    ],
)
def test_refused_without_asking_the_hub(hub: PushHub, folder: Path, name: str, token: str, words: str) -> None:
    assert words in pushed(hub, folder, name=name, token=token)
    assert hub.n_asked("/api/") == 0


@pytest.mark.parametrize(("token", "status"), [(READER, "403"), ("unknown-token", "401")])
def test_token_that_may_not_write(hub: PushHub, folder: Path, token: str, status: str) -> None:
    line = pushed(hub, folder, token=token)
    assert f"refused the token in use ({status}) for '{NAME}'" in line and "may write" in line and not hub.commits


def test_card_that_the_hub_does_not_take(hub: PushHub, folder: Path) -> None:
    hub.complaints = ["license is wrong"]
    assert "license is wrong" in pushed(hub, folder) and not hub.commits


def test_upload_that_fails(hub: PushHub, folder: Path) -> None:
    hub.broken_uploads = True
    line = pushed(hub, folder)
    assert line.startswith("OutputError") and NAME in line and not hub.commits


def test_no_way_to_the_hub(hub: PushHub, folder: Path) -> None:
    assert "HF_HUB_OFFLINE is set" in pushed(hub, folder, HF_HUB_OFFLINE="1")
    hub.url = "http://127.0.0.1:9"  # nobody listens
    assert "127.0.0.1:9 cannot be reached" in pushed(hub, folder)
