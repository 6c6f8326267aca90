"""Downloads over https, against a server of the test's own."""

from __future__ import annotations

import errno
import gzip
import http.server
import os
import shutil
import time
from collections import namedtuple
from pathlib import Path

import pytest

from tests.assets.conftest import CONTENT, HASH, names
from tests.loopback import running
from wechsel_core.assets.https import download, gunzip, mirrored
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


def test_connections_that_bring_something_are_not_counted(server, tmp_path):
    server.cuts = [50_000] * 10
    download(server.url, tmp_path / "data.bin", n_bytes=len(CONTENT), sha256=HASH, attempts=2)
    assert len(server.ranges) == 11 and (tmp_path / "data.bin").read_bytes() == CONTENT


def test_connections_that_bring_nothing_are(server, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    server.cuts = [100_000] + [0] * 10
    with pytest.raises(AssetError, match="broke off after 100,000 of 1,024,000 bytes.*fetch again to continue"):
        download(server.url, tmp_path / "data.bin")
    assert len(server.ranges) == 4 and pauses == [0.0, 0.5, 1.5]


def test_server_without_ranges(server, tmp_path):
    server.cuts, server.honours_ranges = [300_000, 200_000], False
    download(server.url, tmp_path / "data.bin", n_bytes=len(CONTENT), sha256=HASH)
    assert server.ranges == [None, "bytes=300000-", "bytes=200000-"]
    assert (tmp_path / "data.bin").read_bytes() == CONTENT


def test_stalled_server(server, tmp_path):
    server.stalls = 1
    download(server.url, tmp_path / "data.bin", sha256=HASH, timeout=0.2)
    assert len(server.ranges) == 2 and (tmp_path / "data.bin").read_bytes() == CONTENT
    server.stalls = 9
    with pytest.raises(AssetError, match="broke off after"):
        download(server.url, tmp_path / "again.bin", attempts=1, timeout=0.2)
    assert not (tmp_path / "again.bin").exists()


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


@pytest.mark.parametrize(
    ("code", "message"), [(errno.ENOSPC, "disk became full"), (errno.EFBIG, "larger than this disk")]
)
def test_write_that_fails_half_way(code, message, server, tmp_path, monkeypatch):
    """What came is kept and continued when there is room again; nothing has the final name."""
    server.content = bytes(3 << 20)
    opened = Path.open

    class Full:
        def __init__(self, file):
            self.file, self.room = file, 2 << 20

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.file.close()

        def write(self, block):
            if self.room < len(block):
                raise OSError(code, os.strerror(code))
            self.room -= len(block)
            return self.file.write(block)

    def open_on_full_disk(path, mode="r", **options):
        file = opened(path, mode, **options)
        return Full(file) if mode in ("wb", "ab") else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_on_full_disk)
        with pytest.raises(AssetError, match=message):
            download(server.url, tmp_path / "data.bin")
        assert names(tmp_path) == ["data.bin.part", "data.bin.part.json"]
        archive = tmp_path / "v.bin.gz"
        archive.write_bytes(gzip.compress(server.content))
        with pytest.raises(AssetError, match=message):
            gunzip(archive, tmp_path / "v.bin")
        assert archive.exists() and "v.bin" not in names(tmp_path)
    download(server.url, tmp_path / "data.bin")
    assert (tmp_path / "data.bin").read_bytes() == server.content and server.ranges[-1] == f"bytes={2 << 20}-"


def test_mirror(monkeypatch):
    url = "https://example.org/a/b.gz"
    assert mirrored(url) == url
    monkeypatch.setenv("WECHSEL_MIRROR", "https://mirror.example/pub/")
    assert mirrored(url) == "https://mirror.example/pub/example.org/a/b.gz"


def test_broken_gzip(tmp_path):
    archive = tmp_path / "a.gz"
    archive.write_bytes(gzip.compress(CONTENT)[:-20])
    with pytest.raises(AssetError, match="no complete gzip"):
        gunzip(archive, tmp_path / "a")
    assert names(tmp_path) == []
