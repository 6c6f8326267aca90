"""Download over https: resumable, checked, complete or absent."""

from __future__ import annotations

import gzip
import http.client
import json
import os
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from wechsel_core.assets.files import disk_errors, disk_full, file_sha256
from wechsel_core.errors import AssetError
from wechsel_core.types import Progress

_BLOCK = 1 << 20
_PAUSE = 0.5  # seconds
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Cut(Exception):
    """The connection ended early; what came is kept."""

    def __init__(self, received: int, expected: int | None) -> None:
        super().__init__(received, expected)
        self.received, self.expected = received, expected


def download(
    url: str,
    target: Path,
    *,
    n_bytes: int | None = None,
    sha256: str | None = None,
    progress: Progress | None = None,
    attempts: int = 4,
    timeout: float = 30.0,
) -> Path:
    """Fetch a URL into ``target``, which appears only when it is complete and checked.

    What an interrupted download left in ``target.part`` is continued, if the server still has the same version of the
    file (its ETag or date is asked for with ``If-Range``); otherwise it starts again.

    Parameters
    ----------
    url : str
        https, or http to this machine. Certificates are checked; a redirect away from https is refused.
    n_bytes : int, optional
        Expected length.
    sha256 : str, optional
        Expected hash.
    progress : callable, optional
        Called with the share done and a sentence; may raise to cancel (the part is kept).
    attempts : int
        Connections tried without a further byte, each after a longer pause, when one is cut off.
    timeout : float
        Seconds without a byte after which a connection counts as cut.

    Raises
    ------
    AssetError
        No network, certificate refused, 404 or another status, cut off repeatedly, wrong length or hash, full disk.
    """
    _check_scheme(url)
    part = target.with_name(target.name + ".part")
    with disk_errors(target.name):
        target.parent.mkdir(parents=True, exist_ok=True)
        _fetch_part(url, part, n_bytes, progress, attempts, timeout)
        _check(part, url, n_bytes, sha256)
        _validator(part).unlink(missing_ok=True)
        os.replace(part, target)
    return target


def mirrored(url: str) -> str:
    """The address to fetch from: below ``$WECHSEL_MIRROR`` if that is set, as ``<mirror>/<host>/<path>``.

    What ``HF_ENDPOINT`` is for the hub, for machines that reach the internet through a server of their own.
    """
    mirror = os.environ.get("WECHSEL_MIRROR")
    return f"{mirror.rstrip('/')}/{url.removeprefix('https://')}" if mirror else url


def gunzip(archive: Path, target: Path, *, progress: Progress | None = None) -> Path:
    """Unpack a gzip file into ``target`` by way of a temporary name, and delete it."""
    partial = target.with_name(target.name + ".unpacking")
    size = max(1, archive.stat().st_size)
    try:
        with disk_errors(target.name), archive.open("rb") as raw, gzip.open(raw) as source, partial.open("wb") as out:
            while block := source.read(_BLOCK):
                out.write(block)
                if progress:
                    progress(min(1.0, raw.tell() / size), f"unpacking {archive.name}")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        partial.unlink(missing_ok=True)
        archive.unlink()
        raise AssetError(f"{archive.name} is no complete gzip file", "a sound archive", "fetch it again") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    os.replace(partial, target)
    archive.unlink()
    return target


class _KeepHttps(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise AssetError(f"{url} is not fetched over https", "an https URL", "correct the address")


def _validator(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _fetch_part(
    url: str, part: Path, n_bytes: int | None, progress: Progress | None, attempts: int, timeout: float
) -> None:
    """Connect until ``part`` is whole; connections that bring something are not counted."""
    best = failures = 0
    while True:
        try:
            _continue(url, part, n_bytes, progress, timeout)
        except _Cut as cut:
            failures = 1 if cut.received > best else failures + 1
            best = max(best, cut.received)
            if failures >= attempts:
                raise _cut_off(url, cut) from cut
            time.sleep(_PAUSE * (2 ** (failures - 1) - 1))  # at once the first time
        else:
            return


def _continue(url: str, part: Path, n_bytes: int | None, progress: Progress | None, timeout: float) -> None:
    """Fetch what is missing of ``part``; raises ``_Cut`` if the connection ends before the file does."""
    have, version = part.stat().st_size if part.is_file() else 0, _read_version(part)
    if have and have == n_bytes:
        return
    headers = {"User-Agent": "wechsel-lab", "Accept-Encoding": "identity"}
    if have and version:  # without a version the two halves could be of different files
        headers |= {"Range": f"bytes={have}-", "If-Range": version}
    try:
        opener = urllib.request.build_opener(_KeepHttps)
        with opener.open(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
            _receive(response, url, part, n_bytes, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and have:  # the part is longer than the file: another file, start again
            part.unlink()
            raise _Cut(0, n_bytes) from error
        raise _status(url, error.code) from error
    except urllib.error.URLError as error:
        raise _unreachable(url, error.reason) from error
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise _Cut(part.stat().st_size if part.is_file() else 0, n_bytes) from error


def _receive(
    response: http.client.HTTPResponse, url: str, part: Path, n_bytes: int | None, progress: Progress | None
) -> None:
    partial = response.status == 206
    done = part.stat().st_size if partial else 0
    if partial and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
        part.unlink()
        raise _Cut(0, n_bytes)
    length = response.headers.get("Content-Length")
    total = done + int(length) if length and length.isdigit() else None
    if total is not None and n_bytes is not None and total != n_bytes:
        part.unlink(missing_ok=True)
        raise _wrong_length(url, total, n_bytes)
    if total is not None and shutil.disk_usage(part.parent).free < total - done:
        raise AssetError(*disk_full(part.name))
    _write_version(part, response)
    with part.open("ab" if partial else "wb") as file:
        while block := response.read(_BLOCK):
            file.write(block)
            done += len(block)
            if progress:
                progress(done / total if total else 0.0, f"fetching {part.stem}: {done / 1e6:.1f} MB")
    if total is not None and done < total:
        raise _Cut(done, total)


def _read_version(part: Path) -> str | None:
    try:
        version = json.loads(_validator(part).read_text("utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, str) else None


def _write_version(part: Path, response: http.client.HTTPResponse) -> None:
    tag = response.headers.get("ETag")
    # If-Range takes strong tags alone.
    version = tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")
    _validator(part).write_text(json.dumps({"version": version}), "utf-8")


def _check(part: Path, url: str, n_bytes: int | None, expected: str | None) -> None:
    size = part.stat().st_size
    found = file_sha256(part) if expected else None
    if (n_bytes is None or size == n_bytes) and found == expected:
        return
    part.unlink()  # continuing a wrong file cannot make it right
    _validator(part).unlink(missing_ok=True)
    if n_bytes is not None and size != n_bytes:
        raise _wrong_length(url, size, n_bytes)
    raise AssetError(
        f"{url} has sha256 {found}", f"{expected}", "try again; if it persists the file was changed at its origin"
    )


def _wrong_length(url: str, found: int, expected: int) -> AssetError:
    return AssetError(
        f"{url} has {found:,} bytes", f"{expected:,}", "try again; if it persists the file was changed at its origin"
    )


def _status(url: str, code: int) -> AssetError:
    if code in (404, 410):
        return AssetError(f"{url} does not exist ({code})", "a file", "choose another source or a local file")
    return AssetError(f"the server answered {code} for {url}", "the file", "try again later or use a local file")


def _unreachable(url: str, reason: object) -> AssetError:
    host = urlsplit(url).hostname
    if isinstance(reason, ssl.SSLError):
        return AssetError(
            f"the certificate of {host} was refused ({reason.reason})", "a trusted one", "check the clock and the proxy"
        )
    why = "unknown host" if isinstance(reason, socket.gaierror) else str(reason)
    return AssetError(f"{host} cannot be reached ({why})", "a network", "check the connection or use a local file")


def _cut_off(url: str, cut: _Cut) -> AssetError:
    of = f" of {cut.expected:,}" if cut.expected else ""
    return AssetError(
        f"the connection for {url} broke off after {cut.received:,}{of} bytes",
        "the whole file",
        "fetch again to continue",
    )
