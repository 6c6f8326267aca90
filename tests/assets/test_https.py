"""Downloads over https, against a server of the test's own."""

from __future__ import annotations

import errno
import gzip
import http.server
import os
import shutil
from collections import namedtuple

import pytest

from tests.assets.conftest import CONTENT, HASH, names
from tests.loopback import running
from wechsel_core.assets.https import download, gunzip
from wechsel_core.errors import AssetError


def test_download(server, tmp_path):
    seen = []
    target = tmp_path / "deep" / "data.bin"
    path = download(server.url, target, n_bytes=len(CONTENT), sha256=HASH, progress=lambda *call: seen.append(call))
    assert path == target and target.read_bytes() == CONTENT
    assert names(target.parent) == ["data.bin"]
    assert seen[-1][0] == 1.0 and "data.bin" in seen[-1][1]


def test_cut_connection_is_continued(server, tmp_path):
    server.cuts = [300_000, 200_000]
    download(server.url, tmp_path / "data.bin", n_bytes=len(CONTENT), sha256=HASH)
    assert server.ranges == [None, "bytes=300000-", "bytes=500000-"]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_part_of_an_earlier_run_is_continued(server, tmp_path):
    server.cuts = [300_000]
    with pytest.raises(AssetError, match="broke off after 300,000 of 1,024,000 bytes"):
        download(server.url, tmp_path / "data.bin", attempts=1)
    assert names(tmp_path) == ["data.bin.part", "data.bin.part.json"]
    download(server.url, tmp_path / "data.bin", sha256=HASH)
    assert server.ranges[-1] == "bytes=300000-" and names(tmp_path) == ["data.bin"]


def test_another_version_starts_again(server, tmp_path):
    server.cuts = [300_000]
    with pytest.raises(AssetError, match="broke off"):
        download(server.url, tmp_path / "data.bin", attempts=1)
    server.content, server.version = b"new" * 200_000, '"2"'
    download(server.url, tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == b"new" * 200_000


@pytest.mark.parametrize("version", [None, 'W/"1"'])
def test_without_a_version_nothing_is_joined(version, server, tmp_path):
    server.cuts, server.version = [300_000], version
    download(server.url, tmp_path / "data.bin", sha256=HASH)
    assert server.ranges == [None, None]


def test_part_longer_than_the_file(server, tmp_path):
    server.cuts = [900_000]
    with pytest.raises(AssetError, match="broke off"):
        download(server.url, tmp_path / "data.bin", attempts=1)
    server.content = CONTENT[:100_000]
    download(server.url, tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == CONTENT[:100_000]


def test_cancelling_keeps_the_part(server, tmp_path):
    server.content = bytes(3 << 20)

    def cancel(share, _):
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(server.url, tmp_path / "data.bin", progress=cancel)
    assert not (tmp_path / "data.bin").exists() and (tmp_path / "data.bin.part").stat().st_size >= 1 << 20


def test_wrong_length_and_hash(server, tmp_path):
    with pytest.raises(AssetError, match="has 1,024,000 bytes; expected 5"):
        download(server.url, tmp_path / "data.bin", n_bytes=5)
    with pytest.raises(AssetError, match=f"has sha256 {HASH}"):
        download(server.url, tmp_path / "data.bin", sha256="0" * 64)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "message"), [(404, "does not exist"), (410, "does not exist"), (503, "answered 503")]
)
def test_status(status, message, server, tmp_path):
    server.status = status
    with pytest.raises(AssetError, match=message):
        download(server.url, tmp_path / "data.bin")


def test_only_https(server, tmp_path):
    for url in ("http://example.org/x", "file:///etc/passwd", "ftp://example.org/x"):
        with pytest.raises(AssetError, match="not fetched over https"):
            download(url, tmp_path / "x")
    server.status, server.location = 302, "http://example.org/x"
    with pytest.raises(AssetError, match="not fetched over https"):
        download(server.url, tmp_path / "x")


def test_nobody_listens(tmp_path):
    with running(http.server.BaseHTTPRequestHandler) as url:
        pass
    with pytest.raises(AssetError, match=r"127\.0\.0\.1 cannot be reached"):
        download(f"{url}/x", tmp_path / "x")


def test_full_disk(server, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 1000))
        with pytest.raises(AssetError, match="disk became full"):
            download(server.url, tmp_path / "x")

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AssetError, match="disk became full"):
        download(server.url, tmp_path / "x")


def test_broken_gzip(tmp_path):
    archive = tmp_path / "a.gz"
    archive.write_bytes(gzip.compress(CONTENT)[:-20])
    with pytest.raises(AssetError, match="no complete gzip"):
        gunzip(archive, tmp_path / "a")
    assert names(tmp_path) == []
