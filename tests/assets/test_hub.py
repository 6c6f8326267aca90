"""Models of the hub, from a hub of the test's own that goes wrong in every way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loopback_hub import COMMIT, Hub, is_large, running_hub
from wechsel_core.assets.hub_errors import explain

NAME = "someone/tiny"
SHARD = "model-00002-of-00002.safetensors"

FETCH = """
import json, sys
from wechsel_core import assets
from wechsel_core.catalogue import Asset
from wechsel_core.errors import InputError
seen = []
entry = Asset("thing", "model", "hub", sys.argv[1], "MIT")
try:
    place = assets.fetch(entry, progress=lambda *call: seen.append(call))
    assets.verify(entry)
    print(place)
except InputError as error:
    print(type(error).__name__, error)
print(json.dumps([assets.is_present(entry), seen]))
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    """One repository: two shards with their index, config, tokenizer, and a pickle that nobody asks for."""
    folder = tmp_path / "repository"
    folder.mkdir()
    shards = ["model-00001-of-00002.safetensors", SHARD]
    for number, shard in enumerate(shards):
        (folder / shard).write_bytes(bytes([number]) * 300_000)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": dict(zip("ab", shards))}))  # noqa: B905
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (folder / name).write_text(json.dumps({"name": name}))
    (folder / "pytorch_model.bin").write_bytes(b"pickle")
    (folder / "model.fp16.safetensors").write_bytes(b"another precision")
    with running_hub() as state:
        state.repositories[NAME] = folder
        yield state


def fetch(hub: Hub, tmp_path: Path, name: str = NAME, **variables: str) -> tuple[str, bool, list]:
    said, record = hub.run(FETCH, name, home=tmp_path / "hf", **variables)
    return said, *json.loads(record)


def cached(tmp_path: Path) -> Path:
    return tmp_path / "hf" / "hub" / "models--someone--tiny"


def test_shards_are_fetched_once(hub: Hub, tmp_path: Path) -> None:
    place, present, seen = fetch(hub, tmp_path)
    assert Path(place) == cached(tmp_path) / "snapshots" / COMMIT and present
    wanted = {path.name for path in hub.repositories[NAME].iterdir()} - {"pytorch_model.bin", "model.fp16.safetensors"}
    assert {path.name for path in Path(place).iterdir()} == wanted
    for name in wanted:
        assert (Path(place) / name).read_bytes() == (hub.repositories[NAME] / name).read_bytes()
    assert seen[-1] == [1.0, f"fetched {NAME}"]
    hub.asked.clear()
    assert fetch(hub, tmp_path)[0] == place and not hub.asked
    assert fetch(hub, tmp_path, HF_HUB_OFFLINE="1")[0] == place


def test_cache_folder_of_the_environment(hub: Hub, tmp_path: Path) -> None:
    place, _, _ = fetch(hub, tmp_path, HF_HUB_CACHE=str(tmp_path / "elsewhere"))
    assert Path(place).is_relative_to(tmp_path / "elsewhere")


def test_cut_connection_resumes(hub: Hub, tmp_path: Path) -> None:
    block = 10 << 20  # what the client writes at a time: less than that it forgets
    (hub.repositories[NAME] / SHARD).write_bytes(bytes(block + 300_000))
    hub.cuts[SHARD] = [block + 120_000]
    place, present, _ = fetch(hub, tmp_path)
    assert present and (Path(place) / SHARD).read_bytes() == bytes(block + 300_000)
    assert f"bytes={block}-" in {asked for _, _, asked in hub.asked}


def test_server_without_ranges(hub: Hub, tmp_path: Path) -> None:
    hub.cuts[SHARD], hub.ranges = [120_000], False
    place, present, _ = fetch(hub, tmp_path)
    assert present and (Path(place) / SHARD).read_bytes() == bytes([1]) * 300_000


def test_stalled_server(hub: Hub, tmp_path: Path) -> None:
    hub.stalls.add(SHARD)
    _, present, seen = fetch(hub, tmp_path, HF_HUB_DOWNLOAD_TIMEOUT="1")
    assert present
    shares = [share for share, _ in seen]
    assert shares == sorted(shares) and any(0 < share < 1 for share in shares), "told while the shard was waited for"


@pytest.mark.parametrize(
    ("sent", "message"),
    [(bytes(200_000), "came with another length"), (bytes(300_000), "came with another hash")],
)
def test_wrong_content_is_refused_and_then_replaced(sent: bytes, message: str, hub: Hub, tmp_path: Path) -> None:
    hub.sent_instead[SHARD] = sent
    said, present, _ = fetch(hub, tmp_path)
    assert said.startswith("AssetError") and message in said and not present
    assert not (cached(tmp_path) / "snapshots" / COMMIT / SHARD).exists()
    hub.sent_instead.clear()
    assert fetch(hub, tmp_path)[1]


def test_partly_fetched_is_not_present(hub: Hub, tmp_path: Path) -> None:
    place, _, _ = fetch(hub, tmp_path)
    (Path(place) / SHARD).unlink()
    said, present, _ = fetch(hub, tmp_path, HF_HUB_OFFLINE="1")
    assert not present and f"has no {SHARD} in the hub's cache" in said and "connect to the internet" in said
    assert fetch(hub, tmp_path)[1], "the missing shard is fetched"


def test_verify_finds_a_changed_file(hub: Hub, tmp_path: Path) -> None:
    place, _, _ = fetch(hub, tmp_path)
    for name in (SHARD, "config.json"):
        blob = (Path(place) / name).resolve()
        whole = blob.read_bytes()
        blob.write_bytes(b"\7" + whole[1:])
        said, _, _ = fetch(hub, tmp_path)
        assert f"{name} of '{NAME}' has changed" in said and blob.exists()
        blob.write_bytes(whole)


def test_disk_that_takes_no_more(hub: Hub, tmp_path: Path) -> None:
    """A limit on file sizes stands in for a full disk: the write fails in the middle of a shard."""
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n" + FETCH
    said, record = hub.run(limited, NAME, home=tmp_path / "hf")
    assert said.startswith("AssetError a file of") and "larger than this disk" in said
    assert not json.loads(record)[0]
    assert not [path for path in (cached(tmp_path) / "blobs").iterdir() if is_large(path) or path.stat().st_size > 999]


def test_no_safetensors(hub: Hub, tmp_path: Path) -> None:
    for path in hub.repositories[NAME].glob("model*"):
        path.unlink()
    said, present, _ = fetch(hub, tmp_path)
    assert "has no model.safetensors;" in said and "convert it" in said and not present


def test_who_may_read(hub: Hub, tmp_path: Path) -> None:
    hub.gated.add(NAME)
    said, _, _ = fetch(hub, tmp_path)
    assert "is gated" in said and "no token is set" in said and "HF_TOKEN" in said
    said, _, _ = fetch(hub, tmp_path, HF_TOKEN="wrong-token")
    assert "is gated" in said and "the token in use has no access" in said
    assert fetch(hub, tmp_path, HF_TOKEN="right-token")[1]


def test_refusals(hub: Hub, tmp_path: Path) -> None:
    said, _, _ = fetch(hub, tmp_path, "someone/nothing")
    assert "has no public model 'someone/nothing'" in said and "HF_TOKEN" in said
    said, _, _ = fetch(hub, tmp_path, "someone/nothing", HF_TOKEN="right-token")
    assert "has no public model 'someone/nothing'" in said
    hub.forbidden.add(NAME)
    said, _, _ = fetch(hub, tmp_path, HF_TOKEN="right-token")
    assert "refused the token in use access" in said and "(403)" in said


def test_cancelled_while_the_server_stalls(hub: Hub, tmp_path: Path) -> None:
    hub.stalls.add(SHARD)
    script = """
import sys
from wechsel_core.assets.hub import cached_repository, fetch_repository
def progress(share, text):
    if share > 0.3:
        raise KeyboardInterrupt
try:
    fetch_repository(sys.argv[1], progress=progress)
except KeyboardInterrupt:
    print("cancelled", cached_repository(sys.argv[1]))
"""
    assert hub.run(script, NAME, home=tmp_path / "hf", HF_HUB_DOWNLOAD_TIMEOUT="1") == ["cancelled None"]
    assert not list(cached(tmp_path).rglob("*.incomplete")) and fetch(hub, tmp_path)[1]


def test_by_catalogue_name_on_the_command_line(hub: Hub, tmp_path: Path) -> None:
    hub.repositories["openai-community/gpt2"] = hub.repositories[NAME]
    script = "import sys; from wechsel_core.cli import main; sys.stderr = sys.stdout; main(sys.argv[1:])"
    (line,) = hub.run(script, "assets", "fetch", "gpt2", "--json", home=tmp_path / "hf")
    assert json.loads(line)["path"].endswith(f"models--openai-community--gpt2/snapshots/{COMMIT}")
    listed = hub.run(script, "assets", "list", "--json", home=tmp_path / "hf", HF_HUB_OFFLINE="1")[-1]
    assert {entry["name"] for entry in json.loads(listed)["assets"] if entry["present"] and entry["tier"] == "hub"} == {
        "gpt2"
    }
    assert hub.run(script, "assets", "verify", "gpt2", home=tmp_path / "hf") == ["gpt2 is whole"]


def test_other_oserrors_are_no_concern_of_the_hubs() -> None:
    assert explain(OSError("some other fault"), "a/b") is None
    assert "cannot be written" in (explain(PermissionError(13, "no", "/cache"), "a/b") or ("",))[0]
