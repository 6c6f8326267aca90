"""fetch, is_present and verify for each tier; the hub's errors."""

from __future__ import annotations

import errno
import gzip
import hashlib
from pathlib import Path

import pytest

from tests.assets.conftest import CONTENT
from wechsel_core import assets, paths
from wechsel_core.assets import fetch, is_present, verify
from wechsel_core.assets.hub_errors import explain
from wechsel_core.catalogue import Asset, load_catalogue
from wechsel_core.errors import AssetError


def url_entry(url: str, **changes) -> Asset:
    return Asset("thing", "dictionary", "hub", url, "CC0", **changes)


def test_https_entry(server, tmp_path):
    packed = gzip.compress(CONTENT)
    server.content = packed
    entry = url_entry(
        server.url.replace("data.bin", "some%20data.bin.gz"),
        sha256=hashlib.sha256(packed).hexdigest(),
        n_bytes=len(packed),
    )
    assert not is_present(entry, cache=tmp_path)
    with pytest.raises(AssetError, match="has not been fetched"):
        verify(entry, cache=tmp_path)
    path = fetch(entry, cache=tmp_path)
    assert path.name == "some data.bin" and path.read_bytes() == CONTENT
    assert is_present(entry, cache=tmp_path)
    verify(entry, cache=tmp_path)
    assert fetch(entry, cache=tmp_path) == path and len(server.ranges) == 1
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(AssetError, match="has changed"):
        verify(entry, cache=tmp_path)
    path.unlink()
    assert not is_present(entry, cache=tmp_path)


def test_failed_fetch_leaves_nothing_present(server, tmp_path):
    server.status = 404
    with pytest.raises(AssetError, match="does not exist"):
        fetch(url_entry(server.url), cache=tmp_path)
    assert not is_present(url_entry(server.url), cache=tmp_path)


def test_cache_that_cannot_be_written(server, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "no", str(tmp_path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(AssetError, match="cannot be written"):
        fetch(url_entry(server.url), cache=tmp_path)


def test_pocket_entry(tmp_path, monkeypatch):
    monkeypatch.setattr(assets, "pocket_dir", lambda: tmp_path)
    entry = load_catalogue().asset("pocket-fr-dictionary")
    assert not is_present(entry)
    with pytest.raises(AssetError, match="pocket tier lacks dictionaries/fr.tsv"):
        fetch(entry)
    (tmp_path / "dictionaries").mkdir()
    (tmp_path / "dictionaries" / "fr.tsv").write_text("cat\tchat\n")
    assert fetch(entry) == tmp_path / "dictionaries" / "fr.tsv"
    verify(entry)


def test_default_cache_is_the_labs(server, tmp_path, monkeypatch):
    monkeypatch.setenv("WECHSEL_HOME", str(tmp_path))
    assert fetch(url_entry(server.url)).is_relative_to(paths.cache_dir())


def test_hub_entry_offline(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    entry = Asset("x", "model", "hub", "nobody/nothing-of-this-name", "MIT")
    assert not is_present(entry)
    with pytest.raises(AssetError, match="HF_HUB_OFFLINE is set"):
        fetch(entry)


def test_hub_errors_are_told_apart():
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    assert "well-formed" in explain(HFValidationError("x"), "a b")[0]
    assert "disk became full" in explain(OSError(errno.ENOSPC, "full"), "a/b")[0]
    wrapped = OSError("transformers says something long")
    wrapped.__cause__ = LocalEntryNotFoundError("x")
    assert "cannot be reached" in explain(wrapped, "a/b")[0]
    assert explain(ValueError("something else"), "a/b") is None
