"""Data files out of Python wheels: taken with pip, checked, unpacked, never installed and never imported."""

from __future__ import annotations

import contextlib
import fnmatch
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from wechsel_core.assets.files import disk_errors, disk_full, file_sha256, write_manifest
from wechsel_core.catalogue import Asset
from wechsel_core.errors import AssetError
from wechsel_core.types import Progress

_ANSWER_SECONDS = 30
_NO_NETWORK = (
    "NewConnectionError", "NameResolutionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "name resolution",
    "Network is unreachable", "Connection refused", "Max retries exceeded", "Read timed out", "connection broken",
)  # fmt: skip


def fetch_wheel(
    entry: Asset, folder: Path, *, progress: Progress | None = None, pip_arguments: Sequence[str] = ()
) -> Path:
    """Download a wheel, check its hash and unpack the entry's members into ``folder``.

    An interrupted fetch starts clean: pip keeps no part of a file. What a killed one left behind is removed first, so
    that the caller sees to it that nobody else fetches the same entry (``fetch`` holds a lock).

    Parameters
    ----------
    entry : Asset
        Of tier wheel, with its sha256.
    folder : Path
        Appears only when everything is in it. The rest of the wheel is thrown away.
    pip_arguments : sequence of str
        Further arguments of ``pip download``, such as ``--no-index --find-links DIR``.

    Raises
    ------
    AssetError
        No network, no such package, wrong hash, a member that is missing or points outside, disk full.
    """
    parent = folder.parent
    with disk_errors(entry.name):
        parent.mkdir(parents=True, exist_ok=True)
        for left in parent.glob(f".partial-{folder.name}-*"):
            shutil.rmtree(left, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f".partial-{folder.name}-", dir=parent))
        try:
            wheel = _pip_download(entry, work / "wheel", progress, pip_arguments)
            found = file_sha256(wheel, progress)
            if found != entry.sha256:
                raise AssetError(
                    f"{wheel.name} has sha256 {found}", f"{entry.sha256}", "check which package index pip is set to"
                )
            unpacked = unpack(wheel, entry.members, work / "files")
            write_manifest(work / "files", {"wheel": entry.where, "sha256": found}, unpacked)
            if progress:
                progress(1.0, f"unpacked {entry.name}")
            shutil.rmtree(folder, ignore_errors=True)  # an incomplete or older one
            (work / "files").rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return folder


def unpack(wheel: Path, members: Sequence[str], folder: Path) -> list[Path]:
    """Write the named members of a wheel below a folder, as plain files; a name with a star takes all that match."""
    written = []
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member in _expanded(members, archive.namelist()):
                place = PurePosixPath(member)
                if place.is_absolute() or ".." in place.parts or "\\" in member or ":" in member:
                    raise AssetError(
                        f"{wheel.name}: member {member!r} points outside", "a relative path", "correct the catalogue"
                    )
                target = folder / place
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
                written.append(target)
    except KeyError as error:
        raise AssetError(f"{wheel.name} lacks {member!r}", "it inside", "correct the catalogue") from error
    except zipfile.BadZipFile as error:
        raise AssetError(f"{wheel.name} is no sound wheel ({error})", "a zip archive", "fetch it again") from error
    return written


def _expanded(members: Sequence[str], names: Sequence[str]) -> list[str]:
    """Patterns replaced by the names that match, in order; one that matches nothing stays, to be missed."""
    found: list[str] = []
    for member in members:
        matching = sorted(fnmatch.filter(names, member)) if "*" in member else []
        found += matching or [member]
    return found


def _pip_download(entry: Asset, folder: Path, progress: Progress | None, pip_arguments: Sequence[str]) -> Path:
    folder.mkdir()
    scratch = folder.parent / "scratch"
    scratch.mkdir()
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--ignore-requires-python", "--quiet", "--no-input",
        "--disable-pip-version-check", "--retries", "2",
        # A source archive would run its build code.
        "--only-binary", ":all:", "--dest", str(folder), *pip_arguments, entry.where,
    ]  # fmt: skip
    with (folder.parent / "pip.log").open("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, "TMPDIR": str(scratch)}
        )
        try:
            while True:
                try:
                    code = process.wait(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    if progress:
                        n_bytes = min(_n_bytes(scratch), entry.n_bytes or sys.maxsize)  # pip may hold it twice
                        share = min(0.95, n_bytes / entry.n_bytes) if entry.n_bytes else 0.0
                        progress(share, f"fetching {entry.where}: {n_bytes / 1e6:.1f} MB")
        except BaseException:  # cancelled
            process.kill()
            process.wait()
            raise
        log.seek(0)
        if code:
            raise _explain(entry, log.read())
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise AssetError(f"pip found {len(wheels)} wheels for {entry.where}", "one", "check which index pip is set to")
    return wheels[0]


def ask_index(entry: Asset, *, pip_arguments: Sequence[str] = ()) -> AssetError | None:
    """Ask the package index that pip is set to whether it has a wheel; fetches nothing.

    Returns
    -------
    AssetError or None
        The error that a fetch would end with; None where the index answers and has the package.
    """
    command = [
        sys.executable, "-m", "pip", "index", "versions", entry.where.split("==")[0], "--no-input",
        "--disable-pip-version-check", "--ignore-requires-python", "--retries", "1", "--timeout", "5", *pip_arguments,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        return _explain(entry, "Read timed out")
    return _explain(entry, done.stdout + done.stderr) if done.returncode else None


def _n_bytes(scratch: Path) -> int:
    """How much of the wheel pip has in its temporary folder."""
    size = 0
    for folder, _, names in os.walk(scratch):
        for name in names:
            with contextlib.suppress(OSError):  # pip moved it in between
                size += os.stat(os.path.join(folder, name)).st_size
    return size


def _explain(entry: Asset, log: str) -> AssetError:
    lines = [line for line in log.splitlines() if line.strip()]
    if "No space left" in log:
        return AssetError(*disk_full(entry.where))
    if "No module named pip" in log:
        return AssetError(
            "this Python has no pip", f"it, to fetch {entry.where}", "run 'python -m ensurepip' in this environment"
        )
    if any(sign in log for sign in _NO_NETWORK):
        return AssetError(
            f"the Python package index cannot be reached for {entry.where}",
            "a network",
            "check the connection and pip's settings",
        )
    if "No matching distribution" in log or "Could not find a version" in log:
        return AssetError(
            f"the Python package index has no wheel {entry.where}", "that version", "check which index pip is set to"
        )
    if " is invalid." in log:  # pip takes a connection that ends early for the end of the file
        return AssetError(f"the wheel {entry.where} did not come whole", "all of it", "fetch it again")
    reason = next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "no message")
    return AssetError(f"pip could not fetch {entry.where} ({reason.strip()})", "the wheel", "run pip download by hand")
